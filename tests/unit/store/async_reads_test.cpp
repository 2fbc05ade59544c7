#include "strongroom/impl/store/async_reads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/store.hpp"
#include "support/barrier_fixture.hpp"
#include "support/process.hpp"
#include "support/threaded_backend.hpp"

namespace strongroom::async_reads_test {
namespace {

using testing::Complaint;
using testing::in_child;
using testing::path;
using testing::plain;
using testing::retire;
using testing::secret;
using testing::TestStore;
using testing::ThreadedBackend;
using testing::Traffic;

const Identity kTrusted = Identity::trusted();
constexpr std::chrono::seconds kPatience{20};

// Remote is a store whose storage answers on a thread of its own, beside one that writes to it.
struct Remote {
  TestStore near;
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();
  std::unique_ptr<Store> store =
      std::make_unique<Store>(std::make_unique<ThreadedBackend>(near.records->share(), traffic));

  Remote() { EXPECT_TRUE(store->as(kTrusted).unseal(std::span(&near.key, 1))); }

  void put(std::string_view name, std::string_view value) {
    EXPECT_TRUE(near.barrier().writer().write(path(name), Content::text, secret(value).view(), {},
                                              Permit::always()));
  }
};

// Answer is one callback's: what it heard, on which thread, how often.
struct Answer {
  std::promise<std::string> promise;
  std::atomic<int> num_calls{0};
  std::thread::id thread;
  std::future<std::string> future = promise.get_future();

  // taker gives a callback; what it hears is the value, or the name of the code.
  Session::GetCallback taker() {
    return [this](Result<StoredSecret> secret) {
      thread = std::this_thread::get_id();
      if (++num_calls > 1) return;
      promise.set_value(secret ? plain(secret->value)
                               : std::string(to_string(secret.error().code)));
    };
  }
  std::string heard() {
    if (future.wait_for(kPatience) != std::future_status::ready) return "nothing in 20 seconds";
    return future.get();
  }
};

TEST(AsyncReads, OverMemoryTheAnswerComesBeforeTheCallReturns) {
  TestStore near;
  Store store(near.records->share());
  ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&near.key, 1)));
  ASSERT_TRUE(store.as(kTrusted).put(path("a"), Content::text, secret("one").view()));
  for (const auto& [name, wanted] : {std::pair("a", "one"), std::pair("b", "not_found")}) {
    Answer answer;
    ASSERT_TRUE(store.as(kTrusted).get_async(path(name), answer.taker()));
    ASSERT_EQ(answer.num_calls, 1);
    EXPECT_EQ(answer.heard(), wanted);
    EXPECT_EQ(answer.thread, std::this_thread::get_id());
  }
}

TEST(AsyncReads, OverANetworkTheAnswerComesOnTheStoragesThread) {
  Remote remote;
  remote.put("a", "one");
  Answer first, second;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), first.taker()));
  EXPECT_EQ(first.heard(), "one");  // the write moved the stamp: this one was read again
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), second.taker()));
  EXPECT_EQ(second.heard(), "one");
  EXPECT_EQ(second.thread, remote.traffic->thread.load());
  EXPECT_EQ(remote.traffic->num_waits, 0);
}

TEST(AsyncReads, WhatIsDeniedIsNeitherReadNorCalledBack) {
  Remote remote;
  remote.put("a", "one");
  const int before = remote.traffic->num_async;
  Answer answer;
  auto begun = remote.store->as(Identity::user("u")).get_async(path("a"), answer.taker());
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Code::denied);
  mesos::Secret message;
  message.type = mesos::Secret::Type::reference;
  message.reference = mesos::Reference{"a", {}};
  const mesos::Secret* const one = &message;
  auto resolved = remote.store->as(Identity::user("u")).resolve_async(std::span(&one, 1), {});
  EXPECT_EQ(resolved.error().code, Code::denied);
  EXPECT_EQ(remote.traffic->num_async, before);
  EXPECT_EQ(answer.num_calls, 0);
}

TEST(AsyncReads, TooManyAtOnceAreRefusedAtOnceAndTheOthersAnswered) {
  Remote remote;
  remote.put("a", "one");
  remote.traffic->hold(true);
  std::atomic<std::size_t> num_answers{0};
  const auto count = [&](const Result<StoredSecret>&) { num_answers += 1; };
  for (std::size_t i = 0; i < AsyncReads::kMaxCalls; ++i)
    ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), count)) << i;
  auto refused = remote.store->as(kTrusted).get_async(path("a"), count);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  remote.traffic->hold(false);
  remote.store.reset();
  EXPECT_EQ(num_answers, AsyncReads::kMaxCalls);
}

TEST(AsyncReads, SecretsOfAllCallsTogetherAreBounded) {
  Remote remote;
  remote.traffic->hold(true);
  const std::vector<std::string_view> thousand(1000, "a");
  std::size_t begun = 0;
  while (remote.store->as(kTrusted).get_many_async(thousand, [](const auto&) {})) begun += 1;
  EXPECT_EQ(begun, AsyncReads::kMaxSecrets / 1000);
  EXPECT_EQ(remote.store->as(kTrusted)
                .get_many_async(std::vector<std::string_view>(1001, "a"), {})
                .error()
                .code,
            Code::too_large);
  remote.traffic->hold(false);
}

