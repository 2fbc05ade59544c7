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
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::volume {

using message_json::Missing;

constexpr std::size_t kMaxContainerPathLen = 4095;  // PATH_MAX counts the NUL
constexpr std::size_t kMaxContainerSegmentLen = 255;

enum class Source { absent, unknown, secret, other };

// Draft is a volume as it was read: Mesos first checks for missing fields, and then the rules.
struct Draft {
  Volume volume;
  bool has_host_path = false;
  bool has_image = false;
  Source source = Source::absent;
  std::optional<Secret> secret;
};

static Source source_named(std::string_view type) noexcept {
  if (type == "SECRET") return Source::secret;
  for (const std::string_view other :
       {"DOCKER_VOLUME", "HOST_PATH", "SANDBOX_PATH", "CSI_VOLUME"}) {
    if (type == other) return Source::other;
  }
  return Source::unknown;
}

static Result<void> read_source(JsonValue object, const std::string& prefix, Missing& missing,
                                Draft& draft) {
  STRONGROOM_ASSIGN(secret, message_json::message_field(object, "secret"));
  if (secret) {
    STRONGROOM_ASSIGN(read, message_json::read_secret(*secret, prefix + "secret.", missing));
    draft.secret = std::move(read);
  }
  STRONGROOM_ASSIGN(type, message_json::name_field(object, "type"));
  draft.source = type ? source_named(*type) : Source::unknown;
  return {};
}

static Result<std::optional<Volume::Mode>> read_mode(JsonValue object) {
  STRONGROOM_ASSIGN(mode, message_json::name_field(object, "mode"));
  if (!mode) return std::optional<Volume::Mode>();
  if (*mode == "RW") return std::optional(Volume::Mode::read_write);
  if (*mode == "RO") return std::optional(Volume::Mode::read_only);
  return Error{Code::invalid, "Failed to find enum for field 'mode'"};  // Mesos quotes it
}

static Result<Draft> read_volume(JsonValue object, const std::string& prefix, Missing& missing) {
  Draft draft;
  STRONGROOM_ASSIGN(path, message_json::name_field(object, "container_path"));
  STRONGROOM_ASSIGN(host_path, message_json::name_field(object, "host_path"));
  STRONGROOM_ASSIGN(image, message_json::message_field(object, "image"));
  STRONGROOM_ASSIGN(mode, read_mode(object));
  missing.require(mode.has_value(), prefix, "mode");  // declared before container_path
  missing.require(path.has_value(), prefix, "container_path");
  if (path) draft.volume.container_path = std::move(*path);
  if (mode) draft.volume.mode = *mode;
  draft.has_host_path = host_path.has_value();
  draft.has_image = image.has_value();

  STRONGROOM_ASSIGN(source, message_json::message_field(object, "source"));
  if (source) {
    STRONGROOM_TRY(read_source(*source, prefix + "source.", missing, draft));
  }
  return draft;
}

static Result<Volume> finish(Draft draft) {
  const int num_set = draft.has_host_path + draft.has_image + (draft.source != Source::absent);
  if (num_set != 1) {
    return Error{Code::invalid,
                 "Only one of them should be set: 'host_path', 'image' and 'source'"};
  }
  if (draft.source == Source::unknown) {
    return Error{Code::invalid, "'source.type' is unknown"};
  }
  if (draft.source != Source::secret) {
    return Error{Code::unsupported,
                 "the volume '" + draft.volume.container_path + "' was no secret volume"};
  }
  if (!draft.secret) {
    return Error{Code::invalid, "'source.secret' is not set for SECRET volume"};
  }
  if (const auto valid = validate(*draft.secret); !valid) {
    return Error{Code::invalid, "Invalid secret specified in volume: " + valid.error().message};
  }
  draft.volume.secret = std::move(*draft.secret);
  return std::move(draft.volume);
}

static Result<std::vector<Draft>> read_list(JsonValue list, bool single, Missing& missing) {
  std::vector<Draft> drafts;
  const auto read = [&](JsonValue object) -> Result<void> {
    const std::string index = std::to_string(drafts.size());
    STRONGROOM_ASSIGN(draft, read_volume(object, single ? "" : "volumes[" + index + "].", missing));
    drafts.push_back(std::move(draft));
    return {};
  };
  STRONGROOM_TRY(message_json::each_message(list, "volumes", read));
  return drafts;
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

Result<std::vector<Volume>> message_json::read_secret_volumes(JsonValue list) {
  Missing missing;
  STRONGROOM_ASSIGN(drafts, detail::volume::read_list(list, false, missing));
  STRONGROOM_TRY(missing.check());
  std::vector<Volume> volumes;
  for (detail::volume::Draft& draft : drafts) {
    auto volume = detail::volume::finish(std::move(draft));
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
  STRONGROOM_ASSIGN(drafts, detail::volume::read_list(list.value_or(root), single, missing));
  STRONGROOM_TRY(missing.check());
  std::vector<Volume> volumes;
  for (detail::volume::Draft& draft : drafts) {
    STRONGROOM_ASSIGN(volume, detail::volume::finish(std::move(draft)));
    volumes.push_back(std::move(volume));
  }
  STRONGROOM_TRY(validate_container_paths(volumes));
  return volumes;
}

}  // namespace strongroom::mesos
