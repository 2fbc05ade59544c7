// backup.hpp: a whole store as one stream of what it keeps: sealed envelopes, names, header.
//
// Nothing that the store sealed is in clear in it, and none of this needs a key: a backup is made,
// checked and put back while sealed. (An OpenPGP private key that was left beside the data on request
// travels along, as it lies there.) Every record carries a digest, so that a flipped bit is located. FORMAT.md,
// "Backup", lists the bytes. It must never leave something that looks like a store but is not: the
// header is what makes a store, and is restored last.
//
// Shared by all functions
//   Memory   a few MiB, or twice the largest record where that is more.
//   Time     as long as sink and source take; timeout bounds each call to the storage.
//   Threads  any number at once, also beside whatever else the storage is used for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Backend;

// BackupInfo is what a backup tells of itself.
struct BackupInfo {
  StoreId store{};
  std::uint64_t generation = 0;
  std::uint64_t created_ms = 0;   // when the backup was made
  std::uint64_t num_records = 0;  // of all kinds
  std::uint64_t size_bytes = 0;   // of the stream
};

// BackupSink takes the next bytes; its error ends the backup. BackupSource fills as much of the span
// as it can and says how much; 0 is the end.
using BackupSink = FunctionRef<Result<void>(ByteView)>;
using BackupSource = FunctionRef<Result<std::size_t>(std::span<std::uint8_t>)>;
// BackupProgress is called about once a MiB with the records and bytes so far.
using BackupProgress = FunctionRef<void(std::uint64_t num_records, std::uint64_t size_bytes)>;

// write_backup streams the store as of one point in time, while writers and rotations go on.
//
// Where the storage can not hold on to a point in time (see Backend::snapshot), a rotation or another
// change of the header meanwhile means conflict, and of the secrets that are written meanwhile some
// may be in the backup without their place in the lists, or the reverse. What the sink was given
// before an error is no backup: it lacks the end, and is refused.
// Errors  not_initialized.  corrupt: the header record can not be read.  unsupported: it is of a
//         newer format.  conflict: as said; run it again.  Those of sink and storage.
Result<BackupInfo> write_backup(Backend& from, BackupSink sink, BackupProgress progress,
                                Timeout timeout = kDefaultTimeout);

// verify_backup reads a backup to its end, without keys.
// Errors  corrupt: damaged, cut short, or longer than it says; the message tells which record and
//         bytes.  invalid: no backup of a store.  unsupported: of a newer form.  Those of source.
Result<BackupInfo> verify_backup(BackupSource source, BackupProgress progress);

// restore_backup puts a backup into a storage that holds no store. Records first, in commits of a
// bounded size, the header last: until then there is no store, and a restore that was stopped is
// simply run again (what it left is cleared first). Where the source is at fault, what was put is
// removed at once.
// Errors  already_exists: there is a store, or something else that is not ours to clear.  conflict:
//         another restore took over.  As verify_backup, and those of the storage.
Result<BackupInfo> restore_backup(BackupSource source, Backend& into, Timeout timeout,
                                  BackupProgress progress);

}  // namespace strongroom
