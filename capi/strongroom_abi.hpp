// strongroom_abi.hpp: owning C++17 types over strongroom.h, header-only.
//
//   strongroom_abi::Store store("lmdb:/var/lib/app/secrets");
//   strongroom_abi::Session session = store.trusted();
//   session.unseal({key_file_text});
//   strongroom_abi::Secret secret = session.get("my/secret");
//   use(secret.reveal());
//
// It is compiled into the caller and adds nothing to the library: what crosses is the C ABI. A
// function that fails throws strongroom_abi::Error. Objects are move-only, free themselves, and
// everything the C header says of threads, forks and borrowed bytes holds. A std::string_view of
// secret bytes is a borrowed look into locked memory: do not copy it into a std::string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom.h"

namespace strongroom_abi {

// Error is what a function throws: status() for the program, what() for the operator.
class Error : public std::exception {
 public:
  // Error takes over error, which may be null.
  Error(strongroom_status status, strongroom_error* error)
      : status_(status), error_(error, &strongroom_error_free) {}

  strongroom_status status() const noexcept { return status_; }
  const char* what() const noexcept override {
    return error_ != nullptr ? strongroom_error_message(error_.get())
                             : strongroom_status_name(status_);
  }

 private:
  strongroom_status status_;
  std::shared_ptr<strongroom_error> error_;  // shared, since exceptions are copied
};

namespace detail {

// Call collects the error of one C call: `Call call; call.check(strongroom_x(..., call));`
class Call {
 public:
  operator strongroom_error**() noexcept { return &error_; }  // NOLINT: implicit by purpose
  void check(strongroom_status status) {
    if (status != STRONGROOM_OK) throw Error(status, std::exchange(error_, nullptr));
  }

 private:
  strongroom_error* error_ = nullptr;
};

// Handle frees a C handle.
template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* handle) const noexcept { Free(handle); }
};
template <typename T, void (*Free)(T*)>
using Handle = std::unique_ptr<T, Deleter<T, Free>>;

// text refuses what a C string would cut short: "a\0b" is not "a".
inline const char* text(const std::string& text) {
  if (text.find('\0') != std::string::npos) throw Error(STRONGROOM_INVALID, nullptr);
  return text.c_str();
}

inline std::string_view view(const std::uint8_t* bytes, std::size_t len) noexcept {
  return len == 0 ? std::string_view()
                  : std::string_view(reinterpret_cast<const char*>(bytes), len);
}

}  // namespace detail

// SecretRef is a borrowed secret: of a Secret or of a Batch.
class SecretRef {
 public:
  explicit SecretRef(const strongroom_secret* secret) noexcept : secret_(secret) {}

  std::size_t size() const noexcept { return strongroom_secret_size(secret_); }
  std::string_view reveal() const noexcept {
    return detail::view(strongroom_secret_data(secret_), size());
  }
  bool is_text() const noexcept {
    return strongroom_secret_content(secret_) == STRONGROOM_CONTENT_TEXT;
  }
  std::uint64_t revision() const noexcept { return strongroom_secret_revision(secret_); }
  std::uint64_t created_ms() const noexcept { return strongroom_secret_created_ms(secret_); }
  std::uint64_t changed_ms() const noexcept { return strongroom_secret_changed_ms(secret_); }

 private:
  const strongroom_secret* secret_;
};

class Secret {
 public:
  explicit Secret(strongroom_secret* owned) noexcept : handle_(owned) {}

  // Secret of len zero bytes, to read input into.
  explicit Secret(std::size_t len) {
    detail::Call call;
    strongroom_secret* made = nullptr;
    call.check(strongroom_secret_new(len, &made, call));
    handle_.reset(made);
  }

  SecretRef ref() const noexcept { return SecretRef(handle_.get()); }
  std::size_t size() const noexcept { return ref().size(); }
  std::string_view reveal() const noexcept { return ref().reveal(); }
  bool is_text() const noexcept { return ref().is_text(); }
  std::uint64_t revision() const noexcept { return ref().revision(); }
  std::uint64_t created_ms() const noexcept { return ref().created_ms(); }
  std::uint64_t changed_ms() const noexcept { return ref().changed_ms(); }

  // writable is null unless the secret was made with a length.
  std::uint8_t* writable() noexcept { return strongroom_secret_writable(handle_.get()); }
  void truncate(std::size_t len) {
    detail::Call call;
    call.check(strongroom_secret_truncate(handle_.get(), len, call));
  }

  strongroom_secret* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_secret, &strongroom_secret_free> handle_;
};

class Batch {
 public:
  explicit Batch(strongroom_batch* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_batch_size(handle_.get()); }
  strongroom_status status(std::size_t i) const noexcept {
    return strongroom_batch_status(handle_.get(), i);
  }
  const char* message(std::size_t i) const noexcept {
    return strongroom_batch_message(handle_.get(), i);
  }
  SecretRef secret(std::size_t i) const noexcept {
    return SecretRef(strongroom_batch_secret(handle_.get(), i));
  }

