// policy_text_test.cpp: a policy's text means what it says, or is refused with a place.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"

namespace strongroom::policy_text_test {
namespace {

using std::string_literals::operator""s;

Result<PolicyRules> parse(std::string text, std::string name = "p") {
  const std::vector<PolicyDocument> documents = {{std::move(name), std::move(text)}};
  return parse_policy(documents);
}

PolicyRules rules_of(std::string text) {
  auto rules = parse(std::move(text));
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? std::move(rules).value() : PolicyRules();
}

// spelled writes each rule on a line: actions, subjects, paths.
std::string spelled(const PolicyRules& rules) {
  const auto names = [](ActionSet actions) {
    std::string out;
    for (std::size_t i = 0; i < kNumActions; ++i) {
      const auto action = static_cast<Action>(i);
      if (actions.has(action)) out += " " + std::string(to_string(action));
    }
    return out;
  };
  std::string out;
  for (const PolicyRule& rule : rules.rules) {
    for (const Subject& subject : rule.subjects) out += to_string(subject) + " ";
    if (!rule.allow.empty()) out += "allow" + names(rule.allow) + " ";
    if (!rule.deny.empty()) out += "deny" + names(rule.deny) + " ";
    for (const PathPattern& path : rule.paths) out += "<" + path.text + ">";
    out += "\n";
  }
  return out;
}

std::string read(std::string text) {
  return spelled(rules_of(std::move(text)));
}

// refused_there parses a text whose fault stands at "@@", which is taken out, and tells whether the
// error names that line and column and says what it should.
::testing::AssertionResult refused_there(std::string text, std::string_view says,
                                         Code code = Code::invalid) {
  const std::size_t mark = text.find("@@");
  if (mark == std::string::npos) return ::testing::AssertionFailure() << "no mark";
  text.erase(mark, 2);
  const std::string before = text.substr(0, mark);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t column = mark - (before.rfind('\n') + 1) + 1;
  const auto parsed = parse(text, "web");
  if (parsed) return ::testing::AssertionFailure() << "taken";
  const std::string& message = parsed.error().message;
  const std::string place =
      "policy 'web', line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
  if (!message.starts_with(place)) return ::testing::AssertionFailure() << place << "\n" << message;
  if (parsed.error().code != code) return ::testing::AssertionFailure() << "wrong code";
  if (message.find(says) == std::string::npos || message.size() > 600) {
    return ::testing::AssertionFailure() << message;
  }
  return ::testing::AssertionSuccess();
}

std::string rules_json(const std::string& rules) {
  return "{\"version\": 1,\n \"rules\": [" + rules + "]}";
}

std::string vault_json(const std::string& paths) {
  return "{\"path\":\n {" + paths + "}}";
}

// ---- our own form ----

TEST(OwnPolicy, MeansWhatItSays) {
  EXPECT_EQ(read(R"({"version": 1, "mode": "deny-overrides", "rules": [
    {"to": ["user:alice", "group:dba"], "allow": ["read", "list"], "paths": ["db/**", "/x/*/y"]},
    {"to": ["anyone"], "deny": ["delete", "scan", "resolve"], "paths": ["db/*/root"]},
    {"to": ["any-user", "any-service"], "allow": ["create", "update"], "paths": ["**"]},
    {"to": ["service:/web/app", "administrator:root"], "allow": ["seal", "unseal", "init",
      "rekey", "rotate", "policy", "audit", "backup"]},
    {"to": ["group:ops"], "deny": ["seal"]},
    {"to": ["user:bob"], "dcos": ["dcos:secrets:default:/dev/* full"]}]})"),
            "user:alice group:dba allow read list <db/**><x/*/y>\n"
            "anyone deny delete scan resolve <db/*/root>\n"
            "any-user any-service allow create update <**>\n"
            "service:/web/app administrator:root allow seal unseal init rekey rotate policy audit "
            "backup \n"
            "group:ops deny seal \n"
            "user:bob allow create read update delete <dev/**>\n");
}

TEST(OwnPolicy, MayBeEmptyButForItsVersion) {
  const PolicyRules rules = rules_of(R"({"version":1})");
  EXPECT_TRUE(rules.rules.empty());
  EXPECT_EQ(rules.mode, PolicyMode::deny_overrides);
  EXPECT_FALSE(rules.services_need_grants);
  EXPECT_EQ(rules.documents, std::vector<std::string>{"p"});
  EXPECT_TRUE(rules_of(R"( {"version":1,"rules":[]} )").rules.empty());
}

TEST(OwnPolicy, TellsWhereItsRulesAndPathsStand) {
  const PolicyRules rules = rules_of(
      "{\"version\": 1, \"rules\": [\r\n"
      "  {\"to\": [\"anyone\"], \"allow\": [\"read\"],\r\n"
      "   \"paths\": [\"a\", \"\\u0062/c\",\r\n"
      "\"d\"]},\n\n {\"paths\": [\"e\"], \"deny\": [\"read\"], \"to\": [\"anyone\"]}]}");
  ASSERT_EQ(rules.rules.size(), 2U);
  const auto at = [](const TextPlace& place) {
    return std::to_string(place.line) + ":" + std::to_string(place.column);
  };
  EXPECT_EQ(at(rules.rules[0].place), "2:3");
  EXPECT_EQ(at(rules.rules[0].paths[0].place), "3:15");
  EXPECT_EQ(at(rules.rules[0].paths[1].place), "3:20");
  EXPECT_EQ(rules.rules[0].paths[1].text, "b/c");
  EXPECT_EQ(at(rules.rules[0].paths[2].place), "4:2");
  EXPECT_EQ(at(rules.rules[1].place), "6:2");
  EXPECT_EQ(at(rules.rules[1].paths[0].place), "6:14");
}

