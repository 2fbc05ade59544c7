// late_backend.hpp: a storage that may be away when it is opened.
//
// A thread tries to open it until that succeeds, and ends then. Until then every call fails at once: with
// unavailable, or with what is wrong with the storage. It must never wait for the storage in a call.
//
// Threads  as of Backend.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "strongroom/backend.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class LateBackend final : public Backend {
 public:
  // open opens the storage, or begins to try. It waits kFirstTry for the outcome, so that a storage which
  // is there is open when it returns.
  // Errors  those of open_backend, except for unavailable and timeout.  unavailable: no thread.
  static Result<std::unique_ptr<Backend>> open(std::string_view url, BackendOptions options);
  static constexpr std::chrono::milliseconds kFirstTry{1000};

  // The destructor waits for an attempt that is under way. In a forked child it waits for nothing.
  ~LateBackend() override;

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override;
  void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) override;
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override;
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override;
  Result<bool> scan_keys(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                         Timeout timeout) override;
  Result<void> watch(ShardMarks& marks, Timeout timeout) override;
  Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                        Timeout timeout) override;
  Result<void> sync(Timeout timeout) override;
  std::optional<Error> not_open() const override;
  std::string url() const override { return state_->url; }

 private:
  static constexpr std::chrono::milliseconds kShortestPause{100};
  static constexpr std::chrono::milliseconds kLongestPause{2000};

  struct State {
    std::string url;
    BackendOptions options;
    std::unique_ptr<Backend> opened;       // set once, before `ready`
    std::atomic<Backend*> ready{nullptr};  // opened, when it is
    std::mutex mutex;                      // of all below
    std::condition_variable changed;
    std::optional<Error> failure;  // of the last attempt
    bool tried = false;
    bool stopping = false;
    std::thread thread;
  };

  LateBackend() = default;

  static bool is_away(const Error& error) noexcept {
    return error.code == Code::unavailable || error.code == Code::timeout;
  }

  static void work(State& state);

  // why is why the storage is not open.
  Error why() const;

  const ForkGuard guard_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace strongroom
