// completion_command.cpp: prints the completion of a shell.
#include "completion/completion.hpp"
#include "store/failure.hpp"
#include "syntax/options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kShell = {
    .names = "SHELL", .kind = Kind::word, .about = "bash, zsh or fish", .words = "bash zsh fish"};

int run_completion(const Options& options) {
  const std::string shell = options.text(kShell);
  print(shell == "bash"  ? bash_completion()
        : shell == "zsh" ? zsh_completion()
                         : fish_completion());
  return kExitOk;
}

}  // namespace

constexpr const char* kCompletionHelp = R"(Installing strongroom installs them as well.

Examples:
  source <(strongroom completion bash)
  strongroom completion zsh >"${fpath[1]}/_strongroom"
  strongroom completion fish >~/.config/fish/completions/strongroom.fish)";

const Command completion_command("completion", "Shell", "Print the completion of a shell",
                                 kCompletionHelp, {&kShell}, run_completion, Needs::perhaps_store);

}  // namespace strongroom_cli
