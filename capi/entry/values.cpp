// values.cpp: get, put, delete, and secrets themselves.
#include <sodium.h>

#include <cstring>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "conditions.hpp"
#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/secret.hpp"
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
  STRONGROOM_TRY(check_handle(session, "session"));
  STRONGROOM_ASSIGN(wanted, path_of(path));
  return session->caller.get(wanted, options);
}

Result<StoredSecret> read_member(const strongroom_session* session, const char* path,
                                 const char* key, ReadOptions options = {}) {
  STRONGROOM_ASSIGN(wanted, text_of(key, "key"));
  auto secret = read_secret(session, path, options);
  STRONGROOM_TRY(secret);
  STRONGROOM_ASSIGN(member, select_key(std::move(secret->value), std::string(wanted), path));
  secret->value = std::move(member);
  secret->content = Content::text;
  return secret;
}

Result<StoredSecret> read_with(const strongroom_session* session, const char* path,
                               const strongroom_get_options* given) {
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_GET_OPTIONS_INIT));
  if (read.reserved != 0) return Error{Code::invalid, "a reserved field was not 0"};
  STRONGROOM_ASSIGN(fresh, flag_of(read.fresh, "fresh"));
  const ReadOptions options{fresh};
  return read.key == nullptr ? read_secret(session, path, options)
                             : read_member(session, path, read.key, options);
}

Result<std::vector<std::string_view>> paths_of(const char* const* paths, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1000 paths were given"};
  if (paths == nullptr && num > 0) return was_null("paths");
  std::vector<std::string_view> wanted;
  wanted.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(path, path_of(paths[i]));
    wanted.push_back(path);
  }
  return wanted;
}

// Write is what a put was asked for.
struct Write {
  std::string_view path;
  Content content;
  SecretView value;
  Condition condition;
};

Result<Write> write_of(const char* path, uint32_t content, const void* data, size_t len,
                       const strongroom_put_options* options) {
  STRONGROOM_ASSIGN(wanted, path_of(path));
  if (content != STRONGROOM_CONTENT_TEXT && content != STRONGROOM_CONTENT_BINARY)
    return Error{Code::invalid, "content was neither text nor binary"};
  STRONGROOM_ASSIGN(value, bytes_of(data, len, "data"));
  STRONGROOM_ASSIGN(condition, condition_of(options));
  return Write{wanted, static_cast<Content>(content), SecretView(value), condition};
}

// keep_revision writes a revision to where the caller wants it, if anywhere.
Result<void> keep_revision(Result<Revision> revision, uint64_t* out_revision) {
  STRONGROOM_TRY(revision);
  if (out_revision != nullptr) *out_revision = revision->value();
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
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, paths_of(paths, num_paths));
    STRONGROOM_ASSIGN(secrets, session->caller.get_many(wanted));
    return batch_of(std::move(secrets));
  });
}

// ---- get without waiting ----

strongroom_status strongroom_get_async(strongroom_session* session, const char* path,
                                       strongroom_get_done done, void* self,
                                       strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(wanted, path_of(path));
    return caller.get_async(wanted, [done, self](Result<StoredSecret> secret) {
      call_back(done, self, [&] { return give<strongroom_secret>(std::move(secret)); });
    });
  });
}

strongroom_status strongroom_get_many_async(strongroom_session* session, const char* const* paths,
                                            size_t num_paths, strongroom_batch_done done,
                                            void* self, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(wanted, paths_of(paths, num_paths));
    return caller.get_many_async(wanted, [done, self](auto secrets) {
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
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(write, write_of(path, content, data, len, options));
    return keep_revision(
        session->caller.put(write.path, write.content, write.value, write.condition), out_revision);
  });
}

strongroom_status strongroom_delete(strongroom_session* session, const char* path,
                                    uint64_t revision, uint64_t* out_revision,
                                    strongroom_error** out_error) noexcept {
  if (out_revision != nullptr) *out_revision = 0;
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, path_of(path));
    const Condition condition =
        revision == 0 ? Condition::update() : Condition::at(Revision(revision));
    return keep_revision(session->caller.erase(wanted, condition), out_revision);
  });
}

// ---- secrets ----

strongroom_status strongroom_secret_new(size_t len, strongroom_secret** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_ASSIGN(room, SecretBytes::for_value(len));
    if (len > 0) std::memset(room.reveal_mutable().data(), 0, len);
    auto secret = std::make_unique<strongroom_secret>(std::move(room));
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
    STRONGROOM_TRY(check_handle(secret, "secret"));
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
  return told<uint64_t>(secret, [](const StoredSecret& stored) { return stored.revision.value(); });
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
