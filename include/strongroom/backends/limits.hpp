// limits.hpp: the limits of backend.hpp as checks, so that every backend draws the same line.
//
// They look at sizes alone and touch no storage. A backend runs them before anything else.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>

#include "strongroom/backend.hpp"

namespace strongroom {

// key_less orders keys bytewise, as memcmp does, a shorter one before its extensions.
inline bool key_less(ByteView a, ByteView b) noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

// has_prefix tells whether key is prefix or an extension of it.
inline bool has_prefix(ByteView key, ByteView prefix) noexcept {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

// is_one_of tells whether key is among a few keys.
inline bool is_one_of(std::span<const ByteView> keys, ByteView key) noexcept {
  return std::any_of(keys.begin(), keys.end(), [&](ByteView one) {
    return std::equal(one.begin(), one.end(), key.begin(), key.end());
  });
}

// check_key refuses what can not be a key.
// Errors  invalid: empty.  too_large: over kMaxBackendKeyLen.
inline Result<void> check_key(ByteView key) {
  if (key.empty()) return Error{Code::invalid, "a key was empty"};
  if (key.size() > kMaxBackendKeyLen) {
    return Error{Code::too_large, "a key had " + std::to_string(key.size()) + " bytes, over " +
                                      std::to_string(kMaxBackendKeyLen)};
  }
  return {};
}

// check_keys is check_key for every key of a read.
inline Result<void> check_keys(std::span<const ByteView> keys) {
  for (const ByteView key : keys) {
    if (auto fine = check_key(key); !fine) return fine;
  }
  return {};
}

// check_page refuses a prefix or a position that no key can have. Both may be empty.
inline Result<void> check_page(ByteView prefix, ByteView after) {
  for (const ByteView bound : {prefix, after}) {
    if (bound.empty()) continue;
    if (auto fine = check_key(bound); !fine) return fine;
  }
  return {};
}

// check_batch refuses a commit outside the limits.
// Errors  invalid: an empty key, a key twice, an unknown kind.  too_large: keys, values, changes.
inline Result<void> check_batch(std::span<const Change> batch) {
  if (batch.size() > kMaxCommitChanges) {
    return Error{Code::too_large, "a commit had " + std::to_string(batch.size()) +
                                      " changes, over " + std::to_string(kMaxCommitChanges)};
  }
  for (const Change& change : batch) {
    if (change.kind > Change::Kind::check) {
      return Error{Code::invalid, "a change was of no known kind"};
    }
    if (auto fine = check_key(change.key); !fine) return fine;
    if (change.kind == Change::Kind::put && change.value.size() > kMaxBackendValueLen) {
      return Error{Code::too_large, "a value had " + std::to_string(change.value.size()) +
                                        " bytes, over " + std::to_string(kMaxBackendValueLen)};
    }
  }
  std::array<std::size_t, kMaxCommitChanges> order;
  const std::span<std::size_t> sorted(order.data(), batch.size());
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t a, std::size_t b) { return key_less(batch[a].key, batch[b].key); });
  const auto twice = std::adjacent_find(
      sorted.begin(), sorted.end(),
      [&](std::size_t a, std::size_t b) { return !key_less(batch[a].key, batch[b].key); });
  if (twice != sorted.end()) {
    return Error{Code::invalid,
                 "a commit had the key of change " + std::to_string(*twice) + " twice"};
  }
  return {};
}

}  // namespace strongroom
