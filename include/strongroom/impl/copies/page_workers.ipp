// page_workers.ipp: the bodies of page_workers.hpp.
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"
#include "strongroom/impl/copies/page_workers.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

PageWorkers::~PageWorkers() {
  {
    const std::lock_guard lock(mutex_);
    failed_ = failed_ || !queue_.empty();  // finish was not called: the queue is given up
  }
  join();
}

Result<void> PageWorkers::give(RecordPage page) {
  if (page.empty()) return {};
  if (page.num_bytes() < kLarge) std::swap(held_, page);
  if (page.empty()) return {};  // it was the first one
  if (page.num_bytes() >= kLarge || !has_threads()) return work_(page);
  std::unique_lock lock(mutex_);
  const std::size_t len = page.num_bytes();
  changed_.wait(lock, [&] { return failed_ || num_bytes_ == 0 || num_bytes_ + len <= kMaxBytes; });
  if (failed_) return first_error();
  queue_.push_back(std::move(page));
  num_bytes_ += len;
  changed_.notify_all();
  return {};
}

Result<void> PageWorkers::finish() {
  const RecordPage last = std::move(held_);
  Result<void> done;
  if (!last.empty() && !has_failed()) done = work_(last);
  join();
  return failed_ ? first_error() : done;
}

bool PageWorkers::has_failed() {
  const std::lock_guard lock(mutex_);
  return failed_;
}

bool PageWorkers::has_threads() {
  const std::lock_guard lock(mutex_);
  if (num_idle_ > queue_.size() || threads_.size() == kMaxThreads) return true;
  threads_.reserve(kMaxThreads);
  std::thread more = quiet_thread([this] { run(); });
  if (more.joinable()) threads_.push_back(std::move(more));  // else go on with those that there are
  return !threads_.empty();
}

void PageWorkers::run() noexcept {
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

void PageWorkers::finish_one(std::size_t len, Outcome outcome) noexcept {
  const std::lock_guard lock(mutex_);
  num_bytes_ -= len;
  if (!failed_ && (!outcome.result || outcome.thrown != nullptr)) {
    failed_ = true;
    first_ = std::move(outcome);
  }
  changed_.notify_all();
}

Result<void> PageWorkers::first_error() const {
  if (first_.thrown != nullptr) std::rethrow_exception(first_.thrown);
  return first_.result;
}

void PageWorkers::join() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace strongroom
