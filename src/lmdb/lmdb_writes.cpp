// lmdb_writes.cpp: one write transaction of the environment, made by the leader of a group.
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "lmdb_env.hpp"

namespace strongroom::lmdb {
namespace {

void store_version(void* to, Version version) noexcept {
  const std::uint64_t big_endian = __builtin_bswap64(version.value());
  std::memcpy(to, &big_endian, sizeof big_endian);
}

// is_for_space also counts EIO: LMDB reports a write that was cut short by a full disk as that.
bool is_for_space(int rc) noexcept {
  return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG || rc == EIO;
}

struct FileShape {
  int error = 0;
  std::size_t len = 0;
  std::uint64_t num_names = 0;  // 0: the file was removed
};

// shape_of asks for nothing else, in particular not for the file's times. Since Linux 6.13, ext4, XFS and
// Btrfs give a file a new time at the next write after a program asked for its times (fstat always does),
// and otherwise once per tick of the clock. A new time is one more change of the inode per commit: without
// a journal, ext4 then writes the inode's block in each fdatasync, and waits for it.
FileShape shape_of(int fd) noexcept {
  struct statx shape;
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK, &shape) == 0) {
    return {0, static_cast<std::size_t>(shape.stx_size), shape.stx_nlink};
  }
  struct stat status;  // for sandboxes that do not know statx, and refuse it
  if (::fstat(fd, &status) != 0) return {errno};
  return {0, static_cast<std::size_t>(status.st_size), status.st_nlink};
}

}  // namespace

int put(MDB_txn* txn, MDB_dbi dbi, ByteView key, ByteView value, Version version) noexcept {
  MDB_val k = to_val(key);
  MDB_val v{kVersionLen + value.size(), nullptr};
  if (const int rc = mdb_put(txn, dbi, &k, &v, MDB_RESERVE); rc != 0) return rc;
  auto* const to = static_cast<std::uint8_t*>(v.mv_data);
  store_version(to, version);
  if (!value.empty()) std::memcpy(to + kVersionLen, value.data(), value.size());
  return 0;
}

// need_of returns more bytes than a transaction can allocate.
std::size_t Env::need_of(const Load& load) const noexcept {
  constexpr std::size_t kPagesPerChange = 32;  // two trees, copied and split from leaf to root
  return 2 * load.num_bytes + load.num_changes * kPagesPerChange * page_len_;
}

// file_limit returns the length that this process may give a file (RLIMIT_FSIZE), in whole pages. A write
// beyond it would end the process by SIGXFSZ, or leave half a page.
std::size_t Env::file_limit() const noexcept {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur / page_len_ * page_len_;
}

// normal_map_len returns the length of the map for a batch that may be refused. Under a limit on file
// sizes the last pages are left for deletions.
std::size_t Env::normal_map_len() const noexcept {
  const std::size_t limit = file_limit();
  const std::size_t most =
      limit == SIZE_MAX ? limit : limit - std::min(limit / 4, kRoomForDeletions);
  return std::max(std::min(full_len_, most / page_len_ * page_len_), used_len());
}

// follow_file_limit makes the map end where this process may no longer write, so that LMDB refuses a
// batch before it writes there.
Result<void> Env::follow_file_limit() {
  const std::size_t limit = file_limit();
  if (limit == SIZE_MAX && map_len() >= full_len_) return {};
  if (used_len() > limit) {
    return Error{Code::unavailable, directory_.path_of(kDataFile) +
                                        " was longer than this process may make a file; raise the "
                                        "limit (ulimit -f). Nothing was changed"};
  }
  const std::size_t len = over_quota_ ? std::min(map_len(), limit) : normal_map_len();
  if (len == map_len()) return {};
  const int rc = set_map_len(len);
  return rc == 0 ? Result<void>() : error(rc);
}

