// policy_automaton.hpp: the automaton that the patterns of a policy make together.
//
// Patterns are sequences of segments, so the automaton steps from segment to segment and is
// deterministic: a path has one walk. The walk collects the patterns it meets:
//
//   ends(s)          the patterns that match a path that ends in state s.
//   passes(s, seg)   the patterns that match every path that leaves s by this segment, whatever
//                    follows: "a/**" when it leaves the state of "a", Vault's "a/b*" by "bc".
//
// States do not include the patterns that were passed, which keeps states few: "a/**" adds no state to
// those of other patterns. The automaton is for tools, which examine all paths at once. CompiledPolicy
// decides about one path, by the patterns themselves, and is never larger than they are.
//
//   auto s = automaton.start();
//   for (segment of path) automaton.collect(s, segment, matched), s = automaton.step(s, segment);
//   matched += automaton.ends(s);      // of a path
//   matched += automaton.tails(s);     // of a list or scan of it, in deny_overrides only
//
// In vault_compat a list of p is looked up as "p/", which has one more segment, an empty one (for the
// root, only that one). Among the patterns that match "p/" or p, Pattern::exact and rank decide. Of two
// exact ones, the one for "p/" counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy/policy_trie.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// Limits of an automaton, whatever the rules. '*' in different places of many rules multiplies states.
inline constexpr std::size_t kMaxPolicyStates = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPolicyEdges = std::size_t{1} << 21;

class PolicyAutomaton {
 public:
  using State = std::uint32_t;

  using Grant = policy_trie::Grant;
  using Pattern = policy_trie::Pattern;

  // build makes the automaton of rules, which it does not need afterwards.
  // Errors  as policy_trie::build.  too_large: also over a limit of this file.
  static Result<PolicyAutomaton> build(const PolicyRules& rules);

  PolicyAutomaton(PolicyAutomaton&&) noexcept;
  PolicyAutomaton& operator=(PolicyAutomaton&&) noexcept;
  ~PolicyAutomaton();

  PolicyMode mode() const noexcept;

  State start() const noexcept;
  std::size_t num_states() const noexcept;
  std::size_t num_edges() const noexcept;
  // dead returns whether state is the one that nothing leaves and nothing ends in.
  bool dead(State state) const noexcept;

  // step returns where a segment leads. Every segment leads somewhere.
  State step(State state, std::string_view segment) const noexcept;
  // otherwise returns where all segments lead that are not in labels(state).
  State otherwise(State state) const noexcept;
  // labels lists the segments that may lead elsewhere than otherwise(state), each once.
  std::vector<std::string_view> labels(State state) const;
  // prefixes lists the beginnings of segments that pass more than tails(state), each once; in
  // vault_compat only.
  std::vector<std::string_view> prefixes(State state) const;

  // Patterns by number, into pattern().
  std::span<const std::uint32_t> ends(State state) const noexcept;
  // tails match every path that leaves the state, by any segment.
  std::span<const std::uint32_t> tails(State state) const noexcept;
  // collect appends the patterns that leaving state by segment passes: tails(state), and those of the
  // prefixes that the segment begins with.
  void collect(State state, std::string_view segment, std::vector<std::uint32_t>& passed) const;

  std::size_t num_patterns() const noexcept;
  const Pattern& pattern(std::uint32_t number) const noexcept;

  // subjects returns the subjects of all rules, each once.
  const std::vector<Subject>& subjects() const noexcept;
  // administration lists the grants on the whole store, by subject.
  std::span<const Grant> administration() const noexcept;

  struct Parts;

 private:
  explicit PolicyAutomaton(std::unique_ptr<Parts> parts) noexcept;
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom
