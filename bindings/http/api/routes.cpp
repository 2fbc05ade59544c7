#include "api/routes.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.hpp"
#include "message/failure.hpp"

namespace strongroomd {
namespace {

using enum Method;
using enum Access;
using enum Lane;
namespace a = answers;

// First DC/OS' endpoints 1 to 20, in their order.
constexpr std::array kRoutes = {
    Route{get, "secrets/v1/ping", "ping", caller, seal, &a::ping},
    Route{get, "secrets/v1/ping/backends/{store}", "ping", caller, seal, &a::ping_store},
    Route{get, "secrets/v1/init/{store}", "init_status", caller, seal, &a::get_init},
    Route{put, "secrets/v1/init/{store}", "init", caller, seal, &a::put_init},
    Route{get, "secrets/v1/seal-status/{store}", "seal_status", caller, seal, &a::seal_status},
    Route{put, "secrets/v1/unseal/{store}", "unseal", share, seal, &a::unseal},
    Route{put, "secrets/v1/auto-unseal/{store}", "auto_unseal", caller, seal, &a::auto_unseal},
    Route{put, "secrets/v1/seal/{store}", "seal", caller, seal, &a::seal},
    Route{get, "secrets/v1/secret/{store}/{path}", "secret_read", caller, at_once, &a::get_secret},
    Route{put, "secrets/v1/secret/{store}/{path}", "secret_create", caller, store, &a::put_secret},
    Route{patch, "secrets/v1/secret/{store}/{path}", "secret_update", caller, store,
          &a::patch_secret},
    Route{remove, "secrets/v1/secret/{store}/{path}", "secret_delete", caller, store,
          &a::delete_secret},
    Route{put, "secrets/v1/revoke/{store}/{path}", "secret_revoke", caller, store,
          &a::revoke_secret},
    Route{put, "secrets/v1/renew/{store}/{path}", "secret_renew", caller, store, &a::renew_secret},
    Route{get, "secrets/v1/store", "store_list", caller, seal, &a::list_stores},
    Route{get, "secrets/v1/store/{store}", "store_read", caller, seal, &a::get_store},
    Route{put, "secrets/v1/store/{store}", "store_create", caller, seal, &a::put_store},
    Route{remove, "secrets/v1/store/{store}", "store_delete", caller, seal, &a::delete_store},
    Route{post, "acs/api/v1/auth/login", "login", anyone, login, &a::login},
    Route{post, "strongroom/v1/tokens", "token_create", caller, store, &a::create_token},
    Route{get, "strongroom/v1/tokens", "token_list", caller, store, &a::list_tokens},
    Route{get, "strongroom/v1/tokens/{token}", "token_read", caller, store, &a::get_token},
    Route{remove, "strongroom/v1/tokens/{token}", "token_delete", caller, store, &a::delete_token},
};

constexpr std::size_t kNoPath = static_cast<std::size_t>(-1);

// Match is how a form fits a target: whether, and where its variable part begins.
struct Match {
  bool fits = false;
  std::size_t path_at = kNoPath;  // of {path}, which may have no pieces
  std::size_t name_at = kNoPath;  // of {store} or {token}
};

Match match(std::string_view form, const Target& target) {
  Match found;
  std::size_t i = 0;
  while (!form.empty()) {
    const std::string_view piece = form.substr(0, form.find('/'));
    form.remove_prefix(std::min(form.size(), piece.size() + 1));
    if (piece == "{path}") return {true, i, found.name_at};
    if (i >= target.size()) return {};
    if (piece.starts_with('{')) {
      found.name_at = i;
    } else if (piece != target.piece(i)) {
      return {};
    }
    ++i;
  }
  found.fits = i == target.size();
  return found;
}

std::string_view name_of(Method method) noexcept {
  switch (method) {
    case get:
      return "GET";
    case head:
      return "HEAD";
    case put:
      return "PUT";
    case post:
      return "POST";
    case patch:
      return "PATCH";
    case remove:
      return "DELETE";
    case other:
      return "";
  }
  return "";
}

// kBegins has what a target begins with, behind its '/', for each form to fit.
constexpr auto kBegins = [] {
  std::array<std::string_view, kRoutes.size()> begins{};
  for (std::size_t i = 0; i < begins.size(); ++i)
    begins[i] = kRoutes[i].form.substr(0, kRoutes[i].form.find('{'));
  return begins;
}();

// keep fills in what a route found in the target.
void keep(Exchange& exchange, const Route& route, const Match& match) {
  exchange.route = &route;
  exchange.lane = route.lane;
  exchange.action = route.action;
  if (match.name_at != kNoPath) exchange.store_name = exchange.target->piece(match.name_at);
  const std::size_t at = match.path_at != kNoPath ? match.path_at : match.name_at;
  exchange.is_secret_path = match.path_at != kNoPath;
  if (at == kNoPath) return;
  auto decoded = exchange.target->path(at);
  exchange.is_path_malformed = !decoded.has_value();
  exchange.path = decoded ? std::move(*decoded) : exchange.target_text;
  if (route.action == std::string_view("secret_read") &&
      exchange.target->parameter("list") != nullptr) {
    exchange.action = "secret_list";
    exchange.lane = store;
  }
}

[[noreturn]] void fail_unknown(const std::vector<std::string_view>& allowed) {
  if (allowed.empty())
    throw Failure(404, "Not found",
                  "nothing is served there; the Secrets API begins at /secrets/v1/");
  std::string methods;
  for (const std::string_view each : allowed) {
    if (!methods.empty()) methods += ", ";
    methods += each;
    if (each == "GET") methods += ", HEAD";
  }
  Failure failure(405, "Method not allowed", "this can be asked for by " + methods + " only");
  failure.headers.emplace_back("Allow", methods);
  throw failure;
}

}  // namespace

std::span<const Route> all_routes() noexcept {
  return kRoutes;
}

void find_route(Exchange& exchange) {
  const Method method = exchange.request.method == head ? get : exchange.request.method;
  std::vector<std::string_view> allowed;
  const std::string_view target = std::string_view(exchange.target_text).substr(1);
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const Route& route = kRoutes[i];
    if (!target.starts_with(kBegins[i])) continue;
    const Match found = match(route.form, *exchange.target);
    if (!found.fits) continue;
    if (route.method == method) return keep(exchange, route, found);
    allowed.push_back(name_of(route.method));
  }
  fail_unknown(allowed);
}

std::vector<std::string> Api::routes() {
  std::vector<std::string> texts;
  for (const Route& route : kRoutes)
    texts.push_back(std::string(name_of(route.method)) + " /" + std::string(route.form));
  return texts;
}

}  // namespace strongroomd
