// policy_rules.hpp: rules for tests, in few words.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy_maker.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"

namespace strongroom::test {

// rules_of reads one document, "web", in any of the forms.
inline PolicyRules rules_of(std::string text) {
  const PolicyDocument documents[] = {{"web", std::move(text)}};
  auto rules = parse_policy(documents);
  EXPECT_TRUE(rules) << (rules ? "" : rules.error().message);
  return rules ? std::move(rules).value() : PolicyRules();
}

// Rule is one rule of a line each, numbered from 1: subjects as parse_subject reads them, between
// blanks, then what is allowed, or with '!' before it denied, then patterns.
struct Rule {
  const char* to;
  const char* actions;
  const char* paths;
};

inline std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

inline ActionSet actions_of(std::string_view text) {
  ActionSet actions;
  for (const std::string& word : words_of(text)) {
    for (std::size_t i = 0; i < kNumActions; ++i) {
      if (to_string(static_cast<Action>(i)) == word) actions = actions | static_cast<Action>(i);
    }
  }
  return actions;
}

inline PolicyRules rules_of(PolicyMode mode, std::initializer_list<Rule> written) {
  PolicyRules rules;
  rules.mode = mode;
  rules.documents = {"web"};
  for (const Rule& one : written) {
    PolicyRule rule;
    rule.place = {0, static_cast<std::uint32_t>(rules.rules.size() + 1), 1};
    for (const std::string& word : words_of(one.to)) {
      rule.subjects.push_back(parse_subject(word).value());
    }
    const std::string_view actions = one.actions;
    if (actions.starts_with('!')) {
      rule.deny = actions == "!" ? ActionSet::on_paths() : actions_of(actions.substr(1));
    } else {
      rule.allow = actions_of(actions);
    }
    std::uint32_t column = 5;
    for (const std::string& word : words_of(one.paths)) {
      rule.paths.push_back({word, {0, rule.place.line, column}});
      column += static_cast<std::uint32_t>(word.size()) + 1;
    }
    rules.rules.push_back(std::move(rule));
  }
  return rules;
}

inline PolicyRules own(std::initializer_list<Rule> rules) {
  return rules_of(PolicyMode::deny_overrides, rules);
}
inline PolicyRules vault(std::initializer_list<Rule> rules) {
  return rules_of(PolicyMode::vault_compat, rules);
}

// printed writes rules so that a failing test can be told again.
inline std::string printed(const PolicyRules& rules) {
  std::string text(to_string(rules.mode));
  if (rules.services_need_grants) text += ", services need grants";
  for (const PolicyRule& rule : rules.rules) {
    text += "\n  {\"";
    for (const Subject& subject : rule.subjects) text += to_string(subject) + " ";
    text += "\", \"";
    if (!rule.deny.empty()) text += "!";
    for (std::size_t i = 0; i < kNumActions; ++i) {
      const auto action = static_cast<Action>(i);
      if ((rule.allow | rule.deny).has(action)) text += std::string(to_string(action)) + " ";
    }
    text += "\", \"";
    for (const PathPattern& path : rule.paths) text += path.text + " ";
    text += "\"},";
  }
  return text + "\n";
}

// made_by makes policies of a seed, whose rules hit one another.
inline auto made_by(unsigned seed) {
  return test::PolicyMaker([random = std::mt19937(seed)](std::size_t n) mutable {
    return static_cast<std::size_t>(random() % n);
  });
}

}  // namespace strongroom::test
