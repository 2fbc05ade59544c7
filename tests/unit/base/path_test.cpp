#include "strongroom/path.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strongroom::path_test {
namespace {

using std::string_literals::operator""s;

std::string repeat(std::string_view part, std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += part;
  return text;
}

::testing::AssertionResult is_legal(std::string_view text) {
  const auto path = Path::parse(text);
  if (!path) return ::testing::AssertionFailure() << path.error().message;
  const std::string_view canonical = text.substr(text.starts_with('/') ? 1 : 0);
  if (path->text() != canonical) return ::testing::AssertionFailure() << "became " << path->text();
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult is_refused(std::string_view text) {
  const auto path = Path::parse(text);
  if (path) return ::testing::AssertionFailure() << "taken as '" << path->text() << "'";
  if (path.error().code != Code::invalid) return ::testing::AssertionFailure() << "wrong code";
  return ::testing::AssertionSuccess();
}

TEST(Path, RootIsTheEmptyTextOrOneSlash) {
  EXPECT_TRUE(Path::parse("").value().is_root());
  EXPECT_TRUE(Path::parse("/").value().is_root());
  EXPECT_TRUE(Path::parse(std::string_view()).value().is_root());
  EXPECT_EQ(Path::parse("/").value(), Path());
  EXPECT_TRUE(is_refused("//"));
  EXPECT_TRUE(is_refused("///"));
}

TEST(Path, RootIsNoSecret) {
  EXPECT_EQ(Path::parse_secret("").error().code, Code::invalid);
  EXPECT_EQ(Path::parse_secret("/").error().code, Code::invalid);
  EXPECT_EQ(Path::parse_secret("//").error().code, Code::invalid);
  EXPECT_TRUE(Path::parse_secret("a"));
  EXPECT_TRUE(Path::parse_secret("/a/b"));
}

TEST(Path, OneLeadingSlashIsDroppedAndNoMore) {
  EXPECT_EQ(Path::parse("/a/b").value(), Path::parse("a/b").value());
  EXPECT_TRUE(is_refused("//a/b"));
}

TEST(Path, EmptySegmentsAreRefused) {
  for (const char* text : {"a//b", "a/", "/a/", "a/b/", "a///b", "//", "a//"}) {
    EXPECT_TRUE(is_refused(text)) << text;
  }
}

TEST(Path, DotSegmentsAreRefusedAndDotsInNamesAreNot) {
  for (const char* text :
       {".", "..", "/.", "/..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b"}) {
    EXPECT_TRUE(is_refused(text)) << text;
  }
  for (const char* text : {"...", ".a", "a.", "..a", "a..", "a.b", "service.keytab", "a/.../b"}) {
    EXPECT_TRUE(is_legal(text)) << text;
  }
}

TEST(Path, SegmentHasAtMost255Bytes) {
  const std::string full(255, 's');
  EXPECT_TRUE(is_legal(full));
  EXPECT_TRUE(is_legal("a/" + full + "/b"));
  EXPECT_TRUE(is_refused(full + "s"));
  EXPECT_TRUE(is_refused("a/" + full + "s/b"));
  EXPECT_TRUE(is_refused("a/b/" + full + "s"));
  // Bytes, not characters.
  EXPECT_TRUE(is_legal(repeat("\u00e9", 127) + "s"));
  EXPECT_TRUE(is_refused(repeat("\u00e9", 128)));
}

TEST(Path, HasAtMost64Segments) {
  EXPECT_TRUE(is_legal(repeat("a/", 63) + "a"));
  EXPECT_TRUE(is_legal("/" + repeat("a/", 63) + "a"));
  EXPECT_TRUE(is_refused(repeat("a/", 64) + "a"));
  EXPECT_TRUE(is_refused(repeat("a/", 64)));
}

TEST(Path, HasAtMost4096Bytes) {
  // 16 segments of 255 bytes and their slashes are 4,095 bytes; one more byte needs a 17th segment,
  // and so a slash: 4,096 comes of 15 full ones, one of 254, and one of 1.
  const std::string full(255, 's');
  const std::string longest = repeat(full + "/", 15) + std::string(254, 's') + "/t";
  ASSERT_EQ(longest.size(), 4096U);
  EXPECT_TRUE(is_legal(longest));
  EXPECT_TRUE(is_legal("/" + longest));  // the slash that is dropped does not count
  EXPECT_TRUE(is_refused(longest + "t"));
  EXPECT_TRUE(is_refused("/" + longest + "t"));
  EXPECT_TRUE(is_refused(std::string(std::size_t{1} << 24, 'a')));
  EXPECT_TRUE(is_refused(repeat("a/", std::size_t{1} << 20)));
}

TEST(Path, ControlCharactersAreRefusedWhereverTheyAre) {
  for (int c = 0; c < 256; ++c) {
    if (c >= 0x20 && c != 0x7f) continue;
    const std::string control(1, static_cast<char>(c));
    for (const std::string& text :
         {control, "a" + control, control + "a", "a/b" + control + "/c"}) {
      EXPECT_TRUE(is_refused(text)) << c;
    }
  }
}

TEST(Path, NulEndsNothing) {
  EXPECT_TRUE(is_refused("a\0"s));
  EXPECT_TRUE(is_refused("a\0/../b"s));
  EXPECT_TRUE(is_refused("\0"s));
}

TEST(Path, C1ControlsAreRefusedAndTheirNeighboursAreNot) {
  for (int c = 0x80; c <= 0x9f; ++c) {
    const std::string control = {static_cast<char>(0xc2), static_cast<char>(c)};
    EXPECT_TRUE(is_refused(control)) << c;
    EXPECT_TRUE(is_refused("a/b" + control)) << c;
  }
  EXPECT_TRUE(is_legal("\u00a0"));
  EXPECT_TRUE(is_legal("\u00bf"));
  EXPECT_TRUE(is_legal("\u00c0"));
  EXPECT_TRUE(is_legal("\u0480"));  // D2 80: the second byte alone is no control
}

TEST(Path, PrintableAsciiIsLegalAndStaysAsItIs) {
  for (char c = 0x20; c < 0x7f; ++c) {
    if (c == '/' || c == '.') continue;
    EXPECT_TRUE(is_legal(std::string(1, c))) << c;
    EXPECT_TRUE(is_legal("a" + std::string(1, c) + "b")) << c;
  }
}

TEST(Path, EncodedSeparatorsAreRefusedInEveryCase) {
  for (const char* code : {"%2f", "%2F", "%2e", "%2E", "%5c", "%5C", "%00"}) {
    for (const std::string& text : {""s + code, "a"s + code + "b", "a/"s + code, code + "/b"s,
                                    "%"s + code, "%2"s + code, code + "%"s, "a/..."s + code}) {
      EXPECT_TRUE(is_refused(text)) << text;
    }
  }
  EXPECT_TRUE(is_refused("%2e%2e/a"));
  EXPECT_TRUE(is_refused("%2E."));
}

TEST(Path, PercentAloneIsALetter) {
  for (const char* text :
       {"%",   "%%",  "100%", "%2",       "%5",    "%0",     "a%/b", "%2/f",     "%41",
        "%20", "%25", "%0a",  "%01",      "%2g",   "%2d",    "%5d",  "%5b",      "%4f",
        "%3f", "%of", "%O0",  "%2\u00c6", "%252f", "%u002f", "% 2f", "%\u0032 f"}) {
    EXPECT_TRUE(is_legal(text)) << text;
  }
}

// Unicode 15, table 3-7, both sides of each limit; Kuhn's UTF-8 stress test names the same cases.
TEST(Path, TakesUtf8AndNothingElse) {
  for (const std::string& text : {
           "\xc2\xa0"s,
           "\xdf\xbf"s,  // two bytes
           "\xe0\xa0\x80"s,
           "\xec\xbf\xbf"s,  // three
           "\xed\x80\x80"s,
           "\xed\x9f\xbf"s,  // last before the surrogates
           "\xee\x80\x80"s,
           "\xef\xbf\xbd"s,  // first after them, replacement character
           "\xef\xbf\xbe"s,
           "\xef\xbf\xbf"s,  // non-characters are well-formed
           "\xf0\x90\x80\x80"s,
           "\xf3\xbf\xbf\xbf"s,  // four
           "\xf4\x80\x80\x80"s,
           "\xf4\x8f\xbf\xbf"s,  // up to U+10FFFF
           "\xef\xbb\xbf"
           "a"s,  // a byte order mark is a letter
           "gr\xc3\xbc\xc3\x9f/\xe5\xaf\x86/\xf0\x9f\x94\x91"s,
       }) {
    EXPECT_TRUE(well_formed_utf8(text)) << text;
    EXPECT_TRUE(is_legal(text)) << text;
    EXPECT_TRUE(is_legal("a/" + text + "/b")) << text;
  }
  for (const std::string& text : {
           "\x80"s,
           "\xbf"s,
           "\x80\x80"s,  // tails without a head
           "\xc0\x80"s,
           "\xc0\xaf"s,
           "\xc1\xbf"s,  // overlong two
           "\xe0\x80\x80"s,
           "\xe0\x80\xaf"s,
           "\xe0\x9f\xbf"s,  // overlong three
           "\xf0\x80\x80\x80"s,
           "\xf0\x80\x80\xaf"s,
           "\xf0\x8f\xbf\xbf"s,  // overlong four
           "\xed\xa0\x80"s,
           "\xed\xaf\xbf"s,
           "\xed\xb0\x80"s,
           "\xed\xbf\xbf"s,              // surrogates
           "\xed\xa0\x80\xed\xb0\x80"s,  // a pair of them
           "\xf4\x90\x80\x80"s,
           "\xf5\x80\x80\x80"s,
           "\xf7\xbf\xbf\xbf"s,  // above U+10FFFF
           "\xf8\x88\x80\x80\x80"s,
           "\xfb\xbf\xbf\xbf\xbf"s,  // five bytes
           "\xfc\x84\x80\x80\x80\x80"s,
           "\xfd\xbf\xbf\xbf\xbf\xbf"s,  // six
           "\xfe"s,
           "\xff"s,
           "\xfe\xff"s,
           "\xc3"s,
           "\xe2\x82"s,
           "\xf0\x9f\x94"s,
           "\xe2"s,
           "\xf0"s,
           "\xf0\x9f"s,  // cut short
           "\xc3\xc3"s,
           "\xc3("s,
           "\xe2\x28\xa1"s,
           "\xe2\x82\x28"s,
           "\xf0\x9f\x94\x28"s,
           "\xc3\xbc\xbc"s,  // one tail too many
       }) {
    EXPECT_FALSE(well_formed_utf8(text)) << text;
    EXPECT_FALSE(well_formed_utf8("a" + text));
    EXPECT_FALSE(well_formed_utf8(text + "a"));
    EXPECT_TRUE(is_refused(text));
    EXPECT_TRUE(is_refused("a/b" + text + "/c"));
  }
}

TEST(Path, CharacterCutInTwoBySlashIsRefused) {
  EXPECT_TRUE(is_refused("\xc3/\xbc"));
  EXPECT_TRUE(is_refused("\xe2\x82/\xac"));
}

TEST(Utf8, AgreesWithAnEncoderOnEveryCodePoint) {
  const auto encode = [](std::uint32_t code) {
    std::string text;
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    const int tails = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned kHeads[] = {0, 0xc0, 0xe0, 0xf0};
    text.push_back(static_cast<char>(kHeads[tails] | code >> (6 * tails)));
    for (int i = tails; i-- > 0;)
      text.push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3f)));
    return text;
  };
  for (std::uint32_t code = 0; code < 0x140000; ++code) {
    const bool scalar = code < 0xd800 || (code > 0xdfff && code < 0x110000);
    ASSERT_EQ(well_formed_utf8(encode(code)), scalar) << std::hex << code;
  }
}

