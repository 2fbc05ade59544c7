/* c99_policy_tools_probe.c: strongroom_policy_tools.h stands alone. */
#include "strongroom_policy_tools.h"

int main(void) {
  const strongroom_analysis_line line = STRONGROOM_ANALYSIS_LINE_INIT;
  return line.struct_size == sizeof line && strongroom_analysis_size(NULL) == 0 ? 0 : 1;
}
