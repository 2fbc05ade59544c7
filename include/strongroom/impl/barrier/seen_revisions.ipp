// seen_revisions.ipp: the bodies of seen_revisions.hpp.
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/seen_revisions.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Revision SeenRevisions::floor(const Location& location) const noexcept {
  Bucket* const table = table_.load(std::memory_order_acquire);
  if (table == nullptr) return {};
  const Spot spot = spot_of(location);
  return look(table[spot.bucket], spot.tag);
}

void SeenRevisions::saw(const Location& location, Revision revision) noexcept {
  Bucket* table = table_.load(std::memory_order_acquire);
  if (table == nullptr) table = make_table();
  if (table == nullptr) return;
  const Spot spot = spot_of(location);
  Bucket& bucket = table[spot.bucket];
  if (look(bucket, spot.tag) >= revision || !lock(bucket)) return;
  raise(bucket, spot.tag, revision);
  unlock(bucket);
}

Revision SeenRevisions::look(Bucket& bucket, std::uint64_t tag) noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::uint64_t turns = load(bucket.turns);
    Entry* const entry = find(bucket, tag);
    if (entry == nullptr && load(bucket.turns) >> 1 == turns >> 1) return {};
    if (entry == nullptr) continue;
    const Revision revision(load(entry->revision));
    if (load(entry->tag) == tag && load(bucket.turns) >> 1 == turns >> 1) return revision;
  }
  return {};  // replaced so often during the look: it is no longer known, or soon will not be
}

SeenRevisions::Entry* SeenRevisions::find(Bucket& bucket, std::uint64_t tag) noexcept {
  for (Entry& entry : bucket.entries) {
    if (load(entry.tag) == tag) return &entry;
  }
  return nullptr;
}

void SeenRevisions::raise(Bucket& bucket, std::uint64_t tag, Revision revision) noexcept {
  if (Entry* const known = find(bucket, tag)) {
    if (load(known->revision) < revision.value()) store(known->revision, revision.value());
    return;
  }
  Entry& oldest = bucket.entries[load(bucket.next) % kEntriesPerBucket];
  store(bucket.next, load(bucket.next) + 1);
  store(bucket.turns, load(bucket.turns) + 2);  // before all else, for threads in look()
  store(oldest.tag, 0);                         // before the revision becomes another record's
  store(oldest.revision, revision.value());
  store(oldest.tag, tag);
}

bool SeenRevisions::lock(Bucket& bucket) noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::uint64_t turns = load(bucket.turns) & ~std::uint64_t{1};
    if (Word(bucket.turns).compare_exchange_strong(turns, turns | 1)) return true;
    if (attempt >= kAttempts / 4) std::this_thread::yield();  // its writer may not be running
  }
  return false;
}

SeenRevisions::Bucket* SeenRevisions::make_table() noexcept {
  void* const memory =
      ::mmap(nullptr, kTableLen, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const fresh = static_cast<Bucket*>(memory);
  Bucket* published = nullptr;
  if (table_.compare_exchange_strong(published, fresh)) return fresh;
  ::munmap(memory, kTableLen);
  return published;
}

}  // namespace strongroom
