// requests.cpp: the bodies of requests.hpp.
#include "requests.hpp"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "text.hpp"

namespace strongroom_mesos {

namespace {

constexpr std::size_t kAnswersAtOnce = 64;
// How many requests wait before another starter helps.
constexpr std::size_t kEnoughForMore = 16;
// How long a start may take before another starter goes on with the others.
constexpr std::chrono::milliseconds kLongestStart{1};

}  // namespace

Message::~Message() {
  ::explicit_bzero(wire_.data(), wire_.size());
}

strongroom_message Message::view() const noexcept {
  return {wire_.data(), wire_.size(), STRONGROOM_FORMAT_WIRE, 0};
}

Request::Request(std::string wire, std::string_view name)
    : message_(std::move(wire)), name_(printable(name, kMaxNameShown)) {}

Requests::Requests(const Settings& settings, Log log)
    : timeout_(settings.timeout_ms),
      log_(std::move(log)),
      store_(settings, log_),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Trouble("no descriptor is left; raise the limit of open files");
  try {
    for (int i = 0; i < kNumStarters; ++i)
      threads_.push_back(quiet_thread([this] { start_all(); }));
    threads_.push_back(quiet_thread([this] { answer_all(); }));
  } catch (...) {
    stop();
    ::close(wake_);
    throw;
  }
}

Requests::~Requests() {
  stop();
  ::close(wake_);
}

void Requests::resolve(const Ref& request) {
  const bool too_long = request->message_.view().len > kMaxMessage;
  std::list<Ref> node{request};
  request->at_ = node.begin();
  const char* refused = nullptr;
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = "the agent is shutting down";
    } else if (too_long) {
      refused = "the message is over 65,536 bytes";
    } else if (live_.size() >= kMaxRequests) {
      refused = "16,384 requests are under way already";
    }
    live_.splice(live_.end(), node);
    if (refused == nullptr) {
      waiting_.push_back(request);
      wakes = num_leaders_ == 0 || !watched_ ||
              (waiting_.size() == kEnoughForMore && num_leaders_ < kMaxLeaders);
    }
  }
  if (wakes) work_.notify_one();
  if (refused != nullptr) {
    end(request,
        {Outcome::Kind::failed, "secret '" + request->name_ + "' cannot be resolved: " + refused});
  }
}

void Requests::discard(const Ref& request) {
  end(request, {Outcome::Kind::discarded});
}

void Requests::stop() {
  std::list<Ref> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left = live_;
    waiting_.clear();
  }
  work_.notify_all();
  for (const Ref& request : left)
    end(request, {Outcome::Kind::failed, "the agent is shutting down"});
  ::eventfd_write(wake_, 1);
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  store_.stop();
}

// ---- starting ----

void Requests::start_all() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (wants_leader()) {
      lead(lock);
    } else if (num_leaders_ == 0 || watched_) {
      work_.wait(lock);
    } else {
      const std::uint64_t before = num_begun_;
      watched_ = true;
      const bool over = work_.wait_for(lock, kLongestStart) == std::cv_status::timeout;
      watched_ = false;
      if (over && num_leaders_ > 0 && has_work() && num_begun_ == before) {
        ++turn_;
        num_leaders_ = 0;  // whoever was it finds that the turn has changed
      }
    }
  }
}

bool Requests::wants_leader() const {
  if (!has_work()) return false;
  return num_leaders_ == 0 || (num_leaders_ < kMaxLeaders && waiting_.size() >= kEnoughForMore);
}

// lead starts what waits, until there is nothing, or the turn has changed. It also takes the answers that are there
// already, as of LMDB: memory that one thread takes and another one frees is slow.
void Requests::lead(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t turn = turn_;
  ++num_leaders_;
  work_.notify_one();  // somebody must watch
  std::size_t num = 0;
  while (turn_ == turn && !stopping_ && has_work()) {
    const Ref request = std::move(waiting_.front());
    waiting_.pop_front();
    ++num_begun_;
    if (request->ended_) continue;  // too late, or not wanted any more
    request->started_ = true;
    ++num_started_;
    const bool last = waiting_.empty();
    lock.unlock();
    start(request);
    if (last || ++num % kAnswersAtOnce == 0) take_answers();
    lock.lock();
  }
  if (turn_ == turn) --num_leaders_;
}

void Requests::start(const Ref& request) {
  std::string not_open;
  const auto session = store_.session(not_open);
  if (session == nullptr) {
    return end_started(request, {Outcome::Kind::failed, "secret '" + request->name_ +
                                                            "' cannot be resolved: " + not_open});
  }
  const strongroom_message message = request->message_.view();
  strongroom_error* error = nullptr;
  const strongroom_status status =
      strongroom_queue_resolve(queue_.raw(), session->raw(), &message, 1, request.get(), &error);
  if (status == STRONGROOM_OK) return;
  if (status == STRONGROOM_SEALED) store_.found_sealed();
  end_started(request,
              {Outcome::Kind::failed, refusal(*request, strongroom_abi::Error(status, error))});
}

// ---- answering ----

