#include "identity/authenticator.hpp"

#include <strings.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "identity/failed_tries.hpp"
#include "identity/identity_text.hpp"
#include "identity/jwt.hpp"
#include "identity/tokens.hpp"
#include "identity/users.hpp"
#include "message/json_object.hpp"

namespace strongroomd {
namespace {

constexpr std::size_t kMaxSessions = 10000;

// text_after returns what follows a prefix, whose letters may be of either case; nothing where it is not there.
std::optional<std::string_view> text_after(std::string_view text,
                                           std::string_view prefix) noexcept {
  if (text.size() < prefix.size() || ::strncasecmp(text.data(), prefix.data(), prefix.size()) != 0)
    return std::nullopt;
  text.remove_prefix(prefix.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

// Sessions opens one session for each identity, and keeps it.
class Sessions {
 public:
  explicit Sessions(strongroom_abi::Store& store) noexcept : store_(store) {}

  std::shared_ptr<strongroom_abi::Session> of(const IdentityText& identity) {
    const std::lock_guard lock(mutex_);
    if (const auto found = sessions_.find(identity); found != sessions_.end()) return found->second;
    auto made =
        std::make_shared<strongroom_abi::Session>(open_session(store_, parse_identity(identity)));
    if (sessions_.size() >= kMaxSessions) sessions_.clear();
    sessions_.emplace(identity, made);
    return made;
  }

 private:
  strongroom_abi::Store& store_;
  std::mutex mutex_;
  std::unordered_map<IdentityText, std::shared_ptr<strongroom_abi::Session>> sessions_;
};

std::optional<std::string> member_of(std::string_view body, const std::string& pointer) {
  try {
    const strongroom_abi::JsonValue found = strongroom_abi::json_value(body, pointer);
    if (found.kind == STRONGROOM_JSON_STRING) return std::string(found.value.reveal());
  } catch (const strongroom_abi::Error& error) {
    if (error.status() == STRONGROOM_NOT_FOUND) return std::nullopt;
    if (error.status() != STRONGROOM_INVALID) throw;
  }
  throw Failure(400, "Bad request",
                "the body must be JSON: {\"uid\":\"...\",\"password\":\"...\"}");
}

std::optional<strongroom_abi::Secret> secret_of(std::string_view body, const std::string& pointer) {
  try {
    strongroom_abi::JsonValue found = strongroom_abi::json_value(body, pointer);
    if (found.kind == STRONGROOM_JSON_STRING) return std::move(found.value);
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_NOT_FOUND) throw;
  }
  return std::nullopt;
}

}  // namespace

class Authenticator::State {
 public:
  State(strongroom_abi::Store& store, strongroom_abi::Session& trusted, const Settings& settings,
        Tokens& tokens)
      : settings_(settings), trusted_(trusted), tokens_(tokens), sessions_(store) {
    if (!settings.jwt.key_files.empty()) jwt_.emplace(settings.jwt);
    if (!settings.login.users_file.empty()) users_.emplace(settings.login.users_file);
    for (const auto& [uid, key_file] : settings.login.service_keys)
      services_.try_emplace(uid, jwt_of(key_file));
    check_identities();
  }

  Caller identify(const Request& request) {
    if (request.headers.num_authorization > 1)
      throw Failure(400, "Bad request", "there are several Authorization fields; send one");
    if (request.headers.num_authorization == 1) return by_header(request);
    if (request.headers.num_token_cookie > 0 && only_reads(request)) return by_cookie(request);
    if (const auto* const identity = identity_of(*request.peer)) return caller(*identity, {});
    throw Failure(401, "Unauthorized",
                  "send a token: 'Authorization: token=...' or 'Authorization: Bearer ...'");
  }

  strongroom_abi::Secret login(const Request& request) {
    if (!users_ && services_.empty())
      throw Failure(404, "Not found",
                    "no login is configured on this server; ask its operator for a token");
    const auto uid = member_of(request.body, "/uid");
    if (!uid)
      throw Failure(400, "Bad request",
                    "the body must be JSON: {\"uid\":\"...\",\"password\":\"...\"}");
    const std::uint64_t lifetime_s = lifetime_of_login(request.body);
    const auto identity = identity_of_login(*uid, request.body);
    if (!identity) fail(request, "the uid or its password, or token, is wrong");
    return std::move(tokens_.create(trusted_, *identity, "login", lifetime_s).text);
  }

 private:
  [[noreturn]] void fail(const Request& request, const char* why) {
    Failure failure(401, "Unauthorized", why);
    failure.delay = tries_.add(request.peer->address);
    throw failure;
  }

  Caller caller(const IdentityText& identity, std::string token_id) {
    constexpr std::string_view kTokenMark = " token:";
    std::string actor;
    actor.reserve(identity.size() + kTokenMark.size() + token_id.size());
    actor += identity;
    if (!token_id.empty()) actor.append(kTokenMark).append(token_id);
    return {sessions_.of(identity), std::move(actor), std::move(token_id)};
  }

