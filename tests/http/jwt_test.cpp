#include "identity/jwt.hpp"

#include <gtest/gtest.h>
#include <nettle/hmac.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/signing_key.hpp"
#include "support/scratch.hpp"

namespace strongroomd::jwt_test {

using testing::base64url;
using testing::SigningKey;

constexpr std::uint64_t kNow = 1'700'000'000;
constexpr const char* kClaims = R"({"uid":"bob","exp":1700000100})";

// RFC 7515, appendices A.2 and A.3: their tokens have the same claims, which expire at 1300819380.
constexpr std::uint64_t kRfcNow = 1300819379;
const std::string kRfcClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";
const std::string kRfcRsaKey =
    R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
const std::string kRfcRsaToken = "eyJhbGciOiJSUzI1NiJ9." + kRfcClaims +
                                 ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
                                 "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju"
                                 "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                                 "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe"
                                 "7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
                                 "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np"
                                 "6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kRfcEcKey =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
const std::string kRfcEcToken =
    "eyJhbGciOiJFUzI1NiJ9." + kRfcClaims +
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

std::string header_of(const std::string& token) {
  return token.substr(0, token.find('.'));
}
std::string claims_of(const std::string& token) {
  const std::size_t first = token.find('.') + 1;
  return token.substr(first, token.rfind('.') - first);
}
std::string signature_of(const std::string& token) {
  return token.substr(token.rfind('.') + 1);
}

std::string set_of(const std::vector<std::string>& keys) {
  std::string set;
  for (const std::string& each : keys) set += (set.empty() ? "" : ",") + each;
  return R"({"keys":[)" + set + "]}";
}

// hs256 signs with a public text as if it were the secret of HMAC.
std::string hs256(const std::string& key, const std::string& claims) {
  const std::string text = base64url(R"({"alg":"HS256"})") + "." + base64url(claims);
  hmac_sha256_ctx context;
  hmac_sha256_set_key(&context, key.size(), reinterpret_cast<const std::uint8_t*>(key.data()));
  hmac_sha256_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  std::string mac(SHA256_DIGEST_SIZE, '\0');
  hmac_sha256_digest(&context, mac.size(), reinterpret_cast<std::uint8_t*>(mac.data()));
  return text + "." + base64url(mac);
}

class JwtTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rsa_.emplace(SigningKey::rsa());
    ecdsa_.emplace(SigningKey::ecdsa());
  }
  static void TearDownTestSuite() {
    rsa_.reset();
    ecdsa_.reset();
  }

  std::string file(const std::string& content) {
    const std::string name = scratch_.path() / ("keys" + std::to_string(num_files_++));
    write(name, content);
    return name;
  }

  // write replaces a file, so that a reader never sees half of it.
  static void write(const std::string& name, const std::string& content) {
    std::ofstream(name + ".new", std::ios::binary) << content;
    EXPECT_EQ(std::rename((name + ".new").c_str(), name.c_str()), 0);
  }

  static JwtSettings settings_of(const std::string& key_file,
                                 const std::string& algorithm = "RS256") {
    JwtSettings settings;
    settings.key_files = {key_file};
    settings.algorithm = algorithm;
    return settings;
  }

  JwtVerifier verifier(const JwtSettings& settings) {
    return JwtVerifier(settings, [this] { return now_.load(); });
  }
  JwtVerifier rsa_verifier() { return verifier(settings_of(file(rsa_->public_pem()))); }
  JwtVerifier ecdsa_verifier() {
    return verifier(settings_of(file(ecdsa_->public_pem()), "ES256"));
  }

  // verify_claims signs claims and has them verified.
  std::optional<std::string> verify_claims(const std::string& claims) {
    return rsa_verifier().verify(rsa_->token(claims));
  }

  static inline std::optional<SigningKey> rsa_;
  static inline std::optional<SigningKey> ecdsa_;
  strongroom::testing::Scratch scratch_;
  std::atomic<std::uint64_t> now_{kNow};

 private:
  int num_files_ = 0;
};

