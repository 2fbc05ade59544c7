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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

static_assert(detail::kMaxPolicyEntries == kMaxPolicyDocuments &&
              detail::kMaxPolicyEntryName == kMaxPolicyNameLen &&
              detail::kMaxPolicySize == kMaxPolicyDocumentLen);

// compile_policy makes of stored texts what decides. Errors  those of parse_policy and compile.
inline Result<std::shared_ptr<const Policy>> compile_policy(
    std::span<const PolicyDocument> documents) {
  auto rules = parse_policy(documents);
  if (!rules) return std::move(rules).error();
  auto compiled = CompiledPolicy::compile(rules.value());
  if (!compiled) return std::move(compiled).error();
  return std::shared_ptr<const Policy>(std::move(compiled).value());
}

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
  Result<Version> check(const Identity& who, Action action, const Path& path) {
    if (auto decided = without_rules(who, action, path)) return std::move(*decided);
    // Administration is rare, and what it does may never look at the storage by itself.
    bool fresh = is_administration(action);
    if (fresh) {
      // What changes keys or policies shall not be decided by policies that may be gone. Sealing is
      // for emergencies, and shall not depend on the storage.
      auto looked = look();
      const bool needed = action != Action::seal && keys().mark() != KeyKeeper::kNoMark;
      if (!looked && needed) return std::move(looked).error();
    }
    for (;;) {
      const Version mark = keys().mark();
      if (mark == KeyKeeper::kNoMark) return sealed(who, action, path);
      auto decided = by_loaded(mark, who, action, path);
      if (decided && *decided) return mark;
      if (decided && fresh) return std::move(*decided).error();
      if (!decided) {
        if (auto loaded = load(); !loaded) return std::move(loaded).error();
        continue;
      }
      fresh = true;
      if (!look() && keys().mark() == mark) return std::move(*decided).error();
    }
  }

  // check_at_once is check for a thread that must not wait for the storage.
  // Returns  nothing where it would have to.
  std::optional<Result<Version>> check_at_once(const Identity& who, Action action,
                                               const Path& path) {
    if (auto decided = without_rules(who, action, path)) return decided;
    const Version mark = keys().mark();
    if (mark == KeyKeeper::kNoMark) return sealed(who, action, path);
    auto decided = by_loaded(mark, who, action, path);
    if (decided && *decided) return Result<Version>(mark);
    return std::nullopt;
  }

  // stands tells whether what was decided at a mark would be decided so now, as far as this handle
  // knows.
  bool stands(Version mark) const noexcept { return mark == kAlways || mark == keys().mark(); }

  // hold gives the policy itself, for many decisions on behalf of one.
  // Errors  as of check, but for denied.
  Result<Held> hold(const Identity& who) {
    static const auto nothing = std::make_shared<const SpacePolicy>();
    if (who.kind() == Identity::Kind::trusted) return Held{kAlways, nothing};
    if (host_ != nullptr) return Held{kAlways, host_};
    if (!guard_.same_process()) return no_keys();
    for (;;) {
      const Version mark = keys().mark();
      if (mark == KeyKeeper::kNoMark) {
        drop();
        return no_keys();
      }
      std::shared_ptr<const Loaded> loaded;
      {
        const Gate::Shared held(gate_);
        loaded = loaded_;
      }
      if (loaded != nullptr && loaded->holds_at(mark)) {
        if (loaded->error) return told_to(who, *loaded->error);
        return Held{mark, loaded->policy};
      }
      if (auto done = load(); !done) return std::move(done).error();
    }
  }

  // look follows what other processes changed. Errors  sealed, and the storage's trouble.
  Result<void> look() {
    if (host_ != nullptr) return {};
    return keys().refresh();
  }

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
    bool holds_at(Version wanted) const {
      if (mark != wanted) return false;
      return !error || std::chrono::steady_clock::now() - since < std::chrono::seconds(1);
    }
  };

  KeyKeeper& keys() const noexcept { return barrier_.keys(); }

  // ---- deciding ----

  // without_rules decides what no rule decides, or the host's policy.
  std::optional<Result<Version>> without_rules(const Identity& who, Action action,
                                               const Path& path) const {
    const bool always = who.kind() == Identity::Kind::trusted ||
                        (who.kind() == Identity::Kind::administrator && is_administration(action));
    if (always) return Result<Version>(kAlways);
    if (host_ != nullptr) {
      if (auto allowed = host_->check(who, action, path); !allowed)
        return Result<Version>(std::move(allowed).error());
      return Result<Version>(kAlways);
    }
    if (!guard_.same_process()) return Result<Version>(no_keys());
    return std::nullopt;
  }

  // by_loaded decides by what is loaded at this mark. Returns  nothing when that is not.
  std::optional<Result<void>> by_loaded(Version mark, const Identity& who, Action action,
                                        const Path& path) const {
    const Gate::Shared held(gate_);
    if (loaded_ == nullptr || !loaded_->holds_at(mark)) return std::nullopt;
    if (loaded_->error) return Result<void>(told_to(who, *loaded_->error));
    return loaded_->policy->check(who, action, path);
  }

  Error sealed(const Identity& who, Action action, const Path& path) {
    drop();
    if (is_administration(action)) return SpacePolicy().check(who, action, path).error();
    return no_keys();
  }

  // told_to gives why nothing is allowed. Names of policies, and what is in them, are not for everybody.
  static Error told_to(const Identity& who, const Error& why) {
    const std::string allow_nothing = "the stored policies allow nothing until they are mended";
    if (who.kind() != Identity::Kind::administrator)
      return {why.code, allow_nothing + "; an administrator is told why"};
    return {why.code, allow_nothing + ": " + why.message};
  }

  // no_keys is why there are none, in the keeper's words.
  Error no_keys() const {
    auto none = keys().with_keys([](const Keys&) -> Result<void> { return {}; });
    if (!none) return std::move(none).error();
    return {Code::unavailable, "the store was unsealed just now; try again"};
  }

  // ---- loading ----

  // load has what is stored now loaded, by this thread or by one that is at it already.
  // Errors  sealed, and the storage's trouble. That nothing is allowed is no error of load.
  Result<void> load() {
    std::unique_lock lock(mutex_);
    if (loading_) {
      const std::uint64_t turn = turn_;
      ended_.wait(lock, [&] { return turn_ != turn; });
      if (!failure_) return {};
      return Error{*failure_, "the stored policies could not be read"};
    }
    loading_ = true;
    lock.unlock();
    const auto end = [&](std::optional<Code> failure) noexcept {
      lock.lock();
      loading_ = false;
      turn_ += 1;
      failure_ = failure;
      ended_.notify_all();
    };
    try {
      auto loaded = load_alone();
      end(loaded ? std::nullopt : std::optional(loaded.error().code));
      return loaded;
    } catch (...) {
      end(Code::unavailable);
      throw;
    }
  }

  Result<void> load_alone() {
    const Version mark = keys().mark();
    if (mark == KeyKeeper::kNoMark || is_loaded(mark)) return {};
    auto stored = barrier_.policies().read();
    if (!stored && !is_lasting(stored.error().code)) return std::move(stored).error();
    if (!stored) {
      install({mark, nullptr, std::move(stored).error()});
      return {};
    }
    std::vector<PolicyDocument> documents;
    for (std::size_t i = 0; i < stored->texts.size(); ++i)
      documents.push_back({stored->index.entries[i].name, std::move(stored->texts[i])});
    Loaded fresh{stored->index.mark, nullptr, {}};
    auto compiled = compile_policy(documents);
    if (compiled) {
      fresh.policy = std::move(compiled).value();
    } else {
      // They were compiled before they were stored, by whoever stored them.
      compiled.error().code = Code::unsupported;
      fresh.error = std::move(compiled).error();
    }
    install(std::move(fresh));
    return {};
  }

  bool is_loaded(Version mark) const {
    const Gate::Shared held(gate_);
    return loaded_ != nullptr && loaded_->holds_at(mark);
  }

  void install(Loaded loaded) {
    replace(std::make_shared<const Loaded>(std::move(loaded)));
    drop_if_sealed();  // meanwhile
  }
  void drop() {
    {
      const Gate::Shared held(gate_);
      if (loaded_ == nullptr) return;
    }
    replace(nullptr);
  }
  void replace(std::shared_ptr<const Loaded> loaded) {
    const Gate::Exclusive alone(gate_);
    loaded_.swap(loaded);
  }

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
