// key_keeper.hpp: the keys of an unsealed store, and every change of the header that they come from.
//
// The keeper reads, follows and replaces the header; no other code has the root key of a store in use.
// Every change is one compare-and-set of both copies, so that no crash can leave a store that nothing
// opens. What a person must hold first is handed out by a `prepare` function that writes nothing. Keys
// are exchanged behind a gate: a call sees the old keys or the new ones, and once seal returns there are
// none. Storage trouble must never make the keeper drop its keys.
//
// Threads  any number at once; with_keys waits for no other reader.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// Keys are what an unsealed handle holds. They are immutable once installed.
struct Keys {
  HeaderRecords records;
  std::shared_ptr<const SecretBytes> root;
  Keyring keyring;

  Fence fence() const noexcept { return Fence(records.fence_version.value()); }
};

struct KeeperOptions {
  Timeout timeout = kDefaultTimeout;
  std::optional<Anchor> anchor{};                   // what the header must not be older than
  std::chrono::milliseconds share_expiry{900'000};  // of a round of shares, from its last one
};

class KeyKeeper {
 public:
  KeyKeeper(Backend& backend, KeeperOptions options)
      : backend_(backend), options_(std::move(options)) {}
  KeyKeeper(Backend& backend, Timeout timeout) : KeyKeeper(backend, KeeperOptions{timeout, {}}) {}
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;

  // ---- a new store ----

  // activate stores what prepare_init made, in one commit. Hand its credentials out first: afterwards
  // only they open the store. The handle stays sealed.
  // Errors  already_exists: there is a store, or one is being restored; it stays unchanged.
  Result<void> activate(const PendingInit& pending);

  // ---- unseal, seal ----

  // unseal loads the keys into this handle. All shares that are needed come in one call.
  //
  // lift_lock  also clears the lock flag that seal set, for every process: an operator's decision.
  //            Without it a locked store stays sealed.
  // Errors     denied: wrong or too few credentials; the handle stays as it was.  not_initialized.
  //            corrupt: the header record is damaged in both copies.  unsupported: a newer format.
  //            rollback: the header is older than one seen before, or than the anchor.
  // On an unsealed handle, right credentials have one effect: the handle also follows the slot that
  // they open (see slot_removed).
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false);

  // submit is unseal with one share at a time, which may come from several people. Good shares are kept
  // in key memory until there are enough of them, or until none has come for share_expiry.
  // Errors  denied: not a share of the store as it is now; the good shares are kept.
  Result<UnsealProgress> submit(Credential credential, bool lift_lock = false);

  // unseal_escrowed is unseal with the OpenPGP private key that was stored at init: it uses all shares
  // that pgp unwraps with that key.
  // Errors  not_found: no private key is stored.  Those of unwrap, when no share could be unwrapped.
  //         Those of unseal.
  Result<void> unseal_escrowed(OpenPgp& pgp, bool lift_lock = false);

  // forget_shares ends a round of shares.
  void forget_shares();

  // seal wipes the keys of this handle; a key change under way in this handle is waited for first. Only
  // then does seal set the lock flag in the storage: other processes seal themselves at their next call,
  // and nothing unseals without lift_lock. No credential is needed.
  // Errors  whatever kept the flag from being set; the keys of this handle are gone even then.
  //         rollback: the store is older than the anchor, or another store; it stays unlocked.
  Result<void> seal();

  // close wipes the keys of this handle only.
  void close();

  // ---- changes of the keys: each is one commit, whatever the number of secrets ----
  //
  // permit         under which the caller was allowed to: the change happens under it, or not at all.
  // Shared errors  conflict: another administrator was faster; nothing was changed.  sealed.
  //                indeterminate: it may have happened; keep both the old and the new credentials.

  // rotate adds a data key, under which everything is sealed from now on. What is stored stays readable
  // under the old one. Errors  too_large: too many terms.
  Result<Fenced<Done>> rotate(Permit permit);

  // rotate_root makes a new root key and data key, and wraps the root key for every slot. No credential
  // changes. A process follows if the slot that unsealed it is still there.
  Result<Fenced<Done>> rotate_root(Permit permit);

  // prepare_slots makes the credentials for a change of the slots, and writes nothing anywhere.
  // Errors  invalid: the options; the last slot cannot be removed.  not_found: a slot to remove.
  Result<PendingSlots> prepare_slots(const SlotChange& change, OpenPgp* pgp);

  // activate makes the prepared slots take effect. Hand the new credentials out first.
  // Errors  invalid: the new credentials were not given back yet.  conflict: the slots were changed
  //         by somebody else since; prepare again.
  Result<Fenced<Done>> activate(const PendingSlots& pending, Permit permit);

  // raise_fence makes every writer look at the header again before its next write. After it, nothing is
  // sealed in a term older than the active one. Call it before retiring terms.
  Result<Fenced<Done>> raise_fence(TermId first_live, Permit permit);

