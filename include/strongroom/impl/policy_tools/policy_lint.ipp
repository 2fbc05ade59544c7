// policy_lint.ipp: what is odd about a policy; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/impl/policy_tools/policy_surplus.hpp"
#include "strongroom/impl/policy_tools/policy_walk.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_lint {

using policy_surplus::Surplus;
using policy_text::in_quotes;
using policy_walk::Met;
using Grant = PolicyAutomaton::Grant;
using Kind = PolicyFinding::Kind;

constexpr std::size_t kMaxPolicyFindings = 10'000;
constexpr std::size_t kMaxPairs = std::size_t{1} << 24;  // of grants that are compared for lists

class Lint {
 public:
  explicit Lint(const PolicyRules& rules) : rules_(rules) {}

  Result<std::vector<PolicyFinding>> run();

 private:
  void look_at(const PolicyRule& rule);
  void look_at_stars(const PathPattern& pattern);
  Result<void> look_at_lists(const PolicyAutomaton& automaton);
  void compare_lists(const PolicyAutomaton& automaton, std::uint32_t one, std::uint32_t other);
  void note(const Surplus& surplus);
  void note(Kind kind, const TextPlace& place, std::string text) {
    if (findings_.size() < kMaxPolicyFindings) findings_.push_back({kind, place, std::move(text)});
  }
  TextPlace place_of(const Grant& grant) const {
    const PolicyRule& rule = rules_.rules[grant.rule];
    return rule.paths.empty() ? rule.place : rule.paths[grant.path].place;
  }

  const PolicyRules& rules_;
  std::vector<PolicyFinding> findings_;
  std::size_t num_pairs_ = 0;
};

