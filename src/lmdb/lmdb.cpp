// lmdb.cpp: the embedded backend over LMDB 0.9, on the environments of lmdb_env.hpp.
#include "strongroom/backends/lmdb.hpp"

#include <errno.h>
#include <lmdb.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lmdb_env.hpp"
#include "lmdb_files.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"

namespace strongroom {
namespace lmdb {
namespace {

// Entry is the registry's entry for one directory. It stays when its environment is closed, so that
// closing and opening again wait for each other.
struct Entry {
  MapLock mutex;
  std::unique_ptr<Env> env;
  std::size_t num_handles = 0;
};

class Registry {
 public:
  // of_this_process returns a registry that is never destroyed, so that handles may outlive main. A
  // forked child begins a new one.
  static Registry& of_this_process() {
    static std::atomic<Registry*> current{nullptr};
    Registry* registry = current.load(std::memory_order_acquire);
    if (registry != nullptr && registry->guard_.same_process()) return *registry;
    auto fresh = std::make_unique<Registry>();
    fresh->parents_ = registry;  // kept reachable: only the parent may close its environments
    if (current.compare_exchange_strong(registry, fresh.get())) return *fresh.release();
    return *registry;
  }

  // One directory has two entries when it is open through a read-only mount and a writable one.
  std::shared_ptr<Entry> entry(const Directory& directory) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& entry = entries_[{directory.id(), directory.read_only()}];
    if (entry == nullptr) entry = std::make_shared<Entry>();
    return entry;
  }

 private:
  ForkGuard guard_;
  std::mutex mutex_;
  std::map<std::pair<FileId, bool>, std::shared_ptr<Entry>> entries_;
  Registry* parents_ = nullptr;
};

struct CloseCursor {
  void operator()(MDB_cursor* cursor) const noexcept { mdb_cursor_close(cursor); }
};

class LmdbBackend final : public Backend {
  // How often a reader tries again after two commits overtook it during a read: see Env::is_sure_of.
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

  // snapshot copies a page at a time out of one read transaction. It passes a page on while it holds
  // nothing of LMDB except the place of that reader.
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

  // get looks up all keys before any record is passed on; a null value is an absent record.
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

  // begin_sure begins a read whose stamp is certain: see Env::is_sure_of.
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

  // copy_page copies the records after a key until the page is full; it stays empty at the end.
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

  // seek goes to the first key after `after` that is not less than the prefix.
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

// join checks that another handle can use an environment unchanged.
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
  const Deadline deadline = deadline_after(options.timeout);
  STRONGROOM_ASSIGN(opened, Directory::open(directory));
  const std::string query =
      options.quota_bytes == 0 ? "" : "?quota=" + std::to_string(options.quota_bytes);
  std::string url = "lmdb:" + opened.path() + query;
  std::shared_ptr<Entry> entry = Registry::of_this_process().entry(opened);
  if (!entry->mutex.lock_until(deadline)) {
    return Error{Code::timeout, opened.path() +
                                    " was being opened or closed by another thread until the time "
                                    "was up"};
  }
  const std::lock_guard lock(entry->mutex, std::adopt_lock);
  if (entry->env != nullptr) {
    STRONGROOM_TRY(join(*entry->env, options));
  } else {
    STRONGROOM_ASSIGN(env, Env::open(std::move(opened), options, deadline));
    entry->env = std::move(env);
  }
  std::unique_ptr<Backend> handle = std::make_unique<LmdbBackend>(entry, std::move(url));
  ++entry->num_handles;
  return handle;
}

}  // namespace strongroom
