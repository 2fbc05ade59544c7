#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"
#include "support/reference_policy.hpp"

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
  EXPECT_EQ(text_of(rules, Finding::Kind::redundant),
            "nothing changes without 'db/x', because of rules such as web:1:5 'db/**'; remove it");
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
      "redundant web:3:5\n")
      << "of those that can spare each other, the last";
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
  EXPECT_EQ(
      text_of(rules, Finding::Kind::overridden),
      "'a/b' never decides, because of rules such as web:2:5 'a/**'; remove it, or change them");
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
  EXPECT_EQ(found(own({{"group:ops", "unseal", ""}})), "suspicious web:1:1\n");
  EXPECT_EQ(found(own({{"administrator:m", "!seal", ""}})), "unmatched web:1:1\n")
      << "an administrator may do all administration whatever rules say";
}

TEST(Lint, WhatNobodyHolds) {
  EXPECT_EQ(found(vault({{"", "read", "secret/x"}})), "unmatched web:1:1\n");
  EXPECT_EQ(found(vault({{"user:u", "", "secret/x"}})), "unmatched web:1:5\n") << "sudo only";
}

TEST(Lint, OnlyServicesResolve) {
  EXPECT_EQ(found(own({{"user:u", "resolve", "a"}})), "unmatched web:1:5\n");
  EXPECT_EQ(found(own({{"service:s", "resolve", "a"}})), "redundant web:1:5\n")
      << "as it may anyway";
}

TEST(Lint, EverythingForEverybodyIsSuspicious) {
  EXPECT_EQ(found(own({{"anyone", "update", "**"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"anyone", "update", "*"}})), "suspicious web:1:5\n");
}

