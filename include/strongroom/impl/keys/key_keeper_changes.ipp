// key_keeper_changes.ipp: the bodies of key_keeper.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<Fenced<Done>> KeyKeeper::rotate(Permit permit) {
  KeyChange change;
  change.new_term = true;
  return apply(change, permit);
}

Result<Fenced<Done>> KeyKeeper::rotate_root(Permit permit) {
  KeyChange change;
  change.new_term = true;
  change.new_root = true;
  return apply(change, permit);
}

Result<PendingSlots> KeyKeeper::prepare_slots(const SlotChange& change, OpenPgp* pgp) {
  if (!guard_.same_process()) return forked();
  PendingSlots pending;
  SlotId next = 0;
  {
    const std::lock_guard admin(admin_);
    STRONGROOM_TRY(adopt());
    const Header& header = keys_->records.header;
    STRONGROOM_TRY(check_change(*keys_, change));
    next = keys_->keyring.next_slot();
    pending.store = header.store;
    pending.table = header.fixed_table();
  }
  // OpenPGP is slow, and a thread that wants to seal must not wait for it: admin_ is not held here.
  STRONGROOM_ASSIGN(made, detail::make_slots(pending.store, next, change, pgp, pending));
  pending.add = std::make_shared<std::vector<NewSlot>>(std::move(made));
  pending.remove = change.remove;
  pending.new_keys = change.new_keys.value_or(!change.remove.empty());
  pending.verify = change.verify;
  STRONGROOM_TRY(check_room(pending));
  return pending;
}

Result<Fenced<Done>> KeyKeeper::raise_fence(TermId first_live, Permit permit) {
  return change_under(permit, [&]() -> Result<Done> {
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
    STRONGROOM_ASSIGN(commit, backend_.commit(batch, options_.timeout));
    if (commit.conflict) return conflict();
    adopt_what_happened();
    return Done{};
  });
}

Result<Fenced<Done>> KeyKeeper::retire(TermId first_live, Permit permit) {
  KeyChange change;
  change.first_term = first_live;
  return apply(change, permit);
}

Result<Fenced<Done>> KeyKeeper::change_policies(Revision revision, Fence fence, PolicySealer seal) {
  auto done = change_under(Permit::under(fence), [&]() -> Result<Done> {
    if (keys_->keyring.policy_revision() != revision) return conflict();
    STRONGROOM_ASSIGN(beside, seal(*keys_));
    KeyChange change;
    change.policy_revision = Revision(revision.value() + 1);
    change.beside = beside;
    return change_keys(change);
  });
  // The policies for which the change was made are no longer there, and nothing was written.
  if (!done && done.error().code == Code::conflict) return Fenced<Done>(kFenceMoved);
  return done;
}

Result<Fenced<bool>> KeyKeeper::repair(Permit permit) {
  return change_under(permit, [&]() -> Result<bool> {
    const HeaderRecords& records = keys_->records;
    if (!records.differ && !records.header.damaged) return false;
    KeyChange change;
    change.repair = true;
    STRONGROOM_TRY(change_keys(change));
    return true;
  });
}

Result<void> KeyKeeper::check_change(const Keys& keys, const SlotChange& change) {
  const Header& header = keys.records.header;
  std::size_t num_left = header.slots.size();
  std::vector<SlotId> remove = change.remove;
  std::sort(remove.begin(), remove.end());
  if (std::adjacent_find(remove.begin(), remove.end()) != remove.end()) {
    return Error{Code::invalid, "a slot to remove was named twice; name it once"};
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
    return Error{Code::invalid, "the last unseal slot cannot be removed; add another one first"};
  }
  if (!adds && remove.empty()) {
    return Error{Code::invalid, "there is nothing to change; name an unseal slot to add or remove"};
  }
  return {};
}

Result<void> KeyKeeper::check_room(const PendingSlots& pending) {
  const std::lock_guard admin(admin_);
  if (keys_ == nullptr) return sealed();
  Header header = keys_->records.header;
  auto keyring = detail::edit_keyring(keys_->keyring, *pending.add, known_slots(pending.remove),
                                      pending.new_keys, 0);
  if (!keyring && keyring.error().code == Code::invalid) return conflict();
  STRONGROOM_TRY(keyring);
  drop_slots(header, pending.remove);
  for (const NewSlot& each : *pending.add) header.slots.push_back(each.slot);
  STRONGROOM_TRY(header.seal_keyring(keyring.value(), keys_->root->view()));
  STRONGROOM_TRY(header.encode());
  return {};
}