TEST(Utf8, EmptyTextIsWellFormed) {
  EXPECT_TRUE(well_formed_utf8({}));
}

TEST(Path, NothingIsFolded) {
  EXPECT_NE(Path::parse("a").value(), Path::parse("A").value());
  EXPECT_NE(Path::parse("a").value(), Path::parse("a ").value());
  EXPECT_NE(Path::parse("a").value(), Path::parse(" a").value());
  EXPECT_NE(Path::parse("\u00e9").value(), Path::parse("e\u0301").value());  // composed or not
  EXPECT_NE(Path::parse("a\\b").value(), Path::parse("a/b").value());
}

// Two texts that mean one secret, or one text that means two, is how checks were walked round.
TEST(Path, SpellingsThatDifferAreTwoSecretsBesideOneLeadingSlash) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {
      "a",   "A",   "/",    "//",     ".",   "..", "%",   "2",        "f",      "F",
      "%2f", "%2e", "%5c",  "\\",     " ",   "\t", "5c",  "00",       "\u00e9", "e\u0301",
      "\0"s, "b",   "\xc0", "\u0085", "%25", "c",  "/./", "/a/../a/", "\xaf",   "ab"};
  std::map<std::string, std::string> spelling_of;
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (auto left = random() % 6; left > 0; --left) text += parts[random() % parts.size()];
    const auto path = Path::parse(text);
    if (!path) continue;
    ++taken;
    const std::string bare = text.starts_with('/') ? text.substr(1) : text;
    const auto [found, fresh] = spelling_of.emplace(path->text(), bare);
    ASSERT_EQ(found->second, bare) << "two spellings of " << path->text();
    ASSERT_EQ(path->text(), bare) << "changed";
    ASSERT_EQ(Path::parse(path->text()).value(), path.value()) << "not a fixed point";
  }
  EXPECT_GT(taken, 10'000);
}

