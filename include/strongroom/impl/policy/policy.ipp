// policy.ipp: the bodies of policy.hpp.
#include <string>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

Decision Policy::decide(const Identity& who, Action action, const Path& path) const noexcept {
  if (const auto decided = by_kind(who.kind(), action)) return *decided;
  if (action != Action::resolve) return by_rules(who, action, path);
  const bool ours =
      who.kind() == Identity::Kind::service && !path.is_root() && in_space(path, who.space());
  if (!ours) return Decision::refused;
  const Decision decision = by_rules(who, action, path);
  if (decision == Decision::refused && !services_need_grants()) return Decision::allowed;
  return decision;
}

Result<void> Policy::check(const Identity& who, Action action, const Path& path) const {
  if (decide(who, action, path) == Decision::allowed) return {};
  return Error{Code::denied, "'" + who.id() + "' may not " + std::string(to_string(action)) + " '" +
                                 path.text() + "'"};
}

}  // namespace strongroom
