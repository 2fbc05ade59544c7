// options.hpp: what the user asked for, as the commands read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

enum class Command {
  init,
  status,
  unseal,
  seal,
  slots,
  slot_add,
  slot_remove,
  slot_replace,
  rekey,
  rotate,
  reencrypt,
  retire,
  anchor,
  doctor,
  zk_reauth,
  backup,
  backup_verify,
  restore,
  migrate,
  create,
  update,
  get,
  list,
  watch,
  erase,
  resolve,
  run,
  policy_check,  // from here to policy_test, those that need no store where files are named
  policy_explain,
  policy_who_can,
  policy_diff,
  policy_lint,
  policy_test,
  policy_list,
  policy_get,
  policy_put,
  policy_delete,
  policy_reset,
  completion,
};

// Source is where create and update have the value from.
enum class Source { standard_input, value, text_file, binary_file };

// NewCredentials is what shall open a store, or a slot, from now on.
struct NewCredentials {
  std::uint32_t shares = 0;
  std::uint32_t threshold = 0;
  std::vector<std::string> pgp_key_files;
  std::string generated_key_file;  // where the private key of a new OpenPGP pair goes
  std::uint32_t pgp_bits = 4096;
  bool escrow = false;
  std::string key_file;
  std::uint32_t key_kind = 0;  // a STRONGROOM_SLOT_ constant, or 0: a key file
  bool verify = false;
  std::vector<std::string> share_backs;

  bool pgp() const { return !pgp_key_files.empty() || !generated_key_file.empty() || escrow; }
  bool key() const { return !key_file.empty() || key_kind != 0; }
  bool empty() const { return shares == 0 && !pgp() && !key(); }
};

struct Options {
  Command command = Command::status;

  // all commands
  std::string store;
  std::string key_file;  // of the option, or of the environment
  std::vector<std::string> share_files;
  std::vector<std::string> pgp_private_keys;
  std::string pgp_passphrase_file;
  bool escrowed = false;
  std::optional<strongroom_abi::Secret> environment_key;  // what STRONGROOM_KEY held
  std::string anchor_file;
  std::string zk_auth_file;
  std::optional<strongroom_abi::Secret> zk_auth;  // what STRONGROOM_ZK_AUTH held
  std::uint32_t timeout_ms = 0;
  bool allow_unlocked = false;

  bool json = false;
  bool raw = false;

  // init, slot-add, slot-replace, rekey, migrate
  NewCredentials fresh;
  std::uint32_t max_secret_len = 0;

  // slots, slot-remove, slot-replace
  std::vector<std::uint32_t> slot_ids;
  std::uint32_t wrapped_of = 0;  // the slot whose wrapped shares are asked for; 0: none
  bool keep_keys = false;

  // rotate, reencrypt, doctor, migrate, zk-reauth
  bool root = false;
  std::uint32_t duty_percent = 0;
  bool repair = false;
  std::string from;
  std::string to;
  bool rekey = false;
  std::string other_zk_auth_file;  // of the other storage, or of the new identity

  // create, update, get, list, watch, delete
  std::string path;
  Source source = Source::standard_input;
  std::string file;       // of create, update, resolve and backups; "-" is a standard stream
  char* value = nullptr;  // a secret, still in argv
  std::string key;
  bool has_key = false;
  bool recursive = false;
  bool fresh_read = false;
  double watch_s = 0;  // 0: for ever

  // policy
  std::vector<std::string> policies;  // files, directories, or "@" alone
  std::string who;
  std::string action;

  // run
  std::string environment_file;
  std::string volumes_file;
  bool no_namespace = false;
  std::vector<char*> program;  // and its arguments, without the closing null

  // completion
  std::string shell;
};

}  // namespace strongroom_cli
