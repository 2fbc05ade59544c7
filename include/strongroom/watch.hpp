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
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

class Watch {
 public:
  Watch(std::unique_ptr<TreeWatch> tree, std::shared_ptr<PolicyInForce> policy, Identity who,
        Path prefix)
      : tree_(std::move(tree)),
        policy_(std::move(policy)),
        who_(std::move(who)),
        prefix_(std::move(prefix)) {}

  // next is TreeWatch::next. Errors  denied: the right to list is gone.
  Result<std::vector<WatchEvent>> next(Timeout timeout) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
      if (auto allowed = may_list(); !allowed) return std::move(allowed).error();
      const auto spent =
          std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
      if (taken_.empty()) {
        auto events = tree_->next(std::max(timeout - spent, Timeout::zero()));
        if (!events) return events;
        taken_ = std::move(events).value();
      }
      const bool over = taken_.empty();
      if (auto filtered = keep_readable(taken_); !filtered) return std::move(filtered).error();
      if (over || !taken_.empty()) return std::exchange(taken_, {});
    }
  }

 private:
  Result<void> may_list() const {
    auto mark = policy_->check(who_, Action::list, prefix_);
    if (!mark) return std::move(mark).error();
    return {};
  }

  // keep_readable goes by one policy, which is in force when the events are handed out.
  Result<void> keep_readable(std::vector<WatchEvent>& events) const {
    for (;;) {
      if (auto allowed = may_list(); !allowed) return allowed;
      auto held = policy_->hold(who_);
      if (!held) return std::move(held).error();
      std::erase_if(events, [&](const WatchEvent& event) {
        const auto path = Path::parse_secret(event.path);
        return !path || held->policy->decide(who_, Action::read, path.value()) != Decision::allowed;
      });
      if (policy_->stands(held->mark)) return {};
    }
  }

  std::unique_ptr<TreeWatch> tree_;
  std::shared_ptr<PolicyInForce> policy_;
  Identity who_;
  Path prefix_;
  std::vector<WatchEvent> taken_;  // not handed out yet
};

}  // namespace strongroom
