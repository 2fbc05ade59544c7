// tasks_test.cpp: definitions of tasks through the door: what they say, what they may have, what they see.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::tasks_test {
namespace {

using strongroom_abi::Session;
using strongroom_abi::Task;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

std::string app(const std::string& rest) {
  return R"({"id":"group/app","args":["server","-v"],"secrets":{"s":{"source":"group/s"},)"
         R"("t":{"source":"/top"}},"env":{"A":{"secret":"s"},"B":{"secret":"t"},"C":"plain"})" +
         rest + "}";
}

Task app_task(const std::string& rest = "") {
  return Task(STRONGROOM_DEFINITION_APP, app(rest));
}

class Tasks : public ::testing::Test {
 protected:
  Tasks() {
    session_.put("group/s", kText, "one");
    session_.put("top", kText, "two");
    session_.put("other/s", kText, "three");
  }

  Session service_of(const Task& task) {
    const strongroom_task_description said = task.describe();
    return fresh_.store.service(said.id, said.space);
  }

  std::string resolve_fault(const Task& task) {
    try {
      service_of(task).resolve(task);
      return "";
    } catch (const strongroom_abi::Error& error) {
      return strongroom_status_name(error.status()) + std::string(": ") + error.what();
    }
  }

  Fresh fresh_{"memory:"};
  Session& session_ = fresh_.session;
};

TEST_F(Tasks, ADescriptionHasWhatTheDefinitionSays) {
  const Task task(
      STRONGROOM_DEFINITION_APP,
      R"({"id":"group/app","args":["server","-v"],"user":"nobody","env":{"C":"plain"}})");
  const strongroom_task_description said = task.describe();
  EXPECT_STREQ(said.id, "/group/app");
  EXPECT_STREQ(said.space, "/group/app");
  EXPECT_STREQ(said.user, "nobody");
  EXPECT_EQ(said.image, nullptr);
  EXPECT_EQ(said.command, STRONGROOM_COMMAND_PROGRAM);
  EXPECT_STREQ(said.program, "server");
  ASSERT_EQ(said.num_words, 2u);
  EXPECT_STREQ(said.words[0], "server");
  EXPECT_STREQ(said.words[1], "-v");
  EXPECT_EQ(said.words[2], nullptr);
  EXPECT_EQ(said.num_variables, 1u);
  EXPECT_EQ(said.num_volumes, 0u);
  EXPECT_EQ(said.has_pull_config, 0u);
}

TEST_F(Tasks, AServiceGetsWhatItsDefinitionNames) {
  const Task task = app_task(R"(,"container":{"volumes":[{"containerPath":"p/q","secret":"s"}]})");
  Session service = service_of(task);
  for (int i = 0; i < 2; ++i) {  // again, for newer values
    const auto resolved = service.resolve(task);
    ASSERT_EQ(resolved.environment.size(), 3u);
    EXPECT_STREQ(resolved.environment.name(0), "A");
    EXPECT_EQ(resolved.environment.reveal_value(0), i == 0 ? "one" : "newer");
    EXPECT_EQ(resolved.environment.reveal_value(1), "two");
    EXPECT_EQ(resolved.environment.reveal_value(2), "plain");
    ASSERT_EQ(resolved.volumes.size(), 1u);
    EXPECT_STREQ(resolved.volumes.path(0), "p/q");
    EXPECT_TRUE(resolved.volumes.read_only(0));
    EXPECT_EQ(resolved.volumes.reveal_value(0), i == 0 ? "one" : "newer");
    session_.put("group/s", kText, "newer");
  }
}

TEST_F(Tasks, ASecretOfAnotherSpaceIsRefusedAlsoIfItIsOnlyDeclared) {
  const Task task(STRONGROOM_DEFINITION_APP,
                  R"({"id":"group/app","cmd":"x","secrets":{"s":{"source":"group/s"},)"
                  R"("t":{"source":"/other/s"}}})");
  EXPECT_EQ(resolve_fault(task), "denied: secrets.1: Secret /other/s is not accessible");
  // An absent secret of another space looks the same.
  const Task absent(STRONGROOM_DEFINITION_APP,
                    R"({"id":"group/app","cmd":"x","secrets":{"t":{"source":"other/absent"}}})");
  EXPECT_EQ(resolve_fault(absent), "denied: secrets.0: Secret other/absent is not accessible");
  EXPECT_EQ(session_.resolve(task).environment.size(), 0u);  // a trusted caller may
}

TEST_F(Tasks, ATaskInfoWithoutASpaceHasOnlyWhatAllHave) {
  const auto info = [](const std::string& name, const std::string& labels = "") {
    return Task(
        STRONGROOM_DEFINITION_TASK_INFO,
        R"({"name":"n","task_id":{"value":"i"},"command":{"environment":{"variables":[)"
        R"({"name":"A","type":"SECRET","secret":{"type":"REFERENCE","reference":{"name":")" +
            name + R"("}}}]}})" + labels + "}");
  };
  EXPECT_EQ(resolve_fault(info("/top")), "");
  EXPECT_EQ(resolve_fault(info("group/s")), "denied: Secret group/s is not accessible");
  EXPECT_EQ(resolve_fault(
                info("group/s", R"(,"labels":{"labels":[{"key":"DCOS_SPACE","value":"/group"}]})")),
            "");
}