TEST(OwnPolicy, ServicesMayNeedGrants) {
  EXPECT_TRUE(rules_of(R"({"version":1,"services_need_grants":true})").services_need_grants);
  EXPECT_FALSE(rules_of(R"({"version":1,"services_need_grants":false})").services_need_grants);
  EXPECT_TRUE(refused_there(R"({"version":1,"services_need_grants":@@"true"})", "true or false"));
  EXPECT_TRUE(refused_there(R"({"version":1,"services_need_grants":@@1})", "true or false"));
}

TEST(OwnPolicy, OfAnotherVersionIsRefused) {
  EXPECT_TRUE(refused_there(R"({"version": @@2})", "'2' was unknown"));
  EXPECT_TRUE(refused_there(R"({"version": @@1.0})", "'1.0' was unknown"));
  EXPECT_TRUE(refused_there(R"({"version": @@"1"})", "unknown"));
  EXPECT_TRUE(refused_there(R"({"version": @@true})", "unknown"));
  EXPECT_TRUE(refused_there(R"({"version": @@null})", "unknown"));
  EXPECT_TRUE(refused_there(R"(@@{})", "\"version\" was missing"));
  EXPECT_TRUE(refused_there("\n @@{\"rules\": []}", "\"version\" was missing"));
}

TEST(OwnPolicy, UnknownMembersAreRefusedEverywhere) {
  EXPECT_TRUE(refused_there(R"({"version":1, @@"rule": []})", "did you mean 'rules'?"));
  EXPECT_TRUE(refused_there(R"({"version":1, @@"Rules": []})", "did you mean 'rules'?"));
  EXPECT_TRUE(refused_there(R"({"version":1, @@"": []})", "'' was unknown"));
  EXPECT_TRUE(refused_there(R"({"version":1, @@"path": {}})", "'path' was unknown"));
  const auto rule = [](const std::string& text) { return rules_json("{" + text + "}"); };
  EXPECT_TRUE(refused_there(rule(R"("to":["anyone"],"allow":["read"],@@"path":["a"])"),
                            "did you mean 'paths'?"));
  EXPECT_TRUE(refused_there(rule(R"("to":["anyone"],@@"alow":["read"],"paths":["a"])"),
                            "did you mean 'allow'?"));
  EXPECT_TRUE(refused_there(
      rule(R"("to":["anyone"],"deny":["read"],"paths":["a"],@@"unless":["user:a"])"), "unknown"));
}

TEST(OwnPolicy, TheSameMemberTwiceIsRefused) {
  EXPECT_TRUE(refused_there(R"({"version":1,"rules":[],"@@rules":[]})", "a member appeared twice"));
}

TEST(OwnPolicy, ARuleAllowsOrDeniesAndNotBoth) {
  const auto rule = [](const std::string& text) { return rules_json("@@{" + text + "}"); };
  constexpr const char* kSays = "exactly one of 'allow', 'deny' and 'dcos'";
  EXPECT_TRUE(refused_there(rule(R"("to":["anyone"],"paths":["a"])"), kSays));
  EXPECT_TRUE(refused_there(
      rule(R"("to":["anyone"],"allow":["read"],"deny":["read"],"paths":["a"])"), kSays));
  EXPECT_TRUE(refused_there(
      rule(R"("to":["anyone"],"deny":["read"],"dcos":["dcos:superuser full"])"), kSays));
  EXPECT_TRUE(
      refused_there(rule(R"("to":["anyone"],"allow":["read"],"deny":[],"paths":["a"])"), kSays));
}

TEST(OwnPolicy, MisspeltActionsAreRefusedWithASuggestion) {
  const auto action = [](const std::string& word) {
    return rules_json("{\"to\":[\"anyone\"],\"deny\":[\"list\", \"@@" + word +
                      "\"],\"paths\":[\"a\"]}");
  };
  EXPECT_TRUE(refused_there(action("raed"), "'raed' was unknown; did you mean 'read'?"));
  EXPECT_TRUE(refused_there(action("Read"), "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(action("READ"), "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(action("reads"), "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(action(" read"), "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(action("remove"), "did you mean 'delete'?"));
  EXPECT_TRUE(refused_there(action("delte"), "did you mean 'delete'?"));
  EXPECT_TRUE(refused_there(action("write"), "did you mean 'create' and 'update'?"));
  EXPECT_TRUE(refused_there(action("full"), "create, read, update and delete"));
  EXPECT_TRUE(refused_there(action("*"), "write out what you mean"));
  EXPECT_TRUE(refused_there(action(""), "'' was unknown (known: "));
  EXPECT_TRUE(refused_there(action("read\\u0000"), "'read\\x00' was unknown"));
  EXPECT_TRUE(refused_there(action("xyzzyxyzzy"), "unknown (known: 'create', 'read'"));
}

TEST(OwnPolicy, ActionsKeepToTheirReach) {
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":["seal"],"paths":@@["a"]})"),
                            "'seal' concerns the whole store; leave 'paths' out"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":["seal"],"paths":@@[]})"),
                            "leave 'paths' out"));
  EXPECT_TRUE(refused_there(rules_json(R"(@@{"to":["anyone"],"deny":["read"]})"),
                            "'paths' was missing; 'read' concerns paths"));
  EXPECT_TRUE(
      refused_there(rules_json(R"({"to":["anyone"],"allow":@@["read","seal"],"paths":["a"]})"),
                    "make two rules"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":@@["read","seal"]})"),
                            "make two rules"));
}

