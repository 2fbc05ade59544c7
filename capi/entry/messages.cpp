// messages.cpp: the bodies of messages.hpp.
#include "messages.hpp"

#include <span>
#include <string>
#include <utility>

#include "batch.hpp"
#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/types.hpp"

namespace strongroom::capi {

Result<SecretBytes> json_of(const void* json, std::size_t len) {
  STRONGROOM_ASSIGN(text, bytes_of(json, len, "json"));
  if (len > kDefaultMaxJsonLen)
    return Error{Code::too_large, "the JSON text has " + std::to_string(len) +
                                      " bytes; the limit is " + std::to_string(kDefaultMaxJsonLen)};
  return SecretBytes::copy_value(text);
}

Error unknown_format() {
  return {Code::invalid, "format must be STRONGROOM_FORMAT_JSON or STRONGROOM_FORMAT_WIRE"};
}

// decode_as reads a message with one of the engine's two functions for its kind.
template <typename T>
static Result<T> decode_as(const strongroom_message& message, Result<T> (*from_wire)(SecretView),
                           Result<T> (*from_json)(SecretBytes, std::size_t)) {
  if (message.reserved != 0) return Error{Code::invalid, "a reserved field is not 0"};
  STRONGROOM_ASSIGN(bytes, bytes_of(message.data, message.len, "data"));
  if (message.format == STRONGROOM_FORMAT_WIRE) return from_wire(SecretView(bytes));
  if (message.format != STRONGROOM_FORMAT_JSON) return unknown_format();
  STRONGROOM_ASSIGN(text, json_of(message.data, message.len));
  return from_json(std::move(text), kDefaultMaxJsonLen);
}

Result<mesos::Secret> decode(const strongroom_message& message) {
  return decode_as(message, &mesos::decode_secret, &mesos::secret_from_json);
}
Result<mesos::Environment> decode_environment(const strongroom_message& message) {
  return decode_as(message, &mesos::decode_environment, &mesos::environment_from_json);
}
Result<std::vector<mesos::Volume>> decode_volumes(const strongroom_message& message) {
  return decode_as(message, &mesos::decode_volumes, &mesos::volumes_from_json);
}
Result<mesos::Image> decode_image(const strongroom_message& message) {
  return decode_as(message, &mesos::decode_image, &mesos::image_from_json);
}

Result<std::vector<mesos::Secret>> decode_all(const strongroom_message* messages, std::size_t num) {
  if (num > kMaxBatch) return Error{Code::too_large, "more than 1,000 messages were given"};
  if (messages == nullptr && num > 0) return was_null("messages");
  std::vector<mesos::Secret> secrets;
  secrets.reserve(num);
  for (const strongroom_message& message : std::span(messages, num)) {
    STRONGROOM_ASSIGN(secret, decode(message));
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

std::vector<const mesos::Secret*> pointers_to(const std::vector<mesos::Secret>& secrets) {
  std::vector<const mesos::Secret*> pointers;
  pointers.reserve(secrets.size());
  for (const mesos::Secret& each : secrets) pointers.push_back(&each);
  return pointers;
}

}  // namespace strongroom::capi
