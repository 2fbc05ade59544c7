// secret_arena.hpp: locked memory for values, up to a stated budget.
//
// A guarded allocation per value costs 8 us and stops at a few thousand; a slot of this arena costs
// a few ns. Every page is locked (never swapped), excluded from core dumps, and every slot is wiped
// when it is given back. It must never hand out unlocked memory unless the host said so.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// wipe overwrites memory that is about to be let go. Short runs of known length become a few stores,
// which sodium_memzero, a call, can not; the empty statement keeps the compiler from dropping them.
inline void wipe(void* memory, std::size_t len) noexcept {
  std::memset(memory, 0, len);
  __asm__ __volatile__("" : : "r"(memory) : "memory");
}

class SecretArena {
  struct Stripe;
  struct Chunk;

 public:
  // Slot is one allocation; give it back with release.
  struct Slot {
    std::uint8_t* bytes = nullptr;
    Chunk* chunk = nullptr;
    std::uint16_t index = 0;  // of the slot in its chunk
    std::uint16_t count = 1;  // slots in a row
  };

  struct Stats {
    std::size_t budget_bytes;    // what may be locked
    std::size_t reserved_bytes;  // what is mapped for values now, in use or kept for the next
    bool unlocked_allowed;
  };

  static constexpr std::size_t kDefaultBudget = std::size_t{4} << 20;

  // instance is the arena of this process; a forked child gets one of its own.
  static SecretArena& instance() {
    static std::atomic<SecretArena*> current{nullptr};
    const std::uint64_t epoch = process_epoch();
    SecretArena* arena = current.load(std::memory_order_acquire);
    if (arena != nullptr && arena->epoch_ == epoch) return *arena;
    // Never freed: slots may outlive every static. A child leaves its parent's copy alone.
    auto fresh = std::unique_ptr<SecretArena>(new SecretArena(epoch));
    if (arena != nullptr) fresh->adopt_limits_of(*arena);
    if (current.compare_exchange_strong(arena, fresh.get())) arena = fresh.release();
    return *arena;
  }

  // allocate gives a slot of at least len bytes, contents unspecified (zeros or wiped).
  // Errors  too_large: over the budget.  unavailable: the system refused to map or to lock.
  Result<Slot> allocate(std::size_t len) {
    if (len > kMaxSlot)
      return Error{Code::too_large, "a secret of " + std::to_string(len) + " bytes was asked for"};
    const std::size_t kind = class_of(len);
    const std::size_t size = slot_size(len, kind);
    Stripe& stripe = stripes_[thread_stripe(kStripes)];
    if (Slot slot = stripe.take(size, kind); slot.bytes != nullptr) return slot;
    auto chunk = map_chunk(stripe, size, kind);
    if (!chunk) {
      if (Slot slot = take_anywhere(len); slot.bytes != nullptr) return slot;
      return std::move(chunk).error();
    }
    return stripe.add(std::move(chunk).value(), kind);
  }

  // release wipes the first used_len bytes and gives the slot back. In a forked child it only
  // wipes.
  static void release(Slot slot, std::size_t used_len) noexcept {
    wipe(slot.bytes, used_len);
    if (slot.chunk->arena->epoch_ != process_epoch()) return;
    slot.chunk->stripe->give_back(slot);
  }

  // set_budget changes how many bytes may be locked for values from now on; what is in use stays.
  void set_budget(std::size_t bytes) noexcept {
    const std::lock_guard alone(mapping_);
    budget_.store(bytes);
    if (reserved_.load() > bytes) drop_idle();
  }

  // allow_unlocked lets values live in memory that may be swapped once the system refuses to lock
  // more (still wiped, still out of core dumps). The budget holds all the same. Withdrawn, it holds
  // for every later value; those that lie in such memory stay there.
  void allow_unlocked(bool allowed) noexcept { unlocked_allowed_.store(allowed); }

  Stats stats() const noexcept {
    return {budget_.load(), reserved_.load(), unlocked_allowed_.load()};
  }

 private:
  static constexpr unsigned kStripes = 16;
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kChunk = std::size_t{32} << 10;
  static constexpr std::size_t kMaxSlot = std::size_t{1} << 30;
  static constexpr std::array<std::size_t, 14> kClasses = {
      64, 128, 256, 512, 768, 1024, 1280, 2048, 3072, 4096, 5120, 8192, 10240, 16384};

