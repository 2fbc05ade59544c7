// policy_in_force.hpp: the policy that decides now, and the one protocol of deciding by it.
//
//   under(who, request, f)   decide, act, and make sure that the decision still holds
//
// The policy is the host's own, or the stored policies, compiled. Changes of the stored policies show in
// one number, KeyKeeper::fence: as long as it stays, the compiled policy decides without the storage;
// once it has moved, the policies are read and compiled before anything else is decided. Stored policies
// that cannot be trusted or understood allow nothing. That leaves trusted callers, and administrators,
// who can repair them. It must never answer by a policy that it knows to be replaced, and must never keep
// the policy of a store that was sealed.
//
// Threads  any number at once. A decision never waits for another thread, except for one that is loading
//          changed policies.
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

// Request is what a caller wants to do: each of the actions to each of the paths, or nothing at all.
struct Request {
  ActionSet actions;
  std::span<const Path> paths;     // borrowed
  std::size_t* refused = nullptr;  // where not null, set to the index of the path that is refused

  Request(ActionSet wanted, std::span<const Path> on, std::size_t* refused_one = nullptr)
      : actions(wanted), paths(on), refused(refused_one) {}
  Request(ActionSet wanted, const Path& on) : actions(wanted), paths(&on, 1) {}
  // of_store returns the request for an action on the whole store.
  static Request of_store(Action action) {
    static const Path root;
    return {action, root};
  }

  bool is_administration() const noexcept {
    return !actions.empty() && actions.without(ActionSet::administration()).empty();
  }
};

// documents_of pairs stored texts with the names of their entries.
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

// Written is what a caller gets for a Result<Fenced<T>>: Result<T>, or for Done Result<void>.
template <typename R>
using Written =
    decltype(detail::policy_in_force::give(std::declval<typename R::value_type::value_type>()));

class PolicyInForce {
 public:
  // host  decides instead of the stored policies, which are then never read. Null: the stored ones do.
  PolicyInForce(KeyKeeper& keys, PolicyRecords& records, std::shared_ptr<const Policy> host,
                Timeout timeout)
      : keys_(keys), records_(records), host_(std::move(host)), timeout_(timeout) {}
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // under runs f for a caller that may do what the request says. The parameter of f says what f does:
  //
  //   f() -> Result<T>                reads. The result is returned if the caller may still have it.
  //   f(Permit) -> Result<Fenced<T>>  writes; its commit compares the fence with the permit. If the fence
  //                                   moved, nothing was written and f runs again. It never runs again
  //                                   after it wrote, may have written, or failed.
  //   f(const Policy&) -> Result<T>   reads, and chooses by the policy what may be seen. It runs again
  //                                   until that policy is still in force when f returns.
  //
  // Errors  those of decide, and of f.  conflict: the policies kept being changed for a timeout.
  template <std::invocable F>
  std::invoke_result_t<F> under(const Identity& who, const Request& request, F f);
  template <std::invocable<Permit> F>
  auto under(const Identity& who, const Request& request, F f)
      -> Written<std::invoke_result_t<F, Permit>>;
  template <std::invocable<const Policy&> F>
  std::invoke_result_t<F, const Policy&> under(const Identity& who, const Request& request, F f);

  // ---- the halves of under, for callers that act in between on their own ----

  // decide decides on a request as a whole, by one policy.
  //
  // Before it refuses, and always for administration, it looks at the storage, so that the policies as
  // they are stored now decide.  look: it does so for this request too.
  // Errors  denied.  sealed: as for any secret; but administration that only rules could allow is
  //         denied.  unavailable, timeout: the stored policies could not be read now.
  //         corrupt, rollback, unsupported: the stored policies allow nothing.
  Result<Permit> decide(const Identity& who, const Request& request, bool look = false) {
    return decide_by(nullptr, who, request, look);
  }

  // hold is decide, and also returns the policy that decided.
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

  // confirm succeeds if the request is still allowed.
  // permit  of the decision to confirm; none: nothing was decided yet.
  Result<void> confirm(const Identity& who, const Request& request, std::optional<Permit> permit);

  // decide_at_once and confirm_at_once are decide and confirm for a thread that must not wait for the
  // storage. Returns  nothing if they would have to wait.
  std::optional<Result<Permit>> decide_at_once(const Identity& who, const Request& request);
  std::optional<Result<void>> confirm_at_once(const Identity& who, const Request& request,
                                              std::optional<Permit> permit);

  // is_lasting returns whether the stored policies themselves are wrong, and not just hard to read now.
  static bool is_lasting(Code code) noexcept {
    return code == Code::corrupt || code == Code::rollback || code == Code::unsupported;
  }

  // drop_if_sealed releases the compiled policy of a sealed store, since it holds names of secrets.
  void drop_if_sealed() {
    if (guard_.same_process() && !keys_.fence()) drop();
  }

 private:
  // Loaded is the outcome of reading the stored policies: a policy, or why there is none.
  struct Loaded {
    Fence fence;
    std::shared_ptr<const Policy> policy;
    std::optional<Error> error{};
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

    // holds_at returns whether to decide by it. Damage may be repaired without a new fence, so an error
    // holds for one second only.
    bool holds_at(Fence wanted) const;
  };

  bool stands(Permit permit) const noexcept { return permit.holds_at(keys_.fence()); }

  // ---- deciding ----

  // decide_by is decide, and stores the policy that decided in *by unless by is null.
  Result<Permit> decide_by(std::shared_ptr<const Policy>* by, const Identity& who,
                           const Request& request, bool look);

  // without_stored decides requests that need no stored policy. Returns  nothing for all others.
  std::optional<Result<Permit>> without_stored(std::shared_ptr<const Policy>* by,
                                               const Identity& who, const Request& request) const;

  // by_loaded decides by what is loaded at this fence. Returns  nothing if that is not loaded.
  std::optional<Result<void>> by_loaded(std::shared_ptr<const Policy>* by, Fence fence,
                                        const Identity& who, const Request& request) const;

  static Result<void> check(const Policy& policy, const Identity& who, const Request& request);

  Error sealed(const Identity& who, const Request& request);

  // told_to returns why nothing is allowed. Only administrators get the reason in full: names of
  // policies, and what is in them, are not for everybody.
  static Error told_to(const Identity& who, const Error& why);

  // no_keys returns why there are no keys, in the keeper's words.
  Error no_keys() const;

  bool late(std::chrono::steady_clock::time_point begin) const {
    return std::chrono::steady_clock::now() - begin >= timeout_;
  }
  static Error kept_changing() {
    return {Code::conflict, "the policies kept being changed by others; try again"};
  }

  // ---- loading ----

  // load loads the stored policies, or waits for a thread that is loading them already.
  // Errors  sealed, and the storage's errors. Policies that allow nothing are no error of load.
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
  const Timeout timeout_;                 // for deciding again and again
  const Gate gate_;                       // loaded_
  std::shared_ptr<const Loaded> loaded_;  // null: nothing was read yet, or the store is sealed

  std::mutex mutex_;  // of loading; guards everything below
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
    // The error may reveal what is stored, so it is returned only if the request is still allowed. That
    // something may have been written is reported in any case.
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
