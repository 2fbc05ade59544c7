// slot_commands.cpp: slot-add, slot-remove, slot-replace, rekey.
//
// A change is prepared, its credentials are handed out, come back where that was asked for, and only then
// does it take effect, in one commit. If it stops before that, the old credentials stay valid.
#include <algorithm>
#include <string>
#include <vector>

#include "commands/groups.hpp"
#include "credentials/handout.hpp"
#include "credentials/slot_texts.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

constexpr int kExitNotFound = 10 + STRONGROOM_NOT_FOUND;

constexpr Option kSlot = {.names = "SLOT",
                          .kind = Kind::number,
                          .about = "Its number, as 'slots' lists it",
                          .min = 1,
                          .max = kMaxSlot};
constexpr Option kSlots = {.names = "SLOT",
                           .kind = Kind::number,
                           .about = "Their numbers, as 'slots' lists them",
                           .min = 1,
                           .max = kMaxSlot,
                           .many = true};
constexpr Option kKeepKeys = flag("--keep-keys", "Leave root key and data key as they are");

// changed_text compares the slots before and after.
std::string changed_text(Access& access) {
  const auto before = slot_ids(access.report);
  const auto after = slot_ids(access.store.status());
  std::string text;
  const auto add = [&](const std::vector<std::uint32_t>& these,
                       const std::vector<std::uint32_t>& those, const char* what) {
    for (const std::uint32_t id : these) {
      if (std::find(those.begin(), those.end(), id) != those.end()) continue;
      text += "Slot " + std::to_string(id) + what + ".\n";
    }
  };
  add(after, before, " was added");
  add(before, after, " was removed");
  return text;
}

// print_change reports a change that took effect; a failure here does not make it fail.
void print_change(Access& access, const char* before) noexcept try {
  print_done(before + changed_text(access));
} catch (const std::exception& error) {
  complain("the change took effect, but the slots could not be read: " + std::string(error.what()));
}

// refuse_to_wait: a verification that nobody can answer must not begin.
void refuse_to_wait(const NewCredentials& wanted) {
  const bool only_file = !wanted.key_file.empty() && wanted.shares == 0 && !wanted.pgp();
  if (!wanted.verify || !wanted.share_backs.empty() || only_file || can_ask()) return;
  throw Failure(kExitUsage,
                "--verify was given, but there is no terminal to type the new credentials on; use "
                "--share-back");
}

int change_slots(const Options& options, Access& access, const NewCredentials& wanted,
                 const std::vector<std::uint32_t>& remove) {
  refuse_to_wait(wanted);
  const KeyRequest request(wanted, access);
  strongroom_slots_options change = request.slots_options();
  change.remove = remove.data();
  change.num_remove = remove.size();
  change.keep_keys = options.has(kKeepKeys) ? 1 : 0;
  strongroom_abi::Pending pending =
      request.prepare([&] { return access.session.slots_prepare(change); });
  Handout handout(pending, request, wanted, access);
  handout.print(options.has(kJson), false);
  give_back(pending, request, wanted, options, access);
  handout.activate([&] { access.session.slots_activate(pending); });
  if (options.has(kJson) || handout.bare()) return kExitOk;
  print_change(access, "\n");
  return kExitOk;
}

bool has_shares(const strongroom_slot& slot) {
  return slot.kind == STRONGROOM_SLOT_SHARES || slot.kind == STRONGROOM_SLOT_WRAPPED_SHARES;
}

// as_before fills what the options leave open from the slot that is replaced.
NewCredentials as_before(const NewCredentials& wanted, const strongroom_slot& old) {
  NewCredentials filled = wanted;
  if (filled.shares != 0 || filled.pgp()) return filled;
  if (old.kind == STRONGROOM_SLOT_WRAPPED_SHARES) {
    throw Failure(kExitUsage,
                  "the present shares are wrapped to OpenPGP keys: give --pgp-key for each, or "
                  "--shares for shares in clear");
  }
  filled.shares = old.shares;
  if (filled.threshold == 0) filled.threshold = old.threshold;
  if (filled.threshold > filled.shares) {
    throw Failure(kExitUsage, "--threshold is more than the " + std::to_string(old.shares) +
                                  " shares that there are; give --shares too");
  }
  return filled;
}

// some_credentials refuses to make nothing.
NewCredentials some_credentials(const Options& options) {
  NewCredentials wanted = new_credentials(options);
  if (!wanted.empty()) return wanted;
  throw options.usage(
      "there is nothing to make: give --shares, --pgp-key, --new-key-file, --environment or "
      "--system-credential");
}

int run_slot_add(const Options& options) {
  const NewCredentials wanted = some_credentials(options);
  Access access = open_unsealed(options);
  return change_slots(options, access, wanted, {});
}

