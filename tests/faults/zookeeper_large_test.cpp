// How much one standalone server takes, with its default jute.maxbuffer: a folder of very many secrets, and
// very many in all. STRONGROOM_LONG_TESTS: 100,000 and 1,000,000.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/secrets.hpp"
#include "tests/support/zookeeper_server.hpp"
#include "zookeeper_store.hpp"

namespace strongroom::testing::zookeeper_large_test {
namespace {

constexpr int kThreads = 64;

// each calls work(i) for 0..count-1 from many threads, and stops at the first that fails.
template <typename Work>
void each(std::size_t count, Work work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> good{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < count && good; i = next++) {
        if (!work(i)) good = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(good);
}

class Large : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    servers_.emplace(ZooKeeperOptions{.heap_mb = long_run_ ? 4096 : 512});
    key_.emplace(tree_url(servers_->connect_string()));
    store_.emplace(key_->open(tree_url(servers_->connect_string())));
  }
  static Path path(const std::string& text) { return Path::parse_secret(text).value(); }
  void put(std::size_t count, const std::function<std::string(std::size_t)>& name) {
    const auto begin = std::chrono::steady_clock::now();
    each(count, [&](std::size_t i) {
      const std::string text = "value " + std::to_string(i);
      auto value = SecretBytes::copy_value(
          std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
      auto done = store_->as(kTrusted).put(path(name(i)), Content::text, value->view());
      EXPECT_TRUE(done) << done.error().message;
      return done.ok();
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%zu puts, %.0f a second\n", count, static_cast<double>(count) / took.count());
  }
  // count_pages lists a folder page by page.
  std::size_t count_pages(const std::string& folder) {
    std::size_t count = 0;
    std::vector<std::uint8_t> after;
    do {
      auto page = store_->as(kTrusted).list_page(Path::parse(folder).value(), after, 1000);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return count;
      EXPECT_LE(page->entries.size(), 1000u);
      count += page->entries.size();
      after = std::move(page->next);
    } while (!after.empty());
    return count;
  }

  const bool long_run_ = std::getenv("STRONGROOM_LONG_TESTS") != nullptr;
  std::optional<ZooKeeperServers> servers_;
  std::optional<KeyOfStore> key_;
  std::optional<Store> store_;
};

TEST_F(Large, FolderOfManyIsMadeListedInPagesAndDeleted) {
  const std::size_t count = long_run_ ? 100'000 : 2'000;
  const auto name = [](std::size_t i) { return "many/secret-" + std::to_string(i); };
  put(count, name);
  EXPECT_EQ(count_pages("many"), count);
  each(count, [&](std::size_t i) {
    auto gone = store_->as(kTrusted).erase(path(name(i)));
    EXPECT_TRUE(gone) << gone.error().message;
    return gone.ok();
  });
  EXPECT_EQ(count_pages("many"), 0u);
}

TEST_F(Large, VeryManyInAllAreKeptAndFound) {
  const std::size_t count = long_run_ ? 1'000'000 : 5'000;
  const auto name = [](std::size_t i) {
    return "team-" + std::to_string(i % 1000) + "/app/secret-" + std::to_string(i);
  };
  put(count, name);
  for (std::size_t i = 0; i < count; i += count / 500 + 1) {
    auto found = store_->as(kTrusted).get(path(name(i)));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->value.reveal_text(), "value " + std::to_string(i));
  }
  EXPECT_EQ(count_pages("team-7/app"), count / 1000);
  EXPECT_EQ(count_pages(""), 1000u);
}

// Over a packet's length, and over what is read at once.
TEST_F(Large, ManyPoliciesAndTheLargestAreStoredAndFollowed) {
  ASSERT_TRUE(store_->as(kTrusted).put(path("a/b"), Content::text, {}));
  const std::size_t count = long_run_ ? 1'000 : 70;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(i);
    const std::string text = R"({"version": 1, "rules": [{"to": ["user:)" + name +
                             R"("], "allow": ["read"], "paths": ["a/*"]}]})";
    auto done = store_->as(kTrusted).put_policy(name, text);
    ASSERT_TRUE(done) << done.error().message;
  }
  const std::string rules = R"({"version": 1, "rules": []})";
  const std::string largest = rules + std::string(kMaxPolicyDocumentLen - rules.size(), ' ');
  ASSERT_TRUE(store_->as(kTrusted).put_policy("largest", largest));
  Store other = key_->open(tree_url(servers_->connect_string()));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(other.as(Identity::user("p7")).get(path("a/b")));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu policies loaded in %.0f ms\n", count + 1, took.count() * 1000);
  EXPECT_EQ(other.as(Identity::user("p")).get(path("a/b")).error().code, Code::denied);
  EXPECT_EQ(other.as(kTrusted).policy("largest")->text, largest);
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_large_test
