// process.hpp: what this process changes about itself before it touches a secret, and undoes for a child.
#pragma once

#include <signal.h>
#include <sys/resource.h>

#include "child/signals.hpp"

namespace strongroom_cli {

// Process hardens the calling process when it is made: no core dumps, nobody may trace it, as much
// lockable memory as the system allows, a closed pipe and a file that may not grow (RLIMIT_FSIZE) are errors
// that unwind instead of a sudden end, and the standard descriptors are taken, so that no file of the store can
// get one of their numbers. As process 1 of a container it can be ended by signals, which the kernel otherwise
// keeps from a process 1.
class Process {
 public:
  Process();

  // restore gives a forked child back what the user's process had.
  void restore() const noexcept;

  // restore_pipe gives only SIGPIPE back.
  void restore_pipe() const noexcept { ::sigaction(SIGPIPE, &pipe_, nullptr); }

 private:
  struct sigaction pipe_ {};
  struct sigaction child_ {};
  struct sigaction file_size_ {};
  SignalMask mask_ = 0;
  rlimit core_{};
  rlimit memlock_{};
};

}  // namespace strongroom_cli
