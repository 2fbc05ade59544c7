// compiled_policy.hpp: rules, compiled once into an automaton that decides.
//
// Immutable once made, and shared by any number of threads without a lock. A decision walks the path
// once, segment by segment, and allocates nothing. Its cost depends on the path's length and on the
// unlike ways in which patterns place their wildcards (64 at most), not on how many rules there are.
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
  // compile makes a policy of rules, which are not kept.
  // Errors  invalid: a pattern that means nothing in its mode, or actions that belong elsewhere.
  //         too_large: over a limit of rules.hpp, a million segments of all patterns together, or
  //         wildcards in more than 64 unlike placements.
  static Result<std::shared_ptr<const CompiledPolicy>> compile(const PolicyRules& rules);
  ~CompiledPolicy() override;

  PolicyMode mode() const noexcept;

  // decide_raw is what the rules say to a request as Vault's matcher sees it, which need not be
  // canonical: "a//b", or "a/" for a list of a. In deny_overrides, which has no such requests, it is
  // refused. For tests of the matcher: nothing in the store asks it.
  Decision decide_raw(const Identity& who, Action action, std::string_view request) const noexcept;

  std::size_t num_nodes() const noexcept;
  std::size_t memory_bytes() const noexcept;
  // longest_probe is how many slots a search for an edge looks at, at most.
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
