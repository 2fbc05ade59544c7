#include "identity/failed_tries.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace strongroomd::failed_tries_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(FailedTries, GrowToTwoSeconds) {
  FailedTries tries;
  const auto now = FailedTries::Clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tries.add("a", now), milliseconds(0));
  EXPECT_EQ(tries.add("a", now), milliseconds(100));
  EXPECT_EQ(tries.add("a", now), milliseconds(200));
  EXPECT_EQ(tries.add("a", now), milliseconds(400));
  for (int i = 0; i < 1000; ++i) tries.add("a", now);
  EXPECT_EQ(tries.add("a", now), milliseconds(2000));
  EXPECT_EQ(tries.add("b", now), milliseconds(0));
}

TEST(FailedTries, AreForgotten) {
  FailedTries tries;
  const auto now = FailedTries::Clock::now();
  for (int i = 0; i < 10; ++i) tries.add("a", now);
  EXPECT_GT(tries.add("a", now), milliseconds(1000));
  EXPECT_EQ(tries.add("a", now + seconds(120)), milliseconds(0));
  EXPECT_EQ(tries.add("a", now + std::chrono::hours(24 * 365)), milliseconds(0));
}

TEST(FailedTries, TakeBoundedMemory) {
  FailedTries tries;
  for (int i = 0; i < 25000; ++i) tries.add("2001:db8::" + std::to_string(i));
  EXPECT_LE(tries.num_addresses(), 10000u);
}

}  // namespace strongroomd::failed_tries_test
