#include "server/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

namespace strongroomd::workers_test {

using std::chrono::milliseconds;

TEST(Workers, DoAllWorkAtOnce) {
  Workers workers(4);
  std::latch all(4);  // passed only if the four run at the same time
  std::latch done(4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(workers.submit_at({}, [&] {
      all.arrive_and_wait();
      done.count_down();
    }));
  }
  done.wait();
}

TEST(Workers, DoWorkWhenItsTimeHasCome) {
  Workers workers(1);
  const auto begun = Workers::Clock::now();
  std::latch done(2);
  std::vector<int> order;
  workers.submit_at(begun + milliseconds(30), [&] {
    order.push_back(2);
    EXPECT_GE(Workers::Clock::now(), begun + milliseconds(30));
    done.count_down();
  });
  workers.submit_at({}, [&] {
    order.push_back(1);
    done.count_down();
  });
  done.wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Workers, NoMoreWorkWaitsThanMay) {
  Workers workers(1, 2);
  std::latch running(1);
  std::latch go_on(1);
  std::atomic<int> num_done{0};
  EXPECT_TRUE(workers.submit_at({}, [&] {
    running.count_down();
    go_on.wait();
  }));
  running.wait();
  EXPECT_TRUE(workers.submit_at({}, [&] { ++num_done; }));
  EXPECT_TRUE(workers.submit_at({}, [&] { ++num_done; }));
  EXPECT_FALSE(workers.submit_at({}, [&] { ++num_done; }));
  go_on.count_down();
  while (num_done < 2) std::this_thread::yield();
  EXPECT_TRUE(workers.submit_at({}, [&] { ++num_done; }));
  workers.stop();
  EXPECT_EQ(num_done, 3);
}

TEST(Workers, StopFinishesWhatWasTaken) {
  Workers workers(2);
  std::atomic<int> num_done{0};
  for (int i = 0; i < 100; ++i) workers.submit_at({}, [&] { ++num_done; });
  workers.submit_at(Workers::Clock::now() + std::chrono::hours(1), [&] { ++num_done; });
  workers.stop();
  EXPECT_EQ(num_done, 101);
  EXPECT_FALSE(workers.submit_at({}, [&] { ++num_done; }));
  EXPECT_EQ(num_done, 101);
}

TEST(Workers, SubmitRacesWithStop) {
  for (int round = 0; round < 50; ++round) {
    Workers workers(2);
    std::atomic<int> num_taken{0};
    std::atomic<int> num_done{0};
    std::thread submitter([&] {
      while (workers.submit_at({}, [&] { ++num_done; })) ++num_taken;
    });
    std::this_thread::yield();
    workers.stop();
    submitter.join();
    EXPECT_EQ(num_done, num_taken);
  }
}

}  // namespace strongroomd::workers_test
