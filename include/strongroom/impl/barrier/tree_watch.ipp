// tree_watch.ipp: the bodies of tree_watch.hpp.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<std::unique_ptr<TreeWatch>> TreeWatch::open(TreeParts parts, const Path& prefix,
                                                   std::size_t max_watched) {
  auto watch = std::unique_ptr<TreeWatch>(new TreeWatch(parts, prefix, max_watched));
  STRONGROOM_TRY(parts.backend.watch(watch->marks_, parts.timeout));
  STRONGROOM_TRY(watch->settle(watch->marks_));
  watch->telling_ = true;
  return watch;
}

Result<std::vector<WatchEvent>> TreeWatch::next(Timeout timeout) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    auto unsealed = parts_.keeper.with_keys([](const Keys&) -> Result<void> { return {}; });
    STRONGROOM_TRY(unsealed);
    if (!pending_.empty()) return take_pending();
    const auto spent =
        std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
    const Timeout left = std::max(timeout - spent, Timeout::zero());
    ShardMarks now = marks_;
    STRONGROOM_TRY(parts_.backend.watch(now, left));
    if (now != marks_) {
      STRONGROOM_TRY(settle(now));
      marks_ = now;
    }
    if (pending_.empty() && left == Timeout::zero()) return std::vector<WatchEvent>();
  }
}

TreeWatch::TreeWatch(TreeParts parts, const Path& prefix, std::size_t max_watched)
    : parts_(parts), prefix_(prefix.text()), max_watched_(max_watched) {
  folders_.try_emplace(prefix_);
  if (!prefix.is_root()) self_.try_emplace(prefix_);
}

Result<void> TreeWatch::settle(const ShardMarks& now) {
  STRONGROOM_TRY(parts_.keeper.refresh());
  std::array<bool, kNumShards> moved{};
  for (std::size_t i = 0; i < kNumShards; ++i) moved[i] = now[i] != marks_[i];
  full_ = false;
  STRONGROOM_TRY(list_moved(moved));
  STRONGROOM_TRY(read_moved(moved));
  return full_ ? Result<void>(too_many()) : Result<void>();
}

Result<void> TreeWatch::list_moved(const Moved& moved) {
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
      STRONGROOM_TRY(place(it->first, folder));
    }
    if (fresh || moved[folder.secrets_shard]) {
      STRONGROOM_TRY(list_secrets(it->first, folder));
    }
    if (fresh || moved[folder.folders_shard]) {
      STRONGROOM_TRY(list_folders(it->first, open));
    }
    folder.listed = true;
  }
  return {};
}

Result<void> TreeWatch::place(const std::string& path, Folder& folder) {
  return parts_.keeper.with_keys([&](const Keys& keys) -> Result<void> {
    const Location location = directory_location(keys.keyring, path);
    folder.secrets_shard = shard_of(entry_prefix(EntryKind::secret, location));
    folder.folders_shard = shard_of(entry_prefix(EntryKind::folder, location));
    return {};
  });
}

Result<void> TreeWatch::list_secrets(const std::string& path, Folder& folder) {
  auto listed =
      parts_.names.each_name(path, EntryKind::secret, [&](const std::string& name) -> Result<bool> {
        auto it = folder.secrets.find(name);
        if (it == folder.secrets.end()) {
          const auto room = make_room();
          if (!room || !room.value()) return room ? Result<bool>(true) : room;
          it = folder.secrets.try_emplace(name).first;
        }
        it->second.round = round_;
        return true;
      });
  STRONGROOM_TRY(listed);
  for (auto& [name, known] : folder.secrets) known.missing |= known.round != round_;
  return {};
}

