#include "strongroom/impl/barrier/seen_revisions.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <latch>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/impl/barrier/envelope.hpp"
#include "support/process.hpp"

namespace strongroom::seen_revisions_test {
namespace {

using testing::Complaint;
using testing::in_child;

// location gives what a PRF might: the same for the same number, else unlike any other.
Location location(std::uint64_t number) {
  std::mt19937_64 random(number);
  const std::array<std::uint64_t, 2> halves = {random(), random()};
  Location made;
  std::memcpy(made.data(), halves.data(), sizeof made);
  return made;
}

// in_bucket gives locations that all fall on one bucket.
Location in_bucket(std::uint64_t bucket, std::uint64_t number) {
  Location made = location(number);
  std::memcpy(made.data() + 8, &bucket, sizeof bucket);
  return made;
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoul(line.substr(6));
  }
  return 0;
}

std::size_t mapped_pages() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  return pages;
}

// What it knows

TEST(SeenRevisions, KnowsNothingAtFirst) {
  const SeenRevisions seen;
  EXPECT_EQ(seen.floor(location(1)).value(), 0U);
  EXPECT_EQ(seen.floor(Location{}).value(), 0U);
}

TEST(SeenRevisions, FloorIsTheGreatestThatWasSeenThere) {
  SeenRevisions seen;
  seen.saw(location(1), Revision(7));
  EXPECT_EQ(seen.floor(location(1)).value(), 7U);
  seen.saw(location(1), Revision(9));
  EXPECT_EQ(seen.floor(location(1)).value(), 9U);
  seen.saw(location(1), Revision(8));
  seen.saw(location(1), Revision(0));
  EXPECT_EQ(seen.floor(location(1)).value(), 9U);
  seen.saw(location(1), Revision(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(seen.floor(location(1)).value(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(seen.floor(location(2)).value(), 0U);
}

TEST(SeenRevisions, LocationOfZerosIsOneLikeAnyOther) {
  SeenRevisions seen;
  seen.saw(Location{}, Revision(3));
  EXPECT_EQ(seen.floor(Location{}).value(), 3U);
  EXPECT_EQ(seen.floor(in_bucket(0, 1)).value(), 0U);
}

TEST(SeenRevisions, LocationsThatDifferInOneBitOfTheTagAreApart) {
  SeenRevisions seen;
  const Location here = location(1);
  seen.saw(here, Revision(1000));
  for (std::size_t bit = 0; bit < 64 + 14; ++bit) {
    Location other = here;
    other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ 1U << bit % 8);
    EXPECT_EQ(seen.floor(other).value(), 0U) << bit;
  }
}

// What it costs

TEST(SeenRevisions, NothingIsAllocatedBeforeTheFirstSight) {
  const std::size_t before = mapped_pages();
  const std::vector<SeenRevisions> sealed(1000);
  for (const SeenRevisions& each : sealed) ASSERT_EQ(each.floor(location(1)).value(), 0U);
  EXPECT_LT(mapped_pages(), before + 256U);  // 1 MiB, for all of them
}

TEST(SeenRevisions, MemoryIsGivenBack) {
  { SeenRevisions().saw(location(1), Revision(1)); }
  const std::size_t before = mapped_pages();
  for (int i = 0; i < 1000; ++i) SeenRevisions().saw(location(1), Revision(1));
  EXPECT_LT(mapped_pages(), before + 256);
}

TEST(SeenRevisions, TenMillionLocationsTakeOneMebibyteAndTheNewestStay) {
  SeenRevisions seen;
  std::mt19937_64 random(1);
  std::vector<Location> last(1000);
  const std::size_t before = resident_kib();
  constexpr std::size_t kNum =
      testing::kSanitized ? 200'000 : 10'000'000;  // at a tenth of the speed
  for (std::size_t i = 0; i < kNum; ++i) {
    const std::array<std::uint64_t, 2> halves = {random(), random()};
    Location each;
    std::memcpy(each.data(), halves.data(), sizeof each);
    seen.saw(each, Revision(i + 1));
    ASSERT_EQ(seen.floor(each).value(), i + 1);
    last[i % last.size()] = each;
  }
  EXPECT_TRUE(resident_kib() <= before + 1024 + 256 || testing::kSanitized) << resident_kib();
  for (const Location& each : last) EXPECT_GT(seen.floor(each).value(), kNum - last.size());
}

TEST(SeenRevisions, OldestOfABucketGoesFirst) {
  constexpr std::uint64_t kKept = SeenRevisions::kEntriesPerBucket;
  SeenRevisions seen;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    seen.saw(in_bucket(5, i), Revision(100 + i));
    seen.saw(in_bucket(5, i), Revision(200 + i));  // raised where it is
    for (std::uint64_t j = 1; j <= i; ++j) {
      ASSERT_EQ(seen.floor(in_bucket(5, j)).value(), j + kKept > i ? 200 + j : 0)
          << j << " of " << i;
    }
  }
}

TEST(SeenRevisions, TensOfThousandsOfRecordsAreMostlyRemembered) {
  SeenRevisions seen;
  constexpr std::uint64_t kNum = SeenRevisions::kMaxEntries / 3;
  for (std::uint64_t i = 0; i < kNum; ++i) seen.saw(location(i), Revision(i + 1));
  std::uint64_t known = 0;
  for (std::uint64_t i = 0; i < kNum; ++i) {
    const std::uint64_t floor = seen.floor(location(i)).value();
    known += floor != 0;
    ASSERT_TRUE(floor == 0 || floor == i + 1);
  }
  EXPECT_GT(known, kNum * 95 / 100);
}

// When memory or time is short

TEST(SeenRevisions, WithoutMemoryItRemembersNothingAndSaysNothing) {
  if (testing::kSanitized) GTEST_SKIP() << "a sanitizer needs address space of its own";
  EXPECT_EQ(in_child([]() -> Complaint {
              SeenRevisions seen;
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_AS, &none) != 0) return "no limit";
              seen.saw(location(1), Revision(7));
              return seen.floor(location(1)).value() == 0 ? nullptr : "remembered where?";
            }),
            "");
}

