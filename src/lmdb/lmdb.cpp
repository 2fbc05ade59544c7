// lmdb.cpp: the embedded backend over LMDB 0.9, the only file that includes lmdb.h.
//
// A record is stored as 8 bytes of version, big-endian, and the envelope. The version is the id of
// the LMDB transaction that wrote it: ids only grow, so no key ever meets one of its versions again.
// One record of our own, under a key longer than any caller may use, names the format.
#include "strongroom/backends/lmdb.hpp"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "group_commit.hpp"
#include "lmdb_files.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"

namespace strongroom {
namespace lmdb {
namespace {

using std::chrono::steady_clock;

constexpr unsigned kMaxReaders = 1022;  // of all processes
constexpr std::size_t kMinReserve = std::size_t{1} << 30;
constexpr mdb_mode_t kFileMode = S_IRUSR | S_IWUSR;
constexpr std::size_t kVersionLen = 8;
constexpr std::string_view kFormat = "strongroom lmdb 1";

MDB_val to_val(ByteView view) noexcept {
  return {view.size(), const_cast<std::uint8_t*>(view.data())};
}

ByteView to_view(const MDB_val& val) noexcept {
  return {static_cast<const std::uint8_t*>(val.mv_data), val.mv_size};
}

// format_key sorts behind every key of a caller: the longest run of 0xFF and one more.
ByteView format_key() noexcept {
  static const auto key = [] {
    std::array<std::uint8_t, kMaxBackendKeyLen + 1> bytes;
    bytes.fill(0xFF);
    return bytes;
  }();
  return key;
}

Version load_version(const void* from) noexcept {
  std::uint64_t big_endian;
  std::memcpy(&big_endian, from, sizeof big_endian);
  return __builtin_bswap64(big_endian);
}

void store_version(void* to, Version version) noexcept {
  const std::uint64_t big_endian = __builtin_bswap64(version);
  std::memcpy(to, &big_endian, sizeof big_endian);
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "so is the file format of LMDB here");

// put writes one record in place, so that a large envelope is copied once.
int put(MDB_txn* txn, MDB_dbi dbi, ByteView key, ByteView value, Version version) noexcept {
  MDB_val k = to_val(key);
  MDB_val v{kVersionLen + value.size(), nullptr};
  if (const int rc = mdb_put(txn, dbi, &k, &v, MDB_RESERVE); rc != 0) return rc;
  auto* const to = static_cast<std::uint8_t*>(v.mv_data);
  store_version(to, version);
  if (!value.empty()) std::memcpy(to + kVersionLen, value.data(), value.size());
  return 0;
}

// disk_is_full tells a full disk from a broken one: LMDB calls both a short write.
bool disk_is_full(const Directory& directory) noexcept {
  struct statvfs status;
  if (::fstatvfs(directory.fd(), &status) != 0) return false;
  constexpr std::uint64_t kNothingLeft = std::uint64_t{256} << 10;
  return status.f_bavail * status.f_frsize < kNothingLeft;
}

// storage_error says what an LMDB or system error means to the one who runs the store.
Error storage_error(const Directory& directory, int rc) {
  const std::string& path = directory.path();
  if (rc == ENOSPC || rc == EDQUOT || (rc == EIO && disk_is_full(directory))) {
    return {Code::unavailable, path + " was on a full disk; make room. Nothing was changed"};
  }
  switch (rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return {Code::corrupt, path + "/data.mdb was damaged: " + mdb_strerror(rc)};
    case MDB_VERSION_MISMATCH:
      return {Code::unsupported, path + " was in use by another version of LMDB"};
    case MDB_PANIC:
      return {Code::unavailable, path +
                                     " had a write that failed midway; close and open the store "
                                     "again"};
    case MDB_READERS_FULL:
      return {Code::unavailable, path + " had all its " + std::to_string(kMaxReaders) +
                                     " places for readers taken; end some of the processes"};
    default:
      return {Code::unavailable, path + " was not usable: " + mdb_strerror(rc)};
  }
}

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

int open_handle(const std::string& path, std::size_t map_len, unsigned flags, Handle& handle) {
  MDB_env* env = nullptr;
  int rc = mdb_env_create(&env);
  if (rc != 0) return rc;
  handle.reset(env);
  rc = mdb_env_set_maxreaders(env, kMaxReaders);
  if (rc == 0) rc = mdb_env_set_mapsize(env, map_len);
  if (rc == 0) rc = mdb_env_open(env, path.c_str(), flags | MDB_NOTLS, kFileMode);
  // LMDB opens the data file without O_CLOEXEC, for reading and writing: a program that the host starts, as
  // another user too, must not get it. What another thread starts before this line still does.
  int fd = -1;
  if (rc == 0) rc = mdb_env_get_fd(env, &fd);
  if (rc == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) rc = errno;
  if (rc != 0) handle.reset();
  return rc;
}

int write_format(MDB_env* env) {
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env, nullptr, 0, &txn); rc != 0) return rc;
  Txn owner(txn);
  MDB_dbi dbi = 0;
  int rc = mdb_dbi_open(txn, nullptr, 0, &dbi);
  const auto* const text = reinterpret_cast<const std::uint8_t*>(kFormat.data());
  if (rc == 0) rc = put(txn, dbi, format_key(), {text, kFormat.size()}, mdb_txn_id(txn));
  return rc != 0 ? rc : mdb_txn_commit(owner.release());
}

// make_store puts a complete, durable, empty data file in place, or none: who finds an empty file
// there need not wonder whether it once held secrets.
Result<void> make_store(const Directory& directory) {
  const std::string path = directory.path_of(kNewDataFile);
  (void)::unlinkat(directory.fd(), kNewDataFile, 0);  // left by one that was killed here
  Handle handle;
  constexpr std::size_t kSmallMap = std::size_t{1} << 20;
  int rc = open_handle(path, kSmallMap, MDB_NOSUBDIR | MDB_NOLOCK, handle);
  if (rc == 0) rc = write_format(handle.get());
  handle.reset();
  if (rc == 0 && ::renameat(directory.fd(), kNewDataFile, directory.fd(), kDataFile) != 0) {
    rc = errno;
  }
  if (rc == 0) return directory.sync();
  const Error error = storage_error(directory, rc);
  (void)::unlinkat(directory.fd(), kNewDataFile, 0);
  return error;
}

// check_format refuses what is an LMDB file and yet no store of ours.
Result<void> check_format(const Directory& directory, MDB_txn* txn, MDB_dbi dbi) {
  MDB_val key = to_val(format_key());
  MDB_val value;
  const int rc = mdb_get(txn, dbi, &key, &value);
  const std::string path = directory.path_of(kDataFile);
  if (rc == MDB_NOTFOUND || (rc == 0 && value.mv_size < kVersionLen)) {
    return Error{Code::unsupported, path + " was the LMDB file of another program"};
  }
  if (rc != 0) return storage_error(directory, rc);
  const std::string_view found(static_cast<const char*>(value.mv_data), value.mv_size);
  if (found.substr(kVersionLen) == kFormat) return {};
  return Error{Code::unsupported, path + " had a newer format than '" + std::string(kFormat) + "'"};
}

// A place for one reader at a time, with a transaction that waits for it to be renewed. Each sits
// on a cache line of its own, and a thread comes back to the same one.
struct alignas(128) ReadSlot {
  std::atomic<bool> taken{false};
  MDB_txn* txn = nullptr;  // reset when not taken: it then pins no snapshot

