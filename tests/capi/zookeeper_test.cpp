// zookeeper_test.cpp: what the C ABI asks for before it reaches an ensemble (URLs and credentials), and what it does
// with a real server: queues whose answers are under way, a server that comes late, and records.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "support/tcp_proxy.hpp"
#include "support/zookeeper_server.hpp"

namespace capi_test::zookeeper_test {
namespace {

// open_with opens a store, in memory unless told otherwise: credentials are looked at first.
strongroom_status open_with(const strongroom_store_options& options, strongroom_error** error,
                            const char* url = "memory:") {
  strongroom_store* store = nullptr;
  const strongroom_status status = strongroom_store_open(url, &options, &store, error);
  strongroom_store_free(store);
  return status;
}

class ZkAuth : public ::testing::Test {
 protected:
  strongroom_status open_text(const std::string& text, strongroom_error** error = nullptr) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.zk_auth = text.data();
    options.zk_auth_len = text.size();
    return open_with(options, error);
  }
  strongroom_status open_file(const std::string& name, strongroom_error** error = nullptr) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.zk_auth_file = name.c_str();
    return open_with(options, error);
  }
  std::string file_of(const std::string& text, mode_t mode = 0600) {
    const std::string name = directory_.path() + "/auth" + std::to_string(num_files_++);
    std::ofstream(name, std::ios::binary) << text;
    EXPECT_EQ(::chmod(name.c_str(), mode), 0);
    return name;
  }

  TempDir directory_;
  int num_files_ = 0;
};

TEST_F(ZkAuth, IsOneLineOfUserAndPassword) {
  for (const char* good : {"user:password", "user:", "u:p:q", "user:pass word", "user:p\n",
                           "user:p\r\n", "us\xc3\xa9r:p"}) {
    EXPECT_EQ(open_text(good), STRONGROOM_OK) << good;
    EXPECT_EQ(open_file(file_of(good)), STRONGROOM_OK) << good;
  }
  for (const std::string& bad :
       {std::string("password"), std::string(":password"), std::string("user:canary\nother:canary"),
        std::string("\n"), std::string("u:canary\0x", 10), std::string("u:canary\n\n"),
        "u:" + std::string(1023, 'x')}) {
    Expect text, file;
    EXPECT_TRUE(text.failed(open_text(bad, text), STRONGROOM_INVALID)) << bad;
    EXPECT_TRUE(file.failed(open_file(file_of(bad), file), STRONGROOM_INVALID)) << bad;
    EXPECT_EQ((text.message() + file.message()).find("canary"), std::string::npos);
  }
  EXPECT_EQ(open_text("u:" + std::string(1022, 'x')), STRONGROOM_OK);
  EXPECT_EQ(open_file(file_of("u:" + std::string(1022, 'x') + "\n")), STRONGROOM_OK);
}

TEST_F(ZkAuth, AFileThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0604u, 0660u, 0644u, 0620u, 0602u}) {
    Expect error;
    EXPECT_TRUE(error.failed(open_file(file_of("u:canary", mode), error), STRONGROOM_DENIED));
    EXPECT_NE(error.message().find("chmod 600"), std::string::npos);
    EXPECT_EQ(error.message().find("canary"), std::string::npos);
  }
  EXPECT_EQ(open_file(file_of("u:p", 0400)), STRONGROOM_OK);
  EXPECT_EQ(open_file(file_of("u:p", 0440)), STRONGROOM_OK) << "its group is this process's";
  EXPECT_EQ(open_file(file_of("u:p", 0640)), STRONGROOM_OK);
}

TEST_F(ZkAuth, AFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "nobody but root can give a file away";
  const std::string name = file_of("u:p");
  ASSERT_EQ(::chown(name.c_str(), 65534, 65534), 0);
  Expect error;
  EXPECT_TRUE(error.failed(open_file(name, error), STRONGROOM_DENIED));
}

TEST_F(ZkAuth, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  EXPECT_EQ(open_file(directory_.path()), STRONGROOM_INVALID);
  EXPECT_EQ(open_file(directory_.path() + "/absent"), STRONGROOM_INVALID);
  EXPECT_EQ(open_file(""), STRONGROOM_INVALID);
  const std::string pipe = directory_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(open_file(pipe), STRONGROOM_INVALID);
}

TEST_F(ZkAuth, ComesFromOnePlaceAlone) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  const std::string name = file_of("u:p");
  options.zk_auth_file = name.c_str();
  options.zk_auth = "u:p";
  options.zk_auth_len = 3;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_INVALID);
  options.zk_auth = nullptr;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_INVALID);
  options.zk_auth_len = 0;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_OK);
}