  Caller by_header(const Request& request) {
    std::optional<std::string_view> text = text_after(request.headers.authorization, "token=");
    if (!text) text = text_after(request.headers.authorization, "Bearer ");
    return by_token(request, text.value_or(std::string_view()));
  }

  // A page of another site can make a browser send its cookies, so a cookie counts for what changes nothing.
  static bool only_reads(const Request& request) noexcept {
    return request.method == Method::get || request.method == Method::head;
  }

  Caller by_cookie(const Request& request) {
    if (request.headers.num_token_cookie > 1)
      throw Failure(400, "Bad request", "there are several cookies with a token; send one");
    return by_token(request, request.headers.token_cookie);
  }

  Caller by_token(const Request& request, std::string_view text) {
    if (is_token(text)) {
      if (auto info = tokens_.verify(text)) return caller(info->identity, std::move(info->id));
    } else if (!text.empty() && jwt_) {
      // In the text of an identity, "+group:" would make the caller a member of a group.
      const auto id = jwt_->verify(text);
      if (id && id->find("+group:") == std::string::npos) return caller(identity_of_user(*id), {});
    }
    fail(request, "the token is wrong, has expired, or was revoked");
  }

  // identity_of_user returns what the settings say about an id, or else a user of that id.
  IdentityText identity_of_user(const std::string& id) const {
    const auto found = settings_.jwt.identities.find(id);
    return found != settings_.jwt.identities.end() ? found->second : "user:" + id;
  }

  const IdentityText* identity_of(const Peer& peer) const noexcept {
    if (peer.certificate) {
      for (const CertificateRule& rule : settings_.certificates) {
        if (fits(rule, *peer.certificate)) return &rule.identity;
      }
    }
    if (peer.unix_peer) {
      for (const PeerRule& rule : settings_.unix_peers) {
        if (rule.uid == peer.unix_peer->uid) return &rule.identity;
      }
    }
    return nullptr;
  }

  static bool fits(const CertificateRule& rule, const Certificate& certificate) noexcept {
    if (rule.uri.empty()) return !rule.subject.empty() && rule.subject == certificate.subject;
    for (const std::string& each : certificate.uris) {
      if (each == rule.uri) return true;
    }
    return false;
  }

  std::optional<IdentityText> identity_of_login(const std::string& uid, std::string_view body) {
    if (const auto password = secret_of(body, "/password"))
      return users_ ? users_->check(uid, password->reveal()) : std::nullopt;
    const auto token = secret_of(body, "/token");
    if (!token)
      throw Failure(400, "Bad request", "the body must have a password, or the token of a service");
    const auto service = services_.find(uid);
    if (service == services_.end() || service->second->verify(token->reveal()) != uid)
      return std::nullopt;
    return identity_of_user(uid);
  }

  // lifetime_of_login returns how long the token of a login counts. A client may ask for less than the settings
  // say: "exp" is when it shall expire, in seconds since 1970.
  std::uint64_t lifetime_of_login(std::string_view body) const {
    const std::uint64_t longest_s = settings_.login.token_lifetime_s;
    const auto exp = JsonObject(body).time("/exp");
    if (!exp) return longest_s;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const double left_s = *exp - std::chrono::duration<double>(now).count();
    if (!(left_s >= 1))
      throw Failure(400, "Bad request", "the token would expire at once: see 'exp'");
    return left_s < static_cast<double>(longest_s) ? static_cast<std::uint64_t>(left_s) : longest_s;
  }

  std::unique_ptr<JwtVerifier> jwt_of(const std::string& key_file) const {
    JwtSettings settings = settings_.jwt;
    settings.key_files = {key_file};
    settings.user_claim = "uid";
    settings.issuer.clear();
    settings.audience.clear();
    return std::make_unique<JwtVerifier>(settings);
  }

  // check_identities finds what could not be used later.
  void check_identities() {
    const auto check = [this](const IdentityText& identity) {
      try {
        sessions_.of(identity);
      } catch (const std::exception& error) {
        throw std::runtime_error("the settings name the identity '" + identity +
                                 "': " + error.what());
      }
    };
    for (const auto& [id, identity] : settings_.jwt.identities) check(identity);
    for (const CertificateRule& rule : settings_.certificates) check(rule.identity);
    for (const PeerRule& rule : settings_.unix_peers) check(rule.identity);
  }

  const Settings& settings_;
  strongroom_abi::Session& trusted_;
  Tokens& tokens_;
  Sessions sessions_;
  FailedTries tries_;
  std::optional<JwtVerifier> jwt_;
  std::optional<Users> users_;
  std::map<std::string, std::unique_ptr<JwtVerifier>> services_;
};

Authenticator::Authenticator(strongroom_abi::Store& store, strongroom_abi::Session& trusted,
                             const Settings& settings, Tokens& tokens)
    : state_(std::make_unique<State>(store, trusted, settings, tokens)) {}
Authenticator::~Authenticator() = default;

Caller Authenticator::identify(const Request& request) {
  return state_->identify(request);
}

strongroom_abi::Secret Authenticator::login(const Request& request) {
  return state_->login(request);
}

}  // namespace strongroomd
