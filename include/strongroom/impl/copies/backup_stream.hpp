// backup_stream.hpp: the bytes of a backup: a head, a frame for each record, an end.
//
// Every part carries a digest, so damage can be located. Digests are unkeyed: they find accidents, not
// forgeries. FORMAT.md, "Backup", lists the bytes. Nothing here touches a storage.
#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

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

// Hash is BLAKE2b of the bytes that are added, with an output of out_len bytes.
class Hash {
 public:
  explicit Hash(std::size_t out_len) noexcept {
    crypto_generichash_init(&state_, nullptr, 0, out_len);
  }
  Hash& add(ByteView bytes) noexcept;
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

FrameHead frame_head(const StoreId& store, FrameKind kind, std::size_t key_len,
                     std::size_t value_len, std::uint64_t number) noexcept;

// StreamWriter makes a stream: begin, then record by record, then end.
class StreamWriter {
 public:
  StreamWriter(BackupSink sink, BackupProgress progress) : sink_(sink), progress_(progress) {
    buffer_.reserve(kBufferLen);
  }

  Result<void> begin(const BackupInfo& info);

  Result<void> record(ByteView key, ByteView value);

  Result<BackupInfo> end();

 private:
  Result<void> put(ByteView bytes);

  Result<void> flush();

  BackupSink sink_;
  BackupProgress progress_;
  BackupInfo info_;
  Hash hash_{sizeof(Digest)};
  std::vector<std::uint8_t> buffer_;
  std::uint64_t told_ = 0;
};

}  // namespace backup
}  // namespace strongroom
