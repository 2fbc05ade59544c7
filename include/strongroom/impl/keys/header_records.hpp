// header_records.hpp: the header record and the records next to it, as the backend has them.
//
// A read takes the better of the two copies; a replacement is one compare-and-set of both. Once a store
// has a header, it is written in no other way.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "strongroom/backend.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

inline constexpr std::array<std::uint8_t, 1> kHeaderKey = {'h'};
inline constexpr std::array<std::uint8_t, 2> kHeaderCopyKey = {'h', '2'};
inline constexpr std::array<std::uint8_t, 1> kFenceKey = {'f'};
inline constexpr std::array<std::uint8_t, 1> kEscrowKey = {'e'};   // an OpenPGP private key
inline constexpr std::array<std::uint8_t, 1> kRestoreKey = {'R'};  // a restore is under way

// HeaderRecords are the header, its copy and the fence as they were read together.
struct HeaderRecords {
  Header header;
  std::optional<Header> other;  // the other copy, where it can be read and differs
  bool header_is_copy = false;  // which of the two `header` is
  Version header_version = kAbsent;
  Version copy_version = kAbsent;
  Version fence_version = kAbsent;
  bool differ = false;    // the copies differ: one is damaged, missing or another header
  bool escrowed = false;  // an OpenPGP private key lies in the storage
  Stamp stamp{};
};

std::array<std::uint8_t, 5> fence_record(TermId first_live) noexcept;

namespace detail {

// better_first returns whether a goes before b: a sound copy before a damaged one, then the newer one,
// then a locked one.
bool better_first(const Header& a, const Header& b) noexcept;

Result<void> choose(HeaderRecords& records, Result<Header> a, Result<Header> b);

}  // namespace detail

// read_header_records reads them at one point in time.
// Errors  not_initialized: there is no store.  corrupt: neither copy can be read.  unsupported: of a
//         newer format.  Those of the storage.
Result<HeaderRecords> read_header_records(Backend& backend, Timeout timeout);

// use_other swaps `header` and the other copy, which must be there.
void use_other(HeaderRecords& records) noexcept;

namespace detail {}  // namespace detail

// replace_header_records is the one commit of every change: both copies, by compare-and-set. Use it only
// for a header that was opened: one that merely looks whole must not replace its copy.
//
// fence   empty: the fence is only checked. Otherwise it is put again, so that every writer looks at the
//         header before its next write.
// beside  further changes, in the same commit.
// Errors  conflict: somebody else changed the header or the fence first.  too_large.
Result<void> replace_header_records(Backend& backend, const HeaderRecords& records,
                                    std::span<const std::uint8_t> fence, Timeout timeout,
                                    std::span<const Change> beside = {});

// set_lock changes the lock flag in each copy separately and keeps the rest of each copy: without keys
// it cannot know which copy is the better one, and a damaged copy may be the only one that opens a slot.
// A copy that cannot be read stays unchanged.
// Errors  conflict: somebody else changed the header first.
Result<void> set_lock(Backend& backend, HeaderRecords records, std::uint64_t locked_ms,
                      Timeout timeout);

}  // namespace strongroom
