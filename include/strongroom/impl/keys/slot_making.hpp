// slot_making.hpp: makes unseal slots and their credentials, and gets the root key out of a slot.
//
// Nothing here does I/O, except for calls to OpenPGP.
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
  SecretBytes wrap_key;  // for the keyring
  Digest fixed{};        // the slot's fixed_digest
};

namespace detail {

Result<SecretBytes> random_key();

// make_slots makes the slots that options (InitOptions or SlotChange) ask for, ids from `next` on.
template <typename Options>
Result<std::vector<NewSlot>> make_slots(const StoreId& store, SlotId next, const Options& options,
                                        OpenPgp* pgp, Handout& handout);

// edit_keyring returns the keyring with the slots in `add`, and without those in `remove`.
// policy_revision  0: as it was.
Result<Keyring> edit_keyring(const Keyring& keyring, std::span<const NewSlot> add,
                             std::span<const SlotId> remove, bool new_term, TermId first_term,
                             Revision policy_revision = {});

}  // namespace detail

// wrap_all wraps the root key for every slot of the header, which must be those of the keyring.
// Errors  unsupported: a slot is of a newer kind, so that nothing can be wrapped for it.  corrupt: a
//         slot is damaged or lost; the message names it.
Result<void> wrap_all(Header& header, const Keyring& keyring, SecretView root);

// OpenedSlot is what a credential yields.
struct OpenedSlot {
  SlotId id = 0;
  SecretBytes key;  // the slot's own
  SecretBytes root;
};

namespace detail {

// is_share_of returns whether the slot has the hash of this share.
bool is_share_of(const StoreId& store, const Slot& slot, const Credential& share);

// good_shares returns the credentials that are shares of this slot, each once. The numbers of other
// shares are appended to *wrong, where that is not null.
std::vector<SecretView> good_shares(const StoreId& store, const Slot& slot,
                                    std::span<const Credential> credentials,
                                    std::string* wrong = nullptr);

// open_share_slot combines the shares that are the slot's. A wrong share does not spoil the others; an
// error names it.
Result<OpenedSlot> open_share_slot(const Header& header, const Slot& slot,
                                   std::span<const Credential> credentials);

}  // namespace detail

// open_root returns the root key that these credentials get from one of the slots, and that slot.
// Errors  denied: they open no slot; the message says what was wrong.  corrupt: a damaged slot.
Result<OpenedSlot> open_root(const Header& header, std::span<const Credential> credentials);

}  // namespace strongroom
