// process.cpp: hardening; see process.hpp.
#include "child/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace strongroom_cli {
namespace {

// Opened the wrong way round: writing to a closed standard output must still fail.
void take_standard_descriptors() noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) ::_exit(1);
  }
}

void set_action(int signal, void (*handler)(int), struct sigaction& before) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, &before);
}

}  // namespace

Process::Process() {
  take_standard_descriptors();
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

  ::getrlimit(RLIMIT_CORE, &core_);
  const rlimit none{0, core_.rlim_max};
  ::setrlimit(RLIMIT_CORE, &none);

  ::getrlimit(RLIMIT_MEMLOCK, &memlock_);
  const rlimit most{memlock_.rlim_max, memlock_.rlim_max};
  ::setrlimit(RLIMIT_MEMLOCK, &most);

  ::sigprocmask(SIG_BLOCK, nullptr, &mask_);
  set_action(SIGPIPE, SIG_IGN, pipe_);
  set_action(SIGCHLD, SIG_DFL, child_);  // if it were ignored, a child's status would be lost
}

void Process::restore() const noexcept {
  ::setrlimit(RLIMIT_CORE, &core_);
  ::setrlimit(RLIMIT_MEMLOCK, &memlock_);
  restore_pipe();
  ::sigaction(SIGCHLD, &child_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

}  // namespace strongroom_cli
