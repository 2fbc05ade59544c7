// policy_diff.ipp: what changes from one policy to another; see tools.hpp.
//
// One walk goes through both policies, so every path is in one of its situations. In each situation, diff
// compares what identities may do that are a single subject, for every subject that either policy names. In
// vault-compat that is not enough: a pattern that one group holds may outrank what another group is given.
// There, two subjects show every change: one that makes the old answer and one that makes the new one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/impl/policy_tools/policy_walk.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_diff {

using policy_match::covers;
using policy_match::may_be_both;
using policy_match::may_serve;
using policy_walk::Meeting;
using policy_walk::Situation;
using policy_walk::Walk;
using Kind = Subject::Kind;

constexpr std::size_t kMaxDiffWork = std::size_t{1} << 27;

// Holding is what one policy gives to a subject for a request, by the strongest patterns that it holds.
struct Holding {
  bool any = false;
  std::uint64_t strength = 0;
  ActionSet allow;
  ActionSet deny;

  void add(const Holding& other) noexcept {
    if (!other.any || (any && strength > other.strength)) return;
    if (!any || strength < other.strength) {
      *this = other;
      return;
    }
    allow = allow | other.allow;
    deny = deny | other.deny;
  }
  auto key() const noexcept { return std::tuple(any, strength, allow.bits(), deny.bits()); }
};

// Holdings are what both policies give.
struct Holdings {
  std::array<Holding, 2> in;

  void add(const Holdings& other) noexcept {
    for (std::size_t i = 0; i < 2; ++i) in[i].add(other.in[i]);
  }
  auto key() const noexcept { return std::pair(in[0].key(), in[1].key()); }
};

using Number = std::uint32_t;  // of a subject, in both policies
using Turn = std::pair<Decision, Decision>;

// kNobody means that there is no second subject.
constexpr Number kNobody = static_cast<Number>(-1);

class Diff {
 public:
  Diff(const PolicyRules& before, const PolicyRules& after) : rules_{&before, &after} {}

  Result<std::vector<PolicyChange>> run();

 private:
  using Key = std::tuple<Number, Number, Action, Decision, Decision>;

  void number_subjects();
  void number_contents();
  Number number_of(const Subject& subject) const;
  std::array<Number, 2> kinds_of(Number number, Action action) const noexcept;

  Result<void> compare(const Situation& at);
  Result<void> compare_administration();
  bool alike(const Meeting& before, const Meeting& after) const;

  Result<void> hold(const Situation& at);
  void hold(std::size_t policy, const PolicyAutomaton::Grant& grant, std::uint64_t strength);
  Result<void> weigh(ActionSet actions, std::size_t stop);
  Result<void> weigh_alone(Number number, Action action, std::size_t stop);
  Result<void> weigh_pairs(const std::vector<Number>& numbers, Action action, std::size_t stop);
  bool both_speak() const;
  std::vector<Number> may_differ() const;
  std::vector<Number> unlike(Action action) const;

  Holdings alone(Number number, Action action) const;
  Turn change(const Holdings& holdings, Action action) const noexcept;
  Result<void> note(const Key& key, std::size_t stop);
  Result<void> spend(std::size_t work);
  std::vector<PolicyChange> changes() const;

  bool by_rank() const noexcept {
    return rules_[0]->mode == PolicyMode::vault_compat ||
           rules_[1]->mode == PolicyMode::vault_compat;
  }

  std::array<const PolicyRules*, 2> rules_;
  std::vector<PolicyAutomaton> automata_;
  std::vector<Subject> subjects_;                      // sorted, each once
  std::array<Number, 3> nameless_{};                   // any-user, any-service, anyone
  std::array<std::vector<Number>, 2> numbers_;         // of an automaton's subjects
  std::array<std::vector<std::uint32_t>, 2> content_;  // of a pattern: equal if the grants are
  std::vector<Holdings> held_;                         // by number, in the current situation
  std::vector<Number> holders_;                        // whose holdings are not empty
  std::map<Key, std::string> found_;
  Walk* walk_ = nullptr;
  std::size_t work_ = 0;
};

