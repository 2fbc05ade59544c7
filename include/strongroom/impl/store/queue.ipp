// queue.ipp: the bodies of queue.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"
#include "strongroom/impl/base/round.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/impl/store/async_reads.hpp"
#include "strongroom/impl/store/engine.hpp"
#include "strongroom/impl/store/secret_requests.hpp"
#include "strongroom/queue.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/session.hpp"
#include "strongroom/watch.hpp"

namespace strongroom {

namespace detail::queue {

// Signal is a pipe that is readable while there are bytes in it. The end that the program polls is a copy: a program
// that closes it does not make the queue write into another file of the same number.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() { close(); }

  void close() noexcept {
    struct stat ours {};
    struct stat polled {};
    const bool same = polled_ >= 0 && ::fstat(read_, &ours) == 0 &&
                      ::fstat(polled_, &polled) == 0 && ours.st_ino == polled.st_ino &&
                      ours.st_dev == polled.st_dev;
    if (same) ::close(polled_);
    if (read_ >= 0) ::close(read_);
    if (write_ >= 0) ::close(write_);
    read_ = write_ = polled_ = -1;
  }

  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    read_ = ends[0];
    write_ = ends[1];
    polled_ = ::fcntl(read_, F_DUPFD_CLOEXEC, 0);
    return polled_ >= 0;
  }

  int fd() const noexcept { return polled_; }

  void put_byte() noexcept {
    const char byte = 0;
    while (::write(write_, &byte, 1) < 0 && errno == EINTR) {
    }
  }

  // take_bytes returns how many of them were not there yet.
  std::size_t take_bytes(std::size_t num) noexcept {
    char byte = 0;
    while (num > 0) {
      const auto taken = ::read(read_, &byte, 1);
      if (taken == 1) --num;
      if (taken != 1 && errno != EINTR) break;
    }
    return num;
  }

 private:
  int read_ = -1;
  int write_ = -1;
  int polled_ = -1;
};

static Error dead() {
  return {Code::sealed, "this queue belongs to the parent process; make one in this process"};
}

static Error no_memory() {
  return {Code::unavailable, "memory ran out"};
}

static Error busy() {
  return {Code::conflict, "this watch is being waited for already; one call at a time"};
}

// answer_of is f(), or that memory ran out.
template <typename R, typename F>
static R answer_of(F f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

}  // namespace detail::queue

// ---- what waits ----

// Item is one call: on its way, or waiting with its answer. It keeps the store, so it must never be
// destroyed on the storage's thread outside of a callback.
struct Queue::Item {
  using Answer = decltype(Completion::answer);
  using Finish = std::function<Answer(Result<AsyncReads::Secrets>)>;

  void* user_data = nullptr;
  std::optional<Session> session{};
  Finish finish{};                               // from what a read gave to the answer
  std::optional<AsyncReads::Arrival> arrival{};  // of a read; after session, which it needs
  std::optional<Answer> ready{};                 // of a watch
  std::weak_ptr<Ticket> ticket{};                // of a read: where the item goes to be read again
  std::size_t size_bytes = 0;

  // open opens the arrival. Returns  nothing where it must be read again.
  std::optional<Result<AsyncReads::Secrets>> open() {
    return detail::queue::answer_of<std::optional<Result<AsyncReads::Secrets>>>(
        [&] { return arrival->open(); });
  }

  void conclude(Result<AsyncReads::Secrets> secrets) {
    try {
      ready = finish(std::move(secrets));
    } catch (const std::bad_alloc&) {
      ready = finish(detail::queue::no_memory());
    }
  }
};

// Ticket has the item of a call that is on its way. It is made with the call, so that an answer that arrives
// needs no memory to be queued.
struct Queue::Ticket {
  std::list<Item> item = std::list<Item>(1);
};

// State is what the queue and the calls on their way share. Answers arrive in the inbox; takers move all of it
// to the outbox at once, so that they seldom meet the storage's thread. The pipe has a byte while answers
// wait. Bytes are written and read outside of the inbox's lock: a thread that is woken must not wait for it.
class Queue::State : public std::enable_shared_from_this<Queue::State> {
 public:
  bool same_process() const noexcept { return guard_.same_process(); }
  bool open() { return signal_.open(); }
  int fd() const noexcept { return signal_.fd(); }

  Result<void> admit() {
    const bool full =
        num_calls_.fetch_add(1) >= kMaxCalls || waiting_bytes_.load() >= kMaxWaitingBytes;
    if (!full) return {};
    leave();
    return Error{Code::too_large, "the queue is full; take answers first"};
  }

  // leave ends a call: it was taken, or did not begin.
  void leave() noexcept { num_calls_.fetch_sub(1); }

  void push(std::list<Item> item) noexcept {
    waiting_bytes_.fetch_add(item.front().size_bytes);
    bool raises = false;
    {
      const std::lock_guard lock(inbox_mutex_);
      if (closed_) return;  // the item is destroyed after the lock is released
      inbox_.splice(inbox_.end(), item);
      raises = raise();
    }
    if (raises) Round::at_end([state = shared_from_this()] { state->signal_.put_byte(); });
  }

