// process.hpp: what this process does to itself before it touches a secret, and undoes for a child.
#pragma once

#include <signal.h>
#include <sys/resource.h>

namespace strongroom_cli {

// Process hardens the calling process when it is made: no core dumps, nobody may trace it, as much
// lockable memory as the system allows, a closed pipe is an error instead of a silent end, and the
// standard descriptors are taken, so that no file of the store can come to lie on one of them.
class Process {
 public:
  Process();

  // restore gives a forked child back what the user's process had.
  void restore() const noexcept;

 private:
  struct sigaction pipe_ {};
  struct sigaction child_ {};
  sigset_t mask_{};
  rlimit core_{};
  rlimit memlock_{};
};

}  // namespace strongroom_cli
