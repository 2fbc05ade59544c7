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

  // floor is the newest revision that was seen there; 0 when nothing is known.
  Revision floor(const Location& location) const noexcept;

  // saw remembers the revision, unless a greater one of that location is known.
  void saw(const Location& location, Revision revision) noexcept;

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

  using Word = std::atomic_ref<std::uint64_t>;

  struct Spot {
    std::size_t bucket;
    std::uint64_t tag;
  };

  static Spot spot_of(const Location& location) noexcept;

  // look never waits. A revision counts if its tag stood beside it before and after it was read, and
  // no replacement began meanwhile, in which the tag could have gone and come again. Whoever reads
  // one store of a replacement also sees all that was stored before it: every store is a release,
  // every load an acquire. (So no fence is needed, which ThreadSanitizer would not understand.)
  static Revision look(Bucket& bucket, std::uint64_t tag) noexcept;

  static Entry* find(Bucket& bucket, std::uint64_t tag) noexcept;

  // raise is for the one writer in the bucket.
  static void raise(Bucket& bucket, std::uint64_t tag, Revision revision) noexcept;

  // lock gives up in the end: a writer may be gone for good, in a forked child.
  static bool lock(Bucket& bucket) noexcept;
  static void unlock(Bucket& bucket) noexcept { store(bucket.turns, load(bucket.turns) & ~1ULL); }

  static std::uint64_t load(std::uint64_t& number) noexcept {
    return Word(number).load(std::memory_order_acquire);
  }
  static void store(std::uint64_t& number, std::uint64_t value) noexcept {
    Word(number).store(value, std::memory_order_release);
  }

  // make_table is apart, so that a sealed store costs nothing. It is tried again the next time when
  // there was no memory.
  [[gnu::noinline]] Bucket* make_table() noexcept;

  static constexpr int kAttempts = 256;

  std::atomic<Bucket*> table_{nullptr};
};

}  // namespace strongroom
