// round.hpp: what a thread of a storage does once for all answers that arrived together.
//
//   {
//     const Round round;          // the storage's thread, around the callbacks of what it received
//     for (auto& done : arrived) done();
//   }                             // here it runs what they left for the end of the round
//
// A program that waits for a queue is woken once for a round, and not for each answer in it: it finds all of
// them then, and asks for more in one go.
#pragma once

#include <functional>
#include <new>
#include <utility>
#include <vector>

namespace strongroom {

// Round lasts as long as the object, on the thread that made it.
class Round {
 public:
  Round() noexcept : outer_(std::exchange(current(), this)) {}
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;
  ~Round() {
    current() = outer_;
    for (const auto& each : at_end_) each();
  }

  // at_end runs f at the end of the round that this thread is in, or at once where it is in none. f must not
  // throw.
  template <typename F>
  static void at_end(F f) noexcept {
    if (current() == nullptr) return f();
    try {
      current()->at_end_.emplace_back(f);
    } catch (const std::bad_alloc&) {
      f();
    }
  }

 private:
  static Round*& current() noexcept {
    static constinit thread_local Round* round = nullptr;
    return round;
  }

  Round* const outer_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace strongroom
