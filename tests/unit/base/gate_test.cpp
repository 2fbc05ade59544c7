#include "strongroom/impl/base/gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/process.hpp"

namespace strongroom::gate_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Pair must always be seen with two equal halves. Not atomic: a sanitizer sees any overlap too.
struct Pair {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

void run_all(std::vector<std::thread>& threads) {
  for (auto& thread : threads) thread.join();
}

TEST(Gate, ReaderNeverSeesHalfAChange) {
  const Gate gate;
  Pair pair;
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop.load()) {
        const Gate::Shared shared(gate);
        if (pair.first != pair.second || pair.first < last) ++torn;
        last = pair.first;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    const Gate::Exclusive alone(gate);
    ++pair.first;
    ++pair.second;
  }
  stop.store(true);
  run_all(readers);
  EXPECT_EQ(torn.load(), 0);
}

TEST(Gate, WritersExcludeEachOtherAndLoseNoChange) {
  const Gate gate;
  Pair pair;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        const Gate::Exclusive alone(gate);
        ++pair.first;
        ++pair.second;
      }
    });
  }
  run_all(writers);
  EXPECT_EQ(pair.first, 4000U);
  EXPECT_EQ(pair.second, 4000U);
}

// 80 readers on 32 counters are all inside at once: neither a shared counter nor a neighbour blocks.
TEST(Gate, ReadersNeverBlockReaders) {
  const Gate gate;
  constexpr int kReaders = 80;
  std::latch inside(kReaders);
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      const Gate::Shared shared(gate);
      inside.arrive_and_wait();  // hangs unless everybody gets in
    });
  }
  run_all(readers);
}

TEST(Gate, WriterWaitsForEveryReaderInside) {
  const Gate gate;
  constexpr int kReaders = 40;
  std::latch inside(kReaders + 1);
  std::atomic<int> left{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      const Gate::Shared shared(gate);
      inside.arrive_and_wait();
      std::this_thread::sleep_for(milliseconds(i));
      ++left;
    });
  }
  inside.arrive_and_wait();
  {
    const Gate::Exclusive alone(gate);
    EXPECT_EQ(left.load(), kReaders);
  }
  run_all(readers);
}

TEST(Gate, ReaderThatComesDuringAChangeWaitsAndThenGoesOn) {
  const Gate gate;
  std::atomic<bool> changed{false};
  std::vector<std::thread> readers;
  std::atomic<int> too_early{0};
  {
    const Gate::Exclusive alone(gate);
    for (int i = 0; i < 8; ++i) {
      readers.emplace_back([&] {
        const Gate::Shared shared(gate);
        if (!changed.load()) ++too_early;
      });
    }
    std::this_thread::sleep_for(milliseconds(30));  // let them reach the closed gate
    changed.store(true);
  }
  run_all(readers);  // hangs when a wake-up is lost
  EXPECT_EQ(too_early.load(), 0);
}

TEST(Gate, ManyShortChangesLoseNoWakeUp) {
  const Gate gate;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) const Gate::Shared shared(gate);
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < 3000; ++n) const Gate::Exclusive alone(gate);
    });
  }
  run_all(writers);
  stop.store(true);
  run_all(readers);
}

// Readers come without a pause, so that their counters are hardly ever all zero by chance.
TEST(Gate, WriterIsNotStarvedByReaders) {
  const Gate gate;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        const Gate::Shared shared(gate);
        std::this_thread::yield();
      }
    });
  }
  const auto begin = steady_clock::now();
  for (int i = 0; i < 20; ++i) const Gate::Exclusive alone(gate);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(10'000));
  stop.store(true);
  run_all(readers);
}

TEST(Gate, GatesDoNotKnowEachOther) {
  const Gate one;
  const Gate other;
  const Gate::Exclusive alone(one);
  const Gate::Shared shared(other);
  bool entered = false;
  std::thread([&] {
    const Gate::Shared also(other);
    entered = true;
  }).join();
  EXPECT_TRUE(entered);
}

TEST(Gate, HoldersCanNotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<Gate::Shared>);
  static_assert(!std::is_move_constructible_v<Gate::Shared>);
  static_assert(!std::is_copy_constructible_v<Gate::Exclusive>);
  static_assert(!std::is_move_constructible_v<Gate::Exclusive>);
  static_assert(!std::is_copy_constructible_v<Gate>);
}

// Processor time and not the clock's: what else runs on the machine does not count. A counter that
// two cores share would cost several times as much as one of one's own.
TEST(Gate, SecondReaderDoesNotSlowTheFirst) {
  if (testing::kSanitized) GTEST_SKIP() << "a sanitizer bends the speed";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two processors";
  const Gate gate;
  const auto seconds = [&gate](int num_threads) {
    std::vector<double> spent(static_cast<std::size_t>(num_threads));
    std::latch start(num_threads);
    std::vector<std::thread> threads;
    for (auto& mine : spent) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        const double begin = testing::cpu_seconds();
        for (int i = 0; i < 500'000; ++i) const Gate::Shared shared(gate);
        mine = testing::cpu_seconds() - begin;
      });
    }
    run_all(threads);
    return *std::max_element(spent.begin(), spent.end());
  };
  double best = 1e9;
  for (int i = 0; i < 10 && best > 1.6; ++i) best = std::min(best, seconds(2) / seconds(1));
  EXPECT_LT(best, 2.0);
}

TEST(ThreadStripe, IsTheSameForAThreadAndWithinBounds) {
  const unsigned mine = thread_stripe(32);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(thread_stripe(32), mine);
  EXPECT_EQ(thread_stripe(1), 0U);
  for (unsigned n = 1; n < 40; ++n) EXPECT_LT(thread_stripe(n), n);
}

TEST(ThreadStripe, SpreadsThreadsEvenly) {
  std::set<unsigned> seen;
  for (int i = 0; i < 16; ++i) std::thread([&] { seen.insert(thread_stripe(16)); }).join();
  EXPECT_EQ(seen.size(), 16U);
}

}  // namespace
}  // namespace strongroom::gate_test
