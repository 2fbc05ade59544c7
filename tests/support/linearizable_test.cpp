// The judge of recorded histories, on histories whose verdict is known.
#include "linearizable.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace strongroom::testing::linearizable_test {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using History = std::vector<Operation>;

Operation read(std::uint64_t value, std::int64_t from, std::int64_t to) {
  return {Kind::read, Outcome::done, value, 0, from, to};
}
Operation write(std::uint64_t value, std::int64_t from, std::int64_t to) {
  return {Kind::write, Outcome::done, value, 0, from, to};
}
Operation set(std::uint64_t expected, std::uint64_t value, std::int64_t from, std::int64_t to,
              Outcome outcome = Outcome::done) {
  return {Kind::compare_and_set, outcome, value, expected, from, to};
}
Operation unknown(Operation operation) {
  operation.outcome = Outcome::unknown;
  operation.returned = operation.invoked;
  return operation;
}

bool accepted(const History& history) {
  const Verdict verdict = LinearizabilityChecker::check(history);
  EXPECT_NE(verdict.kind, Verdict::Kind::gave_up);
  EXPECT_EQ(verdict.why.empty(), verdict.kind == Verdict::Kind::linearizable);
  return verdict.kind == Verdict::Kind::linearizable;
}

TEST(Linearizable, AcceptsWhatHasAnOrder) {
  EXPECT_TRUE(accepted({}));
  EXPECT_TRUE(accepted({read(0, 0, 1), write(1, 2, 3), read(1, 4, 5)}));
  // A read beside a write sees the old or the new value.
  EXPECT_TRUE(accepted({write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)}));
  // Two writes at once, in the order that the reads tell and not in that of their calls.
  EXPECT_TRUE(accepted({write(1, 0, 10), write(2, 1, 10), read(2, 11, 12)}));
  EXPECT_TRUE(accepted({write(1, 0, 10), write(2, 1, 10), read(1, 11, 12)}));
  // One of two compare-and-sets wins, the other is refused.
  EXPECT_TRUE(accepted({set(0, 1, 0, 5), set(0, 2, 0, 5, Outcome::refused), read(1, 6, 7)}));
  // Calls that touch are concurrent.
  EXPECT_TRUE(accepted({write(1, 0, 2), read(0, 2, 3)}));
}

TEST(Linearizable, RejectsAStaleRead) {
  EXPECT_FALSE(accepted({write(1, 0, 1), read(0, 2, 3)}));
  EXPECT_FALSE(accepted({write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)}));
  // New, then old: also when the write is still under way.
  EXPECT_FALSE(accepted({write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)}));
}

TEST(Linearizable, RejectsALostUpdate) {
  // Both were told that they replaced the same value.
  EXPECT_FALSE(accepted({set(0, 1, 0, 5), set(0, 2, 0, 5), read(2, 6, 7)}));
  EXPECT_FALSE(accepted({set(0, 1, 0, 1), read(0, 2, 3)}));
  // Refused, although nothing else was ever there.
  EXPECT_FALSE(accepted({set(0, 1, 0, 1, Outcome::refused)}));
  EXPECT_FALSE(accepted({write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)}));
}

TEST(Linearizable, RejectsADoubleApplication) {
  // 1 replaced 0, 2 replaced 1, and 1 came again with nobody writing it twice.
  EXPECT_FALSE(accepted({set(0, 1, 0, 1), set(1, 2, 2, 3), read(1, 4, 5)}));
  // The same where the first outcome is unknown: it may come late, but once.
  EXPECT_FALSE(accepted(
      {unknown(set(0, 1, 0, 1)), read(1, 2, 3), set(1, 2, 4, 5), read(2, 6, 7), read(1, 8, 9)}));
}

TEST(Linearizable, UnknownWritesHappenLateOrNever) {
  EXPECT_TRUE(accepted({unknown(write(1, 0, 0)), read(0, 1, 2), read(0, 3, 4)}));
  EXPECT_TRUE(accepted({unknown(write(1, 0, 0)), read(0, 1, 2), read(1, 3, 4)}));
  EXPECT_FALSE(accepted({unknown(write(1, 0, 0)), read(1, 1, 2), read(0, 3, 4)}));
  EXPECT_FALSE(accepted({read(1, 0, 1), unknown(write(1, 2, 2))})) << "before its call";
  EXPECT_TRUE(accepted({unknown(set(0, 1, 0, 0)), set(1, 2, 5, 6)}));
  EXPECT_TRUE(accepted({unknown(set(7, 1, 0, 0)), read(0, 5, 6)}));
  // One that nobody read may still be why another was refused.
  EXPECT_TRUE(accepted({unknown(write(1, 0, 0)), set(0, 2, 5, 6, Outcome::refused)}));
}

