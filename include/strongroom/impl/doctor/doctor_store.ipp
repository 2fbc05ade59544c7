// doctor_store.ipp: the checks of what a store's status says; see doctor.hpp.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "strongroom/doctor.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/slots.hpp"

namespace strongroom {
namespace detail::doctor_store {

using doctor::Findings;
using doctor::Level;

static std::string count_of(std::size_t n, const char* one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

static std::string name_of(const SlotStatus& slot) {
  return "slot " + std::to_string(slot.id);
}

static bool any_shares(const SealStatus& status) {
  return std::any_of(status.slots.begin(), status.slots.end(),
                     [](const SlotStatus& slot) { return !slot.damaged && has_shares(slot.kind); });
}

static Finding check_header(const SealStatus& status) {
  if (!status.header_damaged) {
    return {Level::good, "header",
            "both copies of the header record are whole (generation " +
                std::to_string(status.generation) + ")",
            ""};
  }
  return {Level::warning, "header",
          "a copy of the header record is damaged or missing; if the other is lost too, nothing "
          "opens the store",
          "unseal, which repairs a copy, or run: strongroom doctor --repair; then look for the "
          "cause: a failing disk, or a program that wrote there"};
}

static void check_slot(const SlotStatus& slot, Findings& findings) {
  const std::string name = name_of(slot);
  if (slot.damaged) {
    findings.push_back(
        {Level::warning, "slots", name + " is damaged, and its credential may open nothing",
         "unseal with another slot, then run: strongroom doctor --repair; if that does "
         "not help, replace the slot"});
    return;
  }
  if (slot.kind == SlotKind::environment) {
    findings.push_back({Level::note, "slots",
                        name + " takes its key from the environment, which every program of that "
                               "user can read, and children inherit",
                        "use a key file, or a systemd credential: LoadCredential="});
  }
  if (!has_shares(slot.kind) || slot.shares < 2) return;
  const std::string shares = count_of(slot.shares, "share");
  if (slot.threshold == 1) {
    findings.push_back({Level::warning, "slots",
                        "any one of the " + shares + " of " + name + " opens the store",
                        "make new shares with a threshold of 2 or more: strongroom rekey"});
  } else if (slot.threshold == slot.shares) {
    findings.push_back(
        {Level::note, "slots",
         name + " needs all of its " + shares + ": if one is lost, the slot no longer opens",
         "make new shares with a threshold below their number: strongroom rekey"});
  }
}

static void check_slots(const SealStatus& status, Findings& findings) {
  const std::size_t num_before = findings.size();
  for (const SlotStatus& slot : status.slots) check_slot(slot, findings);
  if (!any_shares(status)) {
    findings.push_back({Level::note, "slots",
                        "no slot has shares: anyone with a key file can open the store",
                        "add a slot with shares, for people to keep"});
  }
  if (findings.size() != num_before) return;
  findings.push_back(
      {Level::good, "slots", count_of(status.slots.size(), "slot") + " without damage", ""});
}

static Finding check_last_slot(const SealStatus& status) {
  const std::string check = "last-slot";
  const auto whole = [](const SlotStatus& slot) { return !slot.damaged; };
  const auto num =
      static_cast<std::size_t>(std::count_if(status.slots.begin(), status.slots.end(), whole));
  if (num == 0) {
    return {Level::danger, check, "no slot is whole: the store may not open once it is sealed",
            status.sealed ? "restore the newest backup of the header, or of the store"
                          : "keep it unsealed, add a slot now, and make a backup"};
  }
  if (num > 1) return {Level::good, check, std::to_string(num) + " slots can open the store", ""};
  const SlotStatus& slot = *std::find_if(status.slots.begin(), status.slots.end(), whole);
  const std::string only = "only " + name_of(slot) + " can open the store";
  const std::string advice = "add a second slot, and keep it in another place than the first";
  if (has_shares(slot.kind) && slot.threshold < slot.shares) {
    const unsigned spare = slot.shares - slot.threshold;
    return {Level::note, check, only + "; " + count_of(spare, "share") + " of it may be lost",
            advice};
  }
  return {Level::warning, check, only + ": if its credential is lost, everything is lost", advice};
}

static Finding check_terms(const SealStatus& status) {
  const std::string check = "terms";
  if (status.sealed) {
    return {Level::note, check, "the store is sealed, so its data keys cannot be seen",
            "unseal first"};
  }
  const std::string advice = "re-encrypt what is sealed under them, then retire them";
  // At kMaxTerms, rotation fails, and so does every change that rotates.
  if (status.num_terms > kMaxTerms / 10 * 9) {
    return {Level::warning, check,
            std::to_string(status.num_terms) + " data keys are kept; at " +
                std::to_string(kMaxTerms) + " no more can be added",
            advice};
  }
  if (status.num_terms > 1) {
    return {Level::note, check,
            count_of(status.num_terms - 1, "old data key") +
                " can still open what was sealed under " + (status.num_terms == 2 ? "it" : "them"),
            advice};
  }
  return {Level::good, check, "there is one data key, term " + std::to_string(status.active_term),
          ""};
}

static Finding check_locked(const SealStatus& status) {
  if (!status.locked) return {Level::good, "locked", "no operator has sealed the store", ""};
  return {Level::note, "locked", "an operator has sealed the store for every process",
          "when the reason is gone, unseal it by hand with its credentials"};
}

static Finding check_anchor(bool has_anchor) {
  if (has_anchor) return {Level::good, "anchor", "the store was checked against an anchor", ""};
  return {Level::note, "anchor",
          "no anchor was given, so a fresh process would not notice an old copy of the whole "
          "store",
          "export an anchor after each change of keys or policies, keep it elsewhere, and pass it: "
          "--anchor"};
}

static Finding check_escrow(const SealStatus& status) {
  if (!status.escrowed) {
    return {Level::good, "escrow", "no private key is stored next to what it opens", ""};
  }
  return {Level::danger, "escrow",
          "the OpenPGP private key is in the store's own storage: anyone who copies the storage "
          "can open the shares that were wrapped to it",
          "make new shares for a key pair that is kept elsewhere: strongroom rekey --pgp-key FILE"};
}

}  // namespace detail::doctor_store

std::vector<Finding> examine_store(const SealStatus& status, bool has_anchor) {
  if (!status.initialized) {
    return {{doctor::Level::note, "header", "there is no store yet", "make one: strongroom init"}};
  }
  doctor::Findings findings = {detail::doctor_store::check_header(status)};
  detail::doctor_store::check_slots(status, findings);
  findings.push_back(detail::doctor_store::check_last_slot(status));
  findings.push_back(detail::doctor_store::check_terms(status));
  findings.push_back(detail::doctor_store::check_locked(status));
  findings.push_back(detail::doctor_store::check_anchor(has_anchor));
  findings.push_back(detail::doctor_store::check_escrow(status));
  return findings;
}

}  // namespace strongroom
