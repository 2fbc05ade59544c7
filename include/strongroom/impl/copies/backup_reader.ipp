// backup_reader.ipp: the bodies of backup_reader.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_reader.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

Result<std::size_t> Input::read(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (begin_ == end_) {
      STRONGROOM_ASSIGN(got, source_(buffer_));
      if (got > buffer_.size()) return Error{Code::internal, "a source gave more than asked"};
      if (got == 0) break;
      begin_ = 0;
      end_ = got;
    }
    const std::size_t len = std::min(out.size() - done, end_ - begin_);
    std::memcpy(out.data() + done, buffer_.data() + begin_, len);
    begin_ += len;
    done += len;
  }
  hash_.add(out.first(done));
  position_ += done;
  return done;
}

Result<void> StreamReader::begin() {
  Head head{};
  STRONGROOM_ASSIGN(len, input_.read(head));
  const std::span<const std::uint8_t, sizeof(Head)> all(head);
  const std::size_t magic_len = std::min(len, kMagic.size());
  const bool magic = std::equal(kMagic.begin(), kMagic.begin() + magic_len, head.begin());
  head_mark_ = mark(all.first<kHeadBodyLen>());
  Head mended = head;
  std::copy(kMagic.begin(), kMagic.end(), mended.begin());
  const bool is_backup = magic || mark(std::span(mended).first<kHeadBodyLen>()) == tail(head);
  if (!is_backup) return Error{Code::invalid, "this was not a backup of a store"};
  if (len < head.size()) return cut_short("its head");
  if (!magic || head_mark_ != tail(head)) return corrupt("was damaged in its head", 0);
  // The head looks like this in every form.
  if (const auto form = get_be(all.subspan<4, 2>()); form != kForm) return newer(form);
  std::copy_n(head.begin() + 8, info_.store.size(), info_.store.begin());
  info_.generation = get_be(all.subspan<24, 8>());
  info_.created_ms = get_be(all.subspan<32, 8>());
  return {};
}

Result<StreamReader::Step> StreamReader::next() {
  begin_ = input_.position();
  FrameHead head{};
  STRONGROOM_ASSIGN(len, input_.read(head));
  if (len < head.size()) return cut_short(here());
  const std::span<const std::uint8_t, kFrameHeadLen> all(head);
  const auto key_len = static_cast<std::size_t>(get_be(all.subspan<2, 2>()));
  const auto value_len = static_cast<std::size_t>(get_be(all.subspan<4, 4>()));
  const auto kind = static_cast<FrameKind>(head[0]);
  // The head is computed again, so that the number and every byte that must be zero are compared too.
  if (head != frame_head(info_.store, kind, key_len, value_len, info_.num_records) ||
      !can_be(kind, key_len, value_len)) {
    return corrupt("was damaged at the head of " + here() + ", and unreadable from there", begin_);
  }
  if (kind == FrameKind::end) return read_end();
  return read_record(std::span<const std::uint8_t>(head).first(kFrameBodyLen), key_len, value_len);
}

std::optional<Error> StreamReader::damage() const {
  if (num_damaged_ < 2) return damage_;
  return Error{damage_->code, damage_->message + "; so were " + std::to_string(num_damaged_ - 1) +
                                  " records after it"};
}

Error StreamReader::with_damage(Error last) const {
  const auto first = damage();
  if (!first || last.code != Code::corrupt || last.message == first->message) return last;
  return {Code::corrupt, first->message + "; and " + last.message};
}

Mark StreamReader::tail(const Head& head) noexcept {
  Mark out;
  std::copy_n(head.begin() + kHeadBodyLen, out.size(), out.begin());
  return out;
}

bool StreamReader::can_be(FrameKind kind, std::size_t key_len, std::size_t value_len) noexcept {
  if (kind == FrameKind::end) return key_len == 0 && value_len == 0;
  return kind == FrameKind::record && key_len > 0 && key_len <= kMaxBackendKeyLen &&
         value_len <= kMaxBackendValueLen;
}

Error StreamReader::newer(std::uint64_t form) {
  return {Code::unsupported, "the backup is of form " + std::to_string(form) +
                                 "; this program knows form " + std::to_string(kForm)};
}

Error StreamReader::cut_short(std::string_view where) const {
  return {Code::corrupt, "the backup was cut short at byte " + std::to_string(input_.position()) +
                             ", in " + std::string(where)};
}

Error StreamReader::corrupt(std::string_view what, std::uint64_t from) const {
  return {Code::corrupt, "the backup " + std::string(what) + " (bytes " + std::to_string(from) +
                             " to " + std::to_string(input_.position() - 1) + ")"};
}

Result<StreamReader::Step> StreamReader::read_record(ByteView lengths, std::size_t key_len,
                                                     std::size_t value_len) {
  key_len_ = key_len;
  const std::size_t wanted = key_len + value_len;
  bytes_.clear();
  while (bytes_.size() < wanted) {  // memory grows with the bytes, not with the claimed length
    const std::size_t old_len = bytes_.size();
    bytes_.resize(std::min(wanted, old_len + kProgressLen));
    STRONGROOM_ASSIGN(len, input_.read(std::span(bytes_).subspan(old_len)));
    if (old_len + len < bytes_.size()) return cut_short(here());
  }
  Mark stored;
  STRONGROOM_ASSIGN(len, input_.read(stored));
  if (len < stored.size()) return cut_short(here());
  const bool whole = stored == mark(info_.store, lengths, ByteView(bytes_));
  if (!whole && num_damaged_++ == 0) damage_ = corrupt("was damaged in " + here(), begin_);
  ++info_.num_records;
  if (input_.position() - told_ >= kProgressLen) {
    told_ = input_.position();
    progress_(info_.num_records, told_);
  }
  return whole ? Step::record : Step::damaged;
}

Result<StreamReader::Step> StreamReader::read_end() {
  Digest all;
  input_.hash().finish(all);
  Digest stored;
  STRONGROOM_ASSIGN(len, input_.read(stored));
  if (len < stored.size()) return cut_short("its end");
  if (auto damaged = damage()) return *std::move(damaged);
  if (stored != all) return corrupt("was damaged in its end", begin_);
  info_.size_bytes = input_.position();
  std::uint8_t beyond = 0;
  STRONGROOM_ASSIGN(more, input_.read(std::span(&beyond, 1)));
  if (more != 0) {
    return Error{Code::corrupt, "the backup ended at byte " + std::to_string(info_.size_bytes) +
                                    ", but something else followed"};
  }
  progress_(info_.num_records, info_.size_bytes);
  return Step::end;
}

}  // namespace strongroom::backup
