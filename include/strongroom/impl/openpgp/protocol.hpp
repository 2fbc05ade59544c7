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
//   answer   u32 kMagic, u8 Trouble, u8 0, u16 number of the key that it is about (from 1); then, if the
//            trouble is none, fields by Op:
//     inspect, wrap  fingerprint and message of each key        unwrap  text
//     generate       fingerprint, public key, private key
#pragma once

#include <cstddef>
#include <cstdint>

namespace strongroom::openpgp {

inline constexpr std::uint32_t kMagic = 0x53525031;  // "SRP1"; the last digit counts formats
inline constexpr std::size_t kHeadLen = 8;

inline constexpr std::size_t kMaxKeys = 255;
inline constexpr std::size_t kMaxKeysLen = std::size_t{32} << 20;  // of all keys of a request
inline constexpr std::size_t kMaxPrivateKeyLen = std::size_t{256} << 10;
inline constexpr std::size_t kMaxTextLen = 4096;
inline constexpr std::size_t kMaxPassphraseLen = 1024;
inline constexpr std::size_t kMaxUserIdLen = 127;  // librnp's own limit
inline constexpr unsigned kMinBits = 2048;
inline constexpr unsigned kMaxBits = 4096;

enum class Op : std::uint8_t { inspect = 1, wrap = 2, unwrap = 3, generate = 4 };

// Trouble is why a request failed; describe() of openpgp_answer.hpp has a sentence for each.
enum class Trouble : std::uint8_t {
  none = 0,
  not_a_key,
  private_key,  // where a public one belongs
  public_key,   // where a private one belongs
  many_keys,
  expired,
  revoked,
  cannot_encrypt,
  weak,
  other_algorithm,
  not_a_message,
  not_encrypted,
  no_integrity,
  damaged,
  text_too_large,
  wrong_key,
  needs_passphrase,
  wrong_passphrase,
  other_version,  // of this protocol
  malformed,      // the request
  unlocked_memory,
  no_memory,
  failed,  // librnp gave no reason that helps
  count
};

}  // namespace strongroom::openpgp
