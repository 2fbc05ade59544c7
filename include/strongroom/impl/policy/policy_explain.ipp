// policy_explain.ipp: why a request is allowed or not, in words; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_match.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
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

// Voice is a rule that speaks of a request, to one who is of its subjects.
struct Voice {
  Spoken spoken;
  std::size_t subject = 0;
  Weight weight;
  bool decided = false;
};

// Hearing is all that rules have to say.
struct Hearing {
  std::vector<Voice> voices;
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

static Hearing hear(const Request& request) {
  Hearing hearing;
  const auto subjects = policy_match::subjects_of(request.who);
  policy_match::for_each_match(
      request.rules, request.action, request.path, [&](const Spoken& spoken) {
        const auto subject = subject_of(request.rules.rules[spoken.rule], subjects);
        if (!subject) return;
        const Weight weight = policy_match::weight(request.rules, spoken, request.action);
        hearing.voices.push_back({spoken, *subject, weight, false});
        hearing.total.add(weight);
      });
  hearing.decision = hearing.total.decision();
  for (Voice& voice : hearing.voices) {
    if (policy_match::compare(voice.weight.rank, hearing.total.rank) != 0) continue;
    voice.decided = hearing.decision == Decision::denied    ? voice.weight.denies
                    : hearing.decision == Decision::allowed ? voice.weight.allows
                                                            : by_rank(request);
  }
  std::stable_partition(hearing.voices.begin(), hearing.voices.end(),
                        [](const Voice& voice) { return voice.decided; });
  return hearing;
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

static std::string shown_subject(const Request& request, const Voice& voice) {
  return shown(request.rules.rules[voice.spoken.rule].subjects[voice.subject]);
}

static std::string list_of(ActionSet actions) {
  std::string text;
  for (std::size_t i = 0; i < kNumActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (actions.has(action)) text += (text.empty() ? "" : ", ") + std::string(to_string(action));
  }
  return text.empty() ? "nothing" : text;
}

// outranked names what else would have spoken, had the decider not been more specific.
static std::string outranked(const Request& request, const Hearing& hearing) {
  std::string text;
  std::size_t num_named = 0;
  std::string last;
  for (const Voice& voice : hearing.voices) {
    if (policy_match::compare(voice.weight.rank, hearing.total.rank) == 0) continue;
    const std::string name = shown(request.rules, voice.spoken);
    if (name == last) continue;
    if (++num_named > kMaxNamed) return text + " and more";
    text += (text.empty() ? "; it outranks " : ", ") + name;
    last = name;
  }
  return text;
}

static std::string why_allowed(const Request& request, const Hearing& hearing) {
  const Voice& first = hearing.voices.front();
  const std::string text = shown_subject(request, first) + " may " +
                           std::string(to_string(request.action)) + " by " +
                           shown(request.rules, first.spoken);
  if (by_rank(request)) return text + outranked(request, hearing);
  return text + ", and nothing denies it";
}

static std::string why_denied(const Request& request, const Hearing& hearing) {
  const Voice& first = hearing.voices.front();
  const std::string text =
      "denied by " + shown(request.rules, first.spoken) + " for " + shown_subject(request, first);
  if (by_rank(request)) return text + outranked(request, hearing);
  for (const Voice& voice : hearing.voices) {
    if (voice.weight.allows) {
      return text + ", although " + shown(request.rules, voice.spoken) + " allows it";
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

// nearest names the pattern, of those that give the action, that begins most as the path does.
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

static std::string why_refused(const Request& request, const Hearing& hearing) {
  const std::string action(to_string(request.action));
  const std::string none = "no rule gives " + who_text(request) + " '" + action + "'";
  if (hearing.voices.empty()) {
    if (is_administration(request.action)) return none;
    return none + " on " + in_quotes(request.path.text()) + nearest(request);
  }
  const Voice& first = hearing.voices.front();
  const std::string name = shown(request.rules, first.spoken);
  if (by_rank(request)) {
    return name + " decides for " + shown_subject(request, first) + ", and does not allow '" +
           action + "'" + outranked(request, hearing);
  }
  const ActionSet allow = request.rules.rules[first.spoken.rule].allow;
  return none + (is_administration(request.action) ? "" : " on " + in_quotes(request.path.text())) +
         "; " + name + " gives " + list_of(allow);
}

static std::string why(const Request& request, const Hearing& hearing) {
  switch (hearing.decision) {
    case Decision::allowed:
      return why_allowed(request, hearing);
    case Decision::denied:
      return why_denied(request, hearing);
    case Decision::refused:
      break;
  }
  return why_refused(request, hearing);
}

// without_rules explains what no rule is asked about.
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
        Decision::refused, "no secret is at the root; only lists go without a path", {}};
  }
  if (request.action != Action::resolve) return {};
  if (who.kind() != AskerKind::service) {
    return Explanation{
        Decision::refused, who_text(request) + " is no service, and only services resolve", {}};
  }
  if (in_space(request.path, who.space())) return {};
  return Explanation{
      Decision::refused,
      in_quotes(request.path.text()) + " is not in the space " + in_quotes(who.space()),
      {}};
}

static std::vector<Matched> matched(const Hearing& hearing) {
  std::vector<Matched> matched;
  for (const Voice& voice : hearing.voices) {
    if (matched.size() == kMaxMatched) break;
    matched.push_back({voice.spoken.rule, voice.spoken.path, voice.subject, voice.weight.allows,
                       voice.weight.denies, voice.decided});
  }
  return matched;
}

}  // namespace detail::policy_explain

Explanation explain(const PolicyRules& rules, const Identity& who, Action action,
                    const Path& path) {
  const detail::policy_explain::Request request{rules, who, action, path};
  if (auto explanation = detail::policy_explain::without_rules(request))
    return *std::move(explanation);
  const detail::policy_explain::Hearing hearing = detail::policy_explain::hear(request);
  Explanation explanation{hearing.decision, detail::policy_explain::why(request, hearing),
                          detail::policy_explain::matched(hearing)};
  if (action != Action::resolve || hearing.decision != Decision::refused) return explanation;
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
