// watch.hpp: a TreeWatch as one identity may see it.
//
// Watching a folder needs the right to list it, and events tell of those secrets alone that the
// watcher may read: names that it may list, and when they change. Rights are looked at again by every
// call. A value is never handed out; whoever wants it reads it.
//
// Threads  one at a time. It must not outlive its store.
#pragma once

#include <memory>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class PolicyInForce;
class TreeWatch;

class Watch {
 public:
  ~Watch();
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;

  // next is TreeWatch::next. Errors  denied: the right to list is gone.
  Result<std::vector<WatchEvent>> next(Timeout timeout);

 private:
  friend class Store;
  Watch(std::unique_ptr<TreeWatch> tree, std::shared_ptr<PolicyInForce> policy, Identity who,
        Path prefix);
  Result<void> may_list() const;

  // keep_readable goes by one policy, which is in force when the events are handed out.
  Result<void> keep_readable(std::vector<WatchEvent>& events) const;

  std::unique_ptr<TreeWatch> tree_;
  std::shared_ptr<PolicyInForce> policy_;
  Identity who_;
  Path prefix_;
  std::vector<WatchEvent> taken_;  // not handed out yet
};

}  // namespace strongroom