TEST(OwnPolicy, NothingThatMustBeThereIsEmpty) {
  EXPECT_TRUE(refused_there(rules_json(R"({"to":@@[],"allow":["read"],"paths":["a"]})"), "empty"));
  EXPECT_TRUE(
      refused_there(rules_json(R"(@@{"allow":["read"],"paths":["a"]})"), "'to' was missing"));
  EXPECT_TRUE(
      refused_there(rules_json(R"({"to":["anyone"],"allow":@@[],"paths":["a"]})"), "empty"));
  EXPECT_TRUE(
      refused_there(rules_json(R"({"to":["anyone"],"deny":["read"],"paths":@@[]})"), "empty"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"dcos":@@[]})"), "empty"));
  EXPECT_TRUE(refused_there(
      rules_json(R"({"to":["anyone"],"dcos":["dcos:superuser full"],"paths":@@["a"]})"),
      "leave 'paths' out"));
}

TEST(OwnPolicy, WrongKindsAreRefused) {
  EXPECT_TRUE(
      refused_there(R"({"version":1,"rules":@@{}})", "'rules' was an object; write an array"));
  EXPECT_TRUE(refused_there(R"({"version":1,"rules":@@null})", "was null"));
  EXPECT_TRUE(refused_there(rules_json("@@\"read\""), "a rule was a string; write an object"));
  EXPECT_TRUE(refused_there(rules_json("@@[]"), "a rule was an array"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":@@"anyone","allow":["read"],"paths":["a"]})"),
                            "'to' was a string; write an array"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":[@@1],"allow":["read"],"paths":["a"]})"),
                            "was a number; write a string"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":@@"read","paths":["a"]})"),
                            "'allow' was a string"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":["read"],"paths":@@"a"})"),
                            "'paths' was a string"));
  EXPECT_TRUE(refused_there(rules_json(R"({"to":["anyone"],"allow":["read"],"paths":[@@{}]})"),
                            "an element of 'paths' was an object"));
  EXPECT_TRUE(refused_there(R"({"version":1,"mode":@@1})", "'mode' was a number"));
}

TEST(OwnPolicy, PatternsThatMeanNothingAreRefusedWhereTheyDo) {
  const auto path = [](const std::string& pattern) {
    return rules_json("{\"to\":[\"anyone\"],\"deny\":[\"read\"],\n\"paths\":[\"a\",\"" + pattern +
                      "\"]}");
  };
  EXPECT_TRUE(refused_there(path("db/x@@*"), "'*'"));
  EXPECT_TRUE(refused_there(path("/db/x@@*"), "'*'"));
  EXPECT_TRUE(refused_there(path("db/@@**/x"), "'**'"));
  EXPECT_TRUE(refused_there(path("db/@@/x"), "empty segment"));
  EXPECT_TRUE(refused_there(path("/@@/x"), "empty segment"));
  EXPECT_TRUE(refused_there(path("x/@@"), "empty segment"));
  EXPECT_TRUE(refused_there(path("x/@@../y"), "no path can have"));
  EXPECT_TRUE(refused_there(path("x/@@%2e"), "no path can have"));
  EXPECT_TRUE(refused_there(path("x@@\\u0000y"), "control character"));
  EXPECT_TRUE(refused_there(path("x@@\\n"), "control character"));
  EXPECT_TRUE(refused_there(path("@@"), "was empty"));
  EXPECT_TRUE(refused_there(path("/@@"), "was empty"));
  // Columns are those of the text, not of what it decodes to.
  EXPECT_TRUE(refused_there(path("\\u0064b\\/\\u00e9\\u20AC\\uD83D\\uDE00/x@@*"), "'*'"));
  EXPECT_TRUE(refused_there(path("\xC3\xA9/x@@\\u002a"), "'*'"));
}

TEST(OwnPolicy, APatternOfAMegabyteIsRefused) {
  const std::string large(std::size_t{1} << 20, 'x');
  const auto parsed =
      parse(rules_json(R"({"to":["anyone"],"deny":["read"],"paths":[")" + large + "\"]}"));
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("longer than 4096"), std::string::npos);
  EXPECT_LT(parsed.error().message.size(), 200U);
}

TEST(OwnPolicy, SubjectsThatMeanNobodyAreRefused) {
  const auto subject = [](const std::string& text) {
    return rules_json("{\"to\":[\"anyone\",\"@@" + text +
                      "\"],\"deny\":[\"read\"],\"paths\":[\"a\"]}");
  };
  EXPECT_TRUE(refused_there(subject("alice"), "did you mean 'user:alice'?"));
  EXPECT_TRUE(refused_there(subject("usr:alice"), "did you mean 'user'?"));
  EXPECT_TRUE(refused_there(subject("User:alice"), "did you mean 'user'?"));
  EXPECT_TRUE(refused_there(subject("any_user"), "did you mean 'any-user'?"));
  EXPECT_TRUE(refused_there(subject("user:"), "had no name"));
  EXPECT_TRUE(refused_there(subject("user"), "had no name"));
  EXPECT_TRUE(refused_there(subject("user:*"), "'*'"));
  EXPECT_TRUE(refused_there(subject("group:dev*"), "'*'"));
  EXPECT_TRUE(refused_there(subject("*"), "unknown"));
  EXPECT_TRUE(refused_there(subject(""), "unknown"));
  EXPECT_TRUE(refused_there(subject("user: alice"), "blank"));
  EXPECT_TRUE(refused_there(subject("user:alice "), "blank"));
  EXPECT_TRUE(refused_there(subject("user:al\\u0000ice"), "control character"));
  EXPECT_TRUE(refused_there(subject("user:al\\u0085ice"), "control character"));
  EXPECT_TRUE(refused_there(subject("anyone:x"), "has none"));
  EXPECT_TRUE(refused_there(subject("trusted"), "unknown"));
  EXPECT_TRUE(refused_there(subject("user:" + std::string(4097, 'a')), "longer than 4096"));
}

