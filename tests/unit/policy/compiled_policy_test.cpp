// compiled_policy_test.cpp: the compiled policy answers as its rules say, whatever they are, in bounded
// time and memory. reference_policy.hpp is the reference for what they say.
#include "strongroom/policy/compiled_policy.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "support/policy_maker.hpp"
#include "support/reference_policy.hpp"

// The thread sanitizer has an operator new of its own.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(COUNTS_ALLOCATIONS)
#if defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
#endif
#endif

namespace {

thread_local std::size_t num_allocations = 0;

[[maybe_unused]] void* allocate(std::size_t len) {
  ++num_allocations;
  void* const memory = std::malloc(len == 0 ? 1 : len);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#if COUNTS_ALLOCATIONS
[[gnu::noinline]] void* operator new(std::size_t len) {
  return allocate(len);
}
[[gnu::noinline]] void* operator new(std::size_t len, const std::nothrow_t&) noexcept {
  ++num_allocations;
  return std::malloc(len == 0 ? 1 : len);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif

namespace strongroom {
namespace {

using test::ReferencePolicy;

constexpr Decision A = Decision::allowed;
constexpr Decision R = Decision::refused;
constexpr Decision D = Decision::denied;

Path path(std::string_view text) {
  auto parsed = Path::parse(text);
  EXPECT_TRUE(parsed) << text;
  return std::move(parsed).value();
}

Subject subject(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  std::string name(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (kind == "user") return {Subject::Kind::user, std::move(name)};
  if (kind == "service") return {Subject::Kind::service, std::move(name)};
  if (kind == "administrator") return {Subject::Kind::administrator, std::move(name)};
  if (kind == "group") return {Subject::Kind::group, std::move(name)};
  if (kind == "any-user") return {Subject::Kind::any_user, {}};
  if (kind == "any-service") return {Subject::Kind::any_service, {}};
  return {Subject::Kind::anyone, {}};
}

PolicyRule rule(std::string_view who, ActionSet allow, ActionSet deny,
                std::vector<std::string> patterns) {
  PolicyRule made;
  made.subjects = {subject(who)};
  made.allow = allow;
  made.deny = deny;
  for (std::string& pattern : patterns) made.paths.push_back({std::move(pattern), {0, 1, 1}});
  return made;
}

PolicyRules own(std::vector<PolicyRule> rules) {
  PolicyRules made;
  made.documents = {"own"};
  made.rules = std::move(rules);
  return made;
}

// vault makes rules for the user u, as "pattern=capability".
PolicyRules vault(const std::vector<std::string>& rules) {
  PolicyRules made;
  made.mode = PolicyMode::vault_compat;
  made.documents = {"vault"};
  for (const std::string& text : rules) {
    const std::size_t sign = text.find('=');
    const std::string capability = text.substr(sign + 1);
    ActionSet allow;
    ActionSet deny;
    if (capability == "read") allow = Action::read;
    if (capability == "update") allow = Action::update;
    if (capability == "list") allow = Action::list;
    if (capability == "scan") allow = Action::scan;
    if (capability == "deny") deny = ActionSet::on_paths();
    made.rules.push_back(rule("user:u", allow, deny, {text.substr(0, sign)}));
  }
  return made;
}

std::shared_ptr<const CompiledPolicy> compiled(const PolicyRules& rules) {
  auto policy = CompiledPolicy::compile(rules);
  EXPECT_TRUE(policy) << policy.error().message;
  return std::move(policy).value();
}

Code refused(const PolicyRules& rules, std::string_view named = {}) {
  const auto policy = CompiledPolicy::compile(rules);
  if (policy) return Code::internal;
  EXPECT_NE(policy.error().message.find(named), std::string::npos) << policy.error().message;
  EXPECT_LT(policy.error().message.size(), 400U);
  return policy.error().code;
}

// both asks the compiled policy and the reference, which must agree.
Decision both(const PolicyRules& rules, const Identity& who, Action action,
              std::string_view where) {
  const Decision decision = compiled(rules)->decide(who, action, path(where));
  EXPECT_EQ(decision, ReferencePolicy(rules).decide(who, action, path(where))) << where;
  return decision;
}

Decision raw(const std::vector<std::string>& rules, Action action, std::string_view request) {
  const PolicyRules made = vault(rules);
  const Identity who = Identity::user("u");
  const Decision decision = compiled(made)->decide_raw(who, action, request);
  EXPECT_EQ(decision, ReferencePolicy(made).decide_raw(who, action, request)) << request;
  return decision;
}

// ---- deny-overrides ----

TEST(CompiledPolicy, WithoutRulesNobodyMay) {
  EXPECT_EQ(both(own({}), Identity::user("u"), Action::read, "a"), R);
  EXPECT_EQ(both(own({}), Identity::user("u"), Action::list, ""), R);
  EXPECT_EQ(both(vault({}), Identity::user("u"), Action::list, ""), R);
  EXPECT_EQ(both(own({}), Identity::trusted(), Action::read, "a"), A);
}

TEST(CompiledPolicy, AStarIsOneSegmentAndTwoStarsAreMore) {
  const auto ask = [](const char* pattern, const char* where) {
    return both(own({rule("user:u", Action::read, {}, {pattern})}), Identity::user("u"),
                Action::read, where);
  };
  EXPECT_EQ(ask("a/*", "a/b"), A);
  EXPECT_EQ(ask("a/*", "a"), R);
  EXPECT_EQ(ask("a/*", "a/b/c"), R);
  EXPECT_EQ(ask("a/*/c", "a/b/c"), A);
  EXPECT_EQ(ask("a/*/c", "a/c"), R);
  EXPECT_EQ(ask("a/**", "a/b"), A);
  EXPECT_EQ(ask("a/**", "a/b/c/d"), A);
  EXPECT_EQ(ask("a/**", "a"), R);
  EXPECT_EQ(ask("a/**", "ab/c"), R);
  EXPECT_EQ(ask("**", "a"), A);
  EXPECT_EQ(ask("a", "A"), R);
  EXPECT_EQ(ask("*/**", "a"), R);
  EXPECT_EQ(ask("*/**", "a/b"), A);
}

TEST(CompiledPolicy, ADenyWinsWhateverElseAllows) {
  const PolicyRules rules = own({
      rule("user:u", Action::read, {}, {"a/b/c"}),
      rule("group:g", {}, Action::read, {"*/b/**"}),
      rule("anyone", Action::read, {}, {"**"}),
  });
  EXPECT_EQ(both(rules, Identity::user("u"), Action::read, "a/b/c"), A);
  EXPECT_EQ(both(rules, Identity::user("u", {"g"}), Action::read, "a/b/c"), D);
  EXPECT_EQ(both(rules, Identity::user("u", {"g"}), Action::read, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::user("u", {"g"}), Action::update, "a/b/c"), R);
  EXPECT_EQ(both(rules, Identity::user("u", {"h", "g"}), Action::read, "x/b/c/d"), D);
}

TEST(CompiledPolicy, ADenyAboveIsKeptWhereNothingElseGoesOn) {
  const PolicyRules rules = own({
      rule("user:u", {}, Action::read, {"a/**"}),
      rule("user:u", Action::read, {}, {"*/b/c/**"}),
      rule("user:u", Action::read, {}, {"**"}),
  });
  for (const char* where : {"a/x", "a/b", "a/b/c", "a/b/c/d", "a/x/y/z/very/deep"}) {
    EXPECT_EQ(both(rules, Identity::user("u"), Action::read, where), D) << where;
  }
  EXPECT_EQ(both(rules, Identity::user("u"), Action::read, "z/b/c/d"), A);
}

TEST(CompiledPolicy, ReadIsResolveAndListIsScan) {
  const PolicyRules rules = own({
      rule("any-service", {}, Action::read, {"a/secret"}),
      rule("user:u", Action::list, {}, {"a/**"}),
      rule("user:v", Action::list, {}, {"a/**"}),
      rule("user:v", {}, Action::scan, {"a/**"}),
  });
  EXPECT_EQ(both(rules, Identity::service("s", "/a"), Action::resolve, "a/secret"), D);
  EXPECT_EQ(both(rules, Identity::service("s", "/a"), Action::resolve, "a/other"), A);
  EXPECT_EQ(both(rules, Identity::user("u"), Action::scan, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::user("v"), Action::list, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::user("v"), Action::scan, "a/b"), D);
}

TEST(CompiledPolicy, AListOfAFolderIsAmongWhatLiesBelowIt) {
  const PolicyRules rules = own(
      {rule("user:u", Action::list, {}, {"a/**"}), rule("user:v", Action::list, {}, {"**"}),
       rule("user:w", {}, Action::list, {"a/b/**"}), rule("user:w", Action::list, {}, {"a/**"})});
  EXPECT_EQ(both(rules, Identity::user("u"), Action::list, "a"), A);
  EXPECT_EQ(both(rules, Identity::user("u"), Action::list, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::user("u"), Action::list, ""), R);
  EXPECT_EQ(both(rules, Identity::user("v"), Action::list, ""), A);
  EXPECT_EQ(both(rules, Identity::user("w"), Action::list, "a"), A);
  EXPECT_EQ(both(rules, Identity::user("w"), Action::list, "a/b"), D);
  EXPECT_EQ(both(rules, Identity::user("u"), Action::read, "a"), R);
}

TEST(CompiledPolicy, TheRootIsForListsAlone) {
  const PolicyRules all = own({rule("user:u", ActionSet::on_paths(), {}, {"**", "*"})});
  EXPECT_EQ(both(all, Identity::user("u"), Action::read, ""), R);
  EXPECT_EQ(both(all, Identity::user("u"), Action::scan, ""), A);
  EXPECT_EQ(both(vault({"*=read"}), Identity::user("u"), Action::read, ""), R);
  EXPECT_EQ(both(vault({"*=list"}), Identity::user("u"), Action::list, ""), A);
  EXPECT_EQ(both(vault({"=list"}), Identity::user("u"), Action::list, ""), A);
  EXPECT_EQ(both(vault({"+=list"}), Identity::user("u"), Action::list, ""), A);
  EXPECT_EQ(both(vault({"*=list", "=deny"}), Identity::user("u"), Action::list, ""), D);
}

TEST(CompiledPolicy, SubjectsAreWhoTheySayAndNobodyElse) {
  const auto ask = [](const char* who, const Identity& asker) {
    return both(own({rule(who, Action::read, {}, {"a"})}), asker, Action::read, "a");
  };
  EXPECT_EQ(ask("user:u", Identity::user("u")), A);
  EXPECT_EQ(ask("user:u", Identity::service("u", "/")), R);
  EXPECT_EQ(ask("user:u", Identity::administrator("u")), R);
  EXPECT_EQ(ask("user:u", Identity::user("v", {"u"})), R);
  EXPECT_EQ(ask("group:u", Identity::user("u")), R);
  EXPECT_EQ(ask("group:g", Identity::service("s", "/", {"f", "g"})), A);
  EXPECT_EQ(ask("any-user", Identity::user("")), A);
  EXPECT_EQ(ask("any-user", Identity::administrator("u")), R);
  EXPECT_EQ(ask("any-service", Identity::user("u")), R);
  EXPECT_EQ(ask("any-service", Identity::service("u", "/")), A);
  EXPECT_EQ(ask("anyone", Identity::administrator("u")), A);
  EXPECT_EQ(ask("administrator:u", Identity::administrator("u")), A);
}

TEST(CompiledPolicy, AdministrationIsGivenForTheWholeStore) {
  const PolicyRules rules = own({
      rule("group:ops", ActionSet(Action::seal) | Action::rotate, {}, {}),
      rule("user:u", {}, Action::rotate, {}),
      rule("group:ops", Action::read, {}, {"**"}),
  });
  EXPECT_EQ(both(rules, Identity::user("v", {"ops"}), Action::seal, ""), A);
  EXPECT_EQ(both(rules, Identity::user("v", {"ops"}), Action::unseal, ""), R);
  EXPECT_EQ(both(rules, Identity::user("u", {"ops"}), Action::rotate, ""), D);
  EXPECT_EQ(both(rules, Identity::user("u"), Action::seal, ""), R);
  EXPECT_EQ(both(rules, Identity::administrator("x"), Action::rekey, ""), A);
}

TEST(CompiledPolicy, AServiceInItsSpaceMayNeedAGrant) {
  PolicyRules rules = own({rule("service:s", Action::read, {}, {"a/b"})});
  rules.services_need_grants = true;
  EXPECT_EQ(both(rules, Identity::service("s", "/a"), Action::resolve, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::service("s", "/a"), Action::resolve, "a/c"), R);
  EXPECT_EQ(both(rules, Identity::service("s", "/b"), Action::resolve, "a/b"), R);
  rules.services_need_grants = false;
  EXPECT_EQ(both(rules, Identity::service("s", "/a"), Action::resolve, "a/c"), A);
}

TEST(CompiledPolicy, ActionsAtTheWrongPlaceAreRefused) {
  EXPECT_EQ(refused(own({rule("anyone", Action::seal, {}, {"a"})})), Code::invalid);
  EXPECT_EQ(refused(own({rule("anyone", {}, Action::seal, {"a"})})), Code::invalid);
  EXPECT_EQ(refused(own({rule("anyone", Action::read, {}, {})})), Code::invalid);
  EXPECT_EQ(refused(own({rule("anyone", Action::read, {}, {"a*"})}), "policy 'own', line 1"),
            Code::invalid);
  EXPECT_EQ(
      refused(own({rule("anyone", Action::read, {}, {std::string(std::size_t{1} << 20, 'x')})}),
              "longer than 4096"),
      Code::invalid);
}

// ---- Vault's rules; rows of the contract ----

TEST(VaultCompat, ExactRulesMatchThemselves) {  // 1, 2, 3
  const std::vector<std::string> rules = {"secret/foo=read"};
  EXPECT_EQ(raw(rules, Action::read, "secret/foo"), A);
  for (const char* other :
       {"secret/food", "secret/foo/bar", "secret/foo/", "secret/Foo", "secret//foo"}) {
    EXPECT_EQ(raw(rules, Action::read, other), R) << other;
  }
  EXPECT_EQ(raw({"secret/foo=list"}, Action::list, "secret/foo/"), A);
  EXPECT_EQ(raw(rules, Action::read, "//secret/foo"), A);
}

TEST(VaultCompat, ATrailingStarIsAnyBytes) {  // 4, 6
  const std::vector<std::string> all = {"secret/*=read"};
  EXPECT_EQ(raw(all, Action::read, "secret//foo"), A);
  EXPECT_EQ(raw(all, Action::read, "secret/"), A);
  EXPECT_EQ(raw(all, Action::read, "secret"), R);
  const std::vector<std::string> some = {"secret/foo*=read"};
  EXPECT_EQ(raw(some, Action::read, "secret/foobar"), A);
  EXPECT_EQ(raw(some, Action::read, "secret/foo/deep/er"), A);
  EXPECT_EQ(raw(some, Action::read, "secret/foo"), A);
  EXPECT_EQ(raw(some, Action::read, "secret/fo"), R);
  EXPECT_EQ(raw({"*=read"}, Action::read, ""), A);
}

TEST(VaultCompat, AStarInTheMiddleIsText) {  // 8
  EXPECT_EQ(raw({"secret/*/b=read"}, Action::read, "secret/a/b"), R);
  EXPECT_EQ(raw({"secret/*/b=read"}, Action::read, "secret/*/b"), A);
}

TEST(VaultCompat, PlusStarIsAnError) {  // 9
  EXPECT_EQ(refused(vault({"foo/+*=read"}), "+*"), Code::invalid);
}

TEST(VaultCompat, APlusIsOneSegmentAndMayBeEmpty) {  // 10
  const std::vector<std::string> rules = {"secret/+/teamb=read"};
  EXPECT_EQ(raw(rules, Action::read, "secret/eu/teamb"), A);
  EXPECT_EQ(raw(rules, Action::read, "secret/eu/x/teamb"), R);
  EXPECT_EQ(raw(rules, Action::read, "secret/eu/teamb/"), R);
  EXPECT_EQ(raw(rules, Action::read, "secret//teamb"), A);
}

TEST(VaultCompat, APlusThatIsNoSegmentIsText) {  // 13
  const std::vector<std::string> rules = {"secret/a+b=read", "a/+foo/x=read"};
  EXPECT_EQ(raw(rules, Action::read, "secret/aXb"), R);
  EXPECT_EQ(raw(rules, Action::read, "secret/a+b"), A);
  EXPECT_EQ(raw(rules, Action::read, "a/foo/x"), R);
  EXPECT_EQ(raw(rules, Action::read, "a/+foo/x"), A);
}

TEST(VaultCompat, TheMoreSpecificRuleDecides) {  // 15, 16, 19, 20, 21
  EXPECT_EQ(raw({"secret/*=deny", "secret/super/*=read"}, Action::read, "secret/super/x"), A);
  EXPECT_EQ(raw({"a/+/c=deny", "a/b/*=read"}, Action::read, "a/b/c"), A);
  EXPECT_EQ(raw({"a/b=read", "a/b=deny"}, Action::read, "a/b"), D);
  EXPECT_EQ(raw({"a/b=deny", "a/b=read"}, Action::read, "a/b"), D);
  EXPECT_EQ(raw({"a/b=update", "a/*=read"}, Action::read, "a/b"), R);
  EXPECT_EQ(raw({"+/*=read", "*=update"}, Action::update, "foo/bar/bar/baz"), A);
}

TEST(VaultCompat, AListIsAskedWithASlash) {  // 28
  const std::vector<std::string> rules = {"foo/metadata/*=list", "foo/metadata/private/*=deny",
                                          "foo/metadata/private/granted/*=list"};
  EXPECT_EQ(raw(rules, Action::list, "foo/metadata/private/"), D);
  EXPECT_EQ(raw(rules, Action::list, "foo/metadata/private/granted/"), A);
  EXPECT_EQ(raw(rules, Action::list, "foo/"), R);
  const Identity who = Identity::user("u");
  EXPECT_EQ(both(vault(rules), who, Action::list, "foo/metadata/private"), D);
  EXPECT_EQ(both(vault(rules), who, Action::list, "foo/metadata/private/granted"), A);
  EXPECT_EQ(both(vault(rules), who, Action::list, "foo"), R);
}

// What matches "p/" and what matches "p" is ranked together, as HashiCorp Vault does; OpenBao would take
// what matches "p/" first.
TEST(VaultCompat, AListRanksBothFormsOfThePathTogether) {  // 27
  const auto both_lists = [](const std::vector<std::string>& rules, const std::string& of) {
    const Decision list = raw(rules, Action::list, of + "/");
    std::vector<std::string> scans = rules;
    for (std::string& rule : scans) {
      if (rule.ends_with("=list")) rule.replace(rule.size() - 4, 4, "scan");
    }
    EXPECT_EQ(raw(scans, Action::scan, of + "/"), list) << of;
    EXPECT_EQ(both(vault(rules), Identity::user("u"), Action::list, of), list) << of;
    EXPECT_EQ(both(vault(scans), Identity::user("u"), Action::scan, of), list) << of;
    return list;
  };
  EXPECT_EQ(both_lists({"secret/+=deny", "secret/*=list"}, "secret/foo"), D);    // 27a
  EXPECT_EQ(both_lists({"secret/+=list", "secret/*=read"}, "secret/foo"), A);    // 27b
  EXPECT_EQ(both_lists({"kv/private/*=deny", "kv/+=list"}, "kv/private"), D);    // 27c
  EXPECT_EQ(both_lists({"secret/+=deny", "secret/+/*=list"}, "secret/foo"), D);  // '+' and '+…*'
  EXPECT_EQ(both_lists({"secret/+=list", "secret/+/*=read"}, "secret/foo"), A);
  EXPECT_EQ(both_lists({"secret/+/*=deny", "secret/foo*=list"}, "secret/foo"), A);
  EXPECT_EQ(both_lists({"secret/+/*=list", "secret/foo*=deny"}, "secret/foo"), D);
  EXPECT_EQ(both_lists({"secret/+/=deny", "secret/+=list"}, "secret/foo"),
            D);  // only with, only without
  EXPECT_EQ(both_lists({"secret/+/=list", "secret/+=deny"}, "secret/foo"), A);
  EXPECT_EQ(both_lists({"+/foo=deny", "secret/+/=list"}, "secret/foo"), A);
  EXPECT_EQ(both_lists({"secret/foo=list", "secret/+/=deny"}, "secret/foo"),
            A);  // exact before both
  EXPECT_EQ(both_lists({"secret/foo/=list", "secret/foo=deny"}, "secret/foo"), A);
}

TEST(VaultCompat, AListFallsBackToThePathWithoutTheSlash) {
  EXPECT_EQ(raw({"a/+=list"}, Action::list, "a/b/"), A);
  EXPECT_EQ(raw({"a/+=list", "a/b/*=deny"}, Action::list, "a/b/"), D);
  EXPECT_EQ(raw({"a/+/=deny", "a/b=list"}, Action::list, "a/b/"), A);  // b before c
  EXPECT_EQ(raw({"a/b/=deny", "a/b=list"}, Action::list, "a/b/"), D);  // a before b
  EXPECT_EQ(raw({"a/+=read"}, Action::read, "a/b/"), R);               // only lists
}

TEST(VaultCompat, TheFirstPlusCountsEvenWhereItIsText) {
  EXPECT_EQ(raw({"a+b/+=read", "a+b/c*=deny"}, Action::read, "a+b/c"), D);
  EXPECT_EQ(raw({"x+/y/+/z=read", "x+/y*=deny"}, Action::read, "x+/y/q/z"), D);
  EXPECT_EQ(raw({"x/y/+/z=read", "x/y*=deny"}, Action::read, "x/y/q/z"), A);
}

TEST(VaultCompat, ARuleThatGivesNothingStillHidesWhatIsLessSpecific) {
  EXPECT_EQ(raw({"a/*=read", "a/b/*=sudo"}, Action::read, "a/b/c"), R);
  EXPECT_EQ(raw({"a/*=read", "a/b/c=patch"}, Action::read, "a/b/c"), R);
}

TEST(VaultCompat, OnlyThePatternsOfTheAskerCount) {
  PolicyRules rules = vault({"a/*=read"});
  rules.rules.push_back(rule("user:v", {}, ActionSet::on_paths(), {"a/b"}));
  EXPECT_EQ(both(rules, Identity::user("u"), Action::read, "a/b"), A);
  EXPECT_EQ(both(rules, Identity::user("v"), Action::read, "a/b"), D);
  EXPECT_EQ(both(rules, Identity::user("v"), Action::read, "a/c"), R);
}

TEST(VaultCompat, ListIsNotScan) {
  EXPECT_EQ(raw({"a/*=list"}, Action::scan, "a/"), R);
  EXPECT_EQ(raw({"a/*=scan"}, Action::scan, "a/"), A);
  EXPECT_EQ(raw({"a/*=read"}, Action::resolve, "a/b"), A);
}

// ---- against the reference, random policies ----

std::string written(const PolicyRules& rules) {
  std::string text(to_string(rules.mode));
  for (const PolicyRule& one : rules.rules) {
    text += "\n  to";
    for (const Subject& who : one.subjects) {
      text += " " + std::to_string(static_cast<int>(who.kind)) + ":" + who.name;
    }
    text +=
        " allow " + std::to_string(one.allow.bits()) + " deny " + std::to_string(one.deny.bits());
    for (const PathPattern& pattern : one.paths) text += " '" + pattern.text + "'";
  }
  return text;
}

// smallest drops rules as long as the answers still differ.
template <typename Differ>
PolicyRules smallest(PolicyRules rules, const Differ& differ) {
  for (std::size_t i = 0; i < rules.rules.size();) {
    PolicyRules fewer = rules;
    fewer.rules.erase(fewer.rules.begin() + static_cast<std::ptrdiff_t>(i));
    if (differ(fewer)) {
      rules = std::move(fewer);
    } else {
      ++i;
    }
  }
  return rules;
}

// matched_patterns walks the automaton as the tools do.
std::vector<std::string> matched_patterns(const PolicyAutomaton& automaton, std::string_view text,
                                          bool tails) {
  std::vector<std::uint32_t> matched;
  auto state = automaton.start();
  if (!text.empty()) {
    for (const std::string& segment : test::split(text)) {
      automaton.collect(state, segment, matched);
      state = automaton.step(state, segment);
    }
  }
  for (const std::uint32_t end : automaton.ends(state)) matched.push_back(end);
  if (tails) {
    for (const std::uint32_t tail : automaton.tails(state)) matched.push_back(tail);
  }
  std::vector<std::string> texts;
  for (const std::uint32_t number : matched) texts.emplace_back(automaton.pattern(number).text);
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::string> matching_patterns(const PolicyRules& rules, const std::string& text,
                                           bool below) {
  std::vector<std::string> texts;
  for (const PolicyRule& one : rules.rules) {
    for (const PathPattern& pattern : one.paths) {
      const bool matches = rules.mode == PolicyMode::vault_compat
                               ? test::vault_match(pattern.text, text)
                               : test::own_match(pattern.text, text, below);
      if (matches) texts.push_back(pattern.text);
    }
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

TEST(CompiledPolicy, AnswersAsTheReferenceWhateverTheRules) {
  const bool long_run = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(long_run ? 100 : 6);
  const std::size_t enough = long_run ? 20'000'000 : 400'000;
  const char* const given = std::getenv("STRONGROOM_SEED");
  const auto seed = given != nullptr ? static_cast<std::uint64_t>(std::atoll(given))
                                     : std::uint64_t{std::random_device()()};
  SCOPED_TRACE("STRONGROOM_SEED=" + std::to_string(seed));
  std::mt19937_64 dice(seed);
  test::PolicyMaker maker([&](std::size_t n) { return static_cast<std::size_t>(dice() % n); });
  const std::vector<Identity> people = test::some_identities();

  std::size_t num_asked = 0;
  std::size_t num_allowed = 0;
  while (num_asked < enough && std::chrono::steady_clock::now() < until) {
    const PolicyRules rules = maker.rules();
    const auto policy = compiled(rules);
    ASSERT_NE(policy, nullptr);
    const ReferencePolicy reference(rules);
    for (int i = 0; i < 24; ++i, ++num_asked) {
      const Identity& who = people[dice() % people.size()];
      const Action action = maker.action();
      const Path where = maker.path();
      const auto differ = [&](const PolicyRules& fewer) {
        return compiled(fewer)->decide(who, action, where) !=
               ReferencePolicy(fewer).decide(who, action, where);
      };
      const Decision decision = policy->decide(who, action, where);
      num_allowed += decision == A ? 1 : 0;
      ASSERT_EQ(decision, reference.decide(who, action, where))
          << "'" << who.id() << "' " << to_string(action) << " '" << where.text() << "' under "
          << written(smallest(rules, differ));
      if (rules.mode == PolicyMode::deny_overrides || is_administration(action)) continue;
      const std::string request = maker.raw();
      const auto differ_raw = [&](const PolicyRules& fewer) {
        return compiled(fewer)->decide_raw(who, action, request) !=
               ReferencePolicy(fewer).decide_raw(who, action, request);
      };
      if (who.kind() == Identity::Kind::trusted) continue;
      ASSERT_EQ(policy->decide_raw(who, action, request),
                reference.decide_raw(who, action, request))
          << "'" << who.id() << "' " << to_string(action) << " '" << request << "' raw under "
          << written(smallest(rules, differ_raw));
    }
    const auto automaton = PolicyAutomaton::build(rules);
    ASSERT_TRUE(automaton);
    const std::string where = maker.path().text();
    const bool own_mode = rules.mode == PolicyMode::deny_overrides;
    if (!own_mode && where.empty()) continue;
    ASSERT_EQ(matched_patterns(*automaton, where, own_mode),
              matching_patterns(rules, where, own_mode))
        << where << " under " << written(rules);
  }
  EXPECT_GT(num_allowed, num_asked / 20) << "the dice hit too little";
  EXPECT_LT(num_allowed, num_asked / 2);
  RecordProperty("requests", static_cast<int>(num_asked));
}

// ---- limits ----

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(CompiledPolicy, LongSegmentsAndPathsAreToldApart) {
  const std::string longest(255, 'x');
  const std::string other = std::string(254, 'x') + 'y';
  const std::string deep = repeated(longest + "/", 15) + longest;
  const PolicyRules rules = own({rule("user:u", Action::read, {}, {longest, deep, "b/" + other})});
  const Identity who = Identity::user("u");
  EXPECT_EQ(both(rules, who, Action::read, longest), A);
  EXPECT_EQ(both(rules, who, Action::read, other), R);
  EXPECT_EQ(both(rules, who, Action::read, std::string(254, 'x')), R);
  EXPECT_EQ(both(rules, who, Action::read, deep), A);
  EXPECT_EQ(both(rules, who, Action::read, deep.substr(0, deep.size() - 1)), R);
  EXPECT_EQ(both(rules, who, Action::read, "b/" + other), A);
  EXPECT_EQ(both(rules, who, Action::read, "b/" + longest), R);
}

TEST(CompiledPolicy, EverySegmentLengthIsItself) {
  std::vector<std::string> patterns;
  for (std::size_t len = 1; len <= 255; len += 2) patterns.push_back("a/" + std::string(len, 'x'));
  const auto policy = compiled(own({rule("user:u", Action::read, {}, patterns)}));
  const Identity who = Identity::user("u");
  for (std::size_t len = 1; len <= 255; ++len) {
    const Path where = path("a/" + std::string(len, 'x'));
    EXPECT_EQ(policy->decide(who, Action::read, where), len % 2 == 1 ? A : R) << len;
    const Path below = path("a/" + std::string(len, 'x') + "/b");
    EXPECT_EQ(policy->decide(who, Action::read, below), R) << len;
  }
}

TEST(CompiledPolicy, EveryByteOfASegmentCounts) {
  const std::string label = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t len = 1; len <= label.size(); ++len) {
    const std::string text = label.substr(0, len);
    const auto policy = compiled(own({rule("user:u", Action::read, {}, {text})}));
    for (std::size_t i = 0; i < len; ++i) {
      for (const char c : {'!', static_cast<char>(text[i] + 1), 'Z'}) {
        std::string near = text;
        near[i] = c;
        EXPECT_EQ(policy->decide(Identity::user("u"), Action::read, path(near)), R) << near;
      }
    }
    EXPECT_EQ(policy->decide(Identity::user("u"), Action::read, path(text)), A);
  }
}

// Enough of them to collide in the table; every other one is in the policy.
TEST(CompiledPolicy, SegmentsThatBeginAlikeAreToldApart) {
  for (const std::size_t num_alike : {1U, 8U, 16U, 17U, 40U}) {
    std::vector<std::string> patterns;
    const auto label = [&](int i) {
      return std::string(num_alike, 'x') + std::to_string(10'000 + i);
    };
    for (int i = 0; i < 8000; i += 2) patterns.push_back("a/" + label(i));
    const auto policy = compiled(own({rule("user:u", Action::read, {}, patterns)}));
    const Identity who = Identity::user("u");
    int num_wrong = 0;
    for (int i = 0; i < 8000; ++i) {
      const Decision wanted = i % 2 == 0 ? A : R;
      if (policy->decide(who, Action::read, path("a/" + label(i))) != wanted) ++num_wrong;
      if (policy->decide(who, Action::read, path("b/" + label(i))) != R) ++num_wrong;
    }
    EXPECT_EQ(num_wrong, 0) << num_alike;
  }
}

TEST(CompiledPolicy, ThePathMayEndWhereItsMemoryEnds) {
  for (std::size_t len = 1; len < 40; ++len) {  // an address sanitizer watches over both ends
    const std::string text(len, 'p');
    const auto policy = compiled(vault({text + "=read"}));
    const std::unique_ptr<char[]> exact(new char[len]);
    std::copy(text.begin(), text.end(), exact.get());
    const std::string_view request(exact.get(), len);
    EXPECT_EQ(policy->decide_raw(Identity::user("u"), Action::read, request), A);
  }
}

TEST(CompiledPolicy, WildcardsMayBeInSixtyFourUnlikePlacements) {
  const auto patterns = [](int n) {
    std::vector<PolicyRule> rules;
    for (int i = 0; i < n; ++i) {  // i in binary, 1 for a wildcard
      std::string text;
      for (int bit = 0; bit < 7; ++bit) text += (i >> bit & 1) != 0 ? "*/" : "a/";
      rules.push_back(rule("user:u", Action::read, {}, {text + "z"}));
    }
    return own(rules);
  };
  EXPECT_EQ(both(patterns(64), Identity::user("u"), Action::read, "a/a/a/a/a/a/a/z"), A);
  EXPECT_EQ(refused(patterns(65), "more than 64 different"), Code::too_large);
}

TEST(CompiledPolicy, AHundredPatternsMayMatchOnePath) {
  std::vector<PolicyRule> rules;
  for (std::size_t i = 0; i < 50; ++i) {
    rules.push_back(rule("user:u", Action::read, {}, {repeated("a/", i) + "**"}));
    rules.push_back(rule("user:u", Action::update, {}, {repeated("*/", i + 1) + "**"}));
  }
  rules.push_back(rule("user:u", {}, Action::update, {repeated("a/", 50) + "**"}));
  const Identity who = Identity::user("u");
  EXPECT_EQ(both(own(rules), who, Action::read, repeated("a/", 63) + "a"), A);
  EXPECT_EQ(both(own(rules), who, Action::update, repeated("a/", 63) + "a"), D);
  EXPECT_EQ(both(own(rules), who, Action::update, repeated("a/", 49) + "a"), A);
}

TEST(CompiledPolicy, PrefixesOfPrefixesCountAsMatches) {
  std::vector<std::string> rules;
  for (std::size_t i = 1; i <= 64; ++i) rules.push_back(std::string(i, 'x') + "*=read");
  const std::string all(70, 'x');
  EXPECT_EQ(both(vault(rules), Identity::user("u"), Action::read, all), A);
  rules.push_back(std::string(65, 'x') + "*=read");
  EXPECT_EQ(refused(vault(rules), "begin each other"), Code::too_large);
  // As many prefixes are fine if none begins another.
  std::vector<std::string> apart;
  for (std::size_t i = 1; i <= 200; ++i) {
    apart.push_back(std::to_string(1000 + i) + std::string(i, 'x') + "*=read");
  }
  EXPECT_EQ(both(vault(apart), Identity::user("u"), Action::read, apart[77].substr(0, 90)), A);
}

// Every state of the tools' automaton would be a different set.
PolicyRules multiplying(int num_rules) {
  std::mt19937_64 dice(1);  // any seed will do
  std::vector<PolicyRule> rules;
  for (int i = 0; i < num_rules; ++i) {
    std::string text;
    for (int at = 0; at < 12; ++at) {
      const bool star = at % 2 == 0 && dice() % 2 == 0;
      text += (star ? "*" : std::string(1, static_cast<char>('a' + dice() % 3))) + "/";
    }
    rules.push_back(rule("user:u", Action::read, {}, {text + "z"}));
  }
  return own(rules);
}

TEST(CompiledPolicy, WildcardsThatMultiplyMultiplyNothing) {
  const PolicyRules rules = multiplying(50'000);
  const auto policy = compiled(rules);
  EXPECT_LT(policy->num_nodes(), 600'000U);
  std::mt19937_64 dice(2);
  const ReferencePolicy reference(rules);
  for (int i = 0; i < 10; ++i) {
    std::string text;
    for (int at = 0; at < 12; ++at)
      text += std::string(1, static_cast<char>('a' + dice() % 3)) + "/";
    const Path where = path(text + "z");
    const Identity who = Identity::user("u");
    EXPECT_EQ(policy->decide(who, Action::read, where), reference.decide(who, Action::read, where));
  }
}

TEST(PolicyAutomaton, IsRefusedWhereItsStatesMultiply) {
  const auto began = std::chrono::steady_clock::now();
  const auto automaton = PolicyAutomaton::build(multiplying(50'000));
  ASSERT_FALSE(automaton);
  EXPECT_EQ(automaton.error().code, Code::too_large);
  EXPECT_NE(automaton.error().message.find("'"), std::string::npos) << automaton.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(60));  // some 2
}

TEST(PolicyAutomaton, HoldsWhatRulesGaveWhomByWhichPath) {
  const PolicyRules rules =
      own({rule("user:u", Action::read, {}, {"a/*", "b"}),
           rule("group:g", {}, Action::list, {"b", "a/*"}), rule("user:u", Action::seal, {}, {})});
  const auto automaton = PolicyAutomaton::build(rules);
  ASSERT_TRUE(automaton);
  ASSERT_EQ(automaton->num_patterns(), 2U);
  const auto& pattern = automaton->pattern(0);
  EXPECT_EQ(pattern.text, "a/*");
  EXPECT_FALSE(pattern.exact);
  ASSERT_EQ(pattern.grants.size(), 2U);
  EXPECT_EQ(automaton->subjects()[pattern.grants[1].subject], subject("group:g"));
  EXPECT_EQ(pattern.grants[1].rule, 1U);
  EXPECT_EQ(pattern.grants[1].path, 1U);
  EXPECT_EQ(pattern.grants[0].allow, ActionSet(Action::read) | Action::resolve);
  EXPECT_EQ(pattern.grants[1].deny, ActionSet(Action::list) | Action::scan);
  ASSERT_EQ(automaton->administration().size(), 1U);
  EXPECT_EQ(automaton->administration()[0].rule, 2U);
  EXPECT_EQ(automaton->labels(automaton->start()), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(automaton->dead(automaton->otherwise(automaton->start())));
}

TEST(CompiledPolicy, TeamsTimesAppsDoNotMultiply) {
  std::vector<PolicyRule> rules;
  for (int i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(i);
    rules.push_back(rule("user:u", Action::read, {}, {"team" + number + "/x/**"}));
    rules.push_back(rule("user:u", Action::read, {}, {"team" + number + "/app" + number}));
    rules.push_back(rule("user:v", Action::read, {}, {"*/app" + number + "/key"}));
  }
  const auto policy = compiled(own(rules));
  EXPECT_LT(policy->num_nodes(), 40'000U);
  EXPECT_EQ(policy->decide(Identity::user("v"), Action::read, path("team7/app9/key")), A);
  EXPECT_EQ(policy->decide(Identity::user("v"), Action::read, path("team7/app7/key")), A);
  EXPECT_EQ(policy->decide(Identity::user("u"), Action::read, path("team7/app7")), A);
  EXPECT_EQ(policy->decide(Identity::user("u"), Action::read, path("team7/app8")), R);
  EXPECT_EQ(policy->decide(Identity::user("v"), Action::read, path("other/app9/key")), A);
}

TEST(CompiledPolicy, MoreRulesThanThereMayBeAreRefused) {
  PolicyRules rules = own({rule("anyone", Action::read, {}, {"a"})});
  rules.rules.resize(kMaxPolicyRules + 1, rules.rules.front());
  EXPECT_EQ(refused(rules), Code::too_large);
  rules.rules.resize(1);
  rules.rules[0].subjects.resize(1001, subject("anyone"));
  rules.rules.resize(1000, rules.rules.front());
  EXPECT_EQ(refused(rules), Code::too_large);
}

TEST(CompiledPolicy, ManyRulesCostMemoryInProportion) {
  std::vector<PolicyRule> rules;
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    rules.push_back(rule("user:u" + number, Action::read, {}, {"app/" + number + "/key"}));
  }
  const auto policy = compiled(own(rules));
  EXPECT_LT(policy->memory_bytes(), 20'000U * 600);
  EXPECT_LE(policy->longest_probe(), 256U);
  for (int i = 0; i < 20'000; i += 777) {
    const Path where = path("app/" + std::to_string(i) + "/key");
    EXPECT_EQ(policy->decide(Identity::user("u" + std::to_string(i)), Action::read, where), A);
    EXPECT_EQ(policy->decide(Identity::user("u" + std::to_string(i + 1)), Action::read, where), R);
  }
}

TEST(CompiledPolicy, WhoIsInManyGroupsOfThePolicyIsWeighedByAllOfThem) {
  std::vector<PolicyRule> rules;
  std::vector<std::string> groups;
  for (int i = 0; i < 100; ++i) {
    groups.push_back("g" + std::to_string(i));
    rules.push_back(rule("group:" + groups.back(), Action::read, {}, {"a/" + groups.back()}));
    rules.push_back(rule("group:" + groups.back(), Action::update, {}, {"a/all"}));
  }
  rules.push_back(rule("group:g99", {}, Action::read, {"a/g0"}));
  rules.push_back(rule("group:g98", {}, Action::update, {"a/all"}));
  const Identity who = Identity::user("u", groups);
  EXPECT_EQ(both(own(rules), who, Action::read, "a/g0"), D);
  EXPECT_EQ(both(own(rules), who, Action::read, "a/g1"), A);
  EXPECT_EQ(both(own(rules), who, Action::read, "a/g98"), A);
  EXPECT_EQ(both(own(rules), who, Action::update, "a/all"), D);
  PolicyRules as_vault = own(rules);
  as_vault.mode = PolicyMode::vault_compat;
  as_vault.rules.push_back(rule("group:g50", Action::create, {}, {"a/*"}));
  as_vault.rules.push_back(rule("group:g1", {}, ActionSet::on_paths(), {"*"}));
  EXPECT_EQ(both(as_vault, who, Action::create, "a/x"), A);
}

// ---- what a decision costs ----

TEST(CompiledPolicy, ADecisionAllocatesNothing) {
  if (COUNTS_ALLOCATIONS == 0) GTEST_SKIP() << "allocations are not counted here";
  std::vector<PolicyRule> rules;
  for (int i = 0; i < 100; ++i) {
    rules.push_back(rule("group:g" + std::to_string(i), Action::read, {},
                         {"a/*/" + std::to_string(i), "a/**"}));
  }
  for (const PolicyMode mode : {PolicyMode::deny_overrides, PolicyMode::vault_compat}) {
    PolicyRules all = own(rules);
    all.mode = mode;
    const auto policy = compiled(all);
    std::vector<std::string> groups;
    for (int i = 0; i < 60; ++i) groups.push_back("g" + std::to_string(i * 3));
    const Identity who = Identity::user("a-user-with-quite-a-long-name-indeed", groups);
    const Path where = path("a/" + std::string(200, 'x') + "/33");
    const std::size_t before = num_allocations;
    for (int i = 0; i < 3; ++i) {
      (void)policy->decide(who, Action::read, where);
      (void)policy->decide(who, Action::list, where);
      (void)policy->decide(who, Action::seal, Path());
      (void)policy->decide_raw(who, Action::read, where.text());
    }
    EXPECT_EQ(num_allocations, before);
  }
}

TEST(CompiledPolicy, AnIdentityMovesBetweenPolicies) {
  const Identity who = Identity::user("u", {"g"});
  const auto first =
      compiled(own({rule("user:x", {}, {}, {"z"}), rule("user:u", Action::read, {}, {"a"})}));
  const auto second = compiled(
      own({rule("user:x", Action::read, {}, {"a"}), rule("group:g", Action::read, {}, {"b"})}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(first->decide(who, Action::read, path("a")), A);
    EXPECT_EQ(first->decide(who, Action::read, path("b")), R);
    EXPECT_EQ(second->decide(who, Action::read, path("a")), R);
    EXPECT_EQ(second->decide(who, Action::read, path("b")), A);
  }
}

TEST(CompiledPolicy, AnIdentityThatWasMovedOrCopiedIsNobodyElse) {
  const auto policy = compiled(
      own({rule("user:u", Action::read, {}, {"a"}), rule("group:g", Action::read, {}, {"b"})}));
  Identity who = Identity::user("u", {"g"});
  Identity other = Identity::user("v", {"h", "i"});
  for (const char* where : {"a", "b"}) {
    EXPECT_EQ(policy->decide(who, Action::read, path(where)), A);
    EXPECT_EQ(policy->decide(other, Action::read, path(where)), R);
  }
  const Identity copy = who;
  other = std::move(who);
  who = Identity::user("w");
  for (const char* where : {"a", "b"}) {
    EXPECT_EQ(policy->decide(copy, Action::read, path(where)), A);
    EXPECT_EQ(policy->decide(other, Action::read, path(where)), A);
    EXPECT_EQ(policy->decide(who, Action::read, path(where)), R);
  }
  const Identity last = std::move(other);
  EXPECT_EQ(policy->decide(other, Action::read, path("a")), R);  // NOLINT: does not crash
  EXPECT_EQ(policy->decide(last, Action::read, path("a")), A);
}

TEST(CompiledPolicy, ManyDecideWhileOthersCompile) {
  const Identity who = Identity::user("u", {"g"});
  const Path mine = path("team/a");
  const Path theirs = path("team/b");
  const auto fresh = [](int i) {
    std::vector<PolicyRule> rules;
    for (int j = 0; j < i % 7; ++j) {
      rules.push_back(rule("user:other" + std::to_string(j), Action::read, {}, {"team/b"}));
    }
    rules.push_back(rule("user:u", Action::read, {}, {"team/a"}));
    return compiled(own(rules));
  };
  std::atomic<std::shared_ptr<const CompiledPolicy>> policy = fresh(0);
  std::atomic<bool> stop = false;
  std::atomic<int> num_wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto now = policy.load();
        if (now->decide(who, Action::read, mine) != A) ++num_wrong;
        if (now->decide(who, Action::read, theirs) != R) ++num_wrong;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) policy = fresh(i);
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(num_wrong, 0);
}

}  // namespace
}  // namespace strongroom
