// forms.hpp: the forms of OpenPGP that people pass: binary, ASCII armor, base64 or hex of either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strongroom::openpgp {

// Packet tags of RFC 4880, section 4.3, that can come first.
enum class Tag : std::uint8_t {
  none = 0,
  session_key = 1,
  password_session_key = 3,
  one_pass_signature = 4,
  signature = 2,
  private_key = 5,
  public_key = 6,
  private_subkey = 7,
  compressed = 8,
  encrypted = 9,  // without integrity protection
  literal = 11,
  public_subkey = 14,
  encrypted_and_checked = 18,
  aead_encrypted = 20,
};

// decode_form decodes base64 and hex in place.
// Returns  the part of `bytes` that is binary OpenPGP or begins with armor; empty: it is neither.
std::span<std::uint8_t> decode_form(std::span<std::uint8_t> bytes) noexcept;

bool is_armored(std::span<const std::uint8_t> bytes) noexcept;

// num_armors counts the lines that begin a block.
std::size_t num_armors(std::span<const std::uint8_t> bytes) noexcept;

// first_tag is the kind of the first packet of binary OpenPGP.
Tag first_tag(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace strongroom::openpgp
