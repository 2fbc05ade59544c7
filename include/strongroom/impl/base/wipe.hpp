// wipe.hpp: overwrites memory that held a secret.
#pragma once

#include <cstddef>
#include <cstring>

namespace strongroom {

// wipe overwrites memory that is about to be released. Short runs of known length become a few stores;
// sodium_memzero would always be a call. The empty asm statement keeps the compiler from dropping them.
inline void wipe(void* memory, std::size_t len) noexcept {
  std::memset(memory, 0, len);
  __asm__ __volatile__("" : : "r"(memory) : "memory");
}

}  // namespace strongroom
