#include "strongroom/impl/keys/fence.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "strongroom/backend.hpp"
#include "strongroom/types.hpp"

namespace strongroom::fence_test {
namespace {

// Apart tells that neither can stand where the other is meant: not as an argument, not by a cast, not in a
// comparison.
template <typename A, typename B>
concept Apart =
    !std::is_convertible_v<A, B> && !std::is_convertible_v<B, A> && !std::is_assignable_v<A&, B> &&
    !std::is_assignable_v<B&, A> && !std::equality_comparable_with<A, B> && !requires(A a, B b) {
  a == b;
}
&&!requires(A a, B b) {
  a < b;
};

template <typename A, typename B>
concept OfTwoKinds =
    Apart<A, B> && !std::is_constructible_v<A, B> && !std::is_constructible_v<B, A>;

static_assert(OfTwoKinds<Fence, Version>);
static_assert(OfTwoKinds<Fence, Revision>);
static_assert(OfTwoKinds<Fence, Stamp>);
static_assert(OfTwoKinds<Version, Revision>);
static_assert(OfTwoKinds<Version, Stamp>);
static_assert(OfTwoKinds<Revision, Stamp>);

template <typename T>
concept NoInteger = Apart<T, std::uint64_t> && Apart<T, int> && !requires(T a) {
  a + a;
}
&&!requires(T a) {
  ++a;
}
&&!requires(T a) {
  a + 1;
};

static_assert(NoInteger<Fence>);
static_assert(NoInteger<Version>);
static_assert(NoInteger<Revision>);
static_assert(NoInteger<Stamp>);

// A permit is made by one of its two names, never out of a number.
static_assert(Apart<Permit, Fence>);
static_assert(Apart<Permit, Version>);
static_assert(Apart<Permit, std::uint64_t>);
static_assert(!std::is_constructible_v<Permit, Fence>);
static_assert(!std::is_constructible_v<Permit, std::uint64_t>);
static_assert(!std::is_default_constructible_v<Permit>);

TEST(Number, HoldsAllOfItsRangeAndComparesWithItsKind) {
  EXPECT_EQ(Revision(), Revision(0));
  EXPECT_LT(Revision(1), Revision(2));
  EXPECT_EQ(Revision(UINT64_MAX).value(), UINT64_MAX);
  EXPECT_EQ(next(Revision(41)), Revision(42));
  EXPECT_NE(kAbsent, kAny);
}

TEST(Permit, HoldsAtItsOwnFenceAlone) {
  const Permit permit = Permit::under(Fence(7));
  EXPECT_TRUE(permit.holds_at(Fence(7)));
  EXPECT_FALSE(permit.holds_at(Fence(6)));
  EXPECT_FALSE(permit.holds_at(Fence(8)));
  EXPECT_FALSE(permit.holds_at(std::nullopt)) << "a sealed store";
  EXPECT_FALSE(Permit::under(Fence(0)).holds_at(std::nullopt)) << "no number stands for none";
  EXPECT_FALSE(Permit::under(Fence(UINT64_MAX)).holds_at(std::nullopt));
}

TEST(Permit, OfWhatIsAlwaysAllowedHoldsAtAnyFence) {
  for (const std::uint64_t fence : {std::uint64_t{0}, std::uint64_t{7}, UINT64_MAX})
    EXPECT_TRUE(Permit::always().holds_at(Fence(fence)));
  EXPECT_TRUE(Permit::always().holds_at(std::nullopt));
  EXPECT_NE(Permit::always(), Permit::under(Fence(UINT64_MAX)));
}

}  // namespace
}  // namespace strongroom::fence_test