// ---- what is not JSON, and what is not text ----

TEST(PolicyText, SyntaxFaultsAreToldByLineAndColumn) {
  EXPECT_TRUE(refused_there("{\"version\": 1,\n\"rules\": [@@", "the JSON was refused"));
  EXPECT_TRUE(refused_there("{\"version\": 1,\n @@\\}", "the JSON was refused"));
  EXPECT_TRUE(refused_there("{\"version\": 1} @@x", "text followed its end"));
  EXPECT_TRUE(refused_there("{\"version\": 1\n @@\"rules\": []}", "',' or '}'"));
  EXPECT_TRUE(refused_there("{\"version\":\r\n tru@@}", "a value was expected"));
  EXPECT_TRUE(refused_there("{\"version\": \"@@\\uDC00\"}", "not Unicode"));
  EXPECT_TRUE(refused_there("{\"version\": 1}@@\0"s, "text followed its end"));
  EXPECT_TRUE(refused_there("{\"version\": 1, \"a\": 1, \"@@a\": 2}", "appeared twice"));
}

TEST(PolicyText, DeepJsonIsRefusedAtItsDepth) {
  EXPECT_TRUE(refused_there("{\"version\": " + std::string(63, '[') + "@@[" + std::string(9, '['),
                            "64 levels"));
  const std::string deep = "{\"version\":1,\"rules\":" + std::string(std::size_t{4} << 20, '[');
  EXPECT_FALSE(parse(deep));
}

TEST(PolicyText, ByteOrderMarksAndOtherEncodingsAreNamed) {
  EXPECT_TRUE(refused_there("@@\xEF\xBB\xBF{\"version\":1}", "byte order mark"));
  EXPECT_TRUE(refused_there("@@\xFF\xFE{\0"s, "not UTF-8"));
  EXPECT_TRUE(refused_there("{\"version\":1,\n\"a@@\xE9\":1}", "not UTF-8"));
  EXPECT_TRUE(refused_there("# caf@@\xE9\n", "not UTF-8"));
  EXPECT_TRUE(refused_there("# \xC3\xA9 @@\xC0\xAF\n", "not UTF-8"));
  EXPECT_TRUE(refused_there("# \xC3\xA9 @@\xE2\x82", "not UTF-8"));
}

TEST(PolicyText, AnEmptyDocumentIsRefusedSinceItMayHaveDenied) {
  EXPECT_TRUE(refused_there("@@", "it was empty"));
  EXPECT_TRUE(refused_there("@@ \r\n\t", "it was empty"));
}

TEST(PolicyText, QuotesOfItAreShortAndEscaped) {
  const auto message = [](const std::string& text) { return parse(text, "a\nb").error().message; };
  const std::string escaped = message("[user:a]\ndcos:\x1b[31m full");
  EXPECT_EQ(escaped.find('\x1b'), std::string::npos) << escaped;
  EXPECT_EQ(escaped.find('\n'), std::string::npos) << escaped;
  EXPECT_NE(escaped.find("policy 'a\\x0ab', line 2"), std::string::npos) << escaped;
  const std::string large(std::size_t{1} << 20, 'z');
  EXPECT_LT(message("{\"version\":1,\"" + large + "\":1}").size(), 400U);
  EXPECT_LT(message("{\"version\":\"" + large + "\"}").size(), 400U);
  EXPECT_LT(message("[" + large + "]").size(), 400U);
  EXPECT_LT(message("[user:a]\n" + large).size(), 400U);
  EXPECT_LT(message("{\"version\":1,\"mode\":\"" + large + "\"}").size(), 400U);
  EXPECT_LT(message("{\"path\":{\"a\":{\"" + large + "\":1}}}").size(), 400U);
  EXPECT_LT(message("{\"path\":{\"a\":{\"capabilities\":[\"" + large + "\"]}}}").size(), 400U);
}

TEST(PolicyText, NoDocumentIsAPolicyWithoutRules) {
  const auto rules = parse_policy({});
  ASSERT_TRUE(rules);
  EXPECT_TRUE(rules->rules.empty());
  EXPECT_EQ(rules->mode, PolicyMode::deny_overrides);
}

TEST(PolicyText, DocumentsMakeOnePolicy) {
  const std::vector<PolicyDocument> documents = {
      {"a", rules_json(R"({"to":["anyone"],"allow":["read"],"paths":["a"]})")},
      {"b", "[user:x]\ndcos:secrets:default:b read"},
      {"c", R"({"version":1,"services_need_grants":true})"},
      {"d", R"({"version":1,"services_need_grants":false})"}};
  const auto rules = parse_policy(documents);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(spelled(*rules), "anyone allow read <a>\nuser:x allow read <b>\n");
  EXPECT_TRUE(rules->services_need_grants);
  EXPECT_EQ(rules->documents, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(rules->rules[0].place.document, 0U);
  EXPECT_EQ(rules->rules[1].place.document, 1U);
  EXPECT_EQ(rules->rules[1].paths[0].place.document, 1U);
  EXPECT_EQ(rules->rules[1].paths[0].place.line, 2U);
  EXPECT_EQ(rules->rules[1].paths[0].place.column, 22U);
}

TEST(PolicyText, DocumentsOfTwoModesAreRefused) {
  const std::string own = R"({"version":1})";
  const std::string own_vault = "{\"version\":1,\n\"mode\":\"vault-compat\"}";
  const std::string vault = R"({"path":{}})";
  const std::string dcos = "[user:x]\n";
  for (const auto& [a, b] :
       {std::pair(own, own_vault), std::pair(own, vault), std::pair(dcos, vault),
        std::pair(vault, dcos), std::pair(own_vault, own), std::pair(own_vault, dcos)}) {
    const std::vector<PolicyDocument> documents = {{"a", a}, {"b", b}};
    const auto parsed = parse_policy(documents);
    ASSERT_FALSE(parsed) << a << b;
    EXPECT_TRUE(parsed.error().message.starts_with("policy 'b', line ")) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("policy 'a'"), std::string::npos);
    EXPECT_NE(parsed.error().message.find("one mode"), std::string::npos);
  }
}

