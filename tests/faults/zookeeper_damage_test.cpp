// What somebody does to the tree by hand: every node damaged, removed, or put back to an older copy, in
// turn. The store says corrupt, rollback or not_found, gives no wrong value, and never crashes. And what
// somebody sees who looks: no name, no value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/secrets.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_zookeeper.hpp"
#include "tests/support/zookeeper_server.hpp"
#include "zookeeper_store.hpp"

namespace strongroom::testing::zookeeper_damage_test {
namespace {

using ::testing::AnyOf;

constexpr std::string_view kRoot = "/strongroom";
// Nothing to hide behind: each read asks the servers.
constexpr const char* kNoCache = "&cache_bytes=0";

using Tree = std::map<std::string, std::string>;

class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
    servers_.emplace(ZooKeeperOptions{1, 500});
    raw_.emplace(servers_->connect_string());
    key_.emplace(url());
    stamps_ = raw_->children("/strongroom/s");
  }

  std::string url() const { return tree_url(servers_->connect_string(), kNoCache); }

  // dump gives what the store is made of, without the clients that are there now, and without the stamps:
  // there are many, and their bytes do not change.
  Tree dump() {
    const std::string root(kRoot);
    Tree tree;
    if (auto bytes = raw_->get(root)) tree[root] = std::move(*bytes);
    for (const std::string& child : raw_->children(root)) {
      const std::string node = root + "/" + child;
      if (child == "s" || child == "l" || child == "o")
        tree[node] = *raw_->get(node);
      else
        tree.merge(raw_->dump(node));
    }
    return tree;
  }
  // stamps_in_use are those of shards that something was written to.
  Tree stamps_in_use() {
    Tree tree;
    for (const std::string& shard : stamps_) {
      const std::string node = "/strongroom/s/" + shard;
      if (raw_->num_changes(node) > 0) tree[node] = *raw_->get(node);
    }
    return tree;
  }
  // back_to makes the tree what it was.
  void back_to(const Tree& wanted) {
    const Tree now = dump();
    for (auto node = now.rbegin(); node != now.rend(); ++node) {
      if (!wanted.contains(node->first)) raw_->erase(node->first);
    }
    for (const auto& [path, bytes] : wanted) {
      const auto found = now.find(path);
      if (found == now.end())
        raw_->create(path, bytes);
      else if (found->second != bytes)
        raw_->set(path, bytes);
    }
    const std::vector<std::string> stamps = raw_->children("/strongroom/s");
    for (const std::string& stamp : stamps_) {
      if (!std::binary_search(stamps.begin(), stamps.end(), stamp))
        raw_->create("/strongroom/s/" + stamp, "");
    }
  }

  // node_of gives the record of a secret: the one node of a record that a put of it changes.
  std::string node_of(Store& store, std::string_view where, std::string_view value) {
    EXPECT_TRUE(put(store, where, value));
    const Tree before = dump();
    EXPECT_TRUE(put(store, where, value));
    std::string changed;
    for (const auto& [path, bytes] : dump()) {
      const auto old = before.find(path);
      if (path.starts_with("/strongroom/r/") && old != before.end() && old->second != bytes) {
        EXPECT_EQ(changed, "");
        changed = path;
      }
    }
    EXPECT_NE(changed, "");
    return changed;
  }

  std::optional<ZooKeeperServers> servers_;
  std::optional<RawZooKeeper> raw_;
  std::optional<KeyOfStore> key_;
  std::vector<std::string> stamps_;
};

std::string flipped(std::string bytes) {
  if (!bytes.empty()) bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  return bytes;
}

// ---- what passes is tried again, by the same handle ----

// comes_true waits for a condition that needs the client's thread.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

TEST_F(Damage, AStampThatWasMissingForASecondIsFollowedAgain) {
  Store store = key_->open(url());
  ASSERT_TRUE(put(store, "db/prod", "before"));
  const std::string stamp = "/strongroom/s/" + stamps_.front();
  const std::string bytes = *raw_->get(stamp);
  raw_->erase(stamp);
  EXPECT_TRUE(comes_true([&] { return !store.as(kTrusted).get(path("db/prod")); }));
  EXPECT_EQ(code_of(store.as(kTrusted).get(path("db/prod"))), int(Code::corrupt));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  raw_->create(stamp, bytes);
  EXPECT_TRUE(comes_true([&] { return store.as(kTrusted).get(path("db/prod")).ok(); }));
  EXPECT_TRUE(comes_true([&] { return put(store, "db/prod", "after").ok(); }));
  EXPECT_EQ(plain(store.as(kTrusted).get(path("db/prod")).value().value), "after");
}

