// mesos.cpp: what Mesos' messages stand for.
#include <span>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// json_of copies a text into secret memory, where the engine decodes it in place.
Result<SecretBytes> json_of(const void* json, std::size_t len) {
  STRONGROOM_ASSIGN(text, bytes_of(json, len, "json"));
  if (len > kDefaultMaxJsonLen)
    return Error{Code::too_large, "a JSON text had " + std::to_string(len) + " bytes, over " +
                                      std::to_string(kDefaultMaxJsonLen)};
  return SecretBytes::copy_value(text);
}

Result<Secret> decode(const strongroom_message& message) {
  if (message.reserved != 0) return Error{Code::invalid, "a reserved field was set"};
  STRONGROOM_ASSIGN(bytes, bytes_of(message.data, message.len, "data"));
  if (message.format == STRONGROOM_FORMAT_WIRE) return decode_secret(SecretView(bytes));
  if (message.format != STRONGROOM_FORMAT_JSON)
    return Error{Code::invalid, "the format was neither JSON nor wire"};
  STRONGROOM_ASSIGN(text, json_of(message.data, message.len));
  return secret_from_json(std::move(text));
}

Result<std::vector<Secret>> decode_all(const strongroom_message* messages, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1000 messages were given"};
  if (messages == nullptr && num > 0) return was_null("messages");
  std::vector<Secret> secrets;
  secrets.reserve(num);
  for (const strongroom_message& message : std::span(messages, num)) {
    STRONGROOM_ASSIGN(secret, decode(message));
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

// resolve_all hands the engine pointers to the secrets that pick finds in each of things.
template <typename T, typename F>
Result<std::vector<SecretBytes>> resolve_all(const strongroom_session& session,
                                             const std::vector<T>& things, F pick) {
  std::vector<const Secret*> secrets;
  secrets.reserve(things.size());
  for (const T& each : things) secrets.push_back(pick(each));
  return session.caller.resolve_many(secrets);
}

Result<std::vector<ResolvedVariable>> resolve_variables(const strongroom_session& session,
                                                        SecretBytes text) {
  STRONGROOM_ASSIGN(environment, environment_from_json(std::move(text)));
  return resolve_environment(std::move(environment), [&](std::span<const Secret* const> secrets) {
    return session.caller.resolve_many(secrets);
  });
}

Result<std::unique_ptr<strongroom_volumes>> resolve_files(const strongroom_session& session,
                                                          SecretBytes text) {
  STRONGROOM_ASSIGN(volumes, volumes_from_json(std::move(text)));
  auto values = resolve_all(session, volumes, [](const Volume& each) { return &each.secret; });
  STRONGROOM_TRY(values);
  auto out = std::make_unique<strongroom_volumes>();
  out->files.reserve(values->size());
  for (std::size_t i = 0; i < values->size(); ++i) {
    Volume& volume = volumes[i];
    out->files.push_back({std::move(volume.container_path), volume.mode == Volume::Mode::read_only,
                          std::move(values.value()[i])});
  }
  return out;
}

// variable_of and file_of give item number index, or NULL.
const ResolvedVariable* variable_of(const strongroom_environment* environment,
                                    std::size_t index) noexcept {
  return peek(environment, static_cast<const ResolvedVariable*>(nullptr),
              [&](const strongroom_environment& each) {
                return index < each.variables.size() ? &each.variables[index] : nullptr;
              });
}
const FileSecret* file_of(const strongroom_volumes* volumes, std::size_t index) noexcept {
  return peek(volumes, static_cast<const FileSecret*>(nullptr),
              [&](const strongroom_volumes& each) {
                return index < each.files.size() ? &each.files[index] : nullptr;
              });
}

}  // namespace

// ---- secrets ----

strongroom_status strongroom_resolve(strongroom_session* session, uint32_t format, const void* data,
                                     size_t len, strongroom_secret** out,
                                     strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(secret, decode({data, len, format, 0}));
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
    auto values = resolve_all(*session, secrets, [](const Secret& each) { return &each; });
    STRONGROOM_TRY(values);
    return batch_of(std::move(values).value());
  });
}

strongroom_status strongroom_resolve_async(strongroom_session* session,
                                           const strongroom_message* messages, size_t num_messages,
                                           strongroom_batch_done done, void* self,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(secrets, decode_all(messages, num_messages));
    std::vector<const Secret*> pointers;
    for (const Secret& each : secrets) pointers.push_back(&each);
    return caller.resolve_async(pointers, [done, self](auto values) {
      call_back(done, self, [&] { return batch_or_why(std::move(values)); });
    });
  });
}

// ---- environments ----

strongroom_status strongroom_resolve_environment(strongroom_session* session, const void* json,
                                                 size_t len, strongroom_environment** out,
                                                 strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_environment>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(text, json_of(json, len));
    return give<strongroom_environment>(resolve_variables(*session, std::move(text)));
  });
}

size_t strongroom_environment_size(const strongroom_environment* environment) noexcept {
  return peek(environment, size_t{0},
              [](const strongroom_environment& each) { return each.variables.size(); });
}

const char* strongroom_environment_name(const strongroom_environment* environment,
                                        size_t index) noexcept {
  const ResolvedVariable* variable = variable_of(environment, index);
  return variable == nullptr ? nullptr : variable->name.c_str();
}

const uint8_t* strongroom_environment_value(const strongroom_environment* environment, size_t index,
                                            size_t* out_len) noexcept {
  const ResolvedVariable* variable = variable_of(environment, index);
  if (variable == nullptr) return lend({}, out_len);
  return lend(variable->value.reveal(), out_len);
}

void strongroom_environment_free(strongroom_environment* environment) noexcept {
  release(environment);
}

// ---- volumes ----

strongroom_status strongroom_resolve_volumes(strongroom_session* session, const void* json,
                                             size_t len, strongroom_volumes** out,
                                             strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_volumes>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(text, json_of(json, len));
    return resolve_files(*session, std::move(text));
  });
}

size_t strongroom_volumes_size(const strongroom_volumes* volumes) noexcept {
  return peek(volumes, size_t{0}, [](const strongroom_volumes& each) { return each.files.size(); });
}

const char* strongroom_volumes_path(const strongroom_volumes* volumes, size_t index) noexcept {
  const FileSecret* file = file_of(volumes, index);
  return file == nullptr ? nullptr : file->path.c_str();
}

int strongroom_volumes_read_only(const strongroom_volumes* volumes, size_t index) noexcept {
  const FileSecret* file = file_of(volumes, index);
  return file != nullptr && file->read_only ? 1 : 0;
}

const uint8_t* strongroom_volumes_value(const strongroom_volumes* volumes, size_t index,
                                        size_t* out_len) noexcept {
  const FileSecret* file = file_of(volumes, index);
  if (file == nullptr) return lend({}, out_len);
  return lend(file->value.reveal(), out_len);
}

void strongroom_volumes_free(strongroom_volumes* volumes) noexcept {
  release(volumes);
}
