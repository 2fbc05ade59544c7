// limits.hpp: checks for the limits of backend.hpp, so that every backend has the same limits.
//
// They use no storage. A backend runs them before anything else.
#pragma once

#include <algorithm>
#include <span>

#include "strongroom/backend.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// key_less orders keys bytewise, as memcmp does, a shorter one before its extensions.
inline bool key_less(ByteView a, ByteView b) noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

// has_prefix returns whether key is prefix or an extension of it.
inline bool has_prefix(ByteView key, ByteView prefix) noexcept {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

// is_one_of returns whether key is among a few keys.
bool is_one_of(std::span<const ByteView> keys, ByteView key) noexcept;

// check_key refuses what cannot be a key.
// Errors  invalid: empty.  too_large: over kMaxBackendKeyLen.
Result<void> check_key(ByteView key);

// check_keys is check_key for every key of a read.
Result<void> check_keys(std::span<const ByteView> keys);

// check_page refuses a prefix or a position that no key can have. Both may be empty.
Result<void> check_page(ByteView prefix, ByteView after);

// check_batch refuses a commit outside the limits.
// Errors  invalid: an empty key, a key twice, an unknown kind.  too_large: keys, values, changes.
Result<void> check_batch(std::span<const Change> batch);

}  // namespace strongroom
