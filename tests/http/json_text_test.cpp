#include "message/json_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "strongroom_abi.hpp"

namespace strongroomd::json_text_test {

// read_back reads the member of an object that was written, by the engine's strict reader.
std::string read_back(std::string_view json, const std::string& pointer) {
  return std::string(strongroom_abi::json_value(json, pointer).value.reveal());
}

TEST(JsonText, EveryByteSurvives) {
  std::string all;
  for (int i = 0; i < 0x80; ++i) all += static_cast<char>(i);
  all +=
      "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf";
  EXPECT_EQ(read_back(json_object("value", all).reveal(), "/value"), all);
  EXPECT_EQ(read_back("[" + json_string(all) + "]", "/0"), all);
}

TEST(JsonText, IsShort) {
  EXPECT_EQ(json_object("value", "very-secret").reveal(), R"({"value":"very-secret"})");
  EXPECT_EQ(json_object("value", "").reveal(), R"({"value":""})");
  EXPECT_EQ(json_string("a\n\t\"\\\x01/"), R"("a\n\t\"\\\u0001/")");
}

TEST(JsonText, WhatIsNoUtf8IsReplaced) {
  const std::string replaced = "\xef\xbf\xbd";
  for (const char* wrong : {"\x80", "\xc0", "\xc1", "\xf5", "\xff", "\xe2", "\xf0"})
    EXPECT_EQ(read_back("[" + json_string(wrong) + "]", "/0"), replaced) << wrong;
  // An overlong form, a surrogate, and a number over U+10FFFF: each byte is replaced.
  EXPECT_EQ(read_back("[" + json_string("\xe0\x80\x80") + "]", "/0"),
            replaced + replaced + replaced);
  EXPECT_EQ(read_back("[" + json_string("\xed\xa0\x80") + "]", "/0"),
            replaced + replaced + replaced);
  EXPECT_EQ(read_back("[" + json_string("\xf4\x90\x80\x80") + "]", "/0").size(), 12u);
  EXPECT_EQ(read_back("[" + json_string("a\xc3") + "]", "/0"), "a" + replaced);
}

}  // namespace strongroomd::json_text_test
