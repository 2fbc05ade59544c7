// protocol.hpp: the protocol between the engine and its OpenPGP helper.
//
// One request and one answer go over one socket, then the helper ends. Numbers are big-endian; a field
// is u32 length and bytes. Either reader trusts nothing: every length has a limit here. No text of the
// helper reaches the operator, since the helper has parsed packets from strangers.
//
//   request  u32 kMagic, u8 Op, u8 0, u16 number, then fields by Op:
//     inspect   number keys           wrap   number keys, number texts
//     unwrap    message, private key, passphrase
//     generate  user id; number is the bits
//   answer   u32 kMagic, u8 Trouble, u8 0, u16 number of what it is about: of the key, from 1, or one of the
//            numbers below. Then u32 detail if there is a trouble; else fields by Op:
//     inspect, wrap  fingerprint and message of each key        unwrap  text
//     generate       fingerprint, public key, private key
#pragma once

#include <cstddef>
#include <cstdint>

namespace strongroom::openpgp {

inline constexpr std::uint32_t kMagic = 0x53525032;  // "SRP2"; the last digit counts formats
inline constexpr std::size_t kHeadLen = 8;

inline constexpr std::size_t kMaxKeys = 255;
inline constexpr std::size_t kMaxKeysLen = std::size_t{32} << 20;  // of all keys of a request
inline constexpr std::size_t kMaxPrivateKeyLen = std::size_t{256} << 10;
inline constexpr std::size_t kMaxTextLen = 4096;
inline constexpr std::size_t kMaxPassphraseLen = 1024;
inline constexpr std::size_t kMaxUserIdLen = 127;  // librnp's own limit
inline constexpr unsigned kMinBits = 2048;
inline constexpr unsigned kMaxBits = 4096;     // of a key that is made here
inline constexpr unsigned kMaxKeyBits = 8192;  // of a key that is passed

// What an answer is about where it is not about a public key.
inline constexpr unsigned kAboutPrivateKey = 0x100;
inline constexpr unsigned kAboutMessage = 0x101;

enum class Op : std::uint8_t { inspect = 1, wrap = 2, unwrap = 3, generate = 4 };

// Trouble is why a request failed; describe() of openpgp_answer.hpp has a sentence for each.
enum class Trouble : std::uint8_t {
  none = 0,
  // Of a file of any kind.
  empty,
  utf16,
  displaced_armor,  // its BEGIN line does not begin a line
  bad_armor,
  bad_checksum,
  cut_short,
  signed_text,   // a text with a signature, and no key or message
  other_format,  // detail: its OpenPGP version
  // Of a key.
  not_a_key,
  damaged_key,
  private_key,  // where a public one belongs
  public_key,   // where a private one belongs
  many_keys,
  from_future,     // detail: when it was made
  expired,         // detail: when, in seconds since 1970
  subkey_expired,  // the same
  revoked,
  subkey_revoked,
  unverified_revocation,
  no_self_signature,
  unbound_subkey,
  cannot_encrypt,
  weak,             // detail: bits
  too_long,         // detail: bits
  other_algorithm,  // detail: its number in RFC 9580
  stub,             // the private part is missing
  // Of a message.
  not_a_message,
  not_encrypted,
  no_integrity,
  damaged,
  text_too_large,
  wrong_key,
  needs_passphrase,
  wrong_passphrase,
  // Of the helper.
  other_version,  // of this protocol
  malformed,      // the request
  unlocked_memory,
  no_memory,
  failed,  // librnp gave no reason that helps
  count
};

// Reason is a trouble and its detail, which the comments above explain; 0 where there is none.
struct Reason {
  Trouble trouble = Trouble::none;
  std::uint32_t detail = 0;

  constexpr Reason() noexcept = default;
  constexpr Reason(Trouble why, std::uint32_t with = 0) noexcept : trouble(why), detail(with) {}
  constexpr bool good() const noexcept { return trouble == Trouble::none; }
};

}  // namespace strongroom::openpgp
