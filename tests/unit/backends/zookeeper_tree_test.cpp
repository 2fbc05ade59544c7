// What can be said of the ZooKeeper backend without a server: names, values, frames, shards.
#include "src/zookeeper/zookeeper_tree.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "src/zookeeper/zookeeper_frame.hpp"
#include "src/zookeeper/zookeeper_shards.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::zookeeper::zookeeper_tree_test {
namespace {

ByteView bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(ZooKeeperTree, EveryKeyComesBackFromItsPath) {
  for (const std::size_t len : {1u, 2u, 16u, 17u, 18u, 19u, 20u, 49u, 320u}) {
    for (const char fill : {'\0', '/', '.', '\x7F', '\xFF', 'k'}) {
      const std::string key(len, fill);
      const Place place = place_of(bytes(key));
      EXPECT_EQ(place.is_long, len > 17);
      EXPECT_EQ(key_at(place), key);
      const std::string path = node_path("/root", place);
      const std::string name = path.substr(path.rfind('/') + 1);
      if (place.is_long) {
        EXPECT_EQ(parse_tail(name), key.substr(17));
        EXPECT_LT(place.stripe, kNumStripes);
      } else {
        EXPECT_EQ(parse_head(name), key);
      }
      for (const char c : path) EXPECT_TRUE(c > ' ' && c < 0x7F) << path;
    }
  }
}

TEST(ZooKeeperTree, BucketsAndStripesSpreadNamesEvenly) {
  std::vector<int> buckets(4096), stripes(kNumStripes);
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = "r" + std::to_string(i * 7919) + std::string(16, 'x');
    ++buckets[place_of(bytes(std::string_view(key).substr(0, 17))).bucket];
    ++stripes[place_of(bytes("s" + std::string(16, 'd') + std::to_string(i))).stripe];
  }
  EXPECT_LT(*std::max_element(buckets.begin(), buckets.end()), 80);  // 24 each
  EXPECT_LT(*std::max_element(stripes.begin(), stripes.end()), 2500);
}

TEST(ZooKeeperTree, NamesThatAreNotOursStandForNothing) {
  EXPECT_FALSE(parse_number("0g", 2));
  EXPECT_FALSE(parse_number("0A", 2));
  EXPECT_FALSE(parse_number("000", 2));
  EXPECT_FALSE(parse_head(""));
  EXPECT_FALSE(parse_head("abc"));
  EXPECT_FALSE(parse_head("ABCD"));
  EXPECT_FALSE(parse_head(std::string(36, 'a')));
  EXPECT_FALSE(parse_tail(""));
  EXPECT_FALSE(parse_tail("a"));
  EXPECT_FALSE(parse_tail("a="));
  EXPECT_FALSE(parse_tail("ab"));  // the spare bits of YQ are zero
  EXPECT_TRUE(parse_tail("YQ"));
  EXPECT_FALSE(parse_tail(std::string(600, 'A')));
  EXPECT_FALSE(parse_part("0123456789abcdef-0123456789abcdef0123456789abcdef-00g0"));
  EXPECT_FALSE(parse_part("0123456789abcdef-0123456789abcdef0123456789abcdef"));
  EXPECT_TRUE(parse_part("0123456789abcdef-0123456789abcdef0123456789abcdef-0010"));
}

