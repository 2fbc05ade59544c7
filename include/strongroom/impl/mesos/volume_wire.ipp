// volume_wire.ipp: Mesos' Volume in protobuf's wire format, as a part of ContainerInfo; see volume.hpp.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
#include "strongroom/impl/mesos/message_wire.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::volume_wire {

using message_json::Missing;
using message_rules::ReadSource;
using message_rules::ReadVolume;
using message_rules::SourceType;
using message_wire::kBytes;
using message_wire::kVarint;
using message_wire::tag_of;
using message_wire::WireReader;

constexpr std::string_view kContainerMessage = "a ContainerInfo message";

struct SourceDraft {
  std::optional<SourceType> type;
  std::optional<message_wire::SecretDraft> secret;
  ReadSource read;  // all but those
};

struct VolumeDraft {
  std::optional<std::string> container_path;
  std::optional<SecretView> host_path;
  std::optional<Volume::Mode> mode;
  std::optional<message_wire::ImageDraft> image;
  std::optional<SourceDraft> source;
};

// type_of returns the type to which a field of Volume.Source belongs.
static SourceType type_of(std::uint32_t tag) noexcept {
  switch (tag) {
    case tag_of(2, kBytes):
      return SourceType::docker_volume;
    case tag_of(3, kBytes):
      return SourceType::sandbox_path;
    case tag_of(4, kBytes):
      return SourceType::secret;
    case tag_of(5, kBytes):
      return SourceType::host_path;
    case tag_of(6, kBytes):
      return SourceType::csi_volume;
    default:
      return SourceType::unknown;
  }
}

static bool read_csi_volume(WireReader message, ReadSource& source) {
  return message_wire::each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(2, kBytes)) source.has_static_provisioning = true;
    return reader.skip(tag);
  });
}

static bool read_source(WireReader message, SourceDraft& draft) {
  return message_wire::each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kVarint)) {
      return message_wire::read_enum(reader, SourceType::unknown, SourceType::csi_volume,
                                     draft.type);
    }
    const SourceType type = type_of(tag);
    draft.read.has[static_cast<std::size_t>(type)] = true;
    if (type == SourceType::secret) {
      return message_wire::read_message(reader, draft.secret, &message_wire::read_secret);
    }
    if (type == SourceType::csi_volume) {
      SecretView csi_volume;
      return reader.bytes(csi_volume) &&
             read_csi_volume(WireReader(csi_volume, reader.nesting_left() - 1), draft.read);
    }
    return reader.skip(tag);
  });
}

static bool read_volume(WireReader message, VolumeDraft& draft) {
  return message_wire::each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return message_wire::read_text(reader, draft.container_path);
    if (tag == tag_of(2, kBytes)) return message_wire::read_secret_bytes(reader, draft.host_path);
    if (tag == tag_of(3, kVarint)) {
      return message_wire::read_enum(reader, Volume::Mode::read_write, Volume::Mode::read_only,
                                     draft.mode);
    }
    if (tag == tag_of(4, kBytes)) {
      return message_wire::read_message(reader, draft.image, &message_wire::read_image);
    }
    if (tag == tag_of(5, kBytes)) {
      return message_wire::read_message(reader, draft.source, &read_source);
    }
    return reader.skip(tag);
  });
}

static Result<ReadSource> complete(SourceDraft draft, const std::string& prefix, Missing& missing) {
  ReadSource source = std::move(draft.read);
  source.type = draft.type.value_or(SourceType::unknown);
  if (draft.secret) {
    STRONGROOM_ASSIGN(
        secret, message_wire::complete(std::move(*draft.secret), prefix + "secret.", missing));
    source.secret = std::move(secret);
  }
  return source;
}

static Result<ReadVolume> complete(VolumeDraft draft, const std::string& prefix, Missing& missing) {
  ReadVolume volume;
  missing.require(draft.mode.has_value(), prefix, "mode");  // declared before container_path
  missing.require(draft.container_path.has_value(), prefix, "container_path");
  volume.container_path = std::move(draft.container_path).value_or(std::string());
  volume.mode = draft.mode.value_or(Volume::Mode::read_only);
  volume.has_host_path = draft.host_path.has_value();
  volume.has_image = draft.image.has_value();
  if (draft.image) {
    STRONGROOM_TRY(message_wire::complete(std::move(*draft.image), prefix + "image.", missing));
  }
  if (draft.source) {
    STRONGROOM_ASSIGN(source, complete(std::move(*draft.source), prefix + "source.", missing));
    volume.source = std::move(source);
  }
  return volume;
}

static void put_volume(ByteSink& sink, const Volume& volume) noexcept {
  message_wire::put_bytes(sink, 1, volume.container_path);
  message_wire::put_enum(sink, 3, volume.mode);
  message_wire::put_message(sink, 5, [&](ByteSink& source) {
    message_wire::put_enum(source, 1, SourceType::secret);
    message_wire::put_message(source, 4,
                              [&](ByteSink& out) { message_wire::put_secret(out, volume.secret); });
  });
}

}  // namespace detail::volume_wire

Result<std::vector<Volume>> decode_volumes(SecretView wire) {
  namespace impl = detail::volume_wire;
  STRONGROOM_TRY(message_wire::check_len(wire.size(), impl::kContainerMessage));
  std::vector<message_rules::ReadVolume> volumes;
  message_json::Missing missing;
  impl::WireReader reader(wire, message_wire::kMaxNesting);
  while (!reader.done()) {
    std::uint32_t tag = 0;
    if (!reader.tag(tag)) return message_wire::malformed(impl::kContainerMessage);
    if (tag != impl::tag_of(2, impl::kBytes)) {
      if (!reader.skip(tag)) return message_wire::malformed(impl::kContainerMessage);
      continue;
    }
    std::optional<impl::VolumeDraft> draft;
    if (!message_wire::read_message(reader, draft, &impl::read_volume)) {
      return message_wire::malformed(impl::kContainerMessage);
    }
    const std::size_t index = volumes.size();
    if (index == kMaxWireVolumes) {
      return Error{Code::too_large, "a ContainerInfo message had more than " +
                                        std::to_string(kMaxWireVolumes) + " volumes"};
    }
    STRONGROOM_ASSIGN(volume, impl::complete(std::move(*draft),
                                             "volumes[" + std::to_string(index) + "].", missing));
    volumes.push_back(std::move(volume));
  }
  STRONGROOM_TRY(missing.check());
  return message_rules::check(std::move(volumes));
}

Result<SecretBytes> encode_volumes(std::span<const Volume> volumes) {
  namespace impl = detail::volume_wire;
  return message_wire::make(impl::kContainerMessage, [&](ByteSink& sink) {
    for (const Volume& volume : volumes) {
      message_wire::put_message(sink, 2, [&](ByteSink& out) { impl::put_volume(out, volume); });
    }
  });
}

}  // namespace strongroom::mesos
