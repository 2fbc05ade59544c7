// secrets.cpp: get, put, delete, and secrets themselves.
#include <sodium.h>

#include <cstring>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "conditions.hpp"
#include "guard.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_CONTENT_TEXT == static_cast<int>(Content::text));
static_assert(STRONGROOM_CONTENT_BINARY == static_cast<int>(Content::binary));
static_assert(STRONGROOM_CONDITION_ANY == static_cast<int>(Condition::Kind::any));
static_assert(STRONGROOM_CONDITION_CREATE == static_cast<int>(Condition::Kind::create));
static_assert(STRONGROOM_CONDITION_UPDATE == static_cast<int>(Condition::Kind::update));
static_assert(STRONGROOM_CONDITION_REVISION == static_cast<int>(Condition::Kind::revision));

Result<StoredSecret> read_secret(const strongroom_session* session, const char* path,
                                 ReadOptions options = {}) {
  if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
  auto parsed = path_of(path);
  if (!parsed) return std::move(parsed).error();
  return session->store->get(session->who, parsed.value(), options);
}

Result<StoredSecret> read_member(const strongroom_session* session, const char* path,
                                 const char* key, ReadOptions options = {}) {
  auto wanted = text_of(key, "key");
  if (!wanted) return std::move(wanted).error();
  auto secret = read_secret(session, path, options);
  if (!secret) return secret;
  auto member = select_key(std::move(secret->value), std::string(wanted.value()), path);
  if (!member) return std::move(member).error();
  secret->value = std::move(member).value();
  secret->content = Content::text;
  return secret;
}

Result<StoredSecret> read_with(const strongroom_session* session, const char* path,
                               const strongroom_get_options* given) {
  auto read = read_struct(given, STRONGROOM_GET_OPTIONS_INIT);
  if (!read) return std::move(read).error();
  if (read->reserved != 0) return Error{Code::invalid, "a reserved field was not 0"};
  auto fresh = flag_of(read->fresh, "fresh");
  if (!fresh) return std::move(fresh).error();
  const ReadOptions options{fresh.value()};
  return read->key == nullptr ? read_secret(session, path, options)
                              : read_member(session, path, read->key, options);
}

Result<std::vector<Path>> paths_of(const char* const* paths, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1000 paths were given"};
  if (paths == nullptr && num > 0) return was_null("paths");
  std::vector<Path> parsed;
  parsed.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    auto path = path_of(paths[i]);
    if (!path) return std::move(path).error();
    parsed.push_back(std::move(path).value());
  }
  return parsed;
}

// Write is what a put was asked for.
struct Write {
  Path path;
  Content content;
  SecretView value;
  Condition condition;
};

Result<Write> write_of(const char* path, uint32_t content, const void* data, size_t len,
                       const strongroom_put_options* options) {
  auto parsed = path_of(path);
  if (!parsed) return std::move(parsed).error();
  if (content != STRONGROOM_CONTENT_TEXT && content != STRONGROOM_CONTENT_BINARY)
    return Error{Code::invalid, "content was neither text nor binary"};
  auto value = bytes_of(data, len, "data");
  if (!value) return std::move(value).error();
  auto condition = condition_of(options);
  if (!condition) return std::move(condition).error();
  return Write{std::move(parsed).value(), static_cast<Content>(content), SecretView(value.value()),
               condition.value()};
}

// keep_revision writes a revision to where the caller wants it, if anywhere.
Result<void> keep_revision(Result<Revision> revision, uint64_t* out_revision) {
  if (!revision) return std::move(revision).error();
  if (out_revision != nullptr) *out_revision = revision.value();
  return {};
}

// readable gives the bytes; none where a fork took them away, as it does with shares and keys.
SecretView readable(const StoredSecret& stored) noexcept {
  return stored.value.intact() ? stored.value.view() : SecretView();
}

template <typename R, typename F>
R told(const strongroom_secret* secret, F field) noexcept {
  return peek(secret, R{},
              [&](const strongroom_secret& each) { return static_cast<R>(field(each.stored)); });
}

}  // namespace

// ---- get ----

strongroom_status strongroom_get(strongroom_session* session, const char* path,
                                 strongroom_secret** out, strongroom_error** out_error) noexcept {
  return deliver(out, out_error,
                 [&] { return give<strongroom_secret>(read_secret(session, path)); });
}

strongroom_status strongroom_get_with(strongroom_session* session, const char* path,
                                      const strongroom_get_options* options,
                                      strongroom_secret** out,
                                      strongroom_error** out_error) noexcept {
  return deliver(out, out_error,
                 [&] { return give<strongroom_secret>(read_with(session, path, options)); });
}

strongroom_status strongroom_get_member(strongroom_session* session, const char* path,
                                        const char* key, strongroom_secret** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error,
                 [&] { return give<strongroom_secret>(read_member(session, path, key)); });
}