  // retire drops the data keys of all terms before first_live: what is sealed under them no longer
  // opens. Before the call, the caller must have raised the fence and then seen that nothing is sealed
  // under them: see Retirement.
  Result<Fenced<Done>> retire(TermId first_live, Permit permit);

  // PolicySealer returns the records to put with the header when the stored policies change, sealed
  // under the current keys. What its changes point to must live until change_policies returns.
  using PolicySealer = FunctionRef<Result<std::vector<Change>>(const Keys&)>;

  // change_policies makes one commit: it raises the keyring's policy revision, puts what the sealer
  // returns, and puts the fence again, so that every writer looks at the header before its next write.
  //
  // revision, fence  for which the change was made.
  // Returns          nullopt when they have changed since, or somebody else was faster.
  Result<Fenced<Done>> change_policies(Revision revision, Fence fence, PolicySealer seal);

  // repair writes the header record again when a copy or a slot is damaged: it restores a damaged copy
  // from the other one, and a damaged wrapped root key from the keyring.
  // Returns  whether there was anything to do.
  // Errors   corrupt: a slot is damaged beyond that; the message names it; replace or remove it.
  Result<Fenced<bool>> repair(Permit permit);

  // ---- status ----

  // status returns what can be said without keys and, where there are keys, the terms. That there is no
  // store is not an error: initialized is false then.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<SealStatus> status();

  // check_anchor compares the store, as it is in the storage, with the anchor with which this handle was
  // opened. It needs no keys. Without an anchor, or without a store, there is nothing to check.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<void> check_anchor();

  // anchor returns what to keep outside the storage, to tell an old copy of the store from the newest.
  Result<Anchor> anchor();

  // escrowed_key returns the OpenPGP private key that lies in the storage, where there is one.
  // Errors  not_found.
  Result<SecretBytes> escrowed_key();

  // with_keys calls f with the keys, or returns sealed. f must be short: sealing waits for it.
  template <typename F>
  auto with_keys(F f) const -> decltype(f(std::declval<const Keys&>())) {
    if (!guard_.same_process()) return forked();
    const Gate::Shared held(gate_);
    if (keys_ == nullptr || !keys_->keyring.intact()) return sealed();
    return f(*keys_);
  }

  // fence returns the fence that this handle knows. It moves whenever the stored policies change, and
  // every write is checked against it. nullopt while there are no keys. It never waits.
  std::optional<Fence> fence() const noexcept {
    const Version known = fence_.load(std::memory_order_acquire);
    return known == kNoFence ? std::nullopt : std::optional(Fence(known.value()));
  }

  // is_current returns whether follow would have nothing to do. It never waits.
  bool is_current(Stamp stamp) const noexcept {
    return stamp == seen_.load(std::memory_order_acquire) && stamp != kNeverSeen;
  }

  // follow notices a changed header or fence. In the usual case it compares one number.
  // Returns  whether the keys were exchanged.
  Result<bool> follow(Stamp stamp) { return is_current(stamp) ? Result<bool>(false) : look(); }

  // refresh is follow for callers that have no stamp.
  Result<void> refresh();

 private:
  static constexpr Stamp kNeverSeen{UINT64_MAX};
  static constexpr Version kNoFence{UINT64_MAX};
  static constexpr int kMaxAdminAttempts = 16;

  // HeldSlot is a slot that unsealed this handle. Its key unwraps a new root key, so that this handle
  // can follow; the keyring cannot unwrap one.
  struct HeldSlot {
    SlotId id;
    std::shared_ptr<const SecretBytes> key;
  };

  // KeyChange is one change of header and keyring.
  struct KeyChange {
    std::span<const NewSlot> add;
    std::span<const SlotId> remove;
    bool new_term = false;
    bool new_root = false;
    bool repair = false;
    TermId first_term = 0;
    const Digest* table = nullptr;  // the fixed_table that the header must still have
    Revision policy_revision{};     // 0: the policies stay
    std::span<const Change> beside{};
  };

  // Seen describes the newest header that this handle ever opened; it outlives a seal.
  struct Seen {
    StoreId store{};
    std::uint64_t generation = 0;
    Digest state{};
  };

  Result<HeaderRecords> read() { return read_header_records(backend_, options_.timeout); }

  // ---- unseal ----

  // unseal_by needs admin_.
  Result<void> unseal_by(std::span<const Credential> credentials, bool lift_lock);

  // open_either tries the other copy as well: both may be damaged, but in different places, or the one
  // that looks better may be a forgery.
  static Result<OpenedSlot> open_either(HeaderRecords& records,
                                        std::span<const Credential> credentials);

  static Error older(const Header& header, std::uint64_t known, const char* than);
  static Error forked_history(const char* from);

  // check_age compares a header with the newest one seen before, and with the anchor. Needs admin_.
  Result<void> check_age(const Header& header) const;
  Result<void> check_anchor(const Header& header) const;

