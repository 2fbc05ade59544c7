// policy_dcos_test.cpp: DC/OS' published permissions, from their text to the answer.
//
// Rows P1..P22 are those of our transcription of the documentation. HTTP methods are translated to the
// store's actions: PUT create, PATCH update, GET read, DELETE delete, list.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/text.hpp"
#include "support/reference_policy.hpp"

namespace strongroom::policy_dcos_test {
namespace {

const Identity kUser = Identity::user("u");

Path path(std::string_view text) {
  return Path::parse(text).value();
}

PolicyRules rules_of(const std::string& text) {
  const std::vector<PolicyDocument> documents = {{"p", text}};
  auto rules = parse_policy(documents);
  EXPECT_TRUE(rules) << rules.error().message;
  return rules ? std::move(rules).value() : PolicyRules();
}

// Granted is a policy of permissions for the user u. The compiled policy and the reference decide it, and
// must agree.
class Granted {
 public:
  explicit Granted(const std::vector<std::string>& permissions)
      : Granted(rules_of(text(permissions))) {}
  explicit Granted(const PolicyRules& rules)
      : compiled_(CompiledPolicy::compile(rules).value()), plain_(rules) {}

  // may lists the actions that an identity may do on a path: "create read".
  std::string may(std::string_view secret, const Identity& who = kUser) const {
    std::string out;
    for (const Action action : {Action::create, Action::read, Action::update, Action::erase,
                                Action::list, Action::scan, Action::resolve}) {
      const Decision decision = compiled_->decide(who, action, path(secret));
      EXPECT_EQ(decision, plain_.decide(who, action, path(secret))) << secret;
      if (decision != Decision::allowed) continue;
      out.append(out.empty() ? "" : " ").append(to_string(action));
    }
    return out;
  }

  // may_administer returns whether all administration is allowed; none of it otherwise.
  bool may_administer() const {
    int num = 0;
    for (const Action action : {Action::seal, Action::unseal, Action::init, Action::rekey,
                                Action::rotate, Action::policy, Action::audit, Action::backup}) {
      num += compiled_->decide(kUser, action, Path()) == Decision::allowed ? 1 : 0;
    }
    EXPECT_TRUE(num == 0 || num == 8) << num;
    return num != 0;
  }

 private:
  static std::string text(const std::vector<std::string>& permissions) {
    std::string lines = "[user:u]\n";
    for (const std::string& permission : permissions) lines += permission + "\n";
    return lines;
  }

  std::shared_ptr<const CompiledPolicy> compiled_;
  test::ReferencePolicy plain_;
};

// A user resolves nothing, whatever is granted: only services do.
constexpr const char* kFull = "create read update delete";
constexpr const char* kEverything = "create read update delete list scan";
constexpr const char* kLists = "list scan";

TEST(DcosPermissions, P1P4P5OnePermissionIsForOneSecretAndOneAction) {
  const Granted granted({"dcos:secrets:default:/developer/my-secret create"});
  EXPECT_EQ(granted.may("developer/my-secret"), "create");
  EXPECT_EQ(granted.may("developer/other"), "");
  EXPECT_EQ(granted.may("developer"), "");
  EXPECT_EQ(granted.may("developer/my-secret/below"), "");
  EXPECT_EQ(granted.may("developer/my-secre"), "");
  EXPECT_EQ(granted.may("developer/my-secret2"), "");
  EXPECT_EQ(granted.may("Developer/my-secret"), "");
  EXPECT_EQ(granted.may(""), "");
  EXPECT_FALSE(granted.may_administer());
}

TEST(DcosPermissions, P2FullIsAllFourAndNoList) {
  const Granted granted({"dcos:secrets:default:/developer/my-secret full"});
  EXPECT_EQ(granted.may("developer/my-secret"), kFull);
  EXPECT_EQ(granted.may("/developer/my-secret"), kFull);
}

TEST(DcosPermissions, P3EachActionIsItsOwn) {
  EXPECT_EQ(Granted({"dcos:secrets:default:/a create"}).may("a"), "create");
  EXPECT_EQ(Granted({"dcos:secrets:default:/a read"}).may("a"), "read");
  EXPECT_EQ(Granted({"dcos:secrets:default:/a update"}).may("a"), "update");
  EXPECT_EQ(Granted({"dcos:secrets:default:/a delete"}).may("a"), "delete");
  EXPECT_EQ(Granted({"dcos:secrets:default:/a read,update"}).may("a"), "read update");
  EXPECT_EQ(Granted({"dcos:secrets:default:/a read", "dcos:secrets:default:/a delete"}).may("a"),
            "read delete");
}

TEST(DcosPermissions, P6AListOfTheRootShowsAllNamesAndNoValue) {
  for (const char* action : {"read", "full", "read,full"}) {
    const Granted granted({"dcos:secrets:list:default:/ " + std::string(action)});
    EXPECT_EQ(granted.may(""), kLists);
    EXPECT_EQ(granted.may("developer"), kLists);
    EXPECT_EQ(granted.may("developer/my-secret"), kLists);
  }
}

TEST(DcosPermissions, P8StarOfTheRootIsEverySecretAndNoList) {
  const Granted granted({"dcos:secrets:default:/* full"});
  EXPECT_EQ(granted.may("a"), kFull);
  EXPECT_EQ(granted.may("a/b/c"), kFull);
  EXPECT_EQ(granted.may(""), "");
  EXPECT_FALSE(granted.may_administer());
}

TEST(DcosPermissions, P10AListOfAFolderIsThatFolderAlone) {
  const Granted granted({"dcos:secrets:list:default:/kubernetes-cluster1 read"});
  EXPECT_EQ(granted.may("kubernetes-cluster1"), kLists);
  EXPECT_EQ(granted.may(""), "");
  EXPECT_EQ(granted.may("kubernetes-cluster1/below"), "");
  EXPECT_EQ(granted.may("kubernetes-cluster"), "");
  EXPECT_EQ(granted.may("kubernetes-cluster12"), "");
}

// Edge-LB's pages write the star, others do not; both are taken.
TEST(DcosPermissions, AListWithAStarIsTheFolderAndAllBelow) {
  const Granted granted({"dcos:secrets:list:default:/dcos-edgelb/* full"});
  EXPECT_EQ(granted.may("dcos-edgelb"), kLists);
  EXPECT_EQ(granted.may("dcos-edgelb/a/b"), kLists);
  EXPECT_EQ(granted.may("dcos-edgelb2"), "");
  EXPECT_EQ(granted.may(""), "");
  EXPECT_EQ(Granted({"dcos:secrets:list:default:/* read"}).may(""), kLists);
}

TEST(DcosPermissions, P13AServiceAccountHasWhatIsBelowItsName) {
  const Granted granted({"dcos:secrets:default:/dcos-monitoring/* full",
                         "dcos:secrets:list:default:/dcos-monitoring read"});
  EXPECT_EQ(granted.may("dcos-monitoring/tls/key"), kFull);
  EXPECT_EQ(granted.may("dcos-monitoring"), kLists);
  EXPECT_EQ(granted.may("dcos-monitoring2/key"), "");
}

TEST(DcosPermissions, P15TheLeadingSlashDoesNotCount) {
  const Granted granted({"dcos:secrets:default:miniodemo full"});
  EXPECT_EQ(granted.may("miniodemo"), kFull);
  EXPECT_EQ(granted.may("/miniodemo"), kFull);
  EXPECT_EQ(Granted({"dcos:secrets:default:a/* read"}).may("a/b"), "read");
}

TEST(DcosPermissions, P17ASuperuserByAnyActionMayDoEverything) {
  for (const char* action : {"create", "read", "update", "delete", "full", "read,full"}) {
    const Granted granted({"dcos:superuser " + std::string(action)});
    EXPECT_EQ(granted.may("a/b"), kEverything);
    EXPECT_EQ(granted.may(""), kLists);
    EXPECT_TRUE(granted.may_administer());
  }
}

TEST(DcosPermissions, P18P20NothingIsNothing) {
  const Granted granted(std::vector<std::string>{});
  EXPECT_EQ(granted.may("a"), "");
  EXPECT_EQ(granted.may(""), "");
  EXPECT_FALSE(granted.may_administer());
}

TEST(DcosPermissions, OfOneArePermissionsOfNobodyElse) {
  const Granted granted({"dcos:superuser full"});
  for (const Identity& who :
       {Identity::user("v"), Identity::user(""), Identity::user("U"), Identity::user("v", {"u"}),
        Identity::service("u", "/x"), Identity::administrator("u")}) {
    EXPECT_EQ(granted.may("a/b", who), "") << who.id();
  }
}

// The deployer needs no permission on a secret, and a service none either: its space decides.
TEST(DcosPermissions, P21AServiceResolvesInItsSpaceWithoutAPermission) {
  const Granted granted({"dcos:secrets:default:/other full"});
  const Identity service = Identity::service("/developer/service", "/developer/service");
  EXPECT_EQ(granted.may("developer/my-secret", service), "resolve");
  EXPECT_EQ(granted.may("other/my-secret", service), "");
}

// Grants to a service are for its own API calls, and do not widen its space.
TEST(DcosPermissions, WidenNoSpace) {
  const Granted granted(rules_of("[service:/s any-service]\ndcos:superuser full\n"));
  const Identity service = Identity::service("/s", "/s");
  EXPECT_EQ(granted.may("s/secret", service), "create read update delete list scan resolve");
  EXPECT_EQ(granted.may("t/secret", service), kEverything);
}

TEST(DcosPermissions, AreNeededInSpaceWhereThePolicySaysSo) {
  const Granted granted(rules_of(R"({"version":1,"services_need_grants":true,"rules":[
      {"to":["service:/s"],"dcos":["dcos:secrets:default:/s/mine read",
                                   "dcos:secrets:list:default:/ read"]}]})"));
  const Identity service = Identity::service("/s", "/s");
  EXPECT_EQ(granted.may("s/mine", service), "read list scan resolve");
  EXPECT_EQ(granted.may("s/other", service), kLists);
  EXPECT_EQ(granted.may("s/mine", Identity::service("/s", "/t")), "read list scan");
}

TEST(DcosPermissions, ADenyBesideThemWins) {
  const Granted granted(rules_of(R"({"version":1,"rules":[
      {"to":["user:u"],"dcos":["dcos:superuser full"]},
      {"to":["anyone"],"deny":["read"],"paths":["a/*/root"]}]})"));
  EXPECT_EQ(granted.may("a/b/root"), "create update delete list scan");
  EXPECT_EQ(granted.may("a/b/c"), kEverything);
}

