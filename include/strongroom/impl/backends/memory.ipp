// memory.ipp: the bodies of backends/memory.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace detail::memory {

struct Stored {
  Version version = kAbsent;
  std::size_t len = 0;
  std::shared_ptr<const std::uint8_t[]> bytes = {};  // shared with snapshots; never changed

  ByteView value() const noexcept { return {bytes.get(), len}; }
};
using Map = std::map<std::string, Stored, std::less<>>;
using Listed = std::vector<std::pair<std::string, Stored>>;

static std::string_view text(ByteView view) noexcept {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}
static ByteView bytes(std::string_view view) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

static Record as_record(const std::pair<std::string, Stored>& one) noexcept {
  return {bytes(one.first), one.second.value(), one.second.version};
}

static Map stage(std::span<const Change> batch) {
  Map staged;
  for (const Change& change : batch) {
    if (change.kind != Change::Kind::put) continue;
    auto copy = std::make_shared_for_overwrite<std::uint8_t[]>(change.value.size());
    std::copy(change.value.begin(), change.value.end(), copy.get());
    staged.emplace(text(change.key), Stored{kAbsent, change.value.size(), std::move(copy)});
  }
  return staged;
}

}  // namespace detail::memory

struct MemoryBackend::Records {
  using Map = detail::memory::Map;

  // commit swaps the staged values in. The values they replace are left in staged, so that the caller
  // frees them once readers can go on.
  Commit commit(std::span<const Change> batch, Map& staged) noexcept {
    const Gate::Exclusive alone(gate);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!holds(batch[i])) return Commit{i};
    }
    const bool writes = std::any_of(batch.begin(), batch.end(), [](const Change& change) {
      return change.kind != Change::Kind::check;
    });
    if (writes) ++num_commits;
    for (const Change& change : batch) {
      if (change.kind != Change::Kind::erase) continue;
      if (const auto it = map.find(detail::memory::text(change.key)); it != map.end())
        map.erase(it);
    }
    for (auto it = staged.begin(); it != staged.end();) {
      const auto put = it++;
      put->second.version = Version(num_commits);
      if (const auto old = map.find(put->first); old != map.end()) {
        std::swap(old->second, put->second);
      } else {
        map.insert(staged.extract(put));
      }
    }
    return {};
  }

  bool holds(const Change& change) const noexcept {
    if (change.expected == kAny) return true;
    const auto found = map.find(detail::memory::text(change.key));
    return change.expected == (found == map.end() ? kAbsent : found->second.version);
  }

  mutable Gate gate;
  Map map;
  std::uint64_t num_commits = 0;  // never decreases, so no version comes twice
};

MemoryBackend::MemoryBackend() : records_(std::make_shared<Records>()) {}

MemoryBackend::MemoryBackend(std::shared_ptr<Records> records) : records_(std::move(records)) {}

std::unique_ptr<MemoryBackend> MemoryBackend::share() const {
  return std::unique_ptr<MemoryBackend>(new MemoryBackend(records_));
}

Result<Stamp> MemoryBackend::read(std::span<const ByteView> keys, ReadSink sink, Timeout) {
  STRONGROOM_TRY(check_keys(keys));
  const Gate::Shared shared(records_->gate);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto found = records_->map.find(detail::memory::text(keys[i]));
    if (found == records_->map.end()) {
      sink(i, Record{.key = keys[i], .value = {}, .version = kAbsent});
    } else {
      sink(i, Record{keys[i], found->second.value(), found->second.version});
    }
  }
  return Stamp(records_->num_commits);
}

Result<Commit> MemoryBackend::commit(std::span<const Change> batch, Timeout) {
  STRONGROOM_TRY(check_batch(batch));
  try {
    detail::memory::Map staged =
        detail::memory::stage(batch);  // before the gate: nothing that allocates may fail halfway
    return records_->commit(batch, staged);
  } catch (const std::bad_alloc&) {
    return Error{Code::unavailable, "memory: was out of memory; nothing was changed"};
  }
}

Result<bool> MemoryBackend::scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                                 Timeout) {
  STRONGROOM_TRY(check_page(prefix, after));
  const Gate::Shared shared(records_->gate);
  const detail::memory::Map& map = records_->map;
  auto it = key_less(after, prefix) || after.empty() ? map.lower_bound(detail::memory::text(prefix))
                                                     : map.upper_bound(detail::memory::text(after));
  for (std::size_t n = 0; it != map.end() && it->first.starts_with(detail::memory::text(prefix));
       ++it, ++n) {
    if (n == limit) return true;
    sink(Record{detail::memory::bytes(it->first), it->second.value(), it->second.version});
  }
  return false;
}

Result<void> MemoryBackend::snapshot(std::span<const ByteView> first, SnapshotSink sink, Timeout) {
  STRONGROOM_TRY(check_keys(first));
  detail::memory::Listed listed;
  try {
    const Gate::Shared shared(records_->gate);
    listed.assign(records_->map.begin(), records_->map.end());
  } catch (const std::bad_alloc&) {
    return Error{Code::unavailable, "memory: had no room to list its records"};
  }
  for (const ByteView key : first) {
    const auto it = std::lower_bound(
        listed.begin(), listed.end(), detail::memory::text(key),
        [](const auto& one, std::string_view wanted) { return one.first < wanted; });
    if (it == listed.end() || it->first != detail::memory::text(key)) continue;
    STRONGROOM_TRY(sink(detail::memory::as_record(*it)));
  }
  for (const auto& one : listed) {
    if (is_one_of(first, detail::memory::bytes(one.first))) continue;
    STRONGROOM_TRY(sink(detail::memory::as_record(one)));
  }
  return {};
}

Result<void> MemoryBackend::sync(Timeout) {
  return {};
}

std::string MemoryBackend::url() const {
  return "memory:";
}

}  // namespace strongroom
