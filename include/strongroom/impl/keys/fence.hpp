// fence.hpp: the fence under which a write was allowed, and the outcome of the write.
//
// The fence is one record that is put again whenever the stored policies change or data keys are
// retired. A decision holds as long as the fence is the one at which it was made, and a write checks this
// in its commit. So what a newer policy forbids is not written, even if it was allowed before.
#pragma once

#include <optional>

#include "strongroom/types.hpp"

namespace strongroom {

// Fence is the version of the fence record that a handle knows. It moves whenever the record is put.
using Fence = Number<struct FenceKind>;

// Permit is what a decision allows: a write under one fence, or under any.
class Permit {
 public:
  // always returns the permit for what no stored policy decides.
  static constexpr Permit always() noexcept { return Permit(std::nullopt); }
  static constexpr Permit under(Fence fence) noexcept { return Permit(fence); }

  // holds_at returns whether the decision still holds at this fence. Without a fence, as in a sealed
  // store, only a permit from always holds.
  constexpr bool holds_at(std::optional<Fence> fence) const noexcept {
    return !fence_ || fence_ == fence;
  }

  friend constexpr bool operator==(Permit, Permit) = default;

 private:
  constexpr explicit Permit(std::optional<Fence> fence) noexcept : fence_(fence) {}

  std::optional<Fence> fence_;
};

// Fenced is the outcome of a write under a permit. nullopt: the permit no longer holds, and nothing was
// written.
template <typename T>
using Fenced = std::optional<T>;
inline constexpr std::nullopt_t kFenceMoved = std::nullopt;

// Done is the result of a write that has nothing to return.
struct Done {};

}  // namespace strongroom
