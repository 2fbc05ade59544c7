#include "strongroom/impl/keys/keyring.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace strongroom::keyring_test {
namespace {

constexpr std::array<std::uint8_t, 32> kDigest = {1, 2, 3};

// with_slots is a fresh keyring with slots 1 and 5, whose wrap keys begin with their ids.
Keyring with_slots() {
  std::vector<SecretBytes> wrap_keys;
  std::vector<KeyringSlot> slots;
  for (const SlotId id : {1u, 5u}) {
    wrap_keys.push_back(SecretBytes::for_key(kWrapKeyLen).value());
    wrap_keys.back().reveal_mutable()[0] = static_cast<std::uint8_t>(id);
    slots.push_back({id, wrap_keys.back().view(), kDigest});
  }
  KeyringEdit edit;
  edit.add = slots;
  return Keyring::create().value().edited(edit).value();
}

SecretBytes stored(const Keyring& keyring) {
  return keyring.stored(9, kDigest).value();
}

TEST(Keyring, FreshOnesShareNoKey) {
  const SecretBytes a = stored(with_slots());
  const SecretBytes b = stored(with_slots());
  for (std::size_t at = 48; at < 176; at += 16) {
    EXPECT_NE(std::memcmp(a.reveal().data() + at, b.reveal().data() + at, 16), 0) << at;
  }
  const std::size_t key = a.size() - 32;  // of the one term
  EXPECT_NE(std::memcmp(a.reveal().data() + key, b.reveal().data() + key, 32), 0);
}

TEST(Keyring, ReadsItsStoredForm) {
  const Keyring keyring = with_slots();
  const Keyring read = Keyring::from(stored(keyring)).value();
  EXPECT_EQ(read.generation(), 9u);
  EXPECT_EQ(read.slots_digest()[2], 3);
  EXPECT_EQ(read.active_term(), 1u);
  EXPECT_TRUE(same_secret(read.slot(5).wrap_key, keyring.slot(5).wrap_key));
  EXPECT_EQ(read.slot(5).wrap_key.reveal()[0], 5);
  EXPECT_EQ(read.slot(5).digest[1], 2);
  EXPECT_EQ(read.slot(2).wrap_key.size(), 0u);
  EXPECT_EQ(read.next_slot(), 6u);
  EXPECT_EQ(std::memcmp(read.term(1), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_EQ(read.term(0), nullptr);
  EXPECT_EQ(read.term(2), nullptr);
}

TEST(Keyring, ANewTermKeepsTheOldOnes) {
  Keyring keyring = with_slots();
  const Keyring grown = keyring.with_new_term().value();
  EXPECT_EQ(grown.active_term(), 2u);
  EXPECT_EQ(grown.num_terms(), 2u);
  EXPECT_EQ(std::memcmp(grown.term(1), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_NE(std::memcmp(grown.term(2), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_TRUE(same_secret(grown.slot(5).wrap_key, keyring.slot(5).wrap_key));
}

TEST(Keyring, ASlotsNumberNeverComesAgain) {
  const Keyring keyring = with_slots();
  KeyringEdit edit;
  const std::array<SlotId, 1> last = {5};
  edit.remove = last;
  const Keyring less = keyring.edited(edit).value();
  EXPECT_EQ(less.num_slots(), 1u);
  EXPECT_EQ(less.next_slot(), 6u);
  const KeyringSlot again{5, keyring.slot(5).wrap_key, kDigest};
  edit.remove = {};
  edit.add = std::span(&again, 1);
  EXPECT_EQ(less.edited(edit).error().code, Code::invalid);
}

TEST(Keyring, RemovingASlotThatIsNotThereOrTwiceIsRefused) {
  const Keyring keyring = with_slots();
  for (const std::vector<SlotId>& remove : {std::vector<SlotId>{2}, {5, 5}, {1, 2}}) {
    KeyringEdit edit;
    edit.remove = remove;
    EXPECT_EQ(keyring.edited(edit).error().code, Code::invalid);
  }
  const std::vector<SlotId> too_many(3, 1);
  KeyringEdit edit;
  edit.remove = too_many;
  EXPECT_FALSE(keyring.edited(edit));
}

TEST(Keyring, DroppedTermsAreGone) {
  const Keyring keyring = with_slots().with_new_term().value().with_new_term().value();
  KeyringEdit edit;
  edit.first_term = 3;
  const Keyring left = keyring.edited(edit).value();
  EXPECT_EQ(left.first_term(), 3u);
  EXPECT_EQ(left.active_term(), 3u);
  EXPECT_EQ(left.term(2), nullptr);
  EXPECT_EQ(std::memcmp(left.term(3), keyring.term(3), sizeof(XaesKey)), 0);
  edit.first_term = 2;
  EXPECT_EQ(left.edited(edit).error().code, Code::invalid);
  edit.first_term = 4;
  EXPECT_EQ(left.edited(edit).error().code, Code::invalid) << "the active one can not be dropped";
  EXPECT_EQ(Keyring::from(stored(left)).value().num_terms(), 1u);
}

TEST(Keyring, TermsAreBounded) {
  Keyring keyring = Keyring::create().value();
  for (std::size_t i = 1; i < kMaxTerms; ++i) keyring = keyring.with_new_term().value();
  EXPECT_EQ(keyring.with_new_term().error().code, Code::too_large);
  EXPECT_TRUE(Keyring::from(stored(keyring)));
}

TEST(Keyring, AnyOtherLengthOrShapeIsCorrupt) {
  const SecretBytes good = stored(with_slots().with_new_term().value());
  for (std::size_t len = 0; len < good.size(); ++len) {
    EXPECT_FALSE(Keyring::from(SecretBytes::copy_key(good.reveal().first(len)).value())) << len;
  }
  const auto with = [&](std::size_t at, std::uint8_t value) {
    SecretBytes bad = SecretBytes::copy_key(good.reveal()).value();
    bad.reveal_mutable()[at] = value;
    return Keyring::from(std::move(bad));
  };
  EXPECT_EQ(with(1, 3).error().code, Code::unsupported);
  EXPECT_EQ(with(3, 3).error().code, Code::corrupt);
  EXPECT_EQ(with(4, 0xFF).error().code, Code::corrupt);
  EXPECT_EQ(with(7, 1).error().code, Code::corrupt);
  const std::size_t second_term = good.size() - 44;
  EXPECT_EQ(with(second_term + 3, 3).error().code, Code::corrupt) << "a gap in the terms";
  EXPECT_TRUE(with(second_term + 11, 3)) << "a time is any number";
}

TEST(Keyring, ReadsAsZerosInAForkedChild) {
  const Keyring keyring = with_slots();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(keyring.term(1));
    bool zero = !keyring.intact();
    for (std::size_t i = 0; i < sizeof(XaesKey); ++i) zero = zero && bytes[i] == 0;
    for (const std::uint8_t byte : keyring.slots_digest()) zero = zero && byte == 0;
    ::_exit(zero ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(keyring.intact());
}

}  // namespace
}  // namespace strongroom::keyring_test
