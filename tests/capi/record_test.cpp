// record_test.cpp: records of the host, which live beside the secrets and are never seen with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::record_test {
namespace {

using strongroom_abi::Session;
using strongroom_abi::Store;
using ::testing::ElementsAre;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

strongroom_put_options when(std::uint32_t condition, std::uint64_t revision = 0) {
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition = condition;
  options.revision = revision;
  return options;
}

std::vector<std::string> names_of(const strongroom_abi::Names& names) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < names.size(); ++i)
    found.push_back(names.name(i) + std::string(names.is_folder(i) ? "/" : ""));
  return found;
}

class Record : public ::testing::TestWithParam<const char*> {
 protected:
  std::string url(const TempDir& directory) const {
    return GetParam() == std::string("lmdb") ? "lmdb:" + directory.path() : "memory:";
  }
  std::string url() const { return url(here_); }

  TempDir here_;
  TempDir there_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Record, ::testing::Values("memory", "lmdb"),
                         [](const auto& each) { return std::string(each.param); });

// ---- values ----

TEST_P(Record, ComesBackAsItWasPutWithItsRevisionAndTimes) {
  Fresh fresh(url());
  const std::string bytes("\0\xff binary\0", 10);
  EXPECT_EQ(fresh.session.put_record("/audit/head", bytes), 1u);
  const auto read = fresh.session.record("audit/head");
  EXPECT_EQ(read.reveal(), bytes);
  EXPECT_FALSE(read.is_text());
  const auto first = read.describe();
  EXPECT_EQ(first.revision, 1u);
  EXPECT_GT(first.created_ms, 1'600'000'000'000u);
  EXPECT_EQ(fresh.session.put_record("audit/head", "text is binary here"), 2u);
  const auto second = fresh.session.record("audit/head").describe();
  EXPECT_EQ(second.revision, 2u);
  EXPECT_EQ(second.created_ms, first.created_ms);
  EXPECT_GE(second.changed_ms, first.changed_ms);
  EXPECT_EQ(second.content, static_cast<std::uint32_t>(STRONGROOM_CONTENT_BINARY));
}

TEST_P(Record, MayBeEmptyAndAsLongAsASecretAndNoLonger) {
  Fresh fresh(url());
  EXPECT_EQ(fresh.session.put_record("empty", ""), 1u);
  EXPECT_EQ(fresh.session.record("empty").size(), 0u);
  std::string large(1'048'576, 'x');
  fresh.session.put_record("large", large);
  EXPECT_EQ(fresh.session.record("large").reveal(), large);
  large += 'x';
  EXPECT_EQ(status_of([&] { fresh.session.put_record("large", large); }), STRONGROOM_TOO_LARGE);
  EXPECT_EQ(fresh.session.record("large").describe().revision, 1u);
}