TEST_F(JwtTest, VectorsOfRfc7515) {
  now_ = kRfcNow;
  JwtSettings rsa = settings_of(file(set_of({kRfcRsaKey})));
  JwtSettings ecdsa = settings_of(file(set_of({kRfcEcKey})), "ES256");
  rsa.user_claim = ecdsa.user_claim = "iss";
  rsa.skew_s = ecdsa.skew_s = 0;
  EXPECT_EQ(verifier(rsa).verify(kRfcRsaToken), "joe");
  EXPECT_EQ(verifier(ecdsa).verify(kRfcEcToken), "joe");
  now_ = kRfcNow + 1;
  EXPECT_EQ(verifier(rsa).verify(kRfcRsaToken), std::nullopt);
  EXPECT_EQ(verifier(ecdsa).verify(kRfcEcToken), std::nullopt);
}

TEST_F(JwtTest, KeysComeInThreeForms) {
  const std::string token = rsa_->token(kClaims);
  for (const std::string& content :
       {rsa_->public_pem(), rsa_->certificate_pem(), set_of({rsa_->jwk()})})
    EXPECT_EQ(verifier(settings_of(file(content))).verify(token), "bob") << content;
  const std::string other = ecdsa_->token(kClaims);
  for (const std::string& content :
       {ecdsa_->public_pem(), ecdsa_->certificate_pem(), set_of({ecdsa_->jwk()})})
    EXPECT_EQ(verifier(settings_of(file(content), "ES256")).verify(other), "bob") << content;
}

TEST_F(JwtTest, EachSignatureOfEs256Verifies) {
  // One number in 128 is short: it has a zero byte at its begin here, and none in DER.
  JwtVerifier verifier = ecdsa_verifier();
  for (int i = 0; i < 600; ++i) {
    const std::string token =
        ecdsa_->token(R"({"uid":"bob","exp":1700000100,"n":)" + std::to_string(i) + "}");
    ASSERT_EQ(verifier.verify(token), "bob") << token;
  }
}

TEST_F(JwtTest, TheAlgorithmIsNeverTheTokens) {
  JwtVerifier rsa = rsa_verifier();
  JwtVerifier ecdsa = ecdsa_verifier();
  const std::string pem = rsa_->public_pem();
  for (const char* alg :
       {R"("none")", R"("None")", R"("NONE")", R"("")", "null", "0", R"("rs256")", R"("RS256 ")",
        R"("RS512")", R"("PS256")", R"("HS256")", R"(["RS256"])", R"("RS256\u0000")"}) {
    const std::string header = std::string(R"({"alg":)") + alg + "}";
    const std::string token = rsa_->token_of(header, kClaims);
    EXPECT_EQ(rsa.verify(token), std::nullopt) << header;
    EXPECT_EQ(rsa.verify(header_of(token) + "." + claims_of(token) + "."), std::nullopt) << header;
    EXPECT_EQ(rsa.verify(header_of(token) + "." + claims_of(token)), std::nullopt) << header;
  }
  EXPECT_EQ(rsa.verify(rsa_->token_of(R"({"typ":"JWT"})", kClaims)), std::nullopt);
  EXPECT_EQ(rsa.verify(hs256(pem, kClaims)), std::nullopt);
  EXPECT_EQ(ecdsa.verify(hs256(ecdsa_->public_pem(), kClaims)), std::nullopt);
  // Each other's tokens, with their own header and with the one that is expected.
  EXPECT_EQ(rsa.verify(ecdsa_->token(kClaims)), std::nullopt);
  EXPECT_EQ(ecdsa.verify(rsa_->token(kClaims)), std::nullopt);
  EXPECT_EQ(rsa.verify(ecdsa_->token_of(R"({"alg":"RS256"})", kClaims)), std::nullopt);
  EXPECT_EQ(ecdsa.verify(rsa_->token_of(R"({"alg":"ES256"})", kClaims)), std::nullopt);
}

