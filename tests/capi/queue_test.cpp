// queue_test.cpp: reading and watching without waiting, through a queue with a descriptor. What needs answers
// that are still under way is in zookeeper_test.cpp.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "vendor.hpp"

namespace capi_test::queue_test {
namespace {

using strongroom_abi::Completion;
using strongroom_abi::Session;
using strongroom_abi::Store;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr int kPatienceMs = 20'000;
constexpr std::size_t kMostCalls = 16'384;

bool readable(int fd, int timeout_ms = 0) {
  pollfd polled = {fd, POLLIN, 0};
  return ::poll(&polled, 1, timeout_ms) == 1 && (polled.revents & POLLIN) != 0;
}

// mark is a user_data that can be told from others.
void* mark(std::size_t number) {
  return reinterpret_cast<void*>(number);
}
std::size_t number_of(const void* user_data) {
  return reinterpret_cast<std::size_t>(user_data);
}

// open_files is the descriptors of this process.
std::set<int> open_files() {
  std::set<int> files;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    files.insert(std::stoi(entry.path().filename().string()));
  std::erase_if(files, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });  // of the iterator
  return files;
}

// next_within waits for one completion.
std::vector<Completion> next_within(strongroom_abi::Queue& queue, int timeout_ms = kPatienceMs) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left < 0 || !readable(queue.fd(), static_cast<int>(left))) return {};
    auto taken = queue.next(1);
    if (!taken.empty()) return taken;
  }
}

strongroom_memory_info memory() {
  strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
  EXPECT_EQ(strongroom_memory_describe(&info, nullptr), STRONGROOM_OK);
  return info;
}

// Budget sets how much may be locked, for as long as it lives.
class Budget {
 public:
  explicit Budget(std::size_t bytes) {
    EXPECT_EQ(strongroom_memory_set_budget(bytes, nullptr), STRONGROOM_OK);
  }
  ~Budget() { strongroom_memory_set_budget(before_, nullptr); }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

 private:
  std::size_t before_ = memory().budget_bytes;
};

class Queue : public ::testing::Test {
 protected:
  Queue() { session_.put("a", kText, "one"); }

  Fresh fresh_{"memory:"};
  Session& session_ = fresh_.session;
  strongroom_abi::Queue queue_;
};

// ---- the descriptor ----

TEST_F(Queue, IsReadableExactlyWhileAnswersWait) {
  EXPECT_GE(queue_.fd(), 0);
  EXPECT_FALSE(readable(queue_.fd()));
  EXPECT_TRUE(queue_.next().empty());
  for (int round = 0; round < 3; ++round) {
    queue_.get(session_, "a", nullptr);
    EXPECT_TRUE(readable(queue_.fd()));
    queue_.get(session_, "a", nullptr);
    EXPECT_TRUE(readable(queue_.fd()));
    EXPECT_EQ(queue_.next(1).size(), 1u);
    EXPECT_TRUE(readable(queue_.fd())) << "one more waits";
    EXPECT_EQ(queue_.next(1).size(), 1u);
    EXPECT_FALSE(readable(queue_.fd()));
    EXPECT_TRUE(queue_.next().empty());
  }
}

TEST_F(Queue, WakesAnEventLoopOncePerBatch) {
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  ASSERT_GE(loop, 0);
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(loop, EPOLL_CTL_ADD, queue_.fd(), &wanted), 0);
  const auto num_wakes = [&] {
    int wakes = 0;
    for (epoll_event event{}; ::epoll_wait(loop, &event, 1, 0) == 1;) ++wakes;
    return wakes;
  };
  EXPECT_EQ(num_wakes(), 0);
  for (int round = 0; round < 3; ++round) {
    int wakes = 0;
    for (int i = 0; i < 100; ++i) {
      queue_.get(session_, "a", nullptr);
      wakes += num_wakes();
    }
    EXPECT_EQ(wakes, 1) << "the other 99 answers woke it again";
    EXPECT_EQ(queue_.next(100).size(), 100u);
    EXPECT_EQ(num_wakes(), 0);
  }
  ::close(loop);
}

TEST_F(Queue, HasNoDescriptorThatAnotherProgramInherits) {
  const std::set<int> before = open_files();
  const strongroom_abi::Queue another;
  std::set<int> after = open_files();
  EXPECT_TRUE(after.contains(another.fd()));
  for (const int fd : before) after.erase(fd);
  EXPECT_GE(after.size(), 1u);
  for (const int fd : after) {
    EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC) << fd;
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK) << fd;
  }
}

