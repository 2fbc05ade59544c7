#include "identity/jwt.hpp"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <nettle/sha2.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "identity/jwt_keys.hpp"
#include "message/json_object.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kMaxIdLen = 256;
constexpr std::size_t kMaxVerified = 10000;
constexpr std::size_t kEs256Len = 64;  // two numbers of 32 bytes
constexpr std::chrono::seconds kLookInterval{1};

std::uint64_t system_time_s() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

// pointer_to returns the JSON pointer of a member.
std::string pointer_to(const std::string& name) {
  std::string pointer = "/";
  for (const char each : name) {
    if (each == '~') {
      pointer += "~0";
    } else if (each == '/') {
      pointer += "~1";
    } else {
      pointer += each;
    }
  }
  return pointer;
}

gnutls_datum_t datum_from(std::string_view bytes) noexcept {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
          static_cast<unsigned>(bytes.size())};
}

bool is_signed_rs256(gnutls_pubkey_t key, std::string_view text, std::string_view signature) {
  const gnutls_datum_t data = datum_from(text);
  const gnutls_datum_t sent = datum_from(signature);
  return gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &data, &sent) >= 0;
}

bool is_signed_es256(gnutls_pubkey_t key, std::string_view text, std::string_view signature) {
  if (signature.size() != kEs256Len) return false;
  const gnutls_datum_t data = datum_from(text);
  const gnutls_datum_t r = datum_from(signature.substr(0, kEs256Len / 2));
  const gnutls_datum_t s = datum_from(signature.substr(kEs256Len / 2));
  gnutls_datum_t encoded{};
  if (gnutls_encode_rs_value(&encoded, &r, &s) < 0) return false;
  const bool is_right =
      gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &encoded) >= 0;
  gnutls_free(encoded.data);
  return is_right;
}

using TokenDigest = std::array<std::uint8_t, SHA256_DIGEST_SIZE>;

TokenDigest digest_of(std::string_view token) noexcept {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, token.size(), reinterpret_cast<const std::uint8_t*>(token.data()));
  TokenDigest digest;
  sha256_digest(&context, digest.size(), digest.data());
  return digest;
}

// Parts is a token taken apart.
struct Parts {
  std::string_view signed_text;
  std::string header;
  std::string claims;
  std::string signature;
};

std::optional<Parts> take_apart(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (token.size() > kMaxJwtLen || second == token.npos) return std::nullopt;
  Parts parts;
  parts.signed_text = token.substr(0, second);
  if (!decode_base64url(token.substr(0, first), parts.header) ||
      !decode_base64url(token.substr(first + 1, second - first - 1), parts.claims) ||
      !decode_base64url(token.substr(second + 1), parts.signature))
    return std::nullopt;
  return parts;
}

}  // namespace

class JwtVerifier::State {
 public:
  State(const JwtSettings& settings, JwtClock clock)
      : settings_(settings),
        clock_(clock ? std::move(clock) : &system_time_s),
        stamps_(look()),
        keys_(read()) {}

  std::optional<std::string> verify(std::string_view token) {
    const TokenDigest digest = digest_of(token);
    const auto keys = current_keys();
    if (auto known = find(digest)) return known;
    try {
      const auto verified = judge(token, *keys);
      if (!verified) return std::nullopt;
      remember(digest, *verified, keys);
      return verified->id;
    } catch (const strongroom_abi::Error& error) {
      if (error.status() != STRONGROOM_INVALID) throw;  // no memory, and not: no JSON
      return std::nullopt;
    }
  }

 private:
  using Keys = std::vector<JwtKey>;

  struct Verified {
    std::string id;
    double expires_s = 0;
  };

  // Stamp tells one content of a file from another.
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t changed_s = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  std::vector<Stamp> look() const {
    std::vector<Stamp> stamps;
    for (const std::string& file : settings_.key_files) {
      struct stat status {};
      ::stat(file.c_str(), &status);
      stamps.push_back(
          {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec});
    }
    return stamps;
  }

  std::shared_ptr<const Keys> read() const {
    auto keys = std::make_shared<Keys>();
    for (const std::string& file : settings_.key_files) {
      for (JwtKey& each : read_jwt_keys(file, settings_.algorithm))
        keys->push_back(std::move(each));
    }
    return keys;
  }

