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

// why returns what a framework may know about a refused call, and frees the error.
std::string why(const std::string& name, strongroom_status status, strongroom_error* error) {
  const strongroom_abi::Error owned(status, error);
  return "secret '" + name + "' cannot be resolved: " + printable(owned.what());
}

}  // namespace

Message::~Message() {
  ::explicit_bzero(wire_.data(), wire_.size());
}

strongroom_message Message::view() const noexcept {
  return {wire_.data(), wire_.size(), STRONGROOM_FORMAT_WIRE, 0};
}

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

Requests::Ref Requests::resolve(std::string wire, std::string_view name,
                                std::unique_ptr<Answer> answer) {
  const bool too_long = wire.size() > kMaxMessage;
  auto request =
      std::make_shared<Request>(std::move(wire), printable(name, kMaxNameShown), std::move(answer));
  const char* refused = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_)
      refused = "the agent is shutting down";
    else if (too_long)
      refused = "the message is over 65,536 bytes";
    else if (live_.size() >= kMaxRequests)
      refused = "16,384 requests are under way already";
    request->live = live_.insert(live_.end(), request);
    if (refused == nullptr) waiting_.push_back(request);
  }
  if (refused == nullptr) {
    work_.notify_one();
  } else {
    end(request,
        {Outcome::Kind::failed, "secret '" + request->name + "' cannot be resolved: " + refused});
  }
  return request;
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
  for (;;) {
    work_.wait(
        lock, [this] { return stopping_ || (!waiting_.empty() && started_.size() < kMaxStarted); });
    if (stopping_) return;
    const Ref request = std::move(waiting_.front());
    waiting_.pop_front();
    if (request->answer == nullptr) continue;  // too late, or not wanted any more
    request->started = started_.insert(started_.end(), request);
    lock.unlock();
    start(request);
    lock.lock();
  }
}

void Requests::start(const Ref& request) {
  std::string not_open;
  const auto session = store_.session(not_open);
  if (session == nullptr) {
    leave_started(request);
    return end(request, {Outcome::Kind::failed,
                         "secret '" + request->name + "' cannot be resolved: " + not_open});
  }
  const strongroom_message message = request->message.view();
  strongroom_error* error = nullptr;
  const strongroom_status status =
      strongroom_queue_resolve(queue_.raw(), session->raw(), &message, 1, request.get(), &error);
  if (status == STRONGROOM_OK) return;
  if (status == STRONGROOM_SEALED) store_.found_sealed();
  leave_started(request);
  end(request, {Outcome::Kind::failed, why(request->name, status, error)});
}

// ---- answering ----

void Requests::answer_all() {
  for (;;) {
    struct pollfd ready[] = {{queue_.fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
    // Rounded up, so that the deadline is over when poll returns.
    const auto wait = until_next_deadline() + std::chrono::milliseconds(1);
    static_cast<void>(::poll(ready, 2, static_cast<int>(wait.count())));
    if (ready[1].revents != 0) return;
    take_answers();
    expire();
  }
}

// A request that begins while this thread waits is due after timeout_ at the earliest, so waiting that long
// misses no deadline.
std::chrono::milliseconds Requests::until_next_deadline() const {
  const std::lock_guard lock(mutex_);
  if (live_.empty()) return timeout_;
  const auto left = live_.front()->begin + timeout_ - Clock::now();
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                  std::chrono::milliseconds(0));
}

void Requests::take_answers() {
  strongroom_completion done[kAnswersAtOnce];
  done[0] = STRONGROOM_COMPLETION_INIT;
  std::size_t num = 0;
  static_cast<void>(strongroom_queue_next(queue_.raw(), done, kAnswersAtOnce, &num, nullptr));
  for (std::size_t i = 0; i < num; ++i) take(done[i]);
}

void Requests::take(strongroom_completion& completion) {
  const strongroom_abi::Batch batch(completion.batch);
  Ref request;
  {
    // The list of started requests holds it until now.
    const std::lock_guard lock(mutex_);
    request = *static_cast<Request*>(completion.user_data)->started;
  }
  leave_started(request);
  if (completion.status == STRONGROOM_OK) {
    const auto value = batch.secret(0).reveal();
    strongroom_error_free(completion.error);
    return end(request, {Outcome::Kind::resolved, {}, value});
  }
  if (completion.status == STRONGROOM_SEALED) store_.found_sealed();
  end(request, {Outcome::Kind::failed, why(request->name, completion.status, completion.error)});
}

void Requests::expire() {
  for (;;) {
    Ref late;
    {
      const std::lock_guard lock(mutex_);
      if (live_.empty() || live_.front()->begin + timeout_ > Clock::now()) return;
      late = live_.front();
    }
    end(late, {Outcome::Kind::failed, "secret '" + late->name + "' was not resolved within " +
                                          std::to_string(timeout_.count()) +
                                          " ms (timeout_ms of the module)"});
  }
}

// ---- the outcome ----

void Requests::end(const Ref& request, const Outcome& outcome) {
  std::unique_ptr<Answer> answer;
  {
    const std::lock_guard lock(mutex_);
    if (request->answer == nullptr) return;
    answer = std::move(request->answer);
    live_.erase(request->live);
  }
  switch (outcome.kind) {
    case Outcome::Kind::resolved:
      answer->resolved(outcome.value);
      break;
    case Outcome::Kind::failed:
      answer->failed(outcome.text);
      break;
    case Outcome::Kind::discarded:
      answer->discarded();
      break;
  }
  note(*request, outcome);
}

void Requests::leave_started(const Ref& request) {
  bool was_full = false;
  {
    const std::lock_guard lock(mutex_);
    was_full = started_.size() >= kMaxStarted;
    started_.erase(request->started);
  }
  if (was_full) work_.notify_all();
}

void Requests::note(const Request& request, const Outcome& outcome) const {
  const auto taken =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - request.begin);
  const std::string after = " (" + std::to_string(taken.count()) + " us)";
  switch (outcome.kind) {
    case Outcome::Kind::resolved:
      return log_(Severity::info, "resolved secret '" + request.name + "'" + after);
    case Outcome::Kind::discarded:
      return log_(Severity::info, "secret '" + request.name + "' was not wanted any more" + after);
    case Outcome::Kind::failed:
      return log_(Severity::warning, outcome.text + after);
  }
}

}  // namespace strongroom_mesos
