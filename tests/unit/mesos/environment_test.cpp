// environment_test.cpp: Mesos' rules for environments, and what becomes of equal names and failures.
//
// Expected texts and outcomes come from Apache Mesos: slave_validation_tests.cpp,
// environment_secret_isolator_tests.cpp, and tasks run on a real agent.
#include "strongroom/mesos/environment.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory_scan.hpp"
#include "secret_text.hpp"

namespace strongroom::environment_test {
namespace {

using namespace mesos;

using testing::in_memory;
using testing::Masked;
using testing::secret;
using testing::text;

constexpr std::size_t kMany = 100'000;

Variable plain(const std::string& name, std::string_view value) {
  Variable made;
  made.name = name;
  made.value = SecretView(value.data(), value.size());  // of a literal
  return made;
}

Variable inline_secret(const std::string& name, std::string_view data) {
  Variable made;
  made.name = name;
  made.type = Variable::Type::secret;
  made.secret.emplace();
  made.secret->type = Secret::Type::value;
  made.secret->value = Value{secret(data)};
  return made;
}

Variable reference(const std::string& name, const std::string& path) {
  Variable made;
  made.name = name;
  made.type = Variable::Type::secret;
  made.secret.emplace();
  made.secret->type = Secret::Type::reference;
  made.secret->reference = Reference{path, std::nullopt};
  return made;
}

template <typename... Variables>
Environment environment(Variables... variables) {
  Environment made;
  (made.variables.push_back(std::move(variables)), ...);
  return made;
}

std::string fault(const Environment& environment) {
  const auto valid = validate_environment(environment);
  if (valid) return "";
  EXPECT_EQ(valid.error().code, Code::invalid);
  return valid.error().message;
}

std::string fault(Variable variable) {
  return fault(environment(std::move(variable)));
}

Result<Environment> from_json(std::string_view json) {
  return environment_from_json(secret(json));
}

std::string json_fault(std::string_view json) {
  const auto parsed = from_json(json);
  if (parsed) return fault(*parsed);
  EXPECT_EQ(parsed.error().code, Code::invalid);
  return parsed.error().message;
}

// Vault is a resolver over a map: references by name, values to their bytes. It counts its calls.
struct Vault {
  std::map<std::string, std::string> secrets;
  int calls = 0;
  std::size_t asked = 0;

