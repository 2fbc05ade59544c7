// zsh.cpp: the completion of zsh: specifications for _arguments, a function for each level of commands.
#include "completion/completion.hpp"
#include "syntax/common_options.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kZshBegin = R"zsh(#compdef strongroom
# zsh completion for strongroom: strongroom completion zsh >"${fpath[1]}/_strongroom"
# Generated from the program's table of commands.

# Paths of secrets, where the environment has everything that is needed to read them.
_strongroom_secrets() {
  [[ -n $STRONGROOM_STORE && -n $STRONGROOM_KEY_FILE ]] || return 1
  local -a names
  names=("${(@f)$(strongroom list --recursive </dev/null 2>/dev/null)}")
  _describe -t secrets 'secret' names
}
)zsh";

constexpr const char* kZshEnd = R"zsh(
if [ "$funcstack[1]" = _strongroom ]; then
  _strongroom "$@"
else
  compdef _strongroom strongroom
fi
)zsh";

std::string escaped(std::string text) {
  for (const char* special : {"\\", ":", "[", "]"}) {
    text = replaced(text, special, std::string("\\") + special);
  }
  return text;
}

// value_spec is what follows a name: ":FILE:_files".
std::string value_spec(const Option& option, const std::string& message) {
  const std::string words = words_of(option);
  std::string action = words.empty() ? " " : "(" + replaced(words, ":", "\\:") + ")";
  if (is_file(option)) action = "_files";
  if (option.kind == Kind::secret) action = "_strongroom_secrets";
  return ":" + message + ":" + action;
}

// excluded lists an option's own names and those of its rivals, for "(...)".
std::string excluded(const Option& option, const std::vector<const Option*>& all) {
  std::string names = option.names;
  for (const Option* each : all) {
    const bool rival = *option.rivals != '\0' && std::string_view(option.rivals) == each->rivals;
    if (rival && each != &option) names += std::string(" ") + each->names;
  }
  return names;
}

std::string option_spec(const Option& option, const std::vector<const Option*>& all) {
  const bool flag = option.kind == Kind::flag;
  std::string rest = "[" + escaped(option.about) + "]";
  if (!flag) rest += (option.optional ? ":" : "") + value_spec(option, option.value);
  const std::string before = option.many ? "*" : "(" + excluded(option, all) + ")";
  std::string specs;
  for (const std::string_view name : split(option.names)) {
    const bool joined = !flag && name.starts_with("--");
    specs += " " + in_quotes(before + std::string(name) + (joined ? "=" : "") + rest);
  }
  return specs;
}

std::string argument_specs(const Command& command) {
  std::string specs;
  int place = 0;
  for (const Option* each : arguments_of(command)) {
    const std::string number = each->many ? "*" : std::to_string(++place);
    const std::string separator = each->optional && !each->many ? ":" : "";
    specs += " " + in_quotes(number + separator + value_spec(*each, each->names));
  }
  return specs + (command.needs == Needs::program ? " '*:: :_normal'" : "");
}

std::string option_specs(const std::vector<const Option*>& options) {
  std::string specs;
  for (const Option* each : options) {
    if (!is_argument(*each)) specs += option_spec(*each, options);
  }
  return specs;
}

std::string function_of(const Command* parent) {
  return "_strongroom" + (parent == nullptr ? "" : std::string("_") + parent->name);
}

// level is the function for the commands below one.
std::string level(const Command* parent) {
  std::string text = "\n" + function_of(parent) + "() {\n" +
                     "  local context state state_descr line\n  typeset -A opt_args\n"
                     "  local -a commands\n  commands=(\n";
  std::string cases;
  for (const Command* each : below(parent)) {
    const std::string name(last_name(*each));
    text += "    " + in_quotes(name + ":" + replaced(each->about, ":", "\\:")) + "\n";
    cases += "        " + name + ") ";
    cases += each->run == nullptr
                 ? function_of(each)
                 : "_arguments $global" + option_specs(options_of(each)) + argument_specs(*each);
    cases += " ;;\n";
  }
  text += "  )\n";
  if (parent == nullptr) {
    text += "  local -a global\n  global=(" + option_specs(global_options()) + ")\n";
  }
  return text + "  _arguments -C $global" + (parent == nullptr ? option_specs({&kVersion}) : "") +
         " '1:command:->command' '*::argument:->argument'\n" +
         "  case $state in\n    command) _describe -t commands 'command' commands ;;\n" +
         "    argument)\n      case $words[1] in\n" + cases + "      esac\n      ;;\n  esac\n}\n";
}

}  // namespace

std::string zsh_completion() {
  std::string text = kZshBegin;
  for (const Command* each : below(nullptr)) {
    if (each->run == nullptr) text += level(each);
  }
  return text + level(nullptr) + kZshEnd;
}

}  // namespace strongroom_cli
