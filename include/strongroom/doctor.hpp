// doctor.hpp: what is wrong, or soon will be, with a store and the host that keeps it.
//
// The doctor only looks and reports. It repairs nothing, locks nothing for longer than a look takes, and
// opens no file that may hold a secret. Its findings name paths, but never secret bytes, and never a
// whole store URL, which may hold a password.
//
// Its findings on limits, core dumps and locked memory describe the process that it runs in: call it
// from the service itself, or from a shell with the service's limits.
#pragma once

#include <string>
#include <vector>

namespace strongroom {

struct SealStatus;  // seal_status.hpp

// Finding is the outcome of one check. Every check that could be made has at least one.
struct Finding {
  enum class Level {
    good,     // as it should be
    note,     // worth knowing; nothing needs to be done
    warning,  // fails, or leaks something, if something else goes wrong too
    danger,   // fails, or leaks something, as it is
  };

  Level level = Level::good;
  std::string check;   // a short name that does not change, such as "locked-memory"
  std::string what;    // one sentence on what was found
  std::string advice;  // what to do, a command where there is one; empty when good
};

// Examination says what to look at besides the process and the machine.
struct Examination {
  std::string url;                     // of the store; empty: no store
  std::string storage_directory;       // of an lmdb: URL; empty otherwise
  std::vector<std::string> key_files;  // that hold credentials of this store; they are not opened
};

// examine_host looks at the process, the machine, the storage directory and the key files.
//
// Checks   locked-memory, core-dumps, swap, entropy, clock. With a directory: file-system, free-space,
//          file-modes. With key files: key-file, key-beside-data. For a store that is only in memory:
//          storage.
// Costs    about a millisecond. It locks memory for microseconds; where the limit is that tight, this
//          can make another thread's request for locked memory fail.
// Threads  any number at once.
std::vector<Finding> examine_host(const Examination& examination);

// examine_store looks at the status of a store. It reads nothing itself: take the status first, after
// unsealing where that is possible. While the store is sealed, its status shows no terms, and not every
// damage of a slot.
//
// has_anchor  the store was opened with an anchor.
// Checks      header, slots, last-slot, terms, locked, anchor, escrow. Where there is no store, only
//             header.
// Threads     any number at once.
std::vector<Finding> examine_store(const SealStatus& status, bool has_anchor = false);

}  // namespace strongroom
