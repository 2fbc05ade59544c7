// mesos.cpp: resolves Mesos' Secret messages, environments and volumes.
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "guard.hpp"
#include "messages.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

Result<std::vector<SecretBytes>> resolve_each(const strongroom_session& session,
                                              const std::vector<mesos::Volume>& volumes) {
  std::vector<const mesos::Secret*> secrets;
  secrets.reserve(volumes.size());
  for (const mesos::Volume& each : volumes) secrets.push_back(&each.secret);
  std::size_t failed = 0;
  auto values = session.caller.resolve_many(secrets, {}, &failed);
  if (values || failed == secrets.size()) return values;
  return mesos::about_secret("Volume '" + volumes[failed].container_path + "'", *secrets[failed],
                             std::move(values).error());
}

Result<mesos::ResolvedEnvironment> resolve_variables(const strongroom_session& session,
                                                     const strongroom_message& message) {
  STRONGROOM_ASSIGN(environment, decode_environment(message));
  return mesos::resolve_environment(
      std::move(environment),
      [&](std::span<const mesos::Secret* const> secrets, std::size_t& failed) {
        return session.caller.resolve_many(secrets, {}, &failed);
      });
}

Result<std::unique_ptr<strongroom_volumes>> resolve_files(const strongroom_session& session,
                                                          const strongroom_message& message) {
  STRONGROOM_ASSIGN(volumes, decode_volumes(message));
  auto values = resolve_each(session, volumes);
  STRONGROOM_TRY(values);
  auto out = std::make_unique<strongroom_volumes>();
  out->files.reserve(values->size());
  for (std::size_t i = 0; i < values->size(); ++i) {
    mesos::Volume& volume = volumes[i];
    out->files.push_back({std::move(volume.container_path),
                          volume.mode == mesos::Volume::Mode::read_only,
                          std::move(values.value()[i])});
  }
  return out;
}

}  // namespace

// ---- secrets ----

strongroom_status strongroom_resolve(strongroom_session* session, const strongroom_message* message,
                                     strongroom_secret** out,
                                     strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (message == nullptr) return was_null("message");
    STRONGROOM_ASSIGN(secret, decode(*message));
    return give<strongroom_secret>(session->caller.resolve(secret));
  });
}

strongroom_status strongroom_resolve_many(strongroom_session* session,
                                          const strongroom_message* messages, size_t num_messages,
                                          strongroom_batch** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_batch>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(secrets, decode_all(messages, num_messages));
    return batch_or_why(session->caller.resolve_many(pointers_to(secrets)));
  });
}

strongroom_status strongroom_resolve_async(strongroom_session* session,
                                           const strongroom_message* messages, size_t num_messages,
                                           strongroom_batch_done done, void* user_data,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(secrets, decode_all(messages, num_messages));
    return caller.resolve_async(pointers_to(secrets), [done, user_data](auto values) {
      call_back(done, user_data, [&] { return batch_or_why(std::move(values)); });
    });
  });
}

// ---- environments ----

strongroom_status strongroom_resolve_environment(strongroom_session* session,
                                                 const strongroom_message* message,
                                                 strongroom_environment** out,
                                                 strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_environment>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (message == nullptr) return was_null("message");
    return give<strongroom_environment>(resolve_variables(*session, *message));
  });
}

size_t strongroom_environment_size(const strongroom_environment* environment) noexcept {
  return size_of(
      environment, [](const auto& each) -> auto& { return each.resolved.variables; });
}

strongroom_status strongroom_environment_at(const strongroom_environment* environment, size_t index,
                                            strongroom_variable* out_variable,
                                            strongroom_error** out_error) noexcept {
  return item_at(
      environment, "environment", index, out_variable, strongroom_variable STRONGROOM_VARIABLE_INIT,
      out_error, [](const auto& each) -> auto& { return each.resolved.variables; },
      [](const mesos::ResolvedVariable& variable, strongroom_variable& filled) {
        filled.name = variable.name.c_str();
        filled.value = lend(variable.value.reveal(), &filled.value_len);
      });
}

void strongroom_environment_free(strongroom_environment* environment) noexcept {
  release(environment);
}

// ---- volumes ----

strongroom_status strongroom_resolve_volumes(strongroom_session* session,
                                             const strongroom_message* message,
                                             strongroom_volumes** out,
                                             strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_volumes>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (message == nullptr) return was_null("message");
    return resolve_files(*session, *message);
  });
}

size_t strongroom_volumes_size(const strongroom_volumes* volumes) noexcept {
  return size_of(
      volumes, [](const auto& each) -> auto& { return each.files; });
}

strongroom_status strongroom_volumes_at(const strongroom_volumes* volumes, size_t index,
                                        strongroom_volume* out_volume,
                                        strongroom_error** out_error) noexcept {
  return item_at(
      volumes, "volumes", index, out_volume, strongroom_volume STRONGROOM_VOLUME_INIT, out_error,
      [](const auto& each) -> auto& { return each.files; },
      [](const FileSecret& file, strongroom_volume& filled) {
        filled.path = file.path.c_str();
        filled.value = lend(file.value.reveal(), &filled.value_len);
        filled.read_only = file.read_only ? 1 : 0;
      });
}

void strongroom_volumes_free(strongroom_volumes* volumes) noexcept {
  release(volumes);
}
