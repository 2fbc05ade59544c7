// header_copies.hpp: the records that make a store, held back until all others are in place.
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

// HeaderCopies holds those of the records h, h2 and f that exist. A backup begins with them; a restore
// or a copy ends with them.
class HeaderCopies {
 public:
  static constexpr std::size_t kNum = 3;
  // Larger than any header record; memory is held for them until the end.
  static constexpr std::size_t kMaxLen = std::size_t{1} << 20;
  static constexpr std::array<ByteView, kNum> keys() noexcept {
    return {kHeaderKey, kHeaderCopyKey, kFenceKey};
  }

  // take keeps a record if it is one of them. Returns  whether it was.
  // Errors  corrupt: too large, or not in their order.
  Result<bool> take(ByteView key, ByteView value);

  bool has_header() const noexcept { return copies_[0] || copies_[1]; }
  const std::optional<std::vector<std::uint8_t>>& at(std::size_t i) const { return copies_[i]; }

  // header returns the better copy: the undamaged one of two, and the newer of two undamaged ones.
  // Errors  not_initialized: there is none.  corrupt, unsupported: as Header::decode.
  Result<Header> header() const;

  // check_against refuses a header that is not of the store and generation that the backup names.
  Result<void> check_against(const BackupInfo& info) const;

 private:
  std::array<std::optional<std::vector<std::uint8_t>>, kNum> copies_;
  std::size_t num_passed_ = 0;  // how many of keys() may no longer come
};

}  // namespace strongroom::backup
