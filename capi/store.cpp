// store.cpp: memory, stores, sessions, and the life of a store.
#include "strongroom/store.hpp"

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "open.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/secret_arena.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxIdentityLen = 4096;
constexpr std::size_t kMaxCredentials = 512;  // each takes guarded pages

static_assert(STRONGROOM_SLOT_SHARES == static_cast<int>(SlotKind::shares));
static_assert(STRONGROOM_SLOT_KEY == static_cast<int>(SlotKind::key));

// identity_text takes what may stand in a message and be compared.
Result<std::string> identity_text(const char* text, const char* name) {
  if (text == nullptr) return was_null(name);
  const std::size_t len = ::strnlen(text, kMaxIdentityLen + 1);
  const std::string_view view(text, len);
  const bool control =
      std::any_of(view.begin(), view.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (len > kMaxIdentityLen || control || !well_formed_utf8(view)) {
    return Error{
        Code::invalid,
        std::string(name) + " must be UTF-8 of up to 4,096 bytes without control characters"};
  }
  return std::string(view);
}

Result<std::string> identity_id(const char* id) {
  auto text = identity_text(id, "id");
  if (text && text->empty()) return Error{Code::invalid, "id was empty"};
  return text;
}

Result<InitOptions> init_options(const strongroom_init_options* given) {
  if (given == nullptr) return was_null("options");
  auto read = read_struct(given, STRONGROOM_INIT_OPTIONS_INIT);
  if (!read) return std::move(read).error();
  if (read->key_file > 1) return Error{Code::invalid, "key_file was neither 0 nor 1"};
  InitOptions options;
  options.shares = read->shares;
  options.threshold = read->threshold;
  options.key_file = read->key_file == 1;
  if (read->max_secret_len != 0) options.max_secret_len = read->max_secret_len;
  return options;
}

Result<std::vector<Credential>> parse_credentials(const strongroom_bytes* texts, std::size_t num) {
  if (texts == nullptr || num == 0) return Error{Code::invalid, "no credential was given"};
  if (num > kMaxCredentials) return Error{Code::invalid, "more than 512 credentials were given"};
  std::vector<Credential> credentials;
  credentials.reserve(num);
  for (std::size_t i = 0; i < num; ++i) {
    auto text = bytes_of(texts[i].data, texts[i].len, "a credential");
    if (!text) return std::move(text).error();
    auto credential = Credential::parse(SecretView(text.value()));
    if (!credential) return std::move(credential).error();
    credentials.push_back(std::move(credential).value());
  }
  return credentials;
}

template <typename F>
strongroom_status open_session(strongroom_store* store, strongroom_session** out,
                               strongroom_error** out_error, F identity) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_session>> {
    if (auto good = check_handle(store, "store"); !good) return std::move(good).error();
    Result<Identity> who = identity();
    if (!who) return std::move(who).error();
    return std::make_unique<strongroom_session>(*store, std::move(who).value());
  });
}

}  // namespace

namespace strongroom::capi {

Result<StoreOptions> store_options(const strongroom_store_options* given) {
  auto read = read_struct(given, STRONGROOM_STORE_OPTIONS_INIT);
  if (!read) return std::move(read).error();
  if (read->must_exist > 1) return Error{Code::invalid, "must_exist was neither 0 nor 1"};
  StoreOptions options;
  options.must_exist = read->must_exist == 1;
  if (read->timeout_ms != 0) options.timeout = std::chrono::milliseconds(read->timeout_ms);
  return options;
}

}  // namespace strongroom::capi

// ---- memory ----

strongroom_status strongroom_memory_set_budget(size_t budget_bytes) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    SecretArena::instance().set_budget(budget_bytes);
    return {};
  });
}

strongroom_status strongroom_memory_allow_unlocked(int allowed) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    if (allowed != 0 && allowed != 1) return Error{Code::invalid, "neither 0 nor 1"};
    SecretArena::instance().allow_unlocked(allowed == 1);
    return {};
  });
}

strongroom_status strongroom_memory_stats(strongroom_memory_info* out_info) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    const SecretArena::Stats stats = SecretArena::instance().stats();
    strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
    info.budget_bytes = stats.budget_bytes;
    info.reserved_bytes = stats.reserved_bytes;
    info.unlocked_allowed = stats.unlocked_allowed ? 1 : 0;
    return write_struct(out_info, info);
  });
}

// ---- stores ----