  Result<std::vector<SecretBytes>> operator()(std::span<const Secret* const> wanted,
                                              std::size_t& failed) {
    ++calls;
    asked += wanted.size();
    std::vector<SecretBytes> found;
    for (const Secret* each : wanted) {
      if (each->value) {
        found.push_back(secret(each->value->data.reveal_text()));
        continue;
      }
      const auto it = secrets.find(each->reference->name);
      if (it == secrets.end()) {
        failed = found.size();
        return Error{Code::not_found, "no such secret"};
      }
      found.push_back(secret(it->second));
    }
    return found;
  }
};

// resolved gives "NAME=value;..." of an environment, or "!" and the error.
std::string resolved(Environment environment, Vault& vault) {
  auto all = resolve_environment(std::move(environment), vault);
  if (!all) return "!" + all.error().message;
  std::string joined;
  for (const auto& [name, value] : all->variables) {
    joined += name + "=" + std::string(value.reveal_text()) + ";";
  }
  return joined;
}

std::string resolved(Environment environment) {
  Vault vault;
  return resolved(std::move(environment), vault);
}

TEST(Environment, SecretVariableNeedsASecretAndNothingElse) {
  const std::string variable = "Environment variable 'ENV_VAR_KEY' ";
  Variable tested = inline_secret("ENV_VAR_KEY", "x");
  tested.value = SecretView("y", 1);
  EXPECT_EQ(fault(std::move(tested)), variable + "of type 'SECRET' must not have a value set");
  tested = inline_secret("ENV_VAR_KEY", "x");
  tested.secret.reset();
  EXPECT_EQ(fault(std::move(tested)), variable + "of type 'SECRET' must have a secret set");
  tested = inline_secret("ENV_VAR_KEY", std::string_view("ab\0cd", 5));
  EXPECT_EQ(fault(std::move(tested)),
            variable +
                "specifies a secret containing null bytes, which is not allowed in the "
                "environment");
  EXPECT_EQ(fault(inline_secret("ENV_VAR_KEY", "x")), "");
}

TEST(Environment, PlainVariableNeedsAValueAndNothingElse) {
  const std::string variable = "Environment variable 'ENV_VAR_KEY' ";
  Variable tested = plain("ENV_VAR_KEY", "x");
  tested.secret.emplace();
  EXPECT_EQ(fault(std::move(tested)), variable + "of type 'VALUE' must not have a secret set");
  tested = plain("ENV_VAR_KEY", "x");
  tested.value.reset();
  EXPECT_EQ(fault(std::move(tested)), variable + "of type 'VALUE' must have a value set");
  EXPECT_EQ(fault(plain("ENV_VAR_KEY", "x")), "");
}

TEST(Environment, UnknownVariableIsRefused) {
  Variable tested = plain("ENV_VAR_KEY", "x");
  tested.type = Variable::Type::unknown;
  EXPECT_EQ(fault(std::move(tested)), "Environment variable of type 'UNKNOWN' is not allowed");
}

TEST(Environment, InvalidSecretIsToldWithItsVariable) {
  Variable tested = reference("V", "n");
  tested.secret->type = Secret::Type::value;
  EXPECT_EQ(fault(std::move(tested)),
            "Environment variable 'V' specifies an invalid secret: Secret of type VALUE must have "
            "the 'value' field set");
}

TEST(Environment, TheFirstFaultIsTold) {
  Variable bad = plain("B", "x");
  bad.value.reset();
  Variable worse = plain("C", "x");
  worse.type = Variable::Type::unknown;
  EXPECT_EQ(fault(environment(plain("A", "x"), std::move(bad), std::move(worse))),
            "Environment variable 'B' of type 'VALUE' must have a value set");
}

TEST(Environment, MesosExampleIsRead) {
  auto parsed = from_json(
      R"({"variables":[{"name":"MY_SECRET_ENV","type":"SECRET","secret":{"type":"REFERENCE",)"
      R"("reference":{"name":"/my/secret","key":"username"}}},{"name":"MY_NORMAL_ENV","value":"foo"}]})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->variables.size(), 2u);
  const Variable& hidden = parsed->variables[0];
  EXPECT_EQ(hidden.name, "MY_SECRET_ENV");
  EXPECT_EQ(hidden.type, Variable::Type::secret);
  EXPECT_EQ(hidden.secret->reference->name, "/my/secret");
  EXPECT_EQ(hidden.secret->reference->key, "username");
  const Variable& shown = parsed->variables[1];
  EXPECT_EQ(shown.type, Variable::Type::value);
  EXPECT_EQ(shown.value->reveal_text(), "foo");
  EXPECT_EQ(fault(*parsed), "");
}

TEST(Environment, JsonIsTakenAsMesosTakesIt) {
  EXPECT_EQ(json_fault("{}"), "");
  EXPECT_EQ(json_fault(R"({"variables":null})"), "");
  EXPECT_EQ(json_fault(R"({"variables":[null,{"name":"A","value":""}],"extra":1})"), "");
  EXPECT_EQ(json_fault(R"({"variables":{"name":"A","value":""}})"), "");
  EXPECT_EQ(json_fault(R"({"variables":[[{"name":"A","value":""}]]})"), "");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","type":"NOPE","value":"x"}]})"), "");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","type":"NOPE","secret":{}}]})"),
            "Environment variable 'A' of type 'VALUE' must have a value set");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","type":"UNKNOWN","value":"x"}]})"),
            "Environment variable of type 'UNKNOWN' is not allowed");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"","value":"x"},{"name":"A=B","value":"x"},)"
                       R"({"name":"","value":"x"},{"name":"S","type":"SECRET","secret":{}}]})"),
            "");
  EXPECT_EQ(
      json_fault(
          R"({"variables":[{"name":"A","type":"SECRET","secret":{"value":{"data":"AA=="}}}]})"),
      "Environment variable 'A' specifies a secret containing null bytes, which is not "
      "allowed in the environment");
}

