#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_explain_test {
namespace {

using test::own;
using test::rules_of;
using test::vault;

Path path(std::string_view text) {
  return Path::parse(text).value();
}

Identity identity(std::string_view text) {
  return parse_identity(text).value();
}

Explanation ask(const PolicyRules& rules, std::string_view who, Action action,
                std::string_view of) {
  return explain(rules, identity(who), action, path(of));
}

Decision decision(const PolicyRules& rules, std::string_view who, Action action,
                  std::string_view of) {
  return ask(rules, who, action, of).decision;
}

constexpr Decision kAllowed = Decision::allowed;
constexpr Decision kRefused = Decision::refused;
constexpr Decision kDenied = Decision::denied;

const PolicyRules& database() {
  static const PolicyRules rules = rules_of(R"({"version": 1, "rules": [
    {"to": ["group:dba"], "allow": ["read", "list"], "paths": ["db/**"]},
    {"to": ["anyone"], "deny": ["read"], "paths": ["db/*/root"]},
    {"to": ["group:ops"], "allow": ["seal"]}]})");
  return rules;
}

TEST(Explain, AllowedSaysByWhichRuleAndForWhom) {
  const Explanation why = ask(database(), "user:bob+group:dba", Action::read, "db/prod/x");
  EXPECT_EQ(why.decision, kAllowed);
  EXPECT_EQ(why.because, "group:dba may read by web:2:65 'db/**', and nothing denies it");
  ASSERT_EQ(why.matched.size(), 1U);
  EXPECT_EQ(why.matched[0].rule, 0U);
  EXPECT_TRUE(why.matched[0].decided && why.matched[0].allows && !why.matched[0].denies);
}

TEST(Explain, DeniedSaysByWhichRuleAlthoughAnotherAllowed) {
  const Explanation why = ask(database(), "user:bob+group:dba", Action::read, "db/prod/root");
  EXPECT_EQ(why.decision, kDenied);
  EXPECT_EQ(why.because,
            "denied by web:3:53 'db/*/root' for anyone, although web:2:65 'db/**' allows it");
  ASSERT_EQ(why.matched.size(), 2U);
  EXPECT_EQ(why.matched[0].rule, 1U) << "what decided comes first";
  EXPECT_TRUE(why.matched[0].decided);
  EXPECT_FALSE(why.matched[1].decided);
}

TEST(Explain, RefusedNamesWhatIsNearest) {
  EXPECT_EQ(ask(database(), "user:bob", Action::read, "db/x").because,
            "no rule gives user:bob 'read' on 'db/x'");
  EXPECT_EQ(ask(database(), "user:bob+group:dba", Action::read, "web/x").because,
            "no rule gives user:bob 'read' on 'web/x'; the nearest is web:2:65 'db/**'");
  EXPECT_EQ(ask(database(), "user:bob+group:dba", Action::erase, "db/x").because,
            "no rule gives user:bob 'delete' on 'db/x'; web:2:65 'db/**' gives read, list");
  EXPECT_EQ(ask(database(), "any-user", Action::seal, "").because, "no rule gives any-user 'seal'");
}

TEST(Explain, NamesOfTextsAreCutAndEscaped) {
  PolicyRules rules = own({{"user:u", "read", "a"}});
  rules.rules[0].subjects[0].name = std::string(4000, 'u');
  rules.rules[0].paths[0].text = std::string(200, 'p') + "\n";
  const Identity who = Identity::user(std::string(4000, 'u'));
  const std::string why = explain(rules, who, Action::read, path(std::string(200, 'q'))).because;
  EXPECT_LT(why.size(), 400U) << why;
  EXPECT_EQ(why.find('\n'), std::string::npos);
}

