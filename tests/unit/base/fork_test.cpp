#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "strongroom/impl/base/fork_guard.hpp"
#include "support/process.hpp"

namespace strongroom::fork_test {
namespace {

using testing::Complaint;
using testing::in_child;

// epochs_of_threads asks many threads at the same moment.
template <std::size_t N>
std::array<std::uint64_t, N> epochs_of_threads() {
  std::array<std::uint64_t, N> seen{};
  std::latch start(N);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < N; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      seen[i] = process_epoch();
    });
  }
  for (auto& thread : threads) thread.join();
  return seen;
}

TEST(ProcessEpoch, IsNeverZeroWhereTheKernelHelps) {
  EXPECT_NE(process_epoch(), 0U);
}

TEST(ProcessEpoch, StaysTheSameOverTimeAndThreads) {
  const std::uint64_t mine = process_epoch();
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(process_epoch(), mine);
  for (const std::uint64_t seen : epochs_of_threads<16>()) EXPECT_EQ(seen, mine);
}

TEST(ProcessEpoch, StaysTheSameInAParentThatForks) {
  const std::uint64_t mine = process_epoch();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([] { return process_epoch() == 0 ? "no epoch" : nullptr; }), "");
    ASSERT_EQ(process_epoch(), mine);
  }
}

TEST(ProcessEpoch, DiffersInAChildAndThenStays) {
  const std::uint64_t parent = process_epoch();
  EXPECT_EQ(in_child([parent]() -> Complaint {
              const std::uint64_t mine = process_epoch();
              if (mine == 0) return "no epoch";
              if (mine == parent) return "the parent's epoch";
              return process_epoch() == mine ? nullptr : "changed in one process";
            }),
            "");
}

TEST(ProcessEpoch, DiffersFromEveryAncestorsSixGenerationsDown) {
  struct Generations {
    static Complaint descend(std::set<std::uint64_t> seen, int left) {
      if (!seen.insert(process_epoch()).second) return "an ancestor's epoch";
      if (left == 0) return nullptr;
      return in_child([&] { return descend(seen, left - 1); }).empty() ? nullptr : "further down";
    }
  };
  EXPECT_EQ(in_child([] { return Generations::descend({}, 6); }), "");
}

// A child that never asked must not pass its parent's epoch on to a grandchild.
TEST(ProcessEpoch, DiffersInAGrandchildWhoseParentNeverAsked) {
  const std::uint64_t mine = process_epoch();
  const std::string grandchild = in_child([mine]() -> Complaint {
    const auto ask = [mine] { return process_epoch() == mine ? "the same" : nullptr; };
    return in_child(ask).empty() ? nullptr : "grandchild";
  });
  EXPECT_EQ(grandchild, "");
}

TEST(ProcessEpoch, DiffersInAChildThatPthreadAtforkNeverSees) {
  const std::uint64_t mine = process_epoch();
  const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(process_epoch() == mine ? 1 : 0);
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(::waitpid(static_cast<pid_t>(child), &status, 0), static_cast<pid_t>(child));
  EXPECT_EQ(status, 0);
}

TEST(ProcessEpoch, ThreadsOfAChildAgreeOnOne) {
  const std::uint64_t parent = process_epoch();
  for (int i = 0; i < 20; ++i) {  // they race for the first look
    const std::string child = in_child([parent]() -> Complaint {
      const auto seen = epochs_of_threads<8>();
      if (seen[0] == 0 || seen[0] == parent) return "not an epoch of its own";
      return std::count(seen.begin(), seen.end(), seen[0]) == 8 ? nullptr : "two epochs";
    });
    ASSERT_EQ(child, "");
  }
}

TEST(ProcessEpoch, ChildForkedOffWhileThreadsAskIsAnotherOne) {
  const std::uint64_t parent = process_epoch();
  std::atomic<bool> stop{false};
  std::thread asking([&] {
    while (!stop.load()) static_cast<void>(process_epoch());
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([parent] { return process_epoch() == parent ? "the same" : nullptr; }), "");
  }
  stop.store(true);
  asking.join();
}

TEST(ForkGuard, HoldsInItsProcessOnAnyThread) {
  const ForkGuard guard;
  EXPECT_TRUE(guard.same_process());
  bool held = false;
  std::thread([&] { held = guard.same_process(); }).join();
  EXPECT_TRUE(held);
}

TEST(ForkGuard, RefusesInAChildAndInItsThreads) {
  const ForkGuard guard;
  EXPECT_EQ(in_child([&]() -> Complaint {
              bool held = false;
              std::thread([&] { held = guard.same_process(); }).join();
              return held || guard.same_process() ? "held" : nullptr;
            }),
            "");
  EXPECT_TRUE(guard.same_process());
}

TEST(ForkGuard, CopyBelongsToTheProcessOfTheOriginal) {
  const ForkGuard guard;
  EXPECT_EQ(in_child([&]() -> Complaint {
              const ForkGuard copy = guard;
              return copy.same_process() ? "a copy laundered the handle" : nullptr;
            }),
            "");
}

TEST(ForkGuard, ChildsOwnHoldsThereAndNotInTheGrandchild) {
  EXPECT_EQ(in_child([]() -> Complaint {
              const ForkGuard own;
              if (!own.same_process()) return "refused its own process";
              const auto child = [&] { return own.same_process() ? "held" : nullptr; };
              return in_child(child).empty() ? nullptr : "held in the grandchild";
            }),
            "");
}

// As a child made off-stage is: its number must not come round again.
TEST(ForkGuard, RefusesInEveryOfManySiblings) {
  const ForkGuard guard;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(in_child([&] { return guard.same_process() ? "held" : nullptr; }), "");
  }
}

}  // namespace
}  // namespace strongroom::fork_test
