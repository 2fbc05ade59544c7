// header_copies.hpp: the records that make a store, held back until all others are in their place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "strongroom/backup.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

// HeaderCopies are h, h2 and f, those that are there: a backup begins with them, and a restore or a copy
// ends with them.
class HeaderCopies {
 public:
  static constexpr std::size_t kNum = 3;
  // More than a header record ever has; memory is held for them until the end.
  static constexpr std::size_t kMaxLen = std::size_t{1} << 20;
  static constexpr std::array<ByteView, kNum> keys() noexcept {
    return {kHeaderKey, kHeaderCopyKey, kFenceKey};
  }

  // take keeps a record if it is one of them. Returns  whether it was.
  // Errors  corrupt: too large, or not in their order.
  Result<bool> take(ByteView key, ByteView value);

  bool has_header() const noexcept { return copies_[0] || copies_[1]; }
  const std::optional<std::vector<std::uint8_t>>& at(std::size_t i) const { return copies_[i]; }

  // header gives the better copy: the whole one of two, and of two whole ones the newer.
  // Errors  not_initialized: there is none.  corrupt, unsupported: as Header::decode.
  Result<Header> header() const;

  // check_against refuses a header that is not of the store that the backup says it is of.
  Result<void> check_against(const BackupInfo& info) const;

 private:
  std::array<std::optional<std::vector<std::uint8_t>>, kNum> copies_;
  std::size_t num_passed_ = 0;  // of keys(): what may not come any more
};

}  // namespace strongroom::backup
