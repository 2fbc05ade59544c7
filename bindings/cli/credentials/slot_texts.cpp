// slot_texts.cpp: slots in words; see slot_texts.hpp.
#include "credentials/slot_texts.hpp"

#include <algorithm>

#include "store/failure.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

const char* kind_name(const strongroom_slot& slot) {
  switch (slot.kind) {
    case STRONGROOM_SLOT_SHARES:
      return "shares";
    case STRONGROOM_SLOT_KEY:
      return "key_file";
    case STRONGROOM_SLOT_WRAPPED_SHARES:
      return "wrapped_shares";
    case STRONGROOM_SLOT_ENVIRONMENT:
      return "environment";
    case STRONGROOM_SLOT_SYSTEM_CREDENTIAL:
      return "system_credential";
    default:
      return "unknown";
  }
}

std::string kind_text(const strongroom_slot& slot) {
  const std::string of = std::to_string(slot.threshold) + " of " + std::to_string(slot.shares);
  switch (slot.kind) {
    case STRONGROOM_SLOT_SHARES:
      return of + " shares";
    case STRONGROOM_SLOT_KEY:
      return "key file";
    case STRONGROOM_SLOT_WRAPPED_SHARES:
      return of + " shares wrapped to OpenPGP keys";
    case STRONGROOM_SLOT_ENVIRONMENT:
      return "key in STRONGROOM_KEY";
    case STRONGROOM_SLOT_SYSTEM_CREDENTIAL:
      return "key in a systemd credential";
    default:
      return "of a kind that this program does not know";
  }
}

std::string json_of(const strongroom_abi::Report& report, std::size_t index) {
  const strongroom_slot slot = report.slot(index);
  std::string json = "{\"created\":" + json_text(time_text(slot.created_ms)) +
                     ",\"damaged\":" + (slot.damaged != 0 ? "true" : "false") +
                     ",\"id\":" + std::to_string(slot.id) +
                     ",\"kind\":" + json_text(kind_name(slot));
  if (slot.num_wrapped > 0) {
    json += ",\"pgp_fingerprints\":[";
    const auto fingerprints = fingerprints_of(report, index);
    for (const std::string& each : fingerprints) {
      json += (json.back() == '[' ? "" : ",") + json_text(each);
    }
    json += "]";
  }
  if (slot.shares > 0) {
    json += ",\"shares\":" + std::to_string(slot.shares) +
            ",\"threshold\":" + std::to_string(slot.threshold);
  }
  return json + "}";
}

}  // namespace

std::string slots_json(const strongroom_abi::Report& report) {
  std::string json = "[";
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    json += (i > 0 ? "," : "") + json_of(report, i);
  }
  return json + "]";
}

std::string slot_text(const strongroom_slot& slot) {
  return kind_text(slot) + ", made " + time_text(slot.created_ms) +
         (slot.damaged != 0 ? "; damaged, see 'strongroom doctor'" : "");
}

std::vector<std::string> fingerprints_of(const strongroom_abi::Report& report, std::size_t index) {
  std::vector<std::string> fingerprints;
  for (std::size_t i = 0; i < report.slot(index).num_wrapped; ++i) {
    fingerprints.push_back(hex_text(report.wrapped(index, i).fingerprint));
  }
  return fingerprints;
}

std::vector<std::uint32_t> slot_ids(const strongroom_abi::Report& report) {
  std::vector<std::uint32_t> ids;
  for (std::size_t i = 0; i < report.num_slots(); ++i) ids.push_back(report.slot(i).id);
  return ids;
}

std::size_t slot_index(const strongroom_abi::Report& report, std::uint32_t id) {
  const auto ids = slot_ids(report);
  const auto found = std::find(ids.begin(), ids.end(), id);
  if (found != ids.end()) return static_cast<std::size_t>(found - ids.begin());
  throw Failure(10 + STRONGROOM_NOT_FOUND,
                "there is no slot " + std::to_string(id) + "; 'strongroom slots' lists them");
}

}  // namespace strongroom_cli
