// changes.hpp: notices that something in the store changed, beside other things to wait for.
#pragma once

#include <chrono>
#include <optional>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// Changes watches the whole store. What changes between two calls of take is reported by the second, also
// when the storage was out of reach in between, which a line on standard error says. A store that is sealed
// is followed no longer.
class Changes {
 public:
  explicit Changes(strongroom_abi::Session& session);

  // Wait until fd is readable or timeout_ms (of poll) is over, and then call take.
  int fd() const noexcept { return queue_.fd(); }
  int timeout_ms() const noexcept;

  // take reports whether something changed.
  bool take();

 private:
  using Clock = std::chrono::steady_clock;

  void look();
  void failed(const strongroom_abi::Error& error);

  strongroom_abi::Watch watch_;
  strongroom_abi::Queue queue_;
  std::optional<Clock::time_point> again_;  // when to look again after a failure
  bool out_ = false;
};

}  // namespace strongroom_cli
