// slot_commands.cpp: slots, slot-add, slot-remove, slot-replace, rekey.
//
// A change is prepared, its credentials go out, come back where that was asked for, and only then
// takes effect, in one commit. Whatever ends it before leaves the old credentials in force.
#include <algorithm>
#include <string>
#include <vector>

#include "credentials/handout.hpp"
#include "credentials/slot_texts.hpp"
#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Report;

constexpr int kExitNotFound = 10 + STRONGROOM_NOT_FOUND;

void check_initialized(const Report& report) {
  if (report.initialized()) return;
  throw Failure(kExitNotInitialized, "there is no store at " + std::string(report.url()) +
                                         " yet; make one with 'strongroom init'");
}

std::vector<std::uint32_t> ids_of(const Report& report) {
  std::vector<std::uint32_t> ids;
  for (std::size_t i = 0; i < report.num_slots(); ++i) ids.push_back(report.slot(i).id);
  return ids;
}

std::size_t index_of(const Report& report, std::uint32_t id) {
  const auto ids = ids_of(report);
  const auto found = std::find(ids.begin(), ids.end(), id);
  if (found != ids.end()) return static_cast<std::size_t>(found - ids.begin());
  throw Failure(kExitNotFound,
                "there is no slot " + std::to_string(id) + "; 'strongroom slots' lists them");
}

std::string slots_text(const Report& report) {
  std::string text;
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    text += std::to_string(slot.id) + "  " + slot_text(slot) + "\n";
    for (const std::string& each : fingerprints_of(report, i)) text += "   " + each + "\n";
  }
  return text;
}

std::string wrapped_text(const Report& report, std::uint32_t id, bool json) {
  const std::size_t index = index_of(report, id);
  const std::size_t count = report.slot(index).num_wrapped;
  if (count == 0) {
    throw Failure(kExitNotFound, "slot " + std::to_string(id) +
                                     " keeps no share that is wrapped to an OpenPGP key");
  }
  std::string keys;
  std::string fingerprints;
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    const auto share = report.wrapped(index, i);
    const std::string fingerprint = hex_text(share.fingerprint);
    const std::string message = hex_text(share.message);
    lines += fingerprint + " " + message + "\n";
    keys += (i > 0 ? "," : "") + json_text(message);
    fingerprints += (i > 0 ? "," : "") + json_text(fingerprint);
  }
  return json ? "{\"keys\":[" + keys + "],\"pgp_fingerprints\":[" + fingerprints + "]}\n" : lines;
}

// changed_text compares the slots before and after.
std::string changed_text(Access& access) {
  const auto before = ids_of(access.report);
  const auto after = ids_of(access.store.status());
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

// tell_change speaks of a change that took effect: nothing that fails here makes it one that did not.
void tell_change(Access& access, const char* before) noexcept try {
  print_done(before + changed_text(access));
} catch (const std::exception& error) {
  complain("the change took effect, but the slots could not be looked at: " +
           std::string(error.what()));
}

// refuse_to_wait: a round of verification that nobody can answer must not begin.
void refuse_to_wait(const NewCredentials& wanted) {
  const bool file_alone = !wanted.key_file.empty() && wanted.shares == 0 && !wanted.pgp();
  if (!wanted.verify || !wanted.share_backs.empty() || file_alone || can_ask()) return;
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
  change.keep_keys = options.keep_keys ? 1 : 0;
  strongroom_abi::Pending pending = access.session.slots_prepare(change);
  Handout handout(pending, request, wanted, access);
  handout.print(options.json, false);
  give_back(pending, request, options, access);
  handout.activate([&] { access.session.slots_activate(pending); });
  if (options.json || handout.bare()) return kExitOk;
  tell_change(access, "\n");
  return kExitOk;
}

bool has_shares(const strongroom_slot& slot) {
  return slot.kind == STRONGROOM_SLOT_SHARES || slot.kind == STRONGROOM_SLOT_WRAPPED_SHARES;
}

// as_before takes from the slot that is replaced what the options leave open.
NewCredentials as_before(const NewCredentials& wanted, const strongroom_slot& old) {
  NewCredentials filled = wanted;
  if (filled.shares != 0 || filled.pgp()) return filled;
  if (old.kind == STRONGROOM_SLOT_WRAPPED_SHARES) {
    throw Failure(kExitUsage,
                  "the shares so far were wrapped to OpenPGP keys: give --pgp-key for each, or "
                  "--shares for shares in clear");
  }
  filled.shares = old.shares;
  if (filled.threshold == 0) filled.threshold = old.threshold;
  if (filled.threshold > filled.shares) {
    throw Failure(kExitUsage, "--threshold was more than the " + std::to_string(old.shares) +
                                  " shares that there are; give --shares too");
  }
  return filled;
}

}  // namespace

int slots_command(const Options& options) {
  const Access access = open_sealed(options);
  check_initialized(access.report);
  if (options.wrapped_of != 0) {
    print(wrapped_text(access.report, options.wrapped_of, options.json));
  } else {
    print(options.json ? slots_json(access.report) + "\n" : slots_text(access.report));
  }
  return kExitOk;
}

int slot_add_command(const Options& options) {
  Access access = open_unsealed(options);
  return change_slots(options, access, options.fresh, {});
}

int slot_remove_command(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_slots_options change = STRONGROOM_SLOTS_OPTIONS_INIT;
  change.remove = options.slot_ids.data();
  change.num_remove = options.slot_ids.size();
  change.keep_keys = options.keep_keys ? 1 : 0;
  const strongroom_abi::Pending pending = access.session.slots_prepare(change);
  access.session.slots_activate(pending);
  tell_change(access, "");
  return kExitOk;
}

int slot_replace_command(const Options& options) {
  Access access = open_unsealed(options);
  index_of(access.report, options.slot_ids.front());
  return change_slots(options, access, options.fresh, options.slot_ids);
}

int rekey_command(const Options& options) {
  Access access = open_unsealed(options);
  std::vector<std::uint32_t> old;
  strongroom_slot last = STRONGROOM_SLOT_INIT;
  for (std::size_t i = 0; i < access.report.num_slots(); ++i) {
    if (!has_shares(access.report.slot(i))) continue;
    last = access.report.slot(i);
    old.push_back(last.id);
  }
  const bool counted = options.fresh.shares != 0 || options.fresh.pgp();
  if (old.empty() && !counted) {
    throw Failure(
        kExitNotFound,
        "the store has no slot of shares to replace; say --shares for a first one, or see "
        "'strongroom slot-add'");
  }
  if (old.size() > 1 && !counted) {
    throw Failure(kExitUsage,
                  "there are several slots of shares, which one new slot would replace; say "
                  "--shares and --threshold");
  }
  const NewCredentials wanted = as_before(options.fresh, last);
  return change_slots(options, access, wanted, old);
}

}  // namespace strongroom_cli
