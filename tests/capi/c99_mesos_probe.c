/* c99_mesos_probe.c: strongroom_mesos.h stands alone. */
#include "strongroom_mesos.h"

int main(void) {
  strongroom_environment* environment = NULL;
  const strongroom_message message = {"{}", 2, STRONGROOM_FORMAT_JSON, 0};
  const strongroom_status status =
      strongroom_resolve_environment(NULL, &message, &environment, NULL);
  return status == STRONGROOM_INVALID && environment == NULL ? 0 : 1;
}
