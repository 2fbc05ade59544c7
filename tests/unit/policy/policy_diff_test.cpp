#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_diff_test {
namespace {

using test::own;
using test::printed;
using test::vault;
using Kind = Subject::Kind;

constexpr Decision kAllowed = Decision::allowed;
constexpr Decision kDenied = Decision::denied;

std::string_view name_of(Decision decision) {
  return decision == kAllowed ? "allowed" : decision == kDenied ? "denied" : "refused";
}

std::string written(const PolicyChange& change) {
  std::string text = to_string(change.subject);
  if (change.also) text += "+" + to_string(*change.also);
  return text + " " + std::string(to_string(change.action)) + " '" + change.witness + "' " +
         std::string(name_of(change.before)) + " " + std::string(name_of(change.after));
}

// changes writes a diff, a line for each change.
std::string changes(const PolicyRules& before, const PolicyRules& after) {
  const auto found = diff(before, after);
  EXPECT_TRUE(found);
  if (!found) return found.error().message;
  std::string text;
  for (const PolicyChange& change : *found) text += written(change) + "\n";
  return text;
}

TEST(Diff, OfTheSameRulesIsEmpty) {
  const PolicyRules rules = own({{"user:u", "read", "a/**"}, {"anyone", "!read", "a/*/b"}});
  EXPECT_EQ(changes(rules, rules), "");
  const PolicyRules written_otherwise = own({{"anyone", "!read", "a/*/b"},
                                             {"user:u", "read", "a/b"},
                                             {"user:u", "read resolve", "a/** a/b"}});
  EXPECT_EQ(changes(rules, written_otherwise), "");
}

TEST(Diff, AGrantMoreIsToldWithAPath) {
  const PolicyRules before = own({{"user:u", "update", "a/b"}});
  const PolicyRules after = own({{"user:u", "update", "a/b"}, {"group:g", "update", "a/b a/b/*"}});
  EXPECT_EQ(changes(before, after), "group:g update 'a/b' refused allowed\n");
  EXPECT_EQ(changes(after, before), "group:g update 'a/b' allowed refused\n");
}

TEST(Diff, ADenyTakenAwayIsToldOfWhoMayNow) {
  const PolicyRules before =
      own({{"user:u", "delete update", "a/**"}, {"anyone", "!update", "a/*/k"}});
  const PolicyRules after = own({{"user:u", "delete update", "a/**"}});
  EXPECT_EQ(changes(before, after),
            "user:u update 'a/x/k' denied allowed\n"
            "anyone update 'a/x/k' denied refused\n");
}

TEST(Diff, WhatChangesForAllOfAKindIsToldOnce) {
  PolicyRules before = own({{"user:u user:v group:g", "list", "a"}});
  const PolicyRules after =
      own({{"user:u user:v group:g", "list", "a"}, {"any-user", "update", "a"}});
  EXPECT_EQ(changes(before, after), "any-user update 'a' refused allowed\n");
}

TEST(Diff, AWholeKindDoesNotHideWhoDiffers) {
  const PolicyRules before = own({{"user:u", "!update", "a"}});
  const PolicyRules after = own({{"anyone", "update", "a"}});
  EXPECT_EQ(changes(before, after),
            "user:u update 'a' denied allowed\n"
            "anyone update 'a' refused allowed\n");
}

TEST(Diff, AllBelowIsMoreThanOneSegment) {
  EXPECT_EQ(changes(own({{"user:u", "update", "a/**"}}), own({{"user:u", "update", "a/*"}})),
            "user:u update 'a/x/x' allowed refused\n");
  EXPECT_EQ(changes(own({{"user:u", "list", "a/**"}}), own({{"user:u", "list scan", "a a/**"}})),
            "");
  EXPECT_EQ(changes(own({{"user:u", "list", "**"}}), own({{"user:u", "list", "*"}})),
            "user:u list '' allowed refused\nuser:u scan '' allowed refused\n");
}

TEST(Diff, MadeUpSegmentsAreNoneOfThePolicies) {
  const PolicyRules before = own({{"user:u", "update", "* x y"}, {"user:u", "!update", "z"}});
  const PolicyRules after = own({{"user:u", "update", "x y"}, {"user:u", "!update", "z"}});
  EXPECT_EQ(changes(before, after), "user:u update 'a' allowed refused\n");
}

TEST(Diff, WholeStore) {
  const PolicyRules before = own({{"user:u", "seal", ""}, {"administrator:m", "seal", ""}});
  const PolicyRules after = own({{"user:u", "audit", ""}});
  EXPECT_EQ(changes(before, after),
            "user:u seal '' allowed refused\nuser:u audit '' refused allowed\n")
      << "an administrator may anyway";
}

TEST(Diff, ServicesThatNeedGrantsNowAreTold) {
  const PolicyRules before = own({{"service:s", "read", "a"}});
  PolicyRules after = before;
  after.services_need_grants = true;
  EXPECT_EQ(changes(before, after), "any-service resolve 'x' allowed refused\n");
}

TEST(Diff, ModesMayDiffer) {
  const PolicyRules before =
      vault({{"user:u", "!", "secret/*"}, {"user:u", "read", "secret/super/*"}});
  const PolicyRules after = own({{"user:u", "!read create update delete list scan", "secret/**"},
                                 {"user:u", "read", "secret/super/**"}});
  const std::string text = changes(before, after);
  EXPECT_NE(text.find("user:u read 'secret/super/x' allowed denied\n"), std::string::npos) << text;
}

TEST(Diff, InVaultsModeAPatternMayMatterWithAnotherGroupAlone) {
  // group:g may read a/b by either rule, but somebody in both groups loses it when only group:h has a/b.
  const PolicyRules before =
      vault({{"group:g", "read", "a/*"}, {"group:g", "read", "a/b"}, {"group:h", "update", "a/b"}});
  const PolicyRules after = vault({{"group:g", "read", "a/*"}, {"group:h", "update", "a/b"}});
  EXPECT_EQ(changes(before, after), "group:g+group:h read 'a/b' allowed refused\n");
}

TEST(Diff, TooManyChangesAreAnError) {
  PolicyRules after = own({});
  for (std::size_t i = 0; i <= kMaxPolicyChanges; ++i) {
    PolicyRule rule = own({{"anyone", "update", "a"}}).rules[0];
    rule.subjects = {{Kind::user, std::to_string(i)}};
    after.rules.push_back(rule);
  }
  const auto found = diff(own({}), after);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::too_large);
}