TEST_F(Queue, GivesItsDescriptorsBack) {
  const std::set<int> before = open_files();
  for (int i = 0; i < 200; ++i) {
    strongroom_abi::Queue each;
    each.get(session_, "a", nullptr);
    if (i % 2 == 0) each.next();
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(Queue, SaysUnavailableWhereThereIsNoDescriptor) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (rlim_t spare = 0; spare < 3; ++spare) {
    const int next = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
    ASSERT_GE(next, 0);
    ::close(next);
    const std::set<int> files = open_files();
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(next) + spare;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    auto* queue = dirt<strongroom_queue>();
    Expect expect;
    const strongroom_status status = strongroom_queue_new(&queue, expect);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(expect.failed(status, STRONGROOM_UNAVAILABLE)) << spare;
    EXPECT_EQ(queue, nullptr);
    EXPECT_EQ(open_files(), files) << "a descriptor was left behind";
  }
}

// A program that closes the descriptor does itself no good, but must not have its files written into.
TEST_F(Queue, WritesIntoNoFileThatTookTheNumberOfItsDescriptor) {
  TempDir directory;
  const std::string name = directory.path() + "/mine";
  auto queue = std::make_unique<strongroom_abi::Queue>();
  const int fd = queue->fd();
  ASSERT_EQ(::close(fd), 0);
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::dup2(file, fd), fd);
  if (file != fd) ::close(file);
  ASSERT_EQ(::write(fd, "kept", 4), 4);
  ASSERT_EQ(::lseek(fd, 0, SEEK_SET), 0);
  for (int i = 0; i < 3; ++i) {
    queue->get(session_, "a", nullptr);
    EXPECT_EQ(queue->next().size(), 1u) << "the answers come all the same";
  }
  queue->get(session_, "a", nullptr);
  queue.reset();
  std::array<char, 8> left{};
  EXPECT_EQ(::read(fd, left.data(), left.size()), 4) << "it was closed, read or written to";
  EXPECT_STREQ(left.data(), "kept");
  ::close(fd);
}

TEST_F(Queue, DoesNotMindThatItsDescriptorWasClosed) {
  auto queue = std::make_unique<strongroom_abi::Queue>();
  ASSERT_EQ(::close(queue->fd()), 0);
  queue->get(session_, "a", nullptr);
  EXPECT_EQ(queue->next().size(), 1u);
  queue->get(session_, "a", nullptr);
  queue.reset();
}

// ---- completions ----

TEST_F(Queue, GivesASecretWithTheCallersMark) {
  queue_.get(session_, "a", mark(7));
  const auto taken = queue_.next();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].user_data, mark(7));
  EXPECT_EQ(taken[0].kind, static_cast<std::uint32_t>(STRONGROOM_COMPLETION_GET));
  EXPECT_EQ(taken[0].status, STRONGROOM_OK);
  EXPECT_EQ(taken[0].secret.reveal(), "one");
  EXPECT_EQ(taken[0].secret.describe().revision, 1u);
}

TEST_F(Queue, SetsTheOneHandleOfItsKindAndClearsTheRest) {
  queue_.get(session_, "a", mark(1));
  queue_.get(session_, "none", mark(2));
  const std::string good = reference_to("a");
  const std::string bad = reference_to("none");
  queue_.resolve(session_, {json_message(good)}, mark(3));
  queue_.resolve(session_, {json_message(good), json_message(bad)}, mark(4));
  auto watch = session_.watch("");
  session_.put("b", kText, "");
  queue_.watch(watch, kPatienceMs, mark(5));
  ASSERT_TRUE(readable(queue_.fd()));
  std::array<strongroom_completion, 5> done;
  std::memset(done.data(), 0xD1, sizeof done);
  std::size_t num = 0;
  std::set<std::size_t> marks;
  for (const auto deadline = Clock::now() + std::chrono::seconds(20);
       marks.size() < 5 && Clock::now() < deadline;) {
    std::memset(done.data(), 0xD1, sizeof done);
    done[0].struct_size = sizeof(strongroom_completion);
    ASSERT_TRUE(readable(queue_.fd(), kPatienceMs));
    ASSERT_EQ(strongroom_queue_next(queue_.raw(), done.data(), done.size(), &num, nullptr),
              STRONGROOM_OK);
    for (std::size_t i = 0; i < num; ++i) {
      const strongroom_completion& each = done.at(i);
      const std::size_t number = number_of(each.user_data);
      EXPECT_TRUE(marks.insert(number).second);
      EXPECT_EQ(each.struct_size, sizeof each);
      const bool fails = number == 2 || number == 4;
      EXPECT_EQ(each.status, fails ? STRONGROOM_NOT_FOUND : STRONGROOM_OK) << number;
      constexpr std::array<std::uint32_t, 6> kinds = {0,
                                                      STRONGROOM_COMPLETION_GET,
                                                      STRONGROOM_COMPLETION_GET,
                                                      STRONGROOM_COMPLETION_RESOLVE,
                                                      STRONGROOM_COMPLETION_RESOLVE,
                                                      STRONGROOM_COMPLETION_WATCH};
      EXPECT_EQ(each.kind, kinds.at(number)) << number;
      EXPECT_EQ(each.secret != nullptr, number == 1) << number;
      EXPECT_EQ(each.batch != nullptr, number == 3) << number;
      EXPECT_EQ(each.events != nullptr, number == 5) << number;
      EXPECT_EQ(each.error != nullptr, fails) << number;
      EXPECT_EQ(strongroom_error_status(each.error), each.status);
      strongroom_secret_free(each.secret);
      strongroom_batch_free(each.batch);
      strongroom_events_free(each.events);
      strongroom_error_free(each.error);
    }
  }
  EXPECT_EQ(marks, (std::set<std::size_t>{1, 2, 3, 4, 5}));
}

