// workers.hpp: threads that may wait, for requests that the threads of the connections must not wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

namespace strongroomd {

class Workers {
 public:
  using Clock = std::chrono::steady_clock;
  using Work = std::function<void()>;

  // max_waiting is how much work may wait for a thread, or for its time.
  explicit Workers(unsigned num_threads,
                   std::size_t max_waiting = std::numeric_limits<std::size_t>::max());
  ~Workers() { stop(); }

  // submit_at has work done on one of the threads, when its time has come; it must not throw.
  // Returns  false, without taking it: after stop(), or when max_waiting wait already.
  bool submit_at(Clock::time_point when, Work work);

  // stop finishes all work, also work whose time has not come yet, and ends the threads.
  void stop();

 private:
  struct Item {
    Clock::time_point when;
    std::uint64_t number;  // work that is due at the same time is done in order
    mutable Work work;
    bool operator<(const Item& other) const noexcept {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  void run();

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Item> items_;
  std::uint64_t num_submitted_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strongroomd
