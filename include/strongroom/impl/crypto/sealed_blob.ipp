// sealed_blob.ipp: the bodies of sealed_blob.hpp.
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail::sealed_blob {

// blob_key derives the AES-256-GCM key of one nonce into key memory of its own.
static Result<SecretBytes> blob_key(SecretView key, const XaesNonce& nonce) {
  if (key.size() != kKeyLen) return Error{Code::internal, "a key was not 32 bytes"};
  auto schedule = SecretBytes::for_key(sizeof(XaesKey));
  if (!schedule) return schedule;
  auto derived = SecretBytes::for_key(kKeyLen);
  if (!derived) return derived;
  auto& xaes = *reinterpret_cast<XaesKey*>(schedule->reveal_mutable().data());
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
  if (auto random = random_bytes(nonce); !random) return std::move(random).error();
  auto derived = detail::sealed_blob::blob_key(key, nonce);
  if (!derived) return std::move(derived).error();
  std::copy(nonce.begin(), nonce.end(), blob.begin());
  auto sealed = gcm_seal(derived->reveal().first<kKeyLen>(), std::span(nonce).last<kGcmNonceLen>(),
                         context, {}, plaintext, std::span(blob).subspan(kXaesNonceLen));
  if (!sealed) return std::move(sealed).error();
  return blob;
}

Result<SecretBytes> open_blob(SecretView key, std::span<const std::uint8_t> context,
                              std::span<const std::uint8_t> blob) {
  if (blob.size() < kBlobOverhead) return Error{Code::corrupt, "a sealed key was cut short"};
  XaesNonce nonce{};
  std::copy_n(blob.begin(), kXaesNonceLen, nonce.begin());
  auto derived = detail::sealed_blob::blob_key(key, nonce);
  if (!derived) return derived;
  auto plaintext = SecretBytes::for_key(blob.size() - kBlobOverhead);
  if (!plaintext) return plaintext;
  auto opened = gcm_open(derived->reveal().first<kKeyLen>(), std::span(nonce).last<kGcmNonceLen>(),
                         context, blob.subspan(kXaesNonceLen), plaintext->reveal_mutable());
  if (!opened) return std::move(opened).error();
  return plaintext;
}

}  // namespace strongroom
