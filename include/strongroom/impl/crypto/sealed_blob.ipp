// sealed_blob.ipp: the bodies of sealed_blob.hpp.
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail::sealed_blob {

// blob_key derives the AES-256-GCM key of one nonce into key memory of its own.
static Result<SecretBytes> blob_key(SecretView key, const XaesNonce& nonce) {
  if (key.size() != kKeyLen) return Error{Code::internal, "a key was not 32 bytes"};
  STRONGROOM_TRY(check_aes());
  STRONGROOM_ASSIGN(schedule, SecretBytes::for_key(sizeof(XaesKey)));
  auto derived = SecretBytes::for_key(kKeyLen);
  STRONGROOM_TRY(derived);
  auto& xaes = *reinterpret_cast<XaesKey*>(schedule.reveal_mutable().data());
  set_key(xaes, key.reveal().first<kKeyLen>());
  xaes_derive(xaes, nonce, derived->reveal_mutable().first<kKeyLen>());
  return derived;
}

}  // namespace strongroom::detail::sealed_blob

namespace strongroom {

Result<std::vector<std::uint8_t>> seal_blob(SecretView key, std::span<const std::uint8_t> context,
                                            SecretView plaintext) {
  std::vector<std::uint8_t> blob(kBlobOverhead + plaintext.size());
  XaesNonce nonce{};
  STRONGROOM_TRY(random_bytes(nonce));
  STRONGROOM_ASSIGN(derived, detail::sealed_blob::blob_key(key, nonce));
  std::copy(nonce.begin(), nonce.end(), blob.begin());
  STRONGROOM_TRY(gcm_seal(derived.reveal().first<kKeyLen>(), std::span(nonce).last<kGcmNonceLen>(),
                          context, {}, plaintext, std::span(blob).subspan(kXaesNonceLen)));
  return blob;
}

Result<SecretBytes> open_blob(SecretView key, std::span<const std::uint8_t> context,
                              std::span<const std::uint8_t> blob) {
  if (blob.size() < kBlobOverhead) return Error{Code::corrupt, "a sealed key was cut short"};
  XaesNonce nonce{};
  std::copy_n(blob.begin(), kXaesNonceLen, nonce.begin());
  STRONGROOM_ASSIGN(derived, detail::sealed_blob::blob_key(key, nonce));
  auto plaintext = SecretBytes::for_key(blob.size() - kBlobOverhead);
  STRONGROOM_TRY(plaintext);
  STRONGROOM_TRY(gcm_open(derived.reveal().first<kKeyLen>(), std::span(nonce).last<kGcmNonceLen>(),
                          context, blob.subspan(kXaesNonceLen), plaintext->reveal_mutable()));
  return plaintext;
}

}  // namespace strongroom
