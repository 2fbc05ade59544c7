// terminal.cpp: prompts; see terminal.hpp.
#include "terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>

#include "failure.hpp"
#include "output.hpp"
#include "unique_fd.hpp"

namespace strongroom_cli {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
constexpr std::size_t kMaxLineLen = 4096;  // what a terminal takes in one line

volatile sig_atomic_t caught = 0;

// Catcher holds the signals back except inside wait, so none gets lost between look and sleep.
class Catcher {
 public:
  Catcher() {
    caught = 0;
    sigset_t held;
    ::sigemptyset(&held);
    struct sigaction action {};
    action.sa_handler = [](int signal) { caught = signal; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaddset(&held, kSignals[i]);
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
    ::sigprocmask(SIG_BLOCK, &held, &mask_);
  }
  Catcher(const Catcher&) = delete;
  Catcher& operator=(const Catcher&) = delete;
  ~Catcher() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &before_[i], nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }

  // wait returns true when there is something to read, and false when a signal came.
  bool wait(int fd) const {
    pollfd waiting{fd, POLLIN, 0};
    while (caught == 0) {
      if (::ppoll(&waiting, 1, nullptr, &mask_) > 0) return true;
      if (errno != EINTR) throw system_failure(kExitUnavailable, "waiting for the terminal failed");
    }
    return false;
  }

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
  sigset_t mask_{};
};

class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) fail();
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    if (::tcsetattr(fd, TCSAFLUSH, &quiet) != 0) fail();
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }

 private:
  [[noreturn]] static void fail() {
    throw system_failure(kExitUnavailable, "turning the terminal's echo off failed");
  }

  int fd_;
  termios before_{};
};

// try_ask gives false when a signal came before the line did.
bool try_ask(int tty, const std::string& question, strongroom_abi::Secret& line) {
  const Catcher catcher;
  const NoEcho no_echo(tty);
  write_all(tty, question, "the terminal");
  const bool ready = catcher.wait(tty);
  const ssize_t len = ready ? ::read(tty, line.writable(), line.size()) : 0;
  const int error = errno;
  write_all(tty, "\n", "the terminal");
  if (!ready) return false;
  if (len < 0) throw system_failure(kExitUnavailable, "reading the terminal failed", error);
  if (len == 0) throw Failure(kExitInvalid, "the terminal gave no answer");
  line.truncate(static_cast<std::size_t>(len) -
                (line.reveal()[static_cast<std::size_t>(len) - 1] == '\n'));
  return true;
}

}  // namespace

bool can_ask() {
  if (::isatty(STDIN_FILENO) == 0 && ::isatty(STDERR_FILENO) == 0) return false;
  const UniqueFd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  return tty && ::tcgetpgrp(tty.get()) == ::getpgrp();
}

strongroom_abi::Secret ask(const std::string& question) {
  const UniqueFd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (!tty) throw system_failure(kExitUnavailable, "opening the terminal failed");
  strongroom_abi::Secret line(kMaxLineLen);
  while (!try_ask(tty.get(), question, line)) {
    const bool stops = caught == SIGTSTP || caught == SIGTTIN || caught == SIGTTOU;
    if (!stops) throw Interrupted{caught};
    ::raise(caught);  // and ask again afterwards
  }
  return line;
}

}  // namespace strongroom_cli
