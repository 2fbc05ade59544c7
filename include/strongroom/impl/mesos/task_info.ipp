// task_info.ipp: reading a TaskInfo of Mesos; see task.hpp.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/definition.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"

namespace strongroom::mesos {
namespace detail::task_info {

using message_json::Missing;

static Error about(const std::string& what, const Error& error) {
  return {error.code, what + error.message};
}

static Result<std::string> text_in(JsonValue object, std::string_view field) {
  STRONGROOM_ASSIGN(text, message_json::name_field(object, field));
  return std::move(text).value_or(std::string());
}

static Result<std::vector<std::string>> texts_in(JsonValue object, std::string_view field) {
  std::vector<std::string> texts;
  STRONGROOM_ASSIGN(list, message_json::find(object, field, JsonKind::array));
  if (!list) return texts;
  for (const JsonValue each : list->elements()) {
    if (!each.is(JsonKind::string)) return message_json::unexpected(each, field);
    texts.emplace_back(each.text().reveal_text());
  }
  return texts;
}

// read_command reads a CommandInfo. Without a value it is for the program of an image.
static Result<void> read_command(JsonValue object, const std::string& prefix, Missing& missing,
                                 Task& task) {
  STRONGROOM_ASSIGN(arguments, texts_in(object, "arguments"));
  STRONGROOM_ASSIGN(environment, message_json::message_field(object, "environment"));
  if (environment) {
    STRONGROOM_ASSIGN(
        read, message_json::read_environment(*environment, prefix + "environment.", missing));
    task.environment = std::move(read);
  }
  STRONGROOM_ASSIGN(shell, message_json::find(object, "shell", JsonKind::boolean));
  STRONGROOM_ASSIGN(user, text_in(object, "user"));
  STRONGROOM_ASSIGN(value, text_in(object, "value"));
  task.user = std::move(user);
  if (!shell || shell->is_true()) {
    if (!value.empty()) task.command = {Command::Kind::shell, {}, {std::move(value)}};
  } else if (!value.empty()) {
    if (arguments.empty()) arguments.push_back(value);
    task.command = {Command::Kind::program, std::move(value), std::move(arguments)};
  } else {
    task.command = {Command::Kind::image_args, {}, std::move(arguments)};
  }
  return {};
}

// read_container reads a ContainerInfo but for its volumes.
static Result<void> read_container(JsonValue object, const std::string& prefix, Missing& missing,
                                   Task& task) {
  STRONGROOM_ASSIGN(docker, message_json::message_field(object, "docker"));
  STRONGROOM_ASSIGN(mesos, message_json::message_field(object, "mesos"));
  STRONGROOM_ASSIGN(type, message_json::name_field(object, "type"));
  missing.require(type.has_value(), prefix, "type");
  if (docker) {
    STRONGROOM_ASSIGN(image, text_in(*docker, "image"));
    task.image = std::move(image);
  }
  if (!mesos) return {};
  STRONGROOM_ASSIGN(image, message_json::message_field(*mesos, "image"));
  if (!image) return {};
  STRONGROOM_ASSIGN(read, message_json::read_image(*image, prefix + "mesos.image.", missing));
  if (!read.has_docker) return {};
  task.image = std::move(read.image.name);
  task.pull_config = std::move(read.image.config);
  return {};
}

// Labels are those that DC/OS gave a meaning.
struct Labels {
  std::optional<std::string> space;
  std::optional<std::string> directive;
};

static Result<Labels> read_labels(JsonValue owner) {
  Labels labels;
  STRONGROOM_ASSIGN(outer, message_json::message_field(owner, "labels"));
  if (!outer) return labels;
  const auto read = [&](JsonValue label) -> Result<void> {
    STRONGROOM_ASSIGN(key, text_in(label, "key"));
    std::optional<std::string>* known = nullptr;
    if (key == "DCOS_SPACE") known = &labels.space;
    if (key == "DCOS_SECRETS_DIRECTIVE") known = &labels.directive;
    if (known == nullptr) return {};
    if (known->has_value()) return Error{Code::invalid, "the label " + key + " appears twice"};
    STRONGROOM_ASSIGN(value, text_in(label, "value"));
    *known = std::move(value);
    return {};
  };
  const auto list = outer->member("labels");
  if (list) STRONGROOM_TRY(message_json::each_message(*list, "labels", read));
  return labels;
}

static std::optional<std::string> string_at(JsonValue object, std::string_view name) {
  const std::optional<JsonValue> value = object.member(name);
  if (!value || !value->is(JsonKind::string)) return std::nullopt;
  return std::string(value->text().reveal_text());
}

// add_directive adds the variables of a label of DC/OS 1.8:
// [{"name":PATH,"type":"ENVIRONMENT","environment":{"name":VARIABLE}}]
static Result<void> add_directive(const std::string& text, Environment& environment) {
  constexpr std::size_t kMaxValues = 100'000;
  const auto refused = [](const std::string& why) {
    return Error{Code::invalid, "the label DCOS_SECRETS_DIRECTIVE was refused: " + why};
  };
  auto json =
      JsonText::parse_public(std::vector<std::uint8_t>(text.begin(), text.end()), kMaxValues);
  if (!json) return refused(json.error().message);
  if (!json->root().is(JsonKind::array)) return refused("it is no JSON array");
  for (const JsonValue each : json->root().elements()) {
    if (string_at(each, "type") != "ENVIRONMENT") {
      return refused(R"(the type of each entry must be "ENVIRONMENT")");
    }
    std::optional<std::string> path = string_at(each, "name");
    std::optional<std::string> name;
    if (const auto target = each.member("environment")) name = string_at(*target, "name");
    if (!path || !name) {
      return refused(R"(each entry must have a "name" and an "environment" with a "name")");
    }
    Variable variable;
    variable.name = std::move(*name);
    variable.type = Variable::Type::secret;
    variable.secret.emplace();
    variable.secret->type = Secret::Type::reference;
    variable.secret->reference = Reference{std::move(*path), std::nullopt};
    environment.variables.push_back(std::move(variable));
  }
  return {};
}

static void add_source(const std::optional<Secret>& secret, std::vector<Source>& sources) {
  if (secret && secret->reference) sources.push_back({secret->reference->name, ""});
}

// sources_of lists what the task refers to.
static std::vector<Source> sources_of(const Task& task) {
  std::vector<Source> sources;
  for (const Variable& each : task.environment.variables) add_source(each.secret, sources);
  for (const Volume& each : task.volumes) {
    if (each.secret.reference) sources.push_back({each.secret.reference->name, ""});
  }
  add_source(task.pull_config, sources);
  return sources;
}

// Info is a TaskInfo in pieces: it is checked for missing fields before all other rules.
struct Info {
  Task task;
  bool by_executor = false;
  std::optional<JsonValue> volumes;
  Labels labels;
};

static Result<void> require_value(JsonValue owner, const char* field, Missing& missing) {
  STRONGROOM_ASSIGN(id, message_json::message_field(owner, field));
  missing.require(id.has_value(), "", field);
  if (!id) return {};
  STRONGROOM_ASSIGN(value, message_json::name_field(*id, "value"));
  missing.require(value.has_value(), std::string(field) + ".", "value");
  return {};
}

static Result<void> check_agent(JsonValue object) {
  STRONGROOM_ASSIGN(agent, message_json::message_field(object, "agent_id"));
  STRONGROOM_ASSIGN(slave, message_json::message_field(object, "slave_id"));
  if (!agent || !slave) return {};
  return Error{Code::invalid,
               "TaskInfo has both 'agent_id' (API v1) and 'slave_id' (v0); leave one of them out"};
}

static Result<Info> read(JsonValue object) {
  Info info;
  Missing missing;
  STRONGROOM_TRY(check_agent(object));
  STRONGROOM_ASSIGN(name, message_json::name_field(object, "name"));
  missing.require(name.has_value(), "", "name");
  if (name) info.task.id = std::move(*name);
  STRONGROOM_TRY(require_value(object, "task_id", missing));

  STRONGROOM_ASSIGN(command, message_json::message_field(object, "command"));
  STRONGROOM_ASSIGN(executor, message_json::message_field(object, "executor"));
  if (command.has_value() == executor.has_value()) {
    return Error{Code::invalid,
                 "Task should have at least one (but not both) of CommandInfo or ExecutorInfo "
                 "present"};
  }
  info.by_executor = executor.has_value();
  const std::string prefix = executor ? "executor." : "";
  const JsonValue owner = executor.value_or(object);
  STRONGROOM_ASSIGN(run, message_json::message_field(owner, "command"));
  if (run) STRONGROOM_TRY(read_command(*run, prefix + "command.", missing, info.task));
  STRONGROOM_ASSIGN(container, message_json::message_field(owner, "container"));
  if (container) {
    STRONGROOM_TRY(read_container(*container, prefix + "container.", missing, info.task));
    info.volumes = container->member("volumes");
  }
  STRONGROOM_ASSIGN(labels, read_labels(object));
  info.labels = std::move(labels);
  if (executor && !info.labels.space) {
    STRONGROOM_ASSIGN(outer, read_labels(*executor));
    info.labels.space = std::move(outer.space);
  }
  STRONGROOM_TRY(missing.check());
  return info;
}

}  // namespace detail::task_info

Result<Task> definition::read_task_info(JsonValue object) {
  namespace impl = detail::task_info;
  STRONGROOM_ASSIGN(info, impl::read(object));
  Task& task = info.task;
  const std::string whose = info.by_executor ? "Executor's" : "Task's";
  if (info.labels.directive) {
    STRONGROOM_TRY(impl::add_directive(*info.labels.directive, task.environment));
  }
  if (const auto valid = validate_environment(task.environment); !valid) {
    return impl::about(whose + " `CommandInfo` is invalid: ", valid.error());
  }
  if (info.volumes) {
    auto volumes = message_json::read_secret_volumes(*info.volumes);
    if (!volumes) {
      return impl::about(whose + " `ContainerInfo` is invalid: Invalid volume: ", volumes.error());
    }
    task.volumes = std::move(volumes).value();
  }
  task.space = info.labels.space.value_or("");
  if (task.space.empty()) task.space = "/";
  task.sources = impl::sources_of(task);
  return std::move(task);
}

}  // namespace strongroom::mesos
