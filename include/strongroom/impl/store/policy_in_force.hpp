// policy_in_force.hpp: the policy that decides now, and the one protocol of deciding by it.
//
//   under(who, request, f)   decide, act, and see to it that the decision still stands
//
// The policy is the host's own, or what is stored, compiled. What is stored is followed by one number,
// KeyKeeper::fence: as long as it stands, a decision is the compiled policy's alone; when it moved, the
// policies are read and compiled before anything else is decided. Policies that can not be believed, or
// not understood, allow nothing: then trusted callers are left, and administrators to mend it. It must
// never answer by a policy that it knows to be replaced, and never keep one of a store that was sealed.
//
// Threads  any number at once. Who decides waits for nobody, but for whoever loads what changed.
#pragma once

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

static_assert(detail::kMaxPolicyEntries == kMaxPolicyDocuments &&
              detail::kMaxPolicyEntryName == kMaxPolicyNameLen &&
              detail::kMaxPolicySize == kMaxPolicyDocumentLen);

// Request is what somebody wants to do: each of the actions to each of the paths, or nothing at all.
struct Request {
  ActionSet actions;
  std::span<const Path> paths;  // not owned

  Request(ActionSet wanted, std::span<const Path> on) : actions(wanted), paths(on) {}
  Request(ActionSet wanted, const Path& on) : actions(wanted), paths(&on, 1) {}
  // of_store is of an action on the whole store.
  static Request of_store(Action action) {
    static const Path root;
    return {action, root};
  }

  bool is_administration() const noexcept {
    return !actions.empty() && actions.without(ActionSet::administration()).empty();
  }
};

// documents_of puts stored texts beside the names of their entries.
std::vector<PolicyDocument> documents_of(std::span<const PolicyEntry> entries,
                                         std::vector<std::string> texts);

namespace detail::policy_in_force {

template <typename T>
Result<T> give(T written) {
  return written;
}
inline Result<void> give(Done) {
  return {};
}

}  // namespace detail::policy_in_force

// Written is what a caller gets of a Result<Fenced<T>>: a Result<T>, or of Done a Result<void>.
template <typename R>
using Written =
    decltype(detail::policy_in_force::give(std::declval<typename R::value_type::value_type>()));

class PolicyInForce {
 public:
  // host  decides instead of what is stored, which is never looked at then. None: what is stored.
  PolicyInForce(KeyKeeper& keys, PolicyRecords& records, std::shared_ptr<const Policy> host,
                Timeout timeout)
      : keys_(keys), records_(records), host_(std::move(host)), timeout_(timeout) {}
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // under runs f for somebody who may do what the request says. What f takes says what it does:
  //
  //   f() -> Result<T>              reads. What it read is handed out if it may be now.
  //   f(Permit) -> Result<Fenced<T>>  writes, and its commit holds the fence against the permit. It runs
  //                                 again where that moved, since nothing was written then, and never
  //                                 after it wrote, or may have, or failed.
  //   f(const Policy&) -> Result<T>   reads, and chooses by the policy what may be seen. It runs again
  //                                 until that is the one in force when it is done.
  //
  // Errors  as of decide, and f's.  conflict: the policies kept being changed for a timeout.
  template <std::invocable F>
  std::invoke_result_t<F> under(const Identity& who, const Request& request, F f);
  template <std::invocable<Permit> F>
  auto under(const Identity& who, const Request& request, F f)
      -> Written<std::invoke_result_t<F, Permit>>;
  template <std::invocable<const Policy&> F>
  std::invoke_result_t<F, const Policy&> under(const Identity& who, const Request& request, F f);

  // ---- the halves of it, for whoever acts in between on its own ----

  // decide decides on a request as a whole, by one policy.
  //
  // Whoever is refused is so by the policies as they are stored now, and administration is decided by
  // those always: this looks.  look: so it does for this request.
  // Errors  denied.  sealed: as for any secret; administration is denied then, to whom rules would
  //         have to allow it.  unavailable, timeout: what is stored could not be read now.
  //         corrupt, rollback, unsupported: what is stored allows nothing.
  Result<Permit> decide(const Identity& who, const Request& request, bool look = false) {
    return decide_by(nullptr, who, request, look);
  }

  // hold is decide, and gives the policy that decided as well.
  struct Held {
    Permit permit;
    std::shared_ptr<const Policy> policy;
  };
  Result<Held> hold(const Identity& who, const Request& request) {
    Held held{Permit::always(), nullptr};
    STRONGROOM_ASSIGN(permit, decide_by(&held.policy, who, request, false));
    held.permit = permit;
    return held;
  }

  // confirm tells whether what was decided is decided so now; no permit: it was not decided yet.
  Result<void> confirm(const Identity& who, const Request& request, std::optional<Permit> permit);

