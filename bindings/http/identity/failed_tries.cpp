#include "identity/failed_tries.hpp"

#include <algorithm>
#include <cmath>

namespace strongroomd {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxAddresses = 10000;
constexpr double kFreeTries = 5;
constexpr std::chrono::duration<double> kHalfLife{30};
constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kMaxDelay{2000};

milliseconds delay_of(double num) noexcept {
  if (num <= kFreeTries) return milliseconds(0);
  const double doublings = std::min(num - kFreeTries - 1, 10.0);
  return std::min(kMaxDelay,
                  std::chrono::duration_cast<milliseconds>(kFirstDelay * std::exp2(doublings)));
}

}  // namespace

std::chrono::milliseconds FailedTries::add(const std::string& address, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (tries_.size() >= kMaxAddresses && !tries_.contains(address)) tries_.clear();
  Tries& tries = tries_[address];
  const std::chrono::duration<double> passed = now - tries.last;
  tries.num = (tries.num > 0 ? tries.num * std::exp2(-(passed / kHalfLife)) : 0) + 1;
  tries.last = now;
  return delay_of(tries.num);
}

std::size_t FailedTries::num_addresses() const {
  const std::lock_guard lock(mutex_);
  return tries_.size();
}

}  // namespace strongroomd
