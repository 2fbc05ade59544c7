// module_test.cpp: the module in an agent: what it resolves, for whom, what it logs, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "agent.hpp"

namespace mesos_test::module_test {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return AssertionSuccess();
  return AssertionFailure() << "'" << text << "' has no '" << part << "'";
}

TEST(Module, SaysWhatItIsAsMesosReadsIt) {
  EXPECT_STREQ(object().moduleApiVersion, "2");
  EXPECT_STREQ(object().mesosVersion, MESOS_VERSION);
  EXPECT_STREQ(object().kind, "SecretResolver");
  EXPECT_NE(object().authorName, nullptr);
  EXPECT_NE(object().authorEmail, nullptr);
  EXPECT_NE(object().description, nullptr);
  EXPECT_EQ(object().compatible, nullptr);  // only exactly this version may load it
}

TEST(Module, ResolvesReferencesToSecretsAndTheirMembers) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  EXPECT_EQ(resolved(*resolver, "other/token"), "opensesame");
  EXPECT_EQ(resolved(*resolver, "/web/db", "username"), "my-user");
  EXPECT_TRUE(has(resolved(*resolver, "/web/db", "nosuch"), "failed: "));
  EXPECT_TRUE(has(resolved(*resolver, "/web/nosuch"), "failed: secret '/web/nosuch' cannot be"));
}

TEST(Module, ResolvesAReferenceWithoutAType) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  mesos::Secret secret;
  secret.mutable_reference()->set_name("/other/token");
  EXPECT_EQ(outcome(resolver->resolve(secret)), "opensesame");
}

TEST(Module, PassesOnValuesWithoutTheStore) {
  Stored stored;
  stored.session().seal(STRONGROOM_SEAL_EVERYWHERE);
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(resolver, nullptr);
  const std::string bytes("pass\0word", 9);
  mesos::Secret secret;
  secret.set_type(mesos::Secret::VALUE);
  secret.mutable_value()->set_data(bytes.data(), bytes.size());
  EXPECT_EQ(outcome(resolver->resolve(secret), milliseconds(0)), bytes);
  secret.set_type(mesos::Secret::UNKNOWN);
  EXPECT_EQ(outcome(resolver->resolve(secret), milliseconds(0)), bytes);
  mesos::Secret empty;
  empty.mutable_value();
  EXPECT_EQ(outcome(resolver->resolve(empty), milliseconds(0)), "");
}

TEST(Module, RefusesMessagesThatBreakMesosRulesInMesosWords) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  EXPECT_TRUE(has(outcome(resolver->resolve(mesos::Secret())), "Secret has no value"));

  mesos::Secret both = reference("/other/token");
  both.mutable_value()->set_data("hunter2", 7);
  const std::string with_value = outcome(resolver->resolve(both));
  EXPECT_TRUE(has(with_value, "of type REFERENCE must not have the 'value' field set"));
  EXPECT_FALSE(has(with_value, "hunter2"));

  mesos::Secret none;
  none.set_type(mesos::Secret::VALUE);
  EXPECT_TRUE(has(outcome(resolver->resolve(none)), "must have the 'value' field set"));
}

TEST(Module, RefusesNamesThatAreNoPathsAndMessagesThatAreTooLong) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  for (const char* name : {"", "/", "a/../b", "a//b"})
    EXPECT_TRUE(has(resolved(*resolver, name), "failed: ")) << name;
  const std::string text = resolved(*resolver, std::string(100'000, 'x'));
  EXPECT_TRUE(has(text, "over 65,536 bytes"));
  EXPECT_LT(text.size(), 2'000U);
}

// ---- whose rights ----

TEST(Module, ResolvesOnlyWhatItsAllowListHas) {
  Stored stored;
  put(stored.session(), "website", "not below web");
  put(stored.session(), "web/deep/one", "1");
  Parameters parameters = stored.parameters();
  parameters["allow"] = "/web/, exact/name";
  put(stored.session(), "exact/name", "2");
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(resolved(*resolver, "/web/deep/one"), "1");
  EXPECT_EQ(resolved(*resolver, "/exact/name"), "2");
  EXPECT_TRUE(has(resolved(*resolver, "/other/token"), "failed: "));
  EXPECT_TRUE(has(resolved(*resolver, "/website"), "failed: "));
  EXPECT_TRUE(has(resolved(*resolver, "/web/../other/token"), "failed: "));
}

TEST(Module, ResolvesOnlyWhatThePoliciesInTheStoreGrantItsIdentity) {
  Stored stored;
  Parameters parameters = stored.parameters();
  parameters.erase("allow");
  parameters["identity"] = "agent-7";
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_TRUE(has(resolved(*resolver, "/web/db"), "failed: "));
  stored.session().put_document("agents", R"({"version": 1, "rules": [
      {"to": ["user:agent-7"], "allow": ["read"], "paths": ["web/**"]}]})");
  EXPECT_EQ(eventually(*resolver, "/web/db", "my-user"),
            R"({"username": "my-user", "password": "hunter2"})");
  EXPECT_TRUE(has(resolved(*resolver, "/other/token"), "failed: "));
}

TEST(Module, ResolvesOnlyWhatAPolicyFileGrants) {
  const Stored stored;
  Parameters parameters = stored.parameters();
  parameters.erase("allow");
  parameters["policy_file"] = stored.directory() + "/agents.json";
  std::ofstream(parameters["policy_file"]) << R"({"version": 1, "rules": [
      {"to": ["user:mesos-agent"], "allow": ["read"], "paths": ["other/*"]}]})";
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  EXPECT_TRUE(has(resolved(*resolver, "/web/db"), "failed: "));
}

