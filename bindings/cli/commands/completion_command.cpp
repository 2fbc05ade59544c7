// completion_command.cpp: prints what completion/ holds.
#include "completion_texts.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {

int completion_command(const Options& options) {
  if (options.shell == "bash") print(kBashCompletion);
  if (options.shell == "zsh") print(kZshCompletion);
  if (options.shell == "fish") print(kFishCompletion);
  return kExitOk;
}

}  // namespace strongroom_cli
