// header_records.hpp: the header record and what lies beside it, as the backend has them.
//
// Reading takes the better of the two copies; replacing is one compare-and-set of both. A store's header
// is written in no other way once it is there.
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
  std::optional<Header> other;  // the other copy, where it can be read and is not the same
  bool header_is_copy = false;  // which of the two `header` is
  Version header_version = kAbsent;
  Version copy_version = kAbsent;
  Version fence_version = kAbsent;
  bool differ = false;    // one of the copies is damaged, missing or another one
  bool escrowed = false;  // an OpenPGP private key lies in the storage
  Stamp stamp{};
};

std::array<std::uint8_t, 5> fence_record(TermId first_live) noexcept;

namespace detail {

// better_first puts the whole copy before the damaged one, and the newer one of two first.
bool better_first(const Header& a, const Header& b) noexcept;

Result<void> choose(HeaderRecords& records, Result<Header> a, Result<Header> b);

}  // namespace detail

// read_header_records reads them at one point in time.
// Errors  not_initialized: there is no store.  corrupt: neither copy can be read.  unsupported: of a
//         newer format.  Those of the storage.
Result<HeaderRecords> read_header_records(Backend& backend, Timeout timeout);

// use_other makes the other copy the one that is looked at.
void use_other(HeaderRecords& records) noexcept;

namespace detail {}  // namespace detail

// replace_header_records is the one commit of every change: both copies, by compare-and-set. Only for
// a header that was opened: one that merely looks whole must not take the place of its copy.
//
// fence   checked; or put again, where every writer shall look at the header before its next write.
// beside  what is changed with it.
// Errors  conflict: somebody else changed the header or the fence first.  too_large.
Result<void> replace_header_records(Backend& backend, const HeaderRecords& records,
                                    std::span<const std::uint8_t> fence, Timeout timeout,
                                    std::span<const Change> beside = {});

// set_lock changes the lock flag of each copy by itself, since it needs no keys to tell which copy is
// the better one, and a damaged one may be all that opens a slot. A copy that can not be read stays.
// Errors  conflict: somebody else changed the header first.
Result<void> set_lock(Backend& backend, HeaderRecords records, std::uint64_t locked_ms,
                      Timeout timeout);

}  // namespace strongroom
