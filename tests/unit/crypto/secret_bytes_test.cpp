#include "strongroom/secret_bytes.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "strongroom/impl/crypto/secret_arena.hpp"
#include "support/process.hpp"

namespace strongroom::secret_bytes_test {
namespace {

using testing::Complaint;
using testing::dies_by_fault;
using testing::has_flag;
using testing::in_child;

const std::string kHunter = "hunter2, and then some more";

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
SecretBytes value(std::string_view text) {
  return SecretBytes::copy_value(bytes(text)).value();
}
SecretBytes key(std::string_view text) {
  return SecretBytes::copy_key(bytes(text)).value();
}

bool is_zeros(const std::uint8_t* from, std::size_t len) {
  return sodium_is_zero(from, len) == 1;
}
bool is_zeros(const SecretBytes& secret) {
  return is_zeros(secret.reveal().data(), secret.size());
}

// read_one and write_one go to the very address, whatever a compiler thinks of it.
void read_one(const std::uint8_t* at) {
  static_cast<void>(*const_cast<const volatile std::uint8_t*>(at));
}
void write_one(std::uint8_t* at) {
  *const_cast<volatile std::uint8_t*>(at) = 0xff;
}

// Only reveal() shows a secret

template <typename T>
concept Printable = requires(std::ostream& out, const T& t) {
  out << t;
};
template <typename T>
concept Iterable = requires(const T& t) {
  t.begin();
};
template <typename T>
concept Pointed = requires(const T& t) {
  t.data();
};

template <typename T>
constexpr bool kTellsNothing =
    !Printable<T> && !Iterable<T> && !Pointed<T> && !std::equality_comparable<T> &&
    !std::is_convertible_v<T, std::string> && !std::is_convertible_v<T, std::string_view> &&
    !std::is_convertible_v<T, const char*> && !std::is_convertible_v<T, bool> &&
    !std::is_convertible_v<T, std::span<const std::uint8_t>>;

TEST(SecretBytes, ShowsNothingUnlessRevealed) {
  static_assert(kTellsNothing<SecretBytes>);
  static_assert(kTellsNothing<SecretView>);
}

TEST(SecretBytes, IsNeverCopiedNorMadeOfAStringByAccident) {
  static_assert(!std::is_copy_constructible_v<SecretBytes>);
  static_assert(!std::is_copy_assignable_v<SecretBytes>);
  static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
  static_assert(std::is_nothrow_move_assignable_v<SecretBytes>);
  static_assert(!std::is_convertible_v<std::string, SecretBytes>);
  static_assert(!std::is_convertible_v<std::string, SecretView>);
  static_assert(!std::is_convertible_v<std::span<const std::uint8_t>, SecretView>);
  static_assert(!std::is_convertible_v<SecretView, SecretBytes>);
}

// Values

TEST(SecretValue, HoldsWhatItWasGiven) {
  const SecretBytes secret = value(kHunter);
  EXPECT_EQ(secret.reveal_text(), kHunter);
  EXPECT_EQ(secret.view().reveal_text(), kHunter);
  EXPECT_TRUE(secret.intact());
}

TEST(SecretValue, MayBeEmpty) {
  auto none = SecretBytes::for_value(0);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(none->reveal().size(), 0U);
  const SecretBytes copy = SecretBytes::copy_value({}).value();
  EXPECT_TRUE(same_secret(copy.view(), none->view()));
  none->wipe();
  none->wipe();
  EXPECT_TRUE(none->empty());
}

TEST(SecretValue, IsWipedWhereItLayWhenItGoes) {
  const std::uint8_t* stale = nullptr;
  {
    const SecretBytes secret = value(kHunter);
    stale = secret.reveal().data();
    ASSERT_EQ(std::memcmp(stale, kHunter.data(), kHunter.size()), 0);
  }
  EXPECT_TRUE(is_zeros(stale, kHunter.size()));
}

TEST(SecretValue, WipeTakesEffectAtOnceAndTwiceDoesNoHarm) {
  SecretBytes secret = value(kHunter);
  const std::uint8_t* const stale = secret.reveal().data();
  secret.wipe();
  EXPECT_TRUE(is_zeros(stale, kHunter.size()));
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.reveal().data(), nullptr);
  secret.wipe();  // and not somebody else's slot
  const SecretBytes next = value(kHunter);
  secret.wipe();
  EXPECT_EQ(next.reveal_text(), kHunter);
}

TEST(SecretValue, WhatWasCutOffByKeepIsWipedToo) {
  SecretBytes secret = value(kHunter);
  const std::uint8_t* const stale = secret.reveal().data();
  secret.keep(7, 5);
  EXPECT_EQ(secret.reveal_text(), kHunter.substr(7, 5));
  secret.keep(1, 2);
  EXPECT_EQ(secret.reveal_text(), kHunter.substr(8, 2));
  secret.keep(2, 0);
  EXPECT_TRUE(secret.empty());
  secret.wipe();
  EXPECT_TRUE(is_zeros(stale, kHunter.size()));
}

TEST(SecretValue, OverTheBudgetIsAnErrorAndNoBadAlloc) {
  const auto refused = SecretBytes::for_value(std::numeric_limits<std::size_t>::max());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_EQ(SecretBytes::for_value(SecretArena::kDefaultBudget + 1).error().code, Code::too_large);
}

TEST(SecretValue, StaysInAChildUntilTheChildLetsGo) {
  SecretBytes secret = value(kHunter);
  EXPECT_EQ(in_child([&]() -> Complaint {
              if (secret.reveal_text() != kHunter) return "gone";
              const std::uint8_t* const stale = secret.reveal().data();
              secret.wipe();
              return is_zeros(stale, kHunter.size()) ? nullptr : "not wiped";
            }),
            "");
  EXPECT_EQ(secret.reveal_text(), kHunter);
}

// Moves, of both kinds

class Moves : public ::testing::TestWithParam<SecretBytes (*)(std::string_view)> {
 protected:
  static SecretBytes make(std::string_view text) { return GetParam()(text); }
};
INSTANTIATE_TEST_SUITE_P(Secret, Moves, ::testing::Values(&value, &key),
                         [](const auto& tested) { return tested.index == 0 ? "Value" : "Key"; });

TEST_P(Moves, MovedFromIsEmptyAndUsable) {
  SecretBytes from = make(kHunter);
  const std::uint8_t* const where = from.reveal().data();
  SecretBytes to = std::move(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(from.reveal().data(), nullptr);
  EXPECT_TRUE(from.intact());
  from.wipe();
  EXPECT_EQ(to.reveal_text(), kHunter);
  EXPECT_EQ(to.reveal().data(), where) << "a move must not copy";
  from = make("again");
  EXPECT_EQ(from.reveal_text(), "again");
}

TEST_P(Moves, AssignmentLetsGoOfTheOldSecretAtOnce) {
  SecretBytes target = make("old secret");
  const std::uint8_t* const stale = target.reveal().data();
  const bool is_key = GetParam() == &key;
  SecretBytes source = make("new secret");
  target = std::move(source);
  EXPECT_EQ(target.reveal_text(), "new secret");
  EXPECT_TRUE(source.empty());
  EXPECT_TRUE(is_key ? !testing::is_mapped(stale) : is_zeros(stale, 10));
}

TEST_P(Moves, SelfMoveNeitherLeaksNorFreesTwice) {
  SecretBytes secret = make(kHunter);
  const std::uint8_t* const stale = secret.reveal().data();
  SecretBytes& same = secret;
  secret = std::move(same);
  // Either it is still there, whole, or it is gone, wiped.
  if (secret.empty()) {
    EXPECT_TRUE(GetParam() == &key ? !testing::is_mapped(stale) : is_zeros(stale, kHunter.size()));
  } else {
    EXPECT_EQ(secret.reveal_text(), kHunter);
  }
  secret = make("next");
  EXPECT_EQ(secret.reveal_text(), "next");
}

TEST_P(Moves, KeptPartMovesWithTheWhole) {
  SecretBytes secret = make(kHunter);
  const std::uint8_t* const whole = secret.reveal().data();
  secret.keep(7, 1);
  SecretBytes moved = std::move(secret);
  EXPECT_EQ(moved.reveal_text(), kHunter.substr(7, 1));
  moved.wipe();
  EXPECT_TRUE(GetParam() == &key ? !testing::is_mapped(whole) : is_zeros(whole, kHunter.size()));
}

TEST_P(Moves, GrowingVectorKeepsEverySecret) {
  std::vector<SecretBytes> secrets;
  for (int i = 0; i < 50; ++i) secrets.push_back(make("secret " + std::to_string(i)));
  secrets.erase(secrets.begin() + 10);
  std::rotate(secrets.begin(), secrets.begin() + 5, secrets.end());
  EXPECT_EQ(secrets.front().reveal_text(), "secret 5");
  EXPECT_EQ(secrets.back().reveal_text(), "secret 4");
}

TEST_P(Moves, SecretsMayDieOnAnotherThread) {
  std::vector<SecretBytes> secrets;
  for (int i = 0; i < 20; ++i) secrets.push_back(make(kHunter));
  std::thread([mine = std::move(secrets)]() mutable { mine.clear(); }).join();
}

// Keys

TEST(SecretKey, BeginsAsZerosAndAligned) {
  for (const std::size_t len :
       {0U, 1U, 15U, 16U, 17U, 32U, 33U, 64U, 4080U, 4096U, 4097U, 10'000U}) {
    auto made = SecretBytes::for_key(len);
    ASSERT_TRUE(made) << len << made.error().message;
    EXPECT_EQ(made->size(), len);
    EXPECT_TRUE(is_zeros(*made));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made->reveal().data()) % 16, 0U);
    std::memset(made->reveal_mutable().data(), 0xaa, len);
    EXPECT_TRUE(made->intact()) << "the canary lies within the key";
  }
}

TEST(SecretKey, OneByteTooFarDies) {
  for (const std::size_t len : {16U, 32U, 48U, 4080U, 4096U, 8192U}) {
    SecretBytes secret = SecretBytes::for_key(len).value();
    std::uint8_t* const end = secret.reveal_mutable().data() + len;
    EXPECT_TRUE(dies_by_fault([&] { write_one(end); })) << len;
    EXPECT_TRUE(dies_by_fault([&] { read_one(end); })) << len;
    EXPECT_FALSE(dies_by_fault([&] { write_one(end - 1); })) << len;
  }
}

// What is no multiple of 16 ends at the next one, for alignment: no key begins within the rest.
TEST(SecretKey, OddLengthDiesBeforeAnythingElseIsReached) {
  SecretBytes secret = SecretBytes::for_key(33).value();
  EXPECT_TRUE(dies_by_fault([&] { read_one(secret.reveal().data() + 48); }));
}

TEST(SecretKey, PageBeforeItIsGuardedToo) {
  SecretBytes small = SecretBytes::for_key(32).value();
  EXPECT_TRUE(dies_by_fault([&] { write_one(small.reveal_mutable().data() - 4096); }));
  SecretBytes large = SecretBytes::for_key(4096).value();  // its canary is on a page of its own
  EXPECT_TRUE(dies_by_fault([&] { write_one(large.reveal_mutable().data() - 4097); }));
}

TEST(SecretKey, EveryPageIsLockedUndumpedAndWipedOnFork) {
  SecretBytes secret = SecretBytes::for_key(10'000).value();
  const std::uint8_t* const first = secret.reveal().data();
  for (const std::uint8_t* at : {first - 16, first, first + 4096, first + 8192, first + 9999}) {
    EXPECT_TRUE(has_flag(at, "dd")) << testing::vm_flags(at);
    EXPECT_TRUE(has_flag(at, "wf")) << testing::vm_flags(at);
    EXPECT_TRUE(has_flag(at, "lo") || !testing::mlock_locks()) << testing::vm_flags(at);
  }
  if (!testing::mlock_locks()) GTEST_SKIP() << "lo was not looked at: mlock does nothing here";
}

TEST(SecretKey, WipedKeyIsGoneFromTheAddressSpace) {
  SecretBytes secret = key(kHunter);
  const std::uint8_t* const stale = secret.reveal().data();
  secret.wipe();
  EXPECT_FALSE(testing::is_mapped(stale));
}

TEST(SecretKey, HugeLengthsAreRefusedAndDoNotWrap) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t len :
       {kMost, kMost - 14, kMost - 15, kMost - 31, kMost - 32, kMost / 2, std::size_t{1} << 40}) {
    const auto refused = SecretBytes::for_key(len);
    ASSERT_FALSE(refused) << len;
    EXPECT_EQ(refused.error().code, Code::unavailable);
  }
}