  bool take() noexcept { return !taken.exchange(true, std::memory_order_acquire); }
  void give() noexcept { taken.store(false, std::memory_order_release); }
};

// Snapshot is the read transaction of one call.
class Snapshot {
 public:
  explicit Snapshot(ReadSlot* slot) noexcept : slot_(slot) {}
  Snapshot(Snapshot&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  ~Snapshot() {
    if (slot_ == nullptr) return;
    mdb_txn_reset(slot_->txn);
    slot_->give();
  }

  MDB_txn* txn() const noexcept { return slot_->txn; }
  Stamp stamp() const noexcept { return mdb_txn_id(slot_->txn); }

 private:
  ReadSlot* slot_;
};

// LongRead is a read transaction that goes on between looks at the map, for as long as a slow caller
// needs. LMDB allows none when the map is moved, so whoever moves it ends them all; a look is taken
// with a ReadSlot in hand, and the mover has all of these.
struct LongRead {
  MDB_txn* txn = nullptr;  // null: it was ended
  Stamp stamp = 0;
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
  static Result<std::unique_ptr<Env>> open(Directory directory, const LmdbOptions& options);
  ~Env();

  const Directory& directory() const noexcept { return directory_; }
  bool has_quota(std::size_t bytes) const noexcept { return bytes - bytes % page_len_ == quota_; }
  bool same_process() const noexcept { return guard_.same_process(); }
  // still_there tells whether the data file is the one that was opened.
  Result<void> still_there() const;

