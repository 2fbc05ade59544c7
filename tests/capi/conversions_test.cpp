// conversions_test.cpp: Mesos' messages, bytes in and bytes out: checked, converted, and resolved in both forms. What
// is right in each form is tested with the engine (tests/unit/mesos, tests/conformance).
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::conversions_test {
namespace {

using strongroom_abi::convert_message;
using strongroom_abi::validate_message;

constexpr std::uint32_t kJson = STRONGROOM_FORMAT_JSON;
constexpr std::uint32_t kWire = STRONGROOM_FORMAT_WIRE;

// Messages as Mesos writes them.
struct Written {
  std::uint32_t kind;
  std::string_view json;
  std::string_view wire;
};
using namespace std::string_view_literals;
constexpr Written kWritten[] = {
    {STRONGROOM_MESSAGE_SECRET, R"({"type":"VALUE","value":{"data":"AP8="}})",
     "\x08\x02\x1a\x04\x0a\x02\x00\xff"sv},
    {STRONGROOM_MESSAGE_ENVIRONMENT,
     R"({"variables":[{"name":"E","secret":{"reference":{"name":"a"},"type":"REFERENCE"},)"
     R"("type":"SECRET"},{"name":"F","type":"VALUE","value":"x"}]})",
     "\x0a\x0e\x0a\x01"
     "E\x18\x02\x22\x07\x08\x01\x12\x03\x0a\x01"
     "a\x0a\x06\x0a\x01"
     "F\x12\x01x"sv},
    {STRONGROOM_MESSAGE_VOLUMES,
     R"({"volumes":[{"container_path":"p","mode":"RO","source":{"secret":)"
     R"({"reference":{"name":"a"},"type":"REFERENCE"},"type":"SECRET"}}]})",
     "\x12\x12\x0a\x01p\x18\x02\x2a\x0b\x08\x03\x22\x07\x08\x01\x12\x03\x0a\x01"
     "a"sv},
    {STRONGROOM_MESSAGE_IMAGE,
     R"({"cached":true,"docker":{"config":{"reference":{"name":"a"},"type":"REFERENCE"},)"
     R"("name":"r.io/i"},"type":"DOCKER"})",
     "\x08\x02\x1a\x11\x0a\x06r.io/i\x1a\x07\x08\x01\x12\x03\x0a\x01"
     "a"sv},
};

TEST(Conversions, EveryKindIsWrittenInBothForms) {
  for (const Written& each : kWritten) {
    EXPECT_EQ(convert_message(each.kind, kJson, each.json, kWire).reveal(), each.wire) << each.kind;
    EXPECT_EQ(convert_message(each.kind, kWire, each.wire, kJson).reveal(), each.json);
    EXPECT_EQ(convert_message(each.kind, kJson, each.json, kJson).reveal(), each.json);
    EXPECT_EQ(convert_message(each.kind, kWire, each.wire, kWire).reveal(), each.wire);
    validate_message(each.kind, kJson, each.json);
    validate_message(each.kind, kWire, each.wire);
  }
}

std::string fault(std::uint32_t kind, std::uint32_t format, std::string_view message,
                  strongroom_status wanted = STRONGROOM_INVALID) {
  const auto why = [&](auto call) -> std::string {
    try {
      call();
    } catch (const strongroom_abi::Error& error) {
      EXPECT_EQ(error.status(), wanted) << message;
      return error.what();
    }
    return "";
  };
  const std::string text = why([&] { validate_message(kind, format, message); });
  EXPECT_EQ(why([&] { convert_message(kind, format, message, kJson); }), text);
  return text;
}

TEST(Conversions, NoMessageIsWrittenThatMesosRefuses) {
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_SECRET, kWire, "\x08\x02"),
            "Secret of type VALUE must have the 'value' field set");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_SECRET, kJson, R"({"value":{}})"),
            "Missing required fields: value.data");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_SECRET, kJson, R"({"type":1})"),
            "Not expecting a JSON number for field 'type'");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_ENVIRONMENT, kJson, R"({"variables":[{"name":"A"}]})"),
            "Environment variable 'A' of type 'VALUE' must have a value set");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_VOLUMES, kWire, "\x12\x07\x0a\x01p\x18\x02\x2a\x00"sv),
            "'source.type' is unknown");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_VOLUMES, kWire, "\x12\x08\x0a\x01p\x18\x02\x12\x01/",
                  STRONGROOM_UNSUPPORTED),
            "the volume 'p' was no secret volume");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_IMAGE, kWire, "\x08\x01", STRONGROOM_UNSUPPORTED),
            "the image is not of type DOCKER, so it has no secret");
  EXPECT_EQ(fault(STRONGROOM_MESSAGE_IMAGE, kWire, "\x08"),
            "an Image message was cut short or malformed");
}