int run_slot_remove(const Options& options) {
  Access access = open_unsealed(options);
  const auto ids = options.numbers(kSlots);
  strongroom_slots_options change = STRONGROOM_SLOTS_OPTIONS_INIT;
  change.remove = ids.data();
  change.num_remove = ids.size();
  change.keep_keys = options.has(kKeepKeys) ? 1 : 0;
  const strongroom_abi::Pending pending = access.session.slots_prepare(change);
  access.session.slots_activate(pending);
  print_change(access, "");
  return kExitOk;
}

int run_slot_replace(const Options& options) {
  const NewCredentials wanted = some_credentials(options);
  Access access = open_unsealed(options);
  const std::uint32_t id = options.number(kSlot);
  slot_index(access.report, id);
  return change_slots(options, access, wanted, {id});
}

int run_rekey(const Options& options) {
  const NewCredentials given = new_credentials(options, true);
  Access access = open_unsealed(options);
  std::vector<std::uint32_t> old;
  strongroom_slot last = STRONGROOM_SLOT_INIT;
  for (std::size_t i = 0; i < access.report.num_slots(); ++i) {
    if (!has_shares(access.report.slot(i))) continue;
    last = access.report.slot(i);
    old.push_back(last.id);
  }
  const bool counted = given.shares != 0 || given.pgp();
  if (old.empty() && !counted) {
    throw Failure(
        kExitNotFound,
        "the store has no slot of shares to replace; give --shares for a first one, or see "
        "'strongroom slot-add'");
  }
  if (old.size() > 1 && !counted) {
    throw Failure(kExitUsage,
                  "there are several slots of shares, which one new slot would replace; give "
                  "--shares and --threshold");
  }
  const NewCredentials wanted = as_before(given, last);
  return change_slots(options, access, wanted, old);
}

// All commands that make new credentials say this.
#define STRONGROOM_CLI_NEW_SLOT                                                                 \
  "The new credentials are handed out first: files are on the disk, what is printed is out. "   \
  "With\n"                                                                                      \
  "--verify they must come back before they take effect; a key file is read back. Until then, " \
  "and\n"                                                                                       \
  "if anything fails, the old ones are valid. A key without shares is printed as it is, for a " \
  "pipe.\n"

}  // namespace

constexpr const char* kSlotAddHelp = STRONGROOM_CLI_NEW_SLOT R"(
Examples:
  strongroom slot-add --new-key-file /etc/app/second.key
  strongroom slot-add --shares 3 --threshold 2 --verify
  strongroom slot-add --system-credential | systemd-creds encrypt --name=strongroom.key - app.cred)";

const Command slot_add_command("slot-add", kSlotsGroup, "Add one", kSlotAddHelp,
                               {&kShares, &kThreshold, &kPgpKey, &kGeneratePgpKey, &kPgpBits,
                                &kNewKeyFile, &kEnvironmentKey, &kSystemCredential, &kVerify,
                                &kShareBack, &kJson},
                               run_slot_add);

constexpr const char* kSlotRemoveHelp =
    R"(The last slot cannot be removed. Root key and data key are replaced: the removed slot opens nothing
that is written from now on. For what was written before, continue with 'reencrypt' and 'retire'.
With --keep-keys, whoever held the slot may know the keys.

Examples:
  strongroom slot-remove 2
  strongroom slot-remove 2 3 --keep-keys)";

const Command slot_remove_command("slot-remove", kSlotsGroup, "Remove some", kSlotRemoveHelp,
                                  {&kSlots, &kKeepKeys}, run_slot_remove);

constexpr const char* kSlotReplaceHelp = STRONGROOM_CLI_NEW_SLOT
    R"(The new slot replaces the old one in one commit, and root key and data key are replaced.

Examples:
  strongroom slot-replace 1 --new-key-file /etc/app/new.key
  strongroom slot-replace 2 --threshold 2 --pgp-key ann.asc --pgp-key bob.asc --pgp-key eve.asc)";

const Command slot_replace_command("slot-replace", kSlotsGroup, "Replace one by a new one",
                                   kSlotReplaceHelp,
                                   {&kSlot, &kShares, &kThreshold, &kPgpKey, &kGeneratePgpKey,
                                    &kPgpBits, &kNewKeyFile, &kEnvironmentKey, &kSystemCredential,
                                    &kVerify, &kShareBack, &kKeepKeys, &kJson},
                                   run_slot_replace);

constexpr const char* kRekeyHelp = STRONGROOM_CLI_NEW_SLOT
    R"(Replaces all slots of shares by one new slot, with as many shares as before unless --shares says
otherwise; where there is none yet, --shares or --pgp-key makes the first.
Root key and data key are replaced.

Examples:
  strongroom rekey --verify
  strongroom rekey --shares 5 --threshold 3
  strongroom rekey --pgp-key ann.asc --pgp-key bob.asc --json)";

const Command rekey_command("rekey", kSlotsGroup, "Replace the shares by new ones", kRekeyHelp,
                            {&kShares, &kThreshold, &kPgpKey, &kGeneratePgpKey, &kPgpBits, &kVerify,
                             &kShareBack, &kKeepKeys, &kJson},
                            run_rekey);

}  // namespace strongroom_cli