// lengthen makes the file longer than the transaction can need. LMDB may leave the last pages that it
// counts as its own unwritten. If these were beyond the end, a sound file would look like one that was
// cut short. The added length takes no room on the disk.
Result<void> Env::lengthen(const Load& load) {
  const FileShape file = shape_of(data_fd_);
  if (file.error != 0) return error(file.error);
  if (file.num_names == 0) {
    return Error{Code::unavailable,
                 directory_.path_of(kDataFile) + " was removed while it was open"};
  }
  if (auto fits = follow_file_limit(); !fits) return fits;
  const std::size_t used = used_len();
  const std::size_t most = map_len() / page_len_ * page_len_;
  const std::size_t slack = std::max(used / 8, std::size_t{1} << 20) + need_of(load);
  file_len_ = file.len;
  if (file_len_ >= std::min(used + slack, most)) return {};
  const std::size_t to = std::min(used + 2 * slack, most) / page_len_ * page_len_;
  if (to <= file_len_) return {};
  if (::ftruncate(data_fd_, static_cast<off_t>(to)) != 0) return error(errno);
  file_len_ = to;
  return {};
}

Result<void> Env::lock(Deadline deadline) {
  if (!directory_.read_only()) return lock_.acquire(WriteLock::What::writing, deadline);
  return Error{Code::unavailable,
               "the file system of " + name() +
                   " is read-only; write through a place where it can be written. "
                   "Nothing was changed"};
}

Result<void> Env::begin(const Load& load) {
  constexpr unsigned kGroupsPerCheck = 64;
  if (num_groups_++ % kGroupsPerCheck == 0) {
    // A reader that was killed in its snapshot would keep old pages from being reused, forever.
    (void)mdb_reader_check(env_.get(), nullptr);
    has_reserve_ = false;  // another process may have used it
  }
  if (!over_quota_ && !has_reserve_) has_reserve_ = lock_.reserve(kRoomForDeletions);
  map_lock_.lock();
  writing_ = true;
  failure_ = 0;
  Result<void> ready = broken_ ? error(MDB_PANIC) : lengthen(load);
  // The process that made the file may have been killed before it flushed the directory. Nothing may be
  // acknowledged in a file that a power failure could remove.
  if (ready && !name_is_durable_) {
    ready = directory_.sync();
    name_is_durable_ = ready.ok();
  }
  if (ready) {
    if (const int rc = begin_txn(); rc != 0) ready = error(rc);
  }
  if (!ready) end_write();
  return ready;
}

int Env::begin_txn() noexcept {
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_.get(), nullptr, 0, &txn);
  if (rc == MDB_MAP_RESIZED) {
    // Another process resized it; that cannot happen again while we hold the lock.
    rc = set_map_len(used_len());
    if (rc == 0) rc = mdb_txn_begin(env_.get(), nullptr, 0, &txn);
  }
  txn_.reset(txn);
  return rc;
}

Result<Commit> Env::apply(std::span<const Change> batch) {
  std::size_t old_len = 0;
  std::size_t new_len = 0;
  batch_ = load_of(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    MDB_val key = to_val(batch[i].key);
    MDB_val found{};
    const int rc = mdb_get(txn_.get(), dbi_, &key, &found);
    if (rc != 0 && rc != MDB_NOTFOUND) return write_error(rc);
    if (rc == 0 && found.mv_size < kVersionLen) return write_error(MDB_CORRUPTED);
    const Version version = rc == 0 ? load_version(found.mv_data) : kAbsent;
    if (batch[i].expected != kAny && batch[i].expected != version) return Commit{i};
    const std::size_t key_len = batch[i].key.size();
    if (rc == 0 && batch[i].kind != Change::Kind::check) old_len += key_len + found.mv_size;
    if (batch[i].kind == Change::Kind::put) {
      new_len += key_len + kVersionLen + batch[i].value.size();
    }
  }
  shrinks_ = new_len <= old_len;
  for (const Change& step : batch) {
    if (const int rc = change(step); rc != 0) return write_error(rc);
  }
  return Commit{};
}

