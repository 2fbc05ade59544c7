#include "identity/tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/served_store.hpp"
#include "message/failure.hpp"

namespace strongroomd::tokens_test {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds kNoTrust{0};  // each record is read anew

class TokensTest : public ::testing::Test {
 protected:
  // restart is a server that starts anew on the same state directory.
  void restart() { tokens_.emplace(served_.trusted, served_.dir, kNoTrust); }

  std::optional<std::string> identity_of(const std::string& text) {
    const auto info = tokens_->verify(text);
    return info ? std::optional(info->identity) : std::nullopt;
  }

  std::string make(const std::string& identity, std::uint64_t lifetime_s = 0) {
    return std::string(
        tokens_->create(served_.trusted, identity, "a test", lifetime_s).text.reveal());
  }

  std::string make_operator() {
    return std::string(tokens_->create_operator("a test").text.reveal());
  }

  template <typename Call>
  static strongroom_status status_of(Call call) {
    try {
      call();
      return STRONGROOM_OK;
    } catch (const strongroom_abi::Error& error) {
      return error.status();
    }
  }

  testing::ServedStore served_;
  std::optional<Tokens> tokens_{std::in_place, served_.trusted, served_.dir, kNoTrust};
};

TEST_F(TokensTest, AreTextsOfOneForm) {
  const std::string text = make("user:bob");
  EXPECT_EQ(text.size(), 70u);
  EXPECT_TRUE(is_token(text));
  EXPECT_EQ(text.substr(0, 4), "srt.");
  EXPECT_EQ(identity_of(text), "user:bob");
  EXPECT_NE(make("user:bob"), text);
  const auto info = tokens_->verify(text);
  EXPECT_EQ(info->id, text.substr(4, 22));
  EXPECT_EQ(info->description, "a test");
  EXPECT_EQ(info->expires_s, 0u);
}

TEST_F(TokensTest, EveryChangedCharacterIsWrong) {
  const std::string text = make("user:bob");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    // The last character of each part has bits that mean nothing, but they are part of the text.
    EXPECT_EQ(identity_of(wrong), std::nullopt) << i;
  }
  for (const std::string& wrong :
       {text + "A", text.substr(0, 69), " " + text, text + "\n", std::string(), std::string("srt."),
        std::string(70, '.'), "srt." + std::string(22, '/') + "." + std::string(43, 'A'),
        "srt." + std::string("../tokens/") + std::string(12, 'A') + "." + std::string(43, 'A')})
    EXPECT_EQ(identity_of(wrong), std::nullopt) << wrong;
}

TEST_F(TokensTest, AreKeptAsHashes) {
  const std::string text = make("trusted");
  const std::string record(served_.trusted.record("tokens/" + text.substr(4, 22)).reveal());
  EXPECT_EQ(record.find(text.substr(27)), std::string::npos);
  EXPECT_EQ(served_.dir.read("operators")->reveal().find(text.substr(27)), std::string_view::npos);
}

TEST_F(TokensTest, Expire) {
  const std::string text = make("user:bob", 1);
  EXPECT_EQ(identity_of(text), "user:bob");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (identity_of(text) && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(identity_of(text), std::nullopt);
  tokens_->unsealed();
  EXPECT_EQ(tokens_->get(served_.trusted, text.substr(4, 22)), std::nullopt);
}

TEST_F(TokensTest, AreRevokedForAllServersAtOnce) {
  const std::string text = make("user:bob");
  StateDir other_dir(served_.path_of("other"));
  Tokens other(served_.trusted, other_dir, kNoTrust);
  EXPECT_TRUE(other.verify(text).has_value());
  EXPECT_TRUE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
  EXPECT_FALSE(other.verify(text).has_value());
  EXPECT_FALSE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
  EXPECT_FALSE(tokens_->revoke(served_.trusted, "../x"));
}

TEST_F(TokensTest, RevokedByAnotherServerEndWithinTheTrust) {
  StateDir other_dir(served_.path_of("other"));
  Tokens other(served_.trusted, other_dir, std::chrono::milliseconds(200));
  const std::string text = make("user:bob");
  const std::string wrong = text.substr(0, 69) + (text.back() == 'A' ? 'B' : 'A');
  EXPECT_TRUE(other.verify(text).has_value());
  EXPECT_FALSE(other.verify(wrong).has_value());
  const auto revoked = std::chrono::steady_clock::now();
  EXPECT_TRUE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
  while (other.verify(text) &&
         std::chrono::steady_clock::now() - revoked < std::chrono::seconds(10))
    std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now() - revoked, std::chrono::seconds(5));
}

