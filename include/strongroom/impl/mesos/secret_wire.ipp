// secret_wire.ipp: Mesos' rules for Secret, and its protobuf wire format.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_wire.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace message_wire {

static Error malformed() {
  return {Code::invalid, "a Secret message was cut short or malformed"};
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

bool read_secret(WireReader reader, Partial& secret, std::optional<SecretView>& data) {
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

Result<Secret> complete(Partial partial, std::optional<SecretView> data, const std::string& prefix,
                        message_json::Missing& missing) {
  Secret secret;
  secret.type = partial.type;
  if (partial.has_reference) {
    missing.require(partial.name.has_value(), prefix, "reference.name");
    secret.reference =
        Reference{std::move(partial.name).value_or(std::string()), std::move(partial.key)};
  }
  if (partial.has_value) {
    missing.require(data.has_value(), prefix, "value.data");
    STRONGROOM_ASSIGN(copy, SecretBytes::copy_value(data.value_or(SecretView()).reveal()));
    secret.value = Value{std::move(copy)};
  }
  return secret;
}

void put_secret(ByteSink& sink, const Secret& secret) noexcept {
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

}  // namespace message_wire

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
  message_wire::Partial partial;
  std::optional<SecretView> data;
  if (!message_wire::read_secret(message_wire::WireReader(wire, message_wire::kMaxNesting), partial,
                                 data))
    return message_wire::malformed();
  message_json::Missing missing;
  STRONGROOM_ASSIGN(secret, message_wire::complete(std::move(partial), data, "", missing));
  STRONGROOM_TRY(missing.check());
  return std::move(secret);
}

Result<SecretBytes> encode_secret(const Secret& secret) {
  auto wire = ByteSink::make([&](ByteSink& sink) { message_wire::put_secret(sink, secret); });
  if (wire && wire->size() > kMaxSecretWireLen) {
    return Error{Code::too_large, "a Secret message would be longer than " +
                                      std::to_string(kMaxSecretWireLen) + " bytes"};
  }
  return wire;
}

}  // namespace strongroom::mesos
