// aes.ipp: the AES constructions over kept key schedules: XAES key derivation, CMAC and SIV.
//
// Nettle computes the modes, and the block cipher where the CPU has AES instructions. Elsewhere
// Nettle's AES looks secrets up in tables, and the time of a cache miss would leak them. So there the
// schedule is the bare key, and each call makes, uses and wipes a constant-time AES of Botan.
#include <nettle/aes.h>
#include <nettle/cmac.h>
#include <nettle/ctr.h>
#include <nettle/memxor.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <type_traits>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_internal.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {
namespace detail::aes {

static_assert(sizeof(aes256_ctx) <= sizeof(AesKey::opaque) &&
              alignof(aes256_ctx) <= alignof(AesKey));
static_assert(sizeof(cmac128_key) == sizeof(CmacKey::subkeys));
static_assert(alignof(cmac128_key) <= alignof(AesKey) &&
              offsetof(CmacKey, subkeys) % alignof(AesKey) == 0);
static_assert(std::is_trivial_v<SivKey> && std::is_trivial_v<XaesKey>);

static std::atomic<bool>& portable_flag() noexcept {
  // libsodium finds AES instructions only on x86, by the same bit of CPUID as Nettle. On other
  // architectures Nettle's AES may or may not be constant time, depending on its build, so Botan is used.
  static std::atomic<bool> portable{sodium_init() < 0 || sodium_runtime_has_aesni() == 0};
  return portable;
}

static bool portable() noexcept {
  return portable_flag().load(std::memory_order_relaxed);
}

// StackWiper overwrites, at the end of its scope, what was left on the stack below it. Nettle leaves
// subkeys and what they are made from. The dynamic linker leaves all vector registers there, and deeper,
// when it binds a function at its first call (as it does for Debian's Botan).
class StackWiper {
 public:
  explicit StackWiper(std::size_t len) noexcept : len_(portable() ? kDeepLen : len) {}
  ~StackWiper() {
    if (len_ != 0) sodium_stackzero(len_);
  }
  StackWiper(const StackWiper&) = delete;
  StackWiper& operator=(const StackWiper&) = delete;

  static constexpr std::size_t kNettleLen = 512;
  static constexpr std::size_t kDeepLen = 16'384;

 private:
  const std::size_t len_;
};

// Cipher is the block cipher that Nettle's modes use: the kept schedule, or a Botan object for this call.
//
// The Botan object needs memory for a key. When there is no memory, or no Botan, the process ends
// (noexcept), since no wrong result would be safe to return. check_aes precedes every key, so there is
// Botan.
class Cipher {
 public:
  explicit Cipher(const AesKey& key) noexcept : context_(key.opaque.data()) {
    if (!portable()) return;
    const AesProvider* const provider = botan();
    if (provider == nullptr) std::terminate();
    portable_.reset(provider->aes256(std::span(key.opaque).first<kKeyLen>()));
    if (portable_ == nullptr) std::terminate();
    context_ = portable_.get();
  }

  const void* context() const noexcept { return context_; }

  nettle_cipher_func* encryptor() const noexcept {
    return portable_ == nullptr ? nettle_encrypt : portable_encrypt;
  }

  void encrypt(std::size_t len, std::uint8_t* out, const std::uint8_t* in) const noexcept {
    encryptor()(context_, len, out, in);
  }

 private:
  static void nettle_encrypt(const void* context, std::size_t len, std::uint8_t* out,
                             const std::uint8_t* in) noexcept {
    aes256_encrypt(static_cast<const aes256_ctx*>(context), len, out, in);
  }

  static void portable_encrypt(const void* context, std::size_t len, std::uint8_t* out,
                               const std::uint8_t* in) noexcept {
    static_cast<const BlockCipher*>(context)->encrypt(len, out, in);
  }

