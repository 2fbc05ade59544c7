// policy_surplus_vault.ipp: rules that change nothing in the mode vault-compat.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_automaton.hpp"
#include "strongroom/impl/policy/policy_match.hpp"
#include "strongroom/impl/policy/policy_surplus.hpp"
#include "strongroom/impl/policy/policy_surplus_search.hpp"
#include "strongroom/impl/policy/policy_walk.hpp"
#include "strongroom/policy/rules.hpp"

namespace strongroom::policy_surplus {

// Outcome is what is answered, but for what is never asked.
struct Outcome {
  ActionSet allowed;
  ActionSet denied;
};

static Outcome outcome(ActionSet allow, ActionSet deny, ActionSet actions, ActionSet free) {
  return {(allow | free).without(deny) & actions, deny & actions};
}

// same compares outcomes; a weak comparison takes denied and refused for one.
static bool same(const Outcome& a, const Outcome& b, bool weak) noexcept {
  return a.allowed == b.allowed && (weak || a.denied == b.denied);
}

std::optional<Surplus> Search::look_vault(const Part& part, const Mine& mine, std::uint32_t pattern,
                                          bool weak) {
  bool any = false;
  bool outranked = true;
  other_.reset();
  for (const std::size_t number : where_[pattern]) {
    const Situation& at = situations_[number];
    const auto here = std::find_if(at.met.begin(), at.met.end(),
                                   [&](const Met& met) { return met.pattern == pattern; });
    for (const Grant* const one : mine) {
      const Grant& grant = *one;
      any = true;
      Given stronger;
      if (!spend(at.met.size())) return {};
      for (auto met = at.met.begin(); met != here && !stronger.any; ++met) {
        stronger = covering(grants_of(met->pattern), grant.subject, at.actions);
      }
      if (stronger.any) {
        if (!other_) other_ = stronger.first;
        continue;
      }
      outranked = false;
      if (!spare(grant, at, *here, weak)) return {};
    }
  }
  if (!any) return {};
  if (outranked) return Surplus{part, Why::outranked, other_};
  if (weak) return Surplus{part, Why::nothing_there, {}};
  return Surplus{part, mine.front()->deny.empty() ? Why::allowed_anyway : Why::denied_anyway,
                 other_};
}

// spare tells whether answers stay the same without a grant, where no stronger pattern is held for
// certain. What is quickly told comes first.
bool Search::spare(const Grant& mine, const Situation& at, const Met& here, bool weak) {
  ActionSet actions = at.actions;
  if (!may_serve(automaton_.subjects()[mine.subject])) actions = actions.without(Action::resolve);
  const Grants equals = grants_of(here.pattern);
  const Given rest = covering(equals, mine.subject, actions);
  if (!other_) other_ = rest.first;
  if (rest.any) return spare_among_equals(mine, rest, equals, actions, weak);
  // The pattern is gone with the grant, and the next one decides.
  const auto after = std::find(at.met.begin(), at.met.end(), here) - at.met.begin() + 1;
  const auto weaker = std::span(at.met).subspan(static_cast<std::size_t>(after));
  return next_is_like(mine, weaker, actions, weak) &&
         spare_among_equals(mine, rest, equals, actions, weak) &&
         spare_before_weaker(mine, weaker, actions, weak);
}

// next_is_like: who is the subject alone is answered the same by what he holds for certain.
bool Search::next_is_like(const Grant& mine, std::span<const Met> weaker, ActionSet actions,
                          bool weak) {
  const ActionSet free = free_of_rules(mine.subject, actions);
  const Outcome wanted = outcome(mine.allow, mine.deny, actions, free);
  if (!spend(weaker.size() + 1)) return false;
  for (const Met& met : weaker) {
    const Given next = covering(grants_of(met.pattern), mine.subject, actions);
    if (!next.any) continue;
    if (!other_) other_ = next.first;
    return same(outcome(next.allow, next.deny, actions, free), wanted, weak);
  }
  return same(outcome({}, {}, actions, free), wanted, weak);
}

bool Search::spare_among_equals(const Grant& mine, const Given& rest, Grants others,
                                ActionSet actions, bool weak) {
  const ActionSet free = free_of_rules(mine.subject, actions);
  const ActionSet allow = mine.allow & actions;
  const ActionSet deny = mine.deny & actions;
  const auto same_with = [&](ActionSet more_allow, ActionSet more_deny) {
    if (weak) return (deny.without(more_deny) & (more_allow | free)).empty();
    return within(deny, more_deny) && within(allow, more_allow | more_deny | free);
  };
  if (rest.any && !same_with(rest.allow, rest.deny)) return false;
  if (rest.any && !weak) return true;
  if (!spend(others.size())) return false;
  for (const Grant& grant : others) {
    if (!alive(grant) || !perhaps(grant.subject, mine.subject)) continue;
    if (weak && !(deny.without(rest.deny) & grant.allow).empty()) return false;
    if (!rest.any && !same_with(grant.allow, grant.deny)) return false;
  }
  return true;
}

// spare_before_weaker: which pattern is next for who is more than the subject cannot be known; so all
// down to the next one for certain must do.
bool Search::spare_before_weaker(const Grant& mine, std::span<const Met> weaker, ActionSet actions,
                                 bool weak) {
  const Subject& who = automaton_.subjects()[mine.subject];
  const ActionSet free = free_of_rules(mine.subject, actions);
  const Outcome wanted = outcome(mine.allow, mine.deny, actions, free);
  for (const Met& met : weaker) {
    const Given next = covering(grants_of(met.pattern), mine.subject, actions);
    for (const Share& share : shares_of(met.pattern)) {
      if (!spend(1)) return false;
      const bool apart = share.kind == who.kind && share.kind < Kind::group;
      if (apart || !may_be_both({share.kind, {}}, {who.kind, {}})) continue;
      const Outcome with = outcome(next.allow | share.allow, next.deny | share.deny, actions, free);
      if (!same(with, wanted, weak)) return false;
    }
    if (next.any) return true;
  }
  return true;
}

}  // namespace strongroom::policy_surplus
