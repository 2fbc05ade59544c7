// secret_wire.ipp: Mesos' rules for Secret, and its protobuf wire format.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

static bool read_reference(WireReader message, ReferenceDraft& draft) {
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return read_text(reader, draft.name);
    if (tag == tag_of(2, kBytes)) return read_text(reader, draft.key);
    return reader.skip(tag);
  });
}

static bool read_value(WireReader message, ValueDraft& draft) {
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return read_secret_bytes(reader, draft.data);
    return reader.skip(tag);
  });
}

bool read_secret(WireReader message, SecretDraft& draft) {
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kVarint)) {
      return read_enum(reader, Secret::Type::unknown, Secret::Type::value, draft.type);
    }
    if (tag == tag_of(2, kBytes)) return read_message(reader, draft.reference, &read_reference);
    if (tag == tag_of(3, kBytes)) return read_message(reader, draft.value, &read_value);
    return reader.skip(tag);
  });
}

Result<Secret> complete(SecretDraft draft, const std::string& prefix,
                        message_json::Missing& missing) {
  Secret secret;
  secret.type = draft.type.value_or(Secret::Type::unknown);
  if (draft.reference) {
    missing.require(draft.reference->name.has_value(), prefix, "reference.name");
    secret.reference = Reference{std::move(draft.reference->name).value_or(std::string()),
                                 std::move(draft.reference->key)};
  }
  if (draft.value) {
    missing.require(draft.value->data.has_value(), prefix, "value.data");
    STRONGROOM_ASSIGN(data, complete(draft.value->data));
    secret.value = Value{std::move(data).value_or(SecretBytes())};
  }
  return secret;
}

void put_secret(ByteSink& sink, const Secret& secret) noexcept {
  if (secret.type != Secret::Type::unknown) put_enum(sink, 1, secret.type);
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
  constexpr std::string_view kWhat = "a Secret message";
  STRONGROOM_TRY(message_wire::check_len(wire.size(), kWhat));
  message_wire::SecretDraft draft;
  if (!message_wire::read_secret(message_wire::WireReader(wire, message_wire::kMaxNesting),
                                 draft)) {
    return message_wire::malformed(kWhat);
  }
  message_json::Missing missing;
  STRONGROOM_ASSIGN(secret, message_wire::complete(std::move(draft), "", missing));
  STRONGROOM_TRY(missing.check());
  return std::move(secret);
}

Result<SecretBytes> encode_secret(const Secret& secret) {
  return message_wire::make("a Secret message",
                            [&](ByteSink& sink) { message_wire::put_secret(sink, secret); });
}

}  // namespace strongroom::mesos
