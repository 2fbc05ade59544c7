// unfinished_store.ipp: the bodies of unfinished_store.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/unfinished_store.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

Result<bool> UnfinishedStore::begin(const StoreId& store, const Mark& head, GoOn go_on) {
  STRONGROOM_TRY(into_.sync(timeout_));
  STRONGROOM_ASSIGN(found, look());
  if (found.store) return a_store_is_there(store);
  const bool left_over = found.version != kAbsent;
  if (left_over && go_on == GoOn::from_same_store && !is_of(found.marker, store)) {
    return of_another_store();
  }
  if (!left_over) {
    STRONGROOM_TRY(check_empty());
  }
  STRONGROOM_TRY(mark_it(store, head, found.version));
  return left_over;
}

Result<void> UnfinishedStore::commit(std::span<const Change> changes) {
  std::vector<Change> batch = {{Change::Kind::check, kRestoreKey, {}, version_}};
  batch.insert(batch.end(), changes.begin(), changes.end());
  return commit_all(batch);
}

Result<void> UnfinishedStore::activate(const HeaderCopies& copies) {
  std::vector<Change> batch = {{Change::Kind::erase, kRestoreKey, {}, version_}};
  const auto keys = HeaderCopies::keys();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& copy = copies.at(i);
    if (copy) batch.push_back({Change::Kind::put, keys[i], *copy, kAbsent});
    if (!copy) batch.push_back({Change::Kind::check, keys[i], {}, kAbsent});
  }
  auto done = commit_all(batch);
  if (done || done.error().code != Code::indeterminate) return done;
  // Only this commit removes the marker and leaves a store.
  auto found = look();
  return found && found->version == kAbsent && found->store ? Result<void>() : std::move(done);
}

Result<void> UnfinishedStore::clear() {
  for (;;) {
    std::vector<std::vector<std::uint8_t>> keys;
    const auto note = [&](const Record& record) {
      if (is_one_of(std::array{ByteView(kRestoreKey)}, record.key)) return;
      if (keys.size() < kMaxChanges) keys.emplace_back(record.key.begin(), record.key.end());
    };
    STRONGROOM_TRY(into_.scan_keys({}, {}, kMaxCommitChanges, note, timeout_));
    if (keys.empty()) return {};
    std::vector<Change> batch;
    for (const auto& key : keys) batch.push_back({Change::Kind::erase, key, {}, kAny});
    STRONGROOM_TRY(commit(batch));
  }
}

void UnfinishedStore::give_up() {
  if (!clear()) return;
  const Change last{Change::Kind::erase, kRestoreKey, {}, version_};
  (void)into_.commit(std::span(&last, 1), timeout_);
}

Result<UnfinishedStore::Found> UnfinishedStore::look() {
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
  STRONGROOM_TRY(stamp);
  return found;
}

Result<void> UnfinishedStore::check_empty() {
  bool empty = true;
  auto more = into_.scan_keys(
      {}, {}, 1, [&](const Record&) { empty = false; }, timeout_);
  STRONGROOM_TRY(more);
  if (empty && !*more) return {};
  return Error{Code::already_exists, into_.url() +
                                         " holds records but no store header; restore into an "
                                         "empty storage, or empty it first"};
}

Result<void> UnfinishedStore::mark_it(const StoreId& store, const Mark& head, Version seen) {
  Writer marker;
  std::array<std::uint8_t, 16> mine;
  STRONGROOM_TRY(random_bytes(mine));
  marker.u8(kMarkerForm);
  marker.bytes(store);
  marker.bytes(head);
  marker.bytes(mine);
  const std::array<Change, 3> batch = {
      Change{Change::Kind::put, kRestoreKey, marker.view(), seen},
      Change{Change::Kind::check, kHeaderKey, {}, kAbsent},
      Change{Change::Kind::check, kHeaderCopyKey, {}, kAbsent},
  };
  STRONGROOM_ASSIGN(done, into_.commit(batch, timeout_));
  STRONGROOM_ASSIGN(found, look());
  if (done.conflict || !std::ranges::equal(found.marker, marker.view())) return overtaken();
  version_ = found.version;
  return {};
}

bool UnfinishedStore::is_of(ByteView marker, const StoreId& store) {
  return marker.size() == kMarkerLen && marker[0] == kMarkerForm &&
         std::ranges::equal(marker.subspan(1, store.size()), store);
}

Result<void> UnfinishedStore::commit_all(std::span<const Change> batch) {
  auto done = into_.commit(batch, timeout_);
  if (!done && done.error().code == Code::invalid) return key_twice();
  STRONGROOM_TRY(done);
  if (!done->conflict) return {};
  return *done->conflict == 0 ? overtaken() : key_twice();
}

Error UnfinishedStore::a_store_is_there(const StoreId& store) {
  auto records = read_header_records(into_, timeout_);
  const bool same = records && records->header.store == store;
  return {Code::already_exists, (same ? "this store was at " : "a store was at ") + into_.url() +
                                    " already; restore or copy into an empty storage"};
}

Error UnfinishedStore::of_another_store() const {
  return {Code::already_exists, into_.url() +
                                    " holds what a copy or restore of another store left; run "
                                    "that again, or use an empty storage"};
}

Error UnfinishedStore::overtaken() const {
  return {Code::conflict,
          "another restore or copy into " + into_.url() + ", or an init, took over"};
}

Error UnfinishedStore::key_twice() const {
  return {Code::conflict, "a record was at " + into_.url() +
                              " already: the backup had it twice, or somebody else put it"};
}

}  // namespace strongroom::backup
