// credential.hpp: what a human or a file holds that opens a slot, as text that can be copied.
//
// Both are one line of lower-case hex with a check at the end, so that a mistyped one is told from a
// wrong one, and with the number of the set or store they belong to, so that a foreign one is named.
// The same bytes in base64 are taken as well, since both are how shares are printed elsewhere. They
// are secrets: print them once, to the one who keeps them.
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

  // parse reads that line back, or the same bytes in base64; white space around it is dropped, upper
  // case is taken. Errors  invalid: not a share or key, or mistyped. It says what to look at, never
  // the text.
  static Result<Credential> parse(SecretView text);
};

}  // namespace strongroom
