// lmdb.hpp: the embedded backend: one LMDB environment in a directory that only we may enter.
//
// Any number of threads, handles and processes may use one directory. Within a process all handles
// share one environment, since a second one would drop the file locks of the first. Reads neither
// lock nor copy. Concurrent commits are gathered into one LMDB transaction with LMDB's own two
// barriers, and every one of them is on disk when it is acknowledged.
//
// The directory (0700) holds, each 0600:
//   data.mdb    the records, in LMDB's format; the length is reserved ahead (sparse: see du, not ls)
//   lock.mdb    LMDB's table of readers
//   write.lock  empty; the process that is writing or opening holds a lock on one of its bytes
//
// Not on a network file system: LMDB's memory map and locks do not reach across machines. A file
// that is damaged inside can crash any program that maps it; what open_lmdb can tell from the
// owner, the modes, the length and the header, it refuses.
//
// To copy a store that is in use, mdb_copy without -c: a compacting copy starts the count again from
// which versions come, and its records are then refused as corrupt.
//
// Threads and time: the sinks of read and scan run inside an LMDB snapshot. They must be short and
// must not call the same storage again. That of snapshot runs outside and may take its time and call
// the storage; but as long as it does, no page is used again that held a record then, and the file
// grows by what is written. A map that must be moved meanwhile, which happens where another process
// has a larger quota or a full store is deleted from, ends the snapshot with unavailable. Waiting is bounded by the timeout; a disk that hangs in the
// middle of a flush holds the one thread that flushes, and only that one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

struct LmdbOptions {
  // Bytes that data.mdb may use; 0: as many as the map reserves. A commit that would need more is
  // unavailable; one that stores no more bytes than it replaces still goes through, so that
  // secrets can be deleted from a full store (LMDB copies before it changes, so the file may then
  // pass the quota by a little). At least kMinLmdbQuota.
  std::size_t quota_bytes = 0;
  // Address space to reserve without a quota. It costs neither memory nor disk. Where the host
  // forbids that much, half as much is tried, down to 1 GiB.
  std::size_t reserve_bytes = std::size_t{1} << 40;
  // Make nothing: not_initialized where there is no store yet.
  bool must_exist = false;
};

inline constexpr std::size_t kMinLmdbQuota = std::size_t{64} << 10;

// open_lmdb opens the store in a directory; both are made where they do not exist yet (the parent
// directory must). Other handles of this process to the same directory are joined.
//
// directory  any spelling; what counts is the directory it leads to.
// Errors     denied: somebody else owns or may enter a file; says which, and the chmod to run.
//            corrupt: cut short, or not the header of an LMDB file.
//            unsupported: a newer format, or the LMDB file of another program.
//            unavailable: no such parent, read-only, disk full, no address space.
//            timeout: another process was opening it for longer than kDefaultTimeout.
//            invalid: a quota too small, or not that of the handles that are open already.
// Threads    any number at once.
Result<std::unique_ptr<Backend>> open_lmdb(const std::string& directory,
                                           const LmdbOptions& options = {});

}  // namespace strongroom