// What one thread reads while another one revokes must not be kept.
TEST_F(TokensTest, RevokedByThisServerEndAtOnce) {
  tokens_.emplace(served_.trusted, served_.dir, std::chrono::hours(1));
  std::atomic<bool> done{false};
  std::string current;
  std::mutex mutex;
  std::thread reader([&] {
    while (!done) {
      mutex.lock();
      const std::string text = current;
      mutex.unlock();
      tokens_->verify(text);
    }
  });
  for (int i = 0; i < 100; ++i) {
    const std::string text = make("user:bob");
    mutex.lock();
    current = text;
    mutex.unlock();
    EXPECT_TRUE(tokens_->verify(text).has_value());
    EXPECT_TRUE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
    EXPECT_FALSE(tokens_->verify(text).has_value());
  }
  done = true;
  reader.join();
}

TEST_F(TokensTest, OnlyTrustedCallersManageThem) {
  const std::string text = make("user:bob");
  strongroom_abi::Session bob = served_.store.user("bob");
  EXPECT_EQ(status_of([&] { tokens_->create(bob, "trusted", "", 0); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { tokens_->list(bob); }), STRONGROOM_DENIED);
  for (const std::string& id : {text.substr(4, 22), std::string("absent"), std::string("../x")}) {
    EXPECT_EQ(status_of([&] { tokens_->get(bob, id); }), STRONGROOM_DENIED) << id;
    EXPECT_EQ(status_of([&] { tokens_->revoke(bob, id); }), STRONGROOM_DENIED) << id;
  }
  EXPECT_EQ(tokens_->list(served_.trusted).size(), 1u);
  EXPECT_TRUE(tokens_->verify(text).has_value());
}

TEST_F(TokensTest, OfOperatorsCountWhileSealed) {
  const std::string trusted = make("trusted");
  const std::string admin = make("administrator:ann");
  const std::string user = make("user:bob");
  const std::string wrong = trusted.substr(0, 69) + (trusted.back() == 'A' ? 'B' : 'A');
  served_.seal();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(identity_of(trusted), "trusted");
    EXPECT_EQ(identity_of(admin), "administrator:ann");
    EXPECT_EQ(identity_of(wrong), std::nullopt);
    EXPECT_EQ(status_of([&] { tokens_->verify(user); }), STRONGROOM_SEALED);
    restart();
  }
  served_.unseal();
  tokens_->unsealed();
  EXPECT_EQ(identity_of(user), "user:bob");
}

TEST_F(TokensTest, OfOtherServersCountWhileSealedFromTheNextUnsealOn) {
  StateDir other_dir(served_.path_of("other"));
  Tokens other(served_.trusted, other_dir, kNoTrust);
  const std::string text = make("trusted");
  const std::string revoked = make("trusted");
  other.unsealed();
  tokens_->revoke(served_.trusted, revoked.substr(4, 22));
  other.unsealed();
  served_.seal();
  EXPECT_TRUE(other.verify(text).has_value());
  EXPECT_EQ(status_of([&] { other.verify(revoked); }), STRONGROOM_SEALED);
}

TEST_F(TokensTest, WorkBeforeThereIsAStore) {
  strongroom_abi::Store store("lmdb:" + served_.path_of("new"));
  strongroom_abi::Session trusted = store.trusted();
  StateDir dir(served_.path_of("new-state"));
  Tokens tokens(trusted, dir, kNoTrust);
  const std::string text(tokens.create_operator("setup").text.reveal());
  EXPECT_EQ(tokens.verify(text)->identity, "trusted");
  EXPECT_EQ(status_of([&] { tokens.verify(make("user:bob")); }), STRONGROOM_SEALED);
  tokens.revoke_operator(text);
  EXPECT_EQ(status_of([&] { tokens.verify(text); }), STRONGROOM_SEALED);
}