TEST(Environment, JsonFaultsAreMesosWords) {
  EXPECT_EQ(json_fault("[]"), "Expecting a JSON object");
  EXPECT_EQ(json_fault(R"({"variables":"x"})"),
            "Not expecting a JSON string for field 'variables'");
  EXPECT_EQ(json_fault(R"({"variables":[1]})"),
            "Not expecting a JSON number for field 'variables'");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","value":5}]})"),
            "Not expecting a JSON number for field 'value'");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","type":2}]})"),
            "Not expecting a JSON number for field 'type'");
  EXPECT_EQ(json_fault(R"({"variables":[{"name":"A","value":""},{"secret":{"reference":{}}}]})"),
            "Missing required fields: variables[1].name, variables[1].secret.reference.name");
}

TEST(Environment, JsonIsWrittenAsMesosWritesIt) {
  const auto written = [](std::string_view json) {
    return text(environment_to_json(from_json(json).value()).value());
  };
  EXPECT_EQ(written("{}"), "{}");
  // VALUE is a default, and Mesos writes defaults.
  EXPECT_EQ(written(R"({"variables":[{"value":"x\n","name":"A"},{"name":"B","type":"UNKNOWN"},)"
                    R"({"type":"SECRET","secret":{"value":{"data":"QQ"}},"name":"C"}]})"),
            R"({"variables":[{"name":"A","type":"VALUE","value":"x\n"},)"
            R"({"name":"B","type":"UNKNOWN"},)"
            R"({"name":"C","secret":{"value":{"data":"QQ=="}},"type":"SECRET"}]})");
}

TEST(Environment, JsonHoldsNoTextThatIsNotUtf8) {
  const auto refused = [](Variable variable) {
    const auto json = environment_to_json(environment(std::move(variable)));
    return json ? "" : json.error().message;
  };
  EXPECT_EQ(refused(plain("A", "hunter2\xFF")), "the value of the variable 'A' was not UTF-8");
  EXPECT_EQ(refused(plain("A\xFF", "x")), "the name of a variable was not UTF-8");
  EXPECT_EQ(refused(reference("A", "a\xFF")), "the name or key of a reference was not UTF-8");
}

// wire_seen gives what decode_environment understood, written again, or "!" and the error.
std::string wire_seen(std::string_view wire) {
  const auto read = decode_environment(SecretView(wire.data(), wire.size()));
  if (!read) return "!" + read.error().message;
  return text(encode_environment(*read).value());
}

std::string variables(std::string_view body) {
  return "\x0A" + std::string(1, static_cast<char>(body.size())) + std::string(body);
}

