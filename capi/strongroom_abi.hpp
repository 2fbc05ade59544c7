// strongroom_abi.hpp: owning C++17 types over strongroom.h, header-only.
//
//   strongroom_abi::Store store("lmdb:/var/lib/app/secrets");
//   strongroom_abi::Session session = store.trusted();
//   session.unseal({key_file_text});
//   strongroom_abi::Secret secret = session.get("my/secret");
//   use(secret.reveal());
//
// It is compiled into the caller and adds nothing to the library: what crosses is the C ABI. A
// function that fails throws strongroom_abi::Error. Objects are move-only and free themselves;
// everything that the C header says about threads, fork and borrowed bytes holds. A std::string_view
// of secret bytes is a view of locked memory: do not copy it into a std::string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom.h"
#include "strongroom_mesos.h"
#include "strongroom_policy_tools.h"
#include "strongroom_zookeeper.h"

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
  // forget frees an error that is an answer. Returns  false.
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

// Progress is called with what long work has done so far; false stops the work. An exception of a
// callback ends the work, and is thrown again by the function that was given the callback.
using Progress = std::function<bool(const strongroom_progress& progress)>;

// BackupSink takes the next bytes. false ends the work.
using BackupSink = std::function<bool(std::string_view bytes)>;

// BackupSource fills up to len bytes and returns how many; 0 is the end.
using BackupSource = std::function<std::size_t(std::uint8_t* bytes, std::size_t len)>;

namespace detail {

// Work is what the callbacks of one call need, and what they threw: no exception may pass through C.
struct Work {
  const Progress* progress = nullptr;
  const BackupSink* sink = nullptr;
  const BackupSource* source = nullptr;
  std::exception_ptr thrown{};

  strongroom_on_progress on_progress() const noexcept {
    return progress != nullptr && *progress ? &Work::report : nullptr;
  }

  // check throws what a callback threw, or else the error of the call.
  void check(Call& call, strongroom_status status) {
    if (thrown != nullptr) {
      try {
        call.check(status);
      } catch (const Error&) {  // it is the consequence, not the cause
      }
      std::rethrow_exception(thrown);
    }
    call.check(status);
  }

  // run returns f(), or failed when it threw.
  template <typename F>
  int run(int failed, F f) noexcept {
    try {
      return f();
    } catch (...) {
      if (thrown == nullptr) thrown = std::current_exception();
      return failed;
    }
  }

  static int report(void* user_data, const strongroom_progress* progress) noexcept {
    Work& work = *static_cast<Work*>(user_data);
    return work.run(0, [&] { return (*work.progress)(*progress) ? 1 : 0; });
  }
  static int take(void* user_data, const std::uint8_t* bytes, std::size_t len) noexcept {
    Work& work = *static_cast<Work*>(user_data);
    return work.run(1, [&] { return (*work.sink)(view(bytes, len)) ? 0 : 1; });
  }
  static int fill(void* user_data, std::uint8_t* bytes, std::size_t len,
                  std::size_t* out) noexcept {
    Work& work = *static_cast<Work*>(user_data);
    return work.run(1, [&] {
      *out = (*work.source)(bytes, len);
      return 0;
    });
  }
};

// filled returns the struct that function(handle, inputs..., &item, &error) fills.
template <typename Item, typename Function, typename... Inputs>
Item filled(Item item, Function function, Inputs... inputs) {
  Call call;
  call.check(function(inputs..., &item, call));
  return item;
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
  strongroom_secret_info describe() const {
    return detail::filled(strongroom_secret_info STRONGROOM_SECRET_INFO_INIT,
                          &strongroom_secret_describe, secret_);
  }
  bool is_text() const { return describe().content == STRONGROOM_CONTENT_TEXT; }

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
  strongroom_secret_info describe() const { return ref().describe(); }
  bool is_text() const { return ref().is_text(); }

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
  strongroom_batch_item at(std::size_t i) const {
    return detail::filled(strongroom_batch_item STRONGROOM_BATCH_ITEM_INIT, &strongroom_batch_at,
                          handle_.get(), i);
  }
  strongroom_status status(std::size_t i) const { return at(i).status; }
  const char* message(std::size_t i) const { return at(i).message; }
  SecretRef secret(std::size_t i) const { return SecretRef(at(i).secret); }

 private:
  detail::Handle<strongroom_batch, &strongroom_batch_free> handle_;
};

// Answer is what a callback is passed: a T, or why there is none.
template <typename T>
class Answer {
 public:
  explicit Answer(T value) noexcept : value_(std::make_unique<T>(std::move(value))) {}
  explicit Answer(Error error) noexcept : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return value_ != nullptr; }
  strongroom_status status() const noexcept { return value_ ? STRONGROOM_OK : error_.status(); }

