// zookeeper_store_test.cpp: what the engine promises above the backend, over a real ZooKeeper server:
// reads that do not wait, fresh reads, watches, across two handles with sessions of their own.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "one_zookeeper.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::zookeeper_store_test {
namespace {

using std::chrono::steady_clock;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;

const Identity kTrusted = Identity::trusted();
constexpr Timeout kSoon{15'000};
constexpr std::chrono::seconds kPatience{20};
const auto kGoOn = [](const auto&) { return true; };

class ZooKeeperStore : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string server = conformance::one_zookeeper();
    if (server.empty()) GTEST_SKIP() << "there is no ZooKeeper here";
    static int num_roots = 0;
    url_ = "zk://" + server + "/store-test-" + std::to_string(num_roots++) +
           "?access=world&session_ms=4000";
    near_ = open();
    PendingInit pending = near_->as(kTrusted).init({0, 0, true}).value();
    key_ = std::make_unique<Credential>(parsed(pending.key_file));
    ASSERT_TRUE(near_->as(kTrusted).activate(pending));
    ASSERT_TRUE(near_->as(kTrusted).unseal(std::span(key_.get(), 1)));
    far_ = open();
    ASSERT_TRUE(far_->as(kTrusted).unseal(std::span(key_.get(), 1)));
  }
  std::unique_ptr<Store> open() { return std::make_unique<Store>(Store::open(url_).value()); }

  Revision put(const std::string& name, std::string_view value = "v") {
    return far_->as(kTrusted).put(path(name), Content::text, secret(value).view()).value();
  }

  std::string url_;
  std::unique_ptr<Credential> key_;
  std::unique_ptr<Store> near_;
  std::unique_ptr<Store> far_;
};

std::vector<std::string> told(Watch& watch, Timeout timeout) {
  auto events = watch.next(timeout);
  if (!events) return {std::string(to_string(events.error().code)) + ": " + events.error().message};
  std::vector<std::string> lines;
  for (const WatchEvent& event : events.value())
    lines.push_back((event.kind == WatchEvent::Kind::changed ? "+" : "-") + event.path + " " +
                    std::to_string(event.revision.value()));
  return lines;
}

using Lines = std::vector<std::string>;

TEST_F(ZooKeeperStore, ManyReadsAreUnderWayAtOnce) {
  for (int i = 0; i < 50; ++i) put("s" + std::to_string(i), std::to_string(i));
  std::atomic<int> num_right{0};
  std::atomic<int> num_answers{0};
  std::promise<void> all;
  constexpr int kTotal = 2000;
  for (int i = 0; i < kTotal; ++i) {
    const std::string wanted = std::to_string(i % 50);
    ASSERT_TRUE(near_->as(kTrusted).get_async(path("s" + wanted), [&, wanted](const auto& secret) {
      num_right += secret && plain(secret->value) == wanted ? 1 : 0;
      if (++num_answers == kTotal) all.set_value();
    }));
  }
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(num_right, kTotal);
}

