// waiting_test.cpp: storage that is slow, away, or sealed. No resolve waits for another one, and each ends.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "agent.hpp"
#include "capi/vendor.hpp"

namespace mesos_test::waiting_test {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

// What ends at once takes less, also on a machine that is busy with other things.
constexpr seconds kAtOnce{2};

AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return AssertionSuccess();
  return AssertionFailure() << "'" << text << "' has no '" << part << "'";
}

// Slow is a storage some of whose reads wait until they are released.
struct Slow {
  capi_test::Vendor vendor;
  std::mutex mutex;
  std::condition_variable changed;
  int num_to_hold = 0;  // of the reads to come
  int num_held = 0;

  void hold(int num) {
    const std::lock_guard lock(mutex);
    num_to_hold = num;
  }
  void release() {
    const std::lock_guard lock(mutex);
    num_to_hold = num_held = 0;
    changed.notify_all();
  }
  bool await_held(int num) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, [&] { return num_held == num; });
  }
  void read() {
    std::unique_lock lock(mutex);
    if (num_to_hold == 0) return;
    --num_to_hold;
    ++num_held;
    changed.notify_all();
    changed.wait(lock, [&] { return num_held == 0; });
  }
};

Slow& slow() {
  static Slow storage;
  return storage;
}

strongroom_status read_slowly(void*, const strongroom_bytes* keys, size_t num_keys,
                              const strongroom_sink* sink, uint32_t timeout_ms,
                              uint64_t* out_stamp) {
  slow().read();
  return capi_test::vendor_read(&slow().vendor, keys, num_keys, sink, timeout_ms, out_stamp);
}

}  // namespace

// slow_table is used by the host's strongroom_store_open, below.
strongroom_backend_table slow_table() {
  strongroom_backend_table table = capi_test::vendor_table();
  table.read = read_slowly;
  return table;
}
void* slow_self() {
  return &slow().vendor;
}

namespace {

class Waiting : public ::testing::Test {
 protected:
  void SetUp() override {
    slow().vendor.records.clear();
    slow().release();
  }
  void TearDown() override { slow().release(); }

  static Parameters with_timeout(Parameters parameters, int timeout_ms) {
    parameters["timeout_ms"] = std::to_string(timeout_ms);
    return parameters;
  }
};

class SlowStore : public Waiting {
 protected:
  void SetUp() override {
    Waiting::SetUp();
    stored_ = std::make_unique<Stored>("slow:", "");
  }
  std::unique_ptr<Stored> stored_;
};

// Releases is declared after what must not wait for the storage when a test ends early.
struct Releases {
  ~Releases() { slow().release(); }
};

// Three is one less than the module has threads that may wait.
class SomeSlow : public SlowStore, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(SlowStore, SomeSlow, ::testing::Values(1, 3));

TEST_P(SomeSlow, AnswersHoldUpNobodyElse) {
  const Resolver resolver = create(stored_->parameters());
  ASSERT_NE(resolver, nullptr);
  const Releases releases;
  slow().hold(GetParam());
  std::vector<Future> held;
  for (int i = 0; i < GetParam(); ++i) {
    const auto begin = Clock::now();
    held.push_back(resolver->resolve(reference("/web/db", "username")));
    EXPECT_LT(Clock::now() - begin, kAtOnce);
  }
  ASSERT_TRUE(slow().await_held(GetParam()));

  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::atomic<int> num_right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        if (resolved(*resolver, "/other/token") == "opensesame") ++num_right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_right, kThreads * kEach);
  for (const Future& each : held) EXPECT_TRUE(each.isPending());
  slow().release();
  for (const Future& each : held) EXPECT_EQ(outcome(each), "my-user");
}

