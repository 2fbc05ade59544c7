// keys.cpp: see keys.hpp.
#include "keys.hpp"

#include <charconv>
#include <string_view>
#include <utility>

#include "forms.hpp"
#include "strongroom/openpgp.hpp"

namespace strongroom::openpgp {
namespace {

constexpr std::size_t kMaxBinaryLen = kMaxOpenPgpKeyLen;

RnpRing new_ring() {
  rnp_ffi_t ring = nullptr;
  if (rnp_ffi_create(&ring, "GPG", "GPG") != RNP_SUCCESS) return {};
  return RnpRing(ring);
}

Trouble loaded(rnp_result_t result) {
  if (result == RNP_ERROR_OUT_OF_MEMORY) return Trouble::no_memory;
  return result == RNP_SUCCESS ? Trouble::none : Trouble::not_a_key;
}

// import_keys also checks every signature. It is permissive, since a key may have a subkey of a kind that
// librnp does not know.
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

// primary_keys returns at most two, since more than one is refused.
std::vector<RnpKey> primary_keys(const RnpRing& ring) {
  std::vector<RnpKey> found;
  rnp_identifier_iterator_t made = nullptr;
  if (rnp_identifier_iterator_create(ring.get(), &made, "fingerprint") != RNP_SUCCESS) return found;
  const RnpIterator iterator(made);
  const char* name = nullptr;
  while (found.size() < 2 && rnp_identifier_iterator_next(made, &name) == RNP_SUCCESS && name) {
    auto key = rnp_get<RnpKey>(rnp_locate_key, ring.get(), "fingerprint", name);
    if (key && is(rnp_key_is_primary, key)) found.push_back(std::move(key));
  }
  return found;
}

// algorithm_trouble returns whether shares may be encrypted with the key's algorithm.
Trouble algorithm_trouble(const RnpKey& key) {
  const auto algorithm = rnp_get<RnpText>(rnp_key_get_alg, key.get());
  if (!algorithm) return Trouble::other_algorithm;
  if (algorithm.get() == std::string_view("RSA")) {
    const auto bits = rnp_number<std::uint32_t>(rnp_key_get_bits, key.get());
    if (bits < kMinBits) return Trouble::weak;
    return bits > kMaxBits ? Trouble::other_algorithm : Trouble::none;
  }
  const auto curve = rnp_get<RnpText>(rnp_key_get_curve, key.get());
  const bool taken = curve && algorithm.get() == std::string_view("ECDH") &&
                     curve.get() == std::string_view("Curve25519");
  return taken ? Trouble::none : Trouble::other_algorithm;
}

Trouble validity_trouble(const RnpKey& key) {
  if (is(rnp_key_is_revoked, key)) return Trouble::revoked;
  if (is(rnp_key_is_expired, key)) return Trouble::expired;
  return is(rnp_key_is_valid, key) ? Trouble::none : Trouble::not_a_key;
}

// encryption_trouble returns why this one key cannot be encrypted to.
Trouble encryption_trouble(const RnpKey& key) {
  if (!rnp_number<bool>(rnp_key_allows_usage, key.get(), "encrypt")) {
    return Trouble::cannot_encrypt;
  }
  const Trouble trouble = validity_trouble(key);
  return trouble != Trouble::none ? trouble : algorithm_trouble(key);
}

// choose takes the newest subkey that can be encrypted to, as gpg does, or returns why there is none.
Trouble choose(const RnpKey& primary, RnpKey& out) {
  Trouble trouble = Trouble::cannot_encrypt;
  std::uint32_t newest = 0;
  const auto consider = [&](RnpKey key) {
    const Trouble found = key ? encryption_trouble(key) : Trouble::cannot_encrypt;
    if (found != Trouble::none) {
      if (found != Trouble::cannot_encrypt) trouble = found;
      return;
    }
    const auto created = rnp_number<std::uint32_t>(rnp_key_get_creation, key.get());
    if (out && created <= newest) return;
    newest = created;
    out = std::move(key);
  };
  const auto num_subkeys = rnp_number<std::size_t>(rnp_key_get_subkey_count, primary.get());
  for (std::size_t i = 0; i < num_subkeys; ++i) {
    consider(rnp_get<RnpKey>(rnp_key_get_subkey_at, primary.get(), i));
  }
  return out ? Trouble::none : trouble;
}

}  // namespace

std::span<const std::uint8_t> binary_form(std::span<std::uint8_t> bytes, RnpOutput& storage) {
  const auto form = decode_form(bytes);
  if (!is_armored(form)) return form;
  const RnpInput input = rnp_input(form);
  storage = rnp_memory(kMaxBinaryLen);
  if (!input || !storage || rnp_dearmor(input.get(), storage.get()) != RNP_SUCCESS) return {};
  return rnp_written(storage);
}

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

Trouble open_recipient(std::span<std::uint8_t> key, Recipient& out) {
  RnpOutput storage;
  const auto form = decode_form(key);
  if (is_armored(form) && num_armors(form) > 1) return Trouble::many_keys;
  const auto binary = binary_form(form, storage);
  const Tag tag = first_tag(binary);
  if (tag == Tag::private_key || tag == Tag::private_subkey) return Trouble::private_key;
  if (tag != Tag::public_key) return Trouble::not_a_key;
  out.ring = new_ring();
  if (const Trouble trouble = import_keys(out.ring, binary, RNP_LOAD_SAVE_PUBLIC_KEYS);
      trouble != Trouble::none) {
    return trouble;
  }
  const std::vector<RnpKey> primaries = primary_keys(out.ring);
  if (primaries.empty()) return Trouble::not_a_key;
  if (primaries.size() > 1) return Trouble::many_keys;
  if (const Trouble trouble = validity_trouble(primaries[0]); trouble != Trouble::none) {
    return trouble;
  }
  out.fingerprint = fingerprint_of(primaries[0]);
  return choose(primaries[0], out.encrypt);
}

Trouble open_private_keys(std::span<std::uint8_t> keys, RnpRing& out) {
  RnpOutput storage;
  const auto binary = binary_form(keys, storage);
  const Tag tag = first_tag(binary);
  if (tag == Tag::public_key || tag == Tag::public_subkey) return Trouble::public_key;
  if (tag != Tag::private_key && tag != Tag::private_subkey) return Trouble::not_a_key;
  out = new_ring();
  if (load_keys(out, binary, RNP_LOAD_SAVE_SECRET_KEYS) == Trouble::none) return Trouble::none;
  out = new_ring();
  return import_keys(out, binary, RNP_LOAD_SAVE_SECRET_KEYS);
}

}  // namespace strongroom::openpgp
