// policy_lint.ipp: what is odd about a policy; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_match.hpp"
#include "strongroom/impl/policy/policy_surplus.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_lint {

using policy_surplus::Part;
using policy_surplus::Surplus;
using policy_surplus::Why;
using policy_text::in_quotes;
using FindingKind = PolicyFinding::Kind;

constexpr std::size_t kMaxPolicyFindings = 10'000;
constexpr std::size_t kMaxPairs = std::size_t{1} << 24;  // of patterns that are compared for lists

class Lint {
 public:
  explicit Lint(const PolicyRules& rules) : rules_(rules) {}

  Result<std::vector<PolicyFinding>> run();

 private:
  void look_at(const PolicyRule& rule);
  void look_at_subjects(const PolicyRule& rule);
  void look_at_actions(const PolicyRule& rule);
  void look_at_pattern(const PolicyRule& rule, const PathPattern& pattern);
  void look_at_own(const PolicyRule& rule, const PathPattern& pattern);
  void look_at_vault(const PolicyRule& rule, const PathPattern& pattern);
  void look_at_stars(const PathPattern& pattern);
  void look_at_end(const PolicyRule& rule, const PathPattern& pattern);
  void look_at_lists(const PolicyRule& rule, const PathPattern& pattern);
  void look_at_twins(const PathPattern& pattern);

  void note(const Surplus& surplus);
  void note(FindingKind kind, const TextPlace& place, std::string text);
  TextPlace place_of(const Part& part) const;
  std::string named(const std::optional<Part>& part) const;

  const PolicyRules& rules_;
  std::map<std::string, const PathPattern*> lower_case_;
  std::size_t pairs_left_ = kMaxPairs;
  std::vector<PolicyFinding> findings_;
};

static bool before(const TextPlace& a, const TextPlace& b) noexcept {
  return std::tie(a.document, a.line, a.column) < std::tie(b.document, b.line, b.column);
}

Result<std::vector<PolicyFinding>> Lint::run() {
  for (const PolicyRule& rule : rules_.rules) look_at(rule);
  STRONGROOM_ASSIGN(surpluses, policy_surplus::surpluses(rules_));
  for (const Surplus& surplus : surpluses.list) note(surplus);
  std::stable_sort(findings_.begin(), findings_.end(),
                   [](const auto& a, const auto& b) { return before(a.place, b.place); });
  if (findings_.size() > kMaxPolicyFindings) {
    findings_.resize(kMaxPolicyFindings);
    findings_.push_back({FindingKind::suspicious, findings_.back().place,
                         "there is more than is listed here; mend this, and look again"});
  }
  if (surpluses.gave_up) {
    findings_.push_back({FindingKind::suspicious,
                         {},
                         "the policy is too large to find all that is redundant, overridden or "
                         "needless; there may be more"});
  }
  return std::move(findings_);
}

void Lint::note(FindingKind kind, const TextPlace& place, std::string text) {
  // What is found more often than can be listed is dropped before it costs memory.
  if (findings_.size() > 2 * kMaxPolicyFindings) return;
  findings_.push_back({kind, place, std::move(text)});
}

TextPlace Lint::place_of(const Part& part) const {
  const PolicyRule& rule = rules_.rules[part.rule];
  return rule.paths.empty() ? rule.place : rule.paths[part.path].place;
}

std::string Lint::named(const std::optional<Part>& part) const {
  if (!part) return "other rules";
  return policy_match::shown(rules_, {part->rule, part->path, {}});
}

void Lint::note(const Surplus& surplus) {
  const PolicyRule& rule = rules_.rules[surplus.part.rule];
  const TextPlace place = place_of(surplus.part);
  const std::string what =
      rule.paths.empty() ? "this rule" : in_quotes(rule.paths[surplus.part.path].text);
  switch (surplus.why) {
    case Why::allowed_anyway:
      return note(FindingKind::redundant, place,
                  what + " allows nothing that is not allowed without it, as by " +
                      named(surplus.other) + "; remove it");
    case Why::free_anyway:
      return note(FindingKind::redundant, place,
                  what +
                      " allows what a service may without a rule, to resolve what lies in its "
                      "space; remove it");
    case Why::denied_anyway:
      return note(FindingKind::redundant, place,
                  what + " denies nothing that is not denied without it, as by " +
                      named(surplus.other) + "; remove it");
    case Why::all_denied:
      return note(FindingKind::overridden, place,
                  "all that " + what + " allows is denied, as by " + named(surplus.other) +
                      "; remove the one or the other");
    case Why::outranked:
      return note(FindingKind::overridden, place,
                  what + " never decides: wherever it matches, a more specific pattern does, as " +
                      named(surplus.other) + "; remove it");
    case Why::nothing_there:
      return note(FindingKind::needless, place,
                  what +
                      " denies what nobody is allowed; remove it, unless it is a guard against "
                      "rules to come");
  }
}

