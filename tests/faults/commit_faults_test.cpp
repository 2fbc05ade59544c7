// Every operation of the store, stopped at every call of the backend, in every way that one can fail.
// Afterwards a credential that its holder has at that instant opens the store, and every acknowledged
// secret reads.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "strongroom/backends/memory.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/faulty_backend.hpp"

namespace strongroom::commit_faults_test {
namespace {

using testing::Fault;
using testing::FaultyBackend;
using testing::Handle;
using testing::path;
using testing::plain;
using testing::Plan;
using testing::secret;
using testing::TestStore;

// Every fault that a storage may have which keeps its promise to be atomic.
constexpr Fault kFaults[] = {Fault::refused, Fault::lost,  Fault::unheard,
                             Fault::late,    Fault::twice, Fault::dropped};

struct Case {
  int call;
  Fault fault;
  bool dead_after;
};

std::string name_of(const Case& c) {
  return "call " + std::to_string(c.call) + " " + testing::name_of(c.fault) +
         (c.dead_after ? ", dead after" : "");
}

// each_fault runs `operation` once per call it makes, fault and aftermath. prepare gives a fresh store
// and a barrier over a faulty handle of it; verify looks at what is left.
template <typename Prepare, typename Operation, typename Verify>
void each_fault(Prepare prepare, Operation operation, Verify verify) {
  for (int call = 0;; ++call) {
    bool reached = false;
    for (const Fault fault : kFaults) {
      for (const bool dead_after : {false, true}) {
        const Case now{call, fault, dead_after};
        SCOPED_TRACE(name_of(now));
        auto store = prepare();
        auto plan = std::make_shared<Plan>();
        Barrier barrier(std::make_unique<FaultyBackend>(store->records->share(), plan));
        EXPECT_TRUE(barrier.keys().unseal(std::span(&store->key, 1)));
        *plan = Plan{call, fault, dead_after, 0, false};
        const bool done = operation(barrier, *store);
        reached = reached || plan->num_calls > call;
        plan->deliver();
        verify(*store, done);
        if (::testing::Test::HasFailure()) return;
      }
    }
    if (!reached) return;
    ASSERT_LT(call, 100);
  }
}

std::unique_ptr<TestStore> with_one_secret() {
  auto store = std::make_unique<TestStore>();
  EXPECT_TRUE(store->barrier().writer().write(path("a/b"), Content::text, secret("old").view(), {},
                                              Permit::always()));
  return store;
}

// opens_and_reads: a fresh process with the old credentials gets in, and a/b is one of the two values.
std::string opens_and_reads(TestStore& store, bool lift_lock = false) {
  Handle fresh = store.another(false);
  auto unsealed = fresh.unseal(store.key, lift_lock);
  EXPECT_TRUE(unsealed) << unsealed.error().message;
  Handle by_shares = store.another(false);
  EXPECT_TRUE(by_shares.barrier->keys().unseal(std::span(store.shares).first(3), lift_lock));
  auto read = fresh.barrier->reader().read(path("a/b"));
  if (!read) {
    EXPECT_EQ(read.error().code, Code::not_found) << read.error().message;
    return "";
  }
  return plain(read->value);
}

TEST(CommitFaults, Put) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore&) {
        return barrier.writer()
            .write(path("a/b"), Content::text, secret("new").view(), {}, Permit::always())
            .ok();
      },
      [](TestStore& store, bool done) {
        const std::string now = opens_and_reads(store);
        EXPECT_TRUE(now == "new" || (!done && now == "old")) << now;
      });
}

TEST(CommitFaults, PutOfANewPathIsListedWhenItReads) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore&) {
        return barrier.writer()
            .write(path("x/y/z"), Content::text, secret("new").view(), {}, Permit::always())
            .ok();
      },
      [](TestStore& store, bool done) {
        Handle fresh = store.another();
        const bool reads = fresh.barrier->reader().read(path("x/y/z")).ok();
        const auto list = fresh.barrier->names().list(path(""), true);
        ASSERT_TRUE(list);
        EXPECT_EQ(list->size(), reads ? 2u : 1u) << "entries come with the record or not at all";
        EXPECT_TRUE(reads || !done);
      });
}

TEST(CommitFaults, Erase) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore&) {
        return barrier.writer().erase(path("a/b"), Condition::update(), Permit::always()).ok();
      },
      [](TestStore& store, bool done) {
        const std::string now = opens_and_reads(store);
        EXPECT_TRUE(now.empty() || (!done && now == "old")) << now;
        EXPECT_EQ(store.another().barrier->names().list(path(""), true)->size(),
                  now.empty() ? 0u : 1u);
      });
}

