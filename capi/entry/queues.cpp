// queues.cpp: queues that collect the answers of asynchronous calls, for programs with an event
// loop.
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>

#include "batch.hpp"
#include "guard.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/queue.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// in_queue runs f(Queue&, const Session&) -> Result<void>.
template <typename F>
strongroom_status in_queue(strongroom_queue* queue, strongroom_session* session,
                           strongroom_error** out_error, F f) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(queue, "queue"));
    STRONGROOM_TRY(check_handle(session, "session"));
    return f(*queue->queue, session->caller);
  });
}

// set puts a new handle, or the status and error of the call, into a completion.
template <typename T, typename F>
void set(strongroom_completion& filled, std::uint32_t kind, T** out, F make) noexcept {
  filled.kind = kind;
  filled.status = deliver(out, &filled.error, make);
}

strongroom_completion completion_of(Completion completion) noexcept {
  strongroom_completion filled = STRONGROOM_COMPLETION_INIT;
  filled.user_data = completion.user_data;
  if (auto* const get = std::get_if<Completion::Get>(&completion.answer)) {
    set(filled, STRONGROOM_COMPLETION_GET, &filled.secret,
        [&] { return give<strongroom_secret>(std::move(*get)); });
  } else if (auto* const many = std::get_if<Completion::Resolve>(&completion.answer)) {
    set(filled, STRONGROOM_COMPLETION_RESOLVE, &filled.batch,
        [&] { return batch_or_why(std::move(*many)); });
  } else if (auto* const events = std::get_if<Completion::Events>(&completion.answer)) {
    set(filled, STRONGROOM_COMPLETION_WATCH, &filled.events,
        [&] { return give<strongroom_events>(std::move(*events)); });
  }
  return filled;
}

// Slots is the caller's array. The size of its structs may differ from ours.
class Slots {
 public:
  static Result<Slots> of(strongroom_completion* first, std::size_t capacity) {
    if (first == nullptr) return was_null("out_completions");
    if (capacity == 0) return Error{Code::invalid, "capacity is 0"};
    STRONGROOM_ASSIGN(size, struct_size_of(first));
    if (size < sizeof(strongroom_completion) || size % alignof(strongroom_completion) != 0)
      return Error{Code::invalid, "struct_size is not that of a strongroom_completion"};
    return Slots(reinterpret_cast<unsigned char*>(first), size);
  }

  void fill(std::size_t index, strongroom_completion filled) noexcept {
    unsigned char* const at = first_ + index * size_;
    filled.struct_size = size_;
    std::memset(at, 0, size_);
    std::memcpy(at, &filled, sizeof filled);
  }

 private:
  Slots(unsigned char* first, std::size_t size) : first_(first), size_(size) {}

  unsigned char* first_;
  std::size_t size_;
};

}  // namespace

strongroom_status strongroom_queue_new(strongroom_queue** out,
                                       strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [] { return give<strongroom_queue>(Queue::make()); });
}

int strongroom_queue_fd(const strongroom_queue* queue) noexcept {
  return peek(queue, -1, [](const strongroom_queue& each) { return each.queue->fd(); });
}

strongroom_status strongroom_queue_get(strongroom_queue* queue, strongroom_session* session,
                                       const char* path, const strongroom_get_options* options,
                                       void* user_data, strongroom_error** out_error) noexcept {
  return in_queue(queue, session, out_error,
                  [&](Queue& into, const Session& caller) -> Result<void> {
                    STRONGROOM_ASSIGN(wanted, path_of(path));
                    STRONGROOM_ASSIGN(read, get_options_of(options));
                    return into.get(caller, wanted, read, user_data);
                  });
}

strongroom_status strongroom_queue_resolve(strongroom_queue* queue, strongroom_session* session,
                                           const strongroom_message* messages, size_t num_messages,
                                           void* user_data, strongroom_error** out_error) noexcept {
  return in_queue(queue, session, out_error,
                  [&](Queue& into, const Session& caller) -> Result<void> {
                    STRONGROOM_ASSIGN(secrets, decode_all(messages, num_messages));
                    return into.resolve(caller, pointers_to(secrets), user_data);
                  });
}

strongroom_status strongroom_queue_watch(strongroom_queue* queue, strongroom_watch* watch,
                                         uint32_t timeout_ms, void* user_data,
                                         strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(queue, "queue"));
    STRONGROOM_TRY(check_handle(watch, "watch"));
    return queue->queue->watch(watch->watch, std::chrono::milliseconds(timeout_ms), user_data);
  });
}

strongroom_status strongroom_queue_next(strongroom_queue* queue,
                                        strongroom_completion* out_completions, size_t capacity,
                                        size_t* out_num, strongroom_error** out_error) noexcept {
  give_number(out_num, size_t{0});
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(queue, "queue"));
    if (out_num == nullptr) return was_null("out_num");
    STRONGROOM_ASSIGN(slots, Slots::of(out_completions, capacity));
    for (; *out_num < capacity; ++*out_num) {
      auto completion = queue->queue->take(*out_num > 0);
      if (!completion) break;
      slots.fill(*out_num, completion_of(std::move(*completion)));
    }
    return {};
  });
}

void strongroom_queue_free(strongroom_queue* queue) noexcept {
  release(queue);
}
