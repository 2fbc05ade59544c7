// volume.hpp: secrets that a task reads as files, as Mesos' tasks ask for them.
//
// All container paths are checked before anything is written anywhere. Mesos does not check them: there,
// "../x" leaves plaintext outside the sandbox for good, and "." hides the whole sandbox.
//
// Source  Apache Mesos include/mesos/mesos.proto, Volume; src/common/validation.cpp, validateVolume;
//         src/slave/containerizer/mesos/isolators/volume/secret.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom::mesos {

struct Volume {
  enum class Mode : std::uint8_t { read_write = 1, read_only = 2 };  // RW and RO in Mesos

  std::string container_path;
  Mode mode = Mode::read_only;
  Secret secret;
};

// The most volumes that decode_volumes reads.
inline constexpr std::size_t kMaxWireVolumes = 100'000;

// volumes_from_json reads one Volume object, an array of them, or an object with an array "volumes" (as
// in ContainerInfo), as Mesos reads them (see secret_from_json). It validates them all, including their
// secrets and container paths.
// Errors  invalid: outside Mesos' rules, in Mesos' words where Mesos has some; container paths.
//         unsupported: a volume that is not a secret (host_path, image, another type of source).
//         too_large: over max_len, or memory.  unavailable: memory.
Result<std::vector<Volume>> volumes_from_json(SecretBytes text,
                                              std::size_t max_len = kDefaultMaxJsonLen);

// volumes_to_json writes {"volumes":[...]}, also of no volumes, as secret_to_json does.
// Errors  as secret_to_json; also a container path that is not UTF-8.
Result<SecretBytes> volumes_to_json(std::span<const Volume> volumes);

// decode_volumes reads the protobuf wire format of mesos.ContainerInfo, of which it takes the volumes, as
// decode_secret reads a Secret. It validates them as volumes_from_json does. All other fields of a
// ContainerInfo are skipped, and may be missing; so are the contents of sources that are not secrets.
// Errors  as volumes_from_json and decode_secret.  too_large: also, over kMaxWireVolumes.
Result<std::vector<Volume>> decode_volumes(SecretView wire);

// encode_volumes writes a ContainerInfo that has only these volumes, with the bytes that protobuf writes,
// in field order.
// Errors  too_large, unavailable.
Result<SecretBytes> encode_volumes(std::span<const Volume> volumes);

// validate_container_path refuses a path that does not name one file below where it starts: the empty
// path, "..", a last segment that is empty or ".", a NUL, and what the kernel would refuse (a segment
// over 255 bytes, 4,096 bytes in all). It accepts absolute and relative paths.
// Errors  invalid; the message names the path.
Result<void> validate_container_path(std::string_view path);

// validate_container_paths also refuses two volumes with the same path, and a path that leads through
// the file of another volume. "./a" and "a" are one path; "a" and "/a" are two.
// Errors  invalid; the message names both paths.
Result<void> validate_container_paths(std::span<const Volume> volumes);

}  // namespace strongroom::mesos