TEST(DcosPermissions, AdminRouterGivesNothing) {
  const Granted granted({"dcos:adminrouter:secrets full"});
  EXPECT_EQ(granted.may("a"), "");
  EXPECT_EQ(granted.may(""), "");
  EXPECT_FALSE(granted.may_administer());
}

TEST(DcosPermissions, AreForWhomTheirSectionSays) {
  const Granted granted(
      rules_of("# all of it\r\n"
               "[user:u group:g]\t# two\r\n"
               "  dcos:secrets:default:/a\tread   # one\r\n"
               "\r\n"
               "[ any-user\tservice:/s ]\r\n"
               "dcos:secrets:default:/b read,update"));
  EXPECT_EQ(granted.may("a"), "read");
  EXPECT_EQ(granted.may("b"), "read update");
  EXPECT_EQ(granted.may("a", Identity::user("v", {"g"})), "read");
  EXPECT_EQ(granted.may("a", Identity::user("v")), "");
  EXPECT_EQ(granted.may("b", Identity::user("v")), "read update");
  EXPECT_EQ(granted.may("b", Identity::service("/s", "/t")), "read update resolve");
  EXPECT_EQ(granted.may("b", Identity::service("/t", "/t")), "resolve");  // everybody's secret
}

// refused_there is passed a line below "[user:u]", with "@@" where the fault is.
::testing::AssertionResult refused_there(std::string line, std::string_view says) {
  const std::size_t mark = line.find("@@");
  if (mark == std::string::npos) return ::testing::AssertionFailure() << "no mark";
  line.erase(mark, 2);
  const std::vector<PolicyDocument> documents = {{"d", "[user:u]\r\n" + line + "\r\n"}};
  const auto parsed = parse_policy(documents);
  if (parsed) return ::testing::AssertionFailure() << "taken";
  const std::string place = "policy 'd', line 2, column " + std::to_string(mark + 1) + ": ";
  const std::string& message = parsed.error().message;
  if (!message.starts_with(place) || message.find(says) == std::string::npos ||
      parsed.error().code != Code::invalid) {
    return ::testing::AssertionFailure() << place << "\n" << message;
  }
  return ::testing::AssertionSuccess();
}

