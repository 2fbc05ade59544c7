// main.cpp: the command line `strongroom`, a visitor that comes through strongroom.h alone.
#include <exception>
#include <limits>
#include <new>
#include <string>

#include "command_line.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "process.hpp"

namespace strongroom_cli {
namespace {

int dispatch(const Options& options, const Process& process) {
  switch (options.command) {
    case Command::init:
      return init_command(options);
    case Command::status:
      return status_command(options);
    case Command::unseal:
      return unseal_command(options);
    case Command::seal:
      return seal_command(options);
    case Command::rotate:
      return rotate_command(options);
    case Command::create:
      return create_command(options);
    case Command::update:
      return update_command(options);
    case Command::get:
      return get_command(options);
    case Command::list:
      return list_command(options);
    case Command::erase:
      return delete_command(options);
    case Command::resolve:
      return resolve_command(options);
    case Command::run:
      return run_command(options, process);
    case Command::completion:
      return completion_command(options);
  }
  return kExitInternal;
}

// hint says what to do about a failure of the engine, where that is not in its own words.
const char* hint(Command command, strongroom_status status) {
  if (status == STRONGROOM_SEALED) return "; see 'strongroom unseal --help'";
  if (status == STRONGROOM_NOT_INITIALIZED) return "; make one with 'strongroom init'";
  if (status == STRONGROOM_ALREADY_EXISTS && command == Command::create) {
    return "; use 'strongroom update' to replace it";
  }
  if (status == STRONGROOM_NOT_FOUND && command == Command::update) {
    return "; use 'strongroom create' to store it";
  }
  return "";
}

// The process lives for one command: what may be locked is the system's to limit.
void set_memory_limits(const Options& options) {
  strongroom_memory_set_budget(std::numeric_limits<std::uint32_t>::max());
  if (options.allow_unlocked) strongroom_memory_allow_unlocked(1);
}

int run(int argc, char** argv, const Process& process) {
  Command command = Command::status;
  try {
    const auto options = parse_command_line(argc, argv);
    if (!options) return kExitOk;
    command = options->command;
    set_memory_limits(*options);
    return dispatch(*options, process);
  } catch (const strongroom_abi::Error& error) {
    complain(std::string(error.what()) + hint(command, error.status()));
    return 10 + error.status();
  } catch (const Failure& failure) {
    complain(failure.what());
    return failure.exit_status();
  } catch (const std::bad_alloc&) {
    complain("there was no memory left");
    return kExitUnavailable;
  } catch (const std::exception& error) {
    complain(std::string("internal mistake, please report it: ") + error.what());
    return kExitInternal;
  }
}

}  // namespace
}  // namespace strongroom_cli

int main(int argc, char** argv) {
  const strongroom_cli::Process process;
  return strongroom_cli::run(argc, argv, process);
}
