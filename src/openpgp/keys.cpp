// keys.cpp: see keys.hpp.
#include "keys.hpp"

#include <charconv>
#include <ctime>
#include <string_view>
#include <utility>

#include "forms.hpp"
#include "packets.hpp"

namespace strongroom::openpgp {
namespace {

// new_ring judges the hash of a key's signatures as gpg does: a self-signature with SHA-1 counts, since
// many keys have no other, and its owner would have to sign a colliding text first. One with MD5 never
// counts; librnp would believe the date in it.
RnpRing new_ring() {
  rnp_ffi_t made = nullptr;
  if (rnp_ffi_create(&made, "GPG", "GPG") != RNP_SUCCESS) return {};
  RnpRing ring(made);
  const auto rule = [&](const char* hash, std::uint32_t level) {
    return rnp_add_security_rule(made, RNP_FEATURE_HASH_ALG, hash,
                                 RNP_SECURITY_OVERRIDE | RNP_SECURITY_VERIFY_KEY, 0,
                                 level) == RNP_SUCCESS;
  };
  const bool ruled = rule("SHA1", RNP_SECURITY_DEFAULT) && rule("MD5", RNP_SECURITY_PROHIBITED);
  return ruled ? std::move(ring) : RnpRing();
}

Trouble loaded(rnp_result_t result) {
  if (result == RNP_ERROR_OUT_OF_MEMORY) return Trouble::no_memory;
  return result == RNP_SUCCESS ? Trouble::none : Trouble::damaged_key;
}

// import_keys also checks every signature. It is permissive, since one packet that librnp does not know
// must not spoil the others.
Trouble import_keys(const RnpRing& ring, std::span<const std::uint8_t> keys, std::uint32_t kind) {
  const RnpInput input = rnp_input(keys);
  if (!ring || !input) return Trouble::no_memory;
  const std::uint32_t flags = kind | RNP_LOAD_SAVE_PERMISSIVE;
  return loaded(rnp_import_keys(ring.get(), input.get(), flags, nullptr));
}

// load_keys is strict and takes half the time: 2.6 ms for RSA-4096.
Trouble load_keys(const RnpRing& ring, std::span<const std::uint8_t> keys, std::uint32_t kind) {
  const RnpInput input = rnp_input(keys);
  if (!ring || !input) return Trouble::no_memory;
  return loaded(rnp_load_keys(ring.get(), "GPG", input.get(), kind));
}

bool is(rnp_result_t (*question)(rnp_key_handle_t, bool*), const RnpKey& key) {
  return rnp_number<bool>(question, key.get());
}

// primary_key returns the one primary key of the ring.
RnpKey primary_key(const RnpRing& ring) {
  rnp_identifier_iterator_t made = nullptr;
  if (rnp_identifier_iterator_create(ring.get(), &made, "fingerprint") != RNP_SUCCESS) return {};
  const RnpIterator iterator(made);
  const char* name = nullptr;
  while (rnp_identifier_iterator_next(made, &name) == RNP_SUCCESS && name) {
    auto key = rnp_get<RnpKey>(rnp_locate_key, ring.get(), "fingerprint", name);
    if (key && is(rnp_key_is_primary, key)) return key;
  }
  return {};
}

// algorithm_reason returns why shares may not be encrypted with the key's algorithm.
Reason algorithm_reason(const RnpKey& key) {
  const auto algorithm = rnp_get<RnpText>(rnp_key_get_alg, key.get());
  const std::string_view name = algorithm ? algorithm.get() : "";
  if (name == "ECDH") return {};  // packets.cpp knows the curve
  if (name != "RSA" && name != "ELGAMAL") return Trouble::other_algorithm;
  const auto bits = rnp_number<std::uint32_t>(rnp_key_get_bits, key.get());
  if (bits < kMinBits) return {Trouble::weak, bits};
  return bits > kMaxKeyBits ? Reason(Trouble::too_long, bits) : Reason();
}

std::uint32_t creation_of(const RnpKey& key) {
  return rnp_number<std::uint32_t>(rnp_key_get_creation, key.get());
}

// expiry_of returns when the key expires; 0: never.
std::uint32_t expiry_of(const RnpKey& key) {
  const auto seconds = rnp_number<std::uint32_t>(rnp_key_get_expiration, key.get());
  return seconds == 0 ? 0 : creation_of(key) + seconds;
}

// has_valid_user_id: librnp also takes a key by the signature of a subkey only, and then knows no date of
// its expiry. gpg does not: whoever removed the user ids would make an expired key last for ever.
bool has_valid_user_id(const RnpKey& key) {
  const auto num_ids = rnp_number<std::size_t>(rnp_key_get_uid_count, key.get());
  for (std::size_t i = 0; i < num_ids; ++i) {
    const auto id = rnp_get<RnpUserId>(rnp_key_get_uid_handle_at, key.get(), i);
    if (!id || rnp_number<bool>(rnp_uid_is_revoked, id.get())) continue;
    if (rnp_number<bool>(rnp_uid_is_valid, id.get())) return true;
  }
  return false;
}

bool is_in_future(const RnpKey& key) {
  return std::int64_t{creation_of(key)} > static_cast<std::int64_t>(std::time(nullptr));
}

Reason primary_reason(const RnpKey& key, const Survey& survey) {
  if (is(rnp_key_is_revoked, key)) return Trouble::revoked;
  if (survey.key_revocation) return Trouble::unverified_revocation;
  if (is_in_future(key)) return {Trouble::from_future, creation_of(key)};
  if (is(rnp_key_is_expired, key)) return {Trouble::expired, expiry_of(key)};
  const bool sound = is(rnp_key_is_valid, key) && has_valid_user_id(key);
  return sound ? Reason() : Trouble::no_self_signature;
}

// encryption_reason returns why this one key or subkey cannot be encrypted to.
Reason encryption_reason(const RnpKey& key) {
  if (!rnp_number<bool>(rnp_key_allows_usage, key.get(), "encrypt")) {
    return Trouble::cannot_encrypt;
  }
  if (is(rnp_key_is_revoked, key)) return Trouble::subkey_revoked;
  if (is_in_future(key)) return {Trouble::from_future, creation_of(key)};
  if (is(rnp_key_is_expired, key)) return {Trouble::subkey_expired, expiry_of(key)};
  return is(rnp_key_is_valid, key) ? algorithm_reason(key) : Trouble::unbound_subkey;
}

// newest_subkey takes the newest subkey that can be encrypted to, as gpg does, or returns why there is none.
Reason newest_subkey(const RnpKey& primary, RnpKey& out) {
  Reason reason = Trouble::cannot_encrypt;
  std::uint32_t newest = 0;
  const auto num_subkeys = rnp_number<std::size_t>(rnp_key_get_subkey_count, primary.get());
  for (std::size_t i = 0; i < num_subkeys; ++i) {
    auto subkey = rnp_get<RnpKey>(rnp_key_get_subkey_at, primary.get(), i);
    if (!subkey) continue;
    const Reason found = encryption_reason(subkey);
    if (!found.good()) {
      if (found.trouble != Trouble::cannot_encrypt) reason = found;
      continue;
    }
    const std::uint32_t created = creation_of(subkey);
    if (out && created <= newest) continue;
    newest = created;
    out = std::move(subkey);
  }
  return out ? Reason() : reason;
}

// choose takes the primary key only if no subkey can be encrypted to, as gpg does.
Reason choose(RnpKey primary, const Survey& survey, RnpKey& out) {
  Reason reason = newest_subkey(primary, out);
  if (reason.good()) return reason;
  const Reason of_primary = encryption_reason(primary);
  if (of_primary.good()) return out = std::move(primary), Reason();
  if (reason.trouble == Trouble::cannot_encrypt) reason = of_primary;
  const bool left_out = reason.trouble == Trouble::cannot_encrypt && !survey.subkey.good();
  return left_out ? survey.subkey : reason;
}

Reason read_keys(std::span<std::uint8_t> text, Kind kind, std::span<std::uint8_t>& out,
                 Survey& survey) {
  if (const Trouble trouble = decode_form(text, kind, out); trouble != Trouble::none) {
    return trouble;
  }
  const Tag first = first_tag(out);
  const Trouble trouble = keep_known(out, kind, survey);
  if (kind == Kind::public_key && survey.other_kind) return Trouble::private_key;
  if (kind == Kind::private_key && survey.other_kind && survey.num_primaries == 0 && out.empty()) {
    return Trouble::public_key;
  }
  // A first packet that is not whole tells noise from a key only by its tag.
  const bool is_key = first == Tag::public_key || first == Tag::private_key;
  if (out.empty() && trouble != Trouble::none && !is_key) return Trouble::not_a_key;
  return trouble;
}

// load_private reads the keys fast if they are sound, and as they are if they are not.
Reason load_private(std::span<const std::uint8_t> keys, RnpRing& out) {
  out = new_ring();
  if (load_keys(out, keys, RNP_LOAD_SAVE_SECRET_KEYS) == Trouble::none) return {};
  out = new_ring();
  return import_keys(out, keys, RNP_LOAD_SAVE_SECRET_KEYS);
}

}  // namespace

std::vector<std::uint8_t> fingerprint_of(const RnpKey& key) {
  const auto hex = rnp_get<RnpText>(rnp_key_get_fprint, key.get());
  if (!hex) return {};
  const std::string_view digits = hex.get();
  std::vector<std::uint8_t> bytes(digits.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, bytes[i], 16);
  }
  return bytes;
}

