// handles.hpp: defines the opaque types of strongroom.h, strongroom_mesos.h and strongroom_policy_tools.h.
//
// A handle begins with the tag of its type. Every entry point checks the tag first: NULL and
// handles of other types are refused instead of being used. Handles that reach the storage or keys
// also know the process that made them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "strongroom.h"
#include "strongroom/doctor.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/task.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/queue.hpp"
#include "strongroom/session.hpp"
#include "strongroom/store.hpp"
#include "strongroom_mesos.h"
#include "strongroom_policy_tools.h"

namespace strongroom::capi {

enum class Tag : std::uint64_t {
  error = 0x5352'6861'6e64'0001,
  store,
  session,
  secret,
  pending,
  report,
  text,
  names,
  batch,
  environment,
  volumes,
  findings,
  watch,
  events,
  policy,
  documents,
  analysis,
  queue,
  task,
};

template <Tag kTag>
class Tagged {
 public:
  // is reads the tag through memcpy, because the handle may be of any type.
  static bool is(const void* handle) noexcept {
    if (handle == nullptr) return false;
    Tag tag{};
    std::memcpy(&tag, handle, sizeof tag);
    return tag == kTag;
  }

 private:
  Tag tag_ = kTag;
};

// hex_of returns a store's id as 32 hexadecimal digits.
inline std::string hex_of(const StoreId& id) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * id.size());
  for (const std::uint8_t byte : id) {
    hex += digits[byte >> 4];
    hex += digits[byte & 0xF];
  }
  return hex;
}

// FileSecret is a secret and the path, in the container, of the file for it.
struct FileSecret {
  std::string path;
  bool read_only = true;
  SecretBytes value;
};

}  // namespace strongroom::capi

struct strongroom_error : strongroom::capi::Tagged<strongroom::capi::Tag::error> {
  strongroom_error(strongroom_status code, std::string words)
      : status(code), message(std::move(words)) {}

  strongroom_status status;
  std::string message;
};

struct strongroom_store : strongroom::capi::Tagged<strongroom::capi::Tag::store> {
  strongroom_store(strongroom::Store opened, std::string named, bool has_anchor)
      : store(std::move(opened)), url(std::move(named)), anchored(has_anchor) {}

  strongroom::ForkGuard guard;
  strongroom::Store store;
  std::string url;
  bool anchored;
};

struct strongroom_session : strongroom::capi::Tagged<strongroom::capi::Tag::session> {
  explicit strongroom_session(strongroom::Session session) : caller(std::move(session)) {}

  strongroom::ForkGuard guard;
  strongroom::Session caller;
};

struct strongroom_secret : strongroom::capi::Tagged<strongroom::capi::Tag::secret> {
  strongroom_secret() = default;
  explicit strongroom_secret(strongroom::StoredSecret read) noexcept : stored(std::move(read)) {}
  explicit strongroom_secret(strongroom::SecretBytes value) noexcept {
    stored.value = std::move(value);
  }

  strongroom::StoredSecret stored;
  bool writable = false;
};

struct strongroom_pending : strongroom::capi::Tagged<strongroom::capi::Tag::pending> {
  explicit strongroom_pending(strongroom::PendingInit made)
      : id(strongroom::capi::hex_of(made.store)), change(std::move(made)) {}
  explicit strongroom_pending(strongroom::PendingSlots made)
      : id(strongroom::capi::hex_of(made.store)), change(std::move(made)) {}

  const strongroom::Handout& handout() const noexcept {
    if (const auto* init = std::get_if<strongroom::PendingInit>(&change)) return *init;
    return *std::get_if<strongroom::PendingSlots>(&change);
  }

  strongroom::ForkGuard guard;
  std::string id;
  mutable std::mutex mutex;  // guards what was given back; the handout never changes
  std::variant<strongroom::PendingInit, strongroom::PendingSlots> change;
};

struct strongroom_report : strongroom::capi::Tagged<strongroom::capi::Tag::report> {
  explicit strongroom_report(strongroom::SealStatus seen)
      : status(std::move(seen)),
        id(status.initialized ? strongroom::capi::hex_of(status.store) : std::string()) {}

