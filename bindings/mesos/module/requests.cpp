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

// for_frameworks says what a framework may know of a failure: no names of hosts and files.
std::string for_frameworks(strongroom_status status) {
  const std::string more = "; the agent's log has the reason";
  switch (status) {
    case STRONGROOM_UNAVAILABLE:
    case STRONGROOM_TIMEOUT:
      return "the storage of the secret store cannot be reached" + more;
    case STRONGROOM_SEALED:
      return "the secret store is sealed" + more;
    case STRONGROOM_CORRUPT:
    case STRONGROOM_ROLLBACK:
      return "what is stored is damaged" + more;
    case STRONGROOM_DENIED:
      return "the agent has no access to it" + more;
    default:
      return "the secret store cannot be used" + more;
  }
}

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
      identity_(settings.identity),
      log_(std::move(log)),
      store_(settings, log_),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Trouble("no descriptor is left; raise the limit of open files");
  try {
    for (int i = 0; i < kNumStarters; ++i)
      threads_.push_back(quiet_thread([this] { start_all(); }));
    threads_.push_back(quiet_thread([this] { answer_all(); }));
    threads_.push_back(quiet_thread([this] { keep_deadlines(); }));
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
    } else if (std::max(live_.size(), waiting_.size()) >= kMaxRequests) {
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
  if (refused != nullptr) end(request, failure(*request, refused));
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
  deadlines_.notify_all();
  for (const Ref& request : left) end(request, failure(*request, "the agent is shutting down"));
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
    const bool full = !start(request);
    if (full || last || ++num % kAnswersAtOnce == 0) take_answers();
    lock.lock();
    if (full) {
      put_back(request);
      work_.wait_for(lock, kLongestStart);
    }
  }
  if (turn_ == turn) --num_leaders_;
}

// start returns false when the store's queue is full of answers that are not taken yet.
bool Requests::start(const Ref& request) {
  std::string not_open;
  const auto session = store_.session(not_open);
  if (session == nullptr) {
    end_started(request, failure(*request, not_open));
    return true;
  }
  const strongroom_message message = request->message_.view();
  strongroom_error* error = nullptr;
  const strongroom_status status =
      strongroom_queue_resolve(queue_.raw(), session->raw(), &message, 1, request.get(), &error);
  if (status == STRONGROOM_OK) return true;
  const strongroom_abi::Error why(status, error);
  if (status == STRONGROOM_TOO_LARGE && others_are_started()) return false;
  if (status == STRONGROOM_SEALED) store_.found_sealed();
  end_started(request, refusal(*request, why));
  return true;
}

bool Requests::others_are_started() const {
  const std::lock_guard lock(mutex_);
  return num_started_ > 1;
}

void Requests::put_back(const Ref& request) {
  std::list<Ref> dropped;
  leave_store(*request, dropped);
  if (!request->ended_ && !stopping_) waiting_.push_front(request);
}

// ---- answering ----

void Requests::answer_all() {
  for (;;) {
    // While a starter takes answers as well, this thread only looks now and then whether it goes on.
    const bool helped = is_led();
    struct pollfd ready[] = {{wake_, POLLIN, 0}, {queue_.fd(), POLLIN, 0}};
    static_cast<void>(
        ::poll(ready, helped ? 1 : 2, helped ? static_cast<int>(kLongestStart.count()) : -1));
    if (ready[0].revents != 0) return;
    take_answers();
  }
}

bool Requests::is_led() const {
  const std::lock_guard lock(mutex_);
  return num_leaders_ > 0;
}

// take_answers holds up to kAnswersAtOnce values in locked memory. Several threads may, and then one of them can find no
// room for its first value: that is no fault of the request, which is started again.
void Requests::take_answers() {
  const std::uint64_t before = ++num_takes_;
  bool crowded = ++num_taking_ > 1;
  strongroom_completion done[kAnswersAtOnce];
  done[0] = STRONGROOM_COMPLETION_INIT;
  std::size_t num = 0;
  static_cast<void>(strongroom_queue_next(queue_.raw(), done, kAnswersAtOnce, &num, nullptr));
  crowded = crowded || num_taking_ > 1 || num_takes_ != before;
  if (num > 0) take_all({done, num}, crowded);
  --num_taking_;
}

void Requests::take_all(Completions done, bool crowded) {
  Ref requests[kAnswersAtOnce];
  bool first[kAnswersAtOnce] = {};
  std::list<Ref> dropped;
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    wakes = num_started_ >= kMaxStarted;
    for (std::size_t i = 0; i < done.num; ++i) {
      // Until now, the request is in one of the lists.
      requests[i] = *static_cast<Request*>(done.first[i].user_data)->at_;
      leave_store(*requests[i], dropped);
      if (crowded && done.first[i].status == STRONGROOM_TOO_LARGE && !requests[i]->ended_ &&
          !stopping_) {
        waiting_.push_back(requests[i]);
        wakes = true;
      } else {
        first[i] = claim(*requests[i], dropped);
      }
    }
  }
  if (wakes) work_.notify_all();
  for (std::size_t i = 0; i < done.num; ++i) take(done.first[i], requests[i], first[i]);
}

void Requests::take(const strongroom_completion& completion, const Ref& request, bool first) {
  const strongroom_abi::Batch batch(completion.batch);
  const strongroom_abi::Error error(completion.status, completion.error);
  if (completion.status == STRONGROOM_SEALED) store_.found_sealed();
  if (!first) return;
  if (completion.status == STRONGROOM_OK)
    return give(request, {Outcome::Kind::resolved, {}, {}, batch.secret(0).reveal()});
  give(request, refusal(*request, error));
}

// ---- deadlines ----

// keep_deadlines has a thread of its own: what the agent does with an answer runs on the thread that gives it, and may
// take long.
void Requests::keep_deadlines() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    // A request that begins while this thread waits is due after timeout_ at the earliest, so waiting that long
    // misses no deadline.
    const auto now = Request::Clock::now();
    const auto due = live_.empty() ? now + timeout_ : live_.front()->begin_ + timeout_;
    if (due > now) deadlines_.wait_until(lock, due);
    lock.unlock();
    expire();
    lock.lock();
  }
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

Requests::Outcome Requests::failure(const Request& request, const std::string& why) {
  return {Outcome::Kind::failed, "secret '" + request.name_ + "' cannot be resolved: " + why};
}

// refusal tells a framework what concerns its secret. What concerns the storage may name hosts and files: that is for
// the agent's log.
Requests::Outcome Requests::refusal(const Request& request,
                                    const strongroom_abi::Error& error) const {
  const std::string what = printable(error.what());
  switch (error.status()) {
    case STRONGROOM_INVALID:
    case STRONGROOM_NOT_FOUND:
    case STRONGROOM_TOO_LARGE:
      return failure(request, what);
    case STRONGROOM_DENIED:
      // The policy's own words; what ZooKeeper denies is in others.
      if (what.rfind("'" + printable(identity_) + "' may not ", 0) == 0)
        return failure(request, what);
      break;
    default:
      break;
  }
  Outcome outcome = failure(request, for_frameworks(error.status()));
  outcome.logged = "secret '" + request.name_ + "' cannot be resolved: " + what;
  return outcome;
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
  line.reserve(outcome.text.size() + outcome.logged.size() + request.name_.size() + 64);
  if (outcome.kind == Outcome::Kind::failed) {
    line += outcome.logged.empty() ? outcome.text : outcome.logged;
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
