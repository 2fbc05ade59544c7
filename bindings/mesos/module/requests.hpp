// requests.hpp: resolves that are under way, none of which blocks its caller.
//
//   resolve ──> waiting ──> a starter ──> the store's queue ──> the answering thread ──> outcome
//                    └─────────── the deadline, a discard ───────────────────────────────┘
//
// Starters hand messages to the store, since even the start of a call may wait: for changed policies, or for a page of
// an LMDB file. One of them leads, and more do while much waits. Another one watches, and takes the lead when nothing
// was started for a millisecond. So a call whose start waits holds up no other request, until as many wait as there are
// starters. Answers are taken from the completion queue by the leaders, and by a thread of its own; another one
// looks after the deadlines. Each request gets exactly one outcome, whatever comes first. It must never keep a caller waiting, and
// never lose a request.
//
// Threads  any number at once.
#pragma once

#include <atomic>
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

// Request is one resolve. It is made by its owner, who is passed the outcome: exactly one of the three functions is
// called, once, on any thread.
class Request {
 public:
  // wire  of a Secret message that has a reference.
  // name  of the secret, for the log.
  Request(std::string wire, std::string_view name);
  virtual ~Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  virtual void resolved(std::string_view value) = 0;  // borrowed, in locked memory
  virtual void failed(const std::string& text) = 0;
  virtual void discarded() = 0;

 private:
  friend class Requests;
  using Clock = std::chrono::steady_clock;

  const Message message_;
  const std::string name_;  // printable
  const Clock::time_point begin_ = Clock::now();

  // Under the mutex of Requests.
  bool ended_ = false;                                // it has its outcome
  bool started_ = false;                              // its completion is still to come
  std::list<std::shared_ptr<Request>>::iterator at_;  // in live_, or else in over_
};

class Requests {
 public:
  using Ref = std::shared_ptr<Request>;

  // What may wait at once, and what may be under way in the store at once; how long a message may be.
  static constexpr std::size_t kMaxRequests = 16'384;
  static constexpr std::size_t kMaxStarted = 4'000;
  static constexpr std::size_t kMaxMessage = 65'536;
  static constexpr int kNumStarters = 4;
  static constexpr int kMaxLeaders = 3;

  // Throws  as of OpenStore.
  Requests(const Settings& settings, Log log);
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // resolve begins a request and returns at once.
  void resolve(const Ref& request);

  // discard ends a request, if nothing else has.
  void discard(const Ref& request);

  // stop fails what is under way, and ends the threads.
  void stop();

 private:
  struct Outcome {
    enum class Kind { resolved, failed, discarded } kind;
    std::string text{};        // of a failure, for the framework
    std::string logged{};      // of a failure, for the agent's log; empty: as text
    std::string_view value{};  // borrowed
  };

  // ---- starters ----

  void start_all();
  void lead(std::unique_lock<std::mutex>& lock);
  bool wants_leader() const;
  bool has_work() const { return !waiting_.empty() && num_started_ < kMaxStarted; }
  bool start(const Ref& request);
  bool others_are_started() const;
  void put_back(const Ref& request);  // needs the mutex

  // ---- the answering thread ----

  void answer_all();
  bool is_led() const;
  struct Completions {
    strongroom_completion* first;
    std::size_t num;
  };
  void take_answers();
  void take_all(Completions done, bool crowded);
  void take(const strongroom_completion& completion, const Ref& request, bool first);

  // ---- the thread of the deadlines ----

  void keep_deadlines();
  void expire();

  // ---- outcomes ----

  // end gives a request its outcome, unless it has one.
  void end(const Ref& request, const Outcome& outcome);
  // end_started is end for a call that the store has nothing to do with any more.
  void end_started(const Ref& request, const Outcome& outcome);
  static Outcome failure(const Request& request, const std::string& why);
  Outcome refusal(const Request& request, const strongroom_abi::Error& error) const;
  void give(const Ref& request, const Outcome& outcome) const;
  void note(const Request& request, const Outcome& outcome) const;

  // These need the mutex. Each moves the request out of the list that it need not be in any longer.
  // claim returns whether the request had no outcome yet: the caller gives it one.
  bool claim(Request& request, std::list<Ref>& dropped);
  void leave_store(Request& request, std::list<Ref>& dropped);

  const std::chrono::milliseconds timeout_;
  const std::string identity_;
  const Log log_;
  OpenStore store_;
  strongroom_abi::Queue queue_;
  int wake_ = -1;  // an eventfd that ends the answering thread

  std::atomic<int> num_taking_{0};           // threads that hold answers
  std::atomic<std::uint64_t> num_takes_{0};  // grows when one begins to

  mutable std::mutex mutex_;  // of all below
  std::condition_variable work_;
  std::condition_variable deadlines_;
  std::list<Ref> live_;          // without an outcome, by deadline: all have the same time
  std::list<Ref> over_;          // with an outcome, whose completion is still to come
  std::deque<Ref> waiting_;      // to be started
  std::size_t num_started_ = 0;  // whose completion is still to come
  int num_leaders_ = 0;
  std::uint64_t turn_ = 0;       // grows when the lead is taken from those who have it
  bool watched_ = false;         // a starter looks whether the leaders make progress
  std::uint64_t num_begun_ = 0;  // that progress
  bool stopping_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace strongroom_mesos
