// volume.ipp: reading and validating secret volumes; see volume.hpp.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/definition.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::volume {

using message_json::Missing;
using message_rules::ReadSource;
using message_rules::ReadVolume;
using message_rules::SourceType;

constexpr std::size_t kMaxContainerPathLen = 4095;  // PATH_MAX counts the NUL
constexpr std::size_t kMaxContainerSegmentLen = 255;

// Kind is a type of Volume.Source, with the member that it needs.
struct Kind {
  std::string_view name;
  SourceType type;
  std::string_view member;
  std::string_view spoken;  // in Mesos' message
};
// In the order in which Mesos reads the members.
constexpr Kind kKinds[] = {
    {"CSI_VOLUME", SourceType::csi_volume, "csi_volume", "CSI"},
    {"DOCKER_VOLUME", SourceType::docker_volume, "docker_volume", "DOCKER_VOLUME"},
    {"HOST_PATH", SourceType::host_path, "host_path", "HOST_PATH"},
    {"SANDBOX_PATH", SourceType::sandbox_path, "sandbox_path", "SANDBOX_PATH"},
    {"SECRET", SourceType::secret, "secret", "SECRET"},
};

static SourceType source_named(std::string_view name) noexcept {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return kind.type;
  }
  return SourceType::unknown;
}

static Result<ReadSource> read_source(JsonValue object, const std::string& prefix,
                                      Missing& missing) {
  ReadSource source;
  for (const Kind& kind : kKinds) {
    STRONGROOM_ASSIGN(member, message_json::message_field(object, kind.member));
    if (!member) continue;
    source.has[static_cast<std::size_t>(kind.type)] = true;
    if (kind.type == SourceType::csi_volume) {
      STRONGROOM_ASSIGN(provisioning, message_json::message_field(*member, "static_provisioning"));
      source.has_static_provisioning = provisioning.has_value();
    }
    if (kind.type == SourceType::secret) {
      STRONGROOM_ASSIGN(read, message_json::read_secret(*member, prefix + "secret.", missing));
      source.secret = std::move(read);
    }
  }
  STRONGROOM_ASSIGN(type, message_json::name_field(object, "type"));
  if (type) source.type = source_named(*type);
  return source;
}

static std::optional<Volume::Mode> mode_named(std::string_view name) noexcept {
  if (name == "RW") return Volume::Mode::read_write;
  if (name == "RO") return Volume::Mode::read_only;
  return std::nullopt;
}

static Result<ReadVolume> read_volume(JsonValue object, const std::string& prefix,
                                      Missing& missing) {
  ReadVolume volume;
  STRONGROOM_ASSIGN(path, message_json::name_field(object, "container_path"));
  STRONGROOM_ASSIGN(host_path, message_json::name_field(object, "host_path"));
  volume.has_host_path = host_path.has_value();
  STRONGROOM_ASSIGN(image, message_json::message_field(object, "image"));
  volume.has_image = image.has_value();
  Missing of_image;
  if (image) STRONGROOM_TRY(message_json::read_image(*image, prefix + "image.", of_image));
  STRONGROOM_ASSIGN(mode, message_json::required_enum(object, "mode", &mode_named));
  missing.require(mode.has_value(), prefix, "mode");  // declared before container_path
  missing.require(path.has_value(), prefix, "container_path");
  missing.append(of_image);
  volume.container_path = std::move(path).value_or(std::string());
  volume.mode = mode.value_or(Volume::Mode::read_only);

  STRONGROOM_ASSIGN(source, message_json::message_field(object, "source"));
  if (source) {
    STRONGROOM_ASSIGN(read, read_source(*source, prefix + "source.", missing));
    volume.source = std::move(read);
  }
  return volume;
}

static Result<std::vector<ReadVolume>> read_list(JsonValue list, bool single, Missing& missing) {
  std::vector<ReadVolume> volumes;
  const auto read = [&](JsonValue object) -> Result<void> {
    const std::string index = std::to_string(volumes.size());
    STRONGROOM_ASSIGN(volume,
                      read_volume(object, single ? "" : "volumes[" + index + "].", missing));
    volumes.push_back(std::move(volume));
    return {};
  };
  STRONGROOM_TRY(message_json::each_message(list, "volumes", read));
  return volumes;
}

static Result<void> check_source(const ReadSource& source) {
  if (source.type == SourceType::unknown) return Error{Code::invalid, "'source.type' is unknown"};
  for (const Kind& kind : kKinds) {
    if (kind.type != source.type || source.has[static_cast<std::size_t>(kind.type)]) continue;
    return Error{Code::invalid, "'source." + std::string(kind.member) + "' is not set for " +
                                    std::string(kind.spoken) + " volume"};
  }
  if (source.type == SourceType::csi_volume && !source.has_static_provisioning) {
    return Error{Code::invalid,
                 "'source.csi_volume.static_provisioning' is not set for CSI volume"};
  }
  return {};
}

