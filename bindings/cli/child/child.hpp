// child.hpp: starting a command, waiting for it, and passing signals on.
//
// Every signal that this process gets is passed on to the command, until the command ended; it is reaped only
// then, so no signal can reach a process that got its number later. When the command is stopped, this process
// stops too, so that a shell notices, and SIGCONT continues both. Orphans that this process inherits, as
// process 1 of a container does, are reaped.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "child/process.hpp"
#include "child/signals.hpp"
#include "store/owner.hpp"

namespace strongroom_cli {

// Program is what a child runs.
struct Program {
  const char* file;          // looked up in the PATH of its environment
  std::vector<char*> words;  // its own name for itself and its arguments, without a null at the end
  const Account* account = nullptr;  // who runs it; null: the caller
};

class Child {
 public:
  // Child starts the program and returns when it runs.
  //
  // signals      borrowed; what is blocked reaches the program.
  // program      borrowed until it runs.
  // environment  ends in a null.
  // prepare      runs in the child before exec; a Failure that it throws is thrown here.
  // Throws       Failure: that of prepare, or kExitNoCommand, kExitCannotRun.
  Child(const Signals& signals, const Process& process, const Program& program,
        char* const* environment, const std::function<void()>& prepare);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // wait returns when the child has ended.
  // Returns  its exit status, or 128 + the signal that ended it.
  int wait();

  // wait_until also returns when fd is readable or timeout_ms (of poll) is over.
  // Returns  as wait; nothing while the child runs.
  std::optional<int> wait_until(int fd, int timeout_ms);

  // stop sends SIGTERM, 10 s later SIGKILL, and returns when the child has ended.
  // Returns  whether it ended for that only: no signal that ends processes was passed on to it meanwhile.
  bool stop();

  // send sends a signal, unless the child has ended.
  void send(int signal) noexcept;

  pid_t pid() const noexcept { return pid_; }

 private:
  [[noreturn]] void become(int report, const Process& process, const Program& program,
                           char* const* environment, const std::function<void()>& prepare);
  void started(int report);
  std::string read_report(int report);
  void take_signal();
  void pass_on(const signalfd_siginfo& signal);
  void look_at_children();
  void stop_too();

  const Signals& signals_;
  pid_t pid_ = -1;
  std::optional<int> exit_status_;
  bool asked_to_end_ = false;  // by a signal that was passed on
  bool continued_ = false;  // by the SIGCONT that waits for us: it went to the whole process group
};

}  // namespace strongroom_cli
