// body.hpp: the body of a request, in locked memory as it arrives.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroomd {

// BodyBudget bounds the locked memory of all bodies together, so that uploads leave room for reads.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) noexcept : limit_(limit) {}

  // take reserves bytes. Returns  false, without any: the limit would be passed.
  bool take(std::size_t len) noexcept;
  void give_back(std::size_t len) noexcept { used_ -= len; }
  std::size_t used() const noexcept { return used_; }

 private:
  std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

class Body {
 public:
  // Body of at most max_len bytes; budget must outlive it.
  Body(BodyBudget& budget, std::size_t max_len) noexcept : budget_(budget), max_len_(max_len) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  // append takes the next bytes. It takes memory for what has arrived, not for what was announced.
  // Throws  Failure 413: over max_len. Failure 503: over the budget, or locked memory has no room.
  void append(std::string_view bytes);

  // clear wipes what has arrived, and frees its memory.
  void clear() noexcept;

  std::string_view reveal() const noexcept {
    return memory_ ? memory_->reveal().substr(0, len_) : std::string_view();
  }

 private:
  void grow(std::size_t len);

  BodyBudget& budget_;
  std::size_t max_len_;
  std::size_t len_ = 0;
  std::optional<strongroom_abi::Secret> memory_;
};

}  // namespace strongroomd
