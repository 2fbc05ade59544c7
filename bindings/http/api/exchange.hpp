// exchange.hpp: a request on its way through the API, and its response once there is one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/authenticator.hpp"
#include "message/body.hpp"
#include "message/request.hpp"
#include "message/response.hpp"
#include "message/target.hpp"

namespace strongroomd {

struct Route;

struct Exchange {
  Exchange(BodyBudget& budget, std::size_t max_body_len) noexcept : body(budget, max_body_len) {}

  std::string target_text;  // that request.target is a view of
  Request request;
  Body body;
  std::optional<Response> response;  // set: the request is done

  // What the API found out so far.
  std::optional<Target> target;
  const Route* route = nullptr;
  Caller caller;
  std::string_view store_name;   // as it was sent
  std::string path;              // of the secret, or what the request is about; for the audit log
  const char* action = "other";  // likewise
  bool is_secret_path = false;
  bool is_path_malformed = false;  // its escapes are incomplete; path is as it was sent
};

}  // namespace strongroomd
