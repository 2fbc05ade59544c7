// lmdb_files.hpp: the checks and locks around an LMDB environment before LMDB may touch it.
//
// These are the directory and its access rights, the header of the data file, and the lock between
// processes. Nothing here maps a file or knows LMDB's library; layouts are those of LMDB 0.9 on 64 bits.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"

namespace strongroom::lmdb {

inline constexpr const char* kDataFile = "data.mdb";
inline constexpr const char* kNewDataFile = "data.mdb.new";
inline constexpr const char* kReaderFile = "lock.mdb";
inline constexpr const char* kWriteLockFile = "write.lock";

using Deadline = std::chrono::steady_clock::time_point;

// deadline_after returns now + timeout, without overflow. A negative timeout counts as zero.
Deadline deadline_after(Timeout timeout) noexcept;

// Fd owns a file descriptor and closes it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

// system_error_text returns the message of an errno value.
std::string system_error_text(int error);

// Directory is an open directory that no other user may enter.
class Directory {
 public:
  // open makes the directory (0700) if it is absent.
  // Errors  denied, unavailable, invalid (not a directory).
  static Result<Directory> open(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  std::string path_of(const char* name) const { return path_ + "/" + name; }
  int fd() const noexcept { return fd_.get(); }
  FileId id() const noexcept { return id_; }

  // check_file refuses a file that is not a plain file of ours with mode 0600 or less.
  // Returns  the file's id; nothing if there is no such file.
  Result<std::optional<FileId>> check_file(const char* name) const;

  // sync makes the names in the directory, and its own name in its parent, durable.
  Result<void> sync() const;

 private:
  std::string path_;
  Fd fd_;
  FileId id_;
};

// check_header checks that LMDB may map data.mdb: the file has whole pages, both headers are sane, and no
// page in use is beyond the end. Otherwise LMDB would die of SIGFPE or SIGBUS.
// Errors  corrupt, unsupported (a newer LMDB), unavailable.
Result<void> check_header(const Directory& directory);

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
  enum class Tried { held, busy, failed };
  Tried attempt(What what) noexcept;
  Tried wait_for(What what, Deadline deadline) noexcept;

  Fd fd_;
  std::string path_;
};

}  // namespace strongroom::lmdb
