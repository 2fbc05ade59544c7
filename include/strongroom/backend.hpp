// backend.hpp: the last stage of the line: a small transactional store of opaque keys and
// envelopes.
//
// A backend never sees a name or a value in clear, and must not interpret what it keeps. All that
// the engine asks of it is here; tests/backends/conformance.hpp checks every promise of this page
// over any implementation of it.
//
// Promises
//   Atomic      a commit is applied whole or not at all, whatever dies in between.
//   Durable     an acknowledged commit survives kill -9 and, where there is a disk, power loss.
//   Isolated    one read sees one point in time; checks and puts of a commit see one as well.
//   Versions    each put gives its record a version that this key never had before, also not in an
//               earlier life of it: "exactly N" can not hit another incarnation.
//   Bounded     every call returns within its timeout; one that cannot says timeout (nothing was
//               changed), unavailable (likewise), or indeterminate (it may have been).
//   Threads     every function may be called by any number of threads at once.
//   No fork     the stages above never call a backend in a forked child; a destructor that runs in
//               one must leave the parent's files, locks and connections alone.
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
inline constexpr Version kAny{UINT64_MAX};  // of no record: an expectation that always holds

// Stamp tells whether anything may have changed: two reads of one handle with equal stamps saw the
// same state of the records the engine follows (header, fence, policies), which are those of shard
// 0. It costs a backend nothing to move it more often than needed, and is wrong to move it later
// than it says.
using Stamp = Number<struct StampKind>;

// Every record belongs to one of 256 shards, by its key: the records that the engine follows, with
// keys of up to kMaxFollowedKeyLen bytes, to shard 0, the others to 1..255 by their first 17 bytes
// (so that all entries of one directory share a shard).
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

// ShardMarks are one number per shard, which is never again what it was once a record of that shard
// changed. They are those of one handle; all zero stands for "not looked at yet".
using ShardMarks = std::array<std::uint64_t, kNumShards>;

// Record as a sink sees it. value is valid during the call alone and may be memory that another
// process maps: copy it before authenticating it.
struct Record {
  ByteView key;
  ByteView value;
  Version version = kAbsent;  // kAbsent: there is no such record, value is empty
  // Over zero: the storage was out of reach, and this is what it held that long ago.
  std::chrono::milliseconds age{0};
};

// Change is one step of a commit. expected holds for all three kinds and is tested before any
// step is applied: kAny, kAbsent, or exactly that version.
struct Change {
  enum class Kind : std::uint8_t { put, erase, check };
  Kind kind = Kind::check;
  ByteView key;
  ByteView value;
  Version expected = kAny;
};

// Commit tells what became of a batch: applied, or which change's expectation did not hold (then
// nothing was applied).
struct Commit {
  std::optional<std::size_t> conflict;  // index into the batch
};

class Backend {
 public:
  using ReadSink = FunctionRef<void(std::size_t index, const Record&)>;
  // The records are in the order of the keys, and borrowed for the call; none after an error.
  using ReadCallback = std::function<void(Result<Stamp>, std::span<const Record>)>;
  using ScanSink = FunctionRef<void(const Record&)>;
  using SnapshotSink = FunctionRef<Result<void>(const Record&)>;

  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // read hands the sink one record per key, in any order, all of one point in time.
  // Errors  unavailable, timeout, corrupt (the storage itself is damaged).
  virtual Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) = 0;

  // read_async is read without waiting: done is called once, maybe before read_async returns, maybe
  // on the storage's own thread, where it must be short, must not wait for this storage, and must not
  // destroy it. keys are borrowed until read_async returns. This default reads inline.
  virtual void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done);

  // commit applies the batch if every expectation holds. A key appears at most once in a batch.
  // Errors  unavailable (disk or quota full, read-only), too_large, timeout: nothing was changed.
  //         indeterminate: the outcome is unknown.
  virtual Result<Commit> commit(std::span<const Change> batch, Timeout timeout) = 0;

  // scan hands the sink up to limit records whose key starts with prefix and comes after `after`
  // (empty: from the start), in an order that is the backend's own but the same every time.
  // Returns  true when there are more.
  virtual Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                            Timeout timeout) = 0;

  // scan_keys is scan where values and versions do not matter: they may be left out (version is then
  // kAny). This default scans.
  virtual Result<bool> scan_keys(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                                 Timeout timeout);

  // watch returns when a shard's mark is another one than in marks, or when the time is over, with
  // marks as they are now. All that changed after marks were handed out shows, however often the
  // connection was lost in between, and some that did not change may. Marks that are all zero
  // return at once. This default looks at the stamp every kWatchPoll, and moves all marks together.
  // Errors  as of read, where the storage stays out of reach until the time is over.
  virtual Result<void> watch(ShardMarks& marks, Timeout timeout);
  static constexpr std::chrono::milliseconds kWatchPoll{20};

  // snapshot hands the sink every record as of one point in time: those of the keys in `first` that
  // are there, in that order, and then all others in any order.
  //
  // The sink may take as long as it likes (a pipe, say) and may call this storage: nobody waits for
  // it. Its error ends the snapshot and is returned as it is. timeout bounds each look at the
  // storage; the whole has no deadline, since only the sink knows when it is stuck.
  //
  // A backend that can not hold on to a point in time leaves this default, which goes through the
  // records with scan. Every page is then of a time of its own, so that of two records that were
  // put in one commit one may be missing. What it does see to: the records of `first` are, when it
  // ends well, what they were when it began. Otherwise it fails with conflict, after the fact.
  // Errors  as of scan; conflict: as said.
  virtual Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                                Timeout timeout);

  // sync returns when later reads of this handle see every commit acknowledged to anybody before.
  virtual Result<void> sync(Timeout timeout) = 0;

  // url is how an operator would name this storage; it holds no credentials.
  virtual std::string url() const = 0;
};

// BackendOptions are what a URL does not say.
struct BackendOptions {
  bool must_exist = false;  // make nothing: not_initialized where there is no storage
  // Open even while the storage is away (unavailable, timeout): until it is there, every call fails with
  // unavailable at once, and a thread goes on trying to open it.
  bool allow_unavailable = false;
  // user:password for ZooKeeper's digest scheme, or none.
  std::shared_ptr<const SecretBytes> zk_auth{};
};

// open_backend opens the storage that a URL names, making it where it does not exist yet:
//   memory:                      this process's memory, gone with the last handle
//   lmdb:/absolute/directory     an LMDB environment; ?quota=BYTES limits the file
//   zk://host:port,host:port/root  a ZooKeeper ensemble; backends/zookeeper.hpp has its options
// Errors  invalid (what the URL should look like), unsupported (a backend that is not built in),
//         and those of the backend's own open.
Result<std::unique_ptr<Backend>> open_backend(std::string_view url,
                                              const BackendOptions& options = {});

}  // namespace strongroom
