// header_copies.ipp: the bodies of header_copies.hpp.
#include <cstddef>
#include <span>
#include <utility>

#include "strongroom/backends/limits.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

Result<bool> HeaderCopies::take(ByteView key, ByteView value) {
  const auto all = keys();
  for (std::size_t i = 0; i < kNum; ++i) {
    if (!is_one_of(std::span(all).subspan(i, 1), key)) continue;
    if (value.size() > kMaxLen || i < num_passed_) {
      return Error{Code::corrupt, "the header records were too large, or out of their place"};
    }
    copies_[i].emplace(value.begin(), value.end());
    num_passed_ = i + 1;
    return true;
  }
  num_passed_ = kNum;
  return false;
}

Result<Header> HeaderCopies::header() const {
  if (!has_header()) return Error{Code::not_initialized, "there is no store header"};
  if (!copies_[0]) return Header::decode(*copies_[1]);
  auto first = Header::decode(*copies_[0]);
  if (!copies_[1]) return first;
  auto second = Header::decode(*copies_[1]);
  if (!second) return first;
  if (!first || !detail::better_first(*first, *second)) return second;
  return first;
}

Result<void> HeaderCopies::check_against(const BackupInfo& info) const {
  auto found = header();
  if (!found && found.error().code == Code::not_initialized) {
    return Error{Code::corrupt, "the backup held no header of a store"};
  }
  STRONGROOM_TRY(found);
  if (found->store == info.store && found->generation == info.generation) return {};
  return Error{Code::corrupt, "the backup held the header of another store than it says"};
}

}  // namespace strongroom::backup
