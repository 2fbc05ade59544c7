// child.cpp: fork, exec, wait; see child.hpp.
#include "child/child.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "store/failure.hpp"
#include "strongroom_abi.hpp"
#include "terminal/output.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {
namespace {

constexpr std::array kPassedOn = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

Failure exec_failure(const char* program) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  std::string what = "running '" + std::string(program) + "' failed";
  if (error == E2BIG) what += " (its environment may be too large; use --volumes)";
  return system_failure(missing ? kExitNoCommand : kExitCannotRun, what, error);
}

// A report of the child is an exit status in one byte and a sentence. An empty report means that exec
// succeeded.
void send_report(int fd, int exit_status, const std::string& message) noexcept try {
  const char status = static_cast<char>(exit_status);
  write_all(fd, std::string(1, status) + message, "the parent");
} catch (const std::exception&) {  // the parent is gone
}

std::string read_report(int fd) {
  std::string report;
  std::array<char, 512> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return report;
    report.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Child::Child(const Process& process, const std::vector<char*>& program, char* const* environment,
             const std::function<void()>& prepare) {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, SIGCHLD);
  for (const int signal : kPassedOn) ::sigaddset(&signals_, signal);
  ::sigprocmask(SIG_BLOCK, &signals_, nullptr);

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

void Child::become(int report, const Process& process, const std::vector<char*>& program,
                   char* const* environment, const std::function<void()>& prepare) {
  try {
    prepare();
    process.restore();
    auto arguments = program;
    arguments.push_back(nullptr);
    ::environ = const_cast<char**>(environment);  // execvp takes PATH from it
    ::execvp(arguments[0], arguments.data());
    throw exec_failure(arguments[0]);
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
  reap();
  throw Failure(static_cast<unsigned char>(trouble[0]), trouble.substr(1));
}

int Child::reap() const {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) throw system_failure(kExitUnavailable, "waiting for the command failed");
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int Child::wait() {
  for (;;) {
    siginfo_t signal{};
    if (::sigwaitinfo(&signals_, &signal) < 0) continue;
    if (signal.si_signo != SIGCHLD) {
      pass_on(signal);
      continue;
    }
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid_) {
      return reap();
    }
  }
}

// pass_on leaves out signals of the terminal: the child is in the same process group and gets them itself.
void Child::pass_on(const siginfo_t& signal) const {
  if (signal.si_code == SI_KERNEL && ::getpgid(pid_) == ::getpgrp()) return;
  ::kill(pid_, signal.si_signo);
}

}  // namespace strongroom_cli
