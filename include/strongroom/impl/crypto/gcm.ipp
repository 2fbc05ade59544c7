// gcm.ipp: AES-256-GCM by three libraries that give the same bytes, and the kernel's random bytes.
//
// libsodium is the fastest on short messages, libcrypto on long ones, and Botan serves where
// neither does. None keeps a key: every call sets its own up and lets it go wiped.
#include <botan/aead.h>
#include <sodium.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>

#include "strongroom/impl/crypto/aead.hpp"

#if STRONGROOM_HAVE_LIBCRYPTO
#include <openssl/err.h>
#include <openssl/evp.h>
#endif

namespace strongroom {
namespace detail::gcm {

using Bytes = std::span<const std::uint8_t>;
using Out = std::span<std::uint8_t>;

constexpr std::size_t kMaxHeadLen = 64;

// From this plaintext length libcrypto is faster, with cold caches a little later. CPU time in ns,
// the tenth percentile of 201 rounds, of libsodium 1.0.18 / OpenSSL 3.0 on an AMD EPYC (Zen 4), with a
// 16-byte head and 48 bytes of associated data:
//   plaintext       80       512       896      1024      1088      1280      2048      4096
//   seal       240/513   441/621   652/704   730/738   811/755   867/788  1309/976 2548/1419
//   open       216/474   416/569   658/653   744/691   830/704   875/738  1358/933 2633/1390
constexpr std::size_t kLibcryptoFrom = 1024;

struct Call {
  Bytes key;
  Bytes nonce;
  Bytes associated;
};

static Error refused(Out out, Code code, const char* why) {
  if (!out.empty()) sodium_memzero(out.data(), out.size());
  return Error{code, why};
}

static Error provider_failed(Out out) {
  return refused(out, Code::internal, "the AES-256-GCM provider failed");
}

static Error did_not_authenticate(Out out) {
  return refused(out, Code::corrupt, "the ciphertext did not authenticate");
}

static Error not_here(Out out) {
  return refused(out, Code::unsupported,
                 "this AES-256-GCM provider was not built in or needs a CPU "
                 "with AES instructions");
}

static void append(std::uint8_t*& to, SecretView from) noexcept {
  if (from.empty()) return;
  std::memcpy(to, from.reveal().data(), from.size());
  to += from.size();
}

// libsodium

// libsodium draws a canary when it starts, and ends the process where it gets no random bytes: so it starts
// when this code is loaded, before a host can have taken getrandom(2) away. Where the host started it, this
// changes nothing.
[[maybe_unused]] const bool started_at_load = sodium_init() >= 0;

static bool libsodium_available() noexcept {
  static const bool available = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;
  return available;
}

// libsodium leaves pieces of key and plaintext on the stack.
constexpr std::size_t kLibsodiumStackLen = 1280;

static Result<void> libsodium_seal_whole(const Call& call, SecretView plaintext, Out out) {
  crypto_aead_aes256gcm_encrypt(out.data(), nullptr, plaintext.reveal().data(), plaintext.size(),
                                call.associated.data(), call.associated.size(), nullptr,
                                call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  return {};
}

// libsodium takes one piece of plaintext, so two are put together in locked memory first.
static Result<void> libsodium_seal(const Call& call, SecretView head, SecretView body, Out out) {
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
static Result<void> libsodium_open(const Call& call, Bytes sealed, Out out) {
  const int status = crypto_aead_aes256gcm_decrypt(
      out.data(), nullptr, nullptr, sealed.data(), sealed.size(), call.associated.data(),
      call.associated.size(), call.nonce.data(), call.key.data());
  sodium_stackzero(kLibsodiumStackLen);
  if (status != 0) return did_not_authenticate(out);
  return {};
}

// libcrypto

#if STRONGROOM_HAVE_LIBCRYPTO

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// evp_cipher looks the algorithm up once: a lookup costs more than sealing 1 KiB. It holds no key
// and is never freed, since it may be needed until the last static is gone.
static const EVP_CIPHER* evp_cipher() noexcept {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

static bool libcrypto_available() noexcept {
  return evp_cipher() != nullptr;
}

// evp_update feeds in to the cipher in pieces that fit an int; out null means associated data.
static bool evp_update(EVP_CIPHER_CTX* context, std::uint8_t* out, Bytes in) noexcept {
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  while (!in.empty()) {
    const Bytes piece = in.first(std::min(in.size(), kPiece));
    const int len = static_cast<int>(piece.size());
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, piece.data(), len) != 1 || written != len)
      return false;
    if (out != nullptr) out += len;
    in = in.subspan(piece.size());
  }
  return true;
}

static bool evp_begin(EVP_CIPHER_CTX* context, const Call& call, bool seal) noexcept {
  return context != nullptr &&
         EVP_CipherInit_ex2(context, evp_cipher(), call.key.data(), call.nonce.data(), seal ? 1 : 0,
                            nullptr) == 1 &&
         evp_update(context, nullptr, call.associated);
}

static bool evp_seal(const Call& call, SecretView head, SecretView body, Out out) noexcept {
  const Context context(EVP_CIPHER_CTX_new());
  std::uint8_t* const tag = out.data() + head.size() + body.size();
  int written = 0;
  return evp_begin(context.get(), call, true) &&
         evp_update(context.get(), out.data(), head.reveal()) &&
         evp_update(context.get(), out.data() + head.size(), body.reveal()) &&
         EVP_CipherFinal_ex(context.get(), tag, &written) == 1 && written == 0 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagLen, tag) == 1;
}

// A failure of libcrypto (a wrong tag is none) leaves an entry in the thread's queue, in which the
// host's next SSL_get_error would stumble over it. Marking the queue in every call would cost 33
// ns.
static Error libcrypto_failed(Out out) {
  ERR_clear_error();
  return provider_failed(out);
}

static Result<void> libcrypto_seal(const Call& call, SecretView head, SecretView body, Out out) {
  if (!evp_seal(call, head, body, out)) return libcrypto_failed(out);
  return {};
}

static Result<void> libcrypto_open(const Call& call, Bytes sealed, Out out) {
  const Context context(EVP_CIPHER_CTX_new());
  const Bytes ciphertext = sealed.first(out.size());
  std::uint8_t tag[kTagLen];
  std::memcpy(tag, sealed.data() + out.size(), kTagLen);
  const bool decrypted =
      evp_begin(context.get(), call, false) && evp_update(context.get(), out.data(), ciphertext) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagLen, tag) == 1;
  if (!decrypted) return libcrypto_failed(out);
  std::uint8_t none[kBlockLen];
  int written = 0;
  if (EVP_CipherFinal_ex(context.get(), none, &written) != 1) return did_not_authenticate(out);
  return {};
}

#else

bool libcrypto_available() noexcept {
  return false;
}
Result<void> libcrypto_seal(const Call&, SecretView, SecretView, Out out) {
  return provider_failed(out);
}
Result<void> libcrypto_open(const Call&, Bytes, Out out) {
  return provider_failed(out);
}

#endif

// Botan

// Debian's Botan is bound lazily: at the first call of a function the dynamic linker saves all
// vector registers, with whatever is in them, on the stack.
constexpr std::size_t kBotanStackLen = 16'384;

static std::unique_ptr<Botan::AEAD_Mode> botan_mode(Botan::Cipher_Dir direction) {
  return Botan::AEAD_Mode::create("AES-256/GCM", direction);
}

// botan_available comes before every use of Botan, which makes its allocator in a static of its own
// code at the first one. ThreadSanitizer does not see into that static, but it does into ours.
static bool botan_available() noexcept {
  static const bool available = [] {
    try {
      return botan_mode(Botan::ENCRYPTION) != nullptr;
    } catch (const std::exception&) {
      return false;
    }
  }();
  return available;
}

static std::unique_ptr<Botan::AEAD_Mode> botan_begin(const Call& call,
                                                     Botan::Cipher_Dir direction) {
  auto mode = botan_mode(direction);
  mode->set_key(call.key.data(), call.key.size());
  mode->set_associated_data(call.associated.data(), call.associated.size());
  mode->start(call.nonce.data(), call.nonce.size());
  return mode;
}

static Result<void> botan_seal(const Call& call, SecretView head, SecretView body, Out out) try {
  const auto mode = botan_begin(call, Botan::ENCRYPTION);
  Botan::secure_vector<std::uint8_t> text;
  text.reserve(out.size());  // growing later would copy
  text.resize(head.size() + body.size());
  std::uint8_t* to = text.data();
  append(to, head);
  append(to, body);
  mode->finish(text);
  if (text.size() != out.size()) return provider_failed(out);
  std::memcpy(out.data(), text.data(), text.size());
  return {};
} catch (const std::exception&) {
  return provider_failed(out);
}

static Result<void> botan_open(const Call& call, Bytes sealed, Out out) try {
  const auto mode = botan_begin(call, Botan::DECRYPTION);
  Botan::secure_vector<std::uint8_t> text(sealed.begin(), sealed.end());
  mode->finish(text);
  if (text.size() != out.size()) return provider_failed(out);
  if (!out.empty()) std::memcpy(out.data(), text.data(), text.size());
  return {};
} catch (const Botan::Invalid_Authentication_Tag&) {
  return did_not_authenticate(out);
} catch (const std::exception&) {
  return provider_failed(out);
}

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
      return detail::gcm::refused(out, Code::internal, "the kernel gave no random bytes");
    filled += static_cast<std::size_t>(got);
  }
  return {};
}