TEST(CommitFaults, Rotate) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore&) { return barrier.keys().rotate(Permit::always()).ok(); },
      [](TestStore& store, bool) {
        EXPECT_EQ(opens_and_reads(store), "old");
        Handle fresh = store.another();
        EXPECT_TRUE(fresh.barrier->writer().write(path("a/b"), Content::text,
                                                  secret("later").view(), {}, Permit::always()));
        EXPECT_EQ(plain(store.barrier().reader().read(path("a/b"))->value), "later")
            << "others follow";
      });
}

TEST(CommitFaults, Seal) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore&) {
        const bool done = barrier.keys().seal().ok();
        EXPECT_EQ(barrier.reader().read(path("a/b")).error().code, Code::sealed)
            << "sealed here in any case";
        return done;
      },
      [](TestStore& store, bool done) {
        Handle fresh = store.another(false);
        const bool locked = fresh.barrier->keys().status()->locked;
        EXPECT_TRUE(locked || !done);
        EXPECT_EQ(fresh.unseal(store.key).ok(), !locked);
        EXPECT_EQ(opens_and_reads(store, true), "old");
      });
}

TEST(CommitFaults, UnsealThatLiftsTheLock) {
  each_fault(
      [] {
        auto store = with_one_secret();
        EXPECT_TRUE(store->barrier().keys().seal());
        EXPECT_TRUE(store->first.unseal(store->key, true));
        return store;
      },
      [](Barrier& barrier, TestStore& store) {
        EXPECT_TRUE(store.barrier().keys().seal());
        return barrier.keys().unseal(std::span(&store.key, 1), true).ok();
      },
      [](TestStore& store, bool done) {
        Handle fresh = store.another(false);
        EXPECT_TRUE(!done || !fresh.barrier->keys().status()->locked);
        EXPECT_EQ(opens_and_reads(store, true), "old");
      });
}

TEST(CommitFaults, UnsealThatMendsTheHeader) {
  each_fault(
      with_one_secret,
      [](Barrier& barrier, TestStore& store) {
        store.tamper(kHeaderKey, testing::bytes("torn"));
        return barrier.keys().unseal(std::span(&store.key, 1)).ok();
      },
      [](TestStore& store, bool) { EXPECT_EQ(opens_and_reads(store), "old"); });
}

TEST(CommitFaults, InitIsThereWholeOrNotAtAll) {
  for (int call = 0; call < 2; ++call) {
    for (const Fault fault : kFaults) {
      SCOPED_TRACE(name_of({call, fault, true}));
      MemoryBackend records;
      auto plan = std::make_shared<Plan>(Plan{call, fault, true, 0, false});
      Barrier barrier(std::make_unique<FaultyBackend>(records.share(), plan));
      const PendingInit pending = prepare_init({1, 1, true}).value();
      const bool done = barrier.keys().activate(pending).ok();
      plan->deliver();
      Handle fresh(records.share());
      const bool there = fresh.barrier->keys().status()->initialized;
      EXPECT_TRUE(there || !done);
      if (there) {
        EXPECT_TRUE(fresh.unseal(testing::parsed(pending.key_file)));
        EXPECT_TRUE(Handle(records.share()).unseal(testing::parsed(pending.shares[0])));
        EXPECT_TRUE(fresh.barrier->writer().write(path("a"), Content::text, secret("1").view(), {},
                                                  Permit::always()));
      } else {
        EXPECT_TRUE(fresh.barrier->keys().activate(pending));
      }
    }
  }
}

TEST(CommitFaults, StorageTroubleNeverSeals) {
  auto store = with_one_secret();
  auto plan = std::make_shared<Plan>();
  Barrier barrier(std::make_unique<FaultyBackend>(store->records->share(), plan));
  ASSERT_TRUE(barrier.keys().unseal(std::span(&store->key, 1)));
  plan->dead = true;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(barrier.reader().read(path("a/b")).error().code, Code::unavailable);
    EXPECT_EQ(barrier.writer()
                  .write(path("a/b"), Content::text, secret("x").view(), {}, Permit::always())
                  .error()
                  .code,
              Code::unavailable);
    EXPECT_EQ(barrier.keys().rotate(Permit::always()).error().code, Code::unavailable);
  }
  plan->dead = false;
  EXPECT_EQ(plain(barrier.reader().read(path("a/b"))->value), "old");
}

}  // namespace
}  // namespace strongroom::commit_faults_test
