// private_file.hpp: which files with keys are private enough to be read.
//
// A file is private if only its owner and root can read it. A file that a group can read is taken if root or
// this user owns it and the group is root's or one that this process is in: so Kubernetes and systemd provide
// keys (mode 0440, root's). The files that links lead to count, as they were opened. Access control lists
// count. Pipes and devices have no mode that means anything here. A file that a group or others can write to
// is never taken. The engine has the same rule for the files that it reads (impl/base/private_file.hpp).
#pragma once

#include <string>

namespace strongroom_cli {

struct PrivateRule {
  bool allow_readable = false;  // --allow-readable-key-file: others may read it
  bool own = false;             // it must belong to root or to this user
};

// refuse_exposed throws Failure(kExitDenied) for an open file that is not private, with what to do: chmod
// only where that can work.
// what  names it in messages: "the key file".
void refuse_exposed(int fd, const std::string& file, const std::string& what, PrivateRule rule);

}  // namespace strongroom_cli
