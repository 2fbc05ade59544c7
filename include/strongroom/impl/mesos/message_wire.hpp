// message_wire.hpp: protobuf's wire format, and Secret as a part of other messages.
//
// The codec is our own: there are only a few messages, all small, and a second protobuf in the process
// of a Mesos agent is the classic way to crash it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos::message_wire {

enum Wire : std::uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5
};

constexpr std::uint32_t tag_of(std::uint32_t field, Wire wire) noexcept {
  return field << 3 | wire;
}

// protobuf's CodedInputStream::GetDefaultRecursionLimit; messages and groups count alike.
constexpr std::size_t kMaxNesting = 100;

// WireReader walks over one message. After the first fault every call fails.
class WireReader {
 public:
  WireReader(SecretView bytes, std::size_t nesting_left) noexcept
      : rest_(bytes.reveal()), nesting_left_(nesting_left) {}

  bool done() const noexcept { return rest_.empty(); }
  std::size_t nesting_left() const noexcept { return nesting_left_; }

  // A tag is a 32-bit number in at most five bytes; bits that do not fit are cut off, as in protobuf.
  bool tag(std::uint32_t& out) noexcept {
    std::uint64_t value = 0;
    if (!number(5, value)) return false;
    out = static_cast<std::uint32_t>(value);
    return true;
  }

  bool varint(std::uint64_t& out) noexcept { return number(10, out); }

  bool bytes(SecretView& out) noexcept {
    std::uint64_t len = 0;
    if (!number(5, len) || len > rest_.size()) return false;
    out = SecretView(rest_.first(static_cast<std::size_t>(len)));
    return drop(out.size());
  }

  // skip skips one field of any kind, with everything in it.
  bool skip(std::uint32_t field_tag) noexcept {
    std::array<std::uint32_t, kMaxNesting> open;  // the groups that are open
    std::size_t depth = 0;
    for (;;) {
      const std::uint32_t wire = field_tag & 7;
      if (field_tag >> 3 == 0) return false;
      if (wire == kGroup) {
        if (depth == nesting_left_) return false;
        open[depth++] = field_tag;
      } else if (wire == kEndGroup) {
        if (depth == 0 || open[--depth] != field_tag - kEndGroup + kGroup) return false;
      } else if (!skip_plain(wire)) {
        return false;
      }
      if (depth == 0) return true;
      if (!tag(field_tag)) return false;
    }
  }

 private:
  bool number(std::size_t max_len, std::uint64_t& out) noexcept {
    out = 0;
    for (std::size_t i = 0; i < max_len && i < rest_.size(); ++i) {
      out |= static_cast<std::uint64_t>(rest_[i] & 0x7F) << (7 * i);
      if (rest_[i] < 0x80) return drop(i + 1);
    }
    return false;
  }

  bool drop(std::size_t len) noexcept {
    if (len > rest_.size()) return false;
    rest_ = rest_.subspan(len);
    return true;
  }

  bool skip_plain(std::uint32_t wire) noexcept {
    std::uint64_t ignored = 0;
    SecretView unread;
    switch (wire) {
      case kVarint:
        return varint(ignored);
      case kFixed64:
        return drop(8);
      case kBytes:
        return bytes(unread);
      case kFixed32:
        return drop(4);
      default:
        return false;
    }
  }

  std::span<const std::uint8_t> rest_;
  std::size_t nesting_left_;
};

// Partial is a Secret before its required fields are checked: messages may come in pieces.
struct Partial {
  Secret::Type type = Secret::Type::unknown;
  bool has_reference = false;
  std::optional<std::string> name;
  std::optional<std::string> key;
  bool has_value = false;
};

inline void put_varint(ByteSink& sink, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7) sink.put(static_cast<std::uint8_t>(value | 0x80));
  sink.put(static_cast<std::uint8_t>(value));
}

inline void put_bytes(ByteSink& sink, std::uint32_t field, std::string_view bytes) noexcept {
  put_varint(sink, tag_of(field, kBytes));
  put_varint(sink, bytes.size());
  sink.put(bytes);
}

template <typename Write>
void put_message(ByteSink& sink, std::uint32_t field, Write write) noexcept {
  ByteSink measure;
  write(measure);
  put_varint(sink, tag_of(field, kBytes));
  put_varint(sink, measure.size());
  write(sink);
}

inline bool read_text(WireReader& reader, std::optional<std::string>& out) {
  SecretView bytes;
  if (!reader.bytes(bytes)) return false;
  out.emplace(bytes.reveal_text());
  return true;
}

// read_secret reads a Secret, or one more piece of it. The last data field counts: it is only remembered
// in data, to be copied once at the end.
bool read_secret(WireReader reader, Partial& secret, std::optional<SecretView>& data);

// complete copies data, and names the required fields that are missing.
Result<Secret> complete(Partial partial, std::optional<SecretView> data, const std::string& prefix,
                        message_json::Missing& missing);

// put_secret writes the fields of a Secret.
void put_secret(ByteSink& sink, const Secret& secret) noexcept;

}  // namespace strongroom::mesos::message_wire
