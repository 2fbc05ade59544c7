// key_commands.cpp: status, unseal, seal, rotate.
#include <string>

#include "access.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Report;

const char* kind_of(const strongroom_slot& slot) {
  if (slot.kind == STRONGROOM_SLOT_SHARES) return "shares";
  return slot.kind == STRONGROOM_SLOT_KEY ? "key_file" : "unknown";
}

std::string json_of(const strongroom_slot& slot) {
  std::string json = "{\"created\":" + json_text(time_text(slot.created_ms)) +
                     ",\"id\":" + std::to_string(slot.id) + ",\"kind\":" + json_text(kind_of(slot));
  if (slot.kind == STRONGROOM_SLOT_SHARES) {
    json += ",\"shares\":" + std::to_string(slot.shares) +
            ",\"threshold\":" + std::to_string(slot.threshold);
  }
  return json + "}";
}

std::string json_of(const Report& report) {
  const auto truth = [](bool is) { return is ? "true" : "false"; };
  std::string json = std::string("{\"initialized\":") + truth(report.initialized());
  if (report.initialized()) {
    json += ",\"generation\":" + std::to_string(report.generation()) +
            ",\"header_damaged\":" + truth(report.header_damaged()) +
            ",\"max_secret_size\":" + std::to_string(report.max_secret_len()) +
            ",\"sealed\":" + truth(report.locked()) + ",\"slots\":[";
    for (std::size_t i = 0; i < report.num_slots(); ++i) {
      json += (i > 0 ? "," : "") + json_of(report.slot(i));
    }
    json += "],\"store_id\":" + json_text(report.store_id());
  }
  return json + ",\"url\":" + json_text(report.url()) + "}\n";
}

std::string line(const char* name, const std::string& value) {
  std::string line = name;
  line.resize(18, ' ');
  return line + value + "\n";
}

std::string text_of(const strongroom_slot& slot) {
  const std::string since = ", made " + time_text(slot.created_ms);
  if (slot.kind != STRONGROOM_SLOT_SHARES) return kind_of(slot) + since;
  return std::to_string(slot.threshold) + " of " + std::to_string(slot.shares) + " shares" + since;
}

std::string none_at(const std::string& url) {
  return line("store", url) + line("state", "not initialized; see 'strongroom init'");
}

std::string text_of(const Report& report) {
  if (!report.initialized()) return none_at(report.url());
  std::string text = line("store", report.url());
  text += line("state", report.locked() ? "sealed until 'strongroom unseal'" : "in use");
  text += line("store id", report.store_id());
  text += line("generation", std::to_string(report.generation()));
  text += line("max secret size", std::to_string(report.max_secret_len()) + " bytes");
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    text += line(("slot " + std::to_string(slot.id)).c_str(), text_of(slot));
  }
  if (report.header_damaged()) {
    text += line("header", "one copy is damaged; the next unseal mends it");
  }
  return text;
}

}  // namespace

// A store that is not there is an answer, not a failure, and looking for it makes nothing.
int status_command(const Options& options) try {
  const Access access = open_sealed(options);
  print(options.json ? json_of(access.report) : text_of(access.report));
  return kExitOk;
} catch (const strongroom_abi::Error& error) {
  if (error.status() != STRONGROOM_NOT_INITIALIZED) throw;
  print(options.json ? "{\"initialized\":false,\"url\":" + json_text(options.store) + "}\n"
                     : none_at(options.store));
  return kExitOk;
}

int unseal_command(const Options& options) {
  open_unsealed(options, STRONGROOM_UNSEAL_LIFT_LOCK);
  print("The store may be used again.\n");
  return kExitOk;
}

int seal_command(const Options& options) {
  open_sealed(options).session.seal();
  print("The store is sealed until 'strongroom unseal'.\n");
  return kExitOk;
}

int rotate_command(const Options& options) {
  open_unsealed(options).session.rotate();
  print("Secrets are sealed under a new data key from now on.\n");
  return kExitOk;
}

}  // namespace strongroom_cli
