// secret_mounts.hpp: files that only one process tree can see, in a mount namespace of its own.
//
// The bytes are in a memory file system that is attached nowhere: neither the host nor the command has a
// second path to them, so a read-only file cannot be rewritten by another path, and everything vanishes with
// the last process of the namespace. It is never swapped where the kernel offers that (tmpfs with noswap, or
// else ramfs).
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "store/targets.hpp"

namespace strongroom_cli {

// mounts_allowed tries in a child process whether this user may make a mount namespace here.
bool mounts_allowed();

// mount_secret_files moves the calling process into a namespace of its own and mounts the files
// over their targets there. Call it only in a forked child.
// targets  what Targets::add_file found for each file; if another file is there by now, it is refused.
void mount_secret_files(std::span<const SecretFile> files, std::span<const FileId> targets);

// mount_credentials moves the calling process into a namespace of its own and mounts a read-only directory with the
// files over a folder of the working directory there. Call it only in a forked child.
// files  each path is a name in the directory.
// owner  of the directory, which only its owner may read.
void mount_credentials(std::span<const SecretFile> files, const Owner& owner,
                       const std::string& folder);

// Folder is a directory by its path, and what was there.
struct Folder {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

// working_directory returns that of this process. Throws  Failure.
Folder working_directory();

// replace_secret_files puts new files in the places of those that mount_secret_files mounted for a command. Each is
// replaced at once: a reader sees the old file or the new one, and a process that has the old one open keeps it.
// Before Linux 6.5 the old files stay below the new ones until the command ends.
// command  its process; a namespace that it made for itself meanwhile is not reached.
// folder   the working directory that it was started in; if another one has that path by now, it is refused.
// Throws   Failure: nothing, or not all, was replaced.
void replace_secret_files(std::span<const SecretFile> files, pid_t command, const Folder& folder);

}  // namespace strongroom_cli
