#include "api/negotiation.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "message/failure.hpp"

namespace strongroomd::negotiation_test {

constexpr auto kJsonForm = Form::json;
constexpr auto kBytesForm = Form::bytes;
constexpr std::optional<Form> kRefused = std::nullopt;

std::optional<Form> sent(std::string_view accept, bool is_text, unsigned num = 1) {
  Headers headers;
  headers.accept = accept;
  headers.num_accept = num;
  try {
    return form_to_send(headers, is_text);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), 400u);
    return std::nullopt;
  }
}

std::optional<Form> taken(std::string_view type, unsigned num = 1) {
  Headers headers;
  headers.content_type = type;
  headers.num_content_type = num;
  try {
    return form_of_body(headers);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), 400u);
    return std::nullopt;
  }
}

TEST(Negotiation, TheTableOfTheContract) {
  const struct {
    const char* accept;
    std::optional<Form> text;
    std::optional<Form> binary;
  } rows[] = {
      {"", kJsonForm, kBytesForm},
      {"*/*", kJsonForm, kBytesForm},
      {"application/json", kJsonForm, kRefused},
      {"application/octet-stream", kBytesForm, kBytesForm},
      {"text/plain", kRefused, kRefused},
      {"text/html", kRefused, kRefused},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(sent(row.accept, true), row.text) << row.accept;
    EXPECT_EQ(sent(row.accept, false), row.binary) << row.accept;
  }
  EXPECT_EQ(sent("", true, 0), kJsonForm);
}

TEST(Negotiation, AcceptHasRangesAndQualities) {
  // As browsers and HTTP libraries send it.
  EXPECT_EQ(sent("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            kJsonForm);
  EXPECT_EQ(sent("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            kBytesForm);
  EXPECT_EQ(sent("application/json, text/plain, */*", false), kBytesForm);
  EXPECT_EQ(sent("application/json;charset=utf-8", true), kJsonForm);
  EXPECT_EQ(sent(" APPLICATION/JSON ; q=0.5 ,\ttext/plain", true), kJsonForm);
  EXPECT_EQ(sent("application/*", false), kBytesForm);
  EXPECT_EQ(sent("application/octet-stream, application/json", true), kJsonForm);
  EXPECT_EQ(sent("application/octet-stream, application/json", false), kBytesForm);
  EXPECT_EQ(sent("*/*, application/json;q=0", true), kBytesForm);
  EXPECT_EQ(sent("application/octet-stream;q=0.000, */*", false), kRefused);
  EXPECT_EQ(sent("application/json;q=0.001", true), kJsonForm);
  EXPECT_EQ(sent(",,,", true), kRefused);
  EXPECT_EQ(sent("application/jsonx", true), kRefused);
  EXPECT_EQ(sent("application/json", true, 2), kRefused);
}

TEST(Negotiation, TheTypeOfABody) {
  EXPECT_EQ(taken("application/json"), kJsonForm);
  EXPECT_EQ(taken("application/json; charset=utf-8"), kJsonForm);
  EXPECT_EQ(taken("Application/Octet-Stream"), kBytesForm);
  EXPECT_EQ(taken("", 0), kJsonForm);
  EXPECT_EQ(taken("text/plain"), kRefused);
  EXPECT_EQ(taken("application/x-www-form-urlencoded"), kRefused);
  EXPECT_EQ(taken("application/json", 2), kRefused);
  EXPECT_EQ(taken("application/json,application/octet-stream"), kRefused);
}

}  // namespace strongroomd::negotiation_test
