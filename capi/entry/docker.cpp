// docker.cpp: credentials of image registries.
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "guard.hpp"
#include "messages.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/docker_config.hpp"
#include "strongroom/secret_bytes.hpp"

using namespace strongroom;
using namespace strongroom::capi;

strongroom_status strongroom_docker_authorization(const void* json, size_t len, const char* image,
                                                  const char* default_registry,
                                                  strongroom_secret** out,
                                                  strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_ASSIGN(name, text_of(image, "image"));
    const std::string_view otherwise =
        default_registry == nullptr ? mesos::kDefaultRegistry : default_registry;
    STRONGROOM_ASSIGN(registry, mesos::registry_of(name, otherwise));
    STRONGROOM_ASSIGN(config, json_of(json, len));
    return give<strongroom_secret>(mesos::docker_authorization(std::move(config), registry));
  });
}

strongroom_status strongroom_docker_credential(const void* json, size_t len, const char* registry,
                                               strongroom_secret** out_user,
                                               strongroom_secret** out_password,
                                               strongroom_error** out_error) noexcept {
  give_number(out_password, static_cast<strongroom_secret*>(nullptr));
  return deliver(out_user, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    if (out_password == nullptr) return was_null("out_password");
    STRONGROOM_ASSIGN(host, text_of(registry, "registry"));
    STRONGROOM_ASSIGN(config, json_of(json, len));
    STRONGROOM_ASSIGN(credential, mesos::docker_credential(std::move(config), host));
    auto password = std::make_unique<strongroom_secret>(std::move(credential.password));
    auto user = std::make_unique<strongroom_secret>(std::move(credential.user));
    *out_password = password.release();
    return user;
  });
}