strongroom_status strongroom_store_open(const char* url, const strongroom_store_options* options,
                                        strongroom_store** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_store>> {
    auto name = text_of(url, "url");
    if (!name) return std::move(name).error();
    auto wanted = store_options(options);
    if (!wanted) return std::move(wanted).error();
    return give<strongroom_store>(Store::open(name.value(), std::move(wanted).value()));
  });
}

void strongroom_store_free(strongroom_store* store) noexcept {
  release(store);
}

strongroom_status strongroom_close(strongroom_store* store, strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(store, "store"); !good) return good;
    store->store->close();
    return {};
  });
}

// ---- sessions ----

strongroom_status strongroom_session_trusted(strongroom_store* store, strongroom_session** out,
                                             strongroom_error** out_error) noexcept {
  return open_session(store, out, out_error,
                      []() -> Result<Identity> { return Identity::trusted(); });
}

strongroom_status strongroom_session_user(strongroom_store* store, const char* id,
                                          strongroom_session** out,
                                          strongroom_error** out_error) noexcept {
  return open_session(store, out, out_error, [&]() -> Result<Identity> {
    auto name = identity_id(id);
    if (!name) return std::move(name).error();
    return Identity::user(std::move(name).value());
  });
}

strongroom_status strongroom_session_service(strongroom_store* store, const char* id,
                                             const char* space, strongroom_session** out,
                                             strongroom_error** out_error) noexcept {
  return open_session(store, out, out_error, [&]() -> Result<Identity> {
    auto name = identity_id(id);
    if (!name) return std::move(name).error();
    auto own_path = identity_text(space, "space");
    if (!own_path) return std::move(own_path).error();
    return Identity::service(std::move(name).value(), std::move(own_path).value());
  });
}

void strongroom_session_free(strongroom_session* session) noexcept {
  release(session);
}

// ---- init ----

strongroom_status strongroom_init_prepare(strongroom_session* session,
                                          const strongroom_init_options* options,
                                          strongroom_pending** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_pending>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    auto wanted = init_options(options);
    if (!wanted) return std::move(wanted).error();
    return give<strongroom_pending>(session->store->init(session->who, wanted.value()));
  });
}

const char* strongroom_pending_store_id(const strongroom_pending* pending) noexcept {
  return peek(pending, static_cast<const char*>(nullptr),
              [](const strongroom_pending& each) { return each.id.c_str(); });
}

size_t strongroom_pending_num_shares(const strongroom_pending* pending) noexcept {
  return peek(pending, size_t{0},
              [](const strongroom_pending& each) { return each.init.shares.size(); });
}

const uint8_t* strongroom_pending_share(const strongroom_pending* pending, size_t index,
                                        size_t* out_len) noexcept {
  lend({}, out_len);
  return peek(pending, static_cast<const uint8_t*>(nullptr), [&](const strongroom_pending& each) {
    const bool there = index < each.init.shares.size() && each.guard.same_process();
    return there ? lend(each.init.shares[index].reveal(), out_len) : nullptr;
  });
}

const uint8_t* strongroom_pending_key_file(const strongroom_pending* pending,
                                           size_t* out_len) noexcept {
  lend({}, out_len);
  return peek(pending, static_cast<const uint8_t*>(nullptr), [&](const strongroom_pending& each) {
    return each.guard.same_process() ? lend(each.init.key_file.reveal(), out_len) : nullptr;
  });
}

void strongroom_pending_free(strongroom_pending* pending) noexcept {
  release(pending);
}

strongroom_status strongroom_init_activate(strongroom_session* session,
                                           const strongroom_pending* pending,
                                           strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    if (auto good = check_handle(pending, "pending"); !good) return good;
    return session->store->activate(session->who, pending->init);
  });
}

// ---- unseal, seal, rotate ----

strongroom_status strongroom_unseal(strongroom_session* session,
                                    const strongroom_bytes* credentials, size_t num_credentials,
                                    uint32_t flags, strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    if ((flags & ~STRONGROOM_UNSEAL_LIFT_LOCK) != 0)
      return Error{Code::invalid, "an unknown flag was set"};
    auto parsed = parse_credentials(credentials, num_credentials);
    if (!parsed) return std::move(parsed).error();
    return session->store->unseal(session->who, parsed.value(),
                                  (flags & STRONGROOM_UNSEAL_LIFT_LOCK) != 0);
  });
}

strongroom_status strongroom_seal(strongroom_session* session,
                                  strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    return session->store->seal(session->who);
  });
}

strongroom_status strongroom_rotate(strongroom_session* session,
                                    strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (auto good = check_handle(session, "session"); !good) return good;
    return session->store->rotate(session->who);
  });
}
