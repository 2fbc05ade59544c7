// lmdb_env.hpp: an LMDB environment of this process: how it is opened, read and written.
//
// Only this header, the files that implement it and lmdb.cpp know LMDB's library.
//
// A record is stored as 8 bytes of version, big-endian, and the envelope. The version is the id of
// the LMDB transaction that wrote it. Ids only grow, so no key ever gets the same version twice.
// One record of our own, under a key longer than any caller may use, names the format.
#pragma once

#include <lmdb.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "group_commit.hpp"
#include "lmdb_files.hpp"
#include "lmdb_locks.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/lmdb.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/result.hpp"

namespace strongroom::lmdb {

inline constexpr std::size_t kVersionLen = 8;
inline constexpr std::string_view kFormat = "strongroom lmdb 1";

// This much room is kept where a deletion can take it: on the disk, and below a limit on file sizes.
inline constexpr std::size_t kRoomForDeletions = std::size_t{256} << 10;

inline MDB_val to_val(ByteView view) noexcept {
  return {view.size(), const_cast<std::uint8_t*>(view.data())};
}

inline ByteView to_view(const MDB_val& val) noexcept {
  return {static_cast<const std::uint8_t*>(val.mv_data), val.mv_size};
}

inline Version load_version(const void* from) noexcept {
  std::uint64_t big_endian;
  std::memcpy(&big_endian, from, sizeof big_endian);
  return Version(__builtin_bswap64(big_endian));
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "so is the file format of LMDB here");

// put writes one record in place, so that a large envelope is copied once.
int put(MDB_txn* txn, MDB_dbi dbi, ByteView key, ByteView value, Version version) noexcept;

// write_format writes the record of our own that names the format.
int write_format(MDB_txn* txn, MDB_dbi dbi) noexcept;

// storage_error returns the error for an LMDB or system error, in words for the store's operator.
Error storage_error(const Directory& directory, int rc);

// Handle owns an MDB_env.
struct CloseEnv {
  void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
};
using Handle = std::unique_ptr<MDB_env, CloseEnv>;

// AbortTxn ends a transaction that was not committed.
struct AbortTxn {
  void operator()(MDB_txn* txn) const noexcept { mdb_txn_abort(txn); }
};
using Txn = std::unique_ptr<MDB_txn, AbortTxn>;

// ReadSlot is a place for one reader at a time, with a transaction that is renewed for each reader.
// Each slot has a cache line of its own, and a thread comes back to the same slot.
struct alignas(128) ReadSlot {
  std::atomic<bool> taken{false};
  MDB_txn* txn = nullptr;  // reset when not taken: it then pins no snapshot

  bool take() noexcept { return !taken.exchange(true, std::memory_order_acquire); }
  void give() noexcept { taken.store(false, std::memory_order_release); }
};

// Snapshot is the read transaction of one call.
class Snapshot {
 public:
  Snapshot(ReadSlot* slot, ReadLock lock) noexcept : lock_(std::move(lock)), slot_(slot) {}
  Snapshot(Snapshot&& other) noexcept
      : lock_(std::move(other.lock_)), slot_(std::exchange(other.slot_, nullptr)) {}
  ~Snapshot() {
    if (slot_ == nullptr) return;
    mdb_txn_reset(slot_->txn);
    slot_->give();
  }

  MDB_txn* txn() const noexcept { return slot_->txn; }
  Stamp stamp() const noexcept { return Stamp(mdb_txn_id(slot_->txn)); }

 private:
  ReadLock lock_;  // only on a read-only file system; released after the transaction ended
  ReadSlot* slot_;
};

// LongRead is a read transaction that stays open between looks at the map, for as long as a slow caller
// needs. LMDB allows no transaction while the map is moved, so the thread that moves it ends all of
// them. A look at the map holds a ReadSlot, and the thread that moves the map holds all of these.
struct LongRead {
  ReadLock lock;           // only on a read-only file system
  MDB_txn* txn = nullptr;  // null: it was ended
  Stamp stamp{};
};

// MapLock is a mutex with a deadline. (ThreadSanitizer does not see that of std::timed_mutex.)
class MapLock {
 public:
  bool lock_until(Deadline deadline) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, deadline, [&] { return !held_; })) return false;
    held_ = true;
    return true;
  }
  void lock() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return !held_; });
    held_ = true;
  }
  void unlock() noexcept {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  bool held_ = false;
};

// Env is one environment of this process, shared by all handles to its directory.
class Env {
 public:
  // On a read-only file system it writes nothing. Its reads then exclude writers by a ReadLock, since LMDB
  // has no table of readers there, and a writer would reuse pages under a reader.
  static Result<std::unique_ptr<Env>> open(Directory directory, const LmdbOptions& options,
                                           Deadline deadline);
  ~Env();

  const Directory& directory() const noexcept { return directory_; }
  bool has_quota(std::size_t bytes) const noexcept { return bytes - bytes % page_len_ == quota_; }
  bool same_process() const noexcept { return guard_.same_process(); }
  // still_there checks that the data file is the one that was opened.
  Result<void> still_there() const;

  Result<Snapshot> snapshot(Timeout timeout);
  // is_sure_of reports, after a first read from a snapshot, whether the snapshot is the one of its stamp.
  //
  // LMDB 0.9 first reads the id of the last transaction, t, and then copies the root from header
  // t & 1. Commit t + 2 overwrites that header. A reader that was not scheduled in between sees the
  // state of t + 2 under the id t, consistent in itself; lmdb.h hints at it ("read transactions
  // suspended when writers commit could sometimes see wrong data"). As long as the newest header says
  // t + 1 at most, that has not happened.
  bool is_sure_of(Stamp stamp) const noexcept;
  // record makes the record for a sink from the value that mdb_get found.
  Result<Record> record(Stamp stamp, ByteView key, const MDB_val& value) const;

