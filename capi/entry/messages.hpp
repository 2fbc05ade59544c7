// messages.hpp: decodes Mesos' messages from the arguments of C.
#pragma once

#include <cstddef>
#include <vector>

#include "strongroom.h"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::capi {

// json_of copies a text into secret memory, where the engine decodes it in place.
Result<SecretBytes> json_of(const void* json, std::size_t len);

// decode reads a message in the form that it is in. Volumes and images are also validated.
Result<mesos::Secret> decode(const strongroom_message& message);
Result<mesos::Environment> decode_environment(const strongroom_message& message);
Result<std::vector<mesos::Volume>> decode_volumes(const strongroom_message& message);
Result<mesos::Image> decode_image(const strongroom_message& message);

Error unknown_format();

// decode_all decodes up to 1,000 messages.
Result<std::vector<mesos::Secret>> decode_all(const strongroom_message* messages, std::size_t num);

std::vector<const mesos::Secret*> pointers_to(const std::vector<mesos::Secret>& secrets);

}  // namespace strongroom::capi