Result<std::vector<PolicyFinding>> Lint::run() {
  STRONGROOM_ASSIGN(automaton, PolicyAutomaton::build(rules_));
  STRONGROOM_ASSIGN(surpluses, policy_surplus::surpluses(rules_, automaton));
  if (rules_.mode == PolicyMode::vault_compat) STRONGROOM_TRY(look_at_lists(automaton));
  for (const PolicyRule& rule : rules_.rules) look_at(rule);
  for (const Surplus& surplus : surpluses.list) note(surplus);
  const auto place = [](const PolicyFinding& finding) {
    return std::tie(finding.place.document, finding.place.line, finding.place.column);
  };
  std::stable_sort(findings_.begin(), findings_.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  if (surpluses.gave_up || num_pairs_ > kMaxPairs || findings_.size() == kMaxPolicyFindings) {
    findings_.push_back(
        {Kind::suspicious, {}, "the policy is large; there may be more than is listed"});
  }
  return std::move(findings_);
}

void Lint::note(const Surplus& surplus) {
  const PolicyRule& rule = rules_.rules[surplus.part->rule];
  const std::string what =
      rule.paths.empty() ? "this rule" : in_quotes(rule.paths[surplus.part->path].text);
  std::string others = "what services may do without a rule";
  if (const Grant* const other = surplus.other; other != nullptr) {
    others = "rules such as " + policy_match::shown(rules_, {other->rule, other->path, {}});
  }
  const std::string texts[] = {
      "nothing changes without " + what + ", because of " + others + "; remove it",
      what + " never decides, because of " + others + "; remove it, or change them",
      what + " denies what nobody is allowed; correct it, or keep it as a guard",
      what + " never matches a request for its actions; correct it, or remove it"};
  note(surplus.kind, place_of(*surplus.part), texts[static_cast<std::size_t>(surplus.kind)]);
}

void Lint::look_at(const PolicyRule& rule) {
  if (rule.subjects.empty()) {
    note(Kind::unmatched, rule.place, "nobody holds this rule; grant it to somebody, or remove it");
  }
  if (!((rule.allow | rule.deny) & (ActionSet(Action::unseal) | Action::init)).empty()) {
    note(Kind::suspicious, rule.place,
         "'unseal' and 'init' are decided by a policy that the host brings; a sealed store cannot "
         "read its own");
  }
  const bool for_anyone = std::find(rule.subjects.begin(), rule.subjects.end(),
                                    Subject{Subject::Kind::anyone, {}}) != rule.subjects.end();
  const bool vault = rules_.mode == PolicyMode::vault_compat;
  for (const PathPattern& pattern : rule.paths) {
    if (pattern.text == (vault ? "*" : "**") && !rule.allow.empty() && for_anyone) {
      note(Kind::suspicious, pattern.place,
           "everybody is allowed this on every path, except where another rule decides");
    }
    if (vault) look_at_stars(pattern);
  }
}

// ---- vault-compat ----

void Lint::look_at_stars(const PathPattern& pattern) {
  std::string text = pattern.text;
  const bool open = text.ends_with('*');
  if (open) text.pop_back();
  std::string plain = "/" + text + "/";
  for (std::size_t at = 0; (at = plain.find("/+/")) != plain.npos;) plain.erase(at, 2);
  if (plain.find_first_of("*+") != plain.npos) {
    note(Kind::suspicious, pattern.place,
         "a '*' before the end of " + in_quotes(pattern.text) +
             ", or a '+' that is not a whole segment, is plain text");
  }
  if (open && !text.empty() && text.back() != '/') {
    note(Kind::suspicious, pattern.place,
         in_quotes(pattern.text) + " matches all that begins so, both " + in_quotes(text + "x") +
             " and " + in_quotes(text + "/x") + "; to match only what is below, write " +
             in_quotes(text + "/*"));
  }
}

// look_at_lists finds lists that Vault and OpenBao decide by different patterns. A list of p asks for "p/".
// In OpenBao, a pattern with wildcards that matches only p counts only if none matches "p/".
Result<void> Lint::look_at_lists(const PolicyAutomaton& automaton) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> known;
  policy_walk::Walk walk(automaton);
  return walk.run([&](const policy_walk::Stop& stop) -> Result<void> {
    const auto& [path, names] = stop.met[0];
    const auto only_path = [&, &path = path](const Met& met) {
      const auto& pattern = automaton.pattern(met.pattern);
      const auto same = [&](const Met& one) { return one.pattern == met.pattern; };
      return !pattern.exact && !pattern.text.ends_with('*') &&
             std::any_of(path.begin(), path.end(), same);
    };
    for (auto one = names.begin(); one != names.end(); ++one) {
      for (auto other = one + 1; only_path(*one) && other != names.end(); ++other) {
        const bool fresh = !only_path(*other) && known.emplace(one->pattern, other->pattern).second;
        if (fresh) compare_lists(automaton, one->pattern, other->pattern);
      }
    }
    return {};
  });
}

// compare_lists looks for somebody who holds both of two patterns, where they answer lists differently.
void Lint::compare_lists(const PolicyAutomaton& automaton, std::uint32_t one, std::uint32_t other) {
  const auto mine = automaton.pattern(one).grants;
  const auto others = automaton.pattern(other).grants;
  if ((num_pairs_ += mine.size() * others.size()) > kMaxPairs) return;
  const auto differ = [&](const Grant& a, const Grant& b) {
    const ActionSet names = ActionSet(Action::list) | Action::scan;
    const bool alike = (a.allow & names).without(a.deny) == (b.allow & names).without(b.deny);
    const auto& subjects = automaton.subjects();
    return !alike && policy_match::may_be_both(subjects[a.subject], subjects[b.subject]);
  };
  const auto found =
      std::find_first_of(mine.begin(), mine.end(), others.begin(), others.end(), differ);
  if (found == mine.end()) return;
  note(Kind::suspicious, place_of(*found),
       in_quotes(automaton.pattern(one).text) + " and " + in_quotes(automaton.pattern(other).text) +
           " match lists of the same folder; the first decides here and in HashiCorp Vault since "
           "1.15.2, the second in OpenBao and older releases; let both allow the same");
}

}  // namespace detail::policy_lint

Result<std::vector<PolicyFinding>> lint(const PolicyRules& rules) {
  return detail::policy_lint::Lint(rules).run();
}

}  // namespace strongroom
