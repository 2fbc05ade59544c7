// secret_answers.cpp: what is done with one secret, and lists of their names.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.hpp"
#include "api/bodies.hpp"
#include "api/negotiation.hpp"
#include "message/failure.hpp"
#include "message/json_text.hpp"

namespace strongroomd::answers {
namespace {

[[noreturn]] void fail_path(const Settings& settings) {
  throw Failure(
      404, "Not found",
      settings.allow_dots
          ? "that is no path of a secret: names separated by single slashes"
          : "that is no path of a secret: A-Z, a-z, 0-9, '-' and '_', separated by single slashes");
}

// path_of returns the path of the request. The store takes one '/' before it, which clients may put there.
const std::string& path_of(const Api::Parts& parts, const Exchange& exchange) {
  check_store_name(exchange);
  const std::string& path = exchange.path;
  if (exchange.is_path_malformed) fail_path(parts.settings);
  if (!path.empty() && !parts.settings.allow_dots && !is_dcos_path(path)) fail_path(parts.settings);
  return path;
}

// with_path calls the store, which judges the path. All other input was judged before.
template <typename Call>
auto with_path(const Api::Parts& parts, Call call) {
  try {
    return call();
  } catch (const strongroom_abi::Error& error) {
    if (error.status() == STRONGROOM_INVALID) fail_path(parts.settings);
    throw;
  }
}

const std::string& secret_path_of(const Api::Parts& parts, const Exchange& exchange) {
  const std::string& path = path_of(parts, exchange);
  if (path.empty()) fail_path(parts.settings);
  return path;
}

bool is_list(const Exchange& exchange) {
  const std::string* list = exchange.target->parameter("list");
  if (list == nullptr || *list == "false") return false;
  if (*list != "true") throw Failure(400, "Bad request", "list is true or false");
  return true;
}

std::string list_text(const strongroom_abi::Names& names) {
  std::string text = "{\"array\":[";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += ',';
    text += json_string(names.name(i));
  }
  return text += "]}";
}

Response list_secrets(const Api::Parts& parts, Exchange& exchange) {
  std::string folder = path_of(parts, exchange);
  if (folder.ends_with('/')) folder.pop_back();
  strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
  options.recursive = 1;
  const auto names =
      with_path(parts, [&] { return exchange.caller.session->list(folder, &options); });
  return json_response(200, list_text(names));
}

// write puts the secret that the body has.
void write(const Api::Parts& parts, Exchange& exchange, std::uint32_t condition) {
  const std::string& path = secret_path_of(parts, exchange);
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition = condition;
  const auto put = [&](std::uint32_t content, std::string_view value) {
    with_path(parts, [&] { exchange.caller.session->put(path, content, value, &options); });
  };
  if (form_of_body(exchange.request.headers) == Form::bytes)
    return put(STRONGROOM_CONTENT_BINARY, exchange.request.body);
  const strongroom_abi::Secret value = text_member(exchange, "value");
  put(STRONGROOM_CONTENT_TEXT, value.reveal());
}

}  // namespace

Response get_secret(const Api::Parts& parts, Exchange& exchange) {
  if (is_list(exchange)) return list_secrets(parts, exchange);
  const std::string& path = secret_path_of(parts, exchange);
  strongroom_abi::Secret secret =
      with_path(parts, [&] { return exchange.caller.session->get(path); });
  Response response;
  if (form_to_send(exchange.request.headers, secret.is_text()) == Form::json) {
    response.content_type = kJson;
    response.secret = json_object("value", secret.reveal());
  } else {
    response.content_type = kBytes;
    response.secret = std::move(secret);
  }
  return response;
}

Response put_secret(const Api::Parts& parts, Exchange& exchange) {
  try {
    write(parts, exchange, STRONGROOM_CONDITION_CREATE);
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_ALREADY_EXISTS) throw;
    throw Failure(409, "Conflict",
                  "the secret '" + exchange.path + "' already exists; PATCH it to change it");
  }
  return json_response(201, "{}");
}

Response patch_secret(const Api::Parts& parts, Exchange& exchange) {
  write(parts, exchange, STRONGROOM_CONDITION_UPDATE);
  return empty_response();
}

Response delete_secret(const Api::Parts& parts, Exchange& exchange) {
  const std::string& path = secret_path_of(parts, exchange);
  with_path(parts, [&] { exchange.caller.session->erase(path); });
  return empty_response();
}

// Secrets here neither expire nor have leases, so revoking and renewing only need a right.
Response revoke_secret(const Api::Parts& parts, Exchange& exchange) {
  const std::string& path = secret_path_of(parts, exchange);
  with_path(parts, [&] { require(exchange, STRONGROOM_ACTION_DELETE, path); });
  return empty_response();
}

Response renew_secret(const Api::Parts& parts, Exchange& exchange) {
  const std::string& path = secret_path_of(parts, exchange);
  with_path(parts, [&] { require(exchange, STRONGROOM_ACTION_UPDATE, path); });
  return empty_response();
}

}  // namespace strongroomd::answers