// by_definition tries every order.
bool by_definition(const History& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0u);
  do {
    bool possible = true;
    for (std::size_t i = 0; possible && i < order.size(); ++i) {
      for (std::size_t j = i + 1; possible && j < order.size(); ++j) {
        const Operation& later = history[order[j]];
        possible = later.outcome == Outcome::unknown || later.returned >= history[order[i]].invoked;
      }
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; possible && i < order.size(); ++i) {
      const Operation& o = history[order[i]];
      const bool equal = value == (o.kind == Kind::read ? o.value : o.expected);
      const bool is_unknown = o.outcome == Outcome::unknown;
      if (o.kind == Kind::read) {
        possible = equal || is_unknown;
      } else if (o.kind == Kind::compare_and_set && !is_unknown) {
        possible = equal == (o.outcome == Outcome::done);
      }
      const bool changes = o.kind == Kind::write || (o.kind == Kind::compare_and_set && equal &&
                                                     o.outcome != Outcome::refused);
      if (changes) value = o.value;
    }
    if (possible) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST(Linearizable, AgreesWithTheDefinitionOnSmallHistories) {
  std::mt19937 random(7);
  const auto below = [&](int limit) { return static_cast<int>(random() % unsigned(limit)); };
  int num_accepted = 0;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    History history(static_cast<std::size_t>(1 + below(6)));
    for (Operation& o : history) {
      o.kind = static_cast<Kind>(below(3));
      o.value = static_cast<std::uint64_t>(below(3));
      o.expected = static_cast<std::uint64_t>(below(3));
      o.invoked = below(12);
      o.returned = o.invoked + below(8);
      if (o.kind != Kind::read && below(4) == 0)
        o.outcome = Outcome::unknown;
      else if (o.kind == Kind::compare_and_set && below(2) == 0)
        o.outcome = Outcome::refused;
    }
    const bool expected = by_definition(history);
    num_accepted += expected ? 1 : 0;
    ASSERT_EQ(accepted(history), expected) << "round " << round;
  }
  EXPECT_GT(num_accepted, kRounds / 10);
  EXPECT_LT(num_accepted, kRounds * 9 / 10);
}

// made_up runs clients against a real register, each call taking its time, and unknown outcomes between.
History made_up(std::size_t num_operations, int num_clients, unsigned seed) {
  std::mt19937 random(seed);
  History history;
  std::vector<std::int64_t> free_at(static_cast<std::size_t>(num_clients), 0);
  std::uint64_t value = 0;
  std::int64_t now = 0;
  for (std::uint64_t next = 1; history.size() < num_operations; ++next) {
    Operation o;
    const auto client = std::size_t{random()} % free_at.size();
    // The instant, with the call before and the return after it.
    now += static_cast<std::int64_t>(random() % 10);
    if (free_at[client] >= now) continue;
    o.client = static_cast<int>(client);
    o.invoked = std::max(free_at[client] + 1, now - static_cast<std::int64_t>(random() % 40));
    o.returned = now + static_cast<std::int64_t>(random() % 40);
    free_at[client] = o.returned;
    o.kind = random() % 2 == 0 ? Kind::read : Kind::compare_and_set;
    o.value = o.kind == Kind::read ? value : next;
    o.expected = random() % 3 == 0 ? next + 1'000'000 : value;
    bool happens = o.kind == Kind::compare_and_set && o.expected == value;
    if (o.kind == Kind::compare_and_set && !happens) o.outcome = Outcome::refused;
    if (o.kind == Kind::compare_and_set && random() % 100 == 0) {
      o.outcome = Outcome::unknown;
      happens = happens && random() % 2 == 0;
    }
    if (happens) value = o.value;
    history.push_back(o);
  }
  std::shuffle(history.begin(), history.end(), random);
  return history;
}

TEST(Linearizable, FinishesOnTenThousandOperations) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    History history = made_up(10'000, 8, seed);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(accepted(history)) << "seed " << seed;
    // One read of what was not there any more.
    const auto of_late = [](const Operation& o) { return o.kind == Kind::read && o.value > 5000; };
    const auto damaged = std::find_if(history.begin(), history.end(), of_late);
    ASSERT_NE(damaged, history.end());
    damaged->value = 1;
    EXPECT_FALSE(accepted(history)) << "seed " << seed;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  }
}

TEST(Linearizable, GivesUpRatherThanTakeForever) {
  // Writes that overlap and are all refuted by one read: every order of them would have to be tried.
  History history;
  for (std::uint64_t i = 1; i <= 24; ++i) history.push_back(write(i, 0, 100));
  history.push_back(read(99, 0, 100));
  EXPECT_EQ(LinearizabilityChecker::check(history, 0, 10'000).kind, Verdict::Kind::gave_up);
}

}  // namespace
}  // namespace strongroom::testing::linearizable_test
