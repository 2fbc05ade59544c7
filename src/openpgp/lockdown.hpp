// lockdown.hpp: what the helper gives up before it reads its first byte.
#pragma once

namespace strongroom::openpgp {

// lock_down leaves a process that dies with its parent, can not be dumped, traced, or gain rights,
// and has little to spend.
// Returns  false where the parent is gone, or the kernel refused.
bool lock_down() noexcept;

// lock_memory keeps all that is and will be written out of swap.
// Returns  false where RLIMIT_MEMLOCK is too low.
bool lock_memory() noexcept;

}  // namespace strongroom::openpgp
