// policy_tools.cpp: policy check, explain, who-can, diff, lint, test.
#include <algorithm>
#include <string>
#include <string_view>

#include "commands/analysis_texts.hpp"
#include "commands/policy_options.hpp"
#include "store/policy_files.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Analysis;
using strongroom_abi::Policy;

constexpr int kExitFound = 3;  // findings, changes, or expectations that do not hold
constexpr std::size_t kMaxExpectationsLen = std::size_t{16} << 20;

static_assert(std::ranges::count(std::string_view(kAction.words), ' ') == STRONGROOM_ACTION_BACKUP);

std::uint32_t action_of(const Options& options) {
  const auto names = split(kAction.words);
  const auto found = std::find(names.begin(), names.end(), options.text(kAction));
  return static_cast<std::uint32_t>(found - names.begin());
}

bool decided_allowed(const Analysis& analysis) {
  return or_empty(analysis.at(0).after) == "allowed";
}

std::string count(std::size_t num, const char* what) {
  return std::to_string(num) + " " + what + (num == 1 ? "" : "s");
}

// skipped_text names what was skipped, a line for each part, below a line that counts them.
std::string skipped_text(const Analysis& skipped, std::size_t num) {
  if (num == 0) return "";
  std::string text = "skipped: " + count(num, "part") + " without effect on secrets\n";
  for (std::size_t i = 0; i < skipped.size(); ++i) {
    const strongroom_analysis_line line = skipped.at(i);
    text += printable(place_of(line) + ": skipped: " + or_empty(line.text)) + "\n";
  }
  if (num > skipped.size()) text += "and " + std::to_string(num - skipped.size()) + " more\n";
  return text;
}

int run_policy_check(const Options& options) {
  const Policy policy = read_policy(options.texts(kFiles), options);
  const strongroom_policy_info info = policy.describe();
  const bool vault = info.mode == STRONGROOM_POLICY_VAULT_COMPAT;
  const Analysis skipped = policy.skipped();
  const char* const mode = vault ? "vault-compat" : "deny-overrides";
  if (options.has(kJson)) {
    print(std::string("{\"mode\":\"") + mode + "\",\"documents\":" +
          std::to_string(info.num_documents) + ",\"rules\":" + std::to_string(info.num_rules) +
          ",\"nodes\":" + std::to_string(info.num_nodes) +
          ",\"memory_bytes\":" + std::to_string(info.memory_bytes) +
          ",\"services_need_grants\":" + (info.services_need_grants != 0 ? "true" : "false") +
          ",\"num_skipped\":" + std::to_string(info.num_skipped) +
          ",\"skipped\":" + account_array(skipped) + "}\n");
    return kExitOk;
  }
  print("good: " + count(info.num_rules, "rule") + " in " + count(info.num_documents, "document") +
        ", " + mode + "; compiled to " + std::to_string(info.num_nodes) + " nodes, " +
        std::to_string(info.memory_bytes) + " bytes\n" + skipped_text(skipped, info.num_skipped));
  return kExitOk;
}

int run_policy_explain(const Options& options) {
  const std::uint32_t action = action_of(options);
  const Analysis analysis = read_policy(options.texts(kPolicy), options)
                                .explain(options.text(kWho), action, options.text(kPolicyPath));
  const int exit = decided_allowed(analysis) ? kExitOk : kExitDenied;
  if (options.has(kJson)) {
    print(account_json(analysis));
    return exit;
  }
  const std::string decision = or_empty(analysis.at(0).after);
  const std::string why = or_empty(analysis.at(0).text);
  std::string text = printable(why.starts_with(decision) ? why : decision + ": " + why) + "\n";
  for (std::size_t i = 1; i < analysis.size(); ++i) {
    const strongroom_analysis_line line = analysis.at(i);
    print_line(text, std::string("  ") + line.kind, place_of(line), or_empty(line.text));
  }
  print(text);
  return exit;
}

int run_policy_who_can(const Options& options) {
  const std::uint32_t action = action_of(options);
  const Analysis analysis =
      read_policy(options.texts(kPolicy), options).who_can(action, options.text(kPolicyPath));
  if (options.has(kJson)) {
    print(account_json(analysis));
    return kExitOk;
  }
  std::string text;
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    const strongroom_analysis_line line = analysis.at(i);
    const bool may = or_empty(line.kind) == "may";
    std::string shown = (may ? "" : "    unless ") + or_empty(line.subject);
    if (may) {
      shown.resize(std::max<std::size_t>(shown.size() + 1, 36), ' ');
      shown += place_of(line);
    }
    text += printable(shown) + "\n";
  }
  print(text);
  if (analysis.size() == 0) complain("no rule allows this to anybody");
  return kExitOk;
}

int run_policy_diff(const Options& options) {
  const Policy before = read_policy({options.text(kOld)}, options);
  const Analysis analysis = before.diff(read_policy({options.text(kNew)}, options));
  const int exit = analysis.size() == 0 ? kExitOk : kExitFound;
  if (options.has(kJson)) {
    print(account_json(analysis));
    return exit;
  }
  std::string text;
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    const strongroom_analysis_line line = analysis.at(i);
    const bool gains = or_empty(line.after) == "allowed";
    const bool loses = or_empty(line.before) == "allowed";
    text += printable((gains ? "+ " : loses ? "- " : "  ") + or_empty(line.text)) + "\n";
  }
  print(text);
  return exit;
}