  // value returns the T, or throws why there is none.
  T& value() {
    if (value_ == nullptr) throw Error(error_);
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
  Error error_{STRONGROOM_OK, nullptr};
};

// The callbacks of calls that do not wait. They run once, perhaps on a thread of the library: see
// strongroom.h. An exception is dropped.
using GetDone = std::function<void(Answer<Secret>)>;
using BatchDone = std::function<void(Answer<Batch>)>;

namespace detail {

// pass_on passes an answer to the std::function that user_data is, and deletes that.
template <typename Owner, typename T>
void pass_on(void* user_data, strongroom_status status, T* made, strongroom_error* error) noexcept {
  using Done = std::function<void(Answer<Owner>)>;
  const std::unique_ptr<Done> done(static_cast<Done*>(user_data));
  try {
    (*done)(status == STRONGROOM_OK ? Answer<Owner>(Owner(made))
                                    : Answer<Owner>(Error(status, error)));
  } catch (...) {  // nobody could catch it
  }
}

}  // namespace detail

// WatchEvent is a change of one secret.
struct WatchEvent {
  std::string path;
  std::uint64_t revision = 0;  // 0: not known
  bool deleted = false;
};

// Events is changes that a watch reported.
class Events {
 public:
  explicit Events(strongroom_events* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_events_size(handle_.get()); }
  WatchEvent at(std::size_t i) const {
    const auto event = detail::filled(strongroom_event STRONGROOM_EVENT_INIT, &strongroom_events_at,
                                      static_cast<const strongroom_events*>(handle_.get()), i);
    return {event.path, event.revision, event.kind == STRONGROOM_EVENT_DELETED};
  }
  std::vector<WatchEvent> all() const {
    std::vector<WatchEvent> events;
    for (std::size_t i = 0; i < size(); ++i) events.push_back(at(i));
    return events;
  }

 private:
  detail::Handle<strongroom_events, &strongroom_events_free> handle_;
};

// Watch reports which secrets changed; it keeps its store open.
class Watch {
 public:
  explicit Watch(strongroom_watch* owned) noexcept : handle_(owned) {}

  // next waits up to timeout_ms; there is no event when the time is over.
  std::vector<WatchEvent> next(std::uint32_t timeout_ms) {
    detail::Call call;
    strongroom_events* events = nullptr;
    call.check(strongroom_watch_next(handle_.get(), timeout_ms, &events, call));
    return Events(events).all();
  }

  strongroom_watch* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_watch, &strongroom_watch_free> handle_;
};

// WrappedShare is a wrapped share, borrowed from a Pending or a Report. It is no secret.
struct WrappedShare {
  explicit WrappedShare(const strongroom_credential& share) noexcept
      : fingerprint(detail::view(share.fingerprint, share.fingerprint_len)),
        message(detail::view(share.data, share.len)) {}

  std::string_view fingerprint;  // binary
  std::string_view message;      // an OpenPGP message, binary
};

// KeyPair is an OpenPGP key pair.
struct KeyPair {
  Secret private_key;      // ASCII armor
  std::string public_key;  // binary
};

// Pending is a new store, or a change of slots, that is not activated yet.
class Pending {
 public:
  explicit Pending(strongroom_pending* owned) noexcept : handle_(owned) {}

  const char* store_id() const { return describe().store_id; }
  std::size_t size() const { return describe().num_credentials; }
  strongroom_credential at(std::size_t i) const {
    return detail::filled(strongroom_credential STRONGROOM_CREDENTIAL_INIT, &strongroom_pending_at,
                          raw(), i);
  }

