// progress.hpp: how long work is asked for, watched and stopped: re-encryption, migration, copies.
#pragma once

#include <cstdint>

#include "strongroom/function_ref.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// ReencryptProgress counts records; unreadable ones do not open, and are left as they are.
struct ReencryptProgress {
  std::uint64_t seen = 0;
  std::uint64_t rewritten = 0;
  std::uint64_t unreadable = 0;
};

// ReencryptObserver hears of the progress now and then; false stops.
using ReencryptObserver = FunctionRef<bool(const ReencryptProgress&)>;

struct ReencryptOptions {
  unsigned duty_percent = 1;  // of one core's time, 1..100; the rest is slept
};

// MigrateProgress hears of the secrets so far, now and then; false stops, and nothing is made.
using MigrateProgress = FunctionRef<bool(std::uint64_t num_secrets)>;

// CopyInfo is what a copy tells of itself.
struct CopyInfo {
  StoreId store{};
  std::uint64_t generation = 0;
  std::uint64_t num_records = 0;  // of all kinds, in the copy
  std::uint64_t size_bytes = 0;   // of their keys and values
  std::uint64_t num_written = 0;  // by this run: others were there already
  std::uint64_t num_removed = 0;  // by this run: they are in the store no more
};

// CopyProgress hears of the records and bytes of a round so far, about once a MiB; each round counts
// from zero. False stops.
using CopyProgress = FunctionRef<bool(std::uint64_t num_records, std::uint64_t size_bytes)>;

}  // namespace strongroom
