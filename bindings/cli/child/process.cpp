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

// The kernel drops a signal that would end process 1 unless there is a handler.
bool ends_programs(int signal) noexcept {
  switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return false;
    default:
      return true;
  }
}

using Handler = void (*)(int);

// replace_handlers leaves out signals that can have no handler: sigaction refuses them.
void replace_handlers(Handler from, Handler to) noexcept {
  for (int signal = 1; signal < _NSIG; ++signal) {
    struct sigaction action {};
    if (!ends_programs(signal) || ::sigaction(signal, nullptr, &action) != 0) continue;
    if (action.sa_handler != from) continue;
    action = {};
    action.sa_handler = to;
    ::sigaction(signal, &action, nullptr);
  }
}

void end_first_process(int signal) {
  ::_exit(128 + signal);
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

  mask_ = current_signal_mask();
  set_action(SIGPIPE, SIG_IGN, pipe_);
  set_action(SIGXFSZ, SIG_IGN, file_size_);
  set_action(SIGCHLD, SIG_DFL, child_);  // if it were ignored, a child's status would be lost
  if (::getpid() == 1) replace_handlers(SIG_DFL, end_first_process);
}

void Process::restore() const noexcept {
  ::setrlimit(RLIMIT_CORE, &core_);
  ::setrlimit(RLIMIT_MEMLOCK, &memlock_);
  restore_pipe();
  ::sigaction(SIGCHLD, &child_, nullptr);
  ::sigaction(SIGXFSZ, &file_size_, nullptr);
  replace_handlers(end_first_process, SIG_DFL);  // what waits is not for this copy of process 1
  set_signal_mask(mask_);
}

}  // namespace strongroom_cli
