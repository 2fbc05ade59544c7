// watch.hpp: reports changes to the secrets below a folder, as far as one identity may see them.
//
// Watching a folder needs the right to list it. Events report only secrets that the watcher may also
// read: their names, and when they change. Every call checks these rights again. A watch never returns a
// value; read the secret to get it.
//
// Threads  one at a time. A watch keeps its store open.
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

  std::shared_ptr<Engine> engine_;  // before tree_, which borrows it and is destroyed first
  std::unique_ptr<TreeWatch> tree_;
  Identity who_;
  Path prefix_;
  std::vector<WatchEvent> taken_;  // not returned yet
};

}  // namespace strongroom