TEST(Explain, WhatNoRuleIsAskedAbout) {
  const PolicyRules none = own({});
  EXPECT_EQ(ask(none, "trusted", Action::erase, "a").because, "a trusted caller may do everything");
  EXPECT_EQ(decision(none, "administrator:m", Action::rekey, ""), kAllowed);
  EXPECT_EQ(decision(none, "administrator:m", Action::read, "a"), kRefused);
  EXPECT_EQ(decision(none, "user:u", Action::rekey, ""), kRefused);
  const Explanation user = ask(none, "user:u", Action::resolve, "a");
  EXPECT_EQ(user.decision, kRefused);
  EXPECT_EQ(user.because, "user:u is not a service, and only services resolve");
}

TEST(Explain, NoSecretIsAtTheRoot) {
  const PolicyRules rules = vault({{"user:u", "read list", "*"}});
  EXPECT_EQ(decision(rules, "user:u", Action::read, ""), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::list, ""), kAllowed);
  EXPECT_EQ(ask(rules, "service:s", Action::resolve, "").because,
            "no secret is at the root; only list and scan need no path");
}

TEST(Explain, SpacesAreNamed) {
  const PolicyRules none = own({});
  const Explanation out = ask(none, "service:s@/c", Action::resolve, "a/b");
  EXPECT_EQ(out.decision, kRefused);
  EXPECT_EQ(out.because, "'a/b' is not in the space '/c'");
  const Explanation in = ask(none, "service:s@/a", Action::resolve, "a/b");
  EXPECT_EQ(in.decision, kAllowed);
  EXPECT_EQ(in.because, "'a/b' is in the space '/a', and nothing denies it");
}

TEST(Explain, ServicesThatNeedGrantsAreToldSo) {
  PolicyRules rules = own({{"service:s", "read", "a/b"}});
  rules.services_need_grants = true;
  EXPECT_EQ(decision(rules, "service:s@/a", Action::resolve, "a/b"), kAllowed);
  const Explanation why = ask(rules, "service:s@/a", Action::resolve, "a/c");
  EXPECT_EQ(why.decision, kRefused);
  EXPECT_NE(why.because.find("services need a grant"), std::string::npos) << why.because;
}

TEST(Explain, DenyOfReadHoldsForResolve) {
  const PolicyRules rules = own({{"any-service", "!read", "a/**"}});
  EXPECT_EQ(decision(rules, "service:s@/a", Action::resolve, "a/b"), kDenied);
}

TEST(Explain, StarIsOneSegmentAndTwoAreAllBelow) {
  const PolicyRules rules = own(
      {{"user:u", "read list", "a/**"}, {"user:u", "update", "*/x"}, {"user:u", "create", "b"}});
  EXPECT_EQ(decision(rules, "user:u", Action::read, "a"), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::read, "a/b"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::read, "a/b/c/d"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::read, "ab/c"), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::list, "a"), kAllowed) << "a list tells what is below";
  EXPECT_EQ(decision(rules, "user:u", Action::scan, "a"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::list, ""), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::update, "q/x"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::update, "x"), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::update, "q/x/x"), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::create, "b/c"), kRefused);
}

TEST(Explain, AllBelowTheRootHasTheRootItselfForLists) {
  const PolicyRules rules = own({{"user:u", "read list", "**"}});
  EXPECT_EQ(decision(rules, "user:u", Action::list, ""), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::read, "a"), kAllowed);
}

