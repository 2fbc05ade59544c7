// botan_aes.cpp: constant-time AES by Botan, for CPUs without AES instructions.
#include <botan/aead.h>
#include <botan/block_cipher.h>
#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <utility>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail {
namespace {

std::unique_ptr<Botan::AEAD_Mode> botan_mode(Botan::Cipher_Dir direction) {
  return Botan::AEAD_Mode::create("AES-256/GCM", direction);
}

std::unique_ptr<Botan::AEAD_Mode> botan_begin(const GcmCall& call, Botan::Cipher_Dir direction) {
  auto mode = botan_mode(direction);
  mode->set_key(call.key.data(), call.key.size());
  mode->set_associated_data(call.associated.data(), call.associated.size());
  mode->start(call.nonce.data(), call.nonce.size());
  return mode;
}

// BotanAes is one key in a Botan object, which wipes the key.
class BotanAes final : public BlockCipher {
 public:
  explicit BotanAes(std::span<const std::uint8_t, kKeyLen> key)
      : cipher_(Botan::BlockCipher::create_or_throw("AES-256")) {
    cipher_->set_key(key.data(), key.size());
  }

  void encrypt(std::size_t len, std::uint8_t* out, const std::uint8_t* in) const noexcept override {
    cipher_->encrypt_n(in, out, len / kBlockLen);
  }

 private:
  std::unique_ptr<Botan::BlockCipher> cipher_;
};

}  // namespace

// botan_available is called before every use of Botan. At its first use, Botan makes its allocator in a
// static of its own code. ThreadSanitizer does not see that static, but it does see ours.
bool botan_available() noexcept {
  static const bool available = [] {
    try {
      return botan_mode(Botan::ENCRYPTION) != nullptr;
    } catch (const std::exception&) {
      return false;
    }
  }();
  return available;
}

Result<void> botan_seal(const GcmCall& call, SecretView head, SecretView body,
                        std::span<std::uint8_t> out) try {
  const auto mode = botan_begin(call, Botan::ENCRYPTION);
  Botan::secure_vector<std::uint8_t> text;
  text.reserve(out.size());  // growing later would copy the plaintext
  text.resize(head.size() + body.size());
  std::uint8_t* to = text.data();
  append(to, head);
  append(to, body);
  mode->finish(text);
  if (text.size() != out.size()) return gcm_failed(out);
  std::memcpy(out.data(), text.data(), text.size());
  return {};
} catch (const std::exception&) {
  return gcm_failed(out);
}

Result<void> botan_open(const GcmCall& call, std::span<const std::uint8_t> sealed,
                        std::span<std::uint8_t> out) try {
  const auto mode = botan_begin(call, Botan::DECRYPTION);
  Botan::secure_vector<std::uint8_t> text(sealed.begin(), sealed.end());
  mode->finish(text);
  if (text.size() != out.size()) return gcm_failed(out);
  if (!out.empty()) std::memcpy(out.data(), text.data(), text.size());
  return {};
} catch (const Botan::Invalid_Authentication_Tag&) {
  return gcm_not_authentic(out);
} catch (const std::exception&) {
  return gcm_failed(out);
}

std::unique_ptr<BlockCipher> botan_aes256(std::span<const std::uint8_t, kKeyLen> key) {
  // As in botan_available, this shows ThreadSanitizer that Botan's first use came first.
  static const Botan::secure_vector<std::uint8_t> first_use(1);
  return std::make_unique<BotanAes>(key);
}

}  // namespace strongroom::detail