// The canonical text, cut at its slashes and joined again, is itself: nobody sees other segments.
TEST(Path, ParentAndNameJoinToTheWhole) {
  for (const char* text : {"a", "a/b", "a/b/c", ".a/b.", "a/\u00e9/%"}) {
    const Path path = Path::parse(text).value();
    const std::string joined = path.parent().empty()
                                   ? std::string(path.name())
                                   : std::string(path.parent()) + "/" + std::string(path.name());
    EXPECT_EQ(joined, text);
    EXPECT_FALSE(path.name().empty());
    EXPECT_EQ(path.name().find('/'), std::string_view::npos);
    EXPECT_TRUE(Path::parse(path.parent()));
  }
  EXPECT_EQ(Path().parent(), "");
  EXPECT_EQ(Path().name(), "");
  EXPECT_EQ(Path::parse("/a").value().parent(), "");
}

TEST(Path, OrderIsThatOfTheBytes) {
  const auto path = [](std::string_view text) { return Path::parse(text).value(); };
  EXPECT_LT(path("a"), path("b"));
  EXPECT_LT(path("Z"), path("a"));
  EXPECT_LT(path("a"), path("a/b"));
  EXPECT_LT(path("z"), path("\u00e9"));  // unsigned: UTF-8 sorts after ASCII
  EXPECT_LT(path("\u00e9"), path("\U0001f511"));
}

TEST(Path, RefusalNamesTheRuleAndNotTheText) {
  const auto refused = Path::parse("hunter2/../x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "a path had a segment '.' or '..'");
  EXPECT_EQ(Path::parse("a//hunter2").error().message.find("hunter2"), std::string::npos);
}

TEST(Path, NoTextIsEverAnsweredByACrash) {
  std::mt19937 random(11);
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    for (auto left = random() % 12; left > 0; --left) text.push_back(static_cast<char>(random()));
    const auto path = Path::parse(text);
    EXPECT_TRUE(!path || well_formed_utf8(path->text()));
  }
}

}  // namespace
}  // namespace strongroom::path_test
