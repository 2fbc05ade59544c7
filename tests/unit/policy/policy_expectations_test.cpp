#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "strongroom/policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_expectations_test {
namespace {

using test::own;

std::string error_of(std::string_view text) {
  const auto parsed = parse_expectations(text);
  EXPECT_FALSE(parsed) << text;
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, Code::invalid);
  return parsed.error().message;
}

// kept writes the expectations that were read, a line each.
std::string kept(std::string_view text) {
  const auto parsed = parse_expectations(text);
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return "";
  std::string out;
  for (const Expectation& one : *parsed) {
    out += std::to_string(one.line) + (one.allow ? " allow " : " deny ") + one.who + " " +
           std::string(to_string(one.action)) + " '" + one.path + "'\n";
  }
  return out;
}

TEST(Expectations, AreReadALineEach) {
  EXPECT_EQ(kept("allow user:alice+group:dba read db/prod\n"
                 "# all others\n"
                 "\n"
                 "  deny\tany-user   read\tdb/prod  # but for them\r\n"
                 "allow user:bob list\n"
                 "allow service:/web@/web resolve web/key\n"
                 "deny user:bob seal"),
            "1 allow user:alice+group:dba read 'db/prod'\n"
            "4 deny any-user read 'db/prod'\n"
            "5 allow user:bob list ''\n"
            "6 allow service:/web@/web resolve 'web/key'\n"
            "7 deny user:bob seal ''\n");
  EXPECT_EQ(kept(""), "");
}

TEST(Expectations, PathsMayHoldBlanksAndHashes) {
  EXPECT_EQ(kept("allow user:u read a b/c#d \n"), "1 allow user:u read 'a b/c#d'\n");
}

TEST(Expectations, ErrorsTellLineAndColumn) {
  EXPECT_EQ(error_of("allow user:u read a\n  permit user:u read a"),
            "line 2, column 3: 'permit' is neither 'allow' nor 'deny'");
  EXPECT_EQ(error_of("\xEF\xBB\xBF"
                     "allow user:u read a")
                .substr(0, 18),
            "line 1, column 1: ");
  EXPECT_EQ(error_of("allow user:u raed a").substr(0, 70),
            "line 1, column 14: there was no action 'raed'; did you mean 'read'? (k");
  EXPECT_EQ(error_of("allow robert read a").substr(0, 18), "line 1, column 7: ");
  EXPECT_EQ(error_of("allow group:g read a").substr(0, 18), "line 1, column 7: ");
  EXPECT_EQ(error_of("allow").substr(0, 18), "line 1, column 6: ");
  EXPECT_EQ(error_of("allow user:u").substr(0, 19), "line 1, column 13: ");
  EXPECT_EQ(error_of("allow user:u read a//b").substr(0, 19), "line 1, column 19: ");
  EXPECT_EQ(error_of("allow user:u read"),
            "line 1, column 18: 'read' needs a path; only list and scan do not");
  EXPECT_EQ(error_of("allow user:u read /"),
            "line 1, column 19: 'read' needs a path; only list and scan do not");
  EXPECT_EQ(error_of("deny user:u seal db"),
            "line 1, column 18: 'seal' is for the whole store and takes no path");
  EXPECT_EQ(error_of(std::string("allow user:u read a\0b", 21)).substr(0, 19),
            "line 1, column 19: ");
}

TEST(Expectations, TooManyAreAnError) {
  std::string text;
  for (std::size_t i = 0; i < kMaxExpectations; ++i) text += "deny user:u seal\n";
  EXPECT_TRUE(parse_expectations(text));
  const auto more = parse_expectations(text + "deny user:u seal\n");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::too_large);
  const auto long_text = parse_expectations(std::string(kMaxPolicyTextLen + 1, '#'));
  ASSERT_FALSE(long_text);
  EXPECT_EQ(long_text.error().code, Code::too_large);
}

TEST(Disappointments, ListWhatDoesNotHoldAndWhy) {
  const PolicyRules rules = own({{"group:dba", "read", "db/**"}, {"anyone", "!read", "db/*/root"}});
  const auto expected = parse_expectations(
      "allow user:u+group:dba read db/x\n"
      "allow user:u+group:dba read db/x/root\n"
      "deny  user:u+group:dba read db/y\n"
      "deny  user:u read db/x  # refused is denied\n"
      "deny  user:u read db/x/root\n");
  ASSERT_TRUE(expected);
  const auto found = disappointments(rules, *expected);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].expectation.line, 2U);
  EXPECT_EQ((*found)[0].found.decision, Decision::denied);
  EXPECT_EQ((*found)[0].found.because,
            "denied by web:2:5 'db/*/root' for anyone, although web:1:5 'db/**' allows it");
  EXPECT_EQ((*found)[1].expectation.line, 3U);
  EXPECT_EQ((*found)[1].found.decision, Decision::allowed);
}

TEST(Disappointments, ManyAreListedTheFirstExplained) {
  std::vector<Expectation> expected;
  for (std::uint32_t i = 0; i < 3 * kMaxExplained; ++i) {
    expected.push_back({i + 1, true, "user:u", Action::read, "a"});
  }
  const auto found = disappointments(own({{"user:u", "!read", "a"}}), expected);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), expected.size());
  EXPECT_EQ((*found)[0].found.matched.size(), 1U);
  EXPECT_TRUE(found->back().found.matched.empty());
  EXPECT_EQ(found->back().found.decision, Decision::denied);
}

TEST(Disappointments, OfABadPolicyOrExpectationAreAnError) {
  EXPECT_EQ(disappointments(own({{"user:u", "read", "a*"}}), {}).error().code, Code::invalid);
  const std::vector<Expectation> nobody = {{7, true, "nobody", Action::read, "a"}};
  const auto found = disappointments(own({}), nobody);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message.substr(0, 8), "line 7: ");
}

}  // namespace
}  // namespace strongroom::policy_expectations_test
