// environment_wire.ipp: Mesos' Environment in protobuf's wire format; see environment.hpp.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

constexpr std::string_view kEnvironmentMessage = "an Environment message";

struct VariableDraft {
  std::optional<std::string> name;
  std::optional<SecretView> value;
  std::optional<Variable::Type> type;
  std::optional<message_wire::SecretDraft> secret;
};

static bool read_variable(WireReader message, VariableDraft& draft) {
  return message_wire::each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return message_wire::read_text(reader, draft.name);
    if (tag == tag_of(2, kBytes)) return message_wire::read_secret_bytes(reader, draft.value);
    if (tag == tag_of(3, kVarint)) {
      return message_wire::read_enum(reader, Variable::Type::unknown, Variable::Type::secret,
                                     draft.type);
    }
    if (tag == tag_of(4, kBytes)) {
      return message_wire::read_message(reader, draft.secret, &message_wire::read_secret);
    }
    return reader.skip(tag);
  });
}

static Result<Variable> complete(VariableDraft draft, const std::string& prefix,
                                 message_json::Missing& missing) {
  Variable variable;
  missing.require(draft.name.has_value(), prefix, "name");
  variable.name = std::move(draft.name).value_or(std::string());
  variable.type = draft.type.value_or(Variable::Type::value);
  variable.value = draft.value;
  if (draft.secret) {
    STRONGROOM_ASSIGN(
        secret, message_wire::complete(std::move(*draft.secret), prefix + "secret.", missing));
    variable.secret = std::move(secret);
  }
  return variable;
}

static void put_variable(ByteSink& sink, const Variable& variable) noexcept {
  message_wire::put_bytes(sink, 1, variable.name);
  if (variable.value) message_wire::put_bytes(sink, 2, variable.value->reveal_text());
  if (variable.type != Variable::Type::value) message_wire::put_enum(sink, 3, variable.type);
  if (variable.secret) {
    message_wire::put_message(
        sink, 4, [&](ByteSink& out) { message_wire::put_secret(out, *variable.secret); });
  }
}

}  // namespace detail::environment_wire

Result<Environment> decode_environment(SecretView wire) {
  namespace impl = detail::environment_wire;
  STRONGROOM_TRY(message_wire::check_len(wire.size(), impl::kEnvironmentMessage));
  Environment environment;
  message_json::Missing missing;
  impl::WireReader reader(wire, message_wire::kMaxNesting);
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return message_wire::malformed(impl::kEnvironmentMessage);
    if (tag != impl::tag_of(1, impl::kBytes)) {
      if (!reader.skip(tag)) return message_wire::malformed(impl::kEnvironmentMessage);
      continue;
    }
    std::optional<impl::VariableDraft> draft;
    if (!message_wire::read_message(reader, draft, &impl::read_variable)) {
      return message_wire::malformed(impl::kEnvironmentMessage);
    }
    const std::size_t index = environment.variables.size();
    if (index == kMaxWireVariables) {
      return Error{Code::too_large, "an Environment message had more than " +
                                        std::to_string(kMaxWireVariables) + " variables"};
    }
    STRONGROOM_ASSIGN(
        variable,
        impl::complete(std::move(*draft), "variables[" + std::to_string(index) + "].", missing));
    environment.variables.push_back(std::move(variable));
  }
  STRONGROOM_TRY(missing.check());
  STRONGROOM_TRY(hold_values(environment));
  return environment;
}

Result<SecretBytes> encode_environment(const Environment& environment) {
  namespace impl = detail::environment_wire;
  return message_wire::make(impl::kEnvironmentMessage, [&](ByteSink& sink) {
    for (const Variable& variable : environment.variables) {
      message_wire::put_message(sink, 1, [&](ByteSink& out) { impl::put_variable(out, variable); });
    }
  });
}

}  // namespace strongroom::mesos