 private:
  detail::Handle<strongroom_batch, &strongroom_batch_free> handle_;
};

class Pending {
 public:
  explicit Pending(strongroom_pending* owned) noexcept : handle_(owned) {}

  const char* store_id() const noexcept { return strongroom_pending_store_id(handle_.get()); }
  std::size_t num_shares() const noexcept { return strongroom_pending_num_shares(handle_.get()); }
  std::string_view reveal_share(std::size_t i) const noexcept {
    std::size_t len = 0;
    const std::uint8_t* text = strongroom_pending_share(handle_.get(), i, &len);
    return detail::view(text, len);
  }
  std::string_view reveal_key_file() const noexcept {
    std::size_t len = 0;
    const std::uint8_t* text = strongroom_pending_key_file(handle_.get(), &len);
    return detail::view(text, len);
  }

  const strongroom_pending* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_pending, &strongroom_pending_free> handle_;
};

class Report {
 public:
  explicit Report(strongroom_report* owned) noexcept : handle_(owned) {}

  const char* url() const noexcept { return strongroom_report_url(handle_.get()); }
  bool initialized() const noexcept { return strongroom_report_initialized(handle_.get()) != 0; }
  bool sealed() const noexcept { return strongroom_report_sealed(handle_.get()) != 0; }
  bool locked() const noexcept { return strongroom_report_locked(handle_.get()) != 0; }
  bool header_damaged() const noexcept {
    return strongroom_report_header_damaged(handle_.get()) != 0;
  }
  const char* store_id() const noexcept { return strongroom_report_store_id(handle_.get()); }
  std::uint64_t generation() const noexcept { return strongroom_report_generation(handle_.get()); }
  std::uint32_t active_term() const noexcept {
    return strongroom_report_active_term(handle_.get());
  }
  std::size_t num_terms() const noexcept { return strongroom_report_num_terms(handle_.get()); }
  std::uint32_t max_secret_len() const noexcept {
    return strongroom_report_max_secret_len(handle_.get());
  }
  std::size_t num_slots() const noexcept { return strongroom_report_num_slots(handle_.get()); }
  strongroom_slot slot(std::size_t i) const {
    strongroom_slot slot = STRONGROOM_SLOT_INIT;
    detail::Call().check(strongroom_report_slot(handle_.get(), i, &slot));
    return slot;
  }

 private:
  detail::Handle<strongroom_report, &strongroom_report_free> handle_;
};

class List {
 public:
  explicit List(strongroom_list* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_list_size(handle_.get()); }
  const char* name(std::size_t i) const noexcept { return strongroom_list_name(handle_.get(), i); }
  bool is_folder(std::size_t i) const noexcept {
    return strongroom_list_is_folder(handle_.get(), i) != 0;
  }
  // next is empty after the last page.
  std::string_view next() const noexcept {
    std::size_t len = 0;
    const std::uint8_t* position = strongroom_list_next(handle_.get(), &len);
    return detail::view(position, len);
  }

 private:
  detail::Handle<strongroom_list, &strongroom_list_free> handle_;
};

class Environment {
 public:
  explicit Environment(strongroom_environment* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_environment_size(handle_.get()); }
  const char* name(std::size_t i) const noexcept {
    return strongroom_environment_name(handle_.get(), i);
  }
  std::string_view reveal_value(std::size_t i) const noexcept {
    std::size_t len = 0;
    const std::uint8_t* value = strongroom_environment_value(handle_.get(), i, &len);
    return detail::view(value, len);
  }

 private:
  detail::Handle<strongroom_environment, &strongroom_environment_free> handle_;
};

class Volumes {
 public:
  explicit Volumes(strongroom_volumes* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_volumes_size(handle_.get()); }
  const char* path(std::size_t i) const noexcept {
    return strongroom_volumes_path(handle_.get(), i);
  }
  bool read_only(std::size_t i) const noexcept {
    return strongroom_volumes_read_only(handle_.get(), i) != 0;
  }
  std::string_view reveal_value(std::size_t i) const noexcept {
    std::size_t len = 0;
    const std::uint8_t* value = strongroom_volumes_value(handle_.get(), i, &len);
    return detail::view(value, len);
  }

 private:
  detail::Handle<strongroom_volumes, &strongroom_volumes_free> handle_;
};

// Session is a store as one identity sees it; it keeps the store open.
class Session {
 public:
  explicit Session(strongroom_session* owned) noexcept : handle_(owned) {}

  Pending init_prepare(const strongroom_init_options& options) {
    return make<Pending, strongroom_pending>(&strongroom_init_prepare, &options);
  }
  void init_activate(const Pending& pending) {
    detail::Call call;
    call.check(strongroom_init_activate(raw(), pending.raw(), call));
  }

