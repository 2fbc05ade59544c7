// callbacks.hpp: calls out to the caller's functions.
//
// Nothing that they throw gets further than here, and what they are not allowed to do is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "guard.hpp"
#include "strongroom.h"
#include "strongroom/backend.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"

namespace strongroom::capi {

// Listener tells the caller's strongroom_progress how far the work is. One that throws says stop.
class Listener {
 public:
  Listener(strongroom_progress progress, void* self) noexcept : progress_(progress), self_(self) {}

  // tell gives whether the work shall go on.
  bool tell(std::uint64_t num_records, std::uint64_t num_done) noexcept {
    if (progress_ == nullptr || stopped_) return !stopped_;
    try {
      stopped_ = progress_(self_, num_records, num_done) == 0;
    } catch (...) {
      stopped_ = true;
    }
    return !stopped_;
  }

  // go_on fails once the caller said stop.
  Result<void> go_on() const {
    if (stopped_) return Error{Code::unavailable, "the work was stopped by who started it"};
    return {};
  }

 private:
  strongroom_progress progress_;
  void* self_;
  bool stopped_ = false;
};

// Sink hands bytes to the caller's strongroom_backup_sink.
class Sink {
 public:
  Sink(strongroom_backup_sink sink, void* self, const Listener& listener) noexcept
      : sink_(sink), self_(self), listener_(listener) {}

  Result<void> operator()(ByteView bytes) const {
    STRONGROOM_TRY(listener_.go_on());
    if (call(bytes) == 0) return {};
    return Error{Code::unavailable, "whoever took the backup's bytes took no more"};
  }

 private:
  int call(ByteView bytes) const noexcept {
    try {
      return sink_(self_, bytes.data(), bytes.size());
    } catch (...) {
      return -1;
    }
  }

  strongroom_backup_sink sink_;
  void* self_;
  const Listener& listener_;
};

// Source fetches bytes from the caller's strongroom_backup_source.
class Source {
 public:
  Source(strongroom_backup_source source, void* self, const Listener& listener) noexcept
      : source_(source), self_(self), listener_(listener) {}

  Result<std::size_t> operator()(std::span<std::uint8_t> bytes) const {
    STRONGROOM_TRY(listener_.go_on());
    std::size_t len = 0;
    if (call(bytes, len) != 0) {
      return Error{Code::unavailable, "whoever gave the backup's bytes gave no more"};
    }
    if (len > bytes.size()) {
      return Error{Code::invalid, "the source gave more bytes than there was room for"};
    }
    return len;
  }

 private:
  int call(std::span<std::uint8_t> bytes, std::size_t& len) const noexcept {
    try {
      return source_(self_, bytes.data(), bytes.size(), &len);
    } catch (...) {
      return -1;
    }
  }

  strongroom_backup_source source_;
  void* self_;
  const Listener& listener_;
};

// call_back hands what make() -> Result<std::unique_ptr<T>> gives to the caller's callback, which
// takes it over.
template <typename T, typename F>
void call_back(void (*done)(void*, strongroom_status, T*, strongroom_error*), void* self,
               F make) noexcept {
  T* made = nullptr;
  strongroom_error* error = nullptr;
  const strongroom_status status = deliver(&made, &error, make);
  try {
    done(self, status, made, error);
  } catch (...) {  // theirs
  }
}

}  // namespace strongroom::capi
