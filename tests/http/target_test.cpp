#include "message/target.hpp"

#include <gtest/gtest.h>

#include <string>

#include "strongroom_abi.hpp"

namespace strongroomd::target_test {

// path_of returns the path of a secret as the API reads it, after /secrets/v1/secret/default.
std::optional<std::string> path_of(const std::string& text) {
  const std::string target = "/secrets/v1/secret/default/" + text;
  const auto parsed = Target::parse(target);
  return parsed ? parsed->path(4) : std::nullopt;
}

// accepts returns whether the engine's path function accepts a path.
bool accepts(const std::string& path) {
  strongroom_abi::Store store("memory:");
  strongroom_abi::Session session = store.trusted();
  try {
    return session.check(STRONGROOM_ACTION_READ, path);
  } catch (const strongroom_abi::Error& error) {
    EXPECT_EQ(error.status(), STRONGROOM_INVALID);
    return false;
  }
}

TEST(Target, IsSplitBeforeItIsDecoded) {
  const auto target = Target::parse("/secrets/v1/secret/default/tf%2Fone/x?list=true");
  ASSERT_TRUE(target);
  ASSERT_EQ(target->size(), 6U);
  EXPECT_EQ(target->piece(0), "secrets");
  EXPECT_EQ(target->piece(4), "tf%2Fone");
  EXPECT_EQ(target->path(4), "tf/one/x");
  EXPECT_EQ(target->path(5), "x");
  EXPECT_EQ(target->path(6), "");
  EXPECT_EQ(Target::parse("/")->size(), 1U);
  EXPECT_EQ(Target::parse("/a/")->size(), 2U);
  EXPECT_EQ(Target::parse("/a/?x")->path(0), "a/");
}

TEST(Target, FixedPartsAreNotDecoded) {
  EXPECT_NE(Target::parse("/%73ecrets/v1/ping")->piece(0), "secrets");
  EXPECT_EQ(Target::parse("/secrets%2Fv1/ping")->size(), 2U);
}

TEST(Target, PathsArriveEscapedOrNot) {
  EXPECT_EQ(path_of("myapp/password"), "myapp/password");
  EXPECT_EQ(path_of("%2Fmyapp%2fpassword"), "/myapp/password");
  EXPECT_EQ(path_of("%6dyapp/password"), "myapp/password");
  EXPECT_TRUE(accepts(*path_of("%2Fmyapp%2Fpassword")));
}

TEST(Target, NothingIsDecodedTwice) {
  EXPECT_EQ(path_of("a%252Fb"), "a%2Fb");
  EXPECT_EQ(path_of("%25252e"), "%252e");
  EXPECT_FALSE(accepts(*path_of("a%252Fb")));
}

TEST(Target, WhatIsNoPathStaysNone) {
  for (const char* escaped : {"..", "%2e%2e", "a/%2e%2e/b", "a%2F..%2Fb", "%2Fa%2F%2Fb", "a//b",
                              "a/", "a%2F", "a%0Ab", "a%7Fb", "%ff", "%c0%af", "a/%c3"}) {
    const auto path = path_of(escaped);
    ASSERT_TRUE(path) << escaped;
    EXPECT_FALSE(accepts(*path)) << escaped;
  }
}

TEST(Target, NulIsKept) {
  const auto path = path_of("a%00b");
  ASSERT_TRUE(path);
  EXPECT_EQ(*path, std::string("a\0b", 3));
  EXPECT_FALSE(accepts(*path));
  EXPECT_FALSE(is_dcos_path(*path));
}

TEST(Target, LongestPathHasRoomWithEveryByteEscaped) {
  std::string path, escaped;
  for (int i = 0; i < 16; ++i) {
    path += (i > 0 ? "/" : "") + std::string(255, 'a');
    escaped += i > 0 ? "%2F" : "";
    for (int j = 0; j < 255; ++j) escaped += "%61";
  }
  EXPECT_EQ(path_of(escaped), path);
  EXPECT_TRUE(accepts(path));
  EXPECT_FALSE(accepts(path + "/aa"));
}

TEST(Target, MalformedEscapesAreRefused) {
  for (const char* escaped : {"%", "a%2", "%zz", "%2g/b", "%-1", "% 1"})
    EXPECT_FALSE(path_of(escaped)) << escaped;
}

TEST(Target, OtherFormsAreRefused) {
  for (const char* text :
       {"", "*", "a", "http://host/a", "?a", "/a b", "/a#b", "/a\tb", "/\x7f", "/\xc3\xa4"}) {
    EXPECT_FALSE(Target::parse(text)) << text;
  }
  EXPECT_FALSE(Target::parse(std::string_view("/a\0b", 4)));
  EXPECT_TRUE(Target::parse("/" + std::string(kMaxTargetLen - 1, 'a')));
  EXPECT_FALSE(Target::parse("/" + std::string(kMaxTargetLen, 'a')));
}

TEST(Target, ParametersAreFound) {
  const auto target = Target::parse("/a?list=true&x&&y=%61=b&");
  ASSERT_TRUE(target);
  ASSERT_NE(target->parameter("list"), nullptr);
  EXPECT_EQ(*target->parameter("list"), "true");
  ASSERT_NE(target->parameter("x"), nullptr);
  EXPECT_EQ(*target->parameter("x"), "");
  ASSERT_NE(target->parameter("y"), nullptr);
  EXPECT_EQ(*target->parameter("y"), "a=b");
  for (const char* absent : {"", "lis", "true", "List"})
    EXPECT_EQ(target->parameter(absent), nullptr);
  EXPECT_EQ(Target::parse("/a?")->parameter("list"), nullptr);
  EXPECT_EQ(Target::parse("/a")->parameter("list"), nullptr);
}

TEST(Target, ParametersThatCouldMeanTwoThingsAreRefused) {
  for (const char* text : {"/a?list=true&list=1", "/a?x&x", "/a?list=%", "/a?list=%4"}) {
    EXPECT_FALSE(Target::parse(text)) << text;
  }
  std::string many = "/a?0";
  for (std::size_t i = 1; i < kMaxParameters; ++i) many += "&" + std::to_string(i);
  EXPECT_TRUE(Target::parse(many));
  EXPECT_FALSE(Target::parse(many + "&x"));
}

TEST(Target, DcosPathsHaveFewCharacters) {
  EXPECT_TRUE(is_dcos_path("folder/Sub_1-x"));
  for (const char* path : {"", "a.b", "a@b", "a b", "a%2Fb", "\xc3\xa4"})
    EXPECT_FALSE(is_dcos_path(path)) << path;
}

}  // namespace strongroomd::target_test
