// completion.hpp: the completions of shells, made from the table of commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "syntax/command.hpp"

namespace strongroom_cli {

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

inline constexpr const char* kUrls = "lmdb:/ memory: zk://";

// completed_commands returns all commands, each before those below it.
std::vector<const Command*> completed_commands();

// in_quotes returns a text as one word of a shell, in single quotes.
std::string in_quotes(std::string_view text);

// replaced returns the text with one string replaced by another wherever it occurs.
std::string replaced(std::string text, std::string_view from, std::string_view to);

// words_of returns the words that are offered for a value, separated by spaces.
std::string words_of(const Option& option);

// is_file reports whether files are offered for a value.
bool is_file(const Option& option);

}  // namespace strongroom_cli
