// policy_json.ipp: policy_json.hpp over the engine's JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/policy/policy_json.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_text {
namespace detail::policy_json {

// A policy at its limits takes fewer. With this limit no text needs a tape of more than 96 MB.
constexpr std::size_t kMaxValues = 8'000'000;

constexpr std::string_view with_article(JsonKind kind) noexcept {
  constexpr std::string_view names[] = {"null",     "true or false", "a number",
                                        "a string", "an array",      "an object"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace detail::policy_json

Result<Json> Json::parse(Text& text) {
  const std::string_view bytes = text.text();
  JsonFault fault;
  auto json = JsonText::parse_public(std::vector<std::uint8_t>(bytes.begin(), bytes.end()),
                                     detail::policy_json::kMaxValues, &fault);
  if (json) return Json(text, std::move(json).value());
  if (json.error().code == Code::too_large) {
    return text.error(fault.offset,
                      "the JSON held more than " + std::to_string(detail::policy_json::kMaxValues) +
                          " values; a policy has at most " + std::to_string(kMaxPolicyRules) +
                          " rules",
                      Code::too_large);
  }
  return text.error(fault.offset, "the JSON was refused: " + std::string(fault.why));
}

Result<void> Json::expect(JsonValue value, JsonKind kind, std::string_view what) const {
  if (value.is(kind)) return {};
  return error(value, std::string(what) + " was " +
                          std::string(detail::policy_json::with_article(value.kind())) +
                          "; write " + std::string(detail::policy_json::with_article(kind)));
}

Result<void> Json::only_members(JsonValue object, std::span<const std::string_view> known) const {
  return each_member(object, [&](JsonValue name, JsonValue) -> Result<void> {
    if (std::find(known.begin(), known.end(), plain(name)) != known.end()) return {};
    return error(name, "the member " + in_quotes(plain(name)) + " was unknown" +
                           did_you_mean(plain(name), known) + " (known: " + listed(known) + ")");
  });
}

Result<void> Json::each_string(JsonValue array, std::string_view what,
                               FunctionRef<Result<void>(const Spelled&)> read) const {
  STRONGROOM_TRY(expect(array, JsonKind::array, what));
  bool any = false;
  for (const JsonValue element : array.elements()) {
    any = true;
    const std::string each = "an element of " + std::string(what);
    STRONGROOM_TRY(expect(element, JsonKind::string, each));
    STRONGROOM_TRY(read(spelled(element)));
  }
  if (!any) return error(array, std::string(what) + " was empty; write at least one string");
  return {};
}

Result<void> Json::each_member(JsonValue object,
                               FunctionRef<Result<void>(JsonValue, JsonValue)> read) const {
  const JsonMembers members = object.members();
  for (auto member = members.begin(); !(member == members.end()); ++member) {
    STRONGROOM_TRY(read(member.name(), member.value()));
  }
  return {};
}

}  // namespace strongroom::policy_text
