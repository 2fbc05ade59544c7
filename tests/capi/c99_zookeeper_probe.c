/* c99_zookeeper_probe.c: strongroom_zookeeper.h stands alone. */
#include "strongroom_zookeeper.h"

int main(void) {
  strongroom_findings* findings = NULL;
  const strongroom_status status =
      strongroom_zk_check_access("memory:", NULL, NULL, NULL, &findings, NULL);
  return status == STRONGROOM_INVALID && findings == NULL ? 0 : 1;
}
