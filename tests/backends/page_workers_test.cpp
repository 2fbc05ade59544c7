#include "strongroom/impl/copies/page_workers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <string>
#include <thread>

#include "strongroom/backend.hpp"
#include "strongroom/impl/backends/record_page.hpp"

namespace strongroom::page_workers_test {
namespace {

// page_of makes a page of one record.
RecordPage page_of(std::size_t len) {
  const std::vector<std::uint8_t> key = {'k'};
  const std::vector<std::uint8_t> value(len - key.size());
  RecordPage page;
  page.add({key, value, kAny});
  return page;
}

TEST(PageWorkers, EveryPageIsWorkedOnOnceBeforeFinishReturns) {
  std::atomic<std::size_t> num_pages = 0;
  std::atomic<std::size_t> num_bytes = 0;
  PageWorkers workers([&](const RecordPage& page) -> Result<void> {
    num_bytes += page.num_bytes();
    ++num_pages;
    return {};
  });
  std::size_t given = 0;
  for (std::size_t len = 1; len <= 1000; ++len) {
    ASSERT_TRUE(workers.give(page_of(len)));
    given += len;
  }
  ASSERT_TRUE(workers.finish());
  EXPECT_EQ(num_pages, 1000u);
  EXPECT_EQ(num_bytes, given);
}

TEST(PageWorkers, OnePageIsWorkedOnByWhoGaveIt) {
  std::thread::id worker;
  PageWorkers workers([&](const RecordPage&) -> Result<void> {
    worker = std::this_thread::get_id();
    return {};
  });
  ASSERT_TRUE(workers.give(page_of(1)));
  ASSERT_TRUE(workers.give(RecordPage()));
  ASSERT_TRUE(workers.finish());
  EXPECT_EQ(worker, std::this_thread::get_id());
}

TEST(PageWorkers, SeveralPagesAreUnderWayAtOnce) {
  std::atomic<unsigned> num_here = 0;
  std::atomic<bool> all = false;
  PageWorkers workers([&](const RecordPage&) -> Result<void> {
    if (++num_here == PageWorkers::kMaxThreads) all = true;
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!all && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    return {};
  });
  for (unsigned i = 0; i <= PageWorkers::kMaxThreads; ++i) {
    ASSERT_TRUE(workers.give(page_of(1)));
  }
  ASSERT_TRUE(workers.finish());
  EXPECT_TRUE(all);
}

TEST(PageWorkers, WhatIsUnderWayStaysBounded) {
  std::atomic<std::size_t> now = 0;
  std::atomic<std::size_t> most = 0;
  PageWorkers workers([&](const RecordPage& page) -> Result<void> {
    const std::size_t sum = now += page.num_bytes();
    std::size_t seen = most;
    while (seen < sum && !most.compare_exchange_weak(seen, sum)) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    now -= page.num_bytes();
    return {};
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(
        workers.give(page_of(i % 10 == 9 ? PageWorkers::kMaxBytes : PageWorkers::kLarge - 1)));
  }
  ASSERT_TRUE(workers.finish());
  EXPECT_LE(most, 2 * PageWorkers::kMaxBytes) << "those of the threads, and one that is large";
}

TEST(PageWorkers, TheFirstErrorIsToldAndNoMoreIsBegun) {
  std::atomic<int> num_begun = 0;
  PageWorkers workers([&](const RecordPage&) -> Result<void> {
    return Error{Code::unavailable, "error " + std::to_string(num_begun++)};
  });
  int num_given = 0;
  while (workers.give(page_of(1)) && num_given < 1'000'000) ++num_given;
  EXPECT_LT(num_given, 1'000'000);
  auto done = workers.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_LE(num_begun, static_cast<int>(PageWorkers::kMaxThreads));
  EXPECT_FALSE(workers.finish()) << "and told again";
}

TEST(PageWorkers, WhatWorkThrowsIsThrownToWhoGaveThePages) {
  PageWorkers workers([](const RecordPage&) -> Result<void> { throw std::bad_alloc(); });
  const auto use = [&] {
    for (int i = 0; i < 100; ++i) {
      if (!workers.give(page_of(1))) break;
    }
    return workers.finish();
  };
  EXPECT_THROW((void)use(), std::bad_alloc);
}

TEST(PageWorkers, OneThatIsLeftBeforeItsEndWaitsForItsThreadsAlone) {
  std::atomic<int> num_done = 0;
  {
    PageWorkers workers([&](const RecordPage&) -> Result<void> {
      ++num_done;
      return {};
    });
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(workers.give(page_of(1)));
  }
  EXPECT_LT(num_done, 100) << "the last one at least was not begun";
}

}  // namespace
}  // namespace strongroom::page_workers_test