TEST(ZooKeeperTree, NodeValuesComeBackAndDamageIsDamage) {
  EXPECT_EQ(decode_node("").kind, NodeValue::Kind::erased);
  const std::string whole = encode_value(bytes("value"));
  EXPECT_EQ(decode_node(whole).kind, NodeValue::Kind::whole);
  EXPECT_EQ(decode_node(whole).value, "value");
  EXPECT_EQ(decode_node(encode_value({})).kind, NodeValue::Kind::whole);
  const BlobRef ref{std::string(16, 'a'), std::string(32, 'b'), 2'000'001};
  EXPECT_EQ(ref.num_parts(), 3u);
  const std::string split = encode_ref(ref);
  EXPECT_EQ(decode_node(split).ref, ref);
  EXPECT_EQ(decode_node(split.substr(1)).kind, NodeValue::Kind::damaged);
  EXPECT_EQ(decode_node(split + "x").kind, NodeValue::Kind::damaged);
  for (const std::uint64_t len : {std::uint64_t{0}, std::uint64_t{kMaxBackendValueLen} + 1}) {
    EXPECT_EQ(decode_node(encode_ref({ref.client, ref.blob, len})).kind, NodeValue::Kind::damaged);
  }
  EXPECT_EQ(decode_node(encode_ref({"../../../../../../", ref.blob, 5})).kind,
            NodeValue::Kind::damaged);
  EXPECT_EQ(decode_node("\3x").kind, NodeValue::Kind::damaged);
}

TEST(ZooKeeperTree, FirstPartNamesItsRecord) {
  const std::string part = first_part("/root/r/abc/k", "bytes");
  EXPECT_EQ(part_owner(part), "/root/r/abc/k");
  EXPECT_EQ(part_bytes(part), "bytes");
  EXPECT_EQ(part_owner("x"), "");
  EXPECT_EQ(part_owner(std::string("\xFF\xFF/root")), "");
}

TEST(ZooKeeperTree, VersionsOfShortKeysCountOnAndAnyIsNeverOneOfThem) {
  const Place place = place_of(bytes("k"));
  NodeStat stat;
  EXPECT_EQ(version_of(place, stat), kAbsent);
  stat.data_len = 1;
  EXPECT_EQ(version_of(place, stat), Version(1));
  EXPECT_EQ(node_version(Version(1)), 0);
  EXPECT_FALSE(node_version(kAbsent));
  EXPECT_FALSE(node_version(kAny));
  EXPECT_FALSE(node_version(Version(std::uint64_t{1} << 32)));
  for (const Version version : {Version{1}, Version(std::uint64_t{1} << 31), Version{UINT32_MAX}}) {
    ASSERT_TRUE(node_version(version));
    EXPECT_NE(*node_version(version), -1);  // ZooKeeper's "any"
    stat.version = *node_version(version);
    EXPECT_EQ(version_of(place, stat), version);
  }
}

//
// Frames
//

std::string answer_of(const std::vector<std::string>& values) {
  std::vector<std::uint8_t> out;
  const auto number = [&](std::uint64_t n, int len) {
    for (int i = len; i-- > 0;) out.push_back(static_cast<std::uint8_t>(n >> 8 * i));
  };
  number(static_cast<std::uint32_t>(-1000), 4);
  number(77, 8);
  number(0, 4);
  for (const std::string& value : values) {
    number(4, 4), number(0, 1), number(0, 4);
    number(value.size(), 4);
    out.insert(out.end(), value.begin(), value.end());
    for (int i = 0; i < 17; ++i) number(static_cast<std::uint64_t>(i), 4);
  }
  number(UINT32_MAX, 4), number(1, 1), number(UINT32_MAX, 4);
  return {out.begin(), out.end()};
}

TEST(ZooKeeperFrame, AnswerIsTakenWholeOrNotAtAll) {
  const std::string answer = answer_of({"one", "", "three"});
  const auto nodes = decode_frame(bytes(answer), 3);
  ASSERT_TRUE(nodes);
  EXPECT_EQ((*nodes)[0].bytes, "one");
  EXPECT_EQ((*nodes)[2].bytes, "three");
  EXPECT_FALSE(decode_frame(bytes(answer), 2));
  EXPECT_FALSE(decode_frame(bytes(answer), 4));
  EXPECT_FALSE(decode_frame(bytes(answer + "x"), 3));
  for (std::size_t len = 0; len < answer.size(); ++len)
    EXPECT_FALSE(decode_frame(bytes(answer.substr(0, len)), 3)) << len;
}

