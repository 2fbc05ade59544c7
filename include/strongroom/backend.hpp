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

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// ByteView is a borrowed run of bytes that are not secret: keys, envelopes, headers.
using ByteView = std::span<const std::uint8_t>;

// Timeout is how long one backend call may take.
using Timeout = std::chrono::milliseconds;
inline constexpr Timeout kDefaultTimeout{10'000};

// Limits that every backend accepts: keys of 1..320 bytes, values of 0..64 MiB + 64 KiB, commits of
// up to 256 changes.
inline constexpr std::size_t kMaxBackendKeyLen = 320;
inline constexpr std::size_t kMaxBackendValueLen =
    (std::size_t{64} << 20) + (std::size_t{64} << 10);
inline constexpr std::size_t kMaxCommitChanges = 256;

// Version of a record; kAbsent stands for "no record".
using Version = std::uint64_t;
inline constexpr Version kAbsent = 0;
inline constexpr Version kAny = UINT64_MAX;

// Stamp tells whether anything may have changed: two reads of one handle with equal stamps saw the
// same state of the records the engine follows (header, fence, policies). It costs a backend
// nothing to move it more often than needed, and is wrong to move it later than it says.
using Stamp = std::uint64_t;

// Record as a sink sees it. value is valid during the call alone and may be memory that another
// process maps: copy it before authenticating it.
struct Record {
  ByteView key;
  ByteView value;
  Version version = kAbsent;  // kAbsent: there is no such record, value is empty
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
  using ScanSink = FunctionRef<void(const Record&)>;
  using SnapshotSink = FunctionRef<Result<void>(const Record&)>;

  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // read hands the sink one record per key, in any order, all of one point in time.
  // Errors  unavailable, timeout, corrupt (the storage itself is damaged).
  virtual Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) = 0;

  // commit applies the batch if every expectation holds. A key appears at most once in a batch.
  // Errors  unavailable (disk or quota full, read-only), too_large, timeout: nothing was changed.
  //         indeterminate: the outcome is unknown.
  virtual Result<Commit> commit(std::span<const Change> batch, Timeout timeout) = 0;

  // scan hands the sink up to limit records whose key starts with prefix and comes after `after`
  // (empty: from the start), in an order that is the backend's own but the same every time.
  // Returns  true when there are more.
  virtual Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                            Timeout timeout) = 0;

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

// open_backend opens the storage that a URL names, making it where it does not exist yet:
//   memory:                      this process's memory, gone with the last handle
//   lmdb:/absolute/directory     an LMDB environment; ?quota=BYTES limits the file
// Errors  invalid (what the URL should look like), unsupported (a backend that is not built in),
//         and those of the backend's own open.
// With must_exist nothing is made: not_initialized where there is no storage.
Result<std::unique_ptr<Backend>> open_backend(std::string_view url, bool must_exist = false);

}  // namespace strongroom
