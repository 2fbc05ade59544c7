// async_reads.hpp: reads that complete through a callback, on the thread that brings the answer.
//
// Over memory and LMDB that is the caller's, before read_many returns; over ZooKeeper the backend's
// own, where nothing may wait for the backend. What would have to (the header changed and must be
// read, a record did not open under keys that changed, a policy must be read) is done again as a plain
// read, on a thread that is made when it is needed first. It must never call back twice, or after it is gone.
//
// Threads  any number at once.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

namespace detail {

// Deliveries are the calls that landed while this thread is inside a callback: they are answered
// when that returned, so that a callback which asks for more never runs inside itself.
using Deliveries = std::deque<std::function<void()>>;
inline constinit thread_local Deliveries* deliveries = nullptr;

// deliver runs f now, or after the callback that this thread is in.
template <typename F>
void deliver(F f) {
  if (deliveries != nullptr) {
    try {
      deliveries->emplace_back(f);
      return;
    } catch (const std::bad_alloc&) {  // then inside the callback after all
      return f();
    }
  }
  Deliveries mine;
  deliveries = &mine;
  f();
  for (; !mine.empty(); mine.pop_front()) mine.front()();
  deliveries = nullptr;
}

// on_storage_thread: this thread is the backend's, which must not wait for itself.
inline constinit thread_local bool on_storage_thread = false;

}  // namespace detail

class AsyncReads {
 public:
  using Secrets = SecretReader::Secrets;
  // done is called once, must be short, must not wait for the store that it was handed to, and must
  // free no store. What it throws is dropped.
  using Callback = std::function<void(Result<Secrets>)>;

  // Review says whether the secrets may be handed out. It is asked before they are read, and again
  // after, since a right may have gone meanwhile; what it fails with is heard instead of them.
  //
  // may_wait  false: on a thread that must not wait for the storage. Then it may return nothing:
  //           it is asked again on another thread, before and after another read. What that finds
  //           is heard by the callback, where it might have been an error of the start.
  using Review =
      std::function<std::optional<Result<void>>(std::span<const Path> paths, bool may_wait)>;

  // What may be under way at once.
  static constexpr std::size_t kMaxCalls = 4096;
  static constexpr std::size_t kMaxSecrets = 65'536;

  // in_callback tells whether this thread is inside a callback, of any store: it must wait for none.
  static bool in_callback() noexcept { return detail::deliveries != nullptr; }

  AsyncReads(Backend& backend, SecretReader& reader, Timeout timeout)
      : backend_(backend), reader_(reader), timeout_(timeout) {}
  AsyncReads(const AsyncReads&) = delete;
  AsyncReads& operator=(const AsyncReads&) = delete;

  // The destructor returns when every callback has: within about a timeout, since what waits for
  // the plain read is told unavailable. In a forked child it waits for nobody.
  ~AsyncReads() {
    if (!guard_.same_process()) {
      static_cast<void>(state_.release());  // its lock and thread are the parent's
      return;
    }
    std::unique_lock lock(state_->mutex);
    state_->closing = true;
    state_->changed.notify_all();
    state_->changed.wait(lock, [&] { return state_->num_unfinished == 0; });
    lock.unlock();
    if (state_->worker.joinable()) state_->worker.join();
  }

  // read_many is SecretReader::read_many without waiting. done hears what that returns.
  // review  none: everything may be handed out.
  // Errors  of the start alone, and done is not called then: sealed.  unavailable: too much is under
  //         way already.
  Result<void> read_many(std::vector<Path> paths, Callback done, Review review = nullptr) {
    if (!guard_.same_process())
      return Error{Code::sealed,
                   "this handle belongs to the parent process; open the store again in this one"};
    auto call = std::make_shared<Call>(std::move(paths), std::move(done), std::move(review));
    auto may = judge(*call, !detail::on_storage_thread);
    if (may && !*may) return std::move(*may);
    auto lookup = reader_.locate(call->paths);
    if (!lookup) return std::move(lookup).error();
    call->lookup = std::move(lookup).value();
    if (auto room = admit(*call); !room) return room;
    if (may) return start(call);
    call->lookup = {};
    detail::deliver([this, call] { read_again(call); });
    return {};
  }

 private:
  struct Call {
    Call(std::vector<Path> wanted, Callback callback, Review judge)
        : paths(std::move(wanted)), done(std::move(callback)), review(std::move(judge)) {}

