// backup.hpp: a whole store as one stream of what it keeps: sealed envelopes, names, header.
//
// What the store sealed stays sealed in a backup, and nothing here needs a key: a backup is made,
// checked and restored while the store is sealed. (An OpenPGP private key that was stored next to the
// data on request is copied as it is stored.) Every record carries a digest, so that a flipped bit can
// be located. FORMAT.md, "Backup", lists the bytes. A restore must never leave anything that looks like
// a store but is not one: the header makes a store, and is restored last.
//
// Shared by all functions
//   Memory   a few MiB, or twice the largest record where that is more.
//   Time     as long as sink and source take; timeout bounds each call to the storage.
//   Threads  any number at once, also while the storage is used for anything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Backend;

// BackupInfo describes a backup.
struct BackupInfo {
  StoreId store{};
  std::uint64_t generation = 0;
  std::uint64_t created_ms = 0;   // when the backup was made
  std::uint64_t num_records = 0;  // of all kinds
  std::uint64_t size_bytes = 0;   // of the stream
};

// BackupSink takes the next bytes; its error ends the backup. BackupSource fills as much of the span
// as it can and returns how many bytes that were; 0 is the end.
using BackupSink = FunctionRef<Result<void>(ByteView)>;
using BackupSource = FunctionRef<Result<std::size_t>(std::span<std::uint8_t>)>;
// BackupProgress is called about once per MiB, with the records and bytes so far.
using BackupProgress = FunctionRef<void(std::uint64_t num_records, std::uint64_t size_bytes)>;

// write_backup streams the store as of one point in time, while writers and rotations go on.
//
// Some storages cannot keep a point in time readable (see Backend::snapshot). There, write_backup fails
// with conflict when a rotation or another change of the header happens meanwhile. Secrets that are
// written meanwhile may be in the backup without their place in the lists, or the reverse. After an
// error, what the sink received is not a backup: it lacks the end, and is refused.
// Errors  not_initialized.  corrupt: the header record cannot be read.  unsupported: it is of a newer
//         format.  conflict: as above; run it again.  Those of sink and storage.
Result<BackupInfo> write_backup(Backend& from, BackupSink sink, BackupProgress progress,
                                Timeout timeout = kDefaultTimeout);

// verify_backup reads a backup to its end, without keys.
// Errors  corrupt: damaged, cut short, or longer than it says; the message names the record and the
//         bytes.  invalid: not a backup of a store.  unsupported: of a newer form.  Those of source.
Result<BackupInfo> verify_backup(BackupSource source, BackupProgress progress);

// restore_backup puts a backup into a storage that holds no store. Records are put first, in commits of
// a bounded size, and the header last. Until then there is no store, and a restore that was stopped can
// simply be run again (what it left is cleared first). When the source is at fault, what was put is
// removed at once.
// Errors  already_exists: there is a store, or something else that is not ours to clear.  conflict:
//         another restore took over.  Those of verify_backup and of the storage.
Result<BackupInfo> restore_backup(BackupSource source, Backend& into, Timeout timeout,
                                  BackupProgress progress);

}  // namespace strongroom
