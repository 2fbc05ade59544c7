// command.cpp: looking things up in the table; see command.hpp.
#include "syntax/command.hpp"

#include "syntax/common_options.hpp"
#include "syntax/table.hpp"

namespace strongroom_cli {
namespace {

#define COMMAND(name) &name##_command,
constexpr std::array kTable = {STRONGROOM_CLI_COMMANDS};
#undef COMMAND

}  // namespace

std::vector<const Option*> options_of(const Command* command) {
  std::vector<const Option*> options;
  if (command == nullptr) return {&kVersion};
  for (const Option* option : command->options) {
    if (option != nullptr) options.push_back(option);
  }
  return options;
}

std::vector<const Option*> arguments_of(const Command& command) {
  std::vector<const Option*> arguments;
  for (const Option* option : options_of(&command)) {
    if (is_argument(*option)) arguments.push_back(option);
  }
  return arguments;
}

std::vector<const Option*> global_options() {
  return {&kHelp,       &kStore,         &kAnchorFile,        &kKeyFile,
          &kShare,      &kPgpPrivateKey, &kPgpPassphraseFile, &kEscrowed,
          &kZkAuthFile, &kTimeout,       &kAllowUnlocked,     &kAllowReadable};
}

std::vector<const Command*> below(const Command* parent) {
  const std::string prefix = parent == nullptr ? "" : std::string(parent->name) + " ";
  std::vector<const Command*> found;
  for (const Command* each : kTable) {
    const std::string_view name = each->name;
    if (!name.starts_with(prefix)) continue;
    if (name.find(' ', prefix.size()) == std::string_view::npos) found.push_back(each);
  }
  return found;
}

const Command* find_below(const Command* parent, std::string_view name) {
  for (const Command* each : below(parent)) {
    if (last_name(*each) == name) return each;
  }
  return nullptr;
}

std::string_view last_name(const Command& command) {
  const std::string_view name = command.name;
  return name.substr(name.rfind(' ') + 1);  // npos + 1 is 0
}

}  // namespace strongroom_cli
