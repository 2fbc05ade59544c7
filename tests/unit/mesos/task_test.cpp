// task_test.cpp: definitions of Marathon, Metronome and Mesos, as people write them and as they should not.
#include "strongroom/mesos/task.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "secret_text.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"

namespace strongroom::task_test {
namespace {

using namespace mesos;

using testing::secret;
using testing::text;
using std::string_literals::operator""s;

constexpr Definition kApp = Definition::app;
constexpr Definition kPod = Definition::pod;
constexpr Definition kJob = Definition::job;
constexpr Definition kTask = Definition::task_info;

std::string case_of(const std::string& name) {
  std::ifstream file(STRONGROOM_SOURCE_ROOT "/tests/unit/mesos/cases/" + name + ".json");
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<Task> read(Definition definition, std::string_view json, std::string_view container = "") {
  return task_from_json(definition, secret(json), container);
}

// fault returns why a definition is refused; empty if it is not.
std::string fault(Definition definition, std::string_view json, std::string_view container = "",
                  Code code = Code::invalid) {
  const auto task = read(definition, json, container);
  if (task) return "";
  EXPECT_EQ(task.error().code, code) << json;
  return task.error().message;
}

// shown writes what a task sees and runs as one text.
std::string shown(const Task& task) {
  std::string out = task.id + " in " + task.space;
  if (!task.user.empty()) out += ", user " + task.user;
  if (!task.image.empty()) out += ", image " + task.image;
  constexpr const char* kKinds[] = {"none", "shell", "program", "image_args"};
  out += ", "s + kKinds[static_cast<int>(task.command.kind)];
  if (!task.command.program.empty()) out += " " + task.command.program;
  for (const std::string& word : task.command.words) out += " [" + word.substr(0, 24) + "]";
  out += "\n";
  for (const Variable& each : task.environment.variables) {
    if (each.secret) out += each.name + " <- " + each.secret->reference->name + "\n";
    if (each.value) out += each.name + "=" + text(*each.value).substr(0, 24) + "\n";
  }
  for (const Volume& each : task.volumes) {
    out += each.container_path + (each.mode == Volume::Mode::read_only ? " RO" : " RW") + " <- " +
           each.secret.reference->name + "\n";
  }
  if (task.pull_config) out += "pull <- " + task.pull_config->reference->name + "\n";
  for (const Source& each : task.sources) out += each.place + each.path + "\n";
  return out;
}

std::string shown(Definition definition, std::string_view json, std::string_view container = "") {
  const auto task = read(definition, json, container);
  return task ? shown(*task) : task.error().message;
}

bool all_in_space(const Task& task) {
  for (const Source& each : task.sources) {
    const auto path = Path::parse_secret(each.path);
    if (!path || !in_space(*path, task.space)) return false;
  }
  return true;
}

//
// Files that people wrote
//

struct Case {
  Definition definition;
  const char* file;
  const char* expected;
  bool accessible;
};

const Case kCases[] = {
    {kApp, "01-app-env",
     "/developer/service in /developer/service, shell [sleep 100]\n"
     "MY_SECRET <- developer/my-secret\n"
     "secrets.0: developer/my-secret\n",
     true},
    {kApp, "02-app-file",
     "/developer/service in /developer/service, shell [cat path && sleep 100]\n"
     "path RO <- developer/databasepassword\n"
     "secrets.0: developer/databasepassword\n",
     true},
    {kPod, "03-pod-env",
     "/developer/pod-secret in /developer/pod-secret, shell [sleep 3600]\n"
     "MY_SECRET <- developer/my-secret\n"
     "secrets.0: developer/my-secret\n",
     true},
    {kPod, "04-pod-file",
     "/developer/pod-with-secrets in /developer/pod-with-secrets, shell [sleep 1]\n"
     "path/to/db/password RO <- developer/databasepassword\n"
     "secrets.0: developer/databasepassword\n",
     true},
    {kApp, "05-app-pull",
     "/mesos-docker in /mesos-docker, image <your/private/image>, image_args [hello]\n"
     "pull <- /mesos-docker/pullConfig\n"
     "secrets.0: /mesos-docker/pullConfig\n",
     true},
    {kApp, "07-app-mom-advanced",
     "/${MARATHON_INSTANCE_NAME} in /${MARATHON_INSTANCE_NAME}, user nobody, image "
     "${MARATHON_IMAGE}:${MARATHON_TAG}, shell [cd $MESOS_SANDBOX && LIB]\n"
     "JVM_OPTS=-Xms256m -Xmx2g\n"
     "DCOS_STRICT_SECURITY_ENABLED=false\n"
     "DCOS_SERVICE_ACCOUNT_CREDENTIAL <- ${SERVICE_ACCOUNT_SECRET}\n"
     "MESOS_AUTHENTICATEE=com_mesosphere_dcos_Clas\n"
     "MESOS_MODULES={\"libraries\":[{\"file\":\"/\n"
     "MESOS_VERBOSE=true\n"
     "GLOG_v=2\n"
     "PLUGIN_ACS_URL=http://master.mesos\n"
     "PLUGIN_AUTHN_MODE=dcos/jwt+anonymous\n"
     "PLUGIN_FRAMEWORK_TYPE=marathon\n"
     "pull <- ${DOCKER_REGISTRY_SECRET}\n"
     "secrets.0: ${SERVICE_ACCOUNT_SECRET}\n"
     "secrets.1: ${DOCKER_REGISTRY_SECRET}\n",
     true},
    // It declares the secret of another service: Marathon's plugin refuses that one.
    {kApp, "08-app-misplaced-secrets",
     "/nginx-bridge in /nginx-bridge, image nginx, image_args [<my-arg>]\n"
     "pull <- /mesos-docker/pullConfig\n"
     "secrets.0: /mesos-docker/pullConfig\n",
     false},
    {kJob, "15-job-env",
     "/job-env-secret in /job-env-secret, shell [echo $SECRET_ENV >> $MES]\n"
     "SECRET_ENV <- /mysecret\n"
     "secrets.0: /mysecret\n",
     true},
    {kJob, "16-job-file",
     "/job-fbs in /job-fbs, image ubuntu, shell [echo $SECRET_ENV >> $MES]\n"
     "/mnt/test RO <- /mysecret\n"
     "secrets.0: /mysecret\n",
     true},
};

TEST(Task, FilesThatPeopleWroteAreReadAsTheyMeantThem) {
  for (const Case& each : kCases) {
    const auto task = read(each.definition, case_of(each.file));
    ASSERT_TRUE(task) << each.file << ": " << task.error().message;
    EXPECT_EQ(shown(*task), each.expected) << each.file;
    EXPECT_EQ(all_in_space(*task), each.accessible) << each.file;
  }
}

TEST(Task, FilesThatPeopleGotWrongAreRefusedWhereTheyAreWrong) {
  EXPECT_EQ(fault(kApp, case_of("09-app-csi-broken")),
            "a JSON text was refused at byte 631 (line 23, column 13): a ',' or '}' was expected");
  EXPECT_EQ(fault(kApp, case_of("14-app-api-example")),
            "/env/PASSWORD/secret: references an undefined secret");
}

TEST(Task, MesosDocumentationInATaskInfo) {
  EXPECT_EQ(
      shown(kTask,
            R"({"name":"t","task_id":{"value":"1"},"command":{"value":"./run","environment":)" +
                case_of("21-mesos-environment") + R"(},"container":{"type":"MESOS","volumes":[)" +
                case_of("22-mesos-volume") + "]}}"),
      "t in /, shell [./run]\n"
      "MY_SECRET_ENV <- /my/secret\n"
      "MY_NORMAL_ENV=foo\n"
      "path/to/secret/file RW <- /my/secret\n"
      "/my/secret\n/my/secret\n");
}

//
// What is refused, in whose words
//

struct Fault {
  Definition definition;
  std::string json;
  std::string why;
};

std::string app(const std::string& rest) {
  return R"({"id":"/a/b","cmd":"true","secrets":{"s":{"source":"a/x"}},)" + rest + "}";
}
std::string pod(const std::string& rest) {
  return R"({"id":"/a/b","secrets":{"s":{"source":"a/x"}},)" + rest + "}";
}
std::string job(const std::string& rest) {
  return R"({"id":"a.b","run":{"cmd":"true",)" + rest + "}}";
}
std::string task_info(const std::string& rest) {
  return R"({"name":"n","task_id":{"value":"i"},)" + rest + "}";
}

const Fault kFaults[] = {
    {kApp, "[]", "Expecting a JSON object"},
    {kApp, "{}", "/id: Path must contain at least one path element"},
    {kApp, R"({"id":"/"})", "/id: Path must contain at least one path element"},
    {kApp, R"({"id":"//"})", "/id: Path must contain at least one path element"},
    {kApp, R"({"id":7})", "/id: must be a string"},
    {kApp, R"({"id":"/a/../b","cmd":"x"})", "/id: must not have '.' or '..' in it"},
    {kApp, R"({"id":"../b","cmd":"x"})", "/id: must not have '.' or '..' in it"},
    {kApp, R"({"id":"a"})",
     "/: AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."},
    {kApp, app(R"("args":["x"])"),
     "/: AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."},
    {kApp, R"({"id":"a","cmd":"x","secrets":[]})", "/secrets: must be an object"},
    {kApp, R"({"id":"a","cmd":"x","secrets":{"":{"source":"x"}}})",
     "/secrets: a name must not be empty"},
    {kApp, R"({"id":"a","cmd":"x","secrets":{"s":{"source":""}}})",
     "/secrets/s/source: must not be empty"},
    {kApp, R"({"id":"a","cmd":"x","secrets":{"s":{}}})", "/secrets/s/source: must not be empty"},
    {kApp, R"({"id":"a","cmd":"x","secrets":{"s":"x"}})", "/secrets/s: must be an object"},
    {kApp, app(R"("env":{"A":{"secret":"t"}})"), "/env/A/secret: references an undefined secret"},
    {kApp, app(R"("env":{"A":{"secert":"s"}})"), "/env/A/secret: must not be empty"},
    {kApp, app(R"("env":{"A":5})"), R"(/env/A: must be a string, or {"secret": NAME})"},
    {kApp, app(R"("env":{"A":null})"), R"(/env/A: must be a string, or {"secret": NAME})"},
    {kApp, app(R"("env":{"":"x"})"), "/env: a name must not be empty"},
    {kApp, app(R"("env":["x"])"), "/env: must be an object"},
    {kApp, app(R"("container":{"volumes":[{"containerPath":"p","secret":"t"}]})"),
     "/container/volumes(0): volume.secret must refer to an existing secret"},
    {kApp, app(R"("container":{"volumes":[{"secret":"s"}]})"),
     "/container/volumes(0)/containerPath: must not be empty"},
    {kApp, app(R"("container":{"volumes":[{"containerPath":"../p","secret":"s"}]})"),
     "the container path '../p' was refused: it had a segment '..'"},
    {kApp,
     app(R"("container":{"volumes":[{"containerPath":"p","secret":"s"},{"containerPath":"./p","secret":"s"}]})"),
     "the container paths 'p' and './p' were refused: one file cannot hold both"},
    {kApp, app(R"("container":{"docker":{"image":"i","pullConfig":{"secret":"t"}}})"),
     "/container/docker/pullConfig: pullConfig.secret must refer to an existing secret"},
    {kApp,
     app(R"("container":{"type":"DOCKER","docker":{"image":"i","pullConfig":{"secret":"s"}}})"),
     "/container/docker/pullConfig: pullConfig is not supported with Docker containerizer"},
    {kApp, app(R"("env":{"A":"1","A":"2"})"),
     "a JSON text was refused at byte 75 (line 1, column 76): a member appeared twice"},

    {kApp, R"({"id":"a","cmd":"x\u0000y"})", "the id, user, image or command held a null byte"},
    {kApp, R"({"id":"a","args":["x","y\u0000"]})",
     "the id, user, image or command held a null byte"},
    {kApp, R"({"id":"a\u0000","cmd":"x"})", "the id, user, image or command held a null byte"},
    {kApp, R"({"id":"a","cmd":"x","user":"\u0000"})",
     "the id, user, image or command held a null byte"},

    {kPod, pod(R"("x":1)"), "/containers: must not be empty"},
    {kPod, pod(R"("containers":[])"), "/containers: must not be empty"},
    {kPod, pod(R"("containers":["x"])"), "/containers(0): must be an object"},
    {kPod, pod(R"("containers":[{}])"), "/containers(0)/name: must not be empty"},
    {kPod, pod(R"("containers":[{"name":"c"},{"name":"c"}])"),
     "/containers: container names must be unique"},
    {kPod, pod(R"("containers":[{"name":"c"},{"name":"d"}])"),
     "the pod has 2 containers; choose one of them: c, d"},
    {kPod, pod(R"("environment":{"A":{"secret":"t"}},"containers":[{"name":"c"}])"),
     "/environment/A/secret: references an undefined secret"},
    {kPod, pod(R"("containers":[{"name":"c","environment":{"A":{"secret":"t"}}}])"),
     "/containers(0)/environment/A/secret: references an undefined secret"},
    {kPod, pod(R"("volumes":[{"name":"v","secret":"t"}],"containers":[{"name":"c"}])"),
     "/volumes(0)/secret: volume.secret must refer to an existing secret"},
    {kPod, pod(R"("volumes":[{"name":"v","secret":"s"}],"containers":[{"name":"c"}])"),
     "/volumes/v: volume must be referenced by at least one container"},
    {kPod, pod(R"("volumes":[{"name":"v"},{"name":"v"}],"containers":[{"name":"c"}])"),
     "/volumes: volume names must be unique"},
    {kPod, pod(R"("containers":[{"name":"c","volumeMounts":[{"name":"w","mountPath":"p"}]}])"),
     "/containers(0)/volumeMounts(0)/name: Referenced Volume in VolumeMount should exist"},
    {kPod, pod(R"("containers":[{"name":"c","image":{"id":"i","pullConfig":{"secret":"t"}}}])"),
     "/containers(0)/image/pullConfig: pullConfig.secret must refer to an existing secret"},
    {kPod, pod(R"("containers":[{"name":"c","exec":{"command":{"shell":"a","argv":["b"]}}}])"),
     "/containers(0)/exec/command: specify either `shell` or `argv`, never both"},

    {kJob, R"({"id":"a"})", "/run: must be an object"},
    {kJob, R"({"id":"a","run":{}})", "/run: Cmd, Docker or UCR image must be specified"},
    {kJob, job(R"("args":["x"])"),
     "/run: It is invalid to supply both `cmd` and `args` in the same job"},
    {kJob, job(R"("env":{"A":{"secret":"t"},"B":{"secret":"s"}})"),
     "/run: The following secrets are referenced, but undefined: s, t. Please add them to the "
     "secrets field."},
    {kJob, job(R"("secrets":{"s":{"source":"x"}})"),
     "/run: The following secrets are defined, but not referenced: s. Please remove them from "
     "the secrets field."},
    {kJob, job(R"("env":{"A":{"secret":"t"}},"secrets":{"s":{"source":"x"}})"),
     "/run: The following secrets are referenced, but undefined: t. Please add them to the secrets "
     "field.The following secrets are defined, but not referenced: s. Please remove them from the "
     "secrets field."},
    {kJob,
     job(R"("docker":{"image":"i"},"volumes":[{"containerPath":"p","secret":"s"}],"secrets":{"s":{"source":"x"}})"),
     "/run/volumes: File based secrets are only supported by UCR"},
    {kJob, job(R"("docker":{"image":"i"},"ucr":{"image":{"id":"i"}})"),
     "/run: Either Docker or UCR should be provided, but not both"},

    {kTask, R"({"command":{}})", "Missing required fields: name, task_id"},
    {kTask, R"({"name":"n","task_id":{},"command":{}})", "Missing required fields: task_id.value"},
    {kTask, task_info(R"("agent_id":{"value":"a"},"slave_id":{"value":"a"},"command":{})"),
     "TaskInfo has both 'agent_id' (API v1) and 'slave_id' (v0); leave one of them out"},
    {kTask, task_info(R"("data":"")"),
     "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"},
    {kTask, task_info(R"("command":{},"executor":{})"),
     "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"},
    {kTask, task_info(R"("command":{"environment":{"variables":[{"name":"A"}]}})"),
     "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value "
     "set"},
    {kTask, task_info(R"("command":{"environment":{"variables":[{"value":"x"}]}})"),
     "Missing required fields: command.environment.variables[0].name"},
    {kTask,
     task_info(
         R"("executor":{"command":{"environment":{"variables":[{"name":"A","type":"UNKNOWN"}]}}})"),
     "Executor's `CommandInfo` is invalid: Environment variable of type 'UNKNOWN' is not allowed"},
    {kTask,
     task_info(
         R"("command":{},"container":{"type":"MESOS","volumes":[{"mode":"RO","container_path":"p","source":{"type":"SECRET"}}]})"),
     "Task's `ContainerInfo` is invalid: Invalid volume: 'source.secret' is not set for SECRET "
     "volume"},
    {kTask, task_info(R"("command":{},"container":{})"), "Missing required fields: container.type"},
    {kTask,
     task_info(R"("command":{},"container":{"type":"MESOS","mesos":{"image":{"docker":{}}}})"),
     "Missing required fields: container.mesos.image.type, container.mesos.image.docker.name"},
    {kTask,
     task_info(R"("command":{},"container":{"type":"MESOS","mesos":{"image":{"type":"docker"}}})"),
     "Failed to find enum for field 'type'"},
    {kTask, task_info(R"("command":{"value":5})"), "Not expecting a JSON number for field 'value'"},
    {kTask, task_info(R"("command":{"arguments":["a",5]})"),
     "Not expecting a JSON number for field 'arguments'"},
    {kTask,
     task_info(
         R"("command":{},"labels":{"labels":[{"key":"DCOS_SPACE","value":"/a"},{"key":"DCOS_SPACE","value":"/b"}]})"),
     "the label DCOS_SPACE appears twice"},
    {kTask,
     task_info(
         R"("command":{},"labels":{"labels":[{"key":"DCOS_SECRETS_DIRECTIVE","value":"[{]"}]})"),
     "the label DCOS_SECRETS_DIRECTIVE was refused: a JSON text was refused at byte 2 (line 1, "
     "column 3): a member's name was expected"},
    {kTask,
     task_info(
         R"("command":{},"labels":{"labels":[{"key":"DCOS_SECRETS_DIRECTIVE","value":"[{\"type\":\"FILE\"}]"}]})"),
     "the label DCOS_SECRETS_DIRECTIVE was refused: the type of each entry must be "
     "\"ENVIRONMENT\""},
    {kTask,
     task_info(
         R"("command":{},"labels":{"labels":[{"key":"DCOS_SECRETS_DIRECTIVE","value":"[{\"type\":\"ENVIRONMENT\",\"name\":\"a\"}]"}]})"),
     "the label DCOS_SECRETS_DIRECTIVE was refused: each entry must have a \"name\" and an "
     "\"environment\" with a \"name\""},
    {kTask,
     task_info(
         R"("command":{},"labels":{"labels":[{"key":"DCOS_SECRETS_DIRECTIVE","value":"{}"}]})"),
     "the label DCOS_SECRETS_DIRECTIVE was refused: it is no JSON array"},
};

TEST(Task, FaultsAreReportedInTheWordsOfWhoeverReportsThemElsewhere) {
  for (const Fault& each : kFaults) {
    EXPECT_EQ(fault(each.definition, each.json), each.why) << each.json;
  }
}

TEST(Task, OnlyAPodHasContainersToChooseFrom) {
  for (const Definition each : {kApp, kJob, kTask}) {
    EXPECT_EQ(fault(each, app(R"("x":1)"), "c"), "only a pod has containers to choose from");
  }
  EXPECT_EQ(fault(kPod, pod(R"("containers":[{"name":"c"},{"name":"d"}])"), "e", Code::not_found),
            "the pod has no container 'e'; it has: c, d");
  EXPECT_EQ(fault(static_cast<Definition>(9), "{}"), "a definition of an unknown kind");
}

TEST(Task, AnErrorShowsNoMoreThanTheBeginOfALongName) {
  const std::string why = fault(kApp, app(R"("env":{")" + std::string(100'000, 'A') + R"(":5})"));
  EXPECT_LT(why.size(), 400u);
}

//
// What wins, what runs
//

TEST(Task, VariablesAndUserOfAContainerWinOverThoseOfItsPod) {
  EXPECT_EQ(
      shown(
          kPod,
          pod(R"("user":"pod","environment":{"A":{"secret":"s"},"B":"pod","C":"pod"},"containers":[)"
              R"({"name":"c","user":"own","environment":{"A":"own","B":{"secret":"s"}}},{"name":"d"}])"),
          "c"),
      "/a/b in /a/b, user own, none\nC=pod\nA=own\nB <- a/x\nsecrets.0: a/x\n");
  EXPECT_EQ(shown(kPod,
                  pod(R"("user":"pod","environment":{"A":{"secret":"s"}},"containers":[)"
                      R"({"name":"c","user":"own"},{"name":"d"}])"),
                  "d"),
            "/a/b in /a/b, user pod, none\nA <- a/x\nsecrets.0: a/x\n");
}

TEST(Task, AMountOfAPodMayBeWritten) {
  EXPECT_EQ(
      shown(kPod,
            pod(R"("volumes":[{"name":"v","secret":"s"},{"name":"e"}],"containers":[)"
                R"({"name":"c","volumeMounts":[{"name":"v","mountPath":"p","readOnly":false},)"
                R"({"name":"v","mountPath":"q"},{"name":"e","mountPath":"r"}]}])")),
      "/a/b in /a/b, none\np RW <- a/x\nq RO <- a/x\nsecrets.0: a/x\n");
}

TEST(Task, CommandsAreWhatTheSchedulerWouldStart) {
  const auto command = [](Definition definition, const std::string& json) {
    const auto task = read(definition, json);
    EXPECT_TRUE(task) << task.error().message;
    const std::string all = shown(*task);
    return all.substr(all.rfind(", ", all.find('\n')) + 2,
                      all.find('\n') - all.rfind(", ", all.find('\n')) - 2);
  };
  EXPECT_EQ(command(kApp, R"({"id":"a","args":["x","y z"]})"), "program x [x] [y z]");
  EXPECT_EQ(command(kApp, R"({"id":"a","args":["x"],"container":{"docker":{"image":"i"}}})"),
            "image_args [x]");
  EXPECT_EQ(command(kApp, R"({"id":"a","container":{"docker":{"image":"i"}}})"), "none");
  const auto exec = [](const std::string& rest) {
    return pod(R"("containers":[{"name":"c",)" + rest + "}]");
  };
  EXPECT_EQ(command(kPod, exec(R"("exec":{"command":{"argv":["x","y"]}})")), "program x [x] [y]");
  EXPECT_EQ(command(kPod, exec(R"("image":{"id":"i"},"exec":{"command":{"argv":["x"]}})")),
            "image_args [x]");
  EXPECT_EQ(command(kPod, exec(R"("image":{"id":"i"},"exec":{"command":{"argv":["x"]},)"
                               R"("overrideEntrypoint":true})")),
            "program x [x]");
  EXPECT_EQ(command(kTask, task_info(R"("command":{"value":"x y"})")), "shell [x y]");
  EXPECT_EQ(command(kTask, task_info(R"("command":{"shell":false,"value":"x"})")), "program x [x]");
  EXPECT_EQ(
      command(kTask, task_info(R"("command":{"shell":false,"value":"x","arguments":["n","1"]})")),
      "program x [n] [1]");
  EXPECT_EQ(command(kTask, task_info(R"("command":{"shell":false,"arguments":["1"]})")),
            "image_args [1]");
  EXPECT_EQ(command(kTask, task_info(R"("command":{})")), "none");
}

TEST(Task, ATaskInfoHasTheSpaceAndTheVariablesOfItsLabels) {
  EXPECT_EQ(
      shown(
          kTask,
          task_info(
              R"("command":{"user":"u"},"container":{"type":"MESOS","mesos":{"image":{"type":"DOCKER",)"
              R"("docker":{"name":"i","config":{"type":"REFERENCE","reference":{"name":"pull"}}}}}},)"
              R"("labels":{"labels":[{"key":"DCOS_SPACE","value":"/spark"},{"key":"x"},)"
              R"({"key":"DCOS_SECRETS_DIRECTIVE","value":"[{\"name\":\"/spark/key\",\"type\":\"ENVIRONMENT\",)"
              R"(\"environment\":{\"name\":\"KEY\"}}]"}]})")),
      "n in /spark, user u, image i, none\nKEY <- /spark/key\npull <- pull\n/spark/key\npull\n");
  EXPECT_EQ(
      shown(kTask,
            task_info(R"("executor":{"labels":{"labels":[{"key":"DCOS_SPACE","value":"/e"}]}})")),
      "n in /e, none\n");
}

TEST(Task, AnEmptySpaceIsTheRootsAndNotNone) {
  for (const std::string label :
       {R"({"key":"DCOS_SPACE"})", R"({"key":"DCOS_SPACE","value":""})"}) {
    EXPECT_EQ(shown(kTask, task_info(R"("command":{},"labels":{"labels":[)" + label + "]}")),
              "n in /, none\n");
  }
}

TEST(Task, LabelsOfAnAppDoNotMoveItIntoAnotherSpace) {
  EXPECT_EQ(shown(kApp, app(R"("labels":{"DCOS_SPACE":"/other"})")).substr(0, 12), "/a/b in /a/b");
}

TEST(Task, OtherVolumesAreLeftToTheScheduler) {
  EXPECT_EQ(shown(kTask, task_info(R"("command":{},"container":{"type":"MESOS","volumes":[)"
                                   R"({"mode":"RO","container_path":"p","host_path":"/h"}]})")),
            "n in /, none\n");
  EXPECT_EQ(shown(kApp, app(R"("container":{"volumes":[{"containerPath":"p","hostPath":"/h"}]})")),
            "/a/b in /a/b, shell [true]\nsecrets.0: a/x\n");
}

TEST(Task, ARefusalIsInMarathonsWords) {
  const auto task = read(kApp, case_of("08-app-misplaced-secrets"));
  ASSERT_TRUE(task);
  const Error refused = not_accessible(task->sources[0]);
  EXPECT_EQ(refused.code, Code::denied);
  EXPECT_EQ(refused.message, "secrets.0: Secret /mesos-docker/pullConfig is not accessible");
}

//
// Resolving
//

// by_name returns for each reference its own name, or what comes after "__dcos_base64__".
Result<std::vector<SecretBytes>> by_name(std::span<const Secret* const> secrets) {
  std::vector<SecretBytes> values;
  for (const Secret* each : secrets) {
    const std::string& name = each->reference->name;
    const std::size_t at = name.rfind("64__");
    values.push_back(secret(at == std::string::npos ? name : name.substr(at + 4)));
  }
  return values;
}

const auto kByName = [](std::span<const Secret* const> secrets, std::size_t&) {
  return by_name(secrets);
};

TEST(Task, VariablesAndFilesAreResolvedInOneBatch) {
  auto task =
      read(kApp, R"({"id":"a","cmd":"x","secrets":{"s":{"source":"one"},"t":{"source":"two"}},)"
                 R"("env":{"A":{"secret":"t"},"P":"plain"},"container":{"volumes":[)"
                 R"({"containerPath":"p","secret":"s"},{"containerPath":"q","secret":"t"}]}})");
  ASSERT_TRUE(task);
  int num_batches = 0;
  const auto count = [&](std::span<const Secret* const> secrets, std::size_t&) {
    ++num_batches;
    return by_name(secrets);
  };
  const auto resolved = resolve_task(std::move(task).value(), count);
  ASSERT_TRUE(resolved);
  EXPECT_EQ(num_batches, 1);
  ASSERT_EQ(resolved->environment.variables.size(), 2u);
  EXPECT_EQ(text(resolved->environment.variables[0].value), "two");
  EXPECT_EQ(text(resolved->environment.variables[1].value), "plain");
  ASSERT_EQ(resolved->files.size(), 2u);
  EXPECT_EQ(text(resolved->files[0]), "one");
  EXPECT_EQ(text(resolved->files[1]), "two");
}

TEST(Task, AFailureNamesWhatTheSecretIsFor) {
  const std::string json =
      R"({"id":"a","cmd":"x","secrets":{"s":{"source":"one"},"t":{"source":"two"}},)"
      R"("env":{"P":"plain","A":{"secret":"s"}},"container":{"volumes":[)"
      R"({"containerPath":"p","secret":"t"}]}})";
  const auto failing = [&](std::size_t index) {
    const auto resolve = [&](std::span<const Secret* const>, std::size_t& failed) {
      failed = index;
      return Result<std::vector<SecretBytes>>(Error{Code::not_found, "no such secret"});
    };
    return resolve_task(read(kApp, json).value(), resolve).error().message;
  };
  EXPECT_EQ(failing(0), "Environment variable 'A': secret 'one': no such secret");
  EXPECT_EQ(failing(1), "Volume 'p': secret 'two': no such secret");
  EXPECT_EQ(failing(2), "no such secret");
}

std::string file_of(const std::string& source) {
  auto task =
      read(kApp, R"({"id":"a","cmd":"x","secrets":{"s":{"source":")" + source +
                     R"("}},"container":{"volumes":[{"containerPath":"p","secret":"s"}]}})");
  auto resolved = resolve_task(std::move(task).value(), kByName);
  return resolved ? text(resolved->files[0]) : resolved.error().message;
}

