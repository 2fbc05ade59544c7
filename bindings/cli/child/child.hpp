// child.hpp: starting a command, waiting for it, and passing signals on.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <vector>

#include "child/process.hpp"

namespace strongroom_cli {

class Child {
 public:
  // Child starts the program and returns when it runs.
  //
  // program      its name (looked up in the PATH of its environment) and arguments.
  // environment  ends in a null.
  // prepare      runs in the child before exec; a Failure that it throws is thrown here.
  // Throws       Failure: that of prepare, or kExitNoCommand, kExitCannotRun.
  Child(const Process& process, const std::vector<char*>& program, char* const* environment,
        const std::function<void()>& prepare);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // wait passes on the signals that end programs, until the child ends.
  // Returns  its exit status, or 128 + the signal that ended it.
  int wait();

 private:
  [[noreturn]] void become(int report, const Process& process, const std::vector<char*>& program,
                           char* const* environment, const std::function<void()>& prepare);
  void started(int report);
  int reap() const;
  void pass_on(const siginfo_t& signal) const;

  pid_t pid_ = -1;
  sigset_t signals_{};
};

}  // namespace strongroom_cli
