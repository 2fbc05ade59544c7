// slots.ipp: the bodies of slots.hpp.
#include <algorithm>
#include <span>
#include <utility>

#include "strongroom/credential.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/shamir.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"

namespace strongroom {

bool PendingSlots::ready() const noexcept {
  return add != nullptr && (!verify || verified.size() == add->size());
}

Result<PendingInit> prepare_init(const InitOptions& options, OpenPgp* pgp) {
  if (options.shares == 0 && !options.key_file) {
    return Error{Code::invalid, "a store needs shares or a key file to be unsealed with"};
  }
  if (options.max_secret_len == 0 || options.max_secret_len > kMaxMaxSecretLen) {
    return Error{Code::invalid, "the limit of a secret's size must be from 1 byte to 64 MiB"};
  }
  PendingInit pending;
  Header header;
  STRONGROOM_TRY(random_bytes(header.store));
  header.generation = 1;
  header.max_secret_len = options.max_secret_len;
  STRONGROOM_ASSIGN(slots, detail::make_slots(header.store, 1, options, pgp, pending));
  STRONGROOM_ASSIGN(empty, Keyring::create());
  STRONGROOM_ASSIGN(keyring, detail::edit_keyring(empty, slots, {}, false, 0));
  STRONGROOM_ASSIGN(root, detail::random_key());
  for (NewSlot& each : slots) header.slots.push_back(std::move(each.slot));
  STRONGROOM_TRY(wrap_all(header, keyring, root.view()));
  STRONGROOM_TRY(header.seal_keyring(keyring, root.view()));
  STRONGROOM_ASSIGN(record, header.encode());
  pending.store = header.store;
  pending.record = std::move(record);
  pending.root = std::move(root);
  return pending;
}

Result<void> give_back(PendingSlots& pending, Credential credential) {
  if (pending.add == nullptr) return Error{Code::invalid, "no slots were prepared"};
  for (const NewSlot& each : *pending.add) {
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
    STRONGROOM_ASSIGN(key, combine_shares(std::span(good).first(each.slot.threshold)));
    if (!same_secret(key.view(), each.key.view())) {
      return Error{Code::internal, "the new shares did not combine to their key"};
    }
    pending.verified.push_back(each.slot.id);
    pending.given_back.clear();
    return {};
  }
  return Error{Code::denied,
               "this is not one of the new shares or keys; the old ones still open the store"};
}

}  // namespace strongroom
