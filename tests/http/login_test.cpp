#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/served_store.hpp"
#include "http/signing_key.hpp"
#include "identity/authenticator.hpp"
#include "identity/tokens.hpp"
#include "identity/users.hpp"
#include "message/failure.hpp"

namespace strongroomd::login_test {

using testing::SigningKey;

std::string expiry(int seconds = 3600) {
  const auto then = std::chrono::system_clock::now() + std::chrono::seconds(seconds);
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(then.time_since_epoch()).count());
}

// status_of returns the status of the Failure of a call, or 0.
template <typename Call>
unsigned status_of(Call call) {
  try {
    call();
    return 0;
  } catch (const Failure& failure) {
    return failure.status();
  }
}

// cheap_hash is a hash that takes little time and memory.
std::string cheap_hash(const std::string& password) {
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  EXPECT_EQ(crypto_pwhash_str(hash.data(), password.data(), password.size(),
                              crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN),
            0);
  return hash.c_str();
}

class LoginTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    hash_ = cheap_hash("swordfish");
    key_.emplace(SigningKey::rsa());
  }
  static void TearDownTestSuite() { key_.reset(); }

  LoginTest() {
    settings_.login.users_file = write(
        "users", "# people\n\nbob:" + hash_ + "\nann:" + hash_ + ":administrator:ann+group:ops\n");
    settings_.login.service_keys["web"] = write("web.pem", key_->public_pem());
    settings_.jwt.identities["web"] = "service:/web";
    settings_.login.token_lifetime_s = 1000;
    peer_.address = "192.0.2.1";
    start();
  }

  // write replaces a file, so that a reader never sees half of it.
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = served_.path_of(name);
    std::ofstream(path + ".new", std::ios::binary) << content;
    EXPECT_EQ(::chmod((path + ".new").c_str(), 0600), 0);
    EXPECT_EQ(std::rename((path + ".new").c_str(), path.c_str()), 0);
    return path;
  }

  void start() {
    authenticator_.reset();
    authenticator_.emplace(served_.store, served_.trusted, settings_, tokens_);
  }

  std::string login(const std::string& body) {
    Request request;
    request.peer = &peer_;
    request.body = body;
    return std::string(authenticator_->login(request).reveal());
  }
  std::string login(const std::string& uid, const std::string& password) {
    return login(R"({"uid":")" + uid + R"(","password":")" + password + "\"}");
  }
  std::string login_service(const std::string& uid, const std::string& token) {
    return login(R"({"uid":")" + uid + R"(","token":")" + token + "\"}");
  }

  static inline std::string hash_;
  static inline std::optional<SigningKey> key_;
  testing::ServedStore served_;
  Settings settings_;
  Peer peer_;
  Tokens tokens_{served_.trusted, served_.dir};
  std::optional<Authenticator> authenticator_;
};

TEST_F(LoginTest, APasswordMakesATokenThatExpires) {
  const auto info = tokens_.verify(login("bob", "swordfish"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->identity, "user:bob");
  EXPECT_EQ(info->expires_s, info->created_s + 1000);
  EXPECT_EQ(tokens_.verify(login("ann", "swordfish"))->identity, "administrator:ann+group:ops");
  EXPECT_NE(login("bob", "swordfish"), login("bob", "swordfish"));
}

TEST_F(LoginTest, WrongCredentialsAreAlike) {
  std::optional<std::string> text;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"bob", "swordfisg"}, {"bob", "swordfish "},      {"bob", ""},
      {"bob", "Swordfish"}, {"BOB", "swordfish"},       {"eve", "swordfish"},
      {"eve", ""},          {"", "swordfish"},          {"web", "swordfish"},
      {"# people", ""},     {"bob", "swordfish\\u0000"}};
  for (const auto& [uid, password] : wrong) {
    try {
      login(uid, password);
      ADD_FAILURE() << uid << " " << password;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.status(), 401u) << uid << " " << password;
      if (!text) text = failure.what();
      EXPECT_EQ(failure.what(), *text);
    }
  }
  EXPECT_EQ(tokens_.list(served_.trusted).size(), 0u);
}

TEST_F(LoginTest, AnUnknownUidTakesAsLong) {
  const auto time_of = [&](const std::string& uid) {
    auto least = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 3; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      EXPECT_EQ(status_of([&] { login(uid, "wrong"); }), 401u);
      least = std::min(least, std::chrono::steady_clock::now() - begun);
    }
    return least;
  };
  write("users", "bob:" + hash_password("swordfish") + "\n");
  const auto known = time_of("bob");
  const auto unknown = time_of("eve");
  EXPECT_GT(unknown, known / 2);
  EXPECT_LT(unknown, known * 2);
}

TEST_F(LoginTest, BodiesAreStrict) {
  for (const char* body :
       {"", "x", "[]", "{}", "null", R"({"uid":"bob"})", R"({"password":"swordfish"})",
        R"({"uid":1,"password":"swordfish"})", R"({"uid":null,"password":"swordfish"})",
        R"({"uid":"bob","password":1})", R"({"uid":"bob","password":["swordfish"]})",
        R"({"uid":"bob","token":1})", R"({"uid":"bob","uid":"bob","password":"swordfish"})",
        R"({"uid":"bob","password":"a","password":"swordfish"})",
        R"({"uid":"bob","password":"swordfish"}x)", R"({"Uid":"bob","Password":"swordfish"})"})
    EXPECT_EQ(status_of([&] { login(body); }), 400u) << body;
  const std::string deep = R"({"uid":"bob","password":"swordfish","a":)";
  EXPECT_EQ(
      status_of([&] { login(deep + std::string(10000, '[') + std::string(10000, ']') + "}"); }),
      400u);
  EXPECT_NO_THROW(login(R"({"more":[1],"password":"swordfi\u0073h","uid":"bob"})"));
}