  const void* context_;
  std::unique_ptr<BlockCipher> portable_;
};

static cmac128_key* subkeys_of(CmacKey& key) noexcept {
  return reinterpret_cast<cmac128_key*>(key.subkeys.data());
}

static const cmac128_key* subkeys_of(const CmacKey& key) noexcept {
  return reinterpret_cast<const cmac128_key*>(key.subkeys.data());
}

static void zero(std::span<std::uint8_t> out) noexcept {
  if (!out.empty()) sodium_memzero(out.data(), out.size());
}

// cmac_on_stack leaves on the stack what a StackWiper of its caller wipes.
static Block cmac_on_stack(const CmacKey& key, std::span<const std::uint8_t> first,
                           std::span<const std::uint8_t> second) noexcept {
  const Cipher cipher(key.aes);
  cmac128_ctx state;
  cmac128_init(&state);
  cmac128_update(&state, cipher.context(), cipher.encryptor(), first.size(), first.data());
  cmac128_update(&state, cipher.context(), cipher.encryptor(), second.size(), second.data());
  Block tag;
  cmac128_digest(&state, subkeys_of(key), cipher.context(), cipher.encryptor(), kBlockLen,
                 tag.data());
  wipe(&state, sizeof state);
  return tag;
}

// AES-SIV (RFC 5297) is composed here from CMAC and CTR, so that the part that all names of one folder share
// is computed once.

// double_block is dbl of RFC 5297, section 2.3: by x in the field of CMAC, without a branch.
static void double_block(Block& block) noexcept {
  const std::span<std::uint8_t, kBlockLen> bytes(block);
  const std::uint64_t high = get_be(bytes.first<8>());
  const std::uint64_t low = get_be(bytes.last<8>());
  put_be(bytes.first<8>(), high << 1 | low >> 63);
  put_be(bytes.last<8>(), low << 1 ^ (0x87 & (0 - (high >> 63))));
}

static void xor_into(Block& to, const Block& from) noexcept {
  memxor(to.data(), from.data(), kBlockLen);
}

// xor_word writes one word of `from`, XOR one of the mask. The CPU would wait for bytes that were stored one by one
// and are then loaded as a word.
template <typename Word>
static void xor_word(std::uint8_t* out, const std::uint8_t* from,
                     const std::uint8_t* mask) noexcept {
  Word word;
  Word other;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(&other, mask, sizeof other);
  word ^= other;
  std::memcpy(out, &word, sizeof word);
}

// siv_tag ends S2V (section 2.4): the last block of the text, or all of a shorter one, is mixed with the head.
static Block siv_tag(const SivKey& key, const SivHead& head,
                     std::span<const std::uint8_t> text) noexcept {
  const std::size_t last_len = std::min(text.size(), kBlockLen);
  Block mixed = head.bytes;
  if (last_len < kBlockLen) {
    double_block(mixed);
    mixed[last_len] ^= 0x80;  // the padding begins here
  }
  const auto last = text.last(last_len);
  memxor(mixed.data(), last.data(), last_len);
  const Block tag = cmac_on_stack(key.mac, text.first(text.size() - last_len), mixed);
  wipe(mixed.data(), mixed.size());
  return tag;
}

// siv_crypt is CTR under the tag with two bits cleared (section 2.5), in either direction.
static void siv_crypt(const SivKey& key, Block counter, std::span<const std::uint8_t> in,
                      std::uint8_t* out) noexcept {
  counter[8] &= 0x7F;
  counter[12] &= 0x7F;
  const Cipher cipher(key.ctr);
  ctr_crypt(cipher.context(), cipher.encryptor(), kBlockLen, counter.data(), in.size(), out,
            in.data());
}

}  // namespace detail::aes

namespace detail {

void portable_aes(bool portable) noexcept {
  detail::aes::portable_flag().store(portable || sodium_runtime_has_aesni() == 0);
}

bool aes_is_portable() noexcept {
  return detail::aes::portable();
}

}  // namespace detail

void set_key(AesKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept {
  if (detail::aes::portable()) {
    std::memcpy(schedule.opaque.data(), key.data(), kKeyLen);
    return;
  }
  aes256_set_encrypt_key(reinterpret_cast<aes256_ctx*>(schedule.opaque.data()), key.data());
}

void set_key(CmacKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept {
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kDeepLen);
  set_key(schedule.aes, key);
  const detail::aes::Cipher cipher(schedule.aes);
  cmac128_set_key(detail::aes::subkeys_of(schedule), cipher.context(), cipher.encryptor());
}

// The subkey of XAES-256-GCM is the first of CMAC's (its steps 1 and 2).
void set_key(XaesKey& schedule, std::span<const std::uint8_t, kKeyLen> key) noexcept {
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kDeepLen);
  set_key(schedule.aes, key);
  const detail::aes::Cipher cipher(schedule.aes);
  cmac128_key subkeys;
  cmac128_set_key(&subkeys, cipher.context(), cipher.encryptor());
  std::memcpy(schedule.subkey.data(), subkeys.K1.b, kBlockLen);
  sodium_memzero(&subkeys, sizeof subkeys);
}

