// policy_test.cpp: identities, policies and what one asks of them, through the C ABI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::policy_test {
namespace {

using strongroom_abi::Analysis;
using strongroom_abi::Policy;
using strongroom_abi::Session;
using strongroom_abi::Store;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

constexpr std::string_view kDba = R"({"version": 1, "rules": [
  {"to": ["group:dba"], "allow": ["read", "list"], "paths": ["db/**"]},
  {"to": ["anyone"], "deny": ["read"], "paths": ["db/*/root"]},
  {"to": ["user:alice"], "allow": ["seal"]}]})";

// Who is an identity for C, with the texts that it borrows.
class Who {
 public:
  Who(std::uint32_t kind, const char* id, std::vector<const char*> groups = {},
      const char* space = nullptr)
      : groups_(std::move(groups)) {
    identity_.kind = kind;
    identity_.id = id;
    identity_.space = space;
    identity_.groups = groups_.data();
    identity_.num_groups = groups_.size();
  }
  strongroom_identity* operator->() { return &identity_; }
  operator const strongroom_identity&() const { return identity_; }  // NOLINT: implicit by purpose

 private:
  std::vector<const char*> groups_;
  strongroom_identity identity_ = STRONGROOM_IDENTITY_INIT;
};

Who user(const char* id, std::vector<const char*> groups = {}) {
  return {STRONGROOM_IDENTITY_USER, id, std::move(groups)};
}

std::vector<std::string> kinds_of(const Analysis& analysis) {
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < analysis.size(); ++i) kinds.emplace_back(analysis.at(i).kind);
  return kinds;
}

// ---- identities ----

