// message_rules.hpp: volumes and images as they were read from JSON or wire format, and Mesos' rules
// for them.
//
// Mesos first reads a whole message and reports all fields that are missing. Only then does it check rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"

namespace strongroom::mesos::message_rules {

enum class ImageType : std::uint8_t { appc = 1, docker = 2 };

struct ReadImage {
  ImageType type = ImageType::docker;
  bool has_docker = false;
  Image image;
};

// The numbers of Volume.Source.Type.
enum class SourceType : std::uint8_t {
  unknown = 0,
  docker_volume = 1,
  sandbox_path = 2,
  secret = 3,
  host_path = 4,
  csi_volume = 5
};
constexpr std::size_t kNumSourceTypes = 6;

struct ReadSource {
  SourceType type = SourceType::unknown;
  std::array<bool, kNumSourceTypes> has{};  // the field that belongs to a type
  bool has_static_provisioning = false;     // in csi_volume
  std::optional<Secret> secret;
};

struct ReadVolume {
  std::string container_path;
  Volume::Mode mode = Volume::Mode::read_only;
  bool has_host_path = false;
  bool has_image = false;
  std::optional<ReadSource> source;
};

Result<Image> check(ReadImage read);

// check also checks the container paths.
Result<std::vector<Volume>> check(std::vector<ReadVolume> read);

}  // namespace strongroom::mesos::message_rules
