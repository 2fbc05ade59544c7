// fence.hpp: what a write was allowed under, and what became of it.
//
// The fence is one record that is put again whenever the stored policies change or data keys are
// retired. A decision holds as long as the fence is the one that it was made at, and a write says so in
// its commit: what a newer policy forbids is not written, whoever was told otherwise before.
#pragma once

#include <optional>

#include "strongroom/types.hpp"

namespace strongroom {

// Fence is the version of the fence record that a handle knows; it moves whenever that is put.
using Fence = Number<struct FenceKind>;

// Permit is what a decision allows: a write under one fence, or under any.
class Permit {
 public:
  // always is of what no stored policy decides.
  static constexpr Permit always() noexcept { return Permit(std::nullopt); }
  static constexpr Permit under(Fence fence) noexcept { return Permit(fence); }

  // holds_at tells whether what was decided is decided so at this fence; at none, as in a sealed store,
  // only what always holds does.
  constexpr bool holds_at(std::optional<Fence> fence) const noexcept {
    return !fence_ || fence_ == fence;
  }

  friend constexpr bool operator==(Permit, Permit) = default;

 private:
  constexpr explicit Permit(std::optional<Fence> fence) noexcept : fence_(fence) {}

  std::optional<Fence> fence_;
};

// Fenced is what became of a write under a permit. None: the permit holds no more, and nothing was written.
template <typename T>
using Fenced = std::optional<T>;
inline constexpr std::nullopt_t kFenceMoved = std::nullopt;

// Done is what a write gives that has nothing to give.
struct Done {};

}  // namespace strongroom
