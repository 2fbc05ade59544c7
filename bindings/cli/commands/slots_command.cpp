// slots_command.cpp: lists what opens the store; needs no key.
#include <string>

#include "commands/groups.hpp"
#include "credentials/slot_texts.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Report;

constexpr Option kWrapped =
    number("--wrapped", "SLOT", 1, kMaxSlot, "Print the encrypted shares of this slot");

void check_initialized(const Report& report) {
  if (report.initialized()) return;
  throw Failure(kExitNotInitialized, "there is no store at " + std::string(report.url()) +
                                         " yet; make one with 'strongroom init'");
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
  const std::size_t index = slot_index(report, id);
  const std::size_t count = report.slot(index).num_wrapped;
  if (count == 0) {
    throw Failure(
        10 + STRONGROOM_NOT_FOUND,
        "slot " + std::to_string(id) + " keeps no share that is wrapped to an OpenPGP key");
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

int run_slots(const Options& options) {
  const Access access = open_sealed(options);
  check_initialized(access.report);
  if (options.has(kWrapped)) {
    print(wrapped_text(access.report, options.number(kWrapped), options.has(kJson)));
  } else {
    print(options.has(kJson) ? slots_json(access.report) + "\n" : slots_text(access.report));
  }
  return kExitOk;
}

}  // namespace

constexpr const char* kSlotsHelp =
    R"(Any one slot opens the store. --wrapped prints a line for each share: the fingerprint of the
OpenPGP key and the message in hex; it needs no credential.

Examples:
  strongroom slots --json
  strongroom slots --wrapped 1
  strongroom slots --wrapped 1 | sed -n '1s/.* //p' | xxd -r -p | gpg --decrypt >my.share)";

const Command slots_command("slots", kSlotsGroup, "List them", kSlotsHelp, {&kWrapped, &kJson},
                            run_slots);

}  // namespace strongroom_cli