  Result<Snapshot> snapshot(Timeout timeout);
  // is_sure_of tells, after a first look at it, whether a snapshot is the one that its stamp says.
  //
  // LMDB 0.9 first reads the id of the last transaction, t, and then copies the root from header
  // t & 1. Commit t + 2 overwrites that header. A reader who was not scheduled in between sees the
  // state of t + 2 under the name of t, all in itself sound; lmdb.h hints at it ("read transactions
  // suspended when writers commit could sometimes see wrong data"). While the newest header says
  // t + 1 at most, that has not happened.
  bool is_sure_of(Stamp stamp) const noexcept;
  // record turns what mdb_get found into what a sink is handed.
  Result<Record> record(Stamp stamp, ByteView key, const MDB_val& value) const;

  // begin_long begins a read transaction that lasts until end_long. timeout: no place for a reader.
  Result<void> begin_long(LongRead& read, Timeout timeout);
  void end_long(LongRead& read) noexcept;
  // look calls see(MDB_txn*) while nobody can move the map; see must be short.
  template <typename See>
  Result<void> look(const LongRead& read, Timeout timeout, See see);

  MDB_dbi dbi() const noexcept { return dbi_; }
  Error error(int rc) const { return storage_error(directory_, rc); }
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) {
    return writers_.commit(batch, deadline_after(timeout));
  }

  // What GroupCommit asks of a storage.
  Result<void> lock(Deadline deadline) { return lock_.acquire(WriteLock::What::writing, deadline); }
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

  Result<void> open_files(const LmdbOptions& options);
  Result<void> map(const LmdbOptions& options);
  Result<void> check_opened(FileId data);

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
  Result<void> lengthen(const Load& load);
  int begin_txn() noexcept;
  int change(const Change& change) noexcept;
  Error write_error(int rc);
  void end_write() noexcept;

  // As many threads read at once without waiting; each slot costs one of kMaxReaders.
  static constexpr unsigned kNumSlots = 32;

  Directory directory_;
  WriteLock lock_;
  std::size_t quota_ = 0;  // whole pages; 0: none
  std::size_t page_len_ = 0;
  int data_fd_ = -1;  // LMDB's
  FileId data_id_;
  MDB_dbi dbi_ = 0;
  Handle env_;
  std::array<ReadSlot, kNumSlots> slots_;
  std::mutex long_mutex_;
  std::vector<LongRead*> long_reads_;  // under long_mutex_

  MapLock map_lock_;              // held by a write transaction, and to move the map
  bool broken_ = false;           // there is no map any more; set with all slots taken
  bool name_is_durable_ = false;  // the data file's, in its directory; under map_lock_
  ForkGuard guard_;

