// store_copy.hpp: a whole store copied into another storage as it is, of any kind, without its keys.
//
// Store id, keys and credentials stay, so the copy opens as the store does; a lock stays too. Damaged
// records are copied as they lie. As in a restore, the header comes last: until then there is no
// store. A copy that was stopped, by kill -9 as well, is run again and goes on from what is there.
//
// It must never make a store of two times. Storages may have no point in time to read from, so it
// goes through all records at least twice. When two rounds find the same records in the same
// versions (which never come again), all of them were there together at the moment between the
// rounds, the header among them. The last of the two compares every byte once more and changes
// nothing, and that is also the proof of the copy. What is written to the store after that moment
// is not in the copy: let nothing write, or seal the store ('seal') before.
//
// Memory   about 8 MiB, or twice the largest record where that is more.
// Threads  a few of its own. Both storages may be in use, the target by nobody that writes.
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

  // run makes the copy. After an error there is none, but what was copied stays to be gone on from.
  // Errors  already_exists: the target holds a store, or what is not this store's unfinished copy.
  //         not_initialized, corrupt, unsupported: no store to copy, or its header record.  conflict:
  //         the store was changed meanwhile, or another copy took over.  unavailable: progress said
  //         stop.  Those of the storages.
  Result<CopyInfo> run(CopyProgress progress);

 private:
  // The first copies, the second proves. More where somebody wrote: he may be done by then.
  static constexpr int kMaxRounds = 4;
  static constexpr std::size_t kMaxKeysAtOnce = backup::UnfinishedStore::kMaxChanges;
  // Of those that may be gone from the store, whose values come along when they are not.
  static constexpr std::size_t kMaxDoubtfulAtOnce = 8;

  struct SourceHeader {
    backup::HeaderCopies copies;
    Header identity;
    std::array<Version, backup::HeaderCopies::kNum> versions{};
  };

  // Round is what one way through the store came to.
  struct Round {
    CopyDigest digest{};  // of every key and version
    bool same = false;    // nothing had to be changed in the target
  };

  // read is that of a storage, as it is now: what it held before an outage is of no use here.
  Result<void> read(Backend& of, std::span<const ByteView> keys, Backend::ReadSink sink) const;

  // read_header reads the records that make a store, as they are now.
  Result<SourceHeader> read_header();

  // go_round makes the target like the source, and tells whether it was already.
  Result<Round> go_round(const SourceHeader& header, CopyProgress progress);

  // read_all gives every record of the source to the workers.
  Result<void> read_all(PageWorkers& workers, backup::Hash& hash, CopyProgress progress);

  Result<CopyInfo> finish(const SourceHeader& header);

  std::uint64_t num_changed() const { return num_written_ + num_removed_; }

  // is_held_back tells whether a record comes at the end, or not at all.
  static bool is_held_back(ByteView key);

  void count(const RecordPage& page, backup::Hash& hash);

  // mend puts what the target does not have as it is here. For several threads.
  Result<void> mend(const RecordPage& page);

  Result<void> mend_some(const RecordPage& page, std::size_t begin, std::size_t end);

  // remove_others removes what the target has and the source has not. Every record of the source is
  // there, so the numbers tell whether there is any.
  Result<void> remove_others();

  Result<void> remove_those_gone(std::span<const ByteView> keys);

  // for_keys_there calls take(keys) for all keys of the target, some at a time.
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
  std::uint64_t num_copied_ = 0;  // of this round, without what is held back
  std::atomic<std::uint64_t> num_written_ = 0;
  std::uint64_t num_removed_ = 0;
};

}  // namespace strongroom
