// secret_wire.ipp: Mesos' rules for Secret, and its protobuf wire format.
//
// The codec is our own: there are only three messages, all small, and a second protobuf in the process
// of a Mesos agent is the classic way to crash it.
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
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::secret_wire {

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
  std::optional<SecretBytes> data;
};

static Error malformed() {
  return {Code::invalid, "a Secret message was cut short or malformed"};
}

static bool read_text(WireReader& reader, std::optional<std::string>& out) {
  SecretView bytes;
  if (!reader.bytes(bytes)) return false;
  out.emplace(bytes.reveal_text());
  return true;
}

static bool read_reference(WireReader reader, Partial& secret) {
  secret.has_reference = true;
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return false;
    const bool good = tag == tag_of(1, kBytes)   ? read_text(reader, secret.name)
                      : tag == tag_of(2, kBytes) ? read_text(reader, secret.key)
                                                 : reader.skip(tag);
    if (!good) return false;
  }
  return true;
}

// The last data field counts: it is only remembered here, and copied once at the end.
static bool read_value(WireReader reader, Partial& secret, std::optional<SecretView>& data) {
  secret.has_value = true;
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return false;
    if (tag != tag_of(1, kBytes)) {
      if (!reader.skip(tag)) return false;
      continue;
    }
    SecretView bytes;
    if (!reader.bytes(bytes)) return false;
    data = bytes;
  }
  return true;
}

// An unknown type keeps the type before it: to protobuf it is an unknown field.
static bool read_type(WireReader& reader, Partial& secret) noexcept {
  std::uint64_t number = 0;
  if (!reader.varint(number)) return false;
  const auto type = static_cast<std::uint32_t>(number);  // an enum is an int32 on the wire
  if (type <= 2) secret.type = static_cast<Secret::Type>(type);
  return true;
}

static bool read_secret(WireReader reader, Partial& secret, std::optional<SecretView>& data) {
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return false;
    SecretView message;
    bool good = false;
    if (tag == tag_of(1, kVarint)) {
      good = read_type(reader, secret);
    } else if (tag == tag_of(2, kBytes)) {
      good = reader.bytes(message) &&
             read_reference(WireReader(message, reader.nesting_left() - 1), secret);
    } else if (tag == tag_of(3, kBytes)) {
      good = reader.bytes(message) &&
             read_value(WireReader(message, reader.nesting_left() - 1), secret, data);
    } else {
      good = reader.skip(tag);
    }
    if (!good) return false;
  }
  return true;
}

static Result<Secret> complete(Partial partial) {
  std::string missing;
  if (partial.has_reference && !partial.name) missing = "reference.name";
  if (partial.has_value && !partial.data) {
    missing += missing.empty() ? "value.data" : ", value.data";
  }
  if (!missing.empty()) return Error{Code::invalid, "Missing required fields: " + missing};
  Secret secret;
  secret.type = partial.type;
  if (partial.has_reference) {
    secret.reference = Reference{std::move(*partial.name), std::move(partial.key)};
  }
  if (partial.has_value) secret.value = Value{std::move(*partial.data)};
  return secret;
}

static void put_varint(ByteSink& sink, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7) sink.put(static_cast<std::uint8_t>(value | 0x80));
  sink.put(static_cast<std::uint8_t>(value));
}

static void put_bytes(ByteSink& sink, std::uint32_t field, std::string_view bytes) noexcept {
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

static void put_wire(ByteSink& sink, const Secret& secret) noexcept {
  if (secret.type != Secret::Type::unknown) {
    put_varint(sink, tag_of(1, kVarint));
    put_varint(sink, static_cast<std::uint8_t>(secret.type));
  }
  if (secret.reference) {
    put_message(sink, 2, [&](ByteSink& out) {
      put_bytes(out, 1, secret.reference->name);
      if (secret.reference->key) put_bytes(out, 2, *secret.reference->key);
    });
  }
  if (secret.value) {
    put_message(sink, 3,
                [&](ByteSink& out) { put_bytes(out, 1, secret.value->data.reveal_text()); });
  }
}

}  // namespace detail::secret_wire

Result<void> validate(const Secret& secret) {
  switch (secret.type) {
    case Secret::Type::unknown:
      return {};
    case Secret::Type::reference:
      if (!secret.reference) {
        return Error{Code::invalid, "Secret of type REFERENCE must have the 'reference' field set"};
      }
      if (secret.value) {
        return Error{Code::invalid, "Secret '" + secret.reference->name +
                                        "' of type REFERENCE must not have the 'value' field set"};
      }
      return {};
    case Secret::Type::value:
      if (!secret.value) {
        return Error{Code::invalid, "Secret of type VALUE must have the 'value' field set"};
      }
      if (secret.reference) {
        return Error{Code::invalid, "Secret of type VALUE must not have the 'reference' field set"};
      }
      return {};
  }
  return {};
}

Result<Secret> decode_secret(SecretView wire) {
  if (wire.size() > kMaxSecretWireLen) {
    return Error{Code::too_large, "a Secret message was longer than " +
                                      std::to_string(kMaxSecretWireLen) + " bytes"};
  }
  detail::secret_wire::Partial partial;
  std::optional<SecretView> data;
  if (!detail::secret_wire::read_secret(
          detail::secret_wire::WireReader(wire, detail::secret_wire::kMaxNesting), partial, data))
    return detail::secret_wire::malformed();
  if (data) {
    STRONGROOM_ASSIGN(copy, SecretBytes::copy_value(data->reveal()));
    partial.data = std::move(copy);
  }
  return detail::secret_wire::complete(std::move(partial));
}

Result<SecretBytes> encode_secret(const Secret& secret) {
  auto wire = ByteSink::make([&](ByteSink& sink) { detail::secret_wire::put_wire(sink, secret); });
  if (wire && wire->size() > kMaxSecretWireLen) {
    return Error{Code::too_large, "a Secret message would be longer than " +
                                      std::to_string(kMaxSecretWireLen) + " bytes"};
  }
  return wire;
}

}  // namespace strongroom::mesos
