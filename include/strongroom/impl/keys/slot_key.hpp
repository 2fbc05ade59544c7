// slot_key.hpp: how a slot's own key wraps the root key.
//
// An unsealed store must wrap a new root key for every slot by itself; otherwise a slot could be removed
// only with the credentials of all other slots at hand. So the keyring holds a wrap key per slot. An
// attacker may have an old keyring, opened with a credential that was removed since. The attacker must
// not be able to open what was wrapped later, so a wrap key wraps but does not unwrap. Its public half
// (X25519) encrypts the root key. Its secret half authenticates the root key: without it, anybody that
// can write the storage could put in a root key of their own; with it, only those that have seen the
// keyring can (SECURITY.md).
//
//   slot key (32, random: what a key file holds, or what shares combine to)
//     authentication key = KDF(slot key, 1)      X25519 private key = KDF(slot key, 2)
//   wrapped root key = XAES-256-GCM(authentication key, context, sealed box(X25519, root key))
//
// Source  libsodium: crypto_kdf_derive_from_key (BLAKE2b), crypto_box_seal (X25519,
//         XSalsa20-Poly1305); C2SP XAES-256-GCM.md.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::size_t kWrapKeyLen = 2 * kKeyLen;  // authentication key, X25519 public key
inline constexpr std::size_t kWrappedRootLen = kBlobOverhead + crypto_box_SEALBYTES + kKeyLen;

namespace detail {

static_assert(crypto_kdf_KEYBYTES == kKeyLen && crypto_box_SECRETKEYBYTES == kKeyLen &&
              crypto_box_PUBLICKEYBYTES == kKeyLen);

}  // namespace detail

// wrap_key_of returns the slot's wrap key, which the keyring keeps: kWrapKeyLen bytes.
Result<SecretBytes> wrap_key_of(SecretView slot_key);

// wrap_root wraps a root key for a slot, kWrappedRootLen bytes, bound to context.
// Errors  internal: no randomness.  unavailable: no key memory.
Result<std::vector<std::uint8_t>> wrap_root(SecretView wrap_key,
                                            std::span<const std::uint8_t> context, SecretView root);

// unwrap_root returns the root key, in key memory.
// Errors  corrupt: another slot key, another context, or damage.  unavailable: no key memory.
Result<SecretBytes> unwrap_root(SecretView slot_key, std::span<const std::uint8_t> context,
                                std::span<const std::uint8_t> wrapped);

}  // namespace strongroom
