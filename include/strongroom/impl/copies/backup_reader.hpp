// backup_reader.hpp: takes the bytes of a backup apart, and reports where they are damaged.
//
// It must never trust a stream: lengths are accepted only within the limits, and memory is allocated
// only as bytes arrive. The bytes are those of backup_stream.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

// Input counts and hashes the bytes of a source, and reads it in large pieces.
class Input {
 public:
  explicit Input(BackupSource source) : source_(source), buffer_(kBufferLen) {}

  std::uint64_t position() const noexcept { return position_; }
  Hash& hash() noexcept { return hash_; }

  // read fills out. Returns  the number of bytes read: less than out has only at the end of the source.
  Result<std::size_t> read(std::span<std::uint8_t> out);

 private:
  BackupSource source_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t position_ = 0;
  Hash hash_{sizeof(Digest)};
};

// StreamReader takes a stream apart and checks it on the way.
class StreamReader {
 public:
  // damaged: the record's digest did not match; later records can still be read.
  enum class Step : std::uint8_t { record, damaged, end };

  StreamReader(BackupSource source, BackupProgress progress)
      : input_(source), progress_(progress) {}

  // begin reads the head. Errors  invalid: not a backup.  corrupt.  unsupported: of a newer form.
  Result<void> begin();

  // next reads one record, for key() and value(), or the end, after which nothing may follow.
  // Errors  corrupt: the stream cannot be read further, or, at the end, some of it was damaged.
  Result<Step> next();

  ByteView key() const noexcept { return ByteView(bytes_).first(key_len_); }
  ByteView value() const noexcept { return ByteView(bytes_).subspan(key_len_); }
  // info is complete after the end.
  const BackupInfo& info() const noexcept { return info_; }
  const Mark& head_mark() const noexcept { return head_mark_; }
  // damage returns an error for the records that were damaged so far, if any.
  std::optional<Error> damage() const;
  // with_damage adds that error to the one that ended the reading, if that was damage as well.
  Error with_damage(Error last) const;

 private:
  static Mark tail(const Head& head) noexcept;
  static bool can_be(FrameKind kind, std::size_t key_len, std::size_t value_len) noexcept;
  static Error newer(std::uint64_t form);
  std::string here() const { return "record " + std::to_string(info_.num_records); }
  Error cut_short(std::string_view where) const;
  Error corrupt(std::string_view what, std::uint64_t from) const;

  Result<Step> read_record(ByteView lengths, std::size_t key_len, std::size_t value_len);

  Result<Step> read_end();

  Input input_;
  BackupProgress progress_;
  BackupInfo info_;
  Mark head_mark_{};
  std::vector<std::uint8_t> bytes_;  // key | value
  std::size_t key_len_ = 0;
  std::uint64_t begin_ = 0;  // of the frame
  std::uint64_t told_ = 0;
  std::uint64_t num_damaged_ = 0;
  std::optional<Error> damage_;
};

}  // namespace strongroom::backup