  // The credentials of each kind. reveal_key is empty where there is no key.
  std::vector<std::string_view> reveal_shares() const {
    std::vector<std::string_view> shares;
    for (const auto& share : of_kind(STRONGROOM_CREDENTIAL_SHARE))
      shares.push_back(detail::view(share.data, share.len));
    return shares;
  }
  std::string_view reveal_key() const {
    const auto keys = of_kind(STRONGROOM_CREDENTIAL_KEY);
    return keys.empty() ? std::string_view() : detail::view(keys[0].data, keys[0].len);
  }
  std::vector<WrappedShare> wrapped() const {
    std::vector<WrappedShare> shares;
    for (const auto& share : of_kind(STRONGROOM_CREDENTIAL_WRAPPED_SHARE))
      shares.emplace_back(share);
    return shares;
  }

  // verify takes a new credential that arrived. Returns  whether the change can be activated.
  bool verify(std::string_view credential) {
    detail::Call call;
    int ready = 0;
    call.check(
        strongroom_slots_verify(handle_.get(), credential.data(), credential.size(), &ready, call));
    return ready != 0;
  }

  const strongroom_pending* raw() const noexcept { return handle_.get(); }

 private:
  strongroom_pending_info describe() const {
    return detail::filled(strongroom_pending_info STRONGROOM_PENDING_INFO_INIT,
                          &strongroom_pending_describe, raw());
  }
  std::vector<strongroom_credential> of_kind(std::uint32_t kind) const {
    std::vector<strongroom_credential> found;
    for (std::size_t i = 0; i < size(); ++i) {
      if (at(i).kind == kind) found.push_back(at(i));
    }
    return found;
  }

  detail::Handle<strongroom_pending, &strongroom_pending_free> handle_;
};

// Report is the status of a store at one moment.
class Report {
 public:
  explicit Report(strongroom_report* owned)
      : handle_(owned),
        info_(detail::filled(strongroom_report_info STRONGROOM_REPORT_INFO_INIT,
                             &strongroom_report_describe,
                             static_cast<const strongroom_report*>(owned))) {}

  const strongroom_report_info& info() const noexcept { return info_; }
  const char* url() const noexcept { return info_.url; }
  const char* store_id() const noexcept { return info_.store_id; }
  bool initialized() const noexcept { return info_.initialized != 0; }
  bool sealed() const noexcept { return info_.sealed != 0; }
  bool locked() const noexcept { return info_.locked != 0; }
  bool header_damaged() const noexcept { return info_.header_damaged != 0; }
  bool escrowed() const noexcept { return info_.escrowed != 0; }
  std::size_t num_slots() const noexcept { return info_.num_slots; }
  strongroom_slot slot(std::size_t i) const {
    return detail::filled(strongroom_slot STRONGROOM_SLOT_INIT, &strongroom_report_slot, raw(), i);
  }
  WrappedShare wrapped(std::size_t slot, std::size_t i) const {
    return WrappedShare(detail::filled(strongroom_credential STRONGROOM_CREDENTIAL_INIT,
                                       &strongroom_report_wrapped, raw(), slot, i));
  }

 private:
  const strongroom_report* raw() const noexcept { return handle_.get(); }

  detail::Handle<strongroom_report, &strongroom_report_free> handle_;
  strongroom_report_info info_;
};

// Names is names below a folder.
class Names {
 public:
  explicit Names(strongroom_names* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_names_size(handle_.get()); }
  strongroom_name at(std::size_t i) const {
    return detail::filled(strongroom_name STRONGROOM_NAME_INIT, &strongroom_names_at,
                          static_cast<const strongroom_names*>(handle_.get()), i);
  }
  const char* name(std::size_t i) const { return at(i).name; }
  bool is_folder(std::size_t i) const { return at(i).is_folder != 0; }
  // next is empty after the last page.
  std::string_view next() const noexcept {
    std::size_t len = 0;
    const std::uint8_t* position = strongroom_names_next(handle_.get(), &len);
    return detail::view(position, len);
  }

