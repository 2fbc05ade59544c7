// barrier.hpp: the third stage of the line: plaintext on one side, envelopes on the other.
//
// The barrier owns the keys and the backend, so what was not sealed can not be stored. It is the
// only code that sees both sides. Every operation is one commit: whatever dies in between, the
// store is as it was or as it should be. It must never write plaintext, a name or a key anywhere,
// and storage trouble must never make it drop its keys.
//
// Shared by all functions
//   Threads  any number at once. Reads wait for no other read.
//   Errors   sealed: no keys are loaded, or the handle came through a fork.  unavailable, timeout:
//            the storage's trouble; nothing was changed.  indeterminate: it may have been.
//            rollback: what is stored is older than what this process has seen of it.
//   Others   what another process changed (rotation, lock flag) is followed at the next call.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/async_reads.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/barrier/reencrypt.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// Condition is what must hold for a write to happen.
struct Condition {
  enum class Kind : std::uint8_t { any, create, update, revision };
  Kind kind = Kind::any;
  Revision revision = 0;

  static Condition any() { return {}; }
  static Condition create() { return {Kind::create, 0}; }
  static Condition update() { return {Kind::update, 0}; }
  // at is compare-and-set: the secret must be there in exactly this revision.
  static Condition at(Revision revision) { return {Kind::revision, revision}; }
};

// Permit tells whether a write may happen, and under which fence (KeyKeeper::mark) that was decided:
// it happens under this one or not at all. kAny: under any. It is asked again when the fence moved.
using Permit = FunctionRef<Result<Version>()>;

class Barrier {
 public:
  explicit Barrier(std::unique_ptr<Backend> backend, KeeperOptions options = {})
      : backend_(std::move(backend)),
        timeout_(options.timeout),
        keeper_(*backend_, std::move(options)) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // What concerns the keys alone is the keeper's: see key_keeper.hpp.
  KeyKeeper& keys() noexcept { return keeper_; }
  // What concerns the stored bytes alone, as backups do: see backup.hpp.
  Backend& backend() noexcept { return *backend_; }

  // reencrypt seals everything that is stored under the newest data key; run it on a thread of your
  // own while the store is in use. See reencrypt.hpp.
  Result<ReencryptProgress> reencrypt(const ReencryptOptions& options, ReencryptObserver observer) {
    return Reencryption(*backend_, keeper_, timeout_, options).run(observer);
  }

  // retire drops all data keys but the active one, after looking whether anything still needs them:
  // the fence is raised first, so that nobody seals under an old one meanwhile, not even a process
  // that slept since before the rotation.
  // Errors  invalid: there are secrets under old data keys; re-encrypt first. Or: no old data key.
  Result<void> retire(ReencryptObserver observer, Version permitted = kAny) {
    if (auto ready = keeper_.refresh(); !ready) return ready;
    auto active = keeper_.with_keys(
        [](const Keys& keys) -> Result<TermId> { return keys.keyring.active_term(); });
    if (!active) return std::move(active).error();
    if (auto raised = keeper_.raise_fence(active.value(), permitted); !raised) return raised;
    auto needed = count_older(active.value(), observer);
    if (!needed) return std::move(needed).error();
    if (needed.value() > 0) {
      return Error{Code::invalid, std::to_string(needed.value()) +
                                      " secrets are still sealed under older data keys; re-encrypt "
                                      "first ('reencrypt')"};
    }
    return keeper_.retire(active.value());
  }

  // ---- secrets ----

  // read, read_many: see SecretReader. fresh: what anybody wrote before the read began is seen.
  Result<StoredSecret> read(const Path& path, ReadOptions options = {}) {
    return reader_.read(path, options);
  }
  Result<SecretReader::Secrets> read_many(std::span<const Path> paths, ReadOptions options = {}) {
    return reader_.read_many(paths, options);
  }
  // read_many_async does not wait: see AsyncReads.
  Result<void> read_many_async(std::vector<Path> paths, AsyncReads::Callback done,
                               AsyncReads::Review review = nullptr) {
    return async_.read_many(std::move(paths), std::move(done), std::move(review));
  }

