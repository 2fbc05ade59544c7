// key_keeper.hpp: the keys of an unsealed store, and every change of the header that they come from.
//
// The keeper reads, follows and replaces the header; no other code has the root key of a store in use.
// Every change is one compare-and-set of both copies, so there is no instant at which a crash
// leaves a store that nothing opens. What a person must hold first is handed out by a `prepare`
// that writes nothing. Keys are exchanged behind a gate: a call sees the old ones or the new ones,
// and once seal returns there are none. Storage trouble must never make it drop them.
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

// Keys are what an unsealed handle has. Immutable once installed.
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

  // activate stores what prepare_init made, in one commit. Hand its credentials out first:
  // afterwards they alone open the store. The handle stays sealed.
  // Errors  already_exists: a store is there, or is being restored, and stays as it is.
  Result<void> activate(const PendingInit& pending);

  // ---- unseal, seal ----

  // unseal loads the keys into this handle. All shares that are needed come at once.
  //
  // lift_lock  also clears the lock flag that seal set, for every process: an operator's act.
  //            Without it a locked store stays sealed.
  // Errors     denied: wrong or too few credentials; the handle stays as it was.  not_initialized.
  //            corrupt: the header record is damaged in both copies.  unsupported: a newer format.
  //            rollback: the header is older than one seen before, or than the anchor.
  // On an unsealed handle, right credentials change nothing, but that the handle also follows the
  // slot that they open (see slot_removed).
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false);

  // submit is unseal with one share after the other, which may come from several people. Good shares
  // are kept in key memory until there are enough, or none came for share_expiry.
  // Errors  denied: no share of this store as it is now; the good ones are kept.
  Result<UnsealProgress> submit(Credential credential, bool lift_lock = false);

  // unseal_escrowed is unseal by the OpenPGP private key that was left in the storage at init: with all
  // shares that pgp unwraps with it.
  // Errors  not_found: there is none.  Those of unwrapping, where no share could be; and of unseal.
  Result<void> unseal_escrowed(OpenPgp& pgp, bool lift_lock = false);

  // forget_shares ends a round of shares.
  void forget_shares();

  // seal wipes the keys of this handle, as soon as a change of them that is under way in it has ended,
  // and only then asks the storage to set the lock flag: other processes seal themselves at their
  // next call, and nothing unseals without lift_lock. No credential is needed.
  // Errors  whatever kept the flag from being set; the keys of this handle are gone all the same.
  //         rollback: the store is older than the anchor, or another one; it stays unlocked.
  Result<void> seal();

  // close wipes the keys of this handle alone.
  void close();

  // ---- changes of the keys: each is one commit, whatever the number of secrets ----
  //
  // permit         what the caller was allowed it under: the change happens under it, or not at all.
  // Shared errors  conflict: another administrator was faster; nothing was changed.  sealed.
  //                indeterminate: it may have happened; old and new credentials are worth keeping.

  // rotate adds a data key, under which everything is sealed from now on; what is stored stays
  // readable under the old one. Errors  too_large: too many terms.
  Result<Fenced<Done>> rotate(Permit permit);

  // rotate_root makes a new root key and data key, and wraps the root key for every slot: no
  // credential changes. Processes that were unsealed by a slot that is still there follow.
  Result<Fenced<Done>> rotate_root(Permit permit);

  // prepare_slots makes the credentials of a change of the slots, and writes nothing anywhere.
  // Errors  invalid: the options; the last slot can not be removed.  not_found: a slot to remove.
  Result<PendingSlots> prepare_slots(const SlotChange& change, OpenPgp* pgp);

  // activate makes the prepared slots take effect. Hand the new credentials out first.
  // Errors  invalid: the new credentials were not given back yet.  conflict: the slots were changed
  //         by somebody else since; prepare again.
  Result<Fenced<Done>> activate(const PendingSlots& pending, Permit permit);

  // raise_fence makes every writer look at the header again before its next write: after it, nothing
  // is sealed in a term older than the active one. What must come before retiring terms.
  Result<Fenced<Done>> raise_fence(TermId first_live, Permit permit);

  // retire drops the data keys of all terms before first_live: what is sealed under them opens no
  // more. The caller has raised the fence since, and seen that nothing is: see Retirement.
  Result<Fenced<Done>> retire(TermId first_live, Permit permit);

  // PolicySealer gives what is to be put beside the header at a change of the stored policies, sealed
  // under the keys of the moment. What the changes point to stays until the change is over.
  using PolicySealer = FunctionRef<Result<std::vector<Change>>(const Keys&)>;

  // change_policies raises the keyring's policy revision, puts the fence again, so that every writer
  // looks at the header before its next write, and what the sealer gives: in one commit.
  //
  // revision, fence  what the change was made for.
  // Returns          nothing where they are others by now, or somebody else was faster.
  Result<Fenced<Done>> change_policies(Revision revision, Fence fence, PolicySealer seal);

  // repair writes the header record anew where a copy or a slot is damaged: a damaged copy from the
  // other one, a damaged wrapped root key from the keyring.
  // Returns  whether there was anything to do.
  // Errors   corrupt: a slot is damaged beyond that, and is named; replace or remove it.
  Result<Fenced<bool>> repair(Permit permit);

  // ---- what can be told ----

  // status tells what can be told without keys, and the terms where there are some.
  // A store that is not there is no error: initialized is false then.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<SealStatus> status();

  // check_anchor holds the store as it lies in the storage against the anchor that this handle was opened
  // with. It needs no keys. Without an anchor, or without a store, there is nothing to check.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<void> check_anchor();

  // anchor is what to keep outside of the storage, to tell an old copy of it from the newest.
  Result<Anchor> anchor();

  // escrowed_key gives the OpenPGP private key that lies in the storage, where one does.
  // Errors  not_found.
  Result<SecretBytes> escrowed_key();

  // with_keys runs f over the keys, or says sealed. f must be short: sealing waits for it.
  template <typename F>
  auto with_keys(F f) const -> decltype(f(std::declval<const Keys&>())) {
    if (!guard_.same_process()) return forked();
    const Gate::Shared held(gate_);
    if (keys_ == nullptr || !keys_->keyring.intact()) return sealed();
    return f(*keys_);
  }

  // fence is the fence that this handle knows: it moves whenever the stored policies change, and every
  // write is held against it. None while there are no keys. Never waits.
  std::optional<Fence> fence() const noexcept {
    const Version known = fence_.load(std::memory_order_acquire);
    return known == kNoFence ? std::nullopt : std::optional(Fence(known.value()));
  }

  // is_current tells whether follow would have nothing to do, and never waits.
  bool is_current(Stamp stamp) const noexcept {
    return stamp == seen_.load(std::memory_order_acquire) && stamp != kNeverSeen;
  }

  // follow notices a changed header or fence. In the usual case it compares one number.
  // Returns  whether the keys were exchanged.
  Result<bool> follow(Stamp stamp) { return is_current(stamp) ? Result<bool>(false) : look(); }

  // refresh follows without a stamp at hand.
  Result<void> refresh();

 private:
  static constexpr Stamp kNeverSeen{UINT64_MAX};
  static constexpr Version kNoFence{UINT64_MAX};
  static constexpr int kMaxAdminAttempts = 16;

  // HeldSlot is a slot that this handle was unsealed by. Its key is what a new root key is followed
  // with; the keyring can not unwrap one.
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
    const Digest* table = nullptr;  // the slots must still be these
    Revision policy_revision{};     // 0: the policies stay
    std::span<const Change> beside{};
  };

  // Seen is the newest header that this handle ever opened; it outlives a seal.
  struct Seen {
    StoreId store{};
    std::uint64_t generation = 0;
    Digest state{};
  };

  Result<HeaderRecords> read() { return read_header_records(backend_, options_.timeout); }

  // ---- unseal ----

  // unseal_by needs admin_.
  Result<void> unseal_by(std::span<const Credential> credentials, bool lift_lock);

  // open_either tries the other copy as well: both may be damaged, but not in the same place, or the
  // one that looks better may be a forgery.
  static Result<OpenedSlot> open_either(HeaderRecords& records,
                                        std::span<const Credential> credentials);

  static Error older(const Header& header, std::uint64_t known, const char* than);
  static Error forked_history(const char* from);

  // check_age holds a header against what was seen before, and the anchor. admin_ is held.
  Result<void> check_age(const Header& header) const;
  Result<void> check_anchor(const Header& header) const;

  void expire_round();

  // ---- two copies of the header, of which one may be a forgery ----
  //
  // Either copy may look whole, and be newer: its digest needs no key. Only what opens it tells, so
  // shares are held against both copies, and a copy whose threshold is met and that does not open counts
  // no more.

  static std::size_t num_that_belong(const Header& header, std::span<const Credential> shares);

  // put_genuine_first makes the copy the first one that opens to the keys at hand, with the more slots that
  // are as the keyring knows them; without keys, the one that was seen open before, or that the anchor names,
  // or that more of the shares so far belong to.
  void put_genuine_first(HeaderRecords& records) const;

  std::size_t num_sound_slots(const Header& header) const;

  // progress_of looks at the slot of shares that is nearest to opening, in either copy.
  UnsealProgress progress_of(const HeaderRecords& records) const;
  void add_progress(const Header& header, bool one_of_two, UnsealProgress& nearest) const;
  bool opens(const Header& header, const Slot& slot) const;

  SlotStatus slot_status(const Header& header, const Slot& slot) const;

  // ---- changes ----

  // check_change needs admin_. A slot to be removed may be known to the header or the keyring alone,
  // where one of them was damaged.
  static Result<void> check_change(const Keys& keys, const SlotChange& change);

  // check_room finds out before anything is handed out whether there is room for the change.
  Result<void> check_room(const PendingSlots& pending);

  static void drop_slots(Header& header, std::span<const SlotId> remove);

  Result<Fenced<Done>> apply(const KeyChange& change, Permit permit);

  // change_under runs change() -> Result<T> over the keys as of now, if the permit holds at their fence.
  // What moves it afterwards moves the header too, or is met by the commit. Takes admin_.
  template <typename F>
  auto change_under(Permit permit, F change)
      -> Result<Fenced<typename decltype(change())::value_type>>;

  // change_keys needs admin_, and keys as of now.
  Result<Done> change_keys(const KeyChange& change);

  // fill_slots gives the header the slots of the change, with the root key wrapped where it must be.
  static Result<void> fill_slots(Header& header, const KeyChange& change, bool rewrap,
                                 const Keyring& keyring, SecretView root);

  // commit_change is the one commit. Where its outcome is unknown, what would open the new header is
  // kept, so that this handle finds out at its next call.
  Result<Done> commit_change(const HeaderRecords& records, const KeyChange& change,
                             TermId first_term, std::shared_ptr<const SecretBytes> root);

  // known_slots are those of the ids that the keyring has.
  std::vector<SlotId> known_slots(std::span<const SlotId> ids) const;

  void hold(SlotId id, std::shared_ptr<const SecretBytes> key);
  void let_go(SlotId id);

  // ---- following ----

  // look reads which header and fence there are, and adopts what moved.
  Result<bool> look();

  struct Opened {
    std::shared_ptr<const SecretBytes> root;
    Keyring keyring;
  };

  // open_header opens the keyring with the root key at hand, or with what a slot yields to a key that
  // this handle holds. Errors  corrupt: none does.  sealed: none of its slots is there any more.
  Result<Opened> open_header(const Header& header) const;

  // adopt_what_happened is adopt after a commit: whatever follows, the change happened. What this handle
  // can not read back now, it follows at its next call; that it has no memory must not pass for a change
  // that failed.
  void adopt_what_happened();

  // adopt loads what the header says now. Storage trouble and damage leave the keys as they are.
  // Needs admin_.
  Result<void> adopt();

  Error seal_for_operator();

  void install(HeaderRecords records, std::shared_ptr<const SecretBytes> root,
               Keyring keyring);  // the old keys are wiped here, when no call can see them

  void drop_keys(SealReason reason);

  static Error forked();
  static Error sealed();
  static Error sealed_by_operator();
  static Error conflict();
  static Error kept_changing();

  const ForkGuard guard_;
  Backend& backend_;
  const KeeperOptions options_;
  const Gate gate_;                       // keys_: readers shared, exchange exclusive
  std::unique_ptr<const Keys> keys_;      // written under admin_ and gate_
  std::atomic<Version> fence_{kNoFence};  // of keys_; likewise
  std::atomic<Stamp> seen_{kNeverSeen};   // at this stamp the header was the one in keys_

  std::mutex admin_;  // one change of the header at a time in this handle; all below
  std::vector<HeldSlot> held_;
  std::shared_ptr<const SecretBytes> next_root_;  // of a change whose outcome is not known
  std::optional<Seen> seen_header_;
  std::vector<Credential> round_;  // good shares so far
  std::chrono::steady_clock::time_point round_touched_;
  SealReason reason_ = SealReason::never_unsealed;
  std::uint64_t since_ms_ = now_ms();
};

}  // namespace strongroom