  // Of the one that leads a group.
  Txn txn_;
  bool writing_ = false;     // it holds map_lock_
  int failure_ = 0;          // why the last transaction failed
  Load batch_{};             // the last batch
  bool shrinks_ = false;     // and that is no more than it replaces
  bool over_quota_ = false;  // so the map was made larger than the quota for it
  unsigned num_groups_ = 0;
  GroupCommit<Env> writers_{*this};
};

//
// Open and close
//

Result<std::unique_ptr<Env>> Env::open(Directory directory, const LmdbOptions& options) {
  STRONGROOM_ASSIGN(lock, WriteLock::make(directory));
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t quota = options.quota_bytes / page * page;
  std::unique_ptr<Env> env(new Env(std::move(directory), std::move(lock), quota));
  if (!env->guard_.same_process()) {
    return Error{Code::unavailable, env->name() + " was not opened: no page to watch forks with"};
  }
  // LMDB may fail, or wait for ever, when two processes open or close at the same moment.
  const Deadline deadline = deadline_after(kDefaultTimeout);
  STRONGROOM_TRY(env->lock_.acquire(WriteLock::What::opening, deadline));
  auto opened = env->open_files(options);
  env->lock_.release(WriteLock::What::opening);
  STRONGROOM_TRY(opened);
  return env;
}

Result<void> Env::open_files(const LmdbOptions& options) {
  STRONGROOM_TRY(directory_.check_file(kReaderFile));
  auto data = directory_.check_file(kDataFile);
  STRONGROOM_TRY(data);
  if (!data->has_value()) {
    STRONGROOM_TRY(make_store(directory_));
    name_is_durable_ = true;
    data = directory_.check_file(kDataFile);
    STRONGROOM_TRY(data);
  }
  if (!data->has_value()) {
    return Error{Code::unavailable, directory_.path_of(kDataFile) + " was removed while opening"};
  }
  STRONGROOM_TRY(check_header(directory_));
  STRONGROOM_TRY(map(options));
  return check_opened(**data);
}

// map opens the environment with as large a map as the host allows.
Result<void> Env::map(const LmdbOptions& options) {
  std::size_t len = quota_ != 0 ? quota_ : std::max(options.reserve_bytes, kMinReserve);
  for (;;) {
    const int rc = open_handle(directory_.path(), len, 0, env_);
    if (rc == 0) return {};
    const bool too_much = rc == ENOMEM && quota_ == 0 && len / 2 >= kMinReserve;
    if (too_much) {
      len /= 2;
    } else if (rc == EACCES || rc == EPERM) {
      return Error{Code::denied,
                   name() + " had files that could not be opened for writing: " + mdb_strerror(rc)};
    } else if (rc == ENOMEM) {
      return Error{Code::unavailable, name() + " could not be mapped: " + std::to_string(len) +
                                          " bytes of address space were not to be had"};
    } else {
      return error(rc);
    }
  }
}

Result<void> Env::check_opened(FileId data) {
  struct stat status;
  if (mdb_env_get_fd(env_.get(), &data_fd_) != 0 || ::fstat(data_fd_, &status) != 0 ||
      FileId{status.st_dev, status.st_ino} != data) {
    return Error{Code::unavailable, directory_.path_of(kDataFile) + " was replaced while opening"};
  }
  data_id_ = data;
  (void)mdb_reader_check(env_.get(), nullptr);  // places of readers that were killed

  MDB_stat shape;
  MDB_txn* txn = nullptr;
  int rc = mdb_env_stat(env_.get(), &shape);
  if (rc == 0) rc = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &txn);
  if (rc != 0) return error(rc);
  page_len_ = shape.ms_psize;
  Txn owner(txn);
  rc = mdb_dbi_open(txn, nullptr, 0, &dbi_);
  if (rc != 0) return error(rc);
  STRONGROOM_TRY(check_format(directory_, txn, dbi_));
  rc = mdb_txn_commit(owner.release());  // keeps the dbi
  return rc == 0 ? Result<void>() : error(rc);
}

Env::~Env() {
  for (ReadSlot& slot : slots_) {
    if (slot.txn != nullptr) mdb_txn_abort(slot.txn);
  }
  if (env_ == nullptr) return;
  // Not for long: a process that was stopped while opening must not hold up this one's end.
  constexpr Timeout kPatience{1000};
  auto alone = lock_.acquire(WriteLock::What::opening, deadline_after(kPatience));
  env_.reset();
  if (alone) lock_.release(WriteLock::What::opening);
}

Result<void> Env::still_there() const {
  STRONGROOM_ASSIGN(data, directory_.check_file(kDataFile));
  if (data == data_id_) return {};
  return Error{Code::unavailable, directory_.path_of(kDataFile) +
                                      " was replaced while it was open; close the store first"};
}

//
// Reading
//

ReadSlot* Env::take_slot(Timeout timeout) noexcept {
  const unsigned home = thread_stripe(kNumSlots);
  if (slots_[home].take()) return &slots_[home];
  const Deadline deadline = deadline_after(timeout);
  do {
    for (unsigned i = 1; i <= kNumSlots; ++i) {
      ReadSlot& slot = slots_[(home + i) % kNumSlots];
      if (slot.take()) return &slot;
    }
    std::this_thread::yield();
  } while (steady_clock::now() < deadline);
  return nullptr;
}

// renew gives the slot's transaction the newest snapshot.
int Env::renew(ReadSlot& slot) noexcept {
  if (broken_) return MDB_PANIC;
  if (slot.txn != nullptr) {
    const int rc = mdb_txn_renew(slot.txn);
    if (rc != MDB_BAD_RSLOT) return rc;
    mdb_txn_abort(slot.txn);  // somebody cleared the table of readers
    slot.txn = nullptr;
  }
  return begin_read(&slot.txn);
}

int Env::begin_read(MDB_txn** txn) noexcept {
  const int rc = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, txn);
  if (rc != MDB_READERS_FULL) return rc;
  (void)mdb_reader_check(env_.get(), nullptr);
  return mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, txn);
}

