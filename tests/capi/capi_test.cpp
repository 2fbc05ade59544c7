// capi_test.cpp: the whole life of a store through the C ABI, over the built-in storages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::capi_test {
namespace {

using strongroom_abi::Session;
using strongroom_abi::Store;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr std::uint32_t kBinary = STRONGROOM_CONTENT_BINARY;

strongroom_put_options when(std::uint32_t condition, std::uint64_t revision = 0) {
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition = condition;
  options.revision = revision;
  return options;
}

std::vector<std::string> names_of(const strongroom_abi::Names& list) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i)
    names.push_back(list.name(i) + std::string(list.is_folder(i) ? "/" : ""));
  return names;
}

class Capi : public ::testing::TestWithParam<const char*> {
 protected:
  std::string url() const {
    return GetParam() == std::string("lmdb") ? "lmdb:" + dir_.path() : "memory:";
  }

 private:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Capi, ::testing::Values("memory", "lmdb"),
                         [](const auto& each) { return std::string(each.param); });

// ---- init, unseal, seal ----

TEST_P(Capi, AnEmptyStorageIsNotInitialisedAndNothingWorks) {
  Store store(url());
  Session session = store.trusted();
  const auto report = store.status();
  EXPECT_FALSE(report.initialized());
  EXPECT_TRUE(report.sealed());
  EXPECT_STREQ(report.store_id(), "");
  EXPECT_EQ(status_of([&] { session.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { session.put("a", kText, "b"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { session.list(""); }), STRONGROOM_SEALED);
}

TEST_P(Capi, ADroppedInitLeavesNoTrace) {
  Store store(url());
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  { const auto dropped = session.init_prepare(options); }
  EXPECT_FALSE(store.status().initialized());
  const auto kept = session.init_prepare(options);
  session.init_activate(kept);
  EXPECT_STREQ(store.status().store_id(), kept.store_id());
}

TEST_P(Capi, AStoreIsNotInitialisedTwice) {
  Store store(url());
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const auto first = session.init_prepare(options);
  const auto second = session.init_prepare(options);
  session.init_activate(first);
  EXPECT_EQ(status_of([&] { session.init_activate(second); }), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(status_of([&] { session.init_activate(first); }), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(status_of([&] { session.init_prepare(options); }), STRONGROOM_ALREADY_EXISTS);
  session.unseal({first.reveal_key()});
}

TEST_P(Capi, AWrongKeyLeavesTheStoreSealed) {
  Fresh fresh(url());
  Fresh other("memory:");
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { fresh.session.unseal({other.key}); }), STRONGROOM_DENIED);
  std::string mistyped = fresh.key;
  mistyped[50] = mistyped[50] == '0' ? '1' : '0';
  EXPECT_EQ(status_of([&] { fresh.session.unseal({mistyped}); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.unseal({}); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_SEALED);
  EXPECT_TRUE(fresh.store.status().sealed());
}

TEST_P(Capi, AnyThresholdOfSharesOpensAndFewerDoNot) {
  Store store(url());
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = 3;
  options.threshold = 2;
  const auto pending = session.init_prepare(options);
  ASSERT_EQ(pending.reveal_shares().size(), 3u);
  EXPECT_TRUE(pending.reveal_key().empty());
  EXPECT_EQ(status_of([&] { pending.at(3); }), STRONGROOM_NOT_FOUND);
  session.init_activate(pending);
  EXPECT_EQ(status_of([&] { session.unseal({pending.reveal_shares()[1]}); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] {
              session.unseal({pending.reveal_shares()[1], pending.reveal_shares()[1]});
            }),
            STRONGROOM_DENIED);
  session.unseal({pending.reveal_shares()[2], std::string(pending.reveal_shares()[0]) + "\n"});
  EXPECT_FALSE(store.status().sealed());
}

TEST_P(Capi, SealingEverywhereLocksTheStoreUntilTheLockIsLifted) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_TRUE(fresh.store.status().locked());
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { fresh.session.unseal({fresh.key}); }), STRONGROOM_SEALED);
  fresh.session.unseal({fresh.key}, STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
  EXPECT_FALSE(fresh.store.status().locked());
}

TEST_P(Capi, SealingTheProcessTakesTheKeysFromAllSessionsButLocksNothing) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  Session other = fresh.store.trusted();
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { other.get("a"); }), STRONGROOM_SEALED);
  other.unseal({fresh.key});
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

TEST_P(Capi, RotatingKeepsEverythingReadable) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "old");
  const auto before = fresh.store.status();
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  const auto after = fresh.store.status();
  EXPECT_EQ(after.info().num_terms, before.info().num_terms + 1);
  EXPECT_GT(after.info().active_term, before.info().active_term);
  EXPECT_GT(after.info().generation, before.info().generation);
  fresh.session.put("b", kText, "new");
  EXPECT_EQ(fresh.session.get("a").reveal(), "old");
  EXPECT_EQ(fresh.session.get("b").reveal(), "new");
}

