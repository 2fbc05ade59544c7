// policy_commands.cpp: what a policy says, what changes, what is odd, and what is stored.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "store/access.hpp"
#include "store/failure.hpp"
#include "store/policy_files.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Account;
using strongroom_abi::Policy;

constexpr int kExitFound = 3;  // findings, changes, or expectations that do not hold
constexpr std::size_t kMaxExpectationsLen = std::size_t{16} << 20;
constexpr std::size_t kMaxDocumentLen = std::size_t{1} << 20;

constexpr std::array<std::string_view, 15> kActions = {
    "create", "read", "update", "delete", "list",   "scan",  "resolve", "seal",
    "unseal", "init", "rekey",  "rotate", "policy", "audit", "backup"};
static_assert(kActions.size() == STRONGROOM_ACTION_BACKUP + 1);

std::uint32_t action_of(const std::string& name) {
  const auto* const found = std::find(kActions.begin(), kActions.end(), name);
  if (found != kActions.end()) return static_cast<std::uint32_t>(found - kActions.begin());
  std::string all;
  for (const std::string_view each : kActions) all += (all.empty() ? "" : " ") + std::string(each);
  throw Failure(kExitUsage, "there is no action '" + name + "'; there are: " + all);
}

std::string or_empty(const char* text) {
  return text != nullptr ? text : "";
}

// place_of writes "web:3:14 ", or nothing.
std::string place_of(const strongroom_account_line& line) {
  if (line.line == 0) return "";
  const std::string document = or_empty(line.document);
  return (document.empty() ? "" : document + ":") + std::to_string(line.line) + ":" +
         std::to_string(line.column);
}

std::string json_of(const strongroom_account_line& line) {
  std::string json = "{\"kind\":" + json_text(line.kind);
  const auto add = [&](const char* name, const char* value) {
    if (value != nullptr) json += std::string(",\"") + name + "\":" + json_text(value);
  };
  add("document", line.document);
  if (line.line != 0) {
    json += ",\"line\":" + std::to_string(line.line) + ",\"column\":" + std::to_string(line.column);
  }
  add("subject", line.subject);
  add("action", line.action);
  add("path", line.path);
  add("before", line.before);
  add("after", line.after);
  add("text", line.text);
  return json + "}";
}

std::string json_of(const Account& account) {
  std::string json = "[";
  for (std::size_t i = 0; i < account.size(); ++i) {
    if (i > 0) json += ",";
    json += json_of(account.at(i));
  }
  return json + "]\n";
}

// printable keeps what somebody wrote into a policy from steering a terminal.
std::string printable(const std::string& text) {
  if (well_formed_text(text)) return text;
  const std::string json = json_text(text);
  return json.substr(1, json.size() - 2);
}

void print_line(std::string& text, const std::string& first, const std::string& second,
                const std::string& third) {
  std::string line = first;
  line.resize(std::max<std::size_t>(line.size() + 1, 12), ' ');
  line += second;
  if (!third.empty()) {
    line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
    line += third;
  }
  text += printable(line) + "\n";
}

bool decided_allowed(const Account& account) {
  return or_empty(account.at(0).after) == "allowed";
}

}  // namespace

int policy_check_command(const Options& options) {
  const Policy policy = read_policy(options.policies, options);
  const strongroom_policy_info info = policy.describe();
  const bool vault = info.mode == STRONGROOM_POLICY_VAULT_COMPAT;
  const char* const mode = vault ? "vault-compat" : "deny-overrides";
  if (options.json) {
    print(std::string("{\"mode\":\"") + mode + "\",\"documents\":" +
          std::to_string(info.num_documents) + ",\"rules\":" + std::to_string(info.num_rules) +
          ",\"nodes\":" + std::to_string(info.num_nodes) +
          ",\"memory_bytes\":" + std::to_string(info.memory_bytes) + ",\"services_need_grants\":" +
          (info.services_need_grants != 0 ? "true" : "false") + "}\n");
    return kExitOk;
  }
  const auto count = [](std::size_t num, const char* what) {
    return std::to_string(num) + " " + what + (num == 1 ? "" : "s");
  };
  print("good: " + count(info.num_rules, "rule") + " in " + count(info.num_documents, "document") +
        ", " + mode + "; compiled to " + std::to_string(info.num_nodes) + " nodes, " +
        std::to_string(info.memory_bytes) + " bytes\n");
  return kExitOk;
}

int policy_explain_command(const Options& options) {
  const std::uint32_t action = action_of(options.action);
  const Account account =
      read_policy(options.policies, options).explain(options.who, action, options.path);
  const int exit = decided_allowed(account) ? kExitOk : kExitDenied;
  if (options.json) {
    print(json_of(account));
    return exit;
  }
  const std::string decision = or_empty(account.at(0).after);
  const std::string why = or_empty(account.at(0).text);
  std::string text = printable(why.starts_with(decision) ? why : decision + ": " + why) + "\n";
  for (std::size_t i = 1; i < account.size(); ++i) {
    const strongroom_account_line line = account.at(i);
    print_line(text, std::string("  ") + line.kind, place_of(line), or_empty(line.text));
  }
  print(text);
  return exit;
}

