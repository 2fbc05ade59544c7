// private_file.hpp: which files with keys are private enough to be read.
//
// A file is private if only its owner and root can read it. A file that a group can read is taken if root or
// this user owns it and the group is root's or one that this process is in: so Kubernetes and systemd provide
// keys (mode 0440, root's). Access control lists count. The command line, which cannot include this, has the
// same rule (bindings/cli/terminal/private_file.hpp).
#pragma once

#include <sys/stat.h>

#include <string>

namespace strongroom {

// Reach is how far a file is open, besides to its owner, to root and to this user.
struct Reach {
  bool to_our_group = false;  // that of root, or one that this process is in
  bool to_others = false;
  bool writable = false;  // by a group or others, however far it is open

  bool is_private() const noexcept { return !to_others && !writable; }
};

// reach_of judges the status of a file together with its access control list, which it reads.
Reach reach_of(int fd, const struct stat& status);
Reach reach_of(const std::string& path, const struct stat& status);

// can_chmod reports whether this process can change the file's mode: not on a read-only file system, and not
// where it belongs to another user.
bool can_chmod(const std::string& path, const struct stat& status);

// kModeOfProvider says what to do where chmod is impossible.
inline constexpr const char* kModeOfProvider =
    "what provides it sets the mode: in Kubernetes defaultMode: 0400 with fsGroup, in Docker mode: "
    "0400 with uid";

}  // namespace strongroom
