// policy_in_force.ipp: the bodies of policy_in_force.hpp.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

Result<std::shared_ptr<const Policy>> compile_policy(std::span<const PolicyDocument> documents) {
  STRONGROOM_ASSIGN(rules, parse_policy(documents));
  STRONGROOM_ASSIGN(compiled, CompiledPolicy::compile(rules));
  return std::shared_ptr<const Policy>(std::move(compiled));
}

Result<Version> PolicyInForce::check(const Identity& who, Action action, const Path& path) {
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
      STRONGROOM_TRY(load());
      continue;
    }
    fresh = true;
    if (!look() && keys().mark() == mark) return std::move(*decided).error();
  }
}

std::optional<Result<Version>> PolicyInForce::check_at_once(const Identity& who, Action action,
                                                            const Path& path) {
  if (auto decided = without_rules(who, action, path)) return decided;
  const Version mark = keys().mark();
  if (mark == KeyKeeper::kNoMark) return sealed(who, action, path);
  auto decided = by_loaded(mark, who, action, path);
  if (decided && *decided) return Result<Version>(mark);
  return std::nullopt;
}

Result<PolicyInForce::Held> PolicyInForce::hold(const Identity& who) {
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
    STRONGROOM_TRY(load());
  }
}

Result<void> PolicyInForce::look() {
  if (host_ != nullptr) return {};
  return keys().refresh();
}

bool PolicyInForce::Loaded::holds_at(Version wanted) const {
  if (mark != wanted) return false;
  return !error || std::chrono::steady_clock::now() - since < std::chrono::seconds(1);
}

std::optional<Result<Version>> PolicyInForce::without_rules(const Identity& who, Action action,
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

std::optional<Result<void>> PolicyInForce::by_loaded(Version mark, const Identity& who,
                                                     Action action, const Path& path) const {
  const Gate::Shared held(gate_);
  if (loaded_ == nullptr || !loaded_->holds_at(mark)) return std::nullopt;
  if (loaded_->error) return Result<void>(told_to(who, *loaded_->error));
  return loaded_->policy->check(who, action, path);
}

Error PolicyInForce::sealed(const Identity& who, Action action, const Path& path) {
  drop();
  if (is_administration(action)) return SpacePolicy().check(who, action, path).error();
  return no_keys();
}

Error PolicyInForce::told_to(const Identity& who, const Error& why) {
  const std::string allow_nothing = "the stored policies allow nothing until they are mended";
  if (who.kind() != Identity::Kind::administrator)
    return {why.code, allow_nothing + "; an administrator is told why"};
  return {why.code, allow_nothing + ": " + why.message};
}

Error PolicyInForce::no_keys() const {
  auto none = keys().with_keys([](const Keys&) -> Result<void> { return {}; });
  STRONGROOM_TRY(none);
  return {Code::unavailable, "the store was unsealed just now; try again"};
}

Result<void> PolicyInForce::load() {
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

Result<void> PolicyInForce::load_alone() {
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

bool PolicyInForce::is_loaded(Version mark) const {
  const Gate::Shared held(gate_);
  return loaded_ != nullptr && loaded_->holds_at(mark);
}

void PolicyInForce::install(Loaded loaded) {
  replace(std::make_shared<const Loaded>(std::move(loaded)));
  drop_if_sealed();  // meanwhile
}

void PolicyInForce::drop() {
  {
    const Gate::Shared held(gate_);
    if (loaded_ == nullptr) return;
  }
  replace(nullptr);
}

void PolicyInForce::replace(std::shared_ptr<const Loaded> loaded) {
  const Gate::Exclusive alone(gate_);
  loaded_.swap(loaded);
}

}  // namespace strongroom
