// barrier.ipp: the bodies of barrier.hpp.
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
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<void> Barrier::retire(ReencryptObserver observer, Version permitted) {
  STRONGROOM_TRY(keeper_.refresh());
  auto active = keeper_.with_keys(
      [](const Keys& keys) -> Result<TermId> { return keys.keyring.active_term(); });
  STRONGROOM_TRY(active);
  STRONGROOM_TRY(keeper_.raise_fence(active.value(), permitted));
  STRONGROOM_ASSIGN(needed, count_older(active.value(), observer));
  if (needed > 0) {
    return Error{Code::invalid, std::to_string(needed) +
                                    " secrets are still sealed under older data keys; re-encrypt "
                                    "first ('reencrypt')"};
  }
  return keeper_.retire(active.value());
}

Result<Revision> Barrier::write(const Path& path, Content content, SecretView value,
                                Condition condition, const Permit* permit) {
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

Result<Revision> Barrier::erase(const Path& path, Condition condition, const Permit* permit) {
  return replace(path, permit, [&](const Keys&, const Current& current) -> Result<Next> {
    if (!current.alive) return not_found(path);
    STRONGROOM_TRY(check(path, current, condition));
    return Next{RecordKind::tombstone, {Content::binary, current.created_ms, now_ms()}, {}};
  });
}

Result<Barrier::Current> Barrier::current_of(const Keys& keys, const Location& location,
                                             Fetched& fetched) const {
  Current current;
  current.version = fetched.version;
  if (fetched.version == kAbsent && fetched.floor != 0)
    return SecretReader::vanished(fetched.floor);
  if (fetched.version == kAbsent) return current;
  STRONGROOM_TRY(reader_.unwrap(keys, location, fetched));
  current.alive = fetched.opened.kind == RecordKind::secret;
  current.revision = fetched.opened.revision;
  current.created_ms = fetched.opened.metadata.created_ms;
  return current;
}

Result<void> Barrier::check(const Path& path, const Current& current, Condition condition) {
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
      return Error{
          Code::conflict,
          "'" + path.text() + "' was not in revision " + std::to_string(condition.revision) +
              (current.alive ? " but in " + std::to_string(current.revision) : " but not there")};
  }
  return Error{Code::invalid, "an unknown condition was given"};
}

template <typename Decide>
Result<Revision> Barrier::replace(const Path& path, const Permit* permit, Decide decide) {
  if (path.is_root()) return Error{Code::invalid, "the root of the tree is no name of a secret"};
  const auto begin = std::chrono::steady_clock::now();
  do {
    STRONGROOM_ASSIGN(permitted, permit == nullptr ? Result<Version>(kAny) : (*permit)());
    auto done = replace_once(path, permitted, decide);
    if (!done) return SecretReader::naming(path, std::move(done).error());
    if (done->has_value()) return **done;
  } while (std::chrono::steady_clock::now() - begin < timeout_);
  return Error{Code::conflict, "'" + path.text() + "' kept being changed by others"};
}

template <typename Decide>
Result<std::optional<Revision>> Barrier::replace_once(const Path& path, Version permitted,
                                                      Decide& decide) {
  Location location;
  std::uint64_t generation = 0;
  Entries entries;
  auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
    location = secret_location(keys.keyring, path.text());
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
  Version fence = kAbsent;
  bool was_alive = false;
  bool is_alive = false;
  bool other_fence = false;
  auto revision = keeper_.with_keys([&](const Keys& keys) -> Result<Revision> {
    fence = keys.records.fence_version;
    other_fence = permitted != kAny && permitted != fence;
    if (other_fence) return Revision{0};
    STRONGROOM_ASSIGN(current, current_of(keys, location, fetched));
    auto next = decide(keys, current);
    STRONGROOM_TRY(next);
    was_alive = current.alive;
    is_alive = next->kind == RecordKind::secret;
    envelope.resize(kEnvelopeOverhead + next->value.size());
    auto sealed = seal_envelope(keys.keyring, {keys.records.header.store, location}, next->kind,
                                current.revision + 1, next->metadata, next->value, envelope);
    STRONGROOM_TRY(sealed);
    return current.revision + 1;
  });
  if (!revision) {
    const bool again = revision.error().code == Code::corrupt && reader_.keys_moved(generation);
    if (again) return std::optional<Revision>();
    return std::move(revision).error();
  }
  if (other_fence) return std::optional<Revision>();

  std::vector<Change> batch = {{Change::Kind::check, kFenceKey, {}, fence},
                               {Change::Kind::put, key, envelope, expected}};
  if (is_alive && !was_alive) add_missing(entries, batch);
  if (was_alive && !is_alive)
    batch.push_back({Change::Kind::erase, entries.keys.front(), {}, kAny});
  STRONGROOM_ASSIGN(commit, backend_->commit(batch, timeout_));
  if (commit.conflict) return std::optional<Revision>();
  reader_.saw(location, revision.value());
  return std::optional<Revision>(revision.value());
}