  // pop returns the item that has waited longest, or an empty list.
  std::list<Item> pop() noexcept {
    std::list<Item> item;
    const std::lock_guard lock(outbox_mutex_);
    if (outbox_.empty()) {
      const std::lock_guard inbox_lock(inbox_mutex_);
      outbox_.swap(inbox_);
    }
    if (!outbox_.empty()) {
      item.splice(item.end(), outbox_, outbox_.begin());
      waiting_bytes_.fetch_sub(item.front().size_bytes);
    }
    if (outbox_.empty()) lower();
    return item;
  }

  void put_back(std::list<Item> item) noexcept {
    waiting_bytes_.fetch_add(item.front().size_bytes);
    const std::lock_guard lock(outbox_mutex_);
    bool raises = false;
    {
      const std::lock_guard inbox_lock(inbox_mutex_);
      if (closed_) return;
      outbox_.splice(outbox_.begin(), item);
      raises = raise();
    }
    if (raises) signal_.put_byte();
  }

  bool closed() const noexcept { return closed_; }

  // close_descriptors is for a forked child, which must not touch anything else.
  void close_descriptors() noexcept { signal_.close(); }

  void close() noexcept {
    std::list<Item> dropped;
    const std::lock_guard lock(outbox_mutex_);
    const std::lock_guard inbox_lock(inbox_mutex_);
    closed_ = true;
    dropped.swap(outbox_);
    dropped.splice(dropped.end(), inbox_);
  }

 private:
  // raise needs the inbox's lock. Returns  whether its caller must put a byte.
  bool raise() noexcept {
    if (raised_) return false;
    raised_ = true;
    ++num_bytes_;
    return true;
  }

  // lower takes the bytes, if the inbox is empty as well. One that is put too late is taken next time.
  void lower() noexcept {
    std::size_t num = 0;
    {
      const std::lock_guard inbox_lock(inbox_mutex_);
      if (!inbox_.empty()) return;
      raised_ = false;
      num = std::exchange(num_bytes_, 0);
    }
    const std::size_t late = num > 0 ? signal_.take_bytes(num) : 0;
    if (late == 0) return;
    const std::lock_guard inbox_lock(inbox_mutex_);
    num_bytes_ += late;
  }

  const ForkGuard guard_;
  std::atomic<std::size_t> num_calls_{0};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<bool> closed_{false};

  std::mutex outbox_mutex_;  // before the other
  std::list<Item> outbox_;

  std::mutex inbox_mutex_;
  std::list<Item> inbox_;
  bool raised_ = false;        // answers wait, or are about to be taken
  std::size_t num_bytes_ = 0;  // in the pipe, or about to be put there

  detail::queue::Signal signal_;
};

// ---- the queue ----

Result<std::unique_ptr<Queue>> Queue::make() {
  std::unique_ptr<Queue> queue(new Queue());
  queue->state_ = std::make_shared<State>();
  if (!queue->state_->open())
    return Error{Code::unavailable, "no descriptor for a queue: raise the limit of open files"};
  return queue;
}

Queue::~Queue() {
  if (!state_) return;
  if (state_->same_process()) {
    state_->close();
    return;
  }
  state_->close_descriptors();
  static_cast<void>(
      new std::shared_ptr<State>(state_));  // its lock, and what waits, are the parent's
}

int Queue::fd() const noexcept {
  return state_->same_process() ? state_->fd() : -1;
}

Result<void> Queue::check() const {
  return state_->same_process() ? Result<void>() : detail::queue::dead();
}

template <typename Wanted, typename Finish>
Result<void> Queue::begin(const Session& session, Wanted wanted, Finish finish, void* user_data) {
  auto ticket = std::make_shared<Ticket>();
  Item& item = ticket->item.front();
  item.user_data = user_data;
  item.session = session;
  item.finish = std::move(finish);
  item.ticket = ticket;
  const auto arrived = [state = state_, ticket](AsyncReads::Arrival arrival) {
    std::list<Item> landed = std::move(ticket->item);
    landed.front().size_bytes = arrival.size_bytes();
    landed.front().arrival = std::move(arrival);
    state->push(std::move(landed));
  };
  STRONGROOM_TRY(state_->admit());
  auto begun = detail::queue::answer_of<Result<void>>(
      [&] { return session.engine_->async.read_sealed(session.who_, std::move(wanted), arrived); });
  if (!begun) state_->leave();
  return begun;
}

Result<void> Queue::get(const Session& session, std::string_view path, const GetOptions& options,
                        void* user_data) {
  STRONGROOM_TRY(check());
  STRONGROOM_ASSIGN(wanted, wanted_secret(path, options));
  auto finish = [path = std::string(path), key = std::optional<std::string>(options.key)](
                    Result<AsyncReads::Secrets> secrets) -> Item::Answer {
    return Completion::Get(only_secret(std::move(secrets), path, key));
  };
  return begin(session, std::move(wanted), std::move(finish), user_data);
}

