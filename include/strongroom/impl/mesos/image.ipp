// image.ipp: reading Docker images from JSON, and Mesos' rules for them; see image.hpp.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::image {

using message_json::Missing;
using message_rules::ImageType;

static std::optional<ImageType> type_named(std::string_view name) noexcept {
  if (name == "APPC") return ImageType::appc;
  if (name == "DOCKER") return ImageType::docker;
  return std::nullopt;
}

static Result<Image::Credential> read_credential(JsonValue object, const std::string& prefix,
                                                 Missing& missing) {
  Image::Credential credential;
  STRONGROOM_ASSIGN(principal, message_json::name_field(object, "principal"));
  missing.require(principal.has_value(), prefix, "principal");
  credential.principal = std::move(principal).value_or(std::string());
  STRONGROOM_ASSIGN(secret, message_json::text_field(object, "secret"));
  credential.secret = std::move(secret);
  return credential;
}

static Result<void> read_docker(JsonValue object, const std::string& prefix, Missing& missing,
                                Image& image) {
  Missing of_config;
  STRONGROOM_ASSIGN(config, message_json::message_field(object, "config"));
  if (config) {
    STRONGROOM_ASSIGN(read, message_json::read_secret(*config, prefix + "config.", of_config));
    image.config = std::move(read);
  }
  Missing of_credential;
  STRONGROOM_ASSIGN(credential, message_json::message_field(object, "credential"));
  if (credential) {
    STRONGROOM_ASSIGN(read, read_credential(*credential, prefix + "credential.", of_credential));
    image.credential = std::move(read);
  }
  STRONGROOM_ASSIGN(name, message_json::name_field(object, "name"));
  missing.require(name.has_value(), prefix, "name");
  missing.append(of_credential);
  missing.append(of_config);
  image.name = std::move(name).value_or(std::string());
  return {};
}

}  // namespace detail::image

Result<message_rules::ReadImage> message_json::read_image(JsonValue object,
                                                          const std::string& prefix,
                                                          Missing& missing) {
  message_rules::ReadImage read;
  STRONGROOM_ASSIGN(cached, bool_field(object, "cached"));
  read.image.cached = cached.value_or(true);
  Missing of_docker;
  STRONGROOM_ASSIGN(docker, message_field(object, "docker"));
  if (docker) {
    read.has_docker = true;
    STRONGROOM_TRY(detail::image::read_docker(*docker, prefix + "docker.", of_docker, read.image));
  }
  STRONGROOM_ASSIGN(type, required_enum(object, "type", &detail::image::type_named));
  missing.require(type.has_value(), prefix, "type");
  missing.append(of_docker);
  if (type) read.type = *type;
  return read;
}

Result<Image> message_rules::check(ReadImage read) {
  if (read.type != ImageType::docker) {
    return Error{Code::unsupported, "the image is not of type DOCKER, so it has no secret"};
  }
  if (!read.has_docker) {
    return Error{Code::invalid, "'docker' is not set for an image of type DOCKER"};
  }
  if (read.image.config) STRONGROOM_TRY(validate(*read.image.config));
  return std::move(read.image);
}

Result<Image> image_from_json(SecretBytes text, std::size_t max_len) {
  STRONGROOM_ASSIGN(json, JsonText::parse(std::move(text), max_len));
  if (!json.root().is(JsonKind::object)) return Error{Code::invalid, "Expecting a JSON object"};
  message_json::Missing missing;
  STRONGROOM_ASSIGN(read, message_json::read_image(json.root(), "", missing));
  STRONGROOM_TRY(missing.check());
  return message_rules::check(std::move(read));
}

}  // namespace strongroom::mesos