  void expire_round();

  // ---- two copies of the header, one of which may be a forgery ----
  //
  // A forged copy may look whole and be newer, since its digest needs no key. Only opening a copy shows
  // whether it is genuine. So shares are compared with both copies, and a copy that has enough shares
  // but does not open is no longer considered.

  static std::size_t num_that_belong(const Header& header, std::span<const Credential> shares);

  // put_genuine_first puts one of the two copies first. With keys: the copy that they open, or if both
  // open, the one with more slots that match the keyring. Otherwise the copy that was opened before, then
  // the one that the anchor names, then the one to which more of the shares so far belong.
  void put_genuine_first(HeaderRecords& records) const;

  std::size_t num_sound_slots(const Header& header) const;

  // progress_of describes the slot of shares that is nearest to opening, in either copy.
  UnsealProgress progress_of(const HeaderRecords& records) const;
  void add_progress(const Header& header, bool one_of_two, UnsealProgress& nearest) const;
  bool opens(const Header& header, const Slot& slot) const;

  SlotStatus slot_status(const Header& header, const Slot& slot) const;

  // ---- changes ----

  // check_change needs admin_. A slot to be removed may be known only to the header or only to the
  // keyring, where one of them was damaged.
  static Result<void> check_change(const Keys& keys, const SlotChange& change);

  // check_room checks, before anything is handed out, that there is room for the change.
  Result<void> check_room(const PendingSlots& pending);

  static void drop_slots(Header& header, std::span<const SlotId> remove);

  Result<Fenced<Done>> apply(const KeyChange& change, Permit permit);

  // change_under reads the keys again and calls change() -> Result<T> if the permit holds at their
  // fence. If the fence moves afterwards, the header moves too, or the commit finds out. Takes admin_.
  template <typename F>
  auto change_under(Permit permit, F change)
      -> Result<Fenced<typename decltype(change())::value_type>>;

  // change_keys needs admin_, and current keys.
  Result<Done> change_keys(const KeyChange& change);

  // fill_slots puts the slots of the change into the header, and wraps the root key for new slots, or
  // with rewrap for all.
  static Result<void> fill_slots(Header& header, const KeyChange& change, bool rewrap,
                                 const Keyring& keyring, SecretView root);

  // commit_change is the one commit. If its outcome is unknown, it keeps what would open the new header,
  // so that this handle finds out at its next call.
  Result<Done> commit_change(const HeaderRecords& records, const KeyChange& change,
                             TermId first_term, std::shared_ptr<const SecretBytes> root);

  // known_slots returns those of the ids that the keyring has.
  std::vector<SlotId> known_slots(std::span<const SlotId> ids) const;

  void hold(SlotId id, std::shared_ptr<const SecretBytes> key);
  void let_go(SlotId id);

  // ---- following ----

  // look reads the versions of header and fence, and adopts what changed.
  Result<bool> look();

  struct Opened {
    std::shared_ptr<const SecretBytes> root;
    Keyring keyring;
  };

  // open_header opens the keyring with the root key that this handle has, or with the root key that a
  // held slot key unwraps. Errors  corrupt: neither opens it.  sealed: none of the held slots is there
  // any more.
  Result<Opened> open_header(const Header& header) const;

  // adopt_what_happened is adopt after a commit. The change has happened, whatever follows: what this
  // handle cannot read back now, it follows at its next call. A lack of memory here must not look like a
  // change that failed.
  void adopt_what_happened();

  // adopt loads the current header. Storage trouble and damage leave the keys unchanged. Needs admin_.
  Result<void> adopt();

  Error seal_for_operator();

  void install(HeaderRecords records, std::shared_ptr<const SecretBytes> root,
               Keyring keyring);  // the old keys are wiped here, when no call can see them

  void drop_keys(SealReason reason);

  static Error forked();
  // sealed is why there are no keys: the storage may not even be there.
  Error sealed() const;
  static Error sealed_by_operator();
  static Error conflict();
  static Error kept_changing();

  const ForkGuard guard_;
  Backend& backend_;
  const KeeperOptions options_;
  const Gate gate_;                       // keys_: readers shared, exchange exclusive
  std::unique_ptr<const Keys> keys_;      // written under admin_ and gate_
  std::atomic<Version> fence_{kNoFence};  // of keys_; written likewise
  std::atomic<Stamp> seen_{kNeverSeen};   // at this stamp the header was the one in keys_

  std::mutex admin_;  // one change of the header at a time in this handle; guards all below
  std::vector<HeldSlot> held_;
  std::shared_ptr<const SecretBytes> next_root_;  // of a change whose outcome is unknown
  std::optional<Seen> seen_header_;
  std::vector<Credential> round_;  // good shares so far
  std::chrono::steady_clock::time_point round_touched_;
  SealReason reason_ = SealReason::never_unsealed;
  std::uint64_t since_ms_ = now_ms();
};

}  // namespace strongroom
