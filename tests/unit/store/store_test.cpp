#include "strongroom/store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/meanwhile_backend.hpp"

namespace strongroom::store_test {
namespace {

using testing::Call;
using testing::Meanwhile;
using testing::MeanwhileBackend;
using testing::Moment;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

const Identity kTrusted = Identity::trusted();

struct OpenStore {
  Store store = Store::open("memory:").value();
  PendingInit pending = store.as(kTrusted).init({2, 2, true}).value();
  Credential key = parsed(pending.key_file);

  OpenStore() {
    EXPECT_TRUE(store.as(kTrusted).activate(pending));
    EXPECT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
  }
  void put(std::string_view name, std::string_view value) {
    EXPECT_TRUE(store.as(kTrusted).put(path(name), Content::text, secret(value).view()));
  }
};

mesos::Secret reference(std::string name, std::optional<std::string> key = {}) {
  mesos::Secret message;
  message.type = mesos::Secret::Type::reference;
  message.reference = mesos::Reference{std::move(name), std::move(key)};
  return message;
}

mesos::Secret inline_value(std::string_view text) {
  mesos::Secret message;
  message.type = mesos::Secret::Type::value;
  message.value = mesos::Value{secret(text)};
  return message;
}

TEST(Store, MainJob) {
  OpenStore open;
  open.put("my/secret", R"({"username": "my-user", "password": "my-password"})");
  auto user = open.store.as(kTrusted).resolve(reference("/my/secret", "username"));
  ASSERT_TRUE(user) << user.error().message;
  EXPECT_EQ(plain(*user), "my-user");
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(inline_value("inline"))), "inline");
  EXPECT_EQ(open.store.as(kTrusted).get(path("my/secret"))->value.size(), 50u);
  ASSERT_TRUE(open.store.as(kTrusted).seal());
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(inline_value("inline"))), "inline")
      << "which needs no keys";
  EXPECT_EQ(open.store.as(kTrusted).resolve(reference("/my/secret")).error().code, Code::sealed);
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
  options.storage.must_exist = true;
  EXPECT_EQ(Store::open("lmdb:" + absent, options).error().code, Code::not_initialized);
  EXPECT_FALSE(std::filesystem::exists(absent));
}

TEST(Store, InitTwiceIsRefused) {
  OpenStore open;
  EXPECT_EQ(open.store.as(kTrusted).init({1, 1, false}).error().code, Code::already_exists);
  EXPECT_EQ(open.store.as(kTrusted).activate(open.pending).error().code, Code::already_exists);
}

TEST(Store, AUserMayDoNothingYetAndLearnsNothing) {
  OpenStore open;
  open.put("there", "v");
  const Identity user = Identity::user("alice");
  const auto there = open.store.as(user).get(path("there"));
  const auto absent = open.store.as(user).get(path("absent"));
  ASSERT_FALSE(there);
  ASSERT_FALSE(absent);
  EXPECT_EQ(there.error().code, Code::denied);
  EXPECT_EQ(absent.error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).put(path("x"), Content::text, {}).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).erase(path("there")).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).list(path(""), {true}).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).list_page(path(""), {}, 10).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).seal().error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).rotate().error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).unseal(std::span(&open.key, 1)).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).init({1, 1, false}).error().code, Code::denied);
  EXPECT_EQ(open.store.as(user).activate(open.pending).error().code, Code::denied);
}

TEST(Store, AServiceResolvesWhatLiesInItsSpaceAndNothingElse) {
  OpenStore open;
  open.put("group/secret", "grouped");
  open.put("everybody", "open");
  const Identity inside = Identity::service("hdfs", "/group/hdfs/service");
  const Identity outside = Identity::service("other", "/marathon-user/service");
  EXPECT_EQ(plain(*open.store.as(inside).resolve(reference("group/secret"))), "grouped");
  EXPECT_EQ(plain(*open.store.as(outside).resolve(reference("/everybody"))), "open");
  EXPECT_EQ(open.store.as(outside).resolve(reference("group/secret")).error().code, Code::denied);
  EXPECT_EQ(open.store.as(outside).resolve(reference("group/absent")).error().code, Code::denied);
  EXPECT_EQ(open.store.as(inside).get(path("group/secret")).error().code, Code::denied)
      << "resolving is not reading";
  EXPECT_EQ(plain(*open.store.as(outside).resolve(inline_value("own"))), "own");
}

