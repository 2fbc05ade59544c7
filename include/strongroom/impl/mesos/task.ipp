// task.ipp: reading definitions, and resolving what they name; see task.hpp.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/definition.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::task {

static Result<Task> read(Definition definition, JsonValue root, std::string_view container) {
  if (!root.is(JsonKind::object)) return Error{Code::invalid, "Expecting a JSON object"};
  if (!container.empty() && definition != Definition::pod) {
    return Error{Code::invalid, "only a pod has containers to choose from"};
  }
  switch (definition) {
    case Definition::app:
      return definition::read_app(root);
    case Definition::pod:
      return definition::read_pod(root, container);
    case Definition::job:
      return definition::read_job(root);
    case Definition::task_info:
      return definition::read_task_info(root);
  }
  return Error{Code::invalid, "a definition of an unknown kind"};
}

// check_texts refuses what would be cut short where a process is started.
static Result<void> check_texts(const Task& task) {
  std::vector<std::string_view> texts = {task.id, task.space, task.user, task.image,
                                         task.command.program};
  texts.insert(texts.end(), task.command.words.begin(), task.command.words.end());
  for (const std::string_view text : texts) {
    if (text.find('\0') == std::string_view::npos) continue;
    return Error{Code::invalid, "the id, user, image or command held a null byte"};
  }
  return {};
}

// asking names what a secret of the task is for.
static std::string asking(const Task& task, const Secret& secret) {
  for (const Variable& each : task.environment.variables) {
    if (each.secret && &*each.secret == &secret) return "Environment variable '" + each.name + "'";
  }
  for (const Volume& each : task.volumes) {
    if (&each.secret == &secret) return "Volume '" + each.container_path + "'";
  }
  return "a task";
}

static bool is_base64(const Secret& secret) {
  constexpr std::string_view kPrefix = "__dcos_base64__";
  if (!secret.reference) return false;
  const std::string_view path = secret.reference->name;
  return path.substr(path.rfind('/') + 1).starts_with(kPrefix);  // npos + 1 is 0
}

static Result<SecretBytes> decoded(const Secret& secret, SecretBytes stored) {
  if (!is_base64(secret)) return stored;
  auto bytes = base64_decode(stored.view());
  if (bytes || bytes.error().code != Code::invalid) return bytes;
  return Error{Code::invalid,
               "the secret '" + secret.reference->name + "' is not base64, as its name says it is"};
}

}  // namespace detail::task

Result<Task> task_from_json(Definition definition, SecretBytes text, std::string_view container,
                            std::size_t max_len) {
  STRONGROOM_ASSIGN(json, JsonText::parse(std::move(text), max_len));
  STRONGROOM_ASSIGN(task, detail::task::read(definition, json.root(), container));
  STRONGROOM_TRY(detail::task::check_texts(task));
  STRONGROOM_TRY(validate_environment(task.environment));
  STRONGROOM_TRY(validate_container_paths(task.volumes));
  STRONGROOM_TRY(hold_values(task.environment));
  return std::move(task);
}

Error not_accessible(const Source& source) {
  return {Code::denied, source.place + "Secret " + source.path + " is not accessible"};
}

Result<ResolvedTask> resolve_task(Task task, ResolveSecrets resolve) {
  std::vector<const Secret*> secrets = secrets_of(task.environment);
  const std::size_t num_variables = secrets.size();
  for (const Volume& volume : task.volumes) secrets.push_back(&volume.secret);

  std::size_t failed = secrets.size();
  auto values = resolve(secrets, failed);
  if (!values && failed < secrets.size()) {
    return about_secret(detail::task::asking(task, *secrets[failed]), *secrets[failed],
                        std::move(values).error());
  }
  STRONGROOM_TRY(values);
  if (values->size() != secrets.size()) {
    return Error{Code::internal, "not every secret of a task was resolved"};
  }
  std::vector<SecretBytes> variables;
  ResolvedTask resolved;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    STRONGROOM_ASSIGN(value, detail::task::decoded(*secrets[i], std::move(values.value()[i])));
    (i < num_variables ? variables : resolved.files).push_back(std::move(value));
  }
  STRONGROOM_ASSIGN(environment, merge(std::move(task.environment), std::move(variables)));
  resolved.environment = std::move(environment);
  return resolved;
}

}  // namespace strongroom::mesos
