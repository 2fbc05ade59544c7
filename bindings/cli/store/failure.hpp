// failure.hpp: how a command fails: with one sentence and an exit status.
//
// A Failure unwinds to main, which prints it. Its message names paths, options and codes, and says
// what to do; it never contains secret bytes.
#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

namespace strongroom_cli {

// Exit statuses from 11 on are 10 + the status code of strongroom.h. `run` adds those that env(1)
// has for a command that cannot be started.
enum Exit : int {
  kExitOk = 0,
  kExitUsage = 2,
  kExitInvalid = 11,
  kExitAlreadyExists = 13,
  kExitDenied = 14,
  kExitSealed = 15,
  kExitNotInitialized = 16,
  kExitTooLarge = 19,
  kExitUnavailable = 22,
  kExitUnsupported = 24,
  kExitInternal = 25,
  kExitCannotRun = 126,
  kExitNoCommand = 127,
};

class Failure : public std::exception {
 public:
  Failure(int exit_status, std::string message)
      : exit_status_(exit_status), message_(std::move(message)) {}

  int exit_status() const noexcept { return exit_status_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int exit_status_;
  std::string message_;
};

// system_failure adds the system's own words for errno: "<what>: No such file or directory".
inline Failure system_failure(int exit_status, const std::string& what, int error = errno) {
  return {exit_status, what + ": " + std::generic_category().message(error)};
}

}  // namespace strongroom_cli
