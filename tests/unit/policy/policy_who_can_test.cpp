#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_who_can_test {
namespace {

using test::own;
using test::vault;

// holders writes who_can's answer as "group:g -group:h user:u".
std::string holders(const PolicyRules& rules, Action action, std::string_view path) {
  const auto holders = who_can(rules, action, Path::parse(path).value());
  EXPECT_TRUE(holders);
  if (!holders) return holders.error().message;
  std::string text;
  for (const Holder& holder : *holders) {
    text += (text.empty() ? "" : " ") + to_string(holder.subject);
    for (const Subject& subject : holder.unless) text += " -" + to_string(subject);
  }
  return text;
}

TEST(WhoCan, ListsWhoIsGivenIt) {
  const PolicyRules rules = own({{"user:u group:g", "read", "a/**"},
                                 {"any-service", "read", "a/b"},
                                 {"user:v", "update", "a/b"}});
  EXPECT_EQ(holders(rules, Action::read, "a/b"), "user:u group:g any-service");
  EXPECT_EQ(holders(rules, Action::read, "a/c"), "user:u group:g");
  EXPECT_EQ(holders(rules, Action::read, "b"), "");
  EXPECT_EQ(holders(rules, Action::update, "a/b"), "user:v");
}

TEST(WhoCan, NamesARuleThatAllows) {
  const PolicyRules rules = own({{"user:u", "update", "a"}, {"user:u", "read", "a"}});
  const auto holders = who_can(rules, Action::read, Path::parse("a").value());
  ASSERT_TRUE(holders);
  ASSERT_EQ(holders->size(), 1U);
  EXPECT_EQ((*holders)[0].rule, 1U);
}

TEST(WhoCan, WhoIsDeniedIsNotInTheList) {
  EXPECT_EQ(holders(own({{"user:u", "read", "a"}, {"user:u", "!read", "a"}}), Action::read, "a"),
            "");
  EXPECT_EQ(holders(own({{"user:u", "read", "a"}, {"anyone", "!read", "a"}}), Action::read, "a"),
            "");
  EXPECT_EQ(holders(own({{"user:u", "read", "a"}, {"any-user", "!read", "a"}}), Action::read, "a"),
            "");
  EXPECT_EQ(
      holders(own({{"service:s", "read", "a"}, {"any-user", "!read", "a"}}), Action::read, "a"),
      "service:s");
}

TEST(WhoCan, SaysWhoElseMayNot) {
  const PolicyRules rules =
      own({{"any-user group:g user:u", "read", "a"}, {"user:v group:h any-service", "!read", "a"}});
  EXPECT_EQ(holders(rules, Action::read, "a"),
            "user:u -group:h group:g -user:v -group:h -any-service any-user -user:v -group:h");
}

TEST(WhoCan, WholeStore) {
  const PolicyRules rules =
      own({{"group:ops user:u", "seal", ""}, {"user:u", "!seal", ""}, {"user:u", "read", "**"}});
  EXPECT_EQ(holders(rules, Action::seal, ""), "group:ops -user:u");
  EXPECT_EQ(holders(rules, Action::rekey, ""), "");
}

TEST(WhoCan, OnlyServicesResolve) {
  const PolicyRules rules = own({{"user:u service:s group:g any-user", "read", "a"}});
  EXPECT_EQ(holders(rules, Action::resolve, "a"), "service:s group:g");
}

TEST(WhoCan, InVaultsModeTheStrongestPatternCounts) {
  const PolicyRules rules = vault({{"user:u group:g", "read", "a/*"},
                                   {"user:u", "update", "a/b"},
                                   {"group:h", "list", "a/b"},
                                   {"group:i", "read", "a/b"},
                                   {"anyone", "!", "*"}});
  EXPECT_EQ(holders(rules, Action::read, "a/b"), "group:g -user:u -group:h group:i");
  EXPECT_EQ(holders(rules, Action::read, "a/c"), "user:u group:g");
}

TEST(WhoCan, TooManyExceptionsAreAnError) {
  PolicyRules rules = own({{"anyone", "list", "a"}});
  PolicyRule allow = own({{"anyone", "read", "a"}}).rules[0];
  PolicyRule deny = own({{"anyone", "!read", "a"}}).rules[0];
  allow.subjects.clear();
  deny.subjects.clear();
  for (int i = 0; i < 20'000; ++i) {
    allow.subjects.push_back({Subject::Kind::group, "g" + std::to_string(i)});
    deny.subjects.push_back({Subject::Kind::group, "h" + std::to_string(i)});
  }
  rules.rules = {allow, deny};
  const auto holders = who_can(rules, Action::read, Path::parse("a").value());
  ASSERT_FALSE(holders);
  EXPECT_EQ(holders.error().code, Code::too_large);
}

// Each holder is allowed, none that is also an exception is, and no other single subject is.
TEST(WhoCan, AgreesWithExplain) {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    auto maker = test::made_by(seed);
    const PolicyRules rules = maker.rules();
    const Path path = maker.path();
    for (const Action action : {Action::read, Action::list, Action::update}) {
      const auto holders = who_can(rules, action, path);
      ASSERT_TRUE(holders);
      for (const char* id : {"u", "v", "w"}) {
        const Subject subject{Subject::Kind::user, id};
        bool listed = false;
        for (const Holder& holder : *holders) {
          listed = listed || holder.subject == subject ||
                   (holder.subject.kind == Subject::Kind::any_user &&
                    std::count(holder.unless.begin(), holder.unless.end(), subject) == 0) ||
                   (holder.subject.kind == Subject::Kind::anyone &&
                    std::count(holder.unless.begin(), holder.unless.end(), subject) == 0 &&
                    std::count(holder.unless.begin(), holder.unless.end(),
                               Subject{Subject::Kind::any_user, {}}) == 0);
        }
        const Explanation why = explain(rules, Identity::user(id), action, path);
        EXPECT_EQ(listed, why.decision == Decision::allowed)
            << "seed " << seed << " " << to_string(subject) << " " << to_string(action) << " "
            << path.text() << ": " << why.because << "\n"
            << test::printed(rules);
      }
    }
  }
}

}  // namespace
}  // namespace strongroom::policy_who_can_test
