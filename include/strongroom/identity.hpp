// identity.hpp: callers, and the actions that they ask for.
//
// The host has authenticated the caller that an Identity names; nothing below authenticates again. The
// rules of a policy match an identity by its kind and id, by its groups, or as one of many.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/path.hpp"

namespace strongroom {

// Action is what a caller wants to do. resolve reads a reference on behalf of a service. scan lists
// everything below a folder, and not only the folder's own names.
enum class Action : std::uint8_t {
  create,
  read,
  update,
  erase,
  list,
  scan,
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

inline constexpr std::size_t kNumActions = 15;

constexpr std::string_view to_string(Action action) noexcept {
  constexpr std::string_view names[] = {"create", "read",    "update", "delete", "list",
                                        "scan",   "resolve", "seal",   "unseal", "init",
                                        "rekey",  "rotate",  "policy", "audit",  "backup"};
  return names[static_cast<std::uint8_t>(action)];
}

// is_administration returns true for actions on the whole store, and false for actions on a path.
constexpr bool is_administration(Action action) noexcept {
  return action >= Action::seal;
}

// ActionSet is a set of actions.
class ActionSet {
 public:
  constexpr ActionSet() = default;
  constexpr ActionSet(Action action) noexcept
      : bits_(static_cast<std::uint16_t>(1U << static_cast<unsigned>(action))) {}

  static constexpr ActionSet from_bits(std::uint16_t bits) noexcept {
    ActionSet set;
    set.bits_ = bits;
    return set;
  }
  static constexpr ActionSet on_paths() noexcept {
    return from_bits((1U << static_cast<unsigned>(Action::seal)) - 1U);
  }
  static constexpr ActionSet administration() noexcept {
    return from_bits(((1U << kNumActions) - 1U) & ~std::uint32_t{on_paths().bits()});
  }

  constexpr std::uint16_t bits() const noexcept { return bits_; }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr bool has(Action action) const noexcept {
    return (*this & ActionSet(action)).bits_ != 0;
  }

  constexpr ActionSet operator|(ActionSet other) const noexcept {
    return from_bits(static_cast<std::uint16_t>(bits_ | other.bits_));
  }
  constexpr ActionSet operator&(ActionSet other) const noexcept {
    return from_bits(static_cast<std::uint16_t>(bits_ & other.bits_));
  }
  constexpr ActionSet without(ActionSet other) const noexcept {
    return from_bits(static_cast<std::uint16_t>(bits_ & ~unsigned{other.bits_}));
  }
  friend constexpr bool operator==(ActionSet, ActionSet) = default;

 private:
  std::uint16_t bits_ = 0;
};

// Identity is a caller.
//
//   trusted         brings its own authority (an embedder, an operator with access to the storage), and
//                   may do everything. It has no id.
//   administrator   runs the store: may do all administration, and nothing on paths unless a rule allows
//                   it.
//   user            may do what rules allow.
//   service         may resolve what lies in its space, and otherwise do what rules allow.
class Identity {
 public:
  enum class Kind : std::uint8_t { trusted, administrator, user, service };

  static Identity trusted() { return Identity(Kind::trusted, {}, {}, {}); }
  static Identity administrator(std::string id, std::vector<std::string> groups = {}) {
    return Identity(Kind::administrator, std::move(id), {}, std::move(groups));
  }
  static Identity user(std::string id, std::vector<std::string> groups = {}) {
    return Identity(Kind::user, std::move(id), {}, std::move(groups));
  }
  // space is the service's own path, "/group/app" (DC/OS' DCOS_SPACE or Marathon app id).
  static Identity service(std::string id, std::string space, std::vector<std::string> groups = {}) {
    return Identity(Kind::service, std::move(id), std::move(space), std::move(groups));
  }

  Kind kind() const noexcept { return kind_; }
  const std::string& id() const noexcept { return id_; }
  const std::string& space() const noexcept { return space_; }
  const std::vector<std::string>& groups() const noexcept { return groups_; }

  // Known caches what a compiled policy found out about an identity's names, so that the next decision
  // need not look them up: one word for the id, then one for each group. Each word is complete by
  // itself (it says which policy wrote it), so threads need no lock. A copy of an identity starts with
  // an empty cache; a moved-from identity has no cache.
  class Known {
   public:
    explicit Known(std::size_t num_words)
        : words_(std::make_unique<std::atomic<std::uint64_t>[]>(num_words)),
          num_words_(num_words) {}
    Known(const Known& other) : Known(other.num_words_) {}
    Known& operator=(const Known& other);
    Known(Known&& other) noexcept
        : words_(std::move(other.words_)), num_words_(std::exchange(other.num_words_, 0)) {}
    Known& operator=(Known&& other) noexcept;

    std::size_t size() const noexcept { return num_words_; }
    std::atomic<std::uint64_t>& operator[](std::size_t i) const noexcept { return words_[i]; }

   private:
    std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
    std::size_t num_words_;
  };
  const Known& known() const noexcept { return known_; }

 private:
  Identity(Kind kind, std::string id, std::string space, std::vector<std::string> groups)
      : kind_(kind),
        id_(std::move(id)),
        space_(std::move(space)),
        groups_(std::move(groups)),
        known_(1 + groups_.size()) {}

  Kind kind_;
  std::string id_;
  std::string space_;
  std::vector<std::string> groups_;
  Known known_;
};

// in_space applies DC/OS' rule: the secret's path without its last segment must be a segment-wise prefix
// of the service's own path, or equal to it. A secret that lies in no folder is in every space. In
// `space`, a leading '/' and empty segments are ignored; case matters.
bool in_space(const Path& secret, std::string_view space) noexcept;

}  // namespace strongroom
