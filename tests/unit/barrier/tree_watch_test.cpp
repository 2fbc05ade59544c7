#include "strongroom/impl/barrier/tree_watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "support/barrier_fixture.hpp"
#include "support/faulty_backend.hpp"
#include "support/forwarding_backend.hpp"
#include "support/process.hpp"
#include "support/scratch.hpp"
#include "support/sharded_backend.hpp"

namespace strongroom::tree_watch_test {
namespace {

using testing::Complaint;
using testing::done;
using testing::in_child;
using testing::parsed;
using testing::path;
using testing::retire;
using testing::secret;
using testing::SharedMarks;

constexpr Timeout kNow{0};
constexpr Timeout kSoon{10'000};
const auto kGoOn = [](const auto&) { return true; };

// Storage opens one handle after the other to the same records, as processes would.
struct Storage {
  const char* name;
  std::function<std::unique_ptr<Backend>()> open;
};

Storage memory() {
  auto records = std::make_shared<MemoryBackend>();
  return {"memory", [records] { return records->share(); }};
}

std::shared_ptr<SharedMarks> last_marks;  // of the sharded storage that was made last

Storage sharded() {
  auto records = std::make_shared<MemoryBackend>();
  auto marks = std::make_shared<SharedMarks>();
  last_marks = marks;
  return {"sharded", [records, marks] {
            return std::make_unique<testing::ShardedBackend>(records->share(), marks);
          }};
}

#if STRONGROOM_HAVE_LMDB
Storage lmdb() {
  const auto directory = std::make_shared<testing::Scratch>();
  return {"lmdb",
          [directory] { return open_backend("lmdb:" + directory->path().string()).value(); }};
}
std::vector<Storage (*)()> storages() {
  return {&memory, &sharded, &lmdb};
}
#else
std::vector<Storage (*)()> storages() {
  return {&memory, &sharded};
}
#endif

// World is a store with one who watches and one who writes, each with a handle of its own.
struct World {
  PendingInit pending = prepare_init({0, 0, true}).value();
  Credential key = parsed(pending.key_file);
  std::unique_ptr<Barrier> writer;
  std::unique_ptr<Barrier> watcher;
  std::function<std::unique_ptr<Backend>()> open;

  explicit World(Storage storage) : open(std::move(storage.open)) {
    writer = std::make_unique<Barrier>(open());
    EXPECT_TRUE(writer->keys().activate(pending));
    EXPECT_TRUE(writer->keys().unseal(std::span(&key, 1)));
    watcher = another(open());
  }
  std::unique_ptr<Barrier> another(std::unique_ptr<Backend> backend) const {
    auto barrier = std::make_unique<Barrier>(std::move(backend));
    EXPECT_TRUE(barrier->keys().unseal(std::span(&key, 1)));
    return barrier;
  }

  Revision put(const std::string& name, std::string_view value = "v") {
    return done(writer->writer().write(path(name), Content::text, secret(value).view(), {},
                                       Permit::always()))
        .value();
  }
  Revision erase(const std::string& name) {
    return done(writer->writer().erase(path(name), Condition::update(), Permit::always())).value();
  }
  std::unique_ptr<TreeWatch> watch(const std::string& prefix) {
    return TreeWatch::open(watcher->tree(), path(prefix)).value();
  }
};

// told gives events as "+path 3" and "-path 4", or the name of the error's code.
std::vector<std::string> told(TreeWatch& watch, Timeout timeout = kNow) {
  auto events = watch.next(timeout);
  if (!events) return {std::string(to_string(events.error().code))};
  std::vector<std::string> lines;
  for (const WatchEvent& event : events.value()) {
    lines.push_back((event.kind == WatchEvent::Kind::changed ? "+" : "-") + event.path + " " +
                    std::to_string(event.revision.value()));
  }
  return lines;
}

using Lines = std::vector<std::string>;

class TreeWatchOver : public ::testing::TestWithParam<Storage (*)()> {
 protected:
  World world{GetParam()()};
};

INSTANTIATE_TEST_SUITE_P(Storages, TreeWatchOver, ::testing::ValuesIn(storages()),
                         [](const auto& each) { return std::string(each.param().name); });

TEST_P(TreeWatchOver, TellsOnlyWhatChangedSinceItBegan) {
  world.put("a/old");
  world.put("a/gone");
  world.erase("a/gone");
  auto watch = world.watch("a");
  EXPECT_EQ(told(*watch), Lines());
  world.put("a/old");
  world.put("a/new");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a/new 1", "+a/old 2"}));
  EXPECT_EQ(told(*watch), Lines());
  world.erase("a/old");
  world.put("a/gone");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a/gone 3", "-a/old 3"}));
  EXPECT_EQ(told(*watch), Lines());
}

TEST_P(TreeWatchOver, TellsAPathOnceHoweverOftenItChanged) {
  world.put("a");
  world.put("b");
  auto watch = world.watch("");
  for (int i = 0; i < 5; ++i) world.put("a");
  world.erase("a");
  world.put("a");
  world.put("b");
  world.erase("b");
  world.put("c");
  world.erase("c");  // came and went: nobody is told
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a 8", "-b 3"}));
  EXPECT_EQ(told(*watch), Lines());
}

TEST_P(TreeWatchOver, SeesThePrefixItselfAndNoneOfItsNeighbours) {
  auto watch = world.watch("a/b");
  world.put("a");
  world.put("a/bc");
  world.put("a/c/b");
  world.put("b");
  EXPECT_EQ(told(*watch), Lines());
  world.put("a/b");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a/b 1"}));
  world.put("a/b/c");
  world.put("a/b");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a/b 2", "+a/b/c 1"}));
  world.erase("a/b");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"-a/b 3"}));
  world.put("a/b");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a/b 4"}));
}

