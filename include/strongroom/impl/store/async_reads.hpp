// async_reads.hpp: reads that complete through a callback, on the thread that brings the answer; opened,
// or still sealed for a thread that opens them later.
//
// It decides and confirms as PolicyInForce::under does, in two halves. Over memory and LMDB the answer comes
// on the caller's thread, before read_many returns. Over ZooKeeper it comes on the backend's own thread, which
// must not wait for the backend. A read that would have to wait there (the header changed and must be read, a
// record did not open under keys that changed, a policy must be read) is done again as a plain read, on a
// thread that is made when it is first needed. It must never call back twice, or after it is destroyed.
//
// Threads  any number at once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class AsyncReads {
 public:
  using Secrets = SecretReader::Secrets;
  // done is called once. It must be short, must not wait for the store that it was passed to, and must not
  // free a store. An exception is dropped.
  using Callback = std::function<void(Result<Secrets>)>;

  // Wanted is what to read: each of the paths, by the right to an action on them, or on `judged`.
  struct Wanted {
    Action action;
    std::vector<Path> paths;
    std::optional<Path> judged;
    ReadOptions options;
  };

  class Arrival;
  using ArrivalCallback = std::function<void(Arrival)>;

  // What may be under way at once.
  static constexpr std::size_t kMaxCalls = 4096;
  static constexpr std::size_t kMaxSecrets = 65'536;

  // in_callback returns whether this thread is inside a callback, of any store: it must not wait for one.
  static bool in_callback() noexcept;

  AsyncReads(Backend& backend, SecretReader& reader, PolicyInForce& policy, Timeout timeout)
      : backend_(backend), reader_(reader), policy_(policy), timeout_(timeout) {}
  AsyncReads(const AsyncReads&) = delete;
  AsyncReads& operator=(const AsyncReads&) = delete;

  // The destructor returns when every callback has returned: within about a timeout, since reads that wait
  // for the thread get unavailable. In a forked child it does not wait.
  ~AsyncReads();

  // read_many is SecretReader::read_many without waiting, for an identity that has the right to it. Its
  // result is passed to done. A fresh read takes the slow way, on the thread that is made for it.
  // Errors  of the start only, and done is not called then: denied; sealed.  unavailable: too much is
  //         under way already. When called on the backend's own thread, errors that need a storage read
  //         to detect are passed to done instead of being returned.
  Result<void> read_many(const Identity& who, Wanted wanted, Callback done);

  // read_sealed passes the records on as they were read, still sealed. The callback is called again for
  // each Arrival::read_again, and must keep the store while it exists.
  Result<void> read_sealed(const Identity& who, Wanted wanted, ArrivalCallback arrived);

 private:
  // Envelope is a record as it was read.
  struct Envelope {
    std::vector<std::uint8_t> bytes;
    Version version = kAbsent;
    std::chrono::milliseconds age{0};
  };

  struct Call {
    Call(const Identity& asks, Wanted wanted, Callback callback, ArrivalCallback on_arrival)
        : who(asks),
          paths(std::move(wanted.paths)),
          judged(std::move(wanted.judged)),
          options(wanted.options),
          request(wanted.action, judged ? std::span(&*judged, 1) : std::span(paths)),
          done(std::move(callback)),
          arrived(std::move(on_arrival)) {}

    bool stays_sealed() const noexcept { return arrived != nullptr; }

    const Identity who;
    const std::vector<Path> paths;
    const std::optional<Path> judged;
    const ReadOptions options;
    const Request request;
    std::optional<Permit> permit;  // none: not decided yet
    Callback done;
    const ArrivalCallback arrived;    // instead of done
    std::vector<Envelope> envelopes;  // where they stay sealed
    SecretReader::Lookup lookup;
    Result<Stamp> stamp{Stamp{0}};
    const std::thread::id starter = std::this_thread::get_id();
    bool starting = true;  // the starter is still inside read_async; only it uses this
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

  Result<void> begin(const CallPtr& call);

  Result<void> start(const CallPtr& call);

  // take keeps a record for the time when it is opened.
  static void take(Call& call, std::size_t i, const Record& record);

  // arrived runs on the thread that the backend chooses. On the caller's own thread it only takes the
  // records: the backend may hold a lock there.
  void arrived(const CallPtr& call, Result<Stamp> stamp, std::span<const Record> records);

  void complete_later(const CallPtr& call);

  void complete(const CallPtr& call);

  // outcome gives nothing when this thread would have to wait for it.
  std::optional<Result<Secrets>> outcome(Call& call);

  // decide and confirm give nothing when this thread would have to wait for it.
  std::optional<Result<Permit>> decide(const Call& call);
  std::optional<Result<void>> confirm(const Call& call);

  // answer may be the last thing that happens here: the destructor waits only for it.
  void answer(Call& call, Result<Secrets> secrets);

  // follow follows the keys that a call was read under. Returns  whether that needs no waiting.
  bool follow(Call& call);

  // hand_over passes the call on to its arrival callback, as answer does.
  void hand_over(const CallPtr& call);

  // ---- counting ----

  Result<void> admit(const Call& call);
  void count(const Call& call);  // needs the mutex
  void leave(const Call& call);
  void finished();

  // ---- the slow way ----

  void read_again(const CallPtr& call);

  // make_worker needs the mutex. Our thread must not receive the host's signals.
  bool make_worker();

  void work();

  Result<Secrets> reread(const Call& call);

  // fetch_again reads the records of a call that stays sealed, and keeps why that failed.
  void fetch_again(Call& call);

  static Error no_memory() { return {Code::unavailable, "memory ran out"}; }
  static Error was_closed() {
    return {Code::unavailable, "the store was closed while the secret was read"};
  }

  const ForkGuard guard_;
  Backend& backend_;
  SecretReader& reader_;
  PolicyInForce& policy_;
  const Timeout timeout_;
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

// AsyncReads::Arrival is a read whose records have arrived and are still sealed. It must not outlive the
// store. Threads  one at a time.
class AsyncReads::Arrival {
 public:
  // size_bytes is how much ordinary memory its envelopes take.
  std::size_t size_bytes() const noexcept;

  // load copies the envelopes into the locked memory that they are opened in.
  // Errors  too_large, unavailable: there is not enough of it. The envelopes stay; load may be tried again.
  Result<void> load();

  // open opens what was loaded, if the right to it still holds.
  // Returns  nothing where it would have to wait for the storage: read it again.
  std::optional<Result<Secrets>> open();

  // read_again reads the records once more, on another thread; another Arrival is passed to the callback.
  void read_again();

 private:
  friend class AsyncReads;
  Arrival(AsyncReads& reads, CallPtr call) : reads_(&reads), call_(std::move(call)) {}

  AsyncReads* reads_;
  CallPtr call_;
};

}  // namespace strongroom