// ---- what can be told from a rule alone ----

void Lint::look_at(const PolicyRule& rule) {
  if (rule.subjects.empty()) {
    note(FindingKind::unmatched, rule.place,
         "nobody holds this rule; grant it to somebody, or remove it");
  }
  look_at_actions(rule);
  look_at_subjects(rule);
  for (const PathPattern& pattern : rule.paths) look_at_pattern(rule, pattern);
}

void Lint::look_at_actions(const PolicyRule& rule) {
  if (rule.allow.empty() && rule.deny.empty()) {
    note(FindingKind::no_effect, rule.place,
         "this rule gives and takes no action that there is; what it says has no meaning here");
  }
  for (const Action action : {Action::unseal, Action::init}) {
    if (!rule.allow.has(action) && !rule.deny.has(action)) continue;
    note(FindingKind::no_effect, rule.place,
         in_quotes(to_string(action)) +
             " is asked of a sealed store, which cannot read a policy stored in it; only a policy "
             "that the host brings can give or take it");
  }
}

void Lint::look_at_subjects(const PolicyRule& rule) {
  const bool administration = !((rule.allow | rule.deny) & ActionSet::administration()).empty();
  bool serves = false;
  for (const Subject& subject : rule.subjects) {
    serves = serves || policy_match::may_serve(subject);
    if (administration && subject.kind == Subject::Kind::administrator) {
      note(FindingKind::no_effect, rule.place,
           "an administrator may do all administration whatever rules say, and so may " +
               policy_match::shown(subject));
    }
    if (subject.kind == Subject::Kind::any_service && rule.allow.has(Action::read)) {
      note(FindingKind::suspicious, rule.place,
           "any service may read this, in its space or not; what services need is 'resolve'");
    }
  }
  if (!rule.subjects.empty() && !serves && rule.allow == ActionSet(Action::resolve)) {
    note(FindingKind::no_effect, rule.place, "only services resolve, and none of these is one");
  }
}

void Lint::look_at_pattern(const PolicyRule& rule, const PathPattern& pattern) {
  const std::string_view text = pattern.text;
  if (text.starts_with(' ') || text.ends_with(' ') || text.find(" /") != text.npos ||
      text.find("/ ") != text.npos) {
    note(FindingKind::suspicious, pattern.place,
         in_quotes(text) + " has a blank at an end of a segment, which counts");
  }
  look_at_twins(pattern);
  if (rules_.mode == PolicyMode::deny_overrides) {
    look_at_own(rule, pattern);
  } else {
    look_at_vault(rule, pattern);
  }
}

void Lint::look_at_twins(const PathPattern& pattern) {
  std::string lower = pattern.text;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const PathPattern* const twin = lower_case_.emplace(std::move(lower), &pattern).first->second;
  if (twin->text == pattern.text) return;
  note(FindingKind::suspicious, pattern.place,
       in_quotes(pattern.text) + " is " + in_quotes(twin->text) + " at " +
           to_string(rules_, twin->place) + " in another case, and so another path");
}

static bool for_anyone(const PolicyRule& rule) {
  return std::find(rule.subjects.begin(), rule.subjects.end(),
                   Subject{Subject::Kind::anyone, {}}) != rule.subjects.end();
}

void Lint::look_at_own(const PolicyRule& rule, const PathPattern& pattern) {
  if (pattern.text.starts_with('/')) {
    note(FindingKind::suspicious, pattern.place, in_quotes(pattern.text) + " begins with a '/'");
  }
  if (pattern.text == "**" && !rule.allow.empty() && for_anyone(rule)) {
    note(FindingKind::suspicious, pattern.place,
         "everybody is allowed this on every path there is");
  }
}

// ---- vault-compat ----

// reachable is a path, or the begin of one, that an exact pattern or an open one matches.
static bool reachable(std::string_view pattern) {
  const bool open = pattern.ends_with('*');
  if (open) pattern.remove_suffix(1);
  if (!open && pattern.ends_with('/')) pattern.remove_suffix(1);  // as a list asks
  if (pattern.starts_with('/') || pattern.ends_with("//")) return false;
  const std::string text(pattern);
  if (!open) return Path::parse(text).ok();
  if (Path::parse(text + "x").ok()) return true;
  return !text.ends_with('/') && Path::parse(text).ok();
}

void Lint::look_at_vault(const PolicyRule& rule, const PathPattern& pattern) {
  if (!reachable(pattern.text)) {
    note(FindingKind::unmatched, pattern.place, "no path is ever like " + in_quotes(pattern.text));
    return;
  }
  look_at_stars(pattern);
  look_at_end(rule, pattern);
  look_at_lists(rule, pattern);
  if (pattern.text == "*" && !rule.allow.empty() && for_anyone(rule)) {
    note(FindingKind::suspicious, pattern.place,
         "everybody is allowed this on every path that no other pattern is for");
  }
}

