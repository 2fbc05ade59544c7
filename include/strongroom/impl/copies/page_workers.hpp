// page_workers.hpp: pages of records worked on by a few threads at once.
//
// A commit is durable, so most of its time is spent waiting for a disk or for servers. Several commits
// under way at once share that wait. For a single page, no thread is started.
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

// PageWorkers is used by one thread, which gives it pages. Exceptions of work are thrown to that thread.
class PageWorkers {
 public:
  using Work = std::function<Result<void>(const RecordPage&)>;

  static constexpr unsigned kMaxThreads = 8;
  // With this much under way, give waits. A page of kLarge bytes or more is worked on by the giving thread
  // itself, so there is never more than one large page.
  static constexpr std::size_t kMaxBytes = std::size_t{6} << 20;
  static constexpr std::size_t kLarge = std::size_t{3} << 20;

  // work is called by several threads at once, once for each page. After an error no more work is begun.
  explicit PageWorkers(Work work) : work_(std::move(work)) {}
  PageWorkers(const PageWorkers&) = delete;
  PageWorkers& operator=(const PageWorkers&) = delete;
  ~PageWorkers();

  // give hands a page over, and waits while kMaxBytes are under way.
  // Errors  the first error of work, on any earlier page.
  Result<void> give(RecordPage page);

  // finish returns when all pages are done, or no more will be. It is the last call.
  // Errors  the first error of work.
  Result<void> finish();

 private:
  bool has_failed();

  // has_threads starts one more thread if all are at work. Returns  whether there is any: a system that
  // refuses threads does no harm.
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
  RecordPage held_;  // the page given last: it may be the only one
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RecordPage> queue_;
  std::size_t num_bytes_ = 0;  // in the queue and being worked on
  std::size_t num_idle_ = 0;
  bool closing_ = false;
  bool failed_ = false;
  Outcome first_{};
};

}  // namespace strongroom
