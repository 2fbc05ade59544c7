#include "strongroom/policy.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"

namespace strongroom::policy_test {
namespace {

Path path(std::string_view text) {
  return Path::parse(text).value();
}

constexpr Action kActions[] = {
    Action::create, Action::read,  Action::update, Action::erase,  Action::list,
    Action::seal,   Action::init,  Action::rekey,  Action::rotate, Action::resolve,
    Action::policy, Action::audit, Action::unseal, Action::scan,   Action::backup,
};

// DC/OS' published examples, with the numbers of our transcription (rows 1..44), then what the rule
// implies. The names of rows 26 and 27 end in a random part there.
struct Row {
  const char* number;
  const char* secret;
  const char* space;
  bool allowed;
};
constexpr Row kRows[] = {
    {"1", "group/secret", "/marathon-user/service", false},
    {"2", "group/secret", "/group/hdfs/service", true},
    {"3", "group/hdfs/secret", "/group/spark/service", false},
    {"4", "hdfs/secret", "/hdfs", true},
    {"5", "Secret_Path1", "/user", true},
    {"7", "secret-svc/Secret_Path1", "/user", false},
    {"9", "secret-svc/Secret_Path1", "/secret-svc", true},
    {"13", "secret-svc/instance1/Secret_Path2", "/secret-svc/dev1", false},
    {"15", "secret-svc/instance1/Secret_Path2", "/secret-svc/instance1", true},
    {"16", "secret-svc/instance1/Secret_Path2", "/secret-svc/instance1/dev3", true},
    {"20", "developer/my-secret", "/developer/service", true},
    {"21", "developer/databasepassword", "developer/service", true},
    {"22", "developer/my-secret", "/developer/pod-secret", true},
    {"23", "developer/databasepassword", "developer/pod-with-secrets", true},
    {"24", "/mesos-docker/pullConfig", "/mesos-docker", true},
    {"25", "/mysecret", "/any/app", true},
    {"25 pod", "/mysecret", "/any-pod", true},
    {"26", "/some/secret", "/app-inaccessible-secret-env-var-1f3a", false},
    {"27", "/some/secret", "/pod-inaccessible-secret-env-var-1f3a", false},
    {"36", "/hello/mysecret", "/hello/world/app", true},
    {"38", "/some/__dcos_base64__binary_data", "/some/app/app-with-base64-secrets", true},
    {"39", "hello-world/secret1", "/hello-world", true},
    {"41", "secret1", "/hello-world", true},
    {"42", "a/good/example/service.keytab", "/a/good/example", true},
    {"43", "/some-secret-name", "/instance", true},
    {"43 own", "/instance/some-secret-name", "/instance", true},
    // The page implies yes; the rule says no, so the page is in error.
    {"44", "/pod/pullConfig", "/simple-pod", false},

    {"segments, not letters", "a/b/name", "/a/bc", false},
    {"segments, not letters, other way", "a/bc/name", "/a/b", false},
    {"case matters", "A/name", "/a", false},
    {"case matters, other way", "a/name", "/A", false},
    {"a child's secret", "a/b/name", "/a", false},
    {"in the middle", "b/name", "/a/b", false},
    {"reversed", "b/a/name", "/a/b", false},
    {"no space, no folder", "name", "", true},
    {"no space, a folder", "a/name", "", false},
    {"root space, a folder", "a/name", "/", false},
    {"only slashes", "a/name", "///", false},
    {"slashes do not count", "a/b/name", "//a///b//", true},
    {"slashes do not join", "ab/name", "/a/b", false},
    {"slashes do not skip", "a/c/name", "/a//b/c", false},
    {"the name is no folder", "a/b", "/b", false},
    {"the name is no folder, equal", "a/b", "/a/b", true},
    {"white space counts", "a/name", "/a ", false},
    {"a dot is a letter", "a.b/name", "/a/b", false},
    {"a longer secret path", "a/b/c/d/name", "/a/b/c", false},
};

TEST(InSpace, FollowsTheTable) {
  for (const Row& row : kRows) {
    EXPECT_EQ(in_space(path(row.secret), row.space), row.allowed)
        << row.number << ": " << row.secret << " x " << row.space;
  }
}

TEST(InSpace, LeadingSlashNeverMatters) {
  for (const Row& row : kRows) {
    std::string secret = row.secret;
    secret = secret.front() == '/' ? secret.substr(1) : "/" + secret;
    std::string space = row.space;
    space = space.starts_with('/') ? space.substr(1) : "/" + space;
    EXPECT_EQ(in_space(path(secret), space), row.allowed) << row.number;
  }
}

// Two more rows of the table are about names that have two readings. Such names cannot occur.
TEST(InSpace, NamesWithTwoReadingsNeverComeThisFar) {
  EXPECT_FALSE(Path::parse("a//name"));
  EXPECT_FALSE(Path::parse("name/"));
  EXPECT_FALSE(Path::parse("a/../b/name"));
  EXPECT_FALSE(Path::parse("a%2Fname"));
}

TEST(InSpace, NulInASpaceEndsNothing) {
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(in_space(path("a/name"), "/a\0"sv));
  EXPECT_FALSE(in_space(path("a/b/name"), "/a/b\0/c"sv));
}

TEST(SpacePolicy, TrustedCallerMayDoEverything) {
  const SpacePolicy policy;
  for (const Action action : kActions) {
    EXPECT_TRUE(policy.check(Identity::trusted(), action, path("a/b")));
    EXPECT_TRUE(policy.check(Identity::trusted(), action, Path()));
  }
}

TEST(SpacePolicy, ServiceMayOnlyResolve) {
  const SpacePolicy policy;
  const Identity service = Identity::service("app", "/a");
  for (const Action action : kActions) {
    const auto checked = policy.check(service, action, path("a/secret"));
    EXPECT_EQ(checked.ok(), action == Action::resolve) << to_string(action);
    EXPECT_TRUE(checked || checked.error().code == Code::denied);
  }
}

TEST(SpacePolicy, ServiceMayNotResolveOutsideItsSpaceNorTheWholeStore) {
  const SpacePolicy policy;
  const Identity service = Identity::service("app", "/a");
  EXPECT_FALSE(policy.check(service, Action::resolve, path("b/secret")));
  EXPECT_FALSE(policy.check(service, Action::resolve, path("a/b/secret")));
  EXPECT_FALSE(policy.check(service, Action::resolve, Path()));
  EXPECT_TRUE(policy.check(service, Action::resolve, path("secret")));
}

TEST(SpacePolicy, UserMayDoNothing) {
  const SpacePolicy policy;
  for (const Action action : kActions) {
    for (const char* id : {"", "root", "admin", "trusted"}) {
      EXPECT_FALSE(policy.check(Identity::user(id), action, path("secret"))) << to_string(action);
      EXPECT_FALSE(policy.check(Identity::user(id), action, Path())) << to_string(action);
    }
  }
}

TEST(SpacePolicy, IdsGiveNoRights) {
  const SpacePolicy policy;
  EXPECT_FALSE(policy.check(Identity::service("/a", ""), Action::resolve, path("a/secret")));
  EXPECT_FALSE(policy.check(Identity::service("trusted", "/b"), Action::resolve, path("a/s")));
}

TEST(SpacePolicy, DenialNamesWhoWhatAndWhere) {
  const SpacePolicy policy;
  const auto denied = policy.check(Identity::user("eve"), Action::erase, path("a/b"));
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().message, "'eve' may not delete 'a/b'");
}

TEST(Identity, CanNotBeMadeOutOfNothing) {
  static_assert(!std::is_default_constructible_v<Identity>, "somebody must say who it is");
  static_assert(!std::is_convertible_v<std::string, Identity>);
  EXPECT_EQ(Identity::service("id", "/a").kind(), Identity::Kind::service);
  EXPECT_EQ(Identity::service("id", "/a").space(), "/a");
  EXPECT_EQ(Identity::user("id").space(), "");
}

TEST(Action, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Action action : kActions) names.insert(to_string(action));
  EXPECT_EQ(names.size(), std::size(kActions));
  EXPECT_EQ(to_string(Action::create), "create");
  EXPECT_EQ(to_string(Action::erase), "delete");  // DC/OS' word
  EXPECT_EQ(to_string(Action::resolve), "resolve");
  EXPECT_EQ(to_string(Action::audit), "audit");
}

}  // namespace
}  // namespace strongroom::policy_test
