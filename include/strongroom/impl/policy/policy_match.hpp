// policy_match.hpp: which rules speak of whom, and of which path, told one by one.
//
// Plain on purpose, and without a line of the automaton that decides in earnest: what explain says is
// a second opinion.
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

// covers: whoever is narrow is wide as well.
bool covers(const Subject& wide, const Subject& narrow) noexcept;

// may_be_both: somebody can be a and b at once.
bool may_be_both(const Subject& a, const Subject& b) noexcept;

// may_serve: somebody of that subject can be a service.
bool may_serve(const Subject& subject) noexcept;

// subjects_of lists all that an identity is, sorted. A trusted caller is none of them.
std::vector<Subject> subjects_of(const Identity& who);

// asks_for_names: list and scan, which ask what lies below a path.
constexpr bool asks_for_names(Action action) noexcept {
  return action == Action::list || action == Action::scan;
}

// Rank tells which of two patterns that match a request counts. In deny-overrides all are alike.
struct Rank {
  int stage = 0;  // the lower counts; of Vault's: exact, exact without the '/', others
  std::size_t first_wildcard = 0;  // the further right counts,
  bool open = false;               // then the one without '*' at the end,
  std::size_t num_any = 0;         // then the one of fewer '+',
  std::string_view text;           // then the longer one, then the larger
};

// compare is above 0 where a counts rather than b, and 0 where both do.
int compare(const Rank& a, const Rank& b) noexcept;

// match ranks a pattern for a request, if it matches at all.
std::optional<Rank> match(PolicyMode mode, std::string_view pattern, Action action,
                          const Path& path);

// Spoken is one rule that speaks of a request.
struct Spoken {
  std::size_t rule = 0;
  std::size_t path = 0;  // none for the whole store
  Rank rank;
};

// for_each_match calls back with every rule that speaks of a request, whoever asks, as they were
// written.
void for_each_match(const PolicyRules& rules, Action action, const Path& path,
                    const std::function<void(const Spoken&)>& callback);

// Weight is what rules that were weighed together come to.
struct Weight {
  bool any = false;  // a rule spoke
  Rank rank;
  bool allows = false;
  bool denies = false;

  void add(const Weight& other) noexcept;
  Decision decision() const noexcept {
    if (denies) return Decision::denied;
    return allows ? Decision::allowed : Decision::refused;
  }
};

// weight is what one rule brings.
Weight weight(const PolicyRules& rules, const Spoken& spoken, Action action) noexcept;

// shown is a subject or a place as messages name them, cut where long.
std::string shown(const Subject& subject);
std::string shown(const PolicyRules& rules, const Spoken& spoken);

}  // namespace strongroom::policy_match
