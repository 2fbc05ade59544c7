#include "strongroom/anchor.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

namespace strongroom::anchor_test {
namespace {

Anchor numbered() {
  Anchor anchor;
  std::iota(anchor.store.begin(), anchor.store.end(), std::uint8_t{0xa0});
  anchor.generation = 0x0102030405060708;
  std::iota(anchor.digest.begin(), anchor.digest.end(), std::uint8_t{0x10});
  return anchor;
}

// The check was computed with Python's hashlib.blake2b(digest_size=32).
const std::string kText =
    "strongroom-anchor-1:"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
    "0102030405060708"
    "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
    "681544e0";

void expect_refused(std::string_view text, std::string_view why, Code code = Code::invalid) {
  const auto parsed = Anchor::parse(text);
  ASSERT_FALSE(parsed) << text.substr(0, 200);
  EXPECT_EQ(parsed.error().code, code) << text.substr(0, 200);
  EXPECT_NE(parsed.error().message.find(why), std::string::npos) << parsed.error().message;
  EXPECT_LT(parsed.error().message.size(), 200U);
}

TEST(Anchor, TextIsTheDocumentedBytes) {
  EXPECT_EQ(numbered().text(), kText);
}

TEST(Anchor, TextReadsBackAsTheSameAnchor) {
  Anchor greatest;
  greatest.store.fill(0xff);
  greatest.generation = std::numeric_limits<std::uint64_t>::max();
  greatest.digest.fill(0xff);
  for (const Anchor& anchor : {Anchor{}, numbered(), greatest}) {
    const auto back = Anchor::parse(anchor.text());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back.value(), anchor);
  }
}

TEST(Anchor, WhiteSpaceAroundItAndUpperCaseDigitsAreTaken) {
  std::string shouted = kText;
  for (std::size_t i = kText.find(':'); i < shouted.size(); ++i) {
    shouted[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(shouted[i])));
  }
  for (const std::string& text : {kText + "\n", " \t" + kText + "\r\n", "\n\n" + shouted + "  "}) {
    const auto back = Anchor::parse(text);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back.value(), numbered());
  }
}

TEST(Anchor, EveryMistypedDigitIsRefused) {
  for (std::size_t at = kText.find(':') + 1; at < kText.size(); ++at) {
    for (const char digit : std::string("0123456789abcdef")) {
      std::string mistyped = kText;
      if (std::exchange(mistyped[at], digit) == digit) continue;
      expect_refused(mistyped, "mistyped");
    }
  }
}

TEST(Anchor, NeighboursSwappedAreRefused) {
  for (std::size_t at = kText.find(':') + 1; at + 1 < kText.size(); ++at) {
    std::string swapped = kText;
    std::swap(swapped[at], swapped[at + 1]);
    if (swapped != kText) expect_refused(swapped, "mistyped");
  }
}

TEST(Anchor, EveryCharacterThatIsNoDigitIsRefused) {
  for (std::size_t at = 0; at < kText.size(); ++at) {
    for (const char odd : {'g', 'O', ' ', '\n', '\0', '-', ':', '\x80', '\xff'}) {
      std::string mistyped = kText;
      mistyped[at] = odd;
      if (mistyped != kText) expect_refused(mistyped, "");
    }
  }
  std::string letter = kText;
  letter[kText.find(':') + 9] = 'O';
  expect_refused(letter, "no hex digit");
}

TEST(Anchor, CutShortOrTooLongIsRefused) {
  for (std::size_t len = 0; len < kText.size(); ++len) expect_refused(kText.substr(0, len), "");
  expect_refused(kText.substr(0, kText.size() - 3), "had 117 characters");
  expect_refused(kText + "0", "had 121 characters");
  expect_refused(kText + kText, "one line");
  expect_refused(kText + "\n" + kText, "one line");
  expect_refused(kText.substr(1), "begins with strongroom-anchor-1:");
}

TEST(Anchor, NewerFormIsUnsupportedAndNamed) {
  std::string newer = kText;
  newer[kText.find(':') - 1] = '2';
  expect_refused(newer, "form 2; this program knows form 1", Code::unsupported);
  expect_refused("strongroom-anchor-17:whatever", "form 17", Code::unsupported);
  expect_refused("strongroom-anchor-:", "mistyped");
  expect_refused("strongroom-anchor-0:00", "mistyped");
  expect_refused("strongroom-anchor-1", "mistyped");
  expect_refused("strongroom-anchor-1000000000000000000000:", "mistyped");
  expect_refused("strongroom-anchor-x1:", "mistyped");
}

TEST(Anchor, WhatElseAPersonPastesIsRefused) {
  expect_refused("", "not an anchor");
  expect_refused("   \n", "not an anchor");
  expect_refused(kText.substr(kText.find(':') + 1), "not an anchor");  // the digits alone
  expect_refused("-----BEGIN PGP PUBLIC KEY BLOCK-----", "not an anchor");
  expect_refused(std::string(92, 'a'), "not an anchor");  // a share's length
  expect_refused("\xef\xbb\xbf" + kText, "not an anchor");
}

// What is pasted by mistake may be a secret.
TEST(Anchor, MessageDoesNotRepeatWhatWasGiven) {
  for (const char* text :
       {"hunter2", "strongroom-anchor-1:hunter2", "strongroom-anchor-hunter2:"}) {
    const auto parsed = Anchor::parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().message.find("hunter"), std::string::npos);
  }
}

TEST(Anchor, TenMegabytesAreRefusedAtOnce) {
  using std::chrono::steady_clock;
  constexpr std::size_t kLen = 10'000'000;
  const std::string space(kLen, ' ');
  const std::string digits = "strongroom-anchor-1:" + std::string(kLen, '0');
  const std::string number = "strongroom-anchor-" + std::string(kLen, '1');
  const auto begin = steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    for (const std::string* text : {&space, &digits, &number})
      expect_refused(*text, "not an anchor");
  }
  // 3,000 of them; a single look at all of each would take minutes.
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace strongroom::anchor_test