  std::shared_ptr<const Keys> current_keys() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_ < kLookInterval) return keys_;
    looked_ = now;
    auto stamps = look();
    if (stamps == stamps_) return keys_;
    stamps_ = std::move(stamps);
    try {
      keys_ = read();
      verified_.clear();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "strongroomd: %s; going on with the keys from before\n", error.what());
    }
    return keys_;
  }

  std::optional<std::string> find(const TokenDigest& digest) {
    const std::lock_guard lock(mutex_);
    const auto found = verified_.find(digest);
    if (found == verified_.end()) return std::nullopt;
    if (is_current(found->second.expires_s)) return found->second.id;
    verified_.erase(found);
    return std::nullopt;
  }

  void remember(const TokenDigest& digest, const Verified& verified,
                const std::shared_ptr<const Keys>& keys) {
    const std::lock_guard lock(mutex_);
    if (keys != keys_) return;  // they were replaced meanwhile
    if (verified_.size() >= kMaxVerified) verified_.clear();
    verified_[digest] = verified;
  }

  bool is_current(double expires_s) const {
    return expires_s + settings_.skew_s > static_cast<double>(clock_());
  }

  std::optional<Verified> judge(std::string_view token, const Keys& keys) const {
    const auto parts = take_apart(token);
    if (!parts || !is_signed(*parts, keys)) return std::nullopt;
    return judge_claims(JsonObject(parts->claims));
  }

  bool is_signed(const Parts& parts, const Keys& keys) const {
    const JsonObject header(parts.header);
    if (header.text("/alg") != settings_.algorithm || header.find("/crit")) return false;
    const std::string kid = header.text("/kid").value_or("");
    for (const JwtKey& each : keys) {
      if (!kid.empty() && !each.kid.empty() && kid != each.kid) continue;
      const bool is_right =
          settings_.algorithm == "RS256"
              ? is_signed_rs256(each.key.get(), parts.signed_text, parts.signature)
              : is_signed_es256(each.key.get(), parts.signed_text, parts.signature);
      if (is_right) return true;
    }
    return false;
  }

  std::optional<Verified> judge_claims(const JsonObject& claims) const {
    const auto expires = claims.time("/exp");
    if (!expires || !is_current(*expires)) return std::nullopt;
    if (!has_begun(claims, "/nbf") || !has_begun(claims, "/iat")) return std::nullopt;
    if (!settings_.issuer.empty() && claims.text("/iss") != settings_.issuer) return std::nullopt;
    if (!settings_.audience.empty() && !is_for_audience(claims)) return std::nullopt;
    auto id = claims.text(pointer_to(settings_.user_claim));
    if (!id || id->empty() || id->size() > kMaxIdLen) return std::nullopt;
    return Verified{std::move(*id), *expires};
  }

  // has_begun returns whether a time, if there is one, is not in the future.
  bool has_begun(const JsonObject& claims, const std::string& pointer) const {
    if (!claims.find(pointer)) return true;
    const auto time = claims.time(pointer);
    return time && *time <= static_cast<double>(clock_()) + settings_.skew_s;
  }

  bool is_for_audience(const JsonObject& claims) const {
    if (claims.text("/aud") == settings_.audience) return true;
    for (std::size_t i = 0; const auto found = claims.find("/aud/" + std::to_string(i)); ++i) {
      if (found->kind == STRONGROOM_JSON_STRING && found->value.reveal() == settings_.audience)
        return true;
    }
    return false;
  }

  JwtSettings settings_;
  JwtClock clock_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point looked_{};
  std::vector<Stamp> stamps_;
  std::shared_ptr<const Keys> keys_;
  std::map<TokenDigest, Verified> verified_;
};

JwtVerifier::JwtVerifier(const JwtSettings& settings, JwtClock clock)
    : state_(std::make_unique<State>(settings, std::move(clock))) {}
JwtVerifier::~JwtVerifier() = default;

std::optional<std::string> JwtVerifier::verify(std::string_view token) {
  return state_->verify(token);
}

}  // namespace strongroomd
