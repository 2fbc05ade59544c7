#include "api/api.hpp"

#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>

#include "api/routes.hpp"
#include "message/failure.hpp"
#include "message/json_text.hpp"

namespace strongroomd {
namespace {

// failure_of says in HTTP what the store answered.
Failure failure_of(const strongroom_abi::Error& error) {
  const auto say = [&](unsigned status, const char* title) {
    return Failure(status, title, error.what());
  };
  switch (error.status()) {
    case STRONGROOM_INVALID:
      return say(400, "Bad request");
    case STRONGROOM_NOT_FOUND:
      return say(404, "Not found");
    case STRONGROOM_ALREADY_EXISTS:
    case STRONGROOM_CONFLICT:
      return say(409, "Conflict");
    case STRONGROOM_DENIED:
      return say(403, "Forbidden");
    case STRONGROOM_SEALED:
      return say(503, "Sealed");
    case STRONGROOM_NOT_INITIALIZED:
      return say(503, "Not initialized");
    case STRONGROOM_TOO_LARGE:
      return say(413, "Too large");
    case STRONGROOM_UNAVAILABLE:
    case STRONGROOM_TIMEOUT:
      return say(503, "Unavailable");
    case STRONGROOM_INDETERMINATE:
      return say(500, "Outcome not known");
    default:
      return say(500, "Store failure");
  }
}

Response response_of(const Failure& failure) {
  Response response;
  response.status = failure.status();
  response.content_type = kJson;
  response.text = "{\"title\":" + json_string(failure.title()) +
                  ",\"description\":" + json_string(failure.what()) + "}";
  response.headers = failure.headers;
  response.delay = failure.delay;
  // What clients of DC/OS look for before they log in.
  if (failure.status() == 401) response.headers.emplace_back("WWW-Authenticate", "acsjwt");
  if (failure.status() == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

// answer_of returns step(), or the response for what it threw.
template <typename Step>
std::optional<Response> answer_of(Step step) noexcept {
  try {
    return step();
  } catch (const Failure& failure) {
    return response_of(failure);
  } catch (const strongroom_abi::Error& error) {
    return response_of(failure_of(error));
  } catch (const std::bad_alloc&) {
    return response_of(Failure(503, "Busy", "no memory is left; try again in a second"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "strongroomd: internal error, please report it: %s\n", error.what());
    return response_of(Failure(500, "Internal error", "see the log of the server, and report it"));
  }
}

// is_sealed returns whether the store has no keys here.
bool is_sealed(strongroom_abi::Store& store) {
  try {
    return store.status().sealed();
  } catch (const strongroom_abi::Error&) {
    return true;
  }
}

}  // namespace

Api::Api(const Parts& parts) : parts_(parts), remote_(parts.settings.store.starts_with("zk")) {}

template <typename Step>
void Api::run(Exchange& exchange, Step step) noexcept {
  if (std::optional<Response> response = answer_of(step)) end(exchange, std::move(*response));
}

void Api::find(Exchange& exchange) noexcept {
  run(exchange, [&]() -> std::optional<Response> {
    exchange.target = Target::parse(exchange.target_text);
    if (!exchange.target)
      throw Failure(400, "Bad request",
                    "the target of the request is malformed, too long, or means two things");
    find_route(exchange);
    if (exchange.lane == Lane::at_once && remote_) exchange.lane = Lane::store;
    return std::nullopt;
  });
}

void Api::begin(Exchange& exchange) noexcept {
  run(exchange, [&]() -> std::optional<Response> {
    if (parts_.audit != nullptr) parts_.audit->reserve();
    const Access access = exchange.route->access;
    const bool is_asked =
        access == Access::caller || (access == Access::share && !is_sealed(parts_.store));
    if (is_asked) exchange.caller = parts_.authenticator.identify(exchange.request);
    return std::nullopt;
  });
}

void Api::finish(Exchange& exchange) noexcept {
  run(exchange, [&]() -> std::optional<Response> {
    exchange.request.body = exchange.body.reveal();
    return exchange.route->answer(parts_, exchange);
  });
  exchange.request.body = {};
  exchange.body.clear();
}

void Api::fail(Exchange& exchange, const Failure& failure) noexcept {
  run(exchange, [&]() -> std::optional<Response> { throw failure; });
}

void Api::end(Exchange& exchange, Response response) noexcept {
  write_audit(exchange, response);
  exchange.response = std::move(response);
}

void Api::write_audit(Exchange& exchange, Response& response) noexcept {
  if (parts_.audit == nullptr) return;
  AuditEntry entry;
  entry.actor = exchange.caller.actor;
  if (exchange.request.peer != nullptr) entry.peer = exchange.request.peer->address;
  entry.action = exchange.action;
  entry.path = exchange.path;
  entry.is_secret_path = exchange.is_secret_path;
  entry.status = response.status;
  entry.duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - exchange.request.begun);
  auto refused = answer_of([&]() -> std::optional<Response> {
    parts_.audit->write(entry);
    return std::nullopt;
  });
  if (refused) response = std::move(*refused);
}

}  // namespace strongroomd
