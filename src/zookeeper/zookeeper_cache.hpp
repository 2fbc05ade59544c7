// zookeeper_cache.hpp: sealed records kept in this process, so that a read needs no server.
//
// The cache holds envelopes, never plaintext, in ordinary memory. A record is valid as long as its shard is
// watched and still in the epoch in which the record was read.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "strongroom/backend.hpp"

namespace strongroom::zookeeper {

// Kept is a record as it was read.
struct Kept {
  std::shared_ptr<const std::string> node;  // what the node held; null: there was no record
  std::string_view value;                   // inside node
  Version version = kAbsent;
  std::size_t shard = 0;
  std::uint64_t epoch = 0;
};

class Cache {
 public:
  // max_bytes  0: nothing is kept.
  explicit Cache(std::size_t max_bytes) noexcept : max_bytes_(max_bytes / kNumParts) {}

  bool is_on() const noexcept { return max_bytes_ > 0; }

  std::optional<Kept> find(std::string_view key) {
    if (!is_on()) return {};
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto found = part.by_key.find(key);
    if (found == part.by_key.end()) return {};
    part.order.splice(part.order.begin(), part.order, found->second);
    return found->second->kept;
  }

  void put(std::string key, Kept kept) {
    const std::size_t cost = cost_of(key, kept);
    if (cost > max_bytes_ / 2) return;
    Part& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    if (const auto found = part.by_key.find(key); found != part.by_key.end())
      drop(part, found->second);
    while (part.bytes + cost > max_bytes_) drop(part, std::prev(part.order.end()));
    part.order.push_front({std::move(key), std::move(kept)});
    part.by_key.emplace(part.order.front().key, part.order.begin());
    part.bytes += cost;
  }

 private:
  static constexpr std::size_t kNumParts = 16;  // each with a lock of its own
  static constexpr std::size_t kEntryCost = 200;

  struct Entry {
    std::string key;
    Kept kept;
  };
  using Order = std::list<Entry>;  // the most recently used comes first
  struct Part {
    std::mutex mutex;
    Order order;
    std::unordered_map<std::string_view, Order::iterator> by_key;  // views of the entries' keys
    std::size_t bytes = 0;
  };

  static std::size_t cost_of(const std::string& key, const Kept& kept) noexcept {
    return kEntryCost + key.size() + (kept.node == nullptr ? 0 : kept.node->size());
  }
  Part& part_of(std::string_view key) noexcept {
    return parts_[std::hash<std::string_view>()(key) % kNumParts];
  }
  static void drop(Part& part, Order::iterator entry) {
    part.bytes -= cost_of(entry->key, entry->kept);
    part.by_key.erase(entry->key);
    part.order.erase(entry);
  }

  const std::size_t max_bytes_;
  std::array<Part, kNumParts> parts_;
};

}  // namespace strongroom::zookeeper
