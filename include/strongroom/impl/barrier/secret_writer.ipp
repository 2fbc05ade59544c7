// secret_writer.ipp: the bodies of secret_writer.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/secret_writer.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<Fenced<Revision>> SecretWriter::write(const Path& path, Content content, SecretView value,
                                             Condition condition, Permit permit) {
  if (content == Content::text && !well_formed_utf8(value.reveal_text())) {
    return Error{Code::invalid, "text for '" + path.text() + "' was not UTF-8; store it as binary"};
  }
  return replace(path, permit, [&](const Keys& keys, const Current& current) -> Result<Next> {
    if (value.size() > keys.records.header.max_secret_len) return over_limit(path, keys, value);
    STRONGROOM_TRY(check(path, current, condition));
    const std::uint64_t now = now_ms();
    return Next{
        RecordKind::secret, {content, current.alive ? current.created_ms : now, now}, value};
  });
}

Result<Fenced<Revision>> SecretWriter::erase(const Path& path, Condition condition, Permit permit) {
  return replace(path, permit, [&](const Keys&, const Current& current) -> Result<Next> {
    if (!current.alive) return not_found(path);
    STRONGROOM_TRY(check(path, current, condition));
    return Next{RecordKind::tombstone, {Content::binary, current.created_ms, now_ms()}, {}};
  });
}

Result<SecretWriter::Current> SecretWriter::current_of(const Keys& keys, const Location& location,
                                                       Fetched& fetched) const {
  Current current;
  current.version = fetched.version;
  if (fetched.version == kAbsent && fetched.floor != Revision())
    return SecretReader::vanished(fetched.floor);
  if (fetched.version == kAbsent) return current;
  STRONGROOM_TRY(reader_.unwrap(keys, location, fetched));
  current.alive = fetched.opened.kind == RecordKind::secret;
  current.revision = fetched.opened.revision;
  current.created_ms = fetched.opened.metadata.created_ms;
  return current;
}

Result<void> SecretWriter::check(const Path& path, const Current& current, Condition condition) {
  switch (condition.kind) {
    case Condition::Kind::any:
      return {};
    case Condition::Kind::create:
      if (!current.alive) return {};
      return Error{Code::already_exists, "'" + path.text() + "' exists already"};
    case Condition::Kind::update:
      if (current.alive) return {};
      return not_found(path);
    case Condition::Kind::revision:
      if (current.alive && current.revision == condition.revision) return {};
      return Error{Code::conflict,
                   "'" + path.text() + "' was not in revision " +
                       std::to_string(condition.revision.value()) +
                       (current.alive ? " but in " + std::to_string(current.revision.value())
                                      : " but not there")};
  }
  return Error{Code::invalid, "an unknown condition was given"};
}

template <typename Decide>
Result<Fenced<Revision>> SecretWriter::replace(const Path& path, Permit permit, Decide decide) {
  if (path.is_root())
    return Error{Code::invalid, "the root of the tree is not the name of a secret"};
  const auto begin = std::chrono::steady_clock::now();
  do {
    auto attempt = replace_once(path, permit, decide);
    if (!attempt) return SecretReader::naming(path, std::move(attempt).error());
    if (attempt->fate == Fate::written) return Fenced<Revision>(attempt->revision);
    if (attempt->fate == Fate::fence_moved) return Fenced<Revision>(kFenceMoved);
  } while (std::chrono::steady_clock::now() - begin < timeout_);
  return Error{Code::conflict, "'" + path.text() + "' kept being changed by others"};
}

