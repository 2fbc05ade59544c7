// slots.hpp: making a new store's slots, and getting the root key back out of one.
//
// A slot's own random key wraps the root key; the credential is that key itself (key file) or
// shares of it. Any one slot opens the store.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/header.hpp"
#include "strongroom/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/shamir.hpp"

namespace strongroom {

// InitOptions says what is to open the new store: shares, a key file, or both.
struct InitOptions {
  unsigned shares = 0;     // 1..255, or 0 for no slot of shares
  unsigned threshold = 0;  // 1..shares
  bool key_file = false;
  std::uint32_t max_secret_len = kDefaultMaxSecretLen;  // bytes, up to 64 MiB
};

// PendingInit is a store that does not exist yet: hand its credentials out, then activate it.
// The texts are secrets, in key memory. Dropping it leaves no trace.
struct PendingInit {
  StoreId store{};
  std::vector<SecretBytes> shares;   // one line of hex each
  SecretBytes key_file;              // one line of hex, or empty
  std::vector<std::uint8_t> record;  // the header to be
};

namespace detail {

// add_share_slot puts the slot and hands out its shares.
inline Result<void> add_share_slot(Header& header, SlotId id, const InitOptions& options,
                                   SecretView slot_key, SecretView root,
                                   std::vector<SecretBytes>& texts) {
  auto shares = split_secret(slot_key, options.threshold, options.shares);
  if (!shares) return std::move(shares).error();
  ShareSetId set{};
  if (auto random = random_bytes(set); !random) return random;
  Slot slot;
  slot.id = id;
  slot.kind = SlotKind::shares;
  slot.threshold = static_cast<std::uint8_t>(options.threshold);
  slot.shares = static_cast<std::uint8_t>(options.shares);
  slot.created_ms = now_ms();
  slot.body.assign(set.begin(), set.end());
  for (auto& share : shares.value()) {
    const Digest hash = share_hash(header.store, set, share.view());
    slot.body.insert(slot.body.end(), hash.begin(), hash.end());
    Credential credential;
    credential.kind = Credential::Kind::share;
    credential.set = set;
    credential.secret = std::move(share);
    auto text = credential.text();
    if (!text) return std::move(text).error();
    texts.push_back(std::move(text).value());
  }
  if (auto wrapped = slot.wrap(header.store, slot_key, root); !wrapped) return wrapped;
  header.slots.push_back(std::move(slot));
  return {};
}

// add_key_slot puts the slot and gives the text of its key file.
inline Result<SecretBytes> add_key_slot(Header& header, SlotId id, SecretView slot_key,
                                        SecretView root) {
  Slot slot;
  slot.id = id;
  slot.kind = SlotKind::key;
  slot.created_ms = now_ms();
  if (auto wrapped = slot.wrap(header.store, slot_key, root); !wrapped) {
    return std::move(wrapped).error();
  }
  header.slots.push_back(std::move(slot));
  Credential credential;
  credential.kind = Credential::Kind::key;
  credential.store = header.store;
  credential.slot = id;
  auto key = SecretBytes::copy_key(slot_key.reveal());
  if (!key) return key;
  credential.secret = std::move(key).value();
  return credential.text();
}

}  // namespace detail

// prepare_init makes all keys of a new store, and writes nothing anywhere.
// Errors  invalid: no slot, or a threshold that its shares can not meet.  unavailable: no key
// memory.
inline Result<PendingInit> prepare_init(const InitOptions& options) {
  if (options.shares == 0 && !options.key_file) {
    return Error{Code::invalid, "a store needs shares or a key file to be unsealed with"};
  }
  if (options.shares > 255 || options.threshold > options.shares ||
      (options.shares > 0 && options.threshold == 0)) {
    return Error{Code::invalid, "of " + std::to_string(options.shares) +
                                    " shares, a threshold of " + std::to_string(options.threshold) +
                                    " was asked for; it must be from 1 to the number of shares, "
                                    "which is at most 255"};
  }
  if (options.max_secret_len == 0 || options.max_secret_len > kMaxMaxSecretLen) {
    return Error{Code::invalid, "the limit of a secret's size must be from 1 byte to 64 MiB"};
  }
  std::vector<SlotId> ids;
  if (options.shares > 0) ids.push_back(1);
  if (options.key_file) ids.push_back(2);
  auto keyring = Keyring::create(ids);
  if (!keyring) return std::move(keyring).error();
  auto root = SecretBytes::for_key(kKeyLen);
  if (!root) return std::move(root).error();
  if (auto random = random_bytes(root->reveal_mutable()); !random) return std::move(random).error();

  PendingInit pending;
  Header header;
  if (auto random = random_bytes(header.store); !random) return std::move(random).error();
  header.generation = 1;
  header.max_secret_len = options.max_secret_len;
  if (options.shares > 0) {
    auto added = detail::add_share_slot(header, 1, options, keyring->slot_key(1), root->view(),
                                        pending.shares);
    if (!added) return std::move(added).error();
  }
  if (options.key_file) {
    auto text = detail::add_key_slot(header, 2, keyring->slot_key(2), root->view());
    if (!text) return std::move(text).error();
    pending.key_file = std::move(text).value();
  }
  if (auto sealed = header.seal_keyring(keyring.value(), root->view()); !sealed) {
    return std::move(sealed).error();
  }
  auto record = header.encode();
  if (!record) return std::move(record).error();
  pending.store = header.store;
  pending.record = std::move(record).value();
  return pending;
}

namespace detail {

// open_key_slot tries one key file.
inline Result<SecretBytes> open_key_slot(const Header& header, const Credential& credential) {
  if (credential.store != header.store) {
    return Error{Code::denied, "the key file belongs to another store"};
  }
  for (const Slot& slot : header.slots) {
    if (slot.id != credential.slot || slot.kind != SlotKind::key) continue;
    auto root = slot.open(header.store, credential.secret.view());
    if (root) return root;
    return Error{Code::denied,
                 "the key did not open its slot: it is wrong, or the slot is damaged"};
  }
  return Error{Code::denied, "the slot of this key file was removed from the store"};
}

// known_share tells whether the header has the hash of this share.
inline bool known_share(const Header& header, const Slot& slot, const Credential& share) noexcept {
  const Digest hash = share_hash(header.store, share.set, share.secret.view());
  for (std::size_t i = 0; i < slot.shares; ++i) {
    if (sodium_memcmp(slot.share_hash(i).data(), hash.data(), hash.size()) == 0) return true;
  }
  return false;
}

// open_share_slot takes from the credentials those of this slot's set. A wrong one is named and
// does not spoil the others; the same one twice counts once.
inline Result<SecretBytes> open_share_slot(const Header& header, const Slot& slot,
                                           std::span<const Credential> credentials) {
  std::vector<SecretView> good;
  std::string wrong;
  for (std::size_t i = 0; i < credentials.size(); ++i) {
    const Credential& share = credentials[i];
    if (share.kind != Credential::Kind::share) continue;
    if (!std::equal(share.set.begin(), share.set.end(), slot.set().begin()) ||
        !known_share(header, slot, share)) {
      wrong += (wrong.empty() ? "; not of this store: share " : ", ") + std::to_string(i + 1);
      continue;
    }
    const bool twice = std::any_of(good.begin(), good.end(), [&](SecretView other) {
      return same_secret(other, share.secret.view());
    });
    if (!twice) good.push_back(share.secret.view());
  }
  if (good.size() < slot.threshold) {
    return Error{Code::denied, std::to_string(slot.threshold) + " different shares were needed, " +
                                   std::to_string(good.size()) + " good ones were given" + wrong};
  }
  auto slot_key = combine_shares(std::span(good).first(slot.threshold));
  if (!slot_key) return slot_key;
  auto root = slot.open(header.store, slot_key->view());
  if (root) return root;
  return Error{Code::corrupt, "the shares were right, but their slot is damaged"};
}

}  // namespace detail

// open_root gives the root key that one of the slots yields to these credentials.
// Errors  denied: none did; the message says what was wrong with the first.  corrupt: a damaged
// slot.
inline Result<SecretBytes> open_root(const Header& header,
                                     std::span<const Credential> credentials) {
  Error first{Code::denied, "no share or key was given to unseal with"};
  bool any_share = false;
  for (const Credential& credential : credentials) {
    any_share |= credential.kind == Credential::Kind::share;
    if (credential.kind != Credential::Kind::key) continue;
    auto root = detail::open_key_slot(header, credential);
    if (root) return root;
    first = std::move(root).error();
  }
  if (!any_share) return first;
  bool any_slot = false;
  for (const Slot& slot : header.slots) {
    if (slot.kind != SlotKind::shares || !slot.well_formed()) continue;
    auto root = detail::open_share_slot(header, slot, credentials);
    if (root) return root;
    if (!any_slot) first = std::move(root).error();
    any_slot = true;
  }
  if (!any_slot) return Error{Code::denied, "this store has no slot that shares open"};
  return first;
}

}  // namespace strongroom
