// An ensemble of three, four clients in two processes, and everything that goes wrong with machines and
// wires. Afterwards: no acknowledged write is lost and none came twice, compare-and-set and reads after
// sync are linearizable, plain reads go forward only and see the client's own writes, every call kept
// its deadline, and every client went on by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "tests/support/process.hpp"
#include "tests/support/role.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/tcp_proxy.hpp"
#include "tests/support/zookeeper_server.hpp"
#include "zookeeper_clients.hpp"

namespace strongroom::testing::zookeeper_faults_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kNumClients = 4;
constexpr milliseconds kSession{3000};
// What a busy machine may add to a deadline.
constexpr milliseconds kSlack{kSanitized ? 6000 : 2000};

// By how much a plain read may lag: until a server that hangs, or a wire that is cut, is noticed. That is
// 5 ticks, or the session.
constexpr milliseconds kMaxLag = kSession + kSlack;

// Even clients wait as long as a caller does who says nothing, the odd ones give up earlier.
Timeout timeout_of(int client) {
  return client % 2 == 0 ? kDefaultTimeout : Timeout(3000);
}

bool is_long() {
  return std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
}

class Drill : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    servers_.emplace(ZooKeeperOptions{3, 500});
    for (int client = 0; client < kNumClients; ++client) {
      for (int server = 0; server < servers_->size(); ++server)
        proxies_[client].push_back(std::make_unique<TcpProxy>(servers_->port(server)));
    }
    for (const int first : {0, 2}) start_process(first);
    for (ChildProcess& process : processes_) ASSERT_EQ(process.receive(), "ready\n");
  }

  void start_process(int first_client) {
    std::vector<std::string> words = {"clients"};
    for (const int client : {first_client, first_client + 1}) {
      words.push_back(std::to_string(client));
      words.push_back(url(client));
      words.push_back(notes_file(client));
      words.push_back(std::to_string(timeout_of(client).count()));
    }
    processes_.emplace_back(words);
  }

  // Client 3 does without the cache.
  std::string url(int client) const {
    std::string text = "zk://";
    for (const auto& proxy : proxies_.at(client))
      text += (text.size() > 5 ? "," : "") + proxy->address();
    text += "/faults?access=world&session_ms=" + std::to_string(kSession.count());
    return client == 3 ? text + "&cache_bytes=0" : text;
  }
  std::string notes_file(int client) const {
    return scratch_.path() / ("notes." + std::to_string(client));
  }

  void each_proxy(int client, const std::function<void(TcpProxy&)>& treat) {
    for (auto& proxy : proxies_.at(client)) treat(*proxy);
  }
  // server_of is the server that a client is connected to, or -1.
  int server_of(int client) const {
    for (int server = 0; server < servers_->size(); ++server) {
      if (proxies_.at(client)[static_cast<std::size_t>(server)]->num_connections() > 0)
        return server;
    }
    return -1;
  }
  // follower_in_use is one that some client is connected to.
  int follower_in_use() const {
    const int leader = servers_->await_leader();
    for (int client = 0; client < kNumClients; ++client) {
      if (const int server = server_of(client); server >= 0 && server != leader) return server;
    }
    return (leader + 1) % servers_->size();
  }

  static void wait(milliseconds time) { std::this_thread::sleep_for(time); }

  // ---- what goes wrong ----

  void kill_and_restart(int server) {
    servers_->kill(server);
    wait(seconds(2));
    servers_->launch(server);
    servers_->await(server);
    wait(seconds(1));
  }
  void hang(int server) {
    servers_->pause(server);
    wait(seconds(8));
    servers_->resume(server);
    wait(seconds(1));
  }
  // cut_off treats each client's wires in a way of its own, all at once.
  void cut_off() {
    for (int i = 0; i < 10; ++i) {
      each_proxy(0, [](TcpProxy& proxy) { proxy.reset(); });
      // Requests arrive, and nobody hears of it.
      each_proxy(1, [](TcpProxy& proxy) { proxy.hold_answers(); });
      each_proxy(2, [](TcpProxy& proxy) { proxy.black_hole(); });
      each_proxy(3, [](TcpProxy& proxy) { proxy.delay(milliseconds(150)); });
      wait(milliseconds(100 + 50 * i));
      each_proxy(1, [](TcpProxy& proxy) { proxy.reset(), proxy.forward(); });
      each_proxy(2, [](TcpProxy& proxy) { proxy.forward(); });
      wait(milliseconds(250));
    }
    each_proxy(3, [](TcpProxy& proxy) { proxy.forward(); });
  }
  // expire leaves client 0 without a wire, and the second process without a processor, for longer than
  // their sessions last.
  void expire() {
    each_proxy(0, [](TcpProxy& proxy) { proxy.black_hole(); });
    stopped_.push_back({now_ns(), 0});
    processes_[1].pause();
    wait(2 * kSession);
    processes_[1].resume();
    stopped_.back().second = now_ns();
    each_proxy(0, [](TcpProxy& proxy) { proxy.forward(); });
    wait(seconds(2));
  }
  void restart_all() {
    servers_->kill_all();
    wait(seconds(1));
    servers_->start_all();
  }

  // ---- what has to be true afterwards ----

  // all_recovered waits until every client has written and read again.
  bool all_recovered() {
    const std::int64_t healed = now_ns();
    const auto deadline = std::chrono::steady_clock::now() + seconds(kSanitized ? 60 : 20);
    for (int client = 0; client < kNumClients; ++client) {
      while (!works_since(client, healed)) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        wait(milliseconds(100));
      }
    }
    return true;
  }
  bool works_since(int client, std::int64_t time) const {
    bool read = false;
    bool written = false;
    for (const Note& note : NoteFile::load(notes_file(client))) {
      if (note.invoked < time || note.outcome != Note::Outcome::done) continue;
      (note.kind == Note::Kind::compare_and_set ? written : read) = true;
    }
    return read && written;
  }

  // finish ends the clients, and judges what they saw.
  void finish() {
    end_clients();
    judge();
    for (const auto& [outcome, count] : counts_)
      RecordProperty("outcome_" + std::to_string(static_cast<int>(outcome)),
                     static_cast<int>(count));
    RecordProperty("longest_lag_ms", static_cast<int>(longest_lag_ / 1'000'000));
  }

  void end_clients() {
    for (ChildProcess& process : processes_) {
      const auto status = process.end(kDefaultTimeout + kSlack);
      ASSERT_TRUE(status.has_value()) << "a call never returned";
      EXPECT_EQ(*status, 0);
    }
  }

  void judge() {
    std::map<int, std::vector<Note>> notes;
    for (int client = 0; client < kNumClients; ++client) {
      for (const Note& note : NoteFile::load(notes_file(client))) {
        look_at_call(note);
        notes[note.key].push_back(note);
      }
    }
    auto backend = open_backend("zk://" + servers_->connect_string() + "/faults?access=world");
    ASSERT_TRUE(backend) << backend.error().message;
    ASSERT_TRUE((*backend)->sync(kDefaultTimeout));
    for (int key = 0; key < kNumKeys; ++key) {
      Note last;
      last.key = key;
      const std::string name = record_key(key);
      const ByteView one = view(name);
      const auto read = (*backend)->read(
          {&one, 1}, [&](std::size_t, const Record& record) { take(record, last); },
          kDefaultTimeout);
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(last.damage, 0);
      KeyHistory history(std::move(notes[key]), 0, last.value);
      EXPECT_THAT(history.judge(), ::testing::IsEmpty()) << "key " << key;
      const auto [lag, read_note] = history.lag();
      EXPECT_LE(lag, kMaxLag / std::chrono::nanoseconds(1)) << describe(read_note);
      longest_lag_ = std::max(longest_lag_, lag);
    }
    EXPECT_GT(counts_[Note::Outcome::done], is_long() ? 500u : 100u);
  }

  // look_at_call: errors are those of an outage alone, and every call returned in time.
  void look_at_call(const Note& note) {
    ++counts_[note.outcome];
    const auto code = static_cast<Code>(note.code);
    if (note.code != 0) {
      EXPECT_TRUE(code == Code::unavailable || code == Code::timeout || code == Code::indeterminate)
          << describe(note);
    }
    // A fresh read is two calls. Who was stopped could not return.
    const int calls = note.kind == Note::Kind::fresh_read ? 2 : 1;
    std::int64_t limit = (calls * timeout_of(note.client) + kSlack) / std::chrono::nanoseconds(1);
    for (const auto& [from, to] : stopped_) {
      if (note.client >= 2 && note.invoked < to && from < note.returned) limit += to - from;
    }
    EXPECT_LE(note.returned - note.invoked, limit) << describe(note);
  }

  Scratch scratch_;
  std::optional<ZooKeeperServers> servers_;
  std::map<int, std::vector<std::unique_ptr<TcpProxy>>> proxies_;
  std::vector<ChildProcess> processes_;  // before all else they end
  std::vector<std::pair<std::int64_t, std::int64_t>> stopped_;
  std::map<Note::Outcome, std::size_t> counts_;
  std::int64_t longest_lag_ = 0;
};