TEST_P(TreeWatchOver, WalksIntoFoldersThatComeLater) {
  auto watch = world.watch("root");
  world.put("root/1/2/3/4/deep");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+root/1/2/3/4/deep 1"}));
  world.put("root/1/2/3/4/deep");
  world.put("root/1/2/side");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+root/1/2/3/4/deep 2", "+root/1/2/side 1"}));
  world.erase("root/1/2/side");
  world.erase("root/1/2/3/4/deep");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"-root/1/2/3/4/deep 3", "-root/1/2/side 2"}));
}

TEST_P(TreeWatchOver, SealingAnewIsNoChange) {
  for (int i = 0; i < 20; ++i) world.put("s" + std::to_string(i));
  world.put("dead");
  world.erase("dead");
  auto watch = world.watch("");
  ASSERT_TRUE(world.writer->keys().rotate(Permit::always()));
  EXPECT_EQ(told(*watch), Lines());
  ASSERT_EQ(world.writer->reencryption({100}).run(kGoOn)->rewritten, 21u);
  EXPECT_EQ(told(*watch), Lines());
  ASSERT_TRUE(retire(*world.writer, kGoOn));
  world.put("s7");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+s7 2"}));
}

TEST_P(TreeWatchOver, KeepsManySecretsAndFoldersApart) {
  for (int i = 0; i < 1200; ++i) world.put("many/s" + std::to_string(i));
  for (int i = 0; i < 50; ++i) world.put("folders/f" + std::to_string(i) + "/s");
  auto watch = world.watch("");
  world.put("many/s999");
  world.erase("many/s17");
  world.put("many/fresh");
  world.put("folders/f31/s");
  EXPECT_EQ(told(*watch, kSoon),
            (Lines{"+folders/f31/s 2", "+many/fresh 1", "-many/s17 2", "+many/s999 2"}));
  EXPECT_EQ(told(*watch), Lines());
}

TEST_P(TreeWatchOver, SleepsUntilSomethingHappensOrTheTimeIsOver) {
  auto watch = world.watch("a");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(told(*watch, Timeout(200)), Lines());
  const auto slept = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(slept, Timeout(190));
  EXPECT_LT(slept, Timeout(5'000));
  std::thread later([&] {
    std::this_thread::sleep_for(Timeout(100));
    world.put("elsewhere");  // wakes it up, maybe, and is no reason to return
    std::this_thread::sleep_for(Timeout(100));
    world.put("a/b");
  });
  EXPECT_EQ(told(*watch, Timeout(60'000)), (Lines{"+a/b 1"}));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Timeout(20'000));
  later.join();
}

TEST_P(TreeWatchOver, ASealedStoreSaysSoAndLosesNothing) {
  world.put("a");
  world.put("b");
  auto watch = world.watch("");
  ASSERT_TRUE(world.writer->keys().seal());  // for everybody
  EXPECT_EQ(told(*watch, kSoon), (Lines{"sealed"}));
  EXPECT_EQ(told(*watch, kSoon), (Lines{"sealed"}));
  ASSERT_TRUE(world.writer->keys().unseal(std::span(&world.key, 1), true));
  world.put("a");
  world.erase("b");
  world.put("c/d");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"sealed"}));
  ASSERT_TRUE(world.watcher->keys().unseal(std::span(&world.key, 1)));
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a 2", "-b 2", "+c/d 1"}));
  world.watcher->keys().close();
  world.put("a");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"sealed"}));
  ASSERT_TRUE(world.watcher->keys().unseal(std::span(&world.key, 1)));
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+a 3"}));
}

