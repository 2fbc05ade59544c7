// limits.ipp: the bodies of limits.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

bool is_one_of(std::span<const ByteView> keys, ByteView key) noexcept {
  return std::any_of(keys.begin(), keys.end(), [&](ByteView one) {
    return std::equal(one.begin(), one.end(), key.begin(), key.end());
  });
}

Result<void> check_key(ByteView key) {
  if (key.empty()) return Error{Code::invalid, "a key was empty"};
  if (key.size() > kMaxBackendKeyLen) {
    return Error{Code::too_large, "a key had " + std::to_string(key.size()) + " bytes, over " +
                                      std::to_string(kMaxBackendKeyLen)};
  }
  return {};
}

Result<void> check_keys(std::span<const ByteView> keys) {
  for (const ByteView key : keys) {
    STRONGROOM_TRY(check_key(key));
  }
  return {};
}

Result<void> check_page(ByteView prefix, ByteView after) {
  for (const ByteView bound : {prefix, after}) {
    if (bound.empty()) continue;
    STRONGROOM_TRY(check_key(bound));
  }
  return {};
}

Result<void> check_batch(std::span<const Change> batch) {
  if (batch.size() > kMaxCommitChanges) {
    return Error{Code::too_large, "a commit had " + std::to_string(batch.size()) +
                                      " changes, over " + std::to_string(kMaxCommitChanges)};
  }
  for (const Change& change : batch) {
    if (change.kind > Change::Kind::check) {
      return Error{Code::invalid, "a change was of no known kind"};
    }
    STRONGROOM_TRY(check_key(change.key));
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
