// slot_making.ipp: the bodies of slot_making.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/shamir.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom::detail::slot_making {

static Result<void> check_shares(unsigned shares, unsigned threshold, std::size_t num_pgp_keys) {
  if (shares > kMaxShares || threshold > shares || (shares > 0 && threshold == 0)) {
    return Error{Code::invalid, "of " + std::to_string(shares) + " shares, a threshold of " +
                                    std::to_string(threshold) +
                                    " was requested; it must be from 1 to the number of shares, "
                                    "which is at most 255"};
  }
  if (num_pgp_keys != 0 && num_pgp_keys != shares) {
    return Error{Code::invalid, "for " + std::to_string(shares) + " shares, " +
                                    std::to_string(num_pgp_keys) +
                                    " OpenPGP keys were given; give one for each share"};
  }
  return {};
}

// finish_slot makes room for the wrapped root key, and the wrap key for the future keyring.
static Result<NewSlot> finish_slot(const StoreId& store, Slot slot, SecretBytes key) {
  slot.created_ms = now_ms();
  slot.body.resize(slot.body.size() + kWrappedRootLen);
  NewSlot made;
  made.fixed = slot.fixed_digest(store);
  made.slot = std::move(slot);
  STRONGROOM_ASSIGN(wrap_key, wrap_key_of(key.view()));
  made.wrap_key = std::move(wrap_key);
  made.key = std::move(key);
  return made;
}

}  // namespace strongroom::detail::slot_making

namespace strongroom::detail {

Result<SecretBytes> random_key() {
  auto key = SecretBytes::for_key(kKeyLen);
  STRONGROOM_TRY(key);
  STRONGROOM_TRY(random_bytes(key->reveal_mutable()));
  return key;
}

}  // namespace strongroom::detail

namespace strongroom::detail::slot_making {

// append_wrapped wraps the shares and keeps them in the slot's body.
static Result<void> append_wrapped(Slot& slot, Handout& handout, OpenPgp* pgp,
                                   std::span<const std::vector<std::uint8_t>> pgp_keys) {
  if (pgp == nullptr) {
    return Error{Code::unsupported, "OpenPGP keys were given, but no OpenPGP is available"};
  }
  std::vector<SecretView> texts;
  for (const SecretBytes& text : handout.shares) texts.push_back(text.view());
  const std::vector<ByteView> keys(pgp_keys.begin(), pgp_keys.end());
  STRONGROOM_ASSIGN(wrapped, pgp->wrap(texts, keys));
  Writer out;
  for (const WrappedShare& each : wrapped) {
    if (each.fingerprint.empty() || each.fingerprint.size() > kMaxFingerprintLen ||
        each.message.empty() || each.message.size() > UINT16_MAX) {
      return Error{Code::internal, "OpenPGP returned a fingerprint or message of no known size"};
    }
    out.u8(static_cast<std::uint8_t>(each.fingerprint.size()));
    out.bytes(each.fingerprint);
    out.u16(static_cast<std::uint16_t>(each.message.size()));
    out.bytes(each.message);
  }
  slot.body.insert(slot.body.end(), out.view().begin(), out.view().end());
  handout.shares.clear();
  handout.wrapped = std::move(wrapped);
  return {};
}

// make_share_slot makes a slot of shares and hands them out.
static Result<NewSlot> make_share_slot(const StoreId& store, SlotId id, unsigned num_shares,
                                       unsigned threshold,
                                       std::span<const std::vector<std::uint8_t>> pgp_keys,
                                       OpenPgp* pgp, Handout& handout) {
  STRONGROOM_ASSIGN(key, random_key());
  STRONGROOM_ASSIGN(shares, split_secret(key.view(), threshold, num_shares));
  ShareSetId set{};
  STRONGROOM_TRY(random_bytes(set));
  Slot slot;
  slot.id = id;
  slot.kind = pgp_keys.empty() ? SlotKind::shares : SlotKind::wrapped_shares;
  slot.threshold = static_cast<std::uint8_t>(threshold);
  slot.shares = static_cast<std::uint8_t>(num_shares);
  slot.body.assign(set.begin(), set.end());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const SecretView share = (shares)[i];
    const Digest hash = share_hash(store, set, share);
    slot.body.insert(slot.body.end(), hash.begin(), hash.end());
    STRONGROOM_ASSIGN(copy, SecretBytes::copy_key(share.reveal()));
    Credential credential;
    credential.kind = Credential::Kind::share;
    credential.set = set;
    credential.secret = std::move(copy);
    STRONGROOM_ASSIGN(text, credential.text());
    handout.shares.push_back(std::move(text));
  }
  if (!pgp_keys.empty()) {
    STRONGROOM_TRY(append_wrapped(slot, handout, pgp, pgp_keys));
  }
  return finish_slot(store, std::move(slot), std::move(key));
}

