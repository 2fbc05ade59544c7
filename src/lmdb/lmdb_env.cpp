// lmdb_env.cpp: opens and maps the environment, and maps more of it as it grows.
#include "lmdb_env.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <thread>

#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::lmdb {
namespace {

constexpr unsigned kMaxReaders = 1022;  // of all processes
constexpr std::size_t kMinReserve = std::size_t{1} << 30;
constexpr mdb_mode_t kFileMode = S_IRUSR | S_IWUSR;

// format_key sorts after every key of a caller: it has one more 0xFF than the longest of those.
ByteView format_key() noexcept {
  static const auto key = [] {
    std::array<std::uint8_t, kMaxBackendKeyLen + 1> bytes;
    bytes.fill(0xFF);
    return bytes;
  }();
  return key;
}

// disk_is_full distinguishes a full disk from a broken one: LMDB reports both as a short write.
bool disk_is_full(const Directory& directory) noexcept {
  struct statvfs status;
  if (::fstatvfs(directory.fd(), &status) != 0) return false;
  constexpr std::uint64_t kNothingLeft = std::uint64_t{256} << 10;
  return status.f_bavail * status.f_frsize < kNothingLeft;
}

int open_handle(const std::string& path, std::size_t map_len, unsigned flags, Handle& handle) {
  MDB_env* env = nullptr;
  int rc = mdb_env_create(&env);
  if (rc != 0) return rc;
  handle.reset(env);
  rc = mdb_env_set_maxreaders(env, kMaxReaders);
  if (rc == 0) rc = mdb_env_set_mapsize(env, map_len);
  if (rc == 0) rc = mdb_env_open(env, path.c_str(), flags | MDB_NOTLS, kFileMode);
  // LMDB opens the data file without O_CLOEXEC, for reading and writing. A program that the host starts,
  // perhaps as another user, must not inherit it. A program that another thread starts before this line
  // still does.
  int fd = -1;
  if (rc == 0) rc = mdb_env_get_fd(env, &fd);
  if (rc == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) rc = errno;
  if (rc != 0) handle.reset();
  return rc;
}

int make_format(MDB_env* env) {
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env, nullptr, 0, &txn); rc != 0) return rc;
  Txn owner(txn);
  MDB_dbi dbi = 0;
  int rc = mdb_dbi_open(txn, nullptr, 0, &dbi);
  if (rc == 0) rc = write_format(txn, dbi);
  return rc != 0 ? rc : mdb_txn_commit(owner.release());
}

// make_store puts a complete, durable data file without records in place, or none. So a file of length
// zero is never a store of ours that is being made.
Result<void> make_store(const Directory& directory) {
  const std::string path = directory.path_of(kNewDataFile);
  (void)::unlinkat(directory.fd(), kNewDataFile, 0);  // left by a process that was killed here
  Handle handle;
  constexpr std::size_t kSmallMap = std::size_t{1} << 20;
  int rc = open_handle(path, kSmallMap, MDB_NOSUBDIR | MDB_NOLOCK, handle);
  if (rc == 0) rc = make_format(handle.get());
  handle.reset();
  if (rc == 0 && ::renameat(directory.fd(), kNewDataFile, directory.fd(), kDataFile) != 0) {
    rc = errno;
  }
  if (rc == 0) return directory.sync();
  const Error error = storage_error(directory, rc);
  (void)::unlinkat(directory.fd(), kNewDataFile, 0);
  return error;
}

// check_format refuses an LMDB file that is not a store of ours.
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

}  // namespace

int write_format(MDB_txn* txn, MDB_dbi dbi) noexcept {
  const auto* const text = reinterpret_cast<const std::uint8_t*>(kFormat.data());
  return put(txn, dbi, format_key(), {text, kFormat.size()}, Version(mdb_txn_id(txn)));
}

