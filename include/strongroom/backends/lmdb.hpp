// lmdb.hpp: the embedded backend: one LMDB environment in a directory that only this user may enter.
//
// Any number of threads, handles and processes may use one directory. Within a process all handles
// share one environment, since a second one would drop the file locks of the first. Reads neither
// lock nor copy, except on a read-only file system (see below). Concurrent commits are gathered into one
// LMDB transaction with LMDB's own two barriers. Each commit is on disk when it is acknowledged.
//
// The directory (0700) holds, each 0600:
//   data.mdb    the records, in LMDB's format; the length is reserved ahead (sparse: see du, not ls)
//   lock.mdb    LMDB's table of readers
//   write.lock  empty; the process that is writing or opening holds a lock on one of its bytes. It has
//               256 KiB of the disk, which are given to a deletion when the disk is full.
//
// Do not use a network file system: LMDB's memory map and locks do not reach across machines. A file
// that is damaged inside can crash any program that maps it. open_lmdb refuses the damage that it can
// detect from the owner, the modes, the length and the header.
//
// Where the directory is on a file system mounted read-only, the store is opened for reading only. Nothing
// is written, and commits fail with unavailable. Other processes may write the same files through another
// mount of this machine. LMDB has no table of readers there, so each read keeps writers out by a shared
// lock on write.lock, and waits for the writer of the moment. A snapshot, and so a backup, keeps them out
// until it is done: writers whose deadline passes meanwhile fail with timeout. Programs that write with
// LMDB but without write.lock (mdb_load) must not run then. Network and FUSE file systems are refused, since
// a writer elsewhere may not see the lock.
//
// To copy a store that is in use, run mdb_copy without -c. A compacting copy restarts the count from
// which versions come, and its records are then refused as corrupt.
//
// Threads and time: the sinks of read and scan run inside an LMDB snapshot. They must be short and must
// not call the same storage again. The sink of snapshot runs outside. It may take its time and call the
// storage; but until it is done, no page that held a record at the start is reused, and the file grows
// by what is written. If the map must be moved meanwhile, the snapshot ends with unavailable; this
// happens when another process has a larger quota, or something is written to a full store. Waiting is
// bounded by the timeout. A disk that hangs in the middle of a flush blocks the one thread that flushes,
// and only that one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

struct LmdbOptions {
  // Bytes that data.mdb may use; 0: as many as the map reserves. At least kMinLmdbQuota. A commit that
  // would need more fails with unavailable; the room of what was deleted can be used by the next commit.
  // A commit that stores no more bytes than it replaces still succeeds, so that secrets can be deleted
  // from a full store. LMDB copies before it changes, so the
  // file may then exceed the quota by a little.
  std::size_t quota_bytes = 0;
  // Address space to reserve without a quota. It costs neither memory nor disk. Where the host
  // forbids that much, half as much is tried, down to 1 GiB.
  std::size_t reserve_bytes = std::size_t{1} << 40;
  // Create nothing: not_initialized where there is no store yet.
  bool must_exist = false;
  Timeout timeout = kDefaultTimeout;  // of opening
};

inline constexpr std::size_t kMinLmdbQuota = std::size_t{64} << 10;

// open_lmdb opens the store in a directory. It creates either where it does not exist yet; the parent
// directory must exist. It joins other handles of this process to the same directory.
//
// directory  any spelling; what counts is the directory it leads to.
// Errors     denied: somebody else owns or may access a file; says which, and the chmod to run.
//            corrupt: cut short, or not the header of an LMDB file.
//            unsupported: a newer format, or the LMDB file of another program.
//            unavailable: no such parent, disk full, no address space; on a read-only file system, that
//            no store is there, or that readers could not keep writers out (says why).
//            timeout: another process or thread was opening or closing it for longer than the timeout.
//            invalid: a quota too small, or not that of the handles that are open already.
// Threads    any number at once.
Result<std::unique_ptr<Backend>> open_lmdb(const std::string& directory,
                                           const LmdbOptions& options = {});

}  // namespace strongroom
