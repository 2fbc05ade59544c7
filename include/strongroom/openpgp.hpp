// openpgp.hpp: shares wrapped to the OpenPGP keys of the people that keep them.
//
// The engine links no OpenPGP library: these libraries leave copies of what they decrypt, and parse
// packets from strangers. Instead, the engine talks to an OpenPgp, which runs somewhere else.
// openpgp_helper returns ours, a program that lives for one request. A host that may not start programs
// brings its own.
//
// Keys and messages are accepted in the forms that people have: binary, ASCII armor (in a mail as well), or
// base64 or hex of the binary form (the DC/OS API takes keys, and prints messages, in these forms).
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

// WrappedShare is one share, encrypted so that only its keeper can read it. Nothing in it is secret.
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

  // wrap encrypts texts[i] to public_keys[i], all or none. With no texts it only checks the keys.
  //
  // Returns  one per key, in their order (message is empty where there were no texts).
  // Errors   invalid: not as many keys as texts; a file of several keys; or a key that is not an OpenPGP
  //          key, is a private key, has expired, was revoked, cannot be encrypted to, or is neither RSA
  //          or ElGamal of 2048 to 8192 bits nor ECDH. The message names the key by its number, from 1,
  //          and says what is wrong with it.
  //          too_large: a key, or a text of more than 4,096 bytes.
  //          unsupported: no OpenPGP is available.  timeout, unavailable.
  virtual Result<std::vector<WrappedShare>> wrap(std::span<const SecretView> texts,
                                                 std::span<const ByteView> public_keys) = 0;

  // unwrap decrypts one message, into key memory.
  //
  // passphrase  of the private key; empty where it has none.
  // Errors      denied: the message was encrypted to another key, or the passphrase is wrong.
  //             invalid: not a message, a damaged message, one without integrity protection; or not a
  //             private key.  too_large: a text of more than 4,096 bytes, or an argument over its limit.
  //             unsupported, timeout, unavailable.
  virtual Result<SecretBytes> unwrap(ByteView message, SecretView private_key,
                                     SecretView passphrase) = 0;

  // generate makes an RSA key pair of 2048 to 4096 bits, with a subkey to encrypt to. For 4096 bits it
  // takes seconds.
  // user_id  1..127 bytes of UTF-8 without control characters.
  // Errors   invalid, unsupported, timeout, unavailable.
  virtual Result<OpenPgpPair> generate(unsigned bits, const std::string& user_id) = 0;
};

// openpgp_helper returns an OpenPgp that runs the helper program. The program is the first of:
//   1. `program`, where it is not empty;
//   2. the path in the environment variable STRONGROOM_OPENPGP_HELPER;
//   3. libexec/strongroom/strongroom-openpgp in the tree that holds this library (or the program that
//      links it), wherever that tree was moved;
//   4. the path where the helper was to be installed.
// A set-user-id process uses only 1 and 4.
//
// Nothing is started before the first request. Each request starts one process, which locks its
// memory, cannot dump core, and is killed when `timeout` passes.
// Threads  any number at once.
std::shared_ptr<OpenPgp> openpgp_helper(std::string program = {},
                                        Timeout timeout = Timeout{30'000});

}  // namespace strongroom
