// watch.ipp: the bodies of watch.hpp.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/store/engine.hpp"
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
  const Request listing(Action::list, prefix_);
  const auto readable = [&](const Policy& policy) -> Result<std::vector<WatchEvent>> {
    std::vector<WatchEvent> events = taken_;
    std::erase_if(events, [&](const WatchEvent& event) {
      const auto path = Path::parse_secret(event.path);
      return !path || policy.decide(who_, Action::read, path.value()) != Decision::allowed;
    });
    return events;
  };
  for (;;) {
    STRONGROOM_TRY(engine_->policy.decide(who_, listing));
    const auto spent =
        std::chrono::duration_cast<Timeout>(std::chrono::steady_clock::now() - begin);
    if (taken_.empty()) {
      STRONGROOM_ASSIGN(events, tree_->next(std::max(timeout - spent, Timeout::zero())));
      taken_ = std::move(events);
    }
    const bool over = taken_.empty();
    STRONGROOM_ASSIGN(events, engine_->policy.under(who_, listing, readable));
    taken_.clear();
    if (over || !events.empty()) return std::move(events);
  }
}

Watch::Watch(std::shared_ptr<Engine> engine, std::unique_ptr<TreeWatch> tree, Identity who,
             Path prefix)
    : engine_(std::move(engine)),
      tree_(std::move(tree)),
      who_(std::move(who)),
      prefix_(std::move(prefix)) {}

Watch::~Watch() = default;
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&& other) noexcept {
  tree_ = std::move(other.tree_);  // the old one before what it borrows
  engine_ = std::move(other.engine_);
  who_ = std::move(other.who_);
  prefix_ = std::move(other.prefix_);
  taken_ = std::move(other.taken_);
  return *this;
}

}  // namespace strongroom