TEST(Environment, WireIsTakenAsProtobufTakesIt) {
  const std::string malformed = "!an Environment message was cut short or malformed";
  using namespace std::string_literals;
  const std::string typed = "\x0A\x01S\x18\x02\x22\x09\x08\x01\x12\x05\x0A\x03/ab";
  const struct {
    std::string wire;
    std::string seen;
  } kCases[] = {
      {"", ""},
      {variables("\x0A\x01"
                 "A\x12\x01x"),
       variables("\x0A\x01"
                 "A\x12\x01x")},
      {variables("\x12\x01x\x0A\x01"
                 "A"),
       variables("\x0A\x01"
                 "A\x12\x01x")},  // any order
      {variables("\x0A\x01"
                 "A\x0A\x01"
                 "B"),
       variables("\x0A\x01"
                 "B")},  // the last counts
      {variables("\x0A\x01"
                 "A\x18\x01"),
       variables("\x0A\x01"
                 "A")},  // VALUE is the default
      {variables("\x0A\x01"
                 "A\x18\x00"s),
       variables("\x0A\x01"
                 "A\x18\x00"s)},
      {variables("\x0A\x01"
                 "A\x18\x02\x18\x07"),
       variables("\x0A\x01"
                 "A\x18\x02")},
      {variables("\x0A\x01"
                 "A\x2A\x01z"),
       variables("\x0A\x01"
                 "A")},  // an unknown field
      {"\x12\x01z" + variables("\x0A\x01"
                               "A"),
       variables("\x0A\x01"
                 "A")},
      {variables("\x0A\x03"
                 "A=\n"),
       variables("\x0A\x03"
                 "A=\n")},
      {variables("\x0A\x02"
                 "A\x00"s),
       variables("\x0A\x02"
                 "A\x00"s)},
      {variables(typed), variables(typed)},
      // Two pieces of one secret are one secret.
      {variables("\x0A\x01S\x22\x02\x08\x01\x22\x07\x12\x05\x0A\x03/ab"),
       variables("\x0A\x01S\x22\x09\x08\x01\x12\x05\x0A\x03/ab")},
      {variables(""), "!Missing required fields: variables[0].name"},
      {variables("\x0A\x01"
                 "A") +
           variables("\x22\x04\x12\x00\x1A\x00"s),
       "!Missing required fields: variables[1].name, variables[1].secret.reference.name, "
       "variables[1].secret.value.data"},
      {"\x0A", malformed},
      {"\x0A\xFF\xFF\xFF\xFF\x07", malformed},
      {variables("\x0A\x09"
                 "A"),
       malformed},
      {"\x0C", malformed},
      {std::string(101, '\x13'), malformed},
  };
  for (const auto& [wire, seen] : kCases) EXPECT_EQ(wire_seen(wire), seen);
}

TEST(Environment, WireHasLimits) {
  std::string wire;
  for (std::size_t i = 0; i <= kMaxWireVariables; ++i) wire += variables("");
  EXPECT_EQ(wire_seen(wire), "!an Environment message had more than 1000000 variables");
  wire.resize(wire.size() - 2);
  const std::string missing = wire_seen(wire);
  EXPECT_TRUE(
      missing.starts_with("!Missing required fields: variables[0].name, variables[1].name"));
  EXPECT_TRUE(missing.ends_with(".name, ..."));
  EXPECT_LT(missing.size(), 4300u);
  EXPECT_EQ(
      wire_seen(std::string(kMaxSecretWireLen + 1, 'x')),
      "!an Environment message was longer than " + std::to_string(kMaxSecretWireLen) + " bytes");
}

TEST(Environment, WireThatIsCutShortIsNeverMistaken) {
  const std::string wire = variables("\x0A\x01S\x18\x02\x22\x09\x08\x01\x12\x05\x0A\x03/ab");
  for (std::size_t len = 1; len < wire.size(); ++len) {
    EXPECT_EQ(wire_seen(wire.substr(0, len)), "!an Environment message was cut short or malformed");
  }
}

TEST(Environment, SecretAndPlainAreResolved) {
  Vault vault{{{"/a/b", "from-store"}}};
  EXPECT_EQ(resolved(environment(inline_secret("My_SeCrEt", "password"), plain("P", "x"),
                                 reference("R", "/a/b")),
                     vault),
            "My_SeCrEt=password;P=x;R=from-store;");
  EXPECT_EQ(vault.calls, 1);  // one batch
}

TEST(Environment, AnUntypedSecretIsResolved) {
  Variable untyped = reference("R", "/a/b");
  untyped.secret->type = Secret::Type::unknown;
  Vault vault{{{"/a/b", "x"}}};
  EXPECT_EQ(resolved(environment(std::move(untyped)), vault), "R=x;");
}

