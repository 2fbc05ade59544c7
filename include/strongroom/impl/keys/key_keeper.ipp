// key_keeper.ipp: the bodies of key_keeper.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<void> KeyKeeper::activate(const PendingInit& pending) {
  if (!guard_.same_process()) return forked();
  const auto fence = fence_record(1);
  std::vector<Change> batch = {
      {Change::Kind::put, kHeaderKey, pending.record, kAbsent},
      {Change::Kind::put, kHeaderCopyKey, pending.record, kAbsent},
      {Change::Kind::put, kFenceKey, fence, kAbsent},
      {Change::Kind::check, kRestoreKey, {}, kAbsent},
  };
  // The operator asked for this explicitly: the key is stored next to what it opens.
  if (!pending.escrow.empty()) {
    batch.push_back({Change::Kind::put, kEscrowKey, pending.escrow.reveal(), kAny});
  }
  STRONGROOM_ASSIGN(commit, backend_.commit(batch, options_.timeout));
  if (commit.conflict)
    return Error{Code::already_exists, "a store is there already, or is being restored"};
  return {};
}

Result<void> KeyKeeper::unseal(std::span<const Credential> credentials, bool lift_lock) {
  if (!guard_.same_process()) return forked();
  const std::lock_guard admin(admin_);
  return unseal_by(credentials, lift_lock);
}

Result<UnsealProgress> KeyKeeper::submit(Credential credential, bool lift_lock) {
  if (!guard_.same_process()) return forked();
  const std::lock_guard admin(admin_);
  expire_round();
  STRONGROOM_ASSIGN(records, read());
  if (credential.kind == Credential::Kind::key) {
    STRONGROOM_TRY(unseal_by(std::span(&credential, 1), lift_lock));
    return UnsealProgress{true, 0, 0, 0};
  }
  const auto belongs = [&](const Credential& share) {
    return num_that_belong(records.header, std::span(&share, 1)) > 0 ||
           (records.other && num_that_belong(*records.other, std::span(&share, 1)) > 0);
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
  const UnsealProgress progress = progress_of(records);
  if (progress.progress < progress.threshold) return progress;
  STRONGROOM_TRY(unseal_by(round_, lift_lock));
  round_.clear();
  return UnsealProgress{true, 0, progress.threshold, progress.shares};
}

Result<void> KeyKeeper::unseal_escrowed(OpenPgp& pgp, bool lift_lock) {
  STRONGROOM_ASSIGN(key, escrowed_key());
  STRONGROOM_ASSIGN(seen, status());
  std::vector<Credential> credentials;
  Error why{Code::denied, "no share of this store is wrapped to an OpenPGP key"};
  for (const SlotStatus& slot : seen.slots) {
    for (const WrappedShare& share : slot.wrapped) {
      auto text = pgp.unwrap(share.message, key.view(), {});
      auto credential = text ? Credential::parse(text->view()) : std::move(text).error();
      if (credential)
        credentials.push_back(std::move(credential).value());
      else
        why = std::move(credential).error();
    }
  }
  if (credentials.empty()) return why;
  return unseal(credentials, lift_lock);
}

void KeyKeeper::forget_shares() {
  if (!guard_.same_process()) return;
  const std::lock_guard admin(admin_);
  round_.clear();
}

Result<void> KeyKeeper::seal() {
  if (!guard_.same_process()) return forked();
  const std::lock_guard admin(admin_);
  drop_keys(SealReason::closed);
  for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
    STRONGROOM_ASSIGN(records, read());
    put_genuine_first(records);
    STRONGROOM_TRY(check_anchor(records.header));
    if (records.header.locked) return {};
    auto stored = set_lock(backend_, records, now_ms(), options_.timeout);
    if (stored || stored.error().code != Code::conflict) return stored;
  }
  return kept_changing();
}

void KeyKeeper::close() {
  if (!guard_.same_process()) return;
  const std::lock_guard admin(admin_);
  drop_keys(SealReason::closed);
}

Result<Fenced<Done>> KeyKeeper::activate(const PendingSlots& pending, Permit permit) {
  if (!pending.ready()) {
    return Error{Code::invalid,
                 "the new shares or keys must be given back before they take effect; until then "
                 "the old ones open the store"};
  }
  KeyChange change;
  change.add = *pending.add;
  change.remove = pending.remove;
  change.new_root = change.new_term = pending.new_keys;
  change.table = &pending.table;
  return apply(change, permit);
}

