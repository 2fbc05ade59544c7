// message_json.hpp: Mesos' own mapping of JSON to protobuf messages, on a parsed JsonText.
//
// Mesos does not use protobuf's JSON form: bytes are lenient base64, null leaves a field unset,
// unknown members and unknown names of optional enums are ignored, one object may stand for a list
// of one. Fields are read in alphabetical order, as Mesos' maps iterate, so that of two faults the
// same one is reported. Source: stout protobuf.hpp, `struct Parser`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos::message_json {

// Missing collects the dotted paths of required fields that were not there; if they are very many, only the first.
class Missing {
 public:
  void require(bool present, const std::string& prefix, std::string_view field) {
    if (present || fields_.size() > kMaxLen) return;
    if (!fields_.empty()) fields_ += ", ";
    fields_.append(prefix).append(field);
    if (fields_.size() > kMaxLen) fields_ += ", ...";
  }
  // append adds what is missing in a message that was read earlier than it is declared.
  void append(const Missing& other) {
    if (other.fields_.empty() || fields_.size() > kMaxLen) return;
    if (!fields_.empty()) fields_ += ", ";
    fields_ += other.fields_;
  }
  Result<void> check() const {
    if (fields_.empty()) return {};
    return Error{Code::invalid, "Missing required fields: " + fields_};
  }

 private:
  static constexpr std::size_t kMaxLen = 4096;

  std::string fields_;
};

inline Error unexpected(JsonValue value, std::string_view field) {
  return {Code::invalid, "Not expecting a JSON " + std::string(to_string(value.kind())) +
                             " for field '" + std::string(field) + "'"};
}

// find returns the member of that name, which must be of that kind; none if it is absent or null.
inline Result<std::optional<JsonValue>> find(JsonValue object, std::string_view field,
                                             JsonKind kind) {
  const std::optional<JsonValue> value = object.member(field);
  if (!value || value->is(JsonKind::null)) return std::optional<JsonValue>();
  if (!value->is(kind)) return unexpected(*value, field);
  return value;
}

inline Result<std::optional<JsonValue>> message_field(JsonValue object, std::string_view field) {
  return find(object, field, JsonKind::object);
}

// name_field returns a string that is not secret: the name of something.
inline Result<std::optional<std::string>> name_field(JsonValue object, std::string_view field) {
  STRONGROOM_ASSIGN(value, find(object, field, JsonKind::string));
  if (!value) return std::optional<std::string>();
  return std::optional<std::string>((value)->text().reveal_text());
}

// required_enum returns what named(name) returns, a std::optional, for the name in a required enum.
template <typename Named>
auto required_enum(JsonValue object, std::string_view field, Named named)
    -> Result<decltype(named(std::string_view()))> {
  STRONGROOM_ASSIGN(name, name_field(object, field));
  if (!name) return decltype(named(std::string_view()))();
  if (auto value = named(*name)) return value;
  // Mesos quotes the name.
  return Error{Code::invalid, "Failed to find enum for field '" + std::string(field) + "'"};
}

// bool_field also accepts the strings "true" and "false".
inline Result<std::optional<bool>> bool_field(JsonValue object, std::string_view field) {
  const std::optional<JsonValue> value = object.member(field);
  if (!value || value->is(JsonKind::null)) return std::optional<bool>();
  if (value->is(JsonKind::boolean)) return std::optional(value->is_true());
  if (!value->is(JsonKind::string)) return unexpected(*value, field);
  if (value->text().reveal_text() == "true") return std::optional(true);
  if (value->text().reveal_text() == "false") return std::optional(false);
  return Error{Code::invalid,
               "Failed to parse a JSON boolean for field '" + std::string(field) + "'"};
}

// text_field returns a string that may be secret.
inline Result<std::optional<SecretBytes>> text_field(JsonValue object, std::string_view field) {
  STRONGROOM_ASSIGN(value, find(object, field, JsonKind::string));
  if (!value) return std::optional<SecretBytes>();
  STRONGROOM_ASSIGN(copy, SecretBytes::copy_value((value)->text().reveal()));
  return std::optional<SecretBytes>(std::move(copy));
}

inline Result<std::optional<SecretBytes>> bytes_field(JsonValue object, std::string_view field) {
  STRONGROOM_ASSIGN(value, find(object, field, JsonKind::string));
  if (!value) return std::optional<SecretBytes>();
  auto decoded = base64_decode((value)->text());
  if (decoded) return std::optional<SecretBytes>(std::move(decoded).value());
  if (decoded.error().code != Code::invalid) return std::move(decoded).error();
  return Error{Code::invalid, "Failed to base64 decode bytes field '" + std::string(field) +
                                  "': " + decoded.error().message};
}

// each_message calls read for every message of a repeated field: the objects of an array and of arrays
// in it, or the one object that stands for a list of one. It recurses no deeper than the JSON is nested.
inline Result<void> each_message(JsonValue value, std::string_view field,
                                 FunctionRef<Result<void>(JsonValue)> read) {
  if (value.is(JsonKind::null)) return {};
  if (value.is(JsonKind::object)) return read(value);
  if (!value.is(JsonKind::array)) return unexpected(value, field);
  for (const JsonValue element : value.elements()) {
    STRONGROOM_TRY(each_message(element, field, read));
  }
  return {};
}

// read_secret reads the message Secret, which is at prefix ("variables[0].secret.") in another message.
Result<Secret> read_secret(JsonValue object, const std::string& prefix, Missing& missing);

// read_image reads the message Image, likewise.
Result<message_rules::ReadImage> read_image(JsonValue object, const std::string& prefix,
                                            Missing& missing);

}  // namespace strongroom::mesos::message_json