void Lint::look_at_stars(const PathPattern& pattern) {
  std::string_view text = pattern.text;
  const bool open = text.ends_with('*');
  if (open) text.remove_suffix(1);
  if (text.find('*') != text.npos) {
    note(FindingKind::suspicious, pattern.place,
         "a '*' before the end of " + in_quotes(pattern.text) + " is text; '+' is one segment");
  }
  for (std::size_t at = text.find('+'); at != text.npos; at = text.find('+', at + 1)) {
    const bool begins = at == 0 || text[at - 1] == '/';
    const bool ends = at + 1 == text.size() || text[at + 1] == '/';
    if (begins && ends) continue;
    note(FindingKind::suspicious, pattern.place,
         "a '+' in " + in_quotes(pattern.text) + " is text, since it is no whole segment");
    break;
  }
  if (open && !text.empty() && text.back() != '/') {
    const std::string begin(text);
    note(FindingKind::suspicious, pattern.place,
         in_quotes(pattern.text) + " is for all that begins so, " + in_quotes(begin + "x") +
             " and " + in_quotes(begin + "/x") + " alike; for what is below alone, write " +
             in_quotes(begin + "/*"));
  }
}

void Lint::look_at_end(const PolicyRule& rule, const PathPattern& pattern) {
  const bool folder = pattern.text.empty() || pattern.text.ends_with('/');
  if (!folder) return;
  const ActionSet names = ActionSet(Action::list) | Action::scan;
  if (rule.allow.without(names).empty()) return;
  note(FindingKind::suspicious, pattern.place,
       "no secret's path ends in '/', so " + in_quotes(pattern.text) +
           " is for lists alone: it decides them, and allows nothing else");
}

// has_any: a '+' of the pattern is a segment.
static bool has_any(std::string_view pattern) {
  return pattern == "+" || pattern.starts_with("+/") || pattern.find("/+") != pattern.npos;
}

// may_match_below tells whether a pattern can match "p/" for a path p that a pattern with '+' is for.
static bool may_match_below(std::string_view other, std::string_view of_paths) {
  const bool open = other.ends_with('*');
  if (open) other.remove_suffix(1);
  const std::string below = std::string(of_paths) + "/";
  std::string_view wanted = below;
  for (;;) {
    const std::size_t wanted_end = wanted.find('/');
    const std::size_t other_end = other.find('/');
    const std::string_view segment = wanted.substr(0, wanted_end);
    const std::string_view given = other.substr(0, other_end);
    if (open && other_end == other.npos) {
      return segment == "+" || given == "+" || segment.starts_with(given);
    }
    if (segment != "+" && given != "+" && segment != given) return false;
    if (wanted_end == wanted.npos || other_end == other.npos) return wanted_end == other_end;
    wanted.remove_prefix(wanted_end + 1);
    other.remove_prefix(other_end + 1);
  }
}

// look_at_lists finds a pattern that matches a folder without the '/' which a list has, beside one that
// matches it with the '/' and says otherwise: Vault and OpenBao disagree which of them counts.
void Lint::look_at_lists(const PolicyRule& rule, const PathPattern& pattern) {
  const bool without_slash =
      has_any(pattern.text) && !pattern.text.ends_with('*') && !pattern.text.ends_with('/');
  if (!without_slash) return;
  const auto lists = [](const PolicyRule& one) {
    const ActionSet names = ActionSet(Action::list) | Action::scan;
    return std::pair(!one.deny.empty(), one.deny.empty() ? one.allow & names : ActionSet());
  };
  for (const PolicyRule& other : rules_.rules) {
    if (lists(other) == lists(rule)) continue;
    for (const PathPattern& beside : other.paths) {
      if (pairs_left_ == 0) return;
      --pairs_left_;
      const bool exact = !has_any(beside.text) && !beside.text.ends_with('*');
      if (exact || !may_match_below(beside.text, pattern.text)) continue;
      return note(
          FindingKind::suspicious, pattern.place,
          "a list of a folder that " + in_quotes(pattern.text) + " matches also meets " +
              in_quotes(beside.text) + " at " + to_string(rules_, beside.place) +
              "; here and in HashiCorp Vault from 1.15.2 on the more specific one decides, in "
              "OpenBao and older releases the one that matches with a '/' at the end; write "
              "the same actions into both, or a rule for the folder itself");
    }
  }
}

}  // namespace detail::policy_lint

Result<std::vector<PolicyFinding>> lint(const PolicyRules& rules) {
  return detail::policy_lint::Lint(rules).run();
}

}  // namespace strongroom