// make_key_slot makes a slot that one key opens, and the text of that key.
static Result<NewSlot> make_key_slot(const StoreId& store, SlotId id, SlotKind kind,
                                     Handout& handout) {
  if (!has_key(kind)) return Error{Code::invalid, "a key cannot open a slot of that kind"};
  STRONGROOM_ASSIGN(key, random_key());
  STRONGROOM_ASSIGN(copy, SecretBytes::copy_key(key.reveal()));
  Credential credential;
  credential.kind = Credential::Kind::key;
  credential.store = store;
  credential.slot = id;
  credential.secret = std::move(copy);
  STRONGROOM_ASSIGN(text, credential.text());
  handout.key_file = std::move(text);
  Slot slot;
  slot.id = id;
  slot.kind = kind;
  return finish_slot(store, std::move(slot), std::move(key));
}

}  // namespace strongroom::detail::slot_making

namespace strongroom::detail {

template <typename Options>
Result<std::vector<NewSlot>> make_slots(const StoreId& store, SlotId next, const Options& options,
                                        OpenPgp* pgp, Handout& handout) {
  auto fine =
      detail::slot_making::check_shares(options.shares, options.threshold, options.pgp_keys.size());
  STRONGROOM_TRY(fine);
  std::vector<NewSlot> made;
  if (options.shares > 0) {
    auto slot = detail::slot_making::make_share_slot(
        store, next++, options.shares, options.threshold, options.pgp_keys, pgp, handout);
    STRONGROOM_TRY(slot);
    made.push_back(std::move(slot).value());
  }
  if (options.key_file) {
    auto slot = detail::slot_making::make_key_slot(store, next, options.key_kind, handout);
    STRONGROOM_TRY(slot);
    made.push_back(std::move(slot).value());
  }
  return made;
}

template Result<std::vector<NewSlot>> make_slots(const StoreId&, SlotId, const InitOptions&,
                                                 OpenPgp*, Handout&);
template Result<std::vector<NewSlot>> make_slots(const StoreId&, SlotId, const SlotChange&,
                                                 OpenPgp*, Handout&);

Result<Keyring> edit_keyring(const Keyring& keyring, std::span<const NewSlot> add,
                             std::span<const SlotId> remove, bool new_term, TermId first_term,
                             Revision policy_revision) {
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

}  // namespace strongroom::detail

namespace strongroom {

Result<void> wrap_all(Header& header, const Keyring& keyring, SecretView root) {
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
    STRONGROOM_TRY(slot.wrap(header.store, kept.wrap_key, root));
  }
  return {};
}

}  // namespace strongroom

namespace strongroom::detail::slot_making {

// open_key_slot tries one key.
static Result<OpenedSlot> open_key_slot(const Header& header, const Credential& credential) {
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
  STRONGROOM_ASSIGN(key, SecretBytes::copy_key(credential.secret.reveal()));
  return OpenedSlot{slot->id, std::move(key), std::move(root).value()};
}

}  // namespace strongroom::detail::slot_making

namespace strongroom::detail {

bool is_share_of(const StoreId& store, const Slot& slot, const Credential& share) {
  if (!has_shares(slot.kind) || !slot.well_formed()) return false;
  if (!std::equal(share.set.begin(), share.set.end(), slot.set().begin())) return false;
  const Digest hash = share_hash(store, share.set, share.secret.view());
  for (std::size_t i = 0; i < slot.shares; ++i) {
    if (sodium_memcmp(slot.share_hash(i).data(), hash.data(), hash.size()) == 0) return true;
  }
  return false;
}

std::vector<SecretView> good_shares(const StoreId& store, const Slot& slot,
                                    std::span<const Credential> credentials, std::string* wrong) {
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

Result<OpenedSlot> open_share_slot(const Header& header, const Slot& slot,
                                   std::span<const Credential> credentials) {
  std::string wrong;
  const auto good = good_shares(header.store, slot, credentials, &wrong);
  if (good.size() < slot.threshold) {
    return Error{Code::denied, std::to_string(slot.threshold) + " different shares were needed, " +
                                   std::to_string(good.size()) + " good ones were given" + wrong};
  }
  STRONGROOM_ASSIGN(key, combine_shares(std::span(good).first(slot.threshold)));
  auto root = slot.open(header.store, key.view());
  if (root) return OpenedSlot{slot.id, std::move(key), std::move(root).value()};
  if (root.error().code != Code::corrupt) return std::move(root).error();
  return Error{Code::corrupt, "the shares were right, but their slot is damaged"};
}

}  // namespace strongroom::detail

namespace strongroom {

Result<OpenedSlot> open_root(const Header& header, std::span<const Credential> credentials) {
  Error first{Code::denied, "no share or key was given to unseal with"};
  bool any_share = false;
  for (const Credential& credential : credentials) {
    any_share |= credential.kind == Credential::Kind::share;
    if (credential.kind != Credential::Kind::key) continue;
    auto opened = detail::slot_making::open_key_slot(header, credential);
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

}  // namespace strongroom
