// message_wire.hpp: protobuf's wire format, and the messages that are parts of others.
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
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
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

// ---- reading: a message may come in several pieces, so required fields are checked at the end ----

// each_field calls read(tag, reader) for every field. It stops at a malformed one, and returns false.
template <typename Read>
bool each_field(WireReader reader, Read read) {
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag) || !read(tag, reader)) return false;
  }
  return true;
}

// read_message reads one more piece of a message with read(reader, draft).
template <typename Draft, typename Read>
bool read_message(WireReader& reader, std::optional<Draft>& draft, Read read) {
  SecretView message;
  if (!reader.bytes(message)) return false;
  if (!draft) draft.emplace();
  return read(WireReader(message, reader.nesting_left() - 1), *draft);
}

inline bool read_text(WireReader& reader, std::optional<std::string>& out) {
  SecretView bytes;
  if (!reader.bytes(bytes)) return false;
  out.emplace(bytes.reveal_text());
  return true;
}

// read_secret_bytes only remembers where the bytes are, since only the last field counts.
inline bool read_secret_bytes(WireReader& reader, std::optional<SecretView>& out) noexcept {
  SecretView bytes;
  if (!reader.bytes(bytes)) return false;
  out = bytes;
  return true;
}

// read_enum keeps the value before an unknown one: to protobuf that is an unknown field.
template <typename Enum>
bool read_enum(WireReader& reader, Enum first, Enum last, std::optional<Enum>& out) noexcept {
  std::uint64_t number = 0;
  if (!reader.varint(number)) return false;
  const auto value = static_cast<std::uint32_t>(number);  // an enum is an int32 on the wire
  if (value >= static_cast<std::uint32_t>(first) && value <= static_cast<std::uint32_t>(last)) {
    out = static_cast<Enum>(value);
  }
  return true;
}

struct ReferenceDraft {
  std::optional<std::string> name;
  std::optional<std::string> key;
};

struct ValueDraft {
  std::optional<SecretView> data;
};

struct SecretDraft {
  std::optional<Secret::Type> type;
  std::optional<ReferenceDraft> reference;
  std::optional<ValueDraft> value;
};

bool read_secret(WireReader reader, SecretDraft& secret);

// complete copies the data, and names the required fields that are missing.
Result<Secret> complete(SecretDraft draft, const std::string& prefix,
                        message_json::Missing& missing);

struct CredentialDraft {
  std::optional<std::string> principal;
  std::optional<SecretView> secret;
};

struct DockerDraft {
  std::optional<std::string> name;
  std::optional<CredentialDraft> credential;
  std::optional<SecretDraft> config;
};

struct ImageDraft {
  std::optional<message_rules::ImageType> type;
  bool cached = true;
  std::optional<DockerDraft> docker;
};

bool read_image(WireReader reader, ImageDraft& image);

Result<message_rules::ReadImage> complete(ImageDraft draft, const std::string& prefix,
                                          message_json::Missing& missing);

inline Result<std::optional<SecretBytes>> complete(std::optional<SecretView> bytes) {
  if (!bytes) return std::optional<SecretBytes>();
  STRONGROOM_ASSIGN(copy, SecretBytes::copy_value(bytes->reveal()));
  return std::optional<SecretBytes>(std::move(copy));
}

// malformed and check_len take the message's name with its article.
inline Error malformed(std::string_view what) {
  return {Code::invalid, std::string(what) + " was cut short or malformed"};
}

inline Result<void> check_len(std::size_t len, std::string_view what) {
  if (len <= kMaxSecretWireLen) return {};
  return Error{Code::too_large, std::string(what) + " was longer than " +
                                    std::to_string(kMaxSecretWireLen) + " bytes"};
}

// ---- writing ----

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

template <typename Enum>
void put_enum(ByteSink& sink, std::uint32_t field, Enum value) noexcept {
  put_varint(sink, tag_of(field, kVarint));
  put_varint(sink, static_cast<std::uint8_t>(value));
}

// put_secret writes the fields of a Secret.
void put_secret(ByteSink& sink, const Secret& secret) noexcept;

// make writes a message with write(sink).
template <typename Write>
Result<SecretBytes> make(std::string_view what, Write write) {
  auto wire = ByteSink::make(write);
  STRONGROOM_TRY(wire);
  STRONGROOM_TRY(check_len(wire->size(), what));
  return wire;
}

}  // namespace strongroom::mesos::message_wire