TEST_P(Capi, TheReportTellsWhatOpensTheStore) {
  Store store(url());
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = 5;
  options.threshold = 3;
  options.key = 1;
  options.max_secret_len = 100;
  const auto pending = session.init_prepare(options);
  session.init_activate(pending);
  const auto report = store.status();
  EXPECT_TRUE(report.initialized());
  EXPECT_TRUE(report.sealed());
  EXPECT_FALSE(report.locked());
  EXPECT_FALSE(report.header_damaged());
  EXPECT_EQ(std::string(report.store_id()).size(), 32u);
  EXPECT_STREQ(report.store_id(), pending.store_id());
  EXPECT_THAT(report.url(), ::testing::StartsWith(GetParam()));
  EXPECT_EQ(report.info().max_secret_len, 100u);
  EXPECT_EQ(report.info().active_term, 0u);
  std::map<std::uint32_t, strongroom_slot> slots;
  for (std::size_t i = 0; i < report.num_slots(); ++i) slots[report.slot(i).kind] = report.slot(i);
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[STRONGROOM_SLOT_SHARES].threshold, 3u);
  EXPECT_EQ(slots[STRONGROOM_SLOT_SHARES].shares, 5u);
  EXPECT_GT(slots[STRONGROOM_SLOT_KEY].created_ms, 1'600'000'000'000u);
  EXPECT_EQ(status_of([&] { report.slot(2); }), STRONGROOM_NOT_FOUND);
  session.unseal({pending.reveal_key()});
  EXPECT_EQ(status_of([&] { session.put("a", kBinary, std::string(101, 'x')); }),
            STRONGROOM_TOO_LARGE);
}

TEST(CapiLmdb, AnotherHandleReadsWhatWasStored) {
  TempDir dir;
  std::string key_file;
  {
    Fresh fresh("lmdb:" + dir.path());
    fresh.session.put("a/b", kText, "kept");
    key_file = fresh.key;
  }
  Store store("lmdb:" + dir.path());
  Session session = store.trusted();
  EXPECT_EQ(status_of([&] { session.get("a/b"); }), STRONGROOM_SEALED);
  session.unseal({key_file});
  EXPECT_EQ(session.get("a/b").reveal(), "kept");
}

// ---- secrets ----

TEST_P(Capi, ASecretComesBackAsItWasPut) {
  Fresh fresh(url());
  const std::string bytes(
      "\0\xff"
      "binary\0",
      9);
  EXPECT_EQ(fresh.session.put("/a/b", kBinary, bytes), 1u);
  const auto secret = fresh.session.get("a/b");
  EXPECT_EQ(secret.reveal(), bytes);
  EXPECT_FALSE(secret.is_text());
  EXPECT_EQ(secret.describe().revision, 1u);
  EXPECT_GT(secret.describe().created_ms, 1'600'000'000'000u);
  EXPECT_GE(secret.describe().changed_ms, secret.describe().created_ms);
  EXPECT_EQ(fresh.session.put("a/b", kText, ""), 2u);
  const auto empty = fresh.session.get("a/b");
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_TRUE(empty.is_text());
  EXPECT_EQ(empty.describe().created_ms, secret.describe().created_ms);
}

TEST_P(Capi, ASecretOfTheLargestSizePassesAndOneByteMoreDoesNot) {
  Fresh fresh(url());
  std::string large(1'048'576, 'x');
  fresh.session.put("large", kBinary, large);
  EXPECT_EQ(fresh.session.get("large").reveal(), large);
  large += 'x';
  EXPECT_EQ(status_of([&] { fresh.session.put("large", kBinary, large); }), STRONGROOM_TOO_LARGE);
  EXPECT_EQ(fresh.session.get("large").size(), 1'048'576u);
}

