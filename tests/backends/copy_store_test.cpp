// copy_store_test.cpp: a store copied as it is: between storages, stopped midway, changed meanwhile,
// and into what is in the way.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/copies/backup_records.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "support/barrier_fixture.hpp"
#include "support/contents.hpp"
#include "support/faulty_backend.hpp"
#include "support/forwarding_backend.hpp"
#include "support/meanwhile_backend.hpp"
#if STRONGROOM_HAVE_ZOOKEEPER
#include "one_zookeeper.hpp"
#endif

namespace strongroom::copy_store_test {
namespace {

using testing::Contents;
using testing::contents;
using testing::Directory;
using testing::Fault;
using testing::FaultyBackend;
using testing::Meanwhile;
using testing::MeanwhileBackend;
using testing::path;
using testing::plain;
using testing::Plan;
using testing::refused;
using testing::retire;
using testing::secret;
using testing::TestStore;

constexpr auto go_on = [](std::uint64_t, std::uint64_t) { return true; };

Result<CopyInfo> copy(Backend& from, Backend& into) {
  return StoreCopy(from, into, kDefaultTimeout).run(go_on);
}

void put(Barrier& barrier, const std::string& name, std::string_view value = "value") {
  auto done = barrier.writer().write(path(name), Content::binary, secret(value).view(),
                                     Condition::any(), Permit::always());
  ASSERT_TRUE(done) << done.error().message;
}

void fill(Barrier& barrier, int num_secrets) {
  for (int i = 0; i < num_secrets; ++i) {
    const std::string n = std::to_string(i);
    put(barrier, "dir" + std::to_string(i % 7) + "/s" + n, "value of " + n);
  }
}

bool is_store(Backend& backend) {
  auto records = read_header_records(backend, kDefaultTimeout);
  return records || records.error().code != Code::not_initialized;
}

// num_copied counts what is in a storage of the records of an unfinished copy.
std::size_t num_copied(Backend& backend) {
  const Contents there = contents(backend);
  return there.size() - there.count("R");
}

//
// There and back
//

// Storages gives new ones of a kind.
struct Storages {
  std::string kind;
  Directory directory;

  // make gives null where there is no such kind.
  std::unique_ptr<Backend> make(const std::string& name) const {
    if (kind == "memory") return std::make_unique<MemoryBackend>();
    if (kind == "lmdb") return directory.open(name);
    return make_on_zookeeper();
  }

  static std::unique_ptr<Backend> make_on_zookeeper() {
#if STRONGROOM_HAVE_ZOOKEEPER
    static int num_roots = 0;
    const std::string server = conformance::one_zookeeper();
    if (server.empty()) return nullptr;
    auto opened =
        open_backend("zk://" + server + "/copy-" + std::to_string(num_roots++) + "?access=world");
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
#else
    return nullptr;
#endif
  }
};

class CopyStore : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  Storages from_kind_{GetParam().first, {}};
  Storages into_kind_{GetParam().second, {}};
};

TEST_P(CopyStore, EveryRecordArrivesAndOpensWithTheSameCredentials) {
  auto from = from_kind_.make("from");
  auto into = into_kind_.make("into");
  if (from == nullptr || into == nullptr) GTEST_SKIP() << "there is no such storage here";
  TestStore store(2u << 20);
  fill(store.barrier(), 1500);
  put(store.barrier(), "empty", "");
  put(store.barrier(), "large", std::string(2u << 20, 'x'));
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  put(store.barrier(), "dir1/after");
  ASSERT_TRUE(
      store.barrier().writer().erase(path("dir1/s1"), Condition::update(), Permit::always()));
  ASSERT_TRUE(copy(*store.records, *from));
  auto copied = copy(*from, *into);
  ASSERT_TRUE(copied) << copied.error().message;

  const Contents wanted = contents(*store.records);
  EXPECT_TRUE(contents(*into) == wanted);
  EXPECT_TRUE(contents(*from) == wanted) << "the source is as it was";
  EXPECT_EQ(copied->store, store.pending.store);
  EXPECT_EQ(copied->num_records, wanted.size());
  EXPECT_EQ(copied->num_written, wanted.size() - 3) << "and the header records";
  EXPECT_EQ(copied->num_removed, 0u);

  Barrier barrier(std::move(into));
  ASSERT_TRUE(barrier.keys().unseal(std::span(&store.key, 1)));
  EXPECT_EQ(plain(barrier.reader().read(path("dir3/s3"))->value), "value of 3");
  EXPECT_EQ(barrier.reader().read(path("large"))->value.size(), 2u << 20);
  ASSERT_TRUE(barrier.writer().write(path("dir3/s3"), Content::text, secret("n").view(),
                                     Condition::at(Revision(1)), Permit::always()));
  ASSERT_TRUE(barrier.keys().rotate(Permit::always()));
  EXPECT_EQ(barrier.names().list(path(""), true)->size(),
            store.barrier().names().list(path(""), true)->size());
}

TEST_P(CopyStore, AStoreWithoutSecretsIsCopied) {
  auto from = from_kind_.make("from");
  auto into = into_kind_.make("into");
  if (from == nullptr || into == nullptr) GTEST_SKIP() << "there is no such storage here";
  TestStore store;
  ASSERT_TRUE(copy(*store.records, *from));
  auto copied = copy(*from, *into);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied->num_records, 3u);
  EXPECT_TRUE(contents(*into) == contents(*store.records));
}

