// tree_watch.hpp: which secrets below a prefix were put or deleted since somebody looked last.
//
// Taking stock of the tree comes after the marks of its shards were taken, and marks are let go of
// only when all that they tell was looked at: so no change is lost, whatever fails in between and
// however often. Of moved shards the records and directories are read again, and what has another
// version is opened: a record that was only sealed anew (rotation) is no change. It must never hand
// out values.
//
// It keeps about 150 bytes per secret, and on a storage that tells shards apart reads 1/255 of them
// for every change; on one that does not (memory, LMDB) all of them.
//
// Threads  one at a time.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// WatchEvent is what became of one secret since it was last told of.
struct WatchEvent {
  enum class Kind : std::uint8_t { changed = 1, deleted = 2 };
  Kind kind = Kind::changed;
  std::string path;       // from the root
  Revision revision = 0;  // the newest; of a deletion, its own. 0: not known (it does not open)

  friend bool operator==(const WatchEvent&, const WatchEvent&) = default;
};

// TreeParts are those of the barrier, borrowed.
struct TreeParts {
  Backend& backend;
  KeyKeeper& keeper;
  SecretReader& reader;
  NamesReader& names;
  Timeout timeout;  // of each call of the backend
};

class TreeWatch {
 public:
  static constexpr std::size_t kMaxWatched = 1'000'000;  // secrets and folders
  static constexpr std::size_t kMaxEvents = 10'000;      // of one call of next

  // open takes stock of what is there. It takes as long as reading all of it.
  // Errors  sealed, and the storage's trouble.  too_large: more than max_watched lie there.
  static Result<std::unique_ptr<TreeWatch>> open(TreeParts parts, const Path& prefix,
                                                 std::size_t max_watched = kMaxWatched) {
    auto watch = std::unique_ptr<TreeWatch>(new TreeWatch(parts, prefix, max_watched));
    if (auto marked = parts.backend.watch(watch->marks_, parts.timeout); !marked)
      return std::move(marked).error();
    if (auto settled = watch->settle(watch->marks_); !settled) return std::move(settled).error();
    watch->telling_ = true;
    return watch;
  }
  TreeWatch(const TreeWatch&) = delete;
  TreeWatch& operator=(const TreeWatch&) = delete;