TEST_P(TreeWatchOver, WhatDoesNotOpenIsToldOfWithoutARevision) {
  world.put("good");
  world.put("bad");
  auto watch = world.watch("");
  Backend& storage = world.writer->backend();
  Location location{};
  ASSERT_TRUE(world.writer->keys().with_keys([&](const Keys& keys) -> Result<void> {
    location = secret_location(keys.keyring, "bad");
    return {};
  }));
  const RecordKey key = record_key(location);
  const std::vector<std::uint8_t> junk(200, 1);
  const Change damage{Change::Kind::put, key, junk, kAny};
  ASSERT_TRUE(storage.commit(std::span(&damage, 1), kDefaultTimeout));
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+bad 0"}));
  EXPECT_EQ(told(*watch), Lines());
  world.put("good");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"+good 2"}));
}

TEST_P(TreeWatchOver, TooManySecretsAreRefusedWithANumber) {
  for (int i = 0; i < 5; ++i) world.put("a/s" + std::to_string(i));
  const auto parts = [&](Barrier& barrier, SecretReader& reader, NamesReader& names) {
    return TreeParts{barrier.backend(), barrier.keys(), reader, names, kDefaultTimeout};
  };
  SecretReader reader(world.watcher->backend(), world.watcher->keys(), kDefaultTimeout);
  NamesReader names(world.watcher->backend(), world.watcher->keys(), kDefaultTimeout);
  auto refused = TreeWatch::open(parts(*world.watcher, reader, names), path("a"), 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_NE(refused.error().message.find("more than 4 secrets"), std::string::npos);
  auto watch = TreeWatch::open(parts(*world.watcher, reader, names), path("a"), 6).value();
  world.put("a/s5");
  world.put("a/s6");
  EXPECT_EQ(told(*watch, kSoon), (Lines{"too_large"}));
  Lines both = told(*watch, kSoon);  // what fits is told
  EXPECT_EQ(told(*watch, kSoon), (Lines{"too_large"}));
  world.erase("a/s0");  // which makes room
  EXPECT_EQ(told(*watch, kSoon), (Lines{"too_large"}));
  EXPECT_EQ(told(*watch, kSoon), (Lines{"-a/s0 2"}));
  for (const std::string& line : told(*watch, kSoon)) both.push_back(line);
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both, (Lines{"+a/s5 1", "+a/s6 1"}));
}

// Whatever becomes of the changes, who replays what was told has what is there in the end.
TEST_P(TreeWatchOver, WritersAtWorkLeaveNothingUntold) {
  for (int i = 0; i < 40; i += 2)
    world.put("t/" + std::to_string(i % 4) + "/s" + std::to_string(i));
  auto watch = world.watch("t");
  std::map<std::string, Revision> known;
  for (int i = 0; i < 40; i += 2)
    known["t/" + std::to_string(i % 4) + "/s" + std::to_string(i)] = Revision(1);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    std::mt19937 random(7);
    for (int n = 0; n < 600; ++n) {
      const auto i = random() % 40;
      const std::string name = "t/" + std::to_string(i % 4) + "/s" + std::to_string(i);
      if (random() % 3 == 0)
        (void)world.writer->writer().erase(path(name), Condition::update(), Permit::always());
      else
        world.put(name);
      if (n % 200 == 100) {
        EXPECT_TRUE(world.writer->keys().rotate(Permit::always()));
      }
      if (n % 200 == 150) {
        EXPECT_TRUE(world.writer->reencryption({100}).run(kGoOn));
      }
    }
    done = true;
  });
  for (bool last = false; !last;) {
    last = done;
    auto events = watch->next(kNow);
    ASSERT_TRUE(events) << events.error().message;
    for (const WatchEvent& event : events.value()) {
      if (event.kind == WatchEvent::Kind::deleted) {
        EXPECT_EQ(known.erase(event.path), 1u) << event.path;
      } else {
        EXPECT_GT(event.revision, known[event.path]) << event.path;
        known[event.path] = event.revision;
      }
    }
  }
  writer.join();
  std::map<std::string, Revision> there;
  const auto listed = world.writer->names().list(path("t"), true);
  ASSERT_TRUE(listed);
  for (const Entry& entry : listed.value()) {
    const std::string name = "t/" + entry.name;
    there[name] = world.writer->reader().read(path(name))->revision;
  }
  EXPECT_EQ(known, there);
}

