// What one process changes for all of them, a header or a lock, reaches every other one: within the bound
// of backends/zookeeper.hpp while a server can be reached, and after an outage as soon as it is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "tests/support/process.hpp"
#include "tests/support/role.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/tcp_proxy.hpp"
#include "tests/support/zookeeper_server.hpp"
#include "zookeeper_clients.hpp"
#include "zookeeper_store.hpp"

namespace strongroom::testing::zookeeper_followers_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// As far as a server may lag behind its leader: 5 ticks. And what a busy machine adds.
constexpr milliseconds kBound = milliseconds(5 * 500) + milliseconds(kSanitized ? 3000 : 1000);

// run_follower is the role of a child: it reads a record that nobody changes for as long as it is let,
// and notes the stamps.
int run_stamps(const std::string& url, const std::string& notes) {
  auto backend = open_backend(url);
  if (!backend) return 2;
  NoteFile file(notes);
  std::atomic<bool> over{false};
  std::thread end([&] { ChildProcess::await_end(), over = true; });
  std::puts("ready");
  std::fflush(stdout);
  const std::string key = record_key(1);
  const ByteView one = view(key);
  while (!over) {
    Note note;
    note.invoked = now_ns();
    const auto stamp = (*backend)->read(
        {&one, 1}, [](std::size_t, const Record&) {}, milliseconds(500));
    note.returned = now_ns();
    if (stamp) note.version = stamp->value();
    if (!stamp) note.outcome = Note::Outcome::nothing;
    file.add(note);
    std::this_thread::sleep_for(milliseconds(2));
  }
  end.join();
  return 0;
}

// run_store is another: it asks a store for a secret on behalf of somebody, and notes the term that it
// writes under, or that it was sealed, or denied.
int run_store(const std::string& url, const std::string& key, const Identity& who,
              const std::string& notes) {
  auto store = open_unsealed(url, KeyOfStore::load(key));
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 2;
  }
  const Session session = store->as(who);
  NoteFile file(notes);
  std::atomic<bool> over{false};
  std::thread end([&] { ChildProcess::await_end(), over = true; });
  std::puts("ready");
  std::fflush(stdout);
  while (!over) {
    Note note;
    note.invoked = now_ns();
    const auto got = session.get(path("a/secret"));
    const auto status = store->status();
    note.returned = now_ns();
    note.code = got ? 0 : static_cast<std::int32_t>(got.error().code);
    if (status) note.value = status->active_term;
    file.add(note);
    std::this_thread::sleep_for(milliseconds(5));
  }
  end.join();
  return 0;
}

const Role kStamps("stamps", [](const Role::Arguments& words) {
  return words.size() == 2 ? run_stamps(words[0], words[1]) : 2;
});
const Role kStore("store", [](const Role::Arguments& words) {
  return words.size() == 3 ? run_store(words[0], words[1], kTrusted, words[2]) : 2;
});
const Role kUser("user", [](const Role::Arguments& words) {
  return words.size() == 3 ? run_store(words[0], words[1], Identity::user("alice"), words[2]) : 2;
});

