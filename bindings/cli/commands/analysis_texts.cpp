// analysis_texts.cpp: answers about policies; see analysis_texts.hpp.
#include "commands/analysis_texts.hpp"

#include <algorithm>

#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

std::string json_of(const strongroom_analysis_line& line) {
  std::string json = "{\"kind\":" + json_text(line.kind);
  const auto add = [&](const char* name, const char* value) {
    if (value != nullptr) json += std::string(",\"") + name + "\":" + json_text(value);
  };
  add("document", line.document);
  if (line.line != 0) {
    json += ",\"line\":" + std::to_string(line.line) + ",\"column\":" + std::to_string(line.column);
  }
  add("subject", line.subject);
  add("action", line.action);
  add("path", line.path);
  add("before", line.before);
  add("after", line.after);
  add("text", line.text);
  return json + "}";
}

}  // namespace

std::string or_empty(const char* text) {
  return text != nullptr ? text : "";
}

std::string place_of(const strongroom_analysis_line& line) {
  if (line.line == 0) return "";
  const std::string document = or_empty(line.document);
  return (document.empty() ? "" : document + ":") + std::to_string(line.line) + ":" +
         std::to_string(line.column);
}

std::string account_array(const strongroom_abi::Analysis& analysis) {
  std::string json = "[";
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    if (i > 0) json += ",";
    json += json_of(analysis.at(i));
  }
  return json + "]";
}

std::string account_json(const strongroom_abi::Analysis& analysis) {
  return account_array(analysis) + "\n";
}

void print_line(std::string& text, const std::string& first, const std::string& second,
                const std::string& third) {
  std::string line = first;
  line.resize(std::max<std::size_t>(line.size() + 1, 12), ' ');
  line += second;
  if (!third.empty()) {
    line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
    line += third;
  }
  text += printable(line) + "\n";
}

}  // namespace strongroom_cli
