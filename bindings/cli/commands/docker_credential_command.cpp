// docker_credential_command.cpp: a credential helper for Docker, podman and others that speak its protocol.
//
// The protocol: `get` reads a registry's URL from standard input and prints {"ServerURL","Username","Secret"}. A
// helper that fails says why on standard output, which Docker shows, and these words mean "go on without
// credentials".
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "store/failure.hpp"
#include "strongroom_abi.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kNoDockerCredentials = "credentials not found in native keychain\n";
constexpr std::size_t kMaxRegistryLen = 4096;

constexpr Option kHelperAction = {
    .names = "ACTION",
    .kind = Kind::word,
    .about = "get: print the credentials of the registry on standard input",
    .words = "get"};
constexpr Option kDockerConfigPath = {
    .names = "--config",
    .kind = Kind::secret,
    .about = "The secret that holds a Docker configuration (STRONGROOM_DOCKER_CONFIG)",
    .value = "PATH"};

std::string read_registry() {
  const strongroom_abi::Secret text = read_secret_text("-", kMaxRegistryLen, "the registry's URL");
  std::string_view url = text.reveal();
  url = url.substr(0, url.find_last_not_of(" \t\r\n") + 1);
  if (url.empty() || url.find('\0') != std::string_view::npos) {
    throw Failure(kExitInvalid, "the registry's URL is expected on standard input");
  }
  return std::string(url);
}

std::string config_path(const Options& options) {
  if (options.has(kDockerConfigPath)) return options.text(kDockerConfigPath);
  const char* const path = std::getenv("STRONGROOM_DOCKER_CONFIG");
  if (path != nullptr && *path != '\0') return path;
  throw options.usage(
      "the secret with the Docker configuration is named by --config or STRONGROOM_DOCKER_CONFIG");
}

int print_credential(const Options& options) {
  const std::string path = config_path(options);
  const std::string registry = read_registry();
  Access access = open_unsealed(options);
  const strongroom_abi::Secret config = access.session.get(path);
  try {
    const auto credential = strongroom_abi::docker_credential(config.reveal(), registry);
    SecretOutput out;
    out.text("{\"ServerURL\":");
    out.json_string(registry);
    out.text(",\"Username\":");
    out.json_string(credential.user.reveal());
    out.text(",\"Secret\":");
    out.json_string(credential.password.reveal());
    out.text("}\n");
    out.flush();
    return kExitOk;
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_NOT_FOUND) throw;
    print(kNoDockerCredentials);
    return 1;
  }
}

int run_docker_credential(const Options& options) try {
  return print_credential(options);
} catch (const std::exception& error) {
  print(printable(error.what()) + "\n");
  throw;
}

}  // namespace

constexpr const char* kDockerCredentialHelp =
    R"(For hosts that pull images with Docker or podman: docker-credential-strongroom, which is installed
next to strongroom, calls this command. Name it in ~/.docker/config.json,

  {"credHelpers": {"registry.example.com": "strongroom"}}

and give Docker STRONGROOM_STORE, a credential such as STRONGROOM_KEY_FILE, and
STRONGROOM_DOCKER_CONFIG in its environment. The secret is a text as in ~/.docker/config.json,
{"auths":{"registry.example.com":{"auth":"BASE64 OF user:password"}}}, and the entry is chosen as
Mesos chooses it. Helpers can also store, erase and list; this one only reads.

Examples:
  echo registry.example.com | strongroom docker-credential get --config my/pull-config)";

const Command docker_credential_command("docker-credential", kSecretsGroup,
                                        "Give Docker the credentials of a registry",
                                        kDockerCredentialHelp, {&kHelperAction, &kDockerConfigPath},
                                        run_docker_credential);

}  // namespace strongroom_cli
