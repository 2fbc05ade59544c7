// aes_internal.hpp: what aes.ipp shows to its tests alone.
#pragma once

namespace strongroom {
namespace detail {

// portable_aes makes every AES call of aes.ipp go to constant-time Botan, as on a CPU without AES
// instructions, or lets the CPU decide again. Schedules made before a change are void after it.
// Threads  none may be inside a function of aes.ipp meanwhile.
void portable_aes(bool portable) noexcept;

// aes_is_portable tells whether Botan serves now.
bool aes_is_portable() noexcept;

}  // namespace detail
}  // namespace strongroom