TEST(DcosPermissions, AStarElsewhereIsRefusedAndNeverALiteral) {
  for (const char* list : {"", "list:"}) {
    const std::string id = "dcos:secrets:" + std::string(list) + "default:";
    EXPECT_TRUE(refused_there(id + "@@* full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/a@@* full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/a/@@** full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/@@*/a full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/@@*/* full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/a/@@*/* full", "'*'"));
    EXPECT_TRUE(refused_there(id + "/a/b@@*/* full", "'*'"));
    EXPECT_TRUE(refused_there(id + "@@//* full", "empty segment"));
    EXPECT_TRUE(refused_there(id + "/a/@@/* full", "empty segment"));
  }
  EXPECT_TRUE(refused_there("@@dcos:superuser* full", "unknown"));
  EXPECT_TRUE(refused_there("@@dcos:secrets:*:/a full", "the only store is 'default'"));
  EXPECT_TRUE(refused_there("@@dcos:* full", "unknown"));
  EXPECT_TRUE(refused_there("@@* full", "unknown"));
}

TEST(DcosPermissions, PathsThatNameNothingAreRefused) {
  const std::string id = "dcos:secrets:default:";
  EXPECT_TRUE(refused_there(id + "@@ full", "was empty"));
  EXPECT_TRUE(refused_there(id + "/@@ full", "was empty"));
  EXPECT_TRUE(refused_there("dcos:secrets:list:default:@@ read", "was empty"));
  EXPECT_TRUE(refused_there(id + "/a/@@ full", "empty segment"));
  EXPECT_TRUE(refused_there(id + "/@@/a full", "empty segment"));
  EXPECT_TRUE(refused_there(id + "/a/@@../b full", "no path can have"));
  EXPECT_TRUE(refused_there(id + "/@@a%2Fb full", "no path can have"));
  EXPECT_TRUE(refused_there(id + "/a@@\x07 full", "control character"));
}

