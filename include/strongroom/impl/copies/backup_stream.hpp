// backup_stream.hpp: the bytes of a backup: a head, a frame for each record, an end.
//
// Every part carries a digest, so that damage is located; digests are unkeyed, and find accidents,
// not forgers. FORMAT.md, "Backup", lists the bytes. Nothing here touches a storage.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// BackupInfo is what a backup tells of itself.
struct BackupInfo {
  StoreId store{};
  std::uint64_t generation = 0;
  std::uint64_t created_ms = 0;   // when the backup was made
  std::uint64_t num_records = 0;  // of all kinds
  std::uint64_t size_bytes = 0;   // of the stream
};

// BackupSink takes the next bytes; its error ends the backup. BackupSource fills as much of the span
// as it can and says how much; 0 is the end.
using BackupSink = FunctionRef<Result<void>(ByteView)>;
using BackupSource = FunctionRef<Result<std::size_t>(std::span<std::uint8_t>)>;
// BackupProgress is called about once a MiB with the records and bytes so far.
using BackupProgress = FunctionRef<void(std::uint64_t num_records, std::uint64_t size_bytes)>;

namespace backup {

inline constexpr std::array<std::uint8_t, 4> kMagic = {'S', 'R', 'B', 'K'};
inline constexpr std::uint16_t kForm = 1;
inline constexpr std::size_t kMarkLen = 16;       // a digest of a part
inline constexpr std::size_t kHeadBodyLen = 40;   // before its digest
inline constexpr std::size_t kFrameBodyLen = 16;  // before the check of its lengths
inline constexpr std::size_t kFrameCheckLen = 8;
inline constexpr std::size_t kFrameHeadLen = kFrameBodyLen + kFrameCheckLen;
inline constexpr std::size_t kBufferLen = std::size_t{256} << 10;
inline constexpr std::size_t kProgressLen = std::size_t{1} << 20;

enum class FrameKind : std::uint8_t { record = 1, end = 2 };

using Mark = std::array<std::uint8_t, kMarkLen>;
using Head = std::array<std::uint8_t, kHeadBodyLen + kMarkLen>;
using FrameHead = std::array<std::uint8_t, kFrameHeadLen>;

// Hash is BLAKE2b of what goes by, to out_len bytes.
class Hash {
 public:
  explicit Hash(std::size_t out_len) noexcept {
    crypto_generichash_init(&state_, nullptr, 0, out_len);
  }
  Hash& add(ByteView bytes) noexcept {
    crypto_generichash_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  void finish(std::span<std::uint8_t> out) noexcept {
    crypto_generichash_final(&state_, out.data(), out.size());
  }

 private:
  crypto_generichash_state state_;
};

// mark is BLAKE2b-128 of the parts, one after the other.
template <typename... Parts>
Mark mark(const Parts&... parts) noexcept {
  Hash hash(kMarkLen);
  (hash.add(parts), ...);
  Mark out;
  hash.finish(out);
  return out;
}

inline Head head_of(const BackupInfo& info) noexcept {
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

inline FrameHead frame_head(const StoreId& store, FrameKind kind, std::size_t key_len,
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

// StreamWriter makes a stream: begin, then record by record, then end.
class StreamWriter {
 public:
  StreamWriter(BackupSink sink, BackupProgress progress) : sink_(sink), progress_(progress) {
    buffer_.reserve(kBufferLen);
  }

  Result<void> begin(const BackupInfo& info) {
    info_ = {info.store, info.generation, info.created_ms, 0, 0};
    return put(head_of(info));
  }

  Result<void> record(ByteView key, ByteView value) {
    const FrameHead head =
        frame_head(info_.store, FrameKind::record, key.size(), value.size(), info_.num_records);
    const Mark end = mark(info_.store, std::span(head).first<kFrameBodyLen>(), key, value);
    for (const ByteView part : {ByteView(head), key, value, ByteView(end)}) {
      if (auto done = put(part); !done) return done;
    }
    ++info_.num_records;
    if (info_.size_bytes - told_ < kProgressLen) return {};
    told_ = info_.size_bytes;
    progress_(info_.num_records, info_.size_bytes);
    return {};
  }

  Result<BackupInfo> end() {
    auto done = put(frame_head(info_.store, FrameKind::end, 0, 0, info_.num_records));
    Digest all;
    hash_.finish(all);
    if (done) done = put(all);
    if (done) done = flush();
    if (!done) return std::move(done).error();
    progress_(info_.num_records, info_.size_bytes);
    return info_;
  }

 private:
  Result<void> put(ByteView bytes) {
    hash_.add(bytes);
    info_.size_bytes += bytes.size();
    if (buffer_.size() + bytes.size() > kBufferLen) {
      if (auto done = flush(); !done) return done;
    }
    if (bytes.size() > kBufferLen) return sink_(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }

  Result<void> flush() {
    if (buffer_.empty()) return {};
    auto done = sink_(buffer_);
    buffer_.clear();
    return done;
  }

  BackupSink sink_;
  BackupProgress progress_;
  BackupInfo info_;
  Hash hash_{sizeof(Digest)};
  std::vector<std::uint8_t> buffer_;
  std::uint64_t told_ = 0;
};

}  // namespace backup
}  // namespace strongroom
