// values.cpp: get, put and delete, and the handles of secrets and batches.
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "callbacks.hpp"
#include "guard.hpp"
#include "options.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
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

// A secret of 1 MiB has up to 6 MiB in JSON, where each of its characters is escaped.
constexpr std::size_t kMaxSecretJsonLen = std::size_t{16} << 20;

static_assert(STRONGROOM_JSON_NULL == static_cast<int>(JsonKind::null));
static_assert(STRONGROOM_JSON_BOOLEAN == static_cast<int>(JsonKind::boolean));
static_assert(STRONGROOM_JSON_NUMBER == static_cast<int>(JsonKind::number));
static_assert(STRONGROOM_JSON_STRING == static_cast<int>(JsonKind::string));
static_assert(STRONGROOM_JSON_ARRAY == static_cast<int>(JsonKind::array));
static_assert(STRONGROOM_JSON_OBJECT == static_cast<int>(JsonKind::object));

// unescape returns one token of a JSON pointer: ~1 stands for '/', ~0 for '~'.
Result<std::string> unescape(std::string_view token) {
  std::string name;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      name += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1'))
      return Error{Code::invalid, "in a JSON pointer, '~' is written as ~0"};
    name += token[i] == '0' ? '~' : '/';
  }
  return name;
}

// element returns an element of an array, by its number in decimal digits without zeros before it.
std::optional<JsonValue> element(JsonValue array, std::string_view digits) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool padded = digits.size() > 1 && digits.front() == '0';
  if (error != std::errc() || end != digits.data() + digits.size() || padded) return std::nullopt;
  for (const JsonValue each : array.elements()) {
    if (index-- == 0) return each;
  }
  return std::nullopt;
}

// find_value follows a JSON pointer (RFC 6901).
Result<JsonValue> find_value(JsonValue value, std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/')
    return Error{Code::invalid, "a JSON pointer begins with '/'"};
  std::string_view rest = pointer;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    STRONGROOM_ASSIGN(name, unescape(rest.substr(0, rest.find('/'))));
    rest.remove_prefix(std::min(rest.size(), rest.find('/')));
    const auto next = value.is(JsonKind::array) ? element(value, name) : value.member(name);
    if (!next) return Error{Code::not_found, "there is no '" + std::string(pointer) + "'"};
    value = *next;
  }
  return value;
}

// spelling_of returns what is shown of a value.
std::string_view spelling_of(JsonValue value) {
  if (value.is(JsonKind::boolean)) return value.is_true() ? "true" : "false";
  if (value.is(JsonKind::null)) return "null";
  return value.text().reveal_text();
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Result<std::vector<std::string_view>> paths_of(const char* const* paths, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1,000 paths were given"};
  if (paths == nullptr && num > 0) return was_null("paths");
  std::vector<std::string_view> wanted;
  wanted.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(path, path_of(paths[i]));
    wanted.push_back(path);
  }
  return wanted;
}

// keep_revision stores a revision in out_revision, unless that is NULL.
Result<void> keep_revision(Result<Revision> revision, uint64_t* out_revision) {
  STRONGROOM_TRY(revision);
  if (out_revision != nullptr) *out_revision = revision->value();
  return {};
}

// readable returns the bytes. It returns none if a fork took them away, as it does with shares and
// keys.
SecretView readable(const StoredSecret& stored) noexcept {
  return stored.value.intact() ? stored.value.view() : SecretView();
}

}  // namespace

// ---- get ----

strongroom_status strongroom_get(strongroom_session* session, const char* path,
                                 const strongroom_get_options* options, strongroom_secret** out,
                                 strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(read, get_options_of(options));
    return give<strongroom_secret>(session->caller.get(wanted, read));
  });
}

strongroom_status strongroom_get_many(strongroom_session* session, const char* const* paths,
                                      size_t num_paths, const strongroom_get_options* options,
                                      strongroom_batch** out,
                                      strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_batch>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(wanted, paths_of(paths, num_paths));
    STRONGROOM_ASSIGN(read, many_options_of(options));
    return batch_or_why(session->caller.get_many(wanted, read));
  });
}

// ---- get without waiting ----

strongroom_status strongroom_get_async(strongroom_session* session, const char* path,
                                       const strongroom_get_options* options,
                                       strongroom_get_done done, void* user_data,
                                       strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(read, get_options_of(options));
    const auto pass_on = [done, user_data](Result<StoredSecret> secret) {
      call_back(done, user_data, [&] { return give<strongroom_secret>(std::move(secret)); });
    };
    return caller.get_async(wanted, pass_on, read);
  });
}

strongroom_status strongroom_get_many_async(strongroom_session* session, const char* const* paths,
                                            size_t num_paths, const strongroom_get_options* options,
                                            strongroom_batch_done done, void* user_data,
                                            strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (done == nullptr) return was_null("done");
    STRONGROOM_ASSIGN(wanted, paths_of(paths, num_paths));
    STRONGROOM_ASSIGN(read, many_options_of(options));
    const auto pass_on = [done, user_data](auto secrets) {
      call_back(done, user_data, [&] { return batch_or_why(std::move(secrets)); });
    };
    return caller.get_many_async(wanted, pass_on, read);
  });
}

// ---- put and delete ----

