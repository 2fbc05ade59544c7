#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_lint_test {
namespace {

using test::own;
using test::printed;
using test::vault;
using Finding = PolicyFinding;

std::vector<Finding> findings_of(const PolicyRules& rules) {
  auto found = lint(rules);
  EXPECT_TRUE(found) << (found ? "" : found.error().message);
  return found ? *found : std::vector<Finding>();
}

// found writes what lint finds as "redundant web:2:5", a line each.
std::string found(const PolicyRules& rules) {
  std::string text;
  for (const Finding& finding : findings_of(rules)) {
    text += std::string(to_string(finding.kind)) + " " + to_string(rules, finding.place) + "\n";
  }
  return text;
}

std::string text_of(const PolicyRules& rules, Finding::Kind kind) {
  for (const Finding& finding : findings_of(rules)) {
    if (finding.kind == kind) return finding.text;
  }
  return "";
}

TEST(Lint, OfAPlainPolicyIsEmpty) {
  EXPECT_EQ(found(own({{"group:dba", "read list", "db/**"},
                       {"anyone", "!read", "db/*/root"},
                       {"group:ops", "seal rotate", ""}})),
            "");
  EXPECT_EQ(found(own({})), "");
}

TEST(Lint, AGrantWithinAnotherIsRedundant) {
  const PolicyRules rules = own({{"user:u", "read", "db/**"}, {"user:u", "read", "db/x"}});
  EXPECT_EQ(found(rules), "redundant web:2:5\n");
  EXPECT_EQ(
      text_of(rules, Finding::Kind::redundant),
      "'db/x' allows nothing that is not allowed without it, as by web:1:5 'db/**'; remove it");
  EXPECT_EQ(found(own({{"user:u", "read", "db/x"}, {"user:u", "read", "db/**"}})),
            "redundant web:1:5\n")
      << "in whichever order";
}

TEST(Lint, OfTwoAlikeOneIsRedundant) {
  EXPECT_EQ(found(own({{"user:u", "read", "a"}, {"user:u", "read", "a"}})), "redundant web:2:5\n");
  EXPECT_EQ(found(own({{"anyone", "!read", "a"},
                       {"user:u", "!read", "a"},
                       {"user:u group:g", "read", "a/b a"}})),
            "redundant web:2:5\noverridden web:3:9\n");
}

TEST(Lint, ManyTogetherMakeOneRedundant) {
  EXPECT_EQ(
      found(own(
          {{"user:u", "update", "*"}, {"user:u", "update", "*/**"}, {"user:u", "update", "**"}})),
      "redundant web:1:5\nredundant web:2:5\n");
  EXPECT_EQ(
      found(own(
          {{"user:u", "update", "**"}, {"user:u", "update", "*"}, {"user:u", "update", "*/**"}})),
      "redundant web:2:5\nredundant web:3:5\n");
}

TEST(Lint, WhatAnotherSubjectIsGivenMakesNothingRedundant) {
  EXPECT_EQ(found(own({{"group:g", "read", "a"}, {"user:u", "read", "a"}})), "");
  EXPECT_EQ(found(own({{"any-service", "update", "a"}, {"user:u", "update", "a"}})), "");
  EXPECT_EQ(found(own({{"any-user", "update", "a"}, {"user:u", "update", "a"}})),
            "redundant web:2:5\n");
  EXPECT_EQ(found(own({{"anyone", "update", "a"}, {"group:g", "update", "a"}})),
            "redundant web:2:5\n");
}

TEST(Lint, WhatIsDeniedAgainIsOverridden) {
  const PolicyRules rules = own({{"user:u", "read", "a/b"}, {"any-user", "!read", "a/**"}});
  EXPECT_EQ(found(rules), "overridden web:1:5\n");
  EXPECT_EQ(text_of(rules, Finding::Kind::overridden),
            "all that 'a/b' allows is denied, as by web:2:5 'a/**'; remove the one or the other");
}

TEST(Lint, ADenyOfWhatNobodyMayIsNeedless) {
  EXPECT_EQ(found(own({{"user:u", "update", "a"}, {"anyone", "!update", "b"}})),
            "needless web:2:5\n");
  EXPECT_EQ(found(own({{"user:u", "update", "a"}, {"user:v", "!update", "a"}})),
            "needless web:2:5\n");
  EXPECT_EQ(found(own({{"user:u", "update", "a"}, {"group:g", "!update", "a"}})), "")
      << "user:u may be of group:g";
}

TEST(Lint, ADenyOfReadKeepsServicesFromResolving) {
  PolicyRules rules = own({{"anyone", "!read", "a"}});
  EXPECT_EQ(found(rules), "") << "services may resolve what lies in their space";
  rules.services_need_grants = true;
  EXPECT_EQ(found(rules), "needless web:1:5\n");
}

TEST(Lint, WholeStore) {
  EXPECT_EQ(found(own({{"group:ops", "seal", ""}, {"group:ops", "seal", ""}})),
            "redundant web:2:1\n");
  EXPECT_EQ(found(own({{"group:ops", "unseal", ""}})), "no-effect web:1:1\n");
  EXPECT_EQ(found(own({{"administrator:m", "!seal", ""}})), "no-effect web:1:1\n");
}

TEST(Lint, WhatNobodyHolds) {
  EXPECT_EQ(found(vault({{"", "read", "secret/x"}})), "unmatched web:1:1\n");
  EXPECT_EQ(found(vault({{"user:u", "", "secret/x"}})), "no-effect web:1:1\n") << "sudo alone";
}

TEST(Lint, OnlyServicesResolve) {
  EXPECT_EQ(found(own({{"user:u", "resolve", "a"}})), "no-effect web:1:1\n");
  EXPECT_EQ(found(own({{"service:s", "resolve", "a"}})), "redundant web:1:5\n")
      << "as it may anyway";
}

TEST(Lint, EverythingForEverybodyIsSuspicious) {
  EXPECT_EQ(found(own({{"anyone", "update", "**"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(own({{"any-service", "read", "a"}})), "suspicious web:1:1\n");
  EXPECT_EQ(found(vault({{"anyone", "update", "*"}})), "suspicious web:1:5\n");
}

TEST(Lint, SpellingsThatMeanSomethingElse) {
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/*/b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "a+b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "a/+/+b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/foo*"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/+/x/*"}})), "");
  EXPECT_EQ(found(own({{"user:u", "read", "a/B"}, {"user:u", "read", "a/b"}})),
            "suspicious web:2:5\n");
  PolicyRules blank = own({{"user:u", "read", "a"}});
  blank.rules[0].paths[0].text = "a/b ";
  EXPECT_EQ(found(blank), "suspicious web:1:5\n");
}

TEST(Lint, PatternsThatNoPathIsLike) {
  for (const char* pattern : {"a//b", "/a", "a/./b", "../a", "a/../*", "a//*", "a%2Fb", "a/+//b"}) {
    EXPECT_EQ(found(vault({{"user:u", "read", pattern}})), "unmatched web:1:5\n") << pattern;
  }
  for (const char* pattern : {"a/.*", "a/..*", "+/*", "*", "+", "a/+"}) {
    EXPECT_EQ(found(vault({{"user:u", "read", pattern}})).find("unmatched"), std::string::npos)
        << pattern;
  }
  EXPECT_EQ(found(vault({{"user:u", "read", "a/"}})), "suspicious web:1:5\nredundant web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "list", "a/"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list read", "a/"}})), "suspicious web:1:5\n");
}

TEST(LintVault, APatternThatAWiderOneGivesToIsRedundant) {
  EXPECT_EQ(found(vault({{"group:g", "read", "a/*"}, {"group:g", "read", "a/b/*"}})),
            "redundant web:2:5\n");
  EXPECT_EQ(found(vault({{"group:g", "read", "a/*"}, {"group:g", "update", "a/b/*"}})), "")
      << "it takes read";
  EXPECT_EQ(found(vault({{"group:g", "read", "a/*"},
                         {"group:g", "read", "a/b/*"},
                         {"group:h", "update", "a/+/c"}})),
            "")
      << "who is of both would lose read to a/+/c";
}

TEST(LintVault, ADenyOfWhatNobodyMayIsNeedless) {
  PolicyRules rules = vault({{"group:g", "!", "a/*"}});
  rules.services_need_grants = true;
  EXPECT_EQ(found(rules), "needless web:1:5\n");
  PolicyRules wider = vault({{"group:g", "!", "a/b/*"}, {"group:h", "read", "a/*"}});
  wider.services_need_grants = true;
  EXPECT_EQ(found(wider), "") << "who is of both may not read a/b/c";
}

// ---- what is claimed holds ----

bool claims_surplus(const Finding& finding) {
  return finding.kind == Finding::Kind::redundant || finding.kind == Finding::Kind::overridden ||
         finding.kind == Finding::Kind::needless;
}

// without drops what findings are about: a path of a rule, or a rule of the whole store.
PolicyRules without(PolicyRules rules, const std::vector<TextPlace>& places) {
  const auto dropped = [&](const TextPlace& place) {
    return std::any_of(places.begin(), places.end(), [&](const TextPlace& one) {
      return one.line == place.line && one.column == place.column;
    });
  };
  std::vector<PolicyRule> kept;
  for (PolicyRule& rule : rules.rules) {
    if (rule.paths.empty() && dropped(rule.place)) continue;
    const bool on_paths = !rule.paths.empty();
    std::erase_if(rule.paths, [&](const PathPattern& path) { return dropped(path.place); });
    if (on_paths && rule.paths.empty()) continue;
    kept.push_back(std::move(rule));
  }
  rules.rules = std::move(kept);
  return rules;
}

// expect_nothing_lost: without these parts nobody may more, or less.
void expect_nothing_lost(const PolicyRules& rules, const std::vector<TextPlace>& places,
                         bool denied_is_refused, const std::string& what) {
  const PolicyRules rest = without(rules, places);
  const auto changes = diff(rules, rest);
  ASSERT_TRUE(changes);
  for (const PolicyChange& change : *changes) {
    const bool allows = change.before == Decision::allowed || change.after == Decision::allowed;
    ASSERT_TRUE(denied_is_refused && !allows)
        << what << "\n"
        << to_string(change.subject) << " " << (change.also ? to_string(*change.also) : "") << " "
        << to_string(change.action) << " '" << change.witness << "'\n"
        << printed(rules) << "without: " << printed(rest);
  }
}

TEST(Lint, InVaultsModeNamesListsThatOpenBaoWouldAnswerOtherwise) {
  const PolicyRules denied = vault({{"user:u", "!", "secret/+"}, {"user:u", "list", "secret/*"}});
  EXPECT_EQ(found(denied), "suspicious web:1:5\n");
  EXPECT_NE(text_of(denied, Finding::Kind::suspicious).find("'secret/*' at web:2:5"),
            std::string::npos);
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/*"}})),
            "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/+/*"}})),
            "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "list", "kv/+"}, {"user:u", "!", "kv/private/*"}})),
            "suspicious web:1:5\n");
  // The same answer by both, or nothing that matches both.
  EXPECT_EQ(found(vault({{"user:u", "list read", "secret/+"}, {"user:u", "list", "secret/*"}})),
            "");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "other/*"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/+/x"}})), "");
}

// placed numbers lines and columns, so that each part has a place of its own.
PolicyRules placed(PolicyRules rules) {
  std::uint32_t line = 0;
  for (PolicyRule& rule : rules.rules) {
    rule.place = {0, ++line, 1};
    std::uint32_t column = 1;
    for (PathPattern& path : rule.paths) path.place = {0, line, ++column};
  }
  return rules;
}

TEST(Lint, WhatItCallsSurplusCanGo) {
  const bool thorough = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(thorough ? 90 : 6);
  int num_policies = 0;
  int num_found[4] = {};
  for (unsigned seed = 1; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const PolicyRules rules = placed(test::made_by(seed).rules());
    ++num_policies;
    std::vector<TextPlace> all;
    for (const Finding& finding : findings_of(rules)) {
      if (!claims_surplus(finding)) continue;
      ++num_found[static_cast<int>(finding.kind)];
      all.push_back(finding.place);
      expect_nothing_lost(rules, {finding.place}, finding.kind == Finding::Kind::needless,
                          finding.text);
    }
    expect_nothing_lost(rules, all, true, "all of them");
  }
  std::printf("%d policies: %d redundant, %d overridden, %d needless\n", num_policies, num_found[0],
              num_found[1], num_found[2]);
  for (int i = 0; i < 3; ++i) EXPECT_GT(num_found[i], 0) << i;
}

// What can go without a change is found, where no groups are in play and rules are alike.
TEST(Lint, FindsWhatCanGoInOurOwnMode) {
  int num_missed = 0;
  int num_found = 0;
  for (unsigned seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    const PolicyRules rules = placed(test::made_by(seed).rules());
    if (rules.mode != PolicyMode::deny_overrides) continue;
    const std::vector<Finding> findings = findings_of(rules);
    std::vector<TextPlace> gone;
    for (const Finding& finding : findings) {
      if (claims_surplus(finding)) gone.push_back(finding.place);
    }
    for (const PolicyRule& rule : without(rules, gone).rules) {
      for (const PathPattern& path : rule.paths) {
        if ((rule.allow | rule.deny).empty()) continue;
        std::vector<TextPlace> more = gone;
        more.push_back(path.place);
        const auto changes = diff(without(rules, gone), without(rules, more));
        ASSERT_TRUE(changes);
        if (changes->empty()) {
          ++num_missed;
          if (num_missed < 4) {
            std::printf("seed %u: %s\n%s", seed, to_string(rules, path.place).c_str(),
                        printed(rules).c_str());
          }
        }
      }
    }
    num_found += static_cast<int>(gone.size());
  }
  std::printf("%d found, %d missed\n", num_found, num_missed);
  EXPECT_EQ(num_missed, 0);
}

}  // namespace
}  // namespace strongroom::policy_lint_test
