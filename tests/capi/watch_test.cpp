// watch_test.cpp: watching a prefix through the C ABI.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"

namespace capi_test::watch_test {
namespace {

using Lines = std::vector<std::string>;

Lines told(strongroom_abi::Watch& watch, std::uint32_t timeout_ms = 0) {
  Lines lines;
  for (const strongroom_abi::WatchEvent& event : watch.next(timeout_ms))
    lines.push_back((event.deleted ? "-" : "+") + event.path + " " +
                    std::to_string(event.revision));
  return lines;
}

TEST(Watch, TellsWhatAnotherHandleChanged) {
  const TempDir directory;
  Fresh fresh("lmdb:" + directory.path() + "/store");
  strongroom_abi::Store other("lmdb:" + directory.path() + "/store");
  auto writer = other.trusted();
  writer.unseal({fresh.key});
  writer.put("a/b", STRONGROOM_CONTENT_TEXT, "v");
  auto watch = fresh.session.watch("/a");
  EXPECT_EQ(told(watch), Lines());
  writer.put("a/b", STRONGROOM_CONTENT_TEXT, "w");
  writer.put("a/c/d", STRONGROOM_CONTENT_TEXT, "w");
  writer.put("b", STRONGROOM_CONTENT_TEXT, "w");
  EXPECT_EQ(told(watch, 10'000), (Lines{"+a/b 2", "+a/c/d 1"}));
  writer.erase("a/b");
  EXPECT_EQ(told(watch, 10'000), (Lines{"-a/b 3"}));
}

TEST(Watch, KeepsItsStoreOpenAndSaysSealedUntilThatEnds) {
  strongroom_abi::Watch watch(nullptr);
  strongroom_abi::Session writer(nullptr);
  std::string key;
  {
    Fresh fresh("memory:");
    watch = fresh.session.watch("");
    writer = fresh.store.trusted();
    key = fresh.key;
    fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  }
  EXPECT_EQ(status_of([&] { watch.next(0); }), STRONGROOM_SEALED);
  writer.unseal({key});
  writer.put("a", STRONGROOM_CONTENT_TEXT, "v");
  EXPECT_EQ(told(watch, 10'000), (Lines{"+a 1"}));
  writer = strongroom_abi::Session(nullptr);
  EXPECT_EQ(told(watch), Lines());
}

TEST(Watch, RefusesWhatIsNoneAndGivesNothing) {
  Fresh fresh("memory:");
  strongroom_session* const session = fresh.session.raw();
  strongroom_watch* watch = nullptr;
  strongroom_events* events = nullptr;
  EXPECT_EQ(strongroom_watch_open(nullptr, "", &watch, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_watch_open(session, nullptr, &watch, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_watch_open(session, "a//b", &watch, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_watch_open(session, "", nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_watch_open(fresh.store.user("u").raw(), "", &watch, nullptr),
            STRONGROOM_DENIED);
  EXPECT_EQ(watch, nullptr);
  EXPECT_EQ(strongroom_watch_next(nullptr, 0, &events, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(
      strongroom_watch_next(reinterpret_cast<strongroom_watch*>(session), 0, &events, nullptr),
      STRONGROOM_INVALID);
  EXPECT_EQ(events, nullptr);
  strongroom_event event = STRONGROOM_EVENT_INIT;
  for (strongroom_events* bad :
       {static_cast<strongroom_events*>(nullptr), reinterpret_cast<strongroom_events*>(session)}) {
    EXPECT_EQ(strongroom_events_size(bad), 0u);
    EXPECT_EQ(strongroom_events_at(bad, 0, &event, nullptr), STRONGROOM_INVALID);
    strongroom_events_free(bad);
    strongroom_watch_free(reinterpret_cast<strongroom_watch*>(bad));
  }
}

TEST(Watch, EventsAreFilledAsFarAsTheCallerKnows) {
  Fresh fresh("memory:");
  strongroom_watch* watch = nullptr;
  strongroom_events* events = nullptr;
  ASSERT_EQ(strongroom_watch_open(fresh.session.raw(), "", &watch, nullptr), STRONGROOM_OK);
  fresh.session.put("a", STRONGROOM_CONTENT_TEXT, "v");
  ASSERT_EQ(strongroom_watch_next(watch, 10'000, &events, nullptr), STRONGROOM_OK);
  ASSERT_EQ(strongroom_events_size(events), 1u);
  strongroom_event event = STRONGROOM_EVENT_INIT;
  ASSERT_EQ(strongroom_events_at(events, 0, &event, nullptr), STRONGROOM_OK);
  EXPECT_STREQ(event.path, "a");
  EXPECT_EQ(event.revision, 1u);
  EXPECT_EQ(event.kind, std::uint32_t{STRONGROOM_EVENT_CHANGED});
  EXPECT_EQ(strongroom_events_at(events, 1, &event, nullptr), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(event.path, nullptr);
  event.struct_size = 1;
  EXPECT_EQ(strongroom_events_at(events, 0, &event, nullptr), STRONGROOM_INVALID);
  strongroom_events_free(events);
  EXPECT_EQ(in_child([&] {
              strongroom_events* none = nullptr;
              const auto status = strongroom_watch_next(watch, 0, &none, nullptr);
              strongroom_watch_free(watch);
              return status == STRONGROOM_SEALED ? 0 : 1;
            }),
            0);
  strongroom_watch_free(watch);
}

TEST(Watch, TwoThreadsTakeTurns) {
  Fresh fresh("memory:");
  auto watch = fresh.session.watch("");
  std::vector<std::thread> threads;
  std::atomic<int> num_events{0};
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) num_events += static_cast<int>(watch.next(20).size());
    });
  }
  for (int i = 0; i < 10; ++i) fresh.session.put("s" + std::to_string(i), 1, "v");
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_events, 10);
}

}  // namespace
}  // namespace capi_test::watch_test
