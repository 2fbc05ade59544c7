// libcrypto_gcm.cpp: AES-256-GCM by OpenSSL's libcrypto, the fastest on long messages.
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// evp_cipher looks the algorithm up once: a lookup costs more than sealing 1 KiB. It holds no key
// and is never freed, since it may be needed until the last static is gone.
const EVP_CIPHER* evp_cipher() noexcept {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

// evp_update passes `in` to the cipher in pieces that fit an int. A null out means associated data.
bool evp_update(EVP_CIPHER_CTX* context, std::uint8_t* out,
                std::span<const std::uint8_t> in) noexcept {
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  while (!in.empty()) {
    const std::span<const std::uint8_t> piece = in.first(std::min(in.size(), kPiece));
    const int len = static_cast<int>(piece.size());
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, piece.data(), len) != 1 || written != len)
      return false;
    if (out != nullptr) out += len;
    in = in.subspan(piece.size());
  }
  return true;
}

bool evp_begin(EVP_CIPHER_CTX* context, const GcmCall& call, bool seal) noexcept {
  return context != nullptr &&
         EVP_CipherInit_ex2(context, evp_cipher(), call.key.data(), call.nonce.data(), seal ? 1 : 0,
                            nullptr) == 1 &&
         evp_update(context, nullptr, call.associated);
}

bool evp_seal(const GcmCall& call, SecretView head, SecretView body,
              std::span<std::uint8_t> out) noexcept {
  const Context context(EVP_CIPHER_CTX_new());
  std::uint8_t* const tag = out.data() + head.size() + body.size();
  int written = 0;
  return evp_begin(context.get(), call, true) &&
         evp_update(context.get(), out.data(), head.reveal()) &&
         evp_update(context.get(), out.data() + head.size(), body.reveal()) &&
         EVP_CipherFinal_ex(context.get(), tag, &written) == 1 && written == 0 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagLen, tag) == 1;
}

// A failure of libcrypto (a wrong tag is not one) leaves an entry in the thread's error queue, and the
// host's next SSL_get_error would report it. Marking the queue in every call would cost 33 ns.
GcmOutcome evp_failed() noexcept {
  ERR_clear_error();
  return GcmOutcome::failed;
}

bool evp_works() noexcept {
  return evp_cipher() != nullptr;
}

GcmOutcome libcrypto_seal(const GcmCall& call, SecretView head, SecretView body,
                          std::span<std::uint8_t> out) noexcept {
  return evp_seal(call, head, body, out) ? GcmOutcome::done : evp_failed();
}

GcmOutcome libcrypto_open(const GcmCall& call, std::span<const std::uint8_t> sealed,
                          std::span<std::uint8_t> out) noexcept {
  const Context context(EVP_CIPHER_CTX_new());
  const std::span<const std::uint8_t> ciphertext = sealed.first(out.size());
  std::uint8_t tag[kTagLen];
  std::memcpy(tag, sealed.data() + out.size(), kTagLen);
  const bool decrypted =
      evp_begin(context.get(), call, false) && evp_update(context.get(), out.data(), ciphertext) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagLen, tag) == 1;
  if (!decrypted) return evp_failed();
  std::uint8_t none[kBlockLen];
  int written = 0;
  return EVP_CipherFinal_ex(context.get(), none, &written) == 1 ? GcmOutcome::done
                                                                : GcmOutcome::not_authentic;
}

}  // namespace

const AesProvider& libcrypto_table() noexcept {
  static constexpr AesProvider kTable{AesProvider::kLayout, evp_works, libcrypto_seal,
                                      libcrypto_open, nullptr};
  return kTable;
}

}  // namespace strongroom::detail
