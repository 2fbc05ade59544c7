// unfinished_store.hpp: a storage that is being filled by a restore or a copy, and holds no store until
// the last commit.
//
// A marker ("R") is put first. While it is there, all other records are what was put so far: no store
// can be made there. Each commit checks that the marker is still its own, so that of two at once one
// fails and does no harm.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"

namespace strongroom::backup {

class UnfinishedStore {
 public:
  // What may be begun upon, beside an empty storage: whatever another left unfinished, or only what
  // is of the same store.
  enum class GoOn : std::uint8_t { from_any, from_same_store };

  UnfinishedStore(Backend& into, Timeout timeout) : into_(into), timeout_(timeout) {}

  // begin puts the marker. head tells one backup of a store from another.
  // Returns  whether records of an earlier one may be there: clear them, or go on from them.
  // Errors   already_exists: a store, records that are nobody's, or what may not be gone on from.
  //          conflict: another restore or copy.
  Result<bool> begin(const StoreId& store, const Mark& head, GoOn go_on) {
    if (auto synced = into_.sync(timeout_); !synced) return std::move(synced).error();
    auto found = look();
    if (!found) return std::move(found).error();
    if (found->store) return a_store_is_there(store);
    const bool left_over = found->version != kAbsent;
    if (left_over && go_on == GoOn::from_same_store && !is_of(found->marker, store)) {
      return of_another_store();
    }
    if (!left_over) {
      if (auto empty = check_empty(); !empty) return std::move(empty).error();
    }
    if (auto marked = mark_it(store, head, found->version); !marked) {
      return std::move(marked).error();
    }
    return left_over;
  }

  // commit applies changes while the marker is ours. changes has up to kMaxChanges.
  // Errors  conflict: the marker is not ours any more, or a record is not what was expected.
  static constexpr std::size_t kMaxChanges = kMaxCommitChanges - 1;
  Result<void> commit(std::span<const Change> changes) {
    std::vector<Change> batch = {{Change::Kind::check, kRestoreKey, {}, version_}};
    batch.insert(batch.end(), changes.begin(), changes.end());
    return commit_all(batch);
  }

  // activate makes it a store: the header records come and the marker goes in one commit.
  // Errors  conflict.  indeterminate: look whether there is a store, or begin again.
  Result<void> activate(const HeaderCopies& copies) {
    std::vector<Change> batch = {{Change::Kind::erase, kRestoreKey, {}, version_}};
    const auto keys = HeaderCopies::keys();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto& copy = copies.at(i);
      if (copy) batch.push_back({Change::Kind::put, keys[i], *copy, kAbsent});
      if (!copy) batch.push_back({Change::Kind::check, keys[i], {}, kAbsent});
    }
    auto done = commit_all(batch);
    if (done || done.error().code != Code::indeterminate) return done;
    // Nobody but this commit removes the marker and leaves a store.
    auto found = look();
    return found && found->version == kAbsent && found->store ? Result<void>() : std::move(done);
  }

  // clear removes every record but the marker.
  Result<void> clear() {
    for (;;) {
      std::vector<std::vector<std::uint8_t>> keys;
      const auto note = [&](const Record& record) {
        if (is_one_of(std::array{ByteView(kRestoreKey)}, record.key)) return;
        if (keys.size() < kMaxChanges) keys.emplace_back(record.key.begin(), record.key.end());
      };
      auto more = into_.scan_keys({}, {}, kMaxCommitChanges, note, timeout_);
      if (!more) return std::move(more).error();
      if (keys.empty()) return {};
      std::vector<Change> batch;
      for (const auto& key : keys) batch.push_back({Change::Kind::erase, key, {}, kAny});
      if (auto done = commit(batch); !done) return done;
    }
  }

  // give_up clears what was put, as far as the storage lets it, so that it is as it was.
  void give_up() {
    if (!clear()) return;
    const Change last{Change::Kind::erase, kRestoreKey, {}, version_};
    (void)into_.commit(std::span(&last, 1), timeout_);
  }

 private:
  // Found is what can be told of a storage by the keys of a store and of the marker.
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
    auto more = into_.scan_keys(
        {}, {}, 1, [&](const Record&) { empty = false; }, timeout_);
    if (!more) return std::move(more).error();
    if (empty && !*more) return {};
    return Error{Code::already_exists, into_.url() +
                                           " holds records but no store header; restore into an "
                                           "empty storage, or empty it first"};
  }

  // mark_it puts the marker in place of the one that was seen. What is random in it tells our commit
  // from that of another restore of the same backup.
  Result<void> mark_it(const StoreId& store, const Mark& head, Version seen) {
    Writer marker;
    std::array<std::uint8_t, 16> mine;
    if (auto drawn = random_bytes(mine); !drawn) return std::move(drawn).error();
    marker.u8(kMarkerForm);
    marker.bytes(store);
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

  static bool is_of(ByteView marker, const StoreId& store) {
    return marker.size() == kMarkerLen && marker[0] == kMarkerForm &&
           std::ranges::equal(marker.subspan(1, store.size()), store);
  }

  // commit_all says in our words what a conflict means; the marker is the first change of every batch.
  Result<void> commit_all(std::span<const Change> batch) {
    auto done = into_.commit(batch, timeout_);
    if (!done && done.error().code == Code::invalid) return key_twice();
    if (!done) return std::move(done).error();
    if (!done->conflict) return {};
    return *done->conflict == 0 ? overtaken() : key_twice();
  }

  Error a_store_is_there(const StoreId& store) {
    auto records = read_header_records(into_, timeout_);
    const bool same = records && records->header.store == store;
    return {Code::already_exists, (same ? "this store was at " : "a store was at ") + into_.url() +
                                      " already; restore or copy into an empty storage"};
  }
  Error of_another_store() const {
    return {Code::already_exists, into_.url() +
                                      " holds what a copy or restore of another store left; run "
                                      "that again, or use an empty storage"};
  }
  Error overtaken() const {
    return {Code::conflict,
            "another restore or copy into " + into_.url() + ", or an init, took over"};
  }
  Error key_twice() const {
    return {Code::conflict, "a record was at " + into_.url() +
                                " already: the backup had it twice, or somebody else put it"};
  }

  static constexpr std::uint8_t kMarkerForm = 1;
  static constexpr std::size_t kMarkerLen = 1 + sizeof(StoreId) + kMarkLen + 16;

  Backend& into_;
  const Timeout timeout_;
  Version version_ = kAbsent;  // of our marker
};

}  // namespace strongroom::backup
