// waiting_thread.hpp: a thread that is known to wait, where a test needs threads in an order.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>

namespace strongroom {

// A thread that runs call. The constructor returns when the thread sleeps in it, for a lock say;
// call must come to such a point.
class WaitingThread {
 public:
  explicit WaitingThread(std::function<void()> call)
      : thread_([this, call = std::move(call)] {
          id_ = static_cast<pid_t>(::syscall(SYS_gettid));
          call();
        }) {
    // Seen asleep five times in a row, so that a short pause does not pass for it.
    for (int num_asleep = 0; num_asleep < 5;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      num_asleep = is_asleep() ? num_asleep + 1 : 0;
    }
  }

  void join() { thread_.join(); }

 private:
  bool is_asleep() const {
    if (id_ == 0) return false;
    std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const auto name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.compare(name_end, 3, ") S") == 0;
  }

  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

}  // namespace strongroom
