// aes_providers.hpp: AES from libraries other than libsodium and Nettle, where they are linked.
//
// src/libcrypto and src/botan define these functions; STRONGROOM_HAVE_LIBCRYPTO and STRONGROOM_HAVE_BOTAN
// say that they do. Otherwise the functions here report that the library is absent. No provider keeps a
// key of AES-GCM: every call sets up its own and wipes it.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail {

// GcmCall is what sealing and opening have in common; borrowed.
struct GcmCall {
  std::span<const std::uint8_t> key;    // kKeyLen
  std::span<const std::uint8_t> nonce;  // kGcmNonceLen
  std::span<const std::uint8_t> associated;
};

// gcm_refused writes zeros to out, and returns the error.
inline Error gcm_refused(std::span<std::uint8_t> out, Code code, const char* why) {
  if (!out.empty()) sodium_memzero(out.data(), out.size());
  return Error{code, why};
}
inline Error gcm_failed(std::span<std::uint8_t> out) {
  return gcm_refused(out, Code::internal, "the AES-256-GCM provider failed");
}
inline Error gcm_not_authentic(std::span<std::uint8_t> out) {
  return gcm_refused(out, Code::corrupt, "the ciphertext did not authenticate");
}

inline void append(std::uint8_t*& to, SecretView from) noexcept {
  if (from.empty()) return;
  std::memcpy(to, from.reveal().data(), from.size());
  to += from.size();
}

// BlockCipher is AES-256 with one key, in constant time on any CPU.
class BlockCipher {
 public:
  virtual ~BlockCipher() = default;
  virtual void encrypt(std::size_t len, std::uint8_t* out,
                       const std::uint8_t* in) const noexcept = 0;
};

// Sizes are checked by the caller: out has room for head, body and tag, or for the plaintext.
#if STRONGROOM_HAVE_LIBCRYPTO
bool libcrypto_available() noexcept;
Result<void> libcrypto_seal(const GcmCall& call, SecretView head, SecretView body,
                            std::span<std::uint8_t> out);
Result<void> libcrypto_open(const GcmCall& call, std::span<const std::uint8_t> sealed,
                            std::span<std::uint8_t> out);
#else
inline bool libcrypto_available() noexcept {
  return false;
}
inline Result<void> libcrypto_seal(const GcmCall&, SecretView, SecretView,
                                   std::span<std::uint8_t> out) {
  return gcm_failed(out);
}
inline Result<void> libcrypto_open(const GcmCall&, std::span<const std::uint8_t>,
                                   std::span<std::uint8_t> out) {
  return gcm_failed(out);
}
#endif

#if STRONGROOM_HAVE_BOTAN
bool botan_available() noexcept;
Result<void> botan_seal(const GcmCall& call, SecretView head, SecretView body,
                        std::span<std::uint8_t> out);
Result<void> botan_open(const GcmCall& call, std::span<const std::uint8_t> sealed,
                        std::span<std::uint8_t> out);
// botan_aes256 throws when there is no memory for the key.
std::unique_ptr<BlockCipher> botan_aes256(std::span<const std::uint8_t, kKeyLen> key);
#else
inline bool botan_available() noexcept {
  return false;
}
inline Result<void> botan_seal(const GcmCall&, SecretView, SecretView,
                               std::span<std::uint8_t> out) {
  return gcm_failed(out);
}
inline Result<void> botan_open(const GcmCall&, std::span<const std::uint8_t>,
                               std::span<std::uint8_t> out) {
  return gcm_failed(out);
}
inline std::unique_ptr<BlockCipher> botan_aes256(std::span<const std::uint8_t, kKeyLen>) {
  return nullptr;
}
#endif

}  // namespace strongroom::detail
