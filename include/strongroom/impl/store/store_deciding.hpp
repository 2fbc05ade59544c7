// store_deciding.hpp: how the store decides, acts, and sees whether the decision still holds.
//
// Templates over what is done, for the bodies of store.hpp.
#pragma once
#include <chrono>
#include <span>
#include <utility>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/store.hpp"

namespace strongroom {

template <typename F>
auto Store::administer(const Identity& who, Action action, F f) const -> decltype(f(Mark{})) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    STRONGROOM_ASSIGN(mark, policy_->check(who, action, Path()));
    auto done = f(mark);
    const bool lost = !done && done.error().code == Code::conflict;
    if (!lost || mark == PolicyInForce::kAlways) return done;
    static_cast<void>(policy_->look());  // what others were faster with may be the policies
    const bool late = std::chrono::steady_clock::now() - begin > timeout_;
    if (policy_->stands(mark) || late) return done;
  }
}

template <typename F>
auto Store::looked_at(const Identity& who, F f) const -> decltype(f()) {
  STRONGROOM_ASSIGN(mark, policy_->check(who, Action::policy, Path()));
  const Path store;
  return confirmed(who, Action::policy, std::span(&store, 1), mark, f);
}

template <typename F>
auto Store::confirmed(const Identity& who, Action action, std::span<const Path> paths, Mark mark,
                      F f) const -> decltype(f()) {
  auto result = f();
  if (!policy_->stands(mark)) [[unlikely]] {
    auto again = check_each(*policy_, who, action, paths);
    if (!again) result = std::move(again).error();
  }
  return result;
}

template <typename T, typename F>
Result<T> Store::until_quiet(F f) const {
  const auto begin = std::chrono::steady_clock::now();
  do {
    auto done = f();
    STRONGROOM_TRY(done);
    if (done->has_value()) return std::move(**done);
  } while (std::chrono::steady_clock::now() - begin < timeout_);
  return Error{Code::conflict, "the policies kept being changed by others; try again"};
}

}  // namespace strongroom
