// forms.cpp: see forms.hpp.
#include "forms.hpp"

#include <algorithm>
#include <string_view>

#include "packets.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/path.hpp"

namespace strongroom::openpgp {
namespace {

using Bytes = std::span<std::uint8_t>;
using View = std::span<const std::uint8_t>;

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

Trouble nothing(Kind wanted) noexcept {
  return wanted == Kind::message ? Trouble::not_a_message : Trouble::not_a_key;
}

// is_utf16 recognizes a byte order mark, and armor or base64 without one: every second byte is zero. Its
// marks would look like the first byte of a packet.
bool is_utf16(View bytes) noexcept {
  if (bytes.size() < 4) return false;
  if (bytes[0] == 0xFF && bytes[1] == 0xFE) return true;
  if (bytes[0] == 0xFE && bytes[1] == 0xFF) return true;
  const bool little = bytes[1] == 0 && bytes[3] == 0 && bytes[0] != 0 && bytes[0] < 0x80;
  return little || (bytes[0] == 0 && bytes[2] == 0 && bytes[1] != 0 && bytes[1] < 0x80);
}

// is_binary: the first byte of a packet has its highest bit set. So has that of a mail that begins with a
// letter outside ASCII, but no packets are UTF-8 to their end.
bool is_binary(View bytes) noexcept {
  if (first_tag(bytes) == Tag::none) return false;
  return !has_armor(bytes) || !well_formed_utf8(text_of(bytes));
}

}  // namespace

Trouble decode_form(Bytes bytes, Kind wanted, Bytes& out) noexcept {
  // A UTF-8 byte order mark, which some editors write, would look like a packet.
  if (text_of(bytes).starts_with("\xEF\xBB\xBF")) bytes = bytes.subspan(3);
  if (trimmed(bytes).empty()) return Trouble::empty;
  if (is_utf16(bytes)) return Trouble::utf16;
  for (int layer = 0; layer < 3 && !bytes.empty(); ++layer) {
    if (is_binary(bytes)) return out = bytes, Trouble::none;
    if (has_armor(bytes)) return decode_armor(bytes, wanted, out);
    if (layer < 2) bytes = decode_text(bytes);
  }
  return nothing(wanted);
}

}  // namespace strongroom::openpgp
