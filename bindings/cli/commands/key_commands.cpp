// key_commands.cpp: unseal, seal, rotate, reencrypt, retire, anchor.
#include <string>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kRoot = flag("--root", "Make a new root key as well");
constexpr Option kDuty =
    number("--duty", "PERCENT", 1, 100, "How much of a core's time to take, 1 to 100 (1)");

int run_unseal(const Options& options) {
  open_unsealed(options, STRONGROOM_UNSEAL_LIFT_LOCK);
  print_done("The store may be used again.\n");
  return kExitOk;
}

int run_seal(const Options& options) {
  open_sealed(options).session.seal(STRONGROOM_SEAL_EVERYWHERE);
  print_done("The store is sealed until 'strongroom unseal'.\n");
  return kExitOk;
}

int run_rotate(const Options& options) {
  Access access = open_unsealed(options);
  if (options.has(kRoot)) {
    access.session.rotate(STRONGROOM_ROTATE_ROOT_KEY);
    print_done(
        "The root key is a new one, and secrets are sealed under a new data key from now on.\n");
  } else {
    access.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
    print_done("Secrets are sealed under a new data key from now on.\n");
  }
  return kExitOk;
}

int run_reencrypt(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_abi::Reencrypted done;
  {
    ProgressLine progress("Sealing anew", ProgressLine::Unit::rewritten);
    done = access.session.reencrypt(options.number(kDuty), progress.callback());
  }
  print_done("Everything is sealed under the newest data key; " + std::to_string(done.rewritten) +
             (done.rewritten == 1 ? " record was not yet.\n" : " records were not yet.\n"));
  if (done.unreadable == 0) return kExitOk;
  throw Failure(10 + STRONGROOM_CORRUPT,
                std::to_string(done.unreadable) +
                    " records did not open and stay as they are; restore them from a backup");
}

int run_retire(const Options& options) {
  Access access = open_unsealed(options);
  {
    ProgressLine progress("Looking for what is sealed under old data keys",
                          ProgressLine::Unit::rewritten);
    access.session.retire(progress.callback());
  }
  print_done("The old data keys are gone, for good.\n");
  return kExitOk;
}

int run_anchor(const Options& options) {
  print(open_unsealed(options).session.anchor() + "\n");
  return kExitOk;
}

}  // namespace

constexpr const char* kUnsealHelp =
    R"(After 'seal', no process reads a secret until this takes the lock off. (Every other command that
needs the keys unseals the store for itself, and only while no lock is on it.) All shares that are
needed are given at once; on a terminal they are asked for, and a wrong one is refused at once.

Examples:
  strongroom unseal --key-file /etc/app/strongroom.key
  strongroom unseal --share alice.share --share bob.share --share -
  strongroom unseal --pgp-private-key alice.asc --pgp-private-key bob.asc
  strongroom unseal --escrowed
  strongroom unseal                        (asks on the terminal))";

const Command unseal_command("unseal", kStoreGroup, "Take the lock of 'seal' off the store",
                             kUnsealHelp, {}, run_unseal);

constexpr const char* kSealHelp =
    R"(A store is sealed in one of two scopes:
  this process  The keys leave the memory of one process; others keep theirs. The library does this
                by itself, for example when the slot that unsealed the process is removed. Every
                command here ends sealed in this way.
  everywhere    A lock lies in the store: each process that has it open seals itself at its next
                read, and nothing reads a secret until 'strongroom unseal'. This is what 'strongroom
                seal' does. It needs no credential.

To seal one server, strongroomd, and leave the others as they are, ask that one:
PUT /secrets/v1/seal/default

Example:
  strongroom seal)";

const Command seal_command("seal", kStoreGroup, "Seal the store everywhere, by a lock in it",
                           kSealHelp, {}, run_seal);

constexpr const char* kRotateHelp =
    R"(From now on everything is sealed under the new data key. Stored secrets stay readable, and no
credential changes.

Examples:
  strongroom rotate
  strongroom rotate --root)";

const Command rotate_command("rotate", kKeysGroup, "Make a new data key", kRotateHelp, {&kRoot},
                             run_rotate);

constexpr const char* kReencryptHelp =
    R"(Works while the store is in use, and takes little of its time unless --duty allows more. It can be
stopped anywhere, and continues where it stopped.

Examples:
  strongroom reencrypt
  strongroom reencrypt --duty 100)";

const Command reencrypt_command("reencrypt", kKeysGroup,
                                "Seal everything under the newest data key", kReencryptHelp,
                                {&kDuty}, run_reencrypt);

constexpr const char* kRetireHelp =
    R"(What is sealed under an old data key can no longer be opened, not even in old copies of the store
that are put back. Refused while a secret is still sealed under an old data key.

Examples:
  strongroom rotate && strongroom reencrypt && strongroom retire)";

const Command retire_command("retire", kKeysGroup, "Drop the old data keys, for good", kRetireHelp,
                             {}, run_retire);

constexpr const char* kAnchorHelp =
    R"(Prints one line, not secret, that identifies the store's keys as they are now. Keep it elsewhere;
with --anchor, a store that was put back to an earlier state, or exchanged, does not unseal (exit
status 21).

Examples:
  strongroom anchor >/mnt/elsewhere/app.anchor
  strongroom get db/password --anchor /mnt/elsewhere/app.anchor)";

const Command anchor_command("anchor", kStoreGroup,
                             "Print what distinguishes an old copy of the store from the newest",
                             kAnchorHelp, {}, run_anchor);

}  // namespace strongroom_cli