TEST(DcosPermissions, ActionsAreThoseFiveAndCommasPartThem) {
  const std::string id = "dcos:secrets:default:/a";
  EXPECT_TRUE(refused_there(id + "@@", "an action was missing"));
  EXPECT_TRUE(refused_there(id + " @@raed", "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(id + " read,@@raed", "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(id + " @@READ", "did you mean 'read'?"));
  EXPECT_TRUE(refused_there(id + " read,@@", "an action was missing"));
  EXPECT_TRUE(refused_there(id + " @@,read", "an action was missing"));
  EXPECT_TRUE(refused_there(id + " read,@@ update", "did you mean 'update'?"));
  EXPECT_TRUE(refused_there(id + " @@read update", "unknown"));
  EXPECT_TRUE(refused_there(id + " @@list", "unknown"));
  EXPECT_TRUE(refused_there(id + " @@*", "unknown"));
  EXPECT_TRUE(refused_there("dcos:superuser@@", "an action was missing"));
  EXPECT_TRUE(refused_there("dcos:superuser @@fool", "did you mean 'full'?"));
  EXPECT_TRUE(
      refused_there("dcos:secrets:list:default:/ @@create", "only the actions 'read' and 'full'"));
  EXPECT_TRUE(refused_there("dcos:secrets:list:default:/ @@read,delete",
                            "only the actions 'read' and 'full'"));
}

TEST(DcosPermissions, OtherResourcesAreNamedAsUnknown) {
  EXPECT_TRUE(refused_there("@@dcos:secret:default:/a read", "known: "));
  EXPECT_TRUE(refused_there("@@dcos:mesosphere:x read", "known: "));
  EXPECT_TRUE(refused_there("@@dcos:secrets:other:/a full", "the only store is 'default'"));
  EXPECT_TRUE(refused_there("@@dcos:secrets:list:other:/a read", "the only store is 'default'"));
  EXPECT_TRUE(refused_there("@@dcos:superusers full", "did you mean 'dcos:superuser'?"));
  EXPECT_TRUE(refused_there("@@DCOS:superuser full", "did you mean 'dcos:superuser'?"));
  EXPECT_TRUE(refused_there("@@read", "known: "));
}

TEST(DcosPermissions, SectionsNameSomebody) {
  EXPECT_TRUE(refused_there("@@[]", "was empty"));
  EXPECT_TRUE(refused_there("@@[ ]", "was empty"));
  EXPECT_TRUE(refused_there("@@[user:a", "not closed"));
  EXPECT_TRUE(refused_there("@@[user:a] dcos:superuser full", "not closed"));
  EXPECT_TRUE(refused_there("@@[", "not closed"));
  EXPECT_TRUE(refused_there("[user:a@@, user:b]", "separated by blanks only"));
  EXPECT_TRUE(refused_there("[user:a@@] [user:b]", "separated by blanks only"));
  EXPECT_TRUE(refused_there("[@@alice]", "did you mean 'user:alice'?"));
  EXPECT_TRUE(refused_there("[user:a @@user:*]", "'*'"));
  const std::vector<PolicyDocument> nobody = {{"d", "# nobody\n dcos:superuser full"}};
  const auto parsed = parse_policy(nobody);
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().message.starts_with("policy 'd', line 2, column 2: "))
      << parsed.error().message;
}

TEST(DcosPermissions, InJsonAreReadTheSameWay) {
  const auto fault = [](const std::string& permission) {
    const std::vector<PolicyDocument> documents = {
        {"d",
         "{\"version\":1,\"rules\":[{\"to\":[\"user:u\"],\"dcos\":[\n\"" + permission + "\"]}]}"}};
    const auto parsed = parse_policy(documents);
    return parsed ? "taken" : parsed.error().message;
  };
  EXPECT_EQ(fault("dcos:secrets:default:/a  read,update"), "taken");
  EXPECT_TRUE(fault("dcos:secrets:default:/a* read").starts_with("policy 'd', line 2, column 25: "))
      << fault("dcos:secrets:default:/a* read");
  EXPECT_TRUE(fault("dcos:secrets:default:\\/\\u0061* read")
                  .starts_with("policy 'd', line 2, column 31: "));
  EXPECT_NE(fault("dcos:secrets:default:/a\\nread full").find("control"), std::string::npos);
  EXPECT_NE(fault("dcos:secrets:default:/a read\\n"), "taken");
  EXPECT_NE(fault("[user:x]"), "taken");
  EXPECT_NE(fault("# comment"), "taken");
  EXPECT_NE(fault(""), "taken");
}

}  // namespace
}  // namespace strongroom::policy_dcos_test
