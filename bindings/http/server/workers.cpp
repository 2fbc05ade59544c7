#include "server/workers.hpp"

#include <utility>

namespace strongroomd {

Workers::Workers(unsigned num_threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  for (unsigned i = 0; i < num_threads; ++i) threads_.emplace_back([this] { run(); });
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& each : threads_) each.join();
  threads_.clear();
}

bool Workers::submit_at(Clock::time_point when, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || items_.size() >= max_waiting_) return false;
    items_.push({when, num_submitted_++, std::move(work)});
  }
  changed_.notify_one();
  return true;
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (items_.empty()) {
      if (stopping_) return;
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point when = items_.top().when;
    if (!stopping_ && when > Clock::now()) {
      changed_.wait_until(lock, when);
      continue;
    }
    const Work work = std::move(items_.top().work);
    items_.pop();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace strongroomd
