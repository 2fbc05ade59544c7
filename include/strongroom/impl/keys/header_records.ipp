// header_records.ipp: the bodies of header_records.hpp.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

std::array<std::uint8_t, 5> fence_record(TermId first_live) noexcept {
  std::array<std::uint8_t, 5> record{1};
  put_be(std::span(record).last<4>(), first_live);
  return record;
}

}  // namespace strongroom

namespace strongroom::detail {

bool better_first(const Header& a, const Header& b) noexcept {
  if (a.damaged != b.damaged) return b.damaged;
  if (a.generation != b.generation) return a.generation > b.generation;
  return a.locked || !b.locked;  // when in doubt, locked
}

Result<void> choose(HeaderRecords& records, Result<Header> a, Result<Header> b) {
  if (!a && !b) {
    const bool newer = b.error().code == Code::unsupported;
    return newer ? std::move(b).error() : std::move(a).error();
  }
  records.header_is_copy = !a || (b && !better_first(a.value(), b.value()));
  if (records.header_is_copy) std::swap(a, b);
  records.header = std::move(a).value();
  if (b && records.differ) records.other = std::move(b).value();
  return {};
}

}  // namespace strongroom::detail

namespace strongroom {

Result<HeaderRecords> read_header_records(Backend& backend, Timeout timeout) {
  const std::array<ByteView, 4> keys = {ByteView(kHeaderKey), ByteView(kHeaderCopyKey),
                                        ByteView(kFenceKey), ByteView(kEscrowKey)};
  std::array<std::vector<std::uint8_t>, 2> copies;
  std::array<Version, 4> versions{};
  auto stamp = backend.read(
      keys,
      [&](std::size_t i, const Record& record) {
        versions[i] = record.version;
        if (i < copies.size() && record.value.size() <= kMaxHeaderLen) {
          copies[i].assign(record.value.begin(), record.value.end());
        }
      },
      timeout);
  STRONGROOM_TRY(stamp);
  HeaderRecords records;
  records.stamp = stamp.value();
  records.header_version = versions[0];
  records.copy_version = versions[1];
  records.fence_version = versions[2];
  records.escrowed = versions[3] != kAbsent;
  if (versions[0] == kAbsent && versions[1] == kAbsent) {
    return Error{Code::not_initialized, "there is no store at " + backend.url() + " yet"};
  }
  records.differ = copies[0] != copies[1];
  STRONGROOM_TRY(detail::choose(records, Header::decode(copies[0]), Header::decode(copies[1])));
  return records;
}

void use_other(HeaderRecords& records) noexcept {
  std::swap(records.header, *records.other);
  records.header_is_copy = !records.header_is_copy;
}

}  // namespace strongroom

namespace strongroom::detail::header_records {

static Result<void> commit_header(Backend& backend, std::span<const Change> batch,
                                  Timeout timeout) {
  STRONGROOM_ASSIGN(commit, backend.commit(batch, timeout));
  if (!commit.conflict) return {};
  return Error{Code::conflict, "somebody else changed the header record first; try again"};
}

}  // namespace strongroom::detail::header_records

namespace strongroom {

Result<void> replace_header_records(Backend& backend, const HeaderRecords& records,
                                    std::span<const std::uint8_t> fence, Timeout timeout,
                                    std::span<const Change> beside) {
  STRONGROOM_ASSIGN(record, records.header.encode());
  const Change::Kind at_fence = fence.empty() ? Change::Kind::check : Change::Kind::put;
  std::vector<Change> batch = {
      Change{Change::Kind::put, kHeaderKey, record, records.header_version},
      Change{Change::Kind::put, kHeaderCopyKey, record, records.copy_version},
      Change{at_fence, kFenceKey, fence, records.fence_version},
  };
  batch.insert(batch.end(), beside.begin(), beside.end());
  return detail::header_records::commit_header(backend, batch, timeout);
}

Result<void> set_lock(Backend& backend, HeaderRecords records, std::uint64_t locked_ms,
                      Timeout timeout) {
  const auto flagged = [&](Header& header) {
    header.locked = locked_ms != 0;
    header.locked_ms = locked_ms;
    return header.encode();
  };
  STRONGROOM_ASSIGN(record, flagged(records.header));
  std::vector<std::uint8_t> other = record;
  if (records.other) {
    STRONGROOM_ASSIGN(encoded, flagged(*records.other));
    other = std::move(encoded);
  }
  const bool other_stays = records.differ && !records.other;
  const auto change = [&](bool of_copy) {
    const bool of_header = of_copy == records.header_is_copy;
    return Change{of_header || !other_stays ? Change::Kind::put : Change::Kind::check,
                  of_copy ? ByteView(kHeaderCopyKey) : ByteView(kHeaderKey),
                  of_header ? ByteView(record) : ByteView(other),
                  of_copy ? records.copy_version : records.header_version};
  };
  const std::array<Change, 2> batch = {change(false), change(true)};
  return detail::header_records::commit_header(backend, batch, timeout);
}

}  // namespace strongroom
