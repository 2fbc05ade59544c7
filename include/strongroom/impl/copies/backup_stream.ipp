// backup_stream.ipp: the bodies of backup_stream.hpp.
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

Hash& Hash::add(ByteView bytes) noexcept {
  crypto_generichash_update(&state_, bytes.data(), bytes.size());
  return *this;
}

}  // namespace strongroom::backup

namespace strongroom::backup {

static Head head_of(const BackupInfo& info) noexcept {
  Head head{};
  const std::span<std::uint8_t, sizeof(Head)> all(head);
  std::copy(kMagic.begin(), kMagic.end(), head.begin());
  put_be(all.subspan<4, 2>(), kForm);
  std::copy(info.store.begin(), info.store.end(), head.begin() + 8);
  put_be(all.subspan<24, 8>(), info.generation);
  put_be(all.subspan<32, 8>(), info.created_ms);
  const Mark end = mark(all.first<kHeadBodyLen>());
  std::copy(end.begin(), end.end(), head.begin() + kHeadBodyLen);
  return head;
}

}  // namespace strongroom::backup

namespace strongroom::backup {

FrameHead frame_head(const StoreId& store, FrameKind kind, std::size_t key_len,
                     std::size_t value_len, std::uint64_t number) noexcept {
  FrameHead head{};
  const std::span<std::uint8_t, kFrameHeadLen> all(head);
  head[0] = static_cast<std::uint8_t>(kind);
  put_be(all.subspan<2, 2>(), key_len);
  put_be(all.subspan<4, 4>(), value_len);
  put_be(all.subspan<8, 8>(), number);
  const Mark check = mark(store, all.first<kFrameBodyLen>());
  std::copy_n(check.begin(), kFrameCheckLen, head.begin() + kFrameBodyLen);
  return head;
}

Result<void> StreamWriter::begin(const BackupInfo& info) {
  info_ = {info.store, info.generation, info.created_ms, 0, 0};
  return put(head_of(info));
}

Result<void> StreamWriter::record(ByteView key, ByteView value) {
  const FrameHead head =
      frame_head(info_.store, FrameKind::record, key.size(), value.size(), info_.num_records);
  const Mark end = mark(info_.store, std::span(head).first<kFrameBodyLen>(), key, value);
  for (const ByteView part : {ByteView(head), key, value, ByteView(end)}) {
    STRONGROOM_TRY(put(part));
  }
  ++info_.num_records;
  if (info_.size_bytes - told_ < kProgressLen) return {};
  told_ = info_.size_bytes;
  progress_(info_.num_records, info_.size_bytes);
  return {};
}

Result<BackupInfo> StreamWriter::end() {
  auto done = put(frame_head(info_.store, FrameKind::end, 0, 0, info_.num_records));
  Digest all;
  hash_.finish(all);
  if (done) done = put(all);
  if (done) done = flush();
  STRONGROOM_TRY(done);
  progress_(info_.num_records, info_.size_bytes);
  return info_;
}

Result<void> StreamWriter::put(ByteView bytes) {
  hash_.add(bytes);
  info_.size_bytes += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferLen) {
    STRONGROOM_TRY(flush());
  }
  if (bytes.size() > kBufferLen) return sink_(bytes);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> StreamWriter::flush() {
  if (buffer_.empty()) return {};
  auto done = sink_(buffer_);
  buffer_.clear();
  return done;
}

}  // namespace strongroom::backup
