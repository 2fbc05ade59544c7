// policy_surplus.hpp: rules without which a policy decides the same.
#pragma once

#include <vector>

#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_surplus {

// Surplus is a part of a policy (a path of a rule, or a rule for the whole store) that can be removed. The
// pointers are to grants of the automaton.
struct Surplus {
  const PolicyAutomaton::Grant* part = nullptr;               // one of the part's grants
  PolicyFinding::Kind kind = PolicyFinding::Kind::redundant;  // any but suspicious
  const PolicyAutomaton::Grant* other = nullptr;              // what makes it so; may be null
};

struct Surpluses {
  std::vector<Surplus> list;
  bool gave_up = false;  // it took too long to look at every part
};

// surpluses finds parts that can be removed, any one of them or all together: every request of every
// identity is still answered the same. Only needless parts change answers, from denied to refused. In
// vault_compat it may miss some.
// Errors  too_large: over the bounds of a walk through the automaton of the rules.
Result<Surpluses> surpluses(const PolicyRules& rules, const PolicyAutomaton& automaton);

}  // namespace strongroom::policy_surplus
