// policy_surplus.ipp: see policy_surplus.hpp.
//
// Each part is weighed at every stop of a walk where its pattern matches, against the parts that are
// still there. Whoever is one of the part's subjects may be more than that: what covers the subject
// (any-user, anyone) is his for certain, what may come with it (a group) is his perhaps. Only what is
// for certain makes a part surplus, and what is perhaps must not make it matter again.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_automaton.hpp"
#include "strongroom/impl/policy/policy_match.hpp"
#include "strongroom/impl/policy/policy_surplus.hpp"
#include "strongroom/impl/policy/policy_surplus_search.hpp"
#include "strongroom/impl/policy/policy_walk.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_surplus {

Result<Surpluses> Search::run() {
  number_subjects();
  number_parts();
  STRONGROOM_TRY(collect());
  Surpluses found;
  for (const Part& part : narrow_first()) {
    looked_at_ = part;
    const auto surplus = look(part);
    if (work_ > kMaxSurplusWork) {
      found.gave_up = true;
      return found;
    }
    if (!surplus) continue;
    gone_[first_part_[part.rule] + part.path] = true;
    shares_.erase(pattern_of_[first_part_[part.rule] + part.path]);
    found.list.push_back(*surplus);
  }
  return found;
}

// narrow_first lists all parts, so that of two that can spare one another the narrower goes, and of two
// alike the later one.
std::vector<Part> Search::narrow_first() const {
  std::vector<Part> parts;
  for (std::size_t rule = rules_.rules.size(); rule-- > 0;) {
    const std::size_t num_paths = rules_.rules[rule].paths.size();
    for (std::size_t path = std::max<std::size_t>(num_paths, 1); path-- > 0;) {
      parts.push_back({rule, path});
    }
  }
  const auto width = [&](const Part& part) {
    const std::uint32_t pattern = pattern_of_[first_part_[part.rule] + part.path];
    return pattern > whole_store() ? 0 : where_[pattern].size();
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const Part& a, const Part& b) { return width(a) < width(b); });
  return parts;
}

void Search::number_subjects() {
  const auto& subjects = automaton_.subjects();
  std::array<std::uint32_t, kNumKinds> nameless;
  nameless.fill(kNoSubject);
  for (std::uint32_t i = 0; i < subjects.size(); ++i) {
    if (subjects[i].kind >= Kind::any_user)
      nameless[static_cast<std::size_t>(subjects[i].kind)] = i;
  }
  for (const Subject& subject : subjects) {
    std::array<std::uint32_t, 2> kinds = {kNoSubject, kNoSubject};
    if (subject.kind == Kind::user) kinds[0] = nameless[static_cast<std::size_t>(Kind::any_user)];
    if (subject.kind == Kind::service) {
      kinds[0] = nameless[static_cast<std::size_t>(Kind::any_service)];
    }
    if (subject.kind != Kind::anyone) kinds[1] = nameless[static_cast<std::size_t>(Kind::anyone)];
    kinds_.push_back(kinds);
  }
}

void Search::number_parts() {
  std::size_t num_parts = 0;
  for (const PolicyRule& rule : rules_.rules) {
    first_part_.push_back(num_parts);
    num_parts += std::max<std::size_t>(rule.paths.size(), 1);
  }
  gone_.resize(num_parts);
  grants_of_part_.resize(num_parts);
  pattern_of_.resize(num_parts, whole_store() + 1);  // of one that is for nobody
  allow_by_kind_.resize(whole_store() + 1);
  for (std::uint32_t pattern = 0; pattern <= whole_store(); ++pattern) {
    for (const Grant& grant : grants_of(pattern)) {
      const std::size_t part = first_part_[grant.rule] + grant.path;
      pattern_of_[part] = pattern;
      grants_of_part_[part].push_back(&grant);
      ActionSet& allow =
          allow_by_kind_[pattern]
                        [static_cast<std::size_t>(automaton_.subjects()[grant.subject].kind)];
      allow = allow | grant.allow;
    }
  }
}

