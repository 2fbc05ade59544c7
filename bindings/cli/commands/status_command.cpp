// status_command.cpp: what can be said of a store without its keys.
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

const char* truth(bool is) {
  return is ? "true" : "false";
}

// lock_json reports the operator's lock: what seals this process only does not concern others.
std::string lock_json(const Report& report) {
  const bool locked = report.locked();
  return std::string(",\"sealed\":") + truth(locked) +
         ",\"reason\":" + (locked ? "\"operator_lock\"" : "null") +
         ",\"since\":" + (locked ? json_text(time_text(report.info().since_ms)) : "null");
}

std::string json_of(const Report& report) {
  std::string json = std::string("{\"initialized\":") + truth(report.initialized());
  if (report.initialized()) {
    const strongroom_report_info& info = report.info();
    json += ",\"escrowed\":" + std::string(truth(report.escrowed())) +
            ",\"generation\":" + std::to_string(report.info().generation) +
            ",\"header_damaged\":" + truth(report.header_damaged()) +
            ",\"max_secret_size\":" + std::to_string(report.info().max_secret_len) +
            ",\"progress\":" + std::to_string(info.unseal_progress) + lock_json(report) +
            ",\"shares\":" + std::to_string(info.unseal_shares) +
            ",\"slots\":" + slots_json(report) + ",\"store_id\":" + json_text(report.store_id()) +
            ",\"threshold\":" + std::to_string(info.unseal_threshold);
  }
  return json + ",\"url\":" + json_text(report.url()) + "}\n";
}

std::string line(const std::string& name, const std::string& value) {
  std::string line = name;
  line.resize(18, ' ');
  return line + value + "\n";
}

std::string none_at(const std::string& url) {
  return line("store", url) + line("state", "not initialized; see 'strongroom init'");
}

std::string text_of(const Report& report) {
  if (!report.initialized()) return none_at(report.url());
  std::string text = line("store", report.url());
  text += line("state", report.locked()
                            ? "sealed by an operator since " + time_text(report.info().since_ms) +
                                  ", until 'strongroom unseal'"
                            : "in use");
  text += line("store id", report.store_id());
  text += line("generation", std::to_string(report.info().generation));
  text += line("max secret size", std::to_string(report.info().max_secret_len) + " bytes");
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    text += line("slot " + std::to_string(slot.id), slot_text(slot));
    for (const std::string& each : fingerprints_of(report, i)) text += line("", each);
  }
  if (report.escrowed()) {
    text += line("escrow", "a private key that opens the store is kept in the store itself");
  }
  if (report.header_damaged()) {
    text += line("header", "one copy is damaged; the next unseal repairs it");
  }
  return text;
}

// A store that is not there is an answer, not a failure, and looking for it makes nothing.
int run_status(const Options& options) try {
  const Access access = open_sealed(options);
  print(options.has(kJson) ? json_of(access.report) : text_of(access.report));
  return kExitOk;
} catch (const strongroom_abi::Error& error) {
  if (error.status() != STRONGROOM_NOT_INITIALIZED) throw;
  print(options.has(kJson) ? "{\"initialized\":false,\"url\":" + json_text(options.store) + "}\n"
                           : none_at(options.store));
  return kExitOk;
}

}  // namespace

constexpr const char* kStatusHelp =
    R"(Examples:
  strongroom status
  strongroom status --json)";

const Command status_command("status", kStoreGroup, "Report the state of the store", kStatusHelp,
                             {&kJson}, run_status);

}  // namespace strongroom_cli
