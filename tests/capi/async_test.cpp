// async_test.cpp: reading without waiting, and fresh reads, through the C ABI.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"

namespace capi_test::async_test {
namespace {

// Told is what a callback of C heard.
struct Told {
  int num_calls = 0;
  strongroom_status status = -1;
  std::string text;
  bool had_error = false;

  static void secret(void* self, strongroom_status status, strongroom_secret* secret,
                     strongroom_error* error) {
    Told& told = *static_cast<Told*>(self);
    told.num_calls += 1;
    told.status = status;
    if (secret != nullptr) {
      told.text.assign(reinterpret_cast<const char*>(strongroom_secret_data(secret)),
                       strongroom_secret_size(secret));
    }
    told.had_error = error != nullptr;
    strongroom_secret_free(secret);
    strongroom_error_free(error);
  }
  static void batch(void* self, strongroom_status status, strongroom_batch* batch,
                    strongroom_error* error) {
    Told& told = *static_cast<Told*>(self);
    told.num_calls += 1;
    told.status = status;
    for (std::size_t i = 0; i < strongroom_batch_size(batch); ++i) {
      strongroom_batch_item item = STRONGROOM_BATCH_ITEM_INIT;
      EXPECT_EQ(strongroom_batch_at(batch, i, &item, nullptr), STRONGROOM_OK);
      const strongroom_secret* secret = item.secret;
      told.text += secret == nullptr
                       ? "?"
                       : std::string(reinterpret_cast<const char*>(strongroom_secret_data(secret)),
                                     strongroom_secret_size(secret));
      told.text += ",";
    }
    told.had_error = error != nullptr;
    strongroom_batch_free(batch);
    strongroom_error_free(error);
  }
};

class Async : public ::testing::Test {
 protected:
  Async() {
    fresh_.session.put("a", STRONGROOM_CONTENT_TEXT, "one");
    fresh_.session.put("json", STRONGROOM_CONTENT_TEXT, R"({"k":"two"})");
  }
  strongroom_session* session() { return fresh_.session.raw(); }

  Fresh fresh_{"memory:"};
  Told told_;
};

TEST_F(Async, TheCallbackTakesTheSecretOver) {
  ASSERT_EQ(strongroom_get_async(session(), "a", nullptr, &Told::secret, &told_, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(told_.num_calls, 1);
  EXPECT_EQ(told_.status, STRONGROOM_OK);
  EXPECT_EQ(told_.text, "one");
  EXPECT_FALSE(told_.had_error);
}

TEST_F(Async, WhatFailsAfterTheStartIsToldWithWords) {
  ASSERT_EQ(strongroom_get_async(session(), "none", nullptr, &Told::secret, &told_, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(told_.status, STRONGROOM_NOT_FOUND);
  EXPECT_TRUE(told_.had_error);
}

TEST_F(Async, WhatDoesNotStartIsReturnedAndNotCalledBack) {
  Expect error;
  EXPECT_TRUE(
      error.failed(strongroom_get_async(session(), "a//b", nullptr, &Told::secret, &told_, error),
                   STRONGROOM_INVALID));
  EXPECT_EQ(strongroom_get_async(session(), "a", nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_get_async(nullptr, "a", nullptr, &Told::secret, &told_, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(
      strongroom_get_many_async(session(), nullptr, 1, nullptr, &Told::batch, &told_, nullptr),
      STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_resolve_async(session(), nullptr, 1, &Told::batch, &told_, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_resolve_async(session(), nullptr, 0, nullptr, &told_, nullptr),
            STRONGROOM_INVALID);
  auto user = fresh_.store.user("u");
  EXPECT_EQ(strongroom_get_async(user.raw(), "a", nullptr, &Told::secret, &told_, nullptr),
            STRONGROOM_DENIED);
  fresh_.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(strongroom_get_async(session(), "a", nullptr, &Told::secret, &told_, nullptr),
            STRONGROOM_SEALED);
  EXPECT_EQ(told_.num_calls, 0);
}

TEST_F(Async, BatchesComeInOrder) {
  const char* const paths[] = {"json", "none", "a"};
  ASSERT_EQ(strongroom_get_many_async(session(), paths, 3, nullptr, &Told::batch, &told_, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(told_.text, "{\"k\":\"two\"},?,one,");
  Told resolved;
  const std::string first = R"({"type":"REFERENCE","reference":{"name":"json","key":"k"}})";
  const std::string second = R"({"type":"VALUE","value":{"data":"dGhyZWU="}})";
  const strongroom_message messages[] = {{first.data(), first.size(), STRONGROOM_FORMAT_JSON, 0},
                                         {second.data(), second.size(), STRONGROOM_FORMAT_JSON, 0}};
  ASSERT_EQ(strongroom_resolve_async(session(), messages, 2, &Told::batch, &resolved, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(resolved.text, "two,three,");
}

TEST_F(Async, AForkedChildIsToldNothing) {
  EXPECT_EQ(in_child([&] {
              const auto status =
                  strongroom_get_async(session(), "a", nullptr, &Told::secret, &told_, nullptr);
              return status == STRONGROOM_SEALED && told_.num_calls == 0 ? 0 : 1;
            }),
            0);
}

TEST_F(Async, TheLastHandleMayBeFreedInsideACallback) {
  struct Last {
    strongroom_session* session = nullptr;
    std::promise<void> freed;
  } last;
  {
    Fresh other("memory:");
    other.session.put("a", STRONGROOM_CONTENT_TEXT, "one");
    strongroom_session* kept = nullptr;
    ASSERT_EQ(strongroom_session_trusted(other.store.raw(), &kept, nullptr), STRONGROOM_OK);
    last.session = kept;
  }
  const auto done = [](void* self, strongroom_status, strongroom_secret* secret,
                       strongroom_error* error) {
    strongroom_secret_free(secret);
    strongroom_error_free(error);
    strongroom_session_free(static_cast<Last*>(self)->session);
    static_cast<Last*>(self)->freed.set_value();
  };
  ASSERT_EQ(strongroom_get_async(last.session, "a", nullptr, done, &last, nullptr), STRONGROOM_OK);
  EXPECT_EQ(last.freed.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(Async, CppCallersGetAnswersThatThrow) {
  std::string heard;
  fresh_.session.get_async("a", [&](strongroom_abi::Answer<strongroom_abi::Secret> answer) {
    heard = answer.value().reveal();
  });
  EXPECT_EQ(heard, "one");
  strongroom_status status = STRONGROOM_OK;
  fresh_.session.get_async("none", [&](auto answer) {
    EXPECT_FALSE(answer);
    status = status_of([&] { (void)answer.value(); });
  });
  EXPECT_EQ(status, STRONGROOM_NOT_FOUND);
  fresh_.session.get_async("a", [](auto) { throw std::runtime_error("dropped"); });
  std::size_t size = 0;
  fresh_.session.get_many_async({"a", "json"}, [&](auto answer) { size = answer.value().size(); });
  EXPECT_EQ(size, 2u);
  bool called = false;
  EXPECT_EQ(status_of([&] { fresh_.session.get_async("a//b", [&](auto) { called = true; }); }),
            STRONGROOM_INVALID);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace capi_test::async_test