  strongroom::SealStatus status;
  std::string id;
};

struct strongroom_text : strongroom::capi::Tagged<strongroom::capi::Tag::text> {
  explicit strongroom_text(std::string made) : text(std::move(made)) {}

  std::string text;
};

struct strongroom_names : strongroom::capi::Tagged<strongroom::capi::Tag::names> {
  explicit strongroom_names(strongroom::ListPage listed) : page(std::move(listed)) {}

  strongroom::ListPage page;
};

struct strongroom_batch : strongroom::capi::Tagged<strongroom::capi::Tag::batch> {
  struct Item {
    strongroom_status status = STRONGROOM_OK;
    std::string message;
    strongroom_secret secret;
  };

  std::vector<Item> items;
};

struct strongroom_environment : strongroom::capi::Tagged<strongroom::capi::Tag::environment> {
  explicit strongroom_environment(strongroom::mesos::ResolvedEnvironment all)
      : resolved(std::move(all)) {}

  strongroom::mesos::ResolvedEnvironment resolved;
};

struct strongroom_volumes : strongroom::capi::Tagged<strongroom::capi::Tag::volumes> {
  std::vector<strongroom::capi::FileSecret> files;
};

struct strongroom_task : strongroom::capi::Tagged<strongroom::capi::Tag::task> {
  strongroom_task(strongroom::mesos::Definition definition_, strongroom::SecretBytes text_,
                  std::string container_, strongroom::mesos::Task task_)
      : definition(definition_),
        text(std::move(text_)),
        container(std::move(container_)),
        task(std::move(task_)) {
    for (const std::string& word : task.command.words) words.push_back(word.c_str());
    words.push_back(nullptr);
  }

  // The text is read again each time that the task is resolved.
  strongroom::mesos::Definition definition;
  strongroom::SecretBytes text;
  std::string container;
  strongroom::mesos::Task task;
  std::vector<const char*> words;
};

struct strongroom_findings : strongroom::capi::Tagged<strongroom::capi::Tag::findings> {
  std::vector<strongroom::Finding> found;
};

struct strongroom_watch : strongroom::capi::Tagged<strongroom::capi::Tag::watch> {
  explicit strongroom_watch(strongroom::Watch opened) : watch(std::move(opened)) {}

  strongroom::ForkGuard guard;
  strongroom::QueueWatch watch;
};

struct strongroom_queue : strongroom::capi::Tagged<strongroom::capi::Tag::queue> {
  explicit strongroom_queue(std::unique_ptr<strongroom::Queue> made) : queue(std::move(made)) {}

  strongroom::ForkGuard guard;
  std::unique_ptr<strongroom::Queue> queue;
};

struct strongroom_events : strongroom::capi::Tagged<strongroom::capi::Tag::events> {
  explicit strongroom_events(std::vector<strongroom::WatchEvent> reported)
      : events(std::move(reported)) {}

  std::vector<strongroom::WatchEvent> events;
};

struct strongroom_policy : strongroom::capi::Tagged<strongroom::capi::Tag::policy> {
  strongroom_policy(strongroom::PolicyRules read,
                    std::shared_ptr<const strongroom::CompiledPolicy> made)
      : rules(std::move(read)), compiled(std::move(made)) {}

  strongroom::PolicyRules rules;
  std::shared_ptr<const strongroom::CompiledPolicy> compiled;
};

struct strongroom_documents : strongroom::capi::Tagged<strongroom::capi::Tag::documents> {
  struct Item {
    std::string name;
    std::uint64_t revision = 0;
    std::uint64_t changed_ms = 0;
    std::size_t text_len = 0;
    std::string text;
    bool has_text = false;
  };

  std::vector<Item> items;
};

struct strongroom_analysis : strongroom::capi::Tagged<strongroom::capi::Tag::analysis> {
  // Line is one line of the result. C sees its empty texts as NULL.
  struct Line {
    const char* kind = "";  // static
    std::string document;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string subject;
    const char* action = nullptr;  // static
    std::string path;
    bool has_path = false;
    const char* before = nullptr;  // static
    const char* after = nullptr;
    std::string text;
  };

  std::vector<Line> lines;
};
