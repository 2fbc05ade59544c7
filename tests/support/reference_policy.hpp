// reference_policy.hpp: what rules mean, told as plainly as can be, to hold the automaton against.
//
// It shares no matching code with what it checks: rule by rule, text by text, no state. The rules of
// Vault are those of HashiCorp Vault's vault/acl.go of 2026 (semantics only), on raw request texts: a list of
// "p/" ranks what matches "p/" and what matches "p" together. OpenBao, and Vault before 1.13.10, 1.14.6 and
// 1.15.2, look at one form first.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"

namespace strongroom::test {

// split cuts at every '/': "" is one empty segment, "a/" is two.
inline std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> segments(1);
  for (const char c : text) {
    if (c == '/') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  return segments;
}

inline bool asks_below(Action action) {
  return action == Action::list || action == Action::scan;
}

// is_subject tells whether a rule for a subject is for somebody.
inline bool is_subject(const Identity& who, const Subject& subject) {
  using Kind = Identity::Kind;
  switch (subject.kind) {
    case Subject::Kind::user:
      return who.kind() == Kind::user && who.id() == subject.name;
    case Subject::Kind::service:
      return who.kind() == Kind::service && who.id() == subject.name;
    case Subject::Kind::administrator:
      return who.kind() == Kind::administrator && who.id() == subject.name;
    case Subject::Kind::group:
      return std::count(who.groups().begin(), who.groups().end(), subject.name) != 0;
    case Subject::Kind::any_user:
      return who.kind() == Kind::user;
    case Subject::Kind::any_service:
      return who.kind() == Kind::service;
    case Subject::Kind::anyone:
      return who.kind() != Kind::trusted;
  }
  return false;
}

inline bool is_for(const Identity& who, const PolicyRule& rule) {
  return std::any_of(rule.subjects.begin(), rule.subjects.end(),
                     [&](const Subject& subject) { return is_subject(who, subject); });
}

// own_match is deny-overrides' matching, on canonical paths.
inline bool own_match(std::string_view pattern, std::string_view path, bool below) {
  const std::vector<std::string> wanted = split(pattern);
  std::vector<std::string> given;
  if (!path.empty()) given = split(path);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "**") return i < given.size() || (below && i == given.size());
    if (i == given.size()) return false;
    if (wanted[i] != "*" && wanted[i] != given[i]) return false;
  }
  return wanted.size() == given.size();
}

// VaultKind is which of Vault's three tables a pattern goes to.
enum class VaultKind { exact, prefix, segments };

inline VaultKind vault_kind(std::string_view pattern) {
  if (pattern == "+" || pattern.substr(0, 2) == "+/" ||
      pattern.find("/+") != std::string_view::npos) {
    return VaultKind::segments;
  }
  return !pattern.empty() && pattern.back() == '*' ? VaultKind::prefix : VaultKind::exact;
}

// vault_match is whether a pattern matches a request as it stands.
inline bool vault_match(std::string_view pattern, std::string_view request) {
  const VaultKind kind = vault_kind(pattern);
  if (kind == VaultKind::exact) return pattern == request;
  const bool open = !pattern.empty() && pattern.back() == '*';
  if (open) pattern.remove_suffix(1);
  if (kind == VaultKind::prefix) return request.substr(0, pattern.size()) == pattern;
  const std::vector<std::string> wanted = split(pattern);
  const std::vector<std::string> given = split(request);
  if (given.size() < wanted.size()) return false;
  if (!open && given.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool same = wanted[i] == "+" || wanted[i] == given[i];
    const bool begins =
        open && i + 1 == wanted.size() && given[i].substr(0, wanted[i].size()) == wanted[i];
    if (!same && !begins) return false;
  }
  return true;
}

class ReferencePolicy final : public Policy {
 public:
  explicit ReferencePolicy(PolicyRules rules) : rules_(std::move(rules)) {}

  // decide_raw is Vault's answer to a request that need not be canonical.
  Decision decide_raw(const Identity& who, Action action, std::string_view request) const {
    while (!request.empty() && request.front() == '/') request.remove_prefix(1);
    const Given given = given_to(who);
    const std::string path(request);
    const bool slash = !path.empty() && path.back() == '/';
    const std::string without = slash ? path.substr(0, path.size() - 1) : path;
    if (const auto found = exact(given, path)) return answer(*found, action);
    if (asks_below(action)) {
      if (const auto found = exact(given, without)) return answer(*found, action);
    }
    std::vector<Candidate> found = candidates(given, path);
    if (asks_below(action) && slash) {
      for (Candidate& one : candidates(given, without)) found.push_back(std::move(one));
    }
    if (found.empty()) return Decision::refused;
    const Candidate best = *std::max_element(found.begin(), found.end(), worse);
    for (const Candidate& one : found) {  // a deny that ranks as high as the best one decides
      if (!worse(one, best) && !one.actions.deny.empty()) return Decision::denied;
    }
    return answer(best.actions, action);
  }

