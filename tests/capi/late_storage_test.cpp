// late_storage_test.cpp: stores whose storage is away when they are opened, and comes later.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::late_storage_test {
namespace {

using strongroom_abi::Session;
using strongroom_abi::Store;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr std::chrono::seconds kPatience{20};
// What is done at once takes less, also on a machine that is busy with other things.
constexpr std::chrono::seconds kAtOnce{2};

strongroom_store_options late() {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.allow_unavailable = 1;
  return options;
}

// Mount is a directory that appears when a file system is mounted, so to speak: LMDB cannot make its own
// below it before.
class Mount {
 public:
  std::string url() const { return "lmdb:" + point_ + "/store"; }
  const std::string& point() const { return point_; }
  void appear() { std::filesystem::create_directory(point_); }

 private:
  TempDir directory_;
  std::string point_ = directory_.path() + "/mount";
};

// eventually tries f until it succeeds, or long enough.
template <typename F>
strongroom_status eventually(F f) {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    const strongroom_status status = status_of(f);
    if (status == STRONGROOM_OK || Clock::now() > deadline) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TEST(LateStorage, IsRefusedByOpenUnlessItIsAllowedToBeAway) {
  const Mount mount;
  EXPECT_EQ(status_of([&] { Store store(mount.url()); }), STRONGROOM_UNAVAILABLE);
  const auto options = late();
  EXPECT_EQ(status_of([&] { Store store(mount.url(), &options); }), STRONGROOM_OK);
}

TEST(LateStorage, MakesCallsUnavailableAtOnceWhileItIsAway) {
  const Mount mount;
  Fresh elsewhere("memory:");
  const auto options = late();
  const auto begin = Clock::now();
  Store store(mount.url(), &options);
  Session session = store.trusted();
  EXPECT_EQ(status_of([&] { store.status(); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.unseal({elsewhere.key}); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.list(""); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.watch(""); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.backup([](auto) { return true; }); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.seal(STRONGROOM_SEAL_EVERYWHERE); }), STRONGROOM_UNAVAILABLE);
  strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
  init.key = 1;
  EXPECT_EQ(status_of([&] { session.init_prepare(init); }), STRONGROOM_UNAVAILABLE);
  EXPECT_LT(Clock::now() - begin, kAtOnce);
}

// strongroom.h: "Until the storage is there every call fails with STRONGROOM_UNAVAILABLE at once."
TEST(LateStorage, MakesReadsAndWritesUnavailableToo) {
  const Mount mount;
  const auto options = late();
  Store store(mount.url(), &options);
  Session session = store.trusted();
  strongroom_abi::Queue queue;
  EXPECT_EQ(status_of([&] { session.get("a"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.get_many({"a"}); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.put("a", kText, "b"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.erase("a"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.record("a"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { session.put_record("a", "b"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { queue.get(session, "a", nullptr); }), STRONGROOM_UNAVAILABLE);
}

TEST(LateStorage, ServesTheHandlesThatAreOpenOnceItIsThere) {
  Mount mount;
  const auto options = late();
  Store store(mount.url(), &options);
  Session session = store.trusted();
  ASSERT_EQ(status_of([&] { store.status(); }), STRONGROOM_UNAVAILABLE);
  mount.appear();
  ASSERT_EQ(eventually([&] { store.status(); }), STRONGROOM_OK);
  const Fresh fresh(std::move(store));
  session.put("a", kText, "b");
  EXPECT_EQ(session.get("a").reveal(), "b");
  Store another(mount.url());  // it is an ordinary store
  EXPECT_TRUE(another.status().initialized());
}

TEST(LateStorage, ThatIsThereIsOpenWhenOpenReturns) {
  Mount mount;
  mount.appear();
  const auto options = late();
  Fresh fresh(Store(mount.url(), &options));
  fresh.session.put("a", kText, "b");
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
  EXPECT_EQ(fresh.store.status().url(), mount.url());
  Fresh memory(Store("memory:", &options));
  EXPECT_EQ(memory.session.put("a", kText, "b"), 1u);
}

TEST(LateStorage, OfAWrongUrlIsRefusedByOpenAtOnce) {
  const auto options = late();
  const auto begin = Clock::now();
  for (const char* url : {"", "memory", "memory:x", "lmdb:", "lmdb:relative", "lmdb:/x?size=1",
                          "http://host", "zk://", "zk://host:99999999/x"})
    EXPECT_NE(status_of([&] { Store store(url, &options); }), STRONGROOM_OK) << url;
  EXPECT_EQ(status_of([&] { Store store("lmdb:relative", &options); }), STRONGROOM_INVALID);
  EXPECT_LT(Clock::now() - begin, kAtOnce);
}

TEST(LateStorage, ThatMustExistAndDoesNotIsNotAway) {
  TempDir directory;
  auto options = late();
  options.must_exist = 1;
  EXPECT_EQ(status_of([&] { Store store("lmdb:" + directory.path() + "/none", &options); }),
            STRONGROOM_NOT_INITIALIZED);
}

TEST(LateStorage, ThatComesBrokenTellsTheCallsHow) {
  const Mount mount;
  const auto options = late();
  Store store(mount.url(), &options);
  const std::string staged = mount.point() + ".new";
  std::filesystem::create_directory(staged);
  std::ofstream(staged + "/store") << "a file where the directory should be";
  std::filesystem::rename(staged, mount.point());
  const auto deadline = Clock::now() + kPatience;
  strongroom_status seen = STRONGROOM_UNAVAILABLE;
  while (seen == STRONGROOM_UNAVAILABLE && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    seen = status_of([&] { store.status(); });
  }
  EXPECT_NE(seen, STRONGROOM_UNAVAILABLE);
  EXPECT_NE(seen, STRONGROOM_OK);
  std::filesystem::remove(mount.point() + "/store");  // somebody corrects it
  EXPECT_EQ(eventually([&] { store.status(); }), STRONGROOM_OK);
}

TEST(LateStorage, IsNotWaitedForByFree) {
  const Mount mount;
  const auto options = late();
  const auto begin = Clock::now();
  for (int i = 0; i < 20; ++i) Store store(mount.url(), &options);
  { Session kept = Store(mount.url(), &options).trusted(); }
  EXPECT_LT(Clock::now() - begin, kAtOnce);
}

TEST(LateStorage, LeavesAForkedChildThatMayFreeAndNothingElse) {
  Mount mount;
  const auto options = late();
  Store store(mount.url(), &options);
  Session session = store.trusted();
  EXPECT_EQ(in_child([&] {
              int wrong = status_of([&] { store.status(); }) != STRONGROOM_SEALED;
              wrong += status_of([&] { session.list(""); }) != STRONGROOM_SEALED;
              { const Session gone = std::move(session); }
              { const Store gone = std::move(store); }
              return wrong;
            }),
            0);
  mount.appear();
  EXPECT_EQ(eventually([&] { store.status(); }), STRONGROOM_OK) << "the parent goes on";
}

TEST(LateStorage, IsAskedByManyThreadsWhileItComes) {
  Mount mount;
  const auto options = late();
  Store store(mount.url(), &options);
  std::vector<std::thread> threads;
  std::atomic<int> num_open{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (eventually([&] { store.status(); }) == STRONGROOM_OK) ++num_open;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  mount.appear();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_open, 4);
}

}  // namespace
}  // namespace capi_test::late_storage_test
