// syntax.hpp: the commands and options, as CLI11 has them. For command_line.cpp alone.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "syntax/options.hpp"

namespace strongroom_cli {

// full_name gives a command's name with those above it: "policy check".
inline std::string full_name(const CLI::App& command) {
  const CLI::App* const parent = command.get_parent();
  const bool nested = parent != nullptr && parent->get_parent() != nullptr;
  return (nested ? full_name(*parent) + " " : "") + command.get_name();
}

// Syntax declares the commands, one function a group of them.
class Syntax {
 public:
  Syntax();

  Options parse(int argc, const char* const* argv) {
    app_.parse(argc, argv);
    return std::move(options_);
  }

  // current is the command whose help is meant.
  const CLI::App& current() const {
    const CLI::App* command = &app_;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return *command;
  }

  double timeout_s() const { return timeout_s_; }

 private:
  void add_global_options();
  void add_credential_options();
  CLI::App* add(const char* group, const char* name, Command command, const char* description,
                const char* footer) {
    return add_to(&app_, group, name, command, description, footer);
  }
  CLI::App* add_to(CLI::App* parent, const char* group, const char* name, Command command,
                   const char* description, const char* footer);
  void add_json(CLI::App* command) { command->add_flag("--json", options_.json, "Print JSON"); }

  // syntax_secrets.cpp
  void add_secret_commands();
  void add_task_commands();
  void add_path(CLI::App* command);
  void add_put(const char* name, Command command, const char* description);

  // syntax_policy.cpp
  void add_policy_commands();
  void add_policy_tools(CLI::App* policy);
  void add_policy_documents(CLI::App* policy);
  void add_policies(CLI::App* command);

  // syntax_keys.cpp
  void add_store_commands();
  void add_slot_commands();
  void add_key_commands();
  void add_backup_commands();
  void add_new_shares(CLI::App* command);
  void add_new_pair(CLI::App* command);
  void add_new_key(CLI::App* command, bool with_file);
  void add_verify(CLI::App* command);
  void add_slot_ids(CLI::App* command, bool several);
  void add_file(CLI::App* command, const char* what);

  CLI::App app_;
  Options options_;
  double timeout_s_ = 0;
  std::string hidden_;
  std::string binary_file_;
};

}  // namespace strongroom_cli