TEST_F(Queue, AnErrorNamesThePathAndNoSecret) {
  session_.put("json", kText, R"({"n":5,"other":"canary"})");
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.key = "n";
  queue_.get(session_, "none", nullptr);
  queue_.get(session_, "json", nullptr, &options);
  const auto taken = queue_.next();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].error.status(), STRONGROOM_NOT_FOUND);
  EXPECT_THAT(taken[0].error.what(), HasSubstr("none"));
  EXPECT_EQ(taken[1].error.status(), STRONGROOM_INVALID);
  EXPECT_THAT(taken[1].error.what(), HasSubstr("json"));
  EXPECT_THAT(taken[1].error.what(), ::testing::Not(HasSubstr("canary")));
}

TEST_F(Queue, TakesTheOptionsOfGet) {
  session_.put("json", kText, R"({"k":"v"})");
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.key = "k";
  queue_.get(session_, "json", nullptr, &options);
  const auto member = next_within(queue_);
  ASSERT_EQ(member.size(), 1u);
  EXPECT_EQ(member[0].secret.reveal(), "v");
  EXPECT_EQ(member[0].secret.describe().revision, 1u);
  options.fresh = 1;
  queue_.get(session_, "json", nullptr, &options);
  const auto fresh = next_within(queue_);
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].secret.reveal(), "v");
  options.fresh = 2;
  EXPECT_EQ(status_of([&] { queue_.get(session_, "json", nullptr, &options); }),
            STRONGROOM_INVALID);
}

TEST_F(Queue, ResolvesMessagesInTheirOrderAllOrNone) {
  session_.put("json", kText, R"({"k":"two"})");
  const std::string plain = reference_to("a");
  const std::string key = R"({"type":"REFERENCE","reference":{"name":"json","key":"k"}})";
  const std::string value = R"({"type":"VALUE","value":{"data":"dGhyZWU="}})";
  queue_.resolve(session_, {json_message(value), json_message(plain), json_message(key)}, mark(1));
  queue_.resolve(session_, {json_message(value)}, mark(2));
  queue_.resolve(session_, {}, mark(3));
  auto taken = queue_.next();
  ASSERT_EQ(taken.size(), 3u);
  ASSERT_EQ(taken[0].batch.size(), 3u);
  EXPECT_EQ(taken[0].batch.secret(0).reveal(), "three");
  EXPECT_EQ(taken[0].batch.secret(1).reveal(), "one");
  EXPECT_EQ(taken[0].batch.secret(2).reveal(), "two");
  EXPECT_EQ(taken[0].batch.status(2), STRONGROOM_OK);
  EXPECT_EQ(taken[1].batch.size(), 1u);
  EXPECT_EQ(taken[2].status, STRONGROOM_OK);
  EXPECT_EQ(taken[2].batch.size(), 0u);
}

TEST_F(Queue, AServiceResolvesInItsSpaceOnly) {
  session_.put("group/secret", kText, "ours");
  Session service = fresh_.store.service("app", "/group/app");
  const std::string ours = reference_to("group/secret");
  const std::string theirs = reference_to("other/secret");
  queue_.resolve(service, {json_message(ours)}, nullptr);
  EXPECT_EQ(queue_.next().at(0).batch.secret(0).reveal(), "ours");
  EXPECT_EQ(status_of([&] { queue_.resolve(service, {json_message(theirs)}, nullptr); }),
            STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { queue_.get(service, "group/secret", nullptr); }), STRONGROOM_DENIED);
}

TEST_F(Queue, BorrowsMessagesUntilTheCallReturns) {
  auto text = std::make_unique<std::string>(reference_to("a"));
  auto message = std::make_unique<strongroom_message>(json_message(*text));
  ASSERT_EQ(
      strongroom_queue_resolve(queue_.raw(), session_.raw(), message.get(), 1, nullptr, nullptr),
      STRONGROOM_OK);
  std::fill(text->begin(), text->end(), '#');
  text.reset();
  message.reset();
  EXPECT_EQ(queue_.next().at(0).batch.secret(0).reveal(), "one");
}

TEST_F(Queue, CollectsTheAnswersOfSeveralStores) {
  Fresh other("memory:");
  other.session.put("a", kText, "two");
  queue_.get(session_, "a", mark(1));
  queue_.get(other.session, "a", mark(2));
  std::set<std::string> values;
  for (const Completion& each : queue_.next())
    values.insert(std::to_string(number_of(each.user_data)) + std::string(each.secret.reveal()));
  EXPECT_EQ(values, (std::set<std::string>{"1one", "2two"}));
}

// ---- calls that do not begin ----

