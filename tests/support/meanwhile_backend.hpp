// meanwhile_backend.hpp: a backend at which somebody else acts at a moment, just before or just after
// one of its calls. FaultyBackend's Plan knows the moments before calls alone; what happens between an
// answer of the storage and the engine's next step needs the others as well.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "forwarding_backend.hpp"
#include "strongroom/backend.hpp"

namespace strongroom::testing {

enum class Call { read, commit, scan };

struct Moment {
  Call call = Call::read;
  bool after = false;  // or else just before it

  friend bool operator==(const Moment&, const Moment&) = default;
};

// Meanwhile is shared between the backend and the test. For one thread: its act may use the same
// barrier, but no lock of it may be held at that moment.
struct Meanwhile {
  int act_at = 0;                             // which moment, counting from 0
  std::function<void()> act = nullptr;        // runs once, or again at the moments that follow
  int times = 1;                              // at most so often
  std::optional<Moment> only = std::nullopt;  // moments of this kind alone count
  bool quiet = false;                         // while somebody acts, or the test prepares

  bool acted() const noexcept { return act == nullptr || num_acts > 0; }

  void pass(Moment now) {
    if (act == nullptr || quiet || (only && *only != now)) return;
    const bool reads = now == Moment{Call::read, false};
    num_reads_since += reads && (num_acts > 0 || num_moments == act_at) ? 1 : 0;
    if (num_moments++ < act_at || num_acts == times) return;
    num_acts += 1;
    quiet = true;
    act();
    quiet = false;
  }

  int num_moments = 0;
  int num_acts = 0;
  int num_reads_since = 0;  // that began after the first act
};

class MeanwhileBackend final : public ForwardingBackend {
 public:
  MeanwhileBackend(std::unique_ptr<Backend> real, std::shared_ptr<Meanwhile> meanwhile)
      : ForwardingBackend(std::move(real)), meanwhile_(std::move(meanwhile)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    return during(Call::read, [&] { return real_->read(keys, sink, timeout); });
  }
  void read_async(std::span<const ByteView> keys, Timeout timeout, ReadCallback done) override {
    meanwhile_->pass({Call::read, false});
    real_->read_async(keys, timeout,
                      [meanwhile = meanwhile_, done = std::move(done)](
                          Result<Stamp> stamp, std::span<const Record> records) {
                        meanwhile->pass({Call::read, true});
                        done(std::move(stamp), records);
                      });
  }
  Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
    return during(Call::commit, [&] { return real_->commit(batch, timeout); });
  }
  Result<bool> scan(ByteView prefix, ByteView after, std::size_t limit, ScanSink sink,
                    Timeout timeout) override {
    return during(Call::scan, [&] { return real_->scan(prefix, after, limit, sink, timeout); });
  }

 private:
  template <typename F>
  auto during(Call call, F f) -> decltype(f()) {
    meanwhile_->pass({call, false});
    auto answer = f();
    meanwhile_->pass({call, true});
    return answer;
  }

  std::shared_ptr<Meanwhile> meanwhile_;
};

}  // namespace strongroom::testing
