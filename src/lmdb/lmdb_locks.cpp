// lmdb_locks.cpp: how locks on bytes of write.lock and lock.mdb are waited for.
#include "lmdb_locks.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::lmdb {
namespace {

using std::chrono::steady_clock;
using What = WriteLock::What;

constexpr auto kTurn = std::chrono::milliseconds(10);

// Pause waits between two attempts, longer each time.
class Pause {
 public:
  // until waits, but not past the deadline.
  // Returns  false, at once, when the deadline has passed.
  bool until(Deadline deadline) noexcept {
    const auto now = steady_clock::now();
    if (now >= deadline) return false;
    std::this_thread::sleep_for(std::min(next_, deadline - now));
    next_ = std::min<steady_clock::duration>(2 * next_, std::chrono::milliseconds(2));
    return true;
  }

 private:
  steady_clock::duration next_ = std::chrono::microseconds(50);
};

struct flock byte_range(int type, What what) noexcept {
  struct flock range {};
  range.l_type = static_cast<short>(type);
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(what);
  range.l_len = 1;
  return range;
}

Tried try_lock(int fd, int type, What what) noexcept {
  struct flock range = byte_range(type, what);
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return Tried::held;
  return errno == EAGAIN || errno == EACCES || errno == EINTR ? Tried::busy : Tried::failed;
}

void unlock(int fd, What what) noexcept {
  struct flock range = byte_range(F_UNLCK, what);
  (void)::fcntl(fd, F_OFD_SETLK, &range);
}

bool writer_waits(int fd) noexcept {
  struct flock range = byte_range(F_RDLCK, What::turn);
  return ::fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

// share waits for the shared lock.
Tried share(int fd, Deadline deadline) noexcept {
  const Deadline turn_ends = std::min(deadline, steady_clock::now() + kTurn);
  for (Pause pause; writer_waits(fd) && pause.until(turn_ends);) {
  }
  bool turn = false;
  Tried tried;
  for (Pause pause;;) {
    tried = try_lock(fd, F_RDLCK, What::writing);
    if (tried != Tried::busy || !pause.until(deadline)) break;
    turn = turn || try_lock(fd, F_RDLCK, What::turn) == Tried::held;
  }
  const int error = errno;
  if (turn) unlock(fd, What::turn);
  errno = error;
  return tried;
}

// may_hide_locks reports whether locks on the file system may not reach all machines or processes that
// write it (statfs(2), linux/magic.h).
bool may_hide_locks(std::uint32_t magic) noexcept {
  constexpr std::array<std::uint32_t, 19> kShared = {
      0x6969 /* NFS */,        0xFF534D42 /* CIFS */,   0xFE534D42 /* SMB */,
      0x517B /* SMB */,        0x65735546 /* FUSE */,   0x01021997 /* 9p */,
      0x00C36400 /* Ceph */,   0x5346414F /* AFS */,    0x6B414653 /* AFS */,
      0x73757245 /* Coda */,   0x0BD00BD0 /* Lustre */, 0x47504653 /* GPFS */,
      0x01161970 /* GFS2 */,   0x7461636F /* OCFS2 */,  0x786F4256 /* vboxsf */,
      0x19830326 /* BeeGFS */, 0xBACBACBC /* HGFS */,   0x7C7C6673 /* prl */,
      0xAAD7AAEA /* PanFS */,
  };
  return std::find(kShared.begin(), kShared.end(), magic) != kShared.end();
}

}  // namespace

Result<void> await_openers(const Directory& directory, Deadline deadline) {
  STRONGROOM_ASSIGN(found, directory.check_file(kReaderFile));
  if (!found) return {};
  const Fd fd(
      ::openat(directory.fd(), kReaderFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return {};  // LMDB reports why
  constexpr auto kPause = std::chrono::milliseconds(2);
  for (;;) {
    struct flock range {};  // the byte that LMDB locks
    range.l_type = F_RDLCK;
    range.l_whence = SEEK_SET;
    range.l_len = 1;
    if (::fcntl(fd.get(), F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK) return {};
    const auto now = steady_clock::now();
    if (now >= deadline) {
      return Error{Code::timeout, directory.path_of(kReaderFile) +
                                      " was held by another program that was opening or closing "
                                      "the store until the time was up; nothing was changed"};
    }
    std::this_thread::sleep_for(std::min<steady_clock::duration>(kPause, deadline - now));
  }
}

Result<WriteLock> WriteLock::make(const Directory& directory) {
  WriteLock lock;
  lock.path_ = directory.path_of(kWriteLockFile);
  STRONGROOM_TRY(directory.check_file(kWriteLockFile));
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  lock.fd_ = Fd(::openat(directory.fd(), kWriteLockFile, kFlags, S_IRUSR | S_IWUSR));
  if (!lock.fd_) return trouble(lock.path_, "could not be opened", errno);
  return lock;
}

Tried WriteLock::wait_for(What what, Deadline deadline) noexcept {
  Pause pause;
  for (;;) {
    const Tried tried = try_lock(fd_.get(), F_WRLCK, what);
    if (tried != Tried::busy || !pause.until(deadline)) return tried;
  }
}

Result<void> WriteLock::acquire(What what, Deadline deadline) {
  const auto start = steady_clock::now();
  // A process that waits holds the turn, and a process that wants to write again must take the turn
  // first. Otherwise a process that writes without pause would leave the others only gaps of
  // microseconds. A waiter that was stopped must not stop everybody, so the turn is waited for only
  // for a short time.
  const bool turn = what == What::writing &&
                    wait_for(What::turn, std::min(deadline, start + kTurn)) == Tried::held;
  const Tried tried = wait_for(what, deadline);
  const int error = errno;
  if (turn) release(What::turn);
  if (tried == Tried::held) return {};
  if (tried == Tried::failed) return trouble(path_, "could not be locked", error);
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
  return Error{Code::timeout,
               path_ + " was held by another process that was " +
                   (what == What::writing ? "writing, or reading through a read-only mount"
                                          : "opening or closing the store") +
                   ", for " + std::to_string(waited.count()) + " ms; nothing was changed"};
}

void WriteLock::release(What what) noexcept {
  unlock(fd_.get(), what);
}

bool WriteLock::reserve(std::size_t bytes) noexcept {
  return ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0;
}

void WriteLock::give_reserve() noexcept {
  (void)!::ftruncate(fd_.get(), 0);
}

ReadLock& ReadLock::operator=(ReadLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owner_, other.owner_);
  return *this;
}

ReadLock::~ReadLock() {
  // Closing is not enough: a child that was forked meanwhile has a copy of the descriptor. For the same
  // reason the child must not release the lock of its parent.
  if (fd_ && owner_ == ::getpid()) unlock(fd_.get(), What::writing);
}

Result<ReadLock> ReadLock::take(const Directory& directory, Deadline deadline) {
  const std::string path = directory.path_of(kWriteLockFile);
  ReadLock lock;
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  lock.fd_ = Fd(::openat(directory.fd(), kWriteLockFile, kFlags));
  if (!lock.fd_) return trouble(path, "could not be opened", errno);
  const Tried tried = share(lock.fd_.get(), deadline);
  lock.owner_ = ::getpid();
  if (tried == Tried::held) return lock;
  if (tried == Tried::failed) return trouble(path, "could not be locked", errno);
  return Error{Code::timeout,
               path +
                   " was held by a process that was writing, until the time was up; on "
                   "a read-only file system the store is read only between writes"};
}

Result<void> ReadLock::check(const Directory& directory) {
  struct statfs system;
  if (::fstatfs(directory.fd(), &system) != 0) {
    return trouble(directory.path(), "could not be looked at", errno);
  }
  if (may_hide_locks(static_cast<std::uint32_t>(system.f_type))) {
    return Error{
        Code::unavailable,
        directory.path() +
            " was on a read-only network or FUSE file system, where a writer elsewhere may "
            "not see a reader's lock; read a copy on a local disk instead (strongroom backup)"};
  }
  STRONGROOM_ASSIGN(found, directory.check_file(kWriteLockFile));
  if (found) return {};
  return Error{
      Code::unavailable,
      directory.path_of(kWriteLockFile) +
          " was missing, and the file system was read-only; open the store once where it can "
          "be written, which makes that file"};
}

}  // namespace strongroom::lmdb