TEST(Environment, NothingIsResolvedOfAnInvalidEnvironment) {
  Variable bad = plain("B", "x");
  bad.value.reset();
  Vault vault{{{"/a", "x"}}};
  EXPECT_EQ(resolved(environment(reference("A", "/a"), std::move(bad)), vault),
            "!Environment variable 'B' of type 'VALUE' must have a value set");
  EXPECT_EQ(vault.calls, 0);
}

TEST(Environment, OneFailureFailsAll) {
  Vault vault{{{"/a", "x"}, {"/c", "x"}}};
  EXPECT_EQ(resolved(environment(reference("A", "/a"), reference("B", "/b"), reference("C", "/c")),
                     vault),
            "!Environment variable 'B': secret '/b': no such secret");
}

TEST(Environment, PlainWinsOverSecretInBothOrders) {
  Vault vault{{{"/s", "secret"}}};
  EXPECT_EQ(resolved(environment(plain("S", "plain"), reference("S", "/s")), vault), "S=plain;");
  EXPECT_EQ(resolved(environment(reference("S", "/s"), plain("S", "plain")), vault), "S=plain;");
  EXPECT_EQ(vault.asked, 2u);  // the secret is resolved all the same
  EXPECT_EQ(resolved(environment(reference("S", "/gone"), plain("S", "plain")), vault),
            "!Environment variable 'S': secret '/gone': no such secret");
}

TEST(Environment, AFailureThatIsAboutNoSecretIsPassedOn) {
  const auto away = [](std::span<const Secret* const>,
                       std::size_t&) -> Result<std::vector<SecretBytes>> {
    return Error{Code::unavailable, "the storage is away"};
  };
  const auto all = resolve_environment(environment(plain("P", "x"), reference("A", "/a")), away);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().message, "the storage is away");
}

TEST(Environment, OfTwoOfOneSortTheLaterWins) {
  EXPECT_EQ(resolved(environment(inline_secret("S", "1"), inline_secret("S", "2"))), "S=2;");
  EXPECT_EQ(resolved(environment(plain("S", "1"), plain("S", "2"))), "S=2;");
  EXPECT_EQ(resolved(environment(plain("S", "1"), inline_secret("S", "2"), plain("S", "3"),
                                 inline_secret("S", "4"))),
            "S=3;");
}

TEST(Environment, WinnersStandInRequestOrder) {
  EXPECT_EQ(resolved(environment(plain("Z", "1"), inline_secret("A", "2"), plain("M", "3"),
                                 inline_secret("B", "4"), inline_secret("A", "5"))),
            "Z=1;M=3;B=4;A=5;");
}

TEST(Environment, AResolvedNulIsRefusedAndNamed) {
  const std::string held = " held a null byte, which no environment can hold";
  const std::string message = "!Environment variable 'R': secret '/a'" + held;
  Vault vault{{{"/a", std::string("ab\0cd", 5)}, {"/b", "fine"}}};
  EXPECT_EQ(resolved(environment(reference("B", "/b"), reference("R", "/a")), vault), message);
  EXPECT_EQ(resolved(environment(plain("R", std::string_view("a\0", 2)))),
            "!Environment variable 'R'" + held);
  EXPECT_EQ(resolved(environment(plain(std::string("R\0x", 3), "x"))),
            "!Environment variable 'R' had a null byte in its name");
  // Also one that would have lost to a plain variable: a NUL there is a mistake all the same.
  EXPECT_EQ(resolved(environment(plain("R", "x"), reference("R", "/a")), vault), message);
}

TEST(Environment, BytesPassUnchanged) {
  std::string bytes;
  for (int i = 1; i < 256; ++i) bytes += static_cast<char>(i);
  Vault vault{{{"/a", bytes}, {"/empty", ""}}};
  EXPECT_EQ(resolved(environment(reference("A", "/a"), reference("E", "/empty")), vault),
            "A=" + bytes + ";E=;");
}

