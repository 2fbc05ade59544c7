// store.hpp: the first stage of the line and the only one a caller holds.
//
// Every function runs the line, and nothing else: Store -> Policy -> Barrier -> Backend. What the
// policy denies goes no further, so denied and absent look the same to who may not read.
//
// The policy is what is stored in the store itself (put_policy), or what the host gave. A change of
// what is stored is seen by every call that begins after it was acknowledged, in this process and, as
// far as the storage lets them follow, in every other one; no write is acknowledged after it that it
// does not allow.
//
//   auto store = strongroom::Store::open("lmdb:/var/lib/app/secrets");
//   auto unsealed = store->unseal(Identity::trusted(), credentials);
//   auto secret = store->get(Identity::trusted(), path);
//
// Threads  every function may be called by any number of threads at once.
// Errors   denied: the policy said no.  sealed: no keys, or the handle came through a fork.  The
//          storage's own: unavailable, timeout, indeterminate, corrupt, rollback.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/copies/copy_store.hpp"
#include "strongroom/impl/copies/migrate.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

struct StoreOptions {
  Timeout timeout = kDefaultTimeout;               // of each call of the backend
  std::shared_ptr<const Policy> policy = nullptr;  // the host's own; none: what is stored
  bool must_exist = false;  // make no storage where there is none: not_initialized
  std::shared_ptr<const SecretBytes> zk_auth{};  // user:password of ZooKeeper's digest scheme
  std::shared_ptr<OpenPgp> pgp = nullptr;        // wraps and unwraps shares; none: openpgp_helper
  std::optional<Anchor> anchor{};                // what the store must not be older than: rollback
  std::chrono::milliseconds share_expiry{900'000};  // of shares that come one by one
};

// ListOptions are how a list is asked for.
struct ListOptions {
  bool recursive = false;  // every secret below, and no folders
  // visible needs no right to list: it lists the secrets that the caller may read, update or delete,
  // and the folders that hold any such. Nothing tells of others, nor that a folder has none. It takes
  // as long as looking at all that lies below.
  bool visible = false;
};

// StoredPolicy is one of the stored policies.
struct StoredPolicy {
  std::string text;
  Revision revision = 0;
  std::uint64_t changed_ms = 0;
};

using PolicyInfo = PolicyEntry;  // name, revision, changed_ms, size

class Store {
 public:
  // open opens the storage that url names (open_backend has the forms) and leaves it sealed. A
  // store need not be there yet: see init.
  static Result<Store> open(std::string_view url, StoreOptions options = {}) {
    auto backend = open_backend(url, {options.must_exist, options.zk_auth});
    if (!backend) return std::move(backend).error();
    return Store(std::move(backend).value(), std::move(options));
  }

  // Store over a backend of the caller's own.
  explicit Store(std::unique_ptr<Backend> backend, StoreOptions options = {})
      : pgp_(options.pgp != nullptr ? std::move(options.pgp) : openpgp_helper()),
        timeout_(options.timeout),
        barrier_(std::make_unique<Barrier>(
            std::move(backend),
            KeeperOptions{options.timeout, options.anchor, options.share_expiry})),
        policy_(std::make_shared<PolicyInForce>(*barrier_, std::move(options.policy))) {}

  // ---- life of the store ----

  // init makes a new store's keys and hands its credentials out; nothing is stored before activate.
  // Errors  already_exists: there is a store.  invalid: the options.
  Result<PendingInit> init(const Identity& who, const InitOptions& options) {
    if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
    auto status = barrier_->keys().status();
    if (!status) return std::move(status).error();
    if (status->initialized)
      return Error{Code::already_exists, "there is a store at " + status->url + " already"};
    return prepare_init(options, pgp_.get());
  }

  // activate makes the store exist, in one commit. It is sealed then.
  Result<void> activate(const Identity& who, const PendingInit& pending) {
    if (auto allowed = may(who, Action::init); !allowed) return allowed;
    return barrier_->keys().activate(pending);
  }

