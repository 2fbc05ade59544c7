// main.cpp: the command line `strongroom`, a visitor that comes through strongroom.h only.
#include <signal.h>

#include <exception>
#include <limits>
#include <new>
#include <string>

#include "child/process.hpp"
#include "credentials/credentials.hpp"
#include "store/failure.hpp"
#include "syntax/command_line.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

// hint says what to do about a failure of the engine, where its own message does not.
const char* hint(strongroom_status status) {
  if (status == STRONGROOM_SEALED) return "; see 'strongroom unseal --help'";
  if (status == STRONGROOM_NOT_INITIALIZED) return "; make one with 'strongroom init'";
  return "";
}

// The process lives for one command: only the system limits the memory that it may lock.
void set_memory_limits(const Options& options) {
  strongroom_memory_set_budget(std::numeric_limits<std::uint32_t>::max(), nullptr);
  if (options.allow_unlocked) strongroom_memory_allow_unlocked(1, nullptr);
}

// end_by ends the process as the signal does, where it is not ignored. Everything is wiped and put
// back by now.
int end_by(int signal, const Process& process) {
  if (signal == SIGPIPE) process.restore_pipe();
  ::raise(signal);
  return 128 + signal;
}

int run(int argc, char** argv, const Process& process) {
  try {
    auto options = parse_command_line(argc, argv);
    if (!options) return kExitOk;
    set_memory_limits(*options);
    set_input_patience(options->timeout_ms);
    options->process = &process;
    options->environment_key = take_environment("STRONGROOM_KEY");
    options->zk_auth = take_environment("STRONGROOM_ZK_AUTH");
    return options->command->run(*options);
  } catch (const Interrupted& interrupted) {
    return end_by(interrupted.signal, process);
  } catch (const strongroom_abi::Error& error) {
    complain(std::string(error.what()) + hint(error.status()));
    return 10 + error.status();
  } catch (const Failure& failure) {
    complain(failure.what());
    return failure.exit_status();
  } catch (const std::bad_alloc&) {
    complain("no memory is left");
    return kExitUnavailable;
  } catch (const std::exception& error) {
    complain(std::string("internal error, please report it: ") + error.what());
    return kExitInternal;
  }
}

}  // namespace
}  // namespace strongroom_cli

int main(int argc, char** argv) {
  const strongroom_cli::Process process;
  return strongroom_cli::run(argc, argv, process);
}
