// slot_making.hpp: making unseal slots with what people are to hold, and getting the root key out of one.
//
// Nothing here does I/O, but for asking OpenPGP.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// NewSlot is a slot that is not in the header yet.
struct NewSlot {
  Slot slot;             // without the wrapped root key: zeros stand there
  SecretBytes key;       // the slot's own key
  SecretBytes wrap_key;  // what the keyring is to keep
  Digest fixed{};        // of the slot
};

namespace detail {

Result<SecretBytes> random_key();

// make_slots makes the slots that options (InitOptions or SlotChange) ask for, ids from `next` on.
template <typename Options>
Result<std::vector<NewSlot>> make_slots(const StoreId& store, SlotId next, const Options& options,
                                        OpenPgp* pgp, Handout& handout);

// edit_keyring is the keyring with new slots in it, and without some.
// policy_revision  0: as it was.
Result<Keyring> edit_keyring(const Keyring& keyring, std::span<const NewSlot> add,
                             std::span<const SlotId> remove, bool new_term, TermId first_term,
                             Revision policy_revision = {});

}  // namespace detail

// wrap_all wraps the root key for every slot of the header, which must be those of the keyring.
// Errors  unsupported: a slot of a later kind can not be wrapped for.  corrupt: a slot is damaged, or
// lost, and is named.
Result<void> wrap_all(Header& header, const Keyring& keyring, SecretView root);

// OpenedSlot is what a credential yields.
struct OpenedSlot {
  SlotId id = 0;
  SecretBytes key;  // the slot's own
  SecretBytes root;
};

namespace detail {

// is_share_of tells whether the slot has the hash of this share.
bool is_share_of(const StoreId& store, const Slot& slot, const Credential& share);

// good_shares takes from the credentials those of this slot, the same one once.
std::vector<SecretView> good_shares(const StoreId& store, const Slot& slot,
                                    std::span<const Credential> credentials,
                                    std::string* wrong = nullptr);

// open_share_slot combines those shares that are the slot's. A wrong one is named and does not spoil
// the others.
Result<OpenedSlot> open_share_slot(const Header& header, const Slot& slot,
                                   std::span<const Credential> credentials);

}  // namespace detail

// open_root gives the root key that one of the slots yields to these credentials, and that slot.
// Errors  denied: none did; the message says what was wrong with the first.  corrupt: a damaged
// slot.
Result<OpenedSlot> open_root(const Header& header, std::span<const Credential> credentials);

}  // namespace strongroom
