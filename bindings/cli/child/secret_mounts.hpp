// secret_mounts.hpp: files that one process tree alone can see, in a mount namespace of its own.
//
// The bytes lie in a memory file system that is attached nowhere: neither the host nor the command
// has a second path to them, so a read-only file cannot be rewritten behind the mount's back, and
// it all vanishes with the last process of the namespace. Never swapped where the kernel offers
// that (tmpfs with noswap, else ramfs).
#pragma once

#include <span>

#include "store/targets.hpp"

namespace strongroom_cli {

// mounts_allowed tries, in a child, whether this user may have a mount namespace here.
bool mounts_allowed();

// mount_secret_files moves the calling process into a namespace of its own and mounts the files
// over their targets there. To be called in a forked child.
// targets  what Targets::add_file found for each file; another one there by now is refused.
void mount_secret_files(std::span<const SecretFile> files, std::span<const FileId> targets);

}  // namespace strongroom_cli
