// mesos.cpp: what Mesos' messages stand for.
#include <span>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "guard.hpp"
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
  auto text = bytes_of(json, len, "json");
  if (!text) return std::move(text).error();
  if (len > kDefaultMaxJsonLen)
    return Error{Code::too_large, "a JSON text had " + std::to_string(len) + " bytes, over " +
                                      std::to_string(kDefaultMaxJsonLen)};
  return SecretBytes::copy_value(text.value());
}

Result<Secret> decode(const strongroom_message& message) {
  if (message.reserved != 0) return Error{Code::invalid, "a reserved field was set"};
  auto bytes = bytes_of(message.data, message.len, "data");
  if (!bytes) return std::move(bytes).error();
  if (message.format == STRONGROOM_FORMAT_WIRE) return decode_secret(SecretView(bytes.value()));
  if (message.format != STRONGROOM_FORMAT_JSON)
    return Error{Code::invalid, "the format was neither JSON nor wire"};
  auto text = json_of(message.data, message.len);
  if (!text) return std::move(text).error();
  return secret_from_json(std::move(text).value());
}

Result<std::vector<Secret>> decode_all(const strongroom_message* messages, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1000 messages were given"};
  if (messages == nullptr && num > 0) return was_null("messages");
  std::vector<Secret> secrets;
  secrets.reserve(num);
  for (const strongroom_message& message : std::span(messages, num)) {
    auto secret = decode(message);
    if (!secret) return std::move(secret).error();
    secrets.push_back(std::move(secret).value());
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
  return session.store->resolve_many(session.who, secrets);
}

Result<std::vector<ResolvedVariable>> resolve_variables(const strongroom_session& session,
                                                        SecretBytes text) {
  auto environment = environment_from_json(std::move(text));
  if (!environment) return std::move(environment).error();
  return resolve_environment(std::move(environment).value(),
                             [&](std::span<const Secret* const> secrets) {
                               return session.store->resolve_many(session.who, secrets);
                             });
}

Result<std::unique_ptr<strongroom_volumes>> resolve_files(const strongroom_session& session,
                                                          SecretBytes text) {
  auto volumes = volumes_from_json(std::move(text));
  if (!volumes) return std::move(volumes).error();
  auto values =
      resolve_all(session, volumes.value(), [](const Volume& each) { return &each.secret; });
  if (!values) return std::move(values).error();
  auto out = std::make_unique<strongroom_volumes>();
  out->files.reserve(values->size());
  for (std::size_t i = 0; i < values->size(); ++i) {
    Volume& volume = volumes.value()[i];
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
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto secret = decode({data, len, format, 0});
    if (!secret) return std::move(secret).error();
    return give<strongroom_secret>(session->store->resolve(session->who, secret.value()));
  });
}

strongroom_status strongroom_resolve_many(strongroom_session* session,
                                          const strongroom_message* messages, size_t num_messages,
                                          strongroom_batch** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_batch>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto secrets = decode_all(messages, num_messages);
    if (!secrets) return std::move(secrets).error();
    auto values = resolve_all(*session, secrets.value(), [](const Secret& each) { return &each; });
    if (!values) return std::move(values).error();
    return batch_of(std::move(values).value());
  });
}

strongroom_status strongroom_resolve_async(strongroom_session* session,
                                           const strongroom_message* messages, size_t num_messages,
                                           strongroom_batch_done done, void* self,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    if (done == nullptr) return was_null("done");
    auto secrets = decode_all(messages, num_messages);
    if (!secrets) return std::move(secrets).error();
    std::vector<const Secret*> pointers;
    for (const Secret& each : secrets.value()) pointers.push_back(&each);
    return store.resolve_async(who, pointers, [done, self](auto values) {
      call_back(done, self, [&] { return batch_or_why(std::move(values)); });
    });
  });
}

// ---- environments ----

strongroom_status strongroom_resolve_environment(strongroom_session* session, const void* json,
                                                 size_t len, strongroom_environment** out,
                                                 strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_environment>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto text = json_of(json, len);
    if (!text) return std::move(text).error();
    return give<strongroom_environment>(resolve_variables(*session, std::move(text).value()));
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
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto text = json_of(json, len);
    if (!text) return std::move(text).error();
    return resolve_files(*session, std::move(text).value());
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
