// botan_aes.cpp: constant-time AES by Botan, for CPUs without AES instructions.
#include <botan/aead.h>
#include <botan/block_cipher.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/aes_providers.hpp"
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
  explicit BotanAes(std::span<const std::uint8_t> key)
      : cipher_(Botan::BlockCipher::create_or_throw("AES-256")) {
    cipher_->set_key(key.data(), key.size());
  }

  void encrypt(std::size_t len, std::uint8_t* out, const std::uint8_t* in) const noexcept override {
    cipher_->encrypt_n(in, out, len / kBlockLen);
  }

 private:
  std::unique_ptr<Botan::BlockCipher> cipher_;
};

// botan_works comes before every other use of Botan. At its first use, Botan makes its allocator in a
// static of its own code. ThreadSanitizer does not see that static, but it does see the one of the caller.
bool botan_works() noexcept try {
  static const Botan::secure_vector<std::uint8_t> first_use(1);
  return botan_mode(Botan::ENCRYPTION) != nullptr;
} catch (const std::exception&) {
  return false;
}

GcmOutcome botan_seal(const GcmCall& call, SecretView head, SecretView body,
                      std::span<std::uint8_t> out) noexcept try {
  const auto mode = botan_begin(call, Botan::ENCRYPTION);
  Botan::secure_vector<std::uint8_t> text;
  text.reserve(out.size());  // growing later would copy the plaintext
  text.resize(head.size() + body.size());
  std::uint8_t* to = text.data();
  append(to, head);
  append(to, body);
  mode->finish(text);
  if (text.size() != out.size()) return GcmOutcome::failed;
  std::memcpy(out.data(), text.data(), text.size());
  return GcmOutcome::done;
} catch (const std::exception&) {
  return GcmOutcome::failed;
}

GcmOutcome botan_open(const GcmCall& call, std::span<const std::uint8_t> sealed,
                      std::span<std::uint8_t> out) noexcept try {
  const auto mode = botan_begin(call, Botan::DECRYPTION);
  Botan::secure_vector<std::uint8_t> text(sealed.begin(), sealed.end());
  mode->finish(text);
  if (text.size() != out.size()) return GcmOutcome::failed;
  if (!out.empty()) std::memcpy(out.data(), text.data(), text.size());
  return GcmOutcome::done;
} catch (const Botan::Invalid_Authentication_Tag&) {
  return GcmOutcome::not_authentic;
} catch (const std::exception&) {
  return GcmOutcome::failed;
}

BlockCipher* botan_aes256(std::span<const std::uint8_t> key) noexcept try {
  return new BotanAes(key);
} catch (const std::exception&) {
  return nullptr;
}

}  // namespace

const AesProvider& botan_table() noexcept {
  static constexpr AesProvider kTable{AesProvider::kLayout, botan_works, botan_seal, botan_open,
                                      botan_aes256};
  return kTable;
}

}  // namespace strongroom::detail
