// key_commands.cpp: status, unseal, seal, rotate, reencrypt, retire, anchor.
#include <string>

#include "credentials/slot_texts.hpp"
#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Report;

const char* truth(bool is) {
  return is ? "true" : "false";
}

// lock_json: another program sees of a store what all see, the operator's lock.
std::string lock_json(const Report& report) {
  const bool locked = report.locked();
  return std::string(",\"sealed\":") + truth(locked) +
         ",\"reason\":" + (locked ? "\"operator_lock\"" : "null") +
         ",\"since\":" + (locked ? json_text(time_text(report.since_ms())) : "null");
}

std::string json_of(const Report& report) {
  std::string json = std::string("{\"initialized\":") + truth(report.initialized());
  if (report.initialized()) {
    const strongroom_unseal_progress progress = report.progress();
    json += ",\"escrowed\":" + std::string(truth(report.escrowed())) +
            ",\"generation\":" + std::to_string(report.generation()) +
            ",\"header_damaged\":" + truth(report.header_damaged()) +
            ",\"max_secret_size\":" + std::to_string(report.max_secret_len()) +
            ",\"progress\":" + std::to_string(progress.progress) + lock_json(report) +
            ",\"shares\":" + std::to_string(progress.shares) + ",\"slots\":" + slots_json(report) +
            ",\"store_id\":" + json_text(report.store_id()) +
            ",\"threshold\":" + std::to_string(progress.threshold);
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
                            ? "sealed by an operator since " + time_text(report.since_ms()) +
                                  ", until 'strongroom unseal'"
                            : "in use");
  text += line("store id", report.store_id());
  text += line("generation", std::to_string(report.generation()));
  text += line("max secret size", std::to_string(report.max_secret_len()) + " bytes");
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    text += line("slot " + std::to_string(slot.id), slot_text(slot));
    for (const std::string& each : fingerprints_of(report, i)) text += line("", each);
  }
  if (report.escrowed()) {
    text += line("escrow", "a private key that opens the store is kept in the store itself");
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
  print_done("The store may be used again.\n");
  return kExitOk;
}

int seal_command(const Options& options) {
  open_sealed(options).session.seal();
  print_done("The store is sealed until 'strongroom unseal'.\n");
  return kExitOk;
}

int rotate_command(const Options& options) {
  Access access = open_unsealed(options);
  if (options.root) {
    access.session.rotate_root();
    print_done(
        "The root key is a new one, and secrets are sealed under a new data key from now on.\n");
  } else {
    access.session.rotate();
    print_done("Secrets are sealed under a new data key from now on.\n");
  }
  return kExitOk;
}

int reencrypt_command(const Options& options) {
  Access access = open_unsealed(options);
  strongroom_abi::Reencrypted done;
  {
    ProgressLine progress("Sealing anew", ProgressLine::Unit::rewritten);
    done = access.session.reencrypt(options.duty_percent, progress.hear());
  }
  print_done("Everything is sealed under the newest data key; " + std::to_string(done.rewritten) +
             (done.rewritten == 1 ? " record was not yet.\n" : " records were not yet.\n"));
  if (done.unreadable == 0) return kExitOk;
  throw Failure(10 + STRONGROOM_CORRUPT,
                std::to_string(done.unreadable) +
                    " records did not open and stay as they are; restore them from a backup");
}

int retire_command(const Options& options) {
  Access access = open_unsealed(options);
  {
    ProgressLine progress("Looking for what is sealed under old data keys",
                          ProgressLine::Unit::rewritten);
    access.session.retire(progress.hear());
  }
  print_done("The old data keys are gone, for good.\n");
  return kExitOk;
}

int anchor_command(const Options& options) {
  print(open_unsealed(options).session.anchor() + "\n");
  return kExitOk;
}

}  // namespace strongroom_cli
