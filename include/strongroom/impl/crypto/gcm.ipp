// gcm.ipp: AES-256-GCM by libraries that return the same bytes, and the kernel's random bytes.
//
// libsodium is the fastest on short messages, libcrypto on long ones, and Botan is used where neither
// works (aes_providers.hpp). None keeps a key: every call sets up its own and wipes it.
#include <sodium.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_internal.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {
namespace detail::gcm {

using Bytes = std::span<const std::uint8_t>;
using Out = std::span<std::uint8_t>;

constexpr std::size_t kMaxHeadLen = 64;

// From this plaintext length on, libcrypto is faster; with cold caches from a little more. CPU time in
// ns, the tenth percentile of 201 rounds, of libsodium 1.0.18 / OpenSSL 3.0 on an AMD EPYC (Zen 4), with
// a 16-byte head and 48 bytes of associated data:
//   plaintext       80       512       896      1024      1088      1280      2048      4096
//   seal       240/513   441/621   652/704   730/738   811/755   867/788  1309/976 2548/1419
//   open       216/474   416/569   658/653   744/691   830/704   875/738  1358/933 2633/1390
constexpr std::size_t kLibcryptoFrom = 1024;

static Error not_here(Out out) {
  return gcm_refused(out, Code::unsupported,
                     "this AES-256-GCM provider was not built in or needs a CPU "
                     "with AES instructions");
}

// libsodium

// libsodium makes a random canary when it starts, and ends the process if it gets no random bytes. So we
// start it when this code is loaded, before a host can have blocked getrandom(2). If the host has started
// it already, this changes nothing.
[[maybe_unused]] const bool started_at_load = sodium_init() >= 0;

static bool libsodium_available() noexcept {
  static const bool available = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;
  return available;
}

// libsodium leaves pieces of key and plaintext on the stack.
constexpr std::size_t kLibsodiumStackLen = 1280;

static Result<void> libsodium_seal_whole(const GcmCall& call, SecretView plaintext, Out out) {
  crypto_aead_aes256gcm_encrypt(out.data(), nullptr, plaintext.reveal().data(), plaintext.size(),
                                call.associated.data(), call.associated.size(), nullptr,
                                call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  return {};
}

// libsodium takes one piece of plaintext, so two pieces are joined in locked memory first.
static Result<void> libsodium_seal(const GcmCall& call, SecretView head, SecretView body, Out out) {
  if (head.empty()) return libsodium_seal_whole(call, body, out);
  if (body.empty()) return libsodium_seal_whole(call, head, out);
  auto joined = SecretBytes::for_value(head.size() + body.size());
  if (!joined) {
    sodium_memzero(out.data(), out.size());
    return std::move(joined).error();
  }
  std::uint8_t* to = joined->reveal_mutable().data();
  append(to, head);
  append(to, body);
  return libsodium_seal_whole(call, joined->view(), out);
}

// libsodium compares the tag before it writes any plaintext.
static Result<void> libsodium_open(const GcmCall& call, Bytes sealed, Out out) {
  const int status = crypto_aead_aes256gcm_decrypt(
      out.data(), nullptr, nullptr, sealed.data(), sealed.size(), call.associated.data(),
      call.associated.size(), call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  if (status != 0) return gcm_not_authentic(out);
  return {};
}

// Debian's Botan is bound lazily: at the first call of a function, the dynamic linker saves all vector
// registers, with whatever is in them, on the stack.
constexpr std::size_t kBotanStackLen = 16'384;

static GcmProvider chosen(GcmProvider asked, std::size_t plaintext_len) noexcept {
  if (asked != GcmProvider::best) return asked;
  if (plaintext_len >= kLibcryptoFrom && libcrypto_available()) return GcmProvider::libcrypto;
  if (libsodium_available()) return GcmProvider::libsodium;
  return libcrypto_available() ? GcmProvider::libcrypto : GcmProvider::botan;
}

}  // namespace detail::gcm

Result<void> random_bytes(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::getrandom(out.data() + filled, out.size() - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return detail::gcm_refused(out, Code::internal, "the kernel gave no random bytes");
    filled += static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> check_aes() {
  const bool blocks = !detail::aes_is_portable() || detail::botan_available();
  if (blocks && gcm_available(GcmProvider::best)) return {};
  return Error{
      Code::unsupported,
      "this CPU has no AES instructions, and strongroom was built without Botan, whose AES "
      "takes the same time whatever the key; build it with Botan"};
}

bool gcm_available(GcmProvider provider) noexcept {
  switch (provider) {
    case GcmProvider::best:
      return detail::gcm::libsodium_available() || detail::libcrypto_available() ||
             detail::botan_available();
    case GcmProvider::libsodium:
      return detail::gcm::libsodium_available();
    case GcmProvider::libcrypto:
      return detail::libcrypto_available();
    case GcmProvider::botan:
      return detail::botan_available();
  }
  return false;
}

Result<void> gcm_seal(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated, SecretView head, SecretView body,
                      std::span<std::uint8_t> out, GcmProvider provider) {
  const std::size_t plaintext_len = head.size() + body.size();
  if (head.size() > detail::gcm::kMaxHeadLen || out.size() != plaintext_len + kTagLen) {
    return detail::gcm_refused(out, Code::invalid, "the sizes for sealing did not fit together");
  }
  const GcmProvider by = detail::gcm::chosen(provider, plaintext_len);
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  const detail::GcmCall call{key, nonce, associated};
  if (by == GcmProvider::libsodium) return detail::gcm::libsodium_seal(call, head, body, out);
  if (by == GcmProvider::libcrypto) return detail::libcrypto_seal(call, head, body, out);
  auto sealed = detail::botan_seal(call, head, body, out);
  sodium_stackzero(detail::gcm::kBotanStackLen);
  return sealed;
}

Result<void> gcm_open(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated,
                      std::span<const std::uint8_t> sealed, std::span<std::uint8_t> out,
                      GcmProvider provider) {
  if (sealed.size() < kTagLen)
    return detail::gcm_refused(out, Code::corrupt, "the ciphertext was cut short");
  if (out.size() != sealed.size() - kTagLen) {
    return detail::gcm_refused(out, Code::invalid, "the sizes for opening did not fit together");
  }
  const GcmProvider by = detail::gcm::chosen(provider, out.size());
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  const detail::GcmCall call{key, nonce, associated};
  if (by == GcmProvider::libsodium) return detail::gcm::libsodium_open(call, sealed, out);
  if (by == GcmProvider::libcrypto) return detail::libcrypto_open(call, sealed, out);
  auto opened = detail::botan_open(call, sealed, out);
  sodium_stackzero(detail::gcm::kBotanStackLen);
  return opened;
}

}  // namespace strongroom