Result<SealStatus> KeyKeeper::status() {
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
  STRONGROOM_TRY(check_anchor(header));
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
  if (records->other && keys_ == nullptr) {  // without keys, nothing shows which copy is right
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

Result<Anchor> KeyKeeper::anchor() {
  STRONGROOM_TRY(refresh());
  return with_keys([](const Keys& keys) -> Result<Anchor> {
    const Header& header = keys.records.header;
    return Anchor{header.store, header.generation, header.state_digest()};
  });
}

Result<SecretBytes> KeyKeeper::escrowed_key() {
  if (!guard_.same_process()) return forked();
  const ByteView wanted(kEscrowKey);
  Result<SecretBytes> key = Error{Code::not_found, "no private key is kept in the store"};
  auto read = backend_.read(
      std::span(&wanted, 1),
      [&](std::size_t, const Record& record) {
        if (record.version != kAbsent) key = SecretBytes::copy_key(record.value);
      },
      options_.timeout);
  STRONGROOM_TRY(read);
  return key;
}

Result<void> KeyKeeper::unseal_by(std::span<const Credential> credentials, bool lift_lock) {
  bool may_mend = true;
  for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
    STRONGROOM_ASSIGN(records, read());
    STRONGROOM_ASSIGN(opened, open_either(records, credentials));
    const Header& header = records.header;
    STRONGROOM_ASSIGN(keyring, header.open_keyring(opened.root.view()));
    STRONGROOM_TRY(check_age(header));
    if (header.locked && !lift_lock) {
      if (keys_ != nullptr) drop_keys(SealReason::operator_lock);
      return sealed_by_operator();
    }
    if (header.locked) {
      auto lifted = set_lock(backend_, records, 0, options_.timeout);
      if (!lifted && lifted.error().code != Code::conflict) return lifted;
      continue;
    }
    // A copy that cannot be repaired, or is damaged again, does not prevent unsealing: the disk may be
    // full.
    if (records.differ && !header.damaged && std::exchange(may_mend, false)) {
      auto mended = replace_header_records(backend_, records, {}, options_.timeout);
      if (mended || mended.error().code == Code::conflict) continue;
    }
    hold(opened.id, std::make_shared<const SecretBytes>(std::move(opened.key)));
    install(std::move(records), std::make_shared<const SecretBytes>(std::move(opened.root)),
            std::move(keyring));
    return {};
  }
  return kept_changing();
}

Result<OpenedSlot> KeyKeeper::open_either(HeaderRecords& records,
                                          std::span<const Credential> credentials) {
  auto opened = open_root(records.header, credentials);
  const bool whole = opened && records.header.open_keyring(opened->root.view());
  if (whole || !records.other) return opened;
  auto again = open_root(*records.other, credentials);
  if (!again || !records.other->open_keyring(again->root.view())) return opened;
  use_other(records);
  return again;
}

void KeyKeeper::expire_round() {
  if (round_.empty()) return;
  const auto idle = std::chrono::steady_clock::now() - round_touched_;
  if (idle >= options_.share_expiry) round_.clear();
}

std::size_t KeyKeeper::num_that_belong(const Header& header, std::span<const Credential> shares) {
  const auto belongs = [&](const Credential& share) {
    return std::any_of(header.slots.begin(), header.slots.end(), [&](const Slot& slot) {
      return detail::is_share_of(header.store, slot, share);
    });
  };
  return static_cast<std::size_t>(std::count_if(shares.begin(), shares.end(), belongs));
}

void KeyKeeper::put_genuine_first(HeaderRecords& records) const {
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

std::size_t KeyKeeper::num_sound_slots(const Header& header) const {
  return static_cast<std::size_t>(
      std::count_if(header.slots.begin(), header.slots.end(),
                    [&](const Slot& slot) { return !slot_status(header, slot).damaged; }));
}

UnsealProgress KeyKeeper::progress_of(const HeaderRecords& records) const {
  UnsealProgress nearest;
  add_progress(records.header, records.other.has_value(), nearest);
  if (records.other) add_progress(*records.other, true, nearest);
  return nearest;
}

void KeyKeeper::add_progress(const Header& header, bool one_of_two, UnsealProgress& nearest) const {
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

bool KeyKeeper::opens(const Header& header, const Slot& slot) const {
  const auto opened = detail::open_share_slot(header, slot, round_);
  return opened && header.open_keyring(opened->root.view());
}

SlotStatus KeyKeeper::slot_status(const Header& header, const Slot& slot) const {
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

Error KeyKeeper::forked() {
  return {Code::sealed,
          "this handle belongs to the parent process; open the store again in this one"};
}

Error KeyKeeper::sealed() const {
  if (auto away = backend_.not_open()) return std::move(*away);
  return {Code::sealed, "the store is sealed; unseal it first"};
}

Error KeyKeeper::sealed_by_operator() {
  return {Code::sealed,
          "an operator sealed the store; it stays sealed until it is unsealed explicitly"};
}

Error KeyKeeper::conflict() {
  return {Code::conflict,
          "somebody else changed the keys or slots meanwhile; nothing was changed; try again"};
}

Error KeyKeeper::kept_changing() {
  return {Code::conflict, "the header record kept being changed by others; try again"};
}

}  // namespace strongroom
