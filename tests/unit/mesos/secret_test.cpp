// secret_test.cpp: Mesos' rules and JSON form of secrets, and the choice of a key.
//
// Expected texts and outcomes come from Apache Mesos: slave_validation_tests.cpp, and stout's parser
// as it answered the same inputs.
#include "strongroom/mesos/secret.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "memory_scan.hpp"
#include "secret_text.hpp"
#include "strongroom/impl/crypto/base64.hpp"

namespace strongroom::secret_test {
namespace {

using namespace mesos;

using testing::in_memory;
using testing::Masked;
using testing::secret;
using testing::text;
using testing::view;

Secret of(Secret::Type type, std::optional<std::string_view> data,
          std::optional<std::string> name) {
  Secret made;
  made.type = type;
  if (data) made.value = Value{secret(*data)};
  if (name) made.reference = Reference{*name, std::nullopt};
  return made;
}

std::string fault(const Secret& secret) {
  const auto valid = validate(secret);
  if (valid) return "";
  EXPECT_EQ(valid.error().code, Code::invalid);
  return valid.error().message;
}

std::string json_fault(std::string_view json) {
  const auto parsed = secret_from_json(secret(json));
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, Code::invalid);
  return parsed.error().message;
}

Secret from_json(std::string_view json) {
  return secret_from_json(secret(json)).value();
}

std::string value_json(std::string_view base64) {
  return R"({"type":"VALUE","value":{"data":")" + std::string(base64) + "\"}}";
}

std::string decoded(std::string_view base64) {
  return text(from_json(value_json(base64)).value->data);
}

TEST(Secret, ValueNeedsAValueAndNothingElse) {
  using enum Secret::Type;
  EXPECT_EQ(fault(of(value, {}, {})), "Secret of type VALUE must have the 'value' field set");
  EXPECT_EQ(fault(of(value, "x", "n")),
            "Secret of type VALUE must not have the 'reference' field set");
  EXPECT_EQ(fault(of(value, "x", {})), "");
}

TEST(Secret, ReferenceNeedsAReferenceAndNothingElse) {
  using enum Secret::Type;
  EXPECT_EQ(fault(of(reference, {}, {})),
            "Secret of type REFERENCE must have the 'reference' field set");
  EXPECT_EQ(fault(of(reference, "x", "SECRET_NAME")),
            "Secret 'SECRET_NAME' of type REFERENCE must not have the 'value' field set");
  EXPECT_EQ(fault(of(reference, {}, "SECRET_NAME")), "");
}

TEST(Secret, WhatIsMissingIsToldBeforeWhatIsTooMuch) {
  using enum Secret::Type;
  EXPECT_EQ(fault(of(value, {}, "n")), "Secret of type VALUE must have the 'value' field set");
  EXPECT_EQ(fault(of(reference, "x", {})),
            "Secret of type REFERENCE must have the 'reference' field set");
}

TEST(Secret, UnknownTypePassesWhateverIsSet) {
  using enum Secret::Type;
  EXPECT_EQ(fault(Secret{}), "");
  EXPECT_EQ(fault(of(unknown, "x", "n")), "");
  EXPECT_EQ(fault(of(unknown, "x", {})), "");
}

TEST(Secret, NamesKeysAndBytesAreNotLookedAt) {
  using enum Secret::Type;
  EXPECT_EQ(fault(of(reference, {}, "")), "");
  EXPECT_EQ(fault(of(reference, {}, std::string("a\0//b", 5))), "");
  EXPECT_EQ(fault(of(value, std::string_view("a\0b", 3), {})), "");
  EXPECT_EQ(fault(of(value, "", {})), "");
}

TEST(Secret, JsonReferenceIsRead) {
  const Secret parsed =
      from_json(R"({"type":"REFERENCE","reference":{"name":"/my/secret","key":"username"}})");
  EXPECT_EQ(parsed.type, Secret::Type::reference);
  EXPECT_EQ(parsed.reference->name, "/my/secret");
  EXPECT_EQ(parsed.reference->key, "username");
  EXPECT_FALSE(parsed.value);
}

TEST(Secret, JsonKeepsAnEmptyKeyApartFromNone) {
  EXPECT_EQ(from_json(R"({"reference":{"name":"n","key":""}})").reference->key, "");
  EXPECT_FALSE(from_json(R"({"reference":{"name":"n"}})").reference->key);
  EXPECT_FALSE(from_json(R"({"reference":{"name":"n","key":null}})").reference->key);
}

