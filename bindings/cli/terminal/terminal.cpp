// terminal.cpp: prompts; see terminal.hpp.
#include "terminal/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "store/failure.hpp"
#include "terminal/output.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {
namespace {

constexpr std::array kSignals = {SIGINT,  SIGTERM,   SIGHUP,  SIGQUIT, SIGTSTP,
                                 SIGTTIN, SIGTTOU,   SIGALRM, SIGXCPU, SIGUSR1,
                                 SIGUSR2, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};
constexpr std::size_t kMaxLineLen = std::size_t{256} << 10;
constexpr std::size_t kPartLen = 4096;
constexpr int kQuietMs = 150;  // pasted text comes without such a pause

volatile sig_atomic_t caught = 0;

// Catcher blocks the signals except inside wait, so that none is lost between checking and sleeping.
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

  // more_follows reports whether more input comes within a moment.
  static bool more_follows(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, kQuietMs) > 0 && (waiting.revents & POLLIN) != 0;
  }

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
  sigset_t mask_{};
};

// RawInput turns off the echo and the terminal's own line editing, which silently drops everything after
// 4,095 bytes.
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
  }  // input that was not read does not reach the shell

  // end_of_line finds what ends a line: a newline, or the key for the end of input.
  std::size_t end_of_line(std::string_view typed) const noexcept {
    std::size_t end = 0;
    while (end < typed.size() && typed[end] != '\n' &&
           !is_key(static_cast<unsigned char>(typed[end]), VEOF)) {
      ++end;
    }
    return end;
  }

  // is_key reports whether a byte is the terminal's key for a function such as VERASE.
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
  // erase removes the last character, which may have several bytes (UTF-8).
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

bool is_blank(std::string_view bytes) noexcept {
  return bytes.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// drain reads and drops the rest of what was pasted. Returns whether that was only blanks.
bool drain(int tty, strongroom_abi::Secret& part) {
  constexpr int kMaxParts = 1 << 16;
  bool blank = true;
  for (int i = 0; i < kMaxParts && Catcher::more_follows(tty); ++i) {
    const ssize_t len = ::read(tty, part.writable(), part.size());
    if (len <= 0) break;
    blank = blank && is_blank(part.reveal().substr(0, static_cast<std::size_t>(len)));
  }
  return blank;
}

std::string_view read_part(int tty, strongroom_abi::Secret& part) {
  const ssize_t len = ::read(tty, part.writable(), part.size());
  if (len < 0) throw system_failure(kExitUnavailable, "reading the terminal failed");
  if (len == 0) throw Failure(kExitInvalid, "the terminal gave no answer");
  return part.reveal().substr(0, static_cast<std::size_t>(len));
}

// type changes the line as the key says.
void type(unsigned char key, const RawInput& input, Line& line) {
  if (input.is_key(key, VERASE) || key == 0x7F || key == 0x08) return line.erase();
  if (input.is_key(key, VWERASE)) return line.erase_word();
  if (input.is_key(key, VKILL)) return line.clear();
  if (!line.full()) return line.add(key);
  throw Failure(kExitTooLarge, "a line of more than " + std::to_string(kMaxLineLen) +
                                   " bytes was typed or pasted; nothing was used: give a file, or "
                                   "standard input");
}

// refuse_more refuses several pasted lines: whoever pastes them means all of them.
void refuse_more(int tty, strongroom_abi::Secret& part, std::string_view rest) {
  const bool blank = is_blank(rest);
  if (drain(tty, part) && blank) return;
  throw Failure(kExitInvalid,
                "more than one line was pasted, and only one is expected; nothing was used: give a "
                "file, or standard input");
}

// try_ask returns false when a signal came before the line.
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
    const std::string_view got = read_part(tty, part);
    const std::size_t end = input.end_of_line(got);
    done = end != got.size();
    try {
      for (const char key : got.substr(0, end)) type(static_cast<unsigned char>(key), input, line);
      const bool gave_up = done && got[end] != '\n' && line.size() == 0;
      if (done) refuse_more(tty, part, got.substr(end + 1));
      if (gave_up) throw Failure(kExitInvalid, "the terminal gave no answer");
    } catch (const Failure&) {
      drain(tty, part);
      write_all(tty, "\n", "the terminal");
      throw;
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
