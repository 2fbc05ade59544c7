// tasks.cpp: definitions of tasks, and what they see.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "guard.hpp"
#include "messages.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/docker_config.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/session.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

Result<mesos::Definition> definition_of(std::uint32_t number) {
  if (number >= STRONGROOM_DEFINITION_APP && number <= STRONGROOM_DEFINITION_TASK_INFO) {
    return static_cast<mesos::Definition>(number);
  }
  return Error{Code::invalid, "definition must be one of strongroom_definition"};
}

Result<std::unique_ptr<strongroom_task>> read(std::uint32_t number, const void* json,
                                              std::size_t len, const char* container) {
  STRONGROOM_ASSIGN(definition, definition_of(number));
  STRONGROOM_ASSIGN(text, json_of(json, len));
  STRONGROOM_ASSIGN(kept, SecretBytes::copy_value(text.reveal()));
  const std::string wanted = container == nullptr ? "" : container;
  STRONGROOM_ASSIGN(task, mesos::task_from_json(definition, std::move(text), wanted));
  return std::make_unique<strongroom_task>(definition, std::move(kept), wanted, std::move(task));
}

const char* text_or_null(const std::string& text) noexcept {
  return text.empty() ? nullptr : text.c_str();
}

// denied_to says in Marathon's words that the service may not have the secret of that path.
Error denied_to(const mesos::Task& task, const std::string& path) {
  for (const mesos::Source& each : task.sources) {
    if (each.path == path) return mesos::not_accessible(each);
  }
  return mesos::not_accessible({path, ""});
}

// check_unused refuses a task that may not have a secret that it declares and does not use, as Marathon's
// plugin does. What it uses is decided when it is read.
Result<void> check_unused(const Session& caller, const mesos::Task& task,
                          std::span<const mesos::Secret* const> used) {
  std::set<std::string_view> decided;
  for (const mesos::Secret* each : used) {
    if (each->reference) decided.insert(each->reference->name);
  }
  const bool is_service = caller.identity().kind() == Identity::Kind::service;
  for (const mesos::Source& each : task.sources) {
    if (!decided.insert(each.path).second) continue;
    if (decided.size() > kMaxBatch) {
      return Error{Code::too_large, "more than 1,000 secrets were declared"};
    }
    const auto may = caller.check(is_service ? Action::resolve : Action::read, each.path);
    if (may) continue;
    if (may.error().code == Code::denied) return mesos::not_accessible(each);
    return Error{may.error().code, each.place + may.error().message};
  }
  return {};
}

Result<mesos::ResolvedTask> resolve(const Session& caller, const strongroom_task& handle) {
  STRONGROOM_ASSIGN(text, SecretBytes::copy_value(handle.text.reveal()));
  STRONGROOM_ASSIGN(task,
                    mesos::task_from_json(handle.definition, std::move(text), handle.container));
  std::optional<Error> denied;
  auto resolved =
      mesos::resolve_task(std::move(task),
                          [&](std::span<const mesos::Secret* const> secrets,
                              std::size_t& failed) -> Result<std::vector<SecretBytes>> {
                            auto values = caller.resolve_many(secrets, {}, &failed);
                            if (!values && values.error().code == Code::denied &&
                                failed < secrets.size() && secrets[failed]->reference) {
                              denied = denied_to(handle.task, secrets[failed]->reference->name);
                            }
                            STRONGROOM_TRY(values);
                            STRONGROOM_TRY(check_unused(caller, handle.task, secrets));
                            return values;
                          });
  if (denied) return *denied;
  return resolved;
}

std::unique_ptr<strongroom_volumes> files_of(const std::vector<mesos::Volume>& volumes,
                                             std::vector<SecretBytes> values) {
  auto out = std::make_unique<strongroom_volumes>();
  out->files.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out->files.push_back({volumes[i].container_path,
                          volumes[i].mode == mesos::Volume::Mode::read_only, std::move(values[i])});
  }
  return out;
}

}  // namespace

strongroom_status strongroom_task_read(uint32_t definition, const void* json, size_t len,
                                       const char* container, strongroom_task** out,
                                       strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&] { return read(definition, json, len, container); });
}

strongroom_status strongroom_task_describe(const strongroom_task* task,
                                           strongroom_task_description* out_description,
                                           strongroom_error** out_error) noexcept {
  return describe(
      task, "task", out_description, strongroom_task_description STRONGROOM_TASK_DESCRIPTION_INIT,
      out_error, [](const strongroom_task& each) -> Result<strongroom_task_description> {
        const mesos::Task& read = each.task;
        strongroom_task_description filled = STRONGROOM_TASK_DESCRIPTION_INIT;
        filled.id = read.id.c_str();
        filled.space = read.space.c_str();
        filled.user = text_or_null(read.user);
        filled.image = text_or_null(read.image);
        filled.program = text_or_null(read.command.program);
        filled.words = each.words.data();
        filled.num_words = read.command.words.size();
        filled.command = static_cast<std::uint32_t>(read.command.kind);
        filled.has_pull_config = read.pull_config ? 1 : 0;
        filled.num_variables = static_cast<std::uint32_t>(read.environment.variables.size());
        filled.num_volumes = static_cast<std::uint32_t>(read.volumes.size());
        return filled;
      });
}

strongroom_status strongroom_task_resolve(strongroom_session* session, const strongroom_task* task,
                                          strongroom_environment** out_environment,
                                          strongroom_volumes** out_volumes,
                                          strongroom_error** out_error) noexcept {
  give_number(out_volumes, static_cast<strongroom_volumes*>(nullptr));
  return deliver(out_environment, out_error,
                 [&]() -> Result<std::unique_ptr<strongroom_environment>> {
                   STRONGROOM_TRY(check_handle(session, "session"));
                   STRONGROOM_TRY(check_type(task, "task"));
                   if (out_volumes == nullptr) return was_null("out_volumes");
                   STRONGROOM_ASSIGN(resolved, resolve(session->caller, *task));
                   auto files = files_of(task->task.volumes, std::move(resolved.files));
                   auto environment =
                       std::make_unique<strongroom_environment>(std::move(resolved.environment));
                   *out_volumes = files.release();
                   return environment;
                 });
}

strongroom_status strongroom_task_authorization(strongroom_session* session,
                                                const strongroom_task* task,
                                                const char* default_registry,
                                                strongroom_secret** out,
                                                strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_TRY(check_type(task, "task"));
    const mesos::Task& wanted = task->task;
    if (wanted.image.empty() || !wanted.pull_config) {
      return Error{Code::not_found, "the task has no image, or no pullConfig for it"};
    }
    const std::string_view otherwise =
        default_registry == nullptr ? mesos::kDefaultRegistry : default_registry;
    STRONGROOM_ASSIGN(registry, mesos::registry_of(wanted.image, otherwise));
    auto config = session->caller.resolve(*wanted.pull_config);
    if (!config && config.error().code == Code::denied && wanted.pull_config->reference) {
      return denied_to(wanted, wanted.pull_config->reference->name);
    }
    STRONGROOM_TRY(config);
    return give<strongroom_secret>(
        mesos::docker_authorization(std::move(config).value(), registry));
  });
}

void strongroom_task_free(strongroom_task* task) noexcept {
  release(task);
}
