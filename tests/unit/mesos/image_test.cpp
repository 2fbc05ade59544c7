// image_test.cpp: the JSON form of images, and which of them have a secret. The wire format is compared with
// protobuf in tests/conformance.
#include "strongroom/mesos/image.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "memory_scan.hpp"
#include "secret_text.hpp"

namespace strongroom::image_test {
namespace {

using namespace mesos;

using testing::in_memory;
using testing::Masked;
using testing::secret;
using testing::text;

Result<Image> from_json(std::string_view json) {
  return image_from_json(secret(json));
}

std::string fault(std::string_view json, Code code = Code::invalid) {
  const auto parsed = from_json(json);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, code) << json;
  return parsed.error().message;
}

std::string docker(const std::string& members) {
  return R"({"type":"DOCKER","docker":{)" + members + "}}";
}

TEST(Image, TheConfigIsTheFieldNamedConfig) {
  const std::string reference = R"({"type":"REFERENCE","reference":{"name":"/pull"}})";
  const auto right = from_json(docker(R"("name":"r.io/a","config":)" + reference));
  ASSERT_TRUE(right) << right.error().message;
  EXPECT_EQ(right->name, "r.io/a");
  EXPECT_EQ(right->config->reference->name, "/pull");
  // Mesos' documentation has it there, and Mesos ignores it there.
  const auto documented = from_json(docker(R"("name":"a","secret":)" + reference));
  ASSERT_TRUE(documented);
  EXPECT_FALSE(documented->config);
}

TEST(Image, DefaultsAreThoseOfMesos) {
  const Image image = from_json(docker(R"("name":"a")")).value();
  EXPECT_TRUE(image.cached);
  EXPECT_FALSE(image.config);
  EXPECT_FALSE(image.credential);
}

TEST(Image, CachedIsABooleanOrItsName) {
  const auto cached = [](const std::string& value) {
    return from_json(R"({"cached":)" + value + R"(,"type":"DOCKER","docker":{"name":"a"}})")
        .value()
        .cached;
  };
  EXPECT_TRUE(cached("true"));
  EXPECT_TRUE(cached("null"));
  EXPECT_TRUE(cached("\"true\""));
  EXPECT_FALSE(cached("false"));
  EXPECT_FALSE(cached("\"false\""));
  EXPECT_EQ(fault(R"({"cached":1})"), "Not expecting a JSON number for field 'cached'");
  EXPECT_EQ(fault(R"({"cached":"False"})"), "Failed to parse a JSON boolean for field 'cached'");
}

TEST(Image, JsonFaultsAreMesosWordsInMesosOrder) {
  EXPECT_EQ(fault("[]"), "Expecting a JSON object");
  EXPECT_EQ(fault("{}"), "Missing required fields: type");
  EXPECT_EQ(fault(R"({"type":"Docker"})"), "Failed to find enum for field 'type'");
  EXPECT_EQ(fault(R"({"type":2})"), "Not expecting a JSON number for field 'type'");
  EXPECT_EQ(fault(R"({"docker":{"config":{"value":{}},"credential":{}}})"),
            "Missing required fields: type, docker.name, docker.credential.principal, "
            "docker.config.value.data");
  EXPECT_EQ(fault(R"({"type":5,"docker":{"name":5,"config":5}})"),
            "Not expecting a JSON number for field 'config'");
  EXPECT_EQ(fault(R"({"type":"DOCKER","docker":"hunter2"})"),
            "Not expecting a JSON string for field 'docker'");
}

TEST(Image, OnlyADockerImageHasASecret) {
  EXPECT_EQ(fault(R"({"type":"APPC","appc":{"name":"a"}})", Code::unsupported),
            "the image is not of type DOCKER, so it has no secret");
  EXPECT_EQ(fault(R"({"type":"DOCKER"})"), "'docker' is not set for an image of type DOCKER");
}

TEST(Image, TheConfigIsValidated) {
  EXPECT_EQ(fault(docker(R"("name":"a","config":{"type":"VALUE"})")),
            "Secret of type VALUE must have the 'value' field set");
  EXPECT_EQ(fault(docker(R"("name":"a","config":{})")), "");
}

TEST(Image, JsonIsWrittenAsMesosWritesIt) {
  const auto written = [](std::string_view json) {
    return text(image_to_json(from_json(json).value()).value());
  };
  EXPECT_EQ(written(docker(R"("name":"a")")),
            R"({"cached":true,"docker":{"name":"a"},"type":"DOCKER"})");
  EXPECT_EQ(
      written(
          R"({"type":"DOCKER","docker":{"name":"a","credential":{"secret":"s","principal":"p"},)"
          R"("config":{"type":"VALUE","value":{"data":"e30"}}},"cached":false})"),
      R"({"cached":false,"docker":{"config":{"type":"VALUE","value":{"data":"e30="}},)"
      R"("credential":{"principal":"p","secret":"s"},"name":"a"},"type":"DOCKER"})");
}

TEST(Image, JsonHoldsNoTextThatIsNotUtf8) {
  Image image = from_json(docker(R"("name":"a","config":{"reference":{"name":"n"}})")).value();
  image.config->reference->name = "n\xFF";
  EXPECT_EQ(image_to_json(image).error().message, "the name or key of a reference was not UTF-8");
  image.name = "a\xFF";
  EXPECT_EQ(image_to_json(image).error().message, "the name of an image was not UTF-8");
}

TEST(Image, NothingOfAnImageStaysInMemory) {
  const Masked canary = Masked::random(40);
  {
    SecretBytes json = secret(docker(
        R"("name":"a","credential":{"principal":"p","secret":"****************************************"})"));
    canary.unmask_to(json.reveal_mutable().data() + json.reveal_text().find('*'));
    const Image image = image_from_json(std::move(json)).value();
    const SecretBytes wire = encode_image(image).value();
    const Image back = decode_image(wire.view()).value();
    EXPECT_TRUE(canary.matches(back.credential->secret->reveal().data()));
    EXPECT_TRUE(in_memory(canary));
  }
  EXPECT_FALSE(in_memory(canary));
}

}  // namespace
}  // namespace strongroom::image_test
