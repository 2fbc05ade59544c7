// backend.hpp: the last stage of the line: a small transactional store of opaque keys and envelopes.
//
// A backend never sees a name or a value in clear, and must not interpret what it keeps. This page is
// all that the engine needs from it; tests/backends/conformance.hpp checks every promise made here
// against any implementation.
//
// Promises
//   Atomic      a commit is applied as a whole or not at all, whatever dies in between.
//   Durable     an acknowledged commit survives kill -9 and, where there is a disk, power loss.
//   Isolated    one read sees one point in time; so do the checks and puts of one commit.
//   Versions    each put gives its record a version that its key never had before, not even before the
//               record was erased and put again: "exactly N" never matches another incarnation.
//   Bounded     every call returns within its timeout. A call that cannot finish in time fails with
//               timeout or unavailable (nothing was changed), or indeterminate (it may have been).
//   Threads     every function may be called by any number of threads at once.
//   No fork     the stages above never call a backend in a forked child. A destructor that runs in
//               one must not touch the parent's files, locks and connections.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class SecretBytes;  // secret_bytes.hpp

// Limits that every backend accepts: keys of 1..320 bytes, values of 0..64 MiB + 64 KiB, commits of
// up to 256 changes.
inline constexpr std::size_t kMaxBackendKeyLen = 320;
inline constexpr std::size_t kMaxBackendValueLen =
    (std::size_t{64} << 20) + (std::size_t{64} << 10);
inline constexpr std::size_t kMaxCommitChanges = 256;

// Version of a record; kAbsent stands for "no record".
using Version = Number<struct VersionKind>;
inline constexpr Version kAbsent{0};
inline constexpr Version kAny{UINT64_MAX};  // no record has it: an expectation that always holds

// Stamp shows whether anything may have changed: two reads of one handle with equal stamps saw the
// same state of the records that the engine follows (header, fence, policies), which are those of
// shard 0. A backend may change its stamp more often than needed. It must never return an old stamp
// with a newer state.
using Stamp = Number<struct StampKind>;

// Every record belongs to one of 256 shards, by its key. The records that the engine follows have keys
// of up to kMaxFollowedKeyLen bytes and belong to shard 0. All other records belong to 1..255, by the
// first 17 bytes of their keys, so that all entries of one directory share a shard.
inline constexpr std::size_t kNumShards = 256;
inline constexpr std::size_t kMaxFollowedKeyLen = 4;
inline constexpr std::size_t kShardKeyLen = 17;

inline std::size_t shard_of(ByteView key) noexcept {
  if (key.size() <= kMaxFollowedKeyLen) return 0;
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a: spreads, and promises nothing else
  for (const std::uint8_t byte : key.first(key.size() < kShardKeyLen ? key.size() : kShardKeyLen))
    hash = (hash ^ byte) * 0x100000001B3u;
  return 1 + static_cast<std::size_t>((hash ^ hash >> 32) % (kNumShards - 1));
}

// ShardMarks are one number per shard. When a record of a shard changes, its number changes, and never
// returns to an earlier value. Marks are valid for one handle; all zero stands for "not looked at yet".
using ShardMarks = std::array<std::uint64_t, kNumShards>;

// Record is a record as a sink sees it. value is valid only during the call, and may be memory that
// another process maps: copy it before authenticating it.
struct Record {
  ByteView key;
  ByteView value;
  Version version = kAbsent;  // kAbsent: there is no such record, value is empty
  // Over zero: the storage is out of reach, and this is what it held that long ago.
  std::chrono::milliseconds age{0};
};

// Change is one step of a commit. expected applies to all three kinds, and is tested before any step is
// applied: kAny, kAbsent, or exactly that version.
struct Change {
  enum class Kind : std::uint8_t { put, erase, check };
  Kind kind = Kind::check;
  ByteView key;
  ByteView value;
  Version expected = kAny;
};

// Commit is the outcome of a batch: it was applied, or the expectation of one change did not hold and
// nothing was applied.
struct Commit {
  std::optional<std::size_t> conflict;  // index into the batch
};

