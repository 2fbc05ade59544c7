// secret_json_fuzz.cpp: what is read from JSON as a secret, an environment or volumes can be
// written, read again and means the same; what was validated keeps its rules.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"

namespace {

using namespace strongroom;
using namespace strongroom::mesos;

void require(bool promise) {
  if (!promise) std::abort();
}

SecretBytes copy(const std::uint8_t* bytes, std::size_t len) {
  return SecretBytes::copy_value({bytes, len}).value();
}

void round_trip(const Secret& secret) {
  SecretBytes json = secret_to_json(secret).value();
  const std::string written(json.reveal_text());
  const Secret back = secret_from_json(std::move(json)).value();
  require(secret_to_json(back).value().reveal_text() == written);
  require(encode_secret(back).value().reveal_text() == encode_secret(secret).value().reveal_text());
  require(validate(back).ok() == validate(secret).ok());
}

void try_environment(const std::uint8_t* bytes, std::size_t len) {
  auto environment = environment_from_json(copy(bytes, len));
  if (!environment) return;
  const bool valid = validate_environment(*environment).ok();
  const auto resolve = [](std::span<const Secret* const> secrets, std::size_t&) {
    std::vector<SecretBytes> all(secrets.size());
    return Result<std::vector<SecretBytes>>(std::move(all));
  };
  const auto all = resolve_environment(std::move(environment).value(), resolve);
  require(valid || !all);
  if (!all) return;
  for (const auto& [name, value] : all->variables) {
    require(name.find('\0') == std::string::npos);
    require(value.reveal_text().find('\0') == std::string_view::npos);
  }
}

void try_volumes(const std::uint8_t* bytes, std::size_t len) {
  const auto volumes = volumes_from_json(copy(bytes, len));
  if (!volumes) return;
  for (const Volume& volume : *volumes) {
    require(validate(volume.secret).ok());
    require(!volume.container_path.empty() && volume.container_path.back() != '/');
    require(("/" + volume.container_path + "/").find("/../") == std::string::npos);
  }
  require(validate_container_paths(*volumes).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  if (const auto secret = secret_from_json(copy(bytes, len))) round_trip(*secret);
  try_environment(bytes, len);
  try_volumes(bytes, len);
  const auto selected = select_key(copy(bytes, len), "key", "name");
  require(selected || selected.error().message.find("name") != std::string::npos);
  return 0;
}
