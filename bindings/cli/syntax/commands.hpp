// commands.hpp: one function a command. Each gives the exit status, or throws Failure or
// strongroom_abi::Error.
#pragma once

#include "child/process.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

int init_command(const Options& options);
int status_command(const Options& options);
int unseal_command(const Options& options);
int seal_command(const Options& options);
int rotate_command(const Options& options);
int reencrypt_command(const Options& options);
int retire_command(const Options& options);
int anchor_command(const Options& options);
int doctor_command(const Options& options);
int zk_reauth_command(const Options& options);

int slots_command(const Options& options);
int slot_add_command(const Options& options);
int slot_remove_command(const Options& options);
int slot_replace_command(const Options& options);
int rekey_command(const Options& options);

int backup_command(const Options& options);
int backup_verify_command(const Options& options);
int restore_command(const Options& options);
int migrate_command(const Options& options);

int create_command(const Options& options);
int update_command(const Options& options);
int get_command(const Options& options);
int list_command(const Options& options);
int watch_command(const Options& options);
int delete_command(const Options& options);
int resolve_command(const Options& options);

int policy_check_command(const Options& options);
int policy_explain_command(const Options& options);
int policy_who_can_command(const Options& options);
int policy_diff_command(const Options& options);
int policy_lint_command(const Options& options);
int policy_test_command(const Options& options);
int policy_list_command(const Options& options);
int policy_get_command(const Options& options);
int policy_put_command(const Options& options);
int policy_delete_command(const Options& options);
int policy_reset_command(const Options& options);

int run_command(const Options& options, const Process& process);
int completion_command(const Options& options);

}  // namespace strongroom_cli
