// docker_config_test.cpp: credentials of registries, as Mesos chooses them. The tables are what its parseAuthConfig,
// parseAuthUrl and getAuthHeaderBasic answer.
#include "strongroom/mesos/docker_config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "secret_text.hpp"
#include "source_root.h"

namespace strongroom::docker_config_test {
namespace {

using namespace mesos;

using testing::secret;
using testing::text;

constexpr std::string_view kFault = "Failed to parse docker config: ";

// answer is the header's value, or "(code) message".
std::string answer(std::string_view config, std::string_view registry) {
  const auto header = docker_authorization(secret(config), registry);
  if (header) return text(*header);
  return "(" + std::string(to_string(header.error().code)) + ") " + header.error().message;
}

std::string fault(std::string_view config) {
  const auto header = docker_authorization(secret(config), "r");
  if (header) return "accepted";
  if (header.error().code == Code::not_found) return "no entry";
  EXPECT_EQ(header.error().code, Code::invalid);
  EXPECT_TRUE(header.error().message.starts_with(kFault)) << header.error().message;
  return header.error().message.substr(kFault.size());
}

std::string case_file(const std::string& name) {
  std::ifstream file(STRONGROOM_SOURCE_ROOT "/tests/unit/mesos/cases/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(DockerConfig, BothFormsAreRead) {
  for (
      const char* config :
      {R"({"auths":{"a.b":{"auth":"cQ==","email":"e"},"r":{"auth":"eA=="}},"HttpHeaders":{"x":"y"},)"
       R"("credsStore":"desktop"})",
       R"({"a.b":{"auth":"cQ==","email":"e"},"r":{"auth":"eA=="}})"}) {
    EXPECT_EQ(answer(config, "a.b"), "Basic cQ==");
    EXPECT_EQ(answer(config, "r"), "Basic eA==");
  }
}

TEST(DockerConfig, WhatMesosAcceptsAndRefuses) {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"{}", "no entry"},
      {R"({"auths":{}})", "no entry"},
      {R"({"auths":[]})",
       "Failed to find 'auths' in docker config file: Found JSON value of wrong type"},
      {R"({"auths":"x"})",
       "Failed to find 'auths' in docker config file: Found JSON value of wrong type"},
      {R"({"auths":null})", "Invalid JSON object"},
      {R"({"auths":{"r":{"auth":5}}})",
       "Protobuf parse failed: Not expecting a JSON number for field 'auth'"},
      {R"({"auths":{"r":{"auth":"x","email":[]}}})",
       "Protobuf parse failed: Not expecting a JSON array for field 'email'"},
      {R"({"auths":{"r":5}})", "Invalid JSON object"},
      {R"({"auths":{"r":{"auth":"x"},"other":5}})", "Invalid JSON object"},
      {R"({"auths":{"r":{"username":"u","password":"p"}}})", "no entry"},
      {R"({"auths":{"r":{"auth":null}}})", "no entry"},
      {R"({"credsStore":"x"})", "Invalid JSON object"},
      {R"({"HttpHeaders":{"a":"b"}})", "no entry"},
      {R"({"auths":{"r":{"auth":""}}})", "accepted"},
      {R"({"auths":{"r":{"auth":"not base64 !!"}}})", "accepted"},
      {"[]", "JSON parse failed: Unexpected JSON type parsed"},
      {R"("x")", "JSON parse failed: Unexpected JSON type parsed"},
  };
  for (const auto& [config, expected] : table) EXPECT_EQ(fault(config), expected) << config;
  for (const char* config : {"", "{", "\xEF\xBB\xBF{}", "{} x"}) {
    EXPECT_TRUE(fault(config).starts_with("JSON parse failed: ")) << config;
  }
}

TEST(DockerConfig, AuthIsPassedOnAsItIs) {
  EXPECT_EQ(answer(R"({"auths":{"r":{"auth":""}}})", "r"), "Basic ");
  EXPECT_EQ(answer(R"({"auths":{"r":{"auth":"not base64 !!"}}})", "r"), "Basic not base64 !!");
}

TEST(DockerConfig, NoAuthBeginsAnotherHeader) {
  for (const char* control : {"\\r\\nX: y", "\\n", "\\u0000", "\\u007f", "\\t"}) {
    EXPECT_EQ(fault(R"({"auths":{"r":{"auth":"eA==)" + std::string(control) + R"("}}})"),
              "'auth' has control characters");
  }
}

TEST(DockerConfig, RegistriesAreComparedWithoutSchemeAndPath) {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"registry.example.com", "registry.example.com"},
      {"https://registry.example.com", "registry.example.com"},
      {"http://registry.example.com/v1/", "registry.example.com"},
      {"https://localhost:8000/v1/", "localhost:8000"},
      {"localhost:8000", "localhost:8000"},
      {"user@reg:5000/a", "user@reg:5000"},
      {"HTTPS://Reg/v1", "HTTPS:"},
      {"https://http://x/y", "http:"},
      {"/", ""},
      {"", ""},
  };
  for (const auto& [key, registry] : table) {
    const std::string config = R"({"auths":{")" + std::string(key) + R"(":{"auth":"eA=="}}})";
    EXPECT_EQ(answer(config, registry), "Basic eA==") << key;
    if (!registry.empty()) {
      EXPECT_EQ(answer(config, "another"),
                "(not_found) the docker config has no credentials for 'another'");
    }
  }
}

