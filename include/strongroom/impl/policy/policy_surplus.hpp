// policy_surplus.hpp: rules without which a policy would allow exactly the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_surplus {

// Part is a path of a rule, or a rule for the whole store.
struct Part {
  std::size_t rule = 0;
  std::size_t path = 0;

  friend bool operator==(const Part&, const Part&) = default;
};

enum class Why : std::uint8_t {
  allowed_anyway,
  free_anyway,    // without any rule
  denied_anyway,  // what it denies
  all_denied,     // what it allows
  outranked,      // vault-compat: stronger patterns decide wherever it matches
  nothing_there,  // what it denies, nobody is allowed
};

struct Surplus {
  Part part;
  Why why = Why::allowed_anyway;
  std::optional<Part> other;  // one that makes it so
};

struct Surpluses {
  std::vector<Surplus> list;
  bool gave_up = false;  // there was too much to look at all of it
};

// surpluses finds the parts without which nobody's answer changes, except from denied to refused, and
// so that all of them can go at once. What it does not find may be surplus still.
// Errors  too_large: over the bounds of the automaton, or of a walk through it.
Result<Surpluses> surpluses(const PolicyRules& rules);

}  // namespace strongroom::policy_surplus
