// secret_arena.ipp: the bodies of secret_arena.hpp.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

SecretArena& SecretArena::instance() {
  static std::atomic<SecretArena*> current{nullptr};
  const std::uint64_t epoch = process_epoch();
  SecretArena* arena = current.load(std::memory_order_acquire);
  if (arena != nullptr && arena->epoch_ == epoch) return *arena;
  // Never freed: slots may outlive every static. A child does not touch its copy of the parent's arena.
  auto fresh = std::unique_ptr<SecretArena>(new SecretArena(epoch));
  if (arena != nullptr) fresh->adopt_limits_of(*arena);
  if (current.compare_exchange_strong(arena, fresh.get())) arena = fresh.release();
  return *arena;
}

Result<SecretArena::Slot> SecretArena::allocate(std::size_t len) {
  if (len > kMaxSlot)
    return Error{Code::too_large,
                 "no memory for a secret of " + std::to_string(len) + " bytes; the most is 1 GiB"};
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

void SecretArena::release(Slot slot, std::size_t used_len) noexcept {
  wipe(slot.bytes, used_len);
  auto* const chunk = static_cast<Chunk*>(slot.chunk);
  if (chunk->arena->epoch_ != process_epoch()) return;
  chunk->stripe->give_back(*chunk, slot);
}

void SecretArena::set_budget(std::size_t bytes) noexcept {
  const std::lock_guard alone(mapping_);
  budget_.store(bytes);
  if (reserved_.load() > bytes) drop_idle();
}

SecretArena::Chunk::~Chunk() {
  if (bytes != nullptr) ::munmap(bytes, len);  // unlocks too; every slot came back wiped
  arena->reserved_.fetch_sub(len);
}

SecretArena::Slot SecretArena::Stripe::take(std::size_t size, std::size_t kind) noexcept {
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

SecretArena::Slot SecretArena::Stripe::add(std::unique_ptr<Chunk> chunk, std::size_t kind) {
  const std::lock_guard guard(lock);
  chunks[kind].push_back(std::move(chunk));
  if (kind < kClasses.size()) recent[kind] = chunks[kind].back().get();
  return pop(*chunks[kind].back());
}

SecretArena::Slot SecretArena::Stripe::pop(Chunk& chunk) noexcept {
  const std::uint16_t index = chunk.free[--chunk.num_free];
  return {chunk.bytes + index * chunk.slot_len, &chunk, index};
}

SecretArena::Slot SecretArena::Stripe::take_row(std::size_t len) noexcept {
  const std::lock_guard guard(lock);
  for (auto& list : chunks) {
    for (auto& chunk : list) {
      if (!chunk->may_serve() || chunk->num_free * chunk->slot_len < len) continue;
      if (Slot slot = row_of(*chunk, len); slot.bytes != nullptr) return slot;
    }
  }
  return {};
}

SecretArena::Slot SecretArena::Stripe::row_of(Chunk& chunk, std::size_t len) noexcept {
  const std::size_t count = std::max<std::size_t>(1, (len + chunk.slot_len - 1) / chunk.slot_len);
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

void SecretArena::Stripe::give_back(Chunk& chunk, const Slot& slot) noexcept {
  const std::lock_guard guard(lock);
  for (std::uint16_t i = 0; i < slot.count; ++i) {
    chunk.free[chunk.num_free++] = static_cast<std::uint16_t>(slot.index + i);
  }
}

void SecretArena::Stripe::drop_idle() noexcept {
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

void SecretArena::adopt_limits_of(const SecretArena& other) noexcept {
  budget_.store(other.budget_.load());
  unlocked_allowed_.store(other.unlocked_allowed_.load());
}

bool SecretArena::reserve(std::size_t len) noexcept {
  std::size_t now = reserved_.load();
  do {
    if (now + len > budget_.load()) return false;
  } while (!reserved_.compare_exchange_weak(now, now + len));
  return true;
}

SecretArena::Slot SecretArena::take_anywhere(std::size_t len) noexcept {
  for (auto& each : stripes_) {
    if (Slot slot = each.take_row(len); slot.bytes != nullptr) return slot;
  }
  return {};
}

Result<std::unique_ptr<SecretArena::Chunk>> SecretArena::map_chunk(Stripe& stripe, std::size_t size,
                                                                   std::size_t kind) {
  const std::size_t len = kind < kClasses.size() ? kChunk : size;
  // One thread at a time: a chunk that another thread is unmapping must count as free budget again.
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
  chunk->arena = this;  // from here on the chunk's destructor returns the reservation
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
  drop_idle();  // idle chunks count against the system's limit too
  chunk->locked = ::mlock(bytes, len) == 0;
  if (!chunk->locked) {
    return Error{Code::unavailable,
                 "the system refused to lock memory for a secret; raise RLIMIT_MEMLOCK "
                 "(ulimit -l, LimitMEMLOCK=) or allow unlocked memory"};
  }
  return chunk;
}

Error SecretArena::over_budget(std::size_t size) const {
  return {Code::too_large, "no room for a secret of " + std::to_string(size) +
                               " bytes in the locked memory budget of " +
                               std::to_string(budget_.load()) +
                               " bytes; release values or raise the budget"};
}

}  // namespace strongroom
