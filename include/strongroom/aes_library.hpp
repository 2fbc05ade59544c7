// aes_library.hpp: which library computes AES-256-GCM in this process.
//
// All return the same bytes, so a store that one of them sealed opens with any other. By default each
// value is sealed and opened by the library that is fastest on this CPU for its length.
#pragma once

#include <cstdint>

#include "strongroom/result.hpp"

namespace strongroom {

// AesLibrary names a library. libcrypto (OpenSSL) and Botan are loaded when they are first needed.
enum class AesLibrary : std::uint8_t { automatic, libsodium, nettle, libcrypto, botan };

// use_aes_library makes every store of this process seal and open by one library, or, with automatic, by
// the fastest again. Call it before stores are opened: a call that is under way may still use another.
// Errors  unsupported: that library is not built in, could not be loaded, or does not work on this CPU;
//         nothing is changed then.
// Threads any number at once.
Result<void> use_aes_library(AesLibrary library);

}  // namespace strongroom
