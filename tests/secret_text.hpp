// secret_text.hpp: secrets to and from texts that are none, for tests alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/secret_bytes.hpp"

namespace strongroom::testing {

inline SecretBytes secret(std::string_view text) {
  return SecretBytes::copy_value({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
      .value();
}

inline SecretView view(std::string_view text) {
  return SecretView(text.data(), text.size());
}

inline std::string text(SecretView secret) {
  return std::string(secret.reveal_text());
}
inline std::string text(const SecretBytes& secret) {
  return text(secret.view());
}

}  // namespace strongroom::testing
