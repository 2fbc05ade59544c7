// slot_key.ipp: the bodies of slot_key.hpp.
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail::slot_key {

// slot_subkey derives one of a slot key's two subkeys.
static Result<SecretBytes> slot_subkey(SecretView slot_key, std::uint64_t number) {
  if (slot_key.size() != kKeyLen) return Error{Code::internal, "a slot key was not 32 bytes"};
  auto subkey = SecretBytes::for_key(kKeyLen);
  STRONGROOM_TRY(subkey);
  crypto_kdf_derive_from_key(subkey->reveal_mutable().data(), kKeyLen, number, "sr slot ",
                             slot_key.reveal().data());
  return subkey;
}

// seal_box is libsodium's crypto_box_seal, except that we make the ephemeral key. libsodium would make it
// itself, and end the process when the kernel has no random bytes.
// Errors  internal: no randomness, or public_key is no point of the curve.  unavailable: no key memory.
static Result<void> seal_box(std::span<const std::uint8_t, kKeyLen> public_key, SecretView message,
                             std::span<std::uint8_t> out) {
  STRONGROOM_ASSIGN(ephemeral, SecretBytes::for_key(kKeyLen));
  STRONGROOM_TRY(random_bytes(ephemeral.reveal_mutable()));
  std::array<std::uint8_t, 2 * kKeyLen> keys;  // ephemeral public key, public key
  std::copy_n(public_key.begin(), kKeyLen, keys.begin() + kKeyLen);
  std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce;
  const bool sealed =
      crypto_scalarmult_base(keys.data(), ephemeral.reveal().data()) == 0 &&
      crypto_generichash(nonce.data(), nonce.size(), keys.data(), keys.size(), nullptr, 0) == 0 &&
      crypto_box_easy(out.data() + kKeyLen, message.reveal().data(), message.size(), nonce.data(),
                      public_key.data(), ephemeral.reveal().data()) == 0;
  if (!sealed) return Error{Code::internal, "a slot's public key was not a point of the curve"};
  std::copy_n(keys.begin(), kKeyLen, out.begin());
  return {};
}

}  // namespace strongroom::detail::slot_key

namespace strongroom {

Result<SecretBytes> wrap_key_of(SecretView slot_key) {
  STRONGROOM_ASSIGN(authentication, detail::slot_key::slot_subkey(slot_key, 1));
  STRONGROOM_ASSIGN(box, detail::slot_key::slot_subkey(slot_key, 2));
  auto wrap_key = SecretBytes::for_key(kWrapKeyLen);
  STRONGROOM_TRY(wrap_key);
  const auto out = wrap_key->reveal_mutable();
  std::copy_n(authentication.reveal().begin(), kKeyLen, out.begin());
  crypto_scalarmult_base(out.data() + kKeyLen, box.reveal().data());
  return wrap_key;
}

Result<std::vector<std::uint8_t>> wrap_root(SecretView wrap_key,
                                            std::span<const std::uint8_t> context,
                                            SecretView root) {
  if (wrap_key.size() != kWrapKeyLen || root.size() != kKeyLen) {
    return Error{Code::internal, "a wrap key or root key was of the wrong size"};
  }
  STRONGROOM_ASSIGN(boxed, SecretBytes::for_key(crypto_box_SEALBYTES + kKeyLen));
  STRONGROOM_TRY(
      detail::slot_key::seal_box(wrap_key.reveal().last<kKeyLen>(), root, boxed.reveal_mutable()));
  return seal_blob(wrap_key.first(kKeyLen), context, boxed.view());
}

Result<SecretBytes> unwrap_root(SecretView slot_key, std::span<const std::uint8_t> context,
                                std::span<const std::uint8_t> wrapped) {
  if (wrapped.size() != kWrappedRootLen) {
    return Error{Code::corrupt, "an unseal slot was cut short"};
  }
  STRONGROOM_ASSIGN(authentication, detail::slot_key::slot_subkey(slot_key, 1));
  STRONGROOM_ASSIGN(boxed, open_blob(authentication.view(), context, wrapped));
  STRONGROOM_ASSIGN(box, detail::slot_key::slot_subkey(slot_key, 2));
  std::array<std::uint8_t, kKeyLen> public_key;
  crypto_scalarmult_base(public_key.data(), box.reveal().data());
  auto root = SecretBytes::for_key(kKeyLen);
  STRONGROOM_TRY(root);
  if (crypto_box_seal_open(root->reveal_mutable().data(), boxed.reveal().data(), boxed.size(),
                           public_key.data(), box.reveal().data()) != 0) {
    return Error{Code::corrupt, "a wrapped root key did not open"};
  }
  return root;
}

}  // namespace strongroom