strongroom_status strongroom_put(strongroom_session* session, const char* path, uint32_t content,
                                 const void* data, size_t len,
                                 const strongroom_put_options* options, uint64_t* out_revision,
                                 strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, path_of(path));
    if (content != STRONGROOM_CONTENT_TEXT && content != STRONGROOM_CONTENT_BINARY)
      return Error{Code::invalid,
                   "content must be STRONGROOM_CONTENT_TEXT or STRONGROOM_CONTENT_BINARY"};
    STRONGROOM_ASSIGN(value, secret_of(data, len, "data"));
    STRONGROOM_ASSIGN(write, put_options_of(options));
    return keep_revision(caller.put(wanted, static_cast<Content>(content), value, write),
                         out_revision);
  });
}

strongroom_status strongroom_delete(strongroom_session* session, const char* path,
                                    const strongroom_delete_options* options,
                                    uint64_t* out_revision, strongroom_error** out_error) noexcept {
  give_number(out_revision, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(wanted, path_of(path));
    STRONGROOM_ASSIGN(deletion, delete_options_of(options));
    return keep_revision(caller.erase(wanted, deletion), out_revision);
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
      return Error{Code::invalid,
                   "only a secret of strongroom_secret_new can be truncated, and it cannot grow"};
    const auto rest = value.reveal_mutable().subspan(len);
    if (!rest.empty()) sodium_memzero(rest.data(), rest.size());
    value.keep(0, len);
    return {};
  });
}

strongroom_status strongroom_json_value(const void* json, size_t len, const char* pointer,
                                        uint32_t* out_kind, strongroom_secret** out,
                                        strongroom_error** out_error) noexcept {
  give_number(out_kind, uint32_t{0});
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_ASSIGN(wanted, text_of(pointer, "pointer"));
    STRONGROOM_ASSIGN(text, bytes_of(json, len, "json"));
    if (len > kMaxSecretJsonLen)
      return Error{Code::too_large, "the JSON text has more than 16 MiB"};
    STRONGROOM_ASSIGN(owned, SecretBytes::copy_value(text));
    STRONGROOM_ASSIGN(parsed, JsonText::parse(std::move(owned), kMaxSecretJsonLen));
    STRONGROOM_ASSIGN(found, find_value(parsed.root(), wanted));
    STRONGROOM_ASSIGN(value, SecretBytes::copy_value(as_bytes(spelling_of(found))));
    auto secret = std::make_unique<strongroom_secret>(std::move(value));
    give_number(out_kind, static_cast<uint32_t>(found.kind()));
    return secret;
  });
}

const uint8_t* strongroom_secret_data(const strongroom_secret* secret) noexcept {
  return peek(secret, static_cast<const uint8_t*>(nullptr),
              [](const strongroom_secret& each) { return readable(each.stored).reveal().data(); });
}

size_t strongroom_secret_size(const strongroom_secret* secret) noexcept {
  return peek(secret, size_t{0},
              [](const strongroom_secret& each) { return readable(each.stored).size(); });
}

strongroom_status strongroom_secret_copy_out(const strongroom_secret* secret, void* buffer,
                                             size_t capacity, size_t* out_len,
                                             strongroom_error** out_error) noexcept {
  give_number(out_len, size_t{0});
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_type(secret, "secret"));
    const SecretView value = readable(secret->stored);
    if (buffer == nullptr && capacity > 0) return was_null("buffer");
    if (value.size() > capacity)
      return Error{Code::too_large, "the buffer has room for " + std::to_string(capacity) +
                                        " bytes; the secret has " + std::to_string(value.size())};
    if (value.size() > 0) std::memcpy(buffer, value.reveal().data(), value.size());
    give_number(out_len, value.size());
    return {};
  });
}

strongroom_status strongroom_secret_describe(const strongroom_secret* secret,
                                             strongroom_secret_info* out_info,
                                             strongroom_error** out_error) noexcept {
  return describe(secret, "secret", out_info, strongroom_secret_info STRONGROOM_SECRET_INFO_INIT,
                  out_error, [](const strongroom_secret& each) -> Result<strongroom_secret_info> {
                    const StoredSecret& stored = each.stored;
                    strongroom_secret_info info = STRONGROOM_SECRET_INFO_INIT;
                    info.revision = stored.revision.value();
                    info.created_ms = stored.created_ms;
                    info.changed_ms = stored.changed_ms;
                    info.stale_ms = stored.stale_ms;
                    info.content = static_cast<uint32_t>(stored.content);
                    return info;
                  });
}

void strongroom_secret_free(strongroom_secret* secret) noexcept {
  release(secret);
}

// ---- batches ----

size_t strongroom_batch_size(const strongroom_batch* batch) noexcept {
  return size_of(
      batch, [](const auto& each) -> auto& { return each.items; });
}

strongroom_status strongroom_batch_at(const strongroom_batch* batch, size_t index,
                                      strongroom_batch_item* out_item,
                                      strongroom_error** out_error) noexcept {
  return item_at(
      batch, "batch", index, out_item, strongroom_batch_item STRONGROOM_BATCH_ITEM_INIT, out_error,
      [](const auto& each) -> auto& { return each.items; },
      [](const strongroom_batch::Item& item, strongroom_batch_item& filled) {
        filled.secret = item.status == STRONGROOM_OK ? &item.secret : nullptr;
        filled.message = item.message.c_str();
        filled.status = item.status;
      });
}

void strongroom_batch_free(strongroom_batch* batch) noexcept {
  release(batch);
}