// ---- Vault's form ----

TEST(VaultPolicy, MeansWhatItSays) {
  const PolicyRules rules = rules_of(R"({"version": 1, "mode": "vault-compat",
    "policies": {
      "web": {"path": {"web/*": {"capabilities": ["read", "list"]},
                       "/web/+/x": {"capabilities": ["create", "update", "delete", "scan"]},
                       "web/deny": {"capabilities": ["read", "deny", "list"]},
                       "web/odd": {"capabilities": ["sudo", "patch"], "comment": "?"},
                       "web/none": {"capabilities": []},
                       "": {"capabilities": ["list"]}}},
      "alone": {"path": {"x": {"capabilities": ["read"]}}},
      "bare": {"path": {}}},
    "grants": [{"to": ["user:b", "group:web"], "policies": ["web", "bare"]},
               {"to": ["user:a", "user:b"], "policies": ["web"]}]})");
  EXPECT_EQ(rules.mode, PolicyMode::vault_compat);
  EXPECT_EQ(spelled(rules),
            "user:a user:b group:web allow read list <web/*>\n"
            "user:a user:b group:web allow create update delete scan <web/+/x>\n"
            "user:a user:b group:web deny create read update delete list scan resolve <web/deny>\n"
            "user:a user:b group:web <web/odd>\n"
            "user:a user:b group:web <web/none>\n"
            "user:a user:b group:web allow list <>\n"
            "allow read <x>\n");
}