TEST(AsyncReads, TroubleOfTheStorageReachesTheCallback) {
  Remote remote;
  remote.traffic->fails = true;
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  EXPECT_EQ(answer.heard(), "unavailable");
}

TEST(AsyncReads, AHeaderThatMovedIsFollowedWithoutHoldingUpTheStorage) {
  Remote remote;
  remote.put("a", "old");
  ASSERT_TRUE(remote.near.barrier().keys().rotate(Permit::always()));
  remote.put("a", "new");
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  EXPECT_EQ(answer.heard(), "new");
  EXPECT_EQ(remote.traffic->num_waits, 0);
  EXPECT_NE(answer.thread, remote.traffic->thread.load());
}

TEST(AsyncReads, ARecordWhoseKeyWasRetiredMeanwhileIsReadAgain) {
  Remote remote;
  remote.put("a", "one");
  remote.traffic->hold(true);
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  Barrier& near = remote.near.barrier();
  ASSERT_TRUE(near.keys().rotate(Permit::always()));
  ASSERT_TRUE(near.reencryption({100}).run([](const auto&) { return true; }));
  ASSERT_TRUE(retire(near, [](const auto&) { return true; }));
  ASSERT_TRUE(remote.store->as(kTrusted).get(path("a")));  // this handle has the new keys now
  remote.traffic->hold(false);
  EXPECT_EQ(answer.heard(), "one");
  EXPECT_EQ(remote.traffic->num_waits, 0);
}

TEST(AsyncReads, AStoreThatIsLockedMeanwhileSaysSealed) {
  Remote remote;
  remote.put("a", "one");
  remote.traffic->hold(true);
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  ASSERT_TRUE(remote.near.barrier().keys().seal());
  remote.traffic->hold(false);
  EXPECT_EQ(answer.heard(), "sealed");
  Answer later;
  EXPECT_EQ(remote.store->as(kTrusted).get_async(path("a"), later.taker()).error().code,
            Code::sealed);
}

TEST(AsyncReads, AStoreThatGoesAnswersEverybodyOnceAndFirst) {
  Remote remote;
  remote.put("a", "one");
  for (int round = 0; round < 20; ++round) {
    remote.traffic->hold(true);
    std::vector<Answer> answers(50);
    for (Answer& answer : answers)
      ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
    std::thread lets_go([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
      remote.traffic->hold(false);
    });
    remote.store.reset();
    for (Answer& answer : answers) EXPECT_EQ(answer.num_calls, 1);
    lets_go.join();
    remote.store = std::make_unique<Store>(
        std::make_unique<ThreadedBackend>(remote.near.records->share(), remote.traffic));
    ASSERT_TRUE(remote.store->as(kTrusted).unseal(std::span(&remote.near.key, 1)));
  }
}

TEST(AsyncReads, AStoreThatGoesDoesNotReadAgainForThoseWhoWait) {
  Remote remote;
  remote.put("a", "one");  // so the stamp moved, and all must be read again
  remote.traffic->hold(true);
  std::vector<Answer> answers(200);
  for (Answer& answer : answers)
    ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  remote.traffic->read_delay_ms = 300;
  remote.traffic->hold(false);
  const auto begin = std::chrono::steady_clock::now();
  remote.store.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  int num_told_off = 0;
  for (Answer& answer : answers) {
    EXPECT_EQ(answer.num_calls, 1);
    num_told_off += answer.heard() == "unavailable" ? 1 : 0;
  }
  EXPECT_GT(num_told_off, 150);
}

TEST(AsyncReads, ACallbackThatAsksForMoreNeverRunsInsideItself) {
  for (const bool remote_storage : {false, true}) {
    Remote remote;
    Store near_store(remote.near.records->share());
    ASSERT_TRUE(near_store.as(kTrusted).unseal(std::span(&remote.near.key, 1)));
    Store& store = remote_storage ? *remote.store : near_store;
    remote.put("a", "one");
    const int total = remote_storage ? 2'000 : 100'000;  // deep enough to end any stack
    std::atomic<int> num_done{0};
    std::atomic<int> inside{0};
    std::atomic<bool> nested{false};
    std::promise<void> all;
    std::function<void(Result<StoredSecret>)> next = [&](const Result<StoredSecret>& secret) {
      nested = nested || ++inside > 1;
      EXPECT_TRUE(secret);
      if (++num_done < total) {
        EXPECT_TRUE(store.as(kTrusted).get_async(path("a"), next));
        --inside;
      } else {
        --inside;
        all.set_value();  // the test may be over: nothing of its frame after this
      }
    };
    ASSERT_TRUE(store.as(kTrusted).get_async(path("a"), next));
    ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
    if (!remote_storage) {
      EXPECT_FALSE(nested);
    }
  }
}