Error storage_error(const Directory& directory, int rc) {
  const std::string& path = directory.path();
  if (rc == ENOSPC || (rc == EIO && disk_is_full(directory))) {
    return {Code::unavailable,
            path + " was on a full disk; make room or delete something. Nothing was changed"};
  }
  switch (rc) {
    case EDQUOT:
      return {Code::unavailable, path +
                                     " reached this user's disk quota; raise it or delete "
                                     "something. Nothing was changed"};
    case EFBIG:
      return {Code::unavailable, path +
                                     " reached the limit on file sizes; raise it (ulimit -f) or "
                                     "delete something. Nothing was changed"};
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

//
// Open and close
//

Result<std::unique_ptr<Env>> Env::open(Directory directory, const LmdbOptions& options,
                                       Deadline deadline) {
  WriteLock lock;
  if (!directory.read_only()) {
    STRONGROOM_ASSIGN(made, WriteLock::make(directory));
    lock = std::move(made);
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t quota = options.quota_bytes / page * page;
  std::unique_ptr<Env> env(new Env(std::move(directory), std::move(lock), quota));
  if (!env->guard_.same_process()) {
    return Error{Code::unavailable,
                 env->name() + " was not opened: no memory to detect forks with"};
  }
  STRONGROOM_TRY(env->directory_.read_only() ? env->open_read_only(options, deadline)
                                             : env->open_alone(options, deadline));
  return env;
}

// open_alone opens while no other process opens or closes: LMDB may then fail, or wait forever.
Result<void> Env::open_alone(const LmdbOptions& options, Deadline deadline) {
  STRONGROOM_TRY(lock_.acquire(WriteLock::What::opening, deadline));
  auto opened = await_openers(directory_, deadline);
  if (opened) opened = open_files(options);
  lock_.release(WriteLock::What::opening);
  return opened;
}

// open_read_only leaves lock.mdb alone, so it need not wait for others that open.
Result<void> Env::open_read_only(const LmdbOptions& options, Deadline deadline) {
  STRONGROOM_ASSIGN(data, directory_.check_file(kDataFile));
  if (!data) {
    return Error{Code::unavailable,
                 name() + " had no store in it, and none can be made on a read-only file system"};
  }
  STRONGROOM_TRY(ReadLock::check(directory_));
  const auto no_writer = ReadLock::take(directory_, deadline);
  STRONGROOM_TRY(no_writer);
  STRONGROOM_TRY(check_header(directory_));
  STRONGROOM_TRY(map(options));
  return check_opened(*data);
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
  const unsigned flags = directory_.read_only() ? MDB_RDONLY | MDB_NOLOCK : 0;
  for (;;) {
    const int rc = open_handle(directory_.path(), len, flags, env_);
    if (rc == 0) return {};
    const bool too_much = rc == ENOMEM && quota_ == 0 && len / 2 >= kMinReserve;
    if (too_much) {
      len /= 2;
    } else if (rc == EACCES || rc == EPERM) {
      return Error{Code::denied,
                   name() + " had files that could not be opened: " + mdb_strerror(rc)};
    } else if (rc == ENOMEM) {
      return Error{Code::unavailable, name() + " could not be mapped: " + std::to_string(len) +
                                          " bytes of address space were not available"};
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
  (void)mdb_reader_check(env_.get(), nullptr);  // frees the places of readers that were killed

  MDB_stat shape;
  MDB_txn* txn = nullptr;
  int rc = mdb_env_stat(env_.get(), &shape);
  if (rc == 0) rc = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &txn);
  if (rc != 0) return error(rc);
  page_len_ = shape.ms_psize;
  full_len_ = quota_ != 0 ? quota_ : map_len() / page_len_ * page_len_;
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
  if (env_ == nullptr || directory_.read_only()) return;
  // Not for long: another process that was stopped while opening must not delay this one's exit.
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
// The map
//

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
  // LMDB unmaps the old map before it has the new one, so first check that a new one is possible.
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

}  // namespace strongroom::lmdb
