// watch.hpp: which secrets below a folder change, as one identity may see it.
//
// Watching a folder needs the right to list it, and events tell of those secrets alone that the
// watcher may read: names that it may list, and when they change. Rights are looked at again by every
// call. A value is never handed out; whoever wants it reads it.
//
// Threads  one at a time. A watch keeps its store.
#pragma once

#include <memory>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Engine;
class TreeWatch;

class Watch {
 public:
  ~Watch();
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;

  // next is TreeWatch::next. Errors  denied: the right to list is gone.
  Result<std::vector<WatchEvent>> next(Timeout timeout);

 private:
  friend class Session;
  Watch(std::shared_ptr<Engine> engine, std::unique_ptr<TreeWatch> tree, Identity who, Path prefix);

  std::shared_ptr<Engine> engine_;  // which the tree borrows, and so outlives
  std::unique_ptr<TreeWatch> tree_;
  Identity who_;
  Path prefix_;
  std::vector<WatchEvent> taken_;  // not handed out yet
};

}  // namespace strongroom
