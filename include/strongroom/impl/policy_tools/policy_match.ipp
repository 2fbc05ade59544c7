// policy_match.ipp: see policy_match.hpp.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"

namespace strongroom {

std::string to_string(const PolicyRules& rules, const TextPlace& place) {
  std::string name = "?";
  if (place.document < rules.documents.size()) name = rules.documents[place.document];
  return name + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

namespace policy_match {
using Kind = Subject::Kind;

// pop takes the first segment off a path; after the last one, the rest is null.
static std::string_view pop(std::string_view& rest) noexcept {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return segment;
}

static bool deny_overrides_match(std::string_view pattern, std::string_view path,
                                 bool names) noexcept {
  bool pattern_left = !pattern.empty();
  bool path_left = !path.empty();
  while (pattern_left) {
    const bool last = pattern.find('/') == std::string_view::npos;
    if (last && pattern == "**") return path_left || names;
    if (!path_left) return false;
    path_left = path.find('/') != std::string_view::npos;
    const std::string_view segment = pop(path);
    const std::string_view wanted = pop(pattern);
    if (wanted != "*" && wanted != segment) return false;
    pattern_left = !last;
  }
  return !path_left;
}

// ---- Vault's ----

static bool has_any(std::string_view pattern) noexcept {
  return pattern == "+" || pattern.starts_with("+/") ||
         pattern.find("/+") != std::string_view::npos;
}

static bool exact(std::string_view pattern) noexcept {
  return !has_any(pattern) && !pattern.ends_with('*');
}

static std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> segments;
  for (;;) {
    const std::size_t slash = text.find('/');
    segments.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    text.remove_prefix(slash + 1);
  }
}

static bool any_match(std::string_view pattern, bool open, std::string_view path) {
  const auto wanted = split(pattern);
  const auto segments = split(path);
  if (open ? segments.size() < wanted.size() : segments.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "+" || wanted[i] == segments[i]) continue;
    if (!open || i + 1 != wanted.size() || !segments[i].starts_with(wanted[i])) return false;
  }
  return true;
}

// wild_match returns the rank of a pattern that is not exact, if it matches.
static std::optional<Rank> wild_match(std::string_view pattern, std::string_view path, int stage) {
  Rank rank;
  rank.stage = stage;
  rank.open = pattern.ends_with('*');
  rank.text = pattern.substr(0, pattern.size() - (rank.open ? 1 : 0));
  if (!has_any(pattern)) {
    if (!path.starts_with(rank.text)) return {};
    rank.first_wildcard = rank.text.size();
    return rank;
  }
  if (!any_match(rank.text, rank.open, path)) return {};
  rank.first_wildcard = pattern.find('+');
  const auto segments = split(rank.text);
  rank.num_any = static_cast<std::size_t>(std::count(segments.begin(), segments.end(), "+"));
  return rank;
}

static std::optional<Rank> exact_match(std::string_view pattern, std::string_view path, int stage) {
  if (pattern != path) return {};
  Rank rank;
  rank.stage = stage;
  rank.text = pattern;
  return rank;
}

static std::optional<Rank> vault_match(std::string_view pattern, std::string_view path,
                                       bool names) {
  const bool folder = names && !path.empty();
  const std::string given = std::string(path) + (folder ? "/" : "");
  if (exact(pattern)) {
    if (auto rank = exact_match(pattern, given, 0)) return rank;
    return folder ? exact_match(pattern, path, 1) : std::nullopt;
  }
  if (auto rank = wild_match(pattern, given, 2)) return rank;
  return folder ? wild_match(pattern, path, 2) : std::nullopt;
}

static Kind kind_of(const Identity& who) noexcept {
  switch (who.kind()) {
    case Identity::Kind::user:
      return Kind::user;
    case Identity::Kind::service:
      return Kind::service;
    default:
      return Kind::administrator;
  }
}

bool covers(const Subject& wide, const Subject& narrow) noexcept {
  if (wide.kind == Kind::anyone || wide == narrow) return true;
  if (wide.kind == Kind::any_user) return narrow.kind == Kind::user;
  return wide.kind == Kind::any_service && narrow.kind == Kind::service;
}

bool may_be_both(const Subject& a, const Subject& b) noexcept {
  if (a.kind == Kind::group || b.kind == Kind::group) return true;
  return covers(a, b) || covers(b, a);
}

bool may_serve(const Subject& subject) noexcept {
  return subject.kind == Kind::service || subject.kind == Kind::any_service ||
         subject.kind == Kind::group || subject.kind == Kind::anyone;
}

std::vector<Subject> subjects_of(const Identity& who) {
  if (who.kind() == Identity::Kind::trusted) return {};
  const Kind kind = kind_of(who);
  std::vector<Subject> subjects = {{kind, who.id()}, {Kind::anyone, {}}};
  if (kind == Kind::user) subjects.push_back({Kind::any_user, {}});
  if (kind == Kind::service) subjects.push_back({Kind::any_service, {}});
  for (const std::string& group : who.groups()) subjects.push_back({Kind::group, group});
  std::sort(subjects.begin(), subjects.end());
  return subjects;
}

int compare(const Rank& a, const Rank& b) noexcept {
  const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (a.stage != b.stage) return sign(b.stage, a.stage);
  if (const int by = sign(a.first_wildcard, b.first_wildcard)) return by;
  if (a.open != b.open) return a.open ? -1 : 1;
  if (a.num_any != b.num_any) return sign(b.num_any, a.num_any);
  if (const int by = sign(a.text.size(), b.text.size())) return by;
  return sign(a.text.compare(b.text), 0);
}

std::optional<Rank> match(PolicyMode mode, std::string_view pattern, Action action,
                          const Path& path) {
  const bool names = asks_for_names(action);
  if (mode == PolicyMode::vault_compat) return vault_match(pattern, path.text(), names);
  if (!deny_overrides_match(pattern, path.text(), names)) return {};
  return Rank();
}

void for_each_match(const PolicyRules& rules, Action action, const Path& path,
                    const std::function<void(const Spoken&)>& callback) {
  if (path.is_root() && !is_administration(action) && !asks_for_names(action)) return;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const PolicyRule& rule = rules.rules[i];
    if (is_administration(action)) {
      if (rule.paths.empty()) callback({i, 0, {}});
      continue;
    }
    for (std::size_t j = 0; j < rule.paths.size(); ++j) {
      if (const auto rank = match(rules.mode, rule.paths[j].text, action, path)) {
        callback({i, j, *rank});
      }
    }
  }
}

void Weight::add(const Weight& other) noexcept {
  const int by = !other.any ? -1 : !any ? 1 : compare(other.rank, rank);
  if (by > 0) *this = other;
  if (by != 0) return;
  allows = allows || other.allows;
  denies = denies || other.denies;
}

Weight weight(const PolicyRules& rules, const Spoken& spoken, Action action) noexcept {
  const PolicyRule& rule = rules.rules[spoken.rule];
  return {true, spoken.rank, effective(rules.mode, rule.allow).has(action),
          effective(rules.mode, rule.deny).has(action)};
}

std::string shown(const Subject& subject) {
  const std::string whole = policy_text::in_quotes(to_string(subject));
  return whole.substr(1, whole.size() - 2);
}

std::string shown(const PolicyRules& rules, const Spoken& spoken) {
  const PolicyRule& rule = rules.rules[spoken.rule];
  if (rule.paths.empty()) return to_string(rules, rule.place);
  const PathPattern& pattern = rule.paths[spoken.path];
  return to_string(rules, pattern.place) + " " + policy_text::in_quotes(pattern.text);
}

}  // namespace policy_match
}  // namespace strongroom
