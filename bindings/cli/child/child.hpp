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

namespace strongroom_cli {

class Child {
 public:
  // Child starts the program and returns when it runs.
  //
  // signals      borrowed; what is blocked reaches the program.
  // program      its name (looked up in the PATH of its environment) and arguments.
  // environment  ends in a null.
  // prepare      runs in the child before exec; a Failure that it throws is thrown here.
  // Throws       Failure: that of prepare, or kExitNoCommand, kExitCannotRun.
  Child(const Signals& signals, const Process& process, const std::vector<char*>& program,
        char* const* environment, const std::function<void()>& prepare);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // wait returns when the child has ended.
  // Returns  its exit status, or 128 + the signal that ended it.
  int wait();

 private:
  [[noreturn]] void become(int report, const Process& process, const std::vector<char*>& program,
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
  bool continued_ = false;  // by the SIGCONT that waits for us: it went to the whole process group
};

}  // namespace strongroom_cli
