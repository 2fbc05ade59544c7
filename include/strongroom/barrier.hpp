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
//   the
//            storage's trouble; nothing was changed.  indeterminate: it may have been.
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
#include "strongroom/envelope.hpp"
#include "strongroom/key_keeper.hpp"
#include "strongroom/keyring.hpp"
#include "strongroom/names.hpp"
#include "strongroom/path.hpp"
#include "strongroom/reencrypt.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seen_revisions.hpp"

namespace strongroom {

// StoredSecret is a secret as it was read.
struct StoredSecret {
  SecretBytes value;
  Content content = Content::binary;
  Revision revision = 0;
  std::uint64_t created_ms = 0;
  std::uint64_t changed_ms = 0;
};

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

// Entry is one line of a list, relative to the listed path. A secret and a folder may share a name.
struct Entry {
  std::string name;
  bool folder = false;

  friend bool operator==(const Entry&, const Entry&) = default;
  friend auto operator<=>(const Entry&, const Entry&) = default;
};

struct ListPage {
  std::vector<Entry> entries;      // in the backend's order
  std::vector<std::uint8_t> next;  // hand it in for the next page; empty: this was the last
};

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
  Result<void> retire(ReencryptObserver observer) {
    if (auto ready = keeper_.refresh(); !ready) return ready;
    auto active = keeper_.with_keys(
        [](const Keys& keys) -> Result<TermId> { return keys.keyring.active_term(); });
    if (!active) return std::move(active).error();
    if (auto raised = keeper_.raise_fence(active.value()); !raised) return raised;
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

  // read opens one secret: one read of the backend, whatever the depth of the path.
  // Errors  not_found.  corrupt: what is stored did not open; it is left as it is.
  Result<StoredSecret> read(const Path& path) {
    for (int attempt = 0;; ++attempt) {
      Located at;
      auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
        at = {secret_location(keys.keyring, path.text()), keys.records.header.generation};
        return {};
      });
      if (!located) return std::move(located).error();
      const RecordKey key = record_key(at.location);
      const ByteView wanted(key);
      Fetched fetched;
      fetched.floor = seen_.floor(at.location);
      auto stamp = backend_->read(
          std::span(&wanted, 1), [&](std::size_t, const Record& record) { fetched.take(record); },
          timeout_);
      if (!stamp) return std::move(stamp).error();
      if (auto followed = keeper_.follow(stamp.value()); !followed)
        return std::move(followed).error();
      auto secret = open(path, at.location, fetched);
      if (secret || secret.error().code != Code::corrupt) return secret;
      if (attempt == kMaxDoubts || !keys_moved(at.generation)) return secret;
    }
  }

  // read_many opens several secrets with one read of the backend, as of one point in time where the
  // backend can. One result per path, in their order.
  // Errors  of the whole: sealed and the storage's trouble.
  Result<std::vector<Result<StoredSecret>>> read_many(std::span<const Path> paths) {
    std::vector<Location> locations(paths.size());
    std::vector<RecordKey> keys(paths.size());
    auto located = keeper_.with_keys([&](const Keys& held) -> Result<void> {
      for (std::size_t i = 0; i < paths.size(); ++i) {
        locations[i] = secret_location(held.keyring, paths[i].text());
        keys[i] = record_key(locations[i]);
      }
      return {};
    });
    if (!located) return std::move(located).error();
    const std::vector<ByteView> wanted(keys.begin(), keys.end());
    std::vector<Fetched> fetched(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) fetched[i].floor = seen_.floor(locations[i]);
    auto stamp = backend_->read(
        wanted, [&](std::size_t i, const Record& record) { fetched[i].take(record); }, timeout_);
    if (!stamp) return std::move(stamp).error();
    if (auto followed = keeper_.follow(stamp.value()); !followed)
      return std::move(followed).error();
    std::vector<Result<StoredSecret>> secrets;
    secrets.reserve(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      auto secret = open(paths[i], locations[i], fetched[i]);
      const bool doubtful = !secret && secret.error().code == Code::corrupt;  // as in read
      secrets.push_back(doubtful ? read(paths[i]) : std::move(secret));
    }
    return secrets;
  }

  // write stores a value, in one commit with its directory entries, and gives its revision.
  //
  // value   0..max_secret_len bytes; borrowed.  content: text must be UTF-8.
  // Errors  invalid, too_large: before anything is written.  already_exists, not_found, conflict:
  // the
  //         condition did not hold.  corrupt: what is stored there now does not open; it stays.
  Result<Revision> write(const Path& path, Content content, SecretView value, Condition condition) {
    if (content == Content::text && !well_formed_utf8(value.reveal_text())) {
      return Error{Code::invalid,
                   "text for '" + path.text() + "' was not UTF-8; store it as binary"};
    }
    return replace(path, [&](const Keys& keys, const Current& current) -> Result<Next> {
      if (value.size() > keys.records.header.max_secret_len) return over_limit(path, keys, value);
      if (auto held = check(path, current, condition); !held) return std::move(held).error();
      const std::uint64_t now = now_ms();
      return Next{
          RecordKind::secret, {content, current.alive ? current.created_ms : now, now}, value};
    });
  }

  // erase leaves a tombstone with the next revision, so that the path goes on counting.
  // Errors  not_found.  conflict: the secret is not in the revision that the condition names.
  Result<Revision> erase(const Path& path, Condition condition = Condition::update()) {
    return replace(path, [&](const Keys&, const Current& current) -> Result<Next> {
      if (!current.alive) return not_found(path);
      if (auto held = check(path, current, condition); !held) return std::move(held).error();
      return Next{RecordKind::tombstone, {Content::binary, current.created_ms, now_ms()}, {}};
    });
  }

  // list gives the names below a folder, relative to it and sorted: its secrets and those folders
  // that hold any, or with recursive every secret below it. A folder that is not there has none.
  // What is written meanwhile may or may not be seen. Errors  corrupt: an entry that this store did
  // not make.
  Result<std::vector<Entry>> list(const Path& folder, bool recursive) {
    if (auto ready = keeper_.refresh(); !ready) return std::move(ready).error();
    std::vector<Entry> entries;
    auto done =
        recursive ? collect_below(folder.text(), "", entries) : collect(folder.text(), entries);
    if (!done) return std::move(done).error();
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  // list_page gives up to limit (1..10,000) entries of one level in the backend's order, including
  // folders whose secrets are all gone. after: empty, or `next` of the page before.
  Result<ListPage> list_page(const Path& folder, ByteView after, std::size_t limit) {
    if (limit == 0 || limit > 10'000 || after.size() > kMaxEntryKeyLen) {
      return Error{Code::invalid, "a page of a list must have 1 to 10,000 entries"};
    }
    if (auto ready = keeper_.refresh(); !ready) return std::move(ready).error();
    ListPage page;
    const bool in_folders =
        !after.empty() && after[0] == static_cast<std::uint8_t>(EntryKind::folder);
    if (!in_folders) {
      auto more = scan_page(folder.text(), EntryKind::secret, after, limit, page);
      if (!more) return std::move(more).error();
      if (more.value() || page.entries.size() == limit) return page;
      after = {};
    }
    auto more =
        scan_page(folder.text(), EntryKind::folder, after, limit - page.entries.size(), page);
    if (!more) return std::move(more).error();
    if (!more.value()) page.next.clear();
    return page;
  }

 private:
  static constexpr std::size_t kScanPage = 1000;
  static constexpr int kMaxDoubts = 100;

  // Located is where a record lies, by the keys of a generation.
  struct Located {
    Location location{};
    std::uint64_t generation = 0;
  };

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

  // Fetched is a record copied out of the backend's memory, which may change, before it is opened
  // where the copy lies.
  struct Fetched {
    Revision floor = 0;  // the newest that was seen before the record was read
    Version version = kAbsent;
    Opened opened;
    Result<void> copied;

    void take(const Record& record) {
      version = record.version;
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

  // Entries are the keys of a secret's directory entries: its own, then its folders' from the root.
  struct Entries {
    std::vector<EntryKey> keys;
    std::vector<bool> present;
  };

  // ---- records ----

  // keys_moved tells whether the keys changed since. What was read before then may not open any more
  // (its term was retired, and the record sealed anew), or not yet.
  bool keys_moved(std::uint64_t generation) const {
    auto moved = keeper_.with_keys([&](const Keys& keys) -> Result<bool> {
      return keys.records.header.generation != generation;
    });
    return moved && moved.value();
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
    return secret;
  }

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

  Result<Current> current_of(const Keys& keys, const Location& location, Fetched& fetched) const {
    Current current;
    current.version = fetched.version;
    if (fetched.version == kAbsent && fetched.floor != 0) return vanished(fetched.floor);
    if (fetched.version == kAbsent) return current;
    if (auto done = unwrap(keys, location, fetched); !done) return std::move(done).error();
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
  Result<Revision> replace(const Path& path, Decide decide) {
    if (path.is_root()) return Error{Code::invalid, "the root of the tree is no name of a secret"};
    const auto begin = std::chrono::steady_clock::now();
    do {
      auto done = replace_once(path, decide);
      if (!done) return naming(path, std::move(done).error());
      if (done->has_value()) return **done;
    } while (std::chrono::steady_clock::now() - begin < timeout_);
    return Error{Code::conflict, "'" + path.text() + "' kept being changed by others"};
  }

  // replace_once gives the new revision, or nothing when somebody else was faster.
  template <typename Decide>
  Result<std::optional<Revision>> replace_once(const Path& path, Decide& decide) {
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
    fetched.floor = seen_.floor(location);
    auto stamp = read_with_entries(key, entries, fetched);
    if (!stamp) return std::move(stamp).error();
    auto followed = keeper_.follow(stamp.value());
    if (!followed) return std::move(followed).error();
    const Version expected = fetched.version;

    std::vector<std::uint8_t> envelope;
    Version fence = kAbsent;
    bool was_alive = false;
    bool is_alive = false;
    auto revision = keeper_.with_keys([&](const Keys& keys) -> Result<Revision> {
      auto current = current_of(keys, location, fetched);
      if (!current) return std::move(current).error();
      auto next = decide(keys, current.value());
      if (!next) return std::move(next).error();
      fence = keys.records.fence_version;
      was_alive = current->alive;
      is_alive = next->kind == RecordKind::secret;
      envelope.resize(kEnvelopeOverhead + next->value.size());
      auto sealed = seal_envelope(keys.keyring, {keys.records.header.store, location}, next->kind,
                                  current->revision + 1, next->metadata, next->value, envelope);
      if (!sealed) return std::move(sealed).error();
      return current->revision + 1;
    });
    if (!revision) {
      const bool again = revision.error().code == Code::corrupt && keys_moved(generation);
      if (again) return std::optional<Revision>();
      return std::move(revision).error();
    }

    std::vector<Change> batch = {{Change::Kind::check, kFenceKey, {}, fence},
                                 {Change::Kind::put, key, envelope, expected}};
    if (is_alive && !was_alive) add_missing(entries, batch);
    if (was_alive && !is_alive)
      batch.push_back({Change::Kind::erase, entries.keys.front(), {}, kAny});
    auto commit = backend_->commit(batch, timeout_);
    if (!commit) return std::move(commit).error();
    if (commit->conflict) return std::optional<Revision>();
    seen_.saw(location, revision.value());
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
    auto opened =
        keeper_.with_keys([&](const Keys& keys) { return unwrap(keys, location, fetched); });
    if (opened) return fetched.opened.term < first_live;
    if (opened.error().code == Code::corrupt) return false;
    if (opened.error().code == Code::unsupported) return true;
    return std::move(opened).error();
  }

  // ---- lists ----

  struct Names {
    std::vector<std::string> names;
    EntryKey last;  // the backend key of the last name
    bool more = false;
  };

  // scan_names opens up to limit entries of one kind in one folder.
  Result<Names> scan_names(const std::string& folder, EntryKind kind, ByteView after,
                           std::size_t limit) {
    Location location;
    auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
      location = directory_location(keys.keyring, folder);
      return {};
    });
    if (!located) return std::move(located).error();
    const RecordKey prefix = entry_prefix(kind, location);
    std::vector<EntryKey> found;
    auto more = backend_->scan(
        prefix, after, limit,
        [&](const Record& record) { found.emplace_back(record.key.begin(), record.key.end()); },
        timeout_);
    if (!more) return std::move(more).error();
    return keeper_.with_keys([&](const Keys& keys) -> Result<Names> {
      Names names;
      for (const EntryKey& key : found) {
        auto name = open_entry(keys.keyring, kind, location, key);
        if (!name) return Error{Code::corrupt, "an entry of folder '" + folder + "' did not open"};
        names.names.push_back(std::move(*name));
      }
      if (!found.empty()) names.last = std::move(found.back());
      names.more = more.value();
      return names;
    });
  }

  // each_name calls f(name) -> Result<bool> for all entries of one kind; f says whether to go on.
  template <typename F>
  Result<void> each_name(const std::string& folder, EntryKind kind, F f) {
    EntryKey after;
    for (;;) {
      auto page = scan_names(folder, kind, after, kScanPage);
      if (!page) return std::move(page).error();
      for (std::string& name : page->names) {
        auto go_on = f(std::move(name));
        if (!go_on) return std::move(go_on).error();
        if (!go_on.value()) return {};
      }
      if (!page->more) return {};
      after = std::move(page->last);
    }
  }

  static std::string join(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + "/" + name;
  }

  Result<void> collect(const std::string& folder, std::vector<Entry>& entries) {
    auto secrets = each_name(folder, EntryKind::secret, [&](std::string name) -> Result<bool> {
      entries.push_back({std::move(name), false});
      return true;
    });
    if (!secrets) return secrets;
    return each_name(folder, EntryKind::folder, [&](std::string name) -> Result<bool> {
      auto any = holds_any(join(folder, name));
      if (!any) return any;
      if (any.value()) entries.push_back({std::move(name), true});
      return true;
    });
  }

  Result<void> collect_below(const std::string& folder, const std::string& shown,
                             std::vector<Entry>& entries) {
    auto secrets =
        each_name(folder, EntryKind::secret, [&](const std::string& name) -> Result<bool> {
          entries.push_back({join(shown, name), false});
          return true;
        });
    if (!secrets) return secrets;
    return each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
      auto below = collect_below(join(folder, name), join(shown, name), entries);
      if (!below) return std::move(below).error();
      return true;
    });
  }

  // holds_any tells whether there is a secret somewhere below a folder: folder entries stay when
  // the last secret goes.
  Result<bool> holds_any(const std::string& folder) {
    auto secrets = scan_names(folder, EntryKind::secret, {}, 1);
    if (!secrets) return std::move(secrets).error();
    if (!secrets->names.empty()) return true;
    bool any = false;
    auto below = each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
      auto inside = holds_any(join(folder, name));
      if (!inside) return inside;
      any = inside.value();
      return !any;
    });
    if (!below) return std::move(below).error();
    return any;
  }

  Result<bool> scan_page(const std::string& folder, EntryKind kind, ByteView after,
                         std::size_t limit, ListPage& page) {
    auto names = scan_names(folder, kind, after, limit);
    if (!names) return std::move(names).error();
    for (std::string& name : names->names) {
      page.entries.push_back({std::move(name), kind == EntryKind::folder});
    }
    if (!names->last.empty()) page.next = std::move(names->last);
    return names->more;
  }

  // ---- errors ----

  static Error not_found(const Path& path) {
    return {Code::not_found, "there is no secret '" + path.text() + "'"};
  }
  static Error over_limit(const Path& path, const Keys& keys, SecretView value) {
    return {Code::too_large, "'" + path.text() + "' would have had " +
                                 std::to_string(value.size()) + " bytes; this store takes up to " +
                                 std::to_string(keys.records.header.max_secret_len)};
  }
  static Error put_back_in_time(Revision revision, Revision floor) {
    return {Code::rollback, "it was in revision " + std::to_string(revision) +
                                ", but this process has seen revision " + std::to_string(floor) +
                                ": the storage was put back to an earlier state"};
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

  const std::unique_ptr<Backend> backend_;
  const Timeout timeout_;
  KeyKeeper keeper_;
  mutable SeenRevisions seen_;
};

}  // namespace strongroom