TEST(VaultPolicy, StandsAloneUnderItsDocumentsName) {
  const std::vector<PolicyDocument> documents = {
      {"web", vault_json(R"("web/*": {"capabilities": ["read"]})")},
      {"who", R"({"version":1,"mode":"vault-compat",
                  "grants":[{"to":["user:a"],"policies":["web","db"]}]})"},
      {"db", vault_json(R"("db/*": {"capabilities": ["list"]})")}};
  const auto rules = parse_policy(documents);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(spelled(*rules), "user:a allow read <web/*>\nuser:a allow list <db/*>\n");
  EXPECT_EQ(rules->rules[1].place.document, 2U);
  EXPECT_EQ(rules->rules[1].place.line, 2U);
  EXPECT_EQ(rules->rules[1].place.column, 4U);
}

TEST(VaultPolicy, AdministrationIsGivenByRulesBesideIt) {
  EXPECT_EQ(read(R"({"version":1,"mode":"vault-compat",
                     "rules":[{"to":["group:ops"],"allow":["seal"]}]})"),
            "group:ops allow seal \n");
  const auto rule = [](const std::string& text) {
    return "{\"version\":1,\"mode\":\"vault-compat\",\n\"rules\":[{\"to\":[\"anyone\"]," + text +
           "}]}";
  };
  EXPECT_TRUE(refused_there(rule(R"("allow":["read"],"paths":@@["a"])"), "into 'policies'"));
  EXPECT_TRUE(refused_there(rule(R"("dcos":@@["dcos:superuser full"])"), "into 'policies'"));
  EXPECT_FALSE(parse(rule(R"("allow":["read"])")));
}

TEST(VaultPolicy, WhatIsGrantedMustExist) {
  const auto granted = [](const std::string& name) {
    return R"({"version":1,"mode":"vault-compat","policies":{"web":{"path":{}}},)"
           "\n \"grants\":[{\"to\":[\"anyone\"],\"policies\":[\"web\",\"@@" +
           name + "\"]}]}";
  };
  EXPECT_TRUE(refused_there(granted("wbe"), "no Vault policy 'wbe'; did you mean 'web'?"));
  EXPECT_TRUE(refused_there(granted("Web"), "did you mean 'web'?"));
  EXPECT_TRUE(refused_there(granted(""), "no Vault policy ''"));
}

TEST(VaultPolicy, OfTheSameNameTwiceIsRefused) {
  const std::string web = R"({"version":1,"mode":"vault-compat","policies":{"web":{"path":{}}}})";
  for (const std::string& other : {vault_json(""), web}) {
    const std::vector<PolicyDocument> documents = {{"a", web}, {"web", other}};
    const auto parsed = parse_policy(documents);
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find("was there already"), std::string::npos);
    EXPECT_TRUE(parsed.error().message.starts_with("policy 'web', line 1, column "));
  }
  EXPECT_TRUE(refused_there(
      R"({"version":1,"mode":"vault-compat","policies":{"web":{"path":{}},"@@web":{"path":{}}}})",
      "appeared twice"));
}

TEST(VaultPolicy, WhatNarrowsRequestsThereIsRefusedByName) {
  for (const std::string name :
       {"allowed_parameters", "denied_parameters", "required_parameters", "min_wrapping_ttl",
        "max_wrapping_ttl", "mfa_methods", "control_group", "pagination_limit", "expiration",
        "list_scan_response_keys_filter_path", "response_keys_filter_path"}) {
    EXPECT_TRUE(
        refused_there(vault_json("\"a\":{\"capabilities\":[\"read\"],@@\"" + name + "\":[]}"),
                      "'" + name + "' narrows requests in Vault"));
  }
  EXPECT_TRUE(
      refused_there(vault_json(R"("a":{@@"policy":"write"})"),
                    R"(write "capabilities": ["create", "read", "update", "delete", "list"])"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":{@@"policy":["x"]})"), "form of old Vault"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":{@@"capability":["read"]})"),
                            "did you mean 'capabilities'?"));
  EXPECT_TRUE(refused_there(R"({"path":{},@@"nam":"x"})", "did you mean 'name'?"));
}

TEST(VaultPolicy, CapabilitiesAreVaultsAndNoOthers) {
  const auto capability = [](const std::string& word) {
    return vault_json("\"a\":{\"capabilities\":[\"deny\",\"@@" + word + "\"]}");
  };
  EXPECT_TRUE(refused_there(capability("root"), "'root' is no capability of a path"));
  EXPECT_TRUE(refused_there(capability("raed"), "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(capability("Deny"), "did you mean 'deny'?"));
  EXPECT_TRUE(refused_there(capability("write"), "was unknown"));
  EXPECT_TRUE(refused_there(capability("*"), "was unknown"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":{"capabilities":@@"read"})"), "write an array"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":{"capabilities":[@@1]})"), "write a string"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":@@{})"), "'capabilities' was missing"));
  EXPECT_TRUE(refused_there(vault_json(R"("a":@@["read"])"), "write an object"));
  EXPECT_TRUE(refused_there(R"({"path":@@[]})", "'path' was an array"));
}

TEST(VaultPolicy, PatternsOfVaultsThatMeanNothingAreRefused) {
  const auto pattern = [](const std::string& text) {
    return vault_json("\"" + text + "\":{\"capabilities\":[\"deny\"]}");
  };
  EXPECT_TRUE(refused_there(pattern("foo/@@+*"), "'+*'"));
  EXPECT_TRUE(refused_there(pattern("secret/@@{{identity.entity.id}}/*"), "templates"));
  EXPECT_TRUE(refused_there(pattern("a@@\\u0000b"), "control character"));
  EXPECT_EQ(read(pattern("secret/*/b")),
            "deny create read update delete list scan resolve "
            "<secret/*/b>\n");
}

// vault_answers returns 'A' or 'D' for each of some reads, by a Vault policy that everybody holds.
std::string vault_answers(const std::string& paths, const std::vector<std::string>& reads) {
  const std::vector<PolicyDocument> documents = {{"v", vault_json(paths)},
                                                 {"who", R"({"version":1,"mode":"vault-compat",
                  "grants":[{"to":["anyone"],"policies":["v"]}]})"}};
  const auto rules = parse_policy(documents);
  EXPECT_TRUE(rules) << rules.error().message;
  const auto policy = CompiledPolicy::compile(*rules).value();
  std::string answers;
  for (const std::string& read : reads) {
    const Decision decision =
        policy->decide(Identity::user("u"), Action::read, Path::parse(read).value());
    answers += decision == Decision::allowed ? 'A' : 'D';
  }
  return answers;
}

TEST(VaultPolicy, DecidesFromItsTextAsVaultDoes) {
  EXPECT_EQ(vault_answers(R"("secret/*":{"capabilities":["deny"]},
                             "secret/super/*":{"capabilities":["read"]})",
                          {"secret/super/x", "secret/x"}),
            "AD");
  EXPECT_EQ(vault_answers(R"("a/+/c":{"capabilities":["deny"]},"a/b/*":{"capabilities":["read"]})",
                          {"a/b/c", "a/x/c"}),
            "AD");
  EXPECT_EQ(vault_answers(R"("/a":{"capabilities":["read"]},"a":{"capabilities":["list","deny"]})",
                          {"a"}),
            "D");
  EXPECT_EQ(
      vault_answers(R"("secret/*/b":{"capabilities":["read"]})", {"secret/a/b", "secret/*/b"}),
      "DA");
}

// A rule that allows nothing, or only actions that do not exist here, still decides before a wider one.
TEST(VaultPolicy, CapabilitiesWithoutAnActionStandBeforeWiderOnes) {
  for (const char* capabilities : {"[]", "[\"sudo\"]", "[\"patch\",\"sudo\"]", "[\"deny\"]"}) {
    EXPECT_EQ(vault_answers("\"a/b\":{\"capabilities\":" + std::string(capabilities) +
                                "},\"a/*\":{\"capabilities\":[\"read\"]}",
                            {"a/b", "a/c"}),
              "DA")
        << capabilities;
  }
}

TEST(VaultPolicy, HclIsToldToBecomeJson) {
  EXPECT_TRUE(refused_there("@@path \"secret/*\" {\n  capabilities = [\"read\"]\n}\n", "HCL"));
  EXPECT_TRUE(refused_there("# web\n\n  @@path\"secret/*\" {}\n", "HCL"));
  EXPECT_TRUE(refused_there("[user:a]\n@@path \t\"secret/*\" {}\n", "HCL"));
}

TEST(VaultPolicy, BelongsToItsModeAlone) {
  EXPECT_TRUE(refused_there(R"({"version":1,"policies":@@{}})", "vault-compat"));
  EXPECT_TRUE(
      refused_there(R"({"version":1,"mode":"deny-overrides","grants":@@[]})", "vault-compat"));
  EXPECT_TRUE(refused_there(R"({"version":1,"mode":@@"vault"})", "(known: "));
  EXPECT_TRUE(
      refused_there(R"({"version":1,"mode":@@"vault_compat"})", "did you mean 'vault-compat'?"));
  EXPECT_TRUE(refused_there(R"({"version":1,"mode":@@"Deny-Overrides"})",
                            "did you mean 'deny-overrides'?"));
}

TEST(VaultPolicy, GrantsAreComplete) {
  const auto grant = [](const std::string& text) {
    return "{\"version\":1,\"mode\":\"vault-compat\",\n\"grants\":[" + text + "]}";
  };
  EXPECT_TRUE(refused_there(grant(R"(@@{"to":["anyone"]})"), "'policies' was missing"));
  EXPECT_TRUE(refused_there(grant(R"(@@{"policies":["a"]})"), "'to' was missing"));
  EXPECT_TRUE(refused_there(grant(R"({"to":["anyone"],"policies":@@[]})"), "empty"));
  EXPECT_TRUE(refused_there(grant(R"({"to":["anyone"],"policies":@@"a"})"), "write an array"));
  EXPECT_TRUE(
      refused_there(grant(R"({"to":["anyone"],@@"policy":["a"]})"), "did you mean 'policies'?"));
  EXPECT_TRUE(refused_there(grant("@@1"), "write an object"));
}

// ---- limits ----

// Peak is how much the peak memory of this process grew.
class Peak {
 public:
  std::size_t grown() const { return now() - before_; }

 private:
  static std::size_t now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::size_t>(usage.ru_maxrss) << 10;
  }
  std::size_t before_ = now();
};

// cpu_seconds is the CPU time of this process, which does not grow when the machine is busy.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

::testing::AssertionResult over_limit(std::vector<PolicyDocument> documents,
                                      std::string_view says) {
  const Peak peak;
  const double begin = cpu_seconds();
  const auto parsed = parse_policy(documents);
  const double seconds = cpu_seconds() - begin;
  if (parsed) return ::testing::AssertionFailure() << "taken";
  if (parsed.error().code != Code::too_large ||
      parsed.error().message.find(says) == std::string::npos) {
    return ::testing::AssertionFailure() << parsed.error().message;
  }
  // A sanitizer's own memory counts too. An optimised build takes a tenth of that time.
  if (peak.grown() > (std::size_t{1500} << 20) || seconds > 20) {
    return ::testing::AssertionFailure() << peak.grown() << " bytes, " << seconds << " s";
  }
  return ::testing::AssertionSuccess();
}

TEST(PolicyLimits, AMillionRulesAreRefusedInBoundedMemory) {
  std::string dcos = "[anyone]\n";
  for (int i = 0; i < 1'000'000; ++i) dcos += "dcos:secrets:default:a read\n";
  EXPECT_TRUE(over_limit({{"p", dcos}}, "line 200002, column 1: the policy had more than 200000"));

  const std::string rule = R"({"to":["anyone"],"allow":["read"],"paths":["a"]})";
  std::string own = rule;
  for (int i = 1; i < 1'000'000; ++i) own.append(",").append(rule);
  EXPECT_TRUE(over_limit({{"p", rules_json(own)}}, "at most 200000 rules"));
  own.resize((rule.size() + 1) * 300'000 - 1);
  EXPECT_TRUE(over_limit({{"p", rules_json(own)}}, "more than 200000 rules"));

  std::string vault = R"("a":{"capabilities":[]})";
  for (int i = 0; i < 1'000'000; ++i) {
    vault += ",\"" + std::to_string(i) + "\":{\"capabilities\":[]}";
  }
  EXPECT_TRUE(over_limit({{"p", vault_json(vault)}}, "more than 200000 rules"));
}

TEST(PolicyLimits, PathsOfARuleCountAsRules) {
  std::string paths = "\"a\"";
  for (int i = 0; i < 200'000; ++i) paths += ",\"a\"";
  EXPECT_TRUE(over_limit(
      {{"p", rules_json(R"({"to":["anyone"],"allow":["read"],"paths":[)" + paths + "]}")}},
      "more than 200000 rules"));
}

TEST(PolicyLimits, GrantsAreCountedBeforeTheyAreMade) {
  std::string subjects = "group:0";
  std::string listed = "\"group:0\"";
  for (int i = 1; i < 2'000; ++i) {
    subjects += " group:" + std::to_string(i);
    listed += ",\"group:" + std::to_string(i) + "\"";
  }
  std::string dcos = "[" + subjects + "]\n";
  for (int i = 0; i < 1'000; ++i) dcos += "dcos:secrets:default:a read\n";
  EXPECT_TRUE(over_limit({{"p", dcos}}, "more than 1000000 grants"));

  std::string vault = R"("a":{"capabilities":[]})";
  for (int i = 0; i < 1'000; ++i) vault += ",\"" + std::to_string(i) + "\":{\"capabilities\":[]}";
  const std::string whole = R"({"version":1,"mode":"vault-compat","policies":{"v":{"path":{)" +
                            vault + R"(}}},"grants":[{"to":[)" + listed +
                            R"(],"policies":["v"]}]})";
  EXPECT_TRUE(over_limit({{"p", whole}}, "more than 1000000 grants"));
}

TEST(PolicyLimits, LongNamesAreNotCopiedWithoutEnd) {
  std::string subjects = "group:" + std::string(4'000, 'g');
  std::string dcos = "[" + subjects + "]\n";
  for (int i = 0; i < 100'000; ++i) dcos += "dcos:secrets:default:a read\n";
  EXPECT_TRUE(over_limit({{"p", dcos}}, "the names of subjects"));

  std::string grants = "\"v\"";
  for (int i = 0; i < 100'000; ++i) grants += ",\"v\"";
  EXPECT_TRUE(over_limit({{"p", R"({"version":1,"mode":"vault-compat","policies":{"v":{"path":{}}},
                                   "grants":[{"to":[")" +
                                    subjects + R"("],"policies":[)" + grants + "]}]}"}},
                         "Vault policies were granted"));
}

TEST(PolicyLimits, TextsAreBounded) {
  EXPECT_TRUE(over_limit({{"p", std::string(kMaxPolicyTextLen + 1, ' ')}}, "more than 67108864"));
  EXPECT_TRUE(over_limit({{"a", std::string(kMaxPolicyTextLen / 2, ' ')},
                          {"b", std::string(kMaxPolicyTextLen / 2 + 1, ' ')}},
                         "policy 'b'"));
  EXPECT_TRUE(over_limit(std::vector<PolicyDocument>(kMaxPolicyDocuments + 1, {"p", "[user:a]"}),
                         "more than 4096 documents"));
  EXPECT_TRUE(parse_policy(std::vector<PolicyDocument>(kMaxPolicyDocuments, {"p", "[user:a]"})));
}

TEST(PolicyLimits, APolicyAtItsLimitIsTaken) {
  std::string dcos = "[user:a user:b user:c user:d group:e]\n";
  for (int i = 0; i < 200'000; ++i) {
    dcos += "dcos:secrets:default:/x" + std::to_string(i) + "/* full\n";
  }
  EXPECT_EQ(rules_of(dcos).rules.size(), kMaxPolicyRules);
  const std::string rule = R"({"to":["anyone"],"allow":["read"],"paths":["a"]})";
  std::string own = rule;
  for (std::size_t i = 1; i < kMaxPolicyRules; ++i) own.append(",\n").append(rule);
  EXPECT_EQ(rules_of(rules_json(own)).rules.size(), kMaxPolicyRules);
}

TEST(PolicyLimits, OneLongLineIsNotReadAgainForEachRule) {
  // 200,000 places in one line of 10 MB: quadratic would be minutes.
  const std::string rule = R"({"to":["anyone"],"allow":["read"],"paths":["a"]})";
  std::string own = rule;
  for (std::size_t i = 1; i < kMaxPolicyRules; ++i) own.append(",").append(rule);
  const double begin = cpu_seconds();
  EXPECT_EQ(rules_of(rules_json(own)).rules.size(), kMaxPolicyRules);
  EXPECT_LT(cpu_seconds() - begin, 20);
}

// ---- names and identities ----

TEST(PolicyName, IsOneThatCanBeAFile) {
  for (const std::string& name : {"a"s, "web-1"s, "A.b_c"s, "0"s, "_"s, std::string(128, 'x')}) {
    EXPECT_TRUE(check_policy_name(name)) << name;
  }
  for (const std::string& name : {""s, "."s, ".."s, ".a"s, "-a"s, "a/b"s, "a b"s, "a\0"s,
                                  "\xC3\xA9"s, "a\n"s, "a%2f"s, std::string(129, 'x')}) {
    const auto refused = check_policy_name(name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_LT(refused.error().message.size(), 250U);
  }
}

TEST(Subject, IsWrittenAsItIsRead) {
  for (const char* text :
       {"user:alice", "service:/web/app", "administrator:root", "group:a b", "any-user",
        "any-service", "anyone", "user:a:b", "user:a@b+c", "user:\xC3\xA9"}) {
    const auto subject = parse_subject(text);
    ASSERT_TRUE(subject) << text;
    EXPECT_EQ(to_string(*subject), text);
  }
  EXPECT_EQ(parse_subject("user:a:b")->name, "a:b");
}

TEST(IdentityText, NamesWhoAsks) {
  const auto user = parse_identity("user:alice@x.org+group:ops+group:a b");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->kind(), Identity::Kind::user);
  EXPECT_EQ(user->id(), "alice@x.org");
  EXPECT_EQ(user->groups(), (std::vector<std::string>{"ops", "a b"}));

  const auto service = parse_identity("service:/web+group:g@/other/web");
  ASSERT_TRUE(service);
  EXPECT_EQ(service->kind(), Identity::Kind::service);
  EXPECT_EQ(service->id(), "/web");
  EXPECT_EQ(service->space(), "/other/web");
  EXPECT_EQ(service->groups(), std::vector<std::string>{"g"});
  EXPECT_EQ(parse_identity("service:/web")->space(), "/web");
  EXPECT_EQ(parse_identity("service:/web@")->space(), "");
  EXPECT_EQ(parse_identity("service:a@b@/c")->id(), "a@b");

  EXPECT_EQ(parse_identity("administrator:root")->kind(), Identity::Kind::administrator);
  EXPECT_EQ(parse_identity("trusted")->kind(), Identity::Kind::trusted);
  EXPECT_EQ(parse_identity("any-user+group:g")->id(), "");
  EXPECT_EQ(parse_identity("any-user+group:g")->kind(), Identity::Kind::user);
  EXPECT_EQ(parse_identity("any-service@/s")->space(), "/s");
}

TEST(IdentityText, WhatNamesNobodyIsRefused) {
  for (const char* text :
       {"", "alice", "group:ops", "anyone", "trusted+group:ops",
        "user:", "user:a+group:", "user:a+group:*", "user:*", "+group:a", "any-user:x",
        "service:@/a", "service:/a@/a+group:b", "service:a@/b\n", "user:a\n", "Trusted", "root"}) {
    const auto refused = parse_identity(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace strongroom::policy_text_test
