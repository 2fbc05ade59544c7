// every_export.hpp: what every function of the C ABI can be called with, and calls of which a test can break one
// thing: a handle, an output, the size of a struct.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test {

// What a call returns here when it broke a promise besides its status. A forked child can report no
// more than a number.
constexpr strongroom_status kNotCleared = -1;  // an output kept its old content, or was written to
constexpr strongroom_status kErrorDiffers = -2;  // the error object and the status differ
constexpr strongroom_status kWroteTooFar = -3;   // bytes beyond struct_size were changed
constexpr strongroom_status kTailNotZero = -4;   // the unknown tail of an output
// kUntried is for a call that is not made.
constexpr strongroom_status kUntried = -100;

// ---- handles ----

// The places of handles: one of each type, and a second one where a function takes two.
enum Place {
  kError,
  kStore,
  kSession,
  kOther,  // a session of a storage without a store
  kSecret,
  kWritable,
  kText,
  kPending,  // of a new store, on kOther
  kSlots,    // of a change of slots
  kReport,
  kNames,
  kBatch,
  kEnvironment,
  kVolumes,
  kWatch,
  kEvents,
  kQueue,
  kTask,
  kFindings,
  kPolicy,
  kAfter,  // another policy
  kDocuments,
  kAnalysis,
  kNumPlaces
};

constexpr std::array<const char*, kNumPlaces> kTypes = {
    "error",   "store",  "session",  "session", "secret",      "secret",    "text",    "pending",
    "pending", "report", "names",    "batch",   "environment", "volumes",   "watch",   "events",
    "queue",   "task",   "findings", "policy",  "policy",      "documents", "analysis"};

// Handle is a handle that passes for any type.
struct Handle {
  void* raw = nullptr;
  template <typename T>
  operator T*() const {  // NOLINT: implicit by purpose
    return static_cast<T*>(raw);
  }
};
using Handles = std::array<Handle, kNumPlaces>;

