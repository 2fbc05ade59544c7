#include "strongroom/impl/base/codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace strongroom::codec_test {
namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer every_field() {
  Writer writer;
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0fULL);
  writer.bytes(std::array<std::uint8_t, 3>{0x10, 0x11, 0x12});
  return std::move(writer).take();
}

TEST(Writer, FieldsAreBigEndianAndUnpadded) {
  Buffer expected;
  for (std::uint8_t i = 1; i <= 0x12; ++i) expected.push_back(i);
  EXPECT_EQ(every_field(), expected);
}

TEST(Writer, ExtremesKeepAllBits) {
  Writer writer;
  writer.u8(0xff);
  writer.u16(0xffff);
  writer.u32(0xffffffff);
  writer.u64(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(writer.size(), 15U);
  const auto view = writer.view();
  EXPECT_TRUE(std::all_of(view.begin(), view.end(), [](std::uint8_t b) { return b == 0xff; }));
}

TEST(Writer, EmptyBytesAddNothing) {
  Writer writer;
  writer.bytes({});
  EXPECT_EQ(writer.size(), 0U);
  EXPECT_TRUE(std::move(writer).take().empty());
}

TEST(Reader, ReadsBackWhatWasWritten) {
  const Buffer record = every_field();
  Reader reader(record);
  EXPECT_EQ(reader.u8(), 0x01U);
  EXPECT_EQ(reader.u16(), 0x0203U);
  EXPECT_EQ(reader.u32(), 0x04050607U);
  EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fULL);
  EXPECT_EQ(reader.left(), 3U);
  EXPECT_EQ(reader.bytes(3)[2], 0x12U);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0U);
}

// At every length: what is there in full is right, all else is zero, and the end is told.
TEST(Reader, RecordCutShortNeverGivesPartOfAField) {
  const Buffer record = every_field();
  for (std::size_t len = 0; len < record.size(); ++len) {
    const Buffer cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(len));
    Reader reader(cut);
    EXPECT_EQ(reader.u8(), len >= 1 ? 0x01U : 0U);
    EXPECT_EQ(reader.u16(), len >= 3 ? 0x0203U : 0U);
    EXPECT_EQ(reader.u32(), len >= 7 ? 0x04050607U : 0U);
    EXPECT_EQ(reader.u64(), len >= 15 ? 0x08090a0b0c0d0e0fULL : 0U);
    EXPECT_TRUE(reader.bytes(3).empty());
    EXPECT_FALSE(reader.ok()) << len;
    EXPECT_EQ(reader.left(), 0U) << len;
  }
}

// A later field that would fit must not be read from the rest of one that did not.
TEST(Reader, OnceShortAlwaysShort) {
  const Buffer record = {1, 2, 3};
  Reader reader(record);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_EQ(reader.u8(), 0U);
  EXPECT_EQ(reader.u16(), 0U);
  EXPECT_TRUE(reader.bytes(1).empty());
  EXPECT_TRUE(reader.bytes(0).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, LengthFromAnAttackerDoesNotWrap) {
  const Buffer record = {1, 2, 3};
  for (const std::size_t len :
       {std::size_t{4}, std::numeric_limits<std::size_t>::max(),
        std::numeric_limits<std::size_t>::max() - 2, std::size_t{1} << 63}) {
    Reader reader(record);
    reader.u8();
    EXPECT_TRUE(reader.bytes(len).empty());
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Reader, EmptyRecordIsFineUntilSomethingIsRead) {
  Reader reader({});
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.bytes(0).empty());
  reader.copy({});
  EXPECT_TRUE(reader.ok());
  reader.u8();
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, CopyOfTooShortARecordIsZerosAndNoLeftovers) {
  const Buffer record = {1, 2, 3};
  std::array<std::uint8_t, 4> out = {9, 9, 9, 9};
  Reader reader(record);
  reader.copy(out);
  EXPECT_EQ(out, (std::array<std::uint8_t, 4>{}));
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, CopyTakesExactlyItsSize) {
  const Buffer record = {1, 2, 3};
  std::array<std::uint8_t, 3> out{};
  Reader reader(record);
  reader.copy(out);
  EXPECT_EQ(out, (std::array<std::uint8_t, 3>{1, 2, 3}));
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0U);
}

TEST(Reader, RandomFieldsSurviveTheRoundTrip) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int, std::uint64_t>> fields;
    Writer writer;
    for (int i = 0; i < 20; ++i) {
      const int kind = static_cast<int>(random() % 4);
      const std::uint64_t value = random() >> (kind == 3 ? 0 : 64 - (8 << kind));
      fields.emplace_back(kind, value);
      if (kind == 0) writer.u8(static_cast<std::uint8_t>(value));
      if (kind == 1) writer.u16(static_cast<std::uint16_t>(value));
      if (kind == 2) writer.u32(static_cast<std::uint32_t>(value));
      if (kind == 3) writer.u64(value);
    }
    const Buffer record = std::move(writer).take();
    Reader reader(record);
    for (const auto& [kind, value] : fields) {
      const std::uint64_t read = kind == 0   ? reader.u8()
                                 : kind == 1 ? reader.u16()
                                 : kind == 2 ? reader.u32()
                                             : reader.u64();
      ASSERT_EQ(read, value);
    }
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.left(), 0U);
  }
}

TEST(BigEndian, NumberAtAPlaceTouchesNothingElse) {
  Buffer record(6, 0xaa);
  put_be(std::span(record).subspan<1, 4>(), 0x01020304);
  EXPECT_EQ(record, (Buffer{0xaa, 1, 2, 3, 4, 0xaa}));
  EXPECT_EQ((get_be(std::span(record).subspan<1, 4>())), 0x01020304U);
}

template <std::size_t... Len>
void expect_low_bits(std::index_sequence<Len...>) {
  constexpr std::uint64_t kValue = 0x1122334455667788ULL;
  const auto one = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
    std::array<std::uint8_t, N> out{};
    put_be(std::span(out), kValue);
    const std::uint64_t mask = N == 8 ? ~0ULL : (1ULL << (8 * N % 64)) - 1;
    EXPECT_EQ(get_be(std::span(out)), kValue & mask) << N;
  };
  (one(std::integral_constant<std::size_t, Len + 1>()), ...);
}

TEST(BigEndian, EveryWidthKeepsItsLowBits) {
  expect_low_bits(std::make_index_sequence<8>());
}

}  // namespace
}  // namespace strongroom::codec_test
