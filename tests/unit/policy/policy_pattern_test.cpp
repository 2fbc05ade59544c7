// policy_pattern_test.cpp: a pattern means what it seems to mean, or the error points at the fault.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

#include "strongroom/policy/rules.hpp"

namespace strongroom::policy_pattern_test {
namespace {

constexpr std::size_t kGood = std::numeric_limits<std::size_t>::max();

// fault returns the byte at which a pattern is refused.
std::size_t fault(PolicyMode mode, std::string_view pattern) {
  std::size_t offset = kGood;
  const auto checked = check_pattern(mode, pattern, &offset);
  if (checked) return kGood;
  EXPECT_EQ(checked.error().code, Code::invalid);
  EXPECT_TRUE(checked.error().message.starts_with("a pattern ")) << checked.error().message;
  EXPECT_LT(checked.error().message.size(), 200U);  // the pattern itself may be a megabyte
  EXPECT_NE(offset, kGood) << pattern.substr(0, 100);
  EXPECT_LE(offset, pattern.size());
  return offset;
}

std::size_t own(std::string_view pattern) {
  return fault(PolicyMode::deny_overrides, pattern);
}

std::size_t vault(std::string_view pattern) {
  return fault(PolicyMode::vault_compat, pattern);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(PolicyPattern, WholeSegmentsAndStarsAreTaken) {
  for (const char* pattern : {"a", "a/b", "*", "**", "*/*", "a/*/b", "a/**", "*/**", "a+b", "a/+",
                              "Ä/ö", "{{a}}", "a b", "...", "-"}) {
    EXPECT_EQ(own(pattern), kGood) << pattern;
  }
}

TEST(PolicyPattern, AStarInsideASegmentIsNeverALiteral) {
  EXPECT_EQ(own("a*"), 1U);
  EXPECT_EQ(own("a/b*"), 3U);
  EXPECT_EQ(own("a/*b/c"), 2U);
  EXPECT_EQ(own("a/b*c/d"), 3U);
  EXPECT_EQ(own("***"), 0U);
  EXPECT_EQ(own("a/***"), 2U);
  EXPECT_EQ(own("a/**b"), 2U);
  EXPECT_EQ(own("a/ *"), 3U);
}

TEST(PolicyPattern, TwoStarsStandLastOnly) {
  EXPECT_EQ(own("**/a"), 0U);
  EXPECT_EQ(own("a/**/b"), 2U);
  EXPECT_EQ(own("a/**/**"), 2U);
  EXPECT_EQ(own("**/"), 0U);
}

TEST(PolicyPattern, WhatNoPathCanBeIsRefused) {
  EXPECT_EQ(own(""), 0U);
  EXPECT_EQ(own("/a"), 0U);  // the text form drops the one that may stand there
  EXPECT_EQ(own("a/"), 2U);
  EXPECT_EQ(own("a//b"), 2U);
  EXPECT_EQ(own("a/./b"), 2U);
  EXPECT_EQ(own("a/../b"), 2U);
  EXPECT_EQ(own("a/%2f"), 2U);
  EXPECT_EQ(own("a/%2E%2e/b"), 2U);
  EXPECT_EQ(own(std::string_view("a\0b", 3)), 1U);
  EXPECT_EQ(own("ab\n"), 2U);
  EXPECT_EQ(own("a\x7F"), 1U);
  EXPECT_EQ(own("a\xC2\x85"), 1U);
  EXPECT_NE(own("a\xFF"), kGood);
  EXPECT_NE(own("\xC0\xAF"), kGood);
}

TEST(PolicyPattern, LengthsAreThoseOfPaths) {
  EXPECT_EQ(own(std::string(255, 'x')), kGood);
  EXPECT_EQ(own("a/" + std::string(256, 'x')), 2U);
  EXPECT_EQ(own(repeated("a/", 63) + "b"), kGood);
  EXPECT_EQ(own(repeated("a/", 63) + "**"), kGood);
  EXPECT_EQ(own(repeated("a/", 64) + "b"), 128U);
  EXPECT_EQ(own(repeated("a/", 64) + "**"), 128U);
  EXPECT_EQ(own(repeated(std::string(255, 'x') + "/", 15) + std::string(255, 'x')), kGood);
  EXPECT_EQ(own(repeated(std::string(255, 'x') + "/", 16) + "x"), 4096U);
  EXPECT_EQ(own(std::string(std::size_t{1} << 20, 'x')), 4096U);
  EXPECT_EQ(vault(std::string(std::size_t{1} << 20, '/')), 4098U);
}

TEST(PolicyPattern, VaultTakesMostThingsForText) {
  for (const char* pattern : {"", "*", "+", "a", "a/", "a//b", "/a", "a*", "a/*", "a/+/b", "a/+b/c",
                              "a+b", "+/*", "secret/*/b", "a**", "++", "a/+b*", "../x", "{a}"}) {
    EXPECT_EQ(vault(pattern), kGood) << pattern;
  }
}

TEST(PolicyPattern, VaultForbidsPlusStarAnywhere) {
  EXPECT_EQ(vault("foo/+*"), 4U);
  EXPECT_EQ(vault("+*"), 0U);
  EXPECT_EQ(vault("a+*b/c"), 1U);
}

TEST(PolicyPattern, ATemplateOfVaultsIsNotSilentlyText) {
  EXPECT_EQ(vault("secret/{{identity.entity.id}}/*"), 7U);
  EXPECT_EQ(vault("secret/a}}"), 8U);
}

TEST(PolicyPattern, VaultsLengthsAreThoseOfPathsAndTheirLists) {
  EXPECT_EQ(vault(std::string(255, 'x') + "*"), kGood);
  EXPECT_EQ(vault(std::string(256, 'x')), 0U);
  EXPECT_EQ(vault("a/" + std::string(256, 'x') + "/b"), 2U);
  EXPECT_EQ(vault(repeated("a/", 64)), kGood);  // the list of a path of 64 segments
  EXPECT_EQ(vault(repeated("a/", 65)), 130U);
  EXPECT_NE(vault("a\nb"), kGood);
  EXPECT_NE(vault("a\xFF"), kGood);
}

TEST(PolicyPattern, TheOffsetIsOptional) {
  EXPECT_TRUE(check_pattern(PolicyMode::deny_overrides, "a/**"));
  EXPECT_FALSE(check_pattern(PolicyMode::deny_overrides, "a*"));
}

}  // namespace
}  // namespace strongroom::policy_pattern_test
