// http_request_fuzz.cpp: any request of a stranger, a user or a trusted caller gets one well-formed response, and only
// callers that may see a secret.
//
// An input is the caller (one byte), the method and target, header fields, and after an empty line the body.
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "identity/authenticator.hpp"
#include "identity/tokens.hpp"
#include "message/body.hpp"
#include "settings/settings.hpp"
#include "state/lifecycle.hpp"
#include "state/state_dir.hpp"
#include "strongroom_abi.hpp"

namespace {

using namespace strongroomd;

constexpr std::string_view kSecret = "what only some may see";
constexpr uid_t kTrusted = 1;
constexpr uid_t kUser = 2;

void require(bool promise) {
  if (!promise) std::abort();
}

std::string new_directory() {
  char name[] = "/tmp/strongroom-fuzz-XXXXXX";
  require(::mkdtemp(name) != nullptr);
  static const std::string kept = name;
  std::atexit([] { std::filesystem::remove_all(kept); });
  return kept;
}

Settings settings_of_server() {
  Settings settings;
  settings.unix_peers = {{kTrusted, "trusted"}, {kUser, "user:bob"}};
  settings.audit.enabled = false;
  return settings;
}

// World is a server without sockets.
struct World {
  World() {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    const strongroom_abi::Pending pending = trusted.init_prepare(options);
    key = pending.reveal_key();
    trusted.init_activate(pending);
    unseal();
  }

  void unseal() {
    trusted.unseal({key});
    trusted.put("secret", STRONGROOM_CONTENT_TEXT, kSecret);
  }

  Settings settings = settings_of_server();
  StateDir dir{new_directory()};
  strongroom_abi::Store store{"memory:"};
  strongroom_abi::Session trusted{store.trusted()};
  std::string key;
  Tokens tokens{trusted, dir};
  Authenticator authenticator{store, trusted, settings, tokens};
  Lifecycle lifecycle{
      settings,
      dir,
      store,
      {[this](const std::string& text) { return std::move(tokens.create_operator(text).text); },
       [this](std::string_view text) { tokens.revoke_operator(text); }}};
  Api api{{settings, store, authenticator, tokens, lifecycle, nullptr}};
};

std::string_view take(std::string_view& rest, std::string_view separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == rest.npos ? rest.size() : at + separator.size());
  return taken;
}

Method method_named(std::string_view name) {
  constexpr std::pair<std::string_view, Method> kMethods[] = {
      {"GET", Method::get},   {"HEAD", Method::head},   {"PUT", Method::put},
      {"POST", Method::post}, {"PATCH", Method::patch}, {"DELETE", Method::remove}};
  for (const auto& [each, method] : kMethods) {
    if (each == name) return method;
  }
  return Method::other;
}

void read_field(Headers& headers, std::string_view line) {
  const std::string_view name = take(line, ": ");
  if (name == "Authorization") headers.authorization = line, ++headers.num_authorization;
  if (name == "Accept") headers.accept = line, ++headers.num_accept;
  if (name == "Content-Type") headers.content_type = line, ++headers.num_content_type;
}

bool shows_secret(const Response& response) {
  const std::string_view locked = response.secret ? response.secret->reveal() : std::string_view();
  return response.text.find(kSecret) != std::string::npos || locked.find(kSecret) != locked.npos;
}

void check(const Response& response, bool is_trusted) {
  static const std::set<unsigned> kStatuses = {200, 201, 204, 400, 401, 403,
                                               404, 405, 409, 413, 503};
  require(kStatuses.contains(response.status));
  require((response.status == 204) == (response.content_type == nullptr));
  if (response.content_type == kJson) {
    const std::string_view text =
        response.secret ? response.secret->reveal() : std::string_view(response.text);
    strongroom_abi::json_value(text, "");  // throws where it is none
  }
  require(is_trusted || !shows_secret(response));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  static World world;
  std::string_view rest(reinterpret_cast<const char*>(bytes), len);
  if (rest.empty()) return 0;
  Peer peer;
  peer.address = "unix";
  peer.unix_peer = UnixPeer{static_cast<uid_t>(rest.front() % 4), 0, 0};
  rest.remove_prefix(1);

  BodyBudget budget(1 << 20);
  Exchange exchange(budget, 1 << 16);
  std::string_view head = take(rest, "\n\n");
  std::string_view line = take(head, "\n");
  exchange.request.method = method_named(take(line, " "));
  exchange.target_text = line;
  exchange.request.target = exchange.target_text;
  exchange.request.peer = &peer;
  if (line.find("/seal/") != line.npos) return 0;  // each seal is a line of the log
  while (!head.empty()) read_field(exchange.request.headers, take(head, "\n"));
  if (rest.size() > (1 << 16)) return 0;

  world.api.find(exchange);
  if (!exchange.response) world.api.begin(exchange);
  if (!exchange.response) {
    exchange.body.append(rest);
    world.api.finish(exchange);
  }
  require(exchange.response.has_value());
  check(*exchange.response, peer.unix_peer->uid == kTrusted);
  require(budget.used() == 0);
  world.unseal();  // a trusted caller may have changed the secret
  return 0;
}
