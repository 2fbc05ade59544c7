// lmdb_writes.cpp: one write transaction of the environment, made by the leader of a group.
#include <errno.h>
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

// lengthen makes the file longer than the transaction can need. LMDB may leave the last pages that it
// counts as its own unwritten. If these were beyond the end, a sound file would look like one that was
// cut short. The added length takes no room on the disk.
Result<void> Env::lengthen(const Load& load) {
  struct stat status;
  if (::fstat(data_fd_, &status) != 0) return error(errno);
  if (status.st_nlink == 0) {
    return Error{Code::unavailable,
                 directory_.path_of(kDataFile) + " was removed while it was open"};
  }
  const std::size_t used = used_len();
  const std::size_t most = map_len() / page_len_ * page_len_;
  const std::size_t slack = std::max(used / 8, std::size_t{1} << 20) + need_of(load);
  const auto len = static_cast<std::size_t>(status.st_size);
  if (len >= std::min(used + slack, most)) return {};
  struct rlimit limit;  // beyond this limit the kernel would send SIGXFSZ
  const bool limited = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  std::size_t to = std::min(used + 2 * slack, most);
  if (limited) to = std::min<std::size_t>(to, limit.rlim_cur);
  to = to / page_len_ * page_len_;
  if (to > len && ::ftruncate(data_fd_, static_cast<off_t>(to)) != 0) return error(errno);
  return {};
}

Result<void> Env::begin(const Load& load) {
  constexpr unsigned kGroupsPerCheck = 64;
  if (num_groups_++ % kGroupsPerCheck == 0) {
    // A reader that was killed in its snapshot would keep old pages from being reused, forever.
    (void)mdb_reader_check(env_.get(), nullptr);
  }
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
  if (quota_ == 0) {
    return {Code::unavailable, name() + " used up the " + std::to_string(map_len()) +
                                   " bytes of address space that this process may map; nothing "
                                   "was changed"};
  }
  return {Code::unavailable, name() + " reached its quota of " + std::to_string(quota_) +
                                 " bytes; raise it or delete something. Nothing was changed"};
}

Result<void> Env::finish() {
  int rc = mdb_txn_commit(txn_.release());
  if (rc == 0) {
    // In case lengthen guessed too low: repair that before the commit is reported.
    struct stat status;
    const std::size_t used = used_len();
    if (::fstat(data_fd_, &status) == 0 && static_cast<std::size_t>(status.st_size) < used &&
        ::ftruncate(data_fd_, static_cast<off_t>(used)) == 0) {
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
  if (over_quota_ && !broken_) (void)set_map_len(std::max(quota_, used_len()));
  over_quota_ = false;
  writing_ = false;
  map_lock_.unlock();
}

// can_try_again looks for room after a batch by itself met a full map. It frees pages that only dead readers
// pin, and goes above the quota for a batch that leaves no more bytes than it found. LMDB copies a page
// before it changes it, so without that nothing could be deleted from a full store.
bool Env::can_try_again() {
  if (failure_ != MDB_MAP_FULL) return false;
  int num_dead = 0;
  (void)mdb_reader_check(env_.get(), &num_dead);
  if (!shrinks_) return num_dead > 0;
  const std::lock_guard lock(map_lock_);
  const std::size_t room = need_of(batch_);
  over_quota_ = quota_ != 0;
  return set_map_len(std::max(map_len(), used_len()) + room) == 0;
}

}  // namespace strongroom::lmdb