TEST_F(Tasks, APolicyMayDenyWhatLiesInTheSpaceAndAllowNothingElse) {
  const Task own = app_task();
  const Task other(STRONGROOM_DEFINITION_APP,
                   R"({"id":"group/app","cmd":"x","secrets":{"t":{"source":"other/s"}},)"
                   R"("env":{"A":{"secret":"t"}}})");
  EXPECT_EQ(resolve_fault(own), "");
  session_.put_document("p",
                        R"({"version":1,"rules":[)"
                        R"({"to":["service:/group/app"],"allow":["resolve"],"paths":["other/s"]},)"
                        R"({"to":["service:/group/app"],"deny":["resolve"],"paths":["top"]}]})");
  EXPECT_EQ(resolve_fault(own), "denied: secrets.1: Secret /top is not accessible");
  EXPECT_EQ(resolve_fault(other), "denied: secrets.0: Secret other/s is not accessible");
}

TEST_F(Tasks, APullSecretGivesTheHeaderOfItsImage) {
  session_.put("group/pull", kText, R"({"auths":{"r.io":{"auth":"dTpw"}}})");
  const std::string container =
      R"(,"container":{"type":"MESOS","docker":{"image":"r.io/a:1","pullConfig":{"secret":"p"}}})";
  const auto with_source = [&](const std::string& source) {
    return Task(STRONGROOM_DEFINITION_APP, R"({"id":"group/app","secrets":{"p":{"source":")" +
                                               source + R"("}})" + container + "}");
  };
  const Task task = with_source("group/pull");
  EXPECT_EQ(task.describe().has_pull_config, 1u);
  EXPECT_EQ(service_of(task).authorization(task).reveal(), "Basic dTpw");
  const Task denied = with_source("other/pull");
  EXPECT_EQ(status_of([&] { service_of(denied).authorization(denied); }), STRONGROOM_DENIED);
  const Task none = app_task();
  EXPECT_EQ(status_of([&] { service_of(none).authorization(none); }), STRONGROOM_NOT_FOUND);
}

TEST_F(Tasks, APodIsReadForOneOfItsContainers) {
  const std::string pod =
      R"({"id":"/p","containers":[{"name":"a"},{"name":"b","exec":{"command":{"shell":"x"}}}]})";
  const Task task(STRONGROOM_DEFINITION_POD, pod, "b");
  EXPECT_EQ(task.describe().command, STRONGROOM_COMMAND_SHELL);
  EXPECT_EQ(status_of([&] { Task(STRONGROOM_DEFINITION_POD, pod); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { Task(STRONGROOM_DEFINITION_POD, pod, "c"); }), STRONGROOM_NOT_FOUND);
}

TEST_F(Tasks, WhatIsNoDefinitionIsRefused) {
  for (const std::uint32_t definition : {0u, 5u, 0xFFFFFFFFu, 257u}) {
    EXPECT_EQ(status_of([&] { Task(definition, app("")); }), STRONGROOM_INVALID);
  }
  EXPECT_EQ(status_of([&] { Task(STRONGROOM_DEFINITION_APP, "{"); }), STRONGROOM_INVALID);
  const std::string large(1'572'865, ' ');
  EXPECT_EQ(status_of([&] { Task(STRONGROOM_DEFINITION_APP, large); }), STRONGROOM_TOO_LARGE);
  const Task task = app_task();
  strongroom_environment* environment = nullptr;
  EXPECT_EQ(strongroom_task_resolve(session_.raw(), task.raw(), &environment, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(environment, nullptr);
}

}  // namespace
}  // namespace capi_test::tasks_test
