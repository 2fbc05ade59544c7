// types.hpp: the plain types that all headers share.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

namespace strongroom {

// ByteView is a borrowed run of bytes that are not secret: keys, envelopes, headers.
using ByteView = std::span<const std::uint8_t>;

// Timeout is how long one call to the storage may take.
using Timeout = std::chrono::milliseconds;
inline constexpr Timeout kDefaultTimeout{10'000};

using StoreId = std::array<std::uint8_t, 16>;
using TermId = std::uint32_t;  // of a data key; counts from 1
using SlotId = std::uint32_t;  // of an unseal slot; counts from 1, and no id is ever reused
inline constexpr unsigned kMaxShares = 255;  // of one slot
using ShareSetId = std::array<std::uint8_t, 8>;
using Digest = std::array<std::uint8_t, 32>;  // BLAKE2b-256

// Number is a number of one kind. It compares with its own kind, and converts neither to another kind
// nor to an integer; value() returns the integer.
template <typename Kind>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(std::uint64_t value) noexcept : value_(value) {}

  constexpr std::uint64_t value() const noexcept { return value_; }

  friend constexpr bool operator==(Number, Number) = default;
  friend constexpr auto operator<=>(Number, Number) = default;

 private:
  std::uint64_t value_ = 0;
};

// Revision counts the changes of one secret, or of the stored policies. 0: there has been no change.
using Revision = Number<struct RevisionKind>;
constexpr Revision next(Revision revision) noexcept {
  return Revision(revision.value() + 1);
}

// kDefaultMaxJsonLen is the limit of a JSON text, in bytes, unless the caller passes another one. It has
// room for a secret of the default limit (1 MiB) in base64, and for the JSON around it.
inline constexpr std::size_t kDefaultMaxJsonLen = std::size_t{3} << 19;

}  // namespace strongroom