TEST(Environment, AResolverThatGivesTooFewIsCaught) {
  const auto lazy = [](std::span<const Secret* const>,
                       std::size_t&) -> Result<std::vector<SecretBytes>> {
    return std::vector<SecretBytes>();
  };
  const auto all = resolve_environment(environment(reference("A", "/a")), lazy);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Code::internal);
}

TEST(Environment, MergeOfWhatWasNotValidatedIsCaught) {
  Variable bad = plain("B", "x");
  bad.value.reset();
  const auto all = merge(environment(std::move(bad)), {});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Code::internal);
}

TEST(Environment, ManyVariablesTakeNoQuadraticTime) {
  Environment many;
  for (int i = 0; i < 20'000; ++i) many.variables.push_back(plain("V" + std::to_string(i), "x"));
  Vault vault;
  const auto all = resolve_environment(std::move(many), vault);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->variables.size(), 20'000u);
}

// expect_hundred_thousand resolves an environment of that many plain variables, in less than the locked memory that
// they would take one by one.
void expect_hundred_thousand(Result<Environment> environment) {
  ASSERT_TRUE(environment) << environment.error().message;
  Vault vault;
  const auto all = resolve_environment(std::move(environment).value(), vault);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->variables.size(), kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(all->variables[i].name, "V" + std::to_string(i));
    ASSERT_EQ(all->variables[i].value.reveal_text(), std::string(1 + i % 3, 'x'));
  }
}

TEST(Environment, AHundredThousandPlainValuesHaveRoom) {
  std::string wire;
  std::string json = R"({"variables":[)";
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::string name = "V" + std::to_string(i);
    const std::string value(1 + i % 3, 'x');
    wire += variables("\x0A" + std::string(1, static_cast<char>(name.size())) + name + "\x12" +
                      std::string(1, static_cast<char>(value.size())) + value);
    json += (i == 0 ? "" : ",") + (R"({"name":")" + name) + R"(","value":")" + value + R"("})";
  }
  json += "]}";
  EXPECT_LT(wire.size(), kDefaultMaxJsonLen);
  expect_hundred_thousand(decode_environment(SecretView(wire.data(), wire.size())));
  expect_hundred_thousand(environment_from_json(secret(json), json.size()));
}

TEST(Environment, MoreThanTheLimitsIsRefusedClearly) {
  const std::string long_text =
      R"({"variables":[{"name":"A","value":")" + std::string(kDefaultMaxJsonLen, 'x') + R"("}]})";
  const auto json = environment_from_json(secret(long_text));
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::too_large);
  EXPECT_NE(json.error().message.find(std::to_string(kDefaultMaxJsonLen)), std::string::npos)
      << json.error().message;
  // Within the limit of messages, but not of locked memory.
  const std::string name =
      "\x0A\x01"
      "A\x12\x80\x80\x80\x03";
  const std::string body = name + std::string(6U << 20, 'x');
  const std::string wire = "\x0A\x88\x80\x80\x03" + body;
  const auto decoded = decode_environment(SecretView(wire.data(), wire.size()));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::too_large);
  EXPECT_NE(decoded.error().message.find("locked memory budget"), std::string::npos)
      << decoded.error().message;
}

TEST(Environment, NothingOfAnEnvironmentStaysInMemory) {
  const Masked canary = Masked::random(40);
  {
    SecretBytes json =
        secret(R"({"variables":[{"name":"A","value":"****************************************"},)"
               R"({"name":"B","type":"SECRET","secret":{"reference":{"name":"/b"}}}]})");
    canary.unmask_to(json.reveal_mutable().data() + json.reveal_text().find('*'));
    Vault vault{{{"/b", "x"}}};
    auto all = resolve_environment(environment_from_json(std::move(json)).value(), vault);
    ASSERT_TRUE(all);
    EXPECT_TRUE(canary.matches(all->variables[0].value.reveal().data()));
    EXPECT_TRUE(in_memory(canary));
  }
  EXPECT_FALSE(in_memory(canary));
}

}  // namespace
}  // namespace strongroom::environment_test
