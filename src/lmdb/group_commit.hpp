// group_commit.hpp: many commits at once become one transaction, without a thread of our own.
//
// Callers queue up. The first becomes the leader: it takes the storage's lock, gathers the batches
// that have queued by then into one transaction, and hands each its own outcome. Callers that come
// meanwhile form the next group, led by one of them. So all callers in a group share one flush of
// the disk.
//
// Storage is a type with
//   Result<void> lock(Deadline)          exclude other processes; timeout, unavailable
//   void unlock()
//   Result<void> begin(const Load&)      begin a transaction; excludes other threads
//   Result<Commit> apply(batch)          test and apply; an Error spoils the transaction
//   Result<void> finish()                commit it; indeterminate, or an error: nothing changed
//   void abandon()                       drop it
//   bool can_try_again()                 after a batch failed by itself: is it worth a retry?
//   const std::string& name() const      the name in messages
//
// A batch is the caller's memory. It is read only while its caller cannot return. When a caller
// gives up while the disk is flushing (indeterminate), its batch is never read again.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lmdb_files.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::lmdb {

// Load is the most that a transaction is going to write.
struct Load {
  std::size_t num_changes = 0;
  std::size_t num_bytes = 0;
};

inline Load load_of(std::span<const Change> batch) noexcept {
  Load load{batch.size(), 0};
  for (const Change& change : batch) load.num_bytes += change.key.size() + change.value.size();
  return load;
}

template <typename Storage>
class GroupCommit {
 public:
  explicit GroupCommit(Storage& storage) noexcept : storage_(storage) {}

  // commit blocks until the batch is applied, refused, or out of time.
  Result<Commit> commit(std::span<const Change> batch, Deadline deadline) {
    const auto request = std::make_shared<Request>(batch, deadline);
    std::unique_lock lock(mutex_);
    queue_.push_back(request);
    if (!led_) {
      led_ = true;
      request->leads = true;
    }
    if (auto given_up = wait(lock, *request)) return *std::move(given_up);
    if (request->leads) lead(lock, *request);
    return *std::move(request->outcome);
  }

 private:
  // How long a caller waits past its deadline for a flush that is under way, to learn the outcome.
  static constexpr std::chrono::seconds kGrace{1};
  static constexpr std::size_t kMaxGroupBatches = 256;
  static constexpr std::size_t kMaxGroupChanges = 4096;
  static constexpr std::size_t kMaxGroupBytes = std::size_t{16} << 20;

  enum class Stage { queued, taken, flushing, done };

  struct Request {
    Request(std::span<const Change> changes, Deadline until)
        : batch(changes), load(load_of(changes)), deadline(until) {}

    const std::span<const Change> batch;
    const Load load;
    const Deadline deadline;
    Stage stage = Stage::queued;
    bool leads = false;
    bool left = false;  // its caller returned, so the batch may be gone
    std::optional<Result<Commit>> outcome;
    std::condition_variable wake;
  };
  using Group = std::vector<std::shared_ptr<Request>>;

  // wait returns nothing when the request is done or is to lead, or the error of a caller that gives up.
  std::optional<Result<Commit>> wait(std::unique_lock<std::mutex>& lock, Request& request) {
    while (!request.leads && request.stage != Stage::done) {
      const Deadline until =
          request.stage == Stage::flushing ? request.deadline + kGrace : request.deadline;
      if (std::chrono::steady_clock::now() < until) {
        request.wake.wait_until(lock, until);
      } else if (request.stage == Stage::queued) {
        withdraw(request);
        return Result<Commit>(timed_out());
      } else if (request.stage == Stage::flushing) {
        request.left = true;
        return Result<Commit>(
            Error{Code::indeterminate,
                  storage_.name() + " was still being flushed when the time was up; read it back"});
      } else {
        request.wake.wait(lock);  // the leader reads the batch now; this is short
      }
    }
    return std::nullopt;
  }

  Error timed_out() const {
    return {Code::timeout,
            storage_.name() +
                (locking_ ? " was locked by another process that was writing, or reading "
                            "through a read-only mount,"
                          : " was busy with earlier commits") +
                " until the time was up; nothing was changed"};
  }

  void withdraw(Request& request) {
    request.left = true;
    std::erase_if(queue_, [&](const auto& queued) { return queued.get() == &request; });
  }

  // lead serves one group, which includes the leader's own request, and passes the lead on.
  void lead(std::unique_lock<std::mutex>& lock, Request& own) {
    locking_ = true;
    lock.unlock();
    Result<void> locked = storage_.lock(own.deadline);
    lock.lock();
    locking_ = false;
    if (locked) {
      const Group group = take();
      lock.unlock();
      try {
        serve(group);
      } catch (...) {  // out of memory; every waiting caller must still get an outcome
        storage_.abandon();
        fail(group);
      }
      storage_.unlock();
      lock.lock();
    } else {
      withdraw(own);
      own.outcome.emplace(std::move(locked).error());
    }
    led_ = !queue_.empty();
    if (led_) {
      queue_.front()->leads = true;
      queue_.front()->wake.notify_one();
    }
  }