TEST(Store, ABatchResolvesInOrderOrNotAtAll) {
  OpenStore open;
  open.put("a", "1");
  open.put("b", R"({"k":"2"})");
  const mesos::Secret a = reference("a"), b = reference("b", "k"), inlined = inline_value("3");
  const mesos::Secret* good[] = {&b, &inlined, &a, &b};
  auto values = open.store.as(kTrusted).resolve_many(good);
  ASSERT_TRUE(values);
  EXPECT_EQ(plain((*values)[0]) + plain((*values)[1]) + plain((*values)[2]) + plain((*values)[3]),
            "2312");
  const mesos::Secret missing = reference("nope");
  const mesos::Secret* bad[] = {&a, &missing};
  EXPECT_EQ(open.store.as(kTrusted).resolve_many(bad).error().code, Code::not_found);
  EXPECT_TRUE(open.store.as(kTrusted).resolve_many({})->empty());
}

TEST(Store, KeySelectsAStringMemberOrNamesPathAndKeyNeverContent) {
  OpenStore open;
  open.put("json", R"({"s":"text","n":4242,"o":{"x":"deep-canary"}})");
  open.put("plain", "canary-no-json");
  const auto fails = [&](const char* name, const char* key) {
    auto result = open.store.as(kTrusted).resolve(reference(name, key));
    EXPECT_FALSE(result);
    const std::string& message = result.error().message;
    EXPECT_NE(message.find(name), message.npos) << message;
    EXPECT_NE(message.find(key), message.npos) << message;
    EXPECT_EQ(message.find("canary"), message.npos) << message;
    EXPECT_EQ(message.find("4242"), message.npos) << message;
    return result.error().code;
  };
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(reference("json", "s"))), "text");
  EXPECT_EQ(fails("json", "n"), Code::invalid);
  EXPECT_EQ(fails("json", "o"), Code::invalid);
  EXPECT_EQ(fails("json", "absent"), Code::not_found);
  EXPECT_EQ(fails("plain", "whatever"), Code::invalid);
}

TEST(Store, MessagesAreHeldToMesosRules) {
  OpenStore open;
  open.put("a", "1");
  mesos::Secret both = reference("a");
  both.value = mesos::Value{secret("v")};
  EXPECT_EQ(open.store.as(kTrusted).resolve(both).error().message,
            "Secret 'a' of type REFERENCE must not have the 'value' field set");
  mesos::Secret untyped;
  EXPECT_EQ(open.store.as(kTrusted).resolve(untyped).error().message, "Secret has no value");
  untyped.value = mesos::Value{secret("v")};
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(untyped)), "v");
  mesos::Secret looked_up = reference("a");
  looked_up.type = mesos::Secret::Type::unknown;
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(looked_up)), "1");
  EXPECT_EQ(open.store.as(kTrusted).resolve(reference("a//b")).error().code, Code::invalid);
  EXPECT_EQ(open.store.as(kTrusted).resolve(reference("/")).error().code, Code::invalid);
  EXPECT_EQ(plain(*open.store.as(kTrusted).resolve(inline_value(""))), "");
}

TEST(Store, BatchesAreBounded) {
  OpenStore open;
  const std::vector<std::string_view> many(1001, "a");
  EXPECT_EQ(open.store.as(kTrusted).get_many(many).error().code, Code::too_large);
  EXPECT_TRUE(open.store.as(kTrusted).get_many(std::span(many).first(1000)));
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
    PendingInit pending = store.as(kTrusted).init({0, 0, true}).value();
    const Credential key = parsed(pending.key_file);
    ASSERT_TRUE(store.as(kTrusted).activate(pending));
    ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    const Identity user = Identity::user("u");
    const auto code = [&](Condition condition) {
      auto put = store.as(user).put(path("a"), Content::text, secret("v").view(), condition);
      return put ? Code::internal : put.error().code;
    };
    const bool creates = action == Action::create;
    EXPECT_EQ(code(Condition::any()), Code::denied);
    EXPECT_EQ(code(Condition::create()), creates ? Code::internal : Code::denied);
    EXPECT_EQ(code(Condition::update()), creates ? Code::denied : Code::not_found);
    EXPECT_EQ(code(Condition::at(Revision(1))), creates ? Code::denied : Code::conflict);
  }
}