Error Env::no_place() const {
  return {Code::timeout, name() + " had no place for another reader in time"};
}

Result<Snapshot> Env::snapshot(Timeout timeout) {
  for (;;) {
    ReadSlot* const slot = take_slot(timeout);
    if (slot == nullptr) return no_place();
    const int rc = renew(*slot);
    if (rc == 0) return Snapshot(slot);
    slot->give();
    if (rc != MDB_MAP_RESIZED) return error(rc);
    STRONGROOM_TRY(follow_growth(timeout));
  }
}

Result<void> Env::begin_long(LongRead& read, Timeout timeout) {
  {
    const std::lock_guard lock(long_mutex_);
    long_reads_.push_back(&read);
  }
  for (;;) {
    ReadSlot* const slot = take_slot(timeout);
    if (slot == nullptr) return no_place();
    const int rc = broken_ ? MDB_PANIC : begin_read(&read.txn);
    if (rc == 0) read.stamp = mdb_txn_id(read.txn);
    slot->give();
    if (rc == 0) return {};
    if (rc != MDB_MAP_RESIZED) return error(rc);
    STRONGROOM_TRY(follow_growth(timeout));
  }
}

void Env::end_long(LongRead& read) noexcept {
  const std::lock_guard lock(long_mutex_);
  std::erase(long_reads_, &read);
  if (read.txn != nullptr) mdb_txn_abort(read.txn);
  read.txn = nullptr;
}

// end_long_reads: the caller has all slots, so nobody is taking a look.
void Env::end_long_reads() noexcept {
  const std::lock_guard lock(long_mutex_);
  for (LongRead* const read : long_reads_) {
    if (read->txn != nullptr) mdb_txn_abort(read->txn);
    read->txn = nullptr;
  }
}

template <typename See>
Result<void> Env::look(const LongRead& read, Timeout timeout, See see) {
  const auto give = [](ReadSlot* slot) { slot->give(); };
  const std::unique_ptr<ReadSlot, decltype(give)> slot(take_slot(timeout), give);
  if (slot == nullptr) return no_place();
  if (read.txn != nullptr) return see(read.txn);
  return Error{Code::unavailable,
               name() + " had its map moved, for more room, while it was read; try again"};
}

bool Env::is_sure_of(Stamp stamp) const noexcept {
#ifndef __SANITIZE_THREAD__  // which knows no fences
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  MDB_envinfo info;
  return mdb_env_info(env_.get(), &info) == 0 && info.me_last_txnid <= stamp + 1;
}

Result<Record> Env::record(Stamp stamp, ByteView key, const MDB_val& value) const {
  if (value.mv_size < kVersionLen) {
    return Error{Code::corrupt, directory_.path_of(kDataFile) + " had a record without a version"};
  }
  const Version version = load_version(value.mv_data);
  if (version == kAbsent || version > stamp) {
    // A compacting copy (mdb_copy -c) starts the count of transactions again.
    return Error{Code::corrupt, directory_.path_of(kDataFile) +
                                    " had a record from the future: it was compacted or mixed up"};
  }
  return Record{key, to_view(value).subspan(kVersionLen), version};
}

std::size_t Env::map_len() const noexcept {
  MDB_envinfo info;
  return mdb_env_info(env_.get(), &info) == 0 ? info.me_mapsize : 0;
}

std::size_t Env::used_len() const noexcept {
  MDB_envinfo info;
  return mdb_env_info(env_.get(), &info) == 0 ? (info.me_last_pgno + 1) * page_len_ : 0;
}

// follow_growth maps more of a file that another process, with a larger quota, made longer.
Result<void> Env::follow_growth(Timeout timeout) {
  if (!map_lock_.lock_until(deadline_after(timeout))) {
    return Error{Code::timeout, name() + " was being written until the time was up"};
  }
  const std::lock_guard lock(map_lock_, std::adopt_lock);
  if (broken_) return error(MDB_PANIC);
  const std::size_t used = used_len();
  if (used <= map_len()) return {};  // another thread was faster
  if (quota_ == 0 && set_map_len(2 * used) == 0) return {};
  const int rc = set_map_len(used);
  return rc == 0 ? Result<void>() : error(rc);
}

