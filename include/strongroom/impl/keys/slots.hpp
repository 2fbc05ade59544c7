// slots.hpp: making unseal slots with what people are to hold, and getting the root key out of one.
//
// A slot's own random key wraps the root key; the credential is that key itself (key file,
// environment, systemd credential) or shares of it, in clear or wrapped to OpenPGP keys. Any one slot
// opens the store. Nothing here does I/O, but for asking OpenPGP.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/impl/crypto/shamir.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// Handout is what people are handed before a change takes effect. Texts are secrets, in key memory.
struct Handout {
  std::vector<SecretBytes> shares;    // one line of hex each; none where they were wrapped
  std::vector<WrappedShare> wrapped;  // one per OpenPGP key, in their order
  SecretBytes key_file;               // one line of hex, or empty
};

// InitOptions says what is to open the new store: shares, a key, or both.
struct InitOptions {
  unsigned shares = 0;     // 1..255, or 0 for no slot of shares
  unsigned threshold = 0;  // 1..shares
  bool key_file = false;
  std::uint32_t max_secret_len = kDefaultMaxSecretLen;  // bytes, up to 64 MiB
  SlotKind key_kind = SlotKind::key;                    // where that key will be kept
  std::vector<std::vector<std::uint8_t>> pgp_keys{};    // none, or one public key per share
};

// PendingInit is a store that does not exist yet: hand its credentials out, then activate it.
// Dropping it leaves no trace.
struct PendingInit : Handout {
  StoreId store{};
  std::vector<std::uint8_t> record;  // the header to be
  SecretBytes escrow;                // an OpenPGP private key to keep beside the data, or empty
  SecretBytes root;                  // to fill the store before it exists: see migrate.hpp
};

// SlotChange says which slots to add and to remove, in one commit.
struct SlotChange {
  unsigned shares = 0;  // of a new slot of shares; as in InitOptions
  unsigned threshold = 0;
  bool key_file = false;
  SlotKind key_kind = SlotKind::key;
  std::vector<std::vector<std::uint8_t>> pgp_keys;
  std::vector<SlotId> remove;
  std::optional<bool> new_keys;  // rotate root and data key; unless told, when a slot is removed
  bool verify = false;           // the new credentials must be given back before they take effect
};

// NewSlot is a slot that is not in the header yet.
struct NewSlot {
  Slot slot;             // without the wrapped root key: zeros stand there
  SecretBytes key;       // the slot's own key
  SecretBytes wrap_key;  // what the keyring is to keep
  Digest fixed{};        // of the slot
};

// PendingSlots is a change of the slots that did not happen yet: hand its credentials out, verify
// them where that was asked for, then activate it. Until then the old slots rule; dropping it, or
// ending the process, forgets it.
struct PendingSlots : Handout {
  std::vector<NewSlot> add;
  std::vector<SlotId> remove;
  bool new_keys = false;
  bool verify = false;
  StoreId store{};
  Digest table{};                      // of the slots that this was prepared for
  std::vector<Credential> given_back;  // shares, so far
  std::vector<SlotId> verified;        // whose credentials were given back

  bool ready() const noexcept { return !verify || verified.size() == add.size(); }
};

// UnsealProgress tells how far a round of shares is. Of several slots of shares, the nearest one.
struct UnsealProgress {
  bool unsealed = false;
  unsigned progress = 0;  // good, different shares so far
  unsigned threshold = 0;
  unsigned shares = 0;
};