TEST_F(ZooKeeperStore, KeysRotateUnderReadsThatDoNotWait) {
  for (int i = 0; i < 10; ++i) put("s" + std::to_string(i), std::to_string(i));
  std::atomic<int> num_wrong{0};
  std::atomic<int> num_answers{0};
  int num_begun = 0;
  std::thread administrator([&] {
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(far_->as(kTrusted).rotate());
      EXPECT_TRUE(far_->as(kTrusted).reencrypt({100}, kGoOn));
      EXPECT_TRUE(far_->as(kTrusted).retire(kGoOn));
    }
  });
  const auto end = steady_clock::now() + std::chrono::seconds(2);
  while (steady_clock::now() < end) {
    const std::string wanted = std::to_string(num_begun % 10);
    auto begun = near_->as(kTrusted).get_async(path("s" + wanted), [&, wanted](const auto& secret) {
      if (!secret) ADD_FAILURE() << secret.error().message;
      num_wrong += secret && plain(secret->value) == wanted ? 0 : 1;
      num_answers += 1;
    });
    num_begun += begun ? 1 : 0;
    if (num_begun % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  administrator.join();
  const auto patience = steady_clock::now() + kPatience;
  while (num_answers < num_begun && steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(num_answers, num_begun);
  EXPECT_EQ(num_wrong, 0);
}

TEST_F(ZooKeeperStore, AStoreThatGoesAnswersEverybodyFirst) {
  put("a", "one");
  for (int round = 0; round < 5; ++round) {
    auto store = open();
    ASSERT_TRUE(store->as(kTrusted).unseal(std::span(key_.get(), 1)));
    std::atomic<int> num_answers{0};
    for (int i = 0; i < 500; ++i)
      ASSERT_TRUE(store->as(kTrusted).get_async(path("a"), [&](const auto&) { num_answers += 1; }));
    store.reset();
    EXPECT_EQ(num_answers, 500);
  }
}

TEST_F(ZooKeeperStore, AFreshReadSeesWhatAnotherHandleJustWrote) {
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    put("a", value);
    auto fresh = near_->as(kTrusted).get(path("a"), {.fresh = true});
    ASSERT_TRUE(fresh);
    EXPECT_EQ(plain(fresh->value), value);
    EXPECT_EQ(fresh->stale_ms, 0u);
  }
}

TEST_F(ZooKeeperStore, AWatchTellsWhatAnotherHandleChanged) {
  put("a/old");
  auto watch = near_->as(kTrusted).watch(path("a")).value();
  EXPECT_EQ(told(watch, Timeout(0)), Lines());
  EXPECT_EQ(told(watch, Timeout(100)), Lines());
  put("a/old");
  EXPECT_EQ(told(watch, kSoon), (Lines{"+a/old 2"}));
  put("a/new/deep/s");
  EXPECT_EQ(told(watch, kSoon), (Lines{"+a/new/deep/s 1"}));
  ASSERT_TRUE(far_->as(kTrusted).erase(path("a/old")));
  EXPECT_EQ(told(watch, kSoon), (Lines{"-a/old 3"}));
  ASSERT_TRUE(far_->as(kTrusted).rotate());
  ASSERT_TRUE(far_->as(kTrusted).reencrypt({100}, kGoOn));
  EXPECT_EQ(told(watch, Timeout(500)), Lines());
}

TEST_F(ZooKeeperStore, WritersAtWorkLeaveNothingUntold) {
  std::map<std::string, Revision> known;
  const auto name_of = [](unsigned i) {
    return "t/" + std::to_string(i % 4) + "/s" + std::to_string(i);
  };
  for (unsigned i = 0; i < 40; i += 2) known[name_of(i)] = put(name_of(i));
  auto watch = near_->as(kTrusted).watch(path("t")).value();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    std::mt19937 random(7);
    for (int n = 0; n < 400; ++n) {
      const auto i = static_cast<unsigned>(random() % 40);
      if (random() % 3 == 0)
        (void)far_->as(kTrusted).erase(path(name_of(i)));
      else
        put(name_of(i));
    }
    done = true;
  });
  // What the writer did last may reach this handle's server later: a fresh read waits for it.
  for (bool last = false; !last;) {
    last = done;
    if (last) (void)near_->as(kTrusted).get(path("none"), {.fresh = true});
    auto events = watch.next(Timeout(last ? 1'000 : 50));
    ASSERT_TRUE(events) << events.error().message;
    for (const WatchEvent& event : events.value()) {
      if (event.kind == WatchEvent::Kind::deleted)
        EXPECT_EQ(known.erase(event.path), 1u) << event.path;
      else
        known[event.path] = event.revision;
    }
  }
  writer.join();
  for (auto more = watch.next(Timeout(300)); more && !more->empty();
       more = watch.next(Timeout(300)))
    for (const WatchEvent& event : more.value()) {
      if (event.kind == WatchEvent::Kind::deleted)
        known.erase(event.path);
      else
        known[event.path] = event.revision;
    }
  std::map<std::string, Revision> there;
  const auto listed = far_->as(kTrusted).list(path("t"), {true});
  ASSERT_TRUE(listed);
  for (const Entry& entry : listed.value())
    there["t/" + entry.name] =
        far_->as(kTrusted).get(path("t/" + entry.name), {.fresh = true})->revision;
  EXPECT_EQ(known, there);
}

}  // namespace
}  // namespace strongroom::zookeeper_store_test
