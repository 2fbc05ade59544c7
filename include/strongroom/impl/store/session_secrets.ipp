// session_secrets.ipp: the bodies of session.hpp about secrets: reads, writes, lists.
#include <memory>
#include <new>
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
#include "strongroom/impl/store/secret_requests.hpp"
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

// without_names hides the name of a damaged folder from callers that may not know it.
static Error without_names(const Identity& who, Error error) {
  if (who.kind() == Identity::Kind::trusted || error.code != Code::corrupt) return error;
  return {Code::corrupt, "a name below the folder did not open; a trusted session sees where"};
}

// Judge asks a policy about paths below a listed folder. They are judged below another folder, if there is one.
struct Judge {
  const Policy& policy;
  const Identity& who;
  const Path& folder;
  const Path& judged;

  Decision operator()(Action action, const std::string& below) const {
    const auto path = Path::parse(&folder == &judged ? below : moved(below));
    return path ? policy.decide(who, action, path.value()) : Decision::denied;
  }

 private:
  std::string moved(const std::string& below) const {
    const std::size_t begin = folder.is_root() ? 0 : folder.text().size() + 1;
    return NamesReader::join(judged.text(), below.substr(begin));
  }
};

// or_no_memory is f(), for a callback that must pass on some answer.
template <typename F>
static auto or_no_memory(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return Error{Code::unavailable, "memory ran out"};
  }
}

}  // namespace detail::session_secrets

Result<StoredSecret> Session::get(std::string_view path, const GetOptions& options) const {
  if (options.key) return get_member(path, options);
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  if (!options.decide_path) return read(secret, secret, options);
  STRONGROOM_ASSIGN(judged, Path::parse_secret(*options.decide_path));
  return read(secret, judged, options);
}

// read is a get that the policy judges by another path, which may be the secret's own.
Result<StoredSecret> Session::read(const Path& secret, const Path& judged,
                                   ReadOptions options) const {
  return engine_->policy.under(who_, {Action::read, judged},
                               [&] { return engine_->barrier.reader().read(secret, options); });
}

Result<StoredSecret> Session::get_member(std::string_view path, const GetOptions& options) const {
  GetOptions whole = options;
  whole.key.reset();
  return select_member(get(path, whole), path, options.key);
}

Result<std::vector<Result<StoredSecret>>> Session::get_many(std::span<const std::string_view> paths,
                                                            ReadOptions options) const {
  STRONGROOM_TRY(check_num(paths.size()));
  STRONGROOM_ASSIGN(secrets, detail::session_secrets::parse_all(paths));
  return read_many(Action::read, secrets, options);
}

Result<Revision> Session::put(std::string_view path, Content content, SecretView value,
                              const WriteOptions& options) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  STRONGROOM_ASSIGN(other, parse_judged(options.decide_path, false));
  const Request request(detail::session_secrets::putting(options.condition),
                        other ? *other : secret);
  return engine_->policy.under(who_, request, [&](Permit permit) {
    return engine_->barrier.writer().write(secret, content, value, options.condition, permit);
  });
}

Result<Revision> Session::erase(std::string_view path, const WriteOptions& options) const {
  STRONGROOM_ASSIGN(secret, Path::parse_secret(path));
  STRONGROOM_ASSIGN(other, parse_judged(options.decide_path, false));
  return engine_->policy.under(who_, {Action::erase, other ? *other : secret}, [&](Permit permit) {
    return engine_->barrier.writer().erase(secret, options.condition, permit);
  });
}

Result<std::vector<Entry>> Session::list(std::string_view folder, ListOptions options) const {
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  STRONGROOM_ASSIGN(other, parse_judged(options.decide_path, true));
  const Path& judged = other ? *other : below;
  const ActionSet needed = options.visible     ? ActionSet()
                           : options.recursive ? Action::scan
                                               : Action::list;
  return engine_->policy.under(
      who_, {needed, judged}, [&](const Policy& policy) -> Result<std::vector<Entry>> {
        auto entries = options.visible     ? list_visible(policy, below, judged, options.recursive)
                       : options.recursive ? scan(policy, below, judged)
                                           : engine_->barrier.names().list(below, false);
        if (!entries)
          return detail::session_secrets::without_names(who_, std::move(entries).error());
        return entries;
      });
}

