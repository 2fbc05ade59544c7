// unfinished_store.hpp: a storage that a restore or a copy is filling. It holds no store until the last
// commit.
//
// A marker ("R") is put first. While it is there, all other records are what was put so far, and no store
// can be made there. Each commit checks that the marker is still its own, so of two restores or copies
// at once, one fails and does no harm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

class UnfinishedStore {
 public:
  // What may be continued, besides starting in an empty storage: anything that another restore or copy
  // left unfinished, or only what belongs to the same store.
  enum class GoOn : std::uint8_t { from_any, from_same_store };

  UnfinishedStore(Backend& into, Timeout timeout) : into_(into), timeout_(timeout) {}

  // begin puts the marker. head distinguishes one backup of a store from another.
  // Returns  whether records of an earlier attempt may be there: clear them, or go on from them.
  // Errors   already_exists: a store, records without a marker, or something that may not be continued.
  //          conflict: another restore or copy.
  Result<bool> begin(const StoreId& store, const Mark& head, GoOn go_on);

  // commit applies changes while the marker is ours. changes has up to kMaxChanges.
  // Errors  conflict: the marker is no longer ours, or a record is not what was expected.
  static constexpr std::size_t kMaxChanges = kMaxCommitChanges - 1;
  Result<void> commit(std::span<const Change> changes);

  // activate makes it a store: one commit puts the header records and removes the marker.
  // Errors  conflict.  indeterminate: check whether there is a store, or begin again.
  Result<void> activate(const HeaderCopies& copies);

  // clear removes every record except the marker.
  Result<void> clear();

  // give_up clears what was put, as far as the storage allows, so that the storage is as it was.
  void give_up();

 private:
  // Found is what the header records and the marker show about a storage.
  struct Found {
    bool store = false;
    Version version = kAbsent;  // of the marker
    std::vector<std::uint8_t> marker;
  };

  Result<Found> look();

  Result<void> check_empty();

  // mark_it puts the marker in place of the one that was seen. Its random bytes distinguish our marker
  // from that of another restore of the same backup.
  Result<void> mark_it(const StoreId& store, const Mark& head, Version seen);

  static bool is_of(ByteView marker, const StoreId& store);

  // commit_all commits, and explains a conflict; the marker is the first change of every batch.
  Result<void> commit_all(std::span<const Change> batch);

  Error a_store_is_there(const StoreId& store);
  Error of_another_store() const;
  Error overtaken() const;
  Error key_twice() const;

  static constexpr std::uint8_t kMarkerForm = 1;
  static constexpr std::size_t kMarkerLen = 1 + sizeof(StoreId) + kMarkLen + 16;

  Backend& into_;
  const Timeout timeout_;
  Version version_ = kAbsent;  // of our marker
};

}  // namespace strongroom::backup
