// bash.cpp: the completion of bash: a table of the commands, and one function that reads it.
#include "completion/completion.hpp"
#include "syntax/common_options.hpp"

namespace strongroom_cli {
namespace {

// What is offered is "file", "secret", "none", or words that begin with a "=".
constexpr const char* kBashBegin =
    R"bash(# bash completion for strongroom: source <(strongroom completion bash)
# Generated from the program's table of commands.

# Paths of secrets, where the environment has everything that is needed to read them.
_strongroom_secrets() {
  [ -n "${STRONGROOM_STORE:-}" ] && [ -n "${STRONGROOM_KEY_FILE:-}" ] || return 0
  strongroom list --recursive </dev/null 2>/dev/null
}

# Sets commands, options and arguments (what is offered for each) of one command.
_strongroom_command() {
  commands='' options='' arguments=()
  case $1 in
)bash";

constexpr const char* kBashMiddle = R"bash(  esac
}

# Prints what is offered for the value of an option; fails for one without a value.
_strongroom_value() {
  case $1 in
)bash";

constexpr const char* kBashOffer = R"bash(    *) return 1 ;;
  esac
}

_strongroom_offer() {
  local name
  case $1 in
    file)
      mapfile -t COMPREPLY < <(compgen -f -- "$2")
      compopt -o filenames 2>/dev/null
      ;;
    secret)
      while IFS= read -r name; do
        [[ $name != "$2"* ]] || COMPREPLY+=("$(printf %q "$name")")
      done < <(_strongroom_secrets)
      ;;
    =*)
      mapfile -t COMPREPLY < <(compgen -W "${1#=}" -- "$2")
      [[ $1 != *:/* ]] || compopt -o nospace 2>/dev/null
      ;;
  esac
}

_strongroom() {
)bash";

constexpr const char* kBashEnd =
    R"bash(  local current=${COMP_WORDS[COMP_CWORD]} command='' commands options arguments i
  local place=0 offered=''
  COMPREPLY=()
  _strongroom_command ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    offered=''
    case ${COMP_WORDS[i]} in
      --)
        [ "$command" = run ] || continue
        declare -F _command_offset >/dev/null && _command_offset $((i + 1))
        return 0
        ;;
      -?*)
        # The value of the last option may be the word that is completed.
        offered=$(_strongroom_value "${COMP_WORDS[i]}") && i=$((i + 1))
        ;;
      *)
        if [ -n "$commands" ]; then
          command="${command:+$command }${COMP_WORDS[i]}"
          _strongroom_command "$command"
        else
          place=$((place + 1))
        fi
        ;;
    esac
  done
  if [ "$i" -gt "$COMP_CWORD" ]; then
    _strongroom_offer "$offered" "$current"
  elif [[ $current = -* ]]; then
    _strongroom_offer "=$options $global" "$current"
  elif [ -n "$commands" ]; then
    [ -n "$command" ] || commands+=" $options $global"
    _strongroom_offer "=$commands" "$current"
  elif [ "${#arguments[@]}" -gt 0 ]; then
    [ "$place" -lt "${#arguments[@]}" ] || place=$((${#arguments[@]} - 1))
    _strongroom_offer "${arguments[place]}" "$current"
  fi
}

complete -F _strongroom strongroom
)bash";

std::string offered_for(const Option& option) {
  if (is_file(option)) return "file";
  if (option.kind == Kind::secret) return "secret";
  const std::string words = words_of(option);
  return words.empty() ? "none" : in_quotes("=" + words);
}

std::string names_of(const std::vector<const Option*>& options) {
  std::string names;
  for (const Option* option : options) {
    if (!is_argument(*option)) names += " " + std::string(main_name(*option));
  }
  return names;
}

// entry is the part of _strongroom_command about one command.
std::string entry(const Command* command) {
  std::string text = "    " + in_quotes(command == nullptr ? "" : command->name) + ")\n";
  std::string names;
  for (const Command* each : below(command))
    names += (names.empty() ? "" : " ") + std::string(last_name(*each));
  if (!names.empty()) text += "      commands='" + names + "'\n";
  const char* const dashes = command != nullptr && command->needs == Needs::program ? " --" : "";
  text += "      options='" + names_of(options_of(command)) + dashes + "'\n";
  std::string offers;
  if (command != nullptr) {
    for (const Option* each : arguments_of(*command)) offers += " " + offered_for(*each);
  }
  if (!offers.empty()) text += "      arguments=(" + offers.substr(1) + ")\n";
  return text + "      ;;\n";
}

void add_values(std::string& text, const std::vector<const Option*>& options) {
  for (const Option* option : options) {
    if (is_argument(*option) || option->kind == Kind::flag) continue;
    const std::string names = replaced(option->names, " ", " | ");
    const std::string line = "    " + names + ") echo " + offered_for(*option) + " ;;\n";
    if (text.find(line) == std::string::npos) text += line;
  }
}

}  // namespace

std::string bash_completion() {
  std::string commands = entry(nullptr);
  std::string values;
  add_values(values, global_options());
  for (const Command* command : completed_commands()) {
    commands += entry(command);
    add_values(values, options_of(command));
  }
  const std::string global = "  local global='" + names_of(global_options()) + "'\n";
  return kBashBegin + commands + kBashMiddle + values + kBashOffer + global + kBashEnd;
}

}  // namespace strongroom_cli