TEST(DockerConfig, ThereAreNoDefaultPortsNoCaseAndNoPrefixes) {
  const std::string config = R"({"auths":{"reg:443":{"auth":"eA=="},"other":{"auth":"eA=="}}})";
  for (const char* registry :
       {"reg", "REG:443", "reg:4430", "eg:443", "othe", "Other", "other:80"}) {
    EXPECT_TRUE(answer(config, registry).starts_with("(not_found)")) << registry;
  }
}

TEST(DockerConfig, AllNamesOfDockersRegistryAreOne) {
  const std::string config = R"({"auths":{"https://index.docker.io/v1/":{"auth":"eA=="}}})";
  for (const char* registry :
       {"registry-1.docker.io", "docker.io", "index.docker.io", "https://index.docker.io/v1/"}) {
    EXPECT_EQ(answer(config, registry), "Basic eA==") << registry;
  }
}

// In Mesos it does: there the texts only have to contain docker.io.
TEST(DockerConfig, NoOtherHostIsSentDockersCredentials) {
  const std::string config = R"({"auths":{"https://index.docker.io/v1/":{"auth":"eA=="}}})";
  for (const char* registry : {"docker.io.example.com", "mydocker.io", "example.com:docker.io"}) {
    EXPECT_TRUE(answer(config, registry).starts_with("(not_found)")) << registry;
  }
  const std::string theirs = R"({"auths":{"https://example.com/docker.io":{"auth":"eA=="}}})";
  EXPECT_TRUE(answer(theirs, "docker.io").starts_with("(not_found)"));
}

TEST(DockerConfig, FirstEntryWithAnAuthCounts) {
  EXPECT_EQ(
      answer(
          R"({"auths":{"r":{"email":"e"},"https://r":{"auth":"MQ=="},"http://r":{"auth":"Mg=="}}})",
          "r"),
      "Basic MQ==");
}

TEST(DockerConfig, RegistryOfAnImage) {
  const std::vector<std::pair<std::string_view, std::string_view>> table = {
      {"busybox", "registry-1.docker.io"},
      {"busybox:1.36", "registry-1.docker.io"},
      {"library/busybox", "registry-1.docker.io"},
      {"a/b/c", "registry-1.docker.io"},
      {"quay.io/a/b:t", "quay.io"},
      {"reg:5000/a", "reg:5000"},
      {"localhost/a", "localhost"},
      {"localhost", "registry-1.docker.io"},
      {"reg.example.com", "registry-1.docker.io"},
      {"reg.example.com/a@sha256:00", "reg.example.com"},
      {"a@sha256:00/11.22", "registry-1.docker.io"},
  };
  for (const auto& [image, registry] : table) {
    const auto found = registry_of(image);
    ASSERT_TRUE(found) << image;
    EXPECT_EQ(*found, registry) << image;
  }
  EXPECT_EQ(*registry_of("a/b", "http://reg:5000/v2/"), "reg:5000");
  EXPECT_EQ(registry_of("a@b@c").error().message, "Multiple '@' symbols found");
  EXPECT_EQ(registry_of("").error().code, Code::invalid);
  EXPECT_EQ(registry_of("@sha256:00").error().code, Code::invalid);
}

