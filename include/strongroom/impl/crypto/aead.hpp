// aead.hpp: the published constructions that the barrier is made of, with keys that the caller keeps.
//
// No function here owns a key. Key schedules are plain structs that the caller places in its own
// locked, guarded memory (SecretBytes::for_key) and that nothing copies. So the kept schedules come from
// Nettle, whose contexts are plain structs, and not from a library that keeps them on its own heap.
// Where the CPU has no AES instructions, constant-time Botan is used instead, slower. All libraries
// return the same bytes; tests compare them with the published vectors.
//
// Sources  AES-256-GCM: NIST SP 800-38D.  XAES-256-GCM: C2SP XAES-256-GCM.md.
//          AES-CMAC: NIST SP 800-38B, RFC 4493.  AES-SIV: RFC 5297.
// Threads  all functions may be called by any number of threads at once, also over one key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/aes_library.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::size_t kKeyLen = 32;
inline constexpr std::size_t kTagLen = 16;
inline constexpr std::size_t kGcmNonceLen = 12;
inline constexpr std::size_t kXaesNonceLen = 24;
inline constexpr std::size_t kSivKeyLen = 64;
inline constexpr std::size_t kBlockLen = 16;

using Block = std::array<std::uint8_t, kBlockLen>;
using XaesNonce = std::array<std::uint8_t, kXaesNonceLen>;

// random_bytes fills out from the kernel (getrandom), never from a buffer of ours: a buffered nonce
// would repeat in a restored snapshot of a virtual machine.
// Errors  internal: the kernel returned none; nothing may be sealed then.
Result<void> random_bytes(std::span<std::uint8_t> out);

// check_aes must be called before any key is used. Errors  unsupported: this CPU has no AES instructions,
// and no AES without tables is built in. An AES with tables would leak its keys through the cache.
Result<void> check_aes();

// gcm_available returns whether a library is built in, or can be loaded, and works on this CPU.
bool gcm_available(AesLibrary library) noexcept;

// gcm_seal writes the ciphertext of head followed by body, then the tag, to out.
//
// key    32 bytes. A key and nonce pair must never be used for two messages.
// head   0..64 bytes that precede body, as if both were one plaintext; they need not be adjacent.
// out    exactly head.size() + body.size() + kTagLen bytes; must not overlap the inputs.
// Errors invalid (sizes), too_large or unavailable (no locked memory to join head and body in),
//        unsupported (library), internal (the library failed); out is then zeros.
Result<void> gcm_seal(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated, SecretView head, SecretView body,
                      std::span<std::uint8_t> out, AesLibrary library = AesLibrary::automatic);

// gcm_open checks the tag of sealed (ciphertext, then tag) and writes the plaintext to out.
//
// out    exactly sealed.size() - kTagLen bytes; must start where sealed starts, or not overlap it.
// Errors corrupt: sealed is shorter than a tag, or the tag did not match.  invalid (out's size),
//        unsupported (library), internal (the library failed); out is then zeros, no plaintext.
Result<void> gcm_open(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated,
                      std::span<const std::uint8_t> sealed, std::span<std::uint8_t> out,
                      AesLibrary library = AesLibrary::automatic);

// AesKey is an AES-256 encryption key schedule. It is trivial: all zeros mean no key. Never copy it.
struct alignas(16) AesKey {
  std::array<std::uint8_t, 256> opaque;
};

// XaesKey is an AES-256 key with the one subkey that XAES-256-GCM derives from it.
struct XaesKey {
  AesKey aes;
  Block subkey;
};

// CmacKey is an AES-256 key with its two CMAC subkeys.
struct CmacKey {
  AesKey aes;
  std::array<Block, 2> subkeys;
};

// SivKey is the pair of AES-256 keys of AES-SIV: S2V's (with subkeys, and where S2V begins) and CTR's.
struct SivKey {
  CmacKey mac;
  AesKey ctr;
  Block mac_of_zeros;
};

void set_key(AesKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept;
void set_key(XaesKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept;
void set_key(CmacKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept;
void set_key(SivKey& schedule, std::span<const std::uint8_t, kSivKeyLen> key) noexcept;

// xaes_derive writes the AES-256-GCM key for this nonce to out; the message is then sealed with it
// under the last 12 bytes of the nonce. out must be secret memory, wiped after use.
void xaes_derive(const XaesKey& key, const XaesNonce& nonce,
                 std::span<std::uint8_t, kKeyLen> out) noexcept;

// cmac is AES-CMAC of first followed by second.
Block cmac(const CmacKey& key, std::span<const std::uint8_t> first,
           std::span<const std::uint8_t> second) noexcept;

// SivHead is the part of AES-SIV that depends only on the key and on what messages are bound to. Many messages
// share it. It is derived from the key: wipe it after use.
struct SivHead {
  Block bytes;
};

// siv_head takes label and bound as siv_seal does.
SivHead siv_head(const SivKey& key, std::span<const std::uint8_t> label,
                 std::span<const std::uint8_t> bound) noexcept;

// siv_seal and siv_open with a head are those below.
void siv_seal(const SivKey& key, const SivHead& head, SecretView plaintext,
              std::span<std::uint8_t> out) noexcept;
bool siv_open(const SivKey& key, const SivHead& head, std::span<const std::uint8_t> sealed,
              std::span<std::uint8_t> out) noexcept;

// siv_seal is AES-SIV (deterministic) of plaintext, bound to two associated strings in this order.
// label  0 bytes or more.  bound  1 byte or more.
// out    exactly kTagLen + plaintext.size() bytes, the tag first; must not overlap the inputs.
// Sizes that do not fit are the caller's mistake: it asserts, or leaves zeros, which no key opens.
void siv_seal(const SivKey& key, std::span<const std::uint8_t> label,
              std::span<const std::uint8_t> bound, SecretView plaintext,
              std::span<std::uint8_t> out) noexcept;

// siv_open reverses siv_seal. out: exactly sealed.size() - kTagLen bytes.
// Returns false, and zeros in out, when sealed did not authenticate or the sizes did not fit.
bool siv_open(const SivKey& key, std::span<const std::uint8_t> label,
              std::span<const std::uint8_t> bound, std::span<const std::uint8_t> sealed,
              std::span<std::uint8_t> out) noexcept;

}  // namespace strongroom