// Everything is one handle of every type, all of one unsealed store with a secret "a" and a document "p".
class Everything {
 public:
  Everything() {
    fresh.session.put("a", STRONGROOM_CONTENT_TEXT, R"({"k":"v"})");
    fresh.session.put("docker", STRONGROOM_CONTENT_TEXT, R"({"auths":{"r.io":{"auth":"dTpw"}}})");
    fresh.session.put_document("p", R"({"version": 1, "rules": []})");
    strongroom_session* const session = fresh.session.raw();
    handles[kStore] = {fresh.store.raw()};
    handles[kSession] = {session};
    handles[kOther] = {other.raw()};
    take<strongroom_error>(kError, [&](auto out) {
      return strongroom_get(session, "absent", nullptr, dirty_secret(), out) == STRONGROOM_NOT_FOUND
                 ? STRONGROOM_OK
                 : STRONGROOM_INTERNAL;
    });
    take<strongroom_secret>(
        kSecret, [&](auto out) { return strongroom_get(session, "a", nullptr, out, nullptr); });
    take<strongroom_secret>(kWritable,
                            [](auto out) { return strongroom_secret_new(9, out, nullptr); });
    take<strongroom_text>(kText,
                          [&](auto out) { return strongroom_anchor(session, out, nullptr); });
    take<strongroom_pending>(kPending, [&](auto out) {
      strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
      options.key = 1;
      return strongroom_init_prepare(other.raw(), &options, out, nullptr);
    });
    take<strongroom_pending>(kSlots, [&](auto out) {
      strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
      options.key = 1;
      return strongroom_slots_prepare(session, &options, out, nullptr);
    });
    take<strongroom_report>(kReport, [&](auto out) {
      return strongroom_store_status(fresh.store.raw(), out, nullptr);
    });
    take<strongroom_names>(kNames, [&](auto out) {
      strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
      options.limit = 1;
      return strongroom_list(session, "", &options, out, nullptr);
    });
    take<strongroom_batch>(kBatch, [&](auto out) {
      const char* const paths[] = {"a"};
      return strongroom_get_many(session, paths, 1, nullptr, out, nullptr);
    });
    take<strongroom_environment>(kEnvironment, [&](auto out) {
      const strongroom_message message = json_message(environment);
      return strongroom_resolve_environment(session, &message, out, nullptr);
    });
    take<strongroom_volumes>(kVolumes, [&](auto out) {
      const strongroom_message message = json_message(volumes);
      return strongroom_resolve_volumes(session, &message, out, nullptr);
    });
    take<strongroom_watch>(
        kWatch, [&](auto out) { return strongroom_watch_open(session, "", out, nullptr); });
    fresh.session.put("b", STRONGROOM_CONTENT_TEXT, "c");
    take<strongroom_events>(kEvents, [&](auto out) {
      return strongroom_watch_next(handles[kWatch], 10'000, out, nullptr);
    });
    take<strongroom_queue>(kQueue, [](auto out) { return strongroom_queue_new(out, nullptr); });
    take<strongroom_task>(kTask, [&](auto out) {
      return strongroom_task_read(STRONGROOM_DEFINITION_APP, app.data(), app.size(), nullptr, out,
                                  nullptr);
    });
    take<strongroom_findings>(kFindings, [&](auto out) {
      return strongroom_doctor(fresh.store.raw(), nullptr, 0, out, nullptr);
    });
    for (const Place place : {kPolicy, kAfter}) {
      take<strongroom_policy>(
          place, [&](auto out) { return strongroom_policy_stored(session, out, nullptr); });
    }
    take<strongroom_documents>(
        kDocuments, [&](auto out) { return strongroom_documents_list(session, out, nullptr); });
    take<strongroom_analysis>(kAnalysis, [&](auto out) {
      return strongroom_policy_explain(handles[kPolicy], "user:u", STRONGROOM_ACTION_READ, "a", out,
                                       nullptr);
    });
    key = strongroom_abi::bytes(fresh.key);
    slots_key = STRONGROOM_CREDENTIAL_INIT;
    if (strongroom_pending_at(handles[kSlots], 0, &slots_key, nullptr) != STRONGROOM_OK)
      throw std::runtime_error("no credential");
    fresh.session.backup([&](std::string_view more) {
      backup += more;
      return true;
    });
    strongroom_secret_free(unwanted_);
  }
  ~Everything() { free_all(); }
  Everything(const Everything&) = delete;
  Everything& operator=(const Everything&) = delete;

  // free_all frees every handle but those of the store.
  void free_all() {
    strongroom_error_free(std::exchange(handles[kError], {}));
    strongroom_secret_free(std::exchange(handles[kSecret], {}));
    strongroom_secret_free(std::exchange(handles[kWritable], {}));
    strongroom_text_free(std::exchange(handles[kText], {}));
    strongroom_pending_free(std::exchange(handles[kPending], {}));
    strongroom_pending_free(std::exchange(handles[kSlots], {}));
    strongroom_report_free(std::exchange(handles[kReport], {}));
    strongroom_names_free(std::exchange(handles[kNames], {}));
    strongroom_batch_free(std::exchange(handles[kBatch], {}));
    strongroom_environment_free(std::exchange(handles[kEnvironment], {}));
    strongroom_volumes_free(std::exchange(handles[kVolumes], {}));
    strongroom_watch_free(std::exchange(handles[kWatch], {}));
    strongroom_events_free(std::exchange(handles[kEvents], {}));
    strongroom_queue_free(std::exchange(handles[kQueue], {}));
    strongroom_task_free(std::exchange(handles[kTask], {}));
    strongroom_findings_free(std::exchange(handles[kFindings], {}));
    strongroom_policy_free(std::exchange(handles[kPolicy], {}));
    strongroom_policy_free(std::exchange(handles[kAfter], {}));
    strongroom_documents_free(std::exchange(handles[kDocuments], {}));
    strongroom_analysis_free(std::exchange(handles[kAnalysis], {}));
  }

  const std::string environment =
      R"({"variables":[{"name":"E","type":"SECRET","secret":)" + reference_to("a") + "}]}";
  const std::string volumes =
      R"([{"mode":"RO","container_path":"p","source":{"type":"SECRET","secret":)" +
      reference_to("a") + "}}]";
  const std::string reference = reference_to("a");
  const std::string app =
      R"({"id":"/i","cmd":"true","secrets":{"s":{"source":"docker"}},"env":{"E":{"secret":"s"}},)"
      R"("container":{"type":"MESOS","docker":{"image":"r.io/a","pullConfig":{"secret":"s"}}}})";

  Fresh fresh{"memory:"};
  strongroom_abi::Store empty{"memory:"};
  strongroom_abi::Session other = empty.trusted();
  Handles handles{};
  strongroom_bytes key{};
  strongroom_credential slots_key{};
  std::string backup;

 private:
  template <typename T, typename F>
  void take(Place place, F f) {
    T* out = nullptr;
    if (f(&out) != STRONGROOM_OK || out == nullptr) throw std::runtime_error(kTypes[place]);
    handles[place] = {out};
  }
  strongroom_secret** dirty_secret() { return &unwanted_; }

  strongroom_secret* unwanted_ = nullptr;
};

// ---- calls ----

// Call is one call of one function. What a test breaks about it is set before.
class Call {
 public:
  explicit Call(Everything& everything) : all(everything), handles_(everything.handles) {}

  Everything& all;

  Handle operator[](Place place) const { return handles_[place]; }

  // ---- what to break ----
  void replace(Place place, Handle handle) { handles_[place] = handle; }
  void omit_output() { omit_output_ = true; }
  // only_look calls nothing, and finds out what there is to break.
  void only_look() { only_look_ = true; }
  // resize gives a struct, by the name of its type, another struct_size, and an unknown tail of tail.
  void resize(std::string type, std::size_t size, unsigned char tail = 0) {
    resized_ = std::move(type);
    size_ = size;
    tail_ = tail;
  }

