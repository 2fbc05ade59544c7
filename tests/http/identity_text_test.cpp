#include "identity/identity_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "message/failure.hpp"

namespace strongroomd::identity_text_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(IdentityText, OfEachKind) {
  EXPECT_EQ(parse_identity("trusted").kind, std::uint32_t{STRONGROOM_IDENTITY_TRUSTED});
  const Identity user = parse_identity("user:bob@example.com");
  EXPECT_EQ(user.kind, std::uint32_t{STRONGROOM_IDENTITY_USER});
  EXPECT_EQ(user.id, "bob@example.com");
  EXPECT_THAT(user.groups, IsEmpty());
  const Identity admin = parse_identity("administrator:ann+group:dba+group:ops");
  EXPECT_EQ(admin.id, "ann");
  EXPECT_THAT(admin.groups, ElementsAre("dba", "ops"));
  const Identity service = parse_identity("service:/web+group:a@/group/web");
  EXPECT_EQ(service.id, "/web");
  EXPECT_EQ(service.space, "/group/web");
  EXPECT_THAT(service.groups, ElementsAre("a"));
  EXPECT_EQ(parse_identity("service:/web").space, "/web");
}

TEST(IdentityText, WhatIsNone) {
  for (const char* text : {"", "trusted:", "Trusted", "user", "user:", ":bob", "group:a", "anyone",
                           "any-user:", "service:@/x", "service:a@/x+group:b", "user:+group:a",
                           "user:a\x01", "user:a\x7f"})
    EXPECT_THROW(parse_identity(text), Failure) << text;
  EXPECT_THROW(parse_identity("user:" + std::string(9000, 'x')), Failure);
}

// The forms are those of the policy tools: what these read as one caller is the same caller here.
TEST(IdentityText, AgreesWithThePolicyTools) {
  const auto policy = strongroom_abi::Policy::parse({{"rules", R"({"version": 1, "rules": [
      {"to": ["group:dba"], "allow": ["read"], "paths": ["a/**"]},
      {"to": ["user:bob@x"], "allow": ["read"], "paths": ["b/**"]},
      {"to": ["service:/web"], "allow": ["read"], "paths": ["c/**"]}]})"}});
  const struct {
    const char* identity;
    const char* path;
  } rows[] = {
      {"user:ann+group:dba", "a/x"},
      {"user:ann+group:x+group:dba", "a/x"},
      {"user:bob@x", "b/x"},
      {"service:/web@/elsewhere", "c/x"},
      {"service:/web", "c/x"},
      {"user:ann", "a/x"},
      {"trusted", "a/x"},
      {"administrator:dba", "a/x"},
      {"service:/web+group:dba@/web", "a/x"},
  };
  for (const auto& row : rows) {
    const Identity parsed = parse_identity(row.identity);
    std::vector<const char*> groups;
    for (const std::string& each : parsed.groups) groups.push_back(each.c_str());
    strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
    identity.kind = parsed.kind;
    if (!parsed.id.empty()) identity.id = parsed.id.c_str();
    if (!parsed.space.empty()) identity.space = parsed.space.c_str();
    identity.groups = groups.data();
    identity.num_groups = groups.size();
    const bool allowed = policy.decide(identity, STRONGROOM_ACTION_READ, row.path);
    const auto explained = policy.explain(row.identity, STRONGROOM_ACTION_READ, row.path);
    EXPECT_EQ(allowed, explained.at(0).after == std::string("allowed")) << row.identity;
  }
}

}  // namespace strongroomd::identity_text_test
