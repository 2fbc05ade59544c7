// store.ipp: the bodies of store.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

Result<Store> Store::open(std::string_view url, StoreOptions options) {
  auto backend = open_backend(url, {options.must_exist, options.zk_auth});
  if (!backend) return std::move(backend).error();
  return Store(std::move(backend).value(), std::move(options));
}

Store::Store(std::unique_ptr<Backend> backend, StoreOptions options)
    : pgp_(options.pgp != nullptr ? std::move(options.pgp) : openpgp_helper()),
      timeout_(options.timeout),
      barrier_(std::make_unique<Barrier>(
          std::move(backend),
          KeeperOptions{options.timeout, options.anchor, options.share_expiry})),
      policy_(std::make_shared<PolicyInForce>(*barrier_, std::move(options.policy))) {}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Result<PendingInit> Store::init(const Identity& who, const InitOptions& options) {
  if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
  auto status = barrier_->keys().status();
  if (!status) return std::move(status).error();
  if (status->initialized)
    return Error{Code::already_exists, "there is a store at " + status->url + " already"};
  return prepare_init(options, pgp_.get());
}

Result<void> Store::activate(const Identity& who, const PendingInit& pending) {
  if (auto allowed = may(who, Action::init); !allowed) return allowed;
  return barrier_->keys().activate(pending);
}

Result<void> Store::unseal(const Identity& who, std::span<const Credential> credentials,
                           bool lift_lock) {
  if (auto allowed = may(who, Action::unseal); !allowed) return allowed;
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().unseal(credentials, lift_lock);
}

Result<UnsealProgress> Store::submit(const Identity& who, Credential credential, bool lift_lock) {
  if (auto allowed = may(who, Action::unseal); !allowed) return std::move(allowed).error();
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().submit(std::move(credential), lift_lock);
}

Result<void> Store::forget_shares(const Identity& who) {
  if (auto allowed = may(who, Action::unseal); !allowed) return allowed;
  barrier_->keys().forget_shares();
  return {};
}

Result<void> Store::seal(const Identity& who) {
  if (auto allowed = may(who, Action::seal); !allowed) return allowed;
  auto sealed = barrier_->keys().seal();
  policy_->drop_if_sealed();
  return sealed;
}

Result<Credential> Store::unwrap(const Identity& who, ByteView message, SecretView private_key,
                                 SecretView passphrase) {
  if (auto allowed = may(who, Action::unseal); !allowed) return std::move(allowed).error();
  auto text = pgp_->unwrap(message, private_key, passphrase);
  if (!text) return std::move(text).error();
  return Credential::parse(text->view());
}

Result<void> Store::unseal_escrowed(const Identity& who, bool lift_lock) {
  if (auto allowed = may(who, Action::unseal); !allowed) return allowed;
  auto key = barrier_->keys().escrowed_key();
  if (!key) return std::move(key).error();
  auto status = barrier_->keys().status();
  if (!status) return std::move(status).error();
  std::vector<Credential> credentials;
  Error why{Code::denied, "no share of this store is wrapped to an OpenPGP key"};
  for (const SlotStatus& slot : status->slots) {
    for (const WrappedShare& share : slot.wrapped) {
      auto credential = unwrap(who, share.message, key->view());
      if (credential)
        credentials.push_back(std::move(credential).value());
      else
        why = std::move(credential).error();
    }
  }
  if (credentials.empty()) return why;
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().unseal(credentials, lift_lock);
}

Result<void> Store::rotate(const Identity& who) {
  return administer(who, Action::rotate, [&](Mark mark) { return barrier_->keys().rotate(mark); });
}

Result<void> Store::rotate_root(const Identity& who) {
  return administer(who, Action::rekey,
                    [&](Mark mark) { return barrier_->keys().rotate_root(mark); });
}

Result<PendingSlots> Store::prepare_slots(const Identity& who, const SlotChange& change) {
  if (auto allowed = may(who, Action::rekey); !allowed) return std::move(allowed).error();
  return barrier_->keys().prepare_slots(change, pgp_.get());
}

