// policy_surplus.ipp: see policy_surplus.hpp.
//
// A walk through the automaton finds all situations: the patterns that one request can match, the strongest
// first. The strongest patterns that give the identity anything decide. In deny_overrides all are equally
// strong; in vault_compat no two are.
//
// A part is surplus if in every situation its removal changes nothing for its subjects. An identity that is
// such a subject is also what covers it (a user is any-user and anyone). It may be something else too, such
// as a group, and in vault_compat that can bring in another pattern. One more subject is enough to show every
// change (see policy_diff.ipp). What it holds elsewhere is not looked at, so some surplus is missed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/impl/policy_tools/policy_surplus.hpp"
#include "strongroom/impl/policy_tools/policy_walk.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_surplus {
using policy_walk::Meeting;
using policy_walk::Met;
using policy_walk::Situation;
using Finding = PolicyFinding::Kind;
using Grant = PolicyAutomaton::Grant;
using Kind = Subject::Kind;

constexpr std::size_t kMaxSurplusWork = std::size_t{1} << 25;

// Given is what equally strong patterns give to an identity.
struct Given {
  bool any = false;
  ActionSet allow;
  ActionSet deny;

  Given operator+(const Given& more) const {
    return {any || more.any, allow | more.allow, deny | more.deny};
  }
};

// Candidate is a part that may be surplus: its grants, to each of its subjects.
struct Candidate {
  std::vector<const Grant*> grants;
  std::uint32_t pattern = 0;
  bool gone = false;  // found surplus
};

// Case is a candidate's grant to one subject, in one situation.
struct Case {
  const Candidate& candidate;
  const Grant& grant;
  ActionSet actions;  // that the subject can ask for
  ActionSet free;     // that it may do without a rule
  bool weak = false;  // denied and refused count as the same answer

  Given mine() const { return {true, grant.allow, grant.deny}; }
  ActionSet said() const { return (grant.allow | grant.deny) & actions; }
  bool same(const Given& one, const Given& other) const {
    const auto allowed = [this](const Given& given) {
      return (given.allow | free).without(given.deny) & actions;
    };
    const bool same_denied = (one.deny & actions) == (other.deny & actions);
    return (weak || same_denied) && allowed(one) == allowed(other);
  }
};

class Search {
 public:
  Search(const PolicyRules& rules, const PolicyAutomaton& automaton)
      : rules_(rules), automaton_(automaton) {}

  Result<Surpluses> run() {
    list_candidates();
    STRONGROOM_TRY(collect_situations());
    Surpluses found;
    // The last first: of two parts that can spare each other, the later one goes.
    for (auto candidate = candidates_.rbegin(); candidate != candidates_.rend(); ++candidate) {
      const auto surplus = look_at(*candidate);
      if (surplus) found.list.push_back(*surplus);
      candidate->gone = surplus.has_value();
    }
    found.gave_up = work_ > kMaxSurplusWork;
    return found;
  }

 private:
  using Level = std::span<const Met>;  // equally strong patterns

  const Subject& subject_of(const Grant& one) const { return automaton_.subjects()[one.subject]; }
  Candidate& candidate_of(const Grant& grant) {
    return candidates_[first_candidate_[grant.rule] + grant.path];
  }
  std::span<const Grant> grants_of(std::uint32_t pattern) const {
    return pattern == whole_store_ ? automaton_.administration()
                                   : automaton_.pattern(pattern).grants;
  }

  void list_candidates() {
    std::size_t num_candidates = 0;
    for (const PolicyRule& rule : rules_.rules) {
      first_candidate_.push_back(num_candidates);
      num_candidates += std::max<std::size_t>(rule.paths.size(), 1);
    }
    candidates_.resize(num_candidates);
    const auto& subjects = automaton_.subjects();
    std::vector<std::uint32_t> nameless;
    for (std::uint32_t i = 0; i < subjects.size(); ++i) {
      if (subjects[i].kind >= Kind::any_user) nameless.push_back(i);
    }
    for (std::uint32_t i = 0; i < subjects.size(); ++i) {
      covering_.push_back({i});
      for (const std::uint32_t j : nameless) {
        if (j != i && policy_match::covers(subjects[j], subjects[i])) covering_[i].push_back(j);
      }
    }
    for (std::uint32_t pattern = 0; pattern <= whole_store_; ++pattern) {
      for (const Grant& grant : grants_of(pattern)) {
        Candidate& candidate = candidate_of(grant);
        candidate.pattern = pattern;
        candidate.grants.push_back(&grant);
        shares_[pattern].emplace(subject_of(grant).kind, grant.allow.bits(), grant.deny.bits());
      }
    }
  }

  Result<void> collect_situations() {
    const auto add = [this](Situation at) -> Result<void> {
      for (const Met& met : at.met[0]) where_[met.pattern].push_back(situations_.size());
      situations_.push_back(std::move(at));
      return {};
    };
    STRONGROOM_TRY(add({{Meeting{{0, whole_store_}}}, ActionSet::administration()}));
    return policy_walk::Walk(automaton_).each_situation(add);
  }

  // look_at returns how a part is surplus: in the policy as it is written, and in what is left of it.
  std::optional<Surplus> look_at(const Candidate& candidate) {
    if (candidate.grants.empty()) return {};  // its rule is for nobody
    const Grant& part = *candidate.grants.front();
    for (const bool weak : {false, true}) {
      if (weak && (!part.allow.empty() || part.deny.empty())) break;
      as_written_ = true;
      if (!kind_of(candidate, weak)) continue;
      as_written_ = false;
      if (const auto kind = kind_of(candidate, weak)) return {{&part, *kind, other_.second}};
    }
    return {};
  }

