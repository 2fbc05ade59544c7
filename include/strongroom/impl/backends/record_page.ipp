// record_page.ipp: the bodies of record_page.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

void RecordPage::clear() noexcept {
  places_.clear();
  bytes_.clear();
}

void RecordPage::add(const Record& record) {
  places_.push_back({bytes_.size(), record.key.size(), record.value.size(), record.version});
  bytes_.insert(bytes_.end(), record.key.begin(), record.key.end());
  bytes_.insert(bytes_.end(), record.value.begin(), record.value.end());
}

Record RecordPage::at(std::size_t i) const noexcept {
  const Place& place = places_[i];
  const ByteView both = ByteView(bytes_).subspan(place.begin, place.key_len + place.value_len);
  return {both.first(place.key_len), both.subspan(place.key_len), place.version};
}

std::optional<Record> RecordPage::find(ByteView key) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (is_one_of(std::span(&key, 1), at(i).key)) return at(i);
  }
  return {};
}

std::vector<std::uint8_t> RecordPage::last_key() const {
  if (empty()) return {};
  const ByteView key = at(size() - 1).key;
  return {key.begin(), key.end()};
}

Result<void> RecordPage::hand_over(std::span<const ByteView> skip,
                                   Backend::SnapshotSink sink) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const Record record = at(i);
    if (is_one_of(skip, record.key)) continue;
    STRONGROOM_TRY(sink(record));
  }
  return {};
}

Result<bool> RecordPages::next(RecordPage& page) {
  page.clear();
  bool dropped = false;
  auto more = from_.scan(
      {}, after_, limit_,
      [&](const Record& record) {
        dropped = dropped || page.is_full();
        if (!dropped) page.add(record);
      },
      timeout_);
  STRONGROOM_TRY(more);
  if (page.empty()) return false;
  after_ = page.last_key();
  // What did not fit is fetched again, so ask for about as much as fits.
  limit_ = dropped ? std::max(page.size(), std::size_t{1}) : std::min(2 * limit_, kMostAtOnce);
  return more.value() || dropped;
}

}  // namespace strongroom