  // write stores a value, in one commit with its directory entries, and gives its revision.
  //
  // value   0..max_secret_len bytes; borrowed.  content: text must be UTF-8.
  // permit  none: the caller may.
  // Errors  invalid, too_large: before anything is written.  already_exists, not_found, conflict:
  // the
  //         condition did not hold.  corrupt: what is stored there now does not open; it stays.
  Result<Revision> write(const Path& path, Content content, SecretView value, Condition condition,
                         const Permit* permit = nullptr) {
    if (content == Content::text && !well_formed_utf8(value.reveal_text())) {
      return Error{Code::invalid,
                   "text for '" + path.text() + "' was not UTF-8; store it as binary"};
    }
    return replace(path, permit, [&](const Keys& keys, const Current& current) -> Result<Next> {
      if (value.size() > keys.records.header.max_secret_len) return over_limit(path, keys, value);
      if (auto held = check(path, current, condition); !held) return std::move(held).error();
      const std::uint64_t now = now_ms();
      return Next{
          RecordKind::secret, {content, current.alive ? current.created_ms : now, now}, value};
    });
  }

  // erase leaves a tombstone with the next revision, so that the path goes on counting.
  // Errors  not_found.  conflict: the secret is not in the revision that the condition names.
  Result<Revision> erase(const Path& path, Condition condition = Condition::update(),
                         const Permit* permit = nullptr) {
    return replace(path, permit, [&](const Keys&, const Current& current) -> Result<Next> {
      if (!current.alive) return not_found(path);
      if (auto held = check(path, current, condition); !held) return std::move(held).error();
      return Next{RecordKind::tombstone, {Content::binary, current.created_ms, now_ms()}, {}};
    });
  }

  // list, list_page: see NamesReader.
  Result<std::vector<Entry>> list(const Path& folder, bool recursive,
                                  const NamesFilter* filter = nullptr) {
    return names_.list(folder, recursive, filter);
  }
  Result<ListPage> list_page(const Path& folder, ByteView after, std::size_t limit) {
    return names_.list_page(folder, after, limit);
  }

  // policies are the stored ones: see PolicyRecords.
  PolicyRecords& policies() noexcept { return policies_; }

  // watch takes stock of what lies below a prefix, to tell later what changed: see TreeWatch. It
  // must not outlive the barrier.
  Result<std::unique_ptr<TreeWatch>> watch(const Path& prefix) {
    return TreeWatch::open({*backend_, keeper_, reader_, names_, timeout_}, prefix);
  }

 private:
  static constexpr std::size_t kScanPage = 1000;

  // Current is what is stored at a path now.
  struct Current {
    Version version = kAbsent;
    bool alive = false;  // a secret, not a tombstone
    Revision revision = 0;
    std::uint64_t created_ms = 0;
  };

  // Next is what is to be stored there instead.
  struct Next {
    RecordKind kind;
    Metadata metadata;
    SecretView value;
  };

  // Entries are the keys of a secret's directory entries: its own, then its folders' from the root.
  struct Entries {
    std::vector<EntryKey> keys;
    std::vector<bool> present;
  };

  // ---- records ----

  Result<Current> current_of(const Keys& keys, const Location& location, Fetched& fetched) const {
    Current current;
    current.version = fetched.version;
    if (fetched.version == kAbsent && fetched.floor != 0)
      return SecretReader::vanished(fetched.floor);
    if (fetched.version == kAbsent) return current;
    if (auto done = reader_.unwrap(keys, location, fetched); !done) return std::move(done).error();
    current.alive = fetched.opened.kind == RecordKind::secret;
    current.revision = fetched.opened.revision;
    current.created_ms = fetched.opened.metadata.created_ms;
    return current;
  }

