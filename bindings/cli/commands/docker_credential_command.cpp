// docker_credential_command.cpp: a credential helper for Docker, podman and others that speak its protocol.
//
// The protocol: `get` reads a registry's URL from standard input and prints {"ServerURL","Username","Secret"}. A
// helper that fails says why on standard output, which Docker shows, and kNoDockerCredentials means "go on
// without credentials". What `store` is given on standard input is never read.
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
    .words = "get store erase list"};
constexpr Option kDockerConfigPath = {
    .names = "--config",
    .kind = Kind::secret,
    .about = "Secret with a Docker configuration (STRONGROOM_DOCKER_CONFIG)",
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

// print_utf8 prints a string of JSON, which holds only UTF-8.
void print_utf8(SecretOutput& out, std::string_view bytes, const std::string& registry) {
  if (!is_utf8(bytes)) {
    throw Failure(kExitInvalid, "the user or password for '" + printable(registry) +
                                    "' is not UTF-8, which a credential helper cannot print; "
                                    "Mesos' image pull takes it");
  }
  out.json_string(bytes);
}

int print_credential(const Options& options) {
  const std::string action = options.text(kHelperAction);
  if (action == "list") {
    throw Failure(kExitUnsupported,
                  "this credential helper does not list registries; name each in 'credHelpers' of "
                  "Docker's configuration");
  }
  if (action != "get") {
    throw Failure(
        kExitUnsupported,
        "this credential helper only reads; write the secret with the Docker configuration "
        "by 'strongroom update'");
  }
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
    print_utf8(out, credential.user.reveal(), registry);
    out.text(",\"Secret\":");
    print_utf8(out, credential.password.reveal(), registry);
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
Mesos chooses it. Helpers can also store, erase and list; this one only reads, so `docker login`
fails: write the secret by strongroom update.

Examples:
  echo registry.example.com | strongroom docker-credential get --config my/pull-config)";

const Command docker_credential_command("docker-credential", kSecretsGroup,
                                        "Give Docker the credentials of a registry",
                                        kDockerCredentialHelp, {&kHelperAction, &kDockerConfigPath},
                                        run_docker_credential);

}  // namespace strongroom_cli
