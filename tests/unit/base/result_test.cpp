#include "strongroom/result.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/process.hpp"

namespace strongroom::result_test {
namespace {

const std::vector<Code> kCodes = {
    Code::invalid,       Code::not_found,   Code::already_exists,  Code::denied,
    Code::sealed,        Code::corrupt,     Code::not_initialized, Code::conflict,
    Code::indeterminate, Code::too_large,   Code::timeout,         Code::rollback,
    Code::unavailable,   Code::unsupported, Code::internal,
};

// The numbers are the C ABI's and the exit statuses': this list may grow at its end, never change.
TEST(Code, NumbersNeverChange) {
  EXPECT_EQ(static_cast<int>(Code::invalid), 1);
  EXPECT_EQ(static_cast<int>(Code::not_found), 2);
  EXPECT_EQ(static_cast<int>(Code::already_exists), 3);
  EXPECT_EQ(static_cast<int>(Code::denied), 4);
  EXPECT_EQ(static_cast<int>(Code::sealed), 5);
  EXPECT_EQ(static_cast<int>(Code::not_initialized), 6);
  EXPECT_EQ(static_cast<int>(Code::conflict), 7);
  EXPECT_EQ(static_cast<int>(Code::indeterminate), 8);
  EXPECT_EQ(static_cast<int>(Code::too_large), 9);
  EXPECT_EQ(static_cast<int>(Code::corrupt), 10);
  EXPECT_EQ(static_cast<int>(Code::rollback), 11);
  EXPECT_EQ(static_cast<int>(Code::unavailable), 12);
  EXPECT_EQ(static_cast<int>(Code::timeout), 13);
  EXPECT_EQ(static_cast<int>(Code::unsupported), 14);
  EXPECT_EQ(static_cast<int>(Code::internal), 15);
  static_assert(sizeof(Code) == 4);
}

TEST(Code, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Code code : kCodes) names.insert(to_string(code));
  EXPECT_EQ(names.size(), kCodes.size());
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_EQ(to_string(Code::already_exists), "already_exists");
}

TEST(Code, OneFromANewerLibraryStillHasAName) {
  EXPECT_EQ(to_string(static_cast<Code>(0)), "unknown");
  EXPECT_EQ(to_string(static_cast<Code>(-1)), "unknown");
  EXPECT_EQ(to_string(static_cast<Code>(999)), "unknown");
}

TEST(Result, FailedOneIsFalseAndTellsWhy) {
  const Result<int> failed = Error{Code::conflict, "a record was changed"};
  EXPECT_FALSE(failed);
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, Code::conflict);
  EXPECT_EQ(failed.error().message, "a record was changed");
}

TEST(Result, FalseValueIsNoFailure) {
  const Result<bool> no = false;
  const Result<int> zero = 0;
  const Result<std::string> empty = std::string();
  const Result<int*> null = static_cast<int*>(nullptr);
  EXPECT_TRUE(no);
  EXPECT_TRUE(zero);
  EXPECT_TRUE(empty);
  EXPECT_TRUE(null);
  EXPECT_FALSE(no.value());
}

// A Result<bool> that turned into bool by itself would read a refusal as an answer.
TEST(Result, NeverTurnsIntoSomethingByItself) {
  static_assert(!std::is_convertible_v<Result<bool>, bool>);
  static_assert(!std::is_convertible_v<Result<int>, int>);
  static_assert(!std::is_convertible_v<Result<void>, bool>);
  static_assert(std::is_convertible_v<Error, Result<void>>);
}

TEST(Result, MovesWhatCanNotBeCopied) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(7);
  static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
  static_assert(std::is_nothrow_move_constructible_v<Result<std::unique_ptr<int>>>);
  Result<std::unique_ptr<int>> moved = std::move(made);
  ASSERT_TRUE(moved);
  const std::unique_ptr<int> out = std::move(moved).value();
  EXPECT_EQ(*out, 7);
}

TEST(Result, ErrorIsMovedOutWhole) {
  Result<int> failed = Error{Code::corrupt, std::string(1000, 'x')};
  const Error out = std::move(failed).error();
  EXPECT_EQ(out.message.size(), 1000U);
}

TEST(Result, AccessReachesTheOneValue) {
  Result<std::string> made = std::string("vault");
  made.value() += "ed";
  *made += "!";
  made->push_back('?');
  EXPECT_EQ(std::as_const(made).value(), "vaulted!?");
  EXPECT_EQ(std::as_const(made)->size(), 9U);
}

TEST(Result, AssignmentGoesFromSuccessToFailureAndBack) {
  Result<std::string> changing = std::string("first");
  changing = Result<std::string>(Error{Code::timeout, "too late"});
  ASSERT_FALSE(changing);
  changing = Result<std::string>(std::string("second"));
  ASSERT_TRUE(changing);
  EXPECT_EQ(changing.value(), "second");
}

TEST(ResultOfNothing, IsSuccessUnlessToldOtherwise) {
  const Result<void> fine = {};
  EXPECT_TRUE(fine);
  const Result<void> failed = Error{};
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::internal);  // an Error of nobody's making is ours
}

// In a build with assertions; a release build trusts its callers, so there is nothing to try.
class Misuse : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef NDEBUG
    GTEST_SKIP() << "a build without assertions";
#endif
  }
  const std::string aborted = "signal " + std::to_string(SIGABRT);
};

TEST_F(Misuse, ValueOfAFailedOneAsserts) {
  const auto misuse = []() -> testing::Complaint {
    const Result<int> failed = Error{};
    return failed.value() == 0 ? "went on" : "went on with garbage";
  };
  EXPECT_EQ(testing::in_child(misuse), aborted);
}

TEST_F(Misuse, ErrorOfAGoodOneAsserts) {
  const auto misuse = []() -> testing::Complaint {
    const Result<int> good = 1;
    return good.error().message.empty() ? "went on" : "went on with garbage";
  };
  EXPECT_EQ(testing::in_child(misuse), aborted);
}

TEST_F(Misuse, ErrorOfSuccessAsserts) {
  const auto misuse = []() -> testing::Complaint {
    const Result<void> good;
    return good.error().message.empty() ? "went on" : "went on with garbage";
  };
  EXPECT_EQ(testing::in_child(misuse), aborted);
}

}  // namespace
}  // namespace strongroom::result_test