  static Result<void> check(const Path& path, const Current& current, Condition condition) {
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

  // replace reads what is stored, lets decide say what comes next, and commits that, again and
  // again while others are faster. decide(const Keys&, const Current&) -> Result<Next>.
  template <typename Decide>
  Result<Revision> replace(const Path& path, const Permit* permit, Decide decide) {
    if (path.is_root()) return Error{Code::invalid, "the root of the tree is no name of a secret"};
    const auto begin = std::chrono::steady_clock::now();
    do {
      auto permitted = permit == nullptr ? Result<Version>(kAny) : (*permit)();
      if (!permitted) return std::move(permitted).error();
      auto done = replace_once(path, permitted.value(), decide);
      if (!done) return SecretReader::naming(path, std::move(done).error());
      if (done->has_value()) return **done;
    } while (std::chrono::steady_clock::now() - begin < timeout_);
    return Error{Code::conflict, "'" + path.text() + "' kept being changed by others"};
  }

  // replace_once gives the new revision, or nothing when somebody else was faster, or the fence is not
  // the one that was permitted.
  template <typename Decide>
  Result<std::optional<Revision>> replace_once(const Path& path, Version permitted,
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
    if (!located) return std::move(located).error();
    const RecordKey key = record_key(location);
    Fetched fetched;
    fetched.floor = reader_.floor(location);
    auto stamp = read_with_entries(key, entries, fetched);
    if (!stamp) return std::move(stamp).error();
    auto followed = keeper_.follow(stamp.value());
    if (!followed) return std::move(followed).error();
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
      auto current = current_of(keys, location, fetched);
      if (!current) return std::move(current).error();
      auto next = decide(keys, current.value());
      if (!next) return std::move(next).error();
      was_alive = current->alive;
      is_alive = next->kind == RecordKind::secret;
      envelope.resize(kEnvelopeOverhead + next->value.size());
      auto sealed = seal_envelope(keys.keyring, {keys.records.header.store, location}, next->kind,
                                  current->revision + 1, next->metadata, next->value, envelope);
      if (!sealed) return std::move(sealed).error();
      return current->revision + 1;
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
    auto commit = backend_->commit(batch, timeout_);
    if (!commit) return std::move(commit).error();
    if (commit->conflict) return std::optional<Revision>();
    reader_.saw(location, revision.value());
    return std::optional<Revision>(revision.value());
  }

  Result<Stamp> read_with_entries(ByteView record, Entries& entries, Fetched& fetched) {
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

  static void add_missing(const Entries& entries, std::vector<Change>& batch) {
    for (std::size_t i = 0; i < entries.keys.size(); ++i) {
      if (!entries.present[i]) batch.push_back({Change::Kind::put, entries.keys[i], {}, kAny});
    }
  }

  static Entries entries_of(const Keyring& keyring, std::string_view path) {
    Entries entries;
    const std::size_t last = path.rfind('/');
    const std::string_view parent = last == path.npos ? std::string_view() : path.substr(0, last);
    const std::string_view name = last == path.npos ? path : path.substr(last + 1);
    entries.keys.push_back(
        entry_key(keyring, EntryKind::secret, directory_location(keyring, parent), name));
    for (std::size_t begin = 0; begin < parent.size();) {
      const std::size_t end = std::min(parent.find('/', begin), parent.size());
      const std::string_view above = parent.substr(0, begin == 0 ? 0 : begin - 1);
      entries.keys.push_back(entry_key(keyring, EntryKind::folder,
                                       directory_location(keyring, above),
                                       parent.substr(begin, end - begin)));
      begin = end + 1;
    }
    entries.present.resize(entries.keys.size());
    return entries;
  }

  // ---- retirement ----

  // count_older counts the records that open under a term before first_live, and would open no more.
  Result<std::uint64_t> count_older(TermId first_live, ReencryptObserver observer) {
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
      if (!page) return std::move(page).error();
      more = page.value();
      for (const auto& key : old) {
        auto older = needs_older(key, first_live);
        if (!older) return std::move(older).error();
        needed += older.value() ? 1 : 0;
      }
      if (!observer(progress))
        return Error{Code::unavailable, "retiring was stopped; nothing was changed"};
    }
    return needed;
  }

  // needs_older tells a secret from a record that is damaged anyway, or was replaced meanwhile. What
  // a newer program made may well open to it.
  Result<bool> needs_older(std::span<const std::uint8_t> key, TermId first_live) {
    Fetched fetched;
    auto stamp = backend_->read(
        std::span(&key, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
        timeout_);
    if (!stamp) return std::move(stamp).error();
    if (fetched.version == kAbsent) return false;
    Location location;
    std::copy(key.begin() + 1, key.end(), location.begin());
    auto opened = keeper_.with_keys(
        [&](const Keys& keys) { return reader_.unwrap(keys, location, fetched); });
    if (opened) return fetched.opened.term < first_live;
    if (opened.error().code == Code::corrupt) return false;
    if (opened.error().code == Code::unsupported) return true;
    return std::move(opened).error();
  }

  // ---- errors ----

  static Error not_found(const Path& path) { return SecretReader::not_found(path); }
  static Error over_limit(const Path& path, const Keys& keys, SecretView value) {
    return {Code::too_large, "'" + path.text() + "' would have had " +
                                 std::to_string(value.size()) + " bytes; this store takes up to " +
                                 std::to_string(keys.records.header.max_secret_len)};
  }
  const std::unique_ptr<Backend> backend_;
  const Timeout timeout_;
  KeyKeeper keeper_;
  SecretReader reader_{*backend_, keeper_, timeout_};
  NamesReader names_{*backend_, keeper_, timeout_};
  PolicyRecords policies_{*backend_, keeper_, timeout_};
  AsyncReads async_{*backend_, reader_, timeout_};  // last: it waits for the calls in flight
};

}  // namespace strongroom