void Requests::answer_all() {
  for (;;) {
    // While a starter takes answers as well, this thread only looks now and then whether it goes on.
    const bool helped = is_led();
    struct pollfd ready[] = {{wake_, POLLIN, 0}, {queue_.fd(), POLLIN, 0}};
    // Rounded up, so that the deadline is over when poll returns.
    const auto wait = helped ? kLongestStart : until_next_deadline() + std::chrono::milliseconds(1);
    static_cast<void>(::poll(ready, helped ? 1 : 2, static_cast<int>(wait.count())));
    if (ready[0].revents != 0) return;
    take_answers();
    expire();
  }
}

bool Requests::is_led() const {
  const std::lock_guard lock(mutex_);
  return num_leaders_ > 0;
}

// A request that begins while this thread waits is due after timeout_ at the earliest, so waiting that long
// misses no deadline.
std::chrono::milliseconds Requests::until_next_deadline() const {
  const std::lock_guard lock(mutex_);
  if (live_.empty()) return timeout_;
  const auto left = live_.front()->begin_ + timeout_ - Request::Clock::now();
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                  std::chrono::milliseconds(0));
}

void Requests::take_answers() {
  strongroom_completion done[kAnswersAtOnce];
  done[0] = STRONGROOM_COMPLETION_INIT;
  std::size_t num = 0;
  static_cast<void>(strongroom_queue_next(queue_.raw(), done, kAnswersAtOnce, &num, nullptr));
  if (num == 0) return;
  Ref requests[kAnswersAtOnce];
  bool first[kAnswersAtOnce] = {};
  std::list<Ref> dropped;
  bool was_full = false;
  {
    const std::lock_guard lock(mutex_);
    was_full = num_started_ >= kMaxStarted;
    for (std::size_t i = 0; i < num; ++i) {
      // Until now, the request is in one of the lists.
      requests[i] = *static_cast<Request*>(done[i].user_data)->at_;
      leave_store(*requests[i], dropped);
      first[i] = claim(*requests[i], dropped);
    }
  }
  if (was_full) work_.notify_all();
  for (std::size_t i = 0; i < num; ++i) take(done[i], requests[i], first[i]);
}

void Requests::take(const strongroom_completion& completion, const Ref& request, bool first) {
  const strongroom_abi::Batch batch(completion.batch);
  const strongroom_abi::Error error(completion.status, completion.error);
  if (completion.status == STRONGROOM_SEALED) store_.found_sealed();
  if (!first) return;
  if (completion.status == STRONGROOM_OK)
    return give(request, {Outcome::Kind::resolved, {}, batch.secret(0).reveal()});
  give(request, {Outcome::Kind::failed, refusal(*request, error)});
}

void Requests::expire() {
  for (;;) {
    Ref late;
    {
      const std::lock_guard lock(mutex_);
      if (live_.empty() || live_.front()->begin_ + timeout_ > Request::Clock::now()) return;
      late = live_.front();
    }
    end(late, {Outcome::Kind::failed, "secret '" + late->name_ + "' was not resolved within " +
                                          std::to_string(timeout_.count()) +
                                          " ms (timeout_ms of the module)"});
  }
}

// ---- the outcome ----

void Requests::end(const Ref& request, const Outcome& outcome) {
  bool first = false;
  std::list<Ref> dropped;
  {
    const std::lock_guard lock(mutex_);
    first = claim(*request, dropped);
  }
  if (first) give(request, outcome);
}

void Requests::end_started(const Ref& request, const Outcome& outcome) {
  bool first = false;
  std::list<Ref> dropped;
  {
    const std::lock_guard lock(mutex_);
    leave_store(*request, dropped);
    first = claim(*request, dropped);
  }
  if (first) give(request, outcome);
}

bool Requests::claim(Request& request, std::list<Ref>& dropped) {
  if (request.ended_) return false;
  request.ended_ = true;
  std::list<Ref>& next = request.started_ ? over_ : dropped;
  next.splice(next.end(), live_, request.at_);
  return true;
}

void Requests::leave_store(Request& request, std::list<Ref>& dropped) {
  request.started_ = false;
  --num_started_;
  if (request.ended_) dropped.splice(dropped.end(), over_, request.at_);
}

std::string Requests::refusal(const Request& request, const strongroom_abi::Error& error) {
  return "secret '" + request.name_ + "' cannot be resolved: " + printable(error.what());
}

void Requests::give(const Ref& request, const Outcome& outcome) const {
  switch (outcome.kind) {
    case Outcome::Kind::resolved:
      request->resolved(outcome.value);
      break;
    case Outcome::Kind::failed:
      request->failed(outcome.text);
      break;
    case Outcome::Kind::discarded:
      request->discarded();
      break;
  }
  note(*request, outcome);
}

void Requests::note(const Request& request, const Outcome& outcome) const {
  const auto taken =
      std::chrono::duration_cast<std::chrono::microseconds>(Request::Clock::now() - request.begin_);
  std::string line;
  line.reserve(outcome.text.size() + request.name_.size() + 64);
  if (outcome.kind == Outcome::Kind::failed) {
    line += outcome.text;
  } else {
    line += outcome.kind == Outcome::Kind::resolved ? "resolved secret '"
                                                    : "not wanted any more: secret '";
    line += request.name_;
    line += '\'';
  }
  line += " (";
  line += std::to_string(taken.count());
  line += " us)";
  log_(outcome.kind == Outcome::Kind::failed ? Severity::warning : Severity::info, line);
}

}  // namespace strongroom_mesos
