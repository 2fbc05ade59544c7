// group_commit_test.cpp: the queue of writers over a storage that hangs and fails on demand, which a
// real disk does not.
#include "src/lmdb/group_commit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "tests/support/waiting_thread.hpp"

namespace strongroom::lmdb::group_commit_test {
namespace {

using namespace std::chrono_literals;

// A disk whose lock and flush wait until a test lets them go on.
class SlowDisk {
 public:
  Result<void> lock(Deadline deadline) {
    std::unique_lock guard(mutex_);
    moved_.wait_until(guard, deadline, [&] { return lock_is_free_; });
    if (!lock_is_free_) return Error{Code::timeout, "the lock was held"};
    return {};
  }
  void unlock() {}
  Result<void> begin(const Load& load) {
    last_load = load;
    ++num_begun;
    return {};
  }
  Result<Commit> apply(std::span<const Change> batch) {
    if (throws) throw std::bad_alloc();
    const std::string key(batch[0].key.begin(), batch[0].key.end());
    if (key == guilty) return Error{Code::unavailable, "no room for " + key};
    if (key == conflicting) return Commit{0};
    pending_.push_back(key);
    return Commit{};
  }
  Result<void> finish() {
    std::unique_lock guard(mutex_);
    ++num_flushes_;
    moved_.notify_all();
    moved_.wait(guard, [&] { return flush_may_end_; });
    const std::vector<std::string> written = std::move(pending_);
    pending_.clear();
    const int failure = fail_once.exchange(0);
    if (failure != 0) return Error{static_cast<Code>(failure), "the flush failed"};
    kept.insert(kept.end(), written.begin(), written.end());
    return {};
  }
  void abandon() { pending_.clear(); }
  bool can_try_again() { return false; }
  const std::string& name() const { return name_; }

  void hold_lock() { set(lock_is_free_, false); }
  void free_lock() { set(lock_is_free_, true); }
  void hold_flush() { set(flush_may_end_, false); }
  void end_flush() { set(flush_may_end_, true); }
  void await_flush() {
    std::unique_lock guard(mutex_);
    moved_.wait(guard, [&] { return num_flushes_ > 0; });
  }

  std::atomic<bool> throws{false};
  std::string guilty, conflicting;
  std::atomic<int> fail_once{0};
  std::atomic<int> num_begun{0};
  Load last_load;
  std::vector<std::string> kept;

 private:
  void set(bool& flag, bool value) {
    const std::lock_guard guard(mutex_);
    flag = value;
    moved_.notify_all();
  }

  const std::string name_ = "slow";
  std::mutex mutex_;
  std::condition_variable moved_;
  bool lock_is_free_ = true;
  bool flush_may_end_ = true;
  int num_flushes_ = 0;
  std::vector<std::string> pending_;
};

class GroupCommits : public ::testing::Test {
 protected:
  // A batch that lives no longer than its call, as a caller's may.
  Result<Commit> put(const std::string& key, Timeout timeout) {
    const auto owned = std::make_unique<std::string>(key);
    const ByteView view{reinterpret_cast<const std::uint8_t*>(owned->data()), owned->size()};
    const std::vector<Change> batch = {{Change::Kind::put, view, view, kAny}};
    return writers_.commit(batch, std::chrono::steady_clock::now() + timeout);
  }

  // A group of all these keys: they gather while the lock is held elsewhere.
  std::vector<Result<Commit>> put_together(const std::vector<std::string>& keys) {
    std::vector<Result<Commit>> results(keys.size(), Commit{});
    disk_.hold_lock();
    std::list<WaitingThread> threads;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      threads.emplace_back([&, i] { results[i] = put(keys[i], 10s); });
    }
    disk_.free_lock();
    for (WaitingThread& thread : threads) thread.join();
    return results;
  }

  SlowDisk disk_;
  GroupCommit<SlowDisk> writers_{disk_};
};

TEST_F(GroupCommits, WhoComesWhileTheLockIsWaitedForSharesOneTransaction) {
  const auto results = put_together({"a", "b", "c", "d", "e"});
  for (const auto& result : results) EXPECT_TRUE(result.ok());
  EXPECT_EQ(disk_.num_begun, 1);
  EXPECT_EQ(disk_.kept.size(), 5u);
  EXPECT_EQ(disk_.last_load.num_changes, 5u);
  EXPECT_EQ(disk_.last_load.num_bytes, 10u);
}

TEST_F(GroupCommits, GuiltyBatchFailsAloneAndTheOthersAreWritten) {
  disk_.guilty = "b";
  const auto results = put_together({"a", "b", "c"});
  EXPECT_TRUE(results[0].ok());
  ASSERT_FALSE(results[1].ok());
  EXPECT_EQ(results[1].error().message, "no room for b");
  EXPECT_TRUE(results[2].ok());
  EXPECT_EQ(disk_.kept.size(), 2u);
}

TEST_F(GroupCommits, FollowerLeavesAHangingFlushAsIndeterminateAndIsNeverLookedAtAgain) {
  disk_.hold_lock();
  disk_.hold_flush();
  WaitingThread leader([&] { EXPECT_TRUE(put("leader", 20s).ok()); });
  WaitingThread follower([&] {
    const auto start = std::chrono::steady_clock::now();
    const auto result = put("follower", 1s);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::indeterminate);
  });
  disk_.free_lock();
  disk_.await_flush();
  follower.join();
  // A failure now would be tried again for each alone, but not for the one who left.
  disk_.fail_once = static_cast<int>(Code::unavailable);
  disk_.end_flush();
  leader.join();
  EXPECT_EQ(disk_.kept, std::vector<std::string>{"leader"});
}

TEST_F(GroupCommits, FollowerWhoseTimePassesInTheQueueWithdrawsAndIsNotWritten) {
  disk_.hold_flush();
  std::thread leader([&] { EXPECT_TRUE(put("leader", 20s).ok()); });
  disk_.await_flush();
  const auto result = put("late", 50ms);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::timeout);
  EXPECT_NE(result.error().message.find("earlier commits"), std::string::npos);
  disk_.end_flush();
  leader.join();
  EXPECT_EQ(disk_.kept, std::vector<std::string>{"leader"});
}

TEST_F(GroupCommits, LeaderWhoseTimePassesHandsTheLeadOn) {
  disk_.hold_lock();
  WaitingThread first([&] {
    const auto result = put("first", 1s);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::timeout);
  });
  WaitingThread second([&] { EXPECT_TRUE(put("second", 20s).ok()); });
  first.join();
  disk_.free_lock();
  second.join();
  EXPECT_EQ(disk_.kept, std::vector<std::string>{"second"});
}

TEST_F(GroupCommits, UnknownOutcomeIsIndeterminateForWhatWasAppliedAndNotForAConflict) {
  disk_.conflicting = "b";
  disk_.fail_once = static_cast<int>(Code::indeterminate);
  const auto results = put_together({"a", "b"});
  ASSERT_FALSE(results[0].ok());
  EXPECT_EQ(results[0].error().code, Code::indeterminate);
  ASSERT_FALSE(results[1].ok());
  EXPECT_EQ(results[1].error().code, Code::unavailable);
}

TEST_F(GroupCommits, OutOfMemoryIsTheEndOfAGroupAndNotOfTheQueue) {
  disk_.throws = true;
  for (const auto& result : put_together({"a", "b", "c"})) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::unavailable);
  }
  disk_.throws = false;
  EXPECT_TRUE(put("d", 10s).ok());
  EXPECT_EQ(disk_.kept, std::vector<std::string>{"d"});
}

}  // namespace
}  // namespace strongroom::lmdb::group_commit_test
