// What a handle does while servers are gone, hang, come back, or come back with less than they had.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "tests/support/tcp_proxy.hpp"
#include "tests/support/zookeeper_server.hpp"

namespace strongroom::testing::zookeeper_outage_test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

ByteView bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Answer is what one read gave.
struct Answer {
  Result<Stamp> stamp = Stamp{0};
  std::string value;
  Version version = kAbsent;
  milliseconds age{0};
  milliseconds took{0};
};

class Outage : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    servers_.emplace(ZooKeeperOptions{1, 500});
    proxy_.emplace(servers_->port(0));
  }

  std::unique_ptr<Backend> open(const std::string& options = {}, bool through_proxy = false) {
    const std::string at = through_proxy ? proxy_->address() : servers_->connect_string();
    auto opened = open_backend("zk://" + at + "/strongroom?access=world&session_ms=3000" + options);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }
  static Answer read(Backend& backend, std::string_view key, Timeout timeout = milliseconds(500)) {
    Answer answer;
    const ByteView keys[] = {bytes(key)};
    const auto begin = Clock::now();
    answer.stamp = backend.read(
        keys,
        [&](std::size_t, const Record& record) {
          answer.value.assign(record.value.begin(), record.value.end());
          answer.version = record.version;
          answer.age = record.age;
        },
        timeout);
    answer.took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    return answer;
  }
  static Result<Commit> put(Backend& backend, std::string_view key, std::string_view value,
                            Timeout timeout = kDefaultTimeout, Version expected = kAny) {
    const Change batch[] = {{Change::Kind::put, bytes(key), bytes(value), expected}};
    return backend.commit(batch, timeout);
  }
  // warm reads until the record is in the cache.
  static void warm(Backend& backend, std::string_view key) {
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(read(backend, key, kDefaultTimeout).stamp.ok());
  }
  // await_back reads until the servers answer again.
  static void await_back(Backend& backend, std::string_view key, std::string_view value) {
    const auto end = Clock::now() + seconds(30);
    Answer answer;
    do {
      answer = read(backend, key);
      ASSERT_LT(Clock::now(), end) << (answer.stamp ? "stale" : answer.stamp.error().message);
    } while (!answer.stamp || answer.age.count() > 0);
    EXPECT_EQ(answer.value, value);
  }

  std::optional<ZooKeeperServers> servers_;
  std::optional<TcpProxy> proxy_;
  static constexpr std::string_view kKey = "r_a key of 17 byt";
};

TEST_F(Outage, CachedReadAsksNoServer) {
  auto backend = open();
  ASSERT_TRUE(put(*backend, kKey, "v").ok());
  warm(*backend, kKey);
  servers_->pause(0);  // it hangs, and nobody can tell yet
  const Answer answer = read(*backend, kKey);
  EXPECT_TRUE(answer.stamp.ok());
  EXPECT_EQ(answer.value, "v");
  EXPECT_EQ(answer.age.count(), 0);
  EXPECT_LT(answer.took, milliseconds(100));
  servers_->resume(0);
}

TEST_F(Outage, HungServerHoldsNobodyBeyondTheDeadline) {
  auto backend = open("&cache_bytes=0");
  ASSERT_TRUE(put(*backend, kKey, "v").ok());
  servers_->pause(0);
  std::this_thread::sleep_for(milliseconds(200));  // until all its threads stand
  for (int i = 0; i < 8; ++i) {  // before the client finds the connection lost, and after
    const Answer answer = read(*backend, kKey, milliseconds(400));
    ASSERT_FALSE(answer.stamp.ok());
    EXPECT_TRUE(answer.stamp.error().code == Code::timeout ||
                answer.stamp.error().code == Code::unavailable);
    EXPECT_GE(answer.took, milliseconds(390));
    EXPECT_LT(answer.took, milliseconds(1500));
    const auto begin = Clock::now();
    const auto written = put(*backend, kKey, "w", milliseconds(400));
    ASSERT_FALSE(written.ok());
    EXPECT_TRUE(written.error().code == Code::indeterminate ||
                written.error().code == Code::unavailable || written.error().code == Code::timeout)
        << to_string(written.error().code);
    EXPECT_LT(Clock::now() - begin, milliseconds(1500));
  }
  servers_->resume(0);
  const auto end = Clock::now() + seconds(30);
  while (!put(*backend, kKey, "x").ok()) ASSERT_LT(Clock::now(), end);
  EXPECT_EQ(read(*backend, kKey, kDefaultTimeout).value, "x");
}

