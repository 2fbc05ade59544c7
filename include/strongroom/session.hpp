// session.hpp: a store as one identity may use it. Every call is decided by the policy and runs along the
// line: Store -> Policy -> Barrier -> Backend. What the policy denies goes no further, so denied and absent
// look the same to a caller that may not read.
//
//   strongroom::Session session = store->as(Identity::user("alice"));
//   auto secret = session.get("db/password");
//
// The policy is the one that is stored in the store itself (put_policy), or the host's own. Every call that
// begins after a change of the stored policy was acknowledged is decided by the new one, in this process and,
// as far as the storage lets them follow, in every other process. After the acknowledgement no write that the
// new policy forbids is acknowledged, and nothing that it forbids to read is returned. Only long work
// (reencrypt, backup, migrate, copy_to) is decided once, when it begins.
//
// A path is text in the form that Path::parse takes; text that it refuses is invalid. A Path will do as well.
//
// A session is a handle: it keeps its store open, and a copy is another session. Keep one for each identity:
// what the policy finds out about the identity stays with the session, and makes the next decision faster.
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

// PolicyInfo describes one of the stored policies in a list.
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

  // init makes the keys of a new store and returns its credentials; nothing is stored before activate.
  // Errors  already_exists: there is a store.  invalid: the options.
  Result<PendingInit> init(const InitOptions& options) const;

  // activate makes the store exist, in one commit. It is sealed then.
  Result<void> activate(const PendingInit& pending) const;

  // unseal loads the keys into this open store. It needs all shares at once.
  //
  // lift_lock  also clears the lock flag that seal set, for every process: an operator's decision.
  // Errors     denied: wrong or too few credentials.  not_initialized.  sealed: the store is locked.
  //            corrupt: the header record is damaged in both copies.  unsupported: a newer format.
  //            rollback: the header is older than one seen before, or than the anchor.
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false) const;
  Result<void> unseal(const Credential& credential, bool lift_lock = false) const;

  // submit is unseal with one share at a time, perhaps from several people. Good shares are kept until there
  // are enough, until none was given for StoreOptions::share_expiry, or until forget_shares.
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

  // unseal_escrowed unseals with the OpenPGP private key that was left in the storage at init.
  // Errors  not_found: there is none.
  Result<void> unseal_escrowed(bool lift_lock = false) const;

  // generate_pair makes an OpenPGP key pair to wrap a share to: see OpenPgp::generate.
  Result<OpenPgpPair> generate_pair(unsigned bits, const std::string& user_id) const;

  // ---- changes of the keys: each is one commit, whatever the number of secrets ----
  //
  // Errors of all  conflict: another administrator was first; nothing was changed.  indeterminate: it may
  //                have happened; keep the old and the new credentials.

  // rotate adds a data key, under which everything is sealed from now on; rotate_root makes a new root
  // key as well, and no credential changes.
  Result<void> rotate() const;
  Result<void> rotate_root() const;

  // prepare_slots makes the credentials of a change of the unseal slots, and writes nothing anywhere;
  // activate makes it take effect. Hand out the new credentials in between.
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
  // Returns  whether something was damaged.
  Result<bool> repair() const;

  // ---- copies: see backup.hpp. A backup, a restore and copy_to need no keys ----

  Result<BackupInfo> backup(BackupSink sink, BackupProgress progress) const;
  Result<BackupInfo> restore(BackupSource source, BackupProgress progress) const;

  // migrate copies everything into the storage of `to`, which contains no store, under the fresh keys of
  // pending, whose credentials were handed out. The identity of `to` needs the right to init there.
  Result<std::uint64_t> migrate(const Session& to, const PendingInit& pending,
                                MigrateProgress progress) const;
  // copy_to copies everything into the storage of `to`, which contains no store, as it is. It goes on where
  // an earlier copy was stopped.
  Result<CopyInfo> copy_to(const Session& to, CopyProgress progress) const;

  // anchor returns what to keep outside of the storage, to tell an old copy of the store from the newest.
  Result<Anchor> anchor() const;

  // ---- policies: which identity may do what ----
  //
  // They are stored in the store, sealed, as documents that form one policy together (policy/text.hpp).
  // All functions except check need the right to policy. A host that brought its own policy may store
  // documents as well; they decide nothing then.

  // check returns whether this identity may do something, for what the host does by itself.
  // Errors  denied.  sealed, unavailable, timeout: the stored policy could not be read.
  Result<void> check(Action action, std::string_view path = {}) const;

  // policies lists the documents, by name.
  Result<std::vector<PolicyInfo>> policies() const;

  // policy returns one document. Errors  not_found.
  Result<StoredPolicy> policy(std::string_view name) const;

  // policy_rules returns the rules of all documents, for tools. Errors  those of parse_policy.
  Result<PolicyRules> policy_rules() const;

  // put_policy stores a document, in one commit, if it compiles together with all others. The new policy is
  // in force then. If it fails, the policy in force stays.
  //
  // Returns  its revision: that of the policies as a whole, which counts their changes.
  // Errors   those of parse_policy and CompiledPolicy::compile.  already_exists, not_found, conflict:
  //          the condition did not hold.  too_large: over 1 MiB, or 4,096 documents.
  Result<Revision> put_policy(std::string_view name, std::string_view text,
                              Condition condition = Condition::any()) const;

  // erase_policy removes a document, if the others compile without it, or if they cannot be read, so that no
  // policy is in force.
  // Errors  not_found, conflict.  invalid: another document needs it.
  Result<Revision> erase_policy(std::string_view name,
                                Condition condition = Condition::update()) const;

  // reset_policies begins anew, without any document: the way out when the index of the policies is lost.
  // Without an index no rule allows anything; after the reset, what SpacePolicy allows is allowed.
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

  // put stores a value. The condition decides which right it needs: create, update, or both.
  // Returns  its revision.
  // Errors   invalid, too_large: the value.  already_exists, not_found, conflict: the condition.
  Result<Revision> put(std::string_view path, Content content, SecretView value,
                       const WriteOptions& options = {}) const;

  // erase removes a secret; its path goes on counting revisions. Errors  not_found, conflict.
  Result<Revision> erase(std::string_view path,
                         const WriteOptions& options = Condition::update()) const;

  // list returns what lies below a folder (empty: the root): with the right to list, its secrets and folders;
  // recursive, with the right to scan, all secrets except those in folders that a rule forbids to list; or
  // what is visible.
  Result<std::vector<Entry>> list(std::string_view folder, ListOptions options = {}) const;

  // list_page returns up to limit (1..10,000) entries of one folder in the storage's order. after: empty, or
  // `next` of the page before.
  Result<ListPage> list_page(std::string_view folder, ByteView after, std::size_t limit,
                             std::optional<std::string_view> decide_path = {}) const;

  // watch reports which secrets below a prefix change from now on: see watch.hpp.
  Result<Watch> watch(std::string_view prefix) const;

  // resolve returns the bytes that a Mesos Secret stands for: its value, the secret that its reference names,
  // or one member of that secret (`key`). A service may resolve what lies in its space.
  // Errors  invalid: the message breaks Mesos' rules, or key does not select a string.  not_found.
  Result<SecretBytes> resolve(const mesos::Secret& secret, ReadOptions options = {}) const;

  // resolve_many resolves up to 1,000 secrets with one read; the first failure fails all.
  // failed  where not null, *failed is set to the index of the secret that an error is about, or to their
  //         number if it is about none of them.
  Result<std::vector<SecretBytes>> resolve_many(std::span<const mesos::Secret* const> secrets,
                                                ReadOptions options = {},
                                                std::size_t* failed = nullptr) const;

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
  // done is called exactly once, before the store is destroyed: over memory and LMDB before the call
  // returns, over ZooKeeper on the storage's own thread. It must be short and wait for no store. If the call
  // returns an error (denied, invalid, sealed, or unavailable when too much is under way), done is not called.
  // When called on the storage's own thread, errors that need a storage read to detect, such as denied, are
  // passed to done instead of being returned.

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

  // resolving is the action that a reference needs, for this identity.
  Action resolving() const noexcept;

  Result<StoredSecret> read(const Path& secret, const Path& judged, ReadOptions options) const;

  Result<StoredSecret> get_member(std::string_view path, const GetOptions& options) const;

  Result<std::vector<Result<StoredSecret>>> read_many(Action action, std::span<const Path> paths,
                                                      ReadOptions options,
                                                      std::size_t* refused = nullptr) const;

  // only_host refuses everyone but trusted callers.
  Result<void> only_host() const;

  // judged is the folder as the policy judges it.
  Result<std::vector<Entry>> list_visible(const Policy& policy, const Path& folder,
                                          const Path& judged, bool recursive) const;
  Result<std::vector<Entry>> scan(const Policy& policy, const Path& folder,
                                  const Path& judged) const;

  // change_policy puts a text, or erases the document where there is none, if the result compiles. It commits
  // what it compiled: the commit expects the index that was read.
  Result<Revision> change_policy(std::string_view name, std::optional<std::string_view> text,
                                 Condition condition) const;

  std::shared_ptr<Engine> engine_;
  Identity who_;
};

}  // namespace strongroom