 private:
  detail::Handle<strongroom_names, &strongroom_names_free> handle_;
};

class Environment {
 public:
  explicit Environment(strongroom_environment* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_environment_size(handle_.get()); }
  strongroom_variable at(std::size_t i) const {
    return detail::filled(strongroom_variable STRONGROOM_VARIABLE_INIT, &strongroom_environment_at,
                          static_cast<const strongroom_environment*>(handle_.get()), i);
  }
  const char* name(std::size_t i) const { return at(i).name; }
  std::string_view reveal_value(std::size_t i) const {
    const strongroom_variable variable = at(i);
    return detail::view(variable.value, variable.value_len);
  }

 private:
  detail::Handle<strongroom_environment, &strongroom_environment_free> handle_;
};

class Volumes {
 public:
  explicit Volumes(strongroom_volumes* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_volumes_size(handle_.get()); }
  strongroom_volume at(std::size_t i) const {
    return detail::filled(strongroom_volume STRONGROOM_VOLUME_INIT, &strongroom_volumes_at,
                          static_cast<const strongroom_volumes*>(handle_.get()), i);
  }
  const char* path(std::size_t i) const { return at(i).path; }
  bool read_only(std::size_t i) const { return at(i).read_only != 0; }
  std::string_view reveal_value(std::size_t i) const {
    const strongroom_volume volume = at(i);
    return detail::view(volume.value, volume.value_len);
  }

 private:
  detail::Handle<strongroom_volumes, &strongroom_volumes_free> handle_;
};

// Task is what a definition says: see strongroom_mesos.h.
class Task {
 public:
  Task(std::uint32_t definition, std::string_view json, const std::string& container = {}) {
    detail::Call call;
    strongroom_task* made = nullptr;
    call.check(strongroom_task_read(definition, json.data(), json.size(), detail::text(container),
                                    &made, call));
    handle_.reset(made);
  }

  strongroom_task_description describe() const {
    detail::Call call;
    strongroom_task_description out = STRONGROOM_TASK_DESCRIPTION_INIT;
    call.check(strongroom_task_describe(raw(), &out, call));
    return out;
  }
  strongroom_task* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_task, &strongroom_task_free> handle_;
};

struct ResolvedTask {
  Environment environment;
  Volumes volumes;
};

// Findings is what the doctor found.
class Findings {
 public:
  explicit Findings(strongroom_findings* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_findings_size(handle_.get()); }
  strongroom_finding at(std::size_t i) const {
    return detail::filled(strongroom_finding STRONGROOM_FINDING_INIT, &strongroom_findings_at,
                          static_cast<const strongroom_findings*>(handle_.get()), i);
  }

 private:
  detail::Handle<strongroom_findings, &strongroom_findings_free> handle_;
};

// Documents is stored policy documents.
class Documents {
 public:
  explicit Documents(strongroom_documents* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_documents_size(handle_.get()); }
  strongroom_document at(std::size_t i) const {
    return detail::filled(strongroom_document STRONGROOM_DOCUMENT_INIT, &strongroom_documents_at,
                          static_cast<const strongroom_documents*>(handle_.get()), i);
  }

 private:
  detail::Handle<strongroom_documents, &strongroom_documents_free> handle_;
};

// Analysis is the result of a policy tool, in lines.
class Analysis {
 public:
  explicit Analysis(strongroom_analysis* owned) noexcept : handle_(owned) {}

  std::size_t size() const noexcept { return strongroom_analysis_size(handle_.get()); }
  strongroom_analysis_line at(std::size_t i) const {
    return detail::filled(strongroom_analysis_line STRONGROOM_ANALYSIS_LINE_INIT,
                          &strongroom_analysis_at,
                          static_cast<const strongroom_analysis*>(handle_.get()), i);
  }