Result<void> Store::activate(const Identity& who, const PendingSlots& pending) {
  return administer(who, Action::rekey,
                    [&](Mark mark) { return barrier_->keys().activate(pending, mark); });
}

Result<ReencryptProgress> Store::reencrypt(const Identity& who, const ReencryptOptions& options,
                                           ReencryptObserver observer) {
  if (auto allowed = may(who, Action::rotate); !allowed) return std::move(allowed).error();
  return barrier_->reencrypt(options, observer);
}

Result<void> Store::retire(const Identity& who, ReencryptObserver observer) {
  return administer(who, Action::rotate,
                    [&](Mark mark) { return barrier_->retire(observer, mark); });
}

Result<bool> Store::repair(const Identity& who) {
  return administer(who, Action::rekey, [&](Mark mark) { return barrier_->keys().repair(mark); });
}

Result<BackupInfo> Store::backup(const Identity& who, BackupSink sink, BackupProgress progress) {
  if (auto allowed = may(who, Action::backup); !allowed) return std::move(allowed).error();
  if (auto anchored = barrier_->keys().check_anchor(); !anchored)
    return std::move(anchored).error();
  return write_backup(barrier_->backend(), sink, progress);
}

Result<BackupInfo> Store::restore(const Identity& who, BackupSource source,
                                  BackupProgress progress) {
  if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
  return restore_backup(source, barrier_->backend(), timeout_, progress);
}

Result<std::uint64_t> Store::migrate(const Identity& who, Store& to, const PendingInit& pending,
                                     MigrateProgress progress) {
  if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
  if (auto anchored = barrier_->keys().check_anchor(); !anchored)
    return std::move(anchored).error();
  return Migration(*barrier_, to.barrier_->backend(), pending, to.timeout_).run(progress);
}

Result<CopyInfo> Store::copy_to(const Identity& who, Store& to, CopyProgress progress) {
  if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
  if (auto anchored = barrier_->keys().check_anchor(); !anchored)
    return std::move(anchored).error();
  return StoreCopy(barrier_->backend(), to.barrier_->backend(), to.timeout_).run(progress);
}

Result<Anchor> Store::anchor(const Identity& who) {
  if (auto allowed = may(who, Action::backup); !allowed) return std::move(allowed).error();
  return barrier_->keys().anchor();
}

Result<OpenPgpPair> Store::generate_pair(const Identity& who, unsigned bits,
                                         const std::string& user_id) {
  if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
  return pgp_->generate(bits, user_id);
}

void Store::close() {
  barrier_->keys().close();
  policy_->drop_if_sealed();
}

Result<SealStatus> Store::status() const {
  auto status = barrier_->keys().status();
  policy_->drop_if_sealed();  // it may have met the lock flag
  return status;
}

Result<void> Store::check(const Identity& who, Action action, const Path& path) const {
  const bool looks = who.kind() != Identity::Kind::trusted && !is_administration(action);
  if (looks) {
    if (auto looked = policy_->look(); !looked) return looked;
  }
  auto mark = policy_->check(who, action, path);
  if (!mark) return std::move(mark).error();
  return {};
}

Result<std::vector<PolicyInfo>> Store::policies(const Identity& who) const {
  return looked_at(who, [&]() -> Result<std::vector<PolicyInfo>> {
    auto index = barrier_->policies().index();
    if (!index) return std::move(index).error();
    std::vector<PolicyInfo> found;
    for (PolicyEntry& each : index->entries)
      found.push_back({std::move(each.name), each.revision, each.changed_ms, each.size});
    return found;
  });
}

Result<StoredPolicy> Store::policy(const Identity& who, std::string_view name) const {
  const auto read = [&]() -> Result<std::optional<StoredPolicy>> {
    auto index = barrier_->policies().index();
    if (!index) return std::move(index).error();
    const PolicyEntry* entry = index->find(name);
    if (entry == nullptr) return no_such_policy(name);
    auto text = barrier_->policies().text(index.value(), *entry);
    if (!text) return std::move(text).error();
    if (!text->has_value()) return std::optional<StoredPolicy>();
    return std::optional(StoredPolicy{std::move(**text), entry->revision, entry->changed_ms});
  };
  return looked_at(who, [&] { return until_quiet<StoredPolicy>(read); });
}