TEST(Module, ResolvesOnlyWhatIsInItsSpace) {
  Stored stored;
  put(stored.session(), "top", "everybody's");
  Parameters parameters = stored.parameters();
  parameters.erase("allow");
  parameters["space"] = "/web/app";
  const Resolver resolver = create(parameters);
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(resolved(*resolver, "/web/db", "username"), "my-user");
  EXPECT_EQ(resolved(*resolver, "/top"), "everybody's");
  EXPECT_TRUE(has(resolved(*resolver, "/other/token"), "failed: "));
}

TEST(Module, SaysInTheLogThatEveryTaskHasTheSameRights) {
  const Stored stored;
  take_log_lines();
  const Resolver resolver = create(stored.parameters());
  const std::string line = log_line("every task of this agent may resolve");
  EXPECT_TRUE(has(line, "'user:mesos-agent'"));
  EXPECT_EQ(line[0], 'I');
}

// ---- the log ----

TEST(Module, LogsOneLinePerResolveWithPathOutcomeAndDurationButNoValue) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(log_line("every task"), "");
  resolved(*resolver, "/web/db", "password");
  std::string line = log_line("/web/db");
  EXPECT_TRUE(has(line, "I strongroom: resolved secret '/web/db' ("));
  EXPECT_TRUE(has(line, " us)"));
  EXPECT_FALSE(has(line, "hunter2"));

  resolved(*resolver, "/web/nosuch");
  line = log_line("/web/nosuch");
  EXPECT_EQ(line[0], 'W');
  EXPECT_TRUE(has(line, " us)"));

  mesos::Secret secret;
  secret.mutable_value()->set_data("hunter2", 7);
  resolver->resolve(secret);
  EXPECT_FALSE(has(log_line("value"), "hunter2"));
  EXPECT_TRUE(take_log_lines().empty());
}

TEST(Module, LetsNoNameForgeALine) {
  const Stored stored;
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(log_line("every task"), "");
  const std::string failure = resolved(*resolver, "a\nI strongroom: resolved \x1b[31m\xc2\x85");
  const auto clean = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  EXPECT_TRUE(clean(failure)) << failure;
  EXPECT_TRUE(has(failure, "a\\x0aI strongroom"));
  EXPECT_TRUE(clean(log_line("a\\x0aI strongroom")));
}

// ---- parameters ----

struct BadCase {
  Parameters changes;  // an empty text removes the parameter
  std::string logged;
};

TEST(Module, IsNotMadeWithBadParametersAndLogsWhy) {
  const Stored stored;
  const std::string other = stored.directory() + "/other";
  std::ofstream(other) << "{";
  const std::string open_to_all = stored.directory() + "/open";
  std::ofstream(open_to_all) << stored.key();
  std::filesystem::permissions(open_to_all, std::filesystem::perms(0644));
  const std::vector<BadCase> cases = {
      {{{"store", ""}}, "'store' is missing"},
      {{{"store", "nosuch:store"}}, "nosuch"},
      {{{"key_file", ""}}, "'key_file' is missing"},
      {{{"key_file", "/nosuch/key"}}, "'/nosuch/key' cannot be read"},
      {{{"key_file", open_to_all}}, "is open to others"},
      {{{"key_file", stored.directory()}}, "is not a regular file"},
      {{{"vault_token", "s.hunter2"}}, "unknown parameter 'vault_token'"},
      {{{"timeout_ms", "0"}}, "'timeout_ms' must be a number from 1 to"},
      {{{"timeout_ms", "1s"}}, "'timeout_ms' must be a number from 1 to"},
      {{{"timeout_ms", "-1"}}, "'timeout_ms' must be a number from 1 to"},
      {{{"timeout_ms", "99999999999999999999"}}, "'timeout_ms' must be a number from 1 to"},
      {{{"memory_bytes", "many"}}, "'memory_bytes' must be a number"},
      {{{"policy_file", other}}, "exclude each other"},
      {{{"space", "/web"}}, "'allow' and 'space' exclude each other"},
      {{{"allow", ""}, {"policy_file", other}}, "policy 'other'"},
      {{{"allow", ""}, {"policy_file", "/nosuch"}}, "'/nosuch' cannot be read"},
      {{{"allow", "web/*"}}, "'allow' has a prefix with '*'"},
      {{{"allow", "web,,db"}}, "'allow' has an empty prefix"},
      {{{"allow", "a/../b"}}, "policy 'allow'"},
      {{{"identity", " x"}}, "'user: x' had a blank"},
  };
  for (const BadCase& each : cases) {
    Parameters parameters = stored.parameters();
    for (const auto& [key, value] : each.changes) {
      parameters[key] = value;
      if (value.empty()) parameters.erase(key);
    }
    take_log_lines();
    EXPECT_EQ(create(parameters), nullptr) << each.logged;
    const std::string line = log_line("cannot start");
    EXPECT_TRUE(has(line, each.logged));
    EXPECT_EQ(line[0], 'E') << line;
    EXPECT_FALSE(has(line, "hunter2"));
  }
}

TEST(Module, IsNotMadeWithAParameterGivenTwiceOrEmpty) {
  const Stored stored;
  mesos::Parameters twice = as_message(stored.parameters());
  add(twice, "store", "memory:");
  EXPECT_EQ(object().create(twice), nullptr);
  EXPECT_TRUE(has(log_line("cannot start"), "'store' is given twice"));
  Parameters parameters = stored.parameters();
  parameters["space"] = "";
  EXPECT_EQ(create(parameters), nullptr);
  EXPECT_TRUE(has(log_line("cannot start"), "'space' must be a text that is not empty"));
}

}  // namespace
}  // namespace mesos_test::module_test
