// doctor_command.cpp: reports what is wrong with the store and its host, worst first.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kRepair = flag("--repair", "Repair damaged header records and slots first");
constexpr int kExitWarning = 3;
constexpr int kExitDanger = 4;
constexpr std::array kLevels = {"good", "note", "warning", "danger"};

struct Examined {
  std::vector<strongroom_finding> findings;  // worst first; their texts are borrowed
  std::string zk_trouble;                    // the text of one of them
  bool unsealed = false;
  bool repaired = false;
};

const char* level_of(const strongroom_finding& finding) {
  return finding.level < kLevels.size() ? kLevels[finding.level] : "danger";
}

// key_files returns the files with credentials of this store that the options name.
std::vector<std::string> key_files(const Options& options) {
  std::vector<std::string> files = options.share_files;
  files.erase(std::remove(files.begin(), files.end(), "-"), files.end());
  files.insert(files.end(), options.pgp_private_keys.begin(), options.pgp_private_keys.end());
  if (!options.key_file.empty()) files.push_back(options.key_file);
  if (!options.zk_auth_file.empty()) files.push_back(options.zk_auth_file);
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
  if (examined.repaired) text += "\nThe damage in the header record is repaired.\n";
  if (!examined.unsealed) {
    text +=
        "\nThe store is not unsealed: old data keys and some damage to slots cannot be seen.\n"
        "Give a credential to see everything: --key-file, --share, STRONGROOM_KEY_FILE.\n";
  }
  return text;
}

int exit_of(const std::vector<strongroom_finding>& findings) {
  std::uint32_t worst = STRONGROOM_FINDING_GOOD;
  for (const strongroom_finding& finding : findings) worst = std::max(worst, finding.level);
  if (worst >= STRONGROOM_FINDING_DANGER) return kExitDanger;
  return worst == STRONGROOM_FINDING_WARNING ? kExitWarning : kExitOk;
}

// open_for_doctor does what it can: a credential that does not fit is reported, and stops nothing
// unless the repair needs it.
Access open_for_doctor(const Options& options, bool& unsealed) {
  if (options.has(kRepair)) {
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

// look_at_nodes adds the findings about the nodes in ZooKeeper.
void look_at_nodes(const Options& options, Examined& examined,
                   std::optional<strongroom_abi::Findings>& found) {
  if (!in_zookeeper(options.store)) return;
  strongroom_store_options how = STRONGROOM_STORE_OPTIONS_INIT;
  how.timeout_ms = options.timeout_ms;
  const ZkAuth auth(how, options.store, options.zk_auth_file, options);
  try {
    ProgressLine progress("Looking", ProgressLine::Unit::nodes);
    found.emplace(strongroom_abi::zk_check_access(options.store, how, progress.callback()));
    for (std::size_t i = 0; i < found->size(); ++i) examined.findings.push_back(found->at(i));
  } catch (const strongroom_abi::Error& error) {
    examined.zk_trouble = std::string("the nodes cannot be examined: ") + error.what();
    strongroom_finding finding = STRONGROOM_FINDING_INIT;
    finding.level = STRONGROOM_FINDING_WARNING;
    finding.check = "zk-access";
    finding.what = examined.zk_trouble.c_str();
    finding.advice = "check the ensemble and --zk-auth-file, then run doctor again";
    examined.findings.push_back(finding);
  }
}

int run_doctor(const Options& options) {
  Examined examined;
  Access access = open_for_doctor(options, examined.unsealed);
  if (options.has(kRepair)) examined.repaired = access.session.repair();
  const strongroom_abi::Findings found = access.store.doctor(key_files(options));
  for (std::size_t i = 0; i < found.size(); ++i) examined.findings.push_back(found.at(i));
  std::optional<strongroom_abi::Findings> nodes;
  look_at_nodes(options, examined, nodes);
  std::stable_sort(examined.findings.begin(), examined.findings.end(),
                   [](const auto& a, const auto& b) { return a.level > b.level; });
  print(options.has(kJson) ? json_of(examined) : text_of(examined));
  return exit_of(examined.findings);
}

}  // namespace

constexpr const char* kDoctorHelp =
    R"(Checks locked memory, core dumps, file modes, keys next to the store, the header record and its
copy, slots, the clock, entropy, free space, old data keys and who can reach the nodes in ZooKeeper,
and says what to do, worst first.
Sees more with a credential, but asks for none unless --repair is given. Run it with the limits of
the service.
Exit status: 0 all good, or only notes; 3 a warning; 4 a danger.

Examples:
  strongroom doctor --key-file /etc/app/strongroom.key
  strongroom doctor --repair
  strongroom doctor --json)";

const Command doctor_command("doctor", kStoreGroup, "Report what is wrong, and what to do",
                             kDoctorHelp, {&kRepair, &kJson}, run_doctor);

}  // namespace strongroom_cli