Reason open_recipient(std::span<std::uint8_t> key, Recipient& out) {
  Survey survey;
  std::span<std::uint8_t> packets;
  if (const Reason reason = read_keys(key, Kind::public_key, packets, survey); !reason.good()) {
    return reason;
  }
  if (survey.num_primaries == 0) return Trouble::not_a_key;
  if (survey.num_primaries > 1) return Trouble::many_keys;
  if (!survey.primary.good()) return survey.primary;
  out.ring = new_ring();
  if (const Trouble trouble = import_keys(out.ring, packets, RNP_LOAD_SAVE_PUBLIC_KEYS);
      trouble != Trouble::none) {
    return trouble;
  }
  RnpKey primary = primary_key(out.ring);
  if (!primary) return Trouble::damaged_key;
  if (const Reason reason = primary_reason(primary, survey); !reason.good()) return reason;
  out.fingerprint = fingerprint_of(primary);
  return choose(std::move(primary), survey, out.encrypt);
}

Reason open_private_keys(std::span<std::uint8_t> keys, RnpRing& out) {
  Survey survey;
  std::span<std::uint8_t> packets;
  if (const Reason reason = read_keys(keys, Kind::private_key, packets, survey); !reason.good()) {
    return reason;
  }
  if (survey.num_primaries == 1 && !survey.primary.good()) return survey.primary;
  if (packets.empty()) return survey.subkey.good() ? Reason(Trouble::not_a_key) : survey.subkey;
  return load_private(packets, out);
}

}  // namespace strongroom::openpgp
