// faulty_backend.hpp: a backend that does ill to one call in a chosen way, and may then be dead for
// good. A Plan steers it; every call counts, whatever it does. Calls of several threads come one after
// the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "forwarding_backend.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::testing {

// A read that is lost, unheard, late or torn is one that failed; done twice, it is done once.
enum class Fault {
  refused,  // unavailable: nothing was done
  lost,     // indeterminate: nothing was done
  unheard,  // indeterminate: it was done
  late,     // indeterminate: it is done when the storage has answered late_by more calls
  twice,    // done, and the same commit once more by its own rules; the first answer is heard
  dropped,  // timeout: no answer came, nothing was done
  torn,     // indeterminate: the first torn_at bytes were done (a storage that is not atomic)
};

inline const char* name_of(Fault fault) {
  const char* names[] = {"refused", "lost", "unheard", "late", "twice", "dropped", "torn"};
  return names[static_cast<int>(fault)];
}

// Plan is shared between the backend and the test that steers it.
struct Plan {
  int fail_at = -1;  // which call from now on, counting from 0; -1: none
  Fault fault = Fault::refused;
  bool dead_after = false;  // the process stopped there
  int num_calls = 0;
  bool dead = false;
  std::size_t torn_at = 0;
  int late_by = 1;
  std::function<void(int)> before_call = nullptr;  // somebody else acts before call k
  bool hit = false;                                // call fail_at was made,
  std::size_t hit_len = 0;                         // and was a commit of so many bytes
  std::function<void()> pending = nullptr;         // a late commit that is still under way
  int pending_in = 0;

  // step counts a step, and tells whether it is the one to fail. A backend's calls are steps; what
  // a test does with its hands (handing out, writing a file) may be one as well.
  bool step() {
    const int call = num_calls++;
    if (pending && pending_in-- <= 0) deliver();
    if (before_call) before_call(call);
    if (call != fail_at) return false;
    hit = true;
    return true;
  }

  // deliver does what is still under way: a network may do so long after its sender died.
  void deliver() {
    if (auto commit = std::exchange(pending, nullptr)) commit();
  }
};

// OwnedChanges is a batch that outlives the call it came with.
class OwnedChanges {
 public:
  explicit OwnedChanges(std::span<const Change> batch) {
    for (const Change& change : batch) {
      owned_.push_back({{change.key.begin(), change.key.end()},
                        {change.value.begin(), change.value.end()},
                        change.kind,
                        change.expected});
    }
  }

  std::size_t num_bytes() const {
    std::size_t sum = 0;
    for (const Owned& change : owned_) sum += put_len(change);
    return sum;
  }

  // tear leaves what reaches a storage when it stops after len bytes: the puts before are whole,
  // the one it falls into begins new and goes on old, what comes later stays as it was.
  void tear(Backend& real, std::size_t len) {
    for (Owned& change : owned_) {
      const std::size_t done = std::min(len, put_len(change));
      if (change.kind == Change::Kind::put && done < change.value.size()) {
        if (done == 0) {
          change.kind = Change::Kind::check;
        } else {
          splice(change.value, stored(real, change.key), done);
        }
      } else if (change.kind == Change::Kind::erase && len == 0) {
        change.kind = Change::Kind::check;
      }
      len -= done;
    }
  }

  Result<Commit> commit(Backend& real, Timeout timeout) const {
    std::vector<Change> batch;
    for (const Owned& change : owned_) {
      batch.push_back({change.kind, change.key, change.value, change.expected});
    }
    return real.commit(batch, timeout);
  }

 private:
  using Bytes = std::vector<std::uint8_t>;
  struct Owned {
    Bytes key;
    Bytes value;
    Change::Kind kind;
    Version expected;
  };

  static std::size_t put_len(const Owned& change) {
    return change.kind == Change::Kind::put ? change.value.size() : 0;
  }
  static Bytes stored(Backend& real, ByteView key) {
    Bytes value;
    (void)real.read(
        std::span(&key, 1),
        [&](std::size_t, const Record& record) {
          value.assign(record.value.begin(), record.value.end());
        },
        kDefaultTimeout);
    return value;
  }
  static void splice(Bytes& value, const Bytes& old, std::size_t done) {
    value.resize(done);
    if (old.size() > done) {
      value.insert(value.end(), old.begin() + static_cast<std::ptrdiff_t>(done), old.end());
    }
  }

  std::vector<Owned> owned_;
};

class FaultyBackend final : public ForwardingBackend {
 public:
  FaultyBackend(std::unique_ptr<Backend> real, std::shared_ptr<Plan> plan)
      : ForwardingBackend(std::move(real)), plan_(std::move(plan)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    const std::lock_guard one_by_one(mutex_);
    if (auto fine = enter(); !fine) return fine.error();
    return real_->read(keys, sink, timeout);
  }

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    const std::lock_guard one_by_one(mutex_);
    if (plan_->dead) return trouble(Code::unavailable);
    if (!plan_->step()) return real_->commit(batch, timeout);
    return faulty_commit(batch, timeout);
  }

  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    const std::lock_guard one_by_one(mutex_);
    if (auto fine = enter(); !fine) return fine.error();
    return real_->scan(prefix, after, limit, sink, timeout);
  }

  Result<void> snapshot(std::span<const ByteView> first, SnapshotSink sink,
                        Timeout timeout) override {
    const std::lock_guard one_by_one(mutex_);
    if (auto fine = enter(); !fine) return fine;
    return real_->snapshot(first, sink, timeout);
  }

  Result<void> sync(Timeout timeout) override {
    const std::lock_guard one_by_one(mutex_);
    if (auto fine = enter(); !fine) return fine.error();
    return real_->sync(timeout);
  }

 private:
  // enter is the way into a call that changes nothing.
  Result<void> enter() {
    if (plan_->dead) return trouble(Code::unavailable);
    if (!plan_->step()) return {};
    plan_->dead = plan_->dead_after;
    if (plan_->fault == Fault::twice && !plan_->dead) return {};
    return trouble(plan_->fault == Fault::dropped ? Code::timeout : Code::unavailable);
  }

  Result<Commit> faulty_commit(std::span<const Change> batch, Timeout timeout) {
    OwnedChanges changes(batch);
    plan_->hit_len = changes.num_bytes();
    plan_->dead = plan_->dead_after;
    switch (plan_->fault) {
      case Fault::refused:
        return trouble(Code::unavailable);
      case Fault::dropped:
        return trouble(Code::timeout);
      case Fault::lost:
        break;
      case Fault::unheard:
        (void)real_->commit(batch, timeout);
        break;
      case Fault::late:
        plan_->pending_in = plan_->late_by;
        plan_->pending = [real = real_, changes, timeout] { (void)changes.commit(*real, timeout); };
        break;
      case Fault::twice: {
        auto heard = real_->commit(batch, timeout);
        (void)real_->commit(batch, timeout);
        if (plan_->dead) break;
        return heard;
      }
      case Fault::torn:
        changes.tear(*real_, plan_->torn_at);
        (void)changes.commit(*real_, timeout);
        break;
    }
    return trouble(Code::indeterminate);
  }

  static Error trouble(Code code) { return {code, "the storage failed, as the test wished"}; }

  std::recursive_mutex mutex_;  // who acts meanwhile may do so through this
  std::shared_ptr<Plan> plan_;
};

}  // namespace strongroom::testing