TEST(Diff, BadPatternsAreAnError) {
  EXPECT_EQ(diff(own({}), own({{"user:u", "read", "a*"}})).error().code, Code::invalid);
}

// ---- against all paths of a small world ----

constexpr const char* kNobody = "nobody-named";

// alone is an identity that is one subject and what covers it, and nothing else.
Identity alone(const Subject& subject, Action action, const Path& path) {
  const std::string space = "/" + std::string(path.parent());
  switch (subject.kind) {
    case Kind::user:
      return Identity::user(subject.name);
    case Kind::service:
      return Identity::service(subject.name, space);
    case Kind::administrator:
      return Identity::administrator(subject.name);
    case Kind::group:
      if (action == Action::resolve) return Identity::service(kNobody, space, {subject.name});
      return Identity::administrator(kNobody, {subject.name});
    case Kind::any_user:
      return Identity::user(kNobody);
    case Kind::any_service:
      return Identity::service(kNobody, space);
    case Kind::anyone:
      break;
  }
  return Identity::administrator(kNobody);
}

// both is an identity that is two subjects.
Identity both(const Subject& a, const Subject& b, Action action, const Path& path) {
  if (a.kind == Kind::group && b.kind != Kind::group) return both(b, a, action, path);
  const Identity one = alone(a, action, path);
  std::vector<std::string> groups = one.groups();
  groups.push_back(b.name);
  switch (one.kind()) {
    case Identity::Kind::user:
      return Identity::user(one.id(), groups);
    case Identity::Kind::service:
      return Identity::service(one.id(), one.space(), groups);
    default:
      return Identity::administrator(one.id(), groups);
  }
}