TEST_P(Record, HasAPathByTheRulesOfSecrets) {
  Fresh fresh(url());
  for (const char* bad : {"", "/", "a//b", "a/", "../a", "a\nb", "a%2fb", "\xff"}) {
    EXPECT_EQ(status_of([&] { fresh.session.put_record(bad, "x"); }), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(status_of([&] { fresh.session.record(bad); }), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(status_of([&] { fresh.session.erase_record(bad); }), STRONGROOM_INVALID) << bad;
  }
  EXPECT_EQ(status_of([&] { fresh.session.records("a//b"); }), STRONGROOM_INVALID);
  EXPECT_EQ(fresh.session.records("").size(), 0u);
}

TEST_P(Record, ThatIsMissingIsNotFound) {
  Fresh fresh(url());
  EXPECT_EQ(status_of([&] { fresh.session.record("a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] { fresh.session.erase_record("a"); }), STRONGROOM_NOT_FOUND);
  const auto update = when(STRONGROOM_CONDITION_UPDATE);
  EXPECT_EQ(status_of([&] { fresh.session.put_record("a", "x", &update); }), STRONGROOM_NOT_FOUND);
}

TEST_P(Record, IsReadFresh) {
  Fresh fresh(url());
  fresh.session.put_record("a", "b");
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.fresh = 1;
  EXPECT_EQ(fresh.session.record("a", &options).reveal(), "b");
  options.key = "k";
  EXPECT_EQ(status_of([&] { fresh.session.record("a", &options); }), STRONGROOM_INVALID);
}

// ---- conditions ----

TEST_P(Record, ConditionsOfAPutHold) {
  Fresh fresh(url());
  const auto create = when(STRONGROOM_CONDITION_CREATE);
  const auto stale = when(STRONGROOM_CONDITION_REVISION, 1);
  const auto current = when(STRONGROOM_CONDITION_REVISION, 2);
  EXPECT_EQ(fresh.session.put_record("a", "1", &create), 1u);
  EXPECT_EQ(status_of([&] { fresh.session.put_record("a", "2", &create); }),
            STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(fresh.session.put_record("a", "2"), 2u);
  EXPECT_EQ(status_of([&] { fresh.session.put_record("a", "3", &stale); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(fresh.session.put_record("a", "3", &current), 3u);
  EXPECT_EQ(fresh.session.record("a").reveal(), "3");
}

TEST_P(Record, ThatWasDeletedGoesOnCounting) {
  Fresh fresh(url());
  fresh.session.put_record("a", "1");
  std::uint64_t revision = 9;
  EXPECT_EQ(strongroom_record_delete(fresh.session.raw(), "a", 7, &revision, nullptr),
            STRONGROOM_CONFLICT);
  EXPECT_EQ(revision, 0u);
  EXPECT_EQ(fresh.session.erase_record("a", 1), 2u);
  EXPECT_EQ(status_of([&] { fresh.session.record("a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.records("").size(), 0u);
  EXPECT_EQ(fresh.session.put_record("a", "2"), 3u);
  EXPECT_EQ(strongroom_record_delete(fresh.session.raw(), "a", 0, nullptr, nullptr), STRONGROOM_OK);
}

TEST_P(Record, OfSeveralThreadsThatCompareAndSetExactlyOneWins) {
  Fresh fresh(url());
  fresh.session.put_record("counter", "0");
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> num_ready{0};
    std::atomic<int> num_won{0};
    std::atomic<int> num_lost{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const auto swap =
            when(STRONGROOM_CONDITION_REVISION, static_cast<std::uint64_t>(round) + 1);
        for (++num_ready; num_ready < kThreads;) std::this_thread::yield();
        const auto status =
            status_of([&] { fresh.session.put_record("counter", std::to_string(t), &swap); });
        if (status == STRONGROOM_OK) ++num_won;
        if (status == STRONGROOM_CONFLICT) ++num_lost;
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(num_won, 1);
    ASSERT_EQ(num_lost, kThreads - 1);
  }
  EXPECT_EQ(fresh.session.record("counter").describe().revision, kRounds + 1u);
}

TEST(RecordLmdb, OfTwoHandlesThatCompareAndSetExactlyOneWins) {
  TempDir directory;
  Fresh fresh("lmdb:" + directory.path());
  fresh.session.put_record("a", "0");
  Store other("lmdb:" + directory.path());
  Session session = other.trusted();
  session.unseal({fresh.key});
  const auto swap = when(STRONGROOM_CONDITION_REVISION, 1);
  EXPECT_EQ(session.put_record("a", "theirs", &swap), 2u);
  EXPECT_EQ(status_of([&] { fresh.session.put_record("a", "ours", &swap); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(fresh.session.record("a").reveal(), "theirs");
}

// ---- beside the secrets ----

TEST_P(Record, IsNotSeenByAnythingThatReadsSecrets) {
  Fresh fresh(url());
  fresh.session.put_record("same/path", "record");
  EXPECT_EQ(status_of([&] { fresh.session.get("same/path"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.get_many({"same/path"}).status(0), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(
      status_of([&] { fresh.session.resolve(STRONGROOM_FORMAT_JSON, reference_to("same/path")); }),
      STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] { fresh.session.erase("same/path"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(list_all(fresh.session, "").size(), 0u);
  EXPECT_EQ(fresh.session.list("same").size(), 0u);
  EXPECT_EQ(fresh.session.list_page("", "", 10).size(), 0u);
  strongroom_abi::Queue queue;
  queue.get(fresh.session, "same/path", nullptr);
  EXPECT_EQ(queue.next().at(0).status, STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.documents().size(), 0u);
}

TEST_P(Record, AndASecretOfOnePathHaveNothingInCommon) {
  Fresh fresh(url());
  EXPECT_EQ(fresh.session.put("same", kText, "secret"), 1u);
  EXPECT_EQ(status_of([&] { fresh.session.record("same"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh.session.records("").size(), 0u);
  const auto create = when(STRONGROOM_CONDITION_CREATE);
  EXPECT_EQ(fresh.session.put_record("same", "record", &create), 1u);
  EXPECT_EQ(fresh.session.put_record("same", "record"), 2u);
  EXPECT_EQ(fresh.session.get("same").reveal(), "secret");
  EXPECT_EQ(fresh.session.get("same").describe().revision, 1u);
  fresh.session.erase_record("same");
  EXPECT_EQ(fresh.session.get("same").reveal(), "secret");
  fresh.session.put_record("same", "again");
  fresh.session.erase("same");
  EXPECT_EQ(fresh.session.record("same").reveal(), "again");
}

TEST_P(Record, IsNoChangeThatAWatchReports) {
  Fresh fresh(url());
  auto watch = fresh.session.watch("");
  fresh.session.put_record("a", "1");
  fresh.session.put("b", kText, "2");
  fresh.session.erase_record("a");
  const auto events = watch.next(10'000);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].path, "b");
}

// ---- who may ----

TEST_P(Record, IsForTrustedSessionsOnlyWhateverThePolicyGrants) {
  Fresh fresh(url());
  fresh.session.put_record("a", "1");
  fresh.session.put_document("p", R"({"version": 1, "rules": [
    {"to": ["anyone"], "allow": ["create", "read", "update", "delete", "list"], "paths": ["**"]}]})");
  for (const std::uint32_t kind :
       {STRONGROOM_IDENTITY_USER, STRONGROOM_IDENTITY_SERVICE, STRONGROOM_IDENTITY_ADMINISTRATOR}) {
    strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
    identity.kind = kind;
    identity.id = "eve";
    Session eve = fresh.store.session(identity);
    for (const char* path : {"a", "absent"}) {
      EXPECT_EQ(status_of([&] { eve.record(path); }), STRONGROOM_DENIED) << kind;
      EXPECT_EQ(status_of([&] { eve.put_record(path, "2"); }), STRONGROOM_DENIED) << kind;
      EXPECT_EQ(status_of([&] { eve.erase_record(path); }), STRONGROOM_DENIED) << kind;
      EXPECT_EQ(status_of([&] { eve.records(path); }), STRONGROOM_DENIED) << kind;
    }
    strongroom_list_options page = STRONGROOM_LIST_OPTIONS_INIT;
    page.limit = 1;
    EXPECT_EQ(status_of([&] { eve.records("", &page); }), STRONGROOM_DENIED) << kind;
  }
  EXPECT_EQ(fresh.session.record("a").describe().revision, 1u);
}

TEST_P(Record, NeedsKeys) {
  Fresh fresh(url());
  fresh.session.put_record("a", "1");
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { fresh.session.record("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { fresh.session.put_record("a", "2"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { fresh.session.erase_record("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { fresh.session.records(""); }), STRONGROOM_SEALED);
  fresh.session.unseal({fresh.key});
  EXPECT_EQ(fresh.session.record("a").reveal(), "1");
}

// ---- lists ----

TEST_P(Record, IsListedByLevelByTreeAndByPage) {
  Fresh fresh(url());
  for (const char* path : {"b", "a", "a/x", "a/deep/er/y", "gone/z"})
    fresh.session.put_record(path, "");
  fresh.session.erase_record("gone/z");
  const auto recursive = listing(true);
  EXPECT_THAT(names_of(fresh.session.records("")), ElementsAre("a", "a/", "b"));
  EXPECT_THAT(names_of(fresh.session.records("/")), ElementsAre("a", "a/", "b"));
  EXPECT_THAT(names_of(fresh.session.records("/a")), ElementsAre("deep/", "x"));
  EXPECT_THAT(names_of(fresh.session.records("", &recursive)),
              ElementsAre("a", "a/deep/er/y", "a/x", "b"));
  EXPECT_EQ(fresh.session.records("nowhere").size(), 0u);
  std::multiset<std::string> paged;
  strongroom_list_options page = STRONGROOM_LIST_OPTIONS_INIT;
  page.limit = 2;
  std::string after;
  for (int i = 0; i < 10; ++i) {
    page.after = after.data();
    page.after_len = after.size();
    const auto names = fresh.session.records("", &page);
    EXPECT_LE(names.size(), 2u);
    for (const std::string& name : names_of(names)) paged.insert(name);
    after = names.next();
    if (after.empty()) break;
  }
  EXPECT_TRUE(after.empty());
  EXPECT_EQ(paged, (std::multiset<std::string>{"a", "a/", "b", "gone/"}))
      << "a page shows folders whose records are all gone";
}

TEST_P(Record, ListsTakeNoVisibleAndNoDecidePath) {
  Fresh fresh(url());
  const auto visible = listing(false, true);
  EXPECT_EQ(status_of([&] { fresh.session.records("", &visible); }), STRONGROOM_INVALID);
  strongroom_list_options page = listing(true);
  page.limit = 1;
  EXPECT_EQ(status_of([&] { fresh.session.records("", &page); }), STRONGROOM_INVALID);
}

// ---- keys ----

TEST_P(Record, StaysReadableUnderNewKeysAndIsSealedAnewWithTheSecrets) {
  Fresh fresh(url());
  fresh.session.put_record("a", "1");
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  EXPECT_EQ(fresh.session.record("a").reveal(), "1");
  EXPECT_EQ(status_of([&] { fresh.session.retire(); }), STRONGROOM_INVALID)
      << "the record still needs the old data key";
  EXPECT_EQ(fresh.session.reencrypt(100).rewritten, 1u);
  fresh.session.retire();
  const auto read = fresh.session.record("a");
  EXPECT_EQ(read.reveal(), "1");
  EXPECT_EQ(read.describe().revision, 1u) << "sealing anew is no change";
  fresh.session.rotate(STRONGROOM_ROTATE_ROOT_KEY);
  EXPECT_EQ(fresh.session.record("a").reveal(), "1");
}

// ---- copies ----

std::string backup_of(Session& session) {
  std::string bytes;
  session.backup([&](std::string_view more) {
    bytes += more;
    return true;
  });
  return bytes;
}

strongroom_abi::BackupSource source_of(std::string_view text) {
  return [text](std::uint8_t* bytes, std::size_t len) mutable {
    const std::size_t taken = std::min(len, text.size());
    std::memcpy(bytes, text.data(), taken);
    text.remove_prefix(taken);
    return taken;
  };
}

// fill makes records that were changed, emptied and deleted, and a secret with the path of one.
void fill(Session& session) {
  session.put_record("a/b", "1");
  session.put_record("a/b", "2");
  session.put_record("empty", "");
  session.put_record("folder/of the name", "");
  session.put_record("large", std::string(300'000, 'x'));
  session.put_record("gone", "x");
  session.erase_record("gone");
  session.put("a/b", kText, "secret");
}

void expect_filled(Session& session) {
  const auto read = session.record("a/b");
  EXPECT_EQ(read.reveal(), "2");
  EXPECT_EQ(read.describe().revision, 2u);
  EXPECT_EQ(session.record("empty").size(), 0u);
  EXPECT_EQ(session.record("large").reveal(), std::string(300'000, 'x'));
  EXPECT_EQ(status_of([&] { session.record("gone"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(session.get("a/b").reveal(), "secret");
  const auto recursive = listing(true);
  EXPECT_THAT(names_of(session.records("", &recursive)),
              ElementsAre("a/b", "empty", "folder/of the name", "large"));
  const auto swap = when(STRONGROOM_CONDITION_REVISION, 2);
  EXPECT_EQ(session.put_record("a/b", "3", &swap), 3u);
}

TEST_P(Record, SurvivesABackupAndItsRestore) {
  Fresh fresh(url(here_));
  fill(fresh.session);
  const auto times = fresh.session.record("a/b").describe();
  const std::string backup = backup_of(fresh.session);
  EXPECT_EQ(backup.find("of the name"), std::string::npos);
  Store store(url(there_));
  Session session = store.trusted();
  session.restore(source_of(backup));
  session.unseal({fresh.key});
  EXPECT_EQ(session.record("a/b").describe().created_ms, times.created_ms);
  expect_filled(session);
}

TEST_P(Record, SurvivesAMigrationThatCopies) {
  Fresh fresh(url(here_));
  fill(fresh.session);
  Store store(url(there_));
  Session session = store.trusted();
  fresh.session.migrate(session);
  session.unseal({fresh.key});
  expect_filled(session);
}

TEST_P(Record, SurvivesAMigrationThatRekeys) {
  Fresh fresh(url(here_));
  fill(fresh.session);
  const auto times = fresh.session.record("a/b").describe();
  Store store(url(there_));
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const strongroom_abi::Pending pending = session.init_prepare(options);
  fresh.session.migrate(session, &pending);
  session.unseal({pending.reveal_key()});
  EXPECT_EQ(session.record("a/b").describe().created_ms, times.created_ms);
  EXPECT_EQ(session.record("a/b").describe().changed_ms, times.changed_ms);
  expect_filled(session);
}

// ---- forks ----

TEST_P(Record, IsRefusedInAForkedChildAndStaysWithTheParent) {
  Fresh fresh(url());
  fresh.session.put_record("a", "1");
  EXPECT_EQ(in_child([&] {
              int wrong = status_of([&] { fresh.session.record("a"); }) != STRONGROOM_SEALED;
              wrong += status_of([&] { fresh.session.put_record("a", "2"); }) != STRONGROOM_SEALED;
              wrong += status_of([&] { fresh.session.erase_record("a"); }) != STRONGROOM_SEALED;
              wrong += status_of([&] { fresh.session.records(""); }) != STRONGROOM_SEALED;
              return wrong;
            }),
            0);
  EXPECT_EQ(fresh.session.record("a").describe().revision, 1u);
}

}  // namespace
}  // namespace capi_test::record_test
