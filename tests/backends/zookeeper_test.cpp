// zookeeper_test.cpp: the conformance suite over a real ZooKeeper server, and what is particular to it.
#include "strongroom/backends/zookeeper.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "conformance.hpp"
#include "one_zookeeper.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::conformance::zookeeper_test {
namespace {

std::string fresh_root() {
  static int num_roots = 0;
  return "/strongroom-test-" + std::to_string(num_roots++);
}

std::unique_ptr<Backend> open_or_report(const std::string& url) {
  auto opened = open_backend(url);
  if (opened) return std::move(opened).value();
  ADD_FAILURE() << opened.error().message;
  return nullptr;
}

Factory zookeeper(std::string name, std::string query) {
  static std::string last;
  return {.name = std::move(name),
          .make = [query]() -> std::unique_ptr<Backend> {
            const std::string server = one_zookeeper();
            if (server.empty()) return nullptr;
            last = "zk://" + server + fresh_root() + "?access=world" + query;
            return open_or_report(last);
          },
          .reopen = [](Backend& open) { return open_or_report(open.url()); },
          .revive = [] { return open_or_report(last); },
          .pages = true};
}

INSTANTIATE_TEST_SUITE_P(ZooKeeper, Backends,
                         ::testing::Values(zookeeper("zookeeper", ""),
                                           zookeeper("zookeeper_uncached", "&cache_bytes=0")),
                         [](const auto& instance) { return instance.param.name; });

//
// URLs
//

TEST(ZooKeeperUrl, OutsideTheRulesIsInvalidAndSaysHowItLooks) {
  for (const char* url : {"zk://",
                          "zk:///root",
                          "zk://host/root",
                          "zk://host:0/root",
                          "zk://host:65536/root",
                          "zk://host:2181",
                          "zk://host:2181/",
                          "zk://host:2181/root/",
                          "zk://host:2181//root",
                          "zk://host:2181/a/../b",
                          "zk://host:2181,/root",
                          "zk://,host:2181/root",
                          "zk://host:2181/zookeeper",
                          "zk://host:2181/zookeeper/quota",
                          "zk://ho st:2181/root",
                          "zk://host:2181/root?",
                          "zk://host:2181/root?access=all",
                          "zk://host:2181/root?x=1",
                          "zk://host:2181/root?session_ms=1",
                          "zk://host:2181/root?session_ms=60001",
                          "zk://host:2181/root?stale_ms=-1",
                          "zk://host:2181/ro\tot"}) {
    auto opened = open_backend(url);
    ASSERT_FALSE(opened.ok()) << url;
    EXPECT_EQ(opened.error().code, Code::invalid) << url << ": " << opened.error().message;
    EXPECT_NE(opened.error().message.find("zk://host:port"), std::string::npos);
  }
}

TEST(ZooKeeperUrl, PasswordInItIsRefusedAndNotRepeated) {
  auto opened = open_backend("zk://me:hunter2@host:2181/root");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::invalid);
  EXPECT_EQ(opened.error().message.find("hunter2"), std::string::npos);
  EXPECT_NE(opened.error().message.find("--zk-auth-file"), std::string::npos);
}

TEST(ZooKeeperUrl, TlsIsUnsupportedAndSaysWhatToDo) {
  auto opened = open_backend("zks://host:2181/root");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::unsupported);
  EXPECT_NE(opened.error().message.find("stunnel"), std::string::npos);
}

//
// Over one real server
//

class OneServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (one_zookeeper().empty()) GTEST_SKIP() << "there is no ZooKeeper here";
    base_ = "zk://" + one_zookeeper() + fresh_root();
  }
  std::string world(const std::string& more = "") const { return base_ + "?access=world" + more; }
  static BackendOptions as(std::string_view auth, bool must_exist = false) {
    auto key = SecretBytes::copy_key(bytes(auth));
    return {must_exist, std::make_shared<const SecretBytes>(std::move(key).value())};
  }
  static Code code_of(const Result<std::unique_ptr<Backend>>& opened) {
    return opened ? Code{} : opened.error().code;
  }

  std::string base_;
};

