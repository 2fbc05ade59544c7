// policy_explain.ipp: why a request is allowed or not, in words; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"

namespace strongroom {
namespace detail::policy_explain {

using policy_match::shown;
using policy_match::Spoken;
using policy_match::Weight;
using policy_text::in_quotes;

constexpr std::size_t kMaxNamed = 3;  // patterns in one sentence

struct Request {
  const PolicyRules& rules;
  const Identity& who;
  Action action;
  const Path& path;
};

// Match is a rule that matches a request and one of the identity's subjects.
struct Match {
  Spoken spoken;
  std::size_t subject = 0;
  Weight weight;
  bool decided = false;
};

// Verdict is what all matches come to.
struct Verdict {
  std::vector<Match> matches;
  Weight total;
  Decision decision = Decision::refused;
};

static std::optional<std::size_t> subject_of(const PolicyRule& rule,
                                             const std::vector<Subject>& sorted) {
  for (std::size_t i = 0; i < rule.subjects.size(); ++i) {
    if (std::binary_search(sorted.begin(), sorted.end(), rule.subjects[i])) return i;
  }
  return {};
}

static bool by_rank(const Request& request) noexcept {
  return request.rules.mode == PolicyMode::vault_compat && !is_administration(request.action);
}

static Verdict judge(const Request& request) {
  Verdict verdict;
  const auto subjects = policy_match::subjects_of(request.who);
  policy_match::for_each_match(
      request.rules, request.action, request.path, [&](const Spoken& spoken) {
        const auto subject = subject_of(request.rules.rules[spoken.rule], subjects);
        if (!subject) return;
        const Weight weight = policy_match::weight(request.rules, spoken, request.action);
        verdict.matches.push_back({spoken, *subject, weight, false});
        verdict.total.add(weight);
      });
  verdict.decision = verdict.total.decision();
  for (Match& match : verdict.matches) {
    if (policy_match::compare(match.weight.rank, verdict.total.rank) != 0) continue;
    match.decided = verdict.decision == Decision::denied    ? match.weight.denies
                    : verdict.decision == Decision::allowed ? match.weight.allows
                                                            : by_rank(request);
  }
  std::stable_partition(verdict.matches.begin(), verdict.matches.end(),
                        [](const Match& match) { return match.decided; });
  return verdict;
}

// ---- sentences ----

static std::string who_text(const Request& request) {
  const Identity& who = request.who;
  switch (who.kind()) {
    case Identity::Kind::trusted:
      return "a trusted caller";
    case Identity::Kind::administrator:
      return shown({Subject::Kind::administrator, who.id()});
    case Identity::Kind::user:
      if (who.id().empty()) return shown({Subject::Kind::any_user, {}});
      return shown({Subject::Kind::user, who.id()});
    case Identity::Kind::service:
      break;
  }
  if (who.id().empty()) return shown({Subject::Kind::any_service, {}});
  return shown({Subject::Kind::service, who.id()});
}

static std::string shown_subject(const Request& request, const Match& match) {
  return shown(request.rules.rules[match.spoken.rule].subjects[match.subject]);
}

static std::string list_of(ActionSet actions) {
  std::string text;
  for (std::size_t i = 0; i < kNumActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (actions.has(action)) text += (text.empty() ? "" : ", ") + std::string(to_string(action));
  }
  return text.empty() ? "nothing" : text;
}

// outranked names the matches that would count if the one that decides were not more specific.
static std::string outranked(const Request& request, const Verdict& verdict) {
  std::string text;
  std::size_t num_named = 0;
  std::string last;
  for (const Match& match : verdict.matches) {
    if (policy_match::compare(match.weight.rank, verdict.total.rank) == 0) continue;
    const std::string name = shown(request.rules, match.spoken);
    if (name == last) continue;
    if (++num_named > kMaxNamed) return text + " and more";
    text += (text.empty() ? "; it outranks " : ", ") + name;
    last = name;
  }
  return text;
}

static std::string why_allowed(const Request& request, const Verdict& verdict) {
  const Match& first = verdict.matches.front();
  const std::string text = shown_subject(request, first) + " may " +
                           std::string(to_string(request.action)) + " by " +
                           shown(request.rules, first.spoken);
  if (by_rank(request)) return text + outranked(request, verdict);
  return text + ", and nothing denies it";
}

static std::string why_denied(const Request& request, const Verdict& verdict) {
  const Match& first = verdict.matches.front();
  const std::string text =
      "denied by " + shown(request.rules, first.spoken) + " for " + shown_subject(request, first);
  if (by_rank(request)) return text + outranked(request, verdict);
  for (const Match& match : verdict.matches) {
    if (match.weight.allows) {
      return text + ", although " + shown(request.rules, match.spoken) + " allows it";
    }
  }
  return text;
}

static std::size_t segments_in_common(std::string_view a, std::string_view b) noexcept {
  std::size_t num = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
    const bool ends =
        (i + 1 == a.size() || a[i + 1] == '/') && (i + 1 == b.size() || b[i + 1] == '/');
    if (ends) ++num;
  }
  return num;
}

// nearest names the pattern that has most segments in common with the path, of those that allow the action.
static std::string nearest(const Request& request) {
  const auto subjects = policy_match::subjects_of(request.who);
  const PathPattern* best = nullptr;
  std::size_t most = 0;
  for (const PolicyRule& rule : request.rules.rules) {
    if (!effective(request.rules.mode, rule.allow).has(request.action)) continue;
    if (!subject_of(rule, subjects)) continue;
    for (const PathPattern& pattern : rule.paths) {
      const std::size_t num = segments_in_common(pattern.text, request.path.text());
      if (best != nullptr && num <= most) continue;
      best = &pattern;
      most = num;
    }
  }
  if (best == nullptr) return "";
  return "; the nearest is " + to_string(request.rules, best->place) + " " + in_quotes(best->text);
}

static std::string why_refused(const Request& request, const Verdict& verdict) {
  const std::string action(to_string(request.action));
  const std::string none = "no rule gives " + who_text(request) + " '" + action + "'";
  if (verdict.matches.empty()) {
    if (is_administration(request.action)) return none;
    return none + " on " + in_quotes(request.path.text()) + nearest(request);
  }
  const Match& first = verdict.matches.front();
  const std::string name = shown(request.rules, first.spoken);
  if (by_rank(request)) {
    return name + " decides for " + shown_subject(request, first) + ", and does not allow '" +
           action + "'" + outranked(request, verdict);
  }
  const ActionSet allow = request.rules.rules[first.spoken.rule].allow;
  return none + (is_administration(request.action) ? "" : " on " + in_quotes(request.path.text())) +
         "; " + name + " gives " + list_of(allow);
}

static std::string why(const Request& request, const Verdict& verdict) {
  switch (verdict.decision) {
    case Decision::allowed:
      return why_allowed(request, verdict);
    case Decision::denied:
      return why_denied(request, verdict);
    case Decision::refused:
      break;
  }
  return why_refused(request, verdict);
}

// without_rules explains decisions that do not depend on rules.
static std::optional<Explanation> without_rules(const Request& request) {
  using AskerKind = Identity::Kind;
  const Identity& who = request.who;
  if (who.kind() == AskerKind::trusted) {
    return Explanation{Decision::allowed, "a trusted caller may do everything", {}};
  }
  if (is_administration(request.action)) {
    if (who.kind() != AskerKind::administrator) return {};
    return Explanation{Decision::allowed, "an administrator may do all administration", {}};
  }
  if (request.path.is_root() && !policy_match::asks_for_names(request.action)) {
    return Explanation{
        Decision::refused, "no secret is at the root; only list and scan need no path", {}};
  }
  if (request.action != Action::resolve) return {};
  if (who.kind() != AskerKind::service) {
    return Explanation{
        Decision::refused, who_text(request) + " is not a service, and only services resolve", {}};
  }
  if (in_space(request.path, who.space())) return {};
  return Explanation{
      Decision::refused,
      in_quotes(request.path.text()) + " is not in the space " + in_quotes(who.space()),
      {}};
}

static std::vector<Matched> matched(const Verdict& verdict) {
  std::vector<Matched> matched;
  for (const Match& match : verdict.matches) {
    if (matched.size() == kMaxMatched) break;
    matched.push_back({match.spoken.rule, match.spoken.path, match.subject, match.weight.allows,
                       match.weight.denies, match.decided});
  }
  return matched;
}

}  // namespace detail::policy_explain

Explanation explain(const PolicyRules& rules, const Identity& who, Action action,
                    const Path& path) {
  const detail::policy_explain::Request request{rules, who, action, path};
  if (auto explanation = detail::policy_explain::without_rules(request))
    return *std::move(explanation);
  const detail::policy_explain::Verdict verdict = detail::policy_explain::judge(request);
  Explanation explanation{verdict.decision, detail::policy_explain::why(request, verdict),
                          detail::policy_explain::matched(verdict)};
  if (action != Action::resolve || verdict.decision != Decision::refused) return explanation;
  const std::string in = policy_text::in_quotes(path.text()) + " is in the space " +
                         policy_text::in_quotes(who.space());
  if (rules.services_need_grants) {
    explanation.because = in + ", but services need a grant here: " + explanation.because;
  } else {
    explanation.decision = Decision::allowed;
    explanation.because = in + ", and nothing denies it";
    for (Matched& one : explanation.matched) one.decided = false;
  }
  return explanation;
}

}  // namespace strongroom