  // ---- what was there to break ----
  bool needs_output() const { return needs_output_; }
  const std::set<std::string>& inputs() const { return inputs_; }
  const std::set<std::string>& outputs() const { return outputs_; }

  // nonzero is for functions without a status, which return 0 or NULL when they are misused.
  template <typename T>
  static strongroom_status nonzero(T value) {
    return value != T{} ? STRONGROOM_OK : STRONGROOM_INVALID;
  }

  // runs calls f(error); a failure is tried again without an error object.
  template <typename F>
  strongroom_status runs(F f) {
    if (only_look_) return kUntried;
    auto* error = dirt<strongroom_error>();
    const strongroom_status status = f(&error);
    const bool fine = status == STRONGROOM_OK ? error == nullptr
                                              : strongroom_error_status(error) == status &&
                                                    *strongroom_error_message(error) != '\0';
    strongroom_error_free(error);
    if (!fine) return kErrorDiffers;
    if (status != STRONGROOM_OK && f(nullptr) != status) return kErrorDiffers;
    return status;
  }

  // gives calls f(out, error), whose out is an own handle, and frees that.
  template <typename T, typename F>
  strongroom_status gives(void (*free)(T*), F f) {
    needs_output_ = true;
    T* out = dirt<T>();
    const strongroom_status status =
        runs([&](auto error) { return f(omit_output_ ? nullptr : &out, error); });
    if (status == kUntried) return status;
    if (status == STRONGROOM_OK) free(out);
    const bool cleared = status == STRONGROOM_OK || out == (omit_output_ ? dirt<T>() : nullptr);
    return cleared ? status : kNotCleared;
  }

  // fills calls f(out, error), whose out is a struct; may_fill is for one that may be NULL.
  template <typename T, typename F>
  strongroom_status fills(const char* type, T init, F f) {
    needs_output_ = true;
    if (omit_output_) return runs([&](auto error) { return f(static_cast<T*>(nullptr), error); });
    return may_fill(type, init, f);
  }
  template <typename T, typename F>
  strongroom_status may_fill(const char* type, T init, F f) {
    outputs_.insert(type);
    Struct<T> given(init, resized_ == type ? size_ : sizeof init, 0xD1);
    given.soil();
    const Struct<T> before = given;
    const strongroom_status status = runs([&](auto error) { return f(given.get(), error); });
    if (status < 0) return status;
    if (!given.has_size()) return given.same(before) ? status : kNotCleared;
    if (!given.untouched_behind()) return kWroteTooFar;
    if (!given.tail_is_zero()) return kTailNotZero;
    return status == STRONGROOM_OK || given.is_clear() ? status : kNotCleared;
  }

  // takes calls f(given), whose given is a struct that the caller fills.
  template <typename T, typename F>
  strongroom_status takes(const char* type, T given, F f) {
    inputs_.insert(type);
    Struct<T> passed(given, resized_ == type ? size_ : sizeof given, tail_);
    return f(static_cast<const T*>(passed.get()));
  }

 private:
  // Struct is a struct of any struct_size, with room behind it.
  template <typename T>
  class Struct {
   public:
    Struct(T init, std::size_t size, unsigned char tail) : size_(size) {
      init.struct_size = size;
      bytes_.fill(0xD1);
      const std::size_t kept = has_size() ? std::min(size, sizeof init) : sizeof init;
      std::memcpy(bytes_.data(), &init, kept);
      if (has_size() && size > kept) std::memset(bytes_.data() + kept, tail, size - kept);
    }
    T* get() { return reinterpret_cast<T*>(bytes_.data()); }

    bool has_size() const { return size_ >= sizeof size_ && size_ <= kMostBytes; }
    // soil fills what the function must clear or write.
    void soil() { std::memset(bytes_.data() + sizeof size_, 0xD1, bytes_.size() - sizeof size_); }
    bool same(const Struct& other) const { return bytes_ == other.bytes_; }
    bool untouched_behind() const { return all_are(size_, bytes_.size(), 0xD1); }
    bool tail_is_zero() const { return all_are(std::min(size_, sizeof(T)), size_, 0); }
    bool is_clear() const {
      std::size_t size = 0;
      std::memcpy(&size, bytes_.data(), sizeof size);
      return size == size_ && all_are(sizeof size, size_, 0);
    }

   private:
    static constexpr std::size_t kMostBytes = 4096;

    bool all_are(std::size_t begin, std::size_t end, unsigned char value) const {
      return std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(begin),
                         bytes_.begin() + static_cast<std::ptrdiff_t>(std::max(begin, end)),
                         [&](unsigned char each) { return each == value; });
    }

    std::size_t size_;
    alignas(std::max_align_t) std::array<unsigned char, kMostBytes + 64> bytes_{};
  };

  Handles handles_;
  bool omit_output_ = false;
  bool only_look_ = false;
  std::string resized_;
  std::size_t size_ = 0;
  unsigned char tail_ = 0;
  bool needs_output_ = false;
  std::set<std::string> inputs_;
  std::set<std::string> outputs_;
};

}  // namespace capi_test
