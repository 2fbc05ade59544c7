// botan_module.cpp: the one function that strongroom-botan.so exports.
#include "strongroom/impl/crypto/aes_providers.hpp"

extern "C" [[gnu::visibility("default")]] const strongroom::detail::AesProvider*
strongroom_aes_module() noexcept {
  return &strongroom::detail::botan_table();
}