Result<Stamp> Barrier::read_with_entries(ByteView record, Entries& entries, Fetched& fetched) {
  std::vector<ByteView> keys = {record};
  keys.insert(keys.end(), entries.keys.begin(), entries.keys.end());
  return backend_->read(
      keys,
      [&](std::size_t i, const Record& found) {
        if (i == 0) return fetched.take(found);
        entries.present[i - 1] = found.version != kAbsent;
      },
      timeout_);
}

void Barrier::add_missing(const Entries& entries, std::vector<Change>& batch) {
  for (std::size_t i = 0; i < entries.keys.size(); ++i) {
    if (!entries.present[i]) batch.push_back({Change::Kind::put, entries.keys[i], {}, kAny});
  }
}

Barrier::Entries Barrier::entries_of(const Keyring& keyring, std::string_view path) {
  Entries entries;
  const std::size_t last = path.rfind('/');
  const std::string_view parent = last == path.npos ? std::string_view() : path.substr(0, last);
  const std::string_view name = last == path.npos ? path : path.substr(last + 1);
  entries.keys.push_back(
      entry_key(keyring, EntryKind::secret, directory_location(keyring, parent), name));
  for (std::size_t begin = 0; begin < parent.size();) {
    const std::size_t end = std::min(parent.find('/', begin), parent.size());
    const std::string_view above = parent.substr(0, begin == 0 ? 0 : begin - 1);
    entries.keys.push_back(entry_key(keyring, EntryKind::folder, directory_location(keyring, above),
                                     parent.substr(begin, end - begin)));
    begin = end + 1;
  }
  entries.present.resize(entries.keys.size());
  return entries;
}

Result<std::uint64_t> Barrier::count_older(TermId first_live, ReencryptObserver observer) {
  ReencryptProgress progress;
  std::uint64_t needed = 0;
  std::vector<std::uint8_t> after;
  for (bool more = true; more;) {
    std::vector<std::vector<std::uint8_t>> old;
    const std::uint8_t prefix = 'r';
    auto page = backend_->scan(
        std::span(&prefix, 1), after, kScanPage,
        [&](const Record& record) {
          progress.seen += 1;
          after.assign(record.key.begin(), record.key.end());
          const bool ours =
              record.key.size() == sizeof(RecordKey) && record.value.size() >= kEnvelopeOverhead;
          if (ours && get_be(record.value.subspan<4, 4>()) < first_live) old.push_back(after);
        },
        timeout_);
    STRONGROOM_TRY(page);
    more = page.value();
    for (const auto& key : old) {
      STRONGROOM_ASSIGN(older, needs_older(key, first_live));
      needed += older ? 1 : 0;
    }
    if (!observer(progress))
      return Error{Code::unavailable, "retiring was stopped; nothing was changed"};
  }
  return needed;
}

Result<bool> Barrier::needs_older(std::span<const std::uint8_t> key, TermId first_live) {
  Fetched fetched;
  auto stamp = backend_->read(
      std::span(&key, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
      timeout_);
  STRONGROOM_TRY(stamp);
  if (fetched.version == kAbsent) return false;
  Location location;
  std::copy(key.begin() + 1, key.end(), location.begin());
  auto opened =
      keeper_.with_keys([&](const Keys& keys) { return reader_.unwrap(keys, location, fetched); });
  if (opened) return fetched.opened.term < first_live;
  if (opened.error().code == Code::corrupt) return false;
  if (opened.error().code == Code::unsupported) return true;
  return std::move(opened).error();
}

Error Barrier::over_limit(const Path& path, const Keys& keys, SecretView value) {
  return {Code::too_large, "'" + path.text() + "' would have had " + std::to_string(value.size()) +
                               " bytes; this store takes up to " +
                               std::to_string(keys.records.header.max_secret_len)};
}

}  // namespace strongroom