TEST_F(JwtTest, EveryChangedCharacterIsWrong) {
  for (const bool is_rsa : {true, false}) {
    JwtVerifier verifier = is_rsa ? rsa_verifier() : ecdsa_verifier();
    const std::string token = (is_rsa ? rsa_ : ecdsa_)->token(kClaims);
    ASSERT_EQ(verifier.verify(token), "bob");
    for (std::size_t i = 0; i < token.size(); ++i) {
      for (const char other : {'A', 'B', '.', '=', '\n', ' ', '+', '\0'}) {
        std::string wrong = token;
        wrong[i] = other;
        if (wrong == token) continue;
        EXPECT_EQ(verifier.verify(wrong), std::nullopt) << i << other;
      }
      EXPECT_EQ(verifier.verify(token.substr(0, i)), std::nullopt) << i;
    }
    EXPECT_EQ(verifier.verify(token), "bob");
  }
}

TEST_F(JwtTest, TheTextIsStrict) {
  JwtVerifier verifier = rsa_verifier();
  const std::string token = rsa_->token(kClaims);
  const std::string signature = signature_of(token);
  for (const std::string& wrong :
       {std::string(), std::string("."), std::string(".."), std::string("..."), token + ".",
        token + "." + signature, "." + token, token + "=", token + "==", " " + token, token + " ",
        token + "\n", token + std::string(1, '\0'), token + "A", token + "AAAA", "Bearer " + token,
        header_of(token) + ".." + signature, "." + claims_of(token) + "." + signature})
    EXPECT_EQ(verifier.verify(wrong), std::nullopt) << wrong;
}

TEST_F(JwtTest, OneTextOfEs256HasOneForm) {
  JwtVerifier verifier = ecdsa_verifier();
  const std::string text = base64url(R"({"alg":"ES256"})") + "." + base64url(kClaims);
  const std::string right = ecdsa_->sign(text);
  EXPECT_EQ(verifier.verify(text + "." + base64url(right)), "bob");
  const std::string zeros(32, '\0');
  for (const std::string& wrong :
       {zeros + zeros, zeros + right.substr(32), right.substr(0, 32) + zeros,
        std::string(64, '\xff'), right.substr(0, 63), right + std::string(1, '\0'),
        std::string(1, '\0') + right, right.substr(32) + right.substr(0, 32)})
    EXPECT_EQ(verifier.verify(text + "." + base64url(wrong)), std::nullopt);
}

TEST_F(JwtTest, ExpAndItsSkew) {
  JwtVerifier verifier = rsa_verifier();
  const std::string token = rsa_->token(R"({"uid":"bob","exp":1700000000})");
  now_ = kNow + 59;
  EXPECT_EQ(verifier.verify(token), "bob");
  EXPECT_EQ(verifier.verify(token), "bob");  // from the cache
  now_ = kNow + 60;
  EXPECT_EQ(verifier.verify(token), std::nullopt);
  now_ = kNow + 61;
  EXPECT_EQ(verifier.verify(token), std::nullopt);
}

TEST_F(JwtTest, TimesAreNumbers) {
  for (const char* exp :
       {"1700000100", "1700000100.5", "1700000100.000", "99999999999", "9007199254740993"})
    EXPECT_EQ(verify_claims(std::string(R"({"uid":"bob","exp":)") + exp + "}"), "bob") << exp;
  for (const char* exp :
       {"0", "-1", "-1700000100", R"("1700000100")", "null", "true", "[1700000100]",
        R"({"a":1700000100})", "1699999000", "NaN", "Infinity", "1e999", "1699999000.9"})
    EXPECT_EQ(verify_claims(std::string(R"({"uid":"bob","exp":)") + exp + "}"), std::nullopt)
        << exp;
  EXPECT_EQ(verify_claims(R"({"uid":"bob"})"), std::nullopt);
  EXPECT_EQ(verify_claims(R"({"uid":"bob","exp ":1700000100})"), std::nullopt);
}

TEST_F(JwtTest, NbfAndIat) {
  for (const char* name : {"nbf", "iat"}) {
    const auto with = [&](const std::string& time) {
      return verify_claims(std::string(R"({"uid":"bob","exp":1800000000,")") + name + "\":" + time +
                           "}");
    };
    EXPECT_EQ(with("1700000000"), "bob");
    EXPECT_EQ(with("1700000060"), "bob");
    EXPECT_EQ(with("0"), "bob");
    EXPECT_EQ(with("1700000061"), std::nullopt);
    EXPECT_EQ(with("1790000000"), std::nullopt);
    EXPECT_EQ(with("\"1600000000\""), std::nullopt);
    EXPECT_EQ(with("null"), std::nullopt);
  }
}