TEST(Secret, JsonBase64IsLenient) {
  EXPECT_EQ(decoded("cGFzc3dvcmQ="), "password");
  EXPECT_EQ(decoded("cGFzc3dvcmQ"), "password");
  EXPECT_EQ(decoded(R"( cGFz c3dv\ncm\tQ=\r)"), "password");
  EXPECT_EQ(decoded("cGFzc3dvcmQ=!!_ anything"), "password");
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("="), "");
  EXPECT_EQ(decoded("A"), "");
  EXPECT_EQ(decoded("AAAAA"), std::string(3, '\0'));
  EXPECT_EQ(decoded("QQ"), "A");
  EXPECT_EQ(decoded("QUI"), "AB");
  EXPECT_EQ(decoded("QR"), "A");  // leftover bits are dropped
  EXPECT_EQ(decoded("\\u0063GFzc3dvcmQ"), "password");
}

TEST(Secret, JsonBase64NamesTheOneBadCharacter) {
  const std::string prefix = "Failed to base64 decode bytes field 'data': Invalid character '";
  EXPECT_EQ(json_fault(value_json("cGFz_c3dv")), prefix + "_'");
  EXPECT_EQ(json_fault(value_json("!!")), prefix + "!'");
  EXPECT_EQ(json_fault(value_json("cGFz-c3dv")), prefix + "-'");
  EXPECT_EQ(json_fault(value_json("\\u0000")), prefix + "\\x00'");
  EXPECT_EQ(json_fault(value_json("\xC3\xA9")), prefix + "\\xC3'");
  EXPECT_EQ(json_fault(value_json("\x7F")), prefix + "\\x7F'");
}

TEST(Secret, JsonTypesOfUnknownNameAreDropped) {
  for (const char* type : {"\"value\"", "\"NOPE\"", "null", "\"UNKNOWN\"", "\"\""}) {
    const Secret parsed =
        from_json(std::string(R"({"value":{"data":"QQ=="},"type":)") + type + "}");
    EXPECT_EQ(parsed.type, Secret::Type::unknown) << type;
    EXPECT_EQ(text(parsed.value->data), "A") << type;
  }
}

TEST(Secret, JsonMissingRequiredFieldsAreNamed) {
  EXPECT_EQ(json_fault(R"({"value":{}})"), "Missing required fields: value.data");
  EXPECT_EQ(json_fault(R"({"value":{"data":null}})"), "Missing required fields: value.data");
  EXPECT_EQ(json_fault(R"({"reference":{"key":"k"}})"), "Missing required fields: reference.name");
  EXPECT_EQ(json_fault(R"({"value":{},"reference":{}})"),
            "Missing required fields: reference.name, value.data");
  EXPECT_EQ(json_fault(R"({"value":null,"reference":null})"), "");
  EXPECT_EQ(json_fault("{}"), "");
}

TEST(Secret, JsonOfAnotherKindIsRefused) {
  EXPECT_EQ(json_fault(R"({"reference":{"name":5}})"),
            "Not expecting a JSON number for field 'name'");
  EXPECT_EQ(json_fault(R"({"reference":"x"})"),
            "Not expecting a JSON string for field 'reference'");
  EXPECT_EQ(json_fault(R"({"type":1})"), "Not expecting a JSON number for field 'type'");
  EXPECT_EQ(json_fault(R"({"type":{}})"), "Not expecting a JSON object for field 'type'");
  EXPECT_EQ(json_fault(R"({"value":[]})"), "Not expecting a JSON array for field 'value'");
  EXPECT_EQ(json_fault(R"({"value":{"data":true}})"),
            "Not expecting a JSON boolean for field 'data'");
  EXPECT_EQ(json_fault("[]"), "Expecting a JSON object");
  EXPECT_EQ(json_fault("\"x\""), "Expecting a JSON object");
}

TEST(Secret, JsonUnknownMembersAreIgnored) {
  const Secret parsed = from_json(R"({"extra":[{"a":1}],"value":{"data":"QQ==","x":5},"Type":1})");
  EXPECT_EQ(text(parsed.value->data), "A");
}