TEST_F(OneServer, NothingIsMadeWhereItMustExist) {
  EXPECT_EQ(code_of(open_backend(world(), {.must_exist = true})), Code::not_initialized);
  EXPECT_EQ(code_of(open_backend(world(), {.must_exist = true})), Code::not_initialized);
  ASSERT_TRUE(open_backend(world()).ok());
  EXPECT_TRUE(open_backend(world(), {.must_exist = true}).ok());
}

TEST_F(OneServer, TreeOpenToTheWorldIsMadeAndTakenOnlyWhenToldSo) {
  auto unprotected = open_backend(base_);
  EXPECT_EQ(code_of(unprotected), Code::denied);
  EXPECT_NE(unprotected.error().message.find("access=world"), std::string::npos);
  EXPECT_EQ(code_of(open_backend(world(), {.must_exist = true})), Code::not_initialized);
  ASSERT_TRUE(open_backend(world()).ok());
  EXPECT_EQ(code_of(open_backend(base_)), Code::denied);
  EXPECT_EQ(code_of(open_backend(base_, as("me:hunter2"))), Code::denied);
}

TEST_F(OneServer, TreeOfOneIdentityIsClosedToAllOthers) {
  auto mine = open_backend(base_, as("me:hunter2"));
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  ASSERT_TRUE(applied(commit(**mine, {put("k", "v"), put(std::string(100, 'k'), "v")})));
  for (const char* other : {"me:hunter3", "you:hunter2"}) {
    auto opened = open_backend(base_, as(other));
    EXPECT_EQ(code_of(opened), Code::denied) << other;
    EXPECT_EQ(opened.error().message.find("hunter"), std::string::npos);
  }
  EXPECT_EQ(code_of(open_backend(base_)), Code::denied);
  EXPECT_EQ(code_of(open_backend(world())), Code::denied);
  auto again = open_backend(base_, as("me:hunter2", true));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(fetch(**again, "k").value, "v");
}

TEST_F(OneServer, AccessOfEveryNodeIsLookedAtAndGivenToAnotherIdentity) {
  {
    auto open = open_backend(world());
    ASSERT_TRUE(open.ok());
    ASSERT_TRUE(applied(commit(**open, {put("k", "v"), put(std::string(100, 'k'), "v")})));
  }
  const auto go_on = [](std::uint64_t) { return true; };
  auto open = check_zookeeper_access(world(), {}, go_on);
  ASSERT_TRUE(open.ok()) << open.error().message;
  EXPECT_EQ(open->num_foreign, 0u);  // nothing else was asked for
  auto seen_by_me = check_zookeeper_access(world(), as("me:hunter2"), go_on);
  ASSERT_TRUE(seen_by_me.ok()) << seen_by_me.error().message;
  EXPECT_GT(seen_by_me->num_nodes, 268u);
  EXPECT_EQ(seen_by_me->num_world, seen_by_me->num_nodes);
  EXPECT_EQ(seen_by_me->examples.size(), 5u);

  const auto stop = [](std::uint64_t num_nodes) { return num_nodes < 256; };
  auto stopped = reauthenticate_zookeeper(world(), {}, as("me:hunter2").zk_auth, stop);
  EXPECT_FALSE(stopped.ok());
  auto closed = reauthenticate_zookeeper(world(), {}, as("me:hunter2").zk_auth, go_on);
  ASSERT_TRUE(closed.ok()) << closed.error().message;
  EXPECT_EQ(code_of(open_backend(world())), Code::denied);
  auto mine = check_zookeeper_access(base_, as("me:hunter2"), go_on);
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  EXPECT_EQ(mine->num_foreign, 0u);

  auto moved = reauthenticate_zookeeper(base_, as("me:hunter2"), as("you:abc").zk_auth, go_on);
  ASSERT_TRUE(moved.ok()) << moved.error().message;
  EXPECT_EQ(code_of(open_backend(base_, as("me:hunter2"))), Code::denied);
  auto yours = open_backend(base_, as("you:abc"));
  ASSERT_TRUE(yours.ok()) << yours.error().message;
  EXPECT_EQ(fetch(**yours, "k").value, "v");
}