TEST_F(JwtTest, IssuerAndAudience) {
  JwtSettings settings = settings_of(file(rsa_->public_pem()));
  settings.issuer = "https://login";
  settings.audience = "strongroom";
  JwtVerifier verifier = this->verifier(settings);
  const auto with = [&](const std::string& more) {
    return verifier.verify(rsa_->token(R"({"uid":"bob","exp":1700000100)" + more + "}"));
  };
  EXPECT_EQ(with(R"(,"iss":"https://login","aud":"strongroom")"), "bob");
  EXPECT_EQ(with(R"(,"iss":"https://login","aud":["x",1,"strongroom"])"), "bob");
  for (const char* wrong :
       {"", R"(,"iss":"https://login")", R"(,"aud":"strongroom")",
        R"(,"iss":"https://login/","aud":"strongroom")",
        R"(,"iss":["https://login"],"aud":"strongroom")",
        R"(,"iss":"https://login","aud":"strongroom2")", R"(,"iss":"https://login","aud":[])",
        R"(,"iss":"https://login","aud":["x"])", R"(,"iss":"https://login","aud":[["strongroom"]])",
        R"(,"iss":"https://login","aud":{"0":1})", R"(,"iss":"https://login","aud":null)"})
    EXPECT_EQ(with(wrong), std::nullopt) << wrong;
}

TEST_F(JwtTest, TheIdIsAText) {
  for (const char* claims :
       {R"({"exp":1700000100})", R"({"uid":"","exp":1700000100})", R"({"uid":1,"exp":1700000100})",
        R"({"uid":null,"exp":1700000100})", R"({"uid":["bob"],"exp":1700000100})",
        R"({"UID":"bob","exp":1700000100})", R"({"a":{"uid":"bob"},"exp":1700000100})",
        R"({"uid":"\ud800","exp":1700000100})", "{\"uid\":\"\xff\",\"exp\":1700000100}"})
    EXPECT_EQ(verify_claims(claims), std::nullopt) << claims;
  EXPECT_EQ(verify_claims(R"({"uid":")" + std::string(257, 'x') + R"(","exp":1700000100})"),
            std::nullopt);
  EXPECT_EQ(verify_claims(R"({"uid":"b\u006fb","exp":1700000100})"), "bob");
}

TEST_F(JwtTest, AClaimWithSlashesNamesOneMember) {
  JwtSettings settings = settings_of(file(rsa_->public_pem()));
  settings.user_claim = "https://a/~id";
  JwtVerifier verifier = this->verifier(settings);
  EXPECT_EQ(verifier.verify(rsa_->token(R"({"https://a/~id":"bob","exp":1700000100})")), "bob");
  EXPECT_EQ(verifier.verify(rsa_->token(R"({"https:":{"":{"a":{"~id":"bob"}}},"exp":1700000100})")),
            std::nullopt);
}

TEST_F(JwtTest, TheJsonIsStrict) {
  for (const std::string& claims :
       {std::string(R"({"uid":"bob","uid":"eve","exp":1700000100})"),
        std::string(R"({"uid":"bob","u\u0069d":"bob","exp":1700000100})"),
        std::string(R"({"uid":"bob","exp":1700000100,"exp":1700000100})"),
        std::string(R"({"uid":"bob","exp":1700000100,"a":{"b":1,"b":2}})"),
        std::string(R"({"uid":"bob","exp":1700000100,})"),
        std::string(R"({"uid":"bob","exp":1700000100}x)"),
        std::string(R"({"uid":"bob","exp":1700000100}{})"),
        std::string(R"({'uid':'bob','exp':1700000100})"),
        std::string(R"(/**/{"uid":"bob","exp":1700000100})"),
        std::string("{\"uid\":\"bob\",\"exp\":1700000100}\0", 32),
        std::string("\xef\xbb\xbf{\"uid\":\"bob\",\"exp\":1700000100}"),
        std::string(R"([{"uid":"bob","exp":1700000100}])"), std::string("\"bob\""), std::string()})
    EXPECT_EQ(verify_claims(claims), std::nullopt) << claims;
  JwtVerifier verifier = rsa_verifier();
  EXPECT_EQ(verifier.verify(rsa_->token_of(R"({"alg":"none","alg":"RS256"})", kClaims)),
            std::nullopt);
  EXPECT_EQ(verifier.verify(rsa_->token_of(R"({"alg":"RS256","alg":"RS256"})", kClaims)),
            std::nullopt);
}

TEST_F(JwtTest, NestingAndLengthAreBounded) {
  JwtVerifier verifier = rsa_verifier();
  const std::string signature(342, 'A');
  for (const std::string& deep :
       {std::string(10000, '['), std::string(5000, '[') + std::string(5000, ']')}) {
    EXPECT_EQ(verifier.verify(base64url(deep) + "." + base64url(kClaims) + "." + signature),
              std::nullopt);
    EXPECT_EQ(verifier.verify(rsa_->token(deep)), std::nullopt);
  }
  const std::string within = R"({"uid":"bob","exp":1700000100,"a":)" + std::string(2500, '[') +
                             std::string(2500, ']') + "}";
  EXPECT_EQ(verifier.verify(rsa_->token(within)), std::nullopt);
  const auto of_len = [&](std::size_t len) {
    return rsa_->token(R"({"uid":"bob","exp":1700000100,"a":")" + std::string(len, 'x') + "\"}");
  };
  EXPECT_EQ(verifier.verify(of_len(5000)), "bob");
  EXPECT_EQ(verifier.verify(of_len(6200)), std::nullopt);
  EXPECT_GT(of_len(6200).size(), kMaxJwtLen);
}

TEST_F(JwtTest, KeysInATokenMeanNothing) {
  JwtVerifier verifier = rsa_verifier();
  const SigningKey eve = SigningKey::rsa();
  const std::string jwk = eve.jwk(R"(,"kid":"eve")");
  for (const std::string& more :
       {R"(,"jwk":)" + jwk, std::string(R"(,"jku":"http://127.0.0.1:1/keys","kid":"eve")"),
        std::string(R"(,"x5u":"file:///etc/passwd")"), std::string(R"(,"x5c":["AAAA"])"),
        std::string(R"(,"kid":"../../etc/passwd")")}) {
    const std::string header = R"({"alg":"RS256")" + more + "}";
    EXPECT_EQ(verifier.verify(eve.token_of(header, kClaims)), std::nullopt) << header;
    EXPECT_EQ(verifier.verify(rsa_->token_of(header, kClaims)), "bob") << header;
  }
}

TEST_F(JwtTest, CriticalExtensionsAreRefused) {
  JwtVerifier verifier = rsa_verifier();
  for (const char* crit : {R"(["exp"])", "[]", "null", R"("b64")", R"(["b64"],"b64":false)"})
    EXPECT_EQ(verifier.verify(
                  rsa_->token_of(std::string(R"({"alg":"RS256","crit":)") + crit + "}", kClaims)),
              std::nullopt)
        << crit;
}

TEST_F(JwtTest, KidChoosesTheKey) {
  const SigningKey other = SigningKey::rsa();
  const std::string set = set_of({rsa_->jwk(R"(,"kid":"a")"), other.jwk(R"(,"kid":"b")")});
  JwtVerifier verifier = this->verifier(settings_of(file(set)));
  EXPECT_EQ(verifier.verify(rsa_->token_of(R"({"alg":"RS256","kid":"a"})", kClaims)), "bob");
  EXPECT_EQ(verifier.verify(other.token_of(R"({"alg":"RS256","kid":"b"})", kClaims)), "bob");
  EXPECT_EQ(verifier.verify(other.token_of(R"({"alg":"RS256"})", kClaims)), "bob");
  EXPECT_EQ(verifier.verify(rsa_->token_of(R"({"alg":"RS256","kid":"b"})", kClaims)), std::nullopt);
  EXPECT_EQ(verifier.verify(rsa_->token_of(R"({"alg":"RS256","kid":"c"})", kClaims)), std::nullopt);
}

TEST_F(JwtTest, KeysThatDoNotFitAreLeftOut) {
  const std::string set =
      set_of({ecdsa_->jwk(), SigningKey::rsa(1024).jwk(), R"({"kty":"oct","k":"AAAA"})",
              R"({"kty":"RSA"})", R"({"kty":"RSA","n":"====","e":"AQAB"})",
              rsa_->jwk(R"(,"use":"sig","alg":"RS256")")});
  EXPECT_EQ(verifier(settings_of(file(set))).verify(rsa_->token(kClaims)), "bob");
  for (const char* more : {R"(,"use":"enc")", R"(,"alg":"RS512")", R"(,"alg":"RSA-OAEP")"})
    EXPECT_THROW(verifier(settings_of(file(set_of({rsa_->jwk(more)})))), std::runtime_error)
        << more;
}

TEST_F(JwtTest, FilesWithoutAKeyThatFitsAreRefused) {
  const SigningKey weak = SigningKey::rsa(1024);
  const SigningKey other_curve = SigningKey::ecdsa(GNUTLS_ECC_CURVE_SECP384R1);
  for (const std::string& content :
       {std::string(), std::string("x"), std::string("{}"), set_of({}), set_of({ecdsa_->jwk()}),
        weak.public_pem(), set_of({weak.jwk()}), ecdsa_->public_pem(),
        std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        std::string(10000, '['), std::string((1 << 20) + 1, ' ')})
    EXPECT_THROW(verifier(settings_of(file(content))), std::runtime_error) << content.substr(0, 99);
  for (const std::string& content :
       {rsa_->public_pem(), other_curve.public_pem(), set_of({rsa_->jwk()}),
        // The curve's name is right, but the point is not on it.
        set_of({R"({"kty":"EC","crv":"P-256","x":"AAAA"})"}),
        set_of({R"({"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"})"})})
    EXPECT_THROW(verifier(settings_of(file(content), "ES256")), std::runtime_error) << content;
  EXPECT_THROW(verifier(settings_of(scratch_.path() / "absent")), std::runtime_error);
  EXPECT_THROW(verifier(settings_of(scratch_.path())), std::runtime_error);
}

TEST_F(JwtTest, KeysRotateWithoutARestart) {
  const SigningKey next = SigningKey::rsa();
  const std::string name = file(rsa_->public_pem());
  JwtVerifier verifier = this->verifier(settings_of(name));
  const std::string old_token = rsa_->token(kClaims);
  const std::string new_token = next.token(kClaims);
  EXPECT_EQ(verifier.verify(old_token), "bob");
  EXPECT_EQ(verifier.verify(new_token), std::nullopt);

  const auto until = [&](auto is_so) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!is_so() && std::chrono::steady_clock::now() < limit)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return is_so();
  };
  write(name, next.public_pem());
  EXPECT_TRUE(until([&] { return verifier.verify(new_token).has_value(); }));
  EXPECT_EQ(verifier.verify(old_token), std::nullopt);  // also not from the cache

  // A file that is damaged changes nothing; the next good one does.
  write(name, "damaged");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(1200);
  while (std::chrono::steady_clock::now() < limit) ASSERT_EQ(verifier.verify(new_token), "bob");
  write(name, rsa_->public_pem());
  EXPECT_TRUE(until([&] { return verifier.verify(old_token).has_value(); }));
  EXPECT_EQ(verifier.verify(new_token), std::nullopt);
}

TEST_F(JwtTest, ManyThreads) {
  JwtVerifier verifier = ecdsa_verifier();
  std::vector<std::string> tokens;
  for (int i = 0; i < 50; ++i)
    tokens.push_back(ecdsa_->token(R"({"uid":"u)" + std::to_string(i) + R"(","exp":1700000100})"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
          EXPECT_EQ(verifier.verify(tokens[i]), "u" + std::to_string(i));
          EXPECT_EQ(verifier.verify(tokens[i] + "A"), std::nullopt);
        }
      }
    });
  }
  for (std::thread& each : threads) each.join();
}

}  // namespace strongroomd::jwt_test