    const std::vector<Path> paths;
    Callback done;
    Review review;
    SecretReader::Lookup lookup;
    Result<Stamp> stamp{Stamp{0}};
    const std::thread::id starter = std::this_thread::get_id();
    bool starting = true;  // the starter is still inside read_async; nobody else looks at it
    bool landed = false;   // likewise
    std::atomic<bool> answered{false};
  };
  using CallPtr = std::shared_ptr<Call>;

  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t num_calls = 0;       // begun, and their callback not called yet
    std::size_t num_secrets = 0;     // of these calls
    std::size_t num_unfinished = 0;  // begun, and their callback not returned yet
    std::deque<CallPtr> slow;        // to be read again, waiting
    bool closing = false;
    std::thread worker;
  };

  // ---- the usual way ----

  Result<void> start(const CallPtr& call) {
    const std::vector<ByteView> wanted = call->lookup.wanted();
    try {
      backend_.read_async(wanted, timeout_,
                          [this, call](Result<Stamp> stamp, std::span<const Record> records) {
                            arrived(call, std::move(stamp), records);
                          });
    } catch (const std::bad_alloc&) {
      if (!call->answered.exchange(true)) {
        leave(*call);
        finished();
        return no_memory();
      }
    }
    call->starting = false;
    if (call->landed) complete_later(call);
    return {};
  }

  // arrived runs on whatever thread the backend has for it. On the caller's own it only takes what
  // came: the backend may hold a lock there.
  void arrived(const CallPtr& call, Result<Stamp> stamp, std::span<const Record> records) {
    if (call->answered.exchange(true)) return;
    for (std::size_t i = 0; stamp && i < records.size() && i < call->paths.size(); ++i)
      call->lookup.take(i, records[i]);
    call->stamp = std::move(stamp);
    if (call->starter == std::this_thread::get_id() && call->starting) {
      call->landed = true;
      return;
    }
    const bool before = std::exchange(detail::on_storage_thread, true);
    complete_later(call);
    detail::on_storage_thread = before;
  }

  void complete_later(const CallPtr& call) {
    detail::deliver([this, call] { complete(call); });
  }

  void complete(const CallPtr& call) {
    auto secrets = outcome(*call);
    auto reviewed = secrets ? judge(*call, !detail::on_storage_thread) : std::nullopt;
    if (reviewed && !*reviewed) return answer(*call, std::move(*reviewed).error());
    if (reviewed) return answer(*call, std::move(*secrets));
    call->lookup = {};  // locked memory, which is scarce
    read_again(call);
  }

  // outcome gives nothing when this thread would have to wait for it.
  std::optional<Result<Secrets>> outcome(Call& call) {
    if (!call.stamp) return Result<Secrets>(std::move(call.stamp).error());
    try {
      if (!detail::on_storage_thread) return reader_.finish(call.lookup, call.stamp.value());
      auto secrets = reader_.finish_at_once(call.lookup, call.stamp.value());
      if (!secrets) return std::nullopt;
      return Result<Secrets>(std::move(*secrets));
    } catch (const std::bad_alloc&) {
      return Result<Secrets>(no_memory());
    }
  }

  // judge gives nothing when this thread would have to wait for it.
  static std::optional<Result<void>> judge(const Call& call, bool may_wait) {
    if (!call.review) return Result<void>();
    try {
      return call.review(call.paths, may_wait);
    } catch (const std::bad_alloc&) {
      return Result<void>(no_memory());
    } catch (...) {  // of the host's policy
      return Result<void>(Error{Code::internal, "deciding failed"});
    }
  }

  // answer may be the last that happens here: the destructor waits for it, and for nothing more.
  void answer(Call& call, Result<Secrets> secrets) {
    leave(call);
    Callback done = std::exchange(call.done, nullptr);
    try {
      done(std::move(secrets));
    } catch (...) {  // theirs
    }
    done = nullptr;  // what it holds on to goes before the store may
    call.review = nullptr;
    finished();
  }

  // ---- counting ----

  Result<void> admit(const Call& call) {
    const std::lock_guard lock(state_->mutex);
    if (state_->num_calls == kMaxCalls || state_->num_secrets + call.paths.size() > kMaxSecrets) {
      return Error{Code::unavailable,
                   "4,096 calls or 65,536 secrets were under way already; wait for some of them"};
    }
    state_->num_calls += 1;
    state_->num_secrets += call.paths.size();
    state_->num_unfinished += 1;
    return {};
  }
  void leave(const Call& call) {
    const std::lock_guard lock(state_->mutex);
    state_->num_calls -= 1;
    state_->num_secrets -= call.paths.size();
  }
  void finished() {
    const std::lock_guard lock(state_->mutex);
    if (--state_->num_unfinished == 0) state_->changed.notify_all();
  }

  // ---- the slow way ----

  void read_again(const CallPtr& call) {
    Error why = was_closed();
    try {
      const std::lock_guard lock(state_->mutex);
      if (!state_->closing && make_worker()) {
        state_->slow.push_back(call);
        state_->changed.notify_all();
        return;
      }
      if (!state_->closing) why = {Code::unavailable, "the system gave no thread to read again on"};
    } catch (const std::bad_alloc&) {
      why = no_memory();
    }
    answer(*call, std::move(why));
  }

  // make_worker needs the mutex. The host's signals are not for our thread.
  bool make_worker() {
    if (state_->worker.joinable()) return true;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return false;
    try {
      state_->worker = std::thread([this] { work(); });
    } catch (const std::exception&) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return state_->worker.joinable();
  }

  void work() {
    std::unique_lock lock(state_->mutex);
    for (;;) {
      state_->changed.wait(lock, [&] { return state_->closing || !state_->slow.empty(); });
      if (state_->slow.empty()) return;
      const CallPtr call = std::move(state_->slow.front());
      state_->slow.pop_front();
      const bool closing = state_->closing;
      lock.unlock();
      detail::deliver([&] { answer(*call, closing ? was_closed() : reread(*call)); });
      lock.lock();
    }
  }

  Result<Secrets> reread(const Call& call) {
    if (auto may = judge(call, true); may && !*may) return std::move(*may).error();
    auto secrets = read_plainly(call.paths);
    if (auto may = judge(call, true); may && !*may) return std::move(*may).error();
    return secrets;
  }
  Result<Secrets> read_plainly(std::span<const Path> paths) {
    try {
      return reader_.read_many(paths);
    } catch (const std::bad_alloc&) {
      return no_memory();
    }
  }

  static Error no_memory() { return {Code::unavailable, "memory ran out"}; }
  static Error was_closed() {
    return {Code::unavailable, "the store was closed while the secret was read"};
  }

  const ForkGuard guard_;
  Backend& backend_;
  SecretReader& reader_;
  const Timeout timeout_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace strongroom