 private:
  detail::Handle<strongroom_analysis, &strongroom_analysis_free> handle_;
};

// Completion is the answer to one call into a Queue; what it has depends on kind.
struct Completion {
  void* user_data = nullptr;
  std::uint32_t kind = 0;
  strongroom_status status = STRONGROOM_OK;
  Secret secret{static_cast<strongroom_secret*>(nullptr)};
  Batch batch{nullptr};
  Events events{nullptr};
  Error error{STRONGROOM_OK, nullptr};
};
// Policy is compiled rules that decide which identity may do what.
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
    return detail::filled(strongroom_policy_info STRONGROOM_POLICY_INFO_INIT,
                          &strongroom_policy_describe, raw());
  }
  // decide returns whether it is allowed.
  bool decide(const strongroom_identity& identity, std::uint32_t action,
              const std::string& path) const {
    detail::Call call;
    const strongroom_status status =
        strongroom_policy_decide(raw(), &identity, action, detail::text(path), call);
    if (status == STRONGROOM_DENIED) return call.forget();
    call.check(status);
    return true;
  }

  Analysis explain(const std::string& identity, std::uint32_t action,
                   const std::string& path) const {
    return ask(&strongroom_policy_explain, detail::text(identity), action, detail::text(path));
  }
  Analysis who_can(std::uint32_t action, const std::string& path) const {
    return ask(&strongroom_policy_who_can, action, detail::text(path));
  }
  Analysis diff(const Policy& after) const { return ask(&strongroom_policy_diff, after.raw()); }
  Analysis lint() const { return ask(&strongroom_policy_lint); }
  Analysis skipped() const { return ask(&strongroom_policy_skipped); }
  Analysis test(std::string_view expectations) const {
    return ask(&strongroom_policy_test, expectations.data(), expectations.size());
  }

  const strongroom_policy* raw() const noexcept { return handle_.get(); }

 private:
  template <typename Function, typename... Inputs>
  Analysis ask(Function function, Inputs... inputs) const {
    detail::Call call;
    strongroom_analysis* made = nullptr;
    call.check(function(raw(), inputs..., &made, call));
    return Analysis(made);
  }

  detail::Handle<strongroom_policy, &strongroom_policy_free> handle_;
};

// Reencrypted is the result of a re-encryption.
struct Reencrypted {
  std::uint64_t rewritten = 0;
  std::uint64_t unreadable = 0;  // records that do not open, and stay
};

