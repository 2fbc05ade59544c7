#include "strongroom/impl/keys/header.hpp"

#include <gtest/gtest.h>

#include "strongroom/credential.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::header_test {
namespace {

using testing::parsed;

struct Made {
  PendingInit pending = prepare_init({5, 3, true}).value();
  Header header = Header::decode(pending.record).value();
  Credential key = parsed(pending.key_file);

  Result<SecretBytes> root() const {
    auto opened = open_root(header, std::span(&key, 1));
    if (!opened) return std::move(opened).error();
    return std::move(opened->root);
  }
};

TEST(Header, EncodesToTheBytesItWasDecodedFrom) {
  const Made made;
  EXPECT_FALSE(made.header.damaged);
  EXPECT_EQ(made.header.encode().value(), made.pending.record);
}

TEST(Header, AnyFlippedBitIsDamageOrCorrupt) {
  const Made made;
  for (std::size_t bit = 0; bit < made.pending.record.size() * 8; ++bit) {
    auto bad = made.pending.record;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1 << bit % 8));
    auto header = Header::decode(bad);
    EXPECT_TRUE(!header || header->damaged) << bit;
  }
}

TEST(Header, ADamagedHeaderIsNeverWrittenAsWhole) {
  const Made made;
  auto bad = made.pending.record;
  bad[70] ^= 1;
  Header header = Header::decode(bad).value();
  ASSERT_TRUE(header.damaged);
  header.locked = true;
  EXPECT_TRUE(Header::decode(header.encode().value())->damaged);
}

// It would not be written back as it was read.
TEST(Header, ATimeOfALockThatIsNotThereIsDamage) {
  const Made made;
  auto odd = made.pending.record;
  odd[47] = 1;
  const auto body = std::span<const std::uint8_t>(odd).first(odd.size() - sizeof(Digest));
  const Digest right = digest(body);
  std::copy(right.begin(), right.end(), odd.end() - static_cast<std::ptrdiff_t>(right.size()));
  EXPECT_TRUE(Header::decode(odd)->damaged);
}

TEST(Header, ASlotMovedToAnotherStoreDoesNotOpen) {
  Made made;
  made.header.store[0] ^= 1;
  made.key.store = made.header.store;
  EXPECT_EQ(made.root().error().code, Code::denied);
}

TEST(Header, ASlotsOwnFieldsAreAuthenticated) {
  for (const bool shares : {true, false}) {
    Made made;
    std::vector<Credential> credentials;
    for (int i = 0; i < 3; ++i)
      credentials.push_back(parsed(made.pending.shares[static_cast<std::size_t>(i)]));
    Slot& slot = made.header.slots[shares ? 0 : 1];
    slot.created_ms += 1;
    EXPECT_FALSE(shares ? open_root(made.header, credentials).ok() : made.root().ok());
  }
  Made weakened;  // a threshold lowered by whoever can write the record
  weakened.header.slots[0].threshold = 1;
  std::vector<Credential> one;
  one.push_back(parsed(weakened.pending.shares[0]));
  EXPECT_FALSE(open_root(weakened.header, one));
}

TEST(Header, ASlotTableThatIsNotTheSealedOneIsCorrupt) {
  Made made;
  const SecretBytes root = made.root().value();
  ASSERT_TRUE(made.header.open_keyring(root.view()));
  made.header.slots.pop_back();
  EXPECT_EQ(made.header.open_keyring(root.view()).error().code, Code::corrupt);
}

TEST(Header, GenerationAndLimitAreBoundToTheKeyring) {
  Made made;
  const SecretBytes root = made.root().value();
  made.header.generation += 1;
  EXPECT_EQ(made.header.open_keyring(root.view()).error().code, Code::corrupt);
  made.header.generation -= 1;
  made.header.max_secret_len += 1;
  EXPECT_EQ(made.header.open_keyring(root.view()).error().code, Code::corrupt);
}

TEST(Header, ASlotOfALaterKindIsCarriedAlong) {
  Made made;
  const SecretBytes root = made.root().value();
  Keyring keyring = made.header.open_keyring(root.view()).value();
  Slot later;
  later.id = 77;
  later.kind = static_cast<SlotKind>(9);
  later.body = testing::bytes("whatever a later version needs");
  made.header.slots.push_back(later);
  ASSERT_TRUE(made.header.seal_keyring(keyring, root.view()));
  const auto record = made.header.encode().value();
  const Header read = Header::decode(record).value();
  EXPECT_FALSE(read.damaged);
  EXPECT_EQ(read.encode().value(), record);
  EXPECT_TRUE(open_root(read, std::span(&made.key, 1)));
}

TEST(Header, LengthsThatLieAreCorruptNotACrash) {
  const Made made;
  auto bad = made.pending.record;
  for (const std::size_t at : {36u, 64u, 65u, 66u, 67u}) {
    for (const int value : {0x00, 0x01, 0x7F, 0xFF}) {
      bad = made.pending.record;
      bad[at] = static_cast<std::uint8_t>(value);
      auto header = Header::decode(bad);
      if (header) {
        (void)open_root(header.value(), std::span(&made.key, 1));
      }
    }
  }
  EXPECT_EQ(Header::decode({}).error().code, Code::corrupt);
  std::vector<std::uint8_t> huge(kMaxHeaderLen + 1);
  std::copy(made.pending.record.begin(), made.pending.record.end(), huge.begin());
  EXPECT_EQ(Header::decode(huge).error().code, Code::corrupt);
}

TEST(Header, GrowsNoLargerThanItsLimit) {
  Made made;
  Slot large = made.header.slots[1];
  large.kind = static_cast<SlotKind>(9);
  large.body.resize(kMaxHeaderLen);
  made.header.slots.push_back(large);
  EXPECT_EQ(made.header.encode().error().code, Code::too_large);
}

}  // namespace
}  // namespace strongroom::header_test
