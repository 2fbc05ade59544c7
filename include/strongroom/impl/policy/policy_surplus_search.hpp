// policy_surplus_search.hpp: the search for rules that change nothing, over what requests may meet.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_automaton.hpp"
#include "strongroom/impl/policy/policy_match.hpp"
#include "strongroom/impl/policy/policy_surplus.hpp"
#include "strongroom/impl/policy/policy_walk.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_surplus {
using policy_match::covers;
using policy_match::may_be_both;
using policy_match::may_serve;
using policy_walk::Meeting;
using policy_walk::Met;
using policy_walk::Stop;
using policy_walk::Walk;
using Grant = PolicyAutomaton::Grant;
using Kind = Subject::Kind;

constexpr std::size_t kMaxSurplusWork = std::size_t{1} << 27;
constexpr std::size_t kNumKinds = 7;
constexpr ActionSet kAll = ActionSet::on_paths() | ActionSet::administration();
constexpr std::uint32_t kNoSubject = static_cast<std::uint32_t>(-1);

// Situation is what requests meet, for actions.
struct Situation {
  Meeting met;
  ActionSet actions;
};

// Given is what parts come to, together.
struct Given {
  bool any = false;
  ActionSet allow;
  ActionSet deny;
  std::optional<Part> allows;  // one that does
  std::optional<Part> denies;
  std::optional<Part> first;

  void add(const Grant& grant, ActionSet actions) {
    const Part part{grant.rule, grant.path};
    any = true;
    allow = allow | (grant.allow & actions);
    deny = deny | (grant.deny & actions);
    if (!first) first = part;
    if (!allows && !(grant.allow & actions).empty()) allows = part;
    if (!denies && !(grant.deny & actions).empty()) denies = part;
  }
  void join(const Given& more) {
    any = any || more.any;
    allow = allow | more.allow;
    deny = deny | more.deny;
    if (!first) first = more.first;
    if (!allows) allows = more.allows;
    if (!denies) denies = more.denies;
  }
};

inline bool within(ActionSet part, ActionSet whole) noexcept {
  return part.without(whole).empty();
}

class Search {
 public:
  Search(const PolicyRules& rules, const PolicyAutomaton& automaton)
      : rules_(rules), automaton_(automaton) {}

  Result<Surpluses> run();

 private:
  using Grants = std::span<const Grant>;
  using Mine = std::vector<const Grant*>;

  void number_subjects();
  void number_parts();
  Result<void> collect();
  void remember(const Meeting& met, ActionSet actions);
  std::vector<Part> narrow_first() const;

  std::optional<Surplus> look(const Part& part);
  std::optional<Surplus> look_at_allow(const Part& part, const Mine& mine);
  std::optional<Surplus> look_at_deny(const Part& part, const Mine& mine);
  std::optional<Surplus> look_vault(const Part& part, const Mine& mine, std::uint32_t pattern,
                                    bool weak);
  bool spare(const Grant& mine, const Situation& at, const Met& here, bool weak);
  bool spare_among_equals(const Grant& mine, const Given& rest, Grants others, ActionSet actions,
                          bool weak);
  // Share is what a pattern gives to subjects of a kind.
  struct Share {
    Kind kind;
    ActionSet allow;
    ActionSet deny;
  };
  const std::vector<Share>& shares_of(std::uint32_t pattern);

  bool next_is_like(const Grant& mine, std::span<const Met> weaker, ActionSet actions, bool weak);
  bool spare_before_weaker(const Grant& mine, std::span<const Met> weaker, ActionSet actions,
                           bool weak);

  ActionSet asked(const Grant& grant, ActionSet actions) const;
  Given held(Grants grants, std::uint32_t subject, ActionSet actions) const;
  Given covering(Grants grants, std::uint32_t subject, ActionSet actions) const;
  Given given_by_others(const Situation& at, std::uint32_t subject, ActionSet actions) const;
  ActionSet allowed_perhaps(std::uint32_t pattern, std::uint32_t subject);
  ActionSet free_of_rules(std::uint32_t subject, ActionSet actions) const;
  bool perhaps(std::uint32_t other, std::uint32_t subject) const;

  Grants grants_of(std::uint32_t pattern) const {
    return pattern == whole_store() ? automaton_.administration()
                                    : automaton_.pattern(pattern).grants;
  }
  std::uint32_t whole_store() const noexcept {
    return static_cast<std::uint32_t>(automaton_.num_patterns());
  }
  bool alive(const Grant& grant) const {
    const Part part{grant.rule, grant.path};
    return !(part == looked_at_) && (all_there_ || !gone_[first_part_[part.rule] + part.path]);
  }
  bool spend(std::size_t work) {
    work_ += work;
    return work_ <= kMaxSurplusWork;
  }

  const PolicyRules& rules_;
  const PolicyAutomaton& automaton_;
  std::vector<std::array<std::uint32_t, 2>> kinds_;  // of a subject: what covers it
  std::vector<std::size_t> first_part_;              // of a rule
  std::vector<std::uint32_t> pattern_of_;            // of a part
  std::vector<Mine> grants_of_part_;
  std::vector<bool> gone_;  // found surplus
  Part looked_at_;
  bool all_there_ = false;  // as if nothing were gone
  std::vector<Situation> situations_;
  std::unordered_set<std::u32string> known_;
  std::vector<std::vector<std::size_t>> where_;  // situations that a pattern is in
  std::vector<std::array<ActionSet, kNumKinds>> allow_by_kind_;
  std::unordered_map<std::uint32_t, std::vector<Share>> shares_;  // of what is left
  std::unordered_map<std::uint32_t, std::vector<Share>> all_shares_;
  std::optional<Part> other_;
  std::size_t work_ = 0;
};

}  // namespace strongroom::policy_surplus