TEST_P(CopyStore, ValuesOfTheLargestSizeArrive) {
  // A server keeps all in its heap.
  if (from_kind_.kind == "zookeeper" && into_kind_.kind == "zookeeper") return;
  auto from = from_kind_.make("from");
  auto into = into_kind_.make("into");
  if (from == nullptr || into == nullptr) GTEST_SKIP() << "there is no such storage here";
  TestStore store;
  fill(store.barrier(), 20);
  // Put as it is: so much can not be locked everywhere.
  const std::vector<std::uint8_t> key(17, 'r');
  store.tamper(key, std::vector<std::uint8_t>(kMaxBackendValueLen, 'x'));
  for (Backend* each : {from.get(), into.get()}) {
    auto copied = copy(each == into.get() ? *from : *store.records, *each);
    ASSERT_TRUE(copied) << copied.error().message;
  }
  EXPECT_TRUE(contents(*into) == contents(*store.records));
}

INSTANTIATE_TEST_SUITE_P(
    Storages, CopyStore,
    ::testing::Values(std::pair("memory", "memory"), std::pair("memory", "lmdb"),
                      std::pair("lmdb", "memory"), std::pair("lmdb", "lmdb"),
                      std::pair("memory", "zookeeper"), std::pair("lmdb", "zookeeper"),
                      std::pair("zookeeper", "memory"), std::pair("zookeeper", "lmdb"),
                      std::pair("zookeeper", "zookeeper")),
    [](const auto& test) { return std::string(test.param.first) + "_" + test.param.second; });

TEST(Copy, ALockStays) {
  TestStore store;
  put(store.barrier(), "a");
  ASSERT_TRUE(store.barrier().keys().seal());
  MemoryBackend into;
  ASSERT_TRUE(copy(*store.records, into));
  testing::Handle there(into.share());
  EXPECT_FALSE(there.unseal(store.key));
  EXPECT_TRUE(there.unseal(store.key, true));
}

TEST(Copy, DamageIsCopiedAsItLies) {
  TestStore store;
  fill(store.barrier(), 10);
  const auto key = store.keys_with('r')[4];
  auto bad = store.stored(key);
  bad.back() ^= 1;
  store.tamper(key, bad);
  store.tamper(kHeaderCopyKey, testing::bytes("no header"));
  MemoryBackend into;
  ASSERT_TRUE(copy(*store.records, into));
  EXPECT_TRUE(contents(into) == contents(*store.records));
}

//
// Stopped, and gone on with
//

// stop_copy runs a copy that a storage stops at one call. Returns  whether it came so far.
bool stop_copy(Backend& from, Backend& into, Plan& plan) {
  const auto stopped = copy(from, into);
  EXPECT_EQ(stopped.ok(), !plan.hit);
  return plan.hit;
}

