// policy.hpp: the second stage of the line: may this identity do that to this path?
//
// A policy answers from its arguments alone: no I/O, no plaintext, no clock. It sits in the engine,
// so that no daemon, module or binding can walk round it. The answer must not depend on whether the
// path exists.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// Action is what a caller wants to do. resolve is the reading of a reference on behalf of a
// service.
enum class Action : std::uint8_t {
  create,
  read,
  update,
  erase,
  list,
  resolve,
  seal,
  unseal,
  init,
  rekey,
  rotate,
  policy,
  audit,
  backup,
};

constexpr std::string_view to_string(Action action) noexcept {
  constexpr std::string_view names[] = {"create",  "read",   "update", "delete", "list",
                                        "resolve", "seal",   "unseal", "init",   "rekey",
                                        "rotate",  "policy", "audit",  "backup"};
  return names[static_cast<std::uint8_t>(action)];
}

// Identity is who asks. A trusted caller brings its own authority (an embedder, an operator with
// the storage in hand); everybody else is a user, or a service with the space that its orchestrator
// gave it.
class Identity {
 public:
  enum class Kind : std::uint8_t { trusted, user, service };

  static Identity trusted() { return Identity(Kind::trusted, {}, {}); }
  static Identity user(std::string id) { return Identity(Kind::user, std::move(id), {}); }
  // space is the service's own path, "/group/app" (DC/OS' DCOS_SPACE or Marathon app id).
  static Identity service(std::string id, std::string space) {
    return Identity(Kind::service, std::move(id), std::move(space));
  }

  Kind kind() const noexcept { return kind_; }
  const std::string& id() const noexcept { return id_; }
  const std::string& space() const noexcept { return space_; }

 private:
  Identity(Kind kind, std::string id, std::string space)
      : kind_(kind), id_(std::move(id)), space_(std::move(space)) {}

  Kind kind_;
  std::string id_;
  std::string space_;
};

// in_space is DC/OS' rule: the secret's path without its last segment must be a segment-wise prefix
// of the service's own path, or equal to it. A secret without a path is everybody's. In space, a
// leading '/' and empty segments do not count; case does.
inline bool in_space(const Path& secret, std::string_view space) noexcept {
  const auto next = [](std::string_view& rest) {
    while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    return segment;
  };
  std::string_view folder = secret.parent();
  for (;;) {
    const std::string_view wanted = next(folder);
    if (wanted.empty()) return true;
    if (wanted != next(space)) return false;
  }
}

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // check allows, or says denied. path is the root for what concerns the whole store.
  // Threads  any number at once.
  virtual Result<void> check(const Identity& who, Action action, const Path& path) const = 0;
};

// SpacePolicy: a trusted caller may do everything, a service may resolve what lies in its space,
// and nobody else may do anything.
class SpacePolicy final : public Policy {
 public:
  Result<void> check(const Identity& who, Action action, const Path& path) const override {
    if (who.kind() == Identity::Kind::trusted) return {};
    if (who.kind() == Identity::Kind::service && action == Action::resolve && !path.is_root() &&
        in_space(path, who.space())) {
      return {};
    }
    return Error{Code::denied, "'" + who.id() + "' may not " + std::string(to_string(action)) +
                                   " '" + path.text() + "'"};
  }
};

}  // namespace strongroom