 private:
  struct Given {
    struct Actions {
      ActionSet allow;
      ActionSet deny;
    };
    std::map<std::string, Actions> by_pattern;
  };
  using Actions = Given::Actions;

  Decision by_rules(const Identity& who, Action action, const Path& path) const noexcept override {
    if (is_administration(action)) return administration(who, action);
    if (path.is_root() && !asks_below(action)) return Decision::refused;
    if (rules_.mode == PolicyMode::vault_compat) {
      const bool below = asks_below(action) && !path.is_root();
      return decide_raw(who, action, below ? path.text() + "/" : path.text());
    }
    bool allowed = false;
    for (const PolicyRule& rule : rules_.rules) {
      if (!is_for(who, rule)) continue;
      for (const PathPattern& pattern : rule.paths) {
        if (!own_match(pattern.text, path.text(), asks_below(action))) continue;
        if (means(rule.deny, action)) return Decision::denied;
        allowed = allowed || means(rule.allow, action);
      }
    }
    return allowed ? Decision::allowed : Decision::refused;
  }

  bool services_need_grants() const noexcept override { return rules_.services_need_grants; }

  Decision administration(const Identity& who, Action action) const {
    bool allowed = false;
    for (const PolicyRule& rule : rules_.rules) {
      if (!rule.paths.empty() || !is_for(who, rule)) continue;
      if (rule.deny.has(action)) return Decision::denied;
      allowed = allowed || rule.allow.has(action);
    }
    return allowed ? Decision::allowed : Decision::refused;
  }

  bool means(ActionSet actions, Action action) const {
    if (actions.has(action)) return true;
    if (action == Action::resolve) return actions.has(Action::read);
    const bool own = rules_.mode == PolicyMode::deny_overrides;
    return own && action == Action::scan && actions.has(Action::list);
  }

  Given given_to(const Identity& who) const {
    Given given;
    for (const PolicyRule& rule : rules_.rules) {
      if (!is_for(who, rule)) continue;
      for (const PathPattern& pattern : rule.paths) {
        Actions& actions = given.by_pattern[pattern.text];
        actions.allow = actions.allow | rule.allow;
        actions.deny = actions.deny | rule.deny;
      }
    }
    return given;
  }

  Decision answer(const Actions& actions, Action action) const {
    if (!actions.deny.empty()) return Decision::denied;  // a deny erases the rest
    return means(actions.allow, action) ? Decision::allowed : Decision::refused;
  }

  static std::optional<Actions> exact(const Given& given, const std::string& path) {
    const auto found = given.by_pattern.find(path);
    if (found == given.by_pattern.end() || vault_kind(path) != VaultKind::exact) return {};
    return found->second;
  }

  struct Candidate {
    std::size_t first_wildcard = 0;
    bool open = false;
    int wildcards = 0;
    std::string text;
    Actions actions;
  };

  static bool worse(const Candidate& a, const Candidate& b) {
    if (a.first_wildcard != b.first_wildcard) return a.first_wildcard < b.first_wildcard;
    if (a.open != b.open) return a.open;
    if (a.wildcards != b.wildcards) return a.wildcards > b.wildcards;
    if (a.text.size() != b.text.size()) return a.text.size() < b.text.size();
    return a.text < b.text;
  }

  static Candidate candidate(const std::string& pattern, const Actions& actions) {
    Candidate of;
    of.actions = actions;
    of.open = pattern.back() == '*';
    of.text = of.open ? pattern.substr(0, pattern.size() - 1) : pattern;
    if (vault_kind(pattern) == VaultKind::prefix) {
      of.first_wildcard = of.text.size();
      return of;
    }
    of.first_wildcard = pattern.find('+');
    for (const std::string& segment : split(of.text)) of.wildcards += segment == "+" ? 1 : 0;
    return of;
  }

  // candidates are the longest prefix rule, and every rule with segment wildcards that matches.
  static std::vector<Candidate> candidates(const Given& given, const std::string& path) {
    std::vector<Candidate> found;
    std::optional<Candidate> longest;
    for (const auto& [pattern, actions] : given.by_pattern) {
      const VaultKind kind = vault_kind(pattern);
      if (kind == VaultKind::exact || !vault_match(pattern, path)) continue;
      const Candidate one = candidate(pattern, actions);
      if (kind == VaultKind::segments) {
        found.push_back(one);
      } else if (!longest || one.text.size() > longest->text.size()) {
        longest = one;
      }
    }
    if (longest) found.push_back(*longest);
    return found;
  }

  PolicyRules rules_;
};

}  // namespace strongroom::test