  // unseal, submit, seal, close: see KeyKeeper.
  Result<void> unseal(const Identity& who, std::span<const Credential> credentials,
                      bool lift_lock = false) {
    if (auto allowed = may(who, Action::unseal); !allowed) return allowed;
    policy_->drop_if_sealed();  // what another process sealed
    return barrier_->keys().unseal(credentials, lift_lock);
  }
  Result<UnsealProgress> submit(const Identity& who, Credential credential,
                                bool lift_lock = false) {
    if (auto allowed = may(who, Action::unseal); !allowed) return std::move(allowed).error();
    policy_->drop_if_sealed();  // what another process sealed
    return barrier_->keys().submit(std::move(credential), lift_lock);
  }
  Result<void> forget_shares(const Identity& who) {
    if (auto allowed = may(who, Action::unseal); !allowed) return allowed;
    barrier_->keys().forget_shares();
    return {};
  }
  Result<void> seal(const Identity& who) {
    if (auto allowed = may(who, Action::seal); !allowed) return allowed;
    auto sealed = barrier_->keys().seal();
    policy_->drop_if_sealed();
    return sealed;
  }

  // unwrap decrypts a share that is still in its OpenPGP message.
  Result<Credential> unwrap(const Identity& who, ByteView message, SecretView private_key,
                            SecretView passphrase = {}) {
    if (auto allowed = may(who, Action::unseal); !allowed) return std::move(allowed).error();
    auto text = pgp_->unwrap(message, private_key, passphrase);
    if (!text) return std::move(text).error();
    return Credential::parse(text->view());
  }

