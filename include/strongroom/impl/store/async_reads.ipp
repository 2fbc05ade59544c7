// async_reads.ipp: the bodies of async_reads.hpp.
#include <cstddef>
#include <cstdint>
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
#include "strongroom/impl/base/quiet_thread.hpp"
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

Result<void> AsyncReads::read_many(const Identity& who, Wanted wanted, Callback done) {
  return begin(std::make_shared<Call>(who, std::move(wanted), std::move(done), nullptr));
}

Result<void> AsyncReads::read_sealed(const Identity& who, Wanted wanted, ArrivalCallback arrived) {
  return begin(std::make_shared<Call>(who, std::move(wanted), nullptr, std::move(arrived)));
}

Result<void> AsyncReads::begin(const CallPtr& call) {
  if (!guard_.same_process())
    return Error{Code::sealed,
                 "this handle belongs to the parent process; open the store again in this one"};
  auto decided = decide(*call);
  if (decided && !*decided) return std::move(*decided).error();
  if (decided) call->permit = decided->value();
  STRONGROOM_ASSIGN(lookup, reader_.locate(call->paths));
  call->lookup = std::move(lookup);
  STRONGROOM_TRY(admit(*call));
  if (decided && !call->options.fresh) return start(call);
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
  try {
    for (std::size_t i = 0; stamp && i < records.size() && i < call->paths.size(); ++i)
      take(*call, i, records[i]);
    call->stamp = std::move(stamp);
  } catch (const std::bad_alloc&) {
    call->stamp = no_memory();
  }
  if (call->starter == std::this_thread::get_id() && call->starting) {
    call->landed = true;
    return;
  }
  const bool before = std::exchange(detail::async_reads::on_storage_thread, true);
  complete_later(call);
  detail::async_reads::on_storage_thread = before;
}

void AsyncReads::take(Call& call, std::size_t i, const Record& record) {
  if (!call.stays_sealed()) return call.lookup.take(i, record);
  call.envelopes.resize(call.paths.size());
  call.envelopes[i] = {{record.value.begin(), record.value.end()}, record.version, record.age};
}

void AsyncReads::complete_later(const CallPtr& call) {
  detail::async_reads::deliver([this, call] { complete(call); });
}

void AsyncReads::complete(const CallPtr& call) {
  if (call->stays_sealed()) return follow(*call) ? hand_over(call) : read_again(call);
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

bool AsyncReads::follow(Call& call) {
  if (!call.stamp) return true;
  if (detail::async_reads::on_storage_thread) return reader_.is_current(call.stamp.value());
  if (auto followed = reader_.follow(call.stamp.value()); !followed)
    call.stamp = std::move(followed).error();
  return true;
}

void AsyncReads::hand_over(const CallPtr& call) {
  leave(*call);
  try {
    call->arrived(Arrival(*this, call));
  } catch (...) {  // theirs
  }
  finished();
}

Result<void> AsyncReads::admit(const Call& call) {
  const std::lock_guard lock(state_->mutex);
  if (state_->num_calls == kMaxCalls || state_->num_secrets + call.paths.size() > kMaxSecrets) {
    return Error{Code::unavailable,
                 "4,096 calls or 65,536 secrets were under way already; wait for some of them"};
  }
  count(call);
  return {};
}

void AsyncReads::count(const Call& call) {
  state_->num_calls += 1;
  state_->num_secrets += call.paths.size();
  state_->num_unfinished += 1;
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
  if (!call->stays_sealed()) return answer(*call, std::move(why));
  call->stamp = std::move(why);
  hand_over(call);
}

bool AsyncReads::make_worker() {
  if (!state_->worker.joinable()) state_->worker = quiet_thread([this] { work(); });
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
    detail::async_reads::deliver([&] {
      if (!call->stays_sealed()) return answer(*call, closing ? was_closed() : reread(*call));
      closing ? void(call->stamp = was_closed()) : fetch_again(*call);
      hand_over(call);
    });
    lock.lock();
  }
}

Result<AsyncReads::Secrets> AsyncReads::reread(const Call& call) {
  try {
    return policy_.under(call.who, call.request,
                         [&] { return reader_.read_many(call.paths, call.options); });
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

void AsyncReads::fetch_again(Call& call) {
  try {
    call.stamp = [&]() -> Result<Stamp> {
      STRONGROOM_ASSIGN(permit, policy_.decide(call.who, call.request));
      call.permit = permit;
      STRONGROOM_ASSIGN(lookup, reader_.locate(call.paths));
      call.lookup = std::move(lookup);
      return reader_.fetch(call.lookup, call.options,
                           [&](std::size_t i, const Record& record) { take(call, i, record); });
    }();
  } catch (const std::bad_alloc&) {
    call.stamp = no_memory();
  }
}

std::size_t AsyncReads::Arrival::size_bytes() const noexcept {
  std::size_t size = 0;
  for (const Envelope& each : call_->envelopes) size += each.bytes.size();
  return size;
}

Result<void> AsyncReads::Arrival::load() {
  if (!call_->stamp) return {};
  auto& fetched = call_->lookup.fetched;
  for (std::size_t i = 0; i < call_->envelopes.size(); ++i) {
    const Envelope& each = call_->envelopes[i];
    fetched[i].take({{}, each.bytes, each.version, each.age});
    const Result<void>& copied = fetched[i].copied;
    if (copied || copied.error().code == Code::corrupt) continue;
    Error why = copied.error();
    for (Fetched& loaded : fetched) {
      Fetched empty;
      empty.floor = loaded.floor;
      loaded = std::move(empty);
    }
    return why;
  }
  return {};
}

std::optional<Result<AsyncReads::Secrets>> AsyncReads::Arrival::open() {
  Call& call = *call_;
  if (!call.stamp) return Result<Secrets>(call.stamp.error());
  auto secrets = reads_->reader_.open_later(call.lookup);
  if (!secrets) return std::nullopt;
  auto confirmed = reads_->policy_.confirm_at_once(call.who, call.request, call.permit);
  if (!confirmed) return std::nullopt;
  if (!*confirmed) return Result<Secrets>(std::move(*confirmed).error());
  return Result<Secrets>(std::move(*secrets));
}

void AsyncReads::Arrival::read_again() {
  call_->lookup = {};
  call_->envelopes.clear();
  {
    const std::lock_guard lock(reads_->state_->mutex);
    reads_->count(*call_);
  }
  reads_->read_again(call_);
}

}  // namespace strongroom
