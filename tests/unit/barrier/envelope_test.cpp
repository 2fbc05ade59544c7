#include "strongroom/impl/barrier/envelope.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/secrets.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::envelope_test {
namespace {

using testing::plain;
using testing::secret;

// in_place opens a copy of the envelope where it lies.
Result<Opened> in_place(const Keyring& keys, const Place& place,
                        std::span<const std::uint8_t> envelope) {
  Result<Opened> opened(std::in_place);
  opened->value = SecretBytes::copy_value(envelope).value();
  if (auto done = open_in_place(keys, place, *opened); !done) return std::move(done).error();
  return opened;
}

constexpr StoreId kStore = {1, 2, 3};
constexpr Location kHere = {4, 5, 6};

Keyring keyring() {
  return Keyring::create().value();
}

std::vector<std::uint8_t> sealed(const Keyring& keyring, SecretView value,
                                 Revision revision = Revision(7),
                                 RecordKind kind = RecordKind::secret) {
  std::vector<std::uint8_t> out(kEnvelopeOverhead + value.size());
  EXPECT_TRUE(seal_envelope(keyring, {kStore, kHere}, kind, revision, {Content::text, 111, 222},
                            value, out));
  return out;
}

TEST(Envelope, OpensToWhatWasSealed) {
  const Keyring keys = keyring();
  for (const std::size_t len : {0u, 1u, 15u, 16u, 17u, 900u, 1024u, 4096u, 100'000u}) {
    const SecretBytes value = secret(std::string(len, 'v'));
    const auto envelope = sealed(keys, value.view());
    auto opened = open_envelope(keys, {kStore, kHere}, envelope);
    ASSERT_TRUE(opened) << len;
    EXPECT_TRUE(same_secret(opened->value.view(), value.view()));
    EXPECT_EQ(opened->revision, Revision(7));
    EXPECT_EQ(opened->metadata.created_ms, 111u);
    EXPECT_EQ(opened->metadata.changed_ms, 222u);
    auto there = in_place(keys, {kStore, kHere}, envelope);
    ASSERT_TRUE(there) << len;
    EXPECT_TRUE(same_secret(there->value.view(), value.view()));
  }
}

TEST(Envelope, EveryFlippedBitIsRefused) {
  const Keyring keys = keyring();
  const auto good = sealed(keys, secret("hunter2").view());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(open_envelope(keys, {kStore, kHere}, bad)) << bit;
    EXPECT_FALSE(in_place(keys, {kStore, kHere}, bad)) << bit;
  }
}

TEST(Envelope, EveryShorterLengthIsRefused) {
  const Keyring keys = keyring();
  const auto good = sealed(keys, secret("hunter2").view());
  for (std::size_t len = 0; len < good.size(); ++len) {
    EXPECT_FALSE(open_envelope(keys, {kStore, kHere}, std::span(good).first(len))) << len;
  }
}

TEST(Envelope, IsBoundToItsStoreItsPlaceAndItsLabels) {
  Keyring keys = keyring();
  const auto good = sealed(keys, secret("hunter2").view());
  constexpr StoreId other_store = {9};
  constexpr Location there = {8};
  EXPECT_FALSE(open_envelope(keys, {other_store, kHere}, good));
  EXPECT_FALSE(open_envelope(keys, {kStore, there}, good));
  EXPECT_FALSE(open_envelope(keyring(), {kStore, kHere}, good));

  auto relabelled = good;
  relabelled[2] = static_cast<std::uint8_t>(RecordKind::tombstone);
  EXPECT_EQ(open_envelope(keys, {kStore, kHere}, relabelled).error().code, Code::corrupt);
  relabelled = good;
  relabelled[15] = 8;  // revision
  EXPECT_EQ(open_envelope(keys, {kStore, kHere}, relabelled).error().code, Code::corrupt);
  const Keyring rotated = keys.with_new_term().value();
  relabelled = good;
  relabelled[7] = 2;  // a term that exists, and is not the one
  EXPECT_EQ(open_envelope(rotated, {kStore, kHere}, relabelled).error().code, Code::corrupt);
  relabelled[7] = 3;  // a term that does not
  EXPECT_EQ(open_envelope(rotated, {kStore, kHere}, relabelled).error().code, Code::corrupt);
  EXPECT_TRUE(open_envelope(rotated, {kStore, kHere}, good));
}

TEST(Envelope, ANewerVersionOrSuiteIsUnsupportedNotCorrupt) {
  const Keyring keys = keyring();
  for (const std::size_t at : {0u, 1u}) {
    auto newer = sealed(keys, secret("x").view());
    newer[at] = 2;
    EXPECT_EQ(open_envelope(keys, {kStore, kHere}, newer).error().code, Code::unsupported);
  }
}

TEST(Envelope, TheSameValueNeverSealsToTheSameBytes) {
  const Keyring keys = keyring();
  std::set<std::vector<std::uint8_t>> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(sealed(keys, secret("hunter2").view()));
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Envelope, ALaterMetadataBlockIsSkipped) {
  const Keyring keys = keyring();
  // As a later version might write it: one more block of metadata, sealed by hand.
  std::vector<std::uint8_t> plaintext(kMetadataLen + 16 + 2);
  plaintext[0] = 1;
  plaintext[1] = 1;
  plaintext[32] = 'o';
  plaintext[33] = 'k';
  std::vector<std::uint8_t> envelope(kEnvelopeHeaderLen + plaintext.size() + kTagLen);
  const auto label = sealed(keys, {}, Revision(1));
  std::copy_n(label.begin(), kEnvelopeHeaderLen, envelope.begin());
  XaesNonce nonce;
  std::copy_n(envelope.begin() + 16, nonce.size(), nonce.begin());
  std::array<std::uint8_t, kKeyLen> key{};
  xaes_derive(*keys.term(1), nonce, key);
  ASSERT_TRUE(gcm_seal(key, std::span(nonce).last<kGcmNonceLen>(),
                       detail::associated(envelope, {kStore, kHere}), {}, SecretView(plaintext),
                       std::span(envelope).subspan(kEnvelopeHeaderLen)));
  auto opened = open_envelope(keys, {kStore, kHere}, envelope);
  ASSERT_TRUE(opened);
  EXPECT_EQ(plain(opened->value), "ok");
}

TEST(Envelope, RoomOfTheWrongSizeIsRefused) {
  const Keyring keys = keyring();
  std::vector<std::uint8_t> out(kEnvelopeOverhead);
  EXPECT_FALSE(seal_envelope(keys, {kStore, kHere}, RecordKind::secret, Revision(1), {},
                             secret("x").view(), out));
}

}  // namespace
}  // namespace strongroom::envelope_test
