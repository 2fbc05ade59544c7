// credential.ipp: the bodies of credential.hpp.
#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "strongroom/credential.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace detail::credential {

constexpr std::size_t kCheckLen = 4;
constexpr std::size_t kShareLen = 1 + kKeyLen;  // x, y
constexpr std::size_t kShareHead = 1 + sizeof(ShareSetId);
constexpr std::size_t kKeyHead = 1 + sizeof(StoreId) + 4;
constexpr std::size_t kMaxRaw = kKeyHead + kKeyLen + kCheckLen;

static Error not_one() {
  return {Code::invalid,
          "a credential was neither a share nor a key of strongroom; expected one line of 92 "
          "or 114 hex digits"};
}

// decode tells hex from base64 by the text's length. It returns the number of bytes, 0 for neither.
static std::size_t decode(SecretView text, std::span<std::uint8_t> out) noexcept {
  constexpr std::size_t share_len = kShareHead + kShareLen + kCheckLen;
  const char* const in = text.reveal_text().data();
  std::size_t len = 0;
  const char* end = nullptr;
  if (text.size() == 2 * share_len || text.size() == 2 * kMaxRaw) {
    sodium_hex2bin(out.data(), out.size(), in, text.size(), nullptr, &len, &end);
  } else {
    const bool padded = !text.empty() && text.reveal().back() == '=';
    const int variant =
        padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    if (sodium_base642bin(out.data(), out.size(), in, text.size(), nullptr, &len, &end, variant) !=
        0) {
      return 0;
    }
  }
  return end == in + text.size() ? len : 0;
}

static SecretView trim(SecretView text) noexcept {
  const auto space = [](std::uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  auto bytes = text.reveal();
  while (!bytes.empty() && space(bytes.front())) bytes = bytes.subspan(1);
  while (!bytes.empty() && space(bytes.back())) bytes = bytes.first(bytes.size() - 1);
  return SecretView(bytes);
}

}  // namespace detail::credential

Result<SecretBytes> Credential::text() const {
  const std::size_t head_len =
      kind == Kind::share ? detail::credential::kShareHead : detail::credential::kKeyHead;
  if (secret.size() != (kind == Kind::share ? detail::credential::kShareLen : kKeyLen)) {
    return Error{Code::invalid, "a credential without its secret cannot be written"};
  }
  if (!secret.intact()) {
    return Error{Code::sealed, "a credential belonged to the parent process"};
  }
  STRONGROOM_ASSIGN(raw,
                    SecretBytes::for_key(head_len + secret.size() + detail::credential::kCheckLen));
  auto bytes = raw.reveal_mutable();
  bytes[0] = static_cast<std::uint8_t>(kind);
  if (kind == Kind::share) {
    std::memcpy(bytes.data() + 1, set.data(), set.size());
  } else {
    std::memcpy(bytes.data() + 1, store.data(), store.size());
    put_be(bytes.subspan(1 + store.size()).first<4>(), slot);
  }
  std::memcpy(bytes.data() + head_len, secret.reveal().data(), secret.size());
  const auto body = bytes.first(bytes.size() - detail::credential::kCheckLen);
  std::memcpy(bytes.data() + body.size(), digest(body).data(), detail::credential::kCheckLen);
  auto hex = SecretBytes::for_key(2 * bytes.size() + 1);
  STRONGROOM_TRY(hex);
  auto out = hex->reveal_mutable();
  sodium_bin2hex(reinterpret_cast<char*>(out.data()), out.size(), bytes.data(), bytes.size());
  hex->keep(0, 2 * bytes.size());
  return hex;
}

Result<Credential> Credential::parse(SecretView text) {
  text = detail::credential::trim(text);
  if (text.size() > 2 * detail::credential::kMaxRaw) return detail::credential::not_one();
  STRONGROOM_ASSIGN(raw, SecretBytes::for_key(detail::credential::kMaxRaw));
  auto bytes = raw.reveal_mutable();
  const std::size_t len = detail::credential::decode(text, bytes);
  if (len == 0) return detail::credential::not_one();
  bytes = bytes.first(len);
  Credential credential;
  if (bytes[0] == 1 && len == detail::credential::kShareHead + detail::credential::kShareLen +
                                  detail::credential::kCheckLen) {
    credential.kind = Kind::share;
    std::memcpy(credential.set.data(), bytes.data() + 1, sizeof(ShareSetId));
  } else if (bytes[0] == 2 &&
             len == detail::credential::kKeyHead + kKeyLen + detail::credential::kCheckLen) {
    credential.kind = Kind::key;
    std::memcpy(credential.store.data(), bytes.data() + 1, sizeof(StoreId));
    credential.slot = static_cast<SlotId>(get_be(bytes.subspan(1 + sizeof(StoreId)).first<4>()));
  } else {
    return detail::credential::not_one();
  }
  const auto body = bytes.first(len - detail::credential::kCheckLen);
  if (sodium_memcmp(digest(body).data(), bytes.data() + body.size(),
                    detail::credential::kCheckLen) != 0) {
    return Error{Code::invalid,
                 "a share or key was mistyped: its check digits did not match; copy it again"};
  }
  STRONGROOM_ASSIGN(secret, SecretBytes::copy_key(body.subspan(
                                credential.kind == Kind::share ? detail::credential::kShareHead
                                                               : detail::credential::kKeyHead)));
  credential.secret = std::move(secret);
  return credential;
}

}  // namespace strongroom
