/* c99_backend_probe.c: strongroom_backend.h stands alone. */
#include "strongroom_backend.h"

int main(void) {
  const strongroom_backend_table table = STRONGROOM_BACKEND_TABLE_INIT;
  return table.struct_size == sizeof table && STRONGROOM_RECORD_ABSENT == 0 ? 0 : 1;
}
