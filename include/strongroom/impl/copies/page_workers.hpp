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
  ~PageWorkers();

  // give hands a page over, and waits while there is enough to do.
  // Errors  the first of work, of any page before.
  Result<void> give(RecordPage page);

  // finish returns when all is done, or nothing is any more. It is the last call.
  // Errors  the first of work.
  Result<void> finish();

 private:
  bool has_failed();

  // has_threads starts one more where all are at work. A system that gives none does no harm.
  bool has_threads();

  void run() noexcept;

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

  void finish_one(std::size_t len, Outcome outcome) noexcept;

  Result<void> first_error() const;

  void join() noexcept;

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
