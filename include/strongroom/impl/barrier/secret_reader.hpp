// secret_reader.hpp: how the barrier reads secrets: located, fetched, opened, and doubted.
//
// What does not open may have been read just before its keys changed, so it is looked at again as
// long as they did; what opens is held against the newest revision that this process has seen. It
// must never hand out bytes that did not authenticate, and never call old what is true.
//
// Threads  any number at once. Reads wait for no other read.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/seen_revisions.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// StoredSecret is a secret as it was read.
struct StoredSecret {
  SecretBytes value;
  Content content = Content::binary;
  Revision revision = 0;
  std::uint64_t created_ms = 0;
  std::uint64_t changed_ms = 0;
  // Over zero: the storage was out of reach, and this is what it held that long ago.
  std::uint64_t stale_ms = 0;
};

// ReadOptions are what a reader asks for beside the secret.
struct ReadOptions {
  // The read sees every write that was acknowledged to anybody before it began, whatever it costs
  // the storage to make sure of it; without, it may lag as far as the storage documents.
  bool fresh = false;
};

// Fetched is a record copied out of the backend's memory, which may change, before it is opened
// where the copy lies.
struct Fetched {
  Revision floor = 0;  // the newest that was seen before the record was read
  Version version = kAbsent;
  std::uint64_t age_ms = 0;
  Opened opened;
  Result<void> copied;

  void take(const Record& record) {
    version = record.version;
    age_ms = static_cast<std::uint64_t>(record.age.count());
    if (version == kAbsent) return;
    if (record.value.size() > kMaxBackendValueLen) {
      copied = detail::corrupt("was larger than any envelope");
      return;
    }
    copied = opened.value.make_value(record.value.size());
    if (copied && !record.value.empty()) {
      std::memcpy(opened.value.reveal_mutable().data(), record.value.data(), record.value.size());
    }
  }
};

class SecretReader {
 public:
  using Secrets = std::vector<Result<StoredSecret>>;

  // Lookup is one read of the backend on its way: where the secrets lie, and what came of them.
  struct Lookup {
    std::span<const Path> paths;  // not owned
    std::vector<Location> locations;
    std::vector<RecordKey> keys;
    std::vector<Fetched> fetched;
    std::uint64_t generation = 0;  // of the keys that located them

    std::vector<ByteView> wanted() const { return {keys.begin(), keys.end()}; }
    void take(std::size_t i, const Record& record) { fetched[i].take(record); }
  };

  SecretReader(Backend& backend, KeyKeeper& keeper, Timeout timeout)
      : backend_(backend), keeper_(keeper), timeout_(timeout) {}
  SecretReader(const SecretReader&) = delete;
  SecretReader& operator=(const SecretReader&) = delete;

