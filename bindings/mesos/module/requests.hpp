// requests.hpp: resolves that are under way, none of which blocks its caller.
//
//   resolve ──> waiting ──> a starter ──> the store's queue ──> the answering thread ──> Answer
//                    └─────────── the deadline, a discard ───────────────────────────────┘
//
// Starters hand messages to the store, since even the start of a call may wait: for changed policies, or for
// a page of an LMDB file. There are several, so that one that waits holds up no other request. One thread
// takes the answers from the completion queue, and looks after the deadlines. Each request gets exactly one
// outcome, whatever comes first. It must never keep a caller waiting, and never lose a request.
//
// Threads  any number at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "open_store.hpp"
#include "settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroom_mesos {

// Answer takes the outcome of one request. Exactly one of these is called, once, from any thread.
class Answer {
 public:
  virtual ~Answer() = default;
  virtual void resolved(std::string_view value) = 0;  // borrowed, in locked memory
  virtual void failed(const std::string& text) = 0;
  virtual void discarded() = 0;
};

// Message is the wire form of a Secret message. It may carry a value, so it is wiped.
class Message {
 public:
  explicit Message(std::string wire) noexcept : wire_(std::move(wire)) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message();
  strongroom_message view() const noexcept;

 private:
  std::string wire_;
};

class Requests {
 public:
  using Clock = std::chrono::steady_clock;
  // Request is one resolve; what it is made of is the business of Requests.
  struct Request;
  using Ref = std::shared_ptr<Request>;

  // What may wait at once, and what may be under way in the store at once; how long a message may be.
  static constexpr std::size_t kMaxRequests = 16'384;
  static constexpr std::size_t kMaxStarted = 4'000;
  static constexpr std::size_t kMaxMessage = 65'536;
  static constexpr int kNumStarters = 4;

  // Throws  as of OpenStore.
  Requests(const Settings& settings, Log log);
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // resolve begins a request and returns at once.
  //
  // wire  of a Secret message that has a reference.
  // name  of the secret, for the log.
  Ref resolve(std::string wire, std::string_view name, std::unique_ptr<Answer> answer);

  // discard ends a request, if nothing else has.
  void discard(const Ref& request);

  // stop fails what is under way, and ends the threads.
  void stop();

 private:
  struct Outcome {
    enum class Kind { resolved, failed, discarded } kind;
    std::string text{};        // of a failure
    std::string_view value{};  // borrowed
  };

  void start_all();
  void start(const Ref& request);
  void answer_all();
  void take_answers();
  void take(strongroom_completion& completion);
  void expire();
  std::chrono::milliseconds until_next_deadline() const;

  // end gives a request its outcome, unless it has one.
  void end(const Ref& request, const Outcome& outcome);
  bool leave_live(const Ref& request);
  void leave_started(const Ref& request);
  void note(const Request& request, const Outcome& outcome) const;

  const std::chrono::milliseconds timeout_;
  const Log log_;
  OpenStore store_;
  strongroom_abi::Queue queue_;
  int wake_ = -1;  // an eventfd that ends the answering thread

  mutable std::mutex mutex_;  // of all below
  std::condition_variable work_;
  std::list<Ref> live_;      // without an outcome, by deadline: all have the same time
  std::deque<Ref> waiting_;  // to be started
  std::list<Ref> started_;   // whose completion is still to come; they may have an outcome
  bool stopping_ = false;

  std::vector<std::thread> threads_;
};

struct Requests::Request {
  Request(std::string wire, std::string_view shown_name, std::unique_ptr<Answer> to)
      : message(std::move(wire)), name(shown_name), answer(std::move(to)) {}

  const Message message;
  const std::string name;  // printable
  const Clock::time_point begin = Clock::now();

  // Under the mutex of Requests.
  std::unique_ptr<Answer> answer;  // null: it has its outcome
  std::list<Ref>::iterator live;
  std::list<Ref>::iterator started;
};

}  // namespace strongroom_mesos
