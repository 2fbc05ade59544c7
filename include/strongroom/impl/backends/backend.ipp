// backend.ipp: what every backend gets for free: a snapshot made of pages, and default forms of the calls
// that only some storages can do better.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {
namespace detail::backend {

// versions_of returns the versions of the records, and adds the records to *keep unless keep is null.
static Result<std::vector<Version>> versions_of(Backend& from, std::span<const ByteView> keys,
                                                RecordPage* keep, Timeout timeout) {
  std::vector<Version> versions(keys.size());
  auto stamp = from.read(
      keys,
      [&](std::size_t i, const Record& record) {
        versions[i] = record.version;
        if (keep != nullptr && record.version != kAbsent) keep->add(record);
      },
      timeout);
  STRONGROOM_TRY(stamp);
  return versions;
}

// hand_over_first passes the records of the keys to the sink in the order of the keys: the read may have
// returned them in another order.
static Result<void> hand_over_first(std::span<const ByteView> keys, const RecordPage& page,
                                    Backend::SnapshotSink sink) {
  for (const ByteView key : keys) {
    const auto record = page.find(key);
    if (!record) continue;
    STRONGROOM_TRY(sink(*record));
  }
  return {};
}

}  // namespace detail::backend

void Backend::read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) {
  std::vector<Record> records(keys.size());
  std::vector<std::vector<std::uint8_t>> values(keys.size());
  auto stamp = read(
      keys,
      [&](std::size_t i, const Record& record) {
        values[i].assign(record.value.begin(), record.value.end());
        records[i] = record;
        records[i].key = keys[i];
        records[i].value = values[i];
      },
      timeout);
  if (!stamp) records.clear();
  done(std::move(stamp), records);
}

Result<bool> Backend::scan_keys(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                                Timeout timeout) {
  return scan(prefix, after, limit, sink, timeout);
}

Result<void> Backend::watch(ShardMarks& marks, Timeout timeout) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  for (;;) {
    const Clock::duration left = timeout - (Clock::now() - begin);
    auto stamp = read(
        {}, [](std::size_t, const Record&) {}, timeout);
    STRONGROOM_TRY(stamp);
    const std::uint64_t mark = stamp->value() + 1;  // 0 is not a mark
    if (mark != marks[0] || left <= Clock::duration::zero()) {
      marks.fill(mark);
      return {};
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kWatchPoll));
  }
}

Result<void> Backend::snapshot(std::span<const ByteView> first, SnapshotSink sink,
                               Timeout timeout) {
  RecordPage page;
  STRONGROOM_ASSIGN(before, detail::backend::versions_of(*this, first, &page, timeout));
  STRONGROOM_TRY(detail::backend::hand_over_first(first, page, sink));

  page.clear();
  RecordPages pages(*this, timeout);
  for (bool there_is_more = true; there_is_more;) {
    STRONGROOM_ASSIGN(more, pages.next(page));
    STRONGROOM_TRY(page.hand_over(first, sink));
    there_is_more = more;
  }

  STRONGROOM_ASSIGN(after, detail::backend::versions_of(*this, first, nullptr, timeout));
  if (before == after) return {};
  return Error{Code::conflict,
               "the records that had to stay as they were changed while the others were read; try "
               "again"};
}

}  // namespace strongroom
