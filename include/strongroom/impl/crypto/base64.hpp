// base64.hpp: base64 of secrets, from secret memory to secret memory.
//
// Characters are mapped by arithmetic, never through a table indexed by a secret: the cache lines that
// were touched would reveal it (as in CVE-2023-25000). Lengths, white space and padding are not hidden.
#pragma once

#include <cstddef>
#include <cstdint>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

// base64_sextet returns the value of a character of the standard alphabet, and -1 for any other.
// Each line adds what is missing to -1, masked by "is c in this range".
constexpr int base64_sextet(std::uint8_t character) noexcept {
  const int c = character;
  int value = -1;
  value += (((0x40 - c) & (c - 0x5b)) >> 8) & (c - 64);  // A-Z
  value += (((0x60 - c) & (c - 0x7b)) >> 8) & (c - 70);  // a-z
  value += (((0x2f - c) & (c - 0x3a)) >> 8) & (c + 5);   // 0-9
  value += (((0x2a - c) & (c - 0x2c)) >> 8) & 63;        // +
  value += (((0x2e - c) & (c - 0x30)) >> 8) & 64;        // /
  return value;
}

// base64_character is the reverse, for 0..63.
constexpr std::uint8_t base64_character(int sextet) noexcept {
  int c = 'A' + sextet;
  c += ((25 - sextet) >> 8) & ('a' - 'A' - 26);
  c -= ((51 - sextet) >> 8) & ('a' - '0' + 26);
  c -= ((61 - sextet) >> 8) & ('0' - '+' + 10);
  c += ((62 - sextet) >> 8) & ('/' - '+' - 1);
  return static_cast<std::uint8_t>(c);
}

constexpr std::size_t base64_encoded_len(std::size_t len) noexcept {
  return (len + 2) / 3 * 4;
}

// base64_encode writes base64_encoded_len(secret.size()) characters, padded, to out.
void base64_encode(SecretView secret, std::uint8_t* out) noexcept;

// base64_decode is as lenient as Mesos: white space anywhere is skipped, the first '=' ends the
// text whatever follows, padding may be missing, and a single leftover character is dropped.
// Errors   invalid: `Invalid character '<c>'`, for the first character outside the alphabet. One that
//          does not print is shown as \xNN. '-' and '_' are outside.  too_large, unavailable.
// Source   stout base64.hpp; RFC 4648 section 4.
Result<SecretBytes> base64_decode(SecretView text);

}  // namespace strongroom