namespace detail {

inline Result<void> check_shares(unsigned shares, unsigned threshold, std::size_t num_pgp_keys) {
  if (shares > kMaxShares || threshold > shares || (shares > 0 && threshold == 0)) {
    return Error{Code::invalid, "of " + std::to_string(shares) + " shares, a threshold of " +
                                    std::to_string(threshold) +
                                    " was asked for; it must be from 1 to the number of shares, "
                                    "which is at most 255"};
  }
  if (num_pgp_keys != 0 && num_pgp_keys != shares) {
    return Error{Code::invalid, "for " + std::to_string(shares) + " shares, " +
                                    std::to_string(num_pgp_keys) +
                                    " OpenPGP keys were given; one for each share is needed"};
  }
  return {};
}

// finish_slot makes the slot's own key known to the keyring-to-be.
inline Result<NewSlot> finish_slot(const StoreId& store, Slot slot, SecretBytes key) {
  slot.created_ms = now_ms();
  slot.body.resize(slot.body.size() + kWrappedRootLen);
  NewSlot made;
  made.fixed = slot.fixed_digest(store);
  made.slot = std::move(slot);
  auto wrap_key = wrap_key_of(key.view());
  if (!wrap_key) return std::move(wrap_key).error();
  made.wrap_key = std::move(wrap_key).value();
  made.key = std::move(key);
  return made;
}

inline Result<SecretBytes> random_key() {
  auto key = SecretBytes::for_key(kKeyLen);
  if (!key) return key;
  if (auto random = random_bytes(key->reveal_mutable()); !random) return std::move(random).error();
  return key;
}

// append_wrapped wraps the shares and keeps them in the slot's body.
inline Result<void> append_wrapped(Slot& slot, Handout& handout, OpenPgp* pgp,
                                   std::span<const std::vector<std::uint8_t>> pgp_keys) {
  if (pgp == nullptr) {
    return Error{Code::unsupported, "OpenPGP keys were given, but no OpenPGP is at hand"};
  }
  std::vector<SecretView> texts;
  for (const SecretBytes& text : handout.shares) texts.push_back(text.view());
  const std::vector<ByteView> keys(pgp_keys.begin(), pgp_keys.end());
  auto wrapped = pgp->wrap(texts, keys);
  if (!wrapped) return std::move(wrapped).error();
  Writer out;
  for (const WrappedShare& each : wrapped.value()) {
    if (each.fingerprint.empty() || each.fingerprint.size() > kMaxFingerprintLen ||
        each.message.empty() || each.message.size() > UINT16_MAX) {
      return Error{Code::internal, "OpenPGP gave a fingerprint or message of no known size"};
    }
    out.u8(static_cast<std::uint8_t>(each.fingerprint.size()));
    out.bytes(each.fingerprint);
    out.u16(static_cast<std::uint16_t>(each.message.size()));
    out.bytes(each.message);
  }
  slot.body.insert(slot.body.end(), out.view().begin(), out.view().end());
  handout.shares.clear();
  handout.wrapped = std::move(wrapped).value();
  return {};
}

// make_share_slot makes a slot of shares and hands them out.
inline Result<NewSlot> make_share_slot(const StoreId& store, SlotId id, unsigned num_shares,
                                       unsigned threshold,
                                       std::span<const std::vector<std::uint8_t>> pgp_keys,
                                       OpenPgp* pgp, Handout& handout) {
  auto key = random_key();
  if (!key) return std::move(key).error();
  auto shares = split_secret(key->view(), threshold, num_shares);
  if (!shares) return std::move(shares).error();
  ShareSetId set{};
  if (auto random = random_bytes(set); !random) return std::move(random).error();
  Slot slot;
  slot.id = id;
  slot.kind = pgp_keys.empty() ? SlotKind::shares : SlotKind::wrapped_shares;
  slot.threshold = static_cast<std::uint8_t>(threshold);
  slot.shares = static_cast<std::uint8_t>(num_shares);
  slot.body.assign(set.begin(), set.end());
  for (std::size_t i = 0; i < shares->size(); ++i) {
    const SecretView share = (*shares)[i];
    const Digest hash = share_hash(store, set, share);
    slot.body.insert(slot.body.end(), hash.begin(), hash.end());
    auto copy = SecretBytes::copy_key(share.reveal());
    if (!copy) return std::move(copy).error();
    Credential credential;
    credential.kind = Credential::Kind::share;
    credential.set = set;
    credential.secret = std::move(copy).value();
    auto text = credential.text();
    if (!text) return std::move(text).error();
    handout.shares.push_back(std::move(text).value());
  }
  if (!pgp_keys.empty()) {
    auto wrapped = append_wrapped(slot, handout, pgp, pgp_keys);
    if (!wrapped) return std::move(wrapped).error();
  }
  return finish_slot(store, std::move(slot), std::move(key).value());
}

// make_key_slot makes a slot that one key opens, and the text of that key.
inline Result<NewSlot> make_key_slot(const StoreId& store, SlotId id, SlotKind kind,
                                     Handout& handout) {
  if (!has_key(kind)) return Error{Code::invalid, "a key can not open a slot of that kind"};
  auto key = random_key();
  if (!key) return std::move(key).error();
  auto copy = SecretBytes::copy_key(key->reveal());
  if (!copy) return std::move(copy).error();
  Credential credential;
  credential.kind = Credential::Kind::key;
  credential.store = store;
  credential.slot = id;
  credential.secret = std::move(copy).value();
  auto text = credential.text();
  if (!text) return std::move(text).error();
  handout.key_file = std::move(text).value();
  Slot slot;
  slot.id = id;
  slot.kind = kind;
  return finish_slot(store, std::move(slot), std::move(key).value());
}

// make_slots makes the slots that options (InitOptions or SlotChange) ask for, ids from `next` on.
template <typename Options>
Result<std::vector<NewSlot>> make_slots(const StoreId& store, SlotId next, const Options& options,
                                        OpenPgp* pgp, Handout& handout) {
  auto fine = check_shares(options.shares, options.threshold, options.pgp_keys.size());
  if (!fine) return std::move(fine).error();
  std::vector<NewSlot> made;
  if (options.shares > 0) {
    auto slot = make_share_slot(store, next++, options.shares, options.threshold, options.pgp_keys,
                                pgp, handout);
    if (!slot) return std::move(slot).error();
    made.push_back(std::move(slot).value());
  }
  if (options.key_file) {
    auto slot = make_key_slot(store, next, options.key_kind, handout);
    if (!slot) return std::move(slot).error();
    made.push_back(std::move(slot).value());
  }
  return made;
}

// edit_keyring is the keyring with new slots in it, and without some.
// policy_revision  0: as it was.
inline Result<Keyring> edit_keyring(const Keyring& keyring, std::span<const NewSlot> add,
                                    std::span<const SlotId> remove, bool new_term,
                                    TermId first_term, std::uint64_t policy_revision = 0) {
  std::vector<KeyringSlot> added;
  for (const NewSlot& each : add) {
    added.push_back({each.slot.id, each.wrap_key.view(), each.fixed});
  }
  KeyringEdit edit;
  edit.add = added;
  edit.remove = remove;
  edit.new_term = new_term;
  edit.first_term = first_term;
  edit.policy_revision = policy_revision;
  return keyring.edited(edit);
}

}  // namespace detail

