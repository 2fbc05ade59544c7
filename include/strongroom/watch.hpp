// watch.hpp: a TreeWatch as one identity may see it.
//
// Watching a folder needs the right to list it, and events tell of those secrets alone that the
// watcher may read: names that it may list, and when they change. Rights are looked at again by every
// call. A value is never handed out; whoever wants it reads it.
//
// Threads  one at a time. It must not outlive its store.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"
#include "strongroom/tree_watch.hpp"

namespace strongroom {

class Watch {
 public:
  Watch(std::unique_ptr<TreeWatch> tree, std::shared_ptr<const Policy> policy, Identity who,
        Path prefix)
      : tree_(std::move(tree)),
        policy_(std::move(policy)),
        who_(std::move(who)),
        prefix_(std::move(prefix)) {}

  // next is TreeWatch::next. Errors  denied: the right to list is gone.
  Result<std::vector<WatchEvent>> next(Timeout timeout) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
      if (auto allowed = policy_->check(who_, Action::list, prefix_); !allowed)
        return std::move(allowed).error();
      const auto spent =
          std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
      auto events = tree_->next(std::max(timeout - spent, Timeout::zero()));
      if (!events) return events;
      const bool over = events->empty();
      std::erase_if(events.value(), [&](const WatchEvent& event) { return !may_read(event); });
      if (over || !events->empty()) return events;
    }
  }

 private:
  bool may_read(const WatchEvent& event) const {
    const auto path = Path::parse_secret(event.path);
    return path && policy_->check(who_, Action::read, path.value());
  }

  std::unique_ptr<TreeWatch> tree_;
  std::shared_ptr<const Policy> policy_;
  Identity who_;
  Path prefix_;
};

}  // namespace strongroom