// Races

constexpr std::size_t kNumThreads = 4;
constexpr std::uint64_t kRounds = testing::kSanitized ? 10'000 : 100'000;

// at_once runs body(thread) on threads that start together.
template <typename Body>
void at_once(Body body) {
  std::latch start(kNumThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kNumThreads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Many more locations than entries, all in two buckets: nearly every look meets a replacement. Each
// location has revisions of its own, so one that belongs to another shows.
TEST(SeenRevisions, FloorIsNeverARevisionOfAnotherLocation) {
  constexpr std::uint64_t kNumLocations = 8;
  std::vector<Location> all;
  for (std::uint64_t i = 0; i < kNumLocations; ++i) all.push_back(in_bucket(i % 2, i));
  std::array<std::atomic<std::uint64_t>, kNumLocations> newest{};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> known{0};
  SeenRevisions seen;
  at_once([&](std::size_t thread) {
    std::mt19937_64 random(thread);
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t i = random() % kNumLocations;
      if (random() % 2 == 0) {
        seen.saw(all[i], Revision((newest[i].fetch_add(1) + 1) * kNumLocations + i));
        continue;
      }
      const std::uint64_t floor = seen.floor(all[i]).value();
      known += floor != 0;
      // What was handed to saw() before is at most this by now.
      wrong += floor != 0 && (floor % kNumLocations != i || floor / kNumLocations > newest[i]);
    }
  });
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(known, 0U);
}

// Two locations that take turns in a full bucket with a third and a fourth: the tag goes and comes
// again while a reader is between its loads.
TEST(SeenRevisions, TagThatWentAndCameAgainBringsNoForeignRevision) {
  constexpr std::uint64_t kMine = 5;
  constexpr std::uint64_t kTheirs = 1'000'000;
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0};
  SeenRevisions seen;
  at_once([&](std::size_t thread) {
    if (thread == 0) {
      for (std::uint64_t round = 0; round < kRounds / 2; ++round) {
        seen.saw(in_bucket(9, 0), Revision(kMine));
        for (std::uint64_t other = 1; other <= 3; ++other)
          seen.saw(in_bucket(9, other), Revision(kTheirs));
      }
      done = true;
    }
    const Location mine = in_bucket(9, 0);
    while (!done) {
      const std::uint64_t floor = seen.floor(mine).value();
      wrong += floor != 0 && floor != kMine;
    }
  });
  EXPECT_EQ(wrong, 0U);
}

// Without evictions nothing is lost, except where a writer stood still in a bucket for long.
TEST(SeenRevisions, FloorIsNotLowerThanWhatAThreadItselfSaw) {
  constexpr std::uint64_t kNumLocations = 3;
  SeenRevisions seen;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> lower{0};
  std::array<std::atomic<std::uint64_t>, kNumThreads> back{};
  at_once([&](std::size_t thread) {
    std::array<std::uint64_t, kNumLocations> floors{};
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t i = round % kNumLocations;
      const std::uint64_t mine = ++next;
      seen.saw(in_bucket(1, i), Revision(mine));
      const std::uint64_t floor = seen.floor(in_bucket(1, i)).value();
      lower += floor < mine;
      back[thread] += floor < floors[i];
      floors[i] = floor;
    }
  });
  // A writer that is taken off its processor stands in its bucket for milliseconds.
  EXPECT_LE(lower, kRounds * kNumThreads / 20);
  for (const auto& times : back) EXPECT_EQ(times, 0U) << "a floor sank without an eviction";
}

TEST(SeenRevisions, FirstSightsAtOnceMakeOneTable) {
  for (int round = 0; round < 200; ++round) {
    SeenRevisions seen;
    at_once([&](std::size_t thread) { seen.saw(location(thread), Revision(thread + 1)); });
    for (std::size_t i = 0; i < kNumThreads; ++i) ASSERT_EQ(seen.floor(location(i)).value(), i + 1);
  }
}

// A child may be forked off while another thread is writing: it neither waits for ever nor learns
// what nobody saw, and its parent does not notice.
TEST(SeenRevisions, ForkedChildDoesNoHarm) {
  SeenRevisions seen;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; !done; ++i) seen.saw(in_bucket(3, i % 7), Revision(i % 7 + 1));
  });
  for (int round = 0; round < (testing::kSanitized ? 5 : 50); ++round) {
    EXPECT_EQ(in_child([&]() -> Complaint {
                for (std::uint64_t i = 0; i < 7; ++i) {
                  const std::uint64_t floor = seen.floor(in_bucket(3, i)).value();
                  if (floor != 0 && floor != i + 1) return "a revision that nobody saw";
                  seen.saw(in_bucket(3, i), Revision(1000));
                }
                return nullptr;
              }),
              "");
  }
  done = true;
  writer.join();
  for (std::uint64_t i = 0; i < 7; ++i) EXPECT_LT(seen.floor(in_bucket(3, i)).value(), 1000U);
}

}  // namespace
}  // namespace strongroom::seen_revisions_test
