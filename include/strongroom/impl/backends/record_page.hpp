// record_page.hpp: some records copied out of a storage, to be handed on when it was let go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

class RecordPage {
 public:
  // A page that holds this much is full. One record may go beyond it.
  static constexpr std::size_t kFullLen = std::size_t{1} << 20;

  bool is_full() const noexcept { return bytes_.size() >= kFullLen; }
  bool empty() const noexcept { return places_.empty(); }
  void clear() noexcept {
    places_.clear();
    bytes_.clear();
  }

  void add(const Record& record) {
    places_.push_back({bytes_.size(), record.key.size(), record.value.size(), record.version});
    bytes_.insert(bytes_.end(), record.key.begin(), record.key.end());
    bytes_.insert(bytes_.end(), record.value.begin(), record.value.end());
  }

  Record at(std::size_t i) const noexcept {
    const Place& place = places_[i];
    const ByteView both = ByteView(bytes_).subspan(place.begin, place.key_len + place.value_len);
    return {both.first(place.key_len), both.subspan(place.key_len), place.version};
  }
  std::size_t size() const noexcept { return places_.size(); }
  std::size_t num_bytes() const noexcept { return bytes_.size(); }

  // find gives the record of a key, if it is on the page.
  std::optional<Record> find(ByteView key) const {
    for (std::size_t i = 0; i < size(); ++i) {
      if (is_one_of(std::span(&key, 1), at(i).key)) return at(i);
    }
    return {};
  }

  // last_key is a copy of the key that was added last; empty where there is none.
  std::vector<std::uint8_t> last_key() const {
    if (empty()) return {};
    const ByteView key = at(size() - 1).key;
    return {key.begin(), key.end()};
  }

  // hand_over gives the sink every record but those of the keys to skip.
  Result<void> hand_over(std::span<const ByteView> skip, Backend::SnapshotSink sink) const {
    for (std::size_t i = 0; i < size(); ++i) {
      const Record record = at(i);
      if (is_one_of(skip, record.key)) continue;
      if (auto done = sink(record); !done) return done;
    }
    return {};
  }

 private:
  struct Place {
    std::size_t begin;
    std::size_t key_len;
    std::size_t value_len;
    Version version;
  };

  std::vector<std::uint8_t> bytes_;
  std::vector<Place> places_;
};

// RecordPages goes through a storage with scan, and copies as much at a time as a page holds.
class RecordPages {
 public:
  RecordPages(Backend& from, Timeout timeout) noexcept : from_(from), timeout_(timeout) {}

  // next fills the page. Returns  whether there is more.
  Result<bool> next(RecordPage& page) {
    page.clear();
    bool dropped = false;
    auto more = from_.scan(
        {}, after_, limit_,
        [&](const Record& record) {
          dropped = dropped || page.is_full();
          if (!dropped) page.add(record);
        },
        timeout_);
    if (!more) return more;
    if (page.empty()) return false;
    after_ = page.last_key();
    // What did not fit is fetched again, so ask for about as much as fits.
    limit_ = dropped ? std::max(page.size(), std::size_t{1}) : std::min(2 * limit_, kMostAtOnce);
    return more.value() || dropped;
  }

 private:
  static constexpr std::size_t kMostAtOnce = 1024;

  Backend& from_;
  const Timeout timeout_;
  std::vector<std::uint8_t> after_;
  std::size_t limit_ = 16;
};

}  // namespace strongroom
