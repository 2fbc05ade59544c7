// policy_in_force.hpp: the policy that decides now: the host's own, or what is stored, compiled.
//
// What is stored is followed by one number, KeyKeeper::mark: as long as it stands, a decision is the
// compiled policy's alone; when it moved, the policies are read and compiled before anything else is
// decided. Policies that can not be believed, or not understood, allow nothing: then trusted callers
// are left, and administrators to mend it. It must never answer by a policy that it knows to be
// replaced, and never keep one of a store that was sealed.
//
// Threads  any number at once. Who decides waits for nobody, but for whoever loads what changed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

static_assert(detail::kMaxPolicyEntries == kMaxPolicyDocuments &&
              detail::kMaxPolicyEntryName == kMaxPolicyNameLen &&
              detail::kMaxPolicySize == kMaxPolicyDocumentLen);

// compile_policy makes of stored texts what decides. Errors  those of parse_policy and compile.
Result<std::shared_ptr<const Policy>> compile_policy(std::span<const PolicyDocument> documents);

class PolicyInForce {
 public:
  // kAlways is the mark of what no policy decides: it never moves.
  static constexpr Version kAlways = kAny;

  // Held is a policy and the mark that it is in force at.
  struct Held {
    Version mark = kAlways;
    std::shared_ptr<const Policy> policy;
  };

  // host  decides instead of what is stored, which is never looked at then. None: what is stored.
  PolicyInForce(Barrier& barrier, std::shared_ptr<const Policy> host)
      : barrier_(barrier), host_(std::move(host)) {}
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // check decides, and gives the mark at which that holds: a write goes to the barrier with it, and
  // what was read is handed out if it still stands, or is checked again.
  //
  // Whoever is refused is so by the policies as they are stored now: this looks.
  // Errors  denied.  sealed: as for any secret; administration is denied then, to whom rules would
  //         have to allow it.  unavailable, timeout: what is stored could not be read now.
  //         corrupt, rollback, unsupported: what is stored allows nothing.
  Result<Version> check(const Identity& who, Action action, const Path& path);

  // check_at_once is check for a thread that must not wait for the storage.
  // Returns  nothing where it would have to.
  std::optional<Result<Version>> check_at_once(const Identity& who, Action action,
                                               const Path& path);

  // stands tells whether what was decided at a mark would be decided so now, as far as this handle
  // knows.
  bool stands(Version mark) const noexcept { return mark == kAlways || mark == keys().mark(); }

  // hold gives the policy itself, for many decisions on behalf of one.
  // Errors  as of check, but for denied.
  Result<Held> hold(const Identity& who);

  // look follows what other processes changed. Errors  sealed, and the storage's trouble.
  Result<void> look();

  // is_lasting tells what is wrong with the stored policies from trouble in reading them.
  static bool is_lasting(Code code) noexcept {
    return code == Code::corrupt || code == Code::rollback || code == Code::unsupported;
  }

  // drop_if_sealed lets go of the compiled policy of a sealed store: names of secrets are in it.
  void drop_if_sealed() {
    if (guard_.same_process() && keys().mark() == KeyKeeper::kNoMark) drop();
  }

 private:
  // Loaded is what a look at the stored policies gave: a policy, or why there is none.
  struct Loaded {
    Version mark;
    std::shared_ptr<const Policy> policy;
    std::optional<Error> error{};
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

    // holds_at tells whether it is what to decide by. A damage may be mended without a new mark, so what
    // is wrong is looked at again before long.
    bool holds_at(Version wanted) const;
  };

  KeyKeeper& keys() const noexcept { return barrier_.keys(); }

  // ---- deciding ----

  // without_rules decides what no rule decides, or the host's policy.
  std::optional<Result<Version>> without_rules(const Identity& who, Action action,
                                               const Path& path) const;

  // by_loaded decides by what is loaded at this mark. Returns  nothing when that is not.
  std::optional<Result<void>> by_loaded(Version mark, const Identity& who, Action action,
                                        const Path& path) const;

  Error sealed(const Identity& who, Action action, const Path& path);

  // told_to gives why nothing is allowed. Names of policies, and what is in them, are not for everybody.
  static Error told_to(const Identity& who, const Error& why);

  // no_keys is why there are none, in the keeper's words.
  Error no_keys() const;

  // ---- loading ----

  // load has what is stored now loaded, by this thread or by one that is at it already.
  // Errors  sealed, and the storage's trouble. That nothing is allowed is no error of load.
  Result<void> load();

  Result<void> load_alone();

  bool is_loaded(Version mark) const;

  void install(Loaded loaded);
  void drop();
  void replace(std::shared_ptr<const Loaded> loaded);

  const ForkGuard guard_;
  Barrier& barrier_;
  const std::shared_ptr<const Policy> host_;
  const Gate gate_;                       // loaded_
  std::shared_ptr<const Loaded> loaded_;  // none: nothing was read yet, or the store is sealed

  std::mutex mutex_;  // who loads; all below
  std::condition_variable ended_;
  bool loading_ = false;
  std::uint64_t turn_ = 0;       // loads that ended
  std::optional<Code> failure_;  // of the last one
};

}  // namespace strongroom