TEST(Copy, StoppedAtAnyCallOfTheTargetItIsNoStoreAndGoesOn) {
  TestStore store;
  fill(store.barrier(), 300);
  const Contents wanted = contents(*store.records);
  for (const Fault fault : {Fault::refused, Fault::lost, Fault::unheard, Fault::late}) {
    int num_calls = 0;
    for (int call = 0;; ++call, ++num_calls) {
      SCOPED_TRACE(std::string(name_of(fault)) + " at " + std::to_string(call));
      MemoryBackend into;
      auto plan = std::make_shared<Plan>(Plan{call, fault, true});
      FaultyBackend faulty(into.share(), plan);
      if (!stop_copy(*store.records, faulty, *plan)) break;
      const bool done = contents(into) == wanted;
      ASSERT_EQ(is_store(into), done);
      ASSERT_TRUE(!done || fault == Fault::unheard);
      const std::size_t num_there = num_copied(into);
      auto again = copy(*store.records, into);
      plan->deliver();  // what was under way when the first one died comes to nothing
      ASSERT_EQ(again.ok(), !done) << again.error().message;
      ASSERT_TRUE(contents(into) == wanted);
      if (!done) {
        ASSERT_EQ(again->num_written + num_there + 3, wanted.size());
      }
    }
    EXPECT_GT(num_calls, 10);
  }
}

TEST(Copy, StoppedAtAnyCallOfTheSourceItIsNoStoreAndGoesOn) {
  TestStore store;
  fill(store.barrier(), 300);
  const Contents wanted = contents(*store.records);
  int num_calls = 0;
  for (int call = 0;; ++call, ++num_calls) {
    SCOPED_TRACE(call);
    MemoryBackend into;
    auto plan = std::make_shared<Plan>(Plan{call, Fault::refused, true});
    FaultyBackend faulty(store.records->share(), plan);
    if (!stop_copy(faulty, into, *plan)) break;
    ASSERT_FALSE(is_store(into));
    const std::size_t num_there = num_copied(into);
    auto again = copy(*store.records, into);
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(again->num_written + num_there + 3, wanted.size());
    ASSERT_TRUE(contents(into) == wanted);
  }
  EXPECT_GT(num_calls, 10);
}

// stopped_midway leaves about half a copy.
void stopped_midway(Backend& from, Backend& into) {
  std::uint64_t last = 0;
  auto stopped = StoreCopy(from, into, kDefaultTimeout).run([&](std::uint64_t num, std::uint64_t) {
    const bool on = num < 300;
    last = num;
    return on;
  });
  ASSERT_TRUE(refused(stopped, Code::unavailable, "stopped"));
  ASSERT_EQ(num_copied(into), last - 3) << "what was read is put";
  ASSERT_GT(last, 300u);
  ASSERT_LT(last, contents(from).size());
}

TEST(Copy, GoingOnFollowsWhatBecameOfTheStore) {
  TestStore store;
  fill(store.barrier(), 300);
  MemoryBackend into;
  stopped_midway(*store.records, into);
  const std::size_t num_there = num_copied(into);
  for (int i = 0; i < 300; i += 2) {
    const std::string name = "dir" + std::to_string(i % 7) + "/s" + std::to_string(i);
    ASSERT_TRUE(store.barrier().writer().erase(path(name), Condition::update(), Permit::always()));
  }
  put(store.barrier(), "new/folder/s");
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  auto copied = copy(*store.records, into);
  ASSERT_TRUE(copied) << copied.error().message;
  const Contents wanted = contents(*store.records);
  EXPECT_TRUE(contents(into) == wanted);
  EXPECT_GT(copied->num_removed, 0u) << "entries of deleted secrets";
  EXPECT_EQ(copied->num_records, wanted.size());
  EXPECT_GT(copied->num_written + num_there, wanted.size()) << "some were written anew";
}

TEST(Copy, WhatARestoreOfTheSameStoreLeftIsGoneOnFrom) {
  TestStore store;
  fill(store.barrier(), 100);
  MemoryBackend into;
  backup::Restore restore(into, kDefaultTimeout);  // which is still there, and has lost
  BackupInfo info;
  info.store = store.pending.store;
  ASSERT_TRUE(restore.begin(info, {}));
  for (int i = 0; i < 700; ++i) {
    ASSERT_TRUE(restore.put(testing::bytes("r" + std::to_string(i)), {}));
  }
  EXPECT_FALSE(is_store(into));
  ASSERT_TRUE(copy(*store.records, into));
  EXPECT_TRUE(contents(into) == contents(*store.records));
}

