#include "message/json_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace strongroomd {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// short_escape returns the letter of an escape of two characters; 0: there is none.
constexpr char short_escape(unsigned char byte) noexcept {
  switch (byte) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// kEscapedLens has how many characters each byte takes.
constexpr std::array<std::uint8_t, 256> kEscapedLens = [] {
  std::array<std::uint8_t, 256> lens{};
  for (std::size_t byte = 0; byte < lens.size(); ++byte)
    lens[byte] = short_escape(static_cast<unsigned char>(byte)) != 0 ? 2 : byte < 0x20 ? 6 : 1;
  return lens;
}();

std::size_t escaped_len(std::string_view text) noexcept {
  std::size_t len = 0;
  for (const char each : text) len += kEscapedLens[static_cast<unsigned char>(each)];
  return len;
}

// escape_to writes a text of that many escaped bytes. Returns  the end of what it wrote.
char* escape_to(char* out, std::string_view text) noexcept {
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (kEscapedLens[byte] == 1) {
      *out++ = each;
      continue;
    }
    *out++ = '\\';
    if (const char letter = short_escape(byte); letter != 0) {
      *out++ = letter;
      continue;
    }
    std::memcpy(out, "u00", 3);
    out[3] = kHexDigits[byte >> 4];
    out[4] = kHexDigits[byte & 15];
    out += 5;
  }
  return out;
}

// utf8_len returns how many bytes the character at the begin of text has (RFC 3629); 0: it is no UTF-8.
std::size_t utf8_len(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < len) return 0;
  for (std::size_t i = 1; i < len; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = at(1);
  const bool too_small = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool too_large = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return too_small || too_large ? 0 : len;
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t len = utf8_len(text);
    valid += len == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, len);
    text.remove_prefix(len == 0 ? 1 : len);
  }
  std::string escaped(escaped_len(valid) + 2, '"');
  escape_to(escaped.data() + 1, valid);
  return escaped;
}

strongroom_abi::Secret json_object(std::string_view name, std::string_view secret) {
  const std::string begin = "{" + json_string(name) + ":\"";
  const std::string_view end = "\"}";
  strongroom_abi::Secret text(begin.size() + escaped_len(secret) + end.size());
  char* out = reinterpret_cast<char*>(text.writable());
  std::memcpy(out, begin.data(), begin.size());
  out = escape_to(out + begin.size(), secret);
  std::memcpy(out, end.data(), end.size());
  return text;
}

}  // namespace strongroomd
