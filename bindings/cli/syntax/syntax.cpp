// syntax.cpp: the program as a whole, and the options of all commands; see syntax.hpp.
#include "syntax/syntax.hpp"

#include <memory>

#include "syntax/help_texts.hpp"

namespace strongroom_cli {
namespace {

// Help leaves out what the texts say already: ranges, types, what excludes what.
class Help : public CLI::Formatter {
 public:
  Help() { column_width(32); }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_parent() == nullptr) return "Usage: strongroom [OPTIONS] COMMAND\n";
    std::string usage = "Usage: strongroom " + full_name(*app) + " [OPTIONS]";
    if (app->get_require_subcommand_min() > 0) return usage + " COMMAND\n";
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional()) continue;
      usage += option->get_required() ? " " + option->get_name(true)
                                      : " [" + option->get_name(true) + "]";
    }
    return usage + (name == "run" ? " -- COMMAND...\n" : "\n");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.empty() ? "" : " " + type.substr(0, type.find(':'));
  }
};

}  // namespace

Syntax::Syntax() : app_(kDescription, "strongroom") {
  app_.set_version_flag("-V,--version", std::string("strongroom ") + strongroom_version(),
                        "Print the version");
  app_.set_help_flag("-h,--help", "Print this help");
  app_.require_subcommand(1);
  app_.footer(kFooter);
  app_.formatter(std::make_shared<Help>());
  app_.fallthrough();
  add_global_options();
  add_credential_options();
  add_store_commands();
  add_secret_commands();
  add_policy_commands();
  add_slot_commands();
  add_key_commands();
  add_backup_commands();
  add_task_commands();
}

void Syntax::add_global_options() {
  app_.add_option("--store", options_.store,
                  "The store: lmdb:/directory or zk://host:port/root (or STRONGROOM_STORE)")
      ->type_name("URL");
  app_.add_option("--anchor", options_.anchor_file,
                  "What 'anchor' printed: refuse an older store, or another")
      ->type_name("FILE");
  app_.add_option("--zk-auth-file", options_.zk_auth_file,
                  "user:password for ZooKeeper, mode 0600 (or STRONGROOM_ZK_AUTH)")
      ->type_name("FILE");
  app_.add_option("--timeout", timeout_s_, "How long to wait for the storage (10)")
      ->type_name("SECONDS");
  app_.add_flag("--allow-unlocked", options_.allow_unlocked,
                "Go on with memory that may be swapped when no more can be locked");
}

void Syntax::add_credential_options() {
  const auto repeatable = [](CLI::Option* option) {
    option->type_name("FILE")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  app_.add_option("--key-file", options_.key_file, "A key file (or STRONGROOM_KEY_FILE)")
      ->type_name("FILE");
  repeatable(app_.add_option("--share", options_.share_files,
                             "A share, '-' for standard input; may be given again"));
  repeatable(app_.add_option("--pgp-private-key", options_.pgp_private_keys,
                             "Decrypts shares, also those in the store; may be given again"));
  app_.add_option("--pgp-passphrase-file", options_.pgp_passphrase_file,
                  "Its passphrase; asked for when left out")
      ->type_name("FILE");
  app_.add_flag("--escrowed", options_.escrowed, "Use the private key that is kept in the store");
}

CLI::App* Syntax::add_to(CLI::App* parent, const char* group, const char* name, Command command,
                         const char* description, const char* footer) {
  CLI::App* const added = parent->add_subcommand(name, description);
  added->group(group);
  added->footer(std::string(footer) + "\n\nOptions of all commands: strongroom --help");
  added->final_callback([this, command] { options_.command = command; });
  return added;
}

}  // namespace strongroom_cli
