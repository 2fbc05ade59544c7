// backup_records.hpp: what the records of a backup do to a storage: the header's kept back, the
// others put in small commits, and all of it nothing until the last one.
//
// A restore first puts a marker ("R"). While it is there, the storage holds what a restore has put so
// far and nothing else: no store can be made in it, and the next restore clears it. Each commit of a
// restore checks that the marker is still its own, so that of two at once one fails and does no harm.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/backends/record_page.hpp"
#include "strongroom/backup_stream.hpp"
#include "strongroom/header.hpp"
#include "strongroom/header_records.hpp"
#include "strongroom/result.hpp"

namespace strongroom::backup {

// HeaderCopies are the records that make a store, which a backup begins with and a restore ends with:
// h, h2 and f, those that are there.
class HeaderCopies {
 public:
  static constexpr std::size_t kNum = 3;
  // More than a header record ever has; memory is held for them until the end.
  static constexpr std::size_t kMaxLen = std::size_t{1} << 20;
  static constexpr std::array<ByteView, kNum> keys() noexcept {
    return {kHeaderKey, kHeaderCopyKey, kFenceKey};
  }

  // take keeps a record if it is one of them. Returns  whether it was.
  // Errors  corrupt: too large, or not in their order.
  Result<bool> take(ByteView key, ByteView value) {
    const auto all = keys();
    for (std::size_t i = 0; i < kNum; ++i) {
      if (!is_one_of(std::span(all).subspan(i, 1), key)) continue;
      if (value.size() > kMaxLen || i < num_passed_) {
        return Error{Code::corrupt, "the header records were too large, or out of their place"};
      }
      copies_[i].emplace(value.begin(), value.end());
      num_passed_ = i + 1;
      return true;
    }
    num_passed_ = kNum;
    return false;
  }

  bool has_header() const noexcept { return copies_[0] || copies_[1]; }
  const std::optional<std::vector<std::uint8_t>>& at(std::size_t i) const { return copies_[i]; }

  // header gives the better copy: the whole one of two, and of two whole ones the newer.
  // Errors  not_initialized: there is none.  corrupt, unsupported: as Header::decode.
  Result<Header> header() const {
    if (!has_header()) return Error{Code::not_initialized, "there is no store header"};
    if (!copies_[0]) return Header::decode(*copies_[1]);
    auto first = Header::decode(*copies_[0]);
    if (!copies_[1]) return first;
    auto second = Header::decode(*copies_[1]);
    if (!second) return first;
    if (!first || !detail::better_first(*first, *second)) return second;
    return first;
  }

  // check_against refuses a header that is not of the store that the backup says it is of.
  Result<void> check_against(const BackupInfo& info) const {
    auto found = header();
    if (!found && found.error().code == Code::not_initialized) {
      return Error{Code::corrupt, "the backup held no header of a store"};
    }
    if (!found) return std::move(found).error();
    if (found->store == info.store && found->generation == info.generation) return {};
    return Error{Code::corrupt, "the backup held the header of another store than it says"};
  }

 private:
  std::array<std::optional<std::vector<std::uint8_t>>, kNum> copies_;
  std::size_t num_passed_ = 0;  // of keys(): what may not come any more
};

// Restore puts records into a storage that holds no store.
class Restore {
 public:
  Restore(Backend& into, Timeout timeout) : into_(into), timeout_(timeout) {}

  // begin puts the marker and clears what an earlier restore left.
  // Errors  already_exists: a store, or records that are no restore's.  conflict: another restore.
  Result<void> begin(const BackupInfo& info, const Mark& head) {
    if (auto synced = into_.sync(timeout_); !synced) return synced;
    auto found = look();
    if (!found) return std::move(found).error();
    if (found->store) {
      return Error{Code::already_exists,
                   "a store was at " + into_.url() + " already; restore into an empty storage"};
    }
    const bool left_over = found->version != kAbsent;
    if (!left_over) {
      if (auto empty = check_empty(); !empty) return empty;
    }
    if (auto marked = mark_it(info, head, found->version); !marked) return marked;
    return left_over ? clear() : Result<void>();
  }

  // put keeps a record and commits when there is enough of them. Errors  conflict: the marker is not
  // ours any more, or the record was there.
  Result<void> put(ByteView key, ByteView value) {
    if (page_.size() + 1 >= kMaxCommitChanges || page_.is_full()) {
      if (auto done = flush(); !done) return done;
    }
    page_.add({key, value, kAbsent});
    return {};
  }

  // activate makes it a store: the header records come and the marker goes in one commit.
  // Errors  conflict.  indeterminate: look whether there is a store, or restore again.
  Result<void> activate(const HeaderCopies& copies) {
    if (auto done = flush(); !done) return done;
    std::vector<Change> batch = {{Change::Kind::erase, kRestoreKey, {}, version_}};
    const auto keys = HeaderCopies::keys();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto& copy = copies.at(i);
      if (copy) batch.push_back({Change::Kind::put, keys[i], *copy, kAbsent});
      if (!copy) batch.push_back({Change::Kind::check, keys[i], {}, kAbsent});
    }
    auto done = commit(batch);
    if (done || done.error().code != Code::indeterminate) return done;
    // Nobody but this commit removes the marker and leaves a store.
    auto found = look();
    return found && found->version == kAbsent && found->store ? Result<void>() : std::move(done);
  }

