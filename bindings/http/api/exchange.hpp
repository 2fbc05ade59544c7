// exchange.hpp: a request on its way through the API, and its response once there is one.
#pragma once

#include <cstdint>
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

// Lane says which threads do a request, so that one that waits, or computes for long, holds up none of another kind.
enum class Lane : std::uint8_t {
  at_once,  // the thread of the connection: it waits for nothing
  store,    // what reads or writes the store
  login,    // hashes of passwords: few at once, since each takes a core and tens of megabytes
  seal,     // ping, the seal and its keys, which must work while the store does not
};

struct Exchange {
  Exchange(BodyBudget& budget, std::size_t max_body_len) noexcept : body(budget, max_body_len) {}

  std::string target_text;  // that request.target is a view of
  Request request;
  Body body;
  std::optional<Response> response;  // set: the request is done

  // What the API found out so far.
  std::optional<Target> target;
  const Route* route = nullptr;
  Lane lane = Lane::at_once;
  Caller caller;
  std::string_view store_name;   // as it was sent
  std::string path;              // of the secret, or what the request is about; for the audit log
  const char* action = "other";  // likewise
  bool is_secret_path = false;
  bool is_path_malformed = false;  // its escapes are incomplete; path is as it was sent
};

}  // namespace strongroomd
