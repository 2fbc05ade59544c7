// policy_json.hpp: a policy's text as JSON, with errors that name line and column.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::policy_text {

// plain returns a string's content, or a number as it was spelled: a policy is not secret.
inline std::string_view plain(JsonValue value) noexcept {
  return value.text().reveal_text();
}

class Json {
 public:
  // parse reads the whole document. Errors  invalid, too_large.
  static Result<Json> parse(Text& text);

  Text& text() const noexcept { return *text_; }
  JsonValue root() const noexcept { return json_.root(); }

  // offset returns where a value begins; for a string, at its quotation mark.
  static std::size_t offset(JsonValue value) noexcept {
    return value.is(JsonKind::string) ? value.offset() - 1 : value.offset();
  }
  Error error(JsonValue value, std::string_view what, Code code = Code::invalid) const {
    return text_->error(offset(value), what, code);
  }
  Spelled spelled(JsonValue string) const noexcept {
    return Spelled::json_string(*text_, plain(string), string.offset());
  }

  // expect checks that a value is of a kind. what  its name in the error.
  Result<void> expect(JsonValue value, JsonKind kind, std::string_view what) const;

  // only_members refuses an object with an unknown member.
  Result<void> only_members(JsonValue object, std::span<const std::string_view> known) const;

  // each_string calls read with each element of an array of strings; the array must not be empty.
  Result<void> each_string(JsonValue array, std::string_view what,
                           FunctionRef<Result<void>(const Spelled&)> read) const;

  // each_member calls read with each (name, value) of an object.
  Result<void> each_member(JsonValue object,
                           FunctionRef<Result<void>(JsonValue, JsonValue)> read) const;

 private:
  Json(Text& text, JsonText json) noexcept : text_(&text), json_(std::move(json)) {}

  Text* text_;
  JsonText json_;
};

// read_vault_policy reads the content of {"path": ...} and adds its rules.
Result<void> read_vault_policy(const Json& json, JsonValue policy, PolicyParts& parts);

}  // namespace strongroom::policy_text
