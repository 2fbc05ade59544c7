// volume_wire_fuzz.cpp: any bytes decode as the volumes of a ContainerInfo, or as an Image, or are refused; what decodes
// keeps the rules, and is written, in both forms, and read again as the same message.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/mesos/image.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"

namespace {

using namespace strongroom;
using namespace strongroom::mesos;

void require(bool promise) {
  if (!promise) std::abort();
}

template <typename T>
bool accepted(const Result<T>& read) {
  if (read) return true;
  require(read.error().code == Code::invalid || read.error().code == Code::unsupported);
  return false;
}

// round_trip checks a message that was read from len bytes.
template <typename T, typename As>
void round_trip(const T& message, std::size_t len, Result<T> (*from_wire)(SecretView),
                Result<T> (*from_json)(SecretBytes, std::size_t),
                Result<SecretBytes> (*to_wire)(As), Result<SecretBytes> (*to_json)(As)) {
  const SecretBytes wire = to_wire(message).value();
  require(wire.size() <= len);  // the shortest way to say it
  const T back = from_wire(wire.view()).value();
  require(to_wire(back).value().reveal_text() == wire.reveal_text());
  auto json = to_json(message);
  if (!json) return require(json.error().code == Code::invalid);  // a text that is not UTF-8
  const T read = from_json(std::move(json).value(), kMaxSecretWireLen).value();
  require(to_wire(read).value().reveal_text() == wire.reveal_text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  const SecretView wire(bytes, len);
  if (const auto volumes = decode_volumes(wire); accepted(volumes)) {
    for (const Volume& volume : *volumes) {
      require(validate(volume.secret).ok());
      require(("/" + volume.container_path + "/").find("/../") == std::string::npos);
    }
    require(validate_container_paths(*volumes).ok());
    round_trip(*volumes, len, &decode_volumes, &volumes_from_json, &encode_volumes,
               &volumes_to_json);
  }
  if (const auto image = decode_image(wire); accepted(image)) {
    require(!image->config || validate(*image->config).ok());
    round_trip(*image, len, &decode_image, &image_from_json, &encode_image, &image_to_json);
  }
  return 0;
}