int run_policy_lint(const Options& options) {
  const Analysis analysis = read_policy(options.texts(kFiles), options).lint();
  const int exit = analysis.size() == 0 ? kExitOk : kExitFound;
  if (options.has(kJson)) {
    print(account_json(analysis));
    return exit;
  }
  std::string text;
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    const strongroom_analysis_line line = analysis.at(i);
    text += printable(place_of(line) + ": " + line.kind + ": " + or_empty(line.text)) + "\n";
  }
  print(text);
  return exit;
}

int run_policy_test(const Options& options) {
  const std::string file = options.text(kExpectations);
  const std::string wanted = read_text(file, kMaxExpectationsLen, "the expectations");
  const Analysis analysis = read_policy(options.texts(kPolicy), options).test(wanted);
  std::size_t num_failed = 0;
  std::string text;
  for (std::size_t i = 0; i < analysis.size(); ++i) {
    const strongroom_analysis_line line = analysis.at(i);
    if (or_empty(line.kind) == "passed") continue;
    num_failed += 1;
    text += printable(file + ":" + std::to_string(line.line) + ": " + or_empty(line.subject) + " " +
                      or_empty(line.action) + " '" + or_empty(line.path) + "' should be " +
                      or_empty(line.before) + " and is " + or_empty(line.after) + ": " +
                      or_empty(line.text)) +
            "\n";
  }
  const int exit = num_failed == 0 ? kExitOk : kExitFound;
  if (options.has(kJson)) {
    print(account_json(analysis));
    return exit;
  }
  print(text + std::to_string(analysis.size() - num_failed) + " passed, " +
        std::to_string(num_failed) + " failed\n");
  return exit;
}

}  // namespace

constexpr const char* kPolicyCheckHelp =
    R"(Reads and compiles the documents as one policy; an error is reported with its line and column.
Names every part that was skipped, since it has no effect on secrets: of DC/OS, permissions of other
services; of Vault, the capabilities sudo, patch, subscribe and recover, and the members name,
comment and subscribe_event_types. What narrows or denies is never skipped.

Examples:
  strongroom policy check web.json dba.json
  strongroom policy check /etc/app/policies
  strongroom policy check)";

const Command policy_check_command("policy check", kUnderstandGroup, "Check that a policy is sound",
                                   kPolicyCheckHelp, {&kFiles, &kJson}, run_policy_check,
                                   Needs::perhaps_store);

constexpr const char* kPolicyExplainHelp =
    R"(Prints the decision, the rule that made it, and which others match. WHO is user:ID, service:ID or
administrator:ID, then +group:NAME for each group and @SPACE for the space of a service.
Exit status: 0 allowed, 14 not.

Examples:
  strongroom policy explain user:alice+group:dba read db/prod/password --policy dba.json
  strongroom policy explain service:/web@/web resolve web/key
  strongroom policy explain user:alice seal)";

const Command policy_explain_command("policy explain", kUnderstandGroup,
                                     "Explain why something is allowed or not", kPolicyExplainHelp,
                                     {&kWho, &kAction, &kPolicyPath, &kPolicy, &kJson},
                                     run_policy_explain, Needs::perhaps_store);

constexpr const char* kPolicyWhoCanHelp =
    R"(Lists the subjects to whom rules allow it, each with the place of one rule. What needs no rule is
not listed: administration by administrators, and secrets in a service's own space.

Examples:
  strongroom policy who-can read db/prod/password
  strongroom policy who-can policy --policy /etc/app/policies)";

const Command policy_who_can_command("policy who-can", kUnderstandGroup,
                                     "List everybody who may do something", kPolicyWhoCanHelp,
                                     {&kAction, &kPolicyPath, &kPolicy, &kJson}, run_policy_who_can,
                                     Needs::perhaps_store);

constexpr const char* kPolicyDiffHelp =
    R"(Lists each subject and action for which the decision differs, with a path that shows it: '+' is
allowed now, '-' no longer. '@' is the stored policy. Nothing is printed when both decide alike.
Exit status: 0 alike, 3 not.

Examples:
  strongroom policy diff @ /etc/app/policies
  strongroom policy diff old.json new.json --json)";

const Command policy_diff_command("policy diff", kUnderstandGroup,
                                  "List what changes from one policy to another", kPolicyDiffHelp,
                                  {&kOld, &kNew, &kJson}, run_policy_diff, Needs::perhaps_store);

constexpr const char* kPolicyLintHelp =
    R"(Reports rules that are redundant, overridden or needless, that never match, or that mean something
else than they seem to. Exit status: 0 nothing, 3 something.

Examples:
  strongroom policy lint web.json
  strongroom policy lint)";

const Command policy_lint_command("policy lint", kUnderstandGroup,
                                  "List what is odd about a policy", kPolicyLintHelp,
                                  {&kFiles, &kJson}, run_policy_lint, Needs::perhaps_store);

constexpr const char* kPolicyTestHelp =
    R"(EXPECTATIONS has one on each line, "allow WHO ACTION [PATH]" or "deny WHO ACTION [PATH]"; '#' begins
a comment. Exit status: 0 all hold, 3 not.

Examples:
  printf 'allow user:alice+group:dba read db/prod/password\ndeny user:eve list\n' >expected.txt
  strongroom policy test expected.txt --policy dba.json)";

const Command policy_test_command("policy test", kUnderstandGroup,
                                  "Check a policy against expectations", kPolicyTestHelp,
                                  {&kExpectations, &kPolicy, &kJson}, run_policy_test,
                                  Needs::perhaps_store);

}  // namespace strongroom_cli
