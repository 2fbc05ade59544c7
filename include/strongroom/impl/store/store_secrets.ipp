// store_secrets.ipp: the bodies of store.hpp about secrets: reads, writes, lists.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/async_reads.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/impl/store/store_deciding.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

Result<StoredSecret> Store::get(const Identity& who, const Path& path, ReadOptions options) const {
  STRONGROOM_ASSIGN(mark, policy_->check(who, Action::read, path));
  return confirmed(who, Action::read, std::span(&path, 1), mark,
                   [&] { return barrier_->read(path, options); });
}

Result<std::vector<Result<StoredSecret>>> Store::get_many(const Identity& who,
                                                          std::span<const Path> paths,
                                                          ReadOptions options) const {
  return read_allowed(who, Action::read, paths, options);
}

bool Store::in_callback() noexcept {
  return AsyncReads::in_callback();
}

Result<void> Store::get_async(const Identity& who, const Path& path, GetCallback done) const {
  return barrier_->read_many_async(
      {path},
      [done = std::move(done)](auto secrets) {
        if (!secrets) return done(std::move(secrets).error());
        done(std::move(secrets->front()));
      },
      review_for(who, Action::read));
}

Result<void> Store::get_many_async(const Identity& who, std::vector<Path> paths,
                                   GetManyCallback done) const {
  STRONGROOM_TRY(check_size(paths));
  return barrier_->read_many_async(std::move(paths), std::move(done),
                                   review_for(who, Action::read));
}

Result<void> Store::resolve_async(const Identity& who, std::span<const Secret* const> secrets,
                                  ResolveCallback done) const {
  STRONGROOM_ASSIGN(plan, Resolution::of(secrets));
  STRONGROOM_TRY(check_size(plan.paths()));
  auto shared = std::make_shared<Resolution>(std::move(plan));
  return barrier_->read_many_async(
      shared->paths(),
      [shared, done = std::move(done)](auto found) {
        if (!found) return done(std::move(found).error());
        done(shared->finish(std::move(found).value()));
      },
      review_for(who, resolving(who)));
}

Result<Watch> Store::watch(const Identity& who, const Path& prefix) const {
  STRONGROOM_TRY(policy_->check(who, Action::list, prefix));
  auto tree = barrier_->watch(prefix);
  // As of now again: taking stock takes its time.
  STRONGROOM_TRY(policy_->check(who, Action::list, prefix));
  STRONGROOM_TRY(tree);
  return Watch(std::move(tree).value(), policy_, who, prefix);
}

Result<Revision> Store::put(const Identity& who, const Path& path, Content content,
                            SecretView value, Condition condition) {
  const auto decide = [&] { return check_put(who, condition, path); };
  STRONGROOM_TRY(decide());
  const Permit permit = decide;
  return barrier_->write(path, content, value, condition, &permit);
}

Result<Revision> Store::erase(const Identity& who, const Path& path, Condition condition) {
  const auto decide = [&] { return policy_->check(who, Action::erase, path); };
  STRONGROOM_TRY(decide());
  const Permit permit = decide;
  return barrier_->erase(path, condition, &permit);
}

Result<std::vector<Entry>> Store::list(const Identity& who, const Path& folder,
                                       ListOptions options) const {
  return until_quiet<std::vector<Entry>>([&]() -> Result<std::optional<std::vector<Entry>>> {
    STRONGROOM_ASSIGN(held, policy_->hold(who));
    auto entries = list_by(*held.policy, who, folder, options);
    if (!entries) entries = told_to(who, std::move(entries).error());
    if (!policy_->stands(held.mark)) return std::optional<std::vector<Entry>>();
    STRONGROOM_TRY(entries);
    return std::optional(std::move(entries).value());
  });
}

Result<ListPage> Store::list_page(const Identity& who, const Path& folder, ByteView after,
                                  std::size_t limit) const {
  STRONGROOM_ASSIGN(mark, policy_->check(who, Action::list, folder));
  return confirmed(who, Action::list, std::span(&folder, 1), mark,
                   [&] { return barrier_->list_page(folder, after, limit); });
}

Result<SecretBytes> Store::resolve(const Identity& who, const Secret& secret,
                                   ReadOptions options) const {
  const Secret* const one = &secret;
  STRONGROOM_ASSIGN(many, resolve_many(who, std::span(&one, 1), options));
  return std::move(many.front());
}

Result<std::vector<SecretBytes>> Store::resolve_many(const Identity& who,
                                                     std::span<const Secret* const> secrets,
                                                     ReadOptions options) const {
  STRONGROOM_ASSIGN(plan, Resolution::of(secrets));
  STRONGROOM_ASSIGN(found, read_allowed(who, resolving(who), plan.paths(), options));
  return plan.finish(std::move(found));
}