// set_map_len moves the map. The caller holds map_lock_ and has no transaction.
int Env::set_map_len(std::size_t len) noexcept {
  // LMDB lets go of the old map before it has the new one, so see that there is going to be one.
  constexpr int kKind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const probe = ::mmap(nullptr, len, PROT_NONE, kKind, -1, 0);
  if (probe == MAP_FAILED) return ENOMEM;
  ::munmap(probe, len);
  for (ReadSlot& slot : slots_) {
    while (!slot.take()) std::this_thread::yield();
  }
  end_long_reads();
  const int rc = mdb_env_set_mapsize(env_.get(), len);
  broken_ = rc != 0;
  for (ReadSlot& slot : slots_) slot.give();
  return rc;
}

//
// Writing: what the leader of a group does
//

// need_of is more than a transaction can come to allocate.
std::size_t Env::need_of(const Load& load) const noexcept {
  constexpr std::size_t kPagesPerChange = 32;  // two trees, copied and split from leaf to root
  return 2 * load.num_bytes + load.num_changes * kPagesPerChange * page_len_;
}

// lengthen makes the file longer than the transaction can come to need. LMDB need not write the
// last pages that it counts as its own; if they then lay beyond the end, a sound file could not be
// told from one that was cut short. What is added takes no room on the disk.
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
  struct rlimit limit;  // beyond it the kernel would send SIGXFSZ
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
    // A reader that was killed in its snapshot would keep old pages from ever being used again.
    (void)mdb_reader_check(env_.get(), nullptr);
  }
  map_lock_.lock();
  writing_ = true;
  failure_ = 0;
  Result<void> ready = broken_ ? error(MDB_PANIC) : lengthen(load);
  // Whoever made the file may have been killed before it flushed the directory: nothing is acknowledged in
  // a file that a power failure could take away.
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
    // By another process; it can not happen again while we hold the lock.
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
    return put(txn_.get(), dbi_, change.key, change.value, mdb_txn_id(txn_.get()));
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
    // Should lengthen have guessed too low: before anybody is told.
    struct stat status;
    const std::size_t used = used_len();
    if (::fstat(data_fd_, &status) == 0 && static_cast<std::size_t>(status.st_size) < used &&
        ::ftruncate(data_fd_, static_cast<off_t>(used)) == 0) {
      (void)::fdatasync(data_fd_);
    }
    end_write();
    return {};
  }
  // LMDB refuses all further work after a header that was written by halves.
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

// can_try_again looks for room after a batch alone met a full map: in pages that only dead readers
// still pin, and above the quota for a batch that leaves no more bytes than it found. LMDB copies
// before it changes, so without that nothing could be deleted from a store that is full.
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

//
// The process's environments, and the handles to them
//

// Entry is the place of one directory. It stays when its environment is closed, so that closing
// and opening again wait for each other.
struct Entry {
  std::mutex mutex;
  std::unique_ptr<Env> env;
  std::size_t num_handles = 0;
};

class Registry {
 public:
  // of_this_process never dies, so that handles may outlive main; a forked child begins a new one.
  static Registry& of_this_process() {
    static std::atomic<Registry*> current{nullptr};
    Registry* registry = current.load(std::memory_order_acquire);
    if (registry != nullptr && registry->guard_.same_process()) return *registry;
    auto fresh = std::make_unique<Registry>();
    fresh->parents_ = registry;  // still reachable: its environments are the parent's to close
    if (current.compare_exchange_strong(registry, fresh.get())) return *fresh.release();
    return *registry;
  }

  std::shared_ptr<Entry> entry(FileId directory) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& entry = entries_[directory];
    if (entry == nullptr) entry = std::make_shared<Entry>();
    return entry;
  }

 private:
  ForkGuard guard_;
  std::mutex mutex_;
  std::map<FileId, std::shared_ptr<Entry>> entries_;
  Registry* parents_ = nullptr;
};

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};

class LmdbBackend final : public Backend {
  // How often a reader looks again that others overtook with two commits in the middle of a look.
  static constexpr int kMaxLooks = 1000;

 public:
  // The entry's environment is open, and this handle is counted already.
  LmdbBackend(std::shared_ptr<Entry> entry, std::string url)
      : entry_(std::move(entry)), env_(*entry_->env), url_(std::move(url)) {}