TEST_F(Queue, WhatDoesNotBeginIsReturnedAndHasNoCompletion) {
  Session user = fresh_.store.user("u");
  const std::string text = reference_to("a");
  strongroom_message strange = json_message(text);
  strange.format = 3;
  const std::vector<strongroom_message> many(1001, json_message(text));
  EXPECT_EQ(status_of([&] { queue_.get(session_, "a//b", nullptr); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { queue_.get(user, "a", nullptr); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { queue_.get(user, "none", nullptr); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { queue_.resolve(session_, {strange}, nullptr); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { queue_.resolve(session_, many, nullptr); }), STRONGROOM_TOO_LARGE);
  EXPECT_EQ(status_of([&] { queue_.resolve(user, {json_message(text)}, nullptr); }),
            STRONGROOM_DENIED);
  EXPECT_EQ(strongroom_queue_get(queue_.raw(), session_.raw(), nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_queue_resolve(queue_.raw(), session_.raw(), nullptr, 1, nullptr, nullptr),
            STRONGROOM_INVALID);
  session_.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { queue_.get(session_, "a", nullptr); }), STRONGROOM_SEALED);
  EXPECT_FALSE(readable(queue_.fd()));
  EXPECT_TRUE(queue_.next().empty());
}

// ---- between a call and its answer ----

TEST_F(Queue, DeniesWhatTheCallerMayNotReadAnyMore) {
  const std::string granted =
      R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":["a","b"]}]})";
  const std::string reduced =
      R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":["b"]}]})";
  session_.put("b", kText, "two");
  session_.put_document("p", granted);
  Session user = fresh_.store.user("u");
  const std::string text = reference_to("a");
  queue_.get(user, "a", mark(1));
  queue_.get(user, "b", mark(2));
  queue_.resolve(user, {json_message(text)}, mark(3));
  session_.put_document("p", reduced);
  std::set<std::size_t> denied;
  for (int i = 0; i < 3; ++i) {
    for (const Completion& each : next_within(queue_)) {
      if (each.status == STRONGROOM_DENIED) denied.insert(number_of(each.user_data));
      EXPECT_EQ(each.secret.size(), number_of(each.user_data) == 2 ? 3u : 0u);
      EXPECT_EQ(each.batch.size(), 0u);
    }
  }
  EXPECT_EQ(denied, (std::set<std::size_t>{1, 3}));
  EXPECT_TRUE(queue_.next().empty());
}

TEST_F(Queue, DeniesByTheDecidePathOfTheCall) {
  const auto policy = [&](const char* path) {
    return std::string(R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":[")") +
           path + "\"]}]}";
  };
  session_.put_document("p", policy("mount/a"));
  Session user = fresh_.store.user("u");
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.decide_path = "mount/a";
  queue_.get(user, "a", nullptr, &options);
  session_.put_document("p", policy("a"));  // the real path is granted instead
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].status, STRONGROOM_DENIED);
}

TEST_F(Queue, SaysSealedWhereTheKeysWereWipedMeanwhile) {
  for (const std::uint32_t scope : {STRONGROOM_SEAL_PROCESS, STRONGROOM_SEAL_EVERYWHERE}) {
    queue_.get(session_, "a", mark(1));
    session_.seal(scope);
    const auto taken = next_within(queue_);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].status, STRONGROOM_SEALED);
    EXPECT_EQ(taken[0].user_data, mark(1));
    EXPECT_EQ(taken[0].secret.size(), 0u);
    session_.unseal({fresh_.key}, STRONGROOM_UNSEAL_LIFT_LOCK);
  }
  queue_.get(session_, "a", nullptr);
  session_.seal(STRONGROOM_SEAL_PROCESS);
  session_.unseal({fresh_.key});
  const auto again = next_within(queue_);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].secret.reveal(), "one") << "the keys are there again";
}

TEST_F(Queue, OpensAnAnswerWhoseDataKeyWasRotatedOrRetiredMeanwhile) {
  queue_.get(session_, "a", mark(1));
  session_.rotate(STRONGROOM_ROTATE_DATA_KEY);
  const auto rotated = next_within(queue_);
  ASSERT_EQ(rotated.size(), 1u);
  EXPECT_EQ(rotated[0].secret.reveal(), "one");
  queue_.get(session_, "a", mark(2));
  session_.rotate(STRONGROOM_ROTATE_ROOT_KEY);
  session_.reencrypt(100);
  session_.retire();
  const auto retired = next_within(queue_);
  ASSERT_EQ(retired.size(), 1u) << "an answer was lost";
  EXPECT_EQ(retired[0].user_data, mark(2));
  EXPECT_EQ(retired[0].status, STRONGROOM_OK) << retired[0].error.what();
  EXPECT_EQ(retired[0].secret.reveal(), "one");
  EXPECT_TRUE(queue_.next().empty());
  EXPECT_FALSE(readable(queue_.fd()));
}

TEST_F(Queue, AnswersWithWhatWasThereWhenItWasRead) {
  queue_.get(session_, "a", nullptr);
  session_.put("a", kText, "newer");
  session_.erase("a");
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].status, STRONGROOM_OK);
  EXPECT_EQ(taken[0].secret.reveal(), "one");
}

// ---- limits ----

TEST_F(Queue, IsFullOf16384CallsAndTakesOneMoreForEachThatIsTaken) {
  for (std::size_t i = 0; i < kMostCalls; ++i) queue_.get(session_, "a", mark(i));
  Expect expect;
  EXPECT_TRUE(expect.failed(
      strongroom_queue_get(queue_.raw(), session_.raw(), "a", nullptr, nullptr, expect),
      STRONGROOM_TOO_LARGE));
  const std::string text = reference_to("a");
  EXPECT_EQ(status_of([&] { queue_.resolve(session_, {json_message(text)}, nullptr); }),
            STRONGROOM_TOO_LARGE);
  auto watch = session_.watch("");
  EXPECT_EQ(status_of([&] { queue_.watch(watch, 0, nullptr); }), STRONGROOM_TOO_LARGE);
  EXPECT_TRUE(watch.next(0).empty()) << "the watch is not taken by a call that did not begin";
  EXPECT_EQ(queue_.next(2).size(), 2u);
  queue_.get(session_, "a", mark(kMostCalls));
  queue_.watch(watch, 0, mark(kMostCalls + 1));
  EXPECT_EQ(status_of([&] { queue_.get(session_, "a", nullptr); }), STRONGROOM_TOO_LARGE);
  std::set<std::size_t> marks;
  while (marks.size() < kMostCalls) {
    ASSERT_TRUE(readable(queue_.fd(), kPatienceMs));
    for (const Completion& each : queue_.next(512)) {
      EXPECT_EQ(each.status, STRONGROOM_OK);
      EXPECT_TRUE(marks.insert(number_of(each.user_data)).second);
    }
  }
  EXPECT_TRUE(queue_.next().empty());
}

