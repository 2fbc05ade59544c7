// names_reader.ipp: the bodies of names_reader.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace detail::names_reader {

// common_len returns how many bytes all names begin with.
static std::size_t common_len(const std::vector<Entry>& entries) {
  std::size_t len = entries.front().name.size();
  for (const Entry& entry : entries) {
    const auto most = static_cast<std::ptrdiff_t>(std::min(len, entry.name.size()));
    const auto begin = entry.name.begin();
    const auto differ = std::mismatch(begin, begin + most, entries.front().name.begin()).first;
    len = static_cast<std::size_t>(differ - begin);
  }
  return len;
}

// sorted compares the eight bytes that follow what all names begin with. They are next to each other in one array.
// Only where they are equal does it compare the names, each of which has memory of its own.
static std::vector<Entry> sorted(std::vector<Entry> entries) {
  if (entries.size() < 2) return entries;
  struct Key {
    std::uint64_t begin;
    Entry* entry;
  };
  const std::size_t skip = common_len(entries);
  std::vector<Key> keys;
  keys.reserve(entries.size());
  for (Entry& entry : entries) {
    std::array<std::uint8_t, 8> begin{};
    entry.name.copy(reinterpret_cast<char*>(begin.data()), begin.size(), skip);
    keys.push_back({get_be(std::span(begin)), &entry});
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return a.begin != b.begin ? a.begin < b.begin : *a.entry < *b.entry;
  });
  std::vector<Entry> in_order;
  in_order.reserve(entries.size());
  for (const Key& key : keys) in_order.push_back(std::move(*key.entry));
  return in_order;
}

}  // namespace detail::names_reader

Result<std::vector<Entry>> NamesReader::list(const Path& folder, bool recursive,
                                             const NamesFilter* filter) {
  STRONGROOM_TRY(keeper_.refresh());
  std::vector<Entry> entries;
  STRONGROOM_TRY(recursive ? collect_below(folder.text(), "", filter, entries)
                           : collect(folder.text(), filter, entries));
  return detail::names_reader::sorted(std::move(entries));
}

Result<ListPage> NamesReader::list_page(const Path& folder, ByteView after, std::size_t limit) {
  if (limit == 0 || limit > 10'000 || after.size() > kMaxEntryKeyLen) {
    return Error{Code::invalid, "a page of a list must have 1 to 10,000 entries"};
  }
  STRONGROOM_TRY(keeper_.refresh());
  ListPage page;
  const bool in_folders =
      !after.empty() && after[0] == static_cast<std::uint8_t>(EntryKind::folder);
  if (!in_folders) {
    STRONGROOM_ASSIGN(more, scan_page(folder.text(), EntryKind::secret, after, limit, page));
    if (more || page.entries.size() == limit) return page;
    after = {};
  }
  STRONGROOM_ASSIGN(
      more, scan_page(folder.text(), EntryKind::folder, after, limit - page.entries.size(), page));
  if (!more) page.next.clear();
  return page;
}

Result<NamesReader::Names> NamesReader::scan_names(const std::string& folder, EntryKind kind,
                                                   ByteView after, std::size_t limit) {
  Location location;
  auto located = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
    location = directory_location(keys.keyring, folder, tree_);
    return {};
  });
  STRONGROOM_TRY(located);
  const RecordKey prefix = entry_prefix(kind, location);
  std::vector<std::uint8_t> found;  // keys, one after the other
  std::vector<std::size_t> ends;
  auto more = backend_.scan_keys(
      prefix, after, limit,
      [&](const Record& record) {
        found.insert(found.end(), record.key.begin(), record.key.end());
        ends.push_back(found.size());
      },
      timeout_);
  STRONGROOM_TRY(more);
  return keeper_.with_keys([&](const Keys& keys) -> Result<Names> {
    const EntryReader entries(keys.keyring, kind, location);
    Names names;
    names.names.reserve(ends.size());
    ByteView key;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      key = ByteView(found).subspan(begin, end - begin);
      auto name = entries.open(key);
      if (!name) return Error{Code::corrupt, "an entry of folder '" + folder + "' did not open"};
      names.names.push_back(std::move(*name));
      begin = end;
    }
    names.last.assign(key.begin(), key.end());
    names.more = more.value();
    return names;
  });
}

Result<void> NamesReader::collect(const std::string& folder, const NamesFilter* filter,
                                  std::vector<Entry>& entries) {
  auto secrets = each_name(folder, EntryKind::secret, [&](std::string name) -> Result<bool> {
    if (shows(filter, folder, name)) entries.push_back({std::move(name), false});
    return true;
  });
  STRONGROOM_TRY(secrets);
  return each_name(folder, EntryKind::folder, [&](std::string name) -> Result<bool> {
    const std::string below = join(folder, name);
    STRONGROOM_ASSIGN(any, filter == nullptr ? holds_any(below) : shows_any(below, *filter));
    if (any) entries.push_back({std::move(name), true});
    return true;
  });
}

Result<void> NamesReader::collect_below(const std::string& folder, const std::string& shown,
                                        const NamesFilter* filter, std::vector<Entry>& entries) {
  auto secrets = each_name(folder, EntryKind::secret, [&](const std::string& name) -> Result<bool> {
    if (shows(filter, folder, name)) entries.push_back({join(shown, name), false});
    return true;
  });
  STRONGROOM_TRY(secrets);
  return each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
    const std::string path = join(folder, name);
    if (filter != nullptr && !filter->enters(path)) return true;
    STRONGROOM_TRY(collect_below(path, join(shown, name), filter, entries));
    return true;
  });
}

Result<bool> NamesReader::holds_any(const std::string& folder) {
  STRONGROOM_ASSIGN(secrets, scan_names(folder, EntryKind::secret, {}, 1));
  if (!secrets.names.empty()) return true;
  bool any = false;
  auto below = each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
    STRONGROOM_ASSIGN(inside, holds_any(join(folder, name)));
    any = inside;
    return !any;
  });
  STRONGROOM_TRY(below);
  return any;
}

Result<bool> NamesReader::shows_any(const std::string& folder, const NamesFilter& filter) {
  if (!filter.enters(folder)) return false;
  bool any = false;
  const auto shown = [&](const std::string& name) -> Result<bool> {
    any = filter.shows(join(folder, name));
    return !any;
  };
  STRONGROOM_TRY(each_name(folder, EntryKind::secret, shown));
  if (any) return true;
  auto below = each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
    STRONGROOM_ASSIGN(inside, shows_any(join(folder, name), filter));
    any = inside;
    return !any;
  });
  STRONGROOM_TRY(below);
  return any;
}

Result<bool> NamesReader::scan_page(const std::string& folder, EntryKind kind, ByteView after,
                                    std::size_t limit, ListPage& page) {
  STRONGROOM_ASSIGN(names, scan_names(folder, kind, after, limit));
  for (std::string& name : names.names) {
    page.entries.push_back({std::move(name), kind == EntryKind::folder});
  }
  if (!names.last.empty()) page.next = std::move(names.last);
  return names.more;
}

}  // namespace strongroom