Result<PolicyRules> Store::policy_rules(const Identity& who) const {
  auto stored = looked_at(who, [&] { return barrier_->policies().read(); });
  if (!stored) return std::move(stored).error();
  std::vector<PolicyDocument> documents;
  for (std::size_t i = 0; i < stored->texts.size(); ++i)
    documents.push_back({stored->index.entries[i].name, std::move(stored->texts[i])});
  return parse_policy(documents);
}

Result<Revision> Store::put_policy(const Identity& who, std::string_view name,
                                   std::string_view text, Condition condition) {
  if (auto allowed = may(who, Action::policy); !allowed) return std::move(allowed).error();
  if (auto named = check_policy_name(name); !named) return std::move(named).error();
  if (text.size() > kMaxPolicyDocumentLen) {
    return Error{Code::too_large, "policy '" + std::string(name) + "' had " +
                                      std::to_string(text.size()) +
                                      " bytes; a store takes up to 1,048,576"};
  }
  return change_policy(who, name, text, condition);
}

Result<Revision> Store::erase_policy(const Identity& who, std::string_view name,
                                     Condition condition) {
  return change_policy(who, name, {}, condition);
}

Result<Revision> Store::reset_policies(const Identity& who) {
  return until_quiet<Revision>([&]() -> Result<std::optional<Revision>> {
    auto mark = policy_->check(who, Action::policy, Path());
    if (!mark) return std::move(mark).error();
    return barrier_->policies().reset(mark.value());
  });
}

