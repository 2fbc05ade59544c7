// conversions.cpp: checks Mesos' messages, and writes them in their other form.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "guard.hpp"
#include "messages.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom_mesos.h"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// write_as writes a valid message in a form, with one of the engine's two functions for its kind. Without a
// form it writes nothing.
template <typename T, typename As>
Result<SecretBytes> write_as(std::optional<std::uint32_t> format, const T& message,
                             Result<SecretBytes> (*to_wire)(As),
                             Result<SecretBytes> (*to_json)(As)) {
  if (!format) return SecretBytes();
  return *format == STRONGROOM_FORMAT_WIRE ? to_wire(message) : to_json(message);
}

// rewrite reads a message, validates it, and writes it.
Result<SecretBytes> rewrite(std::uint32_t kind, const strongroom_message& message,
                            std::optional<std::uint32_t> format) {
  switch (kind) {
    case STRONGROOM_MESSAGE_SECRET: {
      STRONGROOM_ASSIGN(secret, decode(message));
      STRONGROOM_TRY(mesos::validate(secret));
      return write_as(format, secret, &mesos::encode_secret, &mesos::secret_to_json);
    }
    case STRONGROOM_MESSAGE_ENVIRONMENT: {
      STRONGROOM_ASSIGN(environment, decode_environment(message));
      STRONGROOM_TRY(mesos::validate_environment(environment));
      return write_as(format, environment, &mesos::encode_environment, &mesos::environment_to_json);
    }
    case STRONGROOM_MESSAGE_VOLUMES: {
      STRONGROOM_ASSIGN(volumes, decode_volumes(message));
      return write_as(format, volumes, &mesos::encode_volumes, &mesos::volumes_to_json);
    }
    case STRONGROOM_MESSAGE_IMAGE: {
      STRONGROOM_ASSIGN(image, decode_image(message));
      return write_as(format, image, &mesos::encode_image, &mesos::image_to_json);
    }
    default:
      return Error{Code::invalid, "kind must be a STRONGROOM_MESSAGE_ constant"};
  }
}

}  // namespace

strongroom_status strongroom_message_validate(uint32_t kind, const strongroom_message* message,
                                              strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    if (message == nullptr) return was_null("message");
    STRONGROOM_TRY(rewrite(kind, *message, std::nullopt));
    return {};
  });
}

strongroom_status strongroom_message_convert(uint32_t kind, const strongroom_message* message,
                                             uint32_t format, strongroom_secret** out,
                                             strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    if (message == nullptr) return was_null("message");
    if (format != STRONGROOM_FORMAT_JSON && format != STRONGROOM_FORMAT_WIRE)
      return unknown_format();
    return give<strongroom_secret>(rewrite(kind, *message, format));
  });
}