TEST(ZooKeeperFrame, ErrorOfTheWholeIsThatOfEachNode) {
  std::string answer = answer_of({}).substr(0, 16);
  answer[15] = 'x';
  const auto nodes = decode_frame(bytes(answer), 2);
  ASSERT_TRUE(nodes);
  EXPECT_EQ((*nodes)[0].rc, 'x');
  EXPECT_EQ((*nodes)[1].rc, 'x');
}

//
// Shards
//

NodeStat stat_at(std::int64_t zxid, std::int32_t version) {
  NodeStat stat;
  stat.czxid = 1;
  stat.mzxid = zxid;
  stat.version = version;
  return stat;
}

TEST(ZooKeeperShards, WhatWasKnownStaysGoodOnlyWhileWatchedAndUnchanged) {
  Shards shards;
  EXPECT_FALSE(shards.view(7).watched);
  ASSERT_TRUE(shards.watched(7, stat_at(10, 3)));
  const Shards::View known = shards.view(7);
  EXPECT_TRUE(known.watched);
  shards.changed(7);
  EXPECT_NE(shards.view(7).epoch, known.epoch);
  EXPECT_FALSE(shards.view(7).watched);
  ASSERT_TRUE(shards.watched(7, stat_at(11, 4)));
  const Shards::View again = shards.view(7);
  shards.lost();
  EXPECT_FALSE(shards.view(7).watched);
  EXPECT_EQ(shards.view(7).epoch, again.epoch);
  ASSERT_TRUE(shards.watched(7, stat_at(11, 4)));  // reconnected, and nothing changed
  EXPECT_EQ(shards.view(7), again);
  shards.lost();
  ASSERT_TRUE(shards.watched(7, stat_at(12, 5)));  // somebody did
  EXPECT_NE(shards.view(7).epoch, again.epoch);
}

TEST(ZooKeeperShards, StampThatWentBackIsRefused) {
  Shards shards;
  ASSERT_TRUE(shards.watched(7, stat_at(10, 3)));
  shards.lost();
  EXPECT_FALSE(shards.watched(7, stat_at(9, 2)));
  NodeStat another = stat_at(20, 0);
  another.czxid = 5;  // made before what was seen last
  EXPECT_FALSE(shards.watched(7, another));
}

TEST(ZooKeeperShards, StampThatWasRemovedAndMadeAgainIsAChange) {
  Shards shards;
  ASSERT_TRUE(shards.watched(7, stat_at(10, 3)));
  const auto before = shards.view(7);
  ShardMarks marks{};
  shards.wait(marks, Clock::now());
  const ShardMarks seen = marks;
  shards.lost();
  NodeStat again = stat_at(20, 0);
  again.czxid = 15;
  EXPECT_TRUE(shards.watched(7, again));
  EXPECT_NE(shards.view(7).epoch, before.epoch) << "what was cached is void";
  shards.wait(marks, Clock::now());
  EXPECT_NE(marks[7], seen[7]);
}

TEST(ZooKeeperShards, EveryChangeMovesTheMarkAlsoWhatComesBeforeTheNextWatch) {
  Shards shards;
  ASSERT_TRUE(shards.watched(0, stat_at(10, 3)));
  ShardMarks marks{};
  shards.wait(marks, Clock::now());
  ShardMarks before = marks;
  const Stamp stamp = shards.stamp();
  shards.changed(0);
  shards.wait(marks, Clock::now());
  EXPECT_NE(marks[0], before[0]);
  EXPECT_EQ(marks[1], before[1]);
  EXPECT_NE(shards.stamp(), stamp);
  before = marks;
  ASSERT_TRUE(shards.watched(0, stat_at(12, 5)));  // the event told of one, and there were two
  shards.wait(marks, Clock::now());
  EXPECT_NE(marks[0], before[0]);
  before = marks;
  shards.changed(0);
  shards.wait(marks, Clock::now());
  before = marks;
  ASSERT_TRUE(shards.watched(0, stat_at(13, 6)));
  shards.wait(marks, Clock::now());
  EXPECT_EQ(marks[0], before[0]);
}

}  // namespace
}  // namespace strongroom::zookeeper::zookeeper_tree_test