TEST(AsyncReads, WhatACallbackThrowsHarmsNobody) {
  Remote remote;
  remote.put("a", "one");
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(
      path("a"), [](const auto&) { throw std::runtime_error("theirs"); }));
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  EXPECT_EQ(answer.heard(), "one");
}

TEST(AsyncReads, AForkedChildStartsNothingAndWaitsForNobody) {
  Remote remote;
  remote.put("a", "one");
  Answer slow;  // makes the thread that reads again
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), slow.taker()));
  EXPECT_EQ(slow.heard(), "one");
  Barrier barrier(remote.near.records->share());
  ASSERT_TRUE(barrier.keys().unseal(std::span(&remote.near.key, 1)));
  remote.traffic->hold(true);
  Answer answer;
  ASSERT_TRUE(remote.store->as(kTrusted).get_async(path("a"), answer.taker()));
  EXPECT_EQ(in_child([&]() -> Complaint {
              auto begun = remote.store->as(kTrusted).get_async(path("a"), [](const auto&) {});
              if (begun || begun.error().code != Code::sealed) return "began";
              return nullptr;
            }),
            "");
  PolicyInForce policy(barrier.keys(), barrier.policies(), nullptr, kDefaultTimeout);
  auto* const async = new AsyncReads(barrier.backend(), barrier.reader(), policy, kDefaultTimeout);
  EXPECT_EQ(in_child([&]() -> Complaint {
              delete async;
              return nullptr;
            }),
            "");
  delete async;
  remote.traffic->hold(false);
  EXPECT_EQ(answer.heard(), "one");
}

// ---- resolving ----

mesos::Secret reference(std::string name, std::optional<std::string> key = {}) {
  mesos::Secret message;
  message.type = mesos::Secret::Type::reference;
  message.reference = mesos::Reference{std::move(name), std::move(key)};
  return message;
}

std::string resolved(const Store& store, std::vector<mesos::Secret> messages) {
  std::vector<const mesos::Secret*> pointers;
  for (const mesos::Secret& message : messages) pointers.push_back(&message);
  std::promise<std::string> heard;
  auto begun = store.as(kTrusted).resolve_async(pointers, [&](auto values) {
    std::string all;
    if (!values) all = to_string(values.error().code);
    for (std::size_t i = 0; values && i < values->size(); ++i) all += plain((*values)[i]) + ",";
    heard.set_value(all);
  });
  if (!begun) return "not begun: " + std::string(to_string(begun.error().code));
  messages.clear();  // borrowed for the call alone
  auto future = heard.get_future();
  if (future.wait_for(kPatience) != std::future_status::ready) return "nothing";
  return future.get();
}

TEST(AsyncReads, ABatchResolvesInOrderOrNotAtAllWithOneRead) {
  Remote remote;
  remote.put("a", "1");
  remote.put("b", R"({"k":"2"})");
  ASSERT_TRUE(remote.store->as(kTrusted).get(path("a")));  // so that the stamp is known
  const auto inlined = [] {
    mesos::Secret message;
    message.type = mesos::Secret::Type::value;
    message.value = mesos::Value{secret("3")};
    return message;
  };
  const auto messages = [](auto... each) {
    std::vector<mesos::Secret> all;
    (all.push_back(std::move(each)), ...);
    return all;
  };
  const int before = remote.traffic->num_async;
  EXPECT_EQ(resolved(*remote.store, messages(reference("b", "k"), inlined(), reference("a"))),
            "2,3,1,");
  EXPECT_EQ(remote.traffic->num_async, before + 1);
  EXPECT_EQ(resolved(*remote.store, messages(reference("a"), reference("c"))), "not_found");
  EXPECT_EQ(resolved(*remote.store, messages(reference("a"), reference("a//b"))),
            "not begun: invalid");
  EXPECT_EQ(resolved(*remote.store, messages(inlined())), "3,");
  EXPECT_EQ(resolved(*remote.store, {}), "");
}

TEST(AsyncReads, ManyThreadsAskWhileKeysRotate) {
  Remote remote;
  for (int i = 0; i < 10; ++i) remote.put("s" + std::to_string(i), std::to_string(i));
  std::atomic<int> num_wrong{0};
  std::atomic<int> num_answers{0};
  std::vector<std::thread> threads;
  constexpr int kEach = 300;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const std::string wanted = std::to_string(i % 10);
        auto begun = remote.store->as(kTrusted).get_async(
            path("s" + wanted), [&, wanted](const Result<StoredSecret>& secret) {
              num_wrong += secret && plain(secret->value) == wanted ? 0 : 1;
              num_answers += 1;
            });
        num_wrong += begun ? 0 : 1;
      }
    });
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(remote.near.barrier().keys().rotate(Permit::always()));
  for (auto& thread : threads) thread.join();
  const auto begin = std::chrono::steady_clock::now();
  while (num_answers < 4 * kEach && std::chrono::steady_clock::now() - begin < kPatience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(num_answers, 4 * kEach);
  EXPECT_EQ(num_wrong, 0);
  EXPECT_EQ(remote.traffic->num_waits, 0);
}

}  // namespace
}  // namespace strongroom::async_reads_test
