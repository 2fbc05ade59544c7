// credential.hpp: what a human or a file holds that opens a slot, as text that can be copied.
//
// Both are one line of lower-case hex with a check at the end, so that a mistyped one is told from a
// wrong one, and with the number of the set or store they belong to, so that a foreign one is named.
// The same bytes in base64 are taken as well, since both are how shares are printed elsewhere. They
// are secrets: print them once, to the one who keeps them.
//
//   share     1 | set id (8)   | x (1)      | y (32)   | check (4)      92 hex digits
//   key file  2 | store id (16) | slot id (4) | key (32) | check (4)     114 hex digits
//
// check is the first four bytes of BLAKE2b-256 of what goes before it.
#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

using ShareSetId = std::array<std::uint8_t, 8>;
using Digest = std::array<std::uint8_t, 32>;

// digest is unkeyed BLAKE2b-256 of the parts, one after the other.
template <typename... Parts>
Digest digest(const Parts&... parts) noexcept {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, sizeof(Digest));
  (crypto_generichash_update(&state, std::data(parts), std::size(parts)), ...);
  Digest out;
  crypto_generichash_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof state);
  return out;
}

struct Credential {
  enum class Kind : std::uint8_t { share = 1, key = 2 };

  Kind kind = Kind::key;
  ShareSetId set{};    // of a share
  StoreId store{};     // of a key
  SlotId slot = 0;     // of a key
  SecretBytes secret;  // share: x then y (33 bytes); key: 32 bytes; in key memory

  // text writes the credential as one line of hex, without a newline, in key memory.
  // Errors  invalid: the secret is not of its kind's size.  sealed: a fork wiped it.  unavailable.
  Result<SecretBytes> text() const {
    const std::size_t head_len = kind == Kind::share ? kShareHead : kKeyHead;
    if (secret.size() != (kind == Kind::share ? kShareLen : kKeyLen)) {
      return Error{Code::invalid, "a credential without its secret can not be written"};
    }
    if (!secret.intact()) {
      return Error{Code::sealed, "a credential belonged to the parent process"};
    }
    auto raw = SecretBytes::for_key(head_len + secret.size() + kCheckLen);
    if (!raw) return raw;
    auto bytes = raw->reveal_mutable();
    bytes[0] = static_cast<std::uint8_t>(kind);
    if (kind == Kind::share) {
      std::memcpy(bytes.data() + 1, set.data(), set.size());
    } else {
      std::memcpy(bytes.data() + 1, store.data(), store.size());
      put_be(bytes.subspan(1 + store.size()).first<4>(), slot);
    }
    std::memcpy(bytes.data() + head_len, secret.reveal().data(), secret.size());
    const auto body = bytes.first(bytes.size() - kCheckLen);
    std::memcpy(bytes.data() + body.size(), digest(body).data(), kCheckLen);
    auto hex = SecretBytes::for_key(2 * bytes.size() + 1);
    if (!hex) return hex;
    auto out = hex->reveal_mutable();
    sodium_bin2hex(reinterpret_cast<char*>(out.data()), out.size(), bytes.data(), bytes.size());
    hex->keep(0, 2 * bytes.size());
    return hex;
  }

  // parse reads that line back, or the same bytes in base64; white space around it is dropped, upper
  // case is taken. Errors  invalid: not a share or key, or mistyped. It says what to look at, never
  // the text.
  static Result<Credential> parse(SecretView text) {
    text = trim(text);
    if (text.size() > 2 * kMaxRaw) return not_one();
    auto raw = SecretBytes::for_key(kMaxRaw);
    if (!raw) return std::move(raw).error();
    auto bytes = raw->reveal_mutable();
    const std::size_t len = decode(text, bytes);
    if (len == 0) return not_one();
    bytes = bytes.first(len);
    Credential credential;
    if (bytes[0] == 1 && len == kShareHead + kShareLen + kCheckLen) {
      credential.kind = Kind::share;
      std::memcpy(credential.set.data(), bytes.data() + 1, sizeof(ShareSetId));
    } else if (bytes[0] == 2 && len == kKeyHead + kKeyLen + kCheckLen) {
      credential.kind = Kind::key;
      std::memcpy(credential.store.data(), bytes.data() + 1, sizeof(StoreId));
      credential.slot = static_cast<SlotId>(get_be(bytes.subspan(1 + sizeof(StoreId)).first<4>()));
    } else {
      return not_one();
    }
    const auto body = bytes.first(len - kCheckLen);
    if (sodium_memcmp(digest(body).data(), bytes.data() + body.size(), kCheckLen) != 0) {
      return Error{Code::invalid, "a share or key was mistyped: its check digits did not match"};
    }
    auto secret =
        SecretBytes::copy_key(body.subspan(credential.kind == Kind::share ? kShareHead : kKeyHead));
    if (!secret) return std::move(secret).error();
    credential.secret = std::move(secret).value();
    return credential;
  }

 private:
  static constexpr std::size_t kCheckLen = 4;
  static constexpr std::size_t kShareLen = 1 + kKeyLen;  // x, y
  static constexpr std::size_t kShareHead = 1 + sizeof(ShareSetId);
  static constexpr std::size_t kKeyHead = 1 + sizeof(StoreId) + 4;
  static constexpr std::size_t kMaxRaw = kKeyHead + kKeyLen + kCheckLen;

  static Error not_one() {
    return {Code::invalid,
            "a credential was neither a share nor a key of strongroom: one line of 92 "
            "or 114 hex digits was expected"};
  }

  // decode tells the two forms by their length, and gives that of the bytes, 0 for neither.
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
      if (sodium_base642bin(out.data(), out.size(), in, text.size(), nullptr, &len, &end,
                            variant) != 0) {
        return 0;
      }
    }
    return end == in + text.size() ? len : 0;
  }

  static SecretView trim(SecretView text) noexcept {
    const auto space = [](std::uint8_t c) {
      return c == ' ' || c == '\t' || c == '\r' || c == '\n';
    };
    auto bytes = text.reveal();
    while (!bytes.empty() && space(bytes.front())) bytes = bytes.subspan(1);
    while (!bytes.empty() && space(bytes.back())) bytes = bytes.first(bytes.size() - 1);
    return SecretView(bytes);
  }
};

}  // namespace strongroom
