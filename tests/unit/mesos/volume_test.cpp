// volume_test.cpp: Mesos' rules for secret volumes, and the container paths that it does not check.
#include "strongroom/mesos/volume.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "secret_text.hpp"

namespace strongroom::volume_test {
namespace {

using namespace mesos;

using testing::secret;
using testing::text;

constexpr std::string_view kSource =
    R"({"type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":"/my/secret"}}})";

std::string volume(const std::string& path, const std::string& rest = "\"mode\":\"RW\"") {
  return R"({"container_path":")" + path + "\"," + rest + R"(,"source":)" + std::string(kSource) +
         "}";
}

std::string with_source(const std::string& source) {
  return R"({"container_path":"p","mode":"RO","source":)" + source + "}";
}

Result<std::vector<Volume>> from_json(std::string_view json) {
  return volumes_from_json(secret(json));
}

std::string fault(std::string_view json, Code code = Code::invalid) {
  const auto parsed = from_json(json);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, code) << json;
  return parsed.error().message;
}

// accepted tells whether volumes of these paths pass together.
bool accepted(const std::vector<std::string>& paths) {
  std::string list;
  for (const std::string& path : paths) list += (list.empty() ? "" : ",") + volume(path);
  return fault("[" + list + "]").empty();
}

TEST(Volume, MesosExampleIsRead) {
  const auto parsed = from_json(
      R"({"mode":"RW","container_path":"path/to/secret/file","source":{"type":"SECRET","secret":)"
      R"({"type":"REFERENCE","reference":{"name":"/my/secret","key":"username"}}}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 1u);
  EXPECT_EQ(parsed->front().container_path, "path/to/secret/file");
  EXPECT_EQ(parsed->front().mode, Volume::Mode::read_write);
  EXPECT_EQ(parsed->front().secret.reference->name, "/my/secret");
  EXPECT_EQ(parsed->front().secret.reference->key, "username");
}

TEST(Volume, AListIsReadInThreeForms) {
  const std::string two = volume("a") + "," + volume("b", "\"mode\":\"RO\"");
  for (const std::string& json : {"[" + two + "]", "{\"volumes\":[" + two + "]}",
                                  "{\"type\":\"MESOS\",\"volumes\":[null," + two + "]}"}) {
    const auto parsed = from_json(json);
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_EQ(parsed->size(), 2u);
    EXPECT_EQ(parsed->back().container_path, "b");
    EXPECT_EQ(parsed->back().mode, Volume::Mode::read_only);
  }
  EXPECT_EQ(fault("[]"), "");
  EXPECT_EQ(fault("{\"volumes\":null}"), "");
  EXPECT_EQ(fault("{\"volumes\":" + volume("a") + "}"), "");
}

TEST(Volume, InlineSecretIsRead) {
  const auto parsed = from_json(
      with_source(R"({"type":"SECRET","secret":{"type":"VALUE","value":{"data":"AAE="}}})"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(text(parsed->front().secret.value->data), std::string("\0\1", 2));
}

TEST(Volume, MesosRulesHoldInMesosWords) {
  for (const char* unknown :
       {"{}", R"({"type":"UNKNOWN"})", R"({"type":"secret","secret":{}})", R"({"type":null})"}) {
    EXPECT_EQ(fault(with_source(unknown)), "'source.type' is unknown") << unknown;
  }
  const std::string one = "Only one of them should be set: 'host_path', 'image' and 'source'";
  EXPECT_EQ(fault(volume("p", R"("mode":"RO","host_path":"/x")")), one);
  EXPECT_EQ(fault(volume("p", R"("mode":"RO","image":{"type":"APPC"})")), one);
  EXPECT_EQ(fault(R"({"container_path":"p","mode":"RO","host_path":"x","image":{"type":"APPC"}})"),
            one);
  EXPECT_EQ(fault(R"({"container_path":"p","mode":"RO"})"), one);
  EXPECT_EQ(fault(with_source(R"({"type":"SECRET","secret":{"type":"VALUE"}})")),
            "Invalid secret specified in volume: Secret of type VALUE must have the 'value' field "
            "set");
  EXPECT_EQ(fault(with_source(R"({"type":"SECRET","secret":{"type":"REFERENCE",)"
                              R"("reference":{"name":"n"},"value":{"data":""}}})")),
            "Invalid secret specified in volume: Secret 'n' of type REFERENCE must not have the "
            "'value' field set");
}

// Mesos looks at the fields only for the volume's own type.
TEST(Volume, ASourceNeedsTheFieldOfItsType) {
  const struct {
    const char* source;
    const char* message;
  } kCases[] = {
      {R"({"type":"SECRET"})", "'source.secret' is not set for SECRET volume"},
      {R"({"type":"SECRET","secret":null,"host_path":{}})",
       "'source.secret' is not set for SECRET volume"},
      {R"({"type":"DOCKER_VOLUME","secret":{}})",
       "'source.docker_volume' is not set for DOCKER_VOLUME volume"},
      {R"({"type":"HOST_PATH"})", "'source.host_path' is not set for HOST_PATH volume"},
      {R"({"type":"SANDBOX_PATH"})", "'source.sandbox_path' is not set for SANDBOX_PATH volume"},
      {R"({"type":"CSI_VOLUME"})", "'source.csi_volume' is not set for CSI volume"},
      {R"({"type":"CSI_VOLUME","csi_volume":{}})",
       "'source.csi_volume.static_provisioning' is not set for CSI volume"},
  };
  for (const auto& [source, message] : kCases) {
    EXPECT_EQ(fault(with_source(source)), message) << source;
  }
}

TEST(Volume, JsonFaultsAreMesosWords) {
  EXPECT_EQ(fault("{}"), "Missing required fields: mode, container_path");
  EXPECT_EQ(fault("[" + volume("a") +
                  R"(,{"mode":"RO","source":{"type":"SECRET","secret":{"value":{}}}}])"),
            "Missing required fields: volumes[1].container_path, "
            "volumes[1].source.secret.value.data");
  EXPECT_EQ(fault(R"({"image":{"docker":{"config":{"reference":{}},"credential":{}}}})"),
            "Missing required fields: mode, container_path, image.type, image.docker.name, "
            "image.docker.credential.principal, image.docker.config.reference.name");
  EXPECT_EQ(fault(volume("a", R"("mode":"RO","image":5)")),
            "Not expecting a JSON number for field 'image'");
  EXPECT_EQ(fault(with_source(R"({"csi_volume":[],"docker_volume":5,"type":5})")),
            "Not expecting a JSON array for field 'csi_volume'");
  EXPECT_EQ(fault(with_source(R"({"type":3})")), "Not expecting a JSON number for field 'type'");
  EXPECT_EQ(fault("5"), "Expecting a JSON object");
  EXPECT_EQ(fault("[5]"), "Not expecting a JSON number for field 'volumes'");
  EXPECT_EQ(fault("{\"volumes\":\"x\"}"), "Not expecting a JSON string for field 'volumes'");
  EXPECT_EQ(fault(volume("a", "\"mode\":1")), "Not expecting a JSON number for field 'mode'");
  EXPECT_EQ(fault(volume("a", "\"mode\":\"rw\"")), "Failed to find enum for field 'mode'");
}

TEST(Volume, VolumesOfOtherKindsAreUnsupported) {
  const std::string message = "the volume 'p' was no secret volume";
  for (const char* other :
       {R"("type":"DOCKER_VOLUME","docker_volume":{})", R"("type":"HOST_PATH","host_path":{})",
        R"("type":"SANDBOX_PATH","sandbox_path":{})",
        R"("type":"CSI_VOLUME","csi_volume":{"static_provisioning":{}})"}) {
    EXPECT_EQ(fault(with_source("{" + std::string(other) + "}"), Code::unsupported), message);
  }
  EXPECT_EQ(fault(R"({"container_path":"p","mode":"RO","host_path":"/x"})", Code::unsupported),
            message);
  EXPECT_EQ(
      fault(R"({"container_path":"p","mode":"RO","image":{"type":"DOCKER"}})", Code::unsupported),
      message);
}

TEST(Volume, JsonIsWrittenAsMesosWritesIt) {
  const auto written = [](std::string_view json) {
    return text(volumes_to_json(from_json(json).value()).value());
  };
  EXPECT_EQ(written("[]"), R"({"volumes":[]})");
  const std::string secret_volume =
      R"({"container_path":"a\"b","mode":"RW","source":{"secret":)"
      R"({"reference":{"name":"/my/secret"},"type":"REFERENCE"},"type":"SECRET"}})";
  EXPECT_EQ(written("[" + volume("a\\\"b") + "," + volume("c", "\"mode\":\"RO\"") + "]"),
            "{\"volumes\":[" + secret_volume + "," +
                R"({"container_path":"c","mode":"RO","source":{"secret":)"
                R"({"reference":{"name":"/my/secret"},"type":"REFERENCE"},"type":"SECRET"}}]})");
  std::vector<Volume> odd = from_json(volume("a")).value();
  odd[0].container_path = "a\xFF";
  EXPECT_EQ(volumes_to_json(odd).error().message, "a container path was not UTF-8");
}

TEST(Volume, WireHasLimits) {
  std::string wire;
  for (std::size_t i = 0; i <= kMaxWireVolumes; ++i) wire += std::string("\x12\0", 2);
  const auto many = decode_volumes(testing::view(wire));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::too_large);
  EXPECT_EQ(many.error().message, "a ContainerInfo message had more than 100000 volumes");
  const auto over = decode_volumes(testing::view(std::string(kMaxSecretWireLen + 1, 'x')));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
}

TEST(Volume, PathsThatMesosTakesAreTaken) {
  for (const char* path :
       {"my_secret", "some/my_secret", "etc/my_secret", "etc/some/my_secret", "/my_secret",
        "/some/my_secret", "/etc/my_secret", "/etc/some/my_secret", "/bin/touch", "./a", "a/./b",
        "a//b", "...", "..a", "a..", ".hidden", "a b"}) {
    EXPECT_TRUE(validate_container_path(path)) << path;
  }
}

TEST(Volume, PathsThatLeaveOrNameNoFileAreRefused) {
  for (const std::string_view path :
       {std::string_view(""), std::string_view("."), std::string_view("/"), std::string_view("//"),
        std::string_view("./"), std::string_view("/."), std::string_view(".."),
        std::string_view("../x"), std::string_view("/../../x"), std::string_view("a/../b"),
        std::string_view("a/.."), std::string_view("t/"), std::string_view("a//"),
        std::string_view("a/."), std::string_view("a\0b", 3), std::string_view("\0", 1)}) {
    const auto good = validate_container_path(path);
    ASSERT_FALSE(good) << path;
    EXPECT_EQ(good.error().code, Code::invalid);
    EXPECT_NE(good.error().message.find("'" + std::string(path) + "'"), std::string::npos);
  }
}

TEST(Volume, PathsThatTheKernelWouldRefuseAreRefused) {
  EXPECT_TRUE(validate_container_path(std::string(255, 'x')));
  EXPECT_FALSE(validate_container_path(std::string(256, 'x')));
  std::string longest = "x";
  while (longest.size() < 4095) longest += "/x";
  EXPECT_TRUE(validate_container_path(longest));
  EXPECT_FALSE(validate_container_path(longest + "x"));
}

TEST(Volume, ABadPathAmongGoodOnesRefusesAll) {
  EXPECT_EQ(fault("[" + volume("a") + "," + volume("../x") + "]"),
            "the container path '../x' was refused: it had a segment '..'");
  EXPECT_EQ(fault(volume("a\\u0000b")).substr(0, 20), "the container path '");
}

TEST(Volume, TwoVolumesMayNotMeet) {
  EXPECT_FALSE(accepted({"a", "a"}));
  EXPECT_FALSE(accepted({"a", "a/b"}));
  EXPECT_FALSE(accepted({"a/b/c", "a/b"}));
  EXPECT_FALSE(accepted({"a", "x", "./a"}));
  EXPECT_FALSE(accepted({"a/b", "a//b"}));
  EXPECT_FALSE(accepted({"a", "a-b", "a/b"}));  // '-' sorts before '/'
  EXPECT_FALSE(accepted({"/a", "/a/b"}));
  EXPECT_EQ(fault("[" + volume("x/y") + "," + volume("x") + "]"),
            "the container paths 'x' and 'x/y' were refused: one file cannot hold both");
}

TEST(Volume, NeighboursMayStandSideBySide) {
  EXPECT_TRUE(accepted({"a", "b", "ab", "a-b", "c/a", "c/b", "c/ab"}));
  EXPECT_TRUE(accepted({"a", "/a"}));  // the sandbox's and the root file system's
}

TEST(Volume, ErrorsQuoteNoSecret) {
  for (
      const char* json :
      {R"({"container_path":"p","mode":"hunter2"})",
       R"({"container_path":"p","mode":"RO","source":{"type":"SECRET","secret":{"value":{"data":"hunter2_"}}}})",
       R"({"container_path":"p","mode":"RO","source":"hunter2"})"}) {
    const std::string message = fault(json);
    EXPECT_NE(message, "");
    EXPECT_EQ(message.find("hunter"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace strongroom::volume_test