TEST(Copy, TooSmallAStorageStaysNoStoreAndIsGoneOnWithWhenThereIsRoom) {
  const Directory directory;
  if (directory.open("probe") == nullptr) GTEST_SKIP() << "there is no such storage here";
  TestStore store;
  fill(store.barrier(), 2000);
  {
    auto narrow = directory.open("store", "?quota=524288");
    EXPECT_TRUE(refused(copy(*store.records, *narrow), Code::unavailable, "quota"));
    EXPECT_FALSE(is_store(*narrow));
  }
  auto wide = directory.open("store");
  const std::size_t num_there = num_copied(*wide);
  EXPECT_GT(num_there, 0u);
  auto copied = copy(*store.records, *wide);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE(contents(*wide) == contents(*store.records));
  EXPECT_EQ(copied->num_written + num_there + 3, copied->num_records);
}

TEST(Copy, WhatIsDamagedInTheTargetMeanwhileIsFoundAndMended) {
  TestStore store;
  fill(store.barrier(), 300);
  const auto key = store.keys_with('r')[7];
  MemoryBackend into;
  int num_rounds = 0;
  auto copied =
      StoreCopy(*store.records, into, kDefaultTimeout).run([&](std::uint64_t num, std::uint64_t) {
        const std::uint8_t other = 1;
        const Change damage{Change::Kind::put, key, std::span(&other, 1), kAny};
        // Between the rounds.
        if (num <= 16 && num_rounds++ == 1) {
          EXPECT_TRUE(into.commit(std::span(&damage, 1), kDefaultTimeout));
        }
        return true;
      });
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(num_rounds, 3) << "the one that mended proves nothing";
  EXPECT_TRUE(contents(into) == contents(*store.records));
}

//
// The store is changed meanwhile
//

// meanwhile copies a store to which `act` is done at some moment, and gives what came of it.
Result<CopyInfo> copy_meanwhile(TestStore& store, Backend& into, int moment,
                                std::function<void()> act, bool& acted, int times = 1) {
  auto meanwhile = std::make_shared<Meanwhile>();
  meanwhile->act_at = moment;
  meanwhile->act = std::move(act);
  meanwhile->times = times;
  MeanwhileBackend from(store.records->share(), meanwhile);
  auto copied = copy(from, into);
  acted = meanwhile->num_acts > 0;
  return copied;
}

TEST(Copy, AWriteAtAnyMomentIsInTheCopyOrCameAfterIt) {
  int num_moments = 0;
  for (int moment = 0;; ++moment, ++num_moments) {
    SCOPED_TRACE(moment);
    TestStore store;
    fill(store.barrier(), 30);
    const Contents before = contents(*store.records);
    MemoryBackend into;
    bool acted = false;
    auto copied = copy_meanwhile(
        store, into, moment,
        [&] {
          put(store.barrier(), "dir1/s1", "other");
          put(store.barrier(), "new/folder/s");
          ASSERT_TRUE(store.barrier().writer().erase(path("dir2/s2"), Condition::update(),
                                                     Permit::always()));
        },
        acted);
    ASSERT_TRUE(copied) << copied.error().message;
    const Contents there = contents(into);
    ASSERT_TRUE(there == before || there == contents(*store.records));
    if (!acted) break;
  }
  EXPECT_GT(num_moments, 10);
}

// A secret is deleted at one moment and made again at another: what came and went and came, or a round
// that saw nothing of it, must not make a state that never was.
TEST(Copy, ASecretThatGoesAndComesLeavesNoStateThatNeverWas) {
  for (int first = 0; first < 40; ++first) {
    for (int second = first + 1; second < 40; ++second) {
      SCOPED_TRACE(std::to_string(first) + " and " + std::to_string(second));
      TestStore store;
      fill(store.barrier(), 20);
      std::vector<Contents> states = {contents(*store.records)};
      int moment = 0;
      MemoryBackend into;
      bool acted = false;
      auto copied = copy_meanwhile(
          store, into, 0,
          [&] {
            const int now = moment++;
            if (now == first)
              (void)store.barrier().writer().erase(path("dir3/s3"), Condition::update(),
                                                   Permit::always());
            if (now == second) put(store.barrier(), "dir3/s3", "value of 3");
            if (now == first || now == second) states.push_back(contents(*store.records));
          },
          acted, 1000);
      if (!copied) {
        ASSERT_TRUE(refused(copied, Code::conflict));
        ASSERT_TRUE(copy(*store.records, into));
      }
      ASSERT_NE(std::find(states.begin(), states.end(), contents(into)), states.end());
    }
  }
}

