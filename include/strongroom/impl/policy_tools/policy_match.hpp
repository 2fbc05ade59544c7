// policy_match.hpp: which rules apply to a subject and a path, one rule at a time.
//
// It is simple on purpose, and shares no line with the code that decides: what explain reports is a
// second opinion.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"

namespace strongroom::policy_match {

// covers: everyone who is narrow is also wide.
bool covers(const Subject& wide, const Subject& narrow) noexcept;

// may_be_both: one caller can be a and b at once.
bool may_be_both(const Subject& a, const Subject& b) noexcept;

// may_serve: a caller of that subject can be a service.
bool may_serve(const Subject& subject) noexcept;

// subjects_of lists all subjects that an identity is, sorted. A trusted caller has none.
std::vector<Subject> subjects_of(const Identity& who);

// asks_for_names: list and scan, which are about the names below a path.
constexpr bool asks_for_names(Action action) noexcept {
  return action == Action::list || action == Action::scan;
}

// Rank decides which of two patterns that match a request counts. In deny-overrides all are equal.
struct Rank {
  int stage = 0;  // the lower counts; in Vault's order: exact, exact without the '/', others
  std::size_t first_wildcard = 0;  // the further right counts,
  bool open = false;               // then the one without '*' at the end,
  std::size_t num_any = 0;         // then the one of fewer '+',
  std::string_view text;           // then the longer one, then the larger
};

// compare returns above 0 if a counts rather than b, and 0 if both do.
int compare(const Rank& a, const Rank& b) noexcept;

// match returns a pattern's rank for a request, if it matches.
std::optional<Rank> match(PolicyMode mode, std::string_view pattern, Action action,
                          const Path& path);

// Spoken is one rule that applies to a request.
struct Spoken {
  std::size_t rule = 0;
  std::size_t path = 0;  // unused for the whole store
  Rank rank;
};

// for_each_match calls back with every rule that applies to a request, for any caller, in the order in
// which the rules were written.
void for_each_match(const PolicyRules& rules, Action action, const Path& path,
                    const std::function<void(const Spoken&)>& callback);

// Weight is the combined result of rules that were weighed together.
struct Weight {
  bool any = false;  // a rule applied
  Rank rank;
  bool allows = false;
  bool denies = false;

  void add(const Weight& other) noexcept;
  Decision decision() const noexcept {
    if (denies) return Decision::denied;
    return allows ? Decision::allowed : Decision::refused;
  }
};

// weight returns the weight of one rule.
Weight weight(const PolicyRules& rules, const Spoken& spoken, Action action) noexcept;

// shown returns a subject or a place as messages name it, cut short if it is long.
std::string shown(const Subject& subject);
std::string shown(const PolicyRules& rules, const Spoken& spoken);

}  // namespace strongroom::policy_match