const Role kClients("clients", run_clients);

// The long form goes through all faults, ten times, with the same clients. The default forms have a
// share of the faults each, so that they can run at the same time.
TEST_F(Drill, NothingIsLostNothingComesTwiceAndAllGoOn) {
  for (int round = 0; round < (is_long() ? 10 : 1); ++round) {
    wait(seconds(1));
    kill_and_restart(servers_->await_leader());
    kill_and_restart(follower_in_use());
    if (is_long()) {
      hang(servers_->await_leader());
      hang(follower_in_use());
      cut_off();
      expire();
    }
    restart_all();
    ASSERT_TRUE(all_recovered());
  }
  finish();
}

TEST_F(Drill, NothingIsLostWhenTheLeaderHangs) {
  if (is_long()) GTEST_SKIP() << "part of the long form";
  hang(servers_->await_leader());
  ASSERT_TRUE(all_recovered());
  finish();
}

TEST_F(Drill, NothingIsLostWhenAFollowerHangs) {
  if (is_long()) GTEST_SKIP() << "part of the long form";
  hang(follower_in_use());
  ASSERT_TRUE(all_recovered());
  finish();
}

TEST_F(Drill, NothingIsLostWhenWiresAreCutAndSessionsExpire) {
  if (is_long()) GTEST_SKIP() << "part of the long form";
  cut_off();
  expire();
  ASSERT_TRUE(all_recovered());
  finish();
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_faults_test