void set_key(SivKey& schedule, std::span<const std::uint8_t, kSivKeyLen> key) noexcept {
  set_key(schedule.mac, key.first<kKeyLen>());
  set_key(schedule.ctr, key.last<kKeyLen>());
  schedule.mac_of_zeros = cmac(schedule.mac, Block{}, {});
}

// The blocks to encrypt are written to out and encrypted in place, so that no copy is left anywhere.
void xaes_derive(const XaesKey& key, const XaesNonce& nonce,
                 std::span<std::uint8_t, kKeyLen> out) noexcept {
  const detail::aes::StackWiper wiper(0);  // Nettle's block cipher, without a mode, leaves nothing
  constexpr std::uint8_t kPrefixes[2][4] = {{0, 1, 'X', 0}, {0, 2, 'X', 0}};
  const std::uint8_t* const mask = key.subkey.data();
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint8_t* const block = out.data() + i * kBlockLen;
    detail::aes::xor_word<std::uint32_t>(block, kPrefixes[i], mask);
    detail::aes::xor_word<std::uint32_t>(block + 4, nonce.data(), mask + 4);
    detail::aes::xor_word<std::uint64_t>(block + 8, nonce.data() + 4, mask + 8);
  }
  detail::aes::Cipher(key.aes).encrypt(out.size(), out.data(), out.data());
}

Block cmac(const CmacKey& key, std::span<const std::uint8_t> first,
           std::span<const std::uint8_t> second) noexcept {
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kNettleLen);
  return detail::aes::cmac_on_stack(key, first, second);
}

SivHead siv_head(const SivKey& key, std::span<const std::uint8_t> label,
                 std::span<const std::uint8_t> bound) noexcept {
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kNettleLen);
  SivHead head{key.mac_of_zeros};
  for (const auto part : {label, bound}) {
    detail::aes::double_block(head.bytes);
    detail::aes::xor_into(head.bytes, detail::aes::cmac_on_stack(key.mac, part, {}));
  }
  return head;
}

void siv_seal(const SivKey& key, const SivHead& head, SecretView plaintext,
              std::span<std::uint8_t> out) noexcept {
  const bool fits = out.size() == kTagLen + plaintext.size();
  assert(fits);
  if (!fits) return detail::aes::zero(out);
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kNettleLen);
  const Block tag = detail::aes::siv_tag(key, head, plaintext.reveal());
  std::memcpy(out.data(), tag.data(), kTagLen);
  detail::aes::siv_crypt(key, tag, plaintext.reveal(), out.data() + kTagLen);
}

bool siv_open(const SivKey& key, const SivHead& head, std::span<const std::uint8_t> sealed,
              std::span<std::uint8_t> out) noexcept {
  if (sealed.size() < kTagLen || out.size() != sealed.size() - kTagLen) {
    detail::aes::zero(out);
    return false;
  }
  const detail::aes::StackWiper wiper(detail::aes::StackWiper::kNettleLen);
  Block tag;
  std::memcpy(tag.data(), sealed.data(), kTagLen);
  detail::aes::siv_crypt(key, tag, sealed.subspan(kTagLen), out.data());
  const Block wanted = detail::aes::siv_tag(key, head, out);
  const bool genuine = crypto_verify_16(wanted.data(), tag.data()) == 0;
  if (!genuine) detail::aes::zero(out);
  return genuine;
}

void siv_seal(const SivKey& key, std::span<const std::uint8_t> label,
              std::span<const std::uint8_t> bound, SecretView plaintext,
              std::span<std::uint8_t> out) noexcept {
  assert(!bound.empty());
  if (bound.empty()) return detail::aes::zero(out);
  SivHead head = siv_head(key, label, bound);
  siv_seal(key, head, plaintext, out);
  wipe(&head, sizeof head);
}

bool siv_open(const SivKey& key, std::span<const std::uint8_t> label,
              std::span<const std::uint8_t> bound, std::span<const std::uint8_t> sealed,
              std::span<std::uint8_t> out) noexcept {
  if (bound.empty()) {
    detail::aes::zero(out);
    return false;
  }
  SivHead head = siv_head(key, label, bound);
  const bool genuine = siv_open(key, head, sealed, out);
  wipe(&head, sizeof head);
  return genuine;
}

}  // namespace strongroom
