// policy_skipped_test.cpp: what cannot affect secrets is skipped and named, and skipping never allows more.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"

namespace strongroom::policy_skipped_test {
namespace {

const std::string kHolders =
    R"({"version":1,"mode":"vault-compat","grants":[{"to":["anyone"],"policies":["p"]}]})";

PolicyRules rules_of(const std::vector<PolicyDocument>& documents) {
  auto rules = parse_policy(documents);
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? std::move(rules).value() : PolicyRules();
}

PolicyRules rules_of(const std::string& text) {
  return rules_of(std::vector<PolicyDocument>{{"p", text}});
}

// skipped writes each skipped part on a line: "2:14 capability the capability ...".
std::string skipped(const PolicyRules& rules) {
  EXPECT_EQ(rules.num_skipped, rules.skipped.size());
  std::string out;
  for (const SkippedPart& part : rules.skipped) {
    out += std::to_string(part.place.line) + ":" + std::to_string(part.place.column) + " " +
           std::string(to_string(part.kind)) + " " + part.text + "\n";
  }
  return out;
}

std::string message_of(const std::string& text) {
  const std::vector<PolicyDocument> documents = {{"p", text}};
  const auto rules = parse_policy(documents);
  return rules ? "accepted" : rules.error().message;
}

std::string with_rule(const std::string& members) {
  return "{\"path\":{\"a\":{" + members + "}}}";
}

// may lists what everybody may do on a path by Vault rules, as in "read list".
std::string may(const std::string& paths, std::string_view path) {
  const auto rules = rules_of({{"p", "{\"path\":{" + paths + "}}"}, {"who", kHolders}});
  const auto policy = CompiledPolicy::compile(rules).value();
  std::string out;
  for (std::size_t i = 0; i < kNumActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (is_administration(action)) continue;
    const auto decision = policy->decide(Identity::user("u"), action, Path::parse(path).value());
    if (decision != Decision::allowed) continue;
    out.append(out.empty() ? "" : " ").append(to_string(action));
  }
  return out;
}

TEST(SkippedParts, TheNameOfAVaultPolicyIsSkippedAndNamed) {
  const std::string why =
      " member the member 'name' has no effect: a policy is granted by the name of its document, "
      "or "
      "by its name in 'policies', not as 'w'\n";
  EXPECT_EQ(skipped(rules_of(R"({"name":"w","path":{}})")), "1:2" + why);
  EXPECT_EQ(skipped(rules_of("{\"path\":{},\n \"name\":\"w\"}")), "2:2" + why);
  EXPECT_EQ(skipped(rules_of(
                R"({"version":1,"mode":"vault-compat","policies":{"x":{"name":"w","path":{}}}})")),
            "1:53" + why);
  EXPECT_EQ(message_of(R"({"name":1,"path":{}})"),
            "policy 'p', line 1, column 9: 'name' was a number; write a string");
}

TEST(SkippedParts, ANameGrantsNothing) {
  const std::vector<PolicyDocument> documents = {
      {"other", R"({"name":"p","path":{"a":{"capabilities":["read"]}}})"}, {"who", kHolders}};
  const auto rules = parse_policy(documents);
  ASSERT_FALSE(rules);
  EXPECT_NE(rules.error().message.find("there was no Vault policy 'p'"), std::string::npos);
}

TEST(SkippedParts, CapabilitiesThatDoNotTouchSecretsAreNamed) {
  const std::string grants = " grants nothing: ";
  EXPECT_EQ(
      skipped(rules_of(with_rule(R"("capabilities":["read","subscribe"])"))),
      "1:39 capability the capability 'subscribe'" + grants + "it is about events of Vault\n");
  EXPECT_EQ(
      skipped(rules_of(with_rule(R"("capabilities":["recover"])"))),
      "1:32 capability the capability 'recover'" + grants + "it is about snapshots of Vault\n");
  EXPECT_EQ(skipped(rules_of(with_rule(R"("capabilities":["sudo"])"))),
            "1:32 capability the capability 'sudo'" + grants + "no path needs it here\n");
  EXPECT_EQ(skipped(rules_of(with_rule(R"("capabilities":["patch"])"))),
            "1:32 capability the capability 'patch'" + grants +
                "a secret is written as a whole here, which needs 'update'\n");
  EXPECT_EQ(skipped(rules_of(with_rule(
                R"("capabilities":["create","read","update","delete","list","scan","deny"])"))),
            "");
}

TEST(SkippedParts, MembersThatNarrowNoGrantOfOursAreNamed) {
  EXPECT_EQ(skipped(rules_of(with_rule(R"("comment":"why","capabilities":["read"])"))),
            "1:15 member the member 'comment' has no effect: it is a comment\n");
  EXPECT_EQ(
      skipped(rules_of(with_rule(R"("capabilities":["read"],"subscribe_event_types":["*"])"))),
      "1:39 member the member 'subscribe_event_types' has no effect: it narrows only "
      "'subscribe'\n");
  EXPECT_NE(message_of(with_rule(R"("capabilities":["read"],"subscribe_event_types":"*")"))
                .find("write an array"),
            std::string::npos);
}

TEST(SkippedParts, SkippingAllowsNothingMore) {
  const std::string wide = R"("a/*":{"capabilities":["read","list"]},)";
  for (const std::string word : {"subscribe", "recover", "sudo", "patch"}) {
    const std::string only = "\"a/b\":{\"capabilities\":[\"" + word + "\"]}";
    EXPECT_EQ(may(wide + only, "a/b"), "") << word;  // the rule stays, and is the more specific one
    EXPECT_EQ(may(wide + only, "a/c"), "read list") << word;
  }
}

TEST(SkippedParts, ADenialStaysOneNextToWhatIsSkipped) {
  const std::string wide = R"("a/*":{"capabilities":["read"]},)";
  for (const std::string words : {R"("deny","subscribe")", R"("recover","deny","read")"}) {
    const std::string denied = "\"a/b\":{\"comment\":\"x\",\"capabilities\":[" + words + "]}";
    EXPECT_EQ(may(wide + denied, "a/b"), "") << words;
  }
  EXPECT_EQ(rules_of(with_rule(R"("capabilities":["subscribe","deny"])")).rules[0].deny,
            ActionSet::on_paths());
}

TEST(SkippedParts, WhatNarrowsARuleIsRefusedAlsoNextToADenial) {
  for (const std::string name :
       {"allowed_parameters", "denied_parameters", "required_parameters", "min_wrapping_ttl",
        "max_wrapping_ttl", "mfa_methods", "control_group", "pagination_limit", "expiration",
        "list_scan_response_keys_filter_path", "response_keys_filter_path"}) {
    for (const std::string word : {"read", "subscribe", "deny"}) {
      const std::string rule = "\"capabilities\":[\"" + word + "\"],\"" + name + "\":{}";
      EXPECT_NE(message_of(with_rule(rule)).find("'" + name + "' narrows requests in Vault"),
                std::string::npos)
          << rule;
    }
  }
}

TEST(SkippedParts, WhatVaultRefusesIsRefused) {
  const auto with = [](const std::string& word) {
    return message_of(with_rule("\"capabilities\":[\"" + word + "\"]"));
  };
  EXPECT_NE(with("raed").find("did you mean 'read'?"), std::string::npos);
  EXPECT_NE(with("subscibe").find("did you mean 'subscribe'?"), std::string::npos);
  EXPECT_NE(with("recovr").find("did you mean 'recover'?"), std::string::npos);
  EXPECT_NE(with("root").find("'root' is no capability of a path"), std::string::npos);
  EXPECT_NE(message_of(with_rule(R"("capabilities":["read"],"coment":"x")"))
                .find("did you mean 'comment'?"),
            std::string::npos);
  EXPECT_NE(message_of(R"({"path":{},"path":{}})").find("twice"), std::string::npos);
  EXPECT_NE(message_of(R"({"name":"a","name":"b","path":{}})").find("twice"), std::string::npos);
}

TEST(SkippedParts, PermissionsOfOtherServicesAreNamedAndGrantNothing) {
  const std::string head = "[user:u]\r\ndcos:secrets:default:/a read\r\n  ";
  for (const std::string id :
       {"dcos:adminrouter:secrets", "dcos:adminrouter:ops:mesos", "dcos:mesos:master:task:app_id",
        "dcos:service:marathon:marathon:services:/dev", "dcos:cluster:linker:*"}) {
    const PolicyRules rules = rules_of(head + id + " create,read\r\n");
    EXPECT_EQ(skipped(rules), "3:3 permission the permission '" + id +
                                  "' has no effect: it is of another service\n");
    EXPECT_EQ(rules.rules.size(), 1U) << id;
  }
  const PolicyRules own = rules_of(
      R"({"version":1,"rules":[{"to":["user:u"],"dcos":["dcos:mesos:master:log read"]}]})");
  EXPECT_EQ(
      skipped(own),
      "1:49 permission the permission 'dcos:mesos:master:log' has no effect: it is of another "
      "service\n");
  EXPECT_TRUE(own.rules.empty());
}

TEST(SkippedParts, PermissionsOfOursThatAreWrongAreNotSkipped) {
  for (const std::string id : {"dcos:secret:default:/a", "dcos:secrets:other:/a", "dcos:mesosx",
                               "dcos:superusers", "Dcos:mesos:x", "mesos:x"}) {
    EXPECT_NE(message_of("[user:u]\n" + id + " read\n").find("was unknown"), std::string::npos)
        << id;
  }
  // A line of another service is given to somebody, too.
  EXPECT_NE(message_of("dcos:mesos:x read\n").find("given to nobody"), std::string::npos);
}

TEST(SkippedParts, AnswersOfTheIamApiAreRefusedWithWhatToWrite) {
  const std::string lists = R"([{"rid":"dcos:superuser","actions":[{"name":"full","url":"/x"}]}])";
  for (const std::string& text : {"{\"direct\":" + lists + ",\"groups\":[]}",
                                  "{\"array\":" + lists + "}", lists, "\n[ " + lists.substr(1)}) {
    EXPECT_NE(message_of(text).find("an answer of the IAM API of DC/OS"), std::string::npos)
        << text;
  }
}

TEST(SkippedParts, OddTextsAreCutShortAndEscaped) {
  const PolicyRules rules =
      rules_of("{\"name\":\"\\u001b[31m" + std::string(100'000, 'x') + "\",\"path\":{}}");
  ASSERT_EQ(rules.skipped.size(), 1U);
  EXPECT_LT(rules.skipped[0].text.size(), 300U);
  EXPECT_EQ(rules.skipped[0].text.find('\x1b'), std::string::npos);
}

TEST(SkippedParts, AllAreCountedAndTheFirstAreListed) {
  std::string text = "[user:u]\n";
  for (std::size_t i = 0; i < kMaxPolicySkipped + 5; ++i) text += "dcos:mesos:x read\n";
  const PolicyRules rules = rules_of(text);
  EXPECT_EQ(rules.num_skipped, kMaxPolicySkipped + 5);
  ASSERT_EQ(rules.skipped.size(), kMaxPolicySkipped);
  EXPECT_EQ(rules.skipped.back().place.line, kMaxPolicySkipped + 1);
}

TEST(SkippedParts, PartsOfAllDocumentsAreListedWithTheirDocument) {
  const PolicyRules rules = rules_of({{"a", "[user:u]\ndcos:mesos:x read\n"},
                                      {"b", "[user:u]\ndcos:secrets:default:/a read\n"},
                                      {"c", "[user:u]\n\ndcos:cluster:x read\n"}});
  ASSERT_EQ(rules.skipped.size(), 2U);
  EXPECT_EQ(rules.skipped[0].place.document, 0U);
  EXPECT_EQ(rules.skipped[1].place.document, 2U);
  EXPECT_EQ(rules.skipped[1].place.line, 3U);
}

}  // namespace
}  // namespace strongroom::policy_skipped_test
