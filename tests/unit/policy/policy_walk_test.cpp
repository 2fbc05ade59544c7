#include "strongroom/impl/policy_tools/policy_walk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/path.hpp"
#include "strongroom/policy/tools.hpp"
#include "support/policy_rules.hpp"

namespace strongroom::policy_walk_test {
namespace {

using policy_walk::fresh;
using policy_walk::Stop;
using policy_walk::Walk;
using test::own;
using test::vault;
using Texts = std::vector<std::string_view>;

TEST(FreshSegment, IsNoLabel) {
  EXPECT_EQ(fresh("", {}, {}), "x");
  EXPECT_EQ(fresh("", {"x"}, {}), "y");
  EXPECT_EQ(fresh("a", {}, {"a"}), "a") << "a prefix is one of its own";
  EXPECT_EQ(fresh("a", {"a"}, {"a"}), "ax");
  EXPECT_EQ(fresh("a", {"a", "ax"}, {"a", "ay"}), "az");
}

TEST(FreshSegment, IsOneThatAPathCanHave) {
  EXPECT_EQ(fresh(".", {}, {"."}), ".x");
  EXPECT_EQ(fresh("a%2", {}, {"a%2"}), "a%2");
  EXPECT_EQ(fresh("a%2", {"a%2"}, {"a%2"}), "a%2x");
  EXPECT_EQ(fresh("a%2f", {}, {}), std::nullopt) << "whatever follows";
}

// If every short segment is taken, a longer one is found, or there is none.
TEST(FreshSegment, IsFoundIfThereIsOne) {
  std::vector<std::string> ascii;
  for (char c = 0x20; c < 0x7F; ++c) {
    if (c != '/') ascii.emplace_back(1, c);
  }
  Texts taken(ascii.begin(), ascii.end());
  std::sort(taken.begin(), taken.end());
  const auto longer = fresh("", taken, {});
  ASSERT_TRUE(longer);
  EXPECT_TRUE(Path::parse(*longer)) << *longer;
  EXPECT_EQ(std::count(taken.begin(), taken.end(), *longer), 0);
  const auto other = fresh("", {}, taken);
  ASSERT_TRUE(other) << "not of ASCII";
  EXPECT_TRUE(Path::parse(*other)) << *other;

  const std::string full(kMaxSegmentLen, 'p');
  EXPECT_EQ(fresh(full, {}, {full}), full);
  EXPECT_EQ(fresh(full, {full}, {full}), std::nullopt);
  const std::string nearly(kMaxSegmentLen - 1, 'p');
  EXPECT_EQ(fresh(nearly, {nearly}, {nearly}), nearly + "x");
  std::vector<std::string> all = {nearly};
  for (const std::string& one : ascii) all.push_back(nearly + one);
  Texts labels(all.begin(), all.end());
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(fresh(nearly, labels, {nearly}), std::nullopt);
}

// stops lists the paths that a walk makes.
std::set<std::string> stops(const PolicyRules& rules) {
  const auto automaton = PolicyAutomaton::build(rules);
  EXPECT_TRUE(automaton);
  Walk walk(*automaton);
  std::set<std::string> paths;
  EXPECT_TRUE(walk.run([&](const Stop& stop) -> Result<void> {
    EXPECT_TRUE(paths.insert(walk.path_to(stop.number)).second);
    return {};
  }));
  return paths;
}

TEST(Walk, StopsWhereSomethingElseIsMet) {
  EXPECT_EQ(stops(own({{"user:u", "read", "a/**"}})), (std::set<std::string>{"", "a", "x", "a/x"}));
  EXPECT_EQ(stops(own({{"user:u", "read", "x/*/y"}})),
            (std::set<std::string>{"", "x", "y", "x/x", "x/x/y"}));
}

TEST(Walk, GoesNoDeeperThanPathsDo) {
  std::string deep = "*";
  for (std::size_t i = 1; i < kMaxSegments; ++i) deep += "/*";
  for (const std::string& path : stops(own({{"user:u", "read", deep.c_str()}}))) {
    EXPECT_TRUE(Path::parse(path)) << path;
  }
  std::string wide(255, 'a');
  for (int i = 0; i < 15; ++i) wide += "/" + std::string(255, 'a');
  for (const std::string& path : stops(own({{"user:u", "read", wide.c_str()}}))) {
    EXPECT_TRUE(Path::parse(path)) << path.size();
  }
}

TEST(Walk, WhatVisitingSaysEndsIt) {
  const auto automaton = PolicyAutomaton::build(own({}));
  ASSERT_TRUE(automaton);
  Walk walk(*automaton);
  const auto ended = walk.run([](const Stop&) -> Result<void> { return Error{Code::timeout, ""}; });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::timeout);
}

// squares is a policy whose patterns multiply: each has one literal, elsewhere.
PolicyRules squares(PolicyMode mode, std::size_t depth, const std::string& literal) {
  PolicyRules rules;
  rules.mode = mode;
  rules.documents = {"web"};
  for (std::size_t i = 0; i < depth; ++i) {
    std::string pattern;
    for (std::size_t at = 0; at < depth; ++at) {
      pattern += at == 0 ? "" : "/";
      pattern += at == i ? literal : mode == PolicyMode::deny_overrides ? "*" : "+";
    }
    PolicyRule rule = own({{"user:u", "update", "a"}}).rules[0];
    rule.paths[0].text = pattern;
    rules.rules.push_back(rule);
  }
  return rules;
}

// The time limit is that of the test program.
TEST(Walk, RunsAwayWithNobody) {
  for (const PolicyMode mode : {PolicyMode::deny_overrides, PolicyMode::vault_compat}) {
    const PolicyRules some = squares(mode, 8, "a");
    EXPECT_TRUE(lint(some));
    EXPECT_TRUE(diff(some, squares(mode, 8, "b")));
    const auto findings = lint(squares(mode, 24, "a"));
    ASSERT_FALSE(findings);
    EXPECT_EQ(findings.error().code, Code::too_large);
  }
}

TEST(Walk, ManySubjectsOfOnePatternAreBounded) {
  for (const PolicyMode mode : {PolicyMode::deny_overrides, PolicyMode::vault_compat}) {
    const bool ours = mode == PolicyMode::deny_overrides;
    PolicyRules rules;
    rules.mode = mode;
    rules.documents = {"web"};
    for (int i = 0; i < 40; ++i) {
      PolicyRule rule = own({{"user:u", "update", "a"}}).rules[0];
      rule.subjects.clear();
      for (int j = 0; j < 1'000; ++j) {
        rule.subjects.push_back({Subject::Kind::group, "g" + std::to_string(i * 500 + j)});
      }
      rule.paths[0].text = i % 2 == 0 ? (ours ? "**" : "*") : "a" + std::to_string(i) + "/b";
      rules.rules.push_back(rule);
    }
    EXPECT_TRUE(lint(rules));
    PolicyRules fewer = rules;
    fewer.rules.pop_back();
    EXPECT_TRUE(diff(rules, fewer));
  }
}

}  // namespace
}  // namespace strongroom::policy_walk_test