  ~LmdbBackend() override {
    if (!env_.same_process()) return;
    const std::lock_guard lock(entry_->mutex);
    if (--entry_->num_handles == 0) entry_->env.reset();
  }

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    STRONGROOM_TRY(check_keys(keys));
    if (!env_.same_process()) return forked();
    std::array<MDB_val, 8> few;
    std::vector<MDB_val> many(keys.size() > few.size() ? keys.size() : 0);
    const std::span values = many.empty() ? std::span<MDB_val>(few).first(keys.size()) : many;
    for (int look = 0; look < kMaxLooks; ++look) {
      STRONGROOM_ASSIGN(snapshot, env_.snapshot(timeout));
      const int rc = get(snapshot.txn(), keys, values);
      if (!env_.is_sure_of(snapshot.stamp())) continue;
      return rc == 0 ? hand_over(snapshot, keys, values, sink) : env_.error(rc);
    }
    return overtaken();
  }

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    STRONGROOM_TRY(check_batch(batch));
    if (!env_.same_process()) return forked();
    if (batch.empty()) return Commit{};
    return env_.commit(batch, timeout);
  }

  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    STRONGROOM_TRY(check_page(prefix, after));
    if (!env_.same_process()) return forked();
    for (int look = 0; look < kMaxLooks; ++look) {
      STRONGROOM_ASSIGN(snapshot, env_.snapshot(timeout));
      MDB_cursor* opened = nullptr;
      int rc = mdb_cursor_open(snapshot.txn(), env_.dbi(), &opened);
      if (rc != 0) return env_.error(rc);
      const std::unique_ptr<MDB_cursor, CloseCursor> cursor(opened);
      MDB_val key;
      MDB_val value;
      rc = seek(opened, prefix, after, key, value);
      if (!env_.is_sure_of(snapshot.stamp())) continue;
      for (std::size_t n = 0; rc == 0 && in_page(to_view(key), prefix); ++n) {
        if (n == limit) return true;
        STRONGROOM_ASSIGN(record, env_.record(snapshot.stamp(), to_view(key), value));
        sink(record);
        rc = mdb_cursor_get(opened, &key, &value, MDB_NEXT);
      }
      if (rc != 0 && rc != MDB_NOTFOUND) return env_.error(rc);
      return false;
    }
    return overtaken();
  }

  // snapshot copies a page at a time out of one read transaction, and hands it over when nothing of
  // LMDB's is held but the place of that reader.
  Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                        Timeout timeout) override {
    STRONGROOM_TRY(check_keys(first));
    if (!env_.same_process()) return forked();
    LongRead read;
    const auto end = [this](LongRead* one) {
      if (env_.same_process()) env_.end_long(*one);
    };
    const std::unique_ptr<LongRead, decltype(end)> owner(&read, end);
    STRONGROOM_TRY(begin_sure(read, timeout));

    RecordPage page;
    for (const ByteView key : first) {
      page.clear();
      auto copied = env_.look(read, timeout,
                              [&](MDB_txn* txn) { return copy_one(txn, read.stamp, key, page); });
      if (copied) copied = page.hand_over({}, sink);
      STRONGROOM_TRY(copied);
    }
    page.clear();
    for (;;) {
      const std::vector<std::uint8_t> after = page.last_key();
      page.clear();
      auto copied = env_.look(
          read, timeout, [&](MDB_txn* txn) { return copy_page(txn, read.stamp, after, page); });
      if (copied && page.empty()) return {};
      if (copied) copied = page.hand_over(first, sink);
      STRONGROOM_TRY(copied);
    }
  }

  // sync has nothing to do: every snapshot is the newest one of all processes.
  Result<void> sync(Timeout) override {
    if (!env_.same_process()) return forked();
    return {};
  }

  std::string url() const override { return url_; }

 private:
  Error forked() const {
    return {Code::unavailable, url_ + " was opened by the parent process; open it again"};
  }

  Error overtaken() const {
    return {Code::timeout, url_ + " was written faster than it could be read"};
  }

  // get looks all keys up before any is handed over; a value without memory is an absent record.
  int get(MDB_txn* txn, std::span<const ByteView> keys, std::span<MDB_val> values) const noexcept {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      MDB_val key = to_val(keys[i]);
      const int rc = mdb_get(txn, env_.dbi(), &key, &values[i]);
      if (rc == MDB_NOTFOUND) {
        values[i] = MDB_val{};
      } else if (rc != 0) {
        return rc;
      }
    }
    return 0;
  }

  Result<Stamp> hand_over(const Snapshot& snapshot, std::span<const ByteView> keys,
                          std::span<const MDB_val> values, ReadSink sink) const {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (values[i].mv_data == nullptr) {
        sink(i, Record{.key = keys[i], .value = {}, .version = kAbsent});
        continue;
      }
      STRONGROOM_ASSIGN(record, env_.record(snapshot.stamp(), keys[i], values[i]));
      sink(i, record);
    }
    return snapshot.stamp();
  }

  // begin_sure begins a read of which it is certain when it is: see Env::is_sure_of.
  Result<void> begin_sure(LongRead& read, Timeout timeout) {
    for (int look = 0; look < kMaxLooks; ++look) {
      STRONGROOM_TRY(env_.begin_long(read, timeout));
      if (env_.is_sure_of(read.stamp)) return {};
      env_.end_long(read);
    }
    return overtaken();
  }

  Result<void> copy_one(MDB_txn* txn, Stamp stamp, ByteView key, RecordPage& page) const {
    MDB_val value{};
    if (const int rc = get(txn, std::span(&key, 1), std::span(&value, 1)); rc != 0) {
      return env_.error(rc);
    }
    if (value.mv_data == nullptr) return {};
    STRONGROOM_ASSIGN(record, env_.record(stamp, key, value));
    page.add(record);
    return {};
  }

  // copy_page copies what comes after a key until the page is full. Empty: there was nothing.
  Result<void> copy_page(MDB_txn* txn, Stamp stamp, ByteView after, RecordPage& page) const {
    MDB_cursor* opened = nullptr;
    int rc = mdb_cursor_open(txn, env_.dbi(), &opened);
    if (rc != 0) return env_.error(rc);
    const std::unique_ptr<MDB_cursor, CloseCursor> cursor(opened);
    MDB_val key;
    MDB_val value;
    rc = seek(opened, {}, after, key, value);
    for (; rc == 0 && in_page(to_view(key), {}) && !page.is_full();
         rc = mdb_cursor_get(opened, &key, &value, MDB_NEXT)) {
      STRONGROOM_ASSIGN(record, env_.record(stamp, to_view(key), value));
      page.add(record);
    }
    return rc == 0 || rc == MDB_NOTFOUND ? Result<void>() : env_.error(rc);
  }

  static bool in_page(ByteView key, ByteView prefix) noexcept {
    return key.size() <= kMaxBackendKeyLen && has_prefix(key, prefix);
  }

  // seek goes to the first key with the prefix or behind it that comes after `after`.
  static int seek(MDB_cursor* cursor, ByteView prefix, ByteView after, MDB_val& key,
                  MDB_val& value) noexcept {
    const bool skip = !after.empty() && !key_less(after, prefix);
    const ByteView from = skip ? after : prefix;
    if (from.empty()) return mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    key = to_val(from);
    const int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc != 0 || !skip || key_less(after, to_view(key))) return rc;
    return mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }

  const std::shared_ptr<Entry> entry_;
  Env& env_;
  const std::string url_;
};