TEST_F(OneServer, CommitOfManyOrLargeValuesFitsEveryPacket) {
  auto backend = open_backend(world());
  ASSERT_TRUE(backend.ok());
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kMaxCommitChanges; ++i)
    keys.push_back(std::to_string(i) + std::string(300, 'k'));
  for (const std::size_t len : {10u, 3'000u, 3'800u, 5'000u, 20'000u}) {
    const std::string value(len, 'v');
    std::vector<Change> batch;
    for (const std::string& key : keys) batch.push_back(put(key, value));
    ASSERT_TRUE(applied(commit(**backend, batch))) << len;
    EXPECT_EQ(fetch(**backend, keys[0]).value, value);
    EXPECT_EQ(fetch(**backend, keys.back()).value, value);
  }
  for (const std::size_t len : {799'999u, 800'000u, 800'001u, 999'999u, 1'000'000u, 1'000'001u,
                                1'048'575u, 1'048'576u, 2'000'000u}) {
    std::string value(len, 'v');
    value.front() = 'a';
    value.back() = 'z';
    ASSERT_TRUE(applied(commit(**backend, {put("large", value), put("other", value)}))) << len;
    EXPECT_TRUE(fetch(**backend, "large").value == value) << len;
    EXPECT_TRUE(fetch(**backend, "other").value == value) << len;
  }
}

TEST_F(OneServer, FolderOfManyEntriesIsMadeListedInPagesAndEmptied) {
  const std::size_t num_entries =
      std::getenv("STRONGROOM_LONG_TESTS") != nullptr ? 100'000 : 10'000;
  auto backend = open_backend(world());
  ASSERT_TRUE(backend.ok());
  const std::string folder = "s" + std::string(16, 'd');
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < num_entries; ++i)
    keys.push_back(folder + std::string(32, 'x') + std::to_string(i));
  const auto in_batches = [&](auto change) {
    for (std::size_t begin = 0; begin < keys.size(); begin += kMaxCommitChanges) {
      std::vector<Change> batch;
      for (std::size_t i = begin; i < std::min(begin + kMaxCommitChanges, keys.size()); ++i)
        batch.push_back(change(keys[i]));
      ASSERT_TRUE(applied(commit(**backend, batch)));
    }
  };
  in_batches([](const std::string& key) { return put(key, "", kAbsent); });
  std::vector<std::string> listed;
  for (bool more = true; more;) {
    const std::size_t before = listed.size();
    auto scanned = (*backend)->scan_keys(
        bytes(folder), bytes(listed.empty() ? "" : listed.back()), 1000,
        [&](const Record& record) { listed.push_back(text(record.key)); }, kDefaultTimeout);
    ASSERT_TRUE(scanned.ok()) << scanned.error().message;
    ASSERT_LE(listed.size() - before, 1000u);
    more = *scanned;
  }
  EXPECT_EQ(sorted(listed), sorted(keys));
  in_batches([](const std::string& key) { return erase(key); });
  EXPECT_TRUE(all(**backend, folder).empty());
}

TEST_F(OneServer, CachedReadsSeeWhatOthersCommittedAfterSync) {
  auto one = open_backend(world());
  auto other = open_backend(world());
  ASSERT_TRUE(one.ok() && other.ok());
  const std::string key(17, 'k');
  for (int i = 0; i < 200; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(applied(commit(**one, {put(key, value)})));
    EXPECT_EQ(fetch(**one, key).value, value);
    ASSERT_TRUE((*other)->sync(kDefaultTimeout).ok());
    EXPECT_EQ(fetch(**other, key).value, value);
    EXPECT_EQ(fetch(**other, key).value, value);
  }
}

