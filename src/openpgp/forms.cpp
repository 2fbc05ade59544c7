// forms.cpp: see forms.hpp.
#include "forms.hpp"

#include <algorithm>
#include <string_view>

#include "strongroom/impl/crypto/base64.hpp"

namespace strongroom::openpgp {
namespace {

using Bytes = std::span<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::string_view kArmor = "-----BEGIN PGP ";

std::string_view text_of(View bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_space(std::uint8_t c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// hex_digit returns the value of a hex digit, and -1 for any other character. Like base64_sextet it uses
// arithmetic and no table, since the text may be a private key.
int hex_digit(std::uint8_t character) noexcept {
  const int c = character;
  int value = -1;
  value += (((0x2f - c) & (c - 0x3a)) >> 8) & (c - 47);  // 0-9
  value += (((0x40 - c) & (c - 0x47)) >> 8) & (c - 54);  // A-F
  value += (((0x60 - c) & (c - 0x67)) >> 8) & (c - 86);  // a-f
  return value;
}

// decode packs digits of Bits bits into bytes, in place: it never writes ahead of what it has read.
// Returns  an empty span when there is any other character.
template <unsigned Bits, typename Digit>
Bytes decode(Bytes text, Digit digit) noexcept {
  std::uint32_t group = 0;
  unsigned held = 0;
  std::size_t len = 0;
  for (const std::uint8_t c : text) {
    if (is_space(c)) continue;
    const int value = digit(c);
    if (value < 0) return {};
    group = (group << Bits | static_cast<std::uint32_t>(value)) & 0xFFFF;
    held += Bits;
    if (held < 8) continue;
    held -= 8;
    text[len++] = static_cast<std::uint8_t>(group >> held);
  }
  return text.first(len);
}

Bytes trimmed(Bytes bytes) noexcept {
  while (!bytes.empty() && is_space(bytes.front())) bytes = bytes.subspan(1);
  while (!bytes.empty() && is_space(bytes.back())) bytes = bytes.first(bytes.size() - 1);
  return bytes;
}

template <typename Digit>
bool all_digits(View text, Digit digit) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [&](std::uint8_t c) { return is_space(c) || digit(c) >= 0; });
}

// decode_text decodes one layer. A text of only hex digits is hex: in base64 it would be noise.
Bytes decode_text(Bytes text) noexcept {
  text = trimmed(text);
  if (all_digits(text, hex_digit)) return decode<4>(text, hex_digit);
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) {
    text = trimmed(text.first(text.size() - 1));
  }
  return all_digits(text, base64_sextet) ? decode<6>(text, base64_sextet) : Bytes{};
}

Tag tag_of(std::uint8_t first) noexcept {
  const bool new_format = (first & 0x40) != 0;
  return static_cast<Tag>(new_format ? first & 0x3F : first >> 2 & 0x0F);
}

// Tag 0 is reserved (RFC 4880, 4.3): what begins with it is not OpenPGP.
bool is_binary(View bytes) noexcept {
  return !bytes.empty() && (bytes[0] & 0x80) != 0 && tag_of(bytes[0]) != Tag::none;
}

}  // namespace

bool is_armored(View bytes) noexcept {
  return text_of(bytes).starts_with(kArmor);
}

std::span<std::uint8_t> decode_form(Bytes bytes) noexcept {
  // A UTF-8 byte order mark, which some editors write, would look like a packet.
  if (text_of(bytes).starts_with("\xEF\xBB\xBF")) bytes = bytes.subspan(3);
  for (int layer = 0; layer < 2; ++layer) {
    if (is_binary(bytes)) return bytes;
    // What a mail program put above the armor is not part of it.
    const auto armor = text_of(bytes).find(kArmor);
    if (armor != std::string_view::npos) return bytes.subspan(armor);
    bytes = decode_text(bytes);
  }
  return is_binary(bytes) || is_armored(bytes) ? bytes : Bytes{};
}

std::size_t num_armors(View bytes) noexcept {
  std::size_t count = 0;
  const std::string_view text = text_of(bytes);
  for (auto at = text.find(kArmor); at != std::string_view::npos; at = text.find(kArmor, at + 1)) {
    ++count;
  }
  return count;
}

Tag first_tag(View bytes) noexcept {
  return is_binary(bytes) ? tag_of(bytes[0]) : Tag::none;
}

}  // namespace strongroom::openpgp
