// async_reads.ipp: the bodies of async_reads.hpp.
#include <pthread.h>
#include <signal.h>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/store/async_reads.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace detail::async_reads {

// Deliveries are the calls that landed while this thread is inside a callback: they are answered
// when that returned, so that a callback which asks for more never runs inside itself.
using Deliveries = std::deque<std::function<void()>>;
static constinit thread_local Deliveries* deliveries = nullptr;

// deliver runs f now, or after the callback that this thread is in.
template <typename F>
static void deliver(F f) {
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
static constinit thread_local bool on_storage_thread = false;

}  // namespace detail::async_reads

bool AsyncReads::in_callback() noexcept {
  return detail::async_reads::deliveries != nullptr;
}

AsyncReads::~AsyncReads() {
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

Result<void> AsyncReads::read_many(const Identity& who, Action action, std::vector<Path> paths,
                                   Callback done) {
  if (!guard_.same_process())
    return Error{Code::sealed,
                 "this handle belongs to the parent process; open the store again in this one"};
  auto call = std::make_shared<Call>(who, action, std::move(paths), std::move(done));
  auto decided = decide(*call);
  if (decided && !*decided) return std::move(*decided).error();
  if (decided) call->permit = decided->value();
  STRONGROOM_ASSIGN(lookup, reader_.locate(call->paths));
  call->lookup = std::move(lookup);
  STRONGROOM_TRY(admit(*call));
  if (decided) return start(call);
  call->lookup = {};
  detail::async_reads::deliver([this, call] { read_again(call); });
  return {};
}

Result<void> AsyncReads::start(const CallPtr& call) {
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

void AsyncReads::arrived(const CallPtr& call, Result<Stamp> stamp,
                         std::span<const Record> records) {
  if (call->answered.exchange(true)) return;
  for (std::size_t i = 0; stamp && i < records.size() && i < call->paths.size(); ++i)
    call->lookup.take(i, records[i]);
  call->stamp = std::move(stamp);
  if (call->starter == std::this_thread::get_id() && call->starting) {
    call->landed = true;
    return;
  }
  const bool before = std::exchange(detail::async_reads::on_storage_thread, true);
  complete_later(call);
  detail::async_reads::on_storage_thread = before;
}

void AsyncReads::complete_later(const CallPtr& call) {
  detail::async_reads::deliver([this, call] { complete(call); });
}

void AsyncReads::complete(const CallPtr& call) {
  auto secrets = outcome(*call);
  auto confirmed = secrets ? confirm(*call) : std::nullopt;
  if (confirmed && !*confirmed) return answer(*call, std::move(*confirmed).error());
  if (confirmed) return answer(*call, std::move(*secrets));
  call->lookup = {};  // locked memory, which is scarce
  read_again(call);
}

std::optional<Result<AsyncReads::Secrets>> AsyncReads::outcome(Call& call) {
  if (!call.stamp) return Result<Secrets>(std::move(call.stamp).error());
  try {
    if (!detail::async_reads::on_storage_thread)
      return reader_.finish(call.lookup, call.stamp.value());
    auto secrets = reader_.finish_at_once(call.lookup, call.stamp.value());
    if (!secrets) return std::nullopt;
    return Result<Secrets>(std::move(*secrets));
  } catch (const std::bad_alloc&) {
    return Result<Secrets>(no_memory());
  }
}

std::optional<Result<Permit>> AsyncReads::decide(const Call& call) {
  if (detail::async_reads::on_storage_thread) return policy_.decide_at_once(call.who, call.request);
  return policy_.decide(call.who, call.request);
}

std::optional<Result<void>> AsyncReads::confirm(const Call& call) {
  try {
    if (detail::async_reads::on_storage_thread)
      return policy_.confirm_at_once(call.who, call.request, call.permit);
    return policy_.confirm(call.who, call.request, call.permit);
  } catch (const std::bad_alloc&) {
    return Result<void>(no_memory());
  }
}

void AsyncReads::answer(Call& call, Result<Secrets> secrets) {
  leave(call);
  Callback done = std::exchange(call.done, nullptr);
  try {
    done(std::move(secrets));
  } catch (...) {  // theirs
  }
  done = nullptr;  // what it holds on to goes before the store may
  finished();
}

Result<void> AsyncReads::admit(const Call& call) {
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

void AsyncReads::leave(const Call& call) {
  const std::lock_guard lock(state_->mutex);
  state_->num_calls -= 1;
  state_->num_secrets -= call.paths.size();
}

void AsyncReads::finished() {
  const std::lock_guard lock(state_->mutex);
  if (--state_->num_unfinished == 0) state_->changed.notify_all();
}

void AsyncReads::read_again(const CallPtr& call) {
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

bool AsyncReads::make_worker() {
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

void AsyncReads::work() {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    state_->changed.wait(lock, [&] { return state_->closing || !state_->slow.empty(); });
    if (state_->slow.empty()) return;
    const CallPtr call = std::move(state_->slow.front());
    state_->slow.pop_front();
    const bool closing = state_->closing;
    lock.unlock();
    detail::async_reads::deliver([&] { answer(*call, closing ? was_closed() : reread(*call)); });
    lock.lock();
  }
}

Result<AsyncReads::Secrets> AsyncReads::reread(const Call& call) {
  try {
    return policy_.under(call.who, call.request, [&] { return reader_.read_many(call.paths); });
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

}  // namespace strongroom
