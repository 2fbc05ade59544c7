#include "message/target.hpp"

#include <algorithm>
#include <utility>

namespace strongroomd {
namespace {

// hex_value returns the value of a hexadecimal digit, or -1.
int hex_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// append_decoded decodes each %XX of text once. Returns  false if an escape is malformed.
bool append_decoded(std::string_view text, std::string& out) {
  if (text.find('%') == text.npos) {
    out += text;
    return true;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

bool may_be_in_target(char c) noexcept {
  return c > ' ' && c < 0x7f && c != '#';
}

// split_off returns the text before the first separator, and leaves what follows it.
std::string_view split_off(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view before = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return before;
}

}  // namespace

std::optional<Target> Target::parse(std::string_view text) {
  if (text.empty() || text.front() != '/' || text.size() > kMaxTargetLen) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), may_be_in_target)) return std::nullopt;
  Target target;
  const std::size_t mark = std::min(text.find('?'), text.size());
  if (!target.add_parameters(text.substr(std::min(mark + 1, text.size())))) return std::nullopt;
  const std::string_view path = text.substr(1, mark - 1);
  target.pieces_.reserve(8);
  for (std::size_t begin = 0;;) {
    const std::size_t end = path.find('/', begin);
    target.pieces_.push_back(path.substr(begin, end - begin));
    if (end == std::string_view::npos) return target;
    begin = end + 1;
  }
}

std::optional<std::string> Target::path(std::size_t first) const {
  std::string path;
  for (std::size_t i = first; i < pieces_.size(); ++i) {
    if (i > first) path += '/';
    if (!append_decoded(pieces_[i], path)) return std::nullopt;
  }
  return path;
}

bool Target::add_parameters(std::string_view query) {
  while (!query.empty()) {
    std::string_view value = split_off(query, '&');
    if (value.empty()) continue;
    const std::string_view name = split_off(value, '=');
    std::string decoded;
    if (parameters_.size() == kMaxParameters || parameter(name) != nullptr) return false;
    if (!append_decoded(value, decoded)) return false;
    parameters_.emplace_back(name, std::move(decoded));
  }
  return true;
}

const std::string* Target::parameter(std::string_view name) const noexcept {
  for (const auto& [known, value] : parameters_) {
    if (known == name) return &value;
  }
  return nullptr;
}

bool is_dcos_path(std::string_view path) noexcept {
  constexpr auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '/';
  };
  return !path.empty() && std::all_of(path.begin(), path.end(), is_allowed);
}

}  // namespace strongroomd
