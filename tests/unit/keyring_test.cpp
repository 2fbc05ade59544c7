#include "strongroom/keyring.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace strongroom {
namespace {

constexpr std::array<SlotId, 2> kSlots = {1, 5};
constexpr std::array<std::uint8_t, 32> kDigest = {1, 2, 3};

SecretBytes stored(const Keyring& keyring) {
  return keyring.stored(9, kDigest).value();
}

TEST(Keyring, FreshOnesShareNoKey) {
  const SecretBytes a = stored(Keyring::create(kSlots).value());
  const SecretBytes b = stored(Keyring::create(kSlots).value());
  for (std::size_t at = 48; at + 16 <= a.size(); at += 16) {
    EXPECT_NE(std::memcmp(a.reveal().data() + at, b.reveal().data() + at, 16), 0) << at;
  }
}

TEST(Keyring, ReadsItsStoredForm) {
  const Keyring keyring = Keyring::create(kSlots).value();
  const Keyring read = Keyring::from(stored(keyring)).value();
  EXPECT_EQ(read.generation(), 9u);
  EXPECT_EQ(read.slots_digest()[2], 3);
  EXPECT_EQ(read.active_term(), 1u);
  EXPECT_TRUE(same_secret(read.slot_key(5), keyring.slot_key(5)));
  EXPECT_EQ(read.slot_key(2).size(), 0u);
  EXPECT_EQ(std::memcmp(read.term(1), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_EQ(read.term(0), nullptr);
  EXPECT_EQ(read.term(2), nullptr);
}

TEST(Keyring, ANewTermKeepsTheOldOnes) {
  Keyring keyring = Keyring::create(kSlots).value();
  const Keyring grown = keyring.with_new_term().value();
  EXPECT_EQ(grown.active_term(), 2u);
  EXPECT_EQ(grown.num_terms(), 2u);
  EXPECT_EQ(std::memcmp(grown.term(1), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_NE(std::memcmp(grown.term(2), keyring.term(1), sizeof(XaesKey)), 0);
  EXPECT_TRUE(same_secret(grown.slot_key(5), keyring.slot_key(5)));
}

TEST(Keyring, TermsAreBounded) {
  Keyring keyring = Keyring::create({}).value();
  for (std::size_t i = 1; i < kMaxTerms; ++i) keyring = keyring.with_new_term().value();
  EXPECT_EQ(keyring.with_new_term().error().code, Code::too_large);
  EXPECT_TRUE(Keyring::from(stored(keyring)));
}

TEST(Keyring, AnyOtherLengthOrShapeIsCorrupt) {
  const SecretBytes good = stored(Keyring::create(kSlots).value().with_new_term().value());
  for (std::size_t len = 0; len < good.size(); ++len) {
    EXPECT_FALSE(Keyring::from(SecretBytes::copy_key(good.reveal().first(len)).value())) << len;
  }
  const auto with = [&](std::size_t at, std::uint8_t value) {
    SecretBytes bad = SecretBytes::copy_key(good.reveal()).value();
    bad.reveal_mutable()[at] = value;
    return Keyring::from(std::move(bad));
  };
  EXPECT_EQ(with(1, 2).error().code, Code::unsupported);
  EXPECT_EQ(with(3, 3).error().code, Code::corrupt);
  EXPECT_EQ(with(4, 0xFF).error().code, Code::corrupt);
  EXPECT_EQ(with(7, 1).error().code, Code::corrupt);
  const std::size_t second_term = good.size() - 44;
  EXPECT_EQ(with(second_term + 3, 3).error().code, Code::corrupt) << "a gap in the terms";
  EXPECT_TRUE(with(second_term + 11, 3)) << "a time is any number";
}

TEST(Keyring, ReadsAsZerosInAForkedChild) {
  const Keyring keyring = Keyring::create(kSlots).value();
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
}  // namespace strongroom
