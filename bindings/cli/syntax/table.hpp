// table.hpp: the table of commands, in the order of the help. A new command is one line here; its
// definition, NAME_command, is next to the function that runs it.
#pragma once

#include "syntax/command.hpp"

#define STRONGROOM_CLI_COMMANDS \
  COMMAND(init)                 \
  COMMAND(status)               \
  COMMAND(unseal)               \
  COMMAND(seal)                 \
  COMMAND(doctor)               \
  COMMAND(anchor)               \
  COMMAND(zk_reauth)            \
  COMMAND(create)               \
  COMMAND(update)               \
  COMMAND(get)                  \
  COMMAND(list)                 \
  COMMAND(watch)                \
  COMMAND(delete)               \
  COMMAND(resolve)              \
  COMMAND(run)                  \
  COMMAND(docker_credential)    \
  COMMAND(policy)               \
  COMMAND(policy_check)         \
  COMMAND(policy_explain)       \
  COMMAND(policy_who_can)       \
  COMMAND(policy_diff)          \
  COMMAND(policy_lint)          \
  COMMAND(policy_test)          \
  COMMAND(policy_list)          \
  COMMAND(policy_get)           \
  COMMAND(policy_put)           \
  COMMAND(policy_delete)        \
  COMMAND(policy_reset)         \
  COMMAND(slots)                \
  COMMAND(slot_add)             \
  COMMAND(slot_remove)          \
  COMMAND(slot_replace)         \
  COMMAND(rekey)                \
  COMMAND(rotate)               \
  COMMAND(reencrypt)            \
  COMMAND(retire)               \
  COMMAND(backup)               \
  COMMAND(backup_verify)        \
  COMMAND(restore)              \
  COMMAND(migrate)              \
  COMMAND(audit)                \
  COMMAND(audit_verify)         \
  COMMAND(completion)

namespace strongroom_cli {

#define COMMAND(name) extern const Command name##_command;
STRONGROOM_CLI_COMMANDS
#undef COMMAND

}  // namespace strongroom_cli