TEST_F(Queue, CallsThatDidNotBeginDoNotFillIt) {
  Session user = fresh_.store.user("u");
  for (std::size_t i = 0; i < kMostCalls + 10; ++i) {
    ASSERT_EQ(strongroom_queue_get(queue_.raw(), user.raw(), "a", nullptr, nullptr, nullptr),
              STRONGROOM_DENIED);
  }
  queue_.get(session_, "a", nullptr);
  EXPECT_EQ(queue_.next().size(), 1u);
}

TEST_F(Queue, TakesNoCallWhile64MiBOfEnvelopesWait) {
  session_.put("large", STRONGROOM_CONTENT_BINARY, std::string(1'048'576, 'x'));
  std::size_t num_begun = 0;
  strongroom_status status = STRONGROOM_OK;
  while (num_begun < 100 && status == STRONGROOM_OK) {
    status = status_of([&] { queue_.get(session_, "large", mark(num_begun)); });
    if (status == STRONGROOM_OK) ++num_begun;
  }
  EXPECT_EQ(status, STRONGROOM_TOO_LARGE);
  EXPECT_EQ(num_begun, 64u) << "of one MiB and a little more";
  EXPECT_EQ(status_of([&] { queue_.get(session_, "a", nullptr); }), STRONGROOM_TOO_LARGE);
  std::size_t num_taken = 0;
  while (num_taken < num_begun) {
    const auto taken = queue_.next(64);
    ASSERT_FALSE(taken.empty());
    for (const Completion& each : taken) {
      EXPECT_EQ(each.status, STRONGROOM_OK) << each.error.what();
      EXPECT_EQ(number_of(each.user_data), num_taken);
      ++num_taken;
    }
    EXPECT_EQ(readable(queue_.fd()), num_taken < num_begun);
  }
  queue_.get(session_, "a", nullptr);
  EXPECT_EQ(queue_.next().at(0).secret.reveal(), "one");
}