TEST(CapiIdentity, GroupsGiveWhatTheyWereGranted) {
  Fresh fresh("memory:");
  fresh.session.put("db/prod/password", kText, "hunter2");
  fresh.session.put("db/prod/root", kText, "toor");
  fresh.session.put_document("dba", kDba);
  Session bob = fresh.store.session(user("bob", {"web", "dba"}));
  EXPECT_EQ(bob.get("db/prod/password").reveal(), "hunter2");
  EXPECT_EQ(status_of([&] { bob.get("db/prod/root"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { bob.put("db/prod/password", kText, "x"); }), STRONGROOM_DENIED);
  Session eve = fresh.store.session(user("eve", {"web"}));
  EXPECT_EQ(status_of([&] { eve.get("db/prod/password"); }), STRONGROOM_DENIED);
}

TEST(CapiIdentity, AnIdOfAnotherKindIsAnother) {
  const Policy policy = Policy::parse(
      {{"p",
        R"({"version": 1, "rules": [{"to": ["user:x"], "allow": ["read"], "paths": ["a"]}]})"}});
  const auto may = [&](const Who& who) { return policy.decide(who, STRONGROOM_ACTION_READ, "a"); };
  EXPECT_TRUE(may(user("x")));
  EXPECT_FALSE(may(user("X")));
  EXPECT_FALSE(may(user("user:x")));
  EXPECT_FALSE(may(user("y", {"x", "user:x"})));
  EXPECT_FALSE(may({STRONGROOM_IDENTITY_SERVICE, "x"}));
  EXPECT_FALSE(may({STRONGROOM_IDENTITY_ADMINISTRATOR, "x"}));
}

TEST(CapiIdentity, AnAdministratorRunsTheStoreAndReadsNothing) {
  Fresh fresh("memory:");
  fresh.session.put("a", kText, "b");
  Session admin = fresh.store.session(Who(STRONGROOM_IDENTITY_ADMINISTRATOR, "ops"));
  EXPECT_EQ(status_of([&] { admin.get("a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { admin.list(""); }), STRONGROOM_DENIED);
  admin.rotate(STRONGROOM_ROTATE_DATA_KEY);
  admin.put_document("p", R"({"version": 1, "rules": []})");
  admin.seal(STRONGROOM_SEAL_EVERYWHERE);
  admin.unseal({fresh.key}, STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

TEST(CapiIdentity, WhatIsNoIdentityIsRefused) {
  Fresh fresh("memory:");
  const auto refused = [&](strongroom_identity identity) {
    strongroom_session* session = nullptr;
    Expect error;
    const auto status = strongroom_session_open(fresh.store.raw(), &identity, &session, error);
    EXPECT_EQ(session, nullptr);
    strongroom_session_free(session);
    return status;
  };
  const std::string long_id(4097, 'x');
  EXPECT_EQ(refused(user("")), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user(nullptr)), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user("a\nb")), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user("\xff")), STRONGROOM_INVALID);
  for (const char* unnamed : {"*", "a*", " a", "a ", "a\xc2\x85"}) {  // what no rule could name
    EXPECT_EQ(refused(user(unnamed)), STRONGROOM_INVALID) << unnamed;
    EXPECT_EQ(refused(user("a", {unnamed})), STRONGROOM_INVALID) << unnamed;
  }
  EXPECT_EQ(refused(user(long_id.c_str())), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user("a", {""})), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user("a", {nullptr})), STRONGROOM_INVALID);
  EXPECT_EQ(refused(user("a", std::vector<const char*>(1001, "g"))), STRONGROOM_TOO_LARGE);
  EXPECT_EQ(refused(Who(STRONGROOM_IDENTITY_TRUSTED + 1, "a")), STRONGROOM_INVALID);
  EXPECT_EQ(refused(Who(STRONGROOM_IDENTITY_TRUSTED, "root")), STRONGROOM_INVALID);
  EXPECT_EQ(refused(Who(0, "a")), STRONGROOM_INVALID) << "the kind was not filled in";
  EXPECT_EQ(refused(Who(0, nullptr)), STRONGROOM_INVALID);
  EXPECT_EQ(refused(Who(STRONGROOM_IDENTITY_USER, "a", {}, "/space")), STRONGROOM_INVALID);
  Who later = user("a");
  later->reserved = 1;
  EXPECT_EQ(refused(later), STRONGROOM_INVALID);
  Who hole = user("a");
  hole->groups = nullptr;
  hole->num_groups = 1;
  EXPECT_EQ(refused(hole), STRONGROOM_INVALID);
  strongroom_session* session = nullptr;
  EXPECT_EQ(strongroom_session_open(fresh.store.raw(), nullptr, &session, nullptr),
            STRONGROOM_INVALID);
}

// ---- check ----

TEST(CapiPolicy, CheckAnswersWithoutLookingAtSecrets) {
  Fresh fresh("memory:");
  fresh.session.put_document("dba", kDba);
  Session bob = fresh.store.session(user("bob", {"dba"}));
  EXPECT_TRUE(bob.check(STRONGROOM_ACTION_READ, "db/x"));
  EXPECT_FALSE(bob.check(STRONGROOM_ACTION_DELETE, "db/x"));
  EXPECT_TRUE(bob.check(STRONGROOM_ACTION_LIST, "db"));
  EXPECT_FALSE(bob.check(STRONGROOM_ACTION_LIST, ""));
  EXPECT_FALSE(bob.check(STRONGROOM_ACTION_SEAL, ""));
  EXPECT_TRUE(fresh.store.session(user("alice")).check(STRONGROOM_ACTION_SEAL, ""));
  EXPECT_EQ(status_of([&] { bob.check(STRONGROOM_ACTION_BACKUP + 1, ""); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { bob.check(STRONGROOM_ACTION_SEAL, "a"); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { bob.check(STRONGROOM_ACTION_READ, ""); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { bob.check(STRONGROOM_ACTION_READ, "a//b"); }), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_check(bob.raw(), STRONGROOM_ACTION_READ, nullptr, nullptr),
            STRONGROOM_INVALID);
}

// ---- documents ----

TEST(CapiPolicy, DocumentsAreStoredListedReadAndTakenAway) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path());
  EXPECT_EQ(fresh.session.documents().size(), 0U);
  EXPECT_EQ(fresh.session.put_document("dba", kDba), 1U);
  EXPECT_EQ(fresh.session.put_document("dba", R"({"version": 1, "rules": []})"), 2U);
  EXPECT_EQ(fresh.session.put_document("web", R"({"version": 1, "rules": []})"), 3U);  // of all
  const auto listed = fresh.session.documents();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_STREQ(listed.at(0).name, "dba");
  EXPECT_EQ(listed.at(0).revision, 2U);
  EXPECT_GT(listed.at(0).changed_ms, 1'600'000'000'000U);
  EXPECT_EQ(listed.at(0).text_len, 27U);
  EXPECT_EQ(listed.at(0).text, nullptr);
  const auto read = fresh.session.document("dba");
  EXPECT_STREQ(read.at(0).text, R"({"version": 1, "rules": []})");
  EXPECT_EQ(status_of([&] { fresh.session.document("nobody"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] { fresh.session.erase_document("dba", 1); }), STRONGROOM_CONFLICT);
  fresh.session.erase_document("dba", 2);
  EXPECT_EQ(fresh.session.documents().size(), 1U);
  EXPECT_EQ(status_of([&] { fresh.session.erase_document("dba"); }), STRONGROOM_NOT_FOUND);
}

TEST(CapiPolicy, AResetLeavesNoDocumentAndNoRight) {
  Fresh fresh("memory:");
  fresh.session.put("db/x", kText, "1");
  fresh.session.put_document("dba", kDba);
  Session bob = fresh.store.session(user("bob", {"dba"}));
  EXPECT_EQ(bob.get("db/x").reveal(), "1");
  EXPECT_EQ(status_of([&] { bob.reset_documents(); }), STRONGROOM_DENIED);
  fresh.session.reset_documents();
  EXPECT_EQ(fresh.session.documents().size(), 0U);
  EXPECT_EQ(status_of([&] { bob.get("db/x"); }), STRONGROOM_DENIED);
}

TEST(CapiPolicy, ConditionsOfADocumentHold) {
  Fresh fresh("memory:");
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  const auto put = [&](std::uint32_t condition, std::uint64_t revision) {
    options.condition = condition;
    options.revision = revision;
    return status_of(
        [&] { fresh.session.put_document("p", R"({"version": 1, "rules": []})", &options); });
  };
  EXPECT_EQ(put(STRONGROOM_CONDITION_UPDATE, 0), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(put(STRONGROOM_CONDITION_CREATE, 0), STRONGROOM_OK);
  EXPECT_EQ(put(STRONGROOM_CONDITION_CREATE, 0), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(put(STRONGROOM_CONDITION_REVISION, 2), STRONGROOM_CONFLICT);
  EXPECT_EQ(put(STRONGROOM_CONDITION_REVISION, 1), STRONGROOM_OK);
}

TEST(CapiPolicy, ABadDocumentChangesNothing) {
  Fresh fresh("memory:");
  fresh.session.put("db/x", kText, "1");
  fresh.session.put_document("dba", kDba);
  Expect error;
  constexpr std::string_view bad =
      "{\"version\": 1, \"rules\": [\n  {\"to\": [\"anyone\"], \"alow\": []}]}";
  EXPECT_TRUE(error.failed(strongroom_documents_put(fresh.session.raw(), "dba", bad.data(),
                                                    bad.size(), nullptr, nullptr, error),
                           STRONGROOM_INVALID));
  EXPECT_THAT(error.message(), HasSubstr("line 2"));
  EXPECT_THAT(error.message(), HasSubstr("alow"));
  EXPECT_EQ(fresh.session.document("dba").at(0).text, kDba);
  Session bob = fresh.store.session(user("bob", {"dba"}));
  EXPECT_EQ(bob.get("db/x").reveal(), "1");
  for (const char* name : {"", "a/b", ".hidden", "-x", "a b", "\xc3\xa4"})
    EXPECT_EQ(status_of([&] { fresh.session.put_document(name, kDba); }), STRONGROOM_INVALID);
}

TEST(CapiPolicy, OnlyWhoMayChangePoliciesReadsThem) {
  Fresh fresh("memory:");
  fresh.session.put_document(
      "p", R"({"version": 1, "rules": [{"to": ["user:alice"], "allow": ["policy"]}]})");
  Session alice = fresh.store.session(user("alice"));
  EXPECT_EQ(alice.document("p").size(), 1U);
  EXPECT_EQ(alice.stored_policy().describe().num_rules, 1U);
  Session eve = fresh.store.session(user("eve"));
  EXPECT_EQ(status_of([&] { eve.documents(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { eve.document("p"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { eve.document("q"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { eve.put_document("p", "{}"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { eve.erase_document("p"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { eve.stored_policy(); }), STRONGROOM_DENIED);
}

TEST(CapiPolicy, AnotherProcessesChangeIsSeenByTheNextCall) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path());
  fresh.session.put("db/x", kText, "1");
  Store other("lmdb:" + dir.path());
  other.trusted().unseal({fresh.key});
  Session bob = other.session(user("bob", {"dba"}));
  EXPECT_EQ(status_of([&] { bob.get("db/x"); }), STRONGROOM_DENIED);
  fresh.session.put_document("dba", kDba);
  EXPECT_EQ(bob.get("db/x").reveal(), "1");
  fresh.session.erase_document("dba");
  EXPECT_EQ(status_of([&] { bob.get("db/x"); }), STRONGROOM_DENIED);
}

TEST(CapiPolicy, AHostsOwnPolicyIsTheOnlyOne) {
  TempDir dir;
  const std::string url = "lmdb:" + dir.path();
  Fresh fresh(url);
  fresh.session.put("db/x", kText, "1");
  fresh.session.put("web/x", kText, "2");
  fresh.session.put_document("dba", kDba);
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  auto brought = std::make_unique<Policy>(Policy::parse(
      {{"own",
        R"({"version": 1, "rules": [{"to": ["user:bob"], "allow": ["read"], "paths": ["web/*"]}]})"}}));
  options.policy = brought->raw();
  Store other(url, &options);
  brought.reset();  // borrowed for the call alone
  other.trusted().unseal({fresh.key});
  Session bob = other.session(user("bob", {"dba"}));
  EXPECT_EQ(bob.get("web/x").reveal(), "2");
  EXPECT_EQ(status_of([&] { bob.get("db/x"); }), STRONGROOM_DENIED);
  options.policy = reinterpret_cast<const strongroom_policy*>(fresh.store.raw());
  EXPECT_EQ(status_of([&] { Store wrong(url, &options); }), STRONGROOM_INVALID);
}

// ---- lists ----

TEST(CapiPolicy, AVisibleListShowsWhatIsTheCallersAndNothingElse) {
  Fresh fresh("memory:");
  for (const char* path : {"db/a/root", "db/a/user", "db/b/root", "web/x", "top"})
    fresh.session.put(path, kText, "v");
  fresh.session.put_document("dba", kDba);
  Session bob = fresh.store.session(user("bob", {"dba"}));
  const auto names = [&](const char* folder, const strongroom_list_options& options) {
    std::vector<std::string> found;
    const auto list = bob.list(folder, &options);
    for (std::size_t i = 0; i < list.size(); ++i) found.emplace_back(list.name(i));
    return found;
  };
  const auto visible = listing(false, true);
  EXPECT_THAT(names("", listing(true, true)), ElementsAre("db/a/user"));
  EXPECT_THAT(names("", visible), ElementsAre("db"));
  EXPECT_THAT(names("db", visible), ElementsAre("a"));
  EXPECT_THAT(names("db/b", visible), ElementsAre());
  EXPECT_THAT(names("web", visible), ElementsAre());
  EXPECT_THAT(names("nowhere", visible), ElementsAre());
  EXPECT_EQ(status_of([&] { bob.list(""); }), STRONGROOM_DENIED);
  EXPECT_THAT(names("db/b", listing(false)),
              ElementsAre("root"));  // the right to list shows all names
}

// ---- understanding ----

TEST(CapiPolicy, ADescriptionCounts) {
  const Policy policy =
      Policy::parse({{"dba", kDba}, {"web", "[user:bob]\ndcos:secrets:default:/web/* full\n"}});
  const auto info = policy.describe();
  EXPECT_EQ(info.mode, std::uint32_t{STRONGROOM_POLICY_DENY_OVERRIDES});
  EXPECT_EQ(info.num_documents, 2U);
  EXPECT_EQ(info.num_rules, 4U);
  EXPECT_GT(info.num_nodes, 1U);
  EXPECT_GT(info.memory_bytes, 0U);
  EXPECT_EQ(info.services_need_grants, 0U);
}

TEST(CapiPolicy, ErrorsTellDocumentLineAndColumn) {
  const strongroom_policy_text text = {"web", "{\"version\": 1,\n \"mode\": 7}", 26};
  strongroom_policy* policy = nullptr;
  Expect error;
  EXPECT_TRUE(error.failed(strongroom_policy_parse(&text, 1, &policy, error), STRONGROOM_INVALID));
  EXPECT_EQ(policy, nullptr);
  EXPECT_THAT(error.message(), HasSubstr("'web', line 2, column 10"));
  EXPECT_EQ(strongroom_policy_parse(nullptr, 1, &policy, nullptr), STRONGROOM_INVALID);
  ASSERT_EQ(strongroom_policy_parse(nullptr, 0, &policy, nullptr), STRONGROOM_OK);
  strongroom_policy_free(policy);
}

TEST(CapiPolicy, ExplainNamesTheRuleThatDecided) {
  const Policy policy = Policy::parse({{"dba", kDba}});
  const auto analysis = policy.explain("user:bob+group:dba", STRONGROOM_ACTION_READ, "db/a/root");
  EXPECT_THAT(kinds_of(analysis), ElementsAre("decision", "decided", "matched"));
  EXPECT_STREQ(analysis.at(0).after, "denied");
  EXPECT_STREQ(analysis.at(1).subject, "anyone");
  EXPECT_STREQ(analysis.at(1).path, "db/*/root");
  EXPECT_STREQ(analysis.at(1).document, "dba");
  EXPECT_EQ(analysis.at(1).line, 3U);
  EXPECT_GT(analysis.at(1).column, 1U);
  EXPECT_STREQ(analysis.at(2).subject, "group:dba");
  EXPECT_EQ(status_of([&] { policy.explain("bob", STRONGROOM_ACTION_READ, "a"); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { policy.explain("user:bob", 99, "a"); }), STRONGROOM_INVALID);
}

TEST(CapiPolicy, WhoCanListsHoldersAndWhoIsLeftOut) {
  const Policy policy = Policy::parse({{"p", R"({"version": 1, "rules": [
    {"to": ["user:alice", "group:dba"], "allow": ["read"], "paths": ["a/*"]},
    {"to": ["group:guests"], "deny": ["read"], "paths": ["a/**"]}]})"}});
  const auto analysis = policy.who_can(STRONGROOM_ACTION_READ, "a/b");
  std::vector<std::string> told;
  for (std::size_t i = 0; i < analysis.size(); ++i)
    told.push_back(std::string(analysis.at(i).kind) + " " + analysis.at(i).subject);
  EXPECT_THAT(told,
              ::testing::IsSupersetOf({"may user:alice", "may group:dba", "unless group:guests"}));
  EXPECT_EQ(policy.who_can(STRONGROOM_ACTION_DELETE, "a/b").size(), 0U);
}

TEST(CapiPolicy, DiffTellsEachChangeWithAPath) {
  const Policy before = Policy::parse({{"dba", kDba}});
  const Policy after = Policy::parse({{"dba", R"({"version": 1, "rules": [
    {"to": ["group:dba"], "allow": ["read", "list"], "paths": ["db/**"]},
    {"to": ["user:alice"], "allow": ["seal"]}]})"}});
  EXPECT_EQ(before.diff(before).size(), 0U);
  const auto analysis = before.diff(after);
  ASSERT_GT(analysis.size(), 0U);
  bool found = false;
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    const auto line = analysis.at(i);
    EXPECT_STREQ(line.kind, "change");
    if (std::string(line.subject) != "group:dba" || std::string(line.action) != "read") continue;
    found = true;
    EXPECT_STREQ(line.before, "denied");
    EXPECT_STREQ(line.after, "allowed");
    EXPECT_THAT(line.path, ::testing::MatchesRegex("db/[^/]+/root"));
  }
  EXPECT_TRUE(found);
}

TEST(CapiPolicy, LintAndTestTellWhere) {
  const Policy policy = Policy::parse({{"p", R"({"version": 1, "rules": [
    {"to": ["group:dba"], "allow": ["read"], "paths": ["db/**"]},
    {"to": ["group:dba"], "allow": ["read"], "paths": ["db/x"]}]})"}});
  const auto odd = policy.lint();
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_STREQ(odd.at(0).kind, "redundant");
  EXPECT_EQ(odd.at(0).line, 3U);
  const auto tried = policy.test(
      "# ours\nallow user:bob+group:dba read db/x\nallow user:bob read db/x\ndeny user:bob seal\n");
  EXPECT_THAT(kinds_of(tried), ElementsAre("passed", "failed", "passed"));
  EXPECT_EQ(tried.at(1).line, 3U);
  EXPECT_STREQ(tried.at(1).before, "allowed");
  EXPECT_STREQ(tried.at(1).after, "refused");
  EXPECT_EQ(status_of([&] { policy.test("allow nobody"); }), STRONGROOM_INVALID);
}

TEST(CapiPolicy, SkippedPartsAreListedWithTheirPlaces) {
  const Policy policy = Policy::parse({{"web", R"({"name": "w",
  "path": {"a": {"capabilities": ["read", "subscribe"]}}})"}});
  EXPECT_EQ(policy.describe().num_skipped, 2U);
  const auto skipped = policy.skipped();
  ASSERT_EQ(skipped.size(), 2U);
  EXPECT_STREQ(skipped.at(0).kind, "member");
  EXPECT_STREQ(skipped.at(0).document, "web");
  EXPECT_EQ(skipped.at(0).line, 1U);
  EXPECT_EQ(skipped.at(0).column, 2U);
  EXPECT_STREQ(skipped.at(1).kind, "capability");
  EXPECT_EQ(skipped.at(1).line, 2U);
  EXPECT_EQ(skipped.at(1).column, 44U);
  EXPECT_STREQ(skipped.at(1).text,
               "the capability 'subscribe' grants nothing: it is about events of Vault");
  const Policy lists = Policy::parse({{"p", "[user:a]\ndcos:mesos:master:log read\n"}});
  EXPECT_STREQ(lists.skipped().at(0).kind, "permission");
  const Policy clean = Policy::parse({{"p", kDba}});
  EXPECT_EQ(clean.describe().num_skipped, 0U);
  EXPECT_EQ(clean.skipped().size(), 0U);
}

TEST(CapiPolicy, WrongHandlesAreRefused) {
  Fresh fresh("memory:");
  const auto* const wrong = reinterpret_cast<const strongroom_policy*>(fresh.session.raw());
  strongroom_analysis* analysis = nullptr;
  for (const strongroom_policy* each : {static_cast<const strongroom_policy*>(nullptr), wrong}) {
    EXPECT_EQ(strongroom_policy_lint(each, &analysis, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_policy_skipped(each, &analysis, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_policy_explain(each, "user:a", 0, "a", &analysis, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_policy_who_can(each, 0, "a", &analysis, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_policy_diff(each, each, &analysis, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_policy_test(each, "", 0, &analysis, nullptr), STRONGROOM_INVALID);
    strongroom_policy_info info = STRONGROOM_POLICY_INFO_INIT;
    EXPECT_EQ(strongroom_policy_describe(each, &info, nullptr), STRONGROOM_INVALID);
    const Who who = user("a");
    const strongroom_identity& identity = who;
    EXPECT_EQ(strongroom_policy_decide(each, &identity, 0, "a", nullptr), STRONGROOM_INVALID);
  }
  const Policy policy = Policy::parse({{"p", kDba}});
  EXPECT_EQ(strongroom_policy_lint(policy.raw(), nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_analysis_size(nullptr), 0U);
  EXPECT_EQ(strongroom_documents_size(nullptr), 0U);
  strongroom_policy_free(nullptr);
  strongroom_analysis_free(nullptr);
  strongroom_documents_free(nullptr);
}

}  // namespace
}  // namespace capi_test::policy_test