class Backend {
 public:
  using ReadSink = FunctionRef<void(std::size_t index, const Record&)>;
  // The records are in the order of the keys and borrowed for the call. After an error there are none.
  using ReadCallback = std::function<void(Result<Stamp>, std::span<const Record>)>;
  using ScanSink = FunctionRef<void(const Record&)>;
  using SnapshotSink = FunctionRef<Result<void>(const Record&)>;

  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // read passes one record per key to the sink, in any order, all from one point in time.
  // Errors  unavailable, timeout, corrupt (the storage itself is damaged).
  virtual Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) = 0;

  // read_async reads without waiting. done is called once, possibly before read_async returns, possibly
  // on the storage's own thread. There it must be short, must not wait for this storage, and must not
  // destroy it. keys are borrowed until read_async returns. This default reads inline.
  virtual void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done);

  // commit applies the batch if every expectation holds. A key appears at most once in a batch.
  // Errors  unavailable (disk or quota full, read-only), too_large, timeout: nothing was changed.
  //         indeterminate: the outcome is unknown.
  virtual Result<Commit> commit(std::span<const Change> batch, Timeout timeout) = 0;

  // scan passes up to limit records to the sink: those whose key starts with prefix and comes after
  // `after` (empty: from the start). The order is up to the backend, but always the same.
  // Returns  true when there are more.
  virtual Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                            Timeout timeout) = 0;

  // scan_keys is scan for callers that need neither values nor versions: both may be left out (version
  // is then kAny). This default scans.
  virtual Result<bool> scan_keys(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                                 Timeout timeout);

  // watch waits until the mark of a shard differs from the one in marks, or until the timeout passes,
  // and then updates marks. Every shard that changed after marks were handed out has a new mark, however
  // often the connection was lost in between; a shard that did not change may have one too. When marks
  // are all zero, watch returns at once. This default compares stamps every kWatchPoll, and changes all
  // marks together.
  // Errors  those of read, when the storage stays out of reach until the timeout passes.
  virtual Result<void> watch(ShardMarks& marks, Timeout timeout);
  static constexpr std::chrono::milliseconds kWatchPoll{20};

  // snapshot passes every record, as of one point in time, to the sink: first the existing records of
  // the keys in `first`, in that order, and then all other records in any order.
  //
  // The sink may take as long as it likes (it may write to a pipe, say) and may call this storage:
  // nobody waits for it. Its error ends the snapshot and is returned unchanged. timeout bounds each
  // access to the storage; the whole has no deadline, since only the sink knows when it is stuck.
  //
  // A backend that cannot keep a point in time readable uses this default, which goes through the
  // records with scan. Each page is then read at a different time, so of two records that were put in
  // one commit, one may be missing. The default does ensure that the records of `first` are the same at
  // the end as at the beginning. If they are not, it fails with conflict after it has passed the records.
  // Errors  those of scan.  conflict: as above.
  virtual Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                                Timeout timeout);

  // sync returns once later reads of this handle see every commit that was acknowledged to any client
  // before the call.
  virtual Result<void> sync(Timeout timeout) = 0;

  // not_open returns why the storage is not open yet, for one that may be away when it is opened.
  virtual std::optional<Error> not_open() const { return std::nullopt; }

  // url returns how an operator would name this storage. It holds no credentials.
  virtual std::string url() const = 0;
};

// BackendOptions hold what is not in a URL.
struct BackendOptions {
  bool must_exist = false;  // create nothing: not_initialized where there is no storage
  // user:password for ZooKeeper's digest scheme, or none.
  std::shared_ptr<const SecretBytes> zk_auth{};
  // Open even while the storage is away (unavailable, timeout): until it is there, every call fails with
  // unavailable at once, and a thread goes on trying to open it.
  bool allow_unavailable = false;
  Timeout timeout = kDefaultTimeout;  // of opening
};

// open_backend opens the storage that a URL names, and creates it where it does not exist yet:
//   memory:                      this process's memory, gone with the last handle
//   lmdb:/absolute/directory     an LMDB environment; ?quota=BYTES limits the file
//   zk://host:port,host:port/root  a ZooKeeper ensemble; backends/zookeeper.hpp lists its options
// Errors  invalid (the message shows what the URL should look like), unsupported (a backend that is
//         not built in), and those of the backend's own open.
Result<std::unique_ptr<Backend>> open_backend(std::string_view url,
                                              const BackendOptions& options = {});

}  // namespace strongroom
