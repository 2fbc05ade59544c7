// completion.cpp: what the shells have in common; see completion.hpp.
#include "completion/completion.hpp"

namespace strongroom_cli {

std::vector<const Command*> completed_commands() {
  std::vector<const Command*> commands;
  for (const Command* each : below(nullptr)) {
    commands.push_back(each);
    for (const Command* nested : below(each)) commands.push_back(nested);
  }
  return commands;
}

std::string in_quotes(std::string_view text) {
  return "'" + replaced(std::string(text), "'", "'\\''") + "'";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string words_of(const Option& option) {
  return option.kind == Kind::url ? kUrls : option.words;
}

bool is_file(const Option& option) {
  return option.kind == Kind::file || option.kind == Kind::new_file;
}

}  // namespace strongroom_cli
