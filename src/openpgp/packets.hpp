// packets.hpp: a first look at binary OpenPGP, before librnp reads it.
#pragma once

#include <cstdint>
#include <span>

#include "armor.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"

namespace strongroom::openpgp {

// Packet tags of RFC 9580, section 5.
enum class Tag : std::uint8_t {
  none = 0,
  session_key = 1,
  signature = 2,
  password_session_key = 3,
  one_pass_signature = 4,
  private_key = 5,
  public_key = 6,
  private_subkey = 7,
  compressed = 8,
  encrypted = 9,  // without integrity protection
  marker = 10,
  literal = 11,
  user_id = 13,
  public_subkey = 14,
  encrypted_and_checked = 18,
  aead_encrypted = 20,
};

// first_tag is the kind of the first packet; none: this is not binary OpenPGP.
Tag first_tag(std::span<const std::uint8_t> bytes) noexcept;

// Survey is what a file of keys holds.
struct Survey {
  unsigned num_primaries = 0;   // of the kind that was wanted
  bool other_kind = false;      // there were private keys among public ones, or the reverse
  Reason primary;               // why the last primary key is none that this version knows
  Reason subkey;                // the same of a subkey that was left out
  bool key_revocation = false;  // somewhere, whether it is valid or not
};

// keep_known compacts a file of keys in place: it keeps only keys and subkeys of a kind that librnp knows, user ids,
// and signatures of versions 3 and 4. So a photo, a padding packet, gpg's trust packets or the packets of
// a later version do not spoil a key.
//
// A public subkey with a revocation is left out, with all copies of it, even if the revocation cannot be
// verified: it must be honoured even if its packet is odd. An attacker that can add a packet can as well
// remove the subkey. A private subkey stays: it opens what was encrypted to it before.
//
// Returns  cut_short or damaged_key: not a sequence of whole packets.
Trouble keep_known(std::span<std::uint8_t>& keys, Kind kind, Survey& survey);

// message_reason judges a message by its first packets, and steps over markers.
Reason message_reason(std::span<const std::uint8_t>& message) noexcept;

}  // namespace strongroom::openpgp
