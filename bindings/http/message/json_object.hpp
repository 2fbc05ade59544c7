// json_object.hpp: reads JSON that clients send.
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "strongroom_abi.hpp"

namespace strongroomd {

// JsonObject reads members of a JSON text, which JSON pointers name.
// Throws  strongroom_abi::Error STRONGROOM_INVALID: the text is no JSON.
class JsonObject {
 public:
  explicit JsonObject(std::string_view json) noexcept : json_(json) {}

  std::optional<strongroom_abi::JsonValue> find(const std::string& pointer) const {
    try {
      return strongroom_abi::json_value(json_, pointer);
    } catch (const strongroom_abi::Error& error) {
      if (error.status() != STRONGROOM_NOT_FOUND) throw;
      return std::nullopt;
    }
  }

  std::optional<std::string> text(const std::string& pointer) const {
    const auto found = find(pointer);
    if (!found || found->kind != STRONGROOM_JSON_STRING) return std::nullopt;
    return std::string(found->value.reveal());
  }

  // time returns seconds since 1970; nothing where there is no plain number.
  std::optional<double> time(const std::string& pointer) const {
    const auto found = find(pointer);
    if (!found || found->kind != STRONGROOM_JSON_NUMBER) return std::nullopt;
    const std::string_view digits = found->value.reveal();
    double seconds = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds,
                                              std::chars_format::fixed);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(seconds))
      return std::nullopt;
    return seconds;
  }

 private:
  std::string_view json_;
};

}  // namespace strongroomd
