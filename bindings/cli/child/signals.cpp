// signals.cpp: blocking and reading signals; see signals.hpp.
#include "child/signals.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

constexpr SignalMask kAllSignals = ~SignalMask{0};  // the kernel leaves out SIGKILL and SIGSTOP

}  // namespace

SignalMask current_signal_mask() noexcept {
  SignalMask mask = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, sizeof mask);
  return mask;
}

void set_signal_mask(SignalMask mask) noexcept {
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

Signals::Signals() {
  set_signal_mask(kAllSignals);
  fd_ = UniqueFd(static_cast<int>(
      ::syscall(SYS_signalfd4, -1, &kAllSignals, sizeof kAllSignals, SFD_CLOEXEC)));
  if (!fd_) throw system_failure(kExitUnavailable, "making a signalfd failed");
}

signalfd_siginfo Signals::next() const {
  signalfd_siginfo signal{};
  while (::read(fd_.get(), &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal)) {
    if (errno != EINTR) throw system_failure(kExitUnavailable, "reading a signal failed");
  }
  return signal;
}

}  // namespace strongroom_cli
