// lmdb_files.hpp: the checks of an LMDB store's files before LMDB may touch them.
//
// These are the directory and its access rights, and the header of the data file. Nothing here maps a file
// or knows LMDB's library; layouts are those of LMDB 0.9 on 64 bits.
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

// trouble returns the error for a file that could not be used: its path, what failed, and why.
Error trouble(const std::string& path, const char* what, int error);

// Directory is an open directory that no other user may enter.
class Directory {
 public:
  // open makes the directory (0700) if it is absent. It must be writable, except on a read-only file system.
  // Errors  denied, unavailable, invalid (not a directory).
  static Result<Directory> open(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  std::string path_of(const char* name) const { return path_ + "/" + name; }
  int fd() const noexcept { return fd_.get(); }
  FileId id() const noexcept { return id_; }
  // read_only reports whether the directory was opened where its file system is mounted read-only. The
  // same files may be writable at another place.
  bool read_only() const noexcept { return read_only_; }

  // check_file refuses a file that is not a plain file of ours with mode 0600 or less.
  // Returns  the file's id; nothing if there is no such file.
  Result<std::optional<FileId>> check_file(const char* name) const;

  // sync makes the names in the directory, and its own name in its parent, durable.
  Result<void> sync() const;

 private:
  std::string path_;
  Fd fd_;
  FileId id_;
  bool read_only_ = false;
};

// check_header checks that LMDB may map data.mdb: the file has whole pages, both headers are sane, and no
// page in use is beyond the end. Otherwise LMDB would die of SIGFPE or SIGBUS.
// Errors  corrupt, unsupported (a newer LMDB), unavailable.
Result<void> check_header(const Directory& directory);

}  // namespace strongroom::lmdb
