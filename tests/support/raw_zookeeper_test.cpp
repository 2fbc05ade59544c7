// The hand that damages trees does reach into them.
#include "raw_zookeeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "zookeeper_server.hpp"

namespace strongroom::testing::raw_zookeeper_test {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

TEST(RawZooKeeper, MakesChangesListsAndErases) {
  if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  const ZooKeeperServers servers;
  RawZooKeeper raw(servers.connect_string());
  EXPECT_FALSE(raw.get("/a"));
  raw.create("/a", "");
  raw.create("/a/c", std::string("two\0bytes", 9));
  raw.create("/a/b", std::string(1'000'000, 'x'));
  EXPECT_EQ(raw.get("/a"), "");
  EXPECT_EQ(raw.get("/a/c")->size(), 9u);
  EXPECT_EQ(raw.get("/a/b")->size(), 1'000'000u);
  raw.set("/a/c", "else");
  EXPECT_EQ(raw.get("/a/c"), "else");
  EXPECT_EQ(raw.num_changes("/a/c"), 1);
  EXPECT_EQ(raw.num_changes("/a/b"), 0);
  EXPECT_THAT(raw.children("/a"), ElementsAre("b", "c"));
  EXPECT_THAT(raw.dump("/a"), ElementsAre(Key("/a"), Key("/a/b"), Key("/a/c")));
  EXPECT_THROW(raw.erase("/a"), std::runtime_error);
  raw.erase_all("/a");
  EXPECT_FALSE(raw.get("/a"));
}

TEST(RawZooKeeper, SeesWhatItsPasswordOpens) {
  if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  const ZooKeeperServers servers;
  RawZooKeeper raw(servers.connect_string(), "me:password");
  raw.create("/a", "open to all");
  EXPECT_EQ(RawZooKeeper(servers.connect_string()).get("/a"), "open to all");
}

}  // namespace
}  // namespace strongroom::testing::raw_zookeeper_test
