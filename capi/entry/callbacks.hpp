// callbacks.hpp: calls the functions that a caller passed in.
//
// Exceptions that these functions throw are caught here. Results that break their rules are
// refused.
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

// Observer calls the caller's strongroom_on_progress. An exception stops the work.
class Observer {
 public:
  Observer(strongroom_on_progress progress, void* user_data) noexcept
      : progress_(progress), user_data_(user_data) {}

  // report returns true if the work goes on.
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

  // go_on returns an error after the caller stopped the work.
  Result<void> go_on() const {
    if (stopped_) return Error{Code::unavailable, "the progress callback stopped the work"};
    return {};
  }

 private:
  strongroom_on_progress progress_;
  void* user_data_;
  bool stopped_ = false;
};

// Sink passes bytes to the caller's strongroom_backup_sink.
class Sink {
 public:
  Sink(strongroom_backup_sink sink, void* user_data, const Observer& observer) noexcept
      : sink_(sink), user_data_(user_data), observer_(observer) {}

  Result<void> operator()(ByteView bytes) const {
    STRONGROOM_TRY(observer_.go_on());
    if (call(bytes) == 0) return {};
    return Error{Code::unavailable, "the sink of the backup failed"};
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
      return Error{Code::unavailable, "the source of the backup failed"};
    }
    if (len > bytes.size()) {
      return Error{Code::invalid,
                   "the source of the backup reported more bytes than the buffer holds"};
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

// call_back passes the result of make() -> Result<std::unique_ptr<T>> to the caller's callback. The
// callback owns what it is passed.
template <typename T, typename F>
void call_back(void (*done)(void*, strongroom_status, T*, strongroom_error*), void* user_data,
               F make) noexcept {
  T* made = nullptr;
  strongroom_error* error = nullptr;
  const strongroom_status status = deliver(&made, &error, make);
  try {
    done(user_data, status, made, error);
  } catch (...) {  // an error of the caller, which we do not pass on
  }
}

}  // namespace strongroom::capi