TEST_F(ZkAuth, AnOlderCallersOptionsHaveNone) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.struct_size = offsetof(strongroom_store_options, zk_auth);
  options.zk_auth_file = "/absent";
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_OK);
}

// ---- the nodes ----

TEST_F(ZkAuth, AccessIsAskedForByUrlsOfZookeeperAlone) {
  strongroom_findings* findings = nullptr;
  std::uint64_t num_nodes = 7;
  for (const char* url : {"memory:", "lmdb:/x", "", "zookeeper://h/r"}) {
    Expect error;
    EXPECT_TRUE(
        error.failed(strongroom_zk_check_access(url, nullptr, nullptr, nullptr, &findings, error),
                     STRONGROOM_INVALID));
    EXPECT_EQ(strongroom_zk_reauth(url, nullptr, nullptr, 0, nullptr, nullptr, nullptr, &num_nodes,
                                   nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(num_nodes, 0u);
    num_nodes = 7;
  }
  EXPECT_EQ(strongroom_zk_check_access(nullptr, nullptr, nullptr, nullptr, &findings, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(findings, nullptr);
}

TEST_F(ZkAuth, TheNewIdentityIsLookedAtBeforeTheEnsemble) {
  const std::string open = file_of("u:canary", 0644);
  EXPECT_EQ(strongroom_zk_reauth("zk://127.0.0.1:1/x", nullptr, nullptr, 0, open.c_str(), nullptr,
                                 nullptr, nullptr, nullptr),
            STRONGROOM_DENIED);
  EXPECT_EQ(strongroom_zk_reauth("zk://127.0.0.1:1/x", nullptr, "nocolon", 7, nullptr, nullptr,
                                 nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
}

#if !STRONGROOM_HAVE_ZOOKEEPER
TEST_F(ZkAuth, ABuildWithoutZookeeperSaysSo) {
  strongroom_findings* findings = nullptr;
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  const char* const url = "zk://127.0.0.1:1/x";
  EXPECT_EQ(open_with(options, nullptr, url), STRONGROOM_UNSUPPORTED);
  EXPECT_EQ(strongroom_zk_check_access(url, nullptr, nullptr, nullptr, &findings, nullptr),
            STRONGROOM_UNSUPPORTED);
  EXPECT_EQ(
      strongroom_zk_reauth(url, nullptr, "u:p", 3, nullptr, nullptr, nullptr, nullptr, nullptr),
      STRONGROOM_UNSUPPORTED);
}
#endif

#if STRONGROOM_HAVE_ZOOKEEPER
// ---- a real server ----

using strongroom::testing::TcpProxy;
using strongroom::testing::ZooKeeperServers;
using strongroom_abi::Completion;
using strongroom_abi::Session;
using strongroom_abi::Store;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr int kPatienceMs = 30'000;

bool readable(int fd, int timeout_ms = 0) {
  pollfd polled = {fd, POLLIN, 0};
  return ::poll(&polled, 1, timeout_ms) == 1 && (polled.revents & POLLIN) != 0;
}

void* mark(std::size_t number) {
  return reinterpret_cast<void*>(number);
}
std::size_t number_of(const void* user_data) {
  return reinterpret_cast<std::size_t>(user_data);
}

// OverZooKeeper has one server for all its tests, and for each a store behind a proxy that can hold answers.
class OverZooKeeper : public ::testing::Test {
 protected:
  static void TearDownTestSuite() { servers_.reset(); }

  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    if (servers_ == nullptr) servers_ = std::make_unique<ZooKeeperServers>();
    proxy_.emplace(servers_->port(0));
    static int number = 0;
    root_ = "/capi" + std::to_string(++number);
    fresh_.emplace(url(proxy_->address()));
    fresh_->session.put("a", kText, "one");
  }
  void TearDown() override {
    if (proxy_) proxy_->forward();
    fresh_.reset();
    proxy_.reset();
  }

  std::string url(const std::string& address) const {
    return "zk://" + address + root_ + "?access=world&session_ms=4000";
  }
  std::string direct_url() const { return url(servers_->connect_string()); }

  // next_within waits for one answer.
  static std::vector<Completion> next_within(strongroom_abi::Queue& queue) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (Clock::now() < deadline) {
      readable(queue.fd(), 100);
      auto taken = queue.next(1);
      if (!taken.empty()) return taken;
    }
    return {};
  }

  static std::unique_ptr<ZooKeeperServers> servers_;
  std::optional<TcpProxy> proxy_;
  std::string root_;
  std::optional<Fresh> fresh_;
  strongroom_abi::Queue queue_;
};

std::unique_ptr<ZooKeeperServers> OverZooKeeper::servers_;

TEST_F(OverZooKeeper, TenThousandGetsThroughAQueueAreEachAnsweredOnce) {
  constexpr std::size_t kCalls = 10'000;
  constexpr int kSecrets = 50;
  for (int i = 0; i < kSecrets; ++i)
    fresh_->session.put("s/" + std::to_string(i), kText, std::to_string(i));
  std::vector<int> num_answers(kCalls);
  std::size_t num_taken = 0;
  std::size_t begun = 0;
  const auto deadline = Clock::now() + std::chrono::seconds(90);
  while (num_taken < kCalls && Clock::now() < deadline) {
    while (begun < kCalls) {
      const std::string path = "s/" + std::to_string(begun % kSecrets);
      const auto status = status_of([&] { queue_.get(fresh_->session, path, mark(begun)); });
      if (status != STRONGROOM_OK) {
        EXPECT_TRUE(status == STRONGROOM_UNAVAILABLE || status == STRONGROOM_TOO_LARGE) << status;
        break;
      }
      ++begun;
    }
    readable(queue_.fd(), 1'000);
    for (const Completion& each : queue_.next(256)) {
      const std::size_t number = number_of(each.user_data);
      ASSERT_LT(number, begun);
      ++num_answers[number];
      ++num_taken;
      EXPECT_EQ(each.status, STRONGROOM_OK) << each.error.what();
      EXPECT_EQ(each.secret.reveal(), std::to_string(number % kSecrets));
    }
  }
  EXPECT_EQ(num_taken, kCalls);
  EXPECT_TRUE(std::all_of(num_answers.begin(), num_answers.end(), [](int n) { return n == 1; }));
  EXPECT_FALSE(readable(queue_.fd(), 100));
  EXPECT_TRUE(queue_.next().empty());
}

TEST_F(OverZooKeeper, AnAnswerUnderWayDoesNotMakeTheQueueReadable) {
  proxy_->hold_answers();
  strongroom_get_options fresh = STRONGROOM_GET_OPTIONS_INIT;
  fresh.fresh = 1;
  queue_.get(fresh_->session, "a", mark(1), &fresh);
  EXPECT_FALSE(readable(queue_.fd(), 200));
  EXPECT_TRUE(queue_.next().empty()) << "next does not wait";
  proxy_->forward();
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].secret.reveal(), "one");
}

TEST_F(OverZooKeeper, MoreThan4096CallsUnderWayAreUnavailableForNow) {
  proxy_->hold_answers();
  std::size_t begun = 0;
  strongroom_status status = STRONGROOM_OK;
  while (status == STRONGROOM_OK && begun < 5'000) {
    status = status_of(
        [&] { queue_.get(fresh_->session, "other" + std::to_string(begun), mark(begun)); });
    if (status == STRONGROOM_OK) ++begun;
  }
  EXPECT_EQ(status, STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(begun, 4'096u);
  proxy_->forward();
  std::vector<int> num_answers(begun);
  for (std::size_t taken = 0; taken < begun;) {
    ASSERT_TRUE(readable(queue_.fd(), kPatienceMs));
    for (const Completion& each : queue_.next(512)) {
      ++num_answers[number_of(each.user_data)];
      ++taken;
    }
  }
  EXPECT_TRUE(std::all_of(num_answers.begin(), num_answers.end(), [](int n) { return n == 1; }));
}

TEST_F(OverZooKeeper, FreeingAQueueDoesNotWaitForItsCallsAndEndsThem) {
  auto queue = std::make_unique<strongroom_abi::Queue>();
  queue->get(fresh_->session, "a", mark(1));  // this one may wait already
  proxy_->hold_answers();
  for (int i = 0; i < 100; ++i) queue->get(fresh_->session, "b" + std::to_string(i), mark(2));
  const auto begin = Clock::now();
  queue.reset();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
  proxy_->forward();
  queue_.get(fresh_->session, "a", mark(3));
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u) << "the store goes on";
  EXPECT_EQ(taken[0].user_data, mark(3));
}

TEST_F(OverZooKeeper, CallsUnderWayOutliveTheSessionAndTheStore) {
  proxy_->hold_answers();
  for (std::size_t i = 0; i < 10; ++i) {
    strongroom_get_options fresh = STRONGROOM_GET_OPTIONS_INIT;
    fresh.fresh = static_cast<std::uint32_t>(i % 2);
    queue_.get(fresh_->session, "a", mark(i), &fresh);
  }
  fresh_.reset();
  proxy_->forward();
  std::vector<int> num_answers(10);
  for (int i = 0; i < 10; ++i) {
    const auto taken = next_within(queue_);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].status, STRONGROOM_OK) << taken[0].error.what();
    EXPECT_EQ(taken[0].secret.reveal(), "one");
    ++num_answers[number_of(taken[0].user_data)];
  }
  EXPECT_EQ(num_answers, std::vector<int>(10, 1));
}

TEST_F(OverZooKeeper, AQueueAndAStoreFreedWithCallsUnderWayLeaveNothingBehind) {
  for (int round = 0; round < 5; ++round) {
    auto queue = std::make_unique<strongroom_abi::Queue>();
    Store other(url(proxy_->address()));
    Session session = other.trusted();
    session.unseal({fresh_->key});
    queue->get(session, "a", nullptr);
    if (round % 2 == 0) proxy_->hold_answers();
    for (int i = 0; i < 50; ++i) queue->get(session, "c" + std::to_string(i), nullptr);
    { const Session gone = std::move(session); }
    { const Store gone = std::move(other); }
    std::thread free_elsewhere([&] { queue.reset(); });
    proxy_->forward();
    free_elsewhere.join();
  }
  EXPECT_EQ(fresh_->session.get("a").reveal(), "one");
}

TEST_F(OverZooKeeper, ALostConnectionAnswersEachCallOnceAsWell) {
  proxy_->hold_answers();
  constexpr std::size_t kCalls = 200;
  for (std::size_t i = 0; i < kCalls; ++i) queue_.get(fresh_->session, "a", mark(i));
  proxy_->reset();
  proxy_->forward();
  std::vector<int> num_answers(kCalls);
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto taken = next_within(queue_);
    ASSERT_EQ(taken.size(), 1u) << i;
    ++num_answers[number_of(taken[0].user_data)];
    EXPECT_TRUE(taken[0].status == STRONGROOM_OK || taken[0].status == STRONGROOM_UNAVAILABLE ||
                taken[0].status == STRONGROOM_TIMEOUT)
        << taken[0].status;
  }
  EXPECT_EQ(num_answers, std::vector<int>(kCalls, 1));
}

TEST_F(OverZooKeeper, TheRightIsCheckedAgainWhenAnAnswerArrives) {
  fresh_->session.put_document(
      "p", R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":["a"]}]})");
  Session user = fresh_->store.user("u");
  EXPECT_EQ(user.get("a").reveal(), "one");
  queue_.get(user, "a", mark(1));
  ASSERT_TRUE(readable(queue_.fd(), kPatienceMs)) << "it waits, sealed";
  fresh_->session.put_document("p", R"({"version":1,"rules":[]})");
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].status, STRONGROOM_DENIED);
}

