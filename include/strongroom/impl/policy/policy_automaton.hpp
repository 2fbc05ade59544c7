// policy_automaton.hpp: the automaton that the patterns of a policy make together.
//
// Patterns are sequences of segments, so the automaton steps from segment to segment and is
// deterministic: a path has one walk. What a walk meets on its way is collected:
//
//   ends(s)          the patterns that match a path that ends in state s.
//   passes(s, seg)   the patterns that match every path that leaves s by this segment, whatever
//                    follows: "a/**" leaving the state of "a", Vault's "a/b*" by "bc".
//
// Keeping what is passed out of the states is what keeps them few: "a/**" adds no state to any other
// pattern's. This one is for tools, which ask about all paths at once; CompiledPolicy decides about one
// path, by the patterns themselves, and is never larger than they are.
//
//   auto s = automaton.start();
//   for (segment of path) automaton.collect(s, segment, matched), s = automaton.step(s, segment);
//   matched += automaton.ends(s);      // of a path
//   matched += automaton.tails(s);     // of a list or scan of it, deny_overrides alone
//
// In vault_compat a list of p is asked as "p/": one more segment, an empty one (of the root: that one
// alone); of what matches "p/" or p, see Pattern::exact and rank. Of two that are exact, the one of "p/"
// counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// What an automaton may cost, whatever the rules. '*' in unlike places of many rules multiplies
// states.
inline constexpr std::size_t kMaxPolicyStates = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPolicyEdges = std::size_t{1} << 21;
// In so many unlike ways the wildcards of patterns may be placed among their first n segments.
inline constexpr std::size_t kMaxPlacesOfWalk = 64;

class PolicyAutomaton {
 public:
  using State = std::uint32_t;

  // Grant is what one rule gives to, or takes from, one subject; read with resolve in it, and so on
  // (effective, in rules.hpp). path is the index into the rule's paths, 0 where there is none.
  struct Grant {
    std::uint32_t subject = 0;  // index into subjects()
    std::uint32_t rule = 0;
    std::uint32_t path = 0;
    ActionSet allow;
    ActionSet deny;
  };

  // Pattern is one pattern text, however many rules have it.
  struct Pattern {
    std::string_view text;
    // vault_compat: of two that match and are not exact the one of higher rank decides, whatever the
    // path; ranks are unlike. 0 in deny_overrides.
    std::uint32_t rank = 0;
    bool exact = false;             // no wildcard: in vault_compat it decides before all others
    std::span<const Grant> grants;  // by subject
  };

  // build makes the automaton of rules, which it needs no more afterwards.
  // Errors  invalid: a pattern that means nothing in its mode, or actions on paths without a path, or
  //         actions on the whole store with one.  too_large: over a limit of rules.hpp or of this
  //         file; the message names the pattern at which that was.
  static Result<PolicyAutomaton> build(const PolicyRules& rules);

  PolicyAutomaton(PolicyAutomaton&&) noexcept;
  PolicyAutomaton& operator=(PolicyAutomaton&&) noexcept;
  ~PolicyAutomaton();

  PolicyMode mode() const noexcept;

  State start() const noexcept;
  std::size_t num_states() const noexcept;
  std::size_t num_edges() const noexcept;
  // dead tells the state that nothing leaves and nothing ends in.
  bool dead(State state) const noexcept;

  // step is where a segment leads. Every segment leads somewhere.
  State step(State state, std::string_view segment) const noexcept;
  // otherwise is where a segment leads that is none of labels(state).
  State otherwise(State state) const noexcept;
  // labels lists the segments that may lead elsewhere than the others, each once.
  std::vector<std::string_view> labels(State state) const;
  // prefixes lists the beginnings of a segment that pass more than tails(state) does, each once;
  // vault_compat alone.
  std::vector<std::string_view> prefixes(State state) const;

  // Patterns by number, into pattern().
  std::span<const std::uint32_t> ends(State state) const noexcept;
  // tails match whatever leaves the state, by whichever segment.
  std::span<const std::uint32_t> tails(State state) const noexcept;
  // collect appends what leaving state by segment passes: tails(state), and those of the prefixes
  // that the segment has.
  void collect(State state, std::string_view segment, std::vector<std::uint32_t>& passed) const;

  std::size_t num_patterns() const noexcept;
  const Pattern& pattern(std::uint32_t number) const noexcept;

  // subjects that rules speak of, each once.
  const std::vector<Subject>& subjects() const noexcept;
  // administration is what rules give to whom on the whole store, by subject.
  std::span<const Grant> administration() const noexcept;

  struct Parts;

 private:
  explicit PolicyAutomaton(std::unique_ptr<Parts> parts) noexcept;
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom
