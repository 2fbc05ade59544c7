// zookeeper_shards.hpp: what this handle knows of each shard: whether its stamp is watched, and how often
// it changed.
//
// A server sends the event of a watched stamp before it answers any read that sees the change. So a record
// that was read while its shard was watched stays valid until the event comes. And records whose shards did
// not change between two answers are of one point in time.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "strongroom/backend.hpp"
#include "zookeeper_client.hpp"

namespace strongroom::zookeeper {

class Shards {
 public:
  // View is a shard at one moment.
  struct View {
    std::uint64_t epoch = 0;  // how often everything known of the shard became invalid
    bool watched = false;
    friend bool operator==(const View&, const View&) = default;
  };

  // Threads  any.
  View view(std::size_t shard) const noexcept {
    const std::uint64_t both = views_[shard].load(std::memory_order_acquire);
    return {both >> 1, (both & 1) != 0};
  }
  Stamp stamp() const noexcept { return stamp_.load(std::memory_order_acquire); }
  // worth_watching reports whether a shard that is not watched is read for a second time since this handle
  // last wrote to it: watching a shard that we write to would only report our own writes.
  bool worth_watching(std::size_t shard) noexcept {
    return num_reads_[shard].fetch_add(1, std::memory_order_relaxed) > 0;
  }
  void wrote(std::size_t shard) noexcept { num_reads_[shard].store(0, std::memory_order_relaxed); }

  // knows_all reports whether every shard was watched once, so that no change of any shard goes unnoticed.
  bool knows_all() const noexcept {
    return num_known_.load(std::memory_order_acquire) == kNumShards;
  }
  bool watches_all() const noexcept { return all_.load(std::memory_order_acquire); }
  void watch_all() noexcept { all_.store(true, std::memory_order_release); }

  // wait returns when a mark differs from marks, or at the deadline, and stores the new marks.
  void wait(ShardMarks& marks, Clock::time_point deadline);

  // The functions below are called only on the client's thread.

  // watched handles the answer to a watch of a shard's stamp.
  // Returns  false when the stamp is older than it was. A stamp that was removed and made again counts as
  //          changed.
  bool watched(std::size_t shard, const NodeStat& stat);
  // changed is called when the stamp's event came.
  void changed(std::size_t shard);
  // lost is called with the connection: no shard is watched any more. What is known of the stamps is kept,
  // to be compared with them later.
  void lost();
  // unsure_stamp returns a new stamp, for a read that came while shard 0 was not watched.
  Stamp unsure_stamp() { return Stamp(mark(0)); }
  // to_watch returns the shards that are to be watched on a new connection.
  std::vector<std::size_t> to_watch() const;

 private:
  struct Known {
    std::int64_t czxid = 0;
    std::int64_t mzxid = 0;
    std::int32_t version = 0;
    bool any = false;
    bool event = false;  // an event came since
  };

  std::uint64_t mark(std::size_t shard);

  std::array<std::atomic<std::uint64_t>, kNumShards> views_{};
  std::array<std::atomic<std::uint32_t>, kNumShards> num_reads_{};  // since we wrote, or it changed
  std::array<Known, kNumShards> known_{};
  std::atomic<std::size_t> num_known_{0};
  std::atomic<Stamp> stamp_{Stamp(1)};
  std::atomic<bool> all_{false};

  std::mutex mutex_;
  std::condition_variable marked_;
  ShardMarks marks_ = [] {
    ShardMarks marks;
    marks.fill(1);
    return marks;
  }();
};

}  // namespace strongroom::zookeeper
