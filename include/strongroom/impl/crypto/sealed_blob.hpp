// sealed_blob.hpp: a few secret bytes sealed under one key: the root key in a slot, the keyring in
// the header. Layout: nonce 24, ciphertext, tag 16 (XAES-256-GCM); FORMAT.md has the contexts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::size_t kBlobOverhead = kXaesNonceLen + kTagLen;

namespace detail {}  // namespace detail

// seal_blob seals plaintext under a 32-byte key, bound to context (public bytes, checked on
// opening). Errors  internal: no randomness; nothing was sealed.  unavailable: no key memory.
Result<std::vector<std::uint8_t>> seal_blob(SecretView key, std::span<const std::uint8_t> context,
                                            SecretView plaintext);

// open_blob returns the plaintext, in key memory.
// Errors  corrupt: another key, another context, or damage.  unavailable: no key memory.
Result<SecretBytes> open_blob(SecretView key, std::span<const std::uint8_t> context,
                              std::span<const std::uint8_t> blob);

}  // namespace strongroom
