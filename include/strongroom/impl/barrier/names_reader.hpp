// names_reader.hpp: how the barrier lists: the entries of directories, opened.
//
// Secrets below a folder and the folders that hold any. What is written meanwhile may or may not be
// seen. It must never show a name that this store did not make.
//
// Threads  any number at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

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

// NamesFilter is what of a tree may be seen; it gets paths from the root.
struct NamesFilter {
  FunctionRef<bool(const std::string& folder)> enters;
  FunctionRef<bool(const std::string& secret)> shows;
};

class NamesReader {
 public:
  NamesReader(Backend& backend, KeyKeeper& keeper, Timeout timeout)
      : backend_(backend), keeper_(keeper), timeout_(timeout) {}

  // list gives the names below a folder, relative to it and sorted: its secrets and those folders
  // that hold any, or with recursive every secret below it. A folder that is not there has none.
  // filter  none: all of it. Else what it neither enters nor shows might as well not be there.
  // Errors  corrupt: an entry that this store did not make.
  Result<std::vector<Entry>> list(const Path& folder, bool recursive,
                                  const NamesFilter* filter = nullptr) {
    if (auto ready = keeper_.refresh(); !ready) return std::move(ready).error();
    std::vector<Entry> entries;
    auto done = recursive ? collect_below(folder.text(), "", filter, entries)
                          : collect(folder.text(), filter, entries);
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

  // each_name calls f(name) -> Result<bool> for all entries of one kind in one folder, in the
  // backend's order; f says whether to go on.
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

 private:
  static constexpr std::size_t kScanPage = 1000;

  struct Names {
    std::vector<std::string> names;
    EntryKey last;  // the backend key of the last name
    bool more = false;
  };

  // scan_names opens up to limit entries of one kind in one folder. All is in the keys.
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
    auto more = backend_.scan_keys(
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

  static bool shows(const NamesFilter* filter, const std::string& folder, const std::string& name) {
    return filter == nullptr || filter->shows(join(folder, name));
  }

  Result<void> collect(const std::string& folder, const NamesFilter* filter,
                       std::vector<Entry>& entries) {
    auto secrets = each_name(folder, EntryKind::secret, [&](std::string name) -> Result<bool> {
      if (shows(filter, folder, name)) entries.push_back({std::move(name), false});
      return true;
    });
    if (!secrets) return secrets;
    return each_name(folder, EntryKind::folder, [&](std::string name) -> Result<bool> {
      const std::string below = join(folder, name);
      auto any = filter == nullptr ? holds_any(below) : shows_any(below, *filter);
      if (!any) return any;
      if (any.value()) entries.push_back({std::move(name), true});
      return true;
    });
  }

  Result<void> collect_below(const std::string& folder, const std::string& shown,
                             const NamesFilter* filter, std::vector<Entry>& entries) {
    auto secrets =
        each_name(folder, EntryKind::secret, [&](const std::string& name) -> Result<bool> {
          if (shows(filter, folder, name)) entries.push_back({join(shown, name), false});
          return true;
        });
    if (!secrets) return secrets;
    return each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
      const std::string path = join(folder, name);
      if (filter != nullptr && !filter->enters(path)) return true;
      auto below = collect_below(path, join(shown, name), filter, entries);
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

  // shows_any is holds_any of what a filter shows.
  Result<bool> shows_any(const std::string& folder, const NamesFilter& filter) {
    if (!filter.enters(folder)) return false;
    bool any = false;
    const auto shown = [&](const std::string& name) -> Result<bool> {
      any = filter.shows(join(folder, name));
      return !any;
    };
    if (auto done = each_name(folder, EntryKind::secret, shown); !done)
      return std::move(done).error();
    if (any) return true;
    auto below = each_name(folder, EntryKind::folder, [&](const std::string& name) -> Result<bool> {
      auto inside = shows_any(join(folder, name), filter);
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

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
};

}  // namespace strongroom