TEST(Explain, DenyOfAnyGroupWins) {
  const PolicyRules rules = own({{"group:g", "read", "a"}, {"group:h", "!read", "a"}});
  EXPECT_EQ(decision(rules, "user:u+group:g", Action::read, "a"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u+group:g+group:h", Action::read, "a"), kDenied);
  EXPECT_EQ(decision(rules, "user:u+group:h", Action::read, "a"), kDenied);
}

TEST(Explain, KindsOfSubjectsAreKeptApart) {
  const PolicyRules rules =
      own({{"user:x", "read", "a"}, {"any-service", "update", "a"}, {"group:x", "list", "a"}});
  EXPECT_EQ(decision(rules, "user:x", Action::read, "a"), kAllowed);
  EXPECT_EQ(decision(rules, "service:x", Action::read, "a"), kRefused);
  EXPECT_EQ(decision(rules, "administrator:x", Action::read, "a"), kRefused);
  EXPECT_EQ(decision(rules, "user:y+group:x", Action::read, "a"), kRefused);
  EXPECT_EQ(decision(rules, "user:x", Action::update, "a"), kRefused);
  EXPECT_EQ(decision(rules, "user:x", Action::list, "a"), kRefused);
}

// ---- vault-compat ----

TEST(ExplainVault, NamesThePatternThatDecidedAndThoseItOutranked) {
  const PolicyRules rules =
      vault({{"group:g", "!", "secret/*"}, {"group:g", "read", "secret/super/*"}});
  const Explanation why = ask(rules, "user:u+group:g", Action::read, "secret/super/x");
  EXPECT_EQ(why.decision, kAllowed);
  EXPECT_EQ(why.because,
            "group:g may read by web:2:5 'secret/super/*'; it outranks web:1:5 'secret/*'");
  const Explanation other = ask(rules, "user:u+group:g", Action::update, "secret/super/x");
  EXPECT_EQ(other.decision, kRefused);
  EXPECT_EQ(
      other.because,
      "web:2:5 'secret/super/*' decides for group:g, and does not allow 'update'; it outranks "
      "web:1:5 'secret/*'");
  EXPECT_EQ(decision(rules, "user:u+group:g", Action::read, "secret/x"), kDenied);
}

// The rows of the contract's table whose requests are canonical paths.
struct Row {
  int number;
  std::initializer_list<test::Rule> rules;
  Action action;
  const char* path;
  Decision decision;
};

TEST(ExplainVault, RowsOfTheContract) {
  const Row rows[] = {
      {1, {{"user:u", "read", "secret/foo"}}, Action::read, "secret/foo", kAllowed},
      {1, {{"user:u", "read", "secret/foo"}}, Action::read, "secret/food", kRefused},
      {1, {{"user:u", "read", "secret/foo"}}, Action::read, "secret/foo/bar", kRefused},
      {1, {{"user:u", "read", "secret/foo"}}, Action::read, "secret/Foo", kRefused},
      {2, {{"user:u", "list", "secret/foo"}}, Action::list, "secret/foo", kAllowed},
      {4, {{"user:u", "read", "secret/*"}}, Action::read, "secret", kRefused},
      {6, {{"user:u", "read", "secret/foo*"}}, Action::read, "secret/foobar", kAllowed},
      {6, {{"user:u", "read", "secret/foo*"}}, Action::read, "secret/foo/deep/er", kAllowed},
      {8, {{"user:u", "read", "secret/*/b"}}, Action::read, "secret/a/b", kRefused},
      {8, {{"user:u", "read", "secret/*/b"}}, Action::read, "secret/*/b", kAllowed},
      {10, {{"user:u", "read", "secret/+/teamb"}}, Action::read, "secret/eu/teamb", kAllowed},
      {10, {{"user:u", "read", "secret/+/teamb"}}, Action::read, "secret/eu/x/teamb", kRefused},
      {13, {{"user:u", "read", "secret/a+b"}}, Action::read, "secret/aXb", kRefused},
      {13, {{"user:u", "read", "a/+foo/x"}}, Action::read, "a/foo/x", kRefused},
      {13, {{"user:u", "read", "a/+foo/x"}}, Action::read, "a/+foo/x", kAllowed},
      {16,
       {{"user:u", "!", "a/+/c"}, {"user:u", "read", "a/b/*"}},
       Action::read,
       "a/b/c",
       kAllowed},
      {19, {{"user:u", "read", "a/b"}, {"user:u", "!", "a/b"}}, Action::read, "a/b", kDenied},
      {20, {{"user:u", "update", "a/b"}, {"user:u", "read", "a/*"}}, Action::read, "a/b", kRefused},
      {21,
       {{"user:u", "read", "+/*"}, {"user:u", "update", "*"}},
       Action::update,
       "foo/bar/bar/baz",
       kAllowed},
  };
  for (const Row& row : rows) {
    const PolicyRules rules = test::vault(row.rules);
    EXPECT_EQ(decision(rules, "user:u", row.action, row.path), row.decision)
        << "row " << row.number << " " << row.path << "\n"
        << ask(rules, "user:u", row.action, row.path).because;
  }
}

TEST(ExplainVault, ListsAskWithATrailingSlash) {
  const PolicyRules rules = vault({{"user:u", "list", "foo/metadata/*"},
                                   {"user:u", "!", "foo/metadata/private/*"},
                                   {"user:u", "list", "foo/metadata/private/granted/*"}});
  EXPECT_EQ(decision(rules, "user:u", Action::list, "foo/metadata/private"), kDenied);
  EXPECT_EQ(decision(rules, "user:u", Action::list, "foo/metadata/private/granted"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::list, "foo"), kRefused);
  EXPECT_EQ(decision(rules, "user:u", Action::list, "foo/metadata"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u", Action::scan, "foo/metadata"), kRefused)
      << "scan is a capability of its own there";
}

TEST(ExplainVault, OnlyPatternsOfOnesOwnSubjectsCount) {
  const PolicyRules rules = vault({{"group:g", "read", "a/*"}, {"group:h", "update", "a/b"}});
  EXPECT_EQ(decision(rules, "user:u+group:g", Action::read, "a/b"), kAllowed);
  EXPECT_EQ(decision(rules, "user:u+group:g+group:h", Action::read, "a/b"), kRefused);
}

// The two share no code: explain weighs rules one by one, the compiled policy walks its tables.
TEST(Explain, AgreesWithTheAutomaton) {
  const bool thorough = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(thorough ? 90 : 4);
  const std::vector<Identity> identities = test::some_identities();
  std::size_t num_asked = 0;
  for (unsigned seed = 1; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed) {
    auto maker = test::made_by(seed);
    const PolicyRules rules = maker.rules();
    const auto policy = CompiledPolicy::compile(rules);
    ASSERT_TRUE(policy);
    for (int i = 0; i < 40; ++i, ++num_asked) {
      const Path of = maker.path();
      const Action action = maker.action();
      const Identity& who = identities[num_asked % identities.size()];
      const Explanation why = explain(rules, who, action, of);
      const Decision decision = (*policy)->decide(who, action, of);
      ASSERT_EQ(why.decision, decision)
          << "seed " << seed << ": " << who.id() << " " << to_string(action) << " '" << of.text()
          << "': " << why.because << "\n"
          << test::printed(rules);
      EXPECT_FALSE(why.because.empty());
    }
  }
  std::printf("%zu requests\n", num_asked);
}

TEST(Explain, MatchedIsBounded) {
  PolicyRules rules = own({{"anyone", "!read", "a"}});
  for (int i = 0; i < 5'000; ++i) rules.rules.push_back(own({{"anyone", "read", "a"}}).rules[0]);
  const Explanation why = ask(rules, "user:u", Action::read, "a");
  EXPECT_EQ(why.decision, kDenied);
  ASSERT_EQ(why.matched.size(), kMaxMatched);
  EXPECT_TRUE(why.matched[0].decided && why.matched[0].denies);
}

TEST(TextPlace, IsWrittenAsDocumentLineAndColumn) {
  const PolicyRules rules = own({});
  EXPECT_EQ(to_string(rules, TextPlace{0, 3, 14}), "web:3:14");
  EXPECT_EQ(to_string(rules, TextPlace{7, 3, 14}), "?:3:14") << "of no document";
}

}  // namespace
}  // namespace strongroom::policy_explain_test
