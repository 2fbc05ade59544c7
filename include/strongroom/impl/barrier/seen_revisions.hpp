// seen_revisions.hpp: the newest revision that this process saw of each record, in bounded memory.
//
// Whoever can write the storage can put an old record back: it still opens, since it once was true.
// A reader that remembers the revision it saw last can tell. The order matters:
//
//   const Revision floor = seen.floor(location);  // first, before the backend is asked
//   ... read, open: revision ...
//   if (revision < floor) -> Code::rollback
//   seen.saw(location, revision);
//
// What is in here before a read was committed before that read, so a true backend has it or a newer
// one. Asked after the read, another thread may have seen a later write in between, and the older
// revision, true when it was read, would be called a rollback.
//
// It may forget: when a bucket is full its oldest entry goes, and without memory nothing is kept.
// Then a floor is lower than it could be, 0 at worst. It must never be too high: a floor is always a
// revision that was seen of that very location, however many threads race. Locations are told apart
// by 78 of their 128 bits, which the keyed PRF makes random: that any two of a million records meet,
// and can raise a false alarm, has odds of one in 10^11.
//
// Threads  any number at once. Reading takes no lock; of a record that is known, nothing is written.
#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>

#include "strongroom/impl/barrier/envelope.hpp"

namespace strongroom {

class SeenRevisions {
 public:
  static constexpr std::size_t kNumBuckets = std::size_t{1} << 14;
  static constexpr std::size_t kEntriesPerBucket = 3;
  static constexpr std::size_t kMaxEntries = kNumBuckets * kEntriesPerBucket;  // in 1 MiB

  SeenRevisions() = default;
  ~SeenRevisions() {
    if (auto* const table = table_.load(std::memory_order_acquire)) ::munmap(table, kTableLen);
  }
  SeenRevisions(const SeenRevisions&) = delete;
  SeenRevisions& operator=(const SeenRevisions&) = delete;

  // floor is the newest revision that was seen there; 0 when nothing is known.
  Revision floor(const Location& location) const noexcept {
    Bucket* const table = table_.load(std::memory_order_acquire);
    if (table == nullptr) return 0;
    const Spot spot = spot_of(location);
    return look(table[spot.bucket], spot.tag);
  }

  // saw remembers the revision, unless a greater one of that location is known.
  void saw(const Location& location, Revision revision) noexcept {
    Bucket* table = table_.load(std::memory_order_acquire);
    if (table == nullptr) table = make_table();
    if (table == nullptr) return;
    const Spot spot = spot_of(location);
    Bucket& bucket = table[spot.bucket];
    if (look(bucket, spot.tag) >= revision || !lock(bucket)) return;
    raise(bucket, spot.tag, revision);
    unlock(bucket);
  }

 private:
  // Plain numbers, looked at through atomic_ref alone: so fresh pages of zeros are a table, and pages
  // that no record falls on are never there.
  struct Entry {
    std::uint64_t tag;       // 0: empty, or being replaced
    std::uint64_t revision;  // of a tag it only grows
  };
  struct alignas(64) Bucket {
    std::uint64_t turns;  // twice the number of replacements begun, and 1 while a writer is in
    std::uint64_t next;   // whose turn it is to go; the writer's
    std::array<Entry, kEntriesPerBucket> entries;
  };
  static_assert(sizeof(Bucket) == 64, "one cache line");
  static constexpr std::size_t kTableLen = kNumBuckets * sizeof(Bucket);

  using Number = std::atomic_ref<std::uint64_t>;

  struct Spot {
    std::size_t bucket;
    std::uint64_t tag;
  };

  static Spot spot_of(const Location& location) noexcept {
    std::array<std::uint64_t, 2> halves;
    static_assert(sizeof halves == sizeof(Location));
    std::memcpy(halves.data(), location.data(), sizeof halves);
    return {static_cast<std::size_t>(halves[1] % kNumBuckets), halves[0] == 0 ? 1 : halves[0]};
  }

  // look never waits. A revision counts if its tag stood beside it before and after it was read, and
  // no replacement began meanwhile, in which the tag could have gone and come again. Whoever reads
  // one store of a replacement also sees all that was stored before it: every store is a release,
  // every load an acquire. (So no fence is needed, which ThreadSanitizer would not understand.)
  static Revision look(Bucket& bucket, std::uint64_t tag) noexcept {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint64_t turns = load(bucket.turns);
      Entry* const entry = find(bucket, tag);
      if (entry == nullptr && load(bucket.turns) >> 1 == turns >> 1) return 0;
      if (entry == nullptr) continue;
      const Revision revision = load(entry->revision);
      if (load(entry->tag) == tag && load(bucket.turns) >> 1 == turns >> 1) return revision;
    }
    return 0;  // replaced that often while we looked: it is not known any more, or soon will not be
  }

  static Entry* find(Bucket& bucket, std::uint64_t tag) noexcept {
    for (Entry& entry : bucket.entries) {
      if (load(entry.tag) == tag) return &entry;
    }
    return nullptr;
  }

  // raise is for the one writer in the bucket.
  static void raise(Bucket& bucket, std::uint64_t tag, Revision revision) noexcept {
    if (Entry* const known = find(bucket, tag)) {
      if (load(known->revision) < revision) store(known->revision, revision);
      return;
    }
    Entry& oldest = bucket.entries[load(bucket.next) % kEntriesPerBucket];
    store(bucket.next, load(bucket.next) + 1);
    store(bucket.turns, load(bucket.turns) + 2);  // before all else, for those who look
    store(oldest.tag, 0);                         // before the revision is another's
    store(oldest.revision, revision);
    store(oldest.tag, tag);
  }

  // lock gives up in the end: a writer may be gone for good, in a forked child.
  static bool lock(Bucket& bucket) noexcept {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      std::uint64_t turns = load(bucket.turns) & ~std::uint64_t{1};
      if (Number(bucket.turns).compare_exchange_strong(turns, turns | 1)) return true;
      if (attempt >= kAttempts / 4) std::this_thread::yield();  // its writer may not be running
    }
    return false;
  }
  static void unlock(Bucket& bucket) noexcept { store(bucket.turns, load(bucket.turns) & ~1ULL); }

  static std::uint64_t load(std::uint64_t& number) noexcept {
    return Number(number).load(std::memory_order_acquire);
  }
  static void store(std::uint64_t& number, std::uint64_t value) noexcept {
    Number(number).store(value, std::memory_order_release);
  }

  // make_table is apart, so that a sealed store costs nothing. It is tried again the next time when
  // there was no memory.
  [[gnu::noinline]] Bucket* make_table() noexcept {
    void* const memory =
        ::mmap(nullptr, kTableLen, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    auto* const fresh = static_cast<Bucket*>(memory);
    Bucket* published = nullptr;
    if (table_.compare_exchange_strong(published, fresh)) return fresh;
    ::munmap(memory, kTableLen);
    return published;
  }

  static constexpr int kAttempts = 256;

  std::atomic<Bucket*> table_{nullptr};
};

}  // namespace strongroom
