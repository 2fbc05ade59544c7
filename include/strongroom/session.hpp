// session.hpp: a store as one identity sees it. Every function is decided on, and runs the line: Store ->
// Policy -> Barrier -> Backend. What the policy denies goes no further, so denied and absent look the
// same to who may not read.
//
//   strongroom::Session session = store->as(Identity::user("alice"));
//   auto secret = session.get("db/password");
//
// The policy is what is stored in the store itself (put_policy), or what the host gave. A change of
// what is stored is seen by every call that begins after it was acknowledged, in this process and, as
// far as the storage lets them follow, in every other one. Once it was, no write is acknowledged that it
// does not allow, and nothing that was read is handed out. Only what takes long (reencrypt, backup,
// migrate, copy_to) is decided on when it begins.
//
// A path is text in the form that Path::parse takes; what that refuses is invalid. A Path will do as well.
//
// A session is a handle: it keeps its store, and a copy is another one. Make one for an identity and keep
// it: what the policy finds out about the identity stays with it, and makes the next decision faster.
//
// Threads  every function may be called by any number of threads at once.
// Errors   denied: the policy said no.  sealed: no keys, or the handle came through a fork.  The
//          storage's own: unavailable, timeout, indeterminate, corrupt, rollback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

class Engine;
class Policy;

// SealScope is how far sealing reaches: this open store, or every process, by a lock on the store.
enum class SealScope : std::uint8_t { process = 1, everywhere = 2 };

// StoredPolicy is one of the stored policies.
struct StoredPolicy {
  std::string text;
  Revision revision{};
  std::uint64_t changed_ms = 0;
};

// PolicyInfo is what a list of the stored policies says of one.
struct PolicyInfo {
  std::string name;
  Revision revision{};  // of the policies as a whole, when this one was put
  std::uint64_t changed_ms = 0;
  std::size_t size = 0;  // of its text, in bytes
};

class Session {
 public:
  const Identity& identity() const noexcept { return who_; }

  // ---- life of the store ----

  // init makes a new store's keys and hands its credentials out; nothing is stored before activate.
  // Errors  already_exists: there is a store.  invalid: the options.
  Result<PendingInit> init(const InitOptions& options) const;

  // activate makes the store exist, in one commit. It is sealed then.
  Result<void> activate(const PendingInit& pending) const;

