// secret_reader.ipp: the bodies of secret_reader.hpp.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/seen_revisions.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

void Fetched::take(const Record& record) {
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

// The newest revision seen is looked up after the read, when its cache line has arrived. If another thread saw a
// later write in between, this read only looks like a rollback, so a second one decides: see SeenRevisions.
Result<StoredSecret> SecretReader::read(const Path& path, ReadOptions options) {
  STRONGROOM_TRY(sync_for(options));
  bool floor_first = false;
  for (int attempt = 0;; ++attempt) {
    Location location;
    std::uint64_t generation = 0;
    auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
      location = secret_location(keys.keyring, path.text(), tree_);
      seen_.prefetch(location);
      generation = keys.records.header.generation;
      return {};
    });
    STRONGROOM_TRY(located);
    const RecordKey key = record_key(location);
    const ByteView wanted(key);
    Fetched fetched;
    if (floor_first) fetched.floor = seen_.floor(location);
    auto stamp = backend_.read(
        std::span(&wanted, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
        timeout_);
    STRONGROOM_TRY(stamp);
    STRONGROOM_TRY(keeper_.follow(stamp.value()));
    if (!floor_first) fetched.floor = seen_.floor(location);
    auto secret = open(path, location, fetched);
    if (secret) return secret;
    const Code code = secret.error().code;
    if (code == Code::rollback && !floor_first) {
      floor_first = true;
      continue;
    }
    if (code != Code::corrupt || attempt == kMaxDoubts || !keys_moved(generation)) return secret;
  }
}

Result<SecretReader::Secrets> SecretReader::read_many(std::span<const Path> paths,
                                                      ReadOptions options) {
  STRONGROOM_TRY(sync_for(options));
  STRONGROOM_ASSIGN(lookup, locate(paths));
  auto stamp = backend_.read(
      lookup.wanted(), [&](std::size_t i, const Record& record) { lookup.take(i, record); },
      timeout_);
  STRONGROOM_TRY(stamp);
  return finish(lookup, stamp.value());
}

Result<SecretReader::Lookup> SecretReader::locate(std::span<const Path> paths) const {
  Result<Lookup> lookup(std::in_place);
  lookup->paths = paths;
  lookup->locations.resize(paths.size());
  lookup->keys.resize(paths.size());
  lookup->fetched.resize(paths.size());
  auto located = keeper_.with_keys([&](const Keys& held) -> Result<void> {
    lookup->generation = held.records.header.generation;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      lookup->locations[i] = secret_location(held.keyring, paths[i].text(), tree_);
      lookup->keys[i] = record_key(lookup->locations[i]);
    }
    return {};
  });
  STRONGROOM_TRY(located);
  for (std::size_t i = 0; i < paths.size(); ++i)
    lookup->fetched[i].floor = seen_.floor(lookup->locations[i]);
  return lookup;
}

Result<Stamp> SecretReader::fetch(const Lookup& lookup, ReadOptions options,
                                  Backend::ReadSink sink) {
  STRONGROOM_TRY(sync_for(options));
  STRONGROOM_ASSIGN(stamp, backend_.read(lookup.wanted(), sink, timeout_));
  STRONGROOM_TRY(keeper_.follow(stamp));
  return stamp;
}

Result<SecretReader::Secrets> SecretReader::finish(Lookup& lookup, Stamp stamp) {
  STRONGROOM_TRY(keeper_.follow(stamp));
  Secrets secrets = open_all(lookup);
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    const bool doubtful = !secrets[i] && secrets[i].error().code == Code::corrupt;  // as in read
    if (doubtful) secrets[i] = read(lookup.paths[i]);
  }
  return secrets;
}

std::optional<SecretReader::Secrets> SecretReader::finish_at_once(Lookup& lookup,
                                                                  Stamp stamp) const {
  if (!keeper_.is_current(stamp)) return std::nullopt;
  return open_later(lookup);
}

std::optional<SecretReader::Secrets> SecretReader::open_later(Lookup& lookup) const {
  Secrets secrets = open_all(lookup);
  for (const auto& secret : secrets) {
    const bool doubtful = !secret && secret.error().code == Code::corrupt;
    if (doubtful && keys_moved(lookup.generation)) return std::nullopt;
  }
  return secrets;
}

Result<void> SecretReader::unwrap(const Keys& keys, const Location& location,
                                  Fetched& fetched) const {
  if (!fetched.copied) return fetched.copied;
  STRONGROOM_TRY(
      open_in_place(keys.keyring, {keys.records.header.store, location}, fetched.opened));
  const Revision revision = fetched.opened.revision;
  if (revision < fetched.floor) return put_back_in_time(revision, fetched.floor);
  if (revision > fetched.floor) seen_.saw(location, revision);
  return {};
}

bool SecretReader::keys_moved(std::uint64_t generation) const {
  auto moved = keeper_.with_keys([&](const Keys& keys) -> Result<bool> {
    return keys.records.header.generation != generation;
  });
  return moved && moved.value();
}

Error SecretReader::vanished(Revision floor) {
  return {Code::rollback, "it was not there, but this process has seen revision " +
                              std::to_string(floor.value()) +
                              ", and deleting leaves a trace: the storage was put back or altered"};
}

Error SecretReader::naming(const Path& path, Error error) {
  if (error.code == Code::corrupt || error.code == Code::rollback)
    error.message = "'" + path.text() + "': " + error.message;
  return error;
}

SecretReader::Secrets SecretReader::open_all(Lookup& lookup) const {
  Secrets secrets;
  secrets.reserve(lookup.paths.size());
  for (std::size_t i = 0; i < lookup.paths.size(); ++i)
    secrets.push_back(open(lookup.paths[i], lookup.locations[i], lookup.fetched[i]));
  return secrets;
}

Result<StoredSecret> SecretReader::open(const Path& path, const Location& location,
                                        Fetched& fetched) const {
  if (fetched.version == kAbsent) {
    if (fetched.floor == Revision()) return not_found(path);
    return naming(path, vanished(fetched.floor));
  }
  auto done = keeper_.with_keys([&](const Keys& keys) { return unwrap(keys, location, fetched); });
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

Error SecretReader::put_back_in_time(Revision revision, Revision floor) {
  return {Code::rollback, "it was in revision " + std::to_string(revision.value()) +
                              ", but this process has seen revision " +
                              std::to_string(floor.value()) +
                              ": the storage was put back to an earlier state"};
}

}  // namespace strongroom
