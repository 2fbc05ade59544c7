// syntax_keys.cpp: the commands for the life of a store and its keys; see syntax.hpp.
#include "syntax/help_texts.hpp"
#include "syntax/syntax.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kStore = "Store";
constexpr const char* kSlots = "Slots: what opens the store";
constexpr const char* kKeys = "Keys inside the store";
constexpr const char* kBackups = "Backups";
constexpr std::uint32_t kNoSlot = UINT32_MAX;

CLI::Option* repeatable(CLI::Option* option) {
  return option->type_name("FILE")->expected(1)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void Syntax::add_new_shares(CLI::App* command) {
  NewCredentials& fresh = options_.fresh;
  command->add_option("--shares", fresh.shares, "How many shares to make, 1 to 255")
      ->type_name("N")
      ->check(CLI::Range(1, 255));
  command->add_option("--threshold", fresh.threshold, "How many of them open the store")
      ->type_name("T")
      ->check(CLI::Range(1, 255));
  repeatable(
      command->add_option("--pgp-key", fresh.pgp_key_files,
                          "A keeper's OpenPGP public key, to encrypt a share to; one a share"));
}

void Syntax::add_new_pair(CLI::App* command) {
  NewCredentials& fresh = options_.fresh;
  command
      ->add_option("--generate-pgp-key", fresh.generated_key_file,
                   "Make an RSA pair for a share; the private key goes here")
      ->type_name("FILE");
  command->add_option("--pgp-bits", fresh.pgp_bits, "Of that pair, 2048 to 4096 (4096)")
      ->type_name("BITS")
      ->check(CLI::Range(2048, 4096));
}

void Syntax::add_new_key(CLI::App* command, bool with_file) {
  NewCredentials& fresh = options_.fresh;
  if (with_file) {
    command->add_option("--new-key-file", fresh.key_file, "Make a key file")->type_name("FILE");
  }
  CLI::Option* const environment = command->add_flag_callback(
      "--environment", [&fresh] { fresh.key_kind = STRONGROOM_SLOT_ENVIRONMENT; },
      "Make a key for the variable STRONGROOM_KEY, and print it");
  command
      ->add_flag_callback(
          "--system-credential", [&fresh] { fresh.key_kind = STRONGROOM_SLOT_SYSTEM_CREDENTIAL; },
          "Make a key for systemd's credential strongroom.key, and print it")
      ->excludes(environment);
}

void Syntax::add_verify(CLI::App* command) {
  NewCredentials& fresh = options_.fresh;
  command->add_flag("--verify", fresh.verify,
                    "Change nothing before the new credentials were typed back");
  repeatable(command->add_option("--share-back", fresh.share_backs,
                                 "As --verify, from a file, '-' for standard input; may be given "
                                 "again"));
}

void Syntax::add_slot_ids(CLI::App* command, bool several) {
  CLI::Option* const ids =
      command->add_option("SLOT", options_.slot_ids, "Its number, as 'slots' lists it")
          ->type_name("")
          ->required()
          ->check(CLI::Range(std::uint32_t{1}, kNoSlot));
  if (!several) ids->expected(1);
  command->add_flag("--keep-keys", options_.keep_keys, "Leave root key and data key as they are");
}

void Syntax::add_store_commands() {
  CLI::App* const init = add(kStore, "init", Command::init, "Make a store", kInitFooter);
  add_new_shares(init);
  add_new_pair(init);
  init->add_flag("--escrow-in-store", options_.fresh.escrow,
                 "Make that pair, and keep its private key in the store, as DC/OS did");
  add_new_key(init, false);
  init->add_option("--max-secret-size", options_.max_secret_len,
                   "The most bytes of one secret, up to 67108864 (1048576)")
      ->type_name("BYTES")
      ->check(CLI::Range(1, 64 << 20));
  add_json(init);
  add_json(add(kStore, "status", Command::status, "Tell about the store", kStatusFooter));
  add(kStore, "unseal", Command::unseal, "Let the store be used again after 'seal'", kUnsealFooter);
  add(kStore, "seal", Command::seal, "Seal the store for everybody", kSealFooter);
  CLI::App* const doctor =
      add(kStore, "doctor", Command::doctor, "Tell what is wrong, and what to do", kDoctorFooter);
  doctor->add_flag("--repair", options_.repair, "Mend damaged header records and slots first");
  add_json(doctor);
  add(kStore, "anchor", Command::anchor,
      "Print what tells an old copy of the store from the newest", kAnchorFooter);
  CLI::App* const reauth =
      add(kStore, "zk-reauth", Command::zk_reauth,
          "Give a store's ZooKeeper nodes to another identity", kZkReauthFooter);
  reauth
      ->add_option("--new-zk-auth-file", options_.other_zk_auth_file,
                   "user:password of the new identity")
      ->type_name("FILE")
      ->required();
  add_json(reauth);
}

void Syntax::add_slot_commands() {
  CLI::App* const slots = add(kSlots, "slots", Command::slots, "List them", kSlotsFooter);
  slots->add_option("--wrapped", options_.wrapped_of, "Print the encrypted shares of this slot")
      ->type_name("SLOT")
      ->check(CLI::Range(std::uint32_t{1}, kNoSlot));
  add_json(slots);
  CLI::App* const added = add(kSlots, "slot-add", Command::slot_add, "Add one", kSlotAddFooter);
  CLI::App* const removed =
      add(kSlots, "slot-remove", Command::slot_remove, "Remove some", kSlotRemoveFooter);
  CLI::App* const replaced = add(kSlots, "slot-replace", Command::slot_replace,
                                 "Replace one by a new one", kSlotReplaceFooter);
  CLI::App* const rekeyed =
      add(kSlots, "rekey", Command::rekey, "Replace the shares by new ones", kRekeyFooter);
  for (CLI::App* const command : {added, replaced, rekeyed}) {
    add_new_shares(command);
    add_new_pair(command);
    if (command != rekeyed) add_new_key(command, true);
    add_verify(command);
    add_json(command);
  }
  add_slot_ids(removed, true);
  add_slot_ids(replaced, false);
  rekeyed->add_flag("--keep-keys", options_.keep_keys, "Leave root key and data key as they are");
}

void Syntax::add_key_commands() {
  CLI::App* const rotate =
      add(kKeys, "rotate", Command::rotate, "Make a new data key", kRotateFooter);
  rotate->add_flag("--root", options_.root, "Make a new root key as well");
  CLI::App* const reencrypt = add(kKeys, "reencrypt", Command::reencrypt,
                                  "Seal everything under the newest data key", kReencryptFooter);
  reencrypt
      ->add_option("--duty", options_.duty_percent,
                   "How much of a core's time to take, 1 to 100 (1)")
      ->type_name("PERCENT")
      ->check(CLI::Range(1, 100));
  add(kKeys, "retire", Command::retire, "Drop the old data keys, for good", kRetireFooter);
}

void Syntax::add_file(CLI::App* command, const char* what) {
  command->add_option("FILE", options_.file, what)->type_name("")->required();
}

void Syntax::add_backup_commands() {
  CLI::App* const backup =
      add(kBackups, "backup", Command::backup, "Write a backup", kBackupFooter);
  add_file(backup, "Where to, '-' for standard output");
  add_json(backup);
  CLI::App* const verify = add(kBackups, "backup-verify", Command::backup_verify,
                               "See whether a backup is whole", kBackupVerifyFooter);
  add_file(verify, "The backup, '-' for standard input");
  add_json(verify);
  CLI::App* const restore =
      add(kBackups, "restore", Command::restore, "Make a store from a backup", kRestoreFooter);
  add_file(restore, "The backup, '-' for standard input");
  add_json(restore);
  CLI::App* const migrate = add(kBackups, "migrate", Command::migrate,
                                "Copy a store into another storage", kMigrateFooter);
  migrate->add_option("FROM", options_.from, "The store, as in --store")->type_name("")->required();
  migrate->add_option("TO", options_.to, "The other storage, without a store in it")
      ->type_name("")
      ->required();
  migrate
      ->add_option("--to-zk-auth-file", options_.other_zk_auth_file,
                   "Its user:password for ZooKeeper; as --zk-auth-file when left out")
      ->type_name("FILE");
  migrate->add_flag("--rekey", options_.rekey, "Under fresh keys, names included");
  add_new_shares(migrate);
  add_new_pair(migrate);
  add_new_key(migrate, true);
  add_json(migrate);
}

}  // namespace strongroom_cli
