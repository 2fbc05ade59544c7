// docker_config_fuzz.cpp: an image's name, up to the first line feed, and a Docker configuration. A header has no
// control characters, a credential is what the header says, and scheme and path of a registry do not count.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/mesos/docker_config.hpp"

namespace {

using namespace strongroom;
using namespace strongroom::mesos;

void require(bool promise) {
  if (!promise) std::abort();
}

SecretBytes copy(std::string_view text) {
  return SecretBytes::copy_value({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
      .value();
}

void check_error(const Error& error) {
  require(error.code == Code::invalid || error.code == Code::not_found ||
          error.code == Code::too_large);
}

constexpr std::string_view kBasic = "Basic ";

void check_header(std::string_view header) {
  require(header.starts_with(kBasic));
  require(std::none_of(header.begin(), header.end(),
                       [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f; }));
}

void check_credential(const DockerCredential& credential, std::string_view header) {
  const std::string_view user = credential.user.reveal_text();
  require(!user.empty() && user.find(':') == std::string_view::npos);
  const std::string_view auth = header.substr(kBasic.size());
  const SecretBytes pair = base64_decode(SecretView(auth.data(), auth.size())).value();
  require(pair.reveal_text() ==
          std::string(user) + ":" + std::string(credential.password.reveal_text()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), len);
  const std::string_view image = input.substr(0, input.find('\n'));
  const std::string_view config = input.substr(std::min(len, image.size() + 1));
  const auto registry = registry_of(image);
  if (!registry) {
    check_error(registry.error());
    return 0;
  }
  require(!registry->empty() && registry->find('/') == std::string::npos);
  const auto header = docker_authorization(copy(config), *registry);
  const auto by_url = docker_authorization(copy(config), "https://" + *registry + "/v1/");
  require(header.ok() == by_url.ok());
  const auto credential = docker_credential(copy(config), *registry);
  if (!credential) check_error(credential.error());
  if (!header) {
    check_error(header.error());
    require(header.error().code == by_url.error().code);
    return 0;
  }
  require(header->reveal_text() == by_url->reveal_text());
  check_header(header->reveal_text());
  if (credential) check_credential(*credential, header->reveal_text());
  return 0;
}
