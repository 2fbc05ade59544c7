// record_page.hpp: some records copied out of a storage, to be passed on once its memory is released.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class RecordPage {
 public:
  // A page that holds this many bytes is full. One record may go beyond that.
  static constexpr std::size_t kFullLen = std::size_t{1} << 20;

  bool is_full() const noexcept { return bytes_.size() >= kFullLen; }
  bool empty() const noexcept { return places_.empty(); }
  void clear() noexcept;

  void add(const Record& record);

  Record at(std::size_t i) const noexcept;
  std::size_t size() const noexcept { return places_.size(); }
  std::size_t num_bytes() const noexcept { return bytes_.size(); }

  // find returns the record of a key, if it is on the page.
  std::optional<Record> find(ByteView key) const;

  // last_key returns a copy of the key that was added last; empty if there is none.
  std::vector<std::uint8_t> last_key() const;

  // hand_over passes every record to the sink, except those of the keys to skip.
  Result<void> hand_over(std::span<const ByteView> skip, Backend::SnapshotSink sink) const;

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

// RecordPages goes through a storage with scan, and copies one page at a time.
class RecordPages {
 public:
  RecordPages(Backend& from, Timeout timeout) noexcept : from_(from), timeout_(timeout) {}

  // next fills the page. Returns  whether more records follow.
  Result<bool> next(RecordPage& page);

 private:
  static constexpr std::size_t kMostAtOnce = 1024;

  Backend& from_;
  const Timeout timeout_;
  std::vector<std::uint8_t> after_;
  std::size_t limit_ = 16;
};

}  // namespace strongroom