TEST_F(OverZooKeeper, KeysThatAreWipedMeanwhileOpenNothing) {
  queue_.get(fresh_->session, "a", mark(1));
  ASSERT_TRUE(readable(queue_.fd(), kPatienceMs));
  fresh_->session.seal(STRONGROOM_SEAL_PROCESS);
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].status, STRONGROOM_SEALED);
}

TEST_F(OverZooKeeper, AnAnswerIsReadAgainWhereAnotherProcessRetiredItsKey) {
  Store other(direct_url());
  Session admin = other.trusted();
  admin.unseal({fresh_->key});
  queue_.get(fresh_->session, "a", mark(1));
  ASSERT_TRUE(readable(queue_.fd(), kPatienceMs));
  admin.rotate(STRONGROOM_ROTATE_DATA_KEY);
  admin.reencrypt(100);
  admin.retire();
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u) << "the answer was lost";
  EXPECT_EQ(taken[0].status, STRONGROOM_OK) << taken[0].error.what();
  EXPECT_EQ(taken[0].secret.reveal(), "one");
}

TEST_F(OverZooKeeper, AQueueTellsWhatAnotherProcessChanged) {
  Store other(direct_url());
  Session writer = other.trusted();
  writer.unseal({fresh_->key});
  auto watch = fresh_->session.watch("w");
  queue_.watch(watch, 60'000, mark(1));
  writer.put("w/a", kText, "1");
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  ASSERT_EQ(taken[0].events.size(), 1u);
  EXPECT_EQ(taken[0].events.at(0).path, "w/a");
}

TEST_F(OverZooKeeper, AWatchThatWaitsOutlivesALostConnection) {
  Store other(direct_url());
  Session writer = other.trusted();
  writer.unseal({fresh_->key});
  auto watch = fresh_->session.watch("w");
  queue_.watch(watch, 60'000, mark(1));
  proxy_->refuse();
  writer.put("w/a", kText, "1");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  proxy_->forward();
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  ASSERT_EQ(taken[0].status, STRONGROOM_OK) << taken[0].error.what();
  ASSERT_EQ(taken[0].events.size(), 1u);
  EXPECT_EQ(taken[0].events.at(0).path, "w/a");
}

TEST_F(OverZooKeeper, OfTwoStoresThatCompareAndSetARecordOneWins) {
  Store other(direct_url());
  Session theirs = other.trusted();
  theirs.unseal({fresh_->key});
  fresh_->session.put_record("counter", "0");
  for (std::uint64_t revision = 1; revision <= 10; ++revision) {
    strongroom_put_options swap = STRONGROOM_PUT_OPTIONS_INIT;
    swap.condition = STRONGROOM_CONDITION_REVISION;
    swap.revision = revision;
    std::atomic<int> num_won{0};
    std::atomic<int> num_lost{0};
    std::vector<std::thread> threads;
    for (Session* const session : {&fresh_->session, &theirs}) {
      threads.emplace_back([&, session] {
        const auto status = status_of([&] { session->put_record("counter", "x", &swap); });
        num_won += status == STRONGROOM_OK;
        num_lost += status == STRONGROOM_CONFLICT;
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(num_won, 1);
    ASSERT_EQ(num_lost, 1);
  }
  EXPECT_EQ(theirs.record("counter").describe().revision, 11u);
}

// ---- a server that comes late ----

class LateZooKeeper : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    options_.allow_unavailable = 1;
    options_.timeout_ms = 1'000;
  }

  static constexpr std::chrono::seconds kAtOnce{5};
  strongroom_store_options options_ = STRONGROOM_STORE_OPTIONS_INIT;
};

TEST_F(LateZooKeeper, AServerThatIsStartedLaterServesTheHandlesThatAreOpen) {
  ZooKeeperServers servers;
  servers.kill(0);
  const std::string url = "zk://" + servers.connect_string() + "/late?access=world&session_ms=4000";
  Store store(url, &options_);
  Session session = store.trusted();
  const auto begin = Clock::now();
  EXPECT_EQ(status_of([&] { store.status(); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.list(""); }), STRONGROOM_UNAVAILABLE);
  EXPECT_LT(Clock::now() - begin, kAtOnce) << "calls do not wait for a server that is away";
  servers.launch(0);
  servers.await(0);
  strongroom_status status = STRONGROOM_UNAVAILABLE;
  const auto deadline = Clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (status != STRONGROOM_OK && Clock::now() < deadline) {
    status = status_of([&] { store.status(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ASSERT_EQ(status, STRONGROOM_OK);
  Fresh fresh(std::move(store));
  session.put("a", kText, "b");
  EXPECT_EQ(session.get("a").reveal(), "b");
}

// strongroom.h: freeing the last handle waits "up to timeout_ms".
TEST_F(LateZooKeeper, FreeDoesNotWaitLongForAServerThatIsAway) {
  const strongroom::testing::ReservedPort nobody;
  const std::string url =
      "zk://127.0.0.1:" + std::to_string(nobody.number()) + "/late?access=world";
  const auto begin = Clock::now();
  { Store store(url, &options_); }
  EXPECT_LT(Clock::now() - begin, kAtOnce);
}

TEST_F(LateZooKeeper, AWrongUrlOrCredentialFailsAtOnce) {
  const auto begin = Clock::now();
  for (const char* url : {"zk://", "zk://host:99999999/x", "zk://127.0.0.1:1/x?nothing=1"})
    EXPECT_EQ(status_of([&] { Store store(url, &options_); }), STRONGROOM_INVALID) << url;
  options_.zk_auth = "nocolon";
  options_.zk_auth_len = 7;
  EXPECT_EQ(status_of([&] { Store store("zk://127.0.0.1:1/x", &options_); }), STRONGROOM_INVALID);
  EXPECT_LT(Clock::now() - begin, kAtOnce);
}
#endif

}  // namespace
}  // namespace capi_test::zookeeper_test
