// failed_tries.hpp: slows down whoever guesses.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace strongroomd {

// FailedTries counts wrong credentials by address. The first few cost nothing: a client may have an old token. The
// count is halved every half a minute. Right credentials are never held up.
class FailedTries {
 public:
  using Clock = std::chrono::steady_clock;

  // add counts one try. Returns  how long its response is held back.
  std::chrono::milliseconds add(const std::string& address, Clock::time_point now = Clock::now());

  std::size_t num_addresses() const;

 private:
  struct Tries {
    double num = 0;
    Clock::time_point last;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Tries> tries_;
};

}  // namespace strongroomd
