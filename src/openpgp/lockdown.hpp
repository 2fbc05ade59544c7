// lockdown.hpp: what the helper gives up before it reads its first byte.
#pragma once

namespace strongroom::openpgp {

// lock_down makes the process die with its parent, keeps it from being dumped or traced and from gaining
// rights, and limits its resources.
// Returns  false when the parent is gone, or the kernel refused.
bool lock_down() noexcept;

// lock_memory keeps all memory that is or will be written out of swap.
// Returns  false when RLIMIT_MEMLOCK is too low.
bool lock_memory() noexcept;

}  // namespace strongroom::openpgp
