/* c99_mesos_probe.c: strongroom_mesos.h stands alone. */
#include "strongroom_mesos.h"

int main(void) {
  strongroom_environment* environment = NULL;
  const strongroom_status status =
      strongroom_resolve_environment(NULL, "{}", 2, &environment, NULL);
  return status == STRONGROOM_INVALID && environment == NULL ? 0 : 1;
}