// applies returns whether an identity of that subject can ask for an action at all. Whoever resolves is a
// service, so for resolve any-service stands for anyone.
static bool applies(const Subject& subject, Action action) noexcept {
  if (is_administration(action)) return subject.kind != Kind::administrator;
  if (action != Action::resolve) return true;
  return may_serve(subject) && subject.kind != Kind::anyone;
}

Result<std::vector<PolicyChange>> Diff::run() {
  for (const PolicyRules* rules : rules_) {
    STRONGROOM_ASSIGN(automaton, PolicyAutomaton::build(*rules));
    automata_.push_back(std::move(automaton));
  }
  number_subjects();
  number_contents();
  STRONGROOM_TRY(compare_administration());
  Walk walk(automata_[0], &automata_[1]);
  walk_ = &walk;
  auto ok = walk.each_situation(
      [this](const Situation& at) { return compare(at); },
      [this](const Meeting& before, const Meeting& after) { return alike(before, after); });
  STRONGROOM_TRY(ok);
  return changes();
}

void Diff::number_subjects() {
  subjects_ = {{Kind::any_user, {}}, {Kind::any_service, {}}, {Kind::anyone, {}}};
  for (const PolicyAutomaton& automaton : automata_) {
    const auto& more = automaton.subjects();
    subjects_.insert(subjects_.end(), more.begin(), more.end());
  }
  std::sort(subjects_.begin(), subjects_.end());
  subjects_.erase(std::unique(subjects_.begin(), subjects_.end()), subjects_.end());
  held_.resize(subjects_.size());
  nameless_ = {number_of({Kind::any_user, {}}), number_of({Kind::any_service, {}}),
               number_of({Kind::anyone, {}})};
  for (std::size_t i = 0; i < 2; ++i) {
    for (const Subject& subject : automata_[i].subjects()) {
      numbers_[i].push_back(number_of(subject));
    }
  }
}

// kinds_of lists the kinds that cover a subject. If only one does, the subject itself takes the other place.
std::array<Number, 2> Diff::kinds_of(Number number, Action action) const noexcept {
  const auto [any_user, any_service, anyone] = nameless_;
  const Kind kind = subjects_[number].kind;
  const bool serves = kind == Kind::service || (kind == Kind::group && action == Action::resolve);
  return {serves ? any_service : kind == Kind::user ? any_user : number, anyone};
}

Number Diff::number_of(const Subject& subject) const {
  const auto found = std::lower_bound(subjects_.begin(), subjects_.end(), subject);
  return static_cast<Number>(found - subjects_.begin());
}

// number_contents numbers the patterns of both policies by their grants: equal grants, equal numbers.
void Diff::number_contents() {
  std::map<std::vector<std::array<std::uint32_t, 2>>, std::uint32_t> contents;
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::uint32_t p = 0; p < automata_[i].num_patterns(); ++p) {
      std::map<Number, std::uint32_t> merged;
      for (const auto& grant : automata_[i].pattern(p).grants) {
        merged[numbers_[i][grant.subject]] |= grant.allow.bits() | std::uint32_t{grant.deny.bits()}
                                                                       << 16;
      }
      std::vector<std::array<std::uint32_t, 2>> content;
      for (const auto& [number, bits] : merged) content.push_back({number, bits});
      const auto next = static_cast<std::uint32_t>(contents.size());
      content_[i].push_back(contents.emplace(std::move(content), next).first->second);
    }
  }
}

Result<void> Diff::compare(const Situation& at) {
  STRONGROOM_TRY(hold(at));
  return weigh(at.actions, at.stop);
}

Result<void> Diff::compare_administration() {
  for (std::size_t i = 0; i < 2; ++i) {
    for (const auto& grant : automata_[i].administration()) hold(i, grant, 0);
  }
  return weigh(ActionSet::administration(), 0);
}

