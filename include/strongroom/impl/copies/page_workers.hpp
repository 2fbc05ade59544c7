// page_workers.hpp: pages of records worked on by a few threads at once.
//
// A commit is durable, so most of its time is spent waiting: on a disk, or on servers. Several under
// way share that wait. Little work stays little: while there is one page, no thread is started.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// PageWorkers is for one thread that gives pages. What work throws is thrown to that one.
class PageWorkers {
 public:
  using Work = std::function<Result<void>(const RecordPage&)>;

  static constexpr unsigned kMaxThreads = 8;
  // Who gives pages beyond this waits. One that is large by itself he works on himself, so that of
  // large ones there is never more than one.
  static constexpr std::size_t kMaxBytes = std::size_t{6} << 20;
  static constexpr std::size_t kLarge = std::size_t{3} << 20;

  // work is called by several threads at once, on each page once. After an error no more is begun.
  explicit PageWorkers(Work work) : work_(std::move(work)) {}
  PageWorkers(const PageWorkers&) = delete;
  PageWorkers& operator=(const PageWorkers&) = delete;
  ~PageWorkers() {
    {
      const std::lock_guard lock(mutex_);
      failed_ = failed_ || !queue_.empty();  // they were given up
    }
    join();
  }

  // give hands a page over, and waits while there is enough to do.
  // Errors  the first of work, of any page before.
  Result<void> give(RecordPage page) {
    if (page.empty()) return {};
    if (page.num_bytes() < kLarge) std::swap(held_, page);
    if (page.empty()) return {};  // the first
    if (page.num_bytes() >= kLarge || !has_threads()) return work_(page);
    std::unique_lock lock(mutex_);
    const std::size_t len = page.num_bytes();
    changed_.wait(lock,
                  [&] { return failed_ || num_bytes_ == 0 || num_bytes_ + len <= kMaxBytes; });
    if (failed_) return first_error();
    queue_.push_back(std::move(page));
    num_bytes_ += len;
    changed_.notify_all();
    return {};
  }

  // finish returns when all is done, or nothing is any more. It is the last call.
  // Errors  the first of work.
  Result<void> finish() {
    const RecordPage last = std::move(held_);
    Result<void> done;
    if (!last.empty() && !has_failed()) done = work_(last);
    join();
    return failed_ ? first_error() : done;
  }

 private:
  bool has_failed() {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

  // has_threads starts one more where all are at work. A system that gives none does no harm.
  bool has_threads() {
    const std::lock_guard lock(mutex_);
    if (num_idle_ > queue_.size() || threads_.size() == kMaxThreads) return true;
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {  // with those that there are
    }
    return !threads_.empty();
  }

  void run() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++num_idle_;
      changed_.wait(lock, [&] { return failed_ || closing_ || !queue_.empty(); });
      --num_idle_;
      if (failed_ || queue_.empty()) return;
      const RecordPage page = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      finish_one(page.num_bytes(), attempt(page));
      lock.lock();
    }
  }

  // Outcome is what work came to, thrown or returned.
  struct Outcome {
    Result<void> result;
    std::exception_ptr thrown;
  };

  Outcome attempt(const RecordPage& page) noexcept try {
    return {work_(page), nullptr};
  } catch (...) {
    return {{}, std::current_exception()};
  }

  void finish_one(std::size_t len, Outcome outcome) noexcept {
    const std::lock_guard lock(mutex_);
    num_bytes_ -= len;
    if (!failed_ && (!outcome.result || outcome.thrown != nullptr)) {
      failed_ = true;
      first_ = std::move(outcome);
    }
    changed_.notify_all();
  }

  Result<void> first_error() const {
    if (first_.thrown != nullptr) std::rethrow_exception(first_.thrown);
    return first_.result;
  }

  void join() noexcept {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  const Work work_;
  RecordPage held_;  // the one that was given last: it may be the only one
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RecordPage> queue_;
  std::size_t num_bytes_ = 0;  // of the queue, and of what is worked on
  std::size_t num_idle_ = 0;
  bool closing_ = false;
  bool failed_ = false;
  Outcome first_{};
};

}  // namespace strongroom
