// envelope.ipp: the bodies of envelope.hpp.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom::detail {

Associated associated(std::span<const std::uint8_t> header, const Place& place) noexcept {
  Associated bytes;
  std::memcpy(bytes.data(), header.data(), kBoundHeaderLen);
  std::memcpy(bytes.data() + kBoundHeaderLen, place.location.data(), sizeof(Location));
  std::memcpy(bytes.data() + kBoundHeaderLen + sizeof(Location), place.store.data(),
              sizeof(StoreId));
  return bytes;
}

}  // namespace strongroom::detail

namespace strongroom::detail::envelope {

static Error unknown_term(const Keyring& keyring, TermId term) {
  return corrupt(term < keyring.first_term()
                     ? "was sealed in a term that was retired"
                     : "was sealed in a term that the keyring does not have");
}

// DerivedKey holds the key of one record during one call, and wipes it on every way out.
class DerivedKey {
 public:
  DerivedKey(const XaesKey& key, const XaesNonce& nonce) noexcept {
    xaes_derive(key, nonce, std::span<std::uint8_t, kKeyLen>(bytes_));
  }
  ~DerivedKey() { wipe(bytes_.data(), bytes_.size()); }
  DerivedKey(const DerivedKey&) = delete;
  DerivedKey& operator=(const DerivedKey&) = delete;
  std::span<const std::uint8_t, kKeyLen> reveal() const noexcept { return bytes_; }

 private:
  alignas(16) std::array<std::uint8_t, kKeyLen> bytes_;
};

// read_label reads the fields that need no key. They are not authenticated until the rest has opened.
static Result<void> read_label(std::span<const std::uint8_t> envelope, Opened& opened) {
  if (envelope[0] != 1 || envelope[1] != 1) {
    return Error{Code::unsupported, "an envelope was of version " + std::to_string(envelope[0]) +
                                        ", suite " + std::to_string(envelope[1]) +
                                        "; this program knows version 1, suite 1"};
  }
  if (envelope[3] != 0) return corrupt("had an unknown label");
  opened.kind = static_cast<RecordKind>(envelope[2]);
  if (opened.kind != RecordKind::secret && opened.kind != RecordKind::tombstone) {
    return corrupt("was of an unknown kind");
  }
  opened.term = static_cast<TermId>(get_be(envelope.subspan<4, 4>()));
  opened.revision = Revision(get_be(envelope.subspan<8, 8>()));
  return {};
}

static std::array<std::uint8_t, kMetadataLen> encode(const Metadata& metadata) noexcept {
  std::array<std::uint8_t, kMetadataLen> block{};
  block[0] = static_cast<std::uint8_t>(metadata.content);
  put_be(std::span(block).subspan(4).first<6>(), metadata.created_ms);
  put_be(std::span(block).subspan(10).first<6>(), metadata.changed_ms);
  return block;
}

// keep_value reads the metadata block of an authenticated plaintext, which begins at `at` in the buffer
// of opened.value, and narrows that buffer to the value. Byte 1 counts further blocks of 16 bytes, in
// which a later version may keep more.
static Result<void> keep_value(Opened& opened, std::size_t at, std::size_t plaintext_len) {
  const auto plaintext = opened.value.reveal().subspan(at, plaintext_len);
  const std::size_t len = kMetadataLen * (std::size_t{plaintext[1]} + 1);
  if (plaintext_len < len) return corrupt("had a metadata block longer than itself");
  if (plaintext[0] != 1 && plaintext[0] != 2) return corrupt("held an unknown kind of content");
  opened.metadata.content = static_cast<Content>(plaintext[0]);
  opened.metadata.created_ms = get_be(plaintext.subspan<4, 6>());
  opened.metadata.changed_ms = get_be(plaintext.subspan<10, 6>());
  opened.value.keep(at + len, plaintext_len - len);
  return {};
}

// open_to decrypts `envelope` into the buffer of opened.value, at `at`; the envelope's own ciphertext
// may lie there. Everything is filled in place: moving it costs more than reading it.
static Result<void> open_to(const Keyring& keyring, const Place& place,
                            std::span<const std::uint8_t> envelope, std::size_t at,
                            Opened& opened) {
  STRONGROOM_TRY(read_label(envelope, opened));
  const XaesKey* key = keyring.term(opened.term);
  if (key == nullptr) return unknown_term(keyring, opened.term);
  XaesNonce nonce;
  std::memcpy(nonce.data(), envelope.data() + 16, nonce.size());
  const std::size_t len = envelope.size() - kEnvelopeHeaderLen - kTagLen;
  const DerivedKey derived(*key, nonce);
  auto decrypted = gcm_open(derived.reveal(), std::span(nonce).last<kGcmNonceLen>(),
                            associated(envelope, place), envelope.subspan(kEnvelopeHeaderLen),
                            opened.value.reveal_mutable().subspan(at, len));
  if (decrypted) return keep_value(opened, at, len);
  opened.value.wipe();
  return decrypted.error().code == Code::corrupt ? corrupt("did not open") : decrypted.error();
}

}  // namespace strongroom::detail::envelope

