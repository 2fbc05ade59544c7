// session_secrets.ipp: the bodies of session.hpp about secrets: reads, writes, lists.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/secret_writer.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/engine.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/session.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

namespace detail::session_secrets {

static Result<std::vector<Path>> parse_all(std::span<const std::string_view> texts) {
  std::vector<Path> paths;
  paths.reserve(texts.size());
  for (const std::string_view text : texts) {
    STRONGROOM_ASSIGN(path, Path::parse_secret(text));
    paths.push_back(std::move(path));
  }
  return paths;
}

static Result<void> check_size(std::size_t num, std::size_t most) {
  if (num <= most) return {};
  return Error{Code::too_large,
               "more than " + std::to_string(most) + " secrets were asked for at once"};
}

static ActionSet putting(Condition condition) noexcept {
  switch (condition.kind) {
    case Condition::Kind::any:
      return ActionSet(Action::create) | Action::update;
    case Condition::Kind::create:
      return Action::create;
    default:
      return Action::update;
  }
}

// told_to keeps the names of folders, which a damage may lie in, from those who may not know them.
static Error told_to(const Identity& who, Error error) {
  if (who.kind() == Identity::Kind::trusted || error.code != Code::corrupt) return error;
  return {Code::corrupt, "a name below the folder did not open; a trusted caller is told where"};
}

// judge gives what a policy says of a path below a listed folder.
static Decision judge(const Policy& policy, const Identity& who, Action action,
                      const std::string& below) {
  const auto path = Path::parse(below);
  return path ? policy.decide(who, action, path.value()) : Decision::denied;
}

}  // namespace detail::session_secrets

Result<StoredSecret> Session::get(std::string_view path, ReadOptions options) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  return engine_->policy.under(who_, {Action::read, secret},
                               [&] { return engine_->barrier.reader().read(secret, options); });
}

Result<std::vector<Result<StoredSecret>>> Session::get_many(std::span<const std::string_view> paths,
                                                            ReadOptions options) const {
  STRONGROOM_TRY(detail::session_secrets::check_size(paths.size(), kMaxBatch));
  STRONGROOM_ASSIGN(secrets, detail::session_secrets::parse_all(paths));
  return read_many(Action::read, secrets, options);
}

Result<Revision> Session::put(std::string_view path, Content content, SecretView value,
                              Condition condition) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  return engine_->policy.under(
      who_, {detail::session_secrets::putting(condition), secret}, [&](Permit permit) {
        return engine_->barrier.writer().write(secret, content, value, condition, permit);
      });
}

Result<Revision> Session::erase(std::string_view path, Condition condition) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  return engine_->policy.under(who_, {Action::erase, secret}, [&](Permit permit) {
    return engine_->barrier.writer().erase(secret, condition, permit);
  });
}

Result<std::vector<Entry>> Session::list(std::string_view folder, ListOptions options) const {
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  const ActionSet needed = options.visible     ? ActionSet()
                           : options.recursive ? Action::scan
                                               : Action::list;
  return engine_->policy.under(
      who_, {needed, below}, [&](const Policy& policy) -> Result<std::vector<Entry>> {
        auto entries = options.visible     ? list_visible(policy, below, options.recursive)
                       : options.recursive ? scan(policy, below)
                                           : engine_->barrier.names().list(below, false);
        if (!entries) return detail::session_secrets::told_to(who_, std::move(entries).error());
        return entries;
      });
}

Result<ListPage> Session::list_page(std::string_view folder, ByteView after,
                                    std::size_t limit) const {
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  return engine_->policy.under(who_, {Action::list, below}, [&] {
    return engine_->barrier.names().list_page(below, after, limit);
  });
}

Result<Watch> Session::watch(std::string_view prefix) const {
  STRONGROOM_ASSIGN(below, Path::parse(prefix));
  auto tree = engine_->policy.under(
      who_, {Action::list, below}, [&] { return TreeWatch::open(engine_->barrier.tree(), below); });
  STRONGROOM_TRY(tree);
  return Watch(engine_, std::move(tree).value(), who_, std::move(below));
}

Result<SecretBytes> Session::resolve(const Secret& secret, ReadOptions options) const {
  const Secret* const one = &secret;
  STRONGROOM_ASSIGN(many, resolve_many(std::span(&one, 1), options));
  return std::move(many.front());
}

Result<std::vector<SecretBytes>> Session::resolve_many(std::span<const Secret* const> secrets,
                                                       ReadOptions options) const {
  STRONGROOM_ASSIGN(plan, Resolution::of(secrets));
  STRONGROOM_TRY(detail::session_secrets::check_size(plan.paths().size(), kMaxBatch));
  STRONGROOM_ASSIGN(found, read_many(resolving(), plan.paths(), options));
  return plan.finish(std::move(found));
}

Result<void> Session::get_async(std::string_view path, GetCallback done) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  return engine_->async.read_many(who_, Action::read, {std::move(secret)},
                                  [done = std::move(done)](auto secrets) {
                                    if (!secrets) return done(std::move(secrets).error());
                                    done(std::move(secrets->front()));
                                  });
}

Result<void> Session::get_many_async(std::span<const std::string_view> paths,
                                     GetManyCallback done) const {
  STRONGROOM_TRY(detail::session_secrets::check_size(paths.size(), kMaxBatch));
  STRONGROOM_ASSIGN(secrets, detail::session_secrets::parse_all(paths));
  return engine_->async.read_many(who_, Action::read, std::move(secrets), std::move(done));
}

Result<void> Session::resolve_async(std::span<const Secret* const> secrets,
                                    ResolveCallback done) const {
  STRONGROOM_ASSIGN(plan, Resolution::of(secrets));
  STRONGROOM_TRY(detail::session_secrets::check_size(plan.paths().size(), kMaxBatch));
  auto shared = std::make_shared<Resolution>(std::move(plan));
  return engine_->async.read_many(who_, resolving(), shared->paths(),
                                  [shared, done = std::move(done)](auto found) {
                                    if (!found) return done(std::move(found).error());
                                    done(shared->finish(std::move(found).value()));
                                  });
}

Action Session::resolving() const noexcept {
  return who_.kind() == Identity::Kind::service ? Action::resolve : Action::read;
}

Result<std::vector<Result<StoredSecret>>> Session::read_many(Action action,
                                                             std::span<const Path> paths,
                                                             ReadOptions options) const {
  if (paths.empty()) return std::vector<Result<StoredSecret>>();  // which needs no keys
  return engine_->policy.under(who_, {action, paths},
                               [&] { return engine_->barrier.reader().read_many(paths, options); });
}

Result<std::vector<Entry>> Session::list_visible(const Policy& policy, const Path& folder,
                                                 bool recursive) const {
  const auto shows = [&](const std::string& secret) {
    const auto may = [&](Action action) {
      return detail::session_secrets::judge(policy, who_, action, secret) == Decision::allowed;
    };
    return may(Action::read) || may(Action::update) || may(Action::erase);
  };
  const NamesFilter visible{[](const std::string&) { return true; }, shows};
  return engine_->barrier.names().list(folder, recursive, &visible);
}

Result<std::vector<Entry>> Session::scan(const Policy& policy, const Path& folder) const {
  const auto enters = [&](const std::string& below) {
    const auto forbids = [&](Action action) {
      return detail::session_secrets::judge(policy, who_, action, below) == Decision::denied;
    };
    return !forbids(Action::list) && !forbids(Action::scan);
  };
  const NamesFilter listed{enters, [](const std::string&) { return true; }};
  return engine_->barrier.names().list(folder, true, &listed);
}

}  // namespace strongroom
