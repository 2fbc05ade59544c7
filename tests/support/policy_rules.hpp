// policy_rules.hpp: rules for tests, in few words.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"

namespace strongroom::testing {

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

// RandomPolicies makes small policies whose rules hit one another.
class RandomPolicies {
 public:
  explicit RandomPolicies(unsigned seed) : random_(seed) {}

  unsigned below(std::size_t n) { return static_cast<unsigned>(random_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  template <typename Of>
  const auto& any(const Of& of) {
    return of[below(std::size(of))];
  }

  PolicyRules rules(PolicyMode mode, std::size_t max_rules) {
    PolicyRules rules;
    rules.mode = mode;
    rules.documents = {"web"};
    rules.services_need_grants = one_in(3);
    const std::size_t num = below(max_rules + 1);
    for (std::size_t i = 0; i < num; ++i) rules.rules.push_back(rule(mode, i));
    return rules;
  }

  PolicyRule rule(PolicyMode mode, std::size_t number) {
    PolicyRule rule;
    rule.place = {0, static_cast<std::uint32_t>(number + 1), 1};
    for (unsigned i = 0; i <= below(2); ++i) rule.subjects.push_back(subject());
    if (mode == PolicyMode::deny_overrides && one_in(8)) {
      (one_in(4) ? rule.deny : rule.allow) = some(ActionSet::administration());
      return rule;
    }
    const bool denies = one_in(3);
    if (mode == PolicyMode::vault_compat && denies) {
      rule.deny = ActionSet::on_paths();
    } else {
      (denies ? rule.deny : rule.allow) = some(ActionSet::on_paths());
    }
    for (unsigned i = 0; i <= below(2); ++i) {
      const auto column = static_cast<std::uint32_t>(i + 2);
      rule.paths.push_back({pattern(mode), {0, rule.place.line, column}});
    }
    return rule;
  }

  Subject subject() {
    static const char* const kSubjects[] = {"user:u",          "user:v",      "service:s",
                                            "administrator:m", "group:g",     "group:h",
                                            "any-user",        "any-service", "anyone"};
    return parse_subject(any(kSubjects)).value();
  }

  std::string pattern(PolicyMode mode) {
    static const char* const kOwn[] = {"a", "b", "c", "*", "a", "b"};
    static const char* const kVault[] = {"a", "b", "ab", "+", "a", "+b"};
    const bool own = mode == PolicyMode::deny_overrides;
    std::string text;
    const unsigned depth = below(3);
    for (unsigned i = 0; i < depth; ++i) text += std::string(own ? any(kOwn) : any(kVault)) + "/";
    if (own) return text + (one_in(3) ? "**" : any(kOwn));
    static const char* const kVaultEnds[] = {"*", "a", "a*", "b", "+", "", "ab*", "+b*", "ab"};
    text += any(kVaultEnds);
    return text;
  }

  std::string path() {
    static const char* const kSegments[] = {"a", "b", "ab", "abc", "x", "c"};
    std::string text;
    for (unsigned i = 0; i <= below(3); ++i) {
      text += (i == 0 ? "" : "/") + std::string(any(kSegments));
    }
    return text;
  }

 private:
  ActionSet some(ActionSet of) {
    for (;;) {
      ActionSet set;
      for (std::size_t i = 0; i < kNumActions; ++i) {
        const auto action = static_cast<Action>(i);
        if (of.has(action) && one_in(4)) set = set | action;
      }
      if (!set.empty()) return set;
    }
  }

  std::mt19937 random_;
};

}  // namespace strongroom::testing