template <typename Decide>
Result<SecretWriter::Attempt> SecretWriter::replace_once(const Path& path, Permit permit,
                                                         Decide& decide) {
  Location location;
  std::uint64_t generation = 0;
  Entries entries;
  auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
    location = secret_location(keys.keyring, path.text(), reader_.tree());
    generation = keys.records.header.generation;
    entries = entries_of(keys.keyring, path.text());
    return {};
  });
  STRONGROOM_TRY(located);
  const RecordKey key = record_key(location);
  Fetched fetched;
  fetched.floor = reader_.floor(location);
  STRONGROOM_ASSIGN(stamp, read_with_entries(key, entries, fetched));
  STRONGROOM_TRY(keeper_.follow(stamp));
  const Version expected = fetched.version;

  std::vector<std::uint8_t> envelope;
  Version fence;
  bool was_alive = false;
  bool is_alive = false;
  auto revision = keeper_.with_keys([&](const Keys& keys) -> Result<Fenced<Revision>> {
    fence = keys.records.fence_version;
    if (!permit.holds_at(keys.fence())) return Fenced<Revision>(kFenceMoved);
    STRONGROOM_ASSIGN(current, current_of(keys, location, fetched));
    STRONGROOM_ASSIGN(wanted, decide(keys, current));
    was_alive = current.alive;
    is_alive = wanted.kind == RecordKind::secret;
    envelope.resize(kEnvelopeOverhead + wanted.value.size());
    const Revision fresh = next(current.revision);
    STRONGROOM_TRY(seal_envelope(keys.keyring, {keys.records.header.store, location}, wanted.kind,
                                 fresh, wanted.metadata, wanted.value, envelope));
    return Fenced<Revision>(fresh);
  });
  if (!revision) {
    const bool again = revision.error().code == Code::corrupt && reader_.keys_moved(generation);
    if (again) return Attempt{Fate::beaten};
    return std::move(revision).error();
  }
  if (!revision->has_value()) return Attempt{Fate::fence_moved};

  std::vector<Change> batch = {{Change::Kind::check, kFenceKey, {}, fence},
                               {Change::Kind::put, key, envelope, expected}};
  if (is_alive && !was_alive) add_missing(entries, batch);
  if (was_alive && !is_alive)
    batch.push_back({Change::Kind::erase, entries.keys.front(), {}, kAny});
  STRONGROOM_ASSIGN(commit, backend_.commit(batch, timeout_));
  if (commit.conflict) return Attempt{Fate::beaten};
  reader_.saw(location, **revision);
  return Attempt{Fate::written, **revision};
}

Result<Stamp> SecretWriter::read_with_entries(ByteView record, Entries& entries, Fetched& fetched) {
  std::vector<ByteView> keys = {record};
  keys.insert(keys.end(), entries.keys.begin(), entries.keys.end());
  return backend_.read(
      keys,
      [&](std::size_t i, const Record& found) {
        if (i == 0) return fetched.take(found);
        entries.present[i - 1] = found.version != kAbsent;
      },
      timeout_);
}

void SecretWriter::add_missing(const Entries& entries, std::vector<Change>& batch) {
  for (std::size_t i = 0; i < entries.keys.size(); ++i) {
    if (!entries.present[i]) batch.push_back({Change::Kind::put, entries.keys[i], {}, kAny});
  }
}

SecretWriter::Entries SecretWriter::entries_of(const Keyring& keyring,
                                               std::string_view path) const {
  const auto directory = [&](std::string_view folder) {
    return directory_location(keyring, folder, reader_.tree());
  };
  Entries entries;
  const std::size_t last = path.rfind('/');
  const std::string_view parent = last == path.npos ? std::string_view() : path.substr(0, last);
  const std::string_view name = last == path.npos ? path : path.substr(last + 1);
  entries.keys.push_back(entry_key(keyring, EntryKind::secret, directory(parent), name));
  for (std::size_t begin = 0; begin < parent.size();) {
    const std::size_t end = std::min(parent.find('/', begin), parent.size());
    const std::string_view above = parent.substr(0, begin == 0 ? 0 : begin - 1);
    entries.keys.push_back(
        entry_key(keyring, EntryKind::folder, directory(above), parent.substr(begin, end - begin)));
    begin = end + 1;
  }
  entries.present.resize(entries.keys.size());
  return entries;
}

Error SecretWriter::over_limit(const Path& path, const Keys& keys, SecretView value) {
  return {Code::too_large, "'" + path.text() + "' would have had " + std::to_string(value.size()) +
                               " bytes; this store takes up to " +
                               std::to_string(keys.records.header.max_secret_len)};
}

}  // namespace strongroom
