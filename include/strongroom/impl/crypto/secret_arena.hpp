// secret_arena.hpp: locked memory for values, up to a stated budget.
//
// A guarded allocation per value would cost 8 us, and would fail after a few thousand; a slot of this
// arena costs a few ns. Every page is locked (never swapped) and excluded from core dumps, and every slot
// is wiped when it is released. The arena must never return unlocked memory unless the host allowed it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

class SecretArena {
  struct Stripe;
  struct Chunk;

 public:
  // Slot is one allocation; free it with release.
  using Slot = detail::ArenaSlot;

  static constexpr std::size_t kDefaultBudget = std::size_t{4} << 20;

  // instance is the arena of this process; a forked child gets one of its own.
  static SecretArena& instance();

  // allocate returns a slot of at least len bytes, contents unspecified (zeros or wiped).
  // Errors  too_large: over the budget.  unavailable: the system refused to map or to lock.
  Result<Slot> allocate(std::size_t len);

  // release wipes the first used_len bytes and frees the slot. In a forked child it only wipes.
  static void release(Slot slot, std::size_t used_len) noexcept;

  // set_budget changes how many bytes may be locked for values from now on; what is in use stays.
  void set_budget(std::size_t bytes) noexcept;

  // allow_unlocked does what allow_unlocked_secrets of secret_bytes.hpp promises.
  void allow_unlocked(bool allowed) noexcept { unlocked_allowed_.store(allowed); }

  SecretMemory stats() const noexcept {
    return {budget_.load(), reserved_.load(), unlocked_allowed_.load()};
  }

 private:
  static constexpr unsigned kStripes = 16;
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kChunk = std::size_t{32} << 10;
  static constexpr std::size_t kMaxSlot = std::size_t{1} << 30;
  static constexpr std::array<std::size_t, 14> kClasses = {
      64, 128, 256, 512, 768, 1024, 1280, 2048, 3072, 4096, 5120, 8192, 10240, 16384};

  // SpinLock is held for a few instructions, never across a system call; a mutex costs twice as much.
  class SpinLock {
   public:
    void lock() noexcept {
      while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    }
    void unlock() noexcept { flag_.clear(std::memory_order_release); }

   private:
    std::atomic_flag flag_;
  };

  // Chunk is one mapping, cut into equal slots. Free slots are kept as indexes, outside the mapping, so
  // that a stray write through a stale pointer cannot steer the allocator.
  // It is aligned so that two threads' chunks never share a cache line (or the pair that a CPU fetches).
  struct alignas(128) Chunk {
    SecretArena* arena = nullptr;
    Stripe* stripe = nullptr;
    std::uint8_t* bytes = nullptr;
    std::size_t slot_len = 0;
    bool locked = false;
    std::size_t num_free = 0;
    std::array<std::uint16_t, kChunk / kClasses.front()> free;  // the first num_free
    std::size_t len = 0;
    std::size_t num_slots = 0;
    std::unique_ptr<Chunk> next;  // of those about to be dropped

    bool idle() const noexcept { return num_free == num_slots; }
    bool may_serve() const noexcept {
      return num_free != 0 && (locked || arena->unlocked_allowed_.load());
    }
    ~Chunk();
  };
  using Chunks = std::vector<std::unique_ptr<Chunk>>;

  struct alignas(128) Stripe {
    SpinLock lock;
    std::array<Chunks, kClasses.size() + 1> chunks;  // the last: slots larger than any class
    std::array<Chunk*, kClasses.size()> recent{};    // where the last free slot of a class was seen

    Slot take(std::size_t size, std::size_t kind) noexcept;

    Slot add(std::unique_ptr<Chunk> chunk, std::size_t kind);

    static Slot pop(Chunk& chunk) noexcept;

    // take_row finds adjacent free slots, in a chunk of any class, that together hold len bytes.
    Slot take_row(std::size_t len) noexcept;

    static Slot row_of(Chunk& chunk, std::size_t len) noexcept;

    void give_back(Chunk& chunk, const Slot& slot) noexcept;

    // drop_idle unmaps every chunk that nothing uses.
    void drop_idle() noexcept;
  };

  explicit SecretArena(std::uint64_t epoch) noexcept : epoch_(epoch) {}

  void adopt_limits_of(const SecretArena& other) noexcept;

  // kClassOf[n] is the class of n times 64 bytes: every class is a multiple of that.
  static constexpr auto kClassOf = [] {
    std::array<std::uint8_t, kClasses.back() / 64 + 1> table{};
    std::size_t kind = 0;
    for (std::size_t n = 0; n < table.size(); ++n) {
      if (n * 64 > kClasses[kind]) ++kind;
      table[n] = static_cast<std::uint8_t>(kind);
    }
    return table;
  }();

  // class_of returns the smallest class that len fits, or kClasses.size() for a mapping of its own.
  static std::size_t class_of(std::size_t len) noexcept {
    return len > kClasses.back() ? kClasses.size() : kClassOf[(len + 63) / 64];
  }

  static std::size_t slot_size(std::size_t len, std::size_t kind) noexcept {
    return kind < kClasses.size() ? kClasses[kind] : (len + kPage - 1) / kPage * kPage;
  }

  bool reserve(std::size_t len) noexcept;

  void drop_idle() noexcept {
    for (auto& each : stripes_) each.drop_idle();
  }

  // take_anywhere is used when nothing more can be mapped: it takes holes in the chunks of other sizes
  // and threads. Otherwise a few small values, one in each chunk, could use up a whole budget.
  Slot take_anywhere(std::size_t len) noexcept;

  Result<std::unique_ptr<Chunk>> map_chunk(Stripe& stripe, std::size_t size, std::size_t kind);

  static Error no_memory() { return {Code::unavailable, "the system gave no memory for a secret"}; }

  Error over_budget(std::size_t size) const;

  const std::uint64_t epoch_;
  std::array<Stripe, kStripes> stripes_;
  std::mutex mapping_;
  std::atomic<std::size_t> budget_{kDefaultBudget};
  std::atomic<std::size_t> reserved_{0};
  std::atomic<bool> unlocked_allowed_{false};
};

}  // namespace strongroom