// The outcomes of Mesos' own tests (slave_validation_tests.cpp, common_validation_tests.cpp), and of its JSON parser as
// it answered these texts. "" is accepted.
TEST(Conversions, MesosTablesHold) {
  constexpr std::uint32_t kSecret = STRONGROOM_MESSAGE_SECRET;
  constexpr std::uint32_t kEnvironment = STRONGROOM_MESSAGE_ENVIRONMENT;
  constexpr std::uint32_t kVolumes = STRONGROOM_MESSAGE_VOLUMES;
  const std::string base64 = "Failed to base64 decode bytes field 'data': Invalid character ";
  const std::string key = "Environment variable 'ENV_VAR_KEY' ";
  const auto variable = [](const std::string& rest) {
    return R"({"variables":[{"name":"ENV_VAR_KEY")" + rest + "}]}";
  };
  const struct {
    std::uint32_t kind;
    std::string json;
    std::string fault;
  } kRows[] = {
      {kSecret, R"({"type":"VALUE"})", "Secret of type VALUE must have the 'value' field set"},
      {kSecret, R"({"type":"VALUE","value":{"data":"eA=="},"reference":{"name":"n"}})",
       "Secret of type VALUE must not have the 'reference' field set"},
      {kSecret, R"({"type":"VALUE","reference":{"name":"n"}})",
       "Secret of type VALUE must have the 'value' field set"},
      {kSecret, R"({"type":"VALUE","value":{"data":"eA=="}})", ""},
      {kSecret, R"({"type":"REFERENCE"})",
       "Secret of type REFERENCE must have the 'reference' field set"},
      {kSecret, R"({"type":"REFERENCE","reference":{"name":"SECRET_NAME"},"value":{"data":""}})",
       "Secret 'SECRET_NAME' of type REFERENCE must not have the 'value' field set"},
      {kSecret, R"({"type":"REFERENCE","reference":{"name":"SECRET_NAME"}})", ""},
      {kSecret, R"({"reference":{"name":"n"},"value":{"data":""}})", ""},
      {kSecret, R"({"type":"VALUE","value":{"data":"cGFzc3dvcmQ="}})", ""},
      {kSecret, R"({"type":"VALUE","value":{"data":"cGFzc3dvcmQ"}})", ""},
      {kSecret, R"({"type":"VALUE","value":{"data":"cGFz c3dv\ncmQ="}})", ""},
      {kSecret, R"({"type":"VALUE","value":{"data":"cGFz_c3dv"}})", base64 + "'_'"},
      {kSecret, R"({"type":"VALUE","value":{"data":"!!"}})", base64 + "'!'"},
      {kSecret, R"({"type":"value","value":{"data":"eA=="}})", ""},
      {kSecret, R"({"type":"NOPE"})", ""},
      {kSecret, R"({"type":null})", ""},
      {kSecret, R"({"type":2})", "Not expecting a JSON number for field 'type'"},
      {kSecret, R"({"value":{}})", "Missing required fields: value.data"},
      {kSecret, R"({"reference":{"name":5}})", "Not expecting a JSON number for field 'name'"},
      {kSecret, R"({"reference":"x"})", "Not expecting a JSON string for field 'reference'"},
      {kSecret, R"({"extra":{"name":5}})", ""},

      {kEnvironment, variable(R"(,"type":"SECRET")"),
       key + "of type 'SECRET' must have a secret set"},
      {kEnvironment, variable(R"(,"type":"SECRET","secret":{},"value":"x")"),
       key + "of type 'SECRET' must not have a value set"},
      {kEnvironment,
       variable(R"(,"type":"SECRET","secret":{"type":"VALUE","value":{"data":"YWIAY2Q="}})"),
       key + "specifies a secret containing null bytes, which is not allowed in the environment"},
      {kEnvironment,
       variable(R"(,"type":"SECRET","secret":{"type":"VALUE","reference":{"name":"n"}})"),
       key + "specifies an invalid secret: Secret of type VALUE must have the 'value' field set"},
      {kEnvironment,
       variable(R"(,"type":"SECRET","secret":{"type":"VALUE","value":{"data":"eA=="}})"), ""},
      {kEnvironment, variable(R"(,"type":"SECRET","secret":{})"), ""},
      {kEnvironment, variable(""), key + "of type 'VALUE' must have a value set"},
      {kEnvironment, variable(R"(,"value":"x","secret":{})"),
       key + "of type 'VALUE' must not have a secret set"},
      {kEnvironment, variable(R"(,"value":"x")"), ""},
      {kEnvironment, variable(R"(,"type":"UNKNOWN","value":"x")"),
       "Environment variable of type 'UNKNOWN' is not allowed"},
      {kEnvironment, variable(R"(,"type":"NOPE","value":"x")"), ""},
      {kEnvironment, variable(R"(,"type":"NOPE","secret":{})"),
       key + "of type 'VALUE' must have a value set"},
      {kEnvironment,
       R"({"variables":[{"name":"","value":""},{"name":"A=B","value":""},{"name":"","value":""}]})",
       ""},

      {kVolumes, R"({"container_path":"p","mode":"RO","source":{"type":"SECRET"}})",
       "'source.secret' is not set for SECRET volume"},
      {kVolumes, R"({"container_path":"p","mode":"RO","host_path":"h","image":{"type":"DOCKER"}})",
       "Only one of them should be set: 'host_path', 'image' and 'source'"},
      {kVolumes, R"({"container_path":"p","mode":"RO"})",
       "Only one of them should be set: 'host_path', 'image' and 'source'"},
      {kVolumes, R"({"container_path":"p","mode":"RO","source":{}})", "'source.type' is unknown"},
  };
  for (const auto& [kind, json, wanted] : kRows)
    EXPECT_EQ(fault(kind, kJson, json), wanted) << json;
}