Result<StoredSecret> Store::get(const Identity& who, const Path& path, ReadOptions options) const {
  auto mark = policy_->check(who, Action::read, path);
  if (!mark) return std::move(mark).error();
  return confirmed(who, Action::read, std::span(&path, 1), mark.value(),
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
  if (auto fits = check_size(paths); !fits) return fits;
  return barrier_->read_many_async(std::move(paths), std::move(done),
                                   review_for(who, Action::read));
}

Result<void> Store::resolve_async(const Identity& who, std::span<const Secret* const> secrets,
                                  ResolveCallback done) const {
  auto plan = Resolution::of(secrets);
  if (!plan) return std::move(plan).error();
  if (auto fits = check_size(plan->paths()); !fits) return fits;
  auto shared = std::make_shared<Resolution>(std::move(plan).value());
  return barrier_->read_many_async(
      shared->paths(),
      [shared, done = std::move(done)](auto found) {
        if (!found) return done(std::move(found).error());
        done(shared->finish(std::move(found).value()));
      },
      review_for(who, resolving(who)));
}

Result<Watch> Store::watch(const Identity& who, const Path& prefix) const {
  if (auto mark = policy_->check(who, Action::list, prefix); !mark) return std::move(mark).error();
  auto tree = barrier_->watch(prefix);
  // As of now again: taking stock takes its time.
  if (auto mark = policy_->check(who, Action::list, prefix); !mark) return std::move(mark).error();
  if (!tree) return std::move(tree).error();
  return Watch(std::move(tree).value(), policy_, who, prefix);
}

Result<Revision> Store::put(const Identity& who, const Path& path, Content content,
                            SecretView value, Condition condition) {
  const auto decide = [&] { return check_put(who, condition, path); };
  if (auto allowed = decide(); !allowed) return std::move(allowed).error();
  const Permit permit = decide;
  return barrier_->write(path, content, value, condition, &permit);
}

Result<Revision> Store::erase(const Identity& who, const Path& path, Condition condition) {
  const auto decide = [&] { return policy_->check(who, Action::erase, path); };
  if (auto allowed = decide(); !allowed) return std::move(allowed).error();
  const Permit permit = decide;
  return barrier_->erase(path, condition, &permit);
}

Result<std::vector<Entry>> Store::list(const Identity& who, const Path& folder,
                                       ListOptions options) const {
  return until_quiet<std::vector<Entry>>([&]() -> Result<std::optional<std::vector<Entry>>> {
    auto held = policy_->hold(who);
    if (!held) return std::move(held).error();
    auto entries = list_by(*held->policy, who, folder, options);
    if (!entries) entries = told_to(who, std::move(entries).error());
    if (!policy_->stands(held->mark)) return std::optional<std::vector<Entry>>();
    if (!entries) return std::move(entries).error();
    return std::optional(std::move(entries).value());
  });
}

Result<ListPage> Store::list_page(const Identity& who, const Path& folder, ByteView after,
                                  std::size_t limit) const {
  auto mark = policy_->check(who, Action::list, folder);
  if (!mark) return std::move(mark).error();
  return confirmed(who, Action::list, std::span(&folder, 1), mark.value(),
                   [&] { return barrier_->list_page(folder, after, limit); });
}

Result<SecretBytes> Store::resolve(const Identity& who, const Secret& secret,
                                   ReadOptions options) const {
  const Secret* const one = &secret;
  auto many = resolve_many(who, std::span(&one, 1), options);
  if (!many) return std::move(many).error();
  return std::move(many->front());
}

Result<std::vector<SecretBytes>> Store::resolve_many(const Identity& who,
                                                     std::span<const Secret* const> secrets,
                                                     ReadOptions options) const {
  auto plan = Resolution::of(secrets);
  if (!plan) return std::move(plan).error();
  auto found = read_allowed(who, resolving(who), plan->paths(), options);
  if (!found) return std::move(found).error();
  return plan->finish(std::move(found).value());
}

Result<void> Store::may(const Identity& who, Action action) const {
  auto mark = policy_->check(who, action, Path());
  if (!mark) return std::move(mark).error();
  return {};
}

Error Store::told_to(const Identity& who, Error error) {
  if (who.kind() == Identity::Kind::trusted || error.code != Code::corrupt) return error;
  return {Code::corrupt, "a name below the folder did not open; a trusted caller is told where"};
}

template <typename F>
auto Store::administer(const Identity& who, Action action, F f) const -> decltype(f(Mark{})) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    auto mark = policy_->check(who, action, Path());
    if (!mark) return std::move(mark).error();
    auto done = f(mark.value());
    const bool lost = !done && done.error().code == Code::conflict;
    if (!lost || mark.value() == PolicyInForce::kAlways) return done;
    static_cast<void>(policy_->look());  // what others were faster with may be the policies
    const bool late = std::chrono::steady_clock::now() - begin > timeout_;
    if (policy_->stands(mark.value()) || late) return done;
  }
}

template <typename F>
auto Store::looked_at(const Identity& who, F f) const -> decltype(f()) {
  auto mark = policy_->check(who, Action::policy, Path());
  if (!mark) return std::move(mark).error();
  const Path store;
  return confirmed(who, Action::policy, std::span(&store, 1), mark.value(), f);
}

Result<void> Store::may_move(const Identity& who, const Store& to) const {
  if (auto allowed = may(who, Action::backup); !allowed) return allowed;
  return to.may(who, Action::init);
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
    if (!mark) return mark;
    if (auto updates = policy_->check(who, Action::update, path); !updates) return updates;
    if (policy_->stands(mark.value())) return mark;  // so both were at it
  }
}