// Every call of the storage fails in turn, once: the next call of next tells all the same.
TEST(TreeWatch, TroubleOfTheStorageLosesNothing) {
  const Lines wanted = {"+a/x 2", "-a/y 2", "+new/deep/s 1"};
  bool hit = true;
  int fail_at = 0;
  for (; hit && fail_at < 1000; ++fail_at) {
    World world(memory());
    for (const char* name : {"a/x", "a/y", "b/z"}) world.put(name);
    auto plan = std::make_shared<testing::Plan>();
    auto watcher = world.another(std::make_unique<testing::FaultyBackend>(world.open(), plan));
    auto watch = TreeWatch::open(watcher->tree(), path("")).value();
    world.put("a/x");
    world.erase("a/y");
    world.put("new/deep/s");
    plan->num_calls = 0;
    plan->fail_at = fail_at;
    const Lines first = told(*watch);
    hit = plan->hit;
    if (first == wanted) continue;
    EXPECT_EQ(first, Lines{"unavailable"}) << fail_at;
    EXPECT_EQ(told(*watch), wanted) << fail_at;
    EXPECT_EQ(told(*watch), Lines()) << fail_at;
  }
  EXPECT_GT(fail_at, 10);
  EXPECT_FALSE(hit);
}

TEST(TreeWatch, LooksAtMovedShardsAlone) {
  World world(sharded());
  const auto marks = last_marks;
  for (int i = 0; i < 3000; ++i) world.put("s" + std::to_string(i));
  for (int i = 0; i < 20; ++i) world.put("f" + std::to_string(i) + "/s");
  auto watch = world.watch("");
  bool alone = false;
  for (int i = 0; i < 10 && !alone; ++i) {  // by chance, a folder lies in the same shard
    const std::string name = "s" + std::to_string(i);
    world.put(name);
    marks->num_keys_read = 0;
    marks->num_scans = 0;
    EXPECT_EQ(told(*watch, kSoon), (Lines{"+" + name + " 2"}));
    EXPECT_LT(marks->num_keys_read, 100u);  // about 12 of its shard, and the header
    alone = marks->num_scans == 0;
  }
  EXPECT_TRUE(alone);
}

TEST(TreeWatch, ManyEventsComeInPortions) {
  World world(memory());
  auto watch = world.watch("");
  for (std::size_t i = 0; i < TreeWatch::kMaxEvents + 5; ++i) world.put("s" + std::to_string(i));
  EXPECT_EQ(watch->next(kSoon)->size(), TreeWatch::kMaxEvents);
  EXPECT_EQ(watch->next(kSoon)->size(), 5u);
  EXPECT_EQ(told(*watch), Lines());
}

// AgedBackend is out of reach of its storage, and says how old its records are.
class AgedBackend final : public testing::ForwardingBackend {
 public:
  AgedBackend(std::unique_ptr<Backend> real, std::shared_ptr<std::atomic<bool>> aged)
      : ForwardingBackend(std::move(real)), aged_(std::move(aged)) {}
  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    return real_->read(
        keys,
        [&](std::size_t i, const Record& record) {
          Record old = record;
          if (*aged_) old.age = std::chrono::milliseconds(1500);
          sink(i, old);
        },
        timeout);
  }

 private:
  std::shared_ptr<std::atomic<bool>> aged_;
};

TEST(TreeWatch, StaleRecordsAreNotTakenForNews) {
  World world(memory());
  auto aged = std::make_shared<std::atomic<bool>>(false);
  auto watcher = world.another(std::make_unique<AgedBackend>(world.open(), aged));
  auto watch = TreeWatch::open(watcher->tree(), path("")).value();
  world.put("a");
  *aged = true;
  EXPECT_EQ(told(*watch), (Lines{"unavailable"}));
  *aged = false;
  EXPECT_EQ(told(*watch), (Lines{"+a 1"}));
}

TEST(TreeWatch, AForkedChildSeesNothing) {
  World world(memory());
  world.put("a");
  auto watch = world.watch("");
  world.put("a");
  EXPECT_EQ(in_child([&]() -> Complaint {
              auto events = watch->next(kNow);
              return events || events.error().code != Code::sealed ? "saw something" : nullptr;
            }),
            "");
  EXPECT_EQ(told(*watch), (Lines{"+a 2"}));
}

}  // namespace
}  // namespace strongroom::tree_watch_test
