#include "api/bodies.hpp"

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/routes.hpp"
#include "message/failure.hpp"
#include "message/response.hpp"

namespace strongroomd::answers {

Response json_response(unsigned status, std::string text) {
  Response response;
  response.status = status;
  response.content_type = kJson;
  response.text = std::move(text);
  return response;
}

Response empty_response() {
  Response response;
  response.status = 204;
  return response;
}

std::optional<strongroom_abi::Secret> member(const Exchange& exchange, const std::string& pointer,
                                             std::uint32_t kind) {
  const auto fail = [&](const std::string& why) -> Failure {
    return Failure(400, "Bad request", "the body: " + why);
  };
  try {
    strongroom_abi::JsonValue found = strongroom_abi::json_value(exchange.request.body, pointer);
    if (found.kind != kind) throw fail("'" + pointer + "' is of another kind");
    return std::move(found.value);
  } catch (const strongroom_abi::Error& error) {
    if (error.status() == STRONGROOM_NOT_FOUND) return std::nullopt;
    if (error.status() == STRONGROOM_INVALID) throw fail(error.what());
    throw;
  }
}

strongroom_abi::Secret text_member(const Exchange& exchange, const std::string& name) {
  auto found = member(exchange, "/" + name, STRONGROOM_JSON_STRING);
  if (!found)
    throw Failure(400, "Bad request", "the body must be JSON such as {\"" + name + "\":\"...\"}");
  return std::move(*found);
}

std::optional<std::uint32_t> number_member(const Exchange& exchange, const std::string& name) {
  const auto found = member(exchange, "/" + name, STRONGROOM_JSON_NUMBER);
  if (!found) return std::nullopt;
  const std::string_view digits = found->reveal();
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Failure(400, "Bad request",
                  "the body: '" + name + "' is a whole number of 0 to 4294967295");
  return number;
}

void require(Exchange& exchange, std::uint32_t action, const std::string& path) {
  if (!exchange.caller.session->check(action, path))
    throw Failure(403, "Forbidden", exchange.caller.actor + " may not do this");
}

void check_store_name(const Exchange& exchange) {
  if (exchange.store_name != "default")
    throw Failure(404, "Not found", "there is no such store; its name is 'default'");
}

}  // namespace strongroomd::answers