// join checks that another handle can use an environment as it is.
Result<void> join(const Env& env, const LmdbOptions& options) {
  STRONGROOM_TRY(env.still_there());
  if (options.quota_bytes == 0 || env.has_quota(options.quota_bytes)) return {};
  return Error{Code::invalid, env.name() + " was open in this process with another quota"};
}

}  // namespace
}  // namespace lmdb

Result<std::unique_ptr<Backend>> open_lmdb(const std::string& directory,
                                           const LmdbOptions& options) {
  using namespace lmdb;
  if (options.quota_bytes != 0 && options.quota_bytes < kMinLmdbQuota) {
    return Error{Code::invalid, "a quota was under " + std::to_string(kMinLmdbQuota) + " bytes"};
  }
  if (options.must_exist && ::access((directory + "/data.mdb").c_str(), F_OK) != 0 &&
      errno == ENOENT) {
    return Error{Code::not_initialized, "there is no store at lmdb:" + directory + " yet"};
  }
  STRONGROOM_ASSIGN(opened, Directory::open(directory));
  const std::string query =
      options.quota_bytes == 0 ? "" : "?quota=" + std::to_string(options.quota_bytes);
  std::string url = "lmdb:" + opened.path() + query;
  std::shared_ptr<Entry> entry = Registry::of_this_process().entry(opened.id());
  const std::lock_guard lock(entry->mutex);
  if (entry->env != nullptr) {
    STRONGROOM_TRY(join(*entry->env, options));
  } else {
    STRONGROOM_ASSIGN(env, Env::open(std::move(opened), options));
    entry->env = std::move(env);
  }
  std::unique_ptr<Backend> handle = std::make_unique<LmdbBackend>(entry, std::move(url));
  ++entry->num_handles;
  return handle;
}

}  // namespace strongroom
