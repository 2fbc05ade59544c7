#include "identity/jwt_keys.hpp"

#include <gnutls/x509.h>
#include <sodium.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "strongroom_abi.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kMaxKeysLen = std::size_t{1} << 20;
constexpr std::size_t kMaxKeys = 100;  // each is looked up in the whole text
constexpr unsigned kMinRsaBits = 2048;

using PublicKey = std::shared_ptr<gnutls_pubkey_st>;

[[noreturn]] void fail_keys(const std::string& file, const std::string& why) {
  throw std::runtime_error("the key file '" + file + "': " + why);
}

PublicKey new_key() {
  gnutls_pubkey_t made = nullptr;
  if (gnutls_pubkey_init(&made) < 0) throw std::bad_alloc();
  return {made, &gnutls_pubkey_deinit};
}

gnutls_datum_t lent(const std::string& bytes) noexcept {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
          static_cast<unsigned>(bytes.size())};
}

bool is_p256(const PublicKey& key) noexcept {
  gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
  return gnutls_pubkey_export_ecc_raw2(key.get(), &curve, nullptr, nullptr, 0) == 0 &&
         curve == GNUTLS_ECC_CURVE_SECP256R1;
}

bool fits(const PublicKey& key, const std::string& algorithm) noexcept {
  unsigned bits = 0;
  const int kind = gnutls_pubkey_get_pk_algorithm(key.get(), &bits);
  if (algorithm == "RS256") return kind == GNUTLS_PK_RSA && bits >= kMinRsaBits;
  return kind == GNUTLS_PK_ECDSA && is_p256(key);
}

PublicKey read_certificate(const gnutls_datum_t& pem) {
  gnutls_x509_crt_t certificate = nullptr;
  if (gnutls_x509_crt_init(&certificate) < 0) throw std::bad_alloc();
  PublicKey key = new_key();
  const bool is_read = gnutls_x509_crt_import(certificate, &pem, GNUTLS_X509_FMT_PEM) == 0 &&
                       gnutls_pubkey_import_x509(key.get(), certificate, 0) == 0;
  gnutls_x509_crt_deinit(certificate);
  return is_read ? key : nullptr;
}

PublicKey read_pem(const std::string& text) {
  const gnutls_datum_t pem = lent(text);
  if (text.find("-----BEGIN CERTIFICATE-----") != text.npos) return read_certificate(pem);
  PublicKey key = new_key();
  return gnutls_pubkey_import(key.get(), &pem, GNUTLS_X509_FMT_PEM) == 0 ? key : nullptr;
}

// JwkSet reads members of a JWK set.
class JwkSet {
 public:
  explicit JwkSet(std::string_view json) noexcept : json_(json) {}

  bool has(std::size_t i) const {
    return value("/keys/" + std::to_string(i), STRONGROOM_JSON_OBJECT).has_value();
  }

  std::optional<std::string> text(std::size_t i, const char* name) const {
    return value("/keys/" + std::to_string(i) + "/" + name, STRONGROOM_JSON_STRING);
  }

  // bytes returns a decoded member; "" where there is none.
  std::string bytes(std::size_t i, const char* name) const {
    std::string decoded;
    decode_base64url(text(i, name).value_or(""), decoded);
    return decoded;
  }

 private:
  std::optional<std::string> value(const std::string& pointer, std::uint32_t kind) const {
    try {
      const strongroom_abi::JsonValue found = strongroom_abi::json_value(json_, pointer);
      if (found.kind == kind) return std::string(found.value.reveal());
    } catch (const strongroom_abi::Error& error) {
      if (error.status() != STRONGROOM_NOT_FOUND) throw;
    }
    return std::nullopt;
  }

  std::string_view json_;
};

// read_jwk returns null for a key of another kind.
PublicKey read_jwk(const JwkSet& set, std::size_t i) {
  PublicKey key = new_key();
  const std::string kind = set.text(i, "kty").value_or("");
  if (kind == "RSA") {
    const std::string n = set.bytes(i, "n");
    const std::string e = set.bytes(i, "e");
    const gnutls_datum_t lent_n = lent(n);
    const gnutls_datum_t lent_e = lent(e);
    return gnutls_pubkey_import_rsa_raw(key.get(), &lent_n, &lent_e) == 0 ? key : nullptr;
  }
  if (kind != "EC" || set.text(i, "crv") != "P-256") return nullptr;
  const std::string x = set.bytes(i, "x");
  const std::string y = set.bytes(i, "y");
  const gnutls_datum_t lent_x = lent(x);
  const gnutls_datum_t lent_y = lent(y);
  return gnutls_pubkey_import_ecc_raw(key.get(), GNUTLS_ECC_CURVE_SECP256R1, &lent_x, &lent_y) == 0
             ? key
             : nullptr;
}

std::vector<JwtKey> read_jwk_set(std::string_view json, const std::string& algorithm) {
  const JwkSet set(json);
  std::vector<JwtKey> keys;
  for (std::size_t i = 0; i < kMaxKeys && set.has(i); ++i) {
    if (set.text(i, "use").value_or("sig") != "sig") continue;
    if (set.text(i, "alg").value_or(algorithm) != algorithm) continue;
    PublicKey key = read_jwk(set, i);
    if (key && fits(key, algorithm))
      keys.push_back({set.text(i, "kid").value_or(""), std::move(key)});
  }
  return keys;
}

std::string read_public_keys(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kMaxKeysLen + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.empty()) fail_keys(file, "it cannot be read, or is empty");
  if (text.size() > kMaxKeysLen) fail_keys(file, "it is longer than 1 MiB");
  return text;
}

}  // namespace

bool decode_base64url(std::string_view text, std::string& out) {
  out.resize(text.size());
  std::size_t len = 0;
  const char* end = nullptr;
  const int failed =
      sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &len, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.resize(failed == 0 ? len : 0);
  return failed == 0 && end == text.data() + text.size();
}

std::vector<JwtKey> read_jwt_keys(const std::string& file, const std::string& algorithm) {
  const std::string text = read_public_keys(file);
  std::vector<JwtKey> keys;
  try {
    if (text.find("-----BEGIN ") == text.npos) {
      keys = read_jwk_set(text, algorithm);
    } else if (PublicKey key = read_pem(text); key && fits(key, algorithm)) {
      keys.push_back({"", std::move(key)});
    }
  } catch (const strongroom_abi::Error& error) {
    fail_keys(file, std::string("it is neither PEM nor a JWK set: ") + error.what());
  }
  if (keys.empty())
    fail_keys(file, "it has no public key for " + algorithm + ": " +
                        (algorithm == "RS256" ? "RSA of at least 2048 bits" : "the curve P-256"));
  return keys;
}

}  // namespace strongroomd