Result<void> TreeWatch::list_folders(const std::string& path,
                                     std::vector<Folders::iterator>& open) {
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

Result<bool> TreeWatch::make_room() {
  const bool full = num_watched_ == max_watched_;
  if (full && !telling_) return too_many();
  full_ |= full;
  num_watched_ += full ? 0 : 1;
  return !full;
}

Error TreeWatch::too_many() const {
  return {Code::too_large, "more than " + std::to_string(max_watched_) +
                               " secrets and folders lie below '" + prefix_ +
                               "', which is more than one watch can keep; watch smaller folders"};
}

Result<void> TreeWatch::read_moved(const Moved& moved) {
  std::vector<Candidate> batch;
  const auto add = [&](Secrets& among, const std::string& folder) -> Result<void> {
    for (auto it = among.begin(); it != among.end();) {
      const auto here = it++;  // a batch may erase what is in it
      const Known& known = here->second;
      if (known.version && !known.missing && !moved[known.shard]) continue;
      batch.push_back({&among, here, NamesReader::join(folder, here->first)});
      if (batch.size() < kBatch) continue;
      STRONGROOM_TRY(read_batch(batch));
    }
    return {};
  };
  STRONGROOM_TRY(add(self_, ""));
  for (auto& [path, folder] : folders_) {
    STRONGROOM_TRY(add(folder.secrets, path));
  }
  return read_batch(batch);
}

Result<void> TreeWatch::read_batch(std::vector<Candidate>& batch) {
  if (batch.empty()) return {};
  auto places = std::make_unique<Places>();
  STRONGROOM_TRY(locate(batch, *places));
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
  STRONGROOM_TRY(stamp);
  STRONGROOM_TRY(parts_.keeper.follow(stamp.value()));
  if (stale) return Error{Code::unavailable, "the storage was out of reach while it was watched"};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (seen[i].what == Seen::What::doubtful) {
      STRONGROOM_TRY(look_again(batch[i].path, seen[i]));
    }
    apply(batch[i], seen[i]);
  }
  batch.clear();
  return {};
}

Result<void> TreeWatch::locate(const std::vector<Candidate>& batch, Places& places) const {
  auto located = parts_.keeper.with_keys([&](const Keys& keys) -> Result<void> {
    for (std::size_t i = 0; i < batch.size(); ++i)
      places.locations[i] = secret_location(keys.keyring, batch[i].path);
    return {};
  });
  STRONGROOM_TRY(located);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    places.keys[i] = record_key(places.locations[i]);
    places.floors[i] = parts_.reader.floor(places.locations[i]);
    batch[i].at->second.shard = static_cast<std::uint8_t>(shard_of(places.keys[i]));
  }
  return {};
}

TreeWatch::Seen TreeWatch::look(const Known& known, const Location& location, Revision floor,
                                const Record& record) const {
  if (record.version == known.version) return {};
  if (record.version == kAbsent) return {Seen::What::gone, kAbsent, {}};
  Fetched fetched;
  fetched.floor = floor;
  fetched.take(record);
  auto opened = parts_.keeper.with_keys(
      [&](const Keys& keys) { return parts_.reader.unwrap(keys, location, fetched); });
  if (!opened) return {Seen::What::doubtful, record.version, {}};
  const bool gone = fetched.opened.kind == RecordKind::tombstone;
  return {gone ? Seen::What::gone : Seen::What::found, record.version, fetched.opened.revision};
}

Result<void> TreeWatch::look_again(const std::string& path, Seen& seen) {
  STRONGROOM_ASSIGN(parsed, Path::parse_secret(path));
  auto secret = parts_.reader.read(parsed);
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

void TreeWatch::apply(const Candidate& candidate, const Seen& seen) {
  Known& known = candidate.at->second;
  known.missing = false;
  if (seen.what == Seen::What::same) return;
  const bool was_alive = known.alive;
  const bool same = seen.revision != Revision() && seen.revision == known.revision;
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

void TreeWatch::tell(WatchEvent event) {
  if (!telling_) return;
  auto& slot = pending_[event.path];
  slot = std::move(event);
}

std::vector<WatchEvent> TreeWatch::take_pending() {
  std::vector<WatchEvent> events;
  while (!pending_.empty() && events.size() < kMaxEvents) {
    events.push_back(std::move(pending_.begin()->second));
    pending_.erase(pending_.begin());
  }
  return events;
}

}  // namespace strongroom
