// lmdb_locks.hpp: the locks between the processes that use one LMDB store, besides LMDB's own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>

#include "lmdb_files.hpp"
#include "strongroom/result.hpp"

namespace strongroom::lmdb {

enum class Tried { held, busy, failed };

// await_openers waits until no program is opening or closing lock.mdb. LMDB itself would wait without a
// deadline, also for a program that knows nothing of write.lock (mdb_stat). No environment of this process
// may have the file open: closing it here would drop LMDB's locks.
// Errors  timeout, denied.
Result<void> await_openers(const Directory& directory, Deadline deadline);

// WriteLock is held by the one process that writes, or by the one that opens or closes.
//
// The locks belong to the open file (F_OFD_SETLK). Unlike process-wide locks they are not lost when other
// code in the process closes the file, and the kernel frees them when their holder dies. LMDB's own mutex
// cannot be waited for with a deadline, so this lock is taken first.
class WriteLock {
 public:
  enum class What : int { writing = 0, opening = 1, turn = 2 };  // bytes of the file

  WriteLock() = default;  // without a file: for a store that nothing can write

  // make opens the file write.lock, making it if it is absent.
  static Result<WriteLock> make(const Directory& directory);

  // acquire waits until no other process holds the lock.
  // Errors  timeout, unavailable (the file system has no locks).
  Result<void> acquire(What what, Deadline deadline);
  void release(What what) noexcept;

  // reserve takes blocks of the disk for the file, without making it longer. They are for a deletion
  // when the disk is full: give_reserve frees them.
  // Returns  whether they are there; false where the file system cannot do that.
  bool reserve(std::size_t bytes) noexcept;
  void give_reserve() noexcept;

 private:
  Tried wait_for(What what, Deadline deadline) noexcept;

  Fd fd_;
  std::string path_;
};

// ReadLock keeps writers out while it lives, for a reader that LMDB's table of readers does not protect.
// It is a shared lock on the byte of write.lock that a writer holds, so writers need not know of it. It
// needs no right to write, and changes nothing.
//
// Each ReadLock has a descriptor of its own, so the kernel counts the readers of all threads and
// processes. A reader leaves the turn to a writer that waits, and a reader that waits takes the turn, as
// writers do: neither kind can keep the other one out by coming again and again.
class ReadLock {
 public:
  ReadLock() = default;
  ReadLock(ReadLock&&) noexcept = default;
  ReadLock& operator=(ReadLock&& other) noexcept;
  ~ReadLock();

  // take waits until no process is writing.
  // Errors  timeout, unavailable (there is no write.lock, or the file system has no locks).
  static Result<ReadLock> take(const Directory& directory, Deadline deadline);

  // check refuses a store whose locks a writer elsewhere may not see, or without the file to lock.
  // Errors  unavailable, denied.
  static Result<void> check(const Directory& directory);

 private:
  Fd fd_;
  pid_t owner_ = -1;
};

}  // namespace strongroom::lmdb
