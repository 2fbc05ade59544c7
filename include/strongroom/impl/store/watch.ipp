// watch.ipp: the bodies of watch.hpp.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

Result<std::vector<WatchEvent>> Watch::next(Timeout timeout) {
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

Watch::Watch(std::unique_ptr<TreeWatch> tree, std::shared_ptr<PolicyInForce> policy, Identity who,
             Path prefix)
    : tree_(std::move(tree)),
      policy_(std::move(policy)),
      who_(std::move(who)),
      prefix_(std::move(prefix)) {}

Watch::~Watch() = default;
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&&) noexcept = default;

Result<void> Watch::may_list() const {
  auto mark = policy_->check(who_, Action::list, prefix_);
  if (!mark) return std::move(mark).error();
  return {};
}

Result<void> Watch::keep_readable(std::vector<WatchEvent>& events) const {
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

}  // namespace strongroom