bool gcm_available(GcmProvider provider) noexcept {
  switch (provider) {
    case GcmProvider::best:
      return detail::gcm::libsodium_available() || detail::gcm::libcrypto_available() ||
             detail::gcm::botan_available();
    case GcmProvider::libsodium:
      return detail::gcm::libsodium_available();
    case GcmProvider::libcrypto:
      return detail::gcm::libcrypto_available();
    case GcmProvider::botan:
      return detail::gcm::botan_available();
  }
  return false;
}

Result<void> gcm_seal(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated, SecretView head, SecretView body,
                      std::span<std::uint8_t> out, GcmProvider provider) {
  const std::size_t plaintext_len = head.size() + body.size();
  if (head.size() > detail::gcm::kMaxHeadLen || out.size() != plaintext_len + kTagLen) {
    return detail::gcm::refused(out, Code::invalid, "the sizes for sealing did not fit together");
  }
  const GcmProvider by = detail::gcm::chosen(provider, plaintext_len);
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  const detail::gcm::Call call{key, nonce, associated};
  if (by == GcmProvider::libsodium) return detail::gcm::libsodium_seal(call, head, body, out);
  if (by == GcmProvider::libcrypto) return detail::gcm::libcrypto_seal(call, head, body, out);
  auto sealed = detail::gcm::botan_seal(call, head, body, out);
  sodium_stackzero(detail::gcm::kBotanStackLen);
  return sealed;
}

Result<void> gcm_open(std::span<const std::uint8_t, kKeyLen> key,
                      std::span<const std::uint8_t, kGcmNonceLen> nonce,
                      std::span<const std::uint8_t> associated,
                      std::span<const std::uint8_t> sealed, std::span<std::uint8_t> out,
                      GcmProvider provider) {
  if (sealed.size() < kTagLen)
    return detail::gcm::refused(out, Code::corrupt, "the ciphertext was cut short");
  if (out.size() != sealed.size() - kTagLen) {
    return detail::gcm::refused(out, Code::invalid, "the sizes for opening did not fit together");
  }
  const GcmProvider by = detail::gcm::chosen(provider, out.size());
  if (!gcm_available(by)) return detail::gcm::not_here(out);
  const detail::gcm::Call call{key, nonce, associated};
  if (by == GcmProvider::libsodium) return detail::gcm::libsodium_open(call, sealed, out);
  if (by == GcmProvider::libcrypto) return detail::gcm::libcrypto_open(call, sealed, out);
  auto opened = detail::gcm::botan_open(call, sealed, out);
  sodium_stackzero(detail::gcm::kBotanStackLen);
  return opened;
}

}  // namespace strongroom