TEST_F(Queue, WhatWaitsTakesNoLockedMemory) {
  session_.put("large", STRONGROOM_CONTENT_BINARY, std::string(500'000, 'x'));
  { const auto warm = session_.get("large"); }
  const std::size_t before = memory().reserved_bytes;
  for (int i = 0; i < 40; ++i) queue_.get(session_, "large", nullptr);
  EXPECT_LE(memory().reserved_bytes, before) << "20 MB would not even fit";
}

TEST_F(Queue, TakesFewerWhereLockedMemoryIsShortAndLosesNone) {
  constexpr std::size_t kCalls = 12;
  session_.put("large", STRONGROOM_CONTENT_BINARY, std::string(300'000, 'x'));
  for (std::size_t i = 0; i < kCalls; ++i) queue_.get(session_, "large", mark(i));
  const Budget budget(1 << 20);
  std::set<std::size_t> marks;
  for (int round = 0; round < 50 && marks.size() < kCalls; ++round) {
    const auto taken = queue_.next(kCalls);
    ASSERT_FALSE(taken.empty());
    EXPECT_LT(taken.size(), 4u) << "1 MiB holds three of them";
    for (const Completion& each : taken) {
      EXPECT_EQ(each.status, STRONGROOM_OK) << each.error.what();
      EXPECT_EQ(each.secret.size(), 300'000u);
      EXPECT_TRUE(marks.insert(number_of(each.user_data)).second) << "given twice";
    }
    EXPECT_EQ(readable(queue_.fd()), marks.size() < kCalls);
  }
  EXPECT_EQ(marks.size(), kCalls);
}

TEST_F(Queue, SaysTooLargeWhereNotEvenOneAnswerFits) {
  session_.put("large", STRONGROOM_CONTENT_BINARY, std::string(900'000, 'x'));
  queue_.get(session_, "large", mark(1));
  queue_.get(session_, "a", mark(2));
  const Budget budget(512 << 10);
  std::vector<Completion> taken = queue_.next();
  for (auto more = queue_.next(); !more.empty(); more = queue_.next())
    for (Completion& each : more) taken.push_back(std::move(each));
  ASSERT_EQ(taken.size(), 2u) << "it must not wait for ever, nor hold up the others";
  EXPECT_EQ(taken[0].user_data, mark(1));
  EXPECT_EQ(taken[0].status, STRONGROOM_TOO_LARGE);
  EXPECT_EQ(taken[1].secret.reveal(), "one");
}

// ---- next ----

TEST_F(Queue, NextNeedsRoomAndANumber) {
  queue_.get(session_, "a", nullptr);
  strongroom_completion done = STRONGROOM_COMPLETION_INIT;
  std::size_t num = 9;
  const auto refused = [&](strongroom_completion* out, std::size_t capacity, std::size_t* out_num) {
    Expect expect;
    return expect.failed(strongroom_queue_next(queue_.raw(), out, capacity, out_num, expect),
                         STRONGROOM_INVALID);
  };
  EXPECT_TRUE(refused(nullptr, 1, &num));
  EXPECT_EQ(num, 0u);
  EXPECT_TRUE(refused(&done, 0, &num));
  EXPECT_TRUE(refused(&done, 1, nullptr));
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, sizeof done - 8,
                                 sizeof done - 1, sizeof done + 1, std::size_t{4097}, SIZE_MAX}) {
    done.struct_size = size;
    EXPECT_TRUE(refused(&done, 1, &num)) << size;
  }
  EXPECT_EQ(done.secret, nullptr);
  EXPECT_EQ(queue_.next().size(), 1u) << "nothing was taken by a call that was refused";
}

TEST_F(Queue, NextFillsStructsOfALaterReleaseAtTheirStride) {
  struct Later {
    strongroom_completion known;
    std::uint64_t tail[4];
  };
  for (std::size_t i = 1; i <= 3; ++i) queue_.get(session_, "a", mark(i));
  std::array<Later, 4> done;
  std::memset(done.data(), 0xD1, sizeof done);
  done[0].known.struct_size = sizeof(Later);
  std::size_t num = 0;
  ASSERT_EQ(strongroom_queue_next(queue_.raw(), &done[0].known, done.size(), &num, nullptr),
            STRONGROOM_OK);
  ASSERT_EQ(num, 3u);
  for (std::size_t i = 0; i < num; ++i) {
    EXPECT_EQ(done.at(i).known.user_data, mark(i + 1));
    EXPECT_EQ(done.at(i).known.struct_size, sizeof(Later));
    EXPECT_EQ(strongroom_secret_size(done.at(i).known.secret), 3u);
    EXPECT_THAT(done.at(i).tail, ::testing::Each(0u));
    strongroom_secret_free(done.at(i).known.secret);
  }
  EXPECT_THAT(done[3].tail, ::testing::Each(0xD1D1D1D1D1D1D1D1u)) << "no more than num are filled";
}

TEST_F(Queue, NextReturnsAtOnceAlsoWhereNothingIsComing) {
  const auto begin = Clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue_.next().empty());
  auto watch = session_.watch("");
  queue_.watch(watch, 60'000, nullptr);
  EXPECT_TRUE(queue_.next().empty()) << "it is under way";
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(Queue, ThreadsThatDrainItTogetherTakeEachAnswerOnce) {
  constexpr std::size_t kCalls = 4'000;
  constexpr int kDrainers = 3;
  std::vector<std::atomic<int>> seen(kCalls);
  std::atomic<std::size_t> num_taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kDrainers; ++t) {
    threads.emplace_back([&, t] {
      const auto deadline = Clock::now() + std::chrono::seconds(60);
      while (num_taken < kCalls && Clock::now() < deadline) {
        readable(queue_.fd(), 10);
        for (const Completion& each : queue_.next(static_cast<std::size_t>(t) * 7 + 1)) {
          if (each.secret.reveal() == "one") ++seen[number_of(each.user_data)];
          ++num_taken;
        }
      }
    });
  }
  for (std::size_t i = 0; i < kCalls; ++i) queue_.get(session_, "a", mark(i));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_taken, kCalls);
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }));
  EXPECT_TRUE(queue_.next().empty());
  EXPECT_FALSE(readable(queue_.fd())) << "a loop would spin";
}

TEST_F(Queue, ThreadsThatCallItTogetherAreAllAnswered) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kCalls = 500;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kCalls; ++i) queue_.get(session_, "a", mark(t * kCalls + i));
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::size_t> marks;
  for (auto taken = queue_.next(); !taken.empty(); taken = queue_.next()) {
    for (const Completion& each : taken)
      EXPECT_TRUE(marks.insert(number_of(each.user_data)).second);
  }
  EXPECT_EQ(marks.size(), kThreads * kCalls);
}

// ---- the ends of handles ----

TEST(QueueLife, AnswersOutliveTheSessionAndTheStoreAndEndThem) {
  Vendor vendor;
  strongroom_abi::Queue queue;
  {
    Fresh fresh(open_vendor(vendor));
    fresh.session.put("a", kText, "one");
    queue.get(fresh.session, "a", mark(1));
    queue.get(fresh.session, "a", mark(2));
  }
  EXPECT_EQ(vendor.num_destroyed, 0) << "calls in the queue keep the store open";
  {
    const auto first = queue.next(1);
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0].secret.reveal(), "one");
    EXPECT_EQ(vendor.num_destroyed, 0);
    const auto second = queue.next(1);
    ASSERT_EQ(second.size(), 1u);
    EXPECT_EQ(second[0].secret.reveal(), "one");
    EXPECT_EQ(vendor.num_destroyed, 1) << "the last answer is taken";
  }
  EXPECT_TRUE(queue.next().empty());
}