TEST(DockerConfig, UserAndPasswordAreDecoded) {
  const auto of = [](std::string_view auth) {
    return docker_credential(secret(R"({"auths":{"r":{"auth":")" + std::string(auth) + R"("}}})"),
                             "r");
  };
  const auto credential = of("dXNlcjpwYTpzcw==");
  ASSERT_TRUE(credential);
  EXPECT_EQ(text(credential->user), "user");
  EXPECT_EQ(text(credential->password), "pa:ss");
  EXPECT_EQ(text(of("dXNlcjo=")->password), "");
  for (const char* auth : {"", "dXNlcg==", "OnBhc3M=", "%%%"}) {
    const auto refused = of(auth);
    ASSERT_FALSE(refused) << auth;
    EXPECT_EQ(refused.error().message,
              std::string(kFault) + "'auth' is not the base64 of user:password");
  }
}

TEST(DockerConfig, ErrorsShowNothingOfTheSecret) {
  for (const char* config :
       {"canary not json", R"({"auths":{"r":"canary"}})", R"("canary")", R"({"x":"canary"})",
        R"({"auths":"canary"})", R"({"auths":{"r":{"auth":"canary-"}}})",
        R"({"auths":{"r":{"auth":"canary)", R"({"canary":1,"canary":2})"}) {
    const auto refused = docker_credential(secret(config), "r");
    ASSERT_FALSE(refused) << config;
    EXPECT_EQ(refused.error().message.find("canary"), std::string::npos) << refused.error().message;
  }
}

TEST(DockerConfig, RealFiles) {
  const std::string full = case_file("30-docker-full.json");
  for (const auto& [registry, auth] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"example.org", "ZXhhbXBsZTpvcmc="},
           {"docker.io", "aW5kZXg6ZG9ja2VyLmlv"},
           {"localhost", "bG9jYWw6aG9zdA=="},
           {"localhost:5000", "bG9jYWw6aG9zdC01MDAw"},
           {"10.10.30.45:5000", "MTAuMTA6MzAuNDUtNTAwMA=="},
           {"normalize.example.org", "bm9ybWFsaXplOmV4YW1wbGU="}}) {
    EXPECT_EQ(answer(full, registry), "Basic " + std::string(auth));
  }
  const std::string legacy = case_file("31-docker-legacy.json");
  EXPECT_EQ(answer(legacy, "index.docker.io"), "Basic ZG9ja2VyOmlvLWxlZ2FjeQ==");
  EXPECT_EQ(answer(legacy, "localhost"), "Basic bG9jYWw6aG9zdC1sZWdhY3k=");
  EXPECT_EQ(text(docker_credential(secret(legacy), "localhost")->user), "local");
  EXPECT_TRUE(answer(case_file("34-docker-config.json"), "registry-no-creds.com")
                  .starts_with("(not_found)"));
}

TEST(DockerConfig, OneOfAMebibyteIsRead) {
  std::string config = R"({"auths":{"r":{"auth":"eA=="})";
  for (int i = 0; config.size() < (1u << 20); ++i) {
    config += ",\"host" + std::to_string(i) + ".example.com\":{\"auth\":\"dXNlcjpwYXNz\"}";
  }
  EXPECT_EQ(answer(config + "}}", "r"), "Basic eA==");
}

}  // namespace
}  // namespace strongroom::docker_config_test
