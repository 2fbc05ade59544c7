// digest.hpp: BLAKE2b-256 without a key, for what is not secret.
#pragma once

#include <sodium.h>

#include <iterator>

#include "strongroom/types.hpp"

namespace strongroom {

// digest is unkeyed BLAKE2b-256 of the parts, one after the other.
template <typename... Parts>
Digest digest(const Parts&... parts) noexcept {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, sizeof(Digest));
  (crypto_generichash_update(&state, std::data(parts), std::size(parts)), ...);
  Digest out;
  crypto_generichash_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof state);
  return out;
}

}  // namespace strongroom