TEST(Lint, SpellingsThatMeanSomethingElse) {
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/*/b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "a+b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "a/+/+b"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/foo*"}})), "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "read", "secret/+/x/*"}})), "");
}

TEST(Lint, PatternsThatNoPathIsLike) {
  for (const char* pattern : {"a//b", "/a", "a/./b", "../a", "a/../*", "a//*", "a%2Fb", "a/+//b"}) {
    EXPECT_EQ(found(vault({{"user:u", "read", pattern}})), "unmatched web:1:5\n") << pattern;
  }
  for (const char* pattern : {"a/.*", "a/..*", "+/*", "*", "+", "a/+"}) {
    EXPECT_EQ(found(vault({{"user:u", "read", pattern}})).find("unmatched"), std::string::npos)
        << pattern;
  }
  EXPECT_EQ(found(vault({{"user:u", "read", "a/"}})), "unmatched web:1:5\n")
      << "no secret's path ends in '/'";
  EXPECT_EQ(found(vault({{"user:u", "list", "a/"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list", "a/*"}, {"user:u", "read", "a/"}})), "")
      << "it takes the list";
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
      << "somebody in both groups would lose read of a/+/c";
}

TEST(LintVault, ADenyOfWhatNobodyMayIsNeedless) {
  PolicyRules rules = vault({{"group:g", "!", "a/*"}});
  rules.services_need_grants = true;
  EXPECT_EQ(found(rules), "needless web:1:5\n");
  PolicyRules wider = vault({{"group:g", "!", "a/b/*"}, {"group:h", "read", "a/*"}});
  wider.services_need_grants = true;
  EXPECT_EQ(found(wider), "") << "somebody in both groups may not read a/b/c";
}

// ---- findings are true ----

bool claims_surplus(const Finding& finding) {
  return finding.kind == Finding::Kind::redundant || finding.kind == Finding::Kind::overridden ||
         finding.kind == Finding::Kind::needless || finding.kind == Finding::Kind::unmatched;
}

// without removes what findings are about: a path of a rule, or a rule for the whole store.
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

// expect_nothing_lost: without these parts, diff finds no change.
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
  EXPECT_NE(text_of(denied, Finding::Kind::suspicious).find("'secret/+' and 'secret/*'"),
            std::string::npos);
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/*"}})),
            "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/+/*"}})),
            "suspicious web:1:5\n");
  EXPECT_EQ(found(vault({{"user:u", "list", "kv/+"}, {"group:g", "!", "kv/*"}})),
            "suspicious web:1:5\n")
      << "user:u may be of group:g";
  // The same answer by both, the same pattern in both, or nothing that matches both.
  EXPECT_EQ(found(vault({{"user:u", "list", "kv/+"}, {"user:u", "!", "kv/private/*"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list", "kv/+"}, {"user:v", "read", "kv/*"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list read", "secret/+"}, {"user:u", "list", "secret/*"}})),
            "");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "other/*"}})), "");
  EXPECT_EQ(found(vault({{"user:u", "list", "secret/+"}, {"user:u", "read", "secret/+/x"}})), "");
}

// openbao_lists decides a list of a path as OpenBao does: of the patterns with wildcards that give the
// identity anything, those that match only "p" count only if none matches "p/".
Decision openbao_lists(PolicyRules rules, const Identity& who, const Path& path) {
  std::erase_if(rules.rules, [&](const PolicyRule& rule) { return !test::is_for(who, rule); });
  const std::string folder = path.text() + "/";
  bool any = false;
  for (const PolicyRule& rule : rules.rules) {
    for (const PathPattern& pattern : rule.paths) {
      const bool wild = test::vault_kind(pattern.text) != test::VaultKind::exact;
      any = any || (wild && test::vault_match(pattern.text, folder));
    }
  }
  for (PolicyRule& rule : rules.rules) {
    if (rule.paths.empty()) continue;
    std::erase_if(rule.paths, [&](const PathPattern& pattern) {
      const bool wild = test::vault_kind(pattern.text) != test::VaultKind::exact;
      return any && wild && !test::vault_match(pattern.text, folder);
    });
    if (rule.paths.empty()) rule.paths = {{"nowhere/at/all", {}}};
  }
  return test::ReferencePolicy(rules).decide(who, Action::list, path);
}

TEST(Lint, MissesNoListThatOpenBaoWouldAnswerOtherwise) {
  int num_unlike = 0;
  int num_noted = 0;
  int num_policies = 0;
  const auto people = test::some_identities();
  for (unsigned seed = 1; seed <= 3'000 && !HasFailure(); ++seed) {
    auto maker = test::made_by(seed);
    const PolicyRules rules = maker.rules();
    if (rules.mode != PolicyMode::vault_compat) continue;
    ++num_policies;
    bool noted = false;
    for (const Finding& finding : findings_of(rules)) {
      noted = noted || finding.text.find("OpenBao") != std::string::npos;
    }
    num_noted += noted ? 1 : 0;
    const test::ReferencePolicy ours(rules);
    bool unlike = false;
    for (int i = 0; i < 10; ++i) {
      const Path path = maker.path();
      if (path.is_root()) continue;
      for (const Identity& who : people) {
        if (who.kind() == Identity::Kind::trusted) continue;
        const bool here = ours.decide(who, Action::list, path) == Decision::allowed;
        const bool there = openbao_lists(rules, who, path) == Decision::allowed;
        unlike = unlike || here != there;
        EXPECT_TRUE(here == there || noted) << who.id() << " " << path.text() << printed(rules);
      }
    }
    num_unlike += unlike ? 1 : 0;
  }
  std::printf("%d policies: %d noted, %d shown\n", num_policies, num_noted, num_unlike);
  EXPECT_GT(num_unlike, 0);
}

// placed numbers lines and columns, so that each part has its own place.
PolicyRules placed(PolicyRules rules) {
  std::uint32_t line = 0;
  for (PolicyRule& rule : rules.rules) {
    rule.place = {0, ++line, 1};
    std::uint32_t column = 1;
    for (PathPattern& path : rule.paths) path.place = {0, line, ++column};
  }
  return rules;
}

// Requests compares the decisions of two policies.
struct Requests {
  std::vector<Identity> people = test::some_identities();
  std::vector<Path> paths;

  explicit Requests(unsigned seed) {
    auto maker = test::made_by(seed);
    for (int i = 0; i < 12; ++i) paths.push_back(maker.path());
    people.push_back(Identity::service("u", "/a/b", {"g", "u"}));
    people.push_back(Identity::user("u", {"g", "u"}));
  }

  void expect_same(const PolicyRules& rules, const PolicyRules& rest,
                   bool denied_is_refused) const {
    const auto before = CompiledPolicy::compile(rules).value();
    const auto after = CompiledPolicy::compile(rest).value();
    for (const Identity& who : people) {
      for (const Path& path : paths) {
        for (std::size_t i = 0; i < kNumActions; ++i) {
          const auto action = static_cast<Action>(i);
          const Decision one = before->decide(who, action, path);
          const Decision other = after->decide(who, action, path);
          const bool allows = one == Decision::allowed || other == Decision::allowed;
          ASSERT_TRUE(one == other || (denied_is_refused && !allows))
              << who.id() << " " << to_string(action) << " '" << path.text() << "'\n"
              << printed(rules) << "without: " << printed(rest);
        }
      }
    }
  }
};

// Checked by diff, which covers every path, and by decisions, which share no code with the tools.
TEST(Lint, WhatItCallsSurplusCanGo) {
  const bool thorough = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(thorough ? 90 : 6);
  int num_policies = 0;
  std::map<std::string_view, int> num_found;
  for (unsigned seed = 1; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const PolicyRules rules = placed(test::made_by(seed).rules());
    const Requests requests(seed);
    ++num_policies;
    std::vector<TextPlace> all;
    for (const Finding& finding : findings_of(rules)) {
      if (!claims_surplus(finding)) continue;
      ++num_found[to_string(finding.kind)];
      all.push_back(finding.place);
      const bool needless = finding.kind == Finding::Kind::needless;
      expect_nothing_lost(rules, {finding.place}, needless, finding.text);
      requests.expect_same(rules, without(rules, {finding.place}), needless);
    }
    expect_nothing_lost(rules, all, true, "all of them");
    requests.expect_same(rules, without(rules, all), true);
  }
  std::printf("%d policies:", num_policies);
  for (const auto& [kind, num] : num_found) std::printf(" %d %s", num, std::string(kind).c_str());
  std::printf("\n");
  EXPECT_EQ(num_found.size(), 4u);
}

TEST(Lint, TenThousandRulesAreAllLookedAt) {
  for (const PolicyMode mode : {PolicyMode::deny_overrides, PolicyMode::vault_compat}) {
    PolicyRules rules;
    rules.mode = mode;
    rules.documents = {"web"};
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      PolicyRule rule = own({{"any-user", "update", "a"}}).rules[0];
      rule.subjects[0] = {Subject::Kind::group, "team-" + std::to_string(i / 20)};
      rule.place = rule.paths[0].place = {0, i + 1, 1};
      rule.paths[0].text = "team-" + std::to_string(i / 20) + "/key-" + std::to_string(i % 19);
      rules.rules.push_back(rule);
    }
    const auto findings = findings_of(rules);
    EXPECT_EQ(findings.size(), 500u) << "of each team's twenty rules the last is like the first";
    for (const Finding& finding : findings) EXPECT_EQ(finding.kind, Finding::Kind::redundant);
  }
}

// In deny-overrides, everything that can be removed without a change is found.
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