  void unseal(const std::vector<std::string_view>& credentials, std::uint32_t flags = 0) {
    std::vector<strongroom_bytes> texts;
    texts.reserve(credentials.size());
    for (std::string_view text : credentials) texts.push_back({text.data(), text.size()});
    detail::Call call;
    call.check(strongroom_unseal(raw(), texts.data(), texts.size(), flags, call));
  }
  void seal() {
    detail::Call call;
    call.check(strongroom_seal(raw(), call));
  }
  void rotate() {
    detail::Call call;
    call.check(strongroom_rotate(raw(), call));
  }

  Secret get(const std::string& path) {
    return make<Secret, strongroom_secret>(&strongroom_get, detail::text(path));
  }
  Secret get_member(const std::string& path, const std::string& key) {
    return make<Secret, strongroom_secret>(&strongroom_get_member, detail::text(path),
                                           detail::text(key));
  }
  Batch get_many(const std::vector<std::string>& paths) {
    std::vector<const char*> texts;
    texts.reserve(paths.size());
    for (const std::string& path : paths) texts.push_back(detail::text(path));
    return make<Batch, strongroom_batch>(&strongroom_get_many, texts.data(), texts.size());
  }

  // put gives the revision that the secret has now.
  std::uint64_t put(const std::string& path, std::uint32_t content, std::string_view secret,
                    const strongroom_put_options* options = nullptr) {
    detail::Call call;
    std::uint64_t revision = 0;
    call.check(strongroom_put(raw(), detail::text(path), content, secret.data(), secret.size(),
                              options, &revision, call));
    return revision;
  }
  // erase gives the revision of the deletion; revision 0 deletes whatever is there.
  std::uint64_t erase(const std::string& path, std::uint64_t revision = 0) {
    detail::Call call;
    std::uint64_t deleted = 0;
    call.check(strongroom_delete(raw(), detail::text(path), revision, &deleted, call));
    return deleted;
  }

  List list(const std::string& folder, std::uint32_t flags = 0) {
    return make<List, strongroom_list>(&strongroom_list_read, detail::text(folder), flags);
  }
  List list_page(const std::string& folder, std::string_view after, std::size_t limit) {
    return make<List, strongroom_list>(&strongroom_list_page, detail::text(folder), after.data(),
                                       after.size(), limit);
  }

  Secret resolve(std::uint32_t format, std::string_view message) {
    return make<Secret, strongroom_secret>(&strongroom_resolve, format, message.data(),
                                           message.size());
  }
  Batch resolve_many(const std::vector<strongroom_message>& messages) {
    return make<Batch, strongroom_batch>(&strongroom_resolve_many, messages.data(),
                                         messages.size());
  }
  Environment resolve_environment(std::string_view json) {
    return make<Environment, strongroom_environment>(&strongroom_resolve_environment, json.data(),
                                                     json.size());
  }
  Volumes resolve_volumes(std::string_view json) {
    return make<Volumes, strongroom_volumes>(&strongroom_resolve_volumes, json.data(), json.size());
  }

  strongroom_session* raw() const noexcept { return handle_.get(); }

 private:
  template <typename Owner, typename T, typename Function, typename... Inputs>
  Owner make(Function function, Inputs... inputs) {
    detail::Call call;
    T* made = nullptr;
    call.check(function(raw(), inputs..., &made, call));
    return Owner(made);
  }

  detail::Handle<strongroom_session, &strongroom_session_free> handle_;
};

class Store {
 public:
  explicit Store(strongroom_store* owned) noexcept : handle_(owned) {}

  explicit Store(const std::string& url, const strongroom_store_options* options = nullptr) {
    detail::Call call;
    strongroom_store* opened = nullptr;
    call.check(strongroom_store_open(detail::text(url), options, &opened, call));
    handle_.reset(opened);
  }

  Session trusted() {
    detail::Call call;
    strongroom_session* made = nullptr;
    call.check(strongroom_session_trusted(raw(), &made, call));
    return Session(made);
  }
  Session user(const std::string& id) {
    detail::Call call;
    strongroom_session* made = nullptr;
    call.check(strongroom_session_user(raw(), detail::text(id), &made, call));
    return Session(made);
  }
  Session service(const std::string& id, const std::string& space) {
    detail::Call call;
    strongroom_session* made = nullptr;
    call.check(
        strongroom_session_service(raw(), detail::text(id), detail::text(space), &made, call));
    return Session(made);
  }

  Report status() {
    detail::Call call;
    strongroom_report* report = nullptr;
    call.check(strongroom_status_read(raw(), &report, call));
    return Report(report);
  }
  void close() {
    detail::Call call;
    call.check(strongroom_close(raw(), call));
  }

  strongroom_store* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_store, &strongroom_store_free> handle_;
};

}  // namespace strongroom_abi