Result<Store::Mark> Store::check_each(PolicyInForce& policy, const Identity& who, Action action,
                                      std::span<const Path> paths) {
  for (;;) {
    Mark first = PolicyInForce::kAlways;
    for (const Path& path : paths) {
      auto mark = policy.check(who, action, path);
      if (!mark) return mark;
      if (&path == paths.data()) first = mark.value();
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

template <typename F>
auto Store::confirmed(const Identity& who, Action action, std::span<const Path> paths, Mark mark,
                      F f) const -> decltype(f()) {
  auto result = f();
  if (!policy_->stands(mark)) [[unlikely]] {
    auto again = check_each(*policy_, who, action, paths);
    if (!again) result = std::move(again).error();
  }
  return result;
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
  if (auto fits = check_size(paths); !fits) return std::move(fits).error();
  auto mark = check_each(*policy_, who, action, paths);
  if (!mark) return std::move(mark).error();
  if (paths.empty()) return std::vector<Result<StoredSecret>>();
  return confirmed(who, action, paths, mark.value(),
                   [&] { return barrier_->read_many(paths, options); });
}

template <typename T, typename F>
Result<T> Store::until_quiet(F f) const {
  const auto begin = std::chrono::steady_clock::now();
  do {
    auto done = f();
    if (!done) return std::move(done).error();
    if (done->has_value()) return std::move(**done);
  } while (std::chrono::steady_clock::now() - begin < timeout_);
  return Error{Code::conflict, "the policies kept being changed by others; try again"};
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
  if (auto mark = policy_->check(who, action, folder); !mark) return std::move(mark).error();
  if (!options.recursive || who.kind() == Identity::Kind::trusted)
    return barrier_->list(folder, options.recursive);
  const auto enters = [&](const std::string& below) {
    return decide(Action::list, below) != Decision::denied &&
           decide(Action::scan, below) != Decision::denied;
  };
  const NamesFilter listed{enters, everything};
  return barrier_->list(folder, true, &listed);
}

Result<Revision> Store::change_policy(const Identity& who, std::string_view name,
                                      std::optional<std::string_view> text, Condition condition) {
  return until_quiet<Revision>([&]() -> Result<std::optional<Revision>> {
    auto mark = policy_->check(who, Action::policy, Path());
    if (!mark) return std::move(mark).error();
    auto index = barrier_->policies().index();
    if (!index) return std::move(index).error();
    const bool other = mark.value() != PolicyInForce::kAlways && mark.value() != index->mark;
    if (other) return std::optional<Revision>();
    if (auto held = check_condition(index.value(), name, text.has_value(), condition); !held)
      return std::move(held).error();
    auto compiles = compiles_with(index.value(), name, text);
    if (!compiles) return std::move(compiles).error();
    if (!compiles.value()) return std::optional<Revision>();
    PolicyRecords& records = barrier_->policies();
    return text ? records.put(index.value(), name, *text) : records.erase(index.value(), name);
  });
}

Result<void> Store::check_condition(const PolicyIndex& index, std::string_view name, bool puts,
                                    Condition condition) {
  const PolicyEntry* entry = index.find(name);
  const auto kind = condition.kind;
  if (entry != nullptr && kind == Condition::Kind::create)
    return Error{Code::already_exists, "policy '" + std::string(name) + "' exists already"};
  const bool must_exist = !puts || kind == Condition::Kind::update;
  if (entry == nullptr && must_exist) return no_such_policy(name);
  if (kind != Condition::Kind::revision) return {};
  if (entry != nullptr && entry->revision == condition.revision) return {};
  return Error{
      Code::conflict,
      "policy '" + std::string(name) + "' was not in revision " +
          std::to_string(condition.revision) +
          (entry == nullptr ? " but not there" : " but in " + std::to_string(entry->revision))};
}

Result<bool> Store::compiles_with(const PolicyIndex& index, std::string_view name,
                                  std::optional<std::string_view> text) {
  std::vector<PolicyEntry> others = index.entries;
  std::erase_if(others, [&](const PolicyEntry& entry) { return entry.name == name; });
  auto texts = barrier_->policies().texts(index, others);
  // What is lost allows nothing, with or without this one: it can be erased one by one.
  if (!texts && !text && PolicyInForce::is_lasting(texts.error().code)) return true;
  if (!texts) return std::move(texts).error();
  if (!texts->has_value()) return false;
  std::vector<PolicyDocument> documents;
  for (std::size_t i = 0; i < others.size(); ++i)
    documents.push_back({others[i].name, std::move((**texts)[i])});
  if (text) documents.push_back({std::string(name), std::string(*text)});
  std::sort(documents.begin(), documents.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  auto compiled = compile_policy(documents);
  if (!compiled) return std::move(compiled).error();
  return true;
}

Error Store::no_such_policy(std::string_view name) {
  return {Code::not_found, "there is no policy '" + std::string(name) + "'"};
}

}  // namespace strongroom