Result<ListPage> Session::list_page(std::string_view folder, ByteView after, std::size_t limit,
                                    std::optional<std::string_view> decide_path) const {
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  STRONGROOM_ASSIGN(other, parse_judged(decide_path, true));
  return engine_->policy.under(who_, {Action::list, other ? *other : below}, [&] {
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

Result<SecretBytes> Session::resolve(const mesos::Secret& secret, ReadOptions options) const {
  const mesos::Secret* const one = &secret;
  STRONGROOM_ASSIGN(many, resolve_many(std::span(&one, 1), options));
  return std::move(many.front());
}

Result<std::vector<SecretBytes>> Session::resolve_many(
    std::span<const mesos::Secret* const> secrets, ReadOptions options, std::size_t* failed) const {
  std::size_t unasked = 0;
  std::size_t& index = failed == nullptr ? unasked : *failed;
  STRONGROOM_ASSIGN(plan, resolution_of(secrets, &index));
  std::size_t refused = plan->paths().size();
  auto found = read_many(resolving(), plan->paths(), options, &refused);
  if (!found) {
    // Only a refusal is about one of them.
    const bool denied = found.error().code == Code::denied;
    index = denied ? plan->message_of(refused) : secrets.size();
    return std::move(found).error();
  }
  return plan->finish(std::move(found).value(), index);
}

Result<void> Session::get_async(std::string_view path, GetCallback done,
                                const GetOptions& options) const {
  STRONGROOM_ASSIGN(wanted, wanted_secret(path, options));
  std::optional<std::string> key(options.key);
  return engine_->async.read_many(
      who_, std::move(wanted),
      [done = std::move(done), key = std::move(key), path = std::string(path)](auto secrets) {
        done(detail::session_secrets::or_no_memory(
            [&] { return only_secret(std::move(secrets), path, key); }));
      });
}

Result<void> Session::get_many_async(std::span<const std::string_view> paths, GetManyCallback done,
                                     ReadOptions options) const {
  STRONGROOM_TRY(check_num(paths.size()));
  STRONGROOM_ASSIGN(secrets, detail::session_secrets::parse_all(paths));
  return engine_->async.read_many(who_, {Action::read, std::move(secrets), {}, options},
                                  std::move(done));
}

Result<void> Session::resolve_async(std::span<const mesos::Secret* const> secrets,
                                    ResolveCallback done) const {
  STRONGROOM_ASSIGN(plan, resolution_of(secrets));
  return engine_->async.read_many(
      who_, {resolving(), plan->paths(), {}, {}}, [plan, done = std::move(done)](auto found) {
        if (!found) return done(std::move(found).error());
        std::size_t failed = 0;
        done(detail::session_secrets::or_no_memory(
            [&] { return plan->finish(std::move(found).value(), failed); }));
      });
}

// A trusted caller may do everything under every policy, so nothing is left to decide or to confirm.

Result<StoredSecret> Session::record(std::string_view path, ReadOptions options) const {
  STRONGROOM_TRY(only_host());
  STRONGROOM_ASSIGN(record, Path::parse_secret(path));
  return engine_->barrier.of(Tree::host_records).reader.read(record, options);
}

Result<Revision> Session::put_record(std::string_view path, SecretView value,
                                     Condition condition) const {
  STRONGROOM_TRY(only_host());
  STRONGROOM_ASSIGN(record, Path::parse_secret(path));
  STRONGROOM_ASSIGN(written,
                    engine_->barrier.of(Tree::host_records)
                        .writer.write(record, Content::binary, value, condition, Permit::always()));
  return *written;
}

Result<Revision> Session::erase_record(std::string_view path, Condition condition) const {
  STRONGROOM_TRY(only_host());
  STRONGROOM_ASSIGN(record, Path::parse_secret(path));
  STRONGROOM_ASSIGN(
      erased,
      engine_->barrier.of(Tree::host_records).writer.erase(record, condition, Permit::always()));
  return *erased;
}

Result<std::vector<Entry>> Session::records(std::string_view folder, bool recursive) const {
  STRONGROOM_TRY(only_host());
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  return engine_->barrier.of(Tree::host_records).names.list(below, recursive);
}

Result<ListPage> Session::records_page(std::string_view folder, ByteView after,
                                       std::size_t limit) const {
  STRONGROOM_TRY(only_host());
  STRONGROOM_ASSIGN(below, Path::parse(folder));
  return engine_->barrier.of(Tree::host_records).names.list_page(below, after, limit);
}

Result<void> Session::only_host() const {
  if (who_.kind() == Identity::Kind::trusted) return {};
  return Error{Code::denied, "records of the host are for trusted sessions only"};
}

Action Session::resolving() const noexcept {
  return who_.kind() == Identity::Kind::service ? Action::resolve : Action::read;
}

Result<std::vector<Result<StoredSecret>>> Session::read_many(Action action,
                                                             std::span<const Path> paths,
                                                             ReadOptions options,
                                                             std::size_t* refused) const {
  if (paths.empty()) return std::vector<Result<StoredSecret>>();  // which needs no keys
  return engine_->policy.under(who_, {action, paths, refused},
                               [&] { return engine_->barrier.reader().read_many(paths, options); });
}

Result<std::vector<Entry>> Session::list_visible(const Policy& policy, const Path& folder,
                                                 const Path& judged, bool recursive) const {
  const detail::session_secrets::Judge judge{policy, who_, folder, judged};
  const auto shows = [&](const std::string& secret) {
    const auto may = [&](Action action) { return judge(action, secret) == Decision::allowed; };
    return may(Action::read) || may(Action::update) || may(Action::erase);
  };
  const NamesFilter visible{[](const std::string&) { return true; }, shows};
  return engine_->barrier.names().list(folder, recursive, &visible);
}

Result<std::vector<Entry>> Session::scan(const Policy& policy, const Path& folder,
                                         const Path& judged) const {
  const detail::session_secrets::Judge judge{policy, who_, folder, judged};
  const auto enters = [&](const std::string& below) {
    const auto forbids = [&](Action action) { return judge(action, below) == Decision::denied; };
    return !forbids(Action::list) && !forbids(Action::scan);
  };
  const NamesFilter listed{enters, [](const std::string&) { return true; }};
  return engine_->barrier.names().list(folder, true, &listed);
}

}  // namespace strongroom