Result<void> Search::collect() {
  const ActionSet names = ActionSet(Action::list) | Action::scan;
  where_.resize(whole_store() + 1);
  remember({{0, whole_store()}}, ActionSet::administration());
  Walk walk(automaton_);
  return walk.run([&](const Stop& stop) -> Result<void> {
    remember(stop.met[0].names, names);
    if (stop.number != 0) remember(stop.met[0].path, ActionSet::on_paths().without(names));
    return {};
  });
}

void Search::remember(const Meeting& met, ActionSet actions) {
  std::u32string key = {static_cast<char32_t>(actions.bits())};
  for (const Met& one : met) key += static_cast<char32_t>(one.pattern);
  if (!known_.insert(std::move(key)).second) return;
  for (const Met& one : met) where_[one.pattern].push_back(situations_.size());
  situations_.push_back({met, actions});
}

// look tells why a part is surplus, if it is.
std::optional<Surplus> Search::look(const Part& part) {
  const std::uint32_t pattern = pattern_of_[first_part_[part.rule] + part.path];
  if (pattern > whole_store()) return {};
  const PolicyRule& rule = rules_.rules[part.rule];
  if (rule.allow.empty() == rule.deny.empty()) return {};
  const Mine& mine = grants_of_part_[first_part_[part.rule] + part.path];
  if (rules_.mode == PolicyMode::deny_overrides || pattern == whole_store()) {
    return rule.deny.empty() ? look_at_allow(part, mine) : look_at_deny(part, mine);
  }
  for (const bool weak : {false, true}) {
    if (weak && rule.deny.empty()) break;
    // It must be spare among what is left, and in the policy as it is.
    all_there_ = true;
    const bool spare = look_vault(part, mine, pattern, weak).has_value();
    all_there_ = false;
    if (!spare) continue;
    if (auto surplus = look_vault(part, mine, pattern, weak)) return surplus;
  }
  return {};
}

// asked is what of a grant's actions a rule is ever asked about.
ActionSet Search::asked(const Grant& grant, ActionSet actions) const {
  const Subject& subject = automaton_.subjects()[grant.subject];
  if (subject.kind == Kind::administrator) actions = actions.without(ActionSet::administration());
  if (!may_serve(subject)) actions = actions.without(Action::resolve);
  return (grant.allow | grant.deny) & actions;
}

// free_of_rules is what is allowed where no rule speaks.
ActionSet Search::free_of_rules(std::uint32_t subject, ActionSet actions) const {
  const bool free = !rules_.services_need_grants && may_serve(automaton_.subjects()[subject]);
  return free ? actions & Action::resolve : ActionSet();
}

Given Search::held(Grants grants, std::uint32_t subject, ActionSet actions) const {
  Given given;
  if (subject == kNoSubject) return given;
  const auto before = [](const Grant& grant, std::uint32_t number) {
    return grant.subject < number;
  };
  for (auto i = std::lower_bound(grants.begin(), grants.end(), subject, before);
       i != grants.end() && i->subject == subject; ++i) {
    if (alive(*i)) given.add(*i, actions);
  }
  return given;
}

// covering is what a subject, and whoever covers it, is given by other parts.
Given Search::covering(Grants grants, std::uint32_t subject, ActionSet actions) const {
  Given given = held(grants, subject, actions);
  for (const std::uint32_t kind : kinds_[subject]) given.join(held(grants, kind, actions));
  return given;
}

// perhaps: who is subject may be other as well, and is not for certain.
bool Search::perhaps(std::uint32_t other, std::uint32_t subject) const {
  const Subject& a = automaton_.subjects()[other];
  const Subject& b = automaton_.subjects()[subject];
  return may_be_both(a, b) && !covers(a, b);
}