// wrap_all wraps the root key for every slot of the header, which must be those of the keyring.
// Errors  unsupported: a slot of a later kind can not be wrapped for.  corrupt: a slot is damaged, or
// lost, and is named.
inline Result<void> wrap_all(Header& header, const Keyring& keyring, SecretView root) {
  for (const SlotId id : keyring.slot_ids()) {
    if (header.slot(id) != nullptr) continue;
    return Error{Code::corrupt, "unseal slot " + std::to_string(id) +
                                    " was lost from the header record; remove it to go on"};
  }
  for (Slot& slot : header.slots) {
    const std::string name = "unseal slot " + std::to_string(slot.id);
    if (!slot.known()) {
      return Error{Code::unsupported, name +
                                          " is of a kind that this program does not know; change "
                                          "the keys with a newer one, or remove that slot"};
    }
    const KeyringSlot kept = keyring.slot(slot.id);
    const Digest fixed = slot.fixed_digest(header.store);
    if (kept.wrap_key.empty() || !std::equal(fixed.begin(), fixed.end(), kept.digest.begin())) {
      return Error{Code::corrupt, name + " is damaged; replace or remove it"};
    }
    auto wrapped = slot.wrap(header.store, kept.wrap_key, root);
    if (!wrapped) return wrapped;
  }
  return {};
}