  // give_up clears what was put, as far as the storage lets it, so that it is as it was.
  void give_up() {
    if (!clear()) return;
    const Change last{Change::Kind::erase, kRestoreKey, {}, version_};
    (void)into_.commit(std::span(&last, 1), timeout_);
  }

 private:
  // Found is what can be told of a storage by the keys of a store and of a restore.
  struct Found {
    bool store = false;
    Version version = kAbsent;  // of the marker
    std::vector<std::uint8_t> marker;
  };

  Result<Found> look() {
    const std::array<ByteView, 3> keys = {kHeaderKey, kHeaderCopyKey, kRestoreKey};
    Found found;
    auto stamp = into_.read(
        keys,
        [&](std::size_t i, const Record& record) {
          if (i < 2) found.store = found.store || record.version != kAbsent;
          if (i < 2) return;
          found.version = record.version;
          found.marker.assign(record.value.begin(), record.value.end());
        },
        timeout_);
    if (!stamp) return std::move(stamp).error();
    return found;
  }

  Result<void> check_empty() {
    bool empty = true;
    auto more = into_.scan(
        {}, {}, 1, [&](const Record&) { empty = false; }, timeout_);
    if (!more) return std::move(more).error();
    if (empty && !*more) return {};
    return Error{Code::already_exists, into_.url() +
                                           " holds records but no store header; restore into an "
                                           "empty storage, or empty it first"};
  }

  // mark_it puts the marker in place of the one that was seen. What is random in it tells our commit
  // from that of another restore of the same backup.
  Result<void> mark_it(const BackupInfo& info, const Mark& head, Version seen) {
    Writer marker;
    std::array<std::uint8_t, 16> mine;
    randombytes_buf(mine.data(), mine.size());
    marker.u8(1);
    marker.bytes(info.store);
    marker.bytes(head);
    marker.bytes(mine);
    const std::array<Change, 3> batch = {
        Change{Change::Kind::put, kRestoreKey, marker.view(), seen},
        Change{Change::Kind::check, kHeaderKey, {}, kAbsent},
        Change{Change::Kind::check, kHeaderCopyKey, {}, kAbsent},
    };
    auto done = into_.commit(batch, timeout_);
    if (!done) return std::move(done).error();
    auto found = look();
    if (!found) return std::move(found).error();
    if (done->conflict || !std::ranges::equal(found->marker, marker.view())) return overtaken();
    version_ = found->version;
    return {};
  }

  // clear removes every record but the marker.
  Result<void> clear() {
    page_.clear();
    for (;;) {
      std::vector<std::vector<std::uint8_t>> keys;
      const auto note = [&](const Record& record) {
        if (is_one_of(std::array{ByteView(kRestoreKey)}, record.key)) return;
        if (keys.size() + 1 < kMaxCommitChanges) {
          keys.emplace_back(record.key.begin(), record.key.end());
        }
      };
      auto more = into_.scan({}, {}, kMaxCommitChanges, note, timeout_);
      if (!more) return std::move(more).error();
      if (keys.empty()) return {};
      std::vector<Change> batch = {marker_is_ours()};
      for (const auto& key : keys) batch.push_back({Change::Kind::erase, key, {}, kAny});
      if (auto done = commit(batch); !done) return done;
    }
  }

  Result<void> flush() {
    if (page_.empty()) return {};
    std::vector<Change> batch = {marker_is_ours()};
    for (std::size_t i = 0; i < page_.size(); ++i) {
      batch.push_back({Change::Kind::put, page_.at(i).key, page_.at(i).value, kAbsent});
    }
    auto done = commit(batch);
    page_.clear();
    return done;
  }

  // commit says in our words what a conflict means; the marker is the first change of every batch.
  Result<void> commit(std::span<const Change> batch) {
    auto done = into_.commit(batch, timeout_);
    if (!done && done.error().code == Code::invalid) return key_twice();
    if (!done) return std::move(done).error();
    if (!done->conflict) return {};
    return *done->conflict == 0 ? overtaken() : key_twice();
  }

  Change marker_is_ours() const { return {Change::Kind::check, kRestoreKey, {}, version_}; }
  Error overtaken() const {
    return {Code::conflict, "another restore into " + into_.url() + ", or an init, took over"};
  }
  Error key_twice() const {
    return {Code::conflict, "a record was at " + into_.url() +
                                " already: the backup had it twice, or somebody else put it"};
  }

  Backend& into_;
  const Timeout timeout_;
  Version version_ = kAbsent;  // of our marker
  RecordPage page_;
};

}  // namespace strongroom::backup