TEST(Task, Base64ByNameIsDecoded) {
  EXPECT_EQ(file_of("__dcos_base64__aGk=/w"), "aGk=/w");  // the name alone counts
  EXPECT_EQ(file_of("some/__dcos_base64__AAEC"), "\0\1\2"s);
  EXPECT_EQ(file_of("__dcos_base64__aGk="), "hi");
  EXPECT_EQ(file_of("__dcos_base64__"), "");
  EXPECT_EQ(file_of("x__dcos_base64__aGk="), "aGk=");
  EXPECT_EQ(file_of("__dcos_base64__!"),
            "the secret '__dcos_base64__!' is not base64, as its name says it is");
}

TEST(Task, ABinarySecretDoesNotFitIntoAVariable) {
  auto task = read(kApp, R"({"id":"a","cmd":"x","secrets":{"s":{"source":"__dcos_base64__AAEC"}},)"
                         R"("env":{"A":{"secret":"s"}}})");
  const auto resolved = resolve_task(std::move(task).value(), kByName);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().message,
            "Environment variable 'A': secret '__dcos_base64__AAEC' held a null byte, which no "
            "environment can hold");
}

TEST(Task, ManyVariablesHaveRoom) {
  std::string variables;
  for (int i = 0; i < 100'000; ++i) variables += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"\"";
  const auto task = read(kApp, app("\"env\":{" + variables + "}"));
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(task->environment.variables.size(), 100'000u);
}

TEST(Task, NoMutationOfADefinitionIsFatal) {
  const std::pair<Definition, std::string> all[] = {
      {kApp, case_of("07-app-mom-advanced")},
      {kPod, case_of("04-pod-file")},
      {kJob, case_of("16-job-file")},
      {kTask, task_info(R"("command":{"environment":)" + case_of("21-mesos-environment") + "}")}};
  for (const auto& [definition, whole] : all) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      (void)read(definition, whole.substr(0, i));
      for (const char byte : {'"', '{', '}', '[', ']', ',', '\\', '\0', '5'}) {
        std::string damaged = whole;
        damaged[i] = byte;
        (void)read(definition, damaged);
      }
    }
  }
}

}  // namespace
}  // namespace strongroom::task_test