// prepare_init makes all keys of a new store, and writes nothing anywhere.
//
// pgp     wraps the shares where there are OpenPGP keys; may be null where there are none.
// Errors  invalid: no slot, or a threshold that its shares can not meet, or an OpenPGP key that can
//         not be used.  unsupported: no OpenPGP.  unavailable: no key memory.
inline Result<PendingInit> prepare_init(const InitOptions& options, OpenPgp* pgp = nullptr) {
  if (options.shares == 0 && !options.key_file) {
    return Error{Code::invalid, "a store needs shares or a key file to be unsealed with"};
  }
  if (options.max_secret_len == 0 || options.max_secret_len > kMaxMaxSecretLen) {
    return Error{Code::invalid, "the limit of a secret's size must be from 1 byte to 64 MiB"};
  }
  PendingInit pending;
  Header header;
  if (auto random = random_bytes(header.store); !random) return std::move(random).error();
  header.generation = 1;
  header.max_secret_len = options.max_secret_len;
  auto slots = detail::make_slots(header.store, 1, options, pgp, pending);
  if (!slots) return std::move(slots).error();
  auto empty = Keyring::create();
  if (!empty) return std::move(empty).error();
  auto keyring = detail::edit_keyring(empty.value(), slots.value(), {}, false, 0);
  if (!keyring) return std::move(keyring).error();
  auto root = detail::random_key();
  if (!root) return std::move(root).error();
  for (NewSlot& each : slots.value()) header.slots.push_back(std::move(each.slot));
  if (auto done = wrap_all(header, keyring.value(), root->view()); !done) {
    return std::move(done).error();
  }
  if (auto done = header.seal_keyring(keyring.value(), root->view()); !done) {
    return std::move(done).error();
  }
  auto record = header.encode();
  if (!record) return std::move(record).error();
  pending.store = header.store;
  pending.record = std::move(record).value();
  pending.root = std::move(root).value();
  return pending;
}

// OpenedSlot is what a credential yields.
struct OpenedSlot {
  SlotId id = 0;
  SecretBytes key;  // the slot's own
  SecretBytes root;
};

namespace detail {

// open_key_slot tries one key.
inline Result<OpenedSlot> open_key_slot(const Header& header, const Credential& credential) {
  if (credential.store != header.store) {
    return Error{Code::denied, "the key file belongs to another store"};
  }
  const Slot* slot = header.slot(credential.slot);
  if (slot == nullptr || !has_key(slot->kind)) {
    return Error{Code::denied, "the slot of this key file was removed from the store"};
  }
  auto root = slot->open(header.store, credential.secret.view());
  if (!root) {
    if (root.error().code != Code::corrupt) return std::move(root).error();
    return Error{Code::denied,
                 "the key did not open its slot: it is wrong, or the slot is damaged"};
  }
  auto key = SecretBytes::copy_key(credential.secret.reveal());
  if (!key) return std::move(key).error();
  return OpenedSlot{slot->id, std::move(key).value(), std::move(root).value()};
}

// is_share_of tells whether the slot has the hash of this share.
inline bool is_share_of(const StoreId& store, const Slot& slot, const Credential& share) {
  if (!has_shares(slot.kind) || !slot.well_formed()) return false;
  if (!std::equal(share.set.begin(), share.set.end(), slot.set().begin())) return false;
  const Digest hash = share_hash(store, share.set, share.secret.view());
  for (std::size_t i = 0; i < slot.shares; ++i) {
    if (sodium_memcmp(slot.share_hash(i).data(), hash.data(), hash.size()) == 0) return true;
  }
  return false;
}

// good_shares takes from the credentials those of this slot, the same one once.
inline std::vector<SecretView> good_shares(const StoreId& store, const Slot& slot,
                                           std::span<const Credential> credentials,
                                           std::string* wrong = nullptr) {
  std::vector<SecretView> good;
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    const Credential& share = credentials[i];
    if (share.kind != Credential::Kind::share) continue;
    if (!is_share_of(store, slot, share)) {
      if (wrong == nullptr) continue;
      *wrong += (wrong->empty() ? "; not of this set: share " : ", ") + std::to_string(i + 1);
      continue;
    }
    const bool twice = std::any_of(good.begin(), good.end(), [&](SecretView other) {
      return same_secret(other, share.secret.view());
    });
    if (!twice) good.push_back(share.secret.view());
  }
  return good;
}