int policy_who_can_command(const Options& options) {
  const std::uint32_t action = action_of(options.action);
  const Account account = read_policy(options.policies, options).who_can(action, options.path);
  if (options.json) {
    print(json_of(account));
    return kExitOk;
  }
  std::string text;
  for (std::size_t i = 0; i < account.size(); ++i) {
    const strongroom_account_line line = account.at(i);
    const bool may = or_empty(line.kind) == "may";
    std::string shown = (may ? "" : "    unless ") + or_empty(line.subject);
    if (may) {
      shown.resize(std::max<std::size_t>(shown.size() + 1, 36), ' ');
      shown += place_of(line);
    }
    text += printable(shown) + "\n";
  }
  print(text);
  if (account.size() == 0) complain("no rule gives this to anybody");
  return kExitOk;
}

int policy_diff_command(const Options& options) {
  const Policy before = read_policy({options.from}, options);
  const Account account = before.diff(read_policy({options.to}, options));
  const int exit = account.size() == 0 ? kExitOk : kExitFound;
  if (options.json) {
    print(json_of(account));
    return exit;
  }
  std::string text;
  for (std::size_t i = 0; i < account.size(); ++i) {
    const strongroom_account_line line = account.at(i);
    const bool gains = or_empty(line.after) == "allowed";
    const bool loses = or_empty(line.before) == "allowed";
    text += printable((gains ? "+ " : loses ? "- " : "  ") + or_empty(line.text)) + "\n";
  }
  print(text);
  return exit;
}

int policy_lint_command(const Options& options) {
  const Account account = read_policy(options.policies, options).lint();
  const int exit = account.size() == 0 ? kExitOk : kExitFound;
  if (options.json) {
    print(json_of(account));
    return exit;
  }
  std::string text;
  for (std::size_t i = 0; i < account.size(); ++i) {
    const strongroom_account_line line = account.at(i);
    text += printable(place_of(line) + ": " + line.kind + ": " + or_empty(line.text)) + "\n";
  }
  print(text);
  return exit;
}

int policy_test_command(const Options& options) {
  const std::string wanted = read_text(options.file, kMaxExpectationsLen, "the expectations");
  const Account account = read_policy(options.policies, options).test(wanted);
  std::size_t num_failed = 0;
  std::string text;
  for (std::size_t i = 0; i < account.size(); ++i) {
    const strongroom_account_line line = account.at(i);
    if (or_empty(line.kind) == "passed") continue;
    num_failed += 1;
    text += printable(options.file + ":" + std::to_string(line.line) + ": " +
                      or_empty(line.subject) + " " + or_empty(line.action) + " '" +
                      or_empty(line.path) + "' was to be " + or_empty(line.before) + ", and is " +
                      or_empty(line.after) + ": " + or_empty(line.text)) +
            "\n";
  }
  const int exit = num_failed == 0 ? kExitOk : kExitFound;
  if (options.json) {
    print(json_of(account));
    return exit;
  }
  print(text + std::to_string(account.size() - num_failed) + " passed, " +
        std::to_string(num_failed) + " failed\n");
  return exit;
}

// ---- what is stored ----

int policy_list_command(const Options& options) {
  const auto documents = open_unsealed(options).session.documents();
  std::string json = "[";
  std::string text;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const strongroom_document each = documents.at(i);
    json += std::string(i > 0 ? "," : "") + "{\"name\":" + json_text(each.name) +
            ",\"revision\":" + std::to_string(each.revision) +
            ",\"changed\":" + json_text(time_text(each.changed_ms)) +
            ",\"size\":" + std::to_string(each.text_len) + "}";
    text += std::string(each.name) + "\n";
  }
  print(options.json ? json + "]\n" : text);
  return kExitOk;
}

int policy_get_command(const Options& options) {
  const auto documents = open_unsealed(options).session.document(options.path);
  const strongroom_document document = documents.at(0);
  show_secret({document.text, document.text_len},
              false);  // no secret, but what a terminal may be shown
  return kExitOk;
}

int policy_put_command(const Options& options) {
  const std::string text = read_text(options.file, kMaxDocumentLen, "the policy");
  open_unsealed(options).session.put_document(options.path, text);
  return kExitOk;
}

int policy_delete_command(const Options& options) {
  open_unsealed(options).session.erase_document(options.path);
  return kExitOk;
}

int policy_reset_command(const Options& options) {
  open_unsealed(options).session.reset_documents();
  return kExitOk;
}

}  // namespace strongroom_cli
