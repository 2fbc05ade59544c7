// docker_config.ipp: reading a Docker configuration and choosing an entry; see docker_config.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/docker_config.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::docker_config {

static Error bad_config(const std::string& why) {
  return {Code::invalid, "Failed to parse docker config: " + why};
}

// host_of leaves scheme and path out. A scheme in other letters is none, as in Mesos.
static std::string_view host_of(std::string_view url) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    break;
  }
  return url.substr(0, url.find('/'));
}

// is_docker: Docker's own registry has several names (index., registry-1.), and one account.
static bool is_docker(std::string_view host) noexcept {
  constexpr std::string_view kDocker = "docker.io";
  host = host.substr(0, host.find(':'));
  if (!host.ends_with(kDocker)) return false;
  return host.size() == kDocker.size() || host[host.size() - kDocker.size() - 1] == '.';
}

static bool serves(std::string_view key, std::string_view registry) noexcept {
  const std::string_view host = host_of(key);
  return host == registry || (is_docker(host) && is_docker(registry));
}

// entries_of returns the object whose members are the registries.
static Result<JsonValue> entries_of(JsonValue root) {
  if (!root.is(JsonKind::object)) {
    return bad_config("JSON parse failed: Unexpected JSON type parsed");
  }
  const std::optional<JsonValue> auths = root.member("auths");
  if (!auths || auths->is(JsonKind::null)) return root;
  if (auths->is(JsonKind::object)) return *auths;
  return bad_config("Failed to find 'auths' in docker config file: Found JSON value of wrong type");
}

// auth_of checks one entry as Mesos does, also where another one is asked for.
static Result<std::optional<JsonValue>> auth_of(JsonValue entry) {
  if (!entry.is(JsonKind::object)) return bad_config("Invalid JSON object");
  auto auth = message_json::find(entry, "auth", JsonKind::string);
  if (!auth) return bad_config("Protobuf parse failed: " + auth.error().message);
  const auto email = message_json::find(entry, "email", JsonKind::string);
  if (!email) return bad_config("Protobuf parse failed: " + email.error().message);
  return auth;
}

// find_auth returns the `auth` of the first entry that serves the registry.
static Result<std::optional<JsonValue>> find_auth(JsonValue root, std::string_view registry) {
  STRONGROOM_ASSIGN(entries, entries_of(root));
  std::optional<JsonValue> found;
  for (const auto& [key, entry] : entries.members()) {
    STRONGROOM_ASSIGN(auth, auth_of(entry));
    if (!found && auth && serves(key.reveal_text(), registry)) found = auth;
  }
  return found;
}

static Result<JsonText> parse(SecretBytes config) {
  auto text = JsonText::parse(std::move(config));
  if (text || text.error().code != Code::invalid) return text;
  return bad_config("JSON parse failed: " + text.error().message);
}

// has_controls: a line break would begin another header.
static bool has_controls(SecretView text) noexcept {
  const auto bytes = text.reveal();
  return std::any_of(bytes.begin(), bytes.end(),
                     [](std::uint8_t byte) { return byte < 0x20 || byte == 0x7f; });
}

static Error no_entry(std::string_view registry) {
  return {Code::not_found,
          "the docker config has no credentials for '" + std::string(registry) + "'"};
}

// split returns what stands before and behind the first colon.
static Result<DockerCredential> split(const SecretBytes& pair) {
  const auto bytes = pair.reveal();
  const auto colon = std::find(bytes.begin(), bytes.end(), ':');
  if (colon == bytes.end() || colon == bytes.begin()) {
    return bad_config("'auth' is not the base64 of user:password");
  }
  const auto len = static_cast<std::size_t>(colon - bytes.begin());
  DockerCredential credential;
  STRONGROOM_ASSIGN(user, SecretBytes::copy_value(bytes.first(len)));
  STRONGROOM_ASSIGN(password, SecretBytes::copy_value(bytes.subspan(len + 1)));
  credential.user = std::move(user);
  credential.password = std::move(password);
  return credential;
}

}  // namespace detail::docker_config

Result<std::string> registry_of(std::string_view image, std::string_view default_registry) {
  using namespace detail::docker_config;
  if (std::count(image.begin(), image.end(), '@') > 1) {
    return Error{Code::invalid, "Multiple '@' symbols found"};
  }
  const std::string_view name = image.substr(0, image.find('@'));
  if (name.empty()) return Error{Code::invalid, "an image without a name"};
  const std::size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  const bool has_registry =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  return std::string(has_registry ? first : host_of(default_registry));
}

Result<SecretBytes> docker_authorization(SecretBytes config, std::string_view registry) {
  using namespace detail::docker_config;
  const std::string_view host = host_of(registry);
  STRONGROOM_ASSIGN(text, parse(std::move(config)));
  STRONGROOM_ASSIGN(auth, find_auth(text.root(), host));
  if (!auth) return no_entry(host);
  if (has_controls(auth->text())) return bad_config("'auth' has control characters");
  constexpr std::string_view kBasic = "Basic ";
  const auto bytes = auth->text().reveal();
  STRONGROOM_ASSIGN(header, SecretBytes::for_value(kBasic.size() + bytes.size()));
  const auto rest = std::copy(kBasic.begin(), kBasic.end(), header.reveal_mutable().begin());
  std::copy(bytes.begin(), bytes.end(), rest);
  return std::move(header);
}

Result<DockerCredential> docker_credential(SecretBytes config, std::string_view registry) {
  using namespace detail::docker_config;
  const std::string_view host = host_of(registry);
  STRONGROOM_ASSIGN(text, parse(std::move(config)));
  STRONGROOM_ASSIGN(auth, find_auth(text.root(), host));
  if (!auth) return no_entry(host);
  auto pair = base64_decode(auth->text());
  if (pair) return split(*pair);
  if (pair.error().code != Code::invalid) return std::move(pair).error();
  return bad_config("'auth' is not the base64 of user:password");
}

}  // namespace strongroom::mesos