Identity somebody(const PolicyChange& change, const Path& path) {
  if (!change.also) return alone(change.subject, change.action, path);
  return both(change.subject, *change.also, change.action, path);
}

const std::vector<Path>& small_world() {
  static const std::vector<Path> paths = [] {
    const char* const segments[] = {"a", "b", "ab", "abc", "zz", "+a", "a+b"};
    std::vector<std::string> texts = {""};
    std::size_t begin = 0;
    for (int depth = 0; depth < 3; ++depth) {
      const std::size_t end = texts.size();
      for (std::size_t i = begin; i < end; ++i) {
        for (const char* segment : segments) {
          texts.push_back(texts[i] + (texts[i].empty() ? "" : "/") + segment);
        }
      }
      begin = end;
    }
    std::vector<Path> found;
    for (const std::string& text : texts) found.push_back(Path::parse(text).value());
    return found;
  }();
  return paths;
}

std::vector<Subject> small_subjects() {
  return {{Kind::user, "u"},          {Kind::user, "v"},       {Kind::service, "u"},
          {Kind::administrator, "u"}, {Kind::group, "g"},      {Kind::group, "u"},
          {Kind::any_user, ""},       {Kind::any_service, ""}, {Kind::anyone, ""}};
}

bool covered_by(const Subject& narrow, const Subject& wide, Action action) {
  if (wide == narrow || wide.kind == Kind::anyone) return true;
  if (wide.kind == Kind::any_user) return narrow.kind == Kind::user;
  if (wide.kind != Kind::any_service) return false;
  return narrow.kind == Kind::service || (narrow.kind == Kind::group && action == Action::resolve);
}

struct Pair {
  PolicyRules before, after;
  std::shared_ptr<const CompiledPolicy> old_policy, new_policy;
  std::vector<PolicyChange> changes;

  std::string written() const {
    std::string text = "before: " + printed(before) + "after: " + printed(after);
    for (const PolicyChange& change : changes) text += policy_diff_test::written(change) + "\n";
    return text;
  }
};

// pair_of makes a policy, and either the same with a rule or two changed, or a different one.
Pair pair_of(unsigned seed) {
  auto maker = test::made_by(seed);
  Pair pair;
  pair.before = maker.rules();
  PolicyRules other = maker.rules();
  pair.after = pair.before;
  if (seed % 4 == 0) pair.after = other;
  if (seed % 4 == 1) pair.after.rules.pop_back();
  if (seed % 4 == 2 && other.mode == pair.before.mode) {
    pair.after.rules.push_back(other.rules.front());
  }
  if (seed % 4 == 3) std::reverse(pair.after.rules.begin(), pair.after.rules.end());
  pair.old_policy = CompiledPolicy::compile(pair.before).value();
  pair.new_policy = CompiledPolicy::compile(pair.after).value();
  pair.changes = diff(pair.before, pair.after).value();
  return pair;
}

constexpr ActionSet kNames = ActionSet(Action::list) | Action::scan;

// expect_every_change_shown checks each change against the decisions and explanations of both policies.
void expect_every_change_shown(const Pair& pair) {
  for (const PolicyChange& change : pair.changes) {
    const Path path = Path::parse(change.witness).value();
    EXPECT_EQ(path.text(), change.witness);
    EXPECT_NE(change.before, change.after);
    if (is_administration(change.action)) continue;
    const Identity who = somebody(change, path);
    EXPECT_EQ(pair.old_policy->decide(who, change.action, path), change.before)
        << written(change) << "\n"
        << pair.written();
    EXPECT_EQ(pair.new_policy->decide(who, change.action, path), change.after)
        << written(change) << "\n"
        << pair.written();
    EXPECT_EQ(explain(pair.before, who, change.action, path).decision, change.before);
    EXPECT_EQ(explain(pair.after, who, change.action, path).decision, change.after);
  }
}