  // unseal_escrowed unseals by the OpenPGP private key that was left in the storage at init.
  // Errors  not_found: there is none.
  Result<void> unseal_escrowed(const Identity& who, bool lift_lock = false) {
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

  // ---- changes of the keys: see KeyKeeper, and reencrypt.hpp ----

  Result<void> rotate(const Identity& who) {
    return administer(who, Action::rotate,
                      [&](Version mark) { return barrier_->keys().rotate(mark); });
  }
  Result<void> rotate_root(const Identity& who) {
    return administer(who, Action::rekey,
                      [&](Version mark) { return barrier_->keys().rotate_root(mark); });
  }
  Result<PendingSlots> prepare_slots(const Identity& who, const SlotChange& change) {
    if (auto allowed = may(who, Action::rekey); !allowed) return std::move(allowed).error();
    return barrier_->keys().prepare_slots(change, pgp_.get());
  }
  Result<void> activate(const Identity& who, const PendingSlots& pending) {
    return administer(who, Action::rekey,
                      [&](Version mark) { return barrier_->keys().activate(pending, mark); });
  }
  Result<ReencryptProgress> reencrypt(const Identity& who, const ReencryptOptions& options,
                                      ReencryptObserver observer) {
    if (auto allowed = may(who, Action::rotate); !allowed) return std::move(allowed).error();
    return barrier_->reencrypt(options, observer);
  }
  Result<void> retire(const Identity& who, ReencryptObserver observer) {
    return administer(who, Action::rotate,
                      [&](Version mark) { return barrier_->retire(observer, mark); });
  }
  Result<bool> repair(const Identity& who) {
    return administer(who, Action::rekey,
                      [&](Version mark) { return barrier_->keys().repair(mark); });
  }

  // ---- backups: see backup.hpp. They need no keys ----

  Result<BackupInfo> backup(const Identity& who, BackupSink sink, BackupProgress progress) {
    if (auto allowed = may(who, Action::backup); !allowed) return std::move(allowed).error();
    if (auto anchored = barrier_->keys().check_anchor(); !anchored)
      return std::move(anchored).error();
    return write_backup(barrier_->backend(), sink, progress);
  }
  Result<BackupInfo> restore(const Identity& who, BackupSource source, BackupProgress progress) {
    if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
    return restore_backup(source, barrier_->backend(), timeout_, progress);
  }
  // migrate copies everything into the storage of `to`, which holds no store, under fresh keys: those of
  // pending, whose credentials were handed out. See migrate.hpp.
  Result<std::uint64_t> migrate(const Identity& who, Store& to, const PendingInit& pending,
                                MigrateProgress progress) {
    if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
    if (auto anchored = barrier_->keys().check_anchor(); !anchored)
      return std::move(anchored).error();
    return Migration(*barrier_, to.barrier_->backend(), pending, to.timeout_).run(progress);
  }
  // copy_to copies everything into the storage of `to`, which holds no store, as it is. It needs no keys,
  // and goes on from where another was stopped. See copy_store.hpp.
  Result<CopyInfo> copy_to(const Identity& who, Store& to, CopyProgress progress) {
    if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
    if (auto anchored = barrier_->keys().check_anchor(); !anchored)
      return std::move(anchored).error();
    return StoreCopy(barrier_->backend(), to.barrier_->backend(), to.timeout_).run(progress);
  }
  Result<Anchor> anchor(const Identity& who) {
    if (auto allowed = may(who, Action::backup); !allowed) return std::move(allowed).error();
    return barrier_->keys().anchor();
  }

  // generate_pair makes an OpenPGP key pair to wrap a share to: see OpenPgp::generate.
  Result<OpenPgpPair> generate_pair(const Identity& who, unsigned bits,
                                    const std::string& user_id) {
    if (auto allowed = may(who, Action::init); !allowed) return std::move(allowed).error();
    return pgp_->generate(bits, user_id);
  }
  void close() {
    barrier_->keys().close();
    policy_->drop_if_sealed();
  }

  // status is for anybody: it tells of no secret.
  Result<SealStatus> status() const {
    auto status = barrier_->keys().status();
    policy_->drop_if_sealed();  // it may have met the lock flag
    return status;
  }

  // ---- policies: who may do what ----
  //
  // They are stored in the store, sealed, as documents that make one policy together (text.hpp). All
  // that is here needs the right to policy, but for check. A host that brought a policy of its own
  // may keep documents as well; they decide nothing then.

  // check tells whether somebody may do something, as it is stored now; a host asks before what it
  // does on its own. Errors  denied; sealed and the others of PolicyInForce::check.
  Result<void> check(const Identity& who, Action action, const Path& path) const {
    const bool looks = who.kind() != Identity::Kind::trusted && !is_administration(action);
    if (looks) {
      if (auto looked = policy_->look(); !looked) return looked;
    }
    auto mark = policy_->check(who, action, path);
    if (!mark) return std::move(mark).error();
    return {};
  }

  // policies lists the documents, by name.
  Result<std::vector<PolicyInfo>> policies(const Identity& who) const {
    return looked_at(who, [&]() -> Result<std::vector<PolicyInfo>> {
      auto index = barrier_->policies().index();
      if (!index) return std::move(index).error();
      return std::move(index->entries);
    });
  }

  // policy gives one document. Errors  not_found.
  Result<StoredPolicy> policy(const Identity& who, std::string_view name) const {
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

  // policy_rules gives the rules of all documents, for tools. Errors  those of parse_policy.
  Result<PolicyRules> policy_rules(const Identity& who) const {
    auto stored = looked_at(who, [&] { return barrier_->policies().read(); });
    if (!stored) return std::move(stored).error();
    std::vector<PolicyDocument> documents;
    for (std::size_t i = 0; i < stored->texts.size(); ++i)
      documents.push_back({stored->index.entries[i].name, std::move(stored->texts[i])});
    return parse_policy(documents);
  }

  // put_policy stores a document, in one commit, if it and all others make a policy. Afterwards that
  // is in force; what fails leaves the one that is.
  //
  // Returns  its revision: that of the policies as a whole, which counts their changes.
  // Errors   those of parse_policy and CompiledPolicy::compile.  already_exists, not_found, conflict:
  //          the condition did not hold.  too_large: over 1 MiB, or 4,096 documents.
  Result<Revision> put_policy(const Identity& who, std::string_view name, std::string_view text,
                              Condition condition = Condition::any()) {
    if (auto allowed = may(who, Action::policy); !allowed) return std::move(allowed).error();
    if (auto named = check_policy_name(name); !named) return std::move(named).error();
    if (text.size() > kMaxPolicyDocumentLen) {
      return Error{Code::too_large, "policy '" + std::string(name) + "' had " +
                                        std::to_string(text.size()) +
                                        " bytes; a store takes up to 1,048,576"};
    }
    return change_policy(who, name, text, condition);
  }

  // erase_policy removes a document, if what is left makes a policy; or cannot be read, and so is in
  // force for nobody.
  // Errors  not_found, conflict.  invalid: another document needs it.
  Result<Revision> erase_policy(const Identity& who, std::string_view name,
                                Condition condition = Condition::update()) {
    return change_policy(who, name, {}, condition);
  }

  // reset_policies begins anew, without any document: the way out where the index of the policies is
  // lost. Until then nothing is allowed by it, and afterwards what SpacePolicy allows.
  Result<Revision> reset_policies(const Identity& who) {
    return until_quiet<Revision>([&]() -> Result<std::optional<Revision>> {
      auto mark = policy_->check(who, Action::policy, Path());
      if (!mark) return std::move(mark).error();
      return barrier_->policies().reset(mark.value());
    });
  }

  // ---- secrets ----

  Result<StoredSecret> get(const Identity& who, const Path& path, ReadOptions options = {}) const {
    auto mark = policy_->check(who, Action::read, path);
    if (!mark) return std::move(mark).error();
    return confirmed(who, Action::read, std::span(&path, 1), mark.value(),
                     [&] { return barrier_->read(path, options); });
  }

  // get_many reads up to 1,000 secrets at once; one result per path, in their order.
  Result<std::vector<Result<StoredSecret>>> get_many(const Identity& who,
                                                     std::span<const Path> paths,
                                                     ReadOptions options = {}) const {
    return read_allowed(who, Action::read, paths, options);
  }

  // ---- without waiting: see AsyncReads ----
  //
  // done is called exactly once, before the store is gone: over memory and LMDB before the call
  // returns, over ZooKeeper on the storage's own thread. An error that is returned is of the start
  // (denied, invalid, sealed, or unavailable when too much is under way), and done is not called. On
  // the storage's own thread it is done that hears of what would take a look at the storage to tell,
  // denied for one.

  using GetCallback = std::function<void(Result<StoredSecret>)>;
  using GetManyCallback = AsyncReads::Callback;
  using ResolveCallback = std::function<void(Result<std::vector<SecretBytes>>)>;

  Result<void> get_async(const Identity& who, const Path& path, GetCallback done) const {
    return barrier_->read_many_async(
        {path},
        [done = std::move(done)](auto secrets) {
          if (!secrets) return done(std::move(secrets).error());
          done(std::move(secrets->front()));
        },
        review_for(who, Action::read));
  }

  Result<void> get_many_async(const Identity& who, std::vector<Path> paths,
                              GetManyCallback done) const {
    if (auto fits = check_size(paths); !fits) return fits;
    return barrier_->read_many_async(std::move(paths), std::move(done),
                                     review_for(who, Action::read));
  }

  // resolve_async is resolve_many; the messages are borrowed until it returns.
  Result<void> resolve_async(const Identity& who, std::span<const Secret* const> secrets,
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

  // watch tells which secrets below a prefix change from now on: see watch.hpp.
  Result<Watch> watch(const Identity& who, const Path& prefix) const {
    if (auto mark = policy_->check(who, Action::list, prefix); !mark)
      return std::move(mark).error();
    auto tree = barrier_->watch(prefix);
    // As of now again: taking stock takes its time.
    if (auto mark = policy_->check(who, Action::list, prefix); !mark)
      return std::move(mark).error();
    if (!tree) return std::move(tree).error();
    return Watch(std::move(tree).value(), policy_, who, prefix);
  }

  // put stores a value; which right it needs follows from the condition: create, update, or both.
  Result<Revision> put(const Identity& who, const Path& path, Content content, SecretView value,
                       Condition condition = Condition::any()) {
    const auto decide = [&] { return check_put(who, condition, path); };
    if (auto allowed = decide(); !allowed) return std::move(allowed).error();
    const Permit permit = decide;
    return barrier_->write(path, content, value, condition, &permit);
  }

  Result<Revision> erase(const Identity& who, const Path& path,
                         Condition condition = Condition::update()) {
    const auto decide = [&] { return policy_->check(who, Action::erase, path); };
    if (auto allowed = decide(); !allowed) return std::move(allowed).error();
    const Permit permit = decide;
    return barrier_->erase(path, condition, &permit);
  }

  // list lists what lies below a folder: with the right to list its secrets and folders, with the
  // right to scan (recursive) all secrets but those in folders that one is denied to list; or what is
  // visible.
  Result<std::vector<Entry>> list(const Identity& who, const Path& folder,
                                  ListOptions options = {}) const {
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
  Result<ListPage> list_page(const Identity& who, const Path& folder, ByteView after,
                             std::size_t limit) const {
    auto mark = policy_->check(who, Action::list, folder);
    if (!mark) return std::move(mark).error();
    return confirmed(who, Action::list, std::span(&folder, 1), mark.value(),
                     [&] { return barrier_->list_page(folder, after, limit); });
  }

  // resolve gives the bytes that a Mesos Secret stands for: its value, or what its reference names,
  // or one member of that (`key`). A service gets what lies in its space.
  // Errors  invalid: the message breaks Mesos' rules, or key does not select a string.  not_found.
  Result<SecretBytes> resolve(const Identity& who, const Secret& secret,
                              ReadOptions options = {}) const {
    const Secret* const one = &secret;
    auto many = resolve_many(who, std::span(&one, 1), options);
    if (!many) return std::move(many).error();
    return std::move(many->front());
  }

  // resolve_many resolves up to 1,000 secrets with one read; the first failure fails all.
  Result<std::vector<SecretBytes>> resolve_many(const Identity& who,
                                                std::span<const Secret* const> secrets,
                                                ReadOptions options = {}) const {
    auto plan = Resolution::of(secrets);
    if (!plan) return std::move(plan).error();
    auto found = read_allowed(who, resolving(who), plan->paths(), options);
    if (!found) return std::move(found).error();
    return plan->finish(std::move(found).value());
  }

 private:
  static constexpr std::size_t kMaxBatch = 1000;

  // ---- deciding ----

  // may decides on an action on the whole store.
  Result<void> may(const Identity& who, Action action) const {
    auto mark = policy_->check(who, action, Path());
    if (!mark) return std::move(mark).error();
    return {};
  }

  // told_to keeps the names of folders, which a damage may lie in, from those who may not know them.
  static Error told_to(const Identity& who, Error error) {
    if (who.kind() == Identity::Kind::trusted || error.code != Code::corrupt) return error;
    return {Code::corrupt, "a name below the folder did not open; a trusted caller is told where"};
  }

  // administer runs f(mark) -> Result, which changes the store if that is the mark, as somebody who may;
  // again where the policies changed between the decision and the change.
  template <typename F>
  auto administer(const Identity& who, Action action, F f) const -> decltype(f(Version{})) {
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

  // looked_at runs f() -> Result, a look at the stored policies, for who may still do so afterwards.
  template <typename F>
  auto looked_at(const Identity& who, F f) const -> decltype(f()) {
    auto mark = policy_->check(who, Action::policy, Path());
    if (!mark) return std::move(mark).error();
    const Path store;
    return confirmed(who, Action::policy, std::span(&store, 1), mark.value(), f);
  }

  // may_move tells whether one may take all of this store and make another of it.
  Result<void> may_move(const Identity& who, const Store& to) const {
    if (auto allowed = may(who, Action::backup); !allowed) return allowed;
    return to.may(who, Action::init);
  }

  static Action resolving(const Identity& who) {
    return who.kind() == Identity::Kind::service ? Action::resolve : Action::read;
  }

  // check_put gives the mark at which a put with this condition is allowed.
  Result<Version> check_put(const Identity& who, Condition condition, const Path& path) const {
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

  // check_each gives the mark at which the action is allowed on each path.
  static Result<Version> check_each(PolicyInForce& policy, const Identity& who, Action action,
                                    std::span<const Path> paths) {
    for (;;) {
      Version first = PolicyInForce::kAlways;
      for (const Path& path : paths) {
        auto mark = policy.check(who, action, path);
        if (!mark) return mark;
        if (&path == paths.data()) first = mark.value();
      }
      if (policy.stands(first)) return first;  // so all were at it
    }
  }

  // check_each_at_once is that without waiting; nothing where it would have to.
  static std::optional<Result<Version>> check_each_at_once(PolicyInForce& policy,
                                                           const Identity& who, Action action,
                                                           std::span<const Path> paths) {
    Version first = PolicyInForce::kAlways;
    for (const Path& path : paths) {
      auto mark = policy.check_at_once(who, action, path);
      if (!mark || !*mark) return mark;
      if (&path == paths.data()) first = mark->value();
    }
    if (!policy.stands(first)) return std::nullopt;
    return Result<Version>(first);
  }

  static Result<void> check_size(std::span<const Path> paths) {
    if (paths.size() <= kMaxBatch) return {};
    return Error{Code::too_large, "more than 1000 secrets were asked for at once"};
  }

  // confirmed gives what f reads, unless the policy changed meanwhile and forbids it now.
  template <typename F>
  auto confirmed(const Identity& who, Action action, std::span<const Path> paths, Version mark,
                 F f) const -> decltype(f()) {
    auto result = f();
    if (!policy_->stands(mark)) [[unlikely]] {
      auto again = check_each(*policy_, who, action, paths);
      if (!again) result = std::move(again).error();
    }
    return result;
  }

  // review_for decides what confirmed does, for a read that completes later.
  AsyncReads::Review review_for(const Identity& who, Action action) const {
    if (who.kind() == Identity::Kind::trusted) return nullptr;
    struct Asker {
      std::shared_ptr<PolicyInForce> policy;
      Identity who;
      Action action;
      std::optional<Version> mark;
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

  Result<std::vector<Result<StoredSecret>>> read_allowed(const Identity& who, Action action,
                                                         std::span<const Path> paths,
                                                         ReadOptions options) const {
    if (auto fits = check_size(paths); !fits) return std::move(fits).error();
    auto mark = check_each(*policy_, who, action, paths);
    if (!mark) return std::move(mark).error();
    if (paths.empty()) return std::vector<Result<StoredSecret>>();
    return confirmed(who, action, paths, mark.value(),
                     [&] { return barrier_->read_many(paths, options); });
  }

  // until_quiet does something again as long as it gives nothing: the policies changed meanwhile.
  template <typename T, typename F>
  Result<T> until_quiet(F f) const {
    const auto begin = std::chrono::steady_clock::now();
    do {
      auto done = f();
      if (!done) return std::move(done).error();
      if (done->has_value()) return std::move(**done);
    } while (std::chrono::steady_clock::now() - begin < timeout_);
    return Error{Code::conflict, "the policies kept being changed by others; try again"};
  }

  // ---- lists ----

  Result<std::vector<Entry>> list_by(const Policy& policy, const Identity& who, const Path& folder,
                                     ListOptions options) const {
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
  static constexpr auto everything = [](const std::string&) { return true; };

  // ---- policies ----

  // change_policy puts a text, or erases what has none, if what comes of it makes a policy. What was
  // compiled is what is committed: the commit is against the index that it was read by.
  Result<Revision> change_policy(const Identity& who, std::string_view name,
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

  static Result<void> check_condition(const PolicyIndex& index, std::string_view name, bool puts,
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

  // compiles_with tells whether all texts but one, and this one instead, make a policy.
  // Returns  false: the policies changed meanwhile.
  Result<bool> compiles_with(const PolicyIndex& index, std::string_view name,
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

  static Error no_such_policy(std::string_view name) {
    return {Code::not_found, "there is no policy '" + std::string(name) + "'"};
  }

  std::shared_ptr<OpenPgp> pgp_;
  Timeout timeout_;
  std::unique_ptr<Barrier> barrier_;
  std::shared_ptr<PolicyInForce> policy_;  // borrows the barrier
};

}  // namespace strongroom
