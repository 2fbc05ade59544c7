// late_backend.ipp: the bodies of late_backend.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/impl/backends/late_backend.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<std::unique_ptr<Backend>> LateBackend::open(std::string_view url, BackendOptions options) {
  std::unique_ptr<LateBackend> late(new LateBackend());
  State& state = *late->state_;
  state.url = url;
  state.options = std::move(options);
  state.options.allow_unavailable = false;
  state.thread = quiet_thread([&state] { work(state); });
  if (!state.thread.joinable())
    return Error{Code::unavailable, "the system gave no thread to open the storage on"};
  std::unique_lock lock(state.mutex);
  state.changed.wait_for(lock, kFirstTry, [&] { return state.tried; });
  if (state.tried && state.failure && !is_away(*state.failure)) {
    Error failure = *state.failure;
    lock.unlock();
    return failure;
  }
  lock.unlock();
  if (state.ready == nullptr) return std::unique_ptr<Backend>(std::move(late));
  state.thread.join();
  return std::move(state.opened);
}

LateBackend::~LateBackend() {
  if (!guard_.same_process()) {
    State* const left = state_.release();  // its lock and thread are the parent's
    delete left->opened.release();
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

void LateBackend::work(State& state) {
  auto pause = kShortestPause;
  for (;;) {
    std::optional<Error> failure;
    try {
      auto opened = open_backend(state.url, state.options);
      if (opened) {
        state.opened = std::move(*opened);
      } else {
        failure = std::move(opened).error();
      }
    } catch (const std::bad_alloc&) {
      failure = Error{Code::unavailable, "memory ran out"};
    }
    std::unique_lock lock(state.mutex);
    state.tried = true;
    state.failure = std::move(failure);
    if (!state.failure) state.ready.store(state.opened.get(), std::memory_order_release);
    state.changed.notify_all();
    if (!state.failure) return;
    if (state.changed.wait_for(lock, pause, [&] { return state.stopping; })) return;
    pause = std::min(pause * 2, kLongestPause);
  }
}

Error LateBackend::why() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->failure) return {Code::unavailable, "the storage is not there yet"};
  Error failure = *state_->failure;
  if (is_away(failure)) failure.code = Code::unavailable;
  return failure;
}

std::optional<Error> LateBackend::not_open() const {
  if (state_->ready != nullptr) return std::nullopt;
  return why();
}

Result<Stamp> LateBackend::read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->read(keys, sink, timeout) : why();
}

void LateBackend::read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) {
  if (Backend* const backend = state_->ready)
    return backend->read_async(keys, timeout, std::move(done));
  done(why(), {});
}

Result<Commit> LateBackend::commit(std::span<const Change> batch, Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->commit(batch, timeout) : why();
}

Result<bool> LateBackend::scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                               Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->scan(prefix, after, limit, sink, timeout) : why();
}

Result<bool> LateBackend::scan_keys(ByteView prefix, ByteView after, std::size_t limit,
                                    ScanSink sink, Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->scan_keys(prefix, after, limit, sink, timeout) : why();
}

Result<void> LateBackend::watch(ShardMarks& marks, Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->watch(marks, timeout) : why();
}

Result<void> LateBackend::snapshot(std::span<const ByteView> first, SnapshotSink sink,
                                   Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->snapshot(first, sink, timeout) : why();
}

Result<void> LateBackend::sync(Timeout timeout) {
  Backend* const backend = state_->ready;
  return backend != nullptr ? backend->sync(timeout) : why();
}

}  // namespace strongroom