// Session is a store as one identity may use it; it keeps the store open.
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
  // seal takes a STRONGROOM_SEAL_ constant, rotate a STRONGROOM_ROTATE_ one.
  void seal(std::uint32_t scope) { run(&strongroom_seal, scope); }
  void rotate(std::uint32_t keys) { run(&strongroom_rotate, keys); }

  strongroom_unseal_progress unseal_share(std::string_view share, std::uint32_t flags = 0) {
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    detail::Call call;
    call.check(strongroom_unseal_share(raw(), share.data(), share.size(), flags, &progress, call));
    return progress;
  }
  void unseal_forget() { run(&strongroom_unseal_forget); }

  // unwrap returns the text of a share that is still in its OpenPGP message.
  Secret unwrap(std::string_view message, std::string_view private_key,
                std::string_view passphrase = {}) {
    return make<Secret, strongroom_secret>(&strongroom_unwrap, message.data(), message.size(),
                                           private_key.data(), private_key.size(),
                                           passphrase.data(), passphrase.size());
  }
  KeyPair openpgp_pair(std::uint32_t bits, const std::string& user_id) {
    detail::Call call;
    strongroom_secret* secret = nullptr;
    strongroom_text* open = nullptr;
    call.check(strongroom_openpgp_pair(raw(), bits, detail::text(user_id), &secret, &open, call));
    return {Secret(secret), text_of(open)};
  }

  Pending slots_prepare(const strongroom_slots_options& options) {
    return make<Pending, strongroom_pending>(&strongroom_slots_prepare, &options);
  }
  void slots_activate(const Pending& pending) { run(&strongroom_slots_activate, pending.raw()); }

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
  // repair returns whether something was damaged.
  bool repair() {
    int repaired = 0;
    detail::Call call;
    call.check(strongroom_repair(raw(), &repaired, call));
    return repaired != 0;
  }
  // anchor returns one line of text, which is no secret.
  std::string anchor() {
    detail::Call call;
    strongroom_text* line = nullptr;
    call.check(strongroom_anchor(raw(), &line, call));
    return text_of(line);
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
  // migrate copies the store as it is, or rekeyed where there is a pending store.
  strongroom_migrate_info migrate(Session& to, const Pending* pending = nullptr,
                                  const Progress& progress = {}) {
    strongroom_migrate_info info = STRONGROOM_MIGRATE_INFO_INIT;
    detail::Call call;
    detail::Work work{&progress};
    work.check(call,
               strongroom_migrate(raw(), to.raw(), pending != nullptr ? pending->raw() : nullptr,
                                  work.on_progress(), &work, &info, call));
    return info;
  }

  // Options may be null everywhere.
  Secret get(const std::string& path, const strongroom_get_options* options = nullptr) {
    return make<Secret, strongroom_secret>(&strongroom_get, detail::text(path), options);
  }
  // get_member reads the string of one member of a secret that is a JSON object.
  Secret get_member(const std::string& path, const std::string& key) {
    strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
    options.key = detail::text(key);
    return get(path, &options);
  }
  Batch get_many(const std::vector<std::string>& paths,
                 const strongroom_get_options* options = nullptr) {
    const std::vector<const char*> texts = texts_of(paths);
    return make<Batch, strongroom_batch>(&strongroom_get_many, texts.data(), texts.size(), options);
  }

  // Without waiting. A call that throws did not begin, and done is not called.
  void get_async(const std::string& path, GetDone done,
                 const strongroom_get_options* options = nullptr) {
    begin(&strongroom_get_async, &detail::pass_on<Secret, strongroom_secret>, std::move(done),
          detail::text(path), options);
  }
  void get_many_async(const std::vector<std::string>& paths, BatchDone done,
                      const strongroom_get_options* options = nullptr) {
    const std::vector<const char*> texts = texts_of(paths);
    begin(&strongroom_get_many_async, &detail::pass_on<Batch, strongroom_batch>, std::move(done),
          texts.data(), texts.size(), options);
  }
  void resolve_async(const std::vector<strongroom_message>& messages, BatchDone done) {
    begin(&strongroom_resolve_async, &detail::pass_on<Batch, strongroom_batch>, std::move(done),
          messages.data(), messages.size());
  }

  Watch watch(const std::string& prefix) {
    return make<Watch, strongroom_watch>(&strongroom_watch_open, detail::text(prefix));
  }

  // put returns the revision that the secret has now.
  std::uint64_t put(const std::string& path, std::uint32_t content, std::string_view secret,
                    const strongroom_put_options* options = nullptr) {
    detail::Call call;
    std::uint64_t revision = 0;
    call.check(strongroom_put(raw(), detail::text(path), content, secret.data(), secret.size(),
                              options, &revision, call));
    return revision;
  }
  // erase returns the revision of the deletion; revision 0 deletes any.
  std::uint64_t erase(const std::string& path, std::uint64_t revision = 0) {
    strongroom_delete_options options = STRONGROOM_DELETE_OPTIONS_INIT;
    options.revision = revision;
    detail::Call call;
    std::uint64_t deleted = 0;
    call.check(strongroom_delete(raw(), detail::text(path), &options, &deleted, call));
    return deleted;
  }

  Names list(const std::string& folder, const strongroom_list_options* options = nullptr) {
    return make<Names, strongroom_names>(&strongroom_list, detail::text(folder), options);
  }
  Names list_page(const std::string& folder, std::string_view after, std::size_t limit) {
    strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
    options.after = after.data();
    options.after_len = after.size();
    options.limit = limit;
    return list(folder, &options);
  }

  // Host records, for trusted sessions.
  Secret record(const std::string& path, const strongroom_get_options* options = nullptr) {
    return make<Secret, strongroom_secret>(&strongroom_record_get, detail::text(path), options);
  }
  std::uint64_t put_record(const std::string& path, std::string_view record,
                           const strongroom_put_options* options = nullptr) {
    detail::Call call;
    std::uint64_t revision = 0;
    call.check(strongroom_record_put(raw(), detail::text(path), record.data(), record.size(),
                                     options, &revision, call));
    return revision;
  }
  std::uint64_t erase_record(const std::string& path, std::uint64_t revision = 0) {
    detail::Call call;
    std::uint64_t deleted = 0;
    call.check(strongroom_record_delete(raw(), detail::text(path), revision, &deleted, call));
    return deleted;
  }
  Names records(const std::string& folder, const strongroom_list_options* options = nullptr) {
    return make<Names, strongroom_names>(&strongroom_record_list, detail::text(folder), options);
  }

  // check returns whether this session may do something.
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
  // put_document returns the revision that the document has now.
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
  // stored_policy reads all documents, for the tools.
  Policy stored_policy() { return make<Policy, strongroom_policy>(&strongroom_policy_stored); }

  Secret resolve(std::uint32_t format, std::string_view message) {
    const strongroom_message wanted = {message.data(), message.size(), format, 0};
    return make<Secret, strongroom_secret>(&strongroom_resolve, &wanted);
  }
  Batch resolve_many(const std::vector<strongroom_message>& messages) {
    return make<Batch, strongroom_batch>(&strongroom_resolve_many, messages.data(),
                                         messages.size());
  }
  Environment resolve_environment(std::uint32_t format, std::string_view message) {
    const strongroom_message wanted = {message.data(), message.size(), format, 0};
    return make<Environment, strongroom_environment>(&strongroom_resolve_environment, &wanted);
  }
  Volumes resolve_volumes(std::uint32_t format, std::string_view message) {
    const strongroom_message wanted = {message.data(), message.size(), format, 0};
    return make<Volumes, strongroom_volumes>(&strongroom_resolve_volumes, &wanted);
  }

  ResolvedTask resolve(const Task& task) {
    detail::Call call;
    strongroom_environment* environment = nullptr;
    strongroom_volumes* volumes = nullptr;
    call.check(strongroom_task_resolve(raw(), task.raw(), &environment, &volumes, call));
    return {Environment(environment), Volumes(volumes)};
  }
  Secret authorization(const Task& task, const char* default_registry = nullptr) {
    return make<Secret, strongroom_secret>(&strongroom_task_authorization,
                                           static_cast<const strongroom_task*>(task.raw()),
                                           default_registry);
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

  // text_of copies and frees a text.
  static std::string text_of(strongroom_text* owned) {
    const detail::Handle<strongroom_text, &strongroom_text_free> handle(owned);
    std::size_t len = 0;
    const char* const data = strongroom_text_data(owned, &len);
    return std::string(data, len);
  }

  // begin passes a copy of done on, which the callback deletes.
  template <typename Function, typename PassOn, typename Done, typename... Inputs>
  void begin(Function function, PassOn pass_on, Done done, Inputs... inputs) {
    detail::Call call;
    auto owned = std::make_unique<Done>(std::move(done));
    Done* const user_data = owned.get();
    call.check(function(raw(), inputs..., pass_on, user_data, call));
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
    strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
    identity.kind = STRONGROOM_IDENTITY_USER;
    identity.id = detail::text(id);
    return session(identity);
  }
  Session service(const std::string& id, const std::string& space) {
    strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
    identity.kind = STRONGROOM_IDENTITY_SERVICE;
    identity.id = detail::text(id);
    identity.space = detail::text(space);
    return session(identity);
  }

  Report status() {
    detail::Call call;
    strongroom_report* report = nullptr;
    call.check(strongroom_store_status(raw(), &report, call));
    return Report(report);
  }
  // doctor examines the store; key_files contain credentials of this store, and are not opened.
  Findings doctor(const std::vector<std::string>& key_files = {}) {
    std::vector<const char*> names;
    names.reserve(key_files.size());
    for (const std::string& name : key_files) names.push_back(detail::text(name));
    detail::Call call;
    strongroom_findings* found = nullptr;
    call.check(strongroom_doctor(raw(), names.data(), names.size(), &found, call));
    return Findings(found);
  }
  strongroom_store* raw() const noexcept { return handle_.get(); }

 private:
  detail::Handle<strongroom_store, &strongroom_store_free> handle_;
};

// Queue collects the answers of asynchronous calls for a program with an event loop: see
// strongroom.h.
class Queue {
 public:
  Queue() {
    detail::Call call;
    strongroom_queue* made = nullptr;
    call.check(strongroom_queue_new(&made, call));
    handle_.reset(made);
  }

  // fd is readable while answers wait.
  int fd() const noexcept { return strongroom_queue_fd(handle_.get()); }

  void get(Session& session, const std::string& path, void* user_data,
           const strongroom_get_options* options = nullptr) {
    run(&strongroom_queue_get, session.raw(), detail::text(path), options, user_data);
  }
  void resolve(Session& session, const std::vector<strongroom_message>& messages, void* user_data) {
    run(&strongroom_queue_resolve, session.raw(), messages.data(), messages.size(), user_data);
  }
  void watch(Watch& watch, std::uint32_t timeout_ms, void* user_data) {
    run(&strongroom_queue_watch, watch.raw(), timeout_ms, user_data);
  }

  // next takes up to most answers that wait; there may be none.
  std::vector<Completion> next(std::size_t most = 64) {
    std::vector<strongroom_completion> taken(most,
                                             strongroom_completion STRONGROOM_COMPLETION_INIT);
    std::vector<Completion> completions;
    completions.reserve(most);
    std::size_t num = 0;
    detail::Call call;
    call.check(strongroom_queue_next(handle_.get(), taken.data(), taken.size(), &num, call));
    for (std::size_t i = 0; i < num; ++i) {
      const strongroom_completion& each = taken[i];
      completions.push_back({each.user_data, each.kind, each.status, Secret(each.secret),
                             Batch(each.batch), Events(each.events),
                             Error(each.status, each.error)});
    }
    return completions;
  }

  strongroom_queue* raw() const noexcept { return handle_.get(); }

 private:
  template <typename Function, typename... Inputs>
  void run(Function function, Inputs... inputs) {
    detail::Call call;
    call.check(function(raw(), inputs..., call));
  }

  detail::Handle<strongroom_queue, &strongroom_queue_free> handle_;
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

// json_value reads one value of a JSON text that holds secrets: see strongroom_json_value.
struct JsonValue {
  std::uint32_t kind = STRONGROOM_JSON_NULL;  // a STRONGROOM_JSON_ constant
  Secret value{static_cast<strongroom_secret*>(nullptr)};
};
inline JsonValue json_value(std::string_view json, const std::string& pointer) {
  detail::Call call;
  std::uint32_t kind = STRONGROOM_JSON_NULL;
  strongroom_secret* value = nullptr;
  call.check(
      strongroom_json_value(json.data(), json.size(), detail::text(pointer), &kind, &value, call));
  return {kind, Secret(value)};
}

// validate_message and convert_message take a STRONGROOM_MESSAGE_ constant and the message's format.
inline void validate_message(std::uint32_t kind, std::uint32_t format, std::string_view message) {
  detail::Call call;
  const strongroom_message given = {message.data(), message.size(), format, 0};
  call.check(strongroom_message_validate(kind, &given, call));
}
inline Secret convert_message(std::uint32_t kind, std::uint32_t format, std::string_view message,
                              std::uint32_t to_format) {
  detail::Call call;
  const strongroom_message given = {message.data(), message.size(), format, 0};
  strongroom_secret* written = nullptr;
  call.check(strongroom_message_convert(kind, &given, to_format, &written, call));
  return Secret(written);
}

// docker_authorization and docker_credential take a Docker configuration: see strongroom_mesos.h.
inline Secret docker_authorization(std::string_view config, const std::string& image,
                                   const char* default_registry = nullptr) {
  detail::Call call;
  strongroom_secret* header = nullptr;
  call.check(strongroom_docker_authorization(config.data(), config.size(), detail::text(image),
                                             default_registry, &header, call));
  return Secret(header);
}
struct DockerCredential {
  Secret user;
  Secret password;
};
inline DockerCredential docker_credential(std::string_view config, const std::string& registry) {
  detail::Call call;
  strongroom_secret* user = nullptr;
  strongroom_secret* password = nullptr;
  call.check(strongroom_docker_credential(config.data(), config.size(), detail::text(registry),
                                          &user, &password, call));
  return {Secret(user), Secret(password)};
}

// zk_check_access and zk_reauth need no keys: see strongroom_zookeeper.h.
inline Findings zk_check_access(const std::string& url, const strongroom_store_options& options,
                                const Progress& progress = {}) {
  detail::Call call;
  detail::Work work{&progress};
  strongroom_findings* found = nullptr;
  work.check(call, strongroom_zk_check_access(detail::text(url), &options, work.on_progress(),
                                              &work, &found, call));
  return Findings(found);
}
// new_auth_file may be empty, where the tree stays open to the world. Returns the number of nodes.
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
