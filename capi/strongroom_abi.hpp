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
#include <functional>
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
  // forget lets go of an error that is an answer. Returns  false.
  bool forget() noexcept {
    strongroom_error_free(std::exchange(error_, nullptr));
    return false;
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

// bytes lends a text to a C struct; the text must outlive it.
inline strongroom_bytes bytes(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

// Progress hears of long work: how many records, and how many bytes or rewritten records. false
// stops. What a callback throws ends the work, and is thrown again by the function that it was
// given.
using Progress = std::function<bool(std::uint64_t num_records, std::uint64_t num_done)>;

// BackupSink takes the next bytes. false ends the work.
using BackupSink = std::function<bool(std::string_view bytes)>;

// BackupSource fills up to len bytes and gives how many; 0 is the end.
using BackupSource = std::function<std::size_t(std::uint8_t* bytes, std::size_t len)>;

namespace detail {

// Work is what the callbacks of one call need, and what they threw: nothing may fly through C.
struct Work {
  const Progress* progress = nullptr;
  const BackupSink* sink = nullptr;
  const BackupSource* source = nullptr;
  std::exception_ptr thrown{};

  strongroom_progress on_progress() const noexcept {
    return progress != nullptr && *progress ? &Work::hear : nullptr;
  }

  // check throws what a callback threw, or what the call failed with.
  void check(Call& call, strongroom_status status) {
    if (thrown != nullptr) {
      try {
        call.check(status);
      } catch (const Error&) {  // what came of it, not why
      }
      std::rethrow_exception(thrown);
    }
    call.check(status);
  }

  // run gives f(), or failed when it threw.
  template <typename F>
  int run(int failed, F f) noexcept {
    try {
      return f();
    } catch (...) {
      if (thrown == nullptr) thrown = std::current_exception();
      return failed;
    }
  }

  static int hear(void* self, std::uint64_t num_records, std::uint64_t num_done) noexcept {
    Work& work = *static_cast<Work*>(self);
    return work.run(0, [&] { return (*work.progress)(num_records, num_done) ? 1 : 0; });
  }
  static int take(void* self, const std::uint8_t* bytes, std::size_t len) noexcept {
    Work& work = *static_cast<Work*>(self);
    return work.run(1, [&] { return (*work.sink)(view(bytes, len)) ? 0 : 1; });
  }
  static int fill(void* self, std::uint8_t* bytes, std::size_t len, std::size_t* out) noexcept {
    Work& work = *static_cast<Work*>(self);
    return work.run(1, [&] {
      *out = (*work.source)(bytes, len);
      return 0;
    });
  }
};

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
  std::uint64_t stale_ms() const noexcept { return strongroom_secret_stale_ms(secret_); }

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
  std::uint64_t stale_ms() const noexcept { return ref().stale_ms(); }

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

// Answer is what a callback is told: a T, or why there is none.
template <typename T>
class Answer {
 public:
  explicit Answer(T value) noexcept : value_(std::make_unique<T>(std::move(value))) {}
  explicit Answer(Error error) noexcept : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return value_ != nullptr; }
  strongroom_status status() const noexcept { return value_ ? STRONGROOM_OK : error_.status(); }

  // value gives what there is, or throws why there is none.
  T& value() {
    if (value_ == nullptr) throw Error(error_);
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
  Error error_{STRONGROOM_OK, nullptr};
};

// The callbacks of calls that do not wait. They run once, maybe on the storage's own thread: see
// strongroom.h. What they throw is dropped.
using GetDone = std::function<void(Answer<Secret>)>;
using BatchDone = std::function<void(Answer<Batch>)>;

namespace detail {

// tell_done hands an answer to the std::function that self is, and ends it.
template <typename Owner, typename T>
void tell_done(void* self, strongroom_status status, T* made, strongroom_error* error) noexcept {
  using Done = std::function<void(Answer<Owner>)>;
  const std::unique_ptr<Done> done(static_cast<Done*>(self));
  try {
    (*done)(status == STRONGROOM_OK ? Answer<Owner>(Owner(made))
                                    : Answer<Owner>(Error(status, error)));
  } catch (...) {  // nobody is there to catch it
  }
}

}  // namespace detail

// WatchEvent is what became of one secret.
struct WatchEvent {
  std::string path;
  std::uint64_t revision = 0;  // 0: not known
  bool deleted = false;
};

// Watch tells which secrets changed; it keeps its store open.
class Watch {
 public:
  explicit Watch(strongroom_watch* owned) noexcept : handle_(owned) {}

  // next waits for up to timeout_ms; nothing when the time is over.
  std::vector<WatchEvent> next(std::uint32_t timeout_ms) {
    detail::Call call;
    strongroom_events* told = nullptr;
    call.check(strongroom_watch_next(handle_.get(), timeout_ms, &told, call));
    const detail::Handle<strongroom_events, &strongroom_events_free> owned(told);
    std::vector<WatchEvent> events;
    for (std::size_t i = 0; i < strongroom_events_size(told); ++i) {
      strongroom_event event = STRONGROOM_EVENT_INIT;
      detail::Call().check(strongroom_events_at(told, i, &event));
      events.push_back({event.path, event.revision, event.kind == STRONGROOM_EVENT_DELETED});
    }
    return events;
  }

 private:
  detail::Handle<strongroom_watch, &strongroom_watch_free> handle_;
};

// WrappedShare is borrowed of a Pending or of a Report. No secret.
struct WrappedShare {
  explicit WrappedShare(const strongroom_wrapped_share& share) noexcept
      : fingerprint(detail::view(share.fingerprint, share.fingerprint_len)),
        message(detail::view(share.message, share.message_len)) {}

  std::string_view fingerprint;  // binary
  std::string_view message;      // an OpenPGP message, binary
};

// KeyPair is an OpenPGP key pair.
struct KeyPair {
  Secret private_key;  // ASCII armor
  Secret public_key;   // binary, and no secret
};

// Pending is a new store, or a change of slots, that waits for its activation.
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

  std::size_t num_wrapped() const noexcept { return strongroom_pending_num_wrapped(handle_.get()); }
  WrappedShare wrapped(std::size_t i) const {
    strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
    detail::Call().check(strongroom_pending_wrapped(handle_.get(), i, &share));
    return WrappedShare(share);
  }

  // verify takes a new credential that arrived; it gives whether all did that must.
  bool verify(std::string_view credential) {
    detail::Call call;
    int ready = 0;
    call.check(
        strongroom_slots_verify(handle_.get(), credential.data(), credential.size(), &ready, call));
    return ready != 0;
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
  WrappedShare wrapped(std::size_t slot, std::size_t i) const {
    strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
    detail::Call().check(strongroom_report_wrapped(handle_.get(), slot, i, &share));
    return WrappedShare(share);
  }
  std::uint32_t reason() const noexcept { return strongroom_report_reason(handle_.get()); }
  std::uint64_t since_ms() const noexcept { return strongroom_report_since_ms(handle_.get()); }
  strongroom_unseal_progress progress() const {
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    detail::Call().check(strongroom_report_progress(handle_.get(), &progress));
    return progress;
  }
  bool escrowed() const noexcept { return strongroom_report_escrowed(handle_.get()) != 0; }

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

// Findings is what the doctor found.
class Findings {
 public:
  explicit Findings(strongroom_findings* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_findings_size(handle_.get()); }
  strongroom_finding at(std::size_t i) const {
    strongroom_finding finding = STRONGROOM_FINDING_INIT;
    detail::Call().check(strongroom_findings_at(handle_.get(), i, &finding));
    return finding;
  }

 private:
  detail::Handle<strongroom_findings, &strongroom_findings_free> handle_;
};

// Documents is policies that are stored.
class Documents {
 public:
  explicit Documents(strongroom_documents* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_documents_size(handle_.get()); }
  strongroom_document at(std::size_t i) const {
    strongroom_document document = STRONGROOM_DOCUMENT_INIT;
    detail::Call().check(strongroom_documents_at(handle_.get(), i, &document));
    return document;
  }

 private:
  detail::Handle<strongroom_documents, &strongroom_documents_free> handle_;
};

// Account is what a policy was asked, in lines.
class Account {
 public:
  explicit Account(strongroom_account* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_account_size(handle_.get()); }
  strongroom_account_line at(std::size_t i) const {
    strongroom_account_line line = STRONGROOM_ACCOUNT_LINE_INIT;
    detail::Call().check(strongroom_account_at(handle_.get(), i, &line));
    return line;
  }

 private:
  detail::Handle<strongroom_account, &strongroom_account_free> handle_;
};

// Policy is rules that say who may do what.
class Policy {
 public:
  // Document is one text, borrowed.
  struct Document {
    std::string name;
    std::string_view text;
  };

  explicit Policy(strongroom_policy* owned) noexcept : handle_(owned) {}

  static Policy parse(const std::vector<Document>& documents) {
    std::vector<strongroom_policy_text> texts;
    texts.reserve(documents.size());
    for (const Document& each : documents)
      texts.push_back({detail::text(each.name), each.text.data(), each.text.size()});
    detail::Call call;
    strongroom_policy* made = nullptr;
    call.check(strongroom_policy_parse(texts.data(), texts.size(), &made, call));
    return Policy(made);
  }

  strongroom_policy_info describe() const {
    strongroom_policy_info info = STRONGROOM_POLICY_INFO_INIT;
    detail::Call().check(strongroom_policy_describe(raw(), &info));
    return info;
  }
  // decide tells whether it is allowed.
  bool decide(const strongroom_identity& identity, std::uint32_t action,
              const std::string& path) const {
    detail::Call call;
    const strongroom_status status =
        strongroom_policy_decide(raw(), &identity, action, detail::text(path), call);
    if (status == STRONGROOM_DENIED) return call.forget();
    call.check(status);
    return true;
  }

  Account explain(const std::string& who, std::uint32_t action, const std::string& path) const {
    return ask(&strongroom_policy_explain, detail::text(who), action, detail::text(path));
  }
  Account who_can(std::uint32_t action, const std::string& path) const {
    return ask(&strongroom_policy_who_can, action, detail::text(path));
  }
  Account diff(const Policy& after) const { return ask(&strongroom_policy_diff, after.raw()); }
  Account lint() const { return ask(&strongroom_policy_lint); }
  Account test(std::string_view expectations) const {
    return ask(&strongroom_policy_test, expectations.data(), expectations.size());
  }

  const strongroom_policy* raw() const noexcept { return handle_.get(); }

 private:
  template <typename Function, typename... Inputs>
  Account ask(Function function, Inputs... inputs) const {
    detail::Call call;
    strongroom_account* made = nullptr;
    call.check(function(raw(), inputs..., &made, call));
    return Account(made);
  }

  detail::Handle<strongroom_policy, &strongroom_policy_free> handle_;
};

// Reencrypted is what came of a reencryption.
struct Reencrypted {
  std::uint64_t rewritten = 0;
  std::uint64_t unreadable = 0;  // records that do not open, and stay
};

// Session is a store as one identity sees it; it keeps the store open.
class Session {
 public:
  explicit Session(strongroom_session* owned) noexcept : handle_(owned) {}

  Pending init_prepare(const strongroom_init_options& options) {
    return make<Pending, strongroom_pending>(&strongroom_init_prepare, &options);
  }
  void init_activate(const Pending& pending) { run(&strongroom_init_activate, pending.raw()); }

  void unseal(const std::vector<std::string_view>& credentials, std::uint32_t flags = 0) {
    std::vector<strongroom_bytes> texts;
    texts.reserve(credentials.size());
    for (std::string_view text : credentials) texts.push_back(bytes(text));
    detail::Call call;
    call.check(strongroom_unseal(raw(), texts.data(), texts.size(), flags, call));
  }
  void seal() { run(&strongroom_seal); }
  void rotate() { run(&strongroom_rotate); }

  strongroom_unseal_progress unseal_share(std::string_view share, std::uint32_t flags = 0) {
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    detail::Call call;
    call.check(strongroom_unseal_share(raw(), share.data(), share.size(), flags, &progress, call));
    return progress;
  }
  void unseal_forget() { run(&strongroom_unseal_forget); }
  void unseal_escrowed(std::uint32_t flags = 0) { run(&strongroom_unseal_escrowed, flags); }

  // unwrap gives the text of a share that is still in its OpenPGP message.
  Secret unwrap(std::string_view message, std::string_view private_key,
                std::string_view passphrase = {}) {
    return make<Secret, strongroom_secret>(&strongroom_unwrap, message.data(), message.size(),
                                           private_key.data(), private_key.size(),
                                           passphrase.data(), passphrase.size());
  }
  KeyPair openpgp_pair(std::uint32_t bits, const std::string& user_id) {
    detail::Call call;
    strongroom_secret* secret = nullptr;
    strongroom_secret* open = nullptr;
    call.check(strongroom_openpgp_pair(raw(), bits, detail::text(user_id), &secret, &open, call));
    return {Secret(secret), Secret(open)};
  }

  Pending slots_prepare(const strongroom_slots_options& options) {
    return make<Pending, strongroom_pending>(&strongroom_slots_prepare, &options);
  }
  void slots_activate(const Pending& pending) { run(&strongroom_slots_activate, pending.raw()); }
  void rotate_root() { run(&strongroom_rotate_root); }

  // reencrypt: 0 duty_percent is 1.
  Reencrypted reencrypt(std::uint32_t duty_percent = 0, const Progress& progress = {}) {
    detail::Call call;
    detail::Work work{&progress};
    Reencrypted done;
    work.check(call, strongroom_reencrypt(raw(), duty_percent, work.on_progress(), &work,
                                          &done.rewritten, &done.unreadable, call));
    return done;
  }
  void retire(const Progress& progress = {}) {
    detail::Call call;
    detail::Work work{&progress};
    work.check(call, strongroom_retire(raw(), work.on_progress(), &work, call));
  }
  // repair gives whether there was something to do.
  bool repair() {
    int repaired = 0;
    detail::Call call;
    call.check(strongroom_repair(raw(), &repaired, call));
    return repaired != 0;
  }
  // anchor is one line of text, and no secret.
  std::string anchor() {
    return std::string(make<Secret, strongroom_secret>(&strongroom_anchor).reveal());
  }

  strongroom_backup_info backup(const BackupSink& sink, const Progress& progress = {}) {
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    detail::Call call;
    detail::Work work{&progress, &sink};
    work.check(call, strongroom_backup(raw(), &detail::Work::take, work.on_progress(), &work, &info,
                                       call));
    return info;
  }
  strongroom_backup_info restore(const BackupSource& source, const Progress& progress = {}) {
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    detail::Call call;
    detail::Work work{&progress, nullptr, &source};
    work.check(call, strongroom_restore(raw(), &detail::Work::fill, work.on_progress(), &work,
                                        &info, call));
    return info;
  }
  // migrate gives the number of secrets that were copied.
  std::uint64_t migrate(Session& to, const Pending& pending, const Progress& progress = {}) {
    std::uint64_t num_secrets = 0;
    detail::Call call;
    detail::Work work{&progress};
    work.check(call, strongroom_migrate(raw(), to.raw(), pending.raw(), work.on_progress(), &work,
                                        &num_secrets, call));
    return num_secrets;
  }
  strongroom_copy_info copy_store(Session& to, const Progress& progress = {}) {
    strongroom_copy_info info = STRONGROOM_COPY_INFO_INIT;
    detail::Call call;
    detail::Work work{&progress};
    work.check(call,
               strongroom_copy_store(raw(), to.raw(), work.on_progress(), &work, &info, call));
    return info;
  }

  Secret get(const std::string& path) {
    return make<Secret, strongroom_secret>(&strongroom_get, detail::text(path));
  }
  Secret get_member(const std::string& path, const std::string& key) {
    return make<Secret, strongroom_secret>(&strongroom_get_member, detail::text(path),
                                           detail::text(key));
  }
  Secret get_with(const std::string& path, const strongroom_get_options& options) {
    return make<Secret, strongroom_secret>(&strongroom_get_with, detail::text(path), &options);
  }
  Batch get_many(const std::vector<std::string>& paths) {
    const std::vector<const char*> texts = texts_of(paths);
    return make<Batch, strongroom_batch>(&strongroom_get_many, texts.data(), texts.size());
  }

  // Without waiting. What throws did not begin, and is not told to done.
  void get_async(const std::string& path, GetDone done) {
    begin(&strongroom_get_async, &detail::tell_done<Secret, strongroom_secret>, std::move(done),
          detail::text(path));
  }
  void get_many_async(const std::vector<std::string>& paths, BatchDone done) {
    const std::vector<const char*> texts = texts_of(paths);
    begin(&strongroom_get_many_async, &detail::tell_done<Batch, strongroom_batch>, std::move(done),
          texts.data(), texts.size());
  }
  void resolve_async(const std::vector<strongroom_message>& messages, BatchDone done) {
    begin(&strongroom_resolve_async, &detail::tell_done<Batch, strongroom_batch>, std::move(done),
          messages.data(), messages.size());
  }

  Watch watch(const std::string& prefix) {
    return make<Watch, strongroom_watch>(&strongroom_watch_open, detail::text(prefix));
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

  // check tells whether this session may do something.
  bool check(std::uint32_t action, const std::string& path) {
    detail::Call call;
    const strongroom_status status = strongroom_check(raw(), action, detail::text(path), call);
    if (status == STRONGROOM_DENIED) return call.forget();
    call.check(status);
    return true;
  }

  Documents documents() {
    return make<Documents, strongroom_documents>(&strongroom_documents_list);
  }
  Documents document(const std::string& name) {
    return make<Documents, strongroom_documents>(&strongroom_documents_get, detail::text(name));
  }
  // put_document gives the revision that the document has now.
  std::uint64_t put_document(const std::string& name, std::string_view text,
                             const strongroom_put_options* options = nullptr) {
    detail::Call call;
    std::uint64_t revision = 0;
    call.check(strongroom_documents_put(raw(), detail::text(name), text.data(), text.size(),
                                        options, &revision, call));
    return revision;
  }
  void erase_document(const std::string& name, std::uint64_t revision = 0) {
    run(&strongroom_documents_delete, detail::text(name), revision);
  }
  void reset_documents() { run(&strongroom_documents_reset); }
  // stored_policy is all documents, for the tools.
  Policy stored_policy() { return make<Policy, strongroom_policy>(&strongroom_policy_stored); }

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

  static std::vector<const char*> texts_of(const std::vector<std::string>& paths) {
    std::vector<const char*> texts;
    texts.reserve(paths.size());
    for (const std::string& path : paths) texts.push_back(detail::text(path));
    return texts;
  }

  // begin hands a copy of done over, which the callback ends.
  template <typename Function, typename Tell, typename Done, typename... Inputs>
  void begin(Function function, Tell tell, Done done, Inputs... inputs) {
    detail::Call call;
    auto owned = std::make_unique<Done>(std::move(done));
    Done* const self = owned.get();
    call.check(function(raw(), inputs..., tell, self, call));
    static_cast<void>(owned.release());
  }

  template <typename Function, typename... Inputs>
  void run(Function function, Inputs... inputs) {
    detail::Call call;
    call.check(function(raw(), inputs..., call));
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

  Session session(const strongroom_identity& identity) {
    detail::Call call;
    strongroom_session* made = nullptr;
    call.check(strongroom_session_open(raw(), &identity, &made, call));
    return Session(made);
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
  // examine asks the doctor; key_files hold credentials of this store, and are not opened.
  Findings examine(const std::vector<std::string>& key_files = {}) {
    std::vector<const char*> names;
    names.reserve(key_files.size());
    for (const std::string& name : key_files) names.push_back(detail::text(name));
    detail::Call call;
    strongroom_findings* found = nullptr;
    call.check(strongroom_examine(raw(), names.data(), names.size(), &found, call));
    return Findings(found);
  }
  void close() {
    detail::Call call;
    call.check(strongroom_close(raw(), call));
  }

  strongroom_store* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_store, &strongroom_store_free> handle_;
};

// backup_verify reads a backup to its end; it needs no store.
inline strongroom_backup_info backup_verify(const BackupSource& source,
                                            const Progress& progress = {}) {
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  detail::Call call;
  detail::Work work{&progress, nullptr, &source};
  work.check(call,
             strongroom_backup_verify(&detail::Work::fill, work.on_progress(), &work, &info, call));
  return info;
}

// zk_check_access and zk_reauth need no keys: see strongroom.h.
inline Findings zk_check_access(const std::string& url, const strongroom_store_options& options,
                                const Progress& progress = {}) {
  detail::Call call;
  detail::Work work{&progress};
  strongroom_findings* found = nullptr;
  work.check(call, strongroom_zk_check_access(detail::text(url), &options, work.on_progress(),
                                              &work, &found, call));
  return Findings(found);
}
// new_auth_file may be empty, where the tree stays open to the world. Gives the number of nodes.
inline std::uint64_t zk_reauth(const std::string& url, const strongroom_store_options& options,
                               const std::string& new_auth_file, const Progress& progress = {}) {
  detail::Call call;
  detail::Work work{&progress};
  std::uint64_t num_nodes = 0;
  work.check(call,
             strongroom_zk_reauth(detail::text(url), &options, nullptr, 0,
                                  new_auth_file.empty() ? nullptr : detail::text(new_auth_file),
                                  work.on_progress(), &work, &num_nodes, call));
  return num_nodes;
}

}  // namespace strongroom_abi
