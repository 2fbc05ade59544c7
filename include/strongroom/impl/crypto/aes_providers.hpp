// aes_providers.hpp: AES from libraries that most processes never need, and that take milliseconds to load.
//
// libcrypto is the fastest for large values, and Botan works in constant time on CPUs without AES
// instructions. Each is behind a table of functions. A build has the tables in one of three ways:
//
//   loaded   shared objects of ours, lib/strongroom/strongroom-<library>.so, found next to the library
//            and loaded at first use (STRONGROOM_AES_MODULES is the directory where they are installed)
//   linked   src/libcrypto and src/botan are part of the program (STRONGROOM_HAVE_LIBCRYPTO, _BOTAN)
//   absent   otherwise
//
// No provider keeps a key of AES-GCM: every call sets up its own and wipes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail {

// GcmCall is what sealing and opening have in common; borrowed.
struct GcmCall {
  std::span<const std::uint8_t> key;    // kKeyLen
  std::span<const std::uint8_t> nonce;  // kGcmNonceLen
  std::span<const std::uint8_t> associated;
};

enum class GcmOutcome : std::uint8_t { done, not_authentic, failed };

// BlockCipher is AES-256 with one key, in constant time on any CPU.
class BlockCipher {
 public:
  virtual ~BlockCipher() = default;
  virtual void encrypt(std::size_t len, std::uint8_t* out,
                       const std::uint8_t* in) const noexcept = 0;
};

// AesProvider is one library's AES. Only types that need no memory cross it, so that a module may have
// been built with another C++ library. Callers check sizes: out has room for head, body and tag, or for
// the plaintext. After any other outcome than done, out holds anything; the caller wipes it.
struct AesProvider {
  // Another number is another table: a module of an older or newer version is refused.
  static constexpr std::uint32_t kLayout = 1;

  std::uint32_t layout;
  bool (*works)() noexcept;
  GcmOutcome (*seal)(const GcmCall& call, SecretView head, SecretView body,
                     std::span<std::uint8_t> out) noexcept;
  GcmOutcome (*open)(const GcmCall& call, std::span<const std::uint8_t> sealed,
                     std::span<std::uint8_t> out) noexcept;
  // aes256 returns a cipher for the caller to delete; null when there is no memory. Null: not offered.
  BlockCipher* (*aes256)(std::span<const std::uint8_t> key) noexcept;
};

// The functions that modules export, and that linked builds call directly.
inline constexpr const char* kAesModuleEntry = "strongroom_aes_module";
const AesProvider& libcrypto_table() noexcept;
const AesProvider& botan_table() noexcept;

// libcrypto and botan return the provider, loaded if need be, or null if there is none. Loading takes one
// to five milliseconds, once; other threads that call meanwhile wait.
const AesProvider* libcrypto() noexcept;
const AesProvider* botan() noexcept;

inline void append(std::uint8_t*& to, SecretView from) noexcept {
  if (from.empty()) return;
  std::memcpy(to, from.reveal().data(), from.size());
  to += from.size();
}

}  // namespace strongroom::detail
