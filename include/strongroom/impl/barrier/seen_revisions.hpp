// seen_revisions.hpp: the newest revision that this process saw of each record, in bounded memory.
//
// An attacker that can write to the storage can put an old record back. It still opens, since it was
// genuine once. A reader that remembers the newest revision it saw notices that. The order matters:
//
//   const Revision floor = seen.floor(location);  // first, before the backend reads
//   ... read, open: revision ...
//   if (revision < floor) -> Code::rollback
//   seen.saw(location, revision);
//
// A revision that is known before a read was committed before that read, so an honest backend returns
// it or a newer one. If the floor is taken after the read, another thread may have seen a later write in
// between, and the older revision, correct when it was read, looks like a rollback. Then the record has to be
// read again, in this order. (A single read does that: its check waits for no cache line.)
//
// It may forget: a full bucket drops its oldest entry, and without memory nothing is kept. Then a floor
// is lower than it could be, at worst 0. A floor must never be too high: it is always a revision that
// was seen of that very location, however many threads race. Locations are distinguished by 78 of their
// 128 bits, which the keyed PRF makes random. The odds that any two of a million records collide, and
// can raise a false alarm, are one in 10^11.
//
// Threads  any number at once. Reading takes no lock, and a revision that is known is not written again.
#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/types.hpp"

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

  // floor returns the newest revision that was seen there; 0 if none is known.
  Revision floor(const Location& location) const noexcept;

  // prefetch begins to fetch what floor will look at.
  void prefetch(const Location& location) const noexcept {
    Bucket* const table = table_.load(std::memory_order_acquire);
    if (table != nullptr) __builtin_prefetch(&table[spot_of(location).bucket]);
  }

  // saw remembers the revision, unless a greater one of that location is known.
  void saw(const Location& location, Revision revision) noexcept;

 private:
  // Plain numbers, accessed only through atomic_ref. So fresh pages of zeros are an empty table, and
  // pages that no record falls on are never allocated.
  struct Entry {
    std::uint64_t tag;       // 0: empty, or being replaced
    std::uint64_t revision;  // only grows while the tag stays
  };
  struct alignas(64) Bucket {
    std::uint64_t turns;  // twice the number of replacements begun, plus 1 while a writer is in
    std::uint64_t next;   // the entry to replace next; for the writer only
    std::array<Entry, kEntriesPerBucket> entries;
  };
  static_assert(sizeof(Bucket) == 64, "one cache line");
  static constexpr std::size_t kTableLen = kNumBuckets * sizeof(Bucket);

  using Word = std::atomic_ref<std::uint64_t>;

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

  // look never waits. A revision counts if its tag was next to it before and after it was read, and no
  // replacement began meanwhile: during one, the tag could have gone and come back. Every store is a
  // release and every load an acquire, so a thread that reads one store of a replacement also sees the
  // stores before it. (So no fence is needed, which ThreadSanitizer would not understand.)
  static Revision look(Bucket& bucket, std::uint64_t tag) noexcept;

  static Entry* find(Bucket& bucket, std::uint64_t tag) noexcept;

  // raise is called only by the one writer in the bucket.
  static void raise(Bucket& bucket, std::uint64_t tag, Revision revision) noexcept;

  // lock gives up in the end: in a forked child, the writer may be gone for good.
  static bool lock(Bucket& bucket) noexcept;
  static void unlock(Bucket& bucket) noexcept { store(bucket.turns, load(bucket.turns) & ~1ULL); }

  static std::uint64_t load(std::uint64_t& number) noexcept {
    return Word(number).load(std::memory_order_acquire);
  }
  static void store(std::uint64_t& number, std::uint64_t value) noexcept {
    Word(number).store(value, std::memory_order_release);
  }

  // make_table makes the table when it is first needed, so that a sealed store costs nothing. If there
  // was no memory, it is tried again the next time.
  [[gnu::noinline]] Bucket* make_table() noexcept;

  static constexpr int kAttempts = 256;

  std::atomic<Bucket*> table_{nullptr};
};

}  // namespace strongroom
