// credential.hpp: a share or a key that opens a slot, as text that a person or a file can hold.
//
// Both are one line of lower-case hex. A check at the end shows whether a credential was mistyped or is
// the wrong one. The id of the set or store that it belongs to shows when it is a foreign one. The
// same bytes in base64 are accepted as well, since other programs print shares either way. Credentials
// are secrets: print each once, to the person that keeps it.
//
//   share     1 | set id (8)   | x (1)      | y (32)   | check (4)      92 hex digits
//   key file  2 | store id (16) | slot id (4) | key (32) | check (4)     114 hex digits
//
// check is the first four bytes of BLAKE2b-256 of what goes before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

struct Credential {
  enum class Kind : std::uint8_t { share = 1, key = 2 };

  Kind kind = Kind::key;
  ShareSetId set{};    // of a share
  StoreId store{};     // of a key
  SlotId slot = 0;     // of a key
  SecretBytes secret;  // share: x then y (33 bytes); key: 32 bytes; in key memory

  // text writes the credential as one line of hex, without a newline, in key memory.
  // Errors  invalid: the secret is not of its kind's size.  sealed: a fork wiped it.  unavailable.
  Result<SecretBytes> text() const;

  // parse reads that line back, or the same bytes in base64. White space around it is dropped; hex
  // digits may be upper case.
  // Errors  invalid: not a share or key, or mistyped. The message says what to check, and never quotes
  //         the text.
  static Result<Credential> parse(SecretView text);
};

}  // namespace strongroom