  std::optional<Finding> kind_of(const Candidate& candidate, bool weak) {
    Finding kind = Finding::unmatched;
    other_ = {-1, nullptr};
    for (const std::size_t number : where_[candidate.pattern]) {
      for (const Grant* const grant : candidate.grants) {
        const Case at{candidate, *grant, asked(*grant, situations_[number].actions),
                      rules_.services_need_grants ? ActionSet() : Action::resolve, weak};
        const auto here = kind_in(at, situations_[number].met[0]);
        if (!here || work_ > kMaxSurplusWork) return {};
        if (!at.said().empty() && kind != Finding::redundant) kind = *here;
      }
    }
    return weak && kind != Finding::unmatched ? Finding::needless : kind;
  }

  // asked returns the actions that somebody of a grant's subject can ask for.
  ActionSet asked(const Grant& grant, ActionSet actions) const {
    const Subject& who = subject_of(grant);
    if (who.kind == Kind::administrator) actions = actions.without(ActionSet::administration());
    return policy_match::may_serve(who) ? actions : actions.without(Action::resolve);
  }

  // kind_in returns why the candidate does not matter in a case, if it does not: redundant or overridden.
  std::optional<Finding> kind_in(const Case& at, const Meeting& met) {
    const auto here = std::find_if(met.begin(), met.end(), [&](const Met& one) {
      return one.pattern == at.candidate.pattern;
    });
    const auto like_here =
        std::equal_range(met.begin(), met.end(), *here,
                         [](const Met& a, const Met& b) { return a.strength > b.strength; });
    const auto own = like_here.first;
    if (given({met.begin(), own}, at).any) return Finding::overridden;
    // From the candidate's own level down to the one that decides without it.
    for (auto level = own;;) {
      const auto next = level == own ? like_here.second : level + 1;
      const Given rest = given({level, next}, at);
      const auto same = [&](const Given& more) {
        return at.same(level == own ? at.mine() + rest + more : at.mine(), rest + more);
      };
      const bool decides = rest.any || next == met.end();
      if (decides && !same({})) return {};
      if (decides && level == own && !at.weak) {  // whatever else is given, it stays the same
        const bool denied = at.grant.deny.empty() && at.said().without(rest.deny).empty();
        return denied ? Finding::overridden : Finding::redundant;
      }
      if (!same_with_others({level, next}, at, same)) return {};
      if (decides) return Finding::redundant;
      level = next;
    }
  }

  // given adds up what other parts give to everybody of a subject: by its name, as any-user, as anyone.
  Given given(Level level, const Case& at) {
    Given sum;
    work_ += level.size();
    for (const std::uint32_t number : covering_[at.grant.subject]) {
      for (const Met& met : level) {
        const auto grants = grants_of(met.pattern);
        auto grant = std::partition_point(grants.begin(), grants.end(),
                                          [&](const Grant& one) { return one.subject < number; });
        for (; grant != grants.end() && grant->subject == number; ++grant) add(sum, *grant, at);
      }
    }
    return sum;
  }

  void add(Given& sum, const Grant& grant, const Case& at) {
    const Candidate& giver = candidate_of(grant);
    if (&giver == &at.candidate || (giver.gone && !as_written_)) return;
    sum = sum + Given{true, grant.allow, grant.deny};
    const int says = !(grant.deny & at.said()).empty() ? 2 : !(grant.allow & at.said()).empty();
    if (says > other_.first) other_ = {says, &grant};
  }

  // same_with_others checks all that somebody of a subject may be given as something else.
  template <typename Same>
  bool same_with_others(Level level, const Case& at, const Same& same) {
    const Kind kind = subject_of(at.grant).kind;
    for (const Met& met : level) {
      work_ += shares_[met.pattern].size();
      for (const auto& [other, allow, deny] : shares_[met.pattern]) {
        const bool apart = other == kind && kind < Kind::group;  // nobody is two users
        if (apart || !policy_match::may_be_both({other, {}}, {kind, {}})) continue;
        if (!same({true, ActionSet::from_bits(allow), ActionSet::from_bits(deny)})) return false;
      }
    }
    return true;
  }

  const PolicyRules& rules_;
  const PolicyAutomaton& automaton_;
  const std::uint32_t whole_store_ = static_cast<std::uint32_t>(automaton_.num_patterns());
  std::vector<Candidate> candidates_;
  std::vector<std::size_t> first_candidate_;          // of a rule
  std::vector<std::vector<std::uint32_t>> covering_;  // of a subject: it, any-user, anyone
  std::vector<Situation> situations_;
  // Of each pattern, and last of the whole store:
  std::vector<std::vector<std::size_t>> where_{whole_store_ + 1};  // situations
  std::vector<std::set<std::tuple<Kind, std::uint16_t, std::uint16_t>>> shares_{whole_store_ + 1};
  bool as_written_ = true;  // count what is gone as well
  // What makes a part surplus. The number is greater where it denies.
  std::pair<int, const Grant*> other_;
  std::size_t work_ = 0;
};

Result<Surpluses> surpluses(const PolicyRules& rules, const PolicyAutomaton& automaton) {
  return Search(rules, automaton).run();
}

}  // namespace strongroom::policy_surplus
