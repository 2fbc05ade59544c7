// store.hpp: the first stage of the line and the only one a caller holds.
//
// Every function runs the line, and nothing else: Store -> Policy -> Barrier -> Backend. What the
// policy denies goes no further, so denied and absent look the same to who may not read.
//
//   auto store = strongroom::Store::open("lmdb:/var/lib/app/secrets");
//   auto unsealed = store->unseal(Identity::trusted(), credentials);
//   auto secret = store->get(Identity::trusted(), path);
//
// Threads  every function may be called by any number of threads at once.
// Errors   denied: the policy said no.  sealed: no keys, or the handle came through a fork.  The
//          storage's own: unavailable, timeout, indeterminate, corrupt, rollback.
#pragma once

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
#include "strongroom/barrier.hpp"
#include "strongroom/copy_store.hpp"
#include "strongroom/migrate.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/resolution.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

struct StoreOptions {
  Timeout timeout = kDefaultTimeout;               // of each call of the backend
  std::shared_ptr<const Policy> policy = nullptr;  // none: SpacePolicy
  bool must_exist = false;  // make no storage where there is none: not_initialized
  std::shared_ptr<const SecretBytes> zk_auth{};  // user:password of ZooKeeper's digest scheme
  std::shared_ptr<OpenPgp> pgp = nullptr;        // wraps and unwraps shares; none: openpgp_helper
  std::optional<Anchor> anchor{};                // what the store must not be older than: rollback
  std::chrono::milliseconds share_expiry{900'000};  // of shares that come one by one
};

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
      : policy_(options.policy != nullptr ? std::move(options.policy)
                                          : std::make_shared<const SpacePolicy>()),
        pgp_(options.pgp != nullptr ? std::move(options.pgp) : openpgp_helper()),
        timeout_(options.timeout),
        barrier_(std::make_unique<Barrier>(
            std::move(backend),
            KeeperOptions{options.timeout, options.anchor, options.share_expiry})) {}

  // ---- life of the store ----

  // init makes a new store's keys and hands its credentials out; nothing is stored before activate.
  // Errors  already_exists: there is a store.  invalid: the options.
  Result<PendingInit> init(const Identity& who, const InitOptions& options) {
    if (auto allowed = policy_->check(who, Action::init, Path()); !allowed)
      return std::move(allowed).error();
    auto status = barrier_->keys().status();
    if (!status) return std::move(status).error();
    if (status->initialized)
      return Error{Code::already_exists, "there is a store at " + status->url + " already"};
    return prepare_init(options, pgp_.get());
  }

  // activate makes the store exist, in one commit. It is sealed then.
  Result<void> activate(const Identity& who, const PendingInit& pending) {
    if (auto allowed = policy_->check(who, Action::init, Path()); !allowed) return allowed;
    return barrier_->keys().activate(pending);
  }

