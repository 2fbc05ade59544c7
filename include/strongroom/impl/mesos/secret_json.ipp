// secret_json.ipp: reading Secret from JSON, and the choice of one member of a JSON secret.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::secret_json {

using message_json::Missing;

static Secret::Type secret_type_named(std::string_view name) noexcept {
  if (name == "REFERENCE") return Secret::Type::reference;
  if (name == "VALUE") return Secret::Type::value;
  return Secret::Type::unknown;
}

static Result<Reference> read_reference(JsonValue object, const std::string& prefix,
                                        Missing& missing) {
  Reference reference;
  STRONGROOM_ASSIGN(key, message_json::name_field(object, "key"));
  reference.key = std::move(key);
  STRONGROOM_ASSIGN(name, message_json::name_field(object, "name"));
  missing.require(name.has_value(), prefix, "name");
  if (name) reference.name = std::move(*name);
  return reference;
}

static Result<Value> read_value(JsonValue object, const std::string& prefix, Missing& missing) {
  STRONGROOM_ASSIGN(data, message_json::bytes_field(object, "data"));
  missing.require(data.has_value(), prefix, "data");
  if (!data) return Value{};
  return Value{std::move(*data)};
}

}  // namespace detail::secret_json

Result<Secret> message_json::read_secret(JsonValue object, const std::string& prefix,
                                         Missing& missing) {
  Secret secret;
  STRONGROOM_ASSIGN(reference, message_field(object, "reference"));
  if (reference) {
    STRONGROOM_ASSIGN(
        read, detail::secret_json::read_reference(*reference, prefix + "reference.", missing));
    secret.reference = std::move(read);
  }
  STRONGROOM_ASSIGN(type, name_field(object, "type"));
  if (type) secret.type = detail::secret_json::secret_type_named(*type);
  STRONGROOM_ASSIGN(value, message_field(object, "value"));
  if (value) {
    STRONGROOM_ASSIGN(read, detail::secret_json::read_value(*value, prefix + "value.", missing));
    secret.value = std::move(read);
  }
  return secret;
}

Result<Secret> secret_from_json(SecretBytes text, std::size_t max_len) {
  STRONGROOM_ASSIGN(json, JsonText::parse(std::move(text), max_len));
  if (!json.root().is(JsonKind::object)) {
    return Error{Code::invalid, "Expecting a JSON object"};
  }
  message_json::Missing missing;
  auto secret = message_json::read_secret(json.root(), "", missing);
  STRONGROOM_TRY(secret);
  STRONGROOM_TRY(missing.check());
  return secret;
}

Result<SecretBytes> select_key(SecretBytes secret, const std::string& key,
                               const std::string& name) {
  // The store already bounds its values; a second limit here could only disagree.
  const std::size_t len = secret.size();
  const auto json = JsonText::parse(std::move(secret), len);
  if (!json && json.error().code != Code::invalid) return json.error();
  if (!json || !json->root().is(JsonKind::object)) {
    return Error{Code::invalid,
                 "the secret '" + name + "' was no JSON object, so it had no key '" + key + "'"};
  }
  const std::optional<JsonValue> member = json->root().member(key);
  if (!member) {
    return Error{Code::not_found, "the secret '" + name + "' had no key '" + key + "'"};
  }
  if (!member->is(JsonKind::string)) {
    return Error{Code::invalid, "the key '" + key + "' of the secret '" + name + "' was no string"};
  }
  // Copied, so that a small member does not hold a large secret in locked memory.
  return SecretBytes::copy_value(member->text().reveal());
}

}  // namespace strongroom::mesos
