// main.cpp: the command line `strongroom`, a visitor that comes through strongroom.h alone.
#include <signal.h>

#include <exception>
#include <limits>
#include <new>
#include <string>

#include "child/process.hpp"
#include "credentials/credentials.hpp"
#include "store/failure.hpp"
#include "syntax/command_line.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

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
    case Command::slots:
      return slots_command(options);
    case Command::slot_add:
      return slot_add_command(options);
    case Command::slot_remove:
      return slot_remove_command(options);
    case Command::slot_replace:
      return slot_replace_command(options);
    case Command::rekey:
      return rekey_command(options);
    case Command::reencrypt:
      return reencrypt_command(options);
    case Command::retire:
      return retire_command(options);
    case Command::anchor:
      return anchor_command(options);
    case Command::doctor:
      return doctor_command(options);
    case Command::zk_reauth:
      return zk_reauth_command(options);
    case Command::backup:
      return backup_command(options);
    case Command::backup_verify:
      return backup_verify_command(options);
    case Command::restore:
      return restore_command(options);
    case Command::migrate:
      return migrate_command(options);
    case Command::create:
      return create_command(options);
    case Command::update:
      return update_command(options);
    case Command::get:
      return get_command(options);
    case Command::list:
      return list_command(options);
    case Command::watch:
      return watch_command(options);
    case Command::erase:
      return delete_command(options);
    case Command::resolve:
      return resolve_command(options);
    case Command::run:
      return run_command(options, process);
    case Command::policy_check:
      return policy_check_command(options);
    case Command::policy_explain:
      return policy_explain_command(options);
    case Command::policy_who_can:
      return policy_who_can_command(options);
    case Command::policy_diff:
      return policy_diff_command(options);
    case Command::policy_lint:
      return policy_lint_command(options);
    case Command::policy_test:
      return policy_test_command(options);
    case Command::policy_list:
      return policy_list_command(options);
    case Command::policy_get:
      return policy_get_command(options);
    case Command::policy_put:
      return policy_put_command(options);
    case Command::policy_delete:
      return policy_delete_command(options);
    case Command::policy_reset:
      return policy_reset_command(options);
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
    auto options = parse_command_line(argc, argv);
    if (!options) return kExitOk;
    command = options->command;
    set_memory_limits(*options);
    options->environment_key = take_environment("STRONGROOM_KEY");
    options->zk_auth = take_environment("STRONGROOM_ZK_AUTH");
    return dispatch(*options, process);
  } catch (const Interrupted& interrupted) {
    ::raise(interrupted.signal);  // everything is wiped and put back by now
    return 128 + interrupted.signal;
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
