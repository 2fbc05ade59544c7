// policy.hpp: the second stage of the line: may this identity do that to this path?
//
// A policy uses only its arguments: no I/O, no plaintext, no clock. It is part of the engine, so that no
// daemon, module or binding can bypass it. The answer must not depend on whether the path exists.
#pragma once

#include <cstdint>
#include <optional>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// Decision is a policy's answer. Only allowed allows.
enum class Decision : std::uint8_t {
  allowed,
  refused,  // nothing allows it
  denied,   // a rule forbids it
};

// by_kind returns the decision that follows from an identity's kind, whatever the rules say: a trusted
// caller may do everything, an administrator all administration. nullopt: the rules decide.
constexpr std::optional<Decision> by_kind(Identity::Kind kind, ActionSet actions) noexcept {
  const bool administers = !actions.empty() && actions.without(ActionSet::administration()).empty();
  if (kind == Identity::Kind::trusted) return Decision::allowed;
  if (kind == Identity::Kind::administrator && administers) return Decision::allowed;
  return std::nullopt;
}

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // decide applies by_kind and then the rules. It also ensures that a service resolves only in its space.
  //
  // path     canonical, as every Path is. The root where the action concerns the whole store.
  // Threads  any number at once. It allocates nothing.
  Decision decide(const Identity& who, Action action, const Path& path) const noexcept;

  // check is decide as a result. Errors  denied, with a message for the operator.
  Result<void> check(const Identity& who, Action action, const Path& path) const;

 private:
  virtual Decision by_rules(const Identity& who, Action action,
                            const Path& path) const noexcept = 0;
  // services_need_grants returns true when a rule must allow even what lies in a service's space.
  virtual bool services_need_grants() const noexcept { return false; }
};

// SpacePolicy has no rules: it allows only what Policy::decide allows without them.
class SpacePolicy final : public Policy {
 private:
  Decision by_rules(const Identity&, Action, const Path&) const noexcept override {
    return Decision::refused;
  }
};

}  // namespace strongroom