static Result<Volume> check(ReadVolume read) {
  if (read.has_host_path + read.has_image + read.source.has_value() != 1) {
    return Error{Code::invalid,
                 "Only one of them should be set: 'host_path', 'image' and 'source'"};
  }
  if (read.source) STRONGROOM_TRY(check_source(*read.source));
  if (!read.source || read.source->type != SourceType::secret) {
    return Error{Code::unsupported,
                 "the volume '" + read.container_path + "' was no secret volume"};
  }
  if (const auto valid = validate(*read.source->secret); !valid) {
    return Error{Code::invalid, "Invalid secret specified in volume: " + valid.error().message};
  }
  return Volume{std::move(read.container_path), read.mode, std::move(*read.source->secret)};
}

// Segments is a path without its empty and "." segments; an absolute one begins with "/".
using Segments = std::vector<std::string_view>;

static Segments segments_of(std::string_view path) {
  Segments segments;
  if (path.starts_with('/')) segments.push_back("/");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (!segment.empty() && segment != ".") segments.push_back(segment);
    begin = end + 1;
  }
  return segments;
}

static const char* fault_of_path(std::string_view path) {
  if (path.empty()) return "it was empty";
  if (path.size() > kMaxContainerPathLen) return "it was longer than 4095 bytes";
  if (path.find('\0') != std::string_view::npos) return "it held a null byte";
  const std::string_view last = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (last.empty()) return "it ended in '/'";
  if (last == ".") return "it ended in '.'";
  for (const std::string_view segment : segments_of(path)) {
    if (segment == "..") return "it had a segment '..'";
    if (segment.size() > kMaxContainerSegmentLen) return "it had a segment longer than 255 bytes";
  }
  return nullptr;
}

}  // namespace detail::volume

Result<void> validate_container_path(std::string_view path) {
  const char* const why = detail::volume::fault_of_path(path);
  if (why == nullptr) return {};
  return Error{Code::invalid, "the container path '" + std::string(path) + "' was refused: " + why};
}

Result<void> validate_container_paths(std::span<const Volume> volumes) {
  struct Target {
    detail::volume::Segments segments;
    const std::string* path;
  };
  std::vector<Target> targets;
  for (const Volume& volume : volumes) {
    STRONGROOM_TRY(validate_container_path(volume.container_path));
    targets.push_back({detail::volume::segments_of(volume.container_path), &volume.container_path});
  }
  // Sorted by segments, a path comes right before those that lead through it.
  std::stable_sort(targets.begin(), targets.end(),
                   [](const Target& a, const Target& b) { return a.segments < b.segments; });
  for (std::size_t i = 1; i < targets.size(); ++i) {
    const detail::volume::Segments& outer = targets[i - 1].segments;
    const detail::volume::Segments& inner = targets[i].segments;
    if (outer.size() > inner.size() || !std::equal(outer.begin(), outer.end(), inner.begin())) {
      continue;
    }
    return Error{Code::invalid, "the container paths '" + *targets[i - 1].path + "' and '" +
                                    *targets[i].path + "' were refused: one file cannot hold both"};
  }
  return {};
}

Result<std::vector<Volume>> message_rules::check(std::vector<ReadVolume> read) {
  std::vector<Volume> volumes;
  for (ReadVolume& each : read) {
    STRONGROOM_ASSIGN(volume, detail::volume::check(std::move(each)));
    volumes.push_back(std::move(volume));
  }
  STRONGROOM_TRY(validate_container_paths(volumes));
  return volumes;
}

Result<std::vector<Volume>> message_json::read_secret_volumes(JsonValue list) {
  Missing missing;
  STRONGROOM_ASSIGN(read, detail::volume::read_list(list, false, missing));
  STRONGROOM_TRY(missing.check());
  std::vector<Volume> volumes;
  for (message_rules::ReadVolume& each : read) {
    auto volume = detail::volume::check(std::move(each));
    if (!volume && volume.error().code == Code::unsupported) continue;
    STRONGROOM_TRY(volume);
    volumes.push_back(std::move(volume).value());
  }
  return volumes;
}

Result<std::vector<Volume>> volumes_from_json(SecretBytes text, std::size_t max_len) {
  STRONGROOM_ASSIGN(json, JsonText::parse(std::move(text), max_len));
  const JsonValue root = json.root();
  if (!root.is(JsonKind::object) && !root.is(JsonKind::array)) {
    return Error{Code::invalid, "Expecting a JSON object"};
  }
  const std::optional<JsonValue> list = root.member("volumes");
  const bool single = root.is(JsonKind::object) && !list;
  message_json::Missing missing;
  STRONGROOM_ASSIGN(read, detail::volume::read_list(list.value_or(root), single, missing));
  STRONGROOM_TRY(missing.check());
  return message_rules::check(std::move(read));
}

}  // namespace strongroom::mesos
