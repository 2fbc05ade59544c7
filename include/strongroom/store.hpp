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

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

class Backend;
class Barrier;
class Policy;
class PolicyInForce;
struct PolicyIndex;

struct StoreOptions {
  Timeout timeout = kDefaultTimeout;               // of each call of the backend
  std::shared_ptr<const Policy> policy = nullptr;  // the host's own; none: what is stored
  bool must_exist = false;  // make no storage where there is none: not_initialized
  std::shared_ptr<const SecretBytes> zk_auth{};  // user:password of ZooKeeper's digest scheme
  std::shared_ptr<OpenPgp> pgp = nullptr;        // wraps and unwraps shares; none: openpgp_helper
  std::optional<Anchor> anchor{};                // what the store must not be older than: rollback
  std::chrono::milliseconds share_expiry{900'000};  // of shares that come one by one
};

// StoredPolicy is one of the stored policies.
struct StoredPolicy {
  std::string text;
  Revision revision = 0;
  std::uint64_t changed_ms = 0;
};

// PolicyInfo is what a list of the stored policies says of one.
struct PolicyInfo {
  std::string name;
  Revision revision = 0;  // of the policies as a whole, when this one was put
  std::uint64_t changed_ms = 0;
  std::size_t size = 0;  // of its text, in bytes
};

class Store {
 public:
  // open opens the storage that url names (open_backend has the forms) and leaves it sealed. A
  // store need not be there yet: see init.
  // Errors  those of open_backend.  unsupported: a CPU without AES instructions, in a build without Botan.
  static Result<Store> open(std::string_view url, StoreOptions options = {});

  // Store over a backend of the caller's own.
  explicit Store(std::unique_ptr<Backend> backend, StoreOptions options = {});

  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  // ---- life of the store ----

  // init makes a new store's keys and hands its credentials out; nothing is stored before activate.
  // Errors  already_exists: there is a store.  invalid: the options.
  Result<PendingInit> init(const Identity& who, const InitOptions& options);

  // activate makes the store exist, in one commit. It is sealed then.
  Result<void> activate(const Identity& who, const PendingInit& pending);

  // unseal, submit, seal, close: see KeyKeeper.
  Result<void> unseal(const Identity& who, std::span<const Credential> credentials,
                      bool lift_lock = false);
  Result<UnsealProgress> submit(const Identity& who, Credential credential, bool lift_lock = false);
  Result<void> forget_shares(const Identity& who);
  Result<void> seal(const Identity& who);

  // unwrap decrypts a share that is still in its OpenPGP message.
  Result<Credential> unwrap(const Identity& who, ByteView message, SecretView private_key,
                            SecretView passphrase = {});

  // unseal_escrowed unseals by the OpenPGP private key that was left in the storage at init.
  // Errors  not_found: there is none.
  Result<void> unseal_escrowed(const Identity& who, bool lift_lock = false);

  // ---- changes of the keys: see KeyKeeper, and reencrypt.hpp ----

  Result<void> rotate(const Identity& who);
  Result<void> rotate_root(const Identity& who);
  Result<PendingSlots> prepare_slots(const Identity& who, const SlotChange& change);
  Result<void> activate(const Identity& who, const PendingSlots& pending);
  Result<ReencryptProgress> reencrypt(const Identity& who, const ReencryptOptions& options,
                                      ReencryptObserver observer);
  Result<void> retire(const Identity& who, ReencryptObserver observer);
  Result<bool> repair(const Identity& who);

  // ---- backups: see backup.hpp. They need no keys ----

  Result<BackupInfo> backup(const Identity& who, BackupSink sink, BackupProgress progress);
  Result<BackupInfo> restore(const Identity& who, BackupSource source, BackupProgress progress);
  // migrate copies [](const std::string&) { return true; } into the storage of `to`, which holds no store, under fresh keys: those of
  // pending, whose credentials were handed out. See migrate.hpp.
  Result<std::uint64_t> migrate(const Identity& who, Store& to, const PendingInit& pending,
                                MigrateProgress progress);
  // copy_to copies [](const std::string&) { return true; } into the storage of `to`, which holds no store, as it is. It needs no keys,
  // and goes on from where another was stopped. See copy_store.hpp.
  Result<CopyInfo> copy_to(const Identity& who, Store& to, CopyProgress progress);
  Result<Anchor> anchor(const Identity& who);