void KeyKeeper::drop_slots(Header& header, std::span<const SlotId> remove) {
  std::erase_if(header.slots, [&](const Slot& slot) {
    return std::find(remove.begin(), remove.end(), slot.id) != remove.end();
  });
}

Result<Fenced<Done>> KeyKeeper::apply(const KeyChange& change, Permit permit) {
  return change_under(permit, [&] { return change_keys(change); });
}

template <typename F>
auto KeyKeeper::change_under(Permit permit, F change)
    -> Result<Fenced<typename decltype(change())::value_type>> {
  using Fate = Fenced<typename decltype(change())::value_type>;
  if (!guard_.same_process()) return forked();
  const std::lock_guard admin(admin_);
  STRONGROOM_TRY(adopt());
  if (!permit.holds_at(keys_->fence())) return Fate(kFenceMoved);
  auto done = change();
  if (done) return Fate(std::move(done).value());
  // Nothing was changed. If somebody else changed the policies first, the caller decides again.
  const bool beaten = done.error().code == Code::conflict && adopt();
  if (beaten && !permit.holds_at(keys_->fence())) return Fate(kFenceMoved);
  return std::move(done).error();
}

Result<Done> KeyKeeper::change_keys(const KeyChange& change) {
  HeaderRecords records = keys_->records;
  Header& header = records.header;
  // A slot that is damaged beyond repair can be removed: rewrapping checks all that stay.
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
  STRONGROOM_ASSIGN(
      keyring, detail::edit_keyring(keys_->keyring, change.add, known_slots(change.remove),
                                    change.new_term, change.first_term, change.policy_revision));
  auto root = keys_->root;
  if (change.new_root) {
    STRONGROOM_ASSIGN(random, detail::random_key());
    root = std::make_shared<const SecretBytes>(std::move(random));
  }
  STRONGROOM_TRY(fill_slots(header, change, rewrap, keyring, root->view()));
  header.damaged = false;
  header.generation += 1;
  STRONGROOM_TRY(header.seal_keyring(keyring, root->view()));
  return commit_change(records, change, keyring.first_term(), std::move(root));
}

Result<void> KeyKeeper::fill_slots(Header& header, const KeyChange& change, bool rewrap,
                                   const Keyring& keyring, SecretView root) {
  drop_slots(header, change.remove);
  if (rewrap) {
    for (const NewSlot& each : change.add) header.slots.push_back(each.slot);
    return wrap_all(header, keyring, root);
  }
  for (const NewSlot& each : change.add) {
    header.slots.push_back(each.slot);
    STRONGROOM_TRY(header.slots.back().wrap(header.store, each.wrap_key.view(), root));
  }
  return {};
}

Result<Done> KeyKeeper::commit_change(const HeaderRecords& records, const KeyChange& change,
                                      TermId first_term, std::shared_ptr<const SecretBytes> root) {
  for (const NewSlot& each : change.add) {
    STRONGROOM_ASSIGN(key, SecretBytes::copy_key(each.key.reveal()));
    hold(each.slot.id, std::make_shared<const SecretBytes>(std::move(key)));
  }
  next_root_ = std::move(root);
  // After a slot was removed, nothing may be sealed under a data key that the holder of its credential
  // knows. After a change of the policies, no write may happen that only the old ones allowed. So every
  // writer looks at the header first.
  const auto fence = fence_record(first_term);
  const bool all_look = change.new_root || change.policy_revision != Revision();
  auto stored = replace_header_records(backend_, records, all_look ? ByteView(fence) : ByteView(),
                                       options_.timeout, change.beside);
  if (!stored && stored.error().code != Code::indeterminate) {
    next_root_.reset();
    for (const NewSlot& each : change.add) let_go(each.slot.id);
  }
  STRONGROOM_TRY(stored);
  adopt_what_happened();
  return Done{};
}

void KeyKeeper::adopt_what_happened() {
  try {
    static_cast<void>(adopt());
  } catch (const std::bad_alloc&) {
  }
}

std::vector<SlotId> KeyKeeper::known_slots(std::span<const SlotId> ids) const {
  std::vector<SlotId> known;
  for (const SlotId id : ids) {
    if (!keys_->keyring.slot(id).wrap_key.empty()) known.push_back(id);
  }
  return known;
}

void KeyKeeper::hold(SlotId id, std::shared_ptr<const SecretBytes> key) {
  let_go(id);
  held_.push_back({id, std::move(key)});
}

void KeyKeeper::let_go(SlotId id) {
  std::erase_if(held_, [&](const HeldSlot& held) { return held.id == id; });
}

}  // namespace strongroom
