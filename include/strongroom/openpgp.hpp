// openpgp.hpp: shares wrapped to the OpenPGP keys of those who keep them.
//
// The engine links no OpenPGP: its libraries leave copies of what they decrypt, and parse packets
// from strangers. It speaks to an OpenPgp, which runs somewhere else; openpgp_helper is ours, a
// program that lives for one request. A host that may not start programs brings its own.
//
// Keys and messages are taken as people have them: binary, ASCII armor, or base64 or hex of the
// binary form (as the API of DC/OS takes keys, and prints messages).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxOpenPgpKeyLen = std::size_t{1} << 20;       // of one public key
inline constexpr std::size_t kMaxOpenPgpMessageLen = std::size_t{64} << 10;  // of one message
inline constexpr std::size_t kMaxFingerprintLen = 32;                        // 20 for version 4

// WrappedShare is one share as its keeper alone can read it. Nothing in it is secret.
struct WrappedShare {
  std::vector<std::uint8_t> fingerprint;  // of the primary key, 20 or 32 bytes
  std::vector<std::uint8_t> message;      // an OpenPGP message, binary
};

// OpenPgpPair is a fresh key pair.
struct OpenPgpPair {
  std::vector<std::uint8_t> fingerprint;
  std::vector<std::uint8_t> public_key;  // binary
  SecretBytes private_key;               // ASCII armor, without a passphrase; in key memory
};

class OpenPgp {
 public:
  OpenPgp() = default;
  OpenPgp(const OpenPgp&) = delete;
  OpenPgp& operator=(const OpenPgp&) = delete;
  virtual ~OpenPgp() = default;

  // wrap encrypts texts[i] to public_keys[i], all or none. With no texts it looks at the keys alone.
  //
  // Returns  one per key, in their order (message is empty where there were no texts).
  // Errors   invalid: not as many keys as texts, or a key (its number is named, from 1) that is no
  //          OpenPGP key, a private one, expired, revoked, can not encrypt, or is neither RSA of
  //          2048 to 4096 bits nor Curve25519; or a file of several keys.
  //          too_large: a key, or a text of more than 4,096 bytes.
  //          unsupported: no OpenPGP is at hand.  timeout, unavailable.
  virtual Result<std::vector<WrappedShare>> wrap(std::span<const SecretView> texts,
                                                 std::span<const ByteView> public_keys) = 0;

  // unwrap decrypts one message, into key memory.
  //
  // passphrase  of the private key; empty where it has none.
  // Errors      denied: the private key is not the message's, or the passphrase is wrong.
  //             invalid: not a message, a damaged one, one without integrity protection; or not a
  //             private key.  too_large: a text of more than 4,096 bytes, or what was handed in.
  //             unsupported, timeout, unavailable.
  virtual Result<SecretBytes> unwrap(ByteView message, SecretView private_key,
                                     SecretView passphrase) = 0;

  // generate makes an RSA key pair of 2048 to 4096 bits with a subkey to encrypt to.
  // user_id  1..127 bytes of UTF-8 without control characters. Seconds for 4096 bits.
  // Errors   invalid, unsupported, timeout, unavailable.
  virtual Result<OpenPgpPair> generate(unsigned bits, const std::string& user_id) = 0;
};

// openpgp_helper speaks to the helper program: `program`, else what STRONGROOM_OPENPGP_HELPER names,
// else libexec/strongroom/strongroom-openpgp of the tree that this library (or the program that has it
// linked in) lies in, wherever that tree was moved, else where it was to be installed. A set-user-id
// process uses the first and the last only.
//
// Nothing is started before the first request; each request starts one process, which locks its
// memory, can not dump core, and is killed when `timeout` passes.
// Threads  any number at once.
std::shared_ptr<OpenPgp> openpgp_helper(std::string program = {},
                                        Timeout timeout = Timeout{30'000});

}  // namespace strongroom
