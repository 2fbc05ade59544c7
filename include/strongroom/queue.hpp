// queue.hpp: the answers of asynchronous reads, collected for a program with an event loop.
//
//   auto queue = strongroom::Queue::make();
//   queue->get(session, "db/password", {}, request);
//   ... when poll(2) says that queue->fd() is readable:
//   while (auto completion = queue->take()) handle(*completion);
//
// No callback runs, and no thread of the program waits. Answers wait as sealed envelopes in ordinary memory
// and are opened by take, so that what waits takes no locked memory. The right to read is decided when a
// call is made, and checked again when its answer is opened. It must never lose an answer or give one twice.
//
// Threads  any number at once. In a forked child every call is refused as sealed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/session.hpp"
#include "strongroom/types.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

// Completion is the answer to one call.
struct Completion {
  using Get = Result<StoredSecret>;
  using Resolve = Result<std::vector<SecretBytes>>;
  using Events = Result<std::vector<WatchEvent>>;

  void* user_data = nullptr;
  std::variant<Get, Resolve, Events> answer;
};

// QueueWatch is a watch that can be waited for through a queue, by a thread that is made for each call.
class QueueWatch {
 public:
  explicit QueueWatch(Watch watch);
  // The destructor ends a call that is under way: its completion is unavailable.
  ~QueueWatch();
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;

  // next is Watch::next; threads take turns. Errors  conflict: a queue waits for this watch.
  Result<std::vector<WatchEvent>> next(Timeout timeout);

 private:
  friend class Queue;
  struct State;
  std::unique_ptr<State> state_;
};

class Queue {
 public:
  // What a queue takes: calls whose completions were not taken yet, and bytes of envelopes that wait.
  static constexpr std::size_t kMaxCalls = 16'384;
  static constexpr std::size_t kMaxWaitingBytes = std::size_t{64} << 20;

  // make makes a queue. Errors  unavailable: no descriptor.
  static Result<std::unique_ptr<Queue>> make();
  // The destructor drops the answers that wait. Calls under way end without an answer.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // fd is readable while answers wait; it is close-on-exec. Only poll it. -1 in a forked child.
  int fd() const noexcept;

  // Each of these leads to one completion with its user_data, unless it fails.
  // Errors  of the start only: as of Session::get_async.  too_large: the queue is full.
  Result<void> get(const Session& session, std::string_view path, const GetOptions& options,
                   void* user_data);
  // The messages are borrowed for the call.
  Result<void> resolve(const Session& session, std::span<const mesos::Secret* const> secrets,
                       void* user_data);
  // Errors  conflict: a call for this watch is under way.  unavailable: no thread.
  Result<void> watch(QueueWatch& watch, Timeout timeout, void* user_data);

  // take takes one answer that waits, and opens it; nothing where none waits. It does not wait.
  //
  // or_wait  where there is not enough locked memory to open the answer, it goes on waiting, and there is
  //          nothing. Otherwise the lack is the answer.
  std::optional<Completion> take(bool or_wait = false);

 private:
  struct Item;
  struct Ticket;
  class State;

  Queue() = default;
  Result<void> check() const;
  template <typename Wanted, typename Finish>
  Result<void> begin(const Session& session, Wanted wanted, Finish finish, void* user_data);
  void read_again(std::list<Item> taken);

  std::shared_ptr<State> state_;
};

}  // namespace strongroom
