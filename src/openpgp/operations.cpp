// operations.cpp: see operations.hpp.
#include "operations.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "forms.hpp"
#include "keys.hpp"
#include "packets.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/openpgp.hpp"

namespace strongroom::openpgp {
namespace {

using RnpEncrypt = Rnp<rnp_op_encrypt_t, rnp_op_encrypt_destroy>;
using RnpVerify = Rnp<rnp_op_verify_t, rnp_op_verify_destroy>;
using RnpGenerate = Rnp<rnp_op_generate_t, rnp_op_generate_destroy>;

Reply refused(Reason reason, unsigned number = 0) {
  Reply reply;
  reply.reason = reason;
  reply.number = number;
  return reply;
}

std::vector<std::uint8_t> copy(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

// encrypt returns an empty message on failure.
std::vector<std::uint8_t> encrypt(const Recipient& recipient, SecretView text) {
  const RnpInput input = rnp_input(text.reveal());
  const RnpOutput output = rnp_memory(kMaxOpenPgpMessageLen);
  if (!input || !output) return {};
  rnp_op_encrypt_t made = nullptr;
  if (rnp_op_encrypt_create(&made, recipient.ring.get(), input.get(), output.get()) !=
      RNP_SUCCESS) {
    return {};
  }
  const RnpEncrypt operation(made);
  const bool encrypted =
      rnp_op_encrypt_add_recipient(made, recipient.encrypt.get()) == RNP_SUCCESS &&
      rnp_op_encrypt_set_cipher(made, "AES256") == RNP_SUCCESS &&
      rnp_op_encrypt_set_compression(made, "Uncompressed", 0) == RNP_SUCCESS &&
      rnp_op_encrypt_execute(made) == RNP_SUCCESS;
  return encrypted ? copy(rnp_written(output)) : std::vector<std::uint8_t>{};
}

// wrap opens every key twice, so that all are checked before anything is encrypted, and only one at a
// time is in locked memory.
Reply wrap(Request& request) {
  Reply reply;
  for (unsigned i = 0; i < request.keys.size(); ++i) {
    Recipient recipient;
    auto key = request.keys[i];  // decoded in place, and needed once more
    const Reason reason = open_recipient(key, recipient);
    if (!reason.good()) return refused(reason, i + 1);
    reply.fields.push_back(std::move(recipient.fingerprint));
    reply.fields.emplace_back();
  }
  for (unsigned i = 0; i < request.texts.size(); ++i) {
    Recipient recipient;
    const Reason reason = open_recipient(request.keys[i], recipient);
    if (!reason.good()) return refused(reason, i + 1);
    reply.fields[2 * i + 1] = encrypt(recipient, request.texts[i].view());
    if (reply.fields[2 * i + 1].empty()) return refused(Trouble::failed);
  }
  return reply;
}

// Passphrase answers librnp when it asks for a passphrase.
struct Passphrase {
  SecretView passphrase;
  bool asked = false;
  bool stub = false;  // gpg wrote the key without its private part

  static bool answer(rnp_ffi_t, void* self, rnp_key_handle_t key, const char*, char* out,
                     std::size_t max_len) {
    if (key == nullptr) return false;  // asked for a message that is encrypted to a passphrase
    auto* const mine = static_cast<Passphrase*>(self);
    const auto protection = rnp_get<RnpText>(rnp_key_get_protection_type, key);
    if (protection && std::string_view(protection.get()).starts_with("GPG-")) {
      mine->stub = true;
      return false;
    }
    mine->asked = true;
    const auto bytes = mine->passphrase.reveal();
    if (bytes.empty() || bytes.size() >= max_len) return false;
    std::memcpy(out, bytes.data(), bytes.size());
    out[bytes.size()] = '\0';
    return true;
  }
};

// Plaintext takes what librnp decrypts, up to a limit: a short message may expand to gigabytes.
struct Plaintext {
  SecretBytes bytes;
  std::size_t len = 0;
  bool overflowed = false;

  static bool write(void* self, const void* bytes, std::size_t len) {
    auto* const mine = static_cast<Plaintext*>(self);
    mine->overflowed = mine->overflowed || len > mine->bytes.size() - mine->len;
    if (mine->overflowed) return false;
    std::memcpy(mine->bytes.reveal_mutable().data() + mine->len, bytes, len);
    mine->len += len;
    return true;
  }
};

// decryption_trouble translates librnp's result into a Trouble.
Trouble decryption_trouble(rnp_result_t result, const Passphrase& passphrase,
                           const Plaintext& text) {
  if (text.overflowed) return Trouble::text_too_large;
  switch (result) {
    case RNP_SUCCESS:
      return Trouble::none;
    case RNP_ERROR_BAD_PASSWORD:
    case RNP_ERROR_NO_SUITABLE_KEY:
    case RNP_ERROR_KEY_NOT_FOUND:
    case RNP_ERROR_DECRYPT_FAILED:
      if (!passphrase.asked) return passphrase.stub ? Trouble::stub : Trouble::wrong_key;
      return passphrase.passphrase.empty() ? Trouble::needs_passphrase : Trouble::wrong_passphrase;
    case RNP_ERROR_OUT_OF_MEMORY:
      return Trouble::no_memory;
    default:
      return Trouble::damaged;
  }
}

// protection_trouble returns none only if a tag covers the whole text and was verified.
Trouble protection_trouble(const RnpVerify& operation) {
  char* mode = nullptr;
  bool valid = false;
  if (rnp_op_verify_get_protection_info(operation.get(), &mode, nullptr, &valid) != RNP_SUCCESS) {
    return Trouble::failed;
  }
  const RnpText owned(mode);
  const std::string_view name = mode;
  if (name == "none") return Trouble::not_encrypted;
  if (name == "cfb") return Trouble::no_integrity;
  return valid ? Trouble::none : Trouble::damaged;
}

Trouble decrypt(const RnpRing& ring, std::span<const std::uint8_t> message, Passphrase& passphrase,
                Plaintext& text) {
  rnp_ffi_set_pass_provider(ring.get(), Passphrase::answer, &passphrase);
  const RnpInput input = rnp_input(message);
  rnp_output_t output_made = nullptr;
  rnp_op_verify_t made = nullptr;
  if (!input ||
      rnp_output_to_callback(&output_made, Plaintext::write, nullptr, &text) != RNP_SUCCESS) {
    return Trouble::no_memory;
  }
  const RnpOutput output(output_made);
  if (rnp_op_verify_create(&made, ring.get(), input.get(), output.get()) != RNP_SUCCESS) {
    return Trouble::no_memory;
  }
  const RnpVerify operation(made);
  // The signer does not matter: a share proves itself.
  rnp_op_verify_set_flags(made, RNP_VERIFY_IGNORE_SIGS_ON_DECRYPT);
  const rnp_result_t result = rnp_op_verify_execute(made);
  const Trouble protection = protection_trouble(operation);
  if (protection == Trouble::no_integrity) return protection;
  const Trouble trouble = decryption_trouble(result, passphrase, text);
  return trouble != Trouble::none ? trouble : protection;
}

unsigned subject_of(Trouble trouble) {
  const bool of_key = trouble == Trouble::needs_passphrase ||
                      trouble == Trouble::wrong_passphrase || trouble == Trouble::stub;
  return of_key ? kAboutPrivateKey : kAboutMessage;
}

Reason read_message(std::span<std::uint8_t> text, std::span<const std::uint8_t>& out) {
  std::span<std::uint8_t> decoded;
  if (const Trouble trouble = decode_form(text, Kind::message, decoded); trouble != Trouble::none) {
    return trouble;
  }
  out = decoded;
  return message_reason(out);
}

Reply unwrap(Request& request) {
  std::span<const std::uint8_t> message;
  if (const Reason reason = read_message(request.message, message); !reason.good()) {
    return refused(reason, kAboutMessage);
  }
  RnpRing ring;
  if (const Reason reason = open_private_keys(request.private_key.reveal_mutable(), ring);
      !reason.good()) {
    return refused(reason, kAboutPrivateKey);
  }
  auto space = SecretBytes::for_key(kMaxTextLen);
  if (!space) return refused(Trouble::unlocked_memory);
  Plaintext text{std::move(space).value()};
  Passphrase passphrase{request.passphrase.view()};
  const Trouble trouble = decrypt(ring, message, passphrase, text);
  if (trouble != Trouble::none) return refused(trouble, subject_of(trouble));
  Reply reply;
  reply.has_secret = true;
  reply.secret = std::move(text.bytes);
  reply.secret.keep(0, text.len);
  return reply;
}

// make_key runs one generation. primary  null: a primary key, with the user id.
RnpKey make_key(const RnpRing& ring, const RnpKey& primary, unsigned bits, const char* user_id) {
  rnp_op_generate_t made = nullptr;
  const rnp_result_t created =
      primary ? rnp_op_generate_subkey_create(&made, ring.get(), primary.get(), "RSA")
              : rnp_op_generate_create(&made, ring.get(), "RSA");
  if (created != RNP_SUCCESS) return {};
  const RnpGenerate operation(made);
  const auto good = [](rnp_result_t result) { return result == RNP_SUCCESS; };
  bool sound = good(rnp_op_generate_set_bits(made, bits)) &&
               good(rnp_op_generate_set_hash(made, "SHA512")) &&
               good(rnp_op_generate_set_expiration(made, 0));
  if (primary) {
    sound = sound && good(rnp_op_generate_add_usage(made, "encrypt"));
  } else {
    sound = sound && good(rnp_op_generate_set_userid(made, user_id)) &&
            good(rnp_op_generate_add_usage(made, "certify")) &&
            good(rnp_op_generate_add_usage(made, "sign")) &&
            good(rnp_op_generate_add_pref_cipher(made, "AES256")) &&
            good(rnp_op_generate_add_pref_hash(made, "SHA512"));
  }
  if (!sound || !good(rnp_op_generate_execute(made))) return {};
  return rnp_get<RnpKey>(rnp_op_generate_get_key, made);
}

RnpOutput exported(const RnpKey& key, std::uint32_t flags) {
  RnpOutput output = rnp_memory(kMaxPrivateKeyLen);
  const bool written = output && rnp_key_export(key.get(), output.get(),
                                                flags | RNP_KEY_EXPORT_SUBKEYS) == RNP_SUCCESS;
  return written ? std::move(output) : RnpOutput();
}

Reply generate(const Request& request) {
  rnp_ffi_t made = nullptr;
  if (rnp_ffi_create(&made, "GPG", "GPG") != RNP_SUCCESS) return refused(Trouble::no_memory);
  const RnpRing ring(made);
  const RnpKey primary = make_key(ring, {}, request.number, request.user_id.c_str());
  if (!primary) return refused(Trouble::failed);
  const RnpKey subkey = make_key(ring, primary, request.number, nullptr);
  const RnpOutput public_key = exported(primary, RNP_KEY_EXPORT_PUBLIC);
  const RnpOutput private_key = exported(primary, RNP_KEY_EXPORT_SECRET | RNP_KEY_EXPORT_ARMORED);
  if (!subkey || !public_key || !private_key) return refused(Trouble::failed);
  auto secret = SecretBytes::copy_key(rnp_written(private_key));
  if (!secret) return refused(Trouble::unlocked_memory);
  const auto copied_from = rnp_written(private_key);
  wipe(copied_from.data(), copied_from.size());
  Reply reply;
  reply.fields = {fingerprint_of(primary), copy(rnp_written(public_key))};
  reply.has_secret = true;
  reply.secret = std::move(secret).value();
  return reply;
}

}  // namespace

Reply perform(Request& request) {
  switch (request.op) {
    case Op::inspect:
    case Op::wrap:
      return wrap(request);
    case Op::unwrap:
      return unwrap(request);
    case Op::generate:
      return generate(request);
  }
  return refused(Trouble::malformed);
}

}  // namespace strongroom::openpgp
