// help.cpp: laying the help out; see help.hpp.
#include "syntax/help.hpp"

#include <algorithm>
#include <string_view>

#include "syntax/common_options.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kDescription =
    "strongroom keeps secrets sealed in a store, and passes them to the commands that need them.";

constexpr const char* kProgramHelp =
    R"(Credentials:
  A command that reads or writes secrets, slots or keys unseals the store for itself only. It takes
  what --share, --key-file and --pgp-private-key name; else the file that STRONGROOM_KEY_FILE names;
  else the key in STRONGROOM_KEY; else systemd's credential strongroom.key; else, on a terminal, it
  asks. A share is taken in clear, in hex or base64; or still encrypted by OpenPGP, when the private
  key is given. With --pgp-private-key and no --share, those that the store keeps are decrypted.
  'status', 'slots', 'seal', 'backup' and 'restore' need none. 'strongroom COMMAND --help' has
  examples.
  A store in ZooKeeper, zk://host:port,host:port/root, is reached with what --zk-auth-file names,
  else with STRONGROOM_ZK_AUTH: one line, user:password. Never put it into the URL.

Exit status:
   0  done                      15  sealed             20  corrupt
   2  usage                     16  not initialized    21  rollback
  11  invalid                   17  conflict           22  unavailable
  12  not found                 18  indeterminate      23  timeout
  13  already exists            19  too large          24  unsupported
  14  denied                                           25  internal
  'doctor' ends with 3 for a warning and 4 for a danger; 'policy diff', 'lint', 'test' and 'audit
  verify' with 3 when they report something. 'run' ends with its command's own status: 128 + N after signal N, 126 or 127
  when it could not be started. A program whose output is not read to its end ends by SIGPIPE.
)";

// row lays out what stands left and what explains it.
std::string row(const std::string& left, std::string_view about) {
  constexpr std::size_t kColumn = 32;
  std::string line = "  " + left;
  if (line.size() >= kColumn) line += "\n" + std::string(kColumn, ' ');
  line.resize(std::max(line.size(), kColumn), ' ');
  return line + std::string(about) + "\n";
}

std::string row_of(const Option& option) {
  std::string left;
  for (const std::string_view name : split(option.names)) {
    left += (left.empty() ? "" : ", ") + std::string(name);
  }
  if (*option.value != '\0') left += std::string(" ") + option.value;
  return row(left, option.about);
}

std::string rows(const char* heading, const std::vector<const Option*>& options, bool arguments) {
  std::string text;
  for (const Option* each : options) {
    if (is_argument(*each) == arguments) text += row_of(*each);
  }
  return text.empty() ? "" : std::string("\n") + heading + ":\n" + text;
}

// commands_below lists commands by their headings, each heading where it comes first.
std::string commands_below(const Command* parent) {
  std::string text;
  std::string_view heading;
  for (const Command* each : below(parent)) {
    if (heading != each->group) text += std::string("\n") + each->group + ":\n";
    heading = each->group;
    text += row(std::string(last_name(*each)), each->about);
  }
  return text;
}

std::string usage_of(const Command& command) {
  std::string usage = std::string("Usage: strongroom ") + command.name + " [OPTIONS]";
  if (command.run == nullptr) return usage + " COMMAND\n";
  for (const Option* each : arguments_of(command)) {
    const std::string name = std::string(each->names) + (each->many ? "..." : "");
    usage += each->optional ? " [" + name + "]" : " " + name;
  }
  return usage + (command.needs == Needs::program ? " [-- COMMAND...]\n" : "\n");
}

std::string help_of_program() {
  auto options = global_options();
  options.insert(options.begin() + 1, &kVersion);
  return std::string(kDescription) + "\n\nUsage: strongroom [OPTIONS] COMMAND\n" +
         rows("Options", options, false) + commands_below(nullptr) + "\n" + kProgramHelp;
}

}  // namespace

std::string help_of(const Command* command) {
  if (command == nullptr) return help_of_program();
  auto options = options_of(command);
  options.insert(options.begin(), &kHelp);
  return std::string(command->about) + ".\n\n" + usage_of(*command) +
         rows("Arguments", options, true) + rows("Options", options, false) +
         commands_below(command) + "\n" + command->help +
         "\n\nOptions of all commands: strongroom --help\n";
}

}  // namespace strongroom_cli