strongroom_status strongroom_get_many(strongroom_session* session, const char* const* paths,
                                      size_t num_paths, strongroom_batch** out,
                                      strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_batch>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto parsed = paths_of(paths, num_paths);
    if (!parsed) return std::move(parsed).error();
    auto secrets = session->store->get_many(session->who, parsed.value());
    if (!secrets) return std::move(secrets).error();
    return batch_of(std::move(secrets).value());
  });
}

// ---- get without waiting ----

strongroom_status strongroom_get_async(strongroom_session* session, const char* path,
                                       strongroom_get_done done, void* self,
                                       strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    if (done == nullptr) return was_null("done");
    auto parsed = path_of(path);
    if (!parsed) return std::move(parsed).error();
    return store.get_async(who, parsed.value(), [done, self](Result<StoredSecret> secret) {
      call_back(done, self, [&] { return give<strongroom_secret>(std::move(secret)); });
    });
  });
}

strongroom_status strongroom_get_many_async(strongroom_session* session, const char* const* paths,
                                            size_t num_paths, strongroom_batch_done done,
                                            void* self, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    if (done == nullptr) return was_null("done");
    auto parsed = paths_of(paths, num_paths);
    if (!parsed) return std::move(parsed).error();
    return store.get_many_async(who, std::move(parsed).value(), [done, self](auto secrets) {
      call_back(done, self, [&] { return batch_or_why(std::move(secrets)); });
    });
  });
}

// ---- put and delete ----

strongroom_status strongroom_put(strongroom_session* session, const char* path, uint32_t content,
                                 const void* data, size_t len,
                                 const strongroom_put_options* options, uint64_t* out_revision,
                                 strongroom_error** out_error) noexcept {
  if (out_revision != nullptr) *out_revision = 0;
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    auto write = write_of(path, content, data, len, options);
    if (!write) return std::move(write).error();
    return keep_revision(session->store->put(session->who, write->path, write->content,
                                             write->value, write->condition),
                         out_revision);
  });
}

strongroom_status strongroom_delete(strongroom_session* session, const char* path,
                                    uint64_t revision, uint64_t* out_revision,
                                    strongroom_error** out_error) noexcept {
  if (out_revision != nullptr) *out_revision = 0;
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    auto parsed = path_of(path);
    if (!parsed) return std::move(parsed).error();
    const Condition condition = revision == 0 ? Condition::update() : Condition::at(revision);
    return keep_revision(session->store->erase(session->who, parsed.value(), condition),
                         out_revision);
  });
}

// ---- secrets ----

strongroom_status strongroom_secret_new(size_t len, strongroom_secret** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    auto room = SecretBytes::for_value(len);
    if (!room) return std::move(room).error();
    if (len > 0) std::memset(room->reveal_mutable().data(), 0, len);
    auto secret = std::make_unique<strongroom_secret>(std::move(room).value());
    secret->writable = true;
    return secret;
  });
}

uint8_t* strongroom_secret_writable(strongroom_secret* secret) noexcept {
  if (!strongroom_secret::is(secret) || !secret->writable) return nullptr;
  return secret->stored.value.reveal_mutable().data();
}

strongroom_status strongroom_secret_truncate(strongroom_secret* secret, size_t len,
                                             strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(secret, "secret"); !good) return good;
    SecretBytes& value = secret->stored.value;
    if (!secret->writable || len > value.size())
      return Error{Code::invalid, "a secret can not be made longer, nor one that was read shorter"};
    const auto rest = value.reveal_mutable().subspan(len);
    if (!rest.empty()) sodium_memzero(rest.data(), rest.size());
    value.keep(0, len);
    return {};
  });
}

const uint8_t* strongroom_secret_data(const strongroom_secret* secret) noexcept {
  return told<const uint8_t*>(
      secret, [](const StoredSecret& stored) { return readable(stored).reveal().data(); });
}

size_t strongroom_secret_size(const strongroom_secret* secret) noexcept {
  return told<size_t>(secret, [](const StoredSecret& stored) { return readable(stored).size(); });
}

uint32_t strongroom_secret_content(const strongroom_secret* secret) noexcept {
  return told<uint32_t>(secret, [](const StoredSecret& stored) { return stored.content; });
}

uint64_t strongroom_secret_revision(const strongroom_secret* secret) noexcept {
  return told<uint64_t>(secret, [](const StoredSecret& stored) { return stored.revision; });
}

uint64_t strongroom_secret_created_ms(const strongroom_secret* secret) noexcept {
  return told<uint64_t>(secret, [](const StoredSecret& stored) { return stored.created_ms; });
}

uint64_t strongroom_secret_changed_ms(const strongroom_secret* secret) noexcept {
  return told<uint64_t>(secret, [](const StoredSecret& stored) { return stored.changed_ms; });
}

uint64_t strongroom_secret_stale_ms(const strongroom_secret* secret) noexcept {
  return told<uint64_t>(secret, [](const StoredSecret& stored) { return stored.stale_ms; });
}

void strongroom_secret_free(strongroom_secret* secret) noexcept {
  release(secret);
}
