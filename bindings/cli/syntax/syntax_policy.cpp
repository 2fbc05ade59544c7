// syntax_policy.cpp: the commands about policies; see syntax.hpp.
#include "syntax/help_texts.hpp"
#include "syntax/syntax.hpp"

namespace strongroom_cli {
namespace {

constexpr const char* kUnderstand = "Understanding a policy";
constexpr const char* kStored = "What is stored";

}  // namespace

void Syntax::add_policies(CLI::App* command) {
  command
      ->add_option("--policy", options_.policies,
                   "A file or directory; may be given again ('@': what is stored)")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void Syntax::add_policy_tools(CLI::App* policy) {
  CLI::App* const check = add_to(policy, kUnderstand, "check", Command::policy_check,
                                 "Tell whether a policy is sound", kPolicyCheckFooter);
  check->add_option("FILE", options_.policies, "Files; what is stored when left out")
      ->type_name("");
  add_json(check);
  CLI::App* const explain = add_to(policy, kUnderstand, "explain", Command::policy_explain,
                                   "Tell why something is allowed or not", kPolicyExplainFooter);
  explain->add_option("WHO", options_.who, "As in user:alice+group:dba")->type_name("")->required();
  explain->add_option("ACTION", options_.action, "As in read")->type_name("")->required();
  explain->add_option("PATH", options_.path, "As in db/password")->type_name("");
  add_policies(explain);
  add_json(explain);
  CLI::App* const who_can = add_to(policy, kUnderstand, "who-can", Command::policy_who_can,
                                   "List everybody who may do something", kPolicyWhoCanFooter);
  who_can->add_option("ACTION", options_.action, "As in read")->type_name("")->required();
  who_can->add_option("PATH", options_.path, "As in db/password")->type_name("");
  add_policies(who_can);
  add_json(who_can);
  CLI::App* const diff = add_to(policy, kUnderstand, "diff", Command::policy_diff,
                                "List what changes from one policy to another", kPolicyDiffFooter);
  diff->add_option("OLD", options_.from, "A file or directory, or '@' for what is stored")
      ->type_name("")
      ->required();
  diff->add_option("NEW", options_.to, "Likewise")->type_name("")->required();
  add_json(diff);
  CLI::App* const lint = add_to(policy, kUnderstand, "lint", Command::policy_lint,
                                "List what is odd about a policy", kPolicyLintFooter);
  lint->add_option("FILE", options_.policies, "Files; what is stored when left out")->type_name("");
  add_json(lint);
  CLI::App* const test = add_to(policy, kUnderstand, "test", Command::policy_test,
                                "See whether a policy does what it shall", kPolicyTestFooter);
  test->add_option("EXPECTATIONS", options_.file, "A file, a line each")->type_name("")->required();
  add_policies(test);
  add_json(test);
}

void Syntax::add_policy_documents(CLI::App* policy) {
  add_json(add_to(policy, kStored, "list", Command::policy_list, "List the documents",
                  kPolicyListFooter));
  const auto add_name = [this](CLI::App* command) {
    command->add_option("NAME", options_.path, "The document's name")->type_name("")->required();
  };
  add_name(
      add_to(policy, kStored, "get", Command::policy_get, "Print a document", kPolicyGetFooter));
  CLI::App* const put = add_to(policy, kStored, "put", Command::policy_put,
                               "Store a document, and put it in force", kPolicyPutFooter);
  add_name(put);
  put->add_option("FILE", options_.file, "Its text; '-' is standard input")
      ->type_name("")
      ->required();
  add_name(add_to(policy, kStored, "delete", Command::policy_delete, "Take a document away",
                  kPolicyDeleteFooter));
  add_to(policy, kStored, "reset", Command::policy_reset,
         "Take all away, also where they can not be read", kPolicyResetFooter);
}

void Syntax::add_policy_commands() {
  CLI::App* const policy = app_.add_subcommand("policy", "Say who may do what, and understand it");
  policy->group("Policies");
  policy->require_subcommand(1);
  policy->footer(kPolicyFooter);
  add_policy_tools(policy);
  add_policy_documents(policy);
}

}  // namespace strongroom_cli