TEST_F(OneServer, WatchTellsTheShardOfEveryChange) {
  auto one = open_backend(world());
  auto other = open_backend(world());
  ASSERT_TRUE(one.ok() && other.ok());
  ShardMarks marks{};
  ASSERT_TRUE((*other)->watch(marks, Timeout(0)).ok());
  EXPECT_NE(marks, ShardMarks{});
  ShardMarks quiet = marks;
  ASSERT_TRUE((*other)->watch(quiet, Timeout(50)).ok());
  EXPECT_EQ(quiet, marks);
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::string(16, 'k') + static_cast<char>('a' + i % 20);
    ASSERT_TRUE(applied(commit(**one, {put(key, std::to_string(i))})));
    ShardMarks now = marks;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (now[shard_of(bytes(key))] == marks[shard_of(bytes(key))]) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << i;
      ASSERT_TRUE((*other)->watch(now, Timeout(1000)).ok());
    }
    marks = now;
  }
}

TEST_F(OneServer, ManyReadersAndWritersOfOneHandleAreServed) {
  auto backend = open_backend(world());
  ASSERT_TRUE(backend.ok());
  in_threads(16, [&](int thread) {
    for (int i = 0; i < 100; ++i) {
      const std::string key = "key " + std::to_string(thread) + "/" + std::to_string(i % 10);
      const std::string value = std::to_string(i);
      ASSERT_TRUE(applied(commit(**backend, {put(key, value)})));
      ASSERT_EQ(fetch(**backend, key).value, value);
    }
  });
}

TEST_F(OneServer, CommitsThatGoTogetherFailEachForItself) {
  auto open = open_backend(world());
  ASSERT_TRUE(open.ok());
  Backend& backend = **open;
  constexpr int kNumThreads = 24, kRounds = 20;
  std::atomic<int> num_wrong{0};
  in_threads(kNumThreads, [&](int thread) {
    const std::string own = "own-" + std::string(20, 'x') + std::to_string(thread);
    Version version = kAbsent;
    for (int round = 0; round < kRounds; ++round) {
      const bool fails = (thread + round) % 3 == 0;
      const std::string value = std::to_string(round);
      auto done = fails ? commit(backend, {put("shared-" + value, "v"),
                                           check(own, Version(version.value() + 1))})
                        : commit(backend, {put(own, value, version)});
      if (!(fails ? conflicts_at(done, 1) : applied(done))) ++num_wrong;
      const Found found = fetch(backend, own);
      if (!fails && found.value != value) ++num_wrong;
      version = found.version;
    }
  });
  EXPECT_EQ(num_wrong, 0);
  for (int round = 0; round < kRounds; ++round)
    EXPECT_EQ(fetch(backend, "shared-" + std::to_string(round)).version, kAbsent);
}

TEST_F(OneServer, ReadsThatDoNotWaitAreAllAnsweredEvenWhenTheHandleIsClosed) {
  auto backend = open_backend(world("&cache_bytes=0"));
  ASSERT_TRUE(backend.ok());
  ASSERT_TRUE(applied(commit(**backend, {put("k", "v")})));
  std::atomic<int> num_answers{0};
  std::atomic<int> num_good{0};
  const ByteView keys[] = {bytes("k"), bytes("none")};
  for (int i = 0; i < 1000; ++i) {
    (*backend)->read_async(keys, kDefaultTimeout,
                           [&](Result<Stamp> stamp, std::span<const Record> records) {
                             if (stamp.ok() && records.size() == 2 && text(records[0].value) == "v")
                               ++num_good;
                             ++num_answers;
                           });
    if (i == 500) {
      while (num_answers < 501) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  backend->reset();
  EXPECT_EQ(num_answers, 1000);
  EXPECT_GE(num_good, 501);
}

TEST_F(OneServer, HandleOfTheParentStaysGoodWhenAForkedChildEnds) {
  auto backend = open_backend(world());
  ASSERT_TRUE(backend.ok());
  ASSERT_TRUE(applied(commit(**backend, {put("k", "v")})));
  const pid_t child = ::fork();
  if (child == 0) {
    const ByteView keys[] = {bytes("k")};
    auto read = (*backend)->read(
        keys, [](std::size_t, const Record&) {}, kDefaultTimeout);
    const bool refused = !read && read.error().code == Code::unavailable;
    backend->reset();
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(applied(commit(**backend, {put("k", "w")})));
  EXPECT_EQ(fetch(**backend, "k").value, "w");
}

}  // namespace
}  // namespace strongroom::conformance::zookeeper_test
