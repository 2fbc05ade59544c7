// run.hpp: starting a command with what it is to see, once or each time that a secret changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "child/child.hpp"
#include "child/signals.hpp"
#include "run/changes.hpp"
#include "run/command_environment.hpp"
#include "run/file_plan.hpp"
#include "run/request.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// How is what stays the same for every start of the command.
struct How {
  const Options& options;
  const Program& program;
  bool by_definition;
  const Signals& signals;
  FileAccess access;
};

// OnChange is what to do when a secret changes.
struct OnChange {
  bool follow = false;
  int signal = 0;  // 0: restart
};

// Run is one start of the command.
class Run {
 public:
  Run(const How& how, const Resolved& resolved);

 private:
  CommandEnvironment environment_;
  FilePlan files_;

 public:
  Child child;
};

// Follower runs the command and acts on what changes in the store.
class Follower {
 public:
  Follower(const How& how, const OnChange& on_change, Request& request, Changes& changes);

  // run returns the exit status of the command when it ends by itself.
  int run(Resolved resolved);

 private:
  std::optional<int> until_restart(Child& child);
  std::optional<Resolved> resolve_again();
  void replace_files(Child& child, Resolved newer);

  const How& how_;
  OnChange on_change_;
  Request& request_;
  Folder folder_;
  Changes& changes_;
  Resolved resolved_;
  bool again_ = false;  // the secrets could not be read after a change
};

}  // namespace strongroom_cli