// Forked children

TEST(SecretKey, ChildReadsZerosAndIsTold) {
  for (const std::size_t len : {1U, 32U, 4096U, 10'000U}) {
    const SecretBytes secret = key(std::string(len, 'k'));
    EXPECT_EQ(in_child([&]() -> Complaint {
                if (secret.intact()) return "said to be intact";
                return is_zeros(secret) ? nullptr : "a child sees the key";
              }),
              "");
    EXPECT_TRUE(secret.intact());
    EXPECT_EQ(secret.reveal_text(), std::string(len, 'k'));
  }
}

TEST(SecretKey, GrandchildAndChildOfAThreadReadZerosToo) {
  const SecretBytes secret = key(kHunter);
  const auto look = [&]() -> Complaint { return is_zeros(secret) ? nullptr : "sees the key"; };
  EXPECT_EQ(in_child([&]() -> Complaint { return in_child(look).empty() ? nullptr : "further"; }),
            "");
  std::string end;
  std::thread([&] { end = in_child(look); }).join();
  EXPECT_EQ(end, "");
}

TEST(SecretKey, NothingInAChildAbortsWhenKeysGo) {
  SecretBytes wiped = key(kHunter);
  SecretBytes moved = key(kHunter);
  SecretBytes assigned = key(kHunter);
  auto owned = std::make_unique<SecretBytes>(key(std::string(5000, 'k')));
  EXPECT_EQ(in_child([&]() -> Complaint {
              wiped.wipe();
              wiped.wipe();
              { const SecretBytes inner = std::move(moved); }
              auto own = SecretBytes::copy_key(bytes(kHunter));
              if (!own || !own->intact()) return "no key of its own";
              assigned = std::move(own).value();
              if (assigned.reveal_text() != kHunter) return "its own key is not there";
              owned.reset();
              return nullptr;
            }),
            "");
  EXPECT_EQ(wiped.reveal_text(), kHunter);
}

TEST(SecretKey, StaticKeysDoNotAbortAChildThatExitsTheLongWay) {
  static SecretBytes of_the_program = key(kHunter);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) std::exit(of_the_program.intact() ? 1 : 0);  // runs destructors, unlike _exit
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Canaries

// An underrun by another part of the program: the key is neither used nor left lying about.
TEST(SecretKey, OverwrittenCanaryIsToldAndTheKeyStillWiped) {
  EXPECT_EQ(in_child([]() -> Complaint {
              SecretBytes secret = key(kHunter);
              std::uint8_t* const begin = secret.reveal_mutable().data();
              write_one(begin - 16);
              if (secret.intact()) return "not told";
              secret.wipe();
              if (!testing::is_mapped(begin)) return nullptr;
              return is_zeros(begin, kHunter.size()) ? nullptr : "the key stayed";
            }),
            "");
}

// Refusing systems

TEST(SecretKey, RefusedLockIsUnavailableWithoutAnyOptOut) {
  const std::string end = in_child([]() -> Complaint {
    if (!testing::limit_locked_memory(0)) return testing::kCannotTell;
    SecretArena::instance().allow_unlocked(true);
    const auto refused = SecretBytes::for_key(32);
    if (refused) return "a key that could be swapped";
    if (refused.error().code != Code::unavailable) return "wrong code";
    return SecretBytes::for_value(32) ? nullptr : "no value either";
  });
  if (end == testing::kCannotTell) {
    GTEST_SKIP() << "needs an mlock that works (no sanitizer) and a user without CAP_IPC_LOCK";
  }
  EXPECT_EQ(end, "");
}

// The kernel gives a process 65,530 mappings, and a key takes two, since guard pages side by side
// are one. Whoever keeps too many must hear of it, and never get a key without guard pages.
TEST(SecretKey, RunningOutOfMappingsIsAnErrorAndKeysStayGuarded) {
  if (testing::kSanitized) GTEST_SKIP() << "a sanitizer needs mappings of its own";
  EXPECT_EQ(in_child([]() -> Complaint {
              std::vector<SecretBytes> keys;
              keys.reserve(100'000);
              for (;;) {
                auto made = SecretBytes::for_key(32);
                if (!made && made.error().code != Code::unavailable) return "wrong code";
                if (!made) break;
                keys.push_back(std::move(made).value());
                if (keys.size() == 100'000) return testing::kCannotTell;
              }
              std::uint8_t* const last = keys.back().reveal_mutable().data();
              for (std::uint8_t* const at : {last + 32, last - 4096}) {
                if (!dies_by_fault([at] { write_one(at); })) return "a key without a guard page";
              }
              keys.clear();
              return SecretBytes::for_key(32) ? nullptr : "did not recover";
            }),
            "");
}

// Comparing

TEST(SameSecret, TellsEveryDifference) {
  const SecretBytes secret = value(kHunter);
  EXPECT_TRUE(same_secret(secret.view(), value(kHunter).view()));
  for (std::size_t i = 0; i < kHunter.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = kHunter;
      other[i] = static_cast<char>(other[i] ^ (1 << bit));
      EXPECT_FALSE(same_secret(secret.view(), SecretView(bytes(other))));
    }
  }
  EXPECT_FALSE(same_secret(secret.view(), secret.view().first(kHunter.size() - 1)));
  EXPECT_FALSE(same_secret(secret.view(), SecretView()));
  EXPECT_TRUE(same_secret(SecretView(), SecretView()));
  EXPECT_TRUE(same_secret(SecretView(), value("").view()));
}

TEST(SecretView, PartsAreWhereTheySayTheyAre) {
  const SecretBytes secret = value("0123456789");
  EXPECT_EQ(secret.view().first(3).reveal_text(), "012");
  EXPECT_EQ(secret.view().subview(3, 4).reveal_text(), "3456");
  EXPECT_TRUE(secret.view().subview(10, 0).empty());
  EXPECT_TRUE(SecretView().empty());
  EXPECT_EQ(SecretView().reveal_text(), "");
}

}  // namespace
}  // namespace strongroom::secret_bytes_test
