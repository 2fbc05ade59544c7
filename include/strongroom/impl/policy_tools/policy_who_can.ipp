// policy_who_can.ipp: everybody who is allowed; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_who_can {

using policy_match::covers;
using policy_match::may_be_both;
using policy_match::Spoken;
using policy_match::Weight;
using Kind = Subject::Kind;

// OwnWeight is what rules give to one subject by its own name.
struct OwnWeight {
  Weight weight;
  std::size_t rule = 0;  // the first that allows it, of those that count
};
using OwnWeights = std::map<Subject, OwnWeight>;

static void add(OwnWeight& holding, const Weight& weight, std::size_t rule) {
  const bool first = !holding.weight.any;
  const int by = first ? 1 : policy_match::compare(weight.rank, holding.weight.rank);
  if (weight.allows && (by > 0 || (by == 0 && !holding.weight.allows))) holding.rule = rule;
  holding.weight.add(weight);
}

static OwnWeights holdings_of(const PolicyRules& rules, Action action, const Path& path) {
  OwnWeights holdings;
  policy_match::for_each_match(rules, action, path, [&](const Spoken& spoken) {
    const Weight weight = policy_match::weight(rules, spoken, action);
    for (const Subject& subject : rules.rules[spoken.rule].subjects) {
      add(holdings[subject], weight, spoken.rule);
    }
  });
  return holdings;
}

// alone weighs what an identity holds that is only this subject, and what covers the subject.
static Weight alone(const OwnWeights& holdings, const Subject& subject) {
  Weight weight;
  for (const Subject& wide : {subject, Subject{Kind::any_user, {}}, Subject{Kind::any_service, {}},
                              Subject{Kind::anyone, {}}}) {
    if (!covers(wide, subject)) continue;
    if (const auto found = holdings.find(wide); found != holdings.end()) {
      weight.add(found->second.weight);
    }
  }
  return weight;
}

// Spoilers are the subjects that can take away what another subject is allowed, sorted by kind.
class Spoilers {
 public:
  explicit Spoilers(const OwnWeights& holdings) {
    for (const auto& [subject, holding] : holdings) {
      const Weight& weight = holding.weight;
      if (weight.decision() != Decision::allowed) spoilers_.push_back({&subject, &weight});
    }
  }

  // of appends the subjects that change an allowed subject's answer. Errors  too_large.
  Result<void> of(const Subject& subject, const Weight& weight, std::vector<Subject>& out) {
    for (const auto& [other, spoils] : spoilers_) {
      if (!may_be_both(*other, subject) || covers(*other, subject)) continue;
      Weight both = weight;
      both.add(*spoils);
      left_ -= std::min(left_, kStepCost);
      if (both.decision() != Decision::allowed) {
        left_ -= std::min(left_, sizeof(Subject) + other->name.size());
        out.push_back(*other);
      }
      if (left_ == 0) return Error{Code::too_large, "too many holders with too many exceptions"};
    }
    return {};
  }

 private:
  static constexpr std::size_t kStepCost = 1;
  std::vector<std::pair<const Subject*, const Weight*>> spoilers_;
  std::size_t left_ = kMaxWhoCanLen;
};

}  // namespace detail::policy_who_can

Result<std::vector<Holder>> who_can(const PolicyRules& rules, Action action, const Path& path) {
  std::vector<Holder> holders;
  const detail::policy_who_can::OwnWeights holdings =
      detail::policy_who_can::holdings_of(rules, action, path);
  detail::policy_who_can::Spoilers spoilers(holdings);
  for (const auto& [subject, holding] : holdings) {
    if (action == Action::resolve && !policy_match::may_serve(subject)) continue;
    const policy_match::Weight weight = detail::policy_who_can::alone(holdings, subject);
    const bool own =
        holding.weight.allows && policy_match::compare(holding.weight.rank, weight.rank) == 0;
    if (!own || weight.decision() != Decision::allowed) continue;
    Holder holder{subject, holding.rule, {}};
    STRONGROOM_TRY(spoilers.of(subject, weight, holder.unless));
    holders.push_back(std::move(holder));
  }
  return holders;
}

}  // namespace strongroom