// Two records that are always changed together, to and fro between the same two values, at all choices
// among the moments of the first rounds: bytes alone can not tell that they changed.
TEST(Copy, WhatChangesTogetherToAndFroIsNeverMixed) {
  TestStore store;
  fill(store.barrier(), 20);
  const auto first = testing::bytes("b");
  const auto last = testing::bytes("z");
  std::uint8_t value = 0;
  const auto change = [&] {
    value ^= 1;
    const std::span now(&value, 1);
    const Change both[] = {{Change::Kind::put, first, now, kAny},
                           {Change::Kind::put, last, now, kAny}};
    ASSERT_TRUE(store.records->commit(both, kDefaultTimeout));
  };
  change();
  int num_copied = 0;
  constexpr unsigned kMoments = 10;
  for (unsigned choice = 0; choice < 1u << kMoments; ++choice) {
    auto meanwhile = std::make_shared<Meanwhile>();
    unsigned moment = 0;
    meanwhile->only = testing::Moment{testing::Call::scan, true};
    meanwhile->times = 1000;
    meanwhile->act = [&] {
      if ((choice >> std::min(moment++, kMoments) & 1) != 0) change();
    };
    MeanwhileBackend from(store.records->share(), meanwhile);
    MemoryBackend into;
    auto copied = copy(from, into);
    if (!copied) {
      ASSERT_TRUE(refused(copied, Code::conflict));
      continue;
    }
    ++num_copied;
    Contents there = contents(into);
    ASSERT_EQ(there["b"], there["z"]) << choice;
  }
  EXPECT_GT(num_copied, 100);
}

TEST(Copy, AChangeOfTheKeysAtAnyMomentIsAConflictOrCameAfterIt) {
  int num_conflicts = 0;
  for (int moment = 0;; ++moment) {
    SCOPED_TRACE(moment);
    TestStore store;
    fill(store.barrier(), 30);
    const Contents before = contents(*store.records);
    MemoryBackend into;
    bool acted = false;
    auto copied = copy_meanwhile(
        store, into, moment,
        [&] {
          ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
          put(store.barrier(), "dir1/s1", "under the new key");
          auto done = store.barrier().reencryption({100}).run([](const auto&) { return true; });
          ASSERT_TRUE(done);
          ASSERT_TRUE(retire(store.barrier(), [](const auto&) { return true; }));
        },
        acted);
    if (!copied) {
      ++num_conflicts;
      ASSERT_TRUE(refused(copied, Code::conflict, "seal it"));
      ASSERT_FALSE(is_store(into));
      copied = copy(*store.records, into);
    }
    ASSERT_TRUE(copied) << copied.error().message;
    const Contents there = contents(into);
    ASSERT_TRUE(there == before || there == contents(*store.records));
    if (!acted) break;
  }
  EXPECT_GT(num_conflicts, 5);
}

TEST(Copy, AWriterWhoGoesOnIsAConflictAndNoStoreIsMade) {
  TestStore store;
  fill(store.barrier(), 100);
  MemoryBackend into;
  int n = 0;
  bool acted = false;
  auto copied = copy_meanwhile(
      store, into, 0, [&] { put(store.barrier(), "dir1/s1", std::to_string(n++)); }, acted,
      1 << 30);
  EXPECT_TRUE(refused(copied, Code::conflict, "seal it"));
  EXPECT_FALSE(is_store(into));
  ASSERT_TRUE(copy(*store.records, into));
  EXPECT_TRUE(contents(into) == contents(*store.records));
}

//
// What is in the way, or is not there
//

TEST(Copy, AStoreInTheWayIsNotTouched) {
  TestStore store;
  TestStore other;
  const Contents before = contents(*other.records);
  EXPECT_TRUE(refused(copy(*store.records, *other.records), Code::already_exists, "a store"));
  EXPECT_TRUE(contents(*other.records) == before);
  MemoryBackend done;
  ASSERT_TRUE(copy(*store.records, done));
  EXPECT_TRUE(refused(copy(*store.records, done), Code::already_exists, "this store"));
  EXPECT_TRUE(refused(copy(*store.records, *store.records), Code::already_exists, "this store"));
}

