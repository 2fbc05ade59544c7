// faulty_backend.hpp: a backend that fails one call in a chosen way, and may then be dead for good.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "strongroom/backend.hpp"

namespace strongroom::testing {

enum class Fault {
  refused,  // unavailable: nothing was done
  lost,     // indeterminate: nothing was done
  unheard,  // indeterminate: it was done
};

// Plan is shared between the backend and the test that steers it.
struct Plan {
  int fail_at = -1;  // which call from now on, counting from 0; -1: none
  Fault fault = Fault::refused;
  bool dead_after = false;  // the process stopped there
  int num_calls = 0;
  bool dead = false;
};

class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> real, std::shared_ptr<Plan> plan)
      : real_(std::move(real)), plan_(std::move(plan)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    if (fails()) return trouble(Code::unavailable);
    return real_->read(keys, sink, timeout);
  }

  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    if (!fails()) return real_->commit(batch, timeout);
    if (plan_->fault == Fault::unheard) (void)real_->commit(batch, timeout);
    return trouble(plan_->fault == Fault::refused ? Code::unavailable : Code::indeterminate);
  }

  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    if (fails()) return trouble(Code::unavailable);
    return real_->scan(prefix, after, limit, sink, timeout);
  }

  Result<void> sync(Timeout timeout) override {
    if (fails()) return trouble(Code::unavailable);
    return real_->sync(timeout);
  }

  std::string url() const override { return real_->url(); }

 private:
  bool fails() {
    if (plan_->dead) return true;
    const bool now = plan_->num_calls++ == plan_->fail_at;
    plan_->dead = now && plan_->dead_after;
    return now;
  }
  static Error trouble(Code code) { return {code, "the storage failed, as the test wished"}; }

  std::unique_ptr<Backend> real_;
  std::shared_ptr<Plan> plan_;
};

}  // namespace strongroom::testing