// alike: nothing can differ, because the patterns give the same to the same subjects, in the same order.
bool Diff::alike(const Meeting& before, const Meeting& after) const {
  if (rules_[0]->mode != rules_[1]->mode) return false;
  if (rules_[0]->services_need_grants != rules_[1]->services_need_grants) return false;
  std::array<std::vector<std::uint32_t>, 2> contents;
  for (const auto& met : before) contents[0].push_back(content_[0][met.pattern]);
  for (const auto& met : after) contents[1].push_back(content_[1][met.pattern]);
  if (!by_rank()) {
    for (auto& content : contents) std::sort(content.begin(), content.end());
  }
  return contents[0] == contents[1];
}

Result<void> Diff::hold(const Situation& at) {
  for (std::size_t i = 0; i < 2; ++i) {
    for (const auto& met : at.met[i]) {
      const auto grants = automata_[i].pattern(met.pattern).grants;
      STRONGROOM_TRY(spend(grants.size()));
      for (const auto& grant : grants) hold(i, grant, met.strength);
    }
  }
  return {};
}

void Diff::hold(std::size_t policy, const PolicyAutomaton::Grant& grant, std::uint64_t strength) {
  const Number number = numbers_[policy][grant.subject];
  Holdings& held = held_[number];
  if (!held.in[0].any && !held.in[1].any) holders_.push_back(number);
  held.in[policy].add({true, strength, grant.allow, grant.deny});
}

// weigh compares what everybody may do, and clears the holdings.
Result<void> Diff::weigh(ActionSet actions, std::size_t stop) {
  for (const Number number : nameless_) {
    if (!held_[number].in[0].any && !held_[number].in[1].any) holders_.push_back(number);
  }
  const std::vector<Number> touched = may_differ();
  const bool pairs = by_rank() && actions != ActionSet::administration() && both_speak();
  const std::vector<Number> all = pairs ? unlike(Action::read) : std::vector<Number>();
  const std::vector<Number> serving = pairs ? unlike(Action::resolve) : std::vector<Number>();
  for (std::size_t i = 0; i < kNumActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (!actions.has(action)) continue;
    STRONGROOM_TRY(spend(touched.size()));
    for (const Number number : touched) {
      STRONGROOM_TRY(weigh_alone(number, action, stop));
    }
    const auto& unlike = action == Action::resolve ? serving : all;
    STRONGROOM_TRY(weigh_pairs(unlike, action, stop));
  }
  for (const Number number : holders_) held_[number] = {};
  holders_.clear();
  return {};
}

// both_speak: each policy gives somebody something. If only one does, single subjects show every change.
bool Diff::both_speak() const {
  const auto any = [this](std::size_t policy) {
    return std::any_of(holders_.begin(), holders_.end(),
                       [&](Number number) { return held_[number].in[policy].any; });
  };
  return any(0) && any(1);
}

// may_differ lists the holders, except those that plainly hold the same in both policies.
std::vector<Number> Diff::may_differ() const {
  const auto alike = [this](Number number) {
    const auto& [before, after] = held_[number].in;
    return before.any == after.any && before.allow == after.allow && before.deny == after.deny;
  };
  const auto settled = [&](Number kind) {
    const bool held = held_[kind].in[0].any || held_[kind].in[1].any;
    return !held || (!by_rank() && alike(kind));
  };
  if (rules_[0]->services_need_grants != rules_[1]->services_need_grants ||
      !std::all_of(nameless_.begin(), nameless_.end(), settled)) {
    return holders_;
  }
  std::vector<Number> numbers;
  std::copy_if(holders_.begin(), holders_.end(), std::back_inserter(numbers),
               [&](Number number) { return !alike(number); });
  return numbers;
}

Result<void> Diff::weigh_alone(Number number, Action action, std::size_t stop) {
  const Subject& subject = subjects_[number];
  if (!applies(subject, action)) return {};
  const Turn found = change(alone(number, action), action);
  if (found.first == found.second) return {};
  for (const Number kind : kinds_of(number, action)) {
    if (kind == number || !applies(subjects_[kind], action)) continue;
    if (change(alone(kind, action), action) == found) return {};  // noted for the whole kind
  }
  return note({number, kNobody, action, found.first, found.second}, stop);
}

