#include "strongroom/store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::store_test {
namespace {

using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;

const Identity kTrusted = Identity::trusted();

struct OpenStore {
  Store store = Store::open("memory:").value();
  PendingInit pending = store.init(kTrusted, {2, 2, true}).value();
  Credential key = parsed(pending.key_file);

  OpenStore() {
    EXPECT_TRUE(store.activate(kTrusted, pending));
    EXPECT_TRUE(store.unseal(kTrusted, std::span(&key, 1)));
  }
  void put(std::string_view name, std::string_view value) {
    EXPECT_TRUE(store.put(kTrusted, path(name), Content::text, secret(value).view()));
  }
};

Secret reference(std::string name, std::optional<std::string> key = {}) {
  Secret message;
  message.type = Secret::Type::reference;
  message.reference = Reference{std::move(name), std::move(key)};
  return message;
}

Secret inline_value(std::string_view text) {
  Secret message;
  message.type = Secret::Type::value;
  message.value = Value{secret(text)};
  return message;
}

TEST(Store, MainJob) {
  OpenStore open;
  open.put("my/secret", R"({"username": "my-user", "password": "my-password"})");
  auto user = open.store.resolve(kTrusted, reference("/my/secret", "username"));
  ASSERT_TRUE(user) << user.error().message;
  EXPECT_EQ(plain(*user), "my-user");
  EXPECT_EQ(plain(*open.store.resolve(kTrusted, inline_value("inline"))), "inline");
  EXPECT_EQ(open.store.get(kTrusted, path("my/secret"))->value.size(), 50u);
  ASSERT_TRUE(open.store.seal(kTrusted));
  EXPECT_EQ(open.store.resolve(kTrusted, reference("/my/secret")).error().code, Code::sealed);
}

TEST(Store, OpensWhatItKnowsAndSaysWhatItDoesNot) {
  EXPECT_EQ(Store::open("bogus:").error().code, Code::invalid);
  EXPECT_EQ(Store::open("").error().code, Code::invalid);
  EXPECT_EQ(Store::open("lmdb:relative/path").error().code, Code::invalid);
  EXPECT_EQ(Store::open("zks://127.0.0.1:2181/x").error().code, Code::unsupported);
  EXPECT_TRUE(Store::open("memory:"));
}

TEST(Store, MustExistMakesNothing) {
  const std::string absent = ::testing::TempDir() + "strongroom-not-there";
  StoreOptions options;
  options.must_exist = true;
  EXPECT_EQ(Store::open("lmdb:" + absent, options).error().code, Code::not_initialized);
  EXPECT_FALSE(std::filesystem::exists(absent));
}

TEST(Store, InitTwiceIsRefused) {
  OpenStore open;
  EXPECT_EQ(open.store.init(kTrusted, {1, 1, false}).error().code, Code::already_exists);
  EXPECT_EQ(open.store.activate(kTrusted, open.pending).error().code, Code::already_exists);
}

TEST(Store, AUserMayDoNothingYetAndLearnsNothing) {
  OpenStore open;
  open.put("there", "v");
  const Identity user = Identity::user("alice");
  const auto there = open.store.get(user, path("there"));
  const auto absent = open.store.get(user, path("absent"));
  ASSERT_FALSE(there);
  ASSERT_FALSE(absent);
  EXPECT_EQ(there.error().code, Code::denied);
  EXPECT_EQ(absent.error().code, Code::denied);
  EXPECT_EQ(open.store.put(user, path("x"), Content::text, {}).error().code, Code::denied);
  EXPECT_EQ(open.store.erase(user, path("there")).error().code, Code::denied);
  EXPECT_EQ(open.store.list(user, path(""), {true}).error().code, Code::denied);
  EXPECT_EQ(open.store.list_page(user, path(""), {}, 10).error().code, Code::denied);
  EXPECT_EQ(open.store.seal(user).error().code, Code::denied);
  EXPECT_EQ(open.store.rotate(user).error().code, Code::denied);
  EXPECT_EQ(open.store.unseal(user, std::span(&open.key, 1)).error().code, Code::denied);
  EXPECT_EQ(open.store.init(user, {1, 1, false}).error().code, Code::denied);
  EXPECT_EQ(open.store.activate(user, open.pending).error().code, Code::denied);
}

TEST(Store, AServiceResolvesWhatLiesInItsSpaceAndNothingElse) {
  OpenStore open;
  open.put("group/secret", "grouped");
  open.put("everybody", "open");
  const Identity inside = Identity::service("hdfs", "/group/hdfs/service");
  const Identity outside = Identity::service("other", "/marathon-user/service");
  EXPECT_EQ(plain(*open.store.resolve(inside, reference("group/secret"))), "grouped");
  EXPECT_EQ(plain(*open.store.resolve(outside, reference("/everybody"))), "open");
  EXPECT_EQ(open.store.resolve(outside, reference("group/secret")).error().code, Code::denied);
  EXPECT_EQ(open.store.resolve(outside, reference("group/absent")).error().code, Code::denied);
  EXPECT_EQ(open.store.get(inside, path("group/secret")).error().code, Code::denied)
      << "resolving is not reading";
  EXPECT_EQ(plain(*open.store.resolve(outside, inline_value("own"))), "own");
}

TEST(Store, ABatchResolvesInOrderOrNotAtAll) {
  OpenStore open;
  open.put("a", "1");
  open.put("b", R"({"k":"2"})");
  const Secret a = reference("a"), b = reference("b", "k"), inlined = inline_value("3");
  const Secret* good[] = {&b, &inlined, &a, &b};
  auto values = open.store.resolve_many(kTrusted, good);
  ASSERT_TRUE(values);
  EXPECT_EQ(plain((*values)[0]) + plain((*values)[1]) + plain((*values)[2]) + plain((*values)[3]),
            "2312");
  const Secret missing = reference("nope");
  const Secret* bad[] = {&a, &missing};
  EXPECT_EQ(open.store.resolve_many(kTrusted, bad).error().code, Code::not_found);
  EXPECT_TRUE(open.store.resolve_many(kTrusted, {})->empty());
}

TEST(Store, KeySelectsAStringMemberOrNamesPathAndKeyNeverContent) {
  OpenStore open;
  open.put("json", R"({"s":"text","n":4242,"o":{"x":"deep-canary"}})");
  open.put("plain", "canary-no-json");
  const auto fails = [&](const char* name, const char* key) {
    auto result = open.store.resolve(kTrusted, reference(name, key));
    EXPECT_FALSE(result);
    const std::string& message = result.error().message;
    EXPECT_NE(message.find(name), message.npos) << message;
    EXPECT_NE(message.find(key), message.npos) << message;
    EXPECT_EQ(message.find("canary"), message.npos) << message;
    EXPECT_EQ(message.find("4242"), message.npos) << message;
    return result.error().code;
  };
  EXPECT_EQ(plain(*open.store.resolve(kTrusted, reference("json", "s"))), "text");
  EXPECT_EQ(fails("json", "n"), Code::invalid);
  EXPECT_EQ(fails("json", "o"), Code::invalid);
  EXPECT_EQ(fails("json", "absent"), Code::not_found);
  EXPECT_EQ(fails("plain", "whatever"), Code::invalid);
}

TEST(Store, MessagesAreHeldToMesosRules) {
  OpenStore open;
  open.put("a", "1");
  Secret both = reference("a");
  both.value = Value{secret("v")};
  EXPECT_EQ(open.store.resolve(kTrusted, both).error().message,
            "Secret 'a' of type REFERENCE must not have the 'value' field set");
  Secret untyped;
  EXPECT_EQ(open.store.resolve(kTrusted, untyped).error().message, "Secret has no value");
  untyped.value = Value{secret("v")};
  EXPECT_EQ(plain(*open.store.resolve(kTrusted, untyped)), "v");
  Secret looked_up = reference("a");
  looked_up.type = Secret::Type::unknown;
  EXPECT_EQ(plain(*open.store.resolve(kTrusted, looked_up)), "1");
  EXPECT_EQ(open.store.resolve(kTrusted, reference("a//b")).error().code, Code::invalid);
  EXPECT_EQ(open.store.resolve(kTrusted, reference("/")).error().code, Code::invalid);
  EXPECT_EQ(plain(*open.store.resolve(kTrusted, inline_value(""))), "");
}

TEST(Store, BatchesAreBounded) {
  OpenStore open;
  const std::vector<Path> many(1001, path("a"));
  EXPECT_EQ(open.store.get_many(kTrusted, many).error().code, Code::too_large);
  EXPECT_TRUE(open.store.get_many(kTrusted, std::span(many).first(1000)));
}

TEST(Store, PutNeedsTheRightsOfItsCondition) {
  // A policy that allows one action, to see which ones are asked for.
  struct Only final : Policy {
    Action allowed;
    explicit Only(Action action) : allowed(action) {}
    Decision by_rules(const Identity&, Action action, const Path&) const noexcept override {
      return action == allowed ? Decision::allowed : Decision::refused;
    }
  };
  for (const Action action : {Action::create, Action::update}) {
    Store store = Store::open("memory:", {kDefaultTimeout, std::make_shared<Only>(action)}).value();
    PendingInit pending = store.init(kTrusted, {0, 0, true}).value();
    const Credential key = parsed(pending.key_file);
    ASSERT_TRUE(store.activate(kTrusted, pending));
    ASSERT_TRUE(store.unseal(kTrusted, std::span(&key, 1)));
    const Identity user = Identity::user("u");
    const auto code = [&](Condition condition) {
      auto put = store.put(user, path("a"), Content::text, secret("v").view(), condition);
      return put ? Code::internal : put.error().code;
    };
    const bool creates = action == Action::create;
    EXPECT_EQ(code(Condition::any()), Code::denied);
    EXPECT_EQ(code(Condition::create()), creates ? Code::internal : Code::denied);
    EXPECT_EQ(code(Condition::update()), creates ? Code::denied : Code::not_found);
    EXPECT_EQ(code(Condition::at(1)), creates ? Code::denied : Code::conflict);
  }
}

}  // namespace
}  // namespace strongroom::store_test