int Env::change(const Change& change) noexcept {
  if (change.kind == Change::Kind::put) {
    return put(txn_.get(), dbi_, change.key, change.value, Version(mdb_txn_id(txn_.get())));
  }
  if (change.kind == Change::Kind::check) return 0;
  MDB_val key = to_val(change.key);
  const int rc = mdb_del(txn_.get(), dbi_, &key, nullptr);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

Error Env::write_error(int rc) {
  failure_ = rc;
  if (rc != MDB_MAP_FULL) return error(rc);
  const std::size_t limit = file_limit();
  if (limit < full_len_) {
    return {Code::unavailable, name() + " reached this process's limit on file sizes of " +
                                   std::to_string(limit) +
                                   " bytes; raise it (ulimit -f) or delete something. Nothing was "
                                   "changed"};
  }
  if (quota_ == 0) {
    return {Code::unavailable, name() + " used up the " + std::to_string(map_len()) +
                                   " bytes of address space that this process may map; raise its "
                                   "limit (ulimit -v) or delete something. Nothing was changed"};
  }
  return {Code::unavailable, name() + " reached its quota of " + std::to_string(quota_) +
                                 " bytes; raise it or delete something. Nothing was changed"};
}

Result<void> Env::finish() {
  int rc = mdb_txn_commit(txn_.release());
  if (rc == 0) {
    // In case lengthen guessed too low: repair that before the commit is reported.
    const std::size_t used = used_len();
    if (file_len_ < used) {
      const FileShape file = shape_of(data_fd_);
      const bool is_short = file.error == 0 && file.len < used;
      if (is_short && ::ftruncate(data_fd_, static_cast<off_t>(used)) == 0)
        (void)::fdatasync(data_fd_);
    }
    end_write();
    return {};
  }
  // LMDB refuses all further work after a header was written only in part.
  MDB_txn* probe = nullptr;
  const int state = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &probe);
  if (state == 0) mdb_txn_abort(probe);
  const Error why = write_error(rc);
  end_write();
  if (state != MDB_PANIC) return why;
  return Error{Code::indeterminate, name() + " had a write that failed midway (" +
                                        system_error_text(rc) +
                                        "); close and open the store again"};
}

void Env::abandon() noexcept {
  if (!writing_) return;
  txn_.reset();
  end_write();
}

void Env::end_write() noexcept {
  const std::size_t normal = over_quota_ && !broken_ ? normal_map_len() : map_len();
  if (normal != map_len()) (void)set_map_len(normal);
  over_quota_ = false;
  writing_ = false;
  map_lock_.unlock();
}

// can_try_again looks for room after a batch by itself was refused for space. A batch that leaves no more
// bytes than it found gets the room that is kept for deletions. Any other one gets what earlier deletions
// have freed.
bool Env::can_try_again() {
  if (!is_for_space(failure_)) return false;
  (void)mdb_reader_check(env_.get(), nullptr);  // dead readers keep pages from being reused
  return shrinks_ ? open_reserve(batch_) : release_freed();
}

// open_reserve lets the next transaction go above the quota, and into the blocks that are kept for
// deletions. LMDB copies a page before it changes it, so without that nothing could be deleted from a
// full store.
bool Env::open_reserve(const Load& load) {
  const std::lock_guard lock(map_lock_);
  lock_.give_reserve();
  has_reserve_ = false;
  if (broken_) return false;
  const std::size_t len = std::max(map_len(), used_len()) + need_of(load);
  over_quota_ = failure_ != MDB_MAP_FULL || set_map_len(std::min(len, file_limit())) == 0;
  return over_quota_;
}

// release_freed makes a commit without effect. LMDB reuses the pages that a transaction freed only in the
// second transaction after it, so the space of what was deleted last would otherwise stay taken until
// somebody else commits something.
bool Env::release_freed() {
  const int why = failure_;
  const Load load{1, kFormat.size()};
  if (!open_reserve(load) || !begin(load)) return false;
  failure_ = why;
  const int rc = write_format(txn_.get(), dbi_);
  if (rc == 0) return finish().ok();
  abandon();
  return false;
}

}  // namespace strongroom::lmdb