TEST(Conversions, JsonHoldsNoNameThatIsNotUtf8) {
  const std::string_view odd = "\x12\x03\x0a\x01\xff";
  validate_message(STRONGROOM_MESSAGE_SECRET, kWire, odd);
  EXPECT_EQ(convert_message(STRONGROOM_MESSAGE_SECRET, kWire, odd, kWire).reveal(), odd);
  EXPECT_EQ(status_of([&] { convert_message(STRONGROOM_MESSAGE_SECRET, kWire, odd, kJson); }),
            STRONGROOM_INVALID);
}

TEST(Conversions, MessagesHaveLimits) {
  for (const Written& each : kWritten) {
    EXPECT_NE(fault(each.kind, kJson, std::string(1'572'865, ' '), STRONGROOM_TOO_LARGE), "");
    EXPECT_NE(fault(each.kind, kWire, std::string(67'174'401, '\xff'), STRONGROOM_TOO_LARGE), "");
    EXPECT_NE(fault(each.kind, kWire, std::string(67'174'400, '\xff'), STRONGROOM_INVALID), "");
  }
}

TEST(Conversions, EnvironmentsAndVolumesResolveInBothForms) {
  Fresh fresh("memory:");
  fresh.session.put("a", STRONGROOM_CONTENT_TEXT, "stored");
  for (const std::uint32_t format : {kJson, kWire}) {
    const auto written = [&](const Written& each) {
      return format == kJson ? each.json : each.wire;
    };
    const auto environment = fresh.session.resolve_environment(format, written(kWritten[1]));
    ASSERT_EQ(environment.size(), 2u);
    EXPECT_STREQ(environment.name(0), "E");
    EXPECT_EQ(environment.reveal_value(0), "stored");
    EXPECT_EQ(environment.reveal_value(1), "x");
    const auto volumes = fresh.session.resolve_volumes(format, written(kWritten[2]));
    ASSERT_EQ(volumes.size(), 1u);
    EXPECT_STREQ(volumes.path(0), "p");
    EXPECT_TRUE(volumes.read_only(0));
    EXPECT_EQ(volumes.reveal_value(0), "stored");
  }
  EXPECT_EQ(status_of([&] { fresh.session.resolve_environment(kWire, "\x0a\x00"sv); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh.session.resolve_volumes(kWire, "\x12\x00"sv); }),
            STRONGROOM_INVALID);
}

}  // namespace
}  // namespace capi_test::conversions_test