Result<void> Queue::resolve(const Session& session, std::span<const mesos::Secret* const> secrets,
                            void* user_data) {
  STRONGROOM_TRY(check());
  STRONGROOM_ASSIGN(plan, resolution_of(secrets));
  auto finish = [plan](Result<AsyncReads::Secrets> found) -> Item::Answer {
    if (!found) return Completion::Resolve(std::move(found).error());
    std::size_t failed = 0;
    return Completion::Resolve(plan->finish(std::move(found).value(), failed));
  };
  return begin(session, AsyncReads::Wanted{session.resolving(), plan->paths(), {}, {}},
               std::move(finish), user_data);
}

std::optional<Completion> Queue::take(bool or_wait) {
  if (!check()) return std::nullopt;
  for (;;) {
    std::list<Item> taken = state_->pop();
    if (taken.empty()) return std::nullopt;
    Item& item = taken.front();
    if (!item.ready) {
      const auto loaded =
          detail::queue::answer_of<Result<void>>([&] { return item.arrival->load(); });
      if (!loaded && or_wait) {
        state_->put_back(std::move(taken));
        return std::nullopt;
      }
      auto secrets =
          loaded ? item.open() : std::optional(Result<AsyncReads::Secrets>(loaded.error()));
      if (!secrets) {
        read_again(std::move(taken));
        continue;
      }
      item.conclude(std::move(*secrets));
    }
    state_->leave();
    return Completion{item.user_data, std::move(*item.ready)};
  }
}

void Queue::read_again(std::list<Item> taken) {
  const Session kept = *taken.front().session;  // another thread may take the item, and end it
  AsyncReads::Arrival arrival = std::move(*taken.front().arrival);
  taken.front().arrival.reset();
  const auto ticket = taken.front().ticket.lock();
  ticket->item = std::move(taken);
  arrival.read_again();
}

// ---- watches ----

struct QueueWatch::State {
  static constexpr std::chrono::milliseconds kSlice{100};

  explicit State(Watch opened) : watch(std::move(opened)) {}

  // wait waits until something changed, the time is over, or nobody wants to know any more.
  template <typename Unwanted>
  Result<std::vector<WatchEvent>> wait(Timeout timeout, Unwanted unwanted) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      const auto left = std::chrono::duration_cast<Timeout>(
          std::max(deadline - std::chrono::steady_clock::now(),
                   std::chrono::steady_clock::duration::zero()));
      auto events = next(std::min<Timeout>(left, kSlice));
      const bool away = !events && (events.error().code == Code::unavailable ||
                                    events.error().code == Code::timeout);
      const bool goes_on = away || (events && events->empty());
      if (!goes_on || left <= kSlice) return events;
      if (unwanted()) return Error{Code::unavailable, "the watch was freed"};
      if (away) std::this_thread::sleep_for(kSlice);
    }
  }

  Result<std::vector<WatchEvent>> next(Timeout timeout) {
    try {
      const std::lock_guard one_at_a_time(turn);
      return watch.next(timeout);
    } catch (const std::bad_alloc&) {
      return detail::queue::no_memory();
    }
  }

  const ForkGuard guard;
  std::mutex turn;  // of the watch
  Watch watch;

  std::mutex mutex;  // of all below
  std::size_t num_next = 0;
  bool queued = false;  // a queue waits
  std::thread thread;   // that waits, or did last

  std::atomic<bool> freed{false};
};

QueueWatch::QueueWatch(Watch watch) : state_(std::make_unique<State>(std::move(watch))) {}

QueueWatch::~QueueWatch() {
  if (!state_->guard.same_process()) {
    static_cast<void>(state_.release());  // its lock and thread are the parent's
    return;
  }
  state_->freed = true;
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::vector<WatchEvent>> QueueWatch::next(Timeout timeout) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queued) return detail::queue::busy();
    ++state_->num_next;
  }
  auto events = state_->next(timeout);
  const std::lock_guard lock(state_->mutex);
  --state_->num_next;
  return events;
}

Result<void> Queue::watch(QueueWatch& watch, Timeout timeout, void* user_data) {
  STRONGROOM_TRY(check());
  auto item = std::make_shared<std::list<Item>>(1);
  item->front().user_data = user_data;
  QueueWatch::State& waiting = *watch.state_;
  const std::lock_guard lock(waiting.mutex);
  if (waiting.queued || waiting.num_next > 0) return detail::queue::busy();
  STRONGROOM_TRY(state_->admit());
  if (waiting.thread.joinable()) waiting.thread.join();  // it has nothing left to do
  waiting.thread = quiet_thread([state = state_, item, timeout, &waiting] {
    item->front().ready =
        Completion::Events(waiting.wait(timeout, [&] { return waiting.freed || state->closed(); }));
    {
      const std::lock_guard done(waiting.mutex);
      waiting.queued = false;
    }
    state->push(std::move(*item));
  });
  waiting.queued = waiting.thread.joinable();
  if (waiting.queued) return {};
  state_->leave();
  return Error{Code::unavailable, "the system gave no thread to wait for changes on"};
}

}  // namespace strongroom