  // unseal, submit, seal, close: see KeyKeeper.
  Result<void> unseal(const Identity& who, std::span<const Credential> credentials,
                      bool lift_lock = false) {
    if (auto allowed = policy_->check(who, Action::unseal, Path()); !allowed) return allowed;
    return barrier_->keys().unseal(credentials, lift_lock);
  }
  Result<UnsealProgress> submit(const Identity& who, Credential credential,
                                bool lift_lock = false) {
    if (auto allowed = policy_->check(who, Action::unseal, Path()); !allowed)
      return std::move(allowed).error();
    return barrier_->keys().submit(std::move(credential), lift_lock);
  }
  Result<void> forget_shares(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::unseal, Path()); !allowed) return allowed;
    barrier_->keys().forget_shares();
    return {};
  }
  Result<void> seal(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::seal, Path()); !allowed) return allowed;
    return barrier_->keys().seal();
  }

  // unwrap decrypts a share that is still in its OpenPGP message.
  Result<Credential> unwrap(const Identity& who, ByteView message, SecretView private_key,
                            SecretView passphrase = {}) {
    if (auto allowed = policy_->check(who, Action::unseal, Path()); !allowed)
      return std::move(allowed).error();
    auto text = pgp_->unwrap(message, private_key, passphrase);
    if (!text) return std::move(text).error();
    return Credential::parse(text->view());
  }

  // unseal_escrowed unseals by the OpenPGP private key that was left in the storage at init.
  // Errors  not_found: there is none.
  Result<void> unseal_escrowed(const Identity& who, bool lift_lock = false) {
    if (auto allowed = policy_->check(who, Action::unseal, Path()); !allowed) return allowed;
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
    return barrier_->keys().unseal(credentials, lift_lock);
  }

  // ---- changes of the keys: see KeyKeeper, and reencrypt.hpp ----

  Result<void> rotate(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::rotate, Path()); !allowed) return allowed;
    return barrier_->keys().rotate();
  }
  Result<void> rotate_root(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::rekey, Path()); !allowed) return allowed;
    return barrier_->keys().rotate_root();
  }
  Result<PendingSlots> prepare_slots(const Identity& who, const SlotChange& change) {
    if (auto allowed = policy_->check(who, Action::rekey, Path()); !allowed)
      return std::move(allowed).error();
    return barrier_->keys().prepare_slots(change, pgp_.get());
  }
  Result<void> activate(const Identity& who, const PendingSlots& pending) {
    if (auto allowed = policy_->check(who, Action::rekey, Path()); !allowed) return allowed;
    return barrier_->keys().activate(pending);
  }
  Result<ReencryptProgress> reencrypt(const Identity& who, const ReencryptOptions& options,
                                      ReencryptObserver observer) {
    if (auto allowed = policy_->check(who, Action::rotate, Path()); !allowed)
      return std::move(allowed).error();
    return barrier_->reencrypt(options, observer);
  }
  Result<void> retire(const Identity& who, ReencryptObserver observer) {
    if (auto allowed = policy_->check(who, Action::rotate, Path()); !allowed) return allowed;
    return barrier_->retire(observer);
  }
  Result<bool> repair(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::rekey, Path()); !allowed)
      return std::move(allowed).error();
    return barrier_->keys().repair();
  }

  // ---- backups: see backup.hpp. They need no keys ----

  Result<BackupInfo> backup(const Identity& who, BackupSink sink, BackupProgress progress) {
    if (auto allowed = policy_->check(who, Action::backup, Path()); !allowed)
      return std::move(allowed).error();
    return write_backup(barrier_->backend(), sink, progress);
  }
  Result<BackupInfo> restore(const Identity& who, BackupSource source, BackupProgress progress) {
    if (auto allowed = policy_->check(who, Action::init, Path()); !allowed)
      return std::move(allowed).error();
    return restore_backup(source, barrier_->backend(), timeout_, progress);
  }
  // migrate copies everything into the storage of `to`, which holds no store, under fresh keys: those of
  // pending, whose credentials were handed out. See migrate.hpp.
  Result<std::uint64_t> migrate(const Identity& who, Store& to, const PendingInit& pending,
                                MigrateProgress progress) {
    if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
    return Migration(*barrier_, to.barrier_->backend(), pending, to.timeout_).run(progress);
  }
  // copy_to copies everything into the storage of `to`, which holds no store, as it is. It needs no keys,
  // and goes on from where another was stopped. See copy_store.hpp.
  Result<CopyInfo> copy_to(const Identity& who, Store& to, CopyProgress progress) {
    if (auto allowed = may_move(who, to); !allowed) return std::move(allowed).error();
    return StoreCopy(barrier_->backend(), to.barrier_->backend(), to.timeout_).run(progress);
  }
  Result<Anchor> anchor(const Identity& who) {
    if (auto allowed = policy_->check(who, Action::backup, Path()); !allowed)
      return std::move(allowed).error();
    return barrier_->keys().anchor();
  }

  // generate_pair makes an OpenPGP key pair to wrap a share to: see OpenPgp::generate.
  Result<OpenPgpPair> generate_pair(const Identity& who, unsigned bits,
                                    const std::string& user_id) {
    if (auto allowed = policy_->check(who, Action::init, Path()); !allowed)
      return std::move(allowed).error();
    return pgp_->generate(bits, user_id);
  }
  void close() { barrier_->keys().close(); }

  // status is for anybody: it tells of no secret.
  Result<SealStatus> status() const { return barrier_->keys().status(); }

  // ---- secrets ----

  Result<StoredSecret> get(const Identity& who, const Path& path, ReadOptions options = {}) const {
    if (auto allowed = policy_->check(who, Action::read, path); !allowed)
      return std::move(allowed).error();
    return barrier_->read(path, options);
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
  // (denied, invalid, sealed, or unavailable when too much is under way), and done is not called.

  using GetCallback = std::function<void(Result<StoredSecret>)>;
  using GetManyCallback = AsyncReads::Callback;
  using ResolveCallback = std::function<void(Result<std::vector<SecretBytes>>)>;

  Result<void> get_async(const Identity& who, const Path& path, GetCallback done) const {
    if (auto allowed = check_batch(who, Action::read, std::span(&path, 1)); !allowed)
      return allowed;
    return barrier_->read_many_async({path}, [done = std::move(done)](auto secrets) {
      if (!secrets) return done(std::move(secrets).error());
      done(std::move(secrets->front()));
    });
  }

  Result<void> get_many_async(const Identity& who, std::vector<Path> paths,
                              GetManyCallback done) const {
    if (auto allowed = check_batch(who, Action::read, paths); !allowed) return allowed;
    return barrier_->read_many_async(std::move(paths), std::move(done));
  }

  // resolve_async is resolve_many; the messages are borrowed until it returns.
  Result<void> resolve_async(const Identity& who, std::span<const Secret* const> secrets,
                             ResolveCallback done) const {
    auto plan = Resolution::of(secrets);
    if (!plan) return std::move(plan).error();
    if (auto allowed = check_batch(who, resolving(who), plan->paths()); !allowed) return allowed;
    auto shared = std::make_shared<Resolution>(std::move(plan).value());
    return barrier_->read_many_async(shared->paths(), [shared, done = std::move(done)](auto found) {
      if (!found) return done(std::move(found).error());
      done(shared->finish(std::move(found).value()));
    });
  }

  // watch tells which secrets below a prefix change from now on: see watch.hpp.
  Result<Watch> watch(const Identity& who, const Path& prefix) const {
    if (auto allowed = policy_->check(who, Action::list, prefix); !allowed)
      return std::move(allowed).error();
    auto tree = barrier_->watch(prefix);
    if (!tree) return std::move(tree).error();
    return Watch(std::move(tree).value(), policy_, who, prefix);
  }

  // put stores a value; which right it needs follows from the condition: create, update, or both.
  Result<Revision> put(const Identity& who, const Path& path, Content content, SecretView value,
                       Condition condition = Condition::any()) {
    if (condition.kind != Condition::Kind::update && condition.kind != Condition::Kind::revision) {
      if (auto allowed = policy_->check(who, Action::create, path); !allowed)
        return std::move(allowed).error();
    }
    if (condition.kind != Condition::Kind::create) {
      if (auto allowed = policy_->check(who, Action::update, path); !allowed)
        return std::move(allowed).error();
    }
    return barrier_->write(path, content, value, condition);
  }

  Result<Revision> erase(const Identity& who, const Path& path,
                         Condition condition = Condition::update()) {
    if (auto allowed = policy_->check(who, Action::erase, path); !allowed)
      return std::move(allowed).error();
    return barrier_->erase(path, condition);
  }

  Result<std::vector<Entry>> list(const Identity& who, const Path& folder, bool recursive) const {
    if (auto allowed = policy_->check(who, Action::list, folder); !allowed)
      return std::move(allowed).error();
    return barrier_->list(folder, recursive);
  }
  Result<ListPage> list_page(const Identity& who, const Path& folder, ByteView after,
                             std::size_t limit) const {
    if (auto allowed = policy_->check(who, Action::list, folder); !allowed)
      return std::move(allowed).error();
    return barrier_->list_page(folder, after, limit);
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

  // may_move tells whether one may take all of this store and make another of it.
  Result<void> may_move(const Identity& who, const Store& to) const {
    if (auto allowed = policy_->check(who, Action::backup, Path()); !allowed) return allowed;
    return to.policy_->check(who, Action::init, Path());
  }

  static Action resolving(const Identity& who) {
    return who.kind() == Identity::Kind::service ? Action::resolve : Action::read;
  }

  Result<void> check_batch(const Identity& who, Action action, std::span<const Path> paths) const {
    if (paths.size() > kMaxBatch)
      return Error{Code::too_large, "more than 1000 secrets were asked for at once"};
    for (const Path& path : paths) {
      if (auto allowed = policy_->check(who, action, path); !allowed) return allowed;
    }
    return {};
  }

  Result<std::vector<Result<StoredSecret>>> read_allowed(const Identity& who, Action action,
                                                         std::span<const Path> paths,
                                                         ReadOptions options) const {
    if (auto allowed = check_batch(who, action, paths); !allowed) return std::move(allowed).error();
    if (paths.empty()) return std::vector<Result<StoredSecret>>();
    return barrier_->read_many(paths, options);
  }

  std::shared_ptr<const Policy> policy_;
  std::shared_ptr<OpenPgp> pgp_;
  Timeout timeout_;
  std::unique_ptr<Barrier> barrier_;
};

}  // namespace strongroom