namespace strongroom {

Result<void> seal_envelope(const Keyring& keyring, const Place& place, RecordKind kind,
                           Revision revision, const Metadata& metadata, SecretView value,
                           std::span<std::uint8_t> out) {
  if (out.size() != kEnvelopeOverhead + value.size()) {
    return Error{Code::invalid, "the room for an envelope was of the wrong size"};
  }
  XaesNonce nonce;
  STRONGROOM_TRY(random_bytes(nonce));
  const TermId term = keyring.active_term();
  out[0] = 1;
  out[1] = 1;
  out[2] = static_cast<std::uint8_t>(kind);
  out[3] = 0;
  put_be(out.subspan(4).first<4>(), term);
  put_be(out.subspan(8).first<8>(), revision.value());
  std::memcpy(out.data() + 16, nonce.data(), nonce.size());
  const auto block = detail::envelope::encode(metadata);
  const detail::envelope::DerivedKey derived(*keyring.term(term), nonce);
  return gcm_seal(derived.reveal(), std::span(nonce).last<kGcmNonceLen>(),
                  detail::associated(out, place), SecretView(block), value,
                  out.subspan(kEnvelopeHeaderLen));
}

Result<Opened> open_envelope(const Keyring& keyring, const Place& place,
                             std::span<const std::uint8_t> envelope) {
  if (envelope.size() < kEnvelopeOverhead) return detail::corrupt("was cut short");
  Result<Opened> opened(std::in_place);
  auto done = opened->value.make_value(envelope.size() - kEnvelopeHeaderLen - kTagLen);
  if (done) done = detail::envelope::open_to(keyring, place, envelope, 0, *opened);
  STRONGROOM_TRY(done);
  return opened;
}

Result<void> open_in_place(const Keyring& keyring, const Place& place, Opened& opened) {
  const auto envelope = opened.value.reveal();
  if (envelope.size() < kEnvelopeOverhead) return detail::corrupt("was cut short");
  return detail::envelope::open_to(keyring, place, envelope, kEnvelopeHeaderLen, opened);
}

Result<void> reseal_envelope(const Keyring& keyring, const Place& place, SecretBytes& envelope,
                             std::span<std::uint8_t> out) {
  const auto in = envelope.reveal_mutable();
  if (in.size() < kEnvelopeOverhead) return detail::corrupt("was cut short");
  if (out.size() != in.size()) return Error{Code::invalid, "the room for an envelope did not fit"};
  Opened label;
  STRONGROOM_TRY(detail::envelope::read_label(in, label));
  const XaesKey* key = keyring.term(label.term);
  if (key == nullptr) return detail::envelope::unknown_term(keyring, label.term);
  XaesNonce nonce;
  std::memcpy(nonce.data(), in.data() + 16, nonce.size());
  const auto sealed = in.subspan(kEnvelopeHeaderLen);
  const auto plaintext = sealed.first(sealed.size() - kTagLen);
  {
    const detail::envelope::DerivedKey derived(*key, nonce);
    STRONGROOM_TRY(gcm_open(derived.reveal(), std::span(nonce).last<kGcmNonceLen>(),
                            detail::associated(in, place), sealed, plaintext));
  }
  STRONGROOM_TRY(random_bytes(nonce));
  const TermId term = keyring.active_term();
  std::memcpy(out.data(), in.data(), detail::kBoundHeaderLen);
  put_be(out.subspan(4).first<4>(), term);
  std::memcpy(out.data() + 16, nonce.data(), nonce.size());
  const detail::envelope::DerivedKey derived(*keyring.term(term), nonce);
  return gcm_seal(derived.reveal(), std::span(nonce).last<kGcmNonceLen>(),
                  detail::associated(out, place), {}, SecretView(plaintext),
                  out.subspan(kEnvelopeHeaderLen));
}

}  // namespace strongroom
