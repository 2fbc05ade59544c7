// image.hpp: a container's Docker image, with the secret that pulls it, as Mesos' tasks name it.
//
// The secret is Image.Docker.config. It is a Docker configuration, which docker_config.hpp reads.
//
// Source  Apache Mesos include/mesos/mesos.proto, Image;
//         src/slave/containerizer/mesos/provisioner/docker.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom::mesos {

struct Image {
  // Credential is deprecated, and Mesos has never used it.
  struct Credential {
    std::string principal;
    std::optional<SecretBytes> secret;
  };

  std::string name;
  std::optional<Credential> credential;
  std::optional<Secret> config;
  bool cached = true;  // false: the image is pulled although the agent has it
};

// image_from_json reads an Image, {"type":"DOCKER","docker":{"name":...,"config":SECRET}}, as Mesos
// reads it (see secret_from_json), and validates its config. A config in another place, such as the
// member "secret" of Mesos' own documentation, is an unknown member.
// Errors  invalid: outside Mesos' rules, in Mesos' words where Mesos has some; no docker.
//         unsupported: an Appc image, which has no secret.
//         too_large: over max_len, or memory.  unavailable: memory.
Result<Image> image_from_json(SecretBytes text, std::size_t max_len = kDefaultMaxJsonLen);

// image_to_json writes the members that are set, and `cached`, as secret_to_json does.
// Errors  as secret_to_json.
Result<SecretBytes> image_to_json(const Image& image);

// decode_image reads the protobuf wire format of mesos.Image, as decode_secret reads a Secret, and
// validates its config.
// Errors  as image_from_json and decode_secret.
Result<Image> decode_image(SecretView wire);

// encode_image writes the bytes that protobuf writes, in field order, without `cached` where it is true.
// Errors  too_large, unavailable.
Result<SecretBytes> encode_image(const Image& image);

}  // namespace strongroom::mesos