  // unseal loads the keys, into this open store. All shares that are needed come at once.
  //
  // lift_lock  also clears the lock flag that seal set, for every process: an operator's act.
  // Errors     denied: wrong or too few credentials.  not_initialized.  sealed: the store is locked.
  //            corrupt: the header record is damaged in both copies.  unsupported: a newer format.
  //            rollback: the header is older than one seen before, or than the anchor.
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false) const;
  Result<void> unseal(const Credential& credential, bool lift_lock = false) const;

  // submit is unseal with one share after the other, which may come from several people. The good ones are
  // kept until there are enough, or none came for StoreOptions::share_expiry, or forget_shares.
  // Errors  denied: no share of this store as it is now.
  Result<UnsealProgress> submit(Credential credential, bool lift_lock = false) const;
  Result<void> forget_shares() const;

  // seal wipes the keys of this open store, for all its sessions. With SealScope::everywhere it then sets
  // the lock flag in the storage: every other process seals itself at its next call. Without the storage
  // the keys are wiped all the same, and the error says that the flag could not be set.
  Result<void> seal(SealScope scope = SealScope::everywhere) const;

  // unwrap decrypts a share that is still in its OpenPGP message.
  Result<Credential> unwrap(ByteView message, SecretView private_key,
                            SecretView passphrase = {}) const;

  // unseal_escrowed unseals by the OpenPGP private key that was left in the storage at init.
  // Errors  not_found: there is none.
  Result<void> unseal_escrowed(bool lift_lock = false) const;

  // generate_pair makes an OpenPGP key pair to wrap a share to: see OpenPgp::generate.
  Result<OpenPgpPair> generate_pair(unsigned bits, const std::string& user_id) const;

  // ---- changes of the keys: each is one commit, whatever the number of secrets ----
  //
  // Errors of all  conflict: another administrator was faster; nothing was changed.  indeterminate: it may
  //                have happened; old and new credentials are worth keeping.

  // rotate adds a data key, under which everything is sealed from now on; rotate_root makes a new root
  // key as well, and no credential changes.
  Result<void> rotate() const;
  Result<void> rotate_root() const;

  // prepare_slots makes the credentials of a change of the unseal slots, and writes nothing anywhere;
  // activate makes it take effect. Hand the new credentials out in between.
  // Errors  invalid: the options; credentials not given back yet.  not_found: a slot to remove.
  Result<PendingSlots> prepare_slots(const SlotChange& change) const;
  Result<void> activate(const PendingSlots& pending) const;

  // reencrypt seals everything that is stored under the newest data key; run it on a thread of your own
  // while the store is in use. retire then drops all older data keys.
  // Errors  of retire, invalid: there are secrets under old data keys, or no old data key.
  Result<ReencryptProgress> reencrypt(const ReencryptOptions& options,
                                      ReencryptObserver observer) const;
  Result<void> retire(ReencryptObserver observer) const;

  // repair writes the header record anew where a copy or a slot is damaged.
  // Returns  whether there was anything to do.
  Result<bool> repair() const;

  // ---- copies: see backup.hpp. A backup, a restore and copy_to need no keys ----

  Result<BackupInfo> backup(BackupSink sink, BackupProgress progress) const;
  Result<BackupInfo> restore(BackupSource source, BackupProgress progress) const;

  // migrate copies everything into the storage of `to`, which holds no store, under fresh keys: those of
  // pending, whose credentials were handed out.
  // to  decides by its own identity, which must be allowed to init.
  Result<std::uint64_t> migrate(const Session& to, const PendingInit& pending,
                                MigrateProgress progress) const;
  // copy_to copies everything into the storage of `to`, which holds no store, as it is; it goes on from
  // where another was stopped.
  Result<CopyInfo> copy_to(const Session& to, CopyProgress progress) const;

  // anchor is what to keep outside of the storage, to tell an old copy of it from the newest.
  Result<Anchor> anchor() const;

  // ---- policies: who may do what ----
  //
  // They are stored in the store, sealed, as documents that make one policy together (policy/text.hpp).
  // All that is here needs the right to policy, but for check. A host that brought a policy of its own
  // may keep documents as well; they decide nothing then.

  // check tells whether this identity may do something, as it is stored now; a host asks before what it
  // does on its own. Errors  denied; sealed, unavailable, timeout: it could not be told.
  Result<void> check(Action action, std::string_view path = {}) const;

  // policies lists the documents, by name.
  Result<std::vector<PolicyInfo>> policies() const;

  // policy gives one document. Errors  not_found.
  Result<StoredPolicy> policy(std::string_view name) const;

  // policy_rules gives the rules of all documents, for tools. Errors  those of parse_policy.
  Result<PolicyRules> policy_rules() const;

  // put_policy stores a document, in one commit, if it and all others make a policy. Afterwards that
  // is in force; what fails leaves the one that is.
  //
  // Returns  its revision: that of the policies as a whole, which counts their changes.
  // Errors   those of parse_policy and CompiledPolicy::compile.  already_exists, not_found, conflict:
  //          the condition did not hold.  too_large: over 1 MiB, or 4,096 documents.
  Result<Revision> put_policy(std::string_view name, std::string_view text,
                              Condition condition = Condition::any()) const;

  // erase_policy removes a document, if what is left makes a policy; or cannot be read, and so is in
  // force for nobody.
  // Errors  not_found, conflict.  invalid: another document needs it.
  Result<Revision> erase_policy(std::string_view name,
                                Condition condition = Condition::update()) const;

  // reset_policies begins anew, without any document: the way out where the index of the policies is
  // lost. Until then nothing is allowed by it, and afterwards what SpacePolicy allows.
  Result<Revision> reset_policies() const;

  // ---- secrets ----
  //
  // The decide_path of an option is the path that the policy judges in place of the secret's own, by the
  // same protocol: for hosts whose policies name mounts, such as secret/data/x. That the two belong
  // together is the host's promise.

  // get reads one secret, or the string of one member of it.
  // Errors  not_found.  corrupt: what is stored did not open; it is left as it is.  invalid: the secret
  //         is no JSON object, or the member no string.
  Result<StoredSecret> get(std::string_view path, const GetOptions& options = {}) const;

  // get_many reads up to 1,000 secrets at once; one result per path, in their order.
  // Errors  of the whole: denied for one is denied for all.  too_large.
  Result<std::vector<Result<StoredSecret>>> get_many(std::span<const std::string_view> paths,
                                                     ReadOptions options = {}) const;

  // put stores a value; which right it needs follows from the condition: create, update, or both.
  // Returns  its revision.
  // Errors   invalid, too_large: the value.  already_exists, not_found, conflict: the condition.
  Result<Revision> put(std::string_view path, Content content, SecretView value,
                       const WriteOptions& options = {}) const;

  // erase removes a secret; its path goes on counting revisions. Errors  not_found, conflict.
  Result<Revision> erase(std::string_view path,
                         const WriteOptions& options = Condition::update()) const;

  // list lists what lies below a folder (empty: the root): with the right to list its secrets and folders,
  // with the right to scan (recursive) all secrets but those in folders that one is denied to list; or what
  // is visible.
  Result<std::vector<Entry>> list(std::string_view folder, ListOptions options = {}) const;

  // list_page gives up to limit (1..10,000) entries of one folder in the storage's order. after: empty, or
  // `next` of the page before.
  Result<ListPage> list_page(std::string_view folder, ByteView after, std::size_t limit,
                             std::optional<std::string_view> decide_path = {}) const;

  // watch tells which secrets below a prefix change from now on: see watch.hpp.
  Result<Watch> watch(std::string_view prefix) const;

  // resolve gives the bytes that a Mesos Secret stands for: its value, or what its reference names,
  // or one member of that (`key`). A service gets what lies in its space.
  // Errors  invalid: the message breaks Mesos' rules, or key does not select a string.  not_found.
  Result<SecretBytes> resolve(const mesos::Secret& secret, ReadOptions options = {}) const;

  // resolve_many resolves up to 1,000 secrets with one read; the first failure fails all.
  Result<std::vector<SecretBytes>> resolve_many(std::span<const mesos::Secret* const> secrets,
                                                ReadOptions options = {}) const;

  // ---- records of the host: tokens, the head of an audit log ----
  //
  // They are sealed as secrets are, and kept under paths of their own, which never meet those of secrets: no
  // list, watch or read of secrets shows them. Errors of all  denied: this is no trusted caller.

  Result<StoredSecret> record(std::string_view path, ReadOptions options = {}) const;
  Result<Revision> put_record(std::string_view path, SecretView value,
                              Condition condition = Condition::any()) const;
  Result<Revision> erase_record(std::string_view path,
                                Condition condition = Condition::update()) const;
  Result<std::vector<Entry>> records(std::string_view folder, bool recursive = false) const;
  Result<ListPage> records_page(std::string_view folder, ByteView after, std::size_t limit) const;

  // ---- secrets, without waiting ----
  //
  // done is called exactly once, before the store is gone: over memory and LMDB before the call
  // returns, over ZooKeeper on the storage's own thread. It must be short and wait for no store. An error
  // that is returned is of the start (denied, invalid, sealed, or unavailable when too much is under way),
  // and done is not called. On the storage's own thread it is done that hears of what would take a look at
  // the storage to tell, denied for one.

  using GetCallback = std::function<void(Result<StoredSecret>)>;
  using GetManyCallback = std::function<void(Result<std::vector<Result<StoredSecret>>>)>;
  using ResolveCallback = std::function<void(Result<std::vector<SecretBytes>>)>;

  Result<void> get_async(std::string_view path, GetCallback done,
                         const GetOptions& options = {}) const;
  Result<void> get_many_async(std::span<const std::string_view> paths, GetManyCallback done,
                              ReadOptions options = {}) const;
  // The messages are borrowed until resolve_async returns.
  Result<void> resolve_async(std::span<const mesos::Secret* const> secrets,
                             ResolveCallback done) const;

 private:
  friend class Queue;
  friend class Store;

  Session(std::shared_ptr<Engine> engine, Identity who)
      : engine_(std::move(engine)), who_(std::move(who)) {}

  Result<void> may(Action action) const;
  Result<void> may_copy(const Session& to) const;

  // resolving is the action that resolving is to this identity.
  Action resolving() const noexcept;

  Result<std::vector<Result<StoredSecret>>> read_many(Action action, std::span<const Path> paths,
                                                      ReadOptions options) const;

  // only_host refuses everyone but trusted callers.
  Result<void> only_host() const;

  // judged is the folder as the policy judges it.
  Result<std::vector<Entry>> list_visible(const Policy& policy, const Path& folder,
                                          const Path& judged, bool recursive) const;
  Result<std::vector<Entry>> scan(const Policy& policy, const Path& folder,
                                  const Path& judged) const;

  // change_policy puts a text, or erases what has none, if what comes of it makes a policy. What was
  // compiled is what is committed: the commit is against the index that it was read by.
  Result<Revision> change_policy(std::string_view name, std::optional<std::string_view> text,
                                 Condition condition) const;

  std::shared_ptr<Engine> engine_;
  Identity who_;
};

}  // namespace strongroom