  // read opens one secret: one read of the backend, whatever the depth of the path.
  // Errors  not_found.  corrupt: what is stored did not open; it is left as it is.
  Result<StoredSecret> read(const Path& path, ReadOptions options = {}) {
    if (auto synced = sync_for(options); !synced) return std::move(synced).error();
    for (int attempt = 0;; ++attempt) {
      Location location;
      std::uint64_t generation = 0;
      auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
        location = secret_location(keys.keyring, path.text());
        generation = keys.records.header.generation;
        return {};
      });
      if (!located) return std::move(located).error();
      const RecordKey key = record_key(location);
      const ByteView wanted(key);
      Fetched fetched;
      fetched.floor = seen_.floor(location);
      auto stamp = backend_.read(
          std::span(&wanted, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
          timeout_);
      if (!stamp) return std::move(stamp).error();
      if (auto followed = keeper_.follow(stamp.value()); !followed)
        return std::move(followed).error();
      auto secret = open(path, location, fetched);
      if (secret || secret.error().code != Code::corrupt) return secret;
      if (attempt == kMaxDoubts || !keys_moved(generation)) return secret;
    }
  }

  // read_many opens several secrets with one read of the backend, as of one point in time where the
  // backend can. One result per path, in their order.
  // Errors  of the whole: sealed and the storage's trouble.
  Result<Secrets> read_many(std::span<const Path> paths, ReadOptions options = {}) {
    if (auto synced = sync_for(options); !synced) return std::move(synced).error();
    auto lookup = locate(paths);
    if (!lookup) return std::move(lookup).error();
    auto stamp = backend_.read(
        lookup->wanted(), [&](std::size_t i, const Record& record) { lookup->take(i, record); },
        timeout_);
    if (!stamp) return std::move(stamp).error();
    return finish(lookup.value(), stamp.value());
  }

  // ---- read_many in parts, for whoever does not wait for the backend (async_reads.hpp) ----

  // locate says what to fetch. Asked before the backend is: see SeenRevisions.
  Result<Lookup> locate(std::span<const Path> paths) const {
    Result<Lookup> lookup(std::in_place);
    lookup->paths = paths;
    lookup->locations.resize(paths.size());
    lookup->keys.resize(paths.size());
    lookup->fetched.resize(paths.size());
    auto located = keeper_.with_keys([&](const Keys& held) -> Result<void> {
      lookup->generation = held.records.header.generation;
      for (std::size_t i = 0; i < paths.size(); ++i) {
        lookup->locations[i] = secret_location(held.keyring, paths[i].text());
        lookup->keys[i] = record_key(lookup->locations[i]);
      }
      return {};
    });
    if (!located) return std::move(located).error();
    for (std::size_t i = 0; i < paths.size(); ++i)
      lookup->fetched[i].floor = seen_.floor(lookup->locations[i]);
    return lookup;
  }

  // finish opens what was fetched, and reads again what it has doubts about.
  Result<Secrets> finish(Lookup& lookup, Stamp stamp) {
    if (auto followed = keeper_.follow(stamp); !followed) return std::move(followed).error();
    Secrets secrets = open_all(lookup);
    for (std::size_t i = 0; i < secrets.size(); ++i) {
      const bool doubtful = !secrets[i] && secrets[i].error().code == Code::corrupt;  // as in read
      if (doubtful) secrets[i] = read(lookup.paths[i]);
    }
    return secrets;
  }

  // finish_at_once is finish for a thread that must not wait for the backend.
  // Returns  nothing where it would have to; the fetched records are gone then.
  std::optional<Secrets> finish_at_once(Lookup& lookup, Stamp stamp) const {
    if (!keeper_.is_current(stamp)) return std::nullopt;
    Secrets secrets = open_all(lookup);
    for (const auto& secret : secrets) {
      const bool doubtful = !secret && secret.error().code == Code::corrupt;
      if (doubtful && keys_moved(lookup.generation)) return std::nullopt;
    }
    return secrets;
  }

  // ---- for the barrier's writes, and for who looks at records in bulk ----

  Revision floor(const Location& location) const noexcept { return seen_.floor(location); }
  void saw(const Location& location, Revision revision) noexcept { seen_.saw(location, revision); }

  // unwrap opens a record, and holds it against what this process has seen of it.
  Result<void> unwrap(const Keys& keys, const Location& location, Fetched& fetched) const {
    if (!fetched.copied) return fetched.copied;
    auto opened =
        open_in_place(keys.keyring, {keys.records.header.store, location}, fetched.opened);
    if (!opened) return opened;
    const Revision revision = fetched.opened.revision;
    if (revision < fetched.floor) return put_back_in_time(revision, fetched.floor);
    if (revision > fetched.floor) seen_.saw(location, revision);
    return {};
  }

  // keys_moved tells whether the keys changed since. What was read before then may not open any more
  // (its term was retired, and the record sealed anew), or not yet.
  bool keys_moved(std::uint64_t generation) const {
    auto moved = keeper_.with_keys([&](const Keys& keys) -> Result<bool> {
      return keys.records.header.generation != generation;
    });
    return moved && moved.value();
  }

  static Error not_found(const Path& path) {
    return {Code::not_found, "there is no secret '" + path.text() + "'"};
  }
  static Error vanished(Revision floor) {
    return {Code::rollback,
            "it was not there, but this process has seen revision " + std::to_string(floor) +
                ", and deleting leaves a trace: the storage was put back or altered"};
  }
  static Error naming(const Path& path, Error error) {
    if (error.code == Code::corrupt || error.code == Code::rollback)
      error.message = "'" + path.text() + "': " + error.message;
    return error;
  }

 private:
  static constexpr int kMaxDoubts = 100;

  Result<void> sync_for(ReadOptions options) {
    return options.fresh ? backend_.sync(timeout_) : Result<void>();
  }

  Secrets open_all(Lookup& lookup) const {
    Secrets secrets;
    secrets.reserve(lookup.paths.size());
    for (std::size_t i = 0; i < lookup.paths.size(); ++i)
      secrets.push_back(open(lookup.paths[i], lookup.locations[i], lookup.fetched[i]));
    return secrets;
  }

  Result<StoredSecret> open(const Path& path, const Location& location, Fetched& fetched) const {
    if (fetched.version == kAbsent) {
      if (fetched.floor == 0) return not_found(path);
      return naming(path, vanished(fetched.floor));
    }
    auto done =
        keeper_.with_keys([&](const Keys& keys) { return unwrap(keys, location, fetched); });
    if (!done) return naming(path, std::move(done).error());
    Opened& opened = fetched.opened;
    if (opened.kind == RecordKind::tombstone) return not_found(path);
    Result<StoredSecret> secret(std::in_place);
    secret->value = std::move(opened.value);
    secret->content = opened.metadata.content;
    secret->revision = opened.revision;
    secret->created_ms = opened.metadata.created_ms;
    secret->changed_ms = opened.metadata.changed_ms;
    secret->stale_ms = fetched.age_ms;
    return secret;
  }

  static Error put_back_in_time(Revision revision, Revision floor) {
    return {Code::rollback, "it was in revision " + std::to_string(revision) +
                                ", but this process has seen revision " + std::to_string(floor) +
                                ": the storage was put back to an earlier state"};
  }

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
  mutable SeenRevisions seen_;
};

}  // namespace strongroom