TEST(Copy, WhatIsOfAnotherStoreOrNobodysIsNotTouched) {
  TestStore store;
  TestStore other;
  fill(other.barrier(), 300);
  MemoryBackend into;
  stopped_midway(*other.records, into);
  Contents before = contents(into);
  EXPECT_TRUE(refused(copy(*store.records, into), Code::already_exists, "another store"));
  EXPECT_TRUE(contents(into) == before);
  ASSERT_TRUE(copy(*other.records, into)) << "and its own copy goes on";

  for (const std::string_view key : {"x", "R"}) {
    MemoryBackend foreign;
    const auto name = testing::bytes(key);
    const Change change{Change::Kind::put, name, name, kAny};
    ASSERT_TRUE(foreign.commit(std::span(&change, 1), kDefaultTimeout));
    before = contents(foreign);
    EXPECT_TRUE(refused(copy(*store.records, foreign), Code::already_exists));
    EXPECT_TRUE(contents(foreign) == before);
  }
}

TEST(Copy, WhereThereIsNoStoreTheTargetIsNotTouched) {
  MemoryBackend nothing;
  MemoryBackend into;
  EXPECT_TRUE(refused(copy(nothing, into), Code::not_initialized, "no store"));
  TestStore store;
  fill(store.barrier(), 300);
  MemoryBackend half;
  stopped_midway(*store.records, half);
  EXPECT_TRUE(refused(copy(half, into), Code::not_initialized, "stopped"));
  store.tamper(kHeaderKey, testing::bytes("bad"));
  store.tamper(kHeaderCopyKey, testing::bytes("bad"));
  EXPECT_TRUE(refused(copy(*store.records, into), Code::corrupt));
  EXPECT_TRUE(contents(into).empty());
}

TEST(Copy, OfTwoAtOnceTheLaterOneWinsAndTheOtherDoesNoHarm) {
  TestStore store;
  fill(store.barrier(), 1000);
  const Contents wanted = contents(*store.records);
  MemoryBackend into;
  bool second = false;
  auto lost =
      StoreCopy(*store.records, into, kDefaultTimeout).run([&](std::uint64_t num, std::uint64_t) {
        if (num > 1000 && !std::exchange(second, true)) {
          EXPECT_TRUE(copy(*store.records, into));
        }
        return true;
      });
  EXPECT_TRUE(second);
  EXPECT_TRUE(refused(lost, Code::conflict, "took over"));
  EXPECT_TRUE(contents(into) == wanted);
}

TEST(Copy, NoStoreIsMadeWhereACopyIsUnfinishedAndARestoreClearsIt) {
  TestStore store;
  fill(store.barrier(), 300);
  MemoryBackend into;
  stopped_midway(*store.records, into);
  Barrier barrier(into.share());
  auto pending = prepare_init({.key_file = true}).value();
  EXPECT_EQ(barrier.keys().activate(pending).error().code, Code::already_exists);
  TestStore other;
  backup::Restore restore(into, kDefaultTimeout);
  ASSERT_TRUE(restore.begin({}, {}));
  EXPECT_EQ(num_copied(into), 0u);
}

TEST(Copy, WhatAStorageHeldBeforeAnOutageIsNotCopied) {
  // StaleBackend answers as one does that is out of reach.
  class StaleBackend final : public testing::ForwardingBackend {
   public:
    using ForwardingBackend::ForwardingBackend;
    Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
      return real_->read(
          keys,
          [&](std::size_t i, Record record) {
            record.age = std::chrono::seconds(1);
            sink(i, record);
          },
          timeout);
    }
  };
  TestStore store;
  fill(store.barrier(), 3);
  MemoryBackend into;
  StaleBackend from(store.records->share());
  EXPECT_TRUE(refused(copy(from, into), Code::unavailable, "out of reach"));
  StaleBackend stale(into.share());
  EXPECT_TRUE(refused(copy(*store.records, stale), Code::unavailable, "out of reach"));
  EXPECT_TRUE(copy(*store.records, into));
}

}  // namespace
}  // namespace strongroom::copy_store_test
