// names_reader.hpp: how the barrier lists directories: it opens their entries.
//
// A list has the secrets below a folder, and the folders that hold any. Changes made during the call
// may or may not be in it. It must never show a name that this store did not make.
//
// Threads  any number at once.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// NamesFilter says which part of a tree may be seen. It is called with paths from the root.
struct NamesFilter {
  FunctionRef<bool(const std::string& folder)> enters;
  FunctionRef<bool(const std::string& secret)> shows;
};

class NamesReader {
 public:
  NamesReader(Backend& backend, KeyKeeper& keeper, Timeout timeout, Tree tree = Tree::secrets)
      : backend_(backend), keeper_(keeper), timeout_(timeout), tree_(tree) {}

  // list returns the names below a folder, relative to it and sorted: its secrets and the folders that
  // hold any, or with recursive every secret below it. For a folder that does not exist, none.
  // filter  null: everything. Otherwise what it neither enters nor shows is treated as absent.
  // Errors  corrupt: an entry that this store did not make.
  Result<std::vector<Entry>> list(const Path& folder, bool recursive,
                                  const NamesFilter* filter = nullptr);

  // list_page returns up to limit (1..10,000) entries of one level in the backend's order, including
  // folders whose secrets are all gone. after: empty, or `next` of the previous page.
  Result<ListPage> list_page(const Path& folder, ByteView after, std::size_t limit);

  // each_name calls f(name) -> Result<bool> for all entries of one kind in one folder, in the
  // backend's order; f returns whether to go on.
  template <typename F>
  Result<void> each_name(const std::string& folder, EntryKind kind, F f) {
    EntryKey after;
    for (;;) {
      STRONGROOM_ASSIGN(page, scan_names(folder, kind, after, kScanPage));
      for (std::string& name : page.names) {
        auto go_on = f(std::move(name));
        STRONGROOM_TRY(go_on);
        if (!go_on.value()) return {};
      }
      if (!page.more) return {};
      after = std::move(page.last);
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

  // scan_names opens up to limit entries of one kind in one folder. Keys hold all that it needs.
  Result<Names> scan_names(const std::string& folder, EntryKind kind, ByteView after,
                           std::size_t limit);

  static bool shows(const NamesFilter* filter, const std::string& folder, const std::string& name) {
    return filter == nullptr || filter->shows(join(folder, name));
  }

  Result<void> collect(const std::string& folder, const NamesFilter* filter,
                       std::vector<Entry>& entries);

  Result<void> collect_below(const std::string& folder, const std::string& shown,
                             const NamesFilter* filter, std::vector<Entry>& entries);

  // holds_any returns whether any secret lies below a folder. The folder's entry does not say so: it
  // stays when the last secret is deleted.
  Result<bool> holds_any(const std::string& folder);

  // shows_any is holds_any, counting only what the filter shows.
  Result<bool> shows_any(const std::string& folder, const NamesFilter& filter);

  Result<bool> scan_page(const std::string& folder, EntryKind kind, ByteView after,
                         std::size_t limit, ListPage& page);

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
  const Tree tree_;
};

}  // namespace strongroom