TEST_F(LoginTest, AServiceLogsInWithItsOwnToken) {
  const std::string token = key_->token(R"({"uid":"web","exp":)" + expiry() + "}");
  const auto info = tokens_.verify(login_service("web", token));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->identity, "service:/web");
  EXPECT_EQ(info->expires_s, info->created_s + 1000);
}

TEST_F(LoginTest, AServiceCannotLogInAsAnother) {
  const SigningKey other = SigningKey::rsa();
  settings_.login.service_keys["other"] = write("other.pem", other.public_pem());
  start();
  const std::string claims = R"({"uid":"web","exp":)" + expiry() + "}";
  const std::string of_other = R"({"uid":"other","exp":)" + expiry() + "}";
  EXPECT_NO_THROW(login_service("other", other.token(of_other)));
  for (const std::string& wrong :
       {other.token(claims), other.token(of_other), key_->token(of_other),
        key_->token(R"({"uid":"web","exp":)" + expiry(-3600) + "}"),
        key_->token(R"({"uid":"web"})"), key_->token(R"({"exp":)" + expiry() + "}"), std::string(),
        std::string("x")})
    EXPECT_EQ(status_of([&] { login_service("web", wrong); }), 401u) << wrong;
  for (const char* uid : {"bob", "eve", "", "WEB"})
    EXPECT_EQ(status_of([&] { login_service(uid, key_->token(claims)); }), 401u) << uid;
}

TEST_F(LoginTest, TheTokenOfAServiceIsNoTokenForRequests) {
  const std::string token = key_->token(R"({"uid":"web","exp":)" + expiry() + "}");
  const std::string field = "Bearer " + token;
  Request request;
  request.peer = &peer_;
  request.headers.authorization = field;
  request.headers.num_authorization = 1;
  EXPECT_EQ(status_of([&] { authenticator_->identify(request); }), 401u);
}

TEST_F(LoginTest, IsNotThereWhereNothingIsConfigured) {
  settings_.login = LoginSettings();
  start();
  EXPECT_EQ(status_of([&] { login("bob", "swordfish"); }), 404u);
}

TEST_F(LoginTest, FailedTriesSlowDown) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of([&] { login_service("web", "x"); }), 401u);
  try {
    login_service("web", "x");
    ADD_FAILURE();
  } catch (const Failure& failure) {
    EXPECT_GT(failure.delay.count(), 90);
  }
}

TEST_F(LoginTest, WhileSealedNoTokenIsMade) {
  served_.seal();
  try {
    login("bob", "swordfish");
    ADD_FAILURE();
  } catch (const strongroom_abi::Error& error) {
    EXPECT_EQ(error.status(), STRONGROOM_SEALED);
  }
}

TEST_F(LoginTest, UsersFilesAreChecked) {
  for (const std::string& content :
       {std::string("bob\n"), std::string(":") + hash_ + "\n", std::string("bob:swordfish\n"),
        std::string("bob:$6$salt$hash\n"), "bob:" + hash_ + "\nbob:" + hash_ + "\n",
        "bob:" + hash_ + ":root\n", "bob:" + hash_ + ":\n",
        "bob:" + hash_ + std::string(200, 'x') + "\n"})
    EXPECT_THROW(Users{write("wrong", content)}, std::runtime_error) << content;
  const std::string open = write("open", "bob:" + hash_ + "\n");
  ASSERT_EQ(::chmod(open.c_str(), 0666), 0);
  EXPECT_THROW(Users{open}, std::runtime_error);
  EXPECT_THROW(Users{served_.path_of("absent")}, std::runtime_error);
  EXPECT_THROW(Users{served_.path_of("")}, std::runtime_error);
}

TEST_F(LoginTest, TheUsersFileIsReadAgain) {
  Users users(settings_.login.users_file);
  EXPECT_EQ(users.check("bob", "swordfish"), "user:bob");
  write("users", "bob:" + cheap_hash("next") + "\n");
  EXPECT_EQ(users.check("bob", "swordfish"), std::nullopt);
  EXPECT_EQ(users.check("bob", "next"), "user:bob");
  EXPECT_EQ(users.check("ann", "swordfish"), std::nullopt);
  write("users", "damaged");
  EXPECT_EQ(users.check("bob", "next"), "user:bob");
}

TEST_F(LoginTest, HashesAreSaltedAndOfOneLine) {
  const std::string hash = hash_password("swordfish");
  EXPECT_NE(hash_password("swordfish"), hash);
  EXPECT_EQ(hash.find_first_of(":\n "), std::string::npos);
  EXPECT_EQ(hash.find("swordfish"), std::string::npos);
  EXPECT_EQ(hash.substr(0, 10), "$argon2id$");
  write("users", "bob:" + hash + "\n");
  EXPECT_NO_THROW(login("bob", "swordfish"));
}

TEST_F(LoginTest, AtOnceTheyAllEndOrAreRefused) {
  write("users", "bob:" + hash_password("swordfish") + "\n");
  std::atomic<int> num_done{0};
  std::atomic<int> num_busy{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const unsigned status = status_of([&] { login("bob", "swordfish"); });
      EXPECT_TRUE(status == 0 || status == 503) << status;
      ++(status == 0 ? num_done : num_busy);
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_GE(num_done, 2);
  EXPECT_EQ(num_done + num_busy, 6);
}

}  // namespace strongroomd::login_test
