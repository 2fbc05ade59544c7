// environment_wire.ipp: Mesos' Environment in protobuf's wire format; see environment.hpp.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_wire.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::environment_wire {

using message_wire::kBytes;
using message_wire::kVarint;
using message_wire::tag_of;
using message_wire::WireReader;

// Draft is a variable before its required fields are checked: a secret may come in pieces.
struct Draft {
  std::optional<std::string> name;
  Variable::Type type = Variable::Type::value;
  std::optional<SecretView> value;
  std::optional<message_wire::Partial> secret;
  std::optional<SecretView> data;
};

static bool read_value(WireReader& reader, Draft& draft) noexcept {
  SecretView bytes;
  if (!reader.bytes(bytes)) return false;
  draft.value = bytes;
  return true;
}

// An unknown type keeps the type before it: to protobuf it is an unknown field.
static bool read_type(WireReader& reader, Draft& draft) noexcept {
  std::uint64_t number = 0;
  if (!reader.varint(number)) return false;
  const auto type = static_cast<std::uint32_t>(number);  // an enum is an int32 on the wire
  if (type <= 2) draft.type = static_cast<Variable::Type>(type);
  return true;
}

static bool read_secret(WireReader& reader, Draft& draft) {
  SecretView message;
  if (!reader.bytes(message)) return false;
  if (!draft.secret) draft.secret.emplace();
  return message_wire::read_secret(WireReader(message, reader.nesting_left() - 1), *draft.secret,
                                   draft.data);
}

static bool read_variable(WireReader reader, Draft& draft) {
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return false;
    const bool good = tag == tag_of(1, kBytes)    ? message_wire::read_text(reader, draft.name)
                      : tag == tag_of(2, kBytes)  ? read_value(reader, draft)
                      : tag == tag_of(3, kVarint) ? read_type(reader, draft)
                      : tag == tag_of(4, kBytes)  ? read_secret(reader, draft)
                                                  : reader.skip(tag);
    if (!good) return false;
  }
  return true;
}

static Result<Variable> complete(Draft draft, const std::string& prefix,
                                 message_json::Missing& missing) {
  Variable variable;
  missing.require(draft.name.has_value(), prefix, "name");
  variable.name = std::move(draft.name).value_or(std::string());
  variable.type = draft.type;
  variable.value = draft.value;
  if (draft.secret) {
    STRONGROOM_ASSIGN(secret, message_wire::complete(std::move(*draft.secret), draft.data,
                                                     prefix + "secret.", missing));
    variable.secret = std::move(secret);
  }
  return variable;
}

static void put_variable(ByteSink& sink, const Variable& variable) noexcept {
  message_wire::put_bytes(sink, 1, variable.name);
  if (variable.value) message_wire::put_bytes(sink, 2, variable.value->reveal_text());
  if (variable.type != Variable::Type::value) {
    message_wire::put_varint(sink, tag_of(3, kVarint));
    message_wire::put_varint(sink, static_cast<std::uint8_t>(variable.type));
  }
  if (variable.secret) {
    message_wire::put_message(
        sink, 4, [&](ByteSink& out) { message_wire::put_secret(out, *variable.secret); });
  }
}

static Error malformed() {
  return {Code::invalid, "an Environment message was cut short or malformed"};
}

static Error too_long() {
  return {Code::too_large,
          "an Environment message was longer than " + std::to_string(kMaxSecretWireLen) + " bytes"};
}

}  // namespace detail::environment_wire

Result<Environment> decode_environment(SecretView wire) {
  namespace impl = detail::environment_wire;
  if (wire.size() > kMaxSecretWireLen) return impl::too_long();
  Environment environment;
  message_json::Missing missing;
  impl::WireReader reader(wire, message_wire::kMaxNesting);
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return impl::malformed();
    if (tag != impl::tag_of(1, impl::kBytes)) {
      if (!reader.skip(tag)) return impl::malformed();
      continue;
    }
    SecretView message;
    impl::Draft draft;
    if (!reader.bytes(message) ||
        !impl::read_variable(impl::WireReader(message, reader.nesting_left() - 1), draft)) {
      return impl::malformed();
    }
    const std::size_t index = environment.variables.size();
    if (index == kMaxWireVariables) {
      return Error{Code::too_large, "an Environment message had more than " +
                                        std::to_string(kMaxWireVariables) + " variables"};
    }
    STRONGROOM_ASSIGN(
        variable,
        impl::complete(std::move(draft), "variables[" + std::to_string(index) + "].", missing));
    environment.variables.push_back(std::move(variable));
  }
  STRONGROOM_TRY(missing.check());
  STRONGROOM_TRY(hold_values(environment));
  return environment;
}

Result<SecretBytes> encode_environment(const Environment& environment) {
  auto wire = ByteSink::make([&](ByteSink& sink) {
    for (const Variable& variable : environment.variables) {
      message_wire::put_message(
          sink, 1, [&](ByteSink& out) { detail::environment_wire::put_variable(out, variable); });
    }
  });
  if (wire && wire->size() > kMaxSecretWireLen) return detail::environment_wire::too_long();
  return wire;
}

}  // namespace strongroom::mesos
