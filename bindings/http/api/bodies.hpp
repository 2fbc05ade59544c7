// bodies.hpp: what answers share: members of request bodies, small responses, and the checks before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/exchange.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd::answers {

Response json_response(unsigned status, std::string text);
Response empty_response();  // 204

// text_member returns a string of the body's JSON object.
// Throws  Failure 400: it is missing, or the body is no JSON object. 413, 503: no memory for it.
strongroom_abi::Secret text_member(const Exchange& exchange, const std::string& name);

// member returns what the body has at a JSON pointer; nothing where there is none.
// Throws  Failure 400: the body is no JSON, or the value is of another kind (a STRONGROOM_JSON_ constant).
std::optional<strongroom_abi::Secret> member(const Exchange& exchange, const std::string& pointer,
                                             std::uint32_t kind);

// number_member returns a number of the body's JSON object; nothing where there is none.
// Throws  Failure 400: it is not one of 0..4,294,967,295.
std::optional<std::uint32_t> number_member(const Exchange& exchange, const std::string& name);

// require lets the caller go on who may do an action. It is for what the store does not decide by itself.
// Throws  Failure 403.
void require(Exchange& exchange, std::uint32_t action, const std::string& path = "");

// check_store_name refuses every store but the one that there is.
// Throws  Failure 404.
void check_store_name(const Exchange& exchange);

}  // namespace strongroomd::answers
