#include "message/json_text.hpp"

#include <algorithm>
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

// is_plain returns whether a text is written as it is. Most are, and this loop takes many bytes at a time.
bool is_plain(std::string_view text) noexcept {
  unsigned found = 0;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    found |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte == '"') |
             static_cast<unsigned>(byte == '\\');
  }
  return found == 0;
}

std::size_t escaped_len(std::string_view text) noexcept {
  if (is_plain(text)) return text.size();
  std::size_t len = 0;
  for (const char each : text) len += kEscapedLens[static_cast<unsigned char>(each)];
  return len;
}

// escape_to writes a text that has so many bytes when it is escaped. Returns  the end of what it wrote.
char* escape_to(char* out, std::string_view text, std::size_t len) noexcept {
  if (len == text.size()) return std::copy(text.begin(), text.end(), out);
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
  const std::size_t len = escaped_len(valid);
  std::string escaped(len + 2, '"');
  escape_to(escaped.data() + 1, valid, len);
  return escaped;
}

strongroom_abi::Secret json_object(std::string_view name, std::string_view secret) {
  constexpr std::string_view kBegin = "{\"", kMiddle = "\":\"", kEnd = "\"}";
  const std::size_t name_len = escaped_len(name);
  const std::size_t secret_len = escaped_len(secret);
  strongroom_abi::Secret text(kBegin.size() + name_len + kMiddle.size() + secret_len + kEnd.size());
  char* out = reinterpret_cast<char*>(text.writable());
  out = std::copy(kBegin.begin(), kBegin.end(), out);
  out = escape_to(out, name, name_len);
  out = std::copy(kMiddle.begin(), kMiddle.end(), out);
  out = escape_to(out, secret, secret_len);
  std::copy(kEnd.begin(), kEnd.end(), out);
  return text;
}

strongroom_abi::Secret join(std::initializer_list<std::string_view> parts) {
  std::size_t len = 0;
  for (const std::string_view part : parts) len += part.size();
  strongroom_abi::Secret text(len);
  char* out = reinterpret_cast<char*>(text.writable());
  for (const std::string_view part : parts) out = std::copy(part.begin(), part.end(), out);
  return text;
}

}  // namespace strongroomd