class Followers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    servers_.emplace(ZooKeeperOptions{3, 500});
    for (int server = 0; server < servers_->size(); ++server)
      proxies_.push_back(std::make_unique<TcpProxy>(servers_->port(server)));
  }

  std::string direct_url() const { return tree_url(servers_->connect_string()); }
  // Followers reach their servers through the proxies, so that they can be cut off.
  std::string url() const {
    std::string servers;
    for (const auto& proxy : proxies_) servers += (servers.empty() ? "" : ",") + proxy->address();
    return tree_url(servers);
  }
  std::string notes_file(int follower) const {
    return scratch_.path() / ("notes." + std::to_string(follower));
  }
  void start(const std::string& role, std::vector<std::string> words) {
    words.insert(words.begin(), {role, url()});
    words.push_back(notes_file(static_cast<int>(followers_.size())));
    followers_.emplace_back(words);
    ASSERT_EQ(followers_.back().receive(), "ready\n");
  }

  // reached_all waits until each follower has a note, of a call begun after `since`, that shows what is
  // wanted; it gives how long that took, or nothing when it took longer than limit.
  using Wanted = std::function<bool(const Note&)>;
  std::optional<milliseconds> reached_all(std::int64_t since, milliseconds limit,
                                          const Wanted& wanted) {
    std::int64_t latest = since;
    for (int i = 0; i < static_cast<int>(followers_.size()); ++i) {
      const auto found = await(i, since, limit, wanted);
      if (!found) return {};
      latest = std::max(latest, *found);
    }
    return milliseconds((latest - since) / 1'000'000);
  }
  std::optional<std::int64_t> await(int follower, std::int64_t since, milliseconds limit,
                                    const Wanted& wanted) {
    const std::int64_t until = since + limit / std::chrono::nanoseconds(1);
    for (;;) {
      const bool last_look = now_ns() > until + 1'000'000'000;
      for (const Note& note : NoteFile::load(notes_file(follower))) {
        if (note.invoked >= since && note.invoked <= until && wanted(note)) return note.returned;
      }
      if (last_look) return {};
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  Note last_note(int follower) const {
    const auto notes = NoteFile::load(notes_file(follower));
    return notes.empty() ? Note{} : notes.back();
  }

  void each_proxy(const std::function<void(TcpProxy&)>& treat) {
    for (auto& proxy : proxies_) treat(*proxy);
  }
  void end_all() {
    for (ChildProcess& follower : followers_) EXPECT_EQ(follower.end(seconds(20)), 0);
  }

  Scratch scratch_;
  std::optional<ZooKeeperServers> servers_;
  std::vector<std::unique_ptr<TcpProxy>> proxies_;
  std::vector<ChildProcess> followers_;
  milliseconds longest_{0};
};

// A header: a record of shard 0. The stamp of every handle moves, whatever that handle reads.
TEST_F(Followers, ChangeOfTheHeaderMovesEveryStamp) {
  auto backend = open_backend(direct_url());
  ASSERT_TRUE(backend) << backend.error().message;
  for (int i = 0; i < 2; ++i) start("stamps", {});
  const std::string key = "h";
  const auto change = [&](std::uint64_t number) {
    const std::string bytes = numbered_bytes(number, 300);
    const Change put{Change::Kind::put, view(key), view(bytes), kAny};
    return (*backend)->commit({&put, 1}, kDefaultTimeout);
  };
  milliseconds longest{0};
  const auto moves = [&](std::uint64_t number, std::int64_t healed, milliseconds limit) {
    std::vector<std::uint64_t> before;
    for (int i = 0; i < 2; ++i) before.push_back(last_note(i).version);
    const auto done = change(number);
    ASSERT_TRUE(done) << done.error().message;
    const std::int64_t since = std::max(now_ns(), healed);
    for (int i = 0; i < 2; ++i) {
      const auto moved = await(i, since, limit, [&](const Note& note) {
        return note.outcome == Note::Outcome::done && note.version != before[std::size_t(i)];
      });
      ASSERT_TRUE(moved.has_value()) << "change " << number << " did not reach follower " << i;
      longest = std::max(longest, milliseconds((*moved - since) / 1'000'000));
    }
  };
  std::uint64_t number = 0;
  for (int i = 0; i < 20; ++i) moves(++number, 0, kBound);
  RecordProperty("longest_ms", static_cast<int>(longest.count()));

  servers_->kill(servers_->await_leader());
  moves(++number, 0, kBound + seconds(5));  // an election is on its way
  ASSERT_FALSE(HasFailure());

  // Cut off meanwhile, for less than a session and for more.
  for (const milliseconds time : {milliseconds(1000), milliseconds(6000)}) {
    std::vector<std::uint64_t> before;
    for (int i = 0; i < 2; ++i) before.push_back(last_note(i).version);
    each_proxy([](TcpProxy& proxy) { proxy.black_hole(); });
    ASSERT_TRUE(change(++number));
    const std::int64_t changed = now_ns();
    std::this_thread::sleep_for(time);
    each_proxy([](TcpProxy& proxy) { proxy.forward(); });
    const std::int64_t healed = now_ns();
    for (int i = 0; i < 2; ++i) {
      const auto moved = await(i, healed, kBound + seconds(5), [&](const Note& note) {
        return note.outcome == Note::Outcome::done && note.version != before[std::size_t(i)];
      });
      EXPECT_TRUE(moved.has_value()) << "a change made while follower " << i << " was cut off";
      // Meanwhile it may go on for as long as it does not notice, and then has no answer.
      for (const Note& note : NoteFile::load(notes_file(i))) {
        if (note.outcome == Note::Outcome::done && note.version == before[std::size_t(i)]) {
          EXPECT_LT(note.invoked - changed, kBound / std::chrono::nanoseconds(1));
        }
      }
    }
  }
  end_all();
}

TEST_F(Followers, RotationAndLockReachEveryStore) {
  const KeyOfStore key(direct_url());
  Store store = key.open(direct_url());
  ASSERT_TRUE(put(store, "a/secret", "of everybody"));
  const std::string key_file = scratch_.path() / "key";
  key.save(key_file);
  for (int i = 0; i < 2; ++i) start("store", {key_file});

  const auto rotate_and_await = [&](milliseconds limit) {
    const auto rotated = store.as(kTrusted).rotate();
    ASSERT_TRUE(rotated) << rotated.error().message;
    const std::int64_t since = now_ns();
    const std::uint64_t term = store.status()->active_term;
    const auto took = reached_all(
        since, limit, [&](const Note& note) { return note.code == 0 && note.value == term; });
    ASSERT_TRUE(took.has_value()) << "term " << term;
    RecordProperty("rotation_ms_" + std::to_string(term), static_cast<int>(took->count()));
  };
  for (int i = 0; i < 5; ++i) rotate_and_await(kBound);
  ASSERT_FALSE(HasFailure());
  servers_->kill(servers_->await_leader());
  rotate_and_await(kBound + seconds(5));
  ASSERT_FALSE(HasFailure());

  ASSERT_TRUE(store.as(kTrusted).seal());
  const std::int64_t since = now_ns();
  const auto sealed = [](const Note& note) { return note.code == int(Code::sealed); };
  const auto took = reached_all(since, kBound, sealed);
  ASSERT_TRUE(took.has_value());
  RecordProperty("lock_ms", static_cast<int>(took->count()));
  std::this_thread::sleep_for(milliseconds(200));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(sealed(last_note(i))) << "and it stays so";
  end_all();
}

// A grant, and its revocation, within the bound of a header: whatever a follower asks after that is
// answered by the new policy.
TEST_F(Followers, AChangeOfThePoliciesReachesEveryStore) {
  const KeyOfStore key(direct_url());
  Store store = key.open(direct_url());
  ASSERT_TRUE(put(store, "a/secret", "of alice"));
  const std::string key_file = scratch_.path() / "key";
  key.save(key_file);
  for (int i = 0; i < 2; ++i) start("user", {key_file});
  constexpr const char* kGrant = R"({"version": 1, "rules": [
      {"to": ["user:alice"], "allow": ["read"], "paths": ["a/*"]}]})";
  constexpr const char* kNothing = R"({"version": 1, "rules": []})";

  const auto change_and_await = [&](bool grant, milliseconds limit) {
    const auto done = store.as(kTrusted).put_policy("p", grant ? kGrant : kNothing);
    ASSERT_TRUE(done) << done.error().message;
    const std::int64_t since = now_ns();
    const std::int32_t code = grant ? 0 : static_cast<std::int32_t>(Code::denied);
    const auto took =
        reached_all(since, limit, [&](const Note& note) { return note.code == code; });
    ASSERT_TRUE(took.has_value()) << (grant ? "a grant" : "a revocation");
    longest_ = std::max(longest_, *took);
    // And it stays so: nobody falls back to what was before.
    for (int i = 0; i < 2; ++i) {
      for (const Note& note : NoteFile::load(notes_file(i))) {
        if (note.invoked > since + *took / std::chrono::nanoseconds(1)) {
          EXPECT_EQ(note.code, code);
        }
      }
    }
  };
  for (int i = 0; i < 10; ++i) change_and_await(i % 2 == 0, kBound);
  ASSERT_FALSE(HasFailure());
  RecordProperty("longest_ms", static_cast<int>(longest_.count()));
  servers_->kill(servers_->await_leader());
  change_and_await(true, kBound + seconds(5));
  change_and_await(false, kBound + seconds(5));
  end_all();
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_followers_test
