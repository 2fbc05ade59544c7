// routes.hpp: the table of what is served.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "api/api.hpp"
#include "api/exchange.hpp"

namespace strongroomd {

// Who may ask for a route.
enum class Access {
  caller,  // a caller with a credential
  anyone,  // no credential is asked for
  share,   // a caller with a credential; while the server is sealed, whoever has a share
};

// Route is one method on one form of target.
struct Route {
  Method method;
  std::string_view
      form;  // pieces of the target, as "secrets/v1/secret/{store}/{path}"; {path} takes all that follow
  const char* action;  // for the audit log
  Access access;
  Lane lane;
  Response (*answer)(const Api::Parts& parts, Exchange& exchange);
};

std::span<const Route> all_routes() noexcept;

// find_route finds the route of a request, and fills exchange.route, lane, action and path.
// Throws  Failure 404: nothing is served there; 405: not by this method (the routes that there are, in headers).
void find_route(Exchange& exchange);

}  // namespace strongroomd