  // take moves the head of the queue into a group; the leader's request is the first of all.
  Group take() {
    Group group;
    group.reserve(std::min(queue_.size(), kMaxGroupBatches));
    Load sum;
    while (!queue_.empty() && group.size() < kMaxGroupBatches) {
      Request& next = *queue_.front();
      sum.num_changes += next.load.num_changes;
      sum.num_bytes += next.load.num_bytes;
      const bool fits = sum.num_changes <= kMaxGroupChanges && sum.num_bytes <= kMaxGroupBytes;
      if (!fits && !group.empty()) break;
      next.stage = Stage::taken;
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return group;
  }

  void serve(const Group& group) {
    if (group.size() > 1) {
      if (run(group, true)) return;
      put_back(group);
    }
    // Each batch by itself, so that only those fail that cause the failure.
    for (const auto& request : group) {
      if (!retake(*request)) continue;
      const Group alone{request};
      if (run(alone, true)) continue;
      run(alone, false);
    }
  }

  // run makes one transaction of the group and hands out its outcomes.
  // Returns  false when the transaction failed as a whole, changed nothing, and should be tried again;
  //          only if may_retry.
  bool run(const Group& group, bool may_retry) {
    Load sum;
    for (const auto& request : group) {
      sum.num_changes += request->load.num_changes;
      sum.num_bytes += request->load.num_bytes;
    }
    if (auto begun = storage_.begin(sum); !begun) {
      deliver(group, std::vector<Result<Commit>>(group.size(), begun.error()));
      return true;
    }
    std::vector<Result<Commit>> outcomes;
    outcomes.reserve(group.size());
    for (const auto& request : group) {
      outcomes.push_back(storage_.apply(request->batch));
      if (outcomes.back()) continue;
      storage_.abandon();
      return settle(group, outcomes.back().error(), may_retry);
    }
    set_flushing(group);
    const Result<void> finished = storage_.finish();
    if (!finished && finished.error().code != Code::indeterminate) {
      return settle(group, finished.error(), may_retry);
    }
    if (!finished) {
      for (auto& outcome : outcomes) outcome = in_doubt(*outcome, finished.error());
    }
    deliver(group, std::move(outcomes));
    return true;
  }

  // settle ends a transaction that changed nothing. A single batch gets the error, unless the storage
  // can try again; a larger group is always tried again.
  bool settle(const Group& group, const Error& error, bool may_retry) {
    if (may_retry && (group.size() > 1 || storage_.can_try_again())) return false;
    deliver(group, std::vector<Result<Commit>>(group.size(), error));
    return true;
  }

  // in_doubt returns a batch's outcome when the outcome of its transaction is unknown. A conflict was
  // found after changes that may not be there, but the batch itself certainly changed nothing.
  static Result<Commit> in_doubt(const Commit& outcome, const Error& error) {
    if (!outcome.conflict) return error;
    return Error{Code::unavailable, error.message + "; nothing of this commit was applied"};
  }

  // put_back marks the requests as queued, so that a caller whose time runs out before its turn can
  // give up.
  void put_back(const Group& group) {
    const std::lock_guard lock(mutex_);
    for (const auto& request : group) {
      request->stage = Stage::queued;
      request->wake.notify_one();
    }
  }

  bool retake(Request& request) {
    const std::lock_guard lock(mutex_);
    if (!request.left) request.stage = Stage::taken;
    return !request.left;
  }

  void set_flushing(const Group& group) {
    const std::lock_guard lock(mutex_);
    for (const auto& request : group) {
      request->stage = Stage::flushing;
      // A caller that waits for "taken" to end has no time left, and must check the clock again.
      request->wake.notify_one();
    }
  }

  void fail(const Group& group) noexcept {
    const std::lock_guard lock(mutex_);
    for (const auto& request : group) {
      if (request->stage == Stage::done) continue;
      const bool unknown = request->stage == Stage::flushing;
      // Short enough to need no memory.
      request->outcome.emplace(
          Error{unknown ? Code::indeterminate : Code::unavailable, "no memory"});
      request->stage = Stage::done;
      request->wake.notify_one();
    }
  }

  void deliver(const Group& group, std::vector<Result<Commit>> outcomes) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < group.size(); ++i) {
      group[i]->outcome.emplace(std::move(outcomes[i]));
      group[i]->stage = Stage::done;
      group[i]->wake.notify_one();
    }
  }

  Storage& storage_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<Request>> queue_;
  bool led_ = false;      // a caller leads, or was just made the leader
  bool locking_ = false;  // the leader waits for another process
};

}  // namespace strongroom::lmdb
