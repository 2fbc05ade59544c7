// signals.hpp: all signals of this process as things to read, instead of actions on it.
//
// From here on no signal ends or stops this process, except SIGKILL, SIGSTOP and its own faults: the
// kernel makes a SIGSEGV of our own end the process even where it is blocked, while one that another process
// sent is only queued. A blocked signal is also queued where it is ignored, and for process 1, to which the
// kernel delivers nothing else that has no handler.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <cstdint>

#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// SignalMask is the kernel's: bit N-1 is signal N. A sigset_t will not do, since the C library leaves out of it
// the two real-time signals that it keeps for itself (32 and 33).
using SignalMask = std::uint64_t;
static_assert(_NSIG - 1 == 64);

SignalMask current_signal_mask() noexcept;
void set_signal_mask(SignalMask mask) noexcept;

class Signals {
 public:
  // Signals blocks every signal. It stays so until the process ends: a child undoes it by Process::restore.
  Signals();

  // fd is readable while a signal waits.
  int fd() const noexcept { return fd_.get(); }

  // next takes a signal, and waits for one if need be.
  signalfd_siginfo next() const;

 private:
  UniqueFd fd_;
};

}  // namespace strongroom_cli