  // generate_pair makes an OpenPGP key pair to wrap a share to: see OpenPgp::generate.
  Result<OpenPgpPair> generate_pair(const Identity& who, unsigned bits, const std::string& user_id);
  void close();

  // status is for anybody: it tells of no secret.
  Result<SealStatus> status() const;

  // ---- policies: who may do what ----
  //
  // They are stored in the store, sealed, as documents that make one policy together (text.hpp). All
  // that is here needs the right to policy, but for check. A host that brought a policy of its own
  // may keep documents as well; they decide nothing then.

  // check tells whether somebody may do something, as it is stored now; a host asks before what it
  // does on its own. Errors  denied; sealed and the others of PolicyInForce::check.
  Result<void> check(const Identity& who, Action action, const Path& path) const;

  // policies lists the documents, by name.
  Result<std::vector<PolicyInfo>> policies(const Identity& who) const;

  // policy gives one document. Errors  not_found.
  Result<StoredPolicy> policy(const Identity& who, std::string_view name) const;

  // policy_rules gives the rules of all documents, for tools. Errors  those of parse_policy.
  Result<PolicyRules> policy_rules(const Identity& who) const;

  // put_policy stores a document, in one commit, if it and all others make a policy. Afterwards that
  // is in force; what fails leaves the one that is.
  //
  // Returns  its revision: that of the policies as a whole, which counts their changes.
  // Errors   those of parse_policy and CompiledPolicy::compile.  already_exists, not_found, conflict:
  //          the condition did not hold.  too_large: over 1 MiB, or 4,096 documents.
  Result<Revision> put_policy(const Identity& who, std::string_view name, std::string_view text,
                              Condition condition = Condition::any());

  // erase_policy removes a document, if what is left makes a policy; or cannot be read, and so is in
  // force for nobody.
  // Errors  not_found, conflict.  invalid: another document needs it.
  Result<Revision> erase_policy(const Identity& who, std::string_view name,
                                Condition condition = Condition::update());

  // reset_policies begins anew, without any document: the way out where the index of the policies is
  // lost. Until then nothing is allowed by it, and afterwards what SpacePolicy allows.
  Result<Revision> reset_policies(const Identity& who);

  // ---- secrets ----

  Result<StoredSecret> get(const Identity& who, const Path& path, ReadOptions options = {}) const;

  // get_many reads up to 1,000 secrets at once; one result per path, in their order.
  Result<std::vector<Result<StoredSecret>>> get_many(const Identity& who,
                                                     std::span<const Path> paths,
                                                     ReadOptions options = {}) const;

  // ---- without waiting: see AsyncReads ----
  //
  // done is called exactly once, before the store is gone: over memory and LMDB before the call
  // returns, over ZooKeeper on the storage's own thread. An error that is returned is of the start
  // (denied, invalid, sealed, or unavailable when too much is under way), and done is not called. On
  // the storage's own thread it is done that hears of what would take a look at the storage to tell,
  // denied for one.

  using GetCallback = std::function<void(Result<StoredSecret>)>;
  using GetManyCallback = std::function<void(Result<std::vector<Result<StoredSecret>>>)>;
  using ResolveCallback = std::function<void(Result<std::vector<SecretBytes>>)>;

  // in_callback tells whether this thread is inside such a callback, of any store: it must wait for none.
  static bool in_callback() noexcept;

  Result<void> get_async(const Identity& who, const Path& path, GetCallback done) const;

  Result<void> get_many_async(const Identity& who, std::vector<Path> paths,
                              GetManyCallback done) const;

  // resolve_async is resolve_many; the messages are borrowed until it returns.
  Result<void> resolve_async(const Identity& who, std::span<const Secret* const> secrets,
                             ResolveCallback done) const;

  // watch tells which secrets below a prefix change from now on: see watch.hpp.
  Result<Watch> watch(const Identity& who, const Path& prefix) const;

  // put stores a value; which right it needs follows from the condition: create, update, or both.
  Result<Revision> put(const Identity& who, const Path& path, Content content, SecretView value,
                       Condition condition = Condition::any());

  Result<Revision> erase(const Identity& who, const Path& path,
                         Condition condition = Condition::update());

  // list lists what lies below a folder: with the right to list its secrets and folders, with the
  // right to scan (recursive) all secrets but those in folders that one is denied to list; or what is
  // visible.
  Result<std::vector<Entry>> list(const Identity& who, const Path& folder,
                                  ListOptions options = {}) const;
  Result<ListPage> list_page(const Identity& who, const Path& folder, ByteView after,
                             std::size_t limit) const;

