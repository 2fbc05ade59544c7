// compiled_policy.hpp: rules, compiled once into an automaton that decides.
//
// A compiled policy is immutable, and shared by any number of threads without a lock. A decision walks
// the path once, segment by segment, and allocates nothing. Its cost depends on the path's length and on
// the number of different wildcard placements in the patterns (64 at most), not on the number of rules.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

class CompiledPolicy final : public Policy {
 public:
  // compile makes a policy from rules, which are not kept.
  // Errors  invalid: a pattern that means nothing in its mode, or actions that do not belong with a path
  //         or, in a rule without one, with the whole store.
  //         too_large: over a limit of rules.hpp, over a million segments in all patterns together, or
  //         more than 64 different wildcard placements.
  static Result<std::shared_ptr<const CompiledPolicy>> compile(const PolicyRules& rules);
  ~CompiledPolicy() override;

  PolicyMode mode() const noexcept;

  // decide_raw applies the rules to a request as Vault's matcher sees it. The request need not be
  // canonical: "a//b", or "a/" for a list of a. deny_overrides has no requests of this form, and refuses
  // them. It is only for tests of the matcher; nothing in the store calls it.
  Decision decide_raw(const Identity& who, Action action, std::string_view request) const noexcept;

  std::size_t num_nodes() const noexcept;
  std::size_t memory_bytes() const noexcept;
  // longest_probe is the largest number of slots that a search for an edge looks at.
  std::size_t longest_probe() const noexcept;

 private:
  struct Tables;
  class Freezer;
  explicit CompiledPolicy(std::unique_ptr<const Tables> tables) noexcept;

  Decision by_rules(const Identity& who, Action action, const Path& path) const noexcept override;
  bool services_need_grants() const noexcept override;

  std::unique_ptr<const Tables> tables_;
};

}  // namespace strongroom
