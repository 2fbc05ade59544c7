// watch.ipp: the bodies of watch.hpp.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/base/propagate.hpp"
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
    STRONGROOM_TRY(may_list());
    const auto spent =
        std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
    if (taken_.empty()) {
      STRONGROOM_ASSIGN(events, tree_->next(std::max(timeout - spent, Timeout::zero())));
      taken_ = std::move(events);
    }
    const bool over = taken_.empty();
    STRONGROOM_TRY(keep_readable(taken_));
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
  STRONGROOM_TRY(policy_->check(who_, Action::list, prefix_));
  return {};
}

Result<void> Watch::keep_readable(std::vector<WatchEvent>& events) const {
  for (;;) {
    STRONGROOM_TRY(may_list());
    STRONGROOM_ASSIGN(held, policy_->hold(who_));
    std::erase_if(events, [&](const WatchEvent& event) {
      const auto path = Path::parse_secret(event.path);
      return !path || held.policy->decide(who_, Action::read, path.value()) != Decision::allowed;
    });
    if (policy_->stands(held.mark)) return {};
  }
}

}  // namespace strongroom
