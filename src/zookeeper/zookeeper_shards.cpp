// zookeeper_shards.cpp: see zookeeper_shards.hpp.
#include "zookeeper_shards.hpp"

namespace strongroom::zookeeper {

void Shards::wait(ShardMarks& marks, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const auto moved = [&] { return marks_ != marks; };
  if (deadline == Clock::time_point::max()) {
    marked_.wait(lock, moved);
  } else {
    marked_.wait_until(lock, deadline, moved);
  }
  marks = marks_;
}

std::uint64_t Shards::mark(std::size_t shard) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t next = ++marks_[shard];
  if (shard == 0) stamp_.store(Stamp(next), std::memory_order_release);
  marked_.notify_all();
  return next;
}

bool Shards::watched(std::size_t shard, const NodeStat& stat) {
  Known& known = known_[shard];
  const auto went_up = static_cast<std::int32_t>(static_cast<std::uint32_t>(stat.version) -
                                                 static_cast<std::uint32_t>(known.version));
  const bool made_again = known.any && stat.czxid > known.czxid && stat.czxid > known.mzxid;
  if (known.any && !made_again &&
      (stat.czxid != known.czxid || stat.mzxid < known.mzxid || went_up < 0))
    return false;
  // An event reports one change, and changed() has marked that one; there may have been more since.
  const std::int32_t told = known.version + (known.event ? 1 : 0);
  const bool first = !known.any;
  const bool silent = !first && (made_again || stat.version != told);
  std::uint64_t both = views_[shard].load(std::memory_order_relaxed);
  if (silent && (both & 1) == 0) both += 2;
  known = {stat.czxid, stat.mzxid, stat.version, true, false};
  views_[shard].store(both | 1, std::memory_order_release);
  if (first) num_known_.fetch_add(1, std::memory_order_acq_rel);
  if (first || silent) mark(shard);
  return true;
}

void Shards::changed(std::size_t shard) {
  const std::uint64_t both = views_[shard].load(std::memory_order_relaxed);
  views_[shard].store((both | 1) + 1, std::memory_order_release);  // a new epoch, not watched
  known_[shard].event = true;
  wrote(shard);
  mark(shard);
}

void Shards::lost() {
  for (auto& view : views_) {
    view.store(view.load(std::memory_order_relaxed) & ~std::uint64_t{1}, std::memory_order_release);
  }
}

std::vector<std::size_t> Shards::to_watch() const {
  std::vector<std::size_t> shards;
  for (std::size_t i = 0; i < kNumShards; ++i) {
    if (known_[i].any || watches_all()) shards.push_back(i);
  }
  return shards;
}

}  // namespace strongroom::zookeeper
