// store_copy.hpp: a whole store copied as it is into another storage of any kind, without using its keys.
//
// Store id, keys and credentials stay, so the copy opens as the store does; a lock stays too. Damaged
// records are copied as they are. As in a restore, the header comes last: until then there is no
// store. A copy that was stopped, even by kill -9, is run again and goes on from what is there.
//
// A copy must never mix two points in time. Some storages cannot be read as of one point in time, so it
// goes through all records at least twice. If two rounds find the same records in the same versions
// (which never come again), all of them, the header included, were there together at the moment
// between the rounds. The second of these rounds compares every byte once more and changes nothing,
// which also proves the copy. What is written to the store after that moment is not in the copy: let
// nothing write, or seal the store ('seal') before.
//
// Memory   about 8 MiB, or twice the largest record if that is more.
// Threads  starts a few. Both storages may be in use, but nothing else may write to the target.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/page_workers.hpp"
#include "strongroom/impl/copies/unfinished_store.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

using CopyDigest = std::array<std::uint8_t, 32>;

class StoreCopy {
 public:
  StoreCopy(Backend& from, Backend& into, Timeout timeout)
      : from_(from), into_(into), timeout_(timeout), target_(into, timeout) {}

  // run makes the copy. After an error there is no copy, but what was copied stays, and the next run goes
  // on from it.
  // Errors  already_exists: the target holds a store, or something other than this store's unfinished
  //         copy.  not_initialized: no store to copy.  corrupt, unsupported: its header record.
  //         conflict: the store was changed meanwhile, or another copy took over.  unavailable: progress
  //         returned false.  Those of the storages.
  Result<CopyInfo> run(CopyProgress progress);

 private:
  // The first round copies, the second proves. If a writer was at work there are more: it may be done by
  // then.
  static constexpr int kMaxRounds = 4;
  static constexpr std::size_t kMaxKeysAtOnce = backup::UnfinishedStore::kMaxChanges;
  // For records that may be gone from the store: those that are not are read with their values.
  static constexpr std::size_t kMaxDoubtfulAtOnce = 8;

  struct SourceHeader {
    backup::HeaderCopies copies;
    Header identity;
    std::array<Version, backup::HeaderCopies::kNum> versions{};
  };

  // Round is the outcome of one pass through the store.
  struct Round {
    CopyDigest digest{};  // of every key and version
    bool same = false;    // nothing had to be changed in the target
  };

  // read reads a storage as it is now: what it held before an outage is of no use here.
  Result<void> read(Backend& of, std::span<const ByteView> keys, Backend::ReadSink sink) const;

  // read_header reads the records that make a store, as they are now.
  Result<SourceHeader> read_header();

  // go_round makes the target like the source, and reports whether it was already.
  Result<Round> go_round(const SourceHeader& header, CopyProgress progress);

  // read_all gives every record of the source to the workers.
  Result<void> read_all(PageWorkers& workers, backup::Hash& hash, CopyProgress progress);

  Result<CopyInfo> finish(const SourceHeader& header);

  std::uint64_t num_changed() const { return num_written_ + num_removed_; }

  // is_held_back returns whether a record is copied at the end, or not at all.
  static bool is_held_back(ByteView key);

  void count(const RecordPage& page, backup::Hash& hash);

  // mend puts the records of the page that the target lacks or has with other bytes. Called by several
  // threads at once.
  Result<void> mend(const RecordPage& page);

  Result<void> mend_some(const RecordPage& page, std::size_t begin, std::size_t end);

  // remove_others removes records that the target has and the source does not. Every record of the
  // source is in the target, so comparing the counts shows whether there are any.
  Result<void> remove_others();

  Result<void> remove_those_gone(std::span<const ByteView> keys);

  // for_keys_there calls take(keys) for all keys of the target, at_once at a time.
  Result<void> for_keys_there(std::size_t at_once,
                              FunctionRef<Result<void>(std::span<const ByteView>)> take);

  Error no_store();
  Error changed_meanwhile() const;
  static Error stopped();

  Backend& from_;
  Backend& into_;
  const Timeout timeout_;
  backup::UnfinishedStore target_;
  CopyInfo info_;
  std::uint64_t num_copied_ = 0;  // in this round, without the records held back
  std::atomic<std::uint64_t> num_written_ = 0;
  std::uint64_t num_removed_ = 0;
};

}  // namespace strongroom
