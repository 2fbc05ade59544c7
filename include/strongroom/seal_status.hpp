// seal_status.hpp: what can be said about a store without its keys, and a little more with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "strongroom/openpgp.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// SealReason is why a handle has no keys.
enum class SealReason : std::uint8_t {
  none,            // it has keys
  never_unsealed,  // since it was opened
  closed,          // this handle was closed, or sealed the store
  operator_lock,   // an operator sealed the store for every process
  slot_removed,    // the slot that unsealed it was removed or replaced
};

struct SlotStatus {
  SlotId id = 0;
  SlotKind kind = SlotKind::key;
  unsigned threshold = 0;
  unsigned shares = 0;
  std::uint64_t created_ms = 0;
  bool damaged = false;               // malformed or, where there are keys, not what was stored
  std::vector<WrappedShare> wrapped;  // of a slot of wrapped shares
};

// SealStatus is what can be said about a store without keys and, where there are keys, its terms.
struct SealStatus {
  std::string url;
  bool initialized = false;
  bool sealed = true;  // this handle holds no keys
  SealReason reason = SealReason::never_unsealed;
  std::uint64_t since_ms = 0;   // of the reason
  bool locked = false;          // an operator sealed the store for every process
  bool header_damaged = false;  // a copy of the header record is damaged; unsealing repairs it
  bool escrowed = false;        // an OpenPGP private key is stored next to what it opens
  StoreId store{};
  std::uint64_t generation = 0;
  TermId first_term = 0;   // 0 while sealed
  TermId active_term = 0;  // 0 while sealed
  std::size_t num_terms = 0;
  std::uint64_t active_term_created_ms = 0;
  std::uint32_t max_secret_len = 0;
  UnsealProgress progress;
  std::vector<SlotStatus> slots;
};

}  // namespace strongroom
