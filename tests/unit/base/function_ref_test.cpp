#include "strongroom/function_ref.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace strongroom::function_ref_test {
namespace {

int run(FunctionRef<int(int)> callback, int argument) {
  return callback(argument);
}
int twice(int n) {
  return 2 * n;
}

TEST(FunctionRef, TemporaryLambdaLivesForTheCall) {
  const std::string held(100, 'x');
  EXPECT_EQ(run([held](int n) { return n + static_cast<int>(held.size()); }, 1), 101);
}

TEST(FunctionRef, CallsTheObjectItselfAndNotACopy) {
  struct Counter {
    int calls = 0;
    int operator()(int n) { return n + ++calls; }
    Counter() = default;
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;
  } counter;
  EXPECT_EQ(run(counter, 10), 11);
  EXPECT_EQ(run(counter, 10), 12);
  EXPECT_EQ(counter.calls, 2);
}

TEST(FunctionRef, ConstCallableStaysConst) {
  struct Which {
    int operator()(int) { return 1; }
    int operator()(int) const { return 2; }
  };
  const Which constant;
  Which variable;
  EXPECT_EQ(run(constant, 0), 2);
  EXPECT_EQ(run(variable, 0), 1);
}

TEST(FunctionRef, TakesPointersToFunctions) {
  EXPECT_EQ(run(&twice, 21), 42);
}

TEST(FunctionRef, CopyCallsTheSameObjectNotTheFirstReference) {
  int calls = 0;
  auto count = [&calls](int n) { return n + ++calls; };
  auto first = std::make_unique<FunctionRef<int(int)>>(count);
  const FunctionRef<int(int)> copy = *first;
  first.reset();  // a reference to the reference would dangle now
  EXPECT_EQ(copy(0), 1);
  EXPECT_EQ(calls, 1);
}

TEST(FunctionRef, ReferencesArriveAsTheyWere) {
  std::string text = "a";
  const auto append = [](std::string& out) { out += "b"; };
  const FunctionRef<void(std::string&)> ref = append;
  ref(text);
  EXPECT_EQ(text, "ab");
}

TEST(FunctionRef, MovesArgumentsThatCanNotBeCopied) {
  const auto take = [](std::unique_ptr<int> n) { return *n; };
  const FunctionRef<int(std::unique_ptr<int>)> ref = take;
  EXPECT_EQ(ref(std::make_unique<int>(5)), 5);
}

TEST(FunctionRef, ExceptionsPassThrough) {
  const auto fail = [](int) -> int { throw std::runtime_error("no"); };
  EXPECT_THROW(run(fail, 0), std::runtime_error);
}

TEST(FunctionRef, NeitherOwnsNorAllocates) {
  using Ref = FunctionRef<void()>;
  static_assert(std::is_trivially_copyable_v<Ref>);
  static_assert(std::is_trivially_destructible_v<Ref>);
  static_assert(sizeof(Ref) == 2 * sizeof(void*));
  static_assert(!std::is_default_constructible_v<Ref>, "an empty one would crash when called");
  const std::array<char, 4096> large{};
  const auto callable = [large](int n) { return n + large[0]; };
  static_assert(std::is_nothrow_constructible_v<FunctionRef<int(int)>, decltype((callable))>);
  EXPECT_EQ(run(callable, 3), 3);
}

}  // namespace
}  // namespace strongroom::function_ref_test
