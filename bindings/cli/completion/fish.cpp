// fish.cpp: the completion of fish: one `complete` for each command, option and argument.
#include "completion/completion.hpp"
#include "syntax/common_options.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kFishBegin = R"fish(# fish completion for strongroom:
#   strongroom completion fish >~/.config/fish/completions/strongroom.fish
# Generated from the program's table of commands.

# Paths of secrets, where the environment has everything that is needed to read them.
function __strongroom_secrets
    set -q STRONGROOM_STORE; and set -q STRONGROOM_KEY_FILE; or return
    strongroom list --recursive </dev/null 2>/dev/null
end

# Succeeds where the command line has this command so far, without options and arguments.
function __strongroom_is
    set -l command
    set -l value 0
    for word in (commandline -opc)[2..-1]
        if test $value = 1
            set value 0
        else if contains -- $word $__strongroom_with_value
            set value 1
        else if not string match -q -- '-*' $word
            set -a command $word
            contains -- "$command" $__strongroom_above; or break
        end
    end
    test "$command" = "$argv"
end

complete -c strongroom -f
)fish";

// line is one `complete`, in the place that a condition describes; null is any place.
std::string line(const char* condition, const std::string& rest) {
  const std::string where =
      condition == nullptr
          ? ""
          : " -n " + in_quotes("__strongroom_is" +
                               (*condition == '\0' ? "" : std::string(" ") + condition));
  return "complete -c strongroom" + where + rest + "\n";
}

std::string offer(const Option& option) {
  if (is_file(option)) return " -F";
  if (option.kind == Kind::secret) return " -a '(__strongroom_secrets)'";
  const std::string words = words_of(option);
  return words.empty() ? "" : " -a " + in_quotes(words);
}

std::string option_line(const char* condition, const Option& option) {
  std::string rest;
  for (const std::string_view name : split(option.names)) {
    const bool is_long = name.starts_with("--");
    rest += (is_long ? " -l " : " -s ") + std::string(name.substr(is_long ? 2 : 1));
  }
  if (option.kind != Kind::flag) rest += (is_file(option) ? " -r" : " -x") + offer(option);
  return line(condition, rest + " -d " + in_quotes(option.about));
}

std::string lines_of(const Command& command) {
  std::string text;
  for (const Option* each : options_of(&command)) {
    if (!is_argument(*each)) {
      text += option_line(command.name, *each);
    } else if (const std::string offered = offer(*each); !offered.empty()) {
      text += line(command.name, offered);
    }
  }
  for (const Command* each : below(&command)) {
    text += line(command.name,
                 " -a " + std::string(last_name(*each)) + " -d " + in_quotes(each->about));
  }
  return text;
}

void add_names(std::string& names, const std::vector<const Option*>& options) {
  for (const Option* each : options) {
    if (!is_argument(*each) && each->kind != Kind::flag) names += std::string(" ") + each->names;
  }
}

}  // namespace

std::string fish_completion() {
  std::string lines;
  std::string with_value = "set -g __strongroom_with_value";
  std::string above = "set -g __strongroom_above";
  add_names(with_value, global_options());
  for (const Option* each : global_options()) lines += option_line(nullptr, *each);
  lines += option_line("", kVersion);
  for (const Command* each : below(nullptr)) {
    lines += line("", std::string(" -a ") + each->name + " -d " + in_quotes(each->about));
  }
  for (const Command* each : completed_commands()) {
    lines += lines_of(*each);
    add_names(with_value, options_of(each));
    if (each->run == nullptr) above += std::string(" ") + each->name;
  }
  return kFishBegin + with_value + "\n" + above + "\n" + lines;
}

}  // namespace strongroom_cli
