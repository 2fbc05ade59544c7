// completion_command.cpp: prints what completion/ holds.
#include "commands.hpp"
#include "completion_texts.hpp"
#include "failure.hpp"
#include "output.hpp"

namespace strongroom_cli {

int completion_command(const Options& options) {
  if (options.shell == "bash") print(kBashCompletion);
  if (options.shell == "zsh") print(kZshCompletion);
  if (options.shell == "fish") print(kFishCompletion);
  return kExitOk;
}

}  // namespace strongroom_cli