TEST_P(Capi, ConditionsOfAPutHold) {
  Fresh fresh(url());
  const auto create = when(STRONGROOM_CONDITION_CREATE);
  const auto update = when(STRONGROOM_CONDITION_UPDATE);
  EXPECT_EQ(status_of([&] { fresh.session.put("a", kText, "1", &update); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.put("a", kText, "1", &create), 1u);
  EXPECT_EQ(status_of([&] { fresh.session.put("a", kText, "2", &create); }),
            STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(fresh.session.put("a", kText, "2", &update), 2u);
  const auto stale = when(STRONGROOM_CONDITION_REVISION, 1);
  const auto current = when(STRONGROOM_CONDITION_REVISION, 2);
  EXPECT_EQ(status_of([&] { fresh.session.put("a", kText, "3", &stale); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(fresh.session.put("a", kText, "3", &current), 3u);
  EXPECT_EQ(fresh.session.get("a").reveal(), "3");
}

TEST_P(Capi, ADeletedPathGoesOnCounting) {
  Fresh fresh(url());
  EXPECT_EQ(status_of([&] { fresh.session.erase("a"); }), STRONGROOM_NOT_FOUND);
  fresh.session.put("a", kText, "1");
  EXPECT_EQ(status_of([&] { fresh.session.erase("a", 7); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(fresh.session.erase("a", 1), 2u);
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.put("a", kText, "2"), 3u);
}

TEST_P(Capi, TextThatIsNotUtf8IsRefused) {
  Fresh fresh(url());
  EXPECT_EQ(status_of([&] { fresh.session.put("a", kText, "\xff"); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_NOT_FOUND);
}

TEST_P(Capi, PathsThatCouldBeReadInTwoWaysAreRefused) {
  Fresh fresh(url());
  for (const char* path : {"", "/", "a//b", "a/", "../a", "a/./b", "a\nb", "a%2fb", "\xff"}) {
    EXPECT_EQ(status_of([&] { fresh.session.get(path); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.put(path, kText, ""); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.erase(path); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.get_many({"a", path}); }), STRONGROOM_INVALID) << path;
  }
  EXPECT_EQ(status_of([&] { fresh.session.get(std::string("a\0b", 3)); }), STRONGROOM_INVALID);
}

TEST_P(Capi, AMemberOfAJsonSecretIsPickedAndNothingElseIsTold) {
  Fresh fresh(url());
  fresh.session.put("my/secret", kText, R"({"username": "my-user", "n": 5})");
  const auto member = fresh.session.get_member("/my/secret", "username");
  EXPECT_EQ(member.reveal(), "my-user");
  EXPECT_TRUE(member.is_text());
  EXPECT_EQ(member.describe().revision, 1u);
  fresh.session.put("plain", kText, "canary");
  for (const auto& [path, key, wanted] : {std::tuple("my/secret", "absent", STRONGROOM_NOT_FOUND),
                                          std::tuple("my/secret", "n", STRONGROOM_INVALID),
                                          std::tuple("plain", "n", STRONGROOM_INVALID),
                                          std::tuple("nowhere", "n", STRONGROOM_NOT_FOUND)}) {
    Expect expect;
    strongroom_secret* out = nullptr;
    strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
    options.key = key;
    EXPECT_TRUE(
        expect.failed(strongroom_get(fresh.session.raw(), path, &options, &out, expect), wanted));
    EXPECT_THAT(expect.message(), Not(HasSubstr("my-user")));
    EXPECT_THAT(expect.message(), Not(HasSubstr("canary")));
    EXPECT_THAT(expect.message(), HasSubstr(path));
  }
}

TEST_P(Capi, ABatchTellsOfEachItem) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "1");
  fresh.session.put("c", kBinary, "3");
  const auto batch = fresh.session.get_many({"a", "b", "c", "a"});
  ASSERT_EQ(batch.size(), 4u);
  EXPECT_EQ(batch.secret(0).reveal(), "1");
  EXPECT_EQ(batch.status(1), STRONGROOM_NOT_FOUND);
  EXPECT_THAT(batch.message(1), HasSubstr("'b'"));
  EXPECT_EQ(batch.secret(1).size(), 0u);
  EXPECT_EQ(batch.secret(2).reveal(), "3");
  EXPECT_EQ(batch.secret(2).describe().revision, 1u);
  EXPECT_STREQ(batch.message(2), "");
  EXPECT_EQ(batch.secret(3).reveal(), "1");
  EXPECT_EQ(status_of([&] { batch.at(4); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.get_many({}).size(), 0u);
  EXPECT_EQ(status_of([&] { fresh.session.get_many(std::vector<std::string>(1001, "a")); }),
            STRONGROOM_TOO_LARGE);
}

TEST_P(Capi, AFolderListsWhatItHolds) {
  Fresh fresh(url());
  for (const char* path : {"b", "a", "a/x", "a/deep/er/y", "gone/z"})
    fresh.session.put(path, kText, "");
  fresh.session.erase("gone/z");
  EXPECT_THAT(names_of(fresh.session.list("")), ElementsAre("a", "a/", "b"));
  EXPECT_THAT(names_of(fresh.session.list("/a")), ElementsAre("deep/", "x"));
  EXPECT_THAT(names_of(list_all(fresh.session, "/")), ElementsAre("a", "a/deep/er/y", "a/x", "b"));
  EXPECT_EQ(fresh.session.list("nowhere").size(), 0u);
}

TEST_P(Capi, PagesTogetherAreTheWholeFolder) {
  Fresh fresh(url());
  std::set<std::string> wanted;
  for (int i = 0; i < 25; ++i) {
    wanted.insert("s" + std::to_string(i));
    fresh.session.put("f/s" + std::to_string(i), kText, "");
  }
  std::set<std::string> found;
  std::string after;
  int num_pages = 0;
  do {
    const auto page = fresh.session.list_page("f", after, 10);
    EXPECT_LE(page.size(), 10u);
    for (const std::string& name : names_of(page)) EXPECT_TRUE(found.insert(name).second) << name;
    after = page.next();
  } while (!after.empty() && ++num_pages < 10);
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(status_of([&] { fresh.session.list_page("f", "x", 0); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.list_page("f", "", 10'001); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.list_page("f", std::string(400, 'x'), 1); }),
            STRONGROOM_INVALID);
}

// ---- who asks ----

TEST_P(Capi, AServiceResolvesInItsSpaceAndDoesNothingElse) {
  Fresh fresh(url());
  fresh.session.put("group/secret", kText, "ours");
  fresh.session.put("other/secret", kText, "theirs");
  fresh.session.put("everybody", kText, "all");
  Session service = fresh.store.service("app", "/group/app");
  const auto resolve = [&](const std::string& name) {
    return std::string(service
                           .resolve(STRONGROOM_FORMAT_JSON,
                                    R"({"type":"REFERENCE","reference":{"name":")" + name + "\"}}")
                           .reveal());
  };
  EXPECT_EQ(resolve("/group/secret"), "ours");
  EXPECT_EQ(resolve("everybody"), "all");
  EXPECT_EQ(status_of([&] { resolve("other/secret"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { resolve("other/absent"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { service.get("group/secret"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { service.put("group/secret", kText, ""); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { service.list("group"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { service.seal(STRONGROOM_SEAL_EVERYWHERE); }), STRONGROOM_DENIED);
}

TEST_P(Capi, AUserWithoutGrantsMayNothing) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  Session user = fresh.store.user("alice");
  EXPECT_EQ(status_of([&] { user.get("a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.get("absent"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.get_many({"a"}); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.erase("a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.list_page("", "", 1); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.rotate(STRONGROOM_ROTATE_DATA_KEY); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal({fresh.key}); }), STRONGROOM_DENIED);
}

TEST_P(Capi, HandlesMayBeFreedInAnyOrder) {
  auto fresh = std::make_unique<Fresh>(url());
  fresh->session.put("a", kText, "b");
  Session session = fresh->store.trusted();
  auto secret = session.get("a");
  fresh.reset();
  EXPECT_EQ(session.get("a").reveal(), "b");
  { const Session gone = std::move(session); }
  EXPECT_EQ(secret.reveal(), "b");
}

// ---- Mesos' messages ----

TEST_P(Capi, BothFormsOfAMessageResolve) {
  Fresh fresh(url());
  fresh.session.put("my/secret", kText, R"({"username":"my-user"})");
  const std::string wire = std::string("\x08\x01\x12\x17\x0a\x0a", 6) +
                           "/my/secret\x12\x09"
                           "username!";
  // type: REFERENCE; reference { name: "/my/secret" key: "username!" }
  EXPECT_EQ(status_of([&] { fresh.session.resolve(STRONGROOM_FORMAT_WIRE, wire); }),
            STRONGROOM_NOT_FOUND);
  std::string good = wire;
  good.pop_back();
  good[3] = 0x16;
  good[17] = 0x08;
  EXPECT_EQ(fresh.session.resolve(STRONGROOM_FORMAT_WIRE, good).reveal(), "my-user");
  const auto value = fresh.session.resolve(STRONGROOM_FORMAT_JSON,
                                           R"({"type":"VALUE","value":{"data":"aGVsbG8="}})");
  EXPECT_EQ(value.reveal(), "hello");
  EXPECT_EQ(value.describe().revision, 0u);
  EXPECT_EQ(status_of([&] { fresh.session.resolve(STRONGROOM_FORMAT_JSON, "{"); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.resolve(3, "{}"); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] {
              fresh.session.resolve(STRONGROOM_FORMAT_JSON, std::string(1'572'865, ' '));
            }),
            STRONGROOM_TOO_LARGE);
}

TEST_P(Capi, ManyMessagesResolveAllOrNothing) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "1");
  const auto message = [](const std::string& text) {
    return strongroom_message{text.data(), text.size(), STRONGROOM_FORMAT_JSON, 0};
  };
  const std::string a = R"({"type":"REFERENCE","reference":{"name":"a"}})";
  const std::string b = R"({"type":"REFERENCE","reference":{"name":"b"}})";
  const std::string v = R"({"type":"VALUE","value":{"data":"Mg=="}})";
  const auto batch = fresh.session.resolve_many({message(v), message(a), message(v)});
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch.secret(0).reveal(), "2");
  EXPECT_EQ(batch.secret(1).reveal(), "1");
  EXPECT_EQ(batch.status(2), STRONGROOM_OK);
  EXPECT_EQ(status_of([&] {
              fresh.session.resolve_many({message(a), message(b)});
            }),
            STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.resolve_many({}).size(), 0u);
  auto reserved = message(a);
  reserved.reserved = 1;
  EXPECT_EQ(status_of([&] { fresh.session.resolve_many({reserved}); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] {
              fresh.session.resolve_many(std::vector<strongroom_message>(1001, message(v)));
            }),
            STRONGROOM_TOO_LARGE);
}

TEST_P(Capi, TheEnvironmentOfAMesosTaskResolves) {
  Fresh fresh(url());
  fresh.session.put("my/secret", kText, R"({"username": "my-user", "password": "my-password"})");
  const auto environment = fresh.session.resolve_environment(
      STRONGROOM_FORMAT_JSON,
      R"({"variables":[{"name":"MY_SECRET_ENV","type":"SECRET","secret":{"type":"REFERENCE",)"
      R"("reference":{"name":"/my/secret","key":"username"}}},)"
      R"({"name":"MY_NORMAL_ENV","value":"foo"}]})");
  std::map<std::string, std::string> seen;
  for (std::size_t i = 0; i < environment.size(); ++i)
    seen[environment.name(i)] = environment.reveal_value(i);
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"MY_SECRET_ENV", "my-user"},
                                                      {"MY_NORMAL_ENV", "foo"}}));
  EXPECT_EQ(status_of([&] { environment.at(2); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] {
              fresh.session.resolve_environment(
                  STRONGROOM_FORMAT_JSON,
                  R"({"variables":[{"name":"A","value":"b"},{"name":"B","type":"SECRET","secret":)"
                  R"({"type":"REFERENCE","reference":{"name":"absent"}}}]})");
            }),
            STRONGROOM_NOT_FOUND);
}

TEST_P(Capi, TheVolumesOfAMesosTaskResolve) {
  Fresh fresh(url());
  fresh.session.put("my/secret", kText, R"({"username": "my-user"})");
  const std::string volume =
      R"({"mode":"RW","container_path":"path/to/secret/file","source":{"type":"SECRET","secret":)"
      R"({"type":"REFERENCE","reference":{"name":"/my/secret","key":"username"}}}})";
  const auto volumes = fresh.session.resolve_volumes(STRONGROOM_FORMAT_JSON, volume);
  ASSERT_EQ(volumes.size(), 1u);
  EXPECT_STREQ(volumes.path(0), "path/to/secret/file");
  EXPECT_FALSE(volumes.read_only(0));
  EXPECT_EQ(volumes.reveal_value(0), "my-user");
  EXPECT_EQ(status_of([&] { volumes.at(1); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] {
              fresh.session.resolve_volumes(STRONGROOM_FORMAT_JSON,
                                            "[" + volume + "," + volume + "]");
            }),
            STRONGROOM_INVALID);
  EXPECT_EQ(
      status_of([&] { fresh.session.resolve_volumes(STRONGROOM_FORMAT_JSON, R"({"mode":"RO"})"); }),
      STRONGROOM_INVALID);
}

// ---- memory ----

TEST(CapiMemory, InputIsReadIntoLockedMemoryAndCutToItsLength) {
  strongroom_abi::Secret secret(std::size_t{4096});
  ASSERT_NE(secret.writable(), nullptr);
  EXPECT_EQ(secret.reveal(), std::string(4096, '\0'));
  std::memcpy(secret.writable(), "typed and more", 14);
  secret.truncate(5);
  EXPECT_EQ(secret.reveal(), "typed");
  EXPECT_EQ(secret.writable()[5], 0) << "what was cut off must be wiped";
  EXPECT_EQ(status_of([&] { secret.truncate(6); }), STRONGROOM_INVALID);
  secret.truncate(0);
  EXPECT_EQ(secret.size(), 0u);
}

TEST(CapiMemory, WhatWasReadCanNotBeWritten) {
  Fresh fresh("memory:");
  fresh.session.put("a", kText, "b");
  auto secret = fresh.session.get("a");
  EXPECT_EQ(secret.writable(), nullptr);
  EXPECT_EQ(status_of([&] { secret.truncate(0); }), STRONGROOM_INVALID);
  EXPECT_EQ(secret.reveal(), "b");
}

TEST(CapiMemory, TheBudgetHolds) {
  strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
  ASSERT_EQ(strongroom_memory_describe(&info, nullptr), STRONGROOM_OK);
  const std::size_t budget = info.budget_bytes;
  EXPECT_EQ(info.struct_size, sizeof info);
  EXPECT_EQ(info.unlocked_allowed, 0u);
  ASSERT_EQ(strongroom_memory_set_budget(1 << 20, nullptr), STRONGROOM_OK);
  EXPECT_EQ(status_of([] { strongroom_abi::Secret(std::size_t{2} << 20); }), STRONGROOM_TOO_LARGE);
  EXPECT_EQ(status_of([] { strongroom_abi::Secret(SIZE_MAX); }), STRONGROOM_TOO_LARGE);
  ASSERT_EQ(strongroom_memory_set_budget(budget, nullptr), STRONGROOM_OK);
  EXPECT_EQ(status_of([] { strongroom_abi::Secret(std::size_t{1} << 20); }), STRONGROOM_OK);
  ASSERT_EQ(strongroom_memory_allow_unlocked(1, nullptr), STRONGROOM_OK);
  ASSERT_EQ(strongroom_memory_describe(&info, nullptr), STRONGROOM_OK);
  EXPECT_EQ(info.unlocked_allowed, 1u);
  ASSERT_EQ(strongroom_memory_allow_unlocked(0, nullptr), STRONGROOM_OK);
  EXPECT_EQ(strongroom_memory_allow_unlocked(2, nullptr), STRONGROOM_INVALID);
}

// ---- AES-256-GCM ----

// Each library is read back by each other one.
TEST_P(Capi, ValuesOfEachAesLibraryAreOpenedByTheOthers) {
  Fresh fresh(url());
  const std::vector<std::string> libraries = {"automatic", "libsodium", "nettle", "libcrypto",
                                              "botan"};
  const std::string large(5000, 'x');
  std::vector<std::string> works;
  for (const std::string& library : libraries) {
    const strongroom_status used = strongroom_use_aes_library(library.c_str(), nullptr);
    if (used == STRONGROOM_UNSUPPORTED) continue;
    ASSERT_EQ(used, STRONGROOM_OK) << library;
    works.push_back(library);
    fresh.session.put("small/" + library, STRONGROOM_CONTENT_TEXT, library);
    fresh.session.put("large/" + library, STRONGROOM_CONTENT_TEXT, large);
  }
  EXPECT_GE(works.size(), 2u);
  for (const std::string& reader : works) {
    ASSERT_EQ(strongroom_use_aes_library(reader.c_str(), nullptr), STRONGROOM_OK);
    for (const std::string& library : works) {
      EXPECT_EQ(fresh.session.get("small/" + library).reveal(), library) << reader;
      EXPECT_EQ(fresh.session.get("large/" + library).reveal(), large) << reader;
    }
  }
  EXPECT_EQ(strongroom_use_aes_library("openssl", nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_use_aes_library(nullptr, nullptr), STRONGROOM_INVALID);
  ASSERT_EQ(strongroom_use_aes_library("automatic", nullptr), STRONGROOM_OK);
}

// ---- forks and threads ----

TEST_P(Capi, AForkedChildIsRefusedByEveryHandleOfItsParent) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  strongroom_session* const session = fresh.session.raw();
  strongroom_store* const store = fresh.store.raw();
  const int num_wrong = in_child([&] {
    int wrong = 0;
    const auto sealed = [&](strongroom_status status) { wrong += status != STRONGROOM_SEALED; };
    strongroom_secret* secret = nullptr;
    strongroom_names* names = nullptr;
    strongroom_report* report = nullptr;
    strongroom_session* other = nullptr;
    const strongroom_bytes key = strongroom_abi::bytes(fresh.key);
    const std::string inlined = R"({"type":"VALUE","value":{"data":"Mg=="}})";
    sealed(strongroom_get(session, "a", nullptr, &secret, nullptr));
    sealed(strongroom_put(session, "a", kText, "c", 1, nullptr, nullptr, nullptr));
    sealed(strongroom_delete(session, "a", nullptr, nullptr, nullptr));
    sealed(strongroom_list(session, "", nullptr, &names, nullptr));
    const strongroom_message message = json_message(inlined);
    sealed(strongroom_resolve(session, &message, &secret, nullptr));
    sealed(strongroom_unseal(session, &key, 1, 0, nullptr));
    sealed(strongroom_seal(session, STRONGROOM_SEAL_PROCESS, nullptr));
    sealed(strongroom_seal(session, STRONGROOM_SEAL_EVERYWHERE, nullptr));
    sealed(strongroom_rotate(session, STRONGROOM_ROTATE_DATA_KEY, nullptr));
    sealed(strongroom_store_status(store, &report, nullptr));
    sealed(strongroom_session_trusted(store, &other, nullptr));
    return wrong;
  });
  EXPECT_EQ(num_wrong, 0);
  EXPECT_EQ(fresh.session.get("a").reveal(), "b") << "the parent goes on";
}

TEST_P(Capi, AForkedChildReadsValuesFreesHandlesAndSeesNoCredentials) {
  Store store(url());
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  options.shares = options.threshold = 1;
  auto pending = std::make_unique<strongroom_abi::Pending>(session.init_prepare(options));
  session.init_activate(*pending);
  session.unseal({pending->reveal_key()});
  session.put("a", kText, "b");
  auto secret = std::make_unique<strongroom_abi::Secret>(session.get("a"));
  const int num_wrong = in_child([&] {
    int wrong = secret->reveal() != "b";
    wrong += status_of([&] { pending->at(0); }) != STRONGROOM_SEALED;
    wrong += status_of([&] { pending->at(1); }) != STRONGROOM_SEALED;
    secret.reset();
    pending.reset();
    { const Session gone = std::move(session); }
    { const Store gone = std::move(store); }
    return wrong;
  });
  EXPECT_EQ(num_wrong, 0);
  EXPECT_EQ(session.get("a").reveal(), "b") << "the parent goes on";
}

TEST(CapiLmdb, AForkedChildOpensAStoreOfItsOwn) {
  TempDir dir;
  const std::string url = "lmdb:" + dir.path();
  Fresh fresh(url);
  fresh.session.put("a", kText, "b");
  const int wrong = in_child([&] {
    Store store(url);
    Session session = store.trusted();
    session.unseal({fresh.key});
    return session.get("a").reveal() == "b" ? 0 : 1;
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(fresh.session.get("a").reveal(), "b") << "the parent goes on";
}

TEST_P(Capi, ThreadsShareOneSession) {
  Fresh fresh(url());
  fresh.session.put("shared", kText, "b");
  std::atomic<int> wrong{0};
  const auto work = [&](int number) {
    const std::string path = "t/" + std::to_string(number);
    for (int i = 0; i < 20; ++i) {
      if (fresh.session.put(path, kText, "x") != static_cast<std::uint64_t>(i) + 1) ++wrong;
      if (fresh.session.get("shared").reveal() != "b") ++wrong;
      if (fresh.session.get_many({path, "shared"}).secret(0).reveal() != "x") ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(fresh.session.list("t").size(), 4u);
}

}  // namespace
}  // namespace capi_test::capi_test
