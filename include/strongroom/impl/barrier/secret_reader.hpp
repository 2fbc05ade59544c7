// secret_reader.hpp: how the barrier reads secrets: located, fetched, opened, and doubted.
//
// A record that does not open may have been read just before the keys changed, so it is read again as
// long as they keep changing. The revision of a record that opens is compared with the newest one that
// this process has seen. The reader must never hand out bytes that did not authenticate, and must never
// report a current record as a rollback.
//
// Threads  any number at once. A read never waits for another read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/seen_revisions.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// Fetched is a record that is copied out of the backend's memory, which may change. The copy is then
// opened in place.
struct Fetched {
  Revision floor{};  // newest revision seen before the record was read
  Version version = kAbsent;
  std::uint64_t age_ms = 0;
  Opened opened;
  Result<void> copied;

  void take(const Record& record);
};

class SecretReader {
 public:
  using Secrets = std::vector<Result<StoredSecret>>;

  // Lookup is one read of the backend under way: where the secrets lie, and what was fetched.
  struct Lookup {
    std::span<const Path> paths;  // borrowed
    std::vector<Location> locations;
    std::vector<RecordKey> keys;
    std::vector<Fetched> fetched;
    std::uint64_t generation = 0;  // of the keys that located them

    std::vector<ByteView> wanted() const { return {keys.begin(), keys.end()}; }
    void take(std::size_t i, const Record& record) { fetched[i].take(record); }
  };

  SecretReader(Backend& backend, KeyKeeper& keeper, Timeout timeout, Tree tree = Tree::secrets)
      : backend_(backend), keeper_(keeper), timeout_(timeout), tree_(tree) {}
  SecretReader(const SecretReader&) = delete;
  SecretReader& operator=(const SecretReader&) = delete;

  // read opens one secret: one read of the backend, whatever the depth of the path.
  // Errors  not_found.  corrupt: what is stored did not open; it is left as it is.
  Result<StoredSecret> read(const Path& path, ReadOptions options = {});

  // read_many opens several secrets with one read of the backend, as of one point in time if the
  // backend supports that. One result per path, in their order.
  // Errors  of the whole call: sealed, and the storage's errors.
  Result<Secrets> read_many(std::span<const Path> paths, ReadOptions options = {});

  // ---- read_many in parts, for callers that do not wait for the backend (async_reads.hpp) ----

  // locate returns what to fetch. Call it before the backend reads: see SeenRevisions.
  Result<Lookup> locate(std::span<const Path> paths) const;

  // finish opens what was fetched, and reads the records again that did not open.
  Result<Secrets> finish(Lookup& lookup, Stamp stamp);

  // finish_at_once is finish for a thread that must not wait for the backend.
  // Returns  nothing if it would have to wait; the fetched records are then used up.
  std::optional<Secrets> finish_at_once(Lookup& lookup, Stamp stamp) const;

  // fetch reads what locate said, passes it to the sink still sealed, and follows the keys.
  Result<Stamp> fetch(const Lookup& lookup, ReadOptions options, Backend::ReadSink sink);

  // follow and is_current are those of the keys, for records that are opened later. open_later opens them.
  // Returns  nothing if the keys have moved on too far: read again.
  Result<bool> follow(Stamp stamp) { return keeper_.follow(stamp); }
  bool is_current(Stamp stamp) const noexcept { return keeper_.is_current(stamp); }
  std::optional<Secrets> open_later(Lookup& lookup) const;

  // ---- for the barrier's writes, and for code that reads records in bulk ----

  Tree tree() const noexcept { return tree_; }
  Revision floor(const Location& location) const noexcept { return seen_.floor(location); }
  void saw(const Location& location, Revision revision) noexcept { seen_.saw(location, revision); }

  // unwrap opens a record, and compares its revision with the newest that this process has seen.
  Result<void> unwrap(const Keys& keys, const Location& location, Fetched& fetched) const;

  // keys_moved returns whether the keys changed since that generation. A record that was read before may
  // no longer open (its term was retired and the record re-sealed), or not yet.
  bool keys_moved(std::uint64_t generation) const;

  static Error not_found(const Path& path) {
    return {Code::not_found, "there is no secret '" + path.text() + "'"};
  }
  static Error vanished(Revision floor);
  static Error naming(const Path& path, Error error);

 private:
  static constexpr int kMaxDoubts = 100;

  Result<void> sync_for(ReadOptions options) {
    return options.fresh ? backend_.sync(timeout_) : Result<void>();
  }

  Secrets open_all(Lookup& lookup) const;

  Result<StoredSecret> open(const Path& path, const Location& location, Fetched& fetched) const;

  static Error put_back_in_time(Revision revision, Revision floor);

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
  const Tree tree_;
  mutable SeenRevisions seen_;
};

}  // namespace strongroom