// unlike lists holders that can ask for an action, one of each kind and holdings.
std::vector<Number> Diff::unlike(Action action) const {
  using Class = std::pair<Kind, decltype(Holdings().key())>;
  std::map<Class, Number> classes;
  for (const Number number : holders_) {
    const Subject& subject = subjects_[number];
    if (!applies(subject, action)) continue;
    const auto key = alone(number, action).key();
    bool like_its_kind = false;
    for (const Number kind : kinds_of(number, action)) {
      if (kind == number || !applies(subjects_[kind], action)) continue;
      like_its_kind = like_its_kind || key == alone(kind, action).key();
    }
    if (!like_its_kind) classes.emplace(Class(subject.kind, key), number);
  }
  std::vector<Number> numbers;
  for (const auto& [key, number] : classes) numbers.push_back(number);
  return numbers;
}

Result<void> Diff::weigh_pairs(const std::vector<Number>& numbers, Action action,
                               std::size_t stop) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    STRONGROOM_TRY(spend(i + 1));
    for (std::size_t j = 0; j < i; ++j) {
      const Subject& one = subjects_[numbers[i]];
      const Subject& other = subjects_[numbers[j]];
      if (!may_be_both(one, other) || covers(one, other) || covers(other, one)) continue;
      const Holdings first = alone(numbers[i], action);
      const Holdings second = alone(numbers[j], action);
      Holdings both = first;
      both.add(second);
      const Turn found = change(both, action);
      if (found.first == found.second) continue;
      if (found == change(first, action) || found == change(second, action)) continue;
      const Key key(numbers[i], numbers[j], action, found.first, found.second);
      STRONGROOM_TRY(note(key, stop));
    }
  }
  return {};
}

// alone is what an identity holds that is only this subject, and the kinds that cover it.
Holdings Diff::alone(Number number, Action action) const {
  Holdings holdings = held_[number];
  for (const Number kind : kinds_of(number, action)) {
    if (kind != number) holdings.add(held_[kind]);
  }
  return holdings;
}

Turn Diff::change(const Holdings& holdings, Action action) const noexcept {
  std::array<Decision, 2> decisions{};
  for (std::size_t i = 0; i < 2; ++i) {
    const Holding& holding = holdings.in[i];
    const bool allowed = holding.allow.has(action) ||
                         (action == Action::resolve && !rules_[i]->services_need_grants);
    decisions[i] = holding.deny.has(action) ? Decision::denied
                   : allowed                ? Decision::allowed
                                            : Decision::refused;
  }
  return {decisions[0], decisions[1]};
}

Result<void> Diff::note(const Key& key, std::size_t stop) {
  const auto [found, made] = found_.try_emplace(key);
  if (!made) return {};
  if (found_.size() > kMaxPolicyChanges) {
    return Error{Code::too_large,
                 "more than " + std::to_string(kMaxPolicyChanges) + " changes; see fewer at once"};
  }
  if (walk_ != nullptr) found->second = walk_->path_to(stop);
  return {};
}

Result<void> Diff::spend(std::size_t work) {
  work_ += work;
  if (work_ <= kMaxDiffWork) return {};
  return Error{Code::too_large, "the policies gave too many subjects too much to compare it all"};
}

std::vector<PolicyChange> Diff::changes() const {
  std::vector<PolicyChange> changes;
  for (const auto& [key, witness] : found_) {
    const auto& [subject, also, action, before, after] = key;
    PolicyChange change{subjects_[subject], {}, action, before, after, witness};
    if (also != kNobody) change.also = subjects_[also];
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace detail::policy_diff

Result<std::vector<PolicyChange>> diff(const PolicyRules& before, const PolicyRules& after) {
  return detail::policy_diff::Diff(before, after).run();
}

}  // namespace strongroom
