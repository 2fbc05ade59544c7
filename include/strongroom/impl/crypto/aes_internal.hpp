// aes_internal.hpp: functions of aes.ipp that only its tests and gcm.ipp use.
#pragma once

namespace strongroom {
namespace detail {

// portable_aes makes every AES call of aes.ipp use constant-time Botan, as on a CPU without AES
// instructions, or lets the CPU decide again. Schedules made before a change are invalid after it.
// Threads  no thread may be inside a function of aes.ipp meanwhile.
void portable_aes(bool portable) noexcept;

// aes_is_portable returns whether Botan is used now.
bool aes_is_portable() noexcept;

}  // namespace detail
}  // namespace strongroom