  // decide_at_once and confirm_at_once do so on a thread that must not wait for the storage.
  // Returns  nothing where they would have to.
  std::optional<Result<Permit>> decide_at_once(const Identity& who, const Request& request);
  std::optional<Result<void>> confirm_at_once(const Identity& who, const Request& request,
                                              std::optional<Permit> permit);

  // is_lasting tells what is wrong with the stored policies from trouble in reading them.
  static bool is_lasting(Code code) noexcept {
    return code == Code::corrupt || code == Code::rollback || code == Code::unsupported;
  }

  // drop_if_sealed lets go of the compiled policy of a sealed store: names of secrets are in it.
  void drop_if_sealed() {
    if (guard_.same_process() && !keys_.fence()) drop();
  }

 private:
  // Loaded is what a look at the stored policies gave: a policy, or why there is none.
  struct Loaded {
    Fence fence;
    std::shared_ptr<const Policy> policy;
    std::optional<Error> error{};
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

    // holds_at tells whether it is what to decide by. A damage may be mended without a new fence, so
    // what is wrong is looked at again before long.
    bool holds_at(Fence wanted) const;
  };

  bool stands(Permit permit) const noexcept { return permit.holds_at(keys_.fence()); }

  // ---- deciding ----

  // decide_by is decide, and gives the policy that decided; none where nobody wants it.
  Result<Permit> decide_by(std::shared_ptr<const Policy>* by, const Identity& who,
                           const Request& request, bool look);

  // without_stored decides what no stored policy decides.
  std::optional<Result<Permit>> without_stored(std::shared_ptr<const Policy>* by,
                                               const Identity& who, const Request& request) const;

  // by_loaded decides by what is loaded at this fence. Returns  nothing when that is not.
  std::optional<Result<void>> by_loaded(std::shared_ptr<const Policy>* by, Fence fence,
                                        const Identity& who, const Request& request) const;

  static Result<void> check(const Policy& policy, const Identity& who, const Request& request);

  Error sealed(const Identity& who, const Request& request);

  // told_to gives why nothing is allowed. Names of policies, and what is in them, are not for everybody.
  static Error told_to(const Identity& who, const Error& why);

  // no_keys is why there are none, in the keeper's words.
  Error no_keys() const;

  bool late(std::chrono::steady_clock::time_point begin) const {
    return std::chrono::steady_clock::now() - begin >= timeout_;
  }
  static Error kept_changing() {
    return {Code::conflict, "the policies kept being changed by others; try again"};
  }

  // ---- loading ----

  // load has what is stored now loaded, by this thread or by one that is at it already.
  // Errors  sealed, and the storage's trouble. That nothing is allowed is no error of load.
  Result<void> load();

  Result<void> load_alone();

  bool is_loaded(Fence fence) const;

  void install(Loaded loaded);
  void drop();
  void replace(std::shared_ptr<const Loaded> loaded);

  const ForkGuard guard_;
  KeyKeeper& keys_;
  PolicyRecords& records_;
  const std::shared_ptr<const Policy> host_;
  const Timeout timeout_;                 // of what is decided again and again
  const Gate gate_;                       // loaded_
  std::shared_ptr<const Loaded> loaded_;  // none: nothing was read yet, or the store is sealed

  std::mutex mutex_;  // who loads; all below
  std::condition_variable ended_;
  bool loading_ = false;
  std::uint64_t turn_ = 0;       // loads that ended
  std::optional<Code> failure_;  // of the last one
};

template <std::invocable F>
std::invoke_result_t<F> PolicyInForce::under(const Identity& who, const Request& request, F f) {
  STRONGROOM_ASSIGN(permit, decide(who, request));
  auto read = f();
  if (!stands(permit)) [[unlikely]] {
    STRONGROOM_TRY(confirm(who, request, permit));
  }
  return read;
}

template <std::invocable<Permit> F>
auto PolicyInForce::under(const Identity& who, const Request& request, F f)
    -> Written<std::invoke_result_t<F, Permit>> {
  const auto begin = std::chrono::steady_clock::now();
  do {
    STRONGROOM_ASSIGN(permit, decide(who, request));
    auto written = f(permit);
    if (written) {
      if (written->has_value()) return detail::policy_in_force::give(std::move(**written));
      continue;
    }
    // Why it failed may tell what is there. That something may have been written is told in any case.
    if (written.error().code != Code::indeterminate) {
      STRONGROOM_TRY(confirm(who, request, permit));
    }
    return std::move(written).error();
  } while (!late(begin));
  return kept_changing();
}

template <std::invocable<const Policy&> F>
std::invoke_result_t<F, const Policy&> PolicyInForce::under(const Identity& who,
                                                            const Request& request, F f) {
  const auto begin = std::chrono::steady_clock::now();
  do {
    STRONGROOM_ASSIGN(held, hold(who, request));
    auto chosen = f(*held.policy);
    if (stands(held.permit)) return chosen;
  } while (!late(begin));
  return kept_changing();
}

}  // namespace strongroom