// open_share_slot combines those shares that are the slot's. A wrong one is named and does not spoil
// the others.
inline Result<OpenedSlot> open_share_slot(const Header& header, const Slot& slot,
                                          std::span<const Credential> credentials) {
  std::string wrong;
  const auto good = good_shares(header.store, slot, credentials, &wrong);
  if (good.size() < slot.threshold) {
    return Error{Code::denied, std::to_string(slot.threshold) + " different shares were needed, " +
                                   std::to_string(good.size()) + " good ones were given" + wrong};
  }
  auto key = combine_shares(std::span(good).first(slot.threshold));
  if (!key) return std::move(key).error();
  auto root = slot.open(header.store, key->view());
  if (root) return OpenedSlot{slot.id, std::move(key).value(), std::move(root).value()};
  if (root.error().code != Code::corrupt) return std::move(root).error();
  return Error{Code::corrupt, "the shares were right, but their slot is damaged"};
}

}  // namespace detail

// open_root gives the root key that one of the slots yields to these credentials, and that slot.
// Errors  denied: none did; the message says what was wrong with the first.  corrupt: a damaged
// slot.
inline Result<OpenedSlot> open_root(const Header& header, std::span<const Credential> credentials) {
  Error first{Code::denied, "no share or key was given to unseal with"};
  bool any_share = false;
  for (const Credential& credential : credentials) {
    any_share |= credential.kind == Credential::Kind::share;
    if (credential.kind != Credential::Kind::key) continue;
    auto opened = detail::open_key_slot(header, credential);
    if (opened) return opened;
    first = std::move(opened).error();
  }
  if (!any_share) return first;
  const Slot* nearest = nullptr;
  std::size_t most = 0;
  for (const Slot& slot : header.slots) {
    if (!has_shares(slot.kind) || !slot.well_formed()) continue;
    const std::size_t good = detail::good_shares(header.store, slot, credentials).size();
    if (good >= slot.threshold) {
      auto opened = detail::open_share_slot(header, slot, credentials);
      if (opened) return opened;
    }
    if (nearest == nullptr || good > most) {
      nearest = &slot;
      most = good;
    }
  }
  if (nearest == nullptr) return Error{Code::denied, "this store has no slot that shares open"};
  return detail::open_share_slot(header, *nearest, credentials);
}

// give_back takes a credential that somebody was handed, to see that it arrived: any threshold of
// the new shares, and the new key.
// Errors  denied: it is none of the new ones.
inline Result<void> give_back(PendingSlots& pending, Credential credential) {
  for (const NewSlot& each : pending.add) {
    const bool done = std::find(pending.verified.begin(), pending.verified.end(), each.slot.id) !=
                      pending.verified.end();
    if (credential.kind == Credential::Kind::key) {
      if (credential.store != pending.store || credential.slot != each.slot.id ||
          !same_secret(credential.secret.view(), each.key.view())) {
        continue;
      }
      if (!done) pending.verified.push_back(each.slot.id);
      return {};
    }
    if (!detail::is_share_of(pending.store, each.slot, credential)) continue;
    if (done) return {};
    pending.given_back.push_back(std::move(credential));
    const auto good = detail::good_shares(pending.store, each.slot, pending.given_back);
    if (good.size() < pending.given_back.size()) pending.given_back.pop_back();  // the same again
    if (good.size() < each.slot.threshold) return {};
    auto key = combine_shares(std::span(good).first(each.slot.threshold));
    if (!key) return std::move(key).error();
    if (!same_secret(key->view(), each.key.view())) {
      return Error{Code::internal, "the new shares did not combine to their key"};
    }
    pending.verified.push_back(each.slot.id);
    pending.given_back.clear();
    return {};
  }
  return Error{Code::denied, "this is none of the new shares or keys; the old ones still rule"};
}

}  // namespace strongroom
