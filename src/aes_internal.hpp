// aes_internal.hpp: what aes.cpp shows to its tests alone; never installed.
#pragma once

namespace strongroom {
namespace detail {

// portable_aes makes every AES call of aes.cpp go to constant-time Botan, as on a CPU without AES
// instructions, or lets the CPU decide again. Schedules made before a change are void after it.
// Threads  none may be inside a function of aes.cpp meanwhile.
void portable_aes(bool portable) noexcept;

// aes_is_portable tells whether Botan serves now.
bool aes_is_portable() noexcept;

}  // namespace detail
}  // namespace strongroom