  // begin_long begins a read transaction that lasts until end_long.
  // Errors  timeout: there was no place for another reader in time.
  Result<void> begin_long(LongRead& read, Timeout timeout);
  void end_long(LongRead& read) noexcept;
  // look calls see(MDB_txn*) while no thread can move the map; see must be short.
  template <typename See>
  Result<void> look(const LongRead& read, Timeout timeout, See see);

  MDB_dbi dbi() const noexcept { return dbi_; }
  Error error(int rc) const { return storage_error(directory_, rc); }
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) {
    return writers_.commit(batch, deadline_after(timeout));
  }

  // The functions that GroupCommit requires of a storage.
  Result<void> lock(Deadline deadline);
  void unlock() noexcept { lock_.release(WriteLock::What::writing); }
  Result<void> begin(const Load& load);
  Result<Commit> apply(std::span<const Change> batch);
  Result<void> finish();
  void abandon() noexcept;
  bool can_try_again();
  const std::string& name() const noexcept { return directory_.path(); }

 private:
  Env(Directory directory, WriteLock lock, std::size_t quota) noexcept
      : directory_(std::move(directory)), lock_(std::move(lock)), quota_(quota) {}

  Result<void> open_alone(const LmdbOptions& options, Deadline deadline);
  Result<void> open_read_only(const LmdbOptions& options, Deadline deadline);
  Result<void> open_files(const LmdbOptions& options);
  Result<void> map(const LmdbOptions& options);
  Result<void> check_opened(FileId data);

  // lock_out_writers takes the lock of a read where LMDB's table of readers cannot be written; elsewhere
  // none is needed.
  Result<ReadLock> lock_out_writers(Timeout timeout) const;
  ReadSlot* take_slot(Timeout timeout) noexcept;
  int renew(ReadSlot& slot) noexcept;
  int begin_read(MDB_txn** txn) noexcept;
  void end_long_reads() noexcept;
  Error no_place() const;
  Result<void> follow_growth(Timeout timeout);
  int set_map_len(std::size_t len) noexcept;

  std::size_t used_len() const noexcept;
  std::size_t map_len() const noexcept;
  std::size_t need_of(const Load& load) const noexcept;
  std::size_t file_limit() const noexcept;
  std::size_t normal_map_len() const noexcept;
  Result<void> follow_file_limit();
  Result<void> lengthen(const Load& load);
  bool open_reserve(const Load& load);
  bool release_freed();
  int begin_txn() noexcept;
  int change(const Change& change) noexcept;
  Error write_error(int rc);
  void end_write() noexcept;

  // This many threads can read at once without waiting; each slot costs one of kMaxReaders.
  static constexpr unsigned kNumSlots = 32;

  Directory directory_;
  WriteLock lock_;
  std::size_t quota_ = 0;     // whole pages; 0: none
  std::size_t full_len_ = 0;  // of the map, when nothing limits it further
  std::size_t page_len_ = 0;
  int data_fd_ = -1;  // LMDB's
  FileId data_id_;
  MDB_dbi dbi_ = 0;
  Handle env_;
  std::array<ReadSlot, kNumSlots> slots_;
  std::mutex long_mutex_;
  std::vector<LongRead*> long_reads_;  // under long_mutex_

  MapLock map_lock_;              // held by a write transaction, and to move the map
  bool broken_ = false;           // there is no map any more; set while all slots are taken
  bool name_is_durable_ = false;  // the data file's name in its directory; under map_lock_
  ForkGuard guard_;

  // Only for the leader of a group.
  Txn txn_;
  bool writing_ = false;      // the leader holds map_lock_
  std::size_t file_len_ = 0;  // the data file was at least this long when the transaction began
  int failure_ = 0;           // why the last transaction failed
  Load batch_{};              // the last batch
  bool shrinks_ = false;      // the last batch has no more bytes than it replaces
  bool over_quota_ = false;   // the next transaction may go above the quota
  bool has_reserve_ = false;  // there are blocks for a deletion from a full disk
  unsigned num_groups_ = 0;
  GroupCommit<Env> writers_{*this};
};

template <typename See>
Result<void> Env::look(const LongRead& read, Timeout timeout, See see) {
  const auto give = [](ReadSlot* slot) { slot->give(); };
  const std::unique_ptr<ReadSlot, decltype(give)> slot(take_slot(timeout), give);
  if (slot == nullptr) return no_place();
  if (read.txn != nullptr) return see(read.txn);
  return Error{Code::unavailable,
               name() + " had its map moved to make room while it was read; try again"};
}

inline bool Env::is_sure_of(Stamp stamp) const noexcept {
#ifndef __SANITIZE_THREAD__  // ThreadSanitizer does not support fences
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  MDB_envinfo info;
  return mdb_env_info(env_.get(), &info) == 0 && info.me_last_txnid <= stamp.value() + 1;
}

inline Result<Record> Env::record(Stamp stamp, ByteView key, const MDB_val& value) const {
  if (value.mv_size < kVersionLen) {
    return Error{Code::corrupt, directory_.path_of(kDataFile) + " had a record without a version"};
  }
  const Version version = load_version(value.mv_data);
  if (version == kAbsent || version.value() > stamp.value()) {
    // A compacting copy (mdb_copy -c) starts the count of transactions again.
    return Error{Code::corrupt, directory_.path_of(kDataFile) +
                                    " had a record from the future: it was compacted or mixed up"};
  }
  return Record{key, to_view(value).subspan(kVersionLen), version};
}

}  // namespace strongroom::lmdb
