// raw_gcm.hpp: AES-256-GCM as fast as each library can do it with a fresh key for every record: the limit that
// sealing and opening are compared with. There is no wrapper of ours. Each binds as many associated bytes as
// an envelope does.
//
// Each class keeps everything that its library allows to be kept between records (a context, an object). Only
// the key is set up every time. open takes the ciphertext, then the tag, as seal wrote them.
#pragma once

#include <botan/aead.h>
#include <nettle/gcm.h>
#include <nettle/memops.h>
#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "strongroom/impl/crypto/aead.hpp"

#if STRONGROOM_COMPARE_LIBCRYPTO
#include <openssl/evp.h>
#endif

namespace strongroom::bench {

using Bytes = std::span<const std::uint8_t>;
using Out = std::span<std::uint8_t>;
using RawKey = std::array<std::uint8_t, 32>;

inline constexpr std::size_t kRawNonceLen = 12;
inline constexpr std::size_t kRawTagLen = 16;
inline constexpr std::size_t kRawHeadLen = 16;  // what an envelope seals in front of the value
inline constexpr std::array<std::uint8_t, 48> kRawAssociated{};

class RawLibsodium {
 public:
  static constexpr const char* kName = "libsodium";

  bool seal(const RawKey& key, const std::uint8_t* nonce, Bytes text, Out out) noexcept {
    return crypto_aead_aes256gcm_encrypt(out.data(), nullptr, text.data(), text.size(),
                                         kRawAssociated.data(), kRawAssociated.size(), nullptr,
                                         nonce, key.data()) == 0;
  }
  bool open(const RawKey& key, const std::uint8_t* nonce, Bytes sealed, Out out) noexcept {
    return crypto_aead_aes256gcm_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                         kRawAssociated.data(), kRawAssociated.size(), nonce,
                                         key.data()) == 0;
  }
};

class RawNettle {
 public:
  static constexpr const char* kName = "nettle";

  bool seal(const RawKey& key, const std::uint8_t* nonce, Bytes text, Out out) noexcept {
    begin(key, nonce);
    gcm_aes256_encrypt(&context_, text.size(), out.data(), text.data());
    gcm_aes256_digest(&context_, kRawTagLen, out.data() + text.size());
    return true;
  }
  bool open(const RawKey& key, const std::uint8_t* nonce, Bytes sealed, Out out) noexcept {
    const std::size_t len = sealed.size() - kRawTagLen;
    std::array<std::uint8_t, kRawTagLen> tag;
    begin(key, nonce);
    gcm_aes256_decrypt(&context_, len, out.data(), sealed.data());
    gcm_aes256_digest(&context_, tag.size(), tag.data());
    return memeql_sec(tag.data(), sealed.data() + len, tag.size()) == 1;
  }

 private:
  void begin(const RawKey& key, const std::uint8_t* nonce) noexcept {
    gcm_aes256_set_key(&context_, key.data());
    gcm_aes256_set_iv(&context_, kRawNonceLen, nonce);
    gcm_aes256_update(&context_, kRawAssociated.size(), kRawAssociated.data());
  }

  gcm_aes256_ctx context_;
};

#if STRONGROOM_COMPARE_LIBCRYPTO

class RawLibcrypto {
 public:
  static constexpr const char* kName = "libcrypto";

  bool seal(const RawKey& key, const std::uint8_t* nonce, Bytes text, Out out) noexcept {
    int len = 0;
    std::uint8_t* const tag = out.data() + text.size();
    return EVP_EncryptInit_ex2(context_.get(), cipher_.get(), key.data(), nonce, nullptr) == 1 &&
           EVP_EncryptUpdate(context_.get(), nullptr, &len, kRawAssociated.data(),
                             static_cast<int>(kRawAssociated.size())) == 1 &&
           EVP_EncryptUpdate(context_.get(), out.data(), &len, text.data(),
                             static_cast<int>(text.size())) == 1 &&
           EVP_EncryptFinal_ex(context_.get(), tag, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kRawTagLen, tag) == 1;
  }
  bool open(const RawKey& key, const std::uint8_t* nonce, Bytes sealed, Out out) noexcept {
    int len = 0;
    const Bytes body = sealed.first(sealed.size() - kRawTagLen);
    auto* const tag = const_cast<std::uint8_t*>(sealed.data() + body.size());
    return EVP_DecryptInit_ex2(context_.get(), cipher_.get(), key.data(), nonce, nullptr) == 1 &&
           EVP_DecryptUpdate(context_.get(), nullptr, &len, kRawAssociated.data(),
                             static_cast<int>(kRawAssociated.size())) == 1 &&
           EVP_DecryptUpdate(context_.get(), out.data(), &len, body.data(),
                             static_cast<int>(body.size())) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kRawTagLen, tag) == 1 &&
           EVP_DecryptFinal_ex(context_.get(), out.data(), &len) == 1;
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER, Free> cipher_{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_{EVP_CIPHER_CTX_new()};
};

#endif

class RawBotan {
 public:
  static constexpr const char* kName = "botan";

  bool seal(const RawKey& key, const std::uint8_t* nonce, Bytes text, Out out) {
    run(*sealer_, key, nonce, text);
    std::memcpy(out.data(), buffer_.data(), buffer_.size());
    return true;
  }
  bool open(const RawKey& key, const std::uint8_t* nonce, Bytes sealed, Out out) {
    run(*opener_, key, nonce, sealed);
    std::memcpy(out.data(), buffer_.data(), buffer_.size());
    return true;
  }

 private:
  using Mode = std::unique_ptr<Botan::AEAD_Mode>;

  void run(Botan::AEAD_Mode& mode, const RawKey& key, const std::uint8_t* nonce, Bytes in) {
    mode.set_key(key.data(), key.size());
    mode.set_associated_data(kRawAssociated.data(), kRawAssociated.size());
    mode.start(nonce, kRawNonceLen);
    buffer_.assign(in.begin(), in.end());
    mode.finish(buffer_);
  }

  Mode sealer_ = Botan::AEAD_Mode::create("AES-256/GCM", Botan::ENCRYPTION);
  Mode opener_ = Botan::AEAD_Mode::create("AES-256/GCM", Botan::DECRYPTION);
  Botan::secure_vector<std::uint8_t> buffer_;
};

}  // namespace strongroom::bench
