// pending.hpp: code that new stores and changes of slots share.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/slots.hpp"

namespace strongroom::capi {

// key_kind_of returns the kind of a slot that a key opens.
inline Result<SlotKind> key_kind_of(std::uint32_t kind) {
  switch (kind) {
    case 0:
    case STRONGROOM_SLOT_KEY:
      return SlotKind::key;
    case STRONGROOM_SLOT_ENVIRONMENT:
      return SlotKind::environment;
    case STRONGROOM_SLOT_SYSTEM_CREDENTIAL:
      return SlotKind::system_credential;
    default:
      return Error{Code::invalid, "key_kind is not the kind of a slot that a key opens"};
  }
}

using PgpKeys = std::vector<std::vector<std::uint8_t>>;

inline Result<PgpKeys> pgp_keys_of(const strongroom_bytes* keys, std::size_t num) {
  if (keys == nullptr && num > 0) return was_null("pgp_keys");
  if (num > kMaxShares) return Error{Code::invalid, "more than 255 OpenPGP keys were given"};
  PgpKeys copies;
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(key, bytes_of(keys[i].data, keys[i].len, "an OpenPGP key"));
    if (key.size() > kMaxOpenPgpKeyLen) {
      return Error{Code::too_large, "an OpenPGP key is longer than 1 MiB"};
    }
    copies.emplace_back(key.begin(), key.end());
  }
  return copies;
}

// read_new_slots reads the options that InitOptions and SlotChange have in common.
template <typename Given, typename Options>
Result<void> read_new_slots(const Given& given, Options& options) {
  options.shares = given.shares;
  options.threshold = given.threshold;
  STRONGROOM_ASSIGN(has_key, flag_of(given.key, "key"));
  options.key_file = has_key;
  auto kind = key_kind_of(given.key_kind);
  STRONGROOM_TRY(kind);
  options.key_kind = kind.value();
  auto keys = pgp_keys_of(given.pgp_keys, given.num_pgp_keys);
  STRONGROOM_TRY(keys);
  options.pgp_keys = std::move(keys).value();
  return {};
}

// change_of returns the pending change if it is a T.
// Errors  invalid: the handle, or not a T (with `otherwise` as the message).  sealed: after a fork.
template <typename T, typename Pending>
auto change_of(Pending* pending, const char* otherwise)
    -> Result<decltype(std::get_if<T>(&pending->change))> {
  STRONGROOM_TRY(check_handle(pending, "pending"));
  auto* const change = std::get_if<T>(&pending->change);
  if (change == nullptr) return Error{Code::invalid, otherwise};
  return change;
}

// wrapped_credential returns a wrapped share in the form of C; its bytes are borrowed.
inline strongroom_credential wrapped_credential(const WrappedShare& share) noexcept {
  strongroom_credential filled = STRONGROOM_CREDENTIAL_INIT;
  filled.kind = STRONGROOM_CREDENTIAL_WRAPPED_SHARE;
  filled.data = lend(share.message, &filled.len);
  filled.fingerprint = lend(share.fingerprint, &filled.fingerprint_len);
  return filled;
}

}  // namespace strongroom::capi