  // resolve gives the bytes that a Mesos Secret stands for: its value, or what its reference names,
  // or one member of that (`key`). A service gets what lies in its space.
  // Errors  invalid: the message breaks Mesos' rules, or key does not select a string.  not_found.
  Result<SecretBytes> resolve(const Identity& who, const Secret& secret,
                              ReadOptions options = {}) const;

  // resolve_many resolves up to 1,000 secrets with one read; the first failure fails all.
  Result<std::vector<SecretBytes>> resolve_many(const Identity& who,
                                                std::span<const Secret* const> secrets,
                                                ReadOptions options = {}) const;

 private:
  static constexpr std::size_t kMaxBatch = 1000;

  // Review decides on reads that complete later: see AsyncReads.
  using Review = std::function<std::optional<Result<void>>(std::span<const Path>, bool may_wait)>;
  using Mark = std::uint64_t;  // of a decision: see PolicyInForce::check

  // ---- deciding ----

  // may decides on an action on the whole store.
  Result<void> may(const Identity& who, Action action) const;

  // told_to keeps the names of folders, which a damage may lie in, from those who may not know them.
  static Error told_to(const Identity& who, Error error);

  // administer runs f(mark) -> Result, which changes the store if that is the mark, as somebody who may;
  // again where the policies changed between the decision and the change.
  template <typename F>
  auto administer(const Identity& who, Action action, F f) const -> decltype(f(Mark{}));

  // looked_at runs f() -> Result, a look at the stored policies, for who may still do so afterwards.
  template <typename F>
  auto looked_at(const Identity& who, F f) const -> decltype(f());

  // may_move tells whether one may take all of this store and make another of it.
  Result<void> may_move(const Identity& who, const Store& to) const;

  static Action resolving(const Identity& who);

  // check_put gives the mark at which a put with this condition is allowed.
  Result<Mark> check_put(const Identity& who, Condition condition, const Path& path) const;

  // check_each gives the mark at which the action is allowed on each path.
  static Result<Mark> check_each(PolicyInForce& policy, const Identity& who, Action action,
                                 std::span<const Path> paths);

  // check_each_at_once is that without waiting; nothing where it would have to.
  static std::optional<Result<Mark>> check_each_at_once(PolicyInForce& policy, const Identity& who,
                                                        Action action, std::span<const Path> paths);

  static Result<void> check_size(std::span<const Path> paths);

  // confirmed gives what f reads, unless the policy changed meanwhile and forbids it now.
  template <typename F>
  auto confirmed(const Identity& who, Action action, std::span<const Path> paths, Mark mark,
                 F f) const -> decltype(f());

  // review_for decides what confirmed does, for a read that completes later.
  Review review_for(const Identity& who, Action action) const;

  Result<std::vector<Result<StoredSecret>>> read_allowed(const Identity& who, Action action,
                                                         std::span<const Path> paths,
                                                         ReadOptions options) const;

  // until_quiet does something again as long as it gives nothing: the policies changed meanwhile.
  template <typename T, typename F>
  Result<T> until_quiet(F f) const;

  // ---- lists ----

  Result<std::vector<Entry>> list_by(const Policy& policy, const Identity& who, const Path& folder,
                                     ListOptions options) const;

  // ---- policies ----

  // change_policy puts a text, or erases what has none, if what comes of it makes a policy. What was
  // compiled is what is committed: the commit is against the index that it was read by.
  Result<Revision> change_policy(const Identity& who, std::string_view name,
                                 std::optional<std::string_view> text, Condition condition);

  static Result<void> check_condition(const PolicyIndex& index, std::string_view name, bool puts,
                                      Condition condition);

  // compiles_with tells whether all texts but one, and this one instead, make a policy.
  // Returns  false: the policies changed meanwhile.
  Result<bool> compiles_with(const PolicyIndex& index, std::string_view name,
                             std::optional<std::string_view> text);

  static Error no_such_policy(std::string_view name);

  std::shared_ptr<OpenPgp> pgp_;
  Timeout timeout_;
  std::unique_ptr<Barrier> barrier_;
  std::shared_ptr<PolicyInForce> policy_;  // borrows the barrier
};

}  // namespace strongroom
