// progress.hpp: options and progress of long work, which can be stopped: re-encryption, migration, copies.
#pragma once

#include <cstdint>

#include "strongroom/function_ref.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// ReencryptProgress counts records. Unreadable records do not open, and are left unchanged.
struct ReencryptProgress {
  std::uint64_t seen = 0;
  std::uint64_t rewritten = 0;
  std::uint64_t unreadable = 0;
};

// ReencryptObserver is called with the progress now and then. Returning false stops the work.
using ReencryptObserver = FunctionRef<bool(const ReencryptProgress&)>;

struct ReencryptOptions {
  unsigned duty_percent = 1;  // of one core's time, 1..100; it sleeps for the rest
};

// MigrateProgress is called with the number of secrets so far, now and then. Returning false stops the
// migration, and no store is made.
using MigrateProgress = FunctionRef<bool(std::uint64_t num_secrets)>;

// CopyInfo describes a copy.
struct CopyInfo {
  StoreId store{};
  std::uint64_t generation = 0;
  std::uint64_t num_records = 0;  // of all kinds, in the copy
  std::uint64_t size_bytes = 0;   // of their keys and values
  std::uint64_t num_written = 0;  // by this run; the rest was in the copy already
  std::uint64_t num_removed = 0;  // by this run, since the store no longer has them
};

// CopyProgress is called about once per MiB, with the records and bytes of a round so far. Each round
// counts from zero. Returning false stops the copy.
using CopyProgress = FunctionRef<bool(std::uint64_t num_records, std::uint64_t size_bytes)>;

}  // namespace strongroom