TEST_F(Damage, APassingNoAuthIsTriedAgain) {
  Store store = key_->open(url());
  ASSERT_TRUE(put(store, "db/prod", "before"));
  // A new session is to make its node, and may not, as in a zk-reauth that was interrupted.
  raw_->allow_world("/strongroom/l", ZOO_PERM_READ | ZOO_PERM_ADMIN);
  servers_->kill(0);
  std::this_thread::sleep_for(std::chrono::seconds(5));  // longer than the session
  servers_->launch(0);
  servers_->await(0);
  EXPECT_TRUE(comes_true(
      [&] { return code_of(store.as(kTrusted).get(path("db/prod"))) == int(Code::denied); }));
  raw_->allow_world("/strongroom/l", ZOO_PERM_ALL);
  EXPECT_TRUE(comes_true([&] { return store.as(kTrusted).get(path("db/prod")).ok(); }));
  EXPECT_TRUE(comes_true([&] { return put(store, "db/prod", "after").ok(); }));
  EXPECT_EQ(plain(store.as(kTrusted).get(path("db/prod")).value().value), "after");
}

// ---- what does not pass ----

TEST_F(Damage, FlippedSecretIsCorrupt) {
  Store store = key_->open(url());
  const std::string node = node_of(store, "db/prod", "hunter2");
  raw_->set(node, flipped(*raw_->get(node)));
  EXPECT_EQ(code_of(store.as(kTrusted).get(path("db/prod"))), int(Code::corrupt));
  EXPECT_EQ(code_of(key_->open(url()).as(kTrusted).get(path("db/prod"))), int(Code::corrupt));
}

TEST_F(Damage, RemovedSecretIsNotFoundAndRollbackForWhoSawIt) {
  Store store = key_->open(url());
  const std::string node = node_of(store, "db/prod", "hunter2");
  ASSERT_TRUE(store.as(kTrusted).get(path("db/prod")));
  raw_->erase(node);
  EXPECT_EQ(code_of(store.as(kTrusted).get(path("db/prod"))), int(Code::rollback));
  EXPECT_EQ(code_of(key_->open(url()).as(kTrusted).get(path("db/prod"))), int(Code::not_found));
}

TEST_F(Damage, OlderCopyIsRollbackForWhoSawTheNewer) {
  Store store = key_->open(url());
  const std::string node = node_of(store, "db/prod", "old");
  const std::string old = *raw_->get(node);
  ASSERT_TRUE(put(store, "db/prod", "new"));
  raw_->set(node, old);
  EXPECT_EQ(code_of(store.as(kTrusted).get(path("db/prod"))), int(Code::rollback));
}

TEST_F(Damage, OneSecretInAnothersPlaceIsCorrupt) {
  Store store = key_->open(url());
  const std::string one = node_of(store, "db/prod", "hunter2");
  const std::string other = node_of(store, "db/test", "hunter3");
  raw_->set(other, *raw_->get(one));
  EXPECT_EQ(code_of(store.as(kTrusted).get(path("db/test"))), int(Code::corrupt));
}

