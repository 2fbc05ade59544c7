// child.cpp: fork, exec, wait; see child.hpp.
#include "child/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "store/failure.hpp"
#include "strongroom_abi.hpp"
#include "terminal/output.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {
namespace {

// What a terminal sends to a whole process group. The kernel also makes signals for one process only, such as
// the SIGALRM of a timer that was set before this program was started.
constexpr std::array<std::uint32_t, 8> kOfTerminal = {SIGHUP,  SIGINT,  SIGQUIT, SIGTSTP,
                                                      SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};

bool is_of_terminal(const signalfd_siginfo& signal) noexcept {
  return signal.ssi_code == SI_KERNEL &&
         std::find(kOfTerminal.begin(), kOfTerminal.end(), signal.ssi_signo) != kOfTerminal.end();
}

// is_our_own: SIGPIPE or SIGXFSZ of a write of ours.
bool is_our_own(const signalfd_siginfo& signal) noexcept {
  return signal.ssi_code == SI_USER && static_cast<pid_t>(signal.ssi_pid) == ::getpid();
}

// send keeps the value that sigqueue() attaches to a signal.
void send(pid_t pid, const signalfd_siginfo& signal) noexcept {
  const int number = static_cast<int>(signal.ssi_signo);
  if (signal.ssi_code != SI_QUEUE) {
    ::kill(pid, number);
    return;
  }
  siginfo_t info{};
  info.si_signo = number;
  info.si_code = SI_QUEUE;
  info.si_pid = static_cast<pid_t>(signal.ssi_pid);
  info.si_uid = signal.ssi_uid;
  info.si_value.sival_ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(signal.ssi_ptr));
  ::syscall(SYS_rt_sigqueueinfo, pid, number, &info);
}

// ends_processes: what people and service managers send for that.
bool ends_processes(std::uint32_t signal) noexcept {
  return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
}

int exit_status_of(int status) noexcept {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Failure exec_failure(const char* program) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  std::string what = "running '" + std::string(program) + "' failed";
  if (error == E2BIG)
    what +=
        " (its environment may be too large; use files: --volumes, or volumes of the definition)";
  return system_failure(missing ? kExitNoCommand : kExitCannotRun, what, error);
}

// A report of the child is an exit status in one byte and a sentence. An empty report means that exec
// succeeded.
void send_report(int fd, int exit_status, const std::string& message) noexcept try {
  const char status = static_cast<char>(exit_status);
  write_all(fd, std::string(1, status) + message, "the parent");
} catch (const std::exception&) {  // the parent is gone
}

}  // namespace

Child::Child(const Signals& signals, const Process& process, const Program& program,
             char* const* environment, const std::function<void()>& prepare)
    : signals_(signals) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw system_failure(kExitUnavailable, "making a pipe failed");
  }
  const UniqueFd report(ends[0]);
  UniqueFd child_report(ends[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw system_failure(kExitUnavailable, "starting a process failed");
  if (pid_ == 0) become(child_report.get(), process, program, environment, prepare);
  child_report.reset();
  started(report.get());
}

void Child::become(int report, const Process& process, const Program& program,
                   char* const* environment, const std::function<void()>& prepare) {
  try {
    prepare();
    process.restore();
    auto arguments = program.words;
    arguments.push_back(nullptr);
    ::environ = const_cast<char**>(environment);  // execvp takes PATH from it
    if (program.account != nullptr) strongroom_cli::become(*program.account);
    ::execvp(program.file, arguments.data());
    throw exec_failure(program.file);
  } catch (const Failure& failure) {
    send_report(report, failure.exit_status(), failure.what());
  } catch (const std::exception& error) {
    send_report(report, kExitInternal, error.what());
  }
  ::_exit(kExitCannotRun);
}

void Child::started(int report) {
  const std::string trouble = read_report(report);
  if (trouble.empty()) return;
  wait();
  throw Failure(static_cast<unsigned char>(trouble[0]), trouble.substr(1));
}

// read_report takes signals meanwhile: one may stop or end the child before it is the command.
std::string Child::read_report(int report) {
  std::string text;
  for (;;) {
    std::array<pollfd, 2> waiting{{{report, POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[1].revents != 0) take_signal();
    if (waiting[0].revents == 0) continue;
    std::array<char, 512> buffer{};
    const ssize_t got = ::read(report, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

int Child::wait() {
  while (!exit_status_) take_signal();
  return *exit_status_;
}

std::optional<int> Child::wait_until(int fd, int timeout_ms) {
  while (!exit_status_) {
    std::array<pollfd, 2> waiting{{{signals_.fd(), POLLIN, 0}, {fd, POLLIN, 0}}};
    const int ready = ::poll(waiting.data(), waiting.size(), timeout_ms);
    if (ready > 0 && waiting[0].revents != 0) {
      take_signal();
    } else if (ready >= 0) {
      return std::nullopt;
    }
  }
  return exit_status_;
}

bool Child::stop() {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kPatience{10};
  asked_to_end_ = false;
  send(SIGTERM);
  send(SIGCONT);  // a stopped process would take SIGTERM only then
  for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (wait_until(-1, static_cast<int>(left.count()))) return !asked_to_end_;
  }
  send(SIGKILL);
  wait();
  return !asked_to_end_;
}

void Child::send(int signal) noexcept {
  if (!exit_status_) ::kill(pid_, signal);
}

void Child::take_signal() {
  const signalfd_siginfo signal = signals_.next();
  // SIGCHLD of the kernel and of a process may have become one, so children are looked at for both.
  if (signal.ssi_signo == SIGCHLD) look_at_children();
  if (signal.ssi_signo != SIGCHLD || signal.ssi_code <= 0) pass_on(signal);
}

// pass_on leaves out what the terminal sent to the child as well: to the whole process group.
void Child::pass_on(const signalfd_siginfo& signal) {
  if (exit_status_ || is_our_own(signal)) return;
  if (ends_processes(signal.ssi_signo)) asked_to_end_ = true;
  if (signal.ssi_signo == SIGCONT && std::exchange(continued_, false)) return;
  if (is_of_terminal(signal) && ::getpgid(pid_) == ::getpgrp()) return;
  strongroom_cli::send(pid_, signal);
}

// look_at_children reaps all that ended, and stops when the command is stopped.
void Child::look_at_children() {
  for (;;) {
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (child <= 0) return;
    if (child != pid_) continue;
    if (WIFSTOPPED(status)) {
      stop_too();
    } else {
      exit_status_ = exit_status_of(status);
    }
  }
}

// stop_too returns when SIGCONT continued this process; it then waits to be read, since it is blocked. Process
// 1 cannot stop. A shell sends SIGCONT to the process group, and the child, which is the younger member,
// gets it first.
void Child::stop_too() {
  ::kill(::getpid(), SIGSTOP);
  int status = 0;
  continued_ = ::getpgid(pid_) == ::getpgrp() && ::getpid() != 1 &&
               ::waitpid(pid_, &status, WCONTINUED | WNOHANG) == pid_ && WIFCONTINUED(status);
}

}  // namespace strongroom_cli
