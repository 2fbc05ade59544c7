// doctor.hpp: what is wrong, or soon will be, with a store and the host that keeps it.
//
// The doctor looks and tells; it mends nothing, locks nothing for longer than a look, and opens no
// file that may hold a secret. What it says names paths, never secret bytes, and never a store URL
// whole: that may hold a password.
//
// What it says of limits, core dumps and locked memory is about the process that it runs in: call it
// from the service itself, or from a shell with the service's limits.
#pragma once

#include <string>
#include <vector>

namespace strongroom {

struct SealStatus;  // key_keeper.hpp

// Finding is the outcome of one check. Every check that could be made leaves at least one.
struct Finding {
  enum class Level {
    good,     // as it should be
    note,     // worth knowing; nothing needs to be done
    warning,  // will fail, or gives something away, when something else goes wrong too
    danger,   // fails, or gives something away, as it is
  };

  Level level = Level::good;
  std::string check;   // a short name that does not change, such as "locked-memory"
  std::string what;    // one sentence on what was found
  std::string advice;  // what to do, a command where there is one; empty when good
};

// Examination is what to look at besides the process and the machine.
struct Examination {
  std::string url;                     // of the store; empty: none is meant
  std::string storage_directory;       // of an lmdb: URL; empty otherwise
  std::vector<std::string> key_files;  // that hold credentials of this store; they are not opened
};

// examine_host looks at the process, the machine, the storage directory and the key files.
//
// Checks   locked-memory, core-dumps, swap, entropy, clock; with a directory file-system,
//          free-space, file-modes; with key files key-file, key-beside-data; storage for a store in
//          memory alone.
// Costs    about a millisecond; it takes locks on memory for microseconds, which can make another
//          thread's request fail where the limit is that tight.
// Threads  any number at once.
std::vector<Finding> examine_host(const Examination& examination);

// examine_store looks at what a store tells of itself. Nothing is read: take the status first, and
// after unsealing where that can be; sealed, terms can not be seen, nor every damage of a slot.
//
// has_anchor  the store was opened against an anchor.
// Checks      header, slots, last-slot, terms, locked, anchor, escrow; header alone where there is no
//             store.
// Threads     any number at once.
std::vector<Finding> examine_store(const SealStatus& status, bool has_anchor = false);

}  // namespace strongroom
