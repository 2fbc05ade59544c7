// policy_commands.cpp: policy, and its commands for the stored documents.
#include <exception>
#include <string>

#include "commands/analysis_texts.hpp"
#include "commands/groups.hpp"
#include "commands/policy_options.hpp"
#include "store/access.hpp"
#include "store/policy_files.hpp"
#include "syntax/table.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr std::size_t kMaxDocumentLen = std::size_t{1} << 20;

int run_policy_list(const Options& options) {
  const auto documents = open_unsealed(options).session.documents();
  std::string json = "[";
  std::string text;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const strongroom_document each = documents.at(i);
    json += std::string(i > 0 ? "," : "") + "{\"name\":" + json_text(each.name) +
            ",\"revision\":" + std::to_string(each.revision) +
            ",\"changed\":" + json_text(time_text(each.changed_ms)) +
            ",\"size\":" + std::to_string(each.text_len) + "}";
    text += name_text(each.name) + "\n";
  }
  print(options.has(kJson) ? json + "]\n" : text);
  return kExitOk;
}

int run_policy_get(const Options& options) {
  const auto documents = open_unsealed(options).session.document(options.text(kName));
  const strongroom_document document = documents.at(0);
  show_secret({document.text, document.text_len},
              false);  // not secret, but checked for a terminal
  return kExitOk;
}

// say_skipped counts what has no effect in a document; in all documents, where not all parts are listed.
void say_skipped(const strongroom_abi::Policy& policy, const std::string& name) {
  const strongroom_abi::Analysis skipped = policy.skipped();
  const std::size_t num_in_all = policy.describe().num_skipped;
  const bool listed = skipped.size() == num_in_all;
  std::size_t num = listed ? 0 : num_in_all;
  for (std::size_t i = 0; listed && i < skipped.size(); ++i)
    num += or_empty(skipped.at(i).document) == name ? 1 : 0;
  if (num == 0) return;
  complain(std::to_string(num) + (num == 1 ? " part" : " parts") + " of " +
           (listed ? "'" + name + "'" : "the stored documents") +
           " skipped, without effect on secrets; 'strongroom policy check' names " +
           (num == 1 ? "it" : "them"));
}

int run_policy_put(const Options& options) {
  const std::string text = read_text(options.text(kDocument), kMaxDocumentLen, "the policy");
  const std::string name = options.text(kName);
  auto opened = open_unsealed(options);
  opened.session.put_document(name, text);
  try {
    say_skipped(opened.session.stored_policy(), name);
  } catch (const std::exception& error) {
    complain("the document was stored, but what was skipped is not known: " +
             std::string(error.what()));
  }
  return kExitOk;
}

int run_policy_delete(const Options& options) {
  open_unsealed(options).session.erase_document(options.text(kName));
  return kExitOk;
}

int run_policy_reset(const Options& options) {
  open_unsealed(options).session.reset_documents();
  return kExitOk;
}

}  // namespace

constexpr const char* kPolicyHelp =
    R"(A policy is one or more documents: our own JSON, Vault's JSON form, or DC/OS permissions. The stored
ones ('policy put') are in force for every process that has the store open.

  {"version": 1, "rules": [
    {"to": ["group:dba"],  "allow": ["read", "list"],   "paths": ["db/**"]},
    {"to": ["anyone"],     "deny":  ["read"],           "paths": ["db/*/root"]},
    {"to": ["user:alice"], "allow": ["seal", "rotate"]},
    {"to": ["user:bob"],   "dcos":  ["dcos:secrets:default:/dev/* full"]}]}

'*' is one segment, '**' at the end everything below. A rule that denies overrides all that allow.
Subjects: user:ID, service:ID, administrator:ID, group:NAME, any-user, any-service, anyone.
Actions: create read update delete list; resolve (a service's reading); and of the whole store seal
unseal init rekey rotate policy audit backup.
Whoever runs this command with the store's credentials is trusted, and may do everything.

Examples:
  strongroom policy lint dba.json && strongroom policy put dba dba.json
  strongroom policy explain user:alice+group:dba read db/prod/password)";

const Command policy_command("policy", kPoliciesGroup, "Say who may do what, and understand it",
                             kPolicyHelp);

constexpr const char* kPolicyListHelp =
    R"(Example:
  strongroom policy list --json)";

const Command policy_list_command("policy list", kStoredGroup, "List the documents",
                                  kPolicyListHelp, {&kJson}, run_policy_list);

constexpr const char* kPolicyGetHelp =
    R"(Example:
  strongroom policy get dba >dba.json)";

const Command policy_get_command("policy get", kStoredGroup, "Print a document", kPolicyGetHelp,
                                 {&kName}, run_policy_get);

constexpr const char* kPolicyPutHelp =
    R"(All documents are read and compiled together first; if that fails, nothing changes. Otherwise the
document is in force at once, for every process. Parts without effect on secrets are skipped and
counted on standard error; 'policy check' names them.

Examples:
  strongroom policy diff @ dba.json; strongroom policy put dba dba.json)";

const Command policy_put_command("policy put", kStoredGroup,
                                 "Store a document, and put it in force", kPolicyPutHelp,
                                 {&kName, &kDocument}, run_policy_put);

constexpr const char* kPolicyDeleteHelp =
    R"(Example:
  strongroom policy delete dba)";

const Command policy_delete_command("policy delete", kStoredGroup, "Remove a document",
                                    kPolicyDeleteHelp, {&kName}, run_policy_delete);

constexpr const char* kPolicyResetHelp =
    R"(Starts anew without any document. This is the way out where the list of documents is lost or was put
back to an earlier state, which allows nothing to anybody until it is repaired.

Example:
  strongroom policy reset && strongroom policy put dba dba.json)";

const Command policy_reset_command("policy reset", kStoredGroup,
                                   "Remove all documents, even if they cannot be read",
                                   kPolicyResetHelp, {}, run_policy_reset);

}  // namespace strongroom_cli
