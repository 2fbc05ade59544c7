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

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slots.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

// Keys are what an unsealed handle has. Immutable once installed.
struct Keys {
  HeaderRecords records;
  std::shared_ptr<const SecretBytes> root;
  Keyring keyring;
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
  Result<void> activate(const PendingInit& pending) {
    if (!guard_.same_process()) return forked();
    const auto fence = fence_record(1);
    std::vector<Change> batch = {
        {Change::Kind::put, kHeaderKey, pending.record, kAbsent},
        {Change::Kind::put, kHeaderCopyKey, pending.record, kAbsent},
        {Change::Kind::put, kFenceKey, fence, kAbsent},
        {Change::Kind::check, kRestoreKey, {}, kAbsent},
    };
    // Asked for by name: the key beside what it opens.
    if (!pending.escrow.empty()) {
      batch.push_back({Change::Kind::put, kEscrowKey, pending.escrow.reveal(), kAny});
    }
    auto commit = backend_.commit(batch, options_.timeout);
    if (!commit) return std::move(commit).error();
    if (commit->conflict)
      return Error{Code::already_exists, "a store is there already, or is being restored"};
    return {};
  }

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
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    return unseal_by(credentials, lift_lock);
  }

  // submit is unseal with one share after the other, which may come from several people. Good shares
  // are kept in key memory until there are enough, or none came for share_expiry.
  // Errors  denied: no share of this store as it is now; the good ones are kept.
  Result<UnsealProgress> submit(Credential credential, bool lift_lock = false) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    expire_round();
    auto records = read();
    if (!records) return std::move(records).error();
    if (credential.kind == Credential::Kind::key) {
      auto done = unseal_by(std::span(&credential, 1), lift_lock);
      if (!done) return std::move(done).error();
      return UnsealProgress{true, 0, 0, 0};
    }
    const auto belongs = [&](const Credential& share) {
      return num_that_belong(records->header, std::span(&share, 1)) > 0 ||
             (records->other && num_that_belong(*records->other, std::span(&share, 1)) > 0);
    };
    if (!belongs(credential)) {
      return Error{Code::denied,
                   "this share belongs to no slot of the store: it is of another store, or of a "
                   "set that was replaced; the good shares so far were kept"};
    }
    std::erase_if(round_, [&](const Credential& share) {
      return !belongs(share) || same_secret(share.secret.view(), credential.secret.view());
    });
    round_.push_back(std::move(credential));
    round_touched_ = std::chrono::steady_clock::now();
    const UnsealProgress progress = progress_of(records.value());
    if (progress.progress < progress.threshold) return progress;
    auto done = unseal_by(round_, lift_lock);
    if (!done) return std::move(done).error();
    round_.clear();
    return UnsealProgress{true, 0, progress.threshold, progress.shares};
  }

  // forget_shares ends a round of shares.
  void forget_shares() {
    if (!guard_.same_process()) return;
    const std::lock_guard admin(admin_);
    round_.clear();
  }

  // seal wipes the keys of this handle, as soon as a change of them that is under way in it has ended,
  // and only then asks the storage to set the lock flag: other processes seal themselves at their
  // next call, and nothing unseals without lift_lock. No credential is needed.
  // Errors  whatever kept the flag from being set; the keys of this handle are gone all the same.
  //         rollback: the store is older than the anchor, or another one; it stays unlocked.
  Result<void> seal() {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    drop_keys(SealReason::closed);
    for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
      auto records = read();
      if (!records) return std::move(records).error();
      put_genuine_first(records.value());
      if (auto anchored = check_anchor(records->header); !anchored) return anchored;
      if (records->header.locked) return {};
      auto stored = set_lock(backend_, records.value(), now_ms(), options_.timeout);
      if (stored || stored.error().code != Code::conflict) return stored;
    }
    return kept_changing();
  }

  // close wipes the keys of this handle alone.
  void close() {
    if (!guard_.same_process()) return;
    const std::lock_guard admin(admin_);
    drop_keys(SealReason::closed);
  }

  // ---- changes of the keys: each is one commit, whatever the number of secrets ----
  //
  // Shared errors  conflict: another administrator was faster; nothing was changed.  sealed.
  //                indeterminate: it may have happened; old and new credentials are worth keeping.

  // rotate adds a data key, under which everything is sealed from now on; what is stored stays
  // readable under the old one. Errors  too_large: too many terms.
  //
  // permitted, here and below, is the mark at which the caller was allowed to: another one by now is
  // conflict, and nothing was changed. kAny: whatever it is.
  Result<void> rotate(Version permitted = kAny) {
    KeyChange change;
    change.new_term = true;
    return apply(change, permitted);
  }

  // rotate_root makes a new root key and data key, and wraps the root key for every slot: no
  // credential changes. Processes that were unsealed by a slot that is still there follow.
  Result<void> rotate_root(Version permitted = kAny) {
    KeyChange change;
    change.new_term = true;
    change.new_root = true;
    return apply(change, permitted);
  }

  // prepare_slots makes the credentials of a change of the slots, and writes nothing anywhere.
  // Errors  invalid: the options; the last slot can not be removed.  not_found: a slot to remove.
  Result<PendingSlots> prepare_slots(const SlotChange& change, OpenPgp* pgp) {
    if (!guard_.same_process()) return forked();
    PendingSlots pending;
    SlotId next = 0;
    {
      const std::lock_guard admin(admin_);
      if (auto current = adopt(); !current) return std::move(current).error();
      const Header& header = keys_->records.header;
      if (auto fine = check_change(*keys_, change); !fine) return std::move(fine).error();
      next = keys_->keyring.next_slot();
      pending.store = header.store;
      pending.table = header.fixed_table();
    }
    // OpenPGP takes its time: nobody who wants to seal waits for it.
    auto made = detail::make_slots(pending.store, next, change, pgp, pending);
    if (!made) return std::move(made).error();
    pending.add = std::move(made).value();
    pending.remove = change.remove;
    pending.new_keys = change.new_keys.value_or(!change.remove.empty());
    pending.verify = change.verify;
    if (auto fits = check_room(pending); !fits) return std::move(fits).error();
    return pending;
  }

  // activate makes the prepared slots take effect. Hand the new credentials out first.
  // Errors  invalid: the new credentials were not given back yet.  conflict: the slots were changed
  //         by somebody else since; prepare again.
  Result<void> activate(const PendingSlots& pending, Version permitted = kAny) {
    if (!pending.ready()) {
      return Error{Code::invalid,
                   "the new shares or keys must be given back before they take effect; the old "
                   "ones still rule"};
    }
    KeyChange change;
    change.add = pending.add;
    change.remove = pending.remove;
    change.new_root = change.new_term = pending.new_keys;
    change.table = &pending.table;
    return apply(change, permitted);
  }

  // raise_fence makes every writer look at the header again before its next write: after it, nothing
  // is sealed in a term older than the active one. What must come before retiring terms.
  Result<void> raise_fence(TermId first_live, Version permitted = kAny) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    if (auto current = adopt_at(permitted); !current) return current;
    if (first_live <= keys_->keyring.first_term() || first_live > keys_->keyring.active_term()) {
      return Error{Code::invalid,
                   "there are no terms to retire before term " + std::to_string(first_live)};
    }
    const HeaderRecords& records = keys_->records;
    const auto fence = fence_record(first_live);
    const std::array<Change, 2> batch = {
        Change{Change::Kind::check, kHeaderKey, {}, records.header_version},
        Change{Change::Kind::put, kFenceKey, fence, records.fence_version},
    };
    auto commit = backend_.commit(batch, options_.timeout);
    if (!commit) return std::move(commit).error();
    if (commit->conflict) return conflict();
    return adopt();
  }

  // retire drops the data keys of all terms before first_live: what is sealed under them opens no
  // more. The caller has raised the fence since, and seen that nothing is; Barrier::retire does so.
  Result<void> retire(TermId first_live) {
    KeyChange change;
    change.first_term = first_live;
    return apply(change);
  }

  // PolicySealer gives what is to be put beside the header at a change of the stored policies, sealed
  // under the keys of the moment. What the changes point to stays until the change is over.
  using PolicySealer = FunctionRef<Result<std::vector<Change>>(const Keys&)>;

  // change_policies raises the keyring's policy revision, puts the fence again, so that every writer
  // looks at the header before its next write, and what the sealer gives: in one commit.
  //
  // revision, mark  what the change was made for.
  // Errors          conflict: they are others by now, or somebody else was faster.
  Result<void> change_policies(std::uint64_t revision, Version mark, PolicySealer seal) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    if (auto current = adopt(); !current) return current;
    const bool meant =
        keys_->keyring.policy_revision() == revision && keys_->records.fence_version == mark;
    if (!meant) return conflict();
    auto beside = seal(*keys_);
    if (!beside) return std::move(beside).error();
    KeyChange change;
    change.policy_revision = revision + 1;
    change.beside = beside.value();
    return change_keys(change);
  }

  // repair writes the header record anew where a copy or a slot is damaged: a damaged copy from the
  // other one, a damaged wrapped root key from the keyring.
  // Returns  whether there was anything to do.
  // Errors   corrupt: a slot is damaged beyond that, and is named; replace or remove it.
  Result<bool> repair(Version permitted = kAny) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    if (auto current = adopt_at(permitted); !current) return std::move(current).error();
    const HeaderRecords& records = keys_->records;
    if (!records.differ && !records.header.damaged) return false;
    KeyChange change;
    change.repair = true;
    if (auto done = change_keys(change); !done) return std::move(done).error();
    return true;
  }

  // ---- what can be told ----

  // status tells what can be told without keys, and the terms where there are some.
  // A store that is not there is no error: initialized is false then.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<SealStatus> status() {
    if (!guard_.same_process()) return forked();
    SealStatus status;
    status.url = backend_.url();
    const std::lock_guard admin(admin_);
    expire_round();
    auto records = read();
    if (!records) {
      if (records.error().code != Code::not_initialized) return std::move(records).error();
      status.reason = reason_;
      status.since_ms = since_ms_;
      return status;
    }
    put_genuine_first(records.value());
    const Header& header = records->header;
    if (auto anchored = check_anchor(header); !anchored) return std::move(anchored).error();
    if (header.locked && keys_ != nullptr) drop_keys(SealReason::operator_lock);
    status.initialized = true;
    status.sealed = keys_ == nullptr;
    status.locked = header.locked;
    status.reason = header.locked ? SealReason::operator_lock : reason_;
    status.since_ms = header.locked ? header.locked_ms : since_ms_;
    status.header_damaged = header.damaged || records->differ;
    status.escrowed = records->escrowed;
    status.store = header.store;
    status.generation = header.generation;
    status.max_secret_len = header.max_secret_len;
    status.progress = progress_of(records.value());
    status.progress.unsealed = keys_ != nullptr;
    for (const Slot& slot : header.slots) status.slots.push_back(slot_status(header, slot));
    if (records->other && keys_ == nullptr) {  // nobody can tell which copy is right
      for (const Slot& slot : records->other->slots) {
        if (header.slot(slot.id) == nullptr) {
          status.slots.push_back(slot_status(*records->other, slot));
        }
      }
    }
    if (keys_ != nullptr) {
      const Keyring& keyring = keys_->keyring;
      status.first_term = keyring.first_term();
      status.active_term = keyring.active_term();
      status.num_terms = keyring.num_terms();
      status.active_term_created_ms = keyring.term_created_ms(keyring.active_term());
    }
    return status;
  }

  // check_anchor holds the store as it lies in the storage against the anchor that this handle was opened
  // with. It needs no keys. Without an anchor, or without a store, there is nothing to check.
  // Errors  rollback: the store is older than the anchor, or another one.
  Result<void> check_anchor() {
    if (!options_.anchor) return {};
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    auto records = read();
    if (!records && records.error().code == Code::not_initialized) return {};
    if (!records) return std::move(records).error();
    put_genuine_first(records.value());
    return check_anchor(records->header);
  }

  // anchor is what to keep outside of the storage, to tell an old copy of it from the newest.
  Result<Anchor> anchor() {
    if (auto current = refresh(); !current) return std::move(current).error();
    return with_keys([](const Keys& keys) -> Result<Anchor> {
      const Header& header = keys.records.header;
      return Anchor{header.store, header.generation, header.state_digest()};
    });
  }

  // escrowed_key gives the OpenPGP private key that lies in the storage, where one does.
  // Errors  not_found.
  Result<SecretBytes> escrowed_key() {
    if (!guard_.same_process()) return forked();
    const ByteView wanted(kEscrowKey);
    Result<SecretBytes> key = Error{Code::not_found, "no private key is kept in the store"};
    auto read = backend_.read(
        std::span(&wanted, 1),
        [&](std::size_t, const Record& record) {
          if (record.version != kAbsent) key = SecretBytes::copy_key(record.value);
        },
        options_.timeout);
    if (!read) return std::move(read).error();
    return key;
  }

  // with_keys runs f over the keys, or says sealed. f must be short: sealing waits for it.
  template <typename F>
  auto with_keys(F f) const -> decltype(f(std::declval<const Keys&>())) {
    if (!guard_.same_process()) return forked();
    const Gate::Shared held(gate_);
    if (keys_ == nullptr || !keys_->keyring.intact()) return sealed();
    return f(*keys_);
  }

  // mark is the version of the fence that this handle knows: it moves whenever the stored policies
  // change, and every write is held against it. kNoMark while there are no keys. Never waits.
  static constexpr Version kNoMark = kAny;
  Version mark() const noexcept { return mark_.load(std::memory_order_acquire); }

  // is_current tells whether follow would have nothing to do, and never waits.
  bool is_current(Stamp stamp) const noexcept {
    return stamp == seen_.load(std::memory_order_acquire);
  }

  // follow notices a changed header or fence. In the usual case it compares one number.
  // Returns  whether the keys were exchanged.
  Result<bool> follow(Stamp stamp) {
    if (is_current(stamp)) return false;
    const std::array<ByteView, 2> keys = {ByteView(kHeaderKey), ByteView(kFenceKey)};
    std::array<Version, 2> versions{};
    auto now = backend_.read(
        keys, [&](std::size_t i, const Record& record) { versions[i] = record.version; },
        options_.timeout);
    if (!now) return std::move(now).error();
    auto same = with_keys([&](const Keys& held) -> Result<bool> {
      return held.records.header_version == versions[0] &&
             held.records.fence_version == versions[1];
    });
    if (!same) return same;
    if (same.value()) {
      seen_.store(now.value(), std::memory_order_release);
      return false;
    }
    const std::lock_guard admin(admin_);
    const bool done = keys_ != nullptr && keys_->records.header_version == versions[0] &&
                      keys_->records.fence_version == versions[1];  // by another thread
    if (done) return true;
    if (auto adopted = adopt(); !adopted) return std::move(adopted).error();
    return true;
  }

  // refresh follows without a stamp at hand.
  Result<void> refresh() {
    if (!guard_.same_process()) return forked();
    auto followed = follow(kNeverSeen);
    if (!followed) return std::move(followed).error();
    return {};
  }

 private:
  static constexpr Stamp kNeverSeen = UINT64_MAX;
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
    const Digest* table = nullptr;      // the slots must still be these
    std::uint64_t policy_revision = 0;  // 0: the policies stay
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
  Result<void> unseal_by(std::span<const Credential> credentials, bool lift_lock) {
    bool may_mend = true;
    for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
      auto records = read();
      if (!records) return std::move(records).error();
      auto opened = open_either(records.value(), credentials);
      if (!opened) return std::move(opened).error();
      const Header& header = records->header;
      auto keyring = header.open_keyring(opened->root.view());
      if (!keyring) return std::move(keyring).error();
      if (auto newest = check_age(header); !newest) return newest;
      if (header.locked && !lift_lock) {
        if (keys_ != nullptr) drop_keys(SealReason::operator_lock);
        return sealed_by_operator();
      }
      if (header.locked) {
        auto lifted = set_lock(backend_, records.value(), 0, options_.timeout);
        if (!lifted && lifted.error().code != Code::conflict) return lifted;
        continue;
      }
      // A copy that can not be mended, or does not stay so, keeps nobody out: the disk may be full.
      if (records->differ && !header.damaged && std::exchange(may_mend, false)) {
        auto mended = replace_header_records(backend_, records.value(), {}, options_.timeout);
        if (mended || mended.error().code == Code::conflict) continue;
      }
      hold(opened->id, std::make_shared<const SecretBytes>(std::move(opened->key)));
      install(std::move(records).value(),
              std::make_shared<const SecretBytes>(std::move(opened->root)),
              std::move(keyring).value());
      return {};
    }
    return kept_changing();
  }

  // open_either tries the other copy as well: both may be damaged, but not in the same place, or the
  // one that looks better may be a forgery.
  static Result<OpenedSlot> open_either(HeaderRecords& records,
                                        std::span<const Credential> credentials) {
    auto opened = open_root(records.header, credentials);
    const bool whole = opened && records.header.open_keyring(opened->root.view());
    if (whole || !records.other) return opened;
    auto again = open_root(*records.other, credentials);
    if (!again || !records.other->open_keyring(again->root.view())) return opened;
    use_other(records);
    return again;
  }

  static Error older(const Header& header, std::uint64_t known, const char* than) {
    return {Code::rollback, "the header record is older (generation " +
                                std::to_string(header.generation) + ") than " + than + " (" +
                                std::to_string(known) + ")"};
  }
  static Error forked_history(const char* from) {
    return {Code::rollback,
            std::string("the header record is of the same generation as ") + from +
                ", but not the same: the storage was put back and went on from there"};
  }

  // check_age holds a header against what was seen before, and the anchor. admin_ is held.
  Result<void> check_age(const Header& header) const {
    if (seen_header_) {
      const Seen& seen = *seen_header_;
      if (seen.store != header.store)
        return Error{Code::corrupt, "another store was put in this one's place"};
      if (header.generation < seen.generation) {
        return older(header, seen.generation, "one that this process has seen");
      }
      if (header.generation == seen.generation && header.state_digest() != seen.state) {
        return forked_history("one that this process has seen");
      }
    }
    return check_anchor(header);
  }
  Result<void> check_anchor(const Header& header) const {
    if (!options_.anchor) return {};
    const Anchor& anchor = *options_.anchor;
    if (anchor.store != header.store)
      return Error{Code::rollback, "the anchor is of another store"};
    if (header.generation < anchor.generation) {
      return older(header, anchor.generation, "the anchor");
    }
    if (header.generation == anchor.generation && header.state_digest() != anchor.digest) {
      return forked_history("the anchor");
    }
    return {};
  }

  void expire_round() {
    if (round_.empty()) return;
    const auto idle = std::chrono::steady_clock::now() - round_touched_;
    if (idle >= options_.share_expiry) round_.clear();
  }

  // ---- two copies of the header, of which one may be a forgery ----
  //
  // Either copy may look whole, and be newer: its digest needs no key. Only what opens it tells, so
  // shares are held against both copies, and a copy whose threshold is met and that does not open counts
  // no more.

  static std::size_t num_that_belong(const Header& header, std::span<const Credential> shares) {
    const auto belongs = [&](const Credential& share) {
      return std::any_of(header.slots.begin(), header.slots.end(), [&](const Slot& slot) {
        return detail::is_share_of(header.store, slot, share);
      });
    };
    return static_cast<std::size_t>(std::count_if(shares.begin(), shares.end(), belongs));
  }

  // put_genuine_first makes the copy the first one that opens to the keys at hand, with the more slots that
  // are as the keyring knows them; without keys, the one that was seen open before, or that the anchor names,
  // or that more of the shares so far belong to.
  void put_genuine_first(HeaderRecords& records) const {
    if (!records.other) return;
    const auto rank = [&](const Header& header) {
      if (keys_ != nullptr && open_header(header)) return std::pair(3, num_sound_slots(header));
      const Digest state = header.state_digest();
      const std::size_t shares = num_that_belong(header, round_);
      if (seen_header_ && seen_header_->state == state) return std::pair(2, shares);
      if (options_.anchor && options_.anchor->digest == state) return std::pair(1, shares);
      return std::pair(0, shares);
    };
    if (rank(*records.other) > rank(records.header)) use_other(records);
  }

  std::size_t num_sound_slots(const Header& header) const {
    return static_cast<std::size_t>(
        std::count_if(header.slots.begin(), header.slots.end(),
                      [&](const Slot& slot) { return !slot_status(header, slot).damaged; }));
  }

  // progress_of looks at the slot of shares that is nearest to opening, in either copy.
  UnsealProgress progress_of(const HeaderRecords& records) const {
    UnsealProgress nearest;
    add_progress(records.header, records.other.has_value(), nearest);
    if (records.other) add_progress(*records.other, true, nearest);
    return nearest;
  }
  void add_progress(const Header& header, bool one_of_two, UnsealProgress& nearest) const {
    for (const Slot& slot : header.slots) {
      if (!has_shares(slot.kind) || !slot.well_formed()) continue;
      const auto good = detail::good_shares(header.store, slot, round_).size();
      const unsigned num = std::min(static_cast<unsigned>(good), unsigned{slot.threshold});
      if (nearest.threshold != 0 && slot.threshold - num >= nearest.threshold - nearest.progress) {
        continue;
      }
      if (one_of_two && num == slot.threshold && !opens(header, slot)) continue;
      nearest.progress = num;
      nearest.threshold = slot.threshold;
      nearest.shares = slot.shares;
    }
  }
  bool opens(const Header& header, const Slot& slot) const {
    const auto opened = detail::open_share_slot(header, slot, round_);
    return opened && header.open_keyring(opened->root.view());
  }

  SlotStatus slot_status(const Header& header, const Slot& slot) const {
    SlotStatus status{slot.id,         slot.kind, slot.threshold,       slot.shares,
                      slot.created_ms, false,     slot.wrapped_shares()};
    status.damaged = !slot.well_formed();
    if (keys_ != nullptr && slot.known()) {
      const auto kept = keys_->keyring.slot(slot.id).digest;
      const Digest now = slot.fixed_digest(header.store);
      status.damaged |= kept.empty() || !std::equal(now.begin(), now.end(), kept.begin());
    }
    return status;
  }

  // ---- changes ----

  // check_change needs admin_. A slot to be removed may be known to the header or the keyring alone,
  // where one of them was damaged.
  static Result<void> check_change(const Keys& keys, const SlotChange& change) {
    const Header& header = keys.records.header;
    std::size_t num_left = header.slots.size();
    std::vector<SlotId> remove = change.remove;
    std::sort(remove.begin(), remove.end());
    if (std::adjacent_find(remove.begin(), remove.end()) != remove.end()) {
      return Error{Code::invalid, "a slot was to be removed twice"};
    }
    for (const SlotId id : remove) {
      if (header.slot(id) != nullptr) {
        num_left -= 1;
      } else if (keys.keyring.slot(id).wrap_key.empty()) {
        return Error{Code::not_found, "there is no unseal slot " + std::to_string(id)};
      }
    }
    const bool adds = change.shares > 0 || change.key_file;
    if (num_left == 0 && !adds) {
      return Error{Code::invalid, "the last unseal slot can not be removed; add another one first"};
    }
    if (!adds && remove.empty()) {
      return Error{Code::invalid, "no unseal slot was to be added or removed"};
    }
    return {};
  }

  // check_room finds out before anything is handed out whether there is room for the change.
  Result<void> check_room(const PendingSlots& pending) {
    const std::lock_guard admin(admin_);
    if (keys_ == nullptr) return sealed();
    Header header = keys_->records.header;
    auto keyring = detail::edit_keyring(keys_->keyring, pending.add, known_slots(pending.remove),
                                        pending.new_keys, 0);
    if (!keyring && keyring.error().code == Code::invalid) return conflict();
    if (!keyring) return std::move(keyring).error();
    drop_slots(header, pending.remove);
    for (const NewSlot& each : pending.add) header.slots.push_back(each.slot);
    auto sealed = header.seal_keyring(keyring.value(), keys_->root->view());
    if (!sealed) return sealed;
    auto record = header.encode();
    if (!record) return std::move(record).error();
    return {};
  }

  static void drop_slots(Header& header, std::span<const SlotId> remove) {
    std::erase_if(header.slots, [&](const Slot& slot) {
      return std::find(remove.begin(), remove.end(), slot.id) != remove.end();
    });
  }

  Result<void> apply(const KeyChange& change, Version permitted = kAny) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    if (auto current = adopt_at(permitted); !current) return current;
    return change_keys(change);
  }

  // adopt_at is adopt for a change that was allowed at a mark. What moves it afterwards moves the
  // header too, and so fails the change. Needs admin_.
  Result<void> adopt_at(Version permitted) {
    if (auto current = adopt(); !current) return current;
    if (permitted != kAny && permitted != keys_->records.fence_version) return conflict();
    return {};
  }

  // change_keys needs admin_, and keys as of now.
  Result<void> change_keys(const KeyChange& change) {
    HeaderRecords records = keys_->records;
    Header& header = records.header;
    // A slot that is damaged beyond repair can be removed: all that stay are looked at then.
    const bool rewrap = change.new_root || change.repair || header.damaged;
    if (header.damaged && !change.repair && change.remove.empty()) {
      return Error{Code::corrupt,
                   "both copies of the header record are damaged; nothing was changed; repair it "
                   "first ('doctor')"};
    }
    if (change.table != nullptr && header.fixed_table() != *change.table) return conflict();
    for (const NewSlot& each : change.add) {
      if (each.slot.id < keys_->keyring.next_slot()) return conflict();
    }
    auto keyring = detail::edit_keyring(keys_->keyring, change.add, known_slots(change.remove),
                                        change.new_term, change.first_term, change.policy_revision);
    if (!keyring) return std::move(keyring).error();
    auto root = keys_->root;
    if (change.new_root) {
      auto random = detail::random_key();
      if (!random) return std::move(random).error();
      root = std::make_shared<const SecretBytes>(std::move(random).value());
    }
    auto filled = fill_slots(header, change, rewrap, keyring.value(), root->view());
    if (!filled) return filled;
    header.damaged = false;
    header.generation += 1;
    auto sealed = header.seal_keyring(keyring.value(), root->view());
    if (!sealed) return sealed;
    return commit_change(records, change, keyring->first_term(), std::move(root));
  }

  // fill_slots gives the header the slots of the change, with the root key wrapped where it must be.
  static Result<void> fill_slots(Header& header, const KeyChange& change, bool rewrap,
                                 const Keyring& keyring, SecretView root) {
    drop_slots(header, change.remove);
    if (rewrap) {
      for (const NewSlot& each : change.add) header.slots.push_back(each.slot);
      return wrap_all(header, keyring, root);
    }
    for (const NewSlot& each : change.add) {
      header.slots.push_back(each.slot);
      auto wrapped = header.slots.back().wrap(header.store, each.wrap_key.view(), root);
      if (!wrapped) return wrapped;
    }
    return {};
  }

  // commit_change is the one commit. Where its outcome is unknown, what would open the new header is
  // kept, so that this handle finds out at its next call.
  Result<void> commit_change(const HeaderRecords& records, const KeyChange& change,
                             TermId first_term, std::shared_ptr<const SecretBytes> root) {
    for (const NewSlot& each : change.add) {
      auto key = SecretBytes::copy_key(each.key.reveal());
      if (!key) return std::move(key).error();
      hold(each.slot.id, std::make_shared<const SecretBytes>(std::move(key).value()));
    }
    next_root_ = std::move(root);
    // After a removal nobody shall seal under a data key that its holder knows: all writers look.
    // After a change of the policies nobody shall write who was allowed to by those before.
    const auto fence = fence_record(first_term);
    const bool all_look = change.new_root || change.policy_revision != 0;
    auto stored = replace_header_records(backend_, records, all_look ? ByteView(fence) : ByteView(),
                                         options_.timeout, change.beside);
    if (!stored && stored.error().code != Code::indeterminate) {
      next_root_.reset();
      for (const NewSlot& each : change.add) let_go(each.slot.id);
    }
    if (!stored) return stored;
    // The change happened, whatever follows. What this handle can not read back now, it follows at its
    // next call; that it has no memory must not pass for a change that failed.
    try {
      (void)adopt();
    } catch (const std::bad_alloc&) {
    }
    return {};
  }

  // known_slots are those of the ids that the keyring has.
  std::vector<SlotId> known_slots(std::span<const SlotId> ids) const {
    std::vector<SlotId> known;
    for (const SlotId id : ids) {
      if (!keys_->keyring.slot(id).wrap_key.empty()) known.push_back(id);
    }
    return known;
  }

  void hold(SlotId id, std::shared_ptr<const SecretBytes> key) {
    let_go(id);
    held_.push_back({id, std::move(key)});
  }
  void let_go(SlotId id) {
    std::erase_if(held_, [&](const HeldSlot& held) { return held.id == id; });
  }

  // ---- following ----

  struct Opened {
    std::shared_ptr<const SecretBytes> root;
    Keyring keyring;
  };

  // open_header opens the keyring with the root key at hand, or with what a slot yields to a key that
  // this handle holds. Errors  corrupt: none does.  sealed: none of its slots is there any more.
  Result<Opened> open_header(const Header& header) const {
    Error why{Code::corrupt, "the header record did not open"};
    for (const auto& root : {keys_->root, next_root_}) {
      if (root == nullptr) continue;
      auto keyring = header.open_keyring(root->view());
      if (keyring) return Opened{root, std::move(keyring).value()};
      if (keyring.error().code != Code::corrupt) return std::move(keyring).error();
    }
    bool any_slot = false;
    for (const HeldSlot& held : held_) {
      const Slot* slot = header.slot(held.id);
      if (slot == nullptr) continue;
      any_slot = true;
      auto root = slot->open(header.store, held.key->view());
      if (!root) {
        why = std::move(root).error();
        continue;
      }
      auto keyring = header.open_keyring(root->view());
      if (keyring) {
        return Opened{std::make_shared<const SecretBytes>(std::move(root).value()),
                      std::move(keyring).value()};
      }
      why = std::move(keyring).error();
    }
    if (any_slot || header.damaged) return why;
    return Error{
        Code::sealed,
        "the unseal slot that this process was unsealed by was removed or replaced; unseal "
        "with a credential of now"};
  }

  // adopt loads what the header says now. Storage trouble and damage leave the keys as they are.
  // Needs admin_.
  Result<void> adopt() {
    if (keys_ == nullptr) return sealed();
    auto records = read();
    if (!records) {
      if (records.error().code != Code::not_initialized) return std::move(records).error();
      return Error{Code::corrupt, "the header record vanished from " + backend_.url()};
    }
    if (records->header.store != seen_header_->store)
      return Error{Code::corrupt, "another store was put in this one's place"};
    auto opened = open_header(records->header);
    if (!opened && records->other) {
      if (auto again = open_header(*records->other)) {
        use_other(records.value());
        opened = std::move(again);
      }
    }
    const Header& header = records->header;
    if (!opened && header.generation >= seen_header_->generation) {
      if (header.locked) return seal_for_operator();
      if (opened.error().code == Code::sealed) drop_keys(SealReason::slot_removed);
      return std::move(opened).error();
    }
    if (auto newest = check_age(header); !newest) return newest;
    if (header.locked) return seal_for_operator();
    install(std::move(records).value(), std::move(opened->root), std::move(opened->keyring));
    return {};
  }

  Error seal_for_operator() {
    drop_keys(SealReason::operator_lock);
    return sealed_by_operator();
  }

  void install(HeaderRecords records, std::shared_ptr<const SecretBytes> root, Keyring keyring) {
    const Stamp stamp = records.stamp;
    const Header& header = records.header;
    const Seen seen{header.store, header.generation, header.state_digest()};
    auto keys =
        std::make_unique<const Keys>(Keys{std::move(records), std::move(root), std::move(keyring)});
    // Nothing below fails.
    seen_header_ = seen;
    next_root_.reset();
    {
      const Gate::Exclusive alone(gate_);
      keys_.swap(keys);
      mark_.store(keys_->records.fence_version, std::memory_order_release);
    }
    if (keys == nullptr) since_ms_ = now_ms();
    reason_ = SealReason::none;
    seen_.store(stamp, std::memory_order_release);
  }  // the old keys are wiped here, when no call can see them

  void drop_keys(SealReason reason) {
    if (keys_ != nullptr) {
      reason_ = reason;
      since_ms_ = now_ms();
    }
    held_.clear();
    round_.clear();
    next_root_.reset();
    std::unique_ptr<const Keys> old;
    const Gate::Exclusive alone(gate_);
    old.swap(keys_);
    mark_.store(kNoMark, std::memory_order_release);
    seen_.store(kNeverSeen, std::memory_order_release);
  }

  static Error forked() {
    return {Code::sealed,
            "this handle belongs to the parent process; open the store again in this one"};
  }
  static Error sealed() { return {Code::sealed, "the store is sealed; unseal it first"}; }
  static Error sealed_by_operator() {
    return {Code::sealed,
            "an operator sealed the store; it stays sealed until it is unsealed explicitly"};
  }
  static Error conflict() {
    return {Code::conflict,
            "somebody else changed the keys or slots meanwhile; nothing was changed; try again"};
  }
  static Error kept_changing() {
    return {Code::conflict, "the header record kept being changed by others; try again"};
  }

  const ForkGuard guard_;
  Backend& backend_;
  const KeeperOptions options_;
  const Gate gate_;                      // keys_: readers shared, exchange exclusive
  std::unique_ptr<const Keys> keys_;     // written under admin_ and gate_
  std::atomic<Version> mark_{kNoMark};   // the fence_version of keys_; likewise
  std::atomic<Stamp> seen_{kNeverSeen};  // at this stamp the header was the one in keys_

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
