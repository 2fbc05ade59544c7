// base64.ipp: the bodies of base64.hpp.
#include <cstddef>
#include <cstdint>
#include <string>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

void base64_encode(SecretView secret, std::uint8_t* out) noexcept {
  const auto bytes = secret.reveal();
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const int group =
        bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    *out++ = base64_character(group >> 18);
    *out++ = base64_character(group >> 12 & 63);
    *out++ = left > 1 ? base64_character(group >> 6 & 63) : std::uint8_t{'='};
    *out++ = left > 2 ? base64_character(group & 63) : std::uint8_t{'='};
  }
}

Result<SecretBytes> base64_decode(SecretView text) {
  auto secret = SecretBytes::for_value(text.size() / 4 * 3 + 3);
  STRONGROOM_TRY(secret);
  std::uint8_t* out = secret->reveal_mutable().data();
  std::size_t len = 0;
  std::uint32_t group = 0;
  unsigned held = 0;
  for (const std::uint8_t c : text.reveal()) {
    if (c == '=') break;
    if (c == ' ' || (c >= '\t' && c <= '\r')) continue;
    const int sextet = base64_sextet(c);
    if (sextet < 0) {
      constexpr char kHex[] = "0123456789ABCDEF";
      const std::string shown = c > ' ' && c < 0x7F
                                    ? std::string(1, static_cast<char>(c))
                                    : std::string("\\x") + kHex[c >> 4] + kHex[c & 15];
      return Error{Code::invalid, "Invalid character '" + shown + "'"};
    }
    group = group << 6 | static_cast<std::uint32_t>(sextet);
    if (++held < 4) continue;
    out[len++] = static_cast<std::uint8_t>(group >> 16);
    out[len++] = static_cast<std::uint8_t>(group >> 8);
    out[len++] = static_cast<std::uint8_t>(group);
    held = 0;
  }
  if (held >= 2) {
    group <<= 6 * (4 - held);
    out[len++] = static_cast<std::uint8_t>(group >> 16);
    if (held == 3) out[len++] = static_cast<std::uint8_t>(group >> 8);
  }
  secret->keep(0, len);
  return secret;
}

}  // namespace strongroom