Error Store::told_to(const Identity& who, Error error) {
  if (who.kind() == Identity::Kind::trusted || error.code != Code::corrupt) return error;
  return {Code::corrupt, "a name below the folder did not open; a trusted caller is told where"};
}

Action Store::resolving(const Identity& who) {
  return who.kind() == Identity::Kind::service ? Action::resolve : Action::read;
}

Result<Store::Mark> Store::check_put(const Identity& who, Condition condition,
                                     const Path& path) const {
  const auto kind = condition.kind;
  const bool may_create = kind == Condition::Kind::any || kind == Condition::Kind::create;
  if (!may_create) return policy_->check(who, Action::update, path);
  if (kind == Condition::Kind::create) return policy_->check(who, Action::create, path);
  for (;;) {
    auto mark = policy_->check(who, Action::create, path);
    STRONGROOM_TRY(mark);
    STRONGROOM_TRY(policy_->check(who, Action::update, path));
    if (policy_->stands(mark.value())) return mark;  // so both were at it
  }
}

Result<Store::Mark> Store::check_each(PolicyInForce& policy, const Identity& who, Action action,
                                      std::span<const Path> paths) {
  for (;;) {
    Mark first = PolicyInForce::kAlways;
    for (const Path& path : paths) {
      STRONGROOM_ASSIGN(mark, policy.check(who, action, path));
      if (&path == paths.data()) first = mark;
    }
    if (policy.stands(first)) return first;  // so all were at it
  }
}

std::optional<Result<Store::Mark>> Store::check_each_at_once(PolicyInForce& policy,
                                                             const Identity& who, Action action,
                                                             std::span<const Path> paths) {
  Mark first = PolicyInForce::kAlways;
  for (const Path& path : paths) {
    auto mark = policy.check_at_once(who, action, path);
    if (!mark || !*mark) return mark;
    if (&path == paths.data()) first = mark->value();
  }
  if (!policy.stands(first)) return std::nullopt;
  return Result<Mark>(first);
}

Result<void> Store::check_size(std::span<const Path> paths) {
  if (paths.size() <= kMaxBatch) return {};
  return Error{Code::too_large, "more than 1000 secrets were asked for at once"};
}

Store::Review Store::review_for(const Identity& who, Action action) const {
  if (who.kind() == Identity::Kind::trusted) return nullptr;
  struct Asker {
    std::shared_ptr<PolicyInForce> policy;
    Identity who;
    Action action;
    std::optional<Mark> mark;
  };
  auto asker = std::make_shared<Asker>(Asker{policy_, who, action, {}});
  return [asker](std::span<const Path> paths, bool may_wait) -> std::optional<Result<void>> {
    PolicyInForce& policy = *asker->policy;
    if (asker->mark && policy.stands(*asker->mark)) return Result<void>();
    auto mark = may_wait ? std::optional(check_each(policy, asker->who, asker->action, paths))
                         : check_each_at_once(policy, asker->who, asker->action, paths);
    if (!mark) return std::nullopt;
    if (!*mark) return Result<void>(std::move(*mark).error());
    asker->mark = mark->value();
    return Result<void>();
  };
}

Result<std::vector<Result<StoredSecret>>> Store::read_allowed(const Identity& who, Action action,
                                                              std::span<const Path> paths,
                                                              ReadOptions options) const {
  STRONGROOM_TRY(check_size(paths));
  STRONGROOM_ASSIGN(mark, check_each(*policy_, who, action, paths));
  if (paths.empty()) return std::vector<Result<StoredSecret>>();
  return confirmed(who, action, paths, mark, [&] { return barrier_->read_many(paths, options); });
}

Result<std::vector<Entry>> Store::list_by(const Policy& policy, const Identity& who,
                                          const Path& folder, ListOptions options) const {
  constexpr auto everything = [](const std::string&) { return true; };
  const auto decide = [&](Action action, const std::string& at) {
    const auto path = Path::parse(at);
    return path ? policy.decide(who, action, path.value()) : Decision::denied;
  };
  if (options.visible) {
    const auto shows = [&](const std::string& secret) {
      return decide(Action::read, secret) == Decision::allowed ||
             decide(Action::update, secret) == Decision::allowed ||
             decide(Action::erase, secret) == Decision::allowed;
    };
    const NamesFilter visible{everything, shows};
    return barrier_->list(folder, options.recursive, &visible);
  }
  const Action action = options.recursive ? Action::scan : Action::list;
  STRONGROOM_TRY(policy_->check(who, action, folder));
  if (!options.recursive || who.kind() == Identity::Kind::trusted)
    return barrier_->list(folder, options.recursive);
  const auto enters = [&](const std::string& below) {
    return decide(Action::list, below) != Decision::denied &&
           decide(Action::scan, below) != Decision::denied;
  };
  const NamesFilter listed{enters, everything};
  return barrier_->list(folder, true, &listed);
}

}  // namespace strongroom