TEST(Secret, JsonFaultsAreToldInMesosOrder) {
  // Members are read in alphabetical order, and what is missing comes last.
  EXPECT_EQ(json_fault(R"({"value":5,"type":5,"reference":{"name":5,"key":5}})"),
            "Not expecting a JSON number for field 'key'");
  EXPECT_EQ(json_fault(R"({"value":5,"type":5,"reference":{}})"),
            "Not expecting a JSON number for field 'type'");
}

TEST(Secret, JsonErrorsQuoteNothing) {
  for (const char* json :
       {R"({"type":"VALUE","value":{"data":"hunter2"},"value":{}})", R"({"value":"hunter2"})",
        R"({"value":{"data":["hunter2"]}})", R"({"value":{"data":"hunter2_"}})", "hunter2"}) {
    const std::string message = json_fault(json);
    EXPECT_NE(message, "") << json;
    EXPECT_EQ(message.find("hunter"), std::string::npos) << json;
  }
}

TEST(Secret, JsonIsWrittenAsMesosWritesIt) {
  using enum Secret::Type;
  EXPECT_EQ(text(secret_to_json(of(value, "password", {})).value()),
            R"({"type":"VALUE","value":{"data":"cGFzc3dvcmQ="}})");
  Secret both = of(reference, {}, "/my/secret");
  EXPECT_EQ(text(secret_to_json(both).value()),
            R"({"reference":{"name":"/my/secret"},"type":"REFERENCE"})");
  both.reference->key = "";
  both.value = Value{secret("A")};
  EXPECT_EQ(
      text(secret_to_json(both).value()),
      R"({"reference":{"key":"","name":"/my/secret"},"type":"REFERENCE","value":{"data":"QQ=="}})");
  EXPECT_EQ(text(secret_to_json(Secret{}).value()), "{}");
  EXPECT_EQ(text(secret_to_json(of(unknown, "", {})).value()), R"({"value":{"data":""}})");
}

TEST(Secret, JsonIsEscaped) {
  const Secret odd =
      of(Secret::Type::unknown, {}, std::string("\"\\\b\f\n\r\t\0\x1f/\x7f\xC3\xA9", 13));
  EXPECT_EQ(text(secret_to_json(odd).value()),
            "{\"reference\":{\"name\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001F/\x7f\xC3\xA9\"}}");
}

TEST(Secret, JsonHoldsNoNameThatIsNotUtf8) {
  const auto json = secret_to_json(of(Secret::Type::reference, {}, "a\xFF"));
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::invalid);
}

TEST(Secret, JsonCarriesEveryByteThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::size_t len : {0u, 1u, 2u, 3u, 4u, 255u, 256u}) {
    auto json =
        secret_to_json(of(Secret::Type::value, bytes.substr(0, len), std::string(bytes, 0, 128)));
    ASSERT_TRUE(json);
    const Secret back = secret_from_json(std::move(json).value()).value();
    EXPECT_EQ(text(back.value->data), bytes.substr(0, len));
    EXPECT_EQ(back.reference->name, bytes.substr(0, 128));
    EXPECT_EQ(back.type, Secret::Type::value);
  }
}

TEST(Secret, JsonHoldsASecretOfAMebibyte) {
  auto json = secret_to_json(of(Secret::Type::value, std::string(1 << 20, 'x'), {}));
  ASSERT_TRUE(json);
  const auto back = secret_from_json(std::move(json).value());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->value->data.size(), std::size_t{1} << 20);
}

TEST(Secret, JsonOverTheLimitIsTooLarge) {
  const auto over = secret_from_json(secret("{}    "), 5);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
}

TEST(Base64, EveryCharacterMapsAsTheAlphabetSays) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0; c < 256; ++c) {
    const std::size_t at = alphabet.find(static_cast<char>(c));
    const int wanted = at == std::string::npos ? -1 : static_cast<int>(at);
    EXPECT_EQ(base64_sextet(static_cast<std::uint8_t>(c)), wanted) << c;
  }
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(base64_character(i), alphabet[static_cast<std::size_t>(i)]);
}

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    std::string out(base64_encoded_len(std::string_view(plain).size()), '?');
    base64_encode(view(plain), reinterpret_cast<std::uint8_t*>(out.data()));
    EXPECT_EQ(out, encoded);
    EXPECT_EQ(text(base64_decode(view(encoded)).value()), plain);
  }
}

Result<SecretBytes> select(std::string_view content, const std::string& key) {
  return select_key(secret(content), key, "/my/secret");
}

