// path_hash.hpp: keyed hashes of paths, for logs that must not show them: HMAC-SHA256 with a key of this server.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

class PathHash {
 public:
  // PathHash reads STATE_DIR/audit-path-key, or makes it.
  // Throws  std::runtime_error.
  explicit PathHash(const StateDir& dir);

  // of is called by one thread at a time.
  std::array<std::uint8_t, 32> of(std::string_view path) noexcept;

 private:
  strongroom_abi::Secret context_;  // the state of nettle with the key in it
};

}  // namespace strongroomd
