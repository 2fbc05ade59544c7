// image_wire.ipp: Mesos' Image in protobuf's wire format; see image.hpp.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/byte_sink.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/impl/mesos/message_rules.hpp"
#include "strongroom/impl/mesos/message_wire.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace message_wire {

static bool read_credential(WireReader message, CredentialDraft& draft) {
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return read_text(reader, draft.principal);
    if (tag == tag_of(2, kBytes)) return read_secret_bytes(reader, draft.secret);
    return reader.skip(tag);
  });
}

static bool read_docker(WireReader message, DockerDraft& draft) {
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kBytes)) return read_text(reader, draft.name);
    if (tag == tag_of(2, kBytes)) return read_message(reader, draft.credential, &read_credential);
    if (tag == tag_of(3, kBytes)) return read_message(reader, draft.config, &read_secret);
    return reader.skip(tag);
  });
}

bool read_image(WireReader message, ImageDraft& draft) {
  using message_rules::ImageType;
  return each_field(message, [&](std::uint32_t tag, WireReader& reader) {
    if (tag == tag_of(1, kVarint)) {
      return read_enum(reader, ImageType::appc, ImageType::docker, draft.type);
    }
    if (tag == tag_of(3, kBytes)) return read_message(reader, draft.docker, &read_docker);
    if (tag == tag_of(4, kVarint)) {
      std::uint64_t number = 0;
      if (!reader.varint(number)) return false;
      draft.cached = number != 0;
      return true;
    }
    return reader.skip(tag);
  });
}

static Result<void> complete(DockerDraft draft, const std::string& prefix,
                             message_json::Missing& missing, Image& image) {
  missing.require(draft.name.has_value(), prefix, "name");
  image.name = std::move(draft.name).value_or(std::string());
  if (draft.credential) {
    missing.require(draft.credential->principal.has_value(), prefix, "credential.principal");
    STRONGROOM_ASSIGN(secret, complete(draft.credential->secret));
    image.credential = Image::Credential{
        std::move(draft.credential->principal).value_or(std::string()), std::move(secret)};
  }
  if (draft.config) {
    STRONGROOM_ASSIGN(config, complete(std::move(*draft.config), prefix + "config.", missing));
    image.config = std::move(config);
  }
  return {};
}

Result<message_rules::ReadImage> complete(ImageDraft draft, const std::string& prefix,
                                          message_json::Missing& missing) {
  message_rules::ReadImage read;
  missing.require(draft.type.has_value(), prefix, "type");
  read.type = draft.type.value_or(message_rules::ImageType::docker);
  read.image.cached = draft.cached;
  read.has_docker = draft.docker.has_value();
  if (draft.docker) {
    STRONGROOM_TRY(complete(std::move(*draft.docker), prefix + "docker.", missing, read.image));
  }
  return read;
}

static void put_docker(ByteSink& sink, const Image& image) noexcept {
  put_bytes(sink, 1, image.name);
  if (image.credential) {
    put_message(sink, 2, [&](ByteSink& out) {
      put_bytes(out, 1, image.credential->principal);
      if (image.credential->secret) put_bytes(out, 2, image.credential->secret->reveal_text());
    });
  }
  if (image.config) {
    put_message(sink, 3, [&](ByteSink& out) { put_secret(out, *image.config); });
  }
}

}  // namespace message_wire

Result<Image> decode_image(SecretView wire) {
  constexpr std::string_view kWhat = "an Image message";
  STRONGROOM_TRY(message_wire::check_len(wire.size(), kWhat));
  message_wire::ImageDraft draft;
  if (!message_wire::read_image(message_wire::WireReader(wire, message_wire::kMaxNesting), draft)) {
    return message_wire::malformed(kWhat);
  }
  message_json::Missing missing;
  STRONGROOM_ASSIGN(read, message_wire::complete(std::move(draft), "", missing));
  STRONGROOM_TRY(missing.check());
  return message_rules::check(std::move(read));
}

Result<SecretBytes> encode_image(const Image& image) {
  return message_wire::make("an Image message", [&](ByteSink& sink) {
    message_wire::put_enum(sink, 1, message_rules::ImageType::docker);
    message_wire::put_message(sink, 3,
                              [&](ByteSink& out) { message_wire::put_docker(out, image); });
    if (!image.cached) {
      message_wire::put_varint(sink, message_wire::tag_of(4, message_wire::kVarint));
      message_wire::put_varint(sink, 0);
    }
  });
}

}  // namespace strongroom::mesos