void expect_refusal(std::string_view content, const std::string& key, Code code,
                    const std::string& message) {
  const auto selected = select(content, key);
  ASSERT_FALSE(selected) << content;
  EXPECT_EQ(selected.error().code, code) << content;
  EXPECT_EQ(selected.error().message, message);
}

TEST(SelectKey, AStringMemberGivesItsBytes) {
  constexpr std::string_view kSecret = R"({"username": "my-user", "password": "my-password"})";
  EXPECT_EQ(text(select(kSecret, "username").value()), "my-user");
  EXPECT_EQ(text(select(kSecret, "password").value()), "my-password");
  EXPECT_EQ(text(select(R"({"k":"\u00e9\n\u0000."})", "k").value()),
            std::string("\xC3\xA9\n\0.", 5));
  EXPECT_EQ(text(select(R"({"":"x","k":""})", "").value()), "x");
  EXPECT_EQ(text(select(R"({"":"x","k":""})", "k").value()), "");
}

TEST(SelectKey, AMissingMemberIsNotFound) {
  const std::string message = "the secret '/my/secret' had no key 'k'";
  expect_refusal("{}", "k", Code::not_found, message);
  expect_refusal(R"({"K":"x","a":{"k":"x"}})", "k", Code::not_found, message);
  expect_refusal(R"({"k":"x"})", "", Code::not_found, "the secret '/my/secret' had no key ''");
}

TEST(SelectKey, AMemberOfAnotherKindIsInvalid) {
  for (const char* other : {"1", "null", "true", "{}", "[\"x\"]"}) {
    expect_refusal(std::string("{\"k\":") + other + "}", "k", Code::invalid,
                   "the key 'k' of the secret '/my/secret' was no string");
  }
}

TEST(SelectKey, ASecretThatIsNoJsonObjectIsInvalid) {
  for (const std::string_view content :
       {std::string_view("hunter2"), std::string_view(""), std::string_view("[\"k\"]"),
        std::string_view("\"k\""), std::string_view("null"), std::string_view("{\"k\":\"x\"} x"),
        std::string_view("{\"k\":\"x\"}\0", 10), std::string_view("{\"k\":\"\xFF\"}"),
        std::string_view("\xEF\xBB\xBF{\"k\":\"x\"}"), std::string_view(R"({"k":"x","k":"y"})")}) {
    expect_refusal(content, "k", Code::invalid,
                   "the secret '/my/secret' was no JSON object, so it had no key 'k'");
  }
}

TEST(SelectKey, ASecretOfAnySizeThatTheStoreKeepsIsRead) {
  const std::string large = R"({"k":"x","filler":")" + std::string((2 << 20) - 100, '.') + "\"}";
  const auto selected = select(large, "k");
  ASSERT_TRUE(selected) << selected.error().message;
  EXPECT_EQ(text(*selected), "x");
}

TEST(Secret, NothingOfASecretStaysInMemory) {
  const Masked canary = Masked::random(30);
  const Masked encoded = [&] {
    SecretBytes plain = SecretBytes::for_value(canary.size()).value();
    canary.unmask_to(plain.reveal_mutable().data());
    SecretBytes base64 = SecretBytes::for_value(base64_encoded_len(canary.size())).value();
    base64_encode(plain.view(), base64.reveal_mutable().data());
    return Masked(base64.view());
  }();
  {
    SecretBytes json = secret(value_json(std::string(encoded.size(), '*')));
    encoded.unmask_to(json.reveal_mutable().data() + json.reveal_text().find('*'));
    EXPECT_TRUE(in_memory(encoded));
    const Secret parsed = secret_from_json(std::move(json)).value();
    EXPECT_TRUE(in_memory(canary));
    const SecretBytes wire = encode_secret(parsed).value();
    const Secret back = decode_secret(wire.view()).value();
    const SecretBytes again = secret_to_json(back).value();
    SecretBytes object = secret(R"({"a":"******************************"})");
    canary.unmask_to(object.reveal_mutable().data() + 6);
    const SecretBytes selected = select_key(std::move(object), "a", "n").value();
    EXPECT_TRUE(in_memory(encoded));
    EXPECT_TRUE(canary.matches(selected.reveal().data()));
  }
  EXPECT_FALSE(in_memory(encoded));
  EXPECT_FALSE(in_memory(canary));
}

}  // namespace
}  // namespace strongroom::secret_test