  // next waits until something changed since the last call, and tells what: each path once, sorted,
  // up to kMaxEvents (the rest at once by the next call). Nothing when the time is over. A secret
  // that came and went in between may go unmentioned.
  // Errors  sealed, and the storage's trouble: nothing is lost, a later call goes on.  too_large.
  Result<std::vector<WatchEvent>> next(Timeout timeout) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
      auto unsealed = parts_.keeper.with_keys([](const Keys&) -> Result<void> { return {}; });
      if (!unsealed) return std::move(unsealed).error();
      if (!pending_.empty()) return take_pending();
      const auto spent =
          std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
      const Timeout left = std::max(timeout - spent, Timeout::zero());
      ShardMarks now = marks_;
      if (auto watched = parts_.backend.watch(now, left); !watched)
        return std::move(watched).error();
      if (now != marks_) {
        if (auto settled = settle(now); !settled) return std::move(settled).error();
        marks_ = now;
      }
      if (pending_.empty() && left == Timeout::zero()) return std::vector<WatchEvent>();
    }
  }

 private:
  static constexpr std::size_t kBatch = 256;
  static constexpr Version kUnread = kAny;

  struct Known {
    Version version = kUnread;
    Revision revision = 0;
    std::uint32_t round = 0;  // of the listing that it was seen in last
    std::uint8_t shard = 0;
    bool alive = false;
    bool missing = false;  // its entry is gone, its record not looked at yet
  };
  using Secrets = std::map<std::string, Known>;

  struct Folder {
    Secrets secrets;
    std::size_t secrets_shard = 0;
    std::size_t folders_shard = 0;
    bool listed = false;
  };
  using Folders = std::map<std::string, Folder>;

  // Candidate is a secret whose record is to be read.
  struct Candidate {
    Secrets* among;
    Secrets::iterator at;
    std::string path;
  };

  // Seen is what a record turned out to be.
  struct Seen {
    enum class What : std::uint8_t { same, gone, found, doubtful };
    What what = What::same;
    Version version = kAbsent;
    Revision revision = 0;
  };

  struct Places {
    std::array<Location, kBatch> locations;
    std::array<RecordKey, kBatch> keys;
    std::array<Revision, kBatch> floors;
  };

  TreeWatch(TreeParts parts, const Path& prefix, std::size_t max_watched)
      : parts_(parts), prefix_(prefix.text()), max_watched_(max_watched) {
    folders_.try_emplace(prefix_);
    if (!prefix.is_root()) self_.try_emplace(prefix_);
  }

  // settle brings what is known up to now, in which marks may differ from marks_. What fails half-way
  // is done again by the next call, since marks_ stays.
  Result<void> settle(const ShardMarks& now) {
    if (auto ready = parts_.keeper.refresh(); !ready) return ready;
    std::array<bool, kNumShards> moved{};
    for (std::size_t i = 0; i < kNumShards; ++i) moved[i] = now[i] != marks_[i];
    full_ = false;
    if (auto listed = list_moved(moved); !listed) return listed;
    if (auto read = read_moved(moved); !read) return read;
    return full_ ? Result<void>(too_many()) : Result<void>();
  }

  // ---- directories ----

  using Moved = std::array<bool, kNumShards>;

  Result<void> list_moved(const Moved& moved) {
    round_ += 1;
    std::vector<Folders::iterator> open;
    for (auto it = folders_.begin(); it != folders_.end(); ++it) {
      const Folder& folder = it->second;
      if (!folder.listed || moved[folder.secrets_shard] || moved[folder.folders_shard])
        open.push_back(it);
    }
    while (!open.empty()) {
      const auto it = open.back();
      open.pop_back();
      Folder& folder = it->second;
      const bool fresh = !folder.listed;
      if (fresh) {
        if (auto placed = place(it->first, folder); !placed) return placed;
      }
      if (fresh || moved[folder.secrets_shard]) {
        if (auto listed = list_secrets(it->first, folder); !listed) return listed;
      }
      if (fresh || moved[folder.folders_shard]) {
        if (auto listed = list_folders(it->first, open); !listed) return listed;
      }
      folder.listed = true;
    }
    return {};
  }

  Result<void> place(const std::string& path, Folder& folder) {
    return parts_.keeper.with_keys([&](const Keys& keys) -> Result<void> {
      const Location location = directory_location(keys.keyring, path);
      folder.secrets_shard = shard_of(entry_prefix(EntryKind::secret, location));
      folder.folders_shard = shard_of(entry_prefix(EntryKind::folder, location));
      return {};
    });
  }

  Result<void> list_secrets(const std::string& path, Folder& folder) {
    auto listed = parts_.names.each_name(path, EntryKind::secret,
                                         [&](const std::string& name) -> Result<bool> {
                                           auto it = folder.secrets.find(name);
                                           if (it == folder.secrets.end()) {
                                             const auto room = make_room();
                                             if (!room || !room.value())
                                               return room ? Result<bool>(true) : room;
                                             it = folder.secrets.try_emplace(name).first;
                                           }
                                           it->second.round = round_;
                                           return true;
                                         });
    if (!listed) return listed;
    for (auto& [name, known] : folder.secrets) known.missing |= known.round != round_;
    return {};
  }

  Result<void> list_folders(const std::string& path, std::vector<Folders::iterator>& open) {
    return parts_.names.each_name(path, EntryKind::folder,
                                  [&](const std::string& name) -> Result<bool> {
                                    const std::string below = NamesReader::join(path, name);
                                    if (folders_.contains(below)) return true;
                                    const auto room = make_room();
                                    if (!room || !room.value())
                                      return room ? Result<bool>(true) : room;
                                    open.push_back(folders_.try_emplace(below).first);
                                    return true;
                                  });
  }

  // make_room counts one more, or tells that there is none: at once while taking stock; later when the
  // records were looked at as well, since some may be gone.
  Result<bool> make_room() {
    const bool full = num_watched_ == max_watched_;
    if (full && !telling_) return too_many();
    full_ |= full;
    num_watched_ += full ? 0 : 1;
    return !full;
  }

  Error too_many() const {
    return {Code::too_large, "more than " + std::to_string(max_watched_) +
                                 " secrets and folders lie below '" + prefix_ +
                                 "', which is more than one watch can keep; watch smaller folders"};
  }

  // ---- records ----

  Result<void> read_moved(const Moved& moved) {
    std::vector<Candidate> batch;
    const auto add = [&](Secrets& among, const std::string& folder) -> Result<void> {
      for (auto it = among.begin(); it != among.end();) {
        const auto here = it++;  // a batch may erase what is in it
        const Known& known = here->second;
        if (known.version != kUnread && !known.missing && !moved[known.shard]) continue;
        batch.push_back({&among, here, NamesReader::join(folder, here->first)});
        if (batch.size() < kBatch) continue;
        if (auto done = read_batch(batch); !done) return done;
      }
      return {};
    };
    if (auto done = add(self_, ""); !done) return done;
    for (auto& [path, folder] : folders_) {
      if (auto done = add(folder.secrets, path); !done) return done;
    }
    return read_batch(batch);
  }

  // read_batch reads the records of the batch and empties it.
  Result<void> read_batch(std::vector<Candidate>& batch) {
    if (batch.empty()) return {};
    auto places = std::make_unique<Places>();
    if (auto located = locate(batch, *places); !located) return located;
    std::vector<Seen> seen(batch.size());
    bool stale = false;
    const std::vector<ByteView> wanted(places->keys.begin(),
                                       places->keys.begin() + std::ptrdiff_t(batch.size()));
    auto stamp = parts_.backend.read(
        wanted,
        [&](std::size_t i, const Record& record) {
          stale |= record.age.count() > 0;
          seen[i] = look(batch[i].at->second, places->locations[i], places->floors[i], record);
        },
        parts_.timeout);
    if (!stamp) return std::move(stamp).error();
    if (auto followed = parts_.keeper.follow(stamp.value()); !followed)
      return std::move(followed).error();
    if (stale) return Error{Code::unavailable, "the storage was out of reach while it was watched"};
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (seen[i].what == Seen::What::doubtful) {
        if (auto sure = look_again(batch[i].path, seen[i]); !sure) return sure;
      }
      apply(batch[i], seen[i]);
    }
    batch.clear();
    return {};
  }

  Result<void> locate(const std::vector<Candidate>& batch, Places& places) const {
    auto located = parts_.keeper.with_keys([&](const Keys& keys) -> Result<void> {
      for (std::size_t i = 0; i < batch.size(); ++i)
        places.locations[i] = secret_location(keys.keyring, batch[i].path);
      return {};
    });
    if (!located) return located;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      places.keys[i] = record_key(places.locations[i]);
      places.floors[i] = parts_.reader.floor(places.locations[i]);
      batch[i].at->second.shard = static_cast<std::uint8_t>(shard_of(places.keys[i]));
    }
    return {};
  }

  // look opens a record of another version than the known one, where it lies in the backend's memory;
  // one at a time, so that locked memory is needed for one value alone.
  Seen look(const Known& known, const Location& location, Revision floor,
            const Record& record) const {
    if (record.version == known.version) return {};
    if (record.version == kAbsent) return {Seen::What::gone, kAbsent, 0};
    Fetched fetched;
    fetched.floor = floor;
    fetched.take(record);
    auto opened = parts_.keeper.with_keys(
        [&](const Keys& keys) { return parts_.reader.unwrap(keys, location, fetched); });
    if (!opened) return {Seen::What::doubtful, record.version, 0};
    const bool gone = fetched.opened.kind == RecordKind::tombstone;
    return {gone ? Seen::What::gone : Seen::What::found, record.version, fetched.opened.revision};
  }

  // look_again reads what did not open once more: the keys may have changed meanwhile. What still does
  // not is told of without a revision; whoever reads it hears what is wrong.
  Result<void> look_again(const std::string& path, Seen& seen) {
    auto parsed = Path::parse_secret(path);
    if (!parsed) return std::move(parsed).error();
    auto secret = parts_.reader.read(parsed.value());
    seen.what = Seen::What::found;
    if (secret) {
      seen.revision = secret->revision;
      return {};
    }
    switch (secret.error().code) {
      case Code::not_found:
        seen.what = Seen::What::gone;
        return {};
      case Code::sealed:
      case Code::unavailable:
      case Code::timeout:
        return std::move(secret).error();
      default:
        return {};
    }
  }

  // ---- telling ----

  void apply(const Candidate& candidate, const Seen& seen) {
    Known& known = candidate.at->second;
    known.missing = false;
    if (seen.what == Seen::What::same) return;
    const bool was_alive = known.alive;
    const bool same = seen.revision != 0 && seen.revision == known.revision;
    known.alive = seen.what == Seen::What::found;
    known.version = seen.version;
    known.revision = seen.revision;
    if (known.alive && !(was_alive && same))
      tell({WatchEvent::Kind::changed, candidate.path, seen.revision});
    if (was_alive && !known.alive) tell({WatchEvent::Kind::deleted, candidate.path, seen.revision});
    if (known.alive || candidate.among == &self_) return;
    candidate.among->erase(candidate.at);
    num_watched_ -= 1;
  }

  void tell(WatchEvent event) {
    if (!telling_) return;
    auto& slot = pending_[event.path];
    slot = std::move(event);
  }

  std::vector<WatchEvent> take_pending() {
    std::vector<WatchEvent> events;
    while (!pending_.empty() && events.size() < kMaxEvents) {
      events.push_back(std::move(pending_.begin()->second));
      pending_.erase(pending_.begin());
    }
    return events;
  }

  const TreeParts parts_;
  const std::string prefix_;
  const std::size_t max_watched_;
  ShardMarks marks_{};  // all that happened before them is known
  Folders folders_;     // the prefix, and all below it, by path
  Secrets self_;        // the secret that the prefix itself names, there or not
  std::map<std::string, WatchEvent> pending_;
  std::size_t num_watched_ = 0;
  std::uint32_t round_ = 0;
  bool full_ = false;     // something was left out
  bool telling_ = false;  // stock was taken
};

}  // namespace strongroom
