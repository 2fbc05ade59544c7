// sharded_backend.hpp: records in memory, and a mark for each shard that moves with its records alone,
// as a backend over ZooKeeper has them. Every handle of one store shares the marks.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "forwarding_backend.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::testing {

struct SharedMarks {
  SharedMarks() { marks.fill(1); }

  std::mutex mutex;
  std::condition_variable changed;
  ShardMarks marks;
  std::atomic<std::size_t> num_keys_read{0};
  std::atomic<int> num_scans{0};
};

class ShardedBackend final : public ForwardingBackend {
 public:
  ShardedBackend(std::unique_ptr<Backend> real, std::shared_ptr<SharedMarks> marks)
      : ForwardingBackend(std::move(real)), shared_(std::move(marks)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    shared_->num_keys_read += keys.size();
    return real_->read(keys, sink, timeout);
  }
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    const std::lock_guard lock(shared_->mutex);
    auto done = real_->commit(batch, timeout);
    if (!done || done->conflict) return done;
    for (const Change& change : batch) {
      if (change.kind != Change::Kind::check) shared_->marks[shard_of(change.key)] += 1;
    }
    shared_->changed.notify_all();
    return done;
  }
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    shared_->num_scans += 1;
    return real_->scan(prefix, after, limit, sink, timeout);
  }
  Result<void> watch(ShardMarks& marks, Timeout timeout) override {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, timeout, [&] { return marks != shared_->marks; });
    marks = shared_->marks;
    return {};
  }

 private:
  std::shared_ptr<SharedMarks> shared_;
};

}  // namespace strongroom::testing