// allowed_perhaps is what a pattern allows to anybody who may be that subject; what is gone counts, as
// it may have gone for what is denied here.
ActionSet Search::allowed_perhaps(std::uint32_t pattern, std::uint32_t subject) {
  const Subject& who = automaton_.subjects()[subject];
  all_there_ = true;
  ActionSet allow = held(grants_of(pattern), subject, kAll).allow;
  all_there_ = false;
  for (std::size_t i = 0; i < kNumKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    const bool many = who.kind >= Kind::group;  // other subjects of its own kind may be it
    const bool meets = many && kind < Kind::group
                           ? covers(who, {kind, {}}) || who.kind == Kind::group
                           : kind >= Kind::group && may_be_both({kind, {}}, who);
    if (meets) allow = allow | allow_by_kind_[pattern][i];
  }
  return allow;
}

// given_by_others is what all that is met gives for certain to a subject, of actions.
Given Search::given_by_others(const Situation& at, std::uint32_t subject, ActionSet actions) const {
  Given given;
  for (const Met& met : at.met) given.join(covering(grants_of(met.pattern), subject, actions));
  return given;
}

std::optional<Surplus> Search::look_at_allow(const Part& part, const Mine& mine) {
  std::optional<Surplus> surplus;
  for (const std::size_t number : where_[pattern_of_[first_part_[part.rule] + part.path]]) {
    const Situation& at = situations_[number];
    for (const Grant* const grant : mine) {
      const ActionSet all = asked(*grant, at.actions);
      if (all.empty()) continue;
      if (!surplus) surplus = {part, Why::free_anyway, {}};
      const ActionSet left = all.without(free_of_rules(grant->subject, at.actions));
      if (left.empty()) continue;
      if (!spend(at.met.size() * 4)) return {};
      const Given given = given_by_others(at, grant->subject, left);
      if (!within(left, given.allow | given.deny)) return {};
      if (!within(left, given.deny)) {
        *surplus = {part, Why::allowed_anyway, given.allows};
      } else if (surplus->why == Why::free_anyway) {
        *surplus = {part, Why::all_denied, given.denies};
      }
    }
  }
  return surplus;
}

std::optional<Surplus> Search::look_at_deny(const Part& part, const Mine& mine) {
  std::optional<Surplus> surplus;
  for (const std::size_t number : where_[pattern_of_[first_part_[part.rule] + part.path]]) {
    const Situation& at = situations_[number];
    for (const Grant* const grant : mine) {
      const ActionSet all = asked(*grant, at.actions);
      if (all.empty()) continue;
      if (!spend(at.met.size() * 4)) return {};
      const Given given = given_by_others(at, grant->subject, all);
      const ActionSet left = all.without(given.deny);
      if (!surplus) surplus = {part, Why::denied_anyway, given.denies};
      if (left.empty()) continue;
      *surplus = {part, Why::nothing_there, {}};
      if (!(left & free_of_rules(grant->subject, at.actions)).empty()) return {};
      for (const Met& met : at.met) {
        if (!(left & allowed_perhaps(met.pattern, grant->subject)).empty()) return {};
      }
    }
  }
  return surplus;
}

// shares_of lists what a pattern comes to for its subjects, each share once. They are few, where the
// subjects are many.
const std::vector<Search::Share>& Search::shares_of(std::uint32_t pattern) {
  auto& known = all_there_ ? all_shares_ : shares_;
  const auto [found, made] = known.try_emplace(pattern);
  if (!made) return found->second;
  const Grants grants = grants_of(pattern);
  spend(grants.size());
  std::set<std::tuple<Kind, std::uint16_t, std::uint16_t>> shares;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    if (i != 0 && grants[i].subject == grants[i - 1].subject) continue;
    const Given whole = held(grants, grants[i].subject, kAll);
    const Kind kind = automaton_.subjects()[grants[i].subject].kind;
    if (whole.any) shares.emplace(kind, whole.allow.bits(), whole.deny.bits());
  }
  for (const auto& [kind, allow, deny] : shares) {
    found->second.push_back({kind, ActionSet::from_bits(allow), ActionSet::from_bits(deny)});
  }
  return found->second;
}

Result<Surpluses> surpluses(const PolicyRules& rules) {
  STRONGROOM_ASSIGN(automaton, PolicyAutomaton::build(rules));
  return Search(rules, automaton).run();
}

}  // namespace strongroom::policy_surplus