void expect_no_change_missed(const Pair& pair) {
  for (const Path& path : small_world()) {
    for (std::size_t i = 0; i < kNumActions; ++i) {
      const auto action = static_cast<Action>(i);
      if (is_administration(action) || (path.is_root() && !kNames.has(action))) continue;
      for (const Subject& subject : small_subjects()) {
        const Identity who = alone(subject, action, path);
        const Decision before = pair.old_policy->decide(who, action, path);
        const Decision after = pair.new_policy->decide(who, action, path);
        if (before == after) continue;
        const bool found =
            std::any_of(pair.changes.begin(), pair.changes.end(), [&](const PolicyChange& change) {
              return !change.also && change.action == action && change.before == before &&
                     change.after == after && covered_by(subject, change.subject, action);
            });
        ASSERT_TRUE(found) << to_string(subject) << " " << to_string(action) << " " << path.text()
                           << "\n"
                           << pair.written();
      }
    }
  }
}

// If diff reports no change, nobody's answer changes, however many groups an identity is in.
void expect_silence_is_true(const Pair& pair) {
  for (const Path& path : small_world()) {
    for (const Identity& who : test::some_identities()) {
      for (std::size_t i = 0; i < kNumActions; ++i) {
        const auto action = static_cast<Action>(i);
        if (path.is_root() && !kNames.has(action) && !is_administration(action)) continue;
        ASSERT_EQ(pair.old_policy->decide(who, action, path),
                  pair.new_policy->decide(who, action, path))
            << who.id() << " " << to_string(action) << " " << path.text() << "\n"
            << pair.written();
      }
    }
  }
}

TEST(Diff, AgreesWithAllDecisionsOfASmallWorld) {
  const bool thorough = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(thorough ? 90 : 8);
  int num_pairs = 0;
  int num_silent = 0;
  for (unsigned seed = 1; std::chrono::steady_clock::now() < end; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Pair pair = pair_of(seed);
    ++num_pairs;
    expect_every_change_shown(pair);
    expect_no_change_missed(pair);
    if (pair.changes.empty()) {
      ++num_silent;
      expect_silence_is_true(pair);
    }
    if (HasFailure()) break;
  }
  EXPECT_GT(num_silent, 3);
  std::printf("%d pairs of policies, %d of them alike\n", num_pairs, num_silent);
}

// In vault-compat a rule may matter only to an identity in several groups: each rule is dropped in turn.
TEST(Diff, SilenceIsTrueOfWhoIsOfSeveralGroups) {
  const bool thorough = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(thorough ? 60 : 4);
  int num_silent = 0;
  int num_shown_by_two = 0;
  for (unsigned seed = 1; std::chrono::steady_clock::now() < end && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair;
    pair.before = test::made_by(seed).rules();
    if (pair.before.mode != PolicyMode::vault_compat) continue;
    for (std::size_t i = 0; i < pair.before.rules.size(); ++i) {
      pair.after = pair.before;
      pair.after.rules.erase(pair.after.rules.begin() + static_cast<std::ptrdiff_t>(i));
      pair.old_policy = CompiledPolicy::compile(pair.before).value();
      pair.new_policy = CompiledPolicy::compile(pair.after).value();
      pair.changes = diff(pair.before, pair.after).value();
      expect_every_change_shown(pair);
      const bool by_two =
          std::any_of(pair.changes.begin(), pair.changes.end(),
                      [](const PolicyChange& change) { return change.also.has_value(); });
      if (by_two) ++num_shown_by_two;
      if (!pair.changes.empty()) continue;
      ++num_silent;
      expect_silence_is_true(pair);
    }
  }
  EXPECT_GT(num_silent, 0);
  EXPECT_GT(num_shown_by_two, 0);
  std::printf("%d without a change, %d shown by two subjects\n", num_silent, num_shown_by_two);
}

}  // namespace
}  // namespace strongroom::policy_diff_test
