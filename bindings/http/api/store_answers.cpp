// store_answers.cpp: the store as a whole: its making, its seal, and what DC/OS calls stores and backends.
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.hpp"
#include "api/bodies.hpp"
#include "message/failure.hpp"
#include "message/json_text.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd::answers {
namespace {

constexpr std::uint32_t kMaxShares = 255;
constexpr std::chrono::milliseconds kWrongShareDelay{500};

const char* boolean(bool value) noexcept {
  return value ? "true" : "false";
}

std::string array_text(const std::vector<std::string>& texts) {
  std::string array = "[";
  for (const std::string& each : texts) {
    if (array.size() > 1) array += ',';
    array += json_string(each);
  }
  return array += ']';
}

// status_response has the members in the order that DC/OS' pages show.
Response status_response(const SealStatus& status) {
  return json_response(200, std::string("{\"sealed\":") + boolean(status.sealed) +
                                ",\"threshold\":" + std::to_string(status.threshold) +
                                ",\"shares\":" + std::to_string(status.shares) +
                                ",\"progress\":" + std::to_string(status.progress) +
                                ",\"nonce\":" + json_string(status.nonce) +
                                ",\"initialized\":" + boolean(status.initialized) +
                                ",\"locked\":" + boolean(status.locked) + "}");
}

std::string init_text(const InitAnswer& answer) {
  return std::string("{\"initialized\":") + boolean(answer.initialized) +
         ",\"keys\":" + array_text(answer.keys) +
         ",\"pgp_fingerprints\":" + array_text(answer.pgp_fingerprints) + "}";
}

// init_response adds the root token in locked memory.
Response init_response(const InitAnswer& answer) {
  std::string begin = init_text(answer);
  begin.pop_back();
  begin += ',';
  const strongroom_abi::Secret member = json_object("root_token", answer.root_token->reveal());
  Response response;
  response.content_type = kJson;
  response.secret = join({begin, member.reveal().substr(1)});
  return response;
}

std::string store_text(const SealStatus& status) {
  return std::string(
             "{\"name\":\"default\",\"description\":\"strongroom\",\"driver\":\"vault\","
             "\"initialized\":") +
         boolean(status.initialized) + ",\"sealed\":" + boolean(status.sealed) + "}";
}

// with_share answers 400 for a wrong share, and lets the client wait for it.
template <typename Call>
Response with_share(Call call) {
  try {
    return status_response(call());
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_DENIED && error.status() != STRONGROOM_INVALID) throw;
    Failure failure(400, "Wrong key", error.what());
    failure.delay = kWrongShareDelay;
    throw failure;
  }
}

std::vector<std::string> pgp_keys_of(const Exchange& exchange, std::uint32_t shares) {
  std::vector<std::string> keys;
  member(exchange, "/pgp_keys", STRONGROOM_JSON_ARRAY);
  while (auto key =
             member(exchange, "/pgp_keys/" + std::to_string(keys.size()), STRONGROOM_JSON_STRING)) {
    if (keys.size() == shares)
      throw Failure(400, "Bad request", "there are more pgp_keys than shares");
    keys.emplace_back(key->reveal());
  }
  return keys;
}

}  // namespace

Response ping(const Api::Parts&, Exchange&) {
  Response response;
  response.content_type = kText;
  response.text = "pong";
  return response;
}

Response ping_store(const Api::Parts& parts, Exchange& exchange) {
  if (exchange.store_name != "all") check_store_name(exchange);
  parts.store.status();
  return ping(parts, exchange);
}

Response get_init(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_INIT);
  check_store_name(exchange);
  return json_response(200, init_text(parts.lifecycle.init_status()));
}

Response put_init(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_INIT);
  check_store_name(exchange);
  const std::uint32_t shares = number_member(exchange, "shares").value_or(1);
  const std::uint32_t threshold = number_member(exchange, "threshold").value_or(1);
  if (shares < 1 || shares > kMaxShares || threshold < 1 || threshold > shares)
    throw Failure(400, "Bad request", "shares is 1 to 255, and threshold 1 to shares");
  return init_response(parts.lifecycle.init(*exchange.caller.session, shares, threshold,
                                            pgp_keys_of(exchange, shares)));
}

Response seal_status(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_UNSEAL);
  check_store_name(exchange);
  return status_response(parts.lifecycle.status());
}

Response unseal(const Api::Parts& parts, Exchange& exchange) {
  if (exchange.caller.session) require(exchange, STRONGROOM_ACTION_UNSEAL);
  check_store_name(exchange);
  const strongroom_abi::Secret share = text_member(exchange, "key");
  const auto lift_lock = member(exchange, "/lift_lock", STRONGROOM_JSON_BOOLEAN);
  return with_share([&] {
    return parts.lifecycle.unseal(share.reveal(), lift_lock && lift_lock->reveal() == "true");
  });
}

Response auto_unseal(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_UNSEAL);
  check_store_name(exchange);
  if (exchange.request.body.empty())
    return status_response(parts.lifecycle.auto_unseal(*exchange.caller.session, {}));
  const strongroom_abi::Secret key = text_member(exchange, "key");
  return with_share(
      [&] { return parts.lifecycle.auto_unseal(*exchange.caller.session, key.reveal()); });
}

Response seal(const Api::Parts& parts, Exchange& exchange) {
  check_store_name(exchange);
  parts.lifecycle.seal(*exchange.caller.session);
  return empty_response();
}

Response list_stores(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_UNSEAL);
  return json_response(200, "{\"array\":[" + store_text(parts.lifecycle.status()) + "]}");
}

Response get_store(const Api::Parts& parts, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_UNSEAL);
  check_store_name(exchange);
  return json_response(200, store_text(parts.lifecycle.status()));
}

Response put_store(const Api::Parts&, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_INIT);
  check_store_name(exchange);
  throw Failure(409, "Conflict", "the store 'default' already exists; this server has no other");
}

Response delete_store(const Api::Parts&, Exchange& exchange) {
  require(exchange, STRONGROOM_ACTION_INIT);
  check_store_name(exchange);
  throw Failure(403, "Forbidden", "the store 'default' cannot be deleted by a request");
}

}  // namespace strongroomd::answers
