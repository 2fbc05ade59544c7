// signing_key.hpp: keys that GnuTLS makes, and the JSON Web Tokens that they sign.
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace strongroomd::testing {

inline std::string base64url(std::string_view bytes) {
  constexpr int kForm = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kForm), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kForm);
  text.resize(std::strlen(text.c_str()));
  return text;
}

// taken copies what GnuTLS allocated, and frees that.
inline std::string taken(gnutls_datum_t datum) {
  std::string bytes(reinterpret_cast<const char*>(datum.data), datum.size);
  gnutls_free(datum.data);
  return bytes;
}

class SigningKey {
 public:
  static SigningKey rsa(unsigned bits = 2048) { return SigningKey(GNUTLS_PK_RSA, bits); }
  static SigningKey ecdsa(gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_SECP256R1) {
    return SigningKey(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(curve));
  }

  std::string algorithm() const { return is_rsa() ? "RS256" : "ES256"; }

  std::string public_pem() const {
    gnutls_datum_t pem{};
    EXPECT_EQ(gnutls_pubkey_export2(open_.get(), GNUTLS_X509_FMT_PEM, &pem), 0);
    return taken(pem);
  }

  // certificate_pem is a certificate that this key signed for itself.
  std::string certificate_pem() const {
    gnutls_x509_crt_t made = nullptr;
    EXPECT_EQ(gnutls_x509_crt_init(&made), 0);
    gnutls_x509_crt_set_version(made, 3);
    gnutls_x509_crt_set_serial(made, "\x01", 1);
    gnutls_x509_crt_set_activation_time(made, 1);
    gnutls_x509_crt_set_expiration_time(made, 2000000000);
    EXPECT_EQ(gnutls_x509_crt_set_dn(made, "CN=issuer", nullptr), 0);
    EXPECT_EQ(gnutls_x509_crt_set_pubkey(made, open_.get()), 0);
    EXPECT_EQ(gnutls_x509_crt_privkey_sign(made, made, key_.get(), GNUTLS_DIG_SHA256, 0), 0);
    gnutls_datum_t pem{};
    EXPECT_EQ(gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_PEM, &pem), 0);
    gnutls_x509_crt_deinit(made);
    return taken(pem);
  }

  // jwk is the public key as RFC 7517 has it. more  further members, such as R"(,"kid":"a")".
  std::string jwk(const std::string& more = "") const {
    gnutls_datum_t first{};
    gnutls_datum_t second{};
    if (is_rsa()) {
      EXPECT_EQ(
          gnutls_pubkey_export_rsa_raw2(open_.get(), &first, &second, GNUTLS_EXPORT_FLAG_NO_LZ), 0);
      return R"({"kty":"RSA","n":")" + base64url(taken(first)) + R"(","e":")" +
             base64url(taken(second)) + "\"" + more + "}";
    }
    gnutls_ecc_curve_t curve{};
    EXPECT_EQ(gnutls_pubkey_export_ecc_raw2(open_.get(), &curve, &first, &second,
                                            GNUTLS_EXPORT_FLAG_NO_LZ),
              0);
    return R"({"kty":"EC","crv":"P-256","x":")" + base64url(padded(taken(first))) + R"(","y":")" +
           base64url(padded(taken(second))) + "\"" + more + "}";
  }

  std::string sign(std::string_view text) const {
    gnutls_datum_t data{reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
                        static_cast<unsigned>(text.size())};
    gnutls_datum_t signature{};
    const auto how = is_rsa() ? GNUTLS_SIGN_RSA_SHA256 : GNUTLS_SIGN_ECDSA_SHA256;
    EXPECT_EQ(gnutls_privkey_sign_data2(key_.get(), how, 0, &data, &signature), 0);
    if (is_rsa()) return taken(signature);
    gnutls_datum_t r{};
    gnutls_datum_t s{};
    EXPECT_EQ(gnutls_decode_rs_value(&signature, &r, &s), 0);
    gnutls_free(signature.data);
    return padded(taken(r)) + padded(taken(s));
  }

  std::string token(const std::string& claims) const {
    return token_of(R"({"typ":"JWT","alg":")" + algorithm() + "\"}", claims);
  }
  std::string token_of(const std::string& header, const std::string& claims) const {
    const std::string text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(sign(text));
  }

 private:
  SigningKey(gnutls_pk_algorithm_t kind, unsigned bits) {
    gnutls_privkey_t key = nullptr;
    gnutls_pubkey_t open = nullptr;
    EXPECT_EQ(gnutls_privkey_init(&key), 0);
    EXPECT_EQ(gnutls_pubkey_init(&open), 0);
    key_ = {key, &gnutls_privkey_deinit};
    open_ = {open, &gnutls_pubkey_deinit};
    EXPECT_EQ(gnutls_privkey_generate(key, kind, bits, 0), 0);
    EXPECT_EQ(gnutls_pubkey_import_privkey(open, key, 0, 0), 0);
  }

  bool is_rsa() const noexcept {
    return gnutls_privkey_get_pk_algorithm(key_.get(), nullptr) == GNUTLS_PK_RSA;
  }

  // padded makes a number one of 32 bytes.
  static std::string padded(const std::string& number) {
    const std::string with_zeros = std::string(32, '\0') + number;
    return with_zeros.substr(with_zeros.size() - 32);
  }

  std::shared_ptr<gnutls_privkey_st> key_;
  std::shared_ptr<gnutls_pubkey_st> open_;
};

}  // namespace strongroomd::testing
