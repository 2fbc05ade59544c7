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
constexpr std::size_t kMaxLineLen = std::size_t{256} << 10;
constexpr std::size_t kPartLen = 4096;
constexpr int kQuietMs = 150;  // what is pasted comes without a pause like that

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

  // more_follows tells whether something comes within a moment.
  static bool more_follows(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, kQuietMs) > 0 && (waiting.revents & POLLIN) != 0;
  }

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
  sigset_t mask_{};
};

// RawInput turns off the echo, and the terminal's own lines, which end after 4,095 bytes: more than that it
// would drop without a word.
class RawInput {
 public:
  explicit RawInput(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) fail();
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHONL);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (::tcsetattr(fd, TCSAFLUSH, &raw) != 0) fail();
  }
  RawInput(const RawInput&) = delete;
  RawInput& operator=(const RawInput&) = delete;
  ~RawInput() {
    ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }  // what was not read never reaches the shell

  // is_key tells whether a byte is the key that the terminal has for this, as VERASE.
  bool is_key(unsigned char byte, int what) const noexcept {
    return before_.c_cc[what] != 0 && byte == before_.c_cc[what];
  }

 private:
  [[noreturn]] static void fail() {
    throw system_failure(kExitUnavailable, "turning the terminal's echo off failed");
  }

  int fd_;
  termios before_{};
};

// Line is what was typed so far, in locked memory.
class Line {
 public:
  explicit Line(strongroom_abi::Secret& bytes) : bytes_(bytes) {}

  std::size_t size() const noexcept { return len_; }
  bool full() const noexcept { return len_ == bytes_.size(); }
  void add(unsigned char byte) { bytes_.writable()[len_++] = byte; }
  // erase takes the last character away, which may have several bytes (UTF-8).
  void erase() {
    while (len_ > 0 && (bytes_.writable()[--len_] & 0xC0) == 0x80) {
    }
  }
  void erase_word() {
    while (len_ > 0 && bytes_.writable()[len_ - 1] == ' ') --len_;
    while (len_ > 0 && bytes_.writable()[len_ - 1] != ' ') --len_;
  }
  void clear() noexcept { len_ = 0; }

 private:
  strongroom_abi::Secret& bytes_;
  std::size_t len_ = 0;
};

// drain reads away what else was pasted, up to its end.
void drain(int tty, strongroom_abi::Secret& part) {
  constexpr int kMaxParts = 1 << 16;
  for (int i = 0; i < kMaxParts && Catcher::more_follows(tty); ++i) {
    if (::read(tty, part.writable(), part.size()) <= 0) return;
  }
}

// try_ask gives false when a signal came before the line did.
bool try_ask(int tty, const std::string& question, strongroom_abi::Secret& answer) {
  const Catcher catcher;
  const RawInput input(tty);
  write_all(tty, question, "the terminal");
  strongroom_abi::Secret part(kPartLen);
  Line line(answer);
  for (bool done = false; !done;) {
    if (!catcher.wait(tty)) {
      write_all(tty, "\n", "the terminal");
      return false;
    }
    const ssize_t len = ::read(tty, part.writable(), part.size());
    if (len < 0) throw system_failure(kExitUnavailable, "reading the terminal failed");
    if (len == 0) throw Failure(kExitInvalid, "the terminal gave no answer");
    for (std::size_t i = 0; i < static_cast<std::size_t>(len) && !done; ++i) {
      const auto byte = static_cast<unsigned char>(part.reveal()[i]);
      done = byte == '\n' || input.is_key(byte, VEOF);
      if (done && (i + 1 < static_cast<std::size_t>(len) || Catcher::more_follows(tty))) {
        drain(tty, part);
        write_all(tty, "\n", "the terminal");
        throw Failure(
            kExitInvalid,
            "more than one line was pasted, and one is taken here; nothing was used: give "
            "a file, or standard input");
      }
      if (done && byte != '\n' && line.size() == 0) {
        throw Failure(kExitInvalid, "the terminal gave no answer");
      }
      if (done) break;
      if (input.is_key(byte, VERASE) || byte == 0x7F || byte == 0x08) {
        line.erase();
      } else if (input.is_key(byte, VWERASE)) {
        line.erase_word();
      } else if (input.is_key(byte, VKILL)) {
        line.clear();
      } else if (line.full()) {
        drain(tty, part);
        throw Failure(kExitTooLarge, "a line of more than " + std::to_string(kMaxLineLen) +
                                         " bytes was typed or pasted; nothing was used: give a "
                                         "file, or standard input");
      } else {
        line.add(byte);
      }
    }
  }
  write_all(tty, "\n", "the terminal");
  answer.truncate(line.size());
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