TEST_F(SlowStore, ThatNeverAnswersCannotMakeAResolveLast) {
  const Resolver resolver = create(with_timeout(stored_->parameters(), 300));
  ASSERT_NE(resolver, nullptr);
  const Releases releases;
  slow().hold(1'000);
  std::vector<Future> futures;
  const auto begin = Clock::now();
  for (int i = 0; i < 20; ++i) futures.push_back(resolver->resolve(reference("/other/token")));
  EXPECT_LT(Clock::now() - begin, kAtOnce);  // more than there are threads, and no caller waited
  for (const Future& future : futures) {
    EXPECT_TRUE(has(outcome(future, kAtOnce), "was not resolved within 300 ms"));
  }
  slow().release();
  EXPECT_EQ(eventually(*resolver, "/other/token", "opensesame"), "opensesame");
}

TEST_F(SlowStore, ThatFailsIsExplainedToTheOperatorAndNotToFrameworks) {
  const Resolver resolver = create(stored_->parameters());
  ASSERT_NE(resolver, nullptr);
  ASSERT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  take_log_lines();
  const auto set_fault = [](capi_test::Vendor::Fault fault) {
    const std::lock_guard lock(slow().vendor.mutex);
    slow().vendor.fault = fault;
  };
  set_fault(capi_test::Vendor::Fault::fails);
  const std::string text = resolved(*resolver, "/other/token");
  set_fault(capi_test::Vendor::Fault::none);
  EXPECT_EQ(text,
            "failed: secret '/other/token' cannot be resolved: the storage of the secret store "
            "cannot be reached; the agent's log has the reason");
  EXPECT_TRUE(has(log_line("secret '/other/token' cannot be resolved: "), "cable"));
}

TEST_F(Waiting, LargeValuesOfManyResolvesHaveRoomOneAfterTheOther) {
  Stored stored;
  const std::string large(256 << 10, 'l');
  put(stored.session(), "large", large);
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(resolver, nullptr);
  std::vector<Future> futures;
  for (int i = 0; i < 400; ++i) futures.push_back(resolver->resolve(reference("/large")));
  int num_right = 0;
  std::string wrong;
  for (const Future& future : futures) {
    const std::string text = outcome(future);
    if (text == large) {
      ++num_right;
    } else {
      wrong = text.substr(0, 200);
    }
  }
  EXPECT_EQ(num_right, 400) << wrong;
}

TEST_F(SlowStore, HonoursADiscardAtOnce) {
  const Resolver resolver = create(stored_->parameters());
  ASSERT_NE(resolver, nullptr);
  const Releases releases;
  slow().hold(1);
  Future future = resolver->resolve(reference("/other/token"));
  ASSERT_TRUE(slow().await_held(1));
  take_log_lines();
  EXPECT_TRUE(future.discard());
  EXPECT_TRUE(future.isDiscarded());
  EXPECT_NE(log_line("not wanted any more: secret '/other/token' ("), "");
  slow().release();
  EXPECT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  EXPECT_TRUE(future.isDiscarded());
}

TEST_F(SlowStore, LeavesNoResolvePendingWhenTheAgentShutsDown) {
  Resolver resolver = create(stored_->parameters());
  ASSERT_NE(resolver, nullptr);
  const Releases releases;
  slow().hold(1);
  const Future held = resolver->resolve(reference("/other/token"));
  ASSERT_TRUE(slow().await_held(1));
  std::thread destroyer([&] { resolver.reset(); });
  EXPECT_TRUE(has(outcome(held, kAtOnce), "the agent is shutting down"));
  slow().release();
  destroyer.join();
}

TEST_F(SlowStore, DiscardsAfterTheEndAreHarmless) {
  Resolver resolver = create(stored_->parameters());
  Future done = resolver->resolve(reference("/other/token"));
  ASSERT_EQ(outcome(done), "opensesame");
  resolver.reset();
  EXPECT_FALSE(done.discard());
}

TEST_F(SlowStore, EndsEachOfManyResolvesOnceWhileTheyAreDiscarded) {
  const Resolver resolver = create(stored_->parameters());
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  std::atomic<int> num_ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        Future future = resolver->resolve(reference("/other/token"));
        future.onAny([&](const Future&) { ++num_ended; });
        if ((n + i) % 2 == 0) future.discard();
        const std::string what = outcome(future);
        if (what != "opensesame" && what != "discarded") ADD_FAILURE() << what;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // A callback may still run on the thread that completed the future.
  for (int i = 0; i < 1'000 && num_ended < kThreads * kEach; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(num_ended, kThreads * kEach);
}

// ---- away, and sealed ----

TEST_F(Waiting, StorageThatIsAwayAtTheStartFailsResolvesAtOnceAndWorksWhenItComes) {
  const Stored elsewhere;
  const capi_test::TempDir directory;
  Parameters parameters = elsewhere.parameters();
  parameters["store"] = "lmdb:" + directory.path() + "/mount/store";
  take_log_lines();
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_NE(log_line("the store is not open"), "");
  const auto begin = Clock::now();
  const std::string text = resolved(*resolver, "/other/token");
  EXPECT_LT(Clock::now() - begin, kAtOnce);
  EXPECT_TRUE(has(text, "failed: secret '/other/token' cannot be resolved: the "));
  EXPECT_TRUE(has(text, "the agent tries again by itself"));
  EXPECT_FALSE(has(text, directory.path()));

  std::filesystem::create_directory(directory.path() + "/mount");
  std::filesystem::copy(elsewhere.directory() + "/store", directory.path() + "/mount/store");
  EXPECT_EQ(eventually(*resolver, "/other/token", "opensesame"), "opensesame");
}

TEST_F(Waiting, ASealedStoreFailsResolvesUntilItsLockIsLifted) {
  Stored stored;
  const Resolver resolver = create(stored.parameters());
  ASSERT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  stored.session().seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_TRUE(has(eventually(*resolver, "/other/token", "sealed"), "sealed"));
  stored.session().unseal({stored.key()}, STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_EQ(eventually(*resolver, "/other/token", "opensesame"), "opensesame");
}

TEST_F(Waiting, AKeyFileOfAnotherStoreIsReportedToTheOperatorAndNotToFrameworks) {
  const Stored stored;
  const Stored other;
  Parameters parameters = stored.parameters();
  parameters["key_file"] = other.key_file();
  take_log_lines();
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_NE(log_line("the store is not open, secrets cannot be resolved: "), "");
  EXPECT_TRUE(has(resolved(*resolver, "/other/token"), "the secret store cannot be opened"));
  std::filesystem::copy(stored.key_file(), other.key_file(),
                        std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(eventually(*resolver, "/other/token", "opensesame"), "opensesame");
}

}  // namespace
}  // namespace mesos_test::waiting_test

// The module opens its store by this function of its host, since the program comes first where the loader looks for
// symbols. So a test can give it a storage that no URL names: "slow:" and anything.
extern "C" __attribute__((visibility("default"))) strongroom_status strongroom_store_open(
    const char* url, const strongroom_store_options* options, strongroom_store** out,
    strongroom_error** out_error) noexcept {
  using Open = decltype(&strongroom_store_open);
  static const auto real = reinterpret_cast<Open>(::dlsym(RTLD_NEXT, "strongroom_store_open"));
  if (std::string_view(url).substr(0, 5) != "slow:") return real(url, options, out, out_error);
  const strongroom_backend_table table = mesos_test::waiting_test::slow_table();
  return strongroom_store_open_backend(&table, mesos_test::waiting_test::slow_self(), options, out,
                                       out_error);
}
