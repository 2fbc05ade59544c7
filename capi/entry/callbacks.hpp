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

// Observer calls the caller's strongroom_on_progress. One that throws stops the work.
class Observer {
 public:
  Observer(strongroom_on_progress progress, void* user_data) noexcept
      : progress_(progress), user_data_(user_data) {}

  // report returns whether the work goes on.
  bool report(std::uint64_t num_records, std::uint64_t num_written,
              std::uint64_t size_bytes) noexcept {
    if (progress_ == nullptr || stopped_) return !stopped_;
    const strongroom_progress now = {sizeof now, num_records, num_written, size_bytes};
    try {
      stopped_ = progress_(user_data_, &now) == 0;
    } catch (...) {
      stopped_ = true;
    }
    return !stopped_;
  }

  // go_on fails once the caller stopped the work.
  Result<void> go_on() const {
    if (stopped_) return Error{Code::unavailable, "the work was stopped by its progress callback"};
    return {};
  }

 private:
  strongroom_on_progress progress_;
  void* user_data_;
  bool stopped_ = false;
};

// Sink hands bytes to the caller's strongroom_backup_sink.
class Sink {
 public:
  Sink(strongroom_backup_sink sink, void* user_data, const Observer& observer) noexcept
      : sink_(sink), user_data_(user_data), observer_(observer) {}

  Result<void> operator()(ByteView bytes) const {
    STRONGROOM_TRY(observer_.go_on());
    if (call(bytes) == 0) return {};
    return Error{Code::unavailable, "the sink of the backup took no more bytes"};
  }

 private:
  int call(ByteView bytes) const noexcept {
    try {
      return sink_(user_data_, bytes.data(), bytes.size());
    } catch (...) {
      return -1;
    }
  }

  strongroom_backup_sink sink_;
  void* user_data_;
  const Observer& observer_;
};

// Source fetches bytes from the caller's strongroom_backup_source.
class Source {
 public:
  Source(strongroom_backup_source source, void* user_data, const Observer& observer) noexcept
      : source_(source), user_data_(user_data), observer_(observer) {}

  Result<std::size_t> operator()(std::span<std::uint8_t> bytes) const {
    STRONGROOM_TRY(observer_.go_on());
    std::size_t len = 0;
    if (call(bytes, len) != 0) {
      return Error{Code::unavailable, "the source of the backup gave no more bytes"};
    }
    if (len > bytes.size()) {
      return Error{Code::invalid, "the source gave more bytes than there was room for"};
    }
    return len;
  }

 private:
  int call(std::span<std::uint8_t> bytes, std::size_t& len) const noexcept {
    try {
      return source_(user_data_, bytes.data(), bytes.size(), &len);
    } catch (...) {
      return -1;
    }
  }

  strongroom_backup_source source_;
  void* user_data_;
  const Observer& observer_;
};

// call_back passes the result of make() -> Result<std::unique_ptr<T>> to the caller's callback, which
// takes it over.
template <typename T, typename F>
void call_back(void (*done)(void*, strongroom_status, T*, strongroom_error*), void* user_data,
               F make) noexcept {
  T* made = nullptr;
  strongroom_error* error = nullptr;
  const strongroom_status status = deliver(&made, &error, make);
  try {
    done(user_data, status, made, error);
  } catch (...) {  // theirs
  }
}

}  // namespace strongroom::capi
