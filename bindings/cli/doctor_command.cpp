// doctor_command.cpp: what is wrong with the store and its host, worst first.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "access.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"

namespace strongroom_cli {
namespace {

constexpr int kExitWarning = 3;
constexpr int kExitDanger = 4;
constexpr std::array kLevels = {"good", "note", "warning", "danger"};

struct Examined {
  std::vector<strongroom_finding> findings;  // worst first; texts borrowed
  bool unsealed = false;
  bool repaired = false;
};

const char* level_of(const strongroom_finding& finding) {
  return finding.level < kLevels.size() ? kLevels[finding.level] : "danger";
}

// key_files names what holds credentials of this store, as far as this process was told.
std::vector<std::string> key_files(const Options& options) {
  std::vector<std::string> files = options.share_files;
  files.erase(std::remove(files.begin(), files.end(), "-"), files.end());
  files.insert(files.end(), options.pgp_private_keys.begin(), options.pgp_private_keys.end());
  if (!options.key_file.empty()) files.push_back(options.key_file);
  return files;
}

std::string json_of(const Examined& examined) {
  std::string json = "{\"findings\":[";
  for (const strongroom_finding& finding : examined.findings) {
    json += std::string(json.back() == '[' ? "" : ",") +
            "{\"level\":" + json_text(level_of(finding)) +
            ",\"check\":" + json_text(finding.check) + ",\"what\":" + json_text(finding.what) +
            ",\"advice\":" + json_text(finding.advice) + "}";
  }
  return json + "],\"repaired\":" + (examined.repaired ? "true" : "false") +
         ",\"unsealed\":" + (examined.unsealed ? "true" : "false") + "}\n";
}

std::string text_of(const Examined& examined) {
  std::string text;
  for (const strongroom_finding& finding : examined.findings) {
    std::string level = level_of(finding);
    level.resize(9, ' ');
    text += level + finding.check + ": " + finding.what + "\n";
    if (*finding.advice != '\0') text += "         -> " + std::string(finding.advice) + "\n";
  }
  if (examined.repaired) text += "\nWhat was damaged in the header record is mended.\n";
  if (!examined.unsealed) {
    text +=
        "\nThe store was not unsealed: old data keys and some damages of slots can not be seen.\n"
        "Name a credential to see all: --key-file, --share, STRONGROOM_KEY_FILE.\n";
  }
  return text;
}

int exit_of(const std::vector<strongroom_finding>& findings) {
  std::uint32_t worst = STRONGROOM_FINDING_GOOD;
  for (const strongroom_finding& finding : findings) worst = std::max(worst, finding.level);
  if (worst >= STRONGROOM_FINDING_DANGER) return kExitDanger;
  return worst == STRONGROOM_FINDING_WARNING ? kExitWarning : kExitOk;
}

// open_for_doctor does what it can: a credential that does not fit is told, and no reason to give
// up, unless it is needed for the repair.
Access open_for_doctor(const Options& options, bool& unsealed) {
  if (options.repair) {
    unsealed = true;
    return open_unsealed(options);
  }
  Access access = open_sealed(options);
  try {
    unsealed = unseal_unasked(access, options);
  } catch (const strongroom_abi::Error& error) {
    complain(std::string("not unsealed: ") + error.what());
  } catch (const Failure& failure) {
    complain(std::string("not unsealed: ") + failure.what());
  }
  return access;
}

}  // namespace

int doctor_command(const Options& options) {
  Examined examined;
  Access access = open_for_doctor(options, examined.unsealed);
  if (options.repair) examined.repaired = access.session.repair();
  const strongroom_abi::Findings found = access.store.examine(key_files(options));
  for (std::size_t i = 0; i < found.size(); ++i) examined.findings.push_back(found.at(i));
  std::stable_sort(examined.findings.begin(), examined.findings.end(),
                   [](const auto& a, const auto& b) { return a.level > b.level; });
  print(options.json ? json_of(examined) : text_of(examined));
  return exit_of(examined.findings);
}

}  // namespace strongroom_cli