TEST(Session, TakesPathsAsTextAndABadOneIsAnOrdinaryError) {
  OpenStore open;
  const Session session = open.store.as(kTrusted);
  ASSERT_TRUE(session.put("/db/password", Content::text, secret("v").view()));
  EXPECT_EQ(plain(session.get("db/password")->value), "v");
  for (const std::string_view bad : {"", "/", "a//b", "a/../b", "a/", "a%2Fb", "\x80"}) {
    const std::string_view two[] = {"db/password", bad};
    EXPECT_EQ(session.get(bad).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.get_many(two).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.put(bad, Content::text, {}).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.erase(bad).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.get_async(bad, {}).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.get_many_async(two, {}).error().code, Code::invalid) << bad;
  }
  for (const std::string_view bad : {"a//b", "a/../b", "a/", "a%2Fb", "\x80"}) {
    EXPECT_EQ(session.list(bad).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.list_page(bad, {}, 10).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.watch(bad).error().code, Code::invalid) << bad;
    EXPECT_EQ(session.check(Action::read, bad).error().code, Code::invalid) << bad;
  }
}

TEST(Session, KeepsItsStoreAndItsCopiesDo) {
  std::optional<OpenStore> open(std::in_place);
  open->put("a", "v");
  std::optional<Session> session = open->store.as(kTrusted);
  Session copy = *session;
  std::optional<Watch> watch = std::move(copy.watch("")).value();
  open.reset();
  EXPECT_EQ(plain(session->get("a")->value), "v");
  session.reset();
  EXPECT_TRUE(copy.put("a", Content::text, secret("w").view()));
  copy = Store::open("memory:").value().as(kTrusted);
  EXPECT_EQ(watch->next(kDefaultTimeout)->size(), 1u) << "a watch keeps it as well";
}

TEST(Session, TheLastOneMayGoInsideACallback) {
  std::optional<OpenStore> open(std::in_place);
  open->put("a", "v");
  auto session = std::make_shared<std::optional<Session>>(open->store.as(kTrusted));
  open.reset();
  std::string heard;
  ASSERT_TRUE((*session)->get_async("a", [&](Result<StoredSecret> found) {
    heard = plain(found->value);
    session->reset();
  }));
  EXPECT_EQ(heard, "v");
}

// A put that fails because the secret exists tells so only to whoever may still put when it fails.
TEST(Session, AFailedWriteTellsNothingToWhoeverMayNotWriteAnyMore) {
  TestStore near;
  Store owner(near.records->share());
  ASSERT_TRUE(owner.as(kTrusted).unseal(near.key));
  const std::string allows =
      R"({"version": 1, "rules": [{"to": ["user:u"], "allow": ["create"], "paths": ["**"]}]})";
  ASSERT_TRUE(owner.as(kTrusted).put_policy("p", allows));
  ASSERT_TRUE(owner.as(kTrusted).put("there", Content::text, secret("v").view()));
  auto meanwhile = std::make_shared<Meanwhile>();
  Store store(std::make_unique<MeanwhileBackend>(near.records->share(), meanwhile));
  ASSERT_TRUE(store.as(kTrusted).unseal(near.key));
  const Session user = store.as(Identity::user("u"));
  const auto create = [&] {
    return user.put("there", Content::text, {}, Condition::create()).error().code;
  };
  EXPECT_EQ(create(), Code::already_exists);
  meanwhile->act = [&] { EXPECT_TRUE(store.as(kTrusted).erase_policy("p")); };
  meanwhile->only = Moment{Call::read, true};
  EXPECT_EQ(create(), Code::denied);
  EXPECT_EQ(meanwhile->num_acts, 1);
}

}  // namespace
}  // namespace strongroom::store_test
