// policy_in_force.ipp: the bodies of policy_in_force.hpp.
#include <bit>
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

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/policy/policy_documents.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

std::vector<PolicyDocument> documents_of(std::span<const PolicyEntry> entries,
                                         std::vector<std::string> texts) {
  std::vector<PolicyDocument> documents;
  for (std::size_t i = 0; i < texts.size(); ++i)
    documents.push_back({entries[i].name, std::move(texts[i])});
  return documents;
}

Result<void> PolicyInForce::confirm(const Identity& who, const Request& request,
                                    std::optional<Permit> permit) {
  if (permit && stands(*permit)) return {};
  STRONGROOM_TRY(decide(who, request));
  return {};
}

std::optional<Result<Permit>> PolicyInForce::decide_at_once(const Identity& who,
                                                            const Request& request) {
  if (auto decided = without_stored(nullptr, who, request)) return decided;
  const auto fence = keys_.fence();
  if (!fence) return sealed(who, request);
  auto decided = by_loaded(nullptr, *fence, who, request);
  if (decided && *decided) return Result<Permit>(Permit::under(*fence));
  return std::nullopt;
}

std::optional<Result<void>> PolicyInForce::confirm_at_once(const Identity& who,
                                                           const Request& request,
                                                           std::optional<Permit> permit) {
  if (permit && stands(*permit)) return Result<void>();
  auto decided = decide_at_once(who, request);
  if (!decided) return std::nullopt;
  return *decided ? Result<void>() : Result<void>(std::move(*decided).error());
}

bool PolicyInForce::Loaded::holds_at(Fence wanted) const {
  if (fence != wanted) return false;
  return !error || std::chrono::steady_clock::now() - since < std::chrono::seconds(1);
}

Result<Permit> PolicyInForce::decide_by(std::shared_ptr<const Policy>* by, const Identity& who,
                                        const Request& request, bool look) {
  if (auto decided = without_stored(by, who, request)) return std::move(*decided);
  // Changes of keys or policies must not be decided by policies that may have been replaced.
  bool looked = look || request.is_administration();
  if (looked) {
    auto fresh = keys_.refresh();
    // Sealing is for emergencies, and must not depend on the storage.
    const bool needed = !request.actions.has(Action::seal) && keys_.fence();
    if (!fresh && needed) return std::move(fresh).error();
  }
  for (;;) {
    const auto fence = keys_.fence();
    if (!fence) return sealed(who, request);
    auto decided = by_loaded(by, *fence, who, request);
    if (decided && *decided) return Permit::under(*fence);
    if (!decided) {
      STRONGROOM_TRY(load());
      continue;
    }
    if (looked) return std::move(*decided).error();
    looked = true;
    if (!keys_.refresh() && keys_.fence() == fence) return std::move(*decided).error();
  }
}

std::optional<Result<Permit>> PolicyInForce::without_stored(std::shared_ptr<const Policy>* by,
                                                            const Identity& who,
                                                            const Request& request) const {
  static const auto no_rules = std::make_shared<const SpacePolicy>();
  const bool allowed = by_kind(who.kind(), request.actions) == Decision::allowed;
  if (!allowed && host_ == nullptr) {
    if (guard_.same_process()) return std::nullopt;
    return Result<Permit>(no_keys());
  }
  if (by != nullptr) *by = host_ != nullptr ? host_ : no_rules;
  if (allowed) return Result<Permit>(Permit::always());
  auto decided = check(*host_, who, request);
  return decided ? Result<Permit>(Permit::always()) : Result<Permit>(std::move(decided).error());
}

std::optional<Result<void>> PolicyInForce::by_loaded(std::shared_ptr<const Policy>* by, Fence fence,
                                                     const Identity& who,
                                                     const Request& request) const {
  const Gate::Shared held(gate_);
  if (loaded_ == nullptr || !loaded_->holds_at(fence)) return std::nullopt;
  if (loaded_->error) return Result<void>(told_to(who, *loaded_->error));
  if (by != nullptr) *by = loaded_->policy;
  return check(*loaded_->policy, who, request);
}

Result<void> PolicyInForce::check(const Policy& policy, const Identity& who,
                                  const Request& request) {
  for (unsigned bits = request.actions.bits(); bits != 0; bits &= bits - 1) {
    const auto action = static_cast<Action>(std::countr_zero(bits));
    for (std::size_t i = 0; i < request.paths.size(); ++i) {
      auto allowed = policy.check(who, action, request.paths[i]);
      if (allowed) continue;
      if (request.refused != nullptr) *request.refused = i;
      return allowed;
    }
  }
  return {};
}

Error PolicyInForce::sealed(const Identity& who, const Request& request) {
  drop();
  if (!request.is_administration()) return no_keys();
  return check(SpacePolicy(), who, request).error();
}

Error PolicyInForce::told_to(const Identity& who, const Error& why) {
  const std::string allow_nothing = "the stored policies allow nothing until they are repaired";
  if (who.kind() != Identity::Kind::administrator)
    return {why.code, allow_nothing + "; an administrator can see why"};
  return {why.code, allow_nothing + ": " + why.message};
}

Error PolicyInForce::no_keys() const {
  auto none = keys_.with_keys([](const Keys&) -> Result<void> { return {}; });
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
  const auto fence = keys_.fence();
  if (!fence || is_loaded(*fence)) return {};
  auto stored = records_.read();
  if (!stored && !is_lasting(stored.error().code)) return std::move(stored).error();
  if (!stored) {
    install({*fence, nullptr, std::move(stored).error()});
    return {};
  }
  Loaded fresh{stored->index.fence, nullptr, {}};
  auto compiled = compile_policy(documents_of(stored->index.entries, std::move(stored->texts)));
  if (compiled) {
    fresh.policy = std::move(compiled).value();
  } else {
    // The program that stored them had compiled them first, so it knew what this one does not.
    compiled.error().code = Code::unsupported;
    fresh.error = std::move(compiled).error();
  }
  install(std::move(fresh));
  return {};
}

bool PolicyInForce::is_loaded(Fence fence) const {
  const Gate::Shared held(gate_);
  return loaded_ != nullptr && loaded_->holds_at(fence);
}

void PolicyInForce::install(Loaded loaded) {
  replace(std::make_shared<const Loaded>(std::move(loaded)));
  drop_if_sealed();  // it may have been sealed meanwhile
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