TEST_F(Outage, StaleReadsGoOnMarkedUpToTheLimitAndOnlyWhereAskedFor) {
  auto stale = open("&stale_ms=4000");
  auto strict = open();
  ASSERT_TRUE(put(*stale, kKey, "v").ok());
  warm(*stale, kKey);
  warm(*strict, kKey);
  servers_->kill(0);
  std::this_thread::sleep_for(milliseconds(200));
  const Answer first = read(*stale, kKey);
  ASSERT_TRUE(first.stamp.ok()) << first.stamp.error().message;
  EXPECT_EQ(first.value, "v");
  EXPECT_GT(first.age.count(), 0);
  EXPECT_LT(first.took, milliseconds(100));
  const Answer again = read(*stale, kKey);
  EXPECT_EQ(again.stamp.value(), first.stamp.value());  // or the engine would ask for the header
  const Answer never_read = read(*stale, "r_another of 17 b");
  EXPECT_FALSE(never_read.stamp.ok());
  const Answer none = read(*strict, kKey);
  ASSERT_FALSE(none.stamp.ok());
  EXPECT_EQ(none.stamp.error().code, Code::unavailable);

  std::this_thread::sleep_for(seconds(4));
  EXPECT_FALSE(read(*stale, kKey).stamp.ok());
  servers_->launch(0);
  servers_->await(0);
  await_back(*stale, kKey, "v");
  await_back(*strict, kKey, "v");
}

TEST_F(Outage, WhatOthersChangedMeanwhileIsSeenAfterReconnecting) {
  auto cut_off = open("", true);
  auto other = open();
  ASSERT_TRUE(put(*other, kKey, "old").ok());
  warm(*cut_off, kKey);
  ShardMarks marks{};
  ASSERT_TRUE(cut_off->watch(marks, kDefaultTimeout).ok());
  for (const bool expires : {false, true}) {
    proxy_->black_hole();
    const std::string value = expires ? "newest" : "new";
    ASSERT_TRUE(put(*other, kKey, value).ok());
    std::this_thread::sleep_for(expires ? seconds(7) : seconds(1));
    if (!expires) proxy_->reset();
    proxy_->forward();
    const std::uint64_t before = marks[shard_of(bytes(kKey))];
    const auto end = Clock::now() + seconds(30);
    while (marks[shard_of(bytes(kKey))] == before) {
      ASSERT_LT(Clock::now(), end) << "the change was lost";
      (void)cut_off->watch(marks, seconds(1));
    }
    await_back(*cut_off, kKey, value);
    ASSERT_TRUE(put(*cut_off, "mine", value).ok());
  }
}

TEST_F(Outage, EnsemblePutBackToAnOlderStateIsRollback) {
  namespace fs = std::filesystem;
  const fs::path data = servers_->directory() / "1";
  const fs::path copy = servers_->directory() / "copy";
  auto backend = open();
  ASSERT_TRUE(put(*backend, kKey, "old").ok());
  servers_->kill(0);
  fs::copy(data, copy, fs::copy_options::recursive);
  servers_->launch(0);
  servers_->await(0);
  await_back(*backend, kKey, "old");
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(*backend, kKey, "new").ok());
  warm(*backend, kKey);
  servers_->kill(0);
  fs::remove_all(data);
  fs::copy(copy, data, fs::copy_options::recursive);
  servers_->launch(0);
  servers_->await(0);
  const auto end = Clock::now() + seconds(30);
  Answer answer;
  do {
    answer = read(*backend, kKey);
    ASSERT_LT(Clock::now(), end);
    ASSERT_FALSE(answer.stamp.ok() && answer.age.count() == 0) << "an older state was told as good";
  } while (answer.stamp || answer.stamp.error().code != Code::rollback);
  EXPECT_EQ(put(*backend, kKey, "newer").error().code, Code::rollback);
  auto anew = open();
  EXPECT_EQ(read(*anew, kKey, kDefaultTimeout).value, "old");
}

TEST_F(Outage, OpeningWithoutAServerSaysSoInTime) {
  servers_->kill(0);
  const auto begin = Clock::now();
  auto opened = open_backend("zk://" + servers_->connect_string() + "/strongroom?access=world");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::unavailable);
  EXPECT_LT(Clock::now() - begin, seconds(14));
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_outage_test
