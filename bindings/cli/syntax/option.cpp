// option.cpp: names and values; see option.hpp.
#include "syntax/option.hpp"

#include <algorithm>
#include <charconv>

#include "syntax/suggestion.hpp"

namespace strongroom_cli {
namespace {

std::string plain(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) words.push_back(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

std::string_view main_name(const Option& option) {
  const std::string_view names = option.names;
  const std::size_t begin = std::min(names.find("--"), names.size());
  return begin == names.size() ? names : names.substr(begin, names.find(' ', begin) - begin);
}

std::string fault_of(const Option& option, std::string_view value) {
  const std::string name(main_name(option));
  const std::string range = " from " + plain(option.min) + " to " + plain(option.max);
  const auto outside = [&](auto number) {
    const char* const end = value.data() + value.size();
    const auto [stop, trouble] = std::from_chars(value.data(), end, number);
    const bool good = trouble == std::errc() && stop == end;
    return !good || !(number >= option.min && number <= option.max);  // a NaN is outside
  };
  if (option.kind == Kind::number && outside(0U)) return name + " takes a number" + range;
  if (option.kind == Kind::seconds && outside(0.0)) return name + " takes seconds" + range;
  if (option.kind != Kind::word) return "";
  const auto words = split(option.words);
  if (std::find(words.begin(), words.end(), value) != words.end()) return "";
  return name + " is one of: " + option.words + did_you_mean(value, words);
}

}  // namespace strongroom_cli