TEST(QueueLife, AQueueThatNobodyDrainsIsFreedWithAllThatWaits) {
  Vendor vendor;
  {
    Fresh fresh(open_vendor(vendor));
    fresh.session.put("a", kText, "one");
    strongroom_abi::Queue queue;
    for (int i = 0; i < 1'000; ++i) queue.get(fresh.session, "a", nullptr);
    auto watch = fresh.session.watch("");
    queue.watch(watch, 60'000, nullptr);
  }
  EXPECT_EQ(vendor.num_destroyed, 1) << "an answer that nobody took keeps the store open";
}

TEST(QueueLife, TheQueueMayBeFreedLastAndFirst) {
  Vendor vendor;
  auto queue = std::make_unique<strongroom_abi::Queue>();
  auto fresh = std::make_unique<Fresh>(open_vendor(vendor));
  fresh->session.put("a", kText, "one");
  queue->get(fresh->session, "a", nullptr);
  fresh.reset();
  EXPECT_EQ(vendor.num_destroyed, 0);
  queue.reset();
  EXPECT_EQ(vendor.num_destroyed, 1);
}

// ---- watches ----

TEST_F(Queue, TellsWhatChangedByOneCompletionPerCall) {
  auto watch = session_.watch("w");
  queue_.watch(watch, 60'000, mark(1));
  EXPECT_FALSE(readable(queue_.fd(), 50)) << "nothing changed yet";
  session_.put("w/a", kText, "1");
  auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].user_data, mark(1));
  EXPECT_EQ(taken[0].kind, static_cast<std::uint32_t>(STRONGROOM_COMPLETION_WATCH));
  ASSERT_EQ(taken[0].events.size(), 1u);
  EXPECT_EQ(taken[0].events.at(0).path, "w/a");
  EXPECT_EQ(taken[0].events.at(0).revision, 1u);
  session_.put("w/b", kText, "2");
  session_.erase("w/a");
  EXPECT_FALSE(readable(queue_.fd(), 250)) << "one call, one completion";
  queue_.watch(watch, 60'000, mark(2));
  taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  const auto events = taken[0].events.all();
  ASSERT_EQ(events.size(), 2u) << "no change is lost between two calls";
  EXPECT_TRUE(events[0].deleted);
  EXPECT_EQ(events[1].path, "w/b");
}

TEST_F(Queue, AWatchWhoseTimeIsOverHasNoEvent) {
  auto watch = session_.watch("");
  for (const std::uint32_t timeout_ms : {0u, 50u, 300u}) {
    const auto begin = Clock::now();
    queue_.watch(watch, timeout_ms, mark(timeout_ms));
    const auto taken = next_within(queue_);
    ASSERT_EQ(taken.size(), 1u);
    // A part of a millisecond is no matter.
    EXPECT_GE(Clock::now() - begin + std::chrono::milliseconds(1),
              std::chrono::milliseconds(timeout_ms));
    EXPECT_EQ(taken[0].status, STRONGROOM_OK);
    EXPECT_EQ(taken[0].events.size(), 0u);
  }
}

TEST_F(Queue, AWatchIsWaitedForOnceAtATime) {
  auto watch = session_.watch("");
  queue_.watch(watch, 60'000, mark(1));
  strongroom_abi::Queue other;
  EXPECT_EQ(status_of([&] { queue_.watch(watch, 0, mark(2)); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(status_of([&] { other.watch(watch, 0, mark(2)); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(status_of([&] { watch.next(0); }), STRONGROOM_CONFLICT);
  session_.put("b", kText, "");
  ASSERT_EQ(next_within(queue_).size(), 1u);
  EXPECT_TRUE(watch.next(0).empty()) << "the call is over";
  other.watch(watch, 0, mark(3));
  EXPECT_EQ(next_within(other).size(), 1u);
  EXPECT_TRUE(queue_.next().empty());
}

TEST_F(Queue, AWatchThatAThreadWaitsForIsAConflict) {
  auto watch = session_.watch("");
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    watch.next(10'000);
    done = true;
  });
  strongroom_status status = STRONGROOM_OK;
  for (int i = 0; i < 200 && status == STRONGROOM_OK; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    status = status_of([&] { queue_.watch(watch, 0, nullptr); });
    if (status == STRONGROOM_OK) next_within(queue_);  // the thread was not there yet
  }
  EXPECT_TRUE(status == STRONGROOM_CONFLICT || done);
  session_.put("b", kText, "");
  waiter.join();
}

TEST_F(Queue, AFreedWatchIsAnsweredAndFreeingItDoesNotHang) {
  auto watch = std::make_unique<strongroom_abi::Watch>(session_.watch(""));
  queue_.watch(*watch, 60'000, mark(1));
  const auto begin = Clock::now();
  watch.reset();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u) << "exactly one completion follows each call";
  EXPECT_EQ(taken[0].user_data, mark(1));
  EXPECT_EQ(taken[0].status, STRONGROOM_UNAVAILABLE);
  EXPECT_TRUE(queue_.next().empty());
}

TEST_F(Queue, AWatchGoesOnAfterTheQueueThatWaitedForItIsFreed) {
  auto watch = session_.watch("");
  const auto begin = Clock::now();
  {
    strongroom_abi::Queue gone;
    gone.watch(watch, 60'000, nullptr);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5)) << "free does not wait";
  session_.put("b", kText, "");
  // The call of the freed queue is over before long. What it took is no answer to anybody.
  strongroom_status status = STRONGROOM_CONFLICT;
  for (int i = 0; i < 100 && status == STRONGROOM_CONFLICT; ++i) {
    status = status_of([&] { watch.next(0); });
    if (status == STRONGROOM_CONFLICT) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(status, STRONGROOM_OK);
  session_.put("c", kText, "");
  bool told = false;
  for (int i = 0; i < 10 && !told; ++i) {
    for (const auto& event : watch.next(2'000)) told = told || event.path == "c";
  }
  EXPECT_TRUE(told);
}

TEST_F(Queue, AWatchOfASealedStoreSaysSoAndLosesNothing) {
  auto watch = session_.watch("");
  session_.seal(STRONGROOM_SEAL_PROCESS);
  queue_.watch(watch, 60'000, mark(1));
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].status, STRONGROOM_SEALED);
  session_.unseal({fresh_.key});
  session_.put("b", kText, "");
  queue_.watch(watch, 60'000, mark(2));
  const auto again = next_within(queue_);
  ASSERT_EQ(again.size(), 1u);
  ASSERT_EQ(again[0].events.size(), 1u);
  EXPECT_EQ(again[0].events.at(0).path, "b");
}

TEST_F(Queue, ManyWatchesWaitAtOnce) {
  constexpr std::size_t kWatches = 20;
  std::vector<strongroom_abi::Watch> watches;
  for (std::size_t i = 0; i < kWatches; ++i) {
    watches.push_back(session_.watch("w" + std::to_string(i)));
    queue_.watch(watches.back(), 60'000, mark(i));
  }
  for (std::size_t i = 0; i < kWatches; ++i)
    session_.put("w" + std::to_string(i) + "/s", kText, "");
  std::set<std::size_t> marks;
  while (marks.size() < kWatches) {
    const auto taken = next_within(queue_);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].events.at(0).path,
              "w" + std::to_string(number_of(taken[0].user_data)) + "/s");
    EXPECT_TRUE(marks.insert(number_of(taken[0].user_data)).second);
  }
}

// ---- forks ----

TEST_F(Queue, AForkedChildIsSealedOutAndTheParentLosesNothing) {
  auto watch = session_.watch("w");
  queue_.get(session_, "a", mark(1));
  queue_.watch(watch, 60'000, mark(2));
  const int num_wrong = in_child([&] {
    int wrong = queue_.fd() != -1;
    std::size_t num = 9;
    strongroom_completion done = STRONGROOM_COMPLETION_INIT;
    const auto sealed = [&](strongroom_status status) { wrong += status != STRONGROOM_SEALED; };
    sealed(strongroom_queue_next(queue_.raw(), &done, 1, &num, nullptr));
    wrong += num != 0 || done.secret != nullptr;
    sealed(strongroom_queue_get(queue_.raw(), session_.raw(), "a", nullptr, nullptr, nullptr));
    sealed(strongroom_queue_watch(queue_.raw(), watch.raw(), 0, nullptr, nullptr));
    strongroom_queue_free(queue_.raw());
    strongroom_watch_free(watch.raw());
    strongroom_abi::Queue own;  // a queue of the child's own works
    Fresh fresh("memory:");
    fresh.session.put("x", kText, "y");
    own.get(fresh.session, "x", nullptr);
    wrong += !readable(own.fd());
    wrong += own.next().at(0).secret.reveal() != "y";
    return wrong;
  });
  EXPECT_EQ(num_wrong, 0);
  EXPECT_TRUE(readable(queue_.fd())) << "the child must not drain the descriptor";
  const auto taken = next_within(queue_);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].secret.reveal(), "one");
  EXPECT_FALSE(readable(queue_.fd()));
  session_.put("w/a", kText, "");
  const auto told = next_within(queue_);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].user_data, mark(2));
  EXPECT_EQ(told[0].events.size(), 1u);
}

TEST_F(Queue, AForkedChildClosesItsCopiesOfTheDescriptors) {
  const std::set<int> before = open_files();
  const strongroom_abi::Queue another;
  EXPECT_EQ(in_child([&] {
              strongroom_queue_free(another.raw());
              return open_files() == before ? 7 : 1;
            }),
            7);
}

TEST_F(Queue, AForkWhileOtherThreadsUseItLeavesTheChildFree) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      status_of([&] { queue_.get(session_, "a", nullptr); });
      queue_.next();
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([&] {
                strongroom_queue_free(queue_.raw());  // a lock may be held by a thread that is gone
                return 7;
              }),
              7);
  }
  stop = true;
  busy.join();
}

// ---- the C++ layer ----

TEST_F(Queue, CppCallersGetCompletionsThatFreeThemselves) {
  queue_.get(session_, "a", nullptr);
  queue_.get(session_, "none", nullptr);
  std::vector<Completion> kept = queue_.next();
  ASSERT_EQ(kept.size(), 2u);
  Completion moved = std::move(kept[0]);
  kept.clear();
  EXPECT_EQ(moved.secret.reveal(), "one");
  EXPECT_EQ(status_of([&] { queue_.get(session_, std::string("a\0b", 3), nullptr); }),
            STRONGROOM_INVALID);
}

}  // namespace
}  // namespace capi_test::queue_test