// Parts of a large value: each one damaged, swapped, removed.
TEST_F(Damage, LargeSecretWithADamagedPartIsReported) {
  Store store = key_->open(url());
  const std::string value(1 << 20, 'v');
  ASSERT_TRUE(put(store, "large", value));
  const Tree whole = dump();
  std::vector<std::string> parts;
  for (const auto& [path, bytes] : whole) {
    if (path.starts_with("/strongroom/b/") && !bytes.empty()) parts.push_back(path);
  }
  ASSERT_GE(parts.size(), 2u);
  const auto reported = [&](const std::string& what) {
    const auto begin = std::chrono::steady_clock::now();
    for (const bool saw_it : {true, false}) {
      Result<StoredSecret> got = saw_it ? store.as(kTrusted).get(path("large"))
                                        : key_->open(url()).as(kTrusted).get(path("large"));
      EXPECT_THAT(code_of(got),
                  AnyOf(int(Code::corrupt), int(Code::rollback), int(Code::not_found)))
          << what;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << what;
    back_to(whole);
  };
  for (const std::string& part : parts) {
    raw_->set(part, flipped(whole.at(part)));
    reported("flipped " + part);
    raw_->set(part, whole.at(part).substr(0, whole.at(part).size() / 2));
    reported("cut " + part);
    raw_->set(part, "");
    reported("emptied " + part);
    raw_->erase(part);
    reported("erased " + part);
  }
  raw_->set(parts[0], whole.at(parts[1]));
  raw_->set(parts[1], whole.at(parts[0]));
  reported("swapped");
  EXPECT_TRUE(key_->open(url()).as(kTrusted).get(path("large")));
}

// use_everything tries each kind of call through a new handle. Whatever was done to the tree, the answer
// is the right one or says what is wrong.
void use_everything(const std::string& url, const Credential& key) {
  const auto fits = [](const auto& result) {
    EXPECT_THAT(code_of(result),
                AnyOf(0, int(Code::corrupt), int(Code::rollback), int(Code::not_found),
                      int(Code::not_initialized), int(Code::unsupported), int(Code::denied)))
        << (result ? "" : result.error().message);
    return result.ok();
  };
  auto store = Store::open(url, {.storage = {.must_exist = true}});
  if (!fits(store)) return;
  fits(store->status());
  if (!fits(store->as(kTrusted).unseal(std::span(&key, 1)))) return;
  for (const char* where : {"top", "a/b/c", "gone"}) {
    auto got = store->as(kTrusted).get(path(where));
    if (fits(got)) {
      EXPECT_EQ(plain(got->value), std::string("value of ") + where);
    }
  }
  fits(store->as(kTrusted).list(Path(), {true}));
  fits(put(*store, "a/b/other", "x"));
  fits(put(*store, "top", "y"));
  fits(store->as(kTrusted).erase(path("top")));
  fits(store->as(kTrusted).rotate());
}

std::string first_byte_changed(std::string bytes) {
  if (!bytes.empty()) bytes[0] = static_cast<char>(bytes[0] ^ 0x40);
  return bytes;
}

TEST_F(Damage, AnyNodeDamagedNeverCrashesNorGivesAWrongValue) {
  {
    Store store = key_->open(url());
    ASSERT_TRUE(put(store, "top", "value of top"));
    ASSERT_TRUE(put(store, "a/b/c", "value of a/b/c"));
    ASSERT_TRUE(put(store, "gone", "once"));
    ASSERT_TRUE(store.as(kTrusted).erase(path("gone")));
  }
  const Tree whole = dump();
  Tree nodes = stamps_in_use();
  EXPECT_GT(nodes.size(), 2u);
  for (const auto& node : whole) nodes.insert(node);
  using Treatment = std::function<void(const std::string& node, const std::string& bytes)>;
  const std::map<std::string, Treatment> treatments = {
      {"emptied", [&](auto& node, auto&) { raw_->set(node, ""); }},
      {"cut", [&](auto& node, auto& bytes) { raw_->set(node, bytes.substr(0, bytes.size() / 2)); }},
      {"flipped", [&](auto& node, auto& bytes) { raw_->set(node, flipped(bytes)); }},
      {"begun badly", [&](auto& node, auto& bytes) { raw_->set(node, first_byte_changed(bytes)); }},
      {"made longer", [&](auto& node, auto& bytes) { raw_->set(node, bytes + bytes + "x"); }},
      {"filled", [&](auto& node, auto&) { raw_->set(node, std::string(1'000'000, '\xff')); }},
      {"erased", [&](auto& node, auto&) { raw_->erase_all(node); }},
  };
  int count = 0;
  for (const auto& [node, bytes] : nodes) {
    for (const auto& [name, treat] : treatments) {
      if (kSanitized && ++count % 4 != 0) continue;
      SCOPED_TRACE(node + " " + name);
      treat(node, bytes);
      use_everything(url(), key_->key());
      back_to(whole);
      if (node.starts_with("/strongroom/s/")) raw_->set(node, bytes);
    }
  }
  Store store = key_->open(url());
  EXPECT_EQ(plain(store.as(kTrusted).get(path("a/b/c"))->value), "value of a/b/c");
}

// seen_in tells whether a text lies in the tree: in a node's path or bytes, as it is or in hexadecimal.
bool seen_in(const Tree& tree, const std::string& text) {
  std::string hex;
  for (const char byte : text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  for (const auto& [node, bytes] : tree) {
    for (const std::string& form : {text, hex}) {
      if (node.find(form) != std::string::npos || bytes.find(form) != std::string::npos)
        return true;
    }
  }
  return false;
}

TEST_F(Damage, DumpOfTheTreeShowsNoNameAndNoValue) {
  const std::string large = std::string(1'000'000, '.') + "canary-of-a-large-value";
  Store store = key_->open(url());
  ASSERT_TRUE(put(store, "canary-folder/canary-secret", "canary-value"));
  ASSERT_TRUE(put(store, "canary-folder/canary-large", large));
  ASSERT_TRUE(put(store, "canary-erased", "canary-of-old"));
  ASSERT_TRUE(store.as(kTrusted).erase(path("canary-erased")));
  const Tree tree = raw_->dump(std::string(kRoot));
  EXPECT_GT(tree.size(), 10u);
  for (const char* word : {"canary", "folder", "secret", "erased", "of-old", "value"})
    EXPECT_FALSE(seen_in(tree, word)) << word;
  raw_->create("/strongroom/probe", "a canary");
  EXPECT_TRUE(seen_in(raw_->dump(std::string(kRoot)), "canary")) << "it would have been seen";
}

TEST_F(Damage, LargestSecretGoesRoundAndOneByteMoreIsRefused) {
  Store store = key_->open(url());
  ASSERT_TRUE(put(store, "small", "before"));
  const std::vector<std::string> living = raw_->children("/strongroom/l");
  ASSERT_EQ(living.size(), 1u);
  std::string value(kDefaultMaxSecretLen, 'v');
  ASSERT_EQ(value.size(), 1'048'576u);
  for (std::size_t i = 0; i < value.size(); i += 1000) value[i] = static_cast<char>(i / 1000);
  ASSERT_TRUE(put(store, "large", value));
  EXPECT_TRUE(plain(store.as(kTrusted).get(path("large"))->value) == value);
  EXPECT_EQ(code_of(put(store, "large", value + "v")), int(Code::too_large));
  EXPECT_TRUE(plain(store.as(kTrusted).get(path("large"))->value) == value);
  EXPECT_TRUE(put(store, "small", "after"));
  EXPECT_EQ(raw_->children("/strongroom/l"), living) << "it was the same session all the time";
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_damage_test
