#include "identity/authenticator.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/served_store.hpp"
#include "http/signing_key.hpp"
#include "identity/tokens.hpp"
#include "message/failure.hpp"

namespace strongroomd::authenticator_test {

using std::chrono::milliseconds;
using testing::SigningKey;

std::string expiry() {
  const auto now = std::chrono::system_clock::now() + std::chrono::hours(1);
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

std::string claims_of(const std::string& uid) {
  return R"({"uid":")" + uid + R"(","exp":)" + expiry() + "}";
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { key_.emplace(SigningKey::ecdsa()); }
  static void TearDownTestSuite() { key_.reset(); }

  AuthenticatorTest() {
    const std::string file = served_.path_of("jwt.pem");
    std::ofstream(file) << key_->public_pem();
    settings_.jwt.key_files = {file};
    settings_.jwt.algorithm = "ES256";
    settings_.jwt.identities["root"] = "administrator:root";
    settings_.certificates = {{"spiffe://a/web", "", "service:/web"},
                              {"", "CN=ops,O=a", "administrator:ops"}};
    settings_.unix_peers = {{1000, "user:unix"}};
    peer_.address = "192.0.2.1";
    start();
  }

  void start() {
    authenticator_.reset();
    authenticator_.emplace(served_.store, served_.trusted, settings_, tokens_);
  }

  Caller identify(const std::string& authorization, unsigned num = 1) {
    Request request;
    request.peer = &peer_;
    request.headers.authorization = authorization;
    request.headers.num_authorization = num;
    return authenticator_->identify(request);
  }
  Caller identify() { return identify("", 0); }

  std::string identity_of(const std::string& authorization) {
    const Caller caller = identify(authorization);
    return caller.actor.substr(0, caller.actor.find(' '));
  }

  // failure_of returns how a call fails; its status is 0 where it does not.
  template <typename Call>
  static Failure failure_of(Call call) {
    try {
      call();
    } catch (const Failure& failure) {
      return failure;
    }
    return Failure(0, "", "");
  }
  Failure failure_of_header(const std::string& authorization) {
    return failure_of([&] { identify(authorization); });
  }

  std::string make(const std::string& identity, std::uint64_t lifetime_s = 0) {
    return std::string(
        tokens_.create(served_.trusted, identity, "a test", lifetime_s).text.reveal());
  }

  void with_certificate(const std::vector<std::string>& uris, const std::string& subject) {
    peer_.certificate = Certificate{uris, subject};
  }

  static inline std::optional<SigningKey> key_;
  testing::ServedStore served_;
  Settings settings_;
  Peer peer_;
  Tokens tokens_{served_.trusted, served_.dir};
  std::optional<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, ATokenComesInTwoForms) {
  const std::string token = make("user:bob");
  for (const char* scheme : {"token=", "Bearer ", "bearer ", "BEARER "}) {
    const Caller caller = identify(scheme + token);
    EXPECT_EQ(caller.actor, "user:bob token:" + token.substr(4, 22)) << scheme;
    EXPECT_EQ(caller.token_id, token.substr(4, 22)) << scheme;
  }
  for (const std::string& wrong :
       {token, "Basic " + token, "token " + token, "Bearer" + token, "Bearer=" + token,
        "token=" + token + ",", "token=" + token + " ", "token=\"" + token + "\"",
        "token=" + token + token, std::string("token="), std::string("Bearer "), std::string(),
        std::string("Bearer"), "Bearer token=" + token, "Bearer Bearer " + token})
    EXPECT_EQ(failure_of_header(wrong).status(), 401u) << wrong;
}

TEST_F(AuthenticatorTest, TheSessionIsTheIdentitys) {
  served_.trusted.put("a", STRONGROOM_CONTENT_TEXT, "value");
  EXPECT_EQ(identify("token=" + make("trusted")).session->get("a").reveal(), "value");
  const Caller bob = identify("token=" + make("user:bob"));
  try {
    bob.session->get("a");
    FAIL() << "a user without a rule reads";
  } catch (const strongroom_abi::Error& error) {
    EXPECT_EQ(error.status(), STRONGROOM_DENIED);
  }
}

TEST_F(AuthenticatorTest, SessionsAreKept) {
  const Caller first = identify("token=" + make("user:bob"));
  const Caller second = identify("token=" + make("user:bob"));
  EXPECT_EQ(first.session, second.session);
  EXPECT_NE(first.session, identify("token=" + make("user:eve")).session);
}

TEST_F(AuthenticatorTest, SeveralFieldsAreRefused) {
  const std::string token = make("user:bob");
  EXPECT_EQ(failure_of([&] { identify("token=" + token, 2); }).status(), 400u);
  EXPECT_EQ(failure_of([&] { identify("token=" + token + ", token=" + token); }).status(), 401u);
}

TEST_F(AuthenticatorTest, NobodyIsRefused) {
  const Failure failure = failure_of([&] { identify(); });
  EXPECT_EQ(failure.status(), 401u);
  EXPECT_EQ(failure.delay, milliseconds(0));
  EXPECT_NE(std::string(failure.what()).find("Authorization: token="), std::string::npos);
}

TEST_F(AuthenticatorTest, WhatWasWrongIsNotTold) {
  const std::string token = make("user:bob");
  const std::string revoked = make("user:bob");
  tokens_.revoke(served_.trusted, revoked.substr(4, 22));
  const std::string bad_secret = token.substr(0, 69) + (token.back() == 'A' ? 'E' : 'A');
  const std::string unknown_id = "srt." + std::string(22, 'A') + token.substr(26);
  const std::string expired = key_->token(R"({"uid":"bob","exp":1})");
  const std::string foreign = SigningKey::ecdsa().token(claims_of("bob"));
  const std::string expected = failure_of_header("token=x").what();
  for (const std::string& wrong : {revoked, bad_secret, unknown_id, expired, foreign}) {
    const Failure failure = failure_of_header("token=" + wrong);
    EXPECT_EQ(failure.status(), 401u) << wrong;
    EXPECT_EQ(failure.what(), expected) << wrong;
    EXPECT_EQ(failure.title(), "Unauthorized");
  }
}

TEST_F(AuthenticatorTest, JsonWebTokens) {
  EXPECT_EQ(identity_of("token=" + key_->token(claims_of("bob"))), "user:bob");
  EXPECT_EQ(identity_of("Bearer " + key_->token(claims_of("root"))), "administrator:root");
  EXPECT_EQ(identify("Bearer " + key_->token(claims_of("bob"))).token_id, "");
}

TEST_F(AuthenticatorTest, AnIdNeverBringsAGroupOrAnotherKind) {
  for (const char* uid : {"bob+group:ops", "+group:ops", "bob+group:", "a\\u0000b", "a\\nb"}) {
    const unsigned status = failure_of_header("Bearer " + key_->token(claims_of(uid))).status();
    EXPECT_TRUE(status == 401 || status == 400) << uid << status;
  }
  for (const char* uid : {"trusted", "administrator:root", "service:/web@/x", "bob@/web"})
    EXPECT_EQ(identity_of("Bearer " + key_->token(claims_of(uid))), std::string("user:") + uid);
}

TEST_F(AuthenticatorTest, WithoutKeysNoJsonWebTokenCounts) {
  settings_.jwt.key_files.clear();
  start();
  EXPECT_EQ(failure_of_header("Bearer " + key_->token(claims_of("bob"))).status(), 401u);
}

TEST_F(AuthenticatorTest, Certificates) {
  with_certificate({"spiffe://a/other", "spiffe://a/web"}, "CN=x");
  EXPECT_EQ(identify().actor, "service:/web");
  with_certificate({}, "CN=ops,O=a");
  EXPECT_EQ(identify().actor, "administrator:ops");
  for (const char* uri : {"spiffe://a/web/", "spiffe://a/webx", "SPIFFE://a/web", "spiffe://a/we",
                          "", "CN=ops,O=a"}) {
    with_certificate({uri}, "");
    EXPECT_EQ(failure_of([&] { identify(); }).status(), 401u) << uri;
  }
  for (const char* subject : {"", "CN=ops", "CN=ops,O=a,C=b", "O=a,CN=ops", "spiffe://a/web"}) {
    with_certificate({}, subject);
    EXPECT_EQ(failure_of([&] { identify(); }).status(), 401u) << subject;
  }
}

TEST_F(AuthenticatorTest, UnixPeers) {
  peer_.unix_peer = UnixPeer{1000, 1000, 1};
  EXPECT_EQ(identify().actor, "user:unix");
  peer_.unix_peer = UnixPeer{0, 1000, 1};
  EXPECT_EQ(failure_of([&] { identify(); }).status(), 401u);
}

TEST_F(AuthenticatorTest, AWrongTokenIsNotForgivenForTheConnection) {
  peer_.unix_peer = UnixPeer{1000, 1000, 1};
  with_certificate({"spiffe://a/web"}, "");
  for (const char* wrong : {"token=wrong", "", "Bearer ", "Basic YTpi"})
    EXPECT_EQ(failure_of_header(wrong).status(), 401u) << wrong;
  EXPECT_EQ(identity_of("token=" + make("user:bob")), "user:bob");
}

TEST_F(AuthenticatorTest, FailedTriesSlowDown) {
  const std::string token = make("user:bob");
  milliseconds last{0};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(failure_of_header("token=x").delay, milliseconds(0)) << i;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(identity_of("token=" + token), "user:bob");  // never held up, and nothing is reset
    const milliseconds delay = failure_of_header("token=x").delay;
    EXPECT_TRUE(delay > last || delay > milliseconds(1900)) << i;
    EXPECT_LE(delay, milliseconds(2000));
    last = delay;
  }
  peer_.address = "192.0.2.2";
  EXPECT_EQ(failure_of_header("token=x").delay, milliseconds(0));
}

TEST_F(AuthenticatorTest, WhileSealedOnlyOperatorsAreKnown) {
  const std::string user = make("user:bob");
  const std::string trusted = make("trusted");
  served_.seal();
  EXPECT_EQ(identity_of("token=" + trusted), "trusted");
  EXPECT_EQ(identity_of("Bearer " + key_->token(claims_of("bob"))), "user:bob");
  try {
    identify("token=" + user);
    FAIL() << "nobody can know this token";
  } catch (const strongroom_abi::Error& error) {
    EXPECT_EQ(error.status(), STRONGROOM_SEALED);
  }
  served_.unseal();
  EXPECT_EQ(identity_of("token=" + user), "user:bob");
}

TEST_F(AuthenticatorTest, IdentitiesOfTheSettingsAreCheckedAtTheStart) {
  for (const char* wrong : {"", "root", "user:", "group:a"}) {
    settings_.unix_peers = {{1000, wrong}};
    EXPECT_THROW(start(), std::runtime_error) << wrong;
  }
}

TEST_F(AuthenticatorTest, ManyThreads) {
  const std::string bob = "token=" + make("user:bob");
  const std::string jwt = "Bearer " + key_->token(claims_of("ann"));
  std::atomic<int> num_revoked{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(identity_of(bob), "user:bob");
        EXPECT_EQ(identity_of(jwt), "user:ann");
        EXPECT_EQ(identity_of("Bearer " + key_->token(claims_of(std::to_string(100 * t + i)))),
                  "user:" + std::to_string(100 * t + i));
        EXPECT_EQ(failure_of_header(bob + "x").status(), 401u);
      }
      const std::string own = make("user:own");
      EXPECT_EQ(identity_of("token=" + own), "user:own");
      if (tokens_.revoke(served_.trusted, own.substr(4, 22))) ++num_revoked;
      EXPECT_EQ(failure_of_header("token=" + own).status(), 401u);
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(num_revoked, 4);
}

}  // namespace strongroomd::authenticator_test