  // SpinLock: held for a few instructions, never across a system call; a mutex costs twice as much.
  class SpinLock {
   public:
    void lock() noexcept {
      while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    }
    void unlock() noexcept { flag_.clear(std::memory_order_release); }

   private:
    std::atomic_flag flag_;
  };

  // Chunk is one mapping, cut into equal slots. Free slots are named by index, outside the mapping,
  // so that a stray write through a stale pointer can not steer the allocator.
  // Aligned, so that two threads' chunks never share a cache line (or the pair that a CPU fetches).
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
    ~Chunk() {
      if (bytes != nullptr) ::munmap(bytes, len);  // unlocks too; every slot came back wiped
      arena->reserved_.fetch_sub(len);
    }
  };
  using Chunks = std::vector<std::unique_ptr<Chunk>>;

  struct alignas(128) Stripe {
    SpinLock lock;
    std::array<Chunks, kClasses.size() + 1> chunks;  // the last: slots larger than any class
    std::array<Chunk*, kClasses.size()> recent{};    // where the last free slot of a class was seen

    Slot take(std::size_t size, std::size_t kind) noexcept {
      const std::lock_guard guard(lock);
      if (kind < kClasses.size() && recent[kind] != nullptr && recent[kind]->may_serve()) {
        return pop(*recent[kind]);
      }
      for (auto& chunk : chunks[kind]) {
        if (!chunk->may_serve() || chunk->slot_len < size) continue;
        if (chunk->slot_len > size + size / 4) continue;  // keep large slots for large values
        if (kind < kClasses.size()) recent[kind] = chunk.get();
        return pop(*chunk);
      }
      return {};
    }

    Slot add(std::unique_ptr<Chunk> chunk, std::size_t kind) {
      const std::lock_guard guard(lock);
      chunks[kind].push_back(std::move(chunk));
      if (kind < kClasses.size()) recent[kind] = chunks[kind].back().get();
      return pop(*chunks[kind].back());
    }

    static Slot pop(Chunk& chunk) noexcept {
      const std::uint16_t index = chunk.free[--chunk.num_free];
      return {chunk.bytes + index * chunk.slot_len, &chunk, index};
    }

    // take_row finds free slots in a row, of whatever class, that hold len bytes together.
    Slot take_row(std::size_t len) noexcept {
      const std::lock_guard guard(lock);
      for (auto& list : chunks) {
        for (auto& chunk : list) {
          if (!chunk->may_serve() || chunk->num_free * chunk->slot_len < len) continue;
          if (Slot slot = row_of(*chunk, len); slot.bytes != nullptr) return slot;
        }
      }
      return {};
    }

    static Slot row_of(Chunk& chunk, std::size_t len) noexcept {
      const std::size_t count =
          std::max<std::size_t>(1, (len + chunk.slot_len - 1) / chunk.slot_len);
      std::bitset<kChunk / kClasses.front()> is_free;
      for (std::size_t i = 0; i < chunk.num_free; ++i) is_free.set(chunk.free[i]);
      std::size_t row = 0;
      for (std::size_t end = 0; end < chunk.num_slots; ++end) {
        row = is_free.test(end) ? row + 1 : 0;
        if (row < count) continue;
        const std::size_t first = end + 1 - count;
        const auto all = chunk.free.begin();
        const auto kept = std::remove_if(all, all + chunk.num_free, [&](std::uint16_t index) {
          return index >= first && index <= end;
        });
        chunk.num_free = static_cast<std::size_t>(kept - all);
        return {chunk.bytes + first * chunk.slot_len, &chunk, static_cast<std::uint16_t>(first),
                static_cast<std::uint16_t>(count)};
      }
      return {};
    }

    void give_back(const Slot& slot) noexcept {
      const std::lock_guard guard(lock);
      for (std::uint16_t i = 0; i < slot.count; ++i) {
        slot.chunk->free[slot.chunk->num_free++] = static_cast<std::uint16_t>(slot.index + i);
      }
    }

    // drop_idle unmaps every chunk that nothing uses.
    void drop_idle() noexcept {
      std::unique_ptr<Chunk> idle;
      {
        const std::lock_guard guard(lock);
        recent.fill(nullptr);
        for (auto& list : chunks) {
          for (std::size_t i = 0; i < list.size();) {
            if (!list[i]->idle()) {
              ++i;
              continue;
            }
            list[i]->next = std::move(idle);
            idle = std::move(list[i]);
            list[i] = std::move(list.back());
            list.pop_back();
          }
        }
      }
      while (idle != nullptr) idle = std::move(idle->next);
    }
  };

  explicit SecretArena(std::uint64_t epoch) noexcept : epoch_(epoch) {}

  void adopt_limits_of(const SecretArena& other) noexcept {
    budget_.store(other.budget_.load());
    unlocked_allowed_.store(other.unlocked_allowed_.load());
  }

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

  // class_of gives the class that len fits, or kClasses.size() for what has a mapping of its own.
  static std::size_t class_of(std::size_t len) noexcept {
    return len > kClasses.back() ? kClasses.size() : kClassOf[(len + 63) / 64];
  }

  static std::size_t slot_size(std::size_t len, std::size_t kind) noexcept {
    return kind < kClasses.size() ? kClasses[kind] : (len + kPage - 1) / kPage * kPage;
  }

  bool reserve(std::size_t len) noexcept {
    std::size_t now = reserved_.load();
    do {
      if (now + len > budget_.load()) return false;
    } while (!reserved_.compare_exchange_weak(now, now + len));
    return true;
  }

  void drop_idle() noexcept {
    for (auto& each : stripes_) each.drop_idle();
  }

  // take_anywhere is for when nothing can be mapped any more: holes in the chunks of other sizes and threads.
  // A few small values would else hold a whole budget, one in each chunk.
  Slot take_anywhere(std::size_t len) noexcept {
    for (auto& each : stripes_) {
      if (Slot slot = each.take_row(len); slot.bytes != nullptr) return slot;
    }
    return {};
  }

  Result<std::unique_ptr<Chunk>> map_chunk(Stripe& stripe, std::size_t size, std::size_t kind) {
    const std::size_t len = kind < kClasses.size() ? kChunk : size;
    // One at a time: what another thread is just unmapping must not be missing from the budget.
    const std::lock_guard alone(mapping_);
    if (!reserve(len)) {
      drop_idle();
      if (!reserve(len)) return over_budget(size);
    }
    std::unique_ptr<Chunk> chunk(new (std::nothrow) Chunk);
    if (chunk == nullptr) {
      reserved_.fetch_sub(len);
      return no_memory();
    }
    chunk->arena = this;  // from here on the chunk gives the reservation back
    chunk->len = len;
    chunk->stripe = &stripe;
    chunk->slot_len = size;
    chunk->num_slots = len / size;
    for (std::size_t i = chunk->num_slots; i-- > 0;)
      chunk->free[chunk->num_free++] = static_cast<std::uint16_t>(i);

    void* bytes = ::mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return no_memory();
    chunk->bytes = static_cast<std::uint8_t*>(bytes);
    if (::madvise(bytes, len, MADV_DONTDUMP) != 0) {
      return Error{Code::unavailable, "the system refused to keep secrets out of core dumps"};
    }
    chunk->locked = ::mlock(bytes, len) == 0;
    if (chunk->locked || unlocked_allowed_.load()) return chunk;
    drop_idle();  // what is kept for later counts against the system's limit too
    chunk->locked = ::mlock(bytes, len) == 0;
    if (!chunk->locked) {
      return Error{Code::unavailable,
                   "the system refused to lock memory for a secret; raise RLIMIT_MEMLOCK "
                   "(ulimit -l, LimitMEMLOCK=) or allow unlocked memory"};
    }
    return chunk;
  }

  static Error no_memory() { return {Code::unavailable, "the system gave no memory for a secret"}; }

  Error over_budget(std::size_t size) const {
    return {Code::too_large, "no room for a secret of " + std::to_string(size) +
                                 " bytes in the locked memory budget of " +
                                 std::to_string(budget_.load()) +
                                 " bytes; let go of values or raise the budget"};
  }

  const std::uint64_t epoch_;
  std::array<Stripe, kStripes> stripes_;
  std::mutex mapping_;
  std::atomic<std::size_t> budget_{kDefaultBudget};
  std::atomic<std::size_t> reserved_{0};
  std::atomic<bool> unlocked_allowed_{false};
};

}  // namespace strongroom
