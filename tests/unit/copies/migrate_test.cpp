#include <gtest/gtest.h>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/faulty_backend.hpp"

namespace strongroom::migrate_test {
namespace {

using testing::Handle;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

const auto go_on = [](std::uint64_t) { return true; };

void fill(Barrier& barrier) {
  for (const std::string name : {"a", "x/y/z", "x/y", "x/w", "deep/er/and/deeper"}) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(barrier.writer().write(path(name), Content::text, secret(name + "!").view(), {},
                                         Permit::always()));
    }
  }
  ASSERT_TRUE(barrier.writer().write(path("empty/now"), Content::text, secret("-").view(), {},
                                     Permit::always()));
  ASSERT_TRUE(barrier.writer().erase(path("empty/now"), Condition::update(), Permit::always()));
}

TEST(Migrate, EverySecretArrivesWithItsRevisionAndTimes) {
  TestStore store;
  fill(store.barrier());
  MemoryBackend to;
  const PendingInit pending = prepare_init({2, 2, true}).value();
  auto copied = Migration(store.barrier(), to, pending, kDefaultTimeout).run(go_on);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied.value(), 5u);
  Handle there(to.share());
  ASSERT_TRUE(there.unseal(parsed(pending.key_file)));
  EXPECT_EQ(there.barrier->names().list(path(""), true).value(),
            store.barrier().names().list(path(""), true).value());
  for (const std::string name : {"a", "x/y/z", "x/y", "x/w", "deep/er/and/deeper"}) {
    const auto from = store.barrier().reader().read(path(name)).value();
    const auto now = there.barrier->reader().read(path(name)).value();
    EXPECT_EQ(plain(now.value), name + "!");
    EXPECT_EQ(now.revision, from.revision);
    EXPECT_EQ(now.created_ms, from.created_ms);
    EXPECT_EQ(now.changed_ms, from.changed_ms);
  }
  EXPECT_FALSE(there.unseal(store.key)) << "no credential of the old store opens it";
}

TEST(Migrate, NoNameOrRecordIsTheSameInTheCopy) {
  TestStore store;
  fill(store.barrier());
  MemoryBackend to;
  const PendingInit pending = prepare_init({0, 0, true}).value();
  ASSERT_TRUE(Migration(store.barrier(), to, pending, kDefaultTimeout).run(go_on));
  for (const char kind : {'r', 's', 'g'}) {
    for (const auto& key : store.keys_with(kind)) {
      const ByteView wanted(key);
      ASSERT_TRUE(to.read(
          std::span(&wanted, 1),
          [](std::size_t, const Record& record) { EXPECT_EQ(record.version, kAbsent); },
          kDefaultTimeout));
    }
  }
}

TEST(Migrate, ADamagedSecretLeavesNoHalfCopy) {
  TestStore store;
  fill(store.barrier());
  // Every record, since which of them is the tombstone can not be told.
  for (const auto& key : store.keys_with('r')) {
    auto bad = store.stored(key);
    bad.back() ^= 1;
    store.tamper(key, bad);
  }
  MemoryBackend to;
  const PendingInit pending = prepare_init({0, 0, true}).value();
  auto copied = Migration(store.barrier(), to, pending, kDefaultTimeout).run(go_on);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Code::corrupt);
  Handle there(to.share());
  EXPECT_FALSE(there.barrier->keys().status()->initialized);
  EXPECT_TRUE(there.barrier->keys().activate(pending)) << "the storage is as it was";
}

TEST(Migrate, AStoreInTheWayIsLeftAlone) {
  TestStore store;
  TestStore other;
  const PendingInit pending = prepare_init({0, 0, true}).value();
  auto copied = Migration(store.barrier(), *other.records, pending, kDefaultTimeout).run(go_on);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Code::already_exists);
  EXPECT_TRUE(other.another(false).unseal(other.key));
}

// Wherever it stops, there is no store or the whole one; and it can be made again.
TEST(Migrate, StoppedAnywhereItIsNoStoreAndCanBeMadeAgain) {
  TestStore store;
  fill(store.barrier());
  for (int call = 0;; ++call) {
    SCOPED_TRACE(call);
    MemoryBackend to;
    auto plan = std::make_shared<testing::Plan>();
    plan->fail_at = call;
    plan->fault = testing::Fault::unheard;
    plan->dead_after = true;
    testing::FaultyBackend faulty(to.share(), plan);
    const PendingInit first = prepare_init({0, 0, true}).value();
    const bool done = Migration(store.barrier(), faulty, first, kDefaultTimeout).run(go_on).ok();
    Handle there(to.share());
    if (there.barrier->keys().status()->initialized) {
      ASSERT_TRUE(there.unseal(parsed(first.key_file)));
      EXPECT_EQ(there.barrier->names().list(path(""), true)->size(), 5u);
    } else {
      const PendingInit second = prepare_init({0, 0, true}).value();
      ASSERT_TRUE(Migration(store.barrier(), to, second, kDefaultTimeout).run(go_on));
      ASSERT_TRUE(there.unseal(parsed(second.key_file)));
      EXPECT_EQ(there.barrier->names().list(path(""), true)->size(), 5u);
    }
    if (done) break;
    ASSERT_LT(call, 50);
  }
}

}  // namespace
}  // namespace strongroom::migrate_test