TEST_F(TokensTest, OfAnOperatorBecomeRecords) {
  const std::string text = make_operator();
  EXPECT_EQ(identity_of(text), "trusted");
  EXPECT_EQ(tokens_->list(served_.trusted).size(), 0u);
  tokens_->unsealed();
  tokens_->unsealed();
  ASSERT_EQ(tokens_->list(served_.trusted).size(), 1u);
  EXPECT_EQ(identity_of(text), "trusted");
  // Revoked elsewhere: the record is gone, and the file does not bring it back.
  served_.trusted.erase_record("tokens/" + text.substr(4, 22));
  EXPECT_EQ(identity_of(text), std::nullopt);
  restart();
  tokens_->unsealed();
  EXPECT_EQ(identity_of(text), std::nullopt);
  served_.seal();
  EXPECT_EQ(status_of([&] { tokens_->verify(text); }), STRONGROOM_SEALED);
}

TEST_F(TokensTest, RefuseWhatCannotBeWritten) {
  for (const char* identity :
       {"", "bob", "user:", "root:bob", "group:a", "trusted:x", "user:a\nb", "service:@/x"})
    EXPECT_THROW(tokens_->create(served_.trusted, identity, "", 0), Failure) << identity;
  EXPECT_THROW(tokens_->create(served_.trusted, "user:bob", std::string(201, 'x'), 0), Failure);
  EXPECT_THROW(tokens_->create(served_.trusted, "user:bob", "a\nb", 0), Failure);
  EXPECT_THROW(tokens_->create(served_.trusted, "user:bob", "a\tb", 0), Failure);
  EXPECT_EQ(tokens_->list(served_.trusted).size(), 0u);
}

TEST_F(TokensTest, ADamagedFileIsReported) {
  make("trusted");
  std::ofstream(served_.dir.path_of("operators"), std::ios::app) << "damaged\n";
  EXPECT_THROW(restart(), std::runtime_error);
}

TEST_F(TokensTest, ADamagedRecordIsNoToken) {
  const std::string text = make("user:bob");
  for (const char* damaged : {"", "x", "\n\n\n\n", "00\n0\n0\ntrusted\n"}) {
    served_.trusted.put_record("tokens/" + text.substr(4, 22), damaged);
    EXPECT_EQ(identity_of(text), std::nullopt) << damaged;
  }
}

TEST_F(TokensTest, ARecordWithoutAnIdentityHidesNoOther) {
  const std::string kept = make("trusted");
  const std::string revoked = make("trusted");
  served_.trusted.put_record("tokens/" + std::string(22, 'A'),
                             std::string(64, '0') + "\n0\n0\nnonsense\n\n");
  served_.trusted.erase_record("tokens/" + revoked.substr(4, 22));
  tokens_->unsealed();
  served_.seal();
  EXPECT_EQ(identity_of(kept), "trusted");
  EXPECT_EQ(status_of([&] { tokens_->verify(revoked); }), STRONGROOM_SEALED);
}

TEST_F(TokensTest, OneIsRevokedWhileItsRecordIsMade) {
  for (int i = 0; i < 30; ++i) {
    const std::string text = make_operator();
    std::thread reconciler([&] { tokens_->unsealed(); });
    EXPECT_TRUE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
    reconciler.join();
    EXPECT_EQ(identity_of(text), std::nullopt) << i;
  }
}

TEST_F(TokensTest, ManyThreads) {
  const std::string kept = make("user:kept");
  std::atomic<bool> done{false};
  std::atomic<int> num_read{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done || num_read == 0) {
        EXPECT_EQ(identity_of(kept), "user:kept");
        ++num_read;
      }
    });
  }
  std::thread reconciler([&] {
    while (!done) tokens_->unsealed();
  });
  for (int i = 0; i < 30; ++i) {
    const std::string text = make("trusted");
    EXPECT_EQ(identity_of(text), "trusted");
    EXPECT_TRUE(tokens_->revoke(served_.trusted, text.substr(4, 22)));
    EXPECT_EQ(identity_of(text), std::nullopt);
  }
  done = true;
  for (std::thread& each : readers) each.join();
  reconciler.join();
}

}  // namespace strongroomd::tokens_test
