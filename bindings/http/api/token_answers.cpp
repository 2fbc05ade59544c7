// token_answers.cpp: tokens of this server. Only trusted callers may use them: the store decides that.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.hpp"
#include "api/bodies.hpp"
#include "message/failure.hpp"
#include "message/json_text.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd::answers {
namespace {

std::string token_text(const TokenInfo& info) {
  return "{\"id\":" + json_string(info.id) + ",\"identity\":" + json_string(info.identity) +
         ",\"description\":" + json_string(info.description) +
         ",\"created_s\":" + std::to_string(info.created_s) +
         ",\"expires_s\":" + std::to_string(info.expires_s) + "}";
}

// with_text adds the text of a token to what is said about it, in locked memory.
Response with_text(const NewToken& token) {
  const strongroom_abi::Secret begin = json_object("token", token.text.reveal());
  Response response;
  response.status = 201;
  response.content_type = kJson;
  response.secret = join({begin.reveal().substr(0, begin.size() - 1), ",",
                          std::string_view(token_text(token.info)).substr(1)});
  return response;
}

std::string text_or(const Exchange& exchange, const std::string& name,
                    const std::string& otherwise) {
  const auto found = member(exchange, "/" + name, STRONGROOM_JSON_STRING);
  return found ? std::string(found->reveal()) : otherwise;
}

[[noreturn]] void fail_no_token() {
  throw Failure(404, "Not found", "there is no such token");
}

}  // namespace

Response login(const Api::Parts& parts, Exchange& exchange) {
  exchange.path = text_or(exchange, "uid", "");
  const strongroom_abi::Secret token = parts.authenticator.login(exchange.request);
  Response response;
  response.content_type = kJson;
  response.secret = json_object("token", token.reveal());
  // Clients of DC/OS take the token from the cookie. Pages of other sites can neither read nor send it.
  response.set_cookie =
      join({kTokenCookie, "=", token.reveal(), "; Path=/; HttpOnly; SameSite=Strict",
            exchange.request.peer->is_tls ? "; Secure" : ""});
  return response;
}

Response create_token(const Api::Parts& parts, Exchange& exchange) {
  const auto identity = member(exchange, "/identity", STRONGROOM_JSON_STRING);
  if (!identity)
    throw Failure(400, "Bad request",
                  "the body must be JSON such as "
                  "{\"identity\":\"user:ID\",\"description\":\"...\",\"lifetime_s\":3600}");
  const NewToken made = parts.tokens.create(
      *exchange.caller.session, std::string(identity->reveal()),
      text_or(exchange, "description", ""), number_member(exchange, "lifetime_s").value_or(0));
  exchange.path = made.info.id;
  return with_text(made);
}

Response list_tokens(const Api::Parts& parts, Exchange& exchange) {
  std::string array;
  for (const TokenInfo& each : parts.tokens.list(*exchange.caller.session)) {
    if (!array.empty()) array += ',';
    array += token_text(each);
  }
  return json_response(200, "{\"array\":[" + array + "]}");
}

Response get_token(const Api::Parts& parts, Exchange& exchange) {
  const auto found = parts.tokens.get(*exchange.caller.session, exchange.path);
  if (!found) fail_no_token();
  return json_response(200, token_text(*found));
}

Response delete_token(const Api::Parts& parts, Exchange& exchange) {
  if (!parts.tokens.revoke(*exchange.caller.session, exchange.path)) fail_no_token();
  return empty_response();
}

}  // namespace strongroomd::answers
