// gate.hpp: many readers that never wait for each other, and a rare writer that waits for all of them.
//
// A reader touches one counter that it shares with few other threads, so two cores read at twice
// the speed of one; a shared_mutex or a reference count would bounce one cache line between them.
// Readers must be short (no I/O inside), since a writer waits for every one of them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>

namespace strongroom {

// thread_stripe spreads threads over n places: the same thread always gets the same one.
inline unsigned thread_stripe(unsigned n) noexcept {
  static std::atomic<unsigned> next{0};
  thread_local unsigned mine = 0;  // constant initialization: no guard to check in every call
  if (mine == 0) [[unlikely]]
    mine = next.fetch_add(1, std::memory_order_relaxed) + 1;
  return mine % n;
}

class Gate {
 public:
  // Shared is held while reading what the gate protects. Never nest it inside a Shared or Exclusive of
  // the same gate: a writer that comes in between would wait for the outer one, and the inner one for
  // the writer, forever.
  class [[nodiscard]] Shared {
   public:
    explicit Shared(const Gate& gate) noexcept : count_(gate.counts_[thread_stripe(kStripes)].n) {
      for (;;) {
        count_.fetch_add(1, std::memory_order_seq_cst);
        if (!gate.closed_.load(std::memory_order_seq_cst)) return;
        count_.fetch_sub(1, std::memory_order_release);
        gate.closed_.wait(true, std::memory_order_acquire);
      }
    }
    ~Shared() { count_.fetch_sub(1, std::memory_order_release); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

   private:
    std::atomic<std::uint32_t>& count_;
  };

  // Exclusive is held while changing what the gate protects: there is no reader and no other writer.
  class [[nodiscard]] Exclusive {
   public:
    explicit Exclusive(const Gate& gate) : gate_(gate), writer_(gate.writer_) {
      gate_.closed_.store(true, std::memory_order_seq_cst);
      for (auto& stripe : gate_.counts_) {
        while (stripe.n.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
      }
    }
    ~Exclusive() {
      gate_.closed_.store(false, std::memory_order_seq_cst);
      gate_.closed_.notify_all();
    }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    const Gate& gate_;
    std::unique_lock<std::mutex> writer_;
  };

 private:
  static constexpr unsigned kStripes = 32;
  struct alignas(128) Count {  // two lines: a CPU may fetch the neighbour as well

    std::atomic<std::uint32_t> n{0};
  };
  mutable std::array<Count, kStripes> counts_{};
  mutable std::atomic<bool> closed_{false};
  mutable std::mutex writer_;
};

}  // namespace strongroom
