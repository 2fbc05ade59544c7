// definition.hpp: the app, pod, job or TaskInfo that `run` starts a command by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "child/child.hpp"
#include "store/owner.hpp"
#include "strongroom_abi.hpp"
#include "syntax/option.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

extern const Option kAppOption;
extern const Option kPodOption;
extern const Option kJobOption;
extern const Option kTaskOption;
extern const Option kContainerOption;

// Definition is a definition that was read and checked. It holds no secret, but what people wrote into it.
class Definition {
 public:
  // read returns the definition that the options name, if they name one.
  // Throws  Failure, strongroom_abi::Error: it cannot be read, or is at fault.
  static std::optional<Definition> read(const Options& options);

  const strongroom_abi::Task& task() const noexcept { return task_; }

  // service opens a session for the service that the definition is about.
  strongroom_abi::Session service(strongroom_abi::Store& store) const;

  bool has_volumes() const { return task_.describe().num_volumes != 0; }

  // account returns the user that the command is to run as, if it is another one and this process is root's.
  const std::optional<Account>& account() const noexcept { return account_; }

  // program returns the definition's own command.
  // Throws  Failure(kExitUsage): it has none that could be started here.
  Program program(const Options& options) const;

 private:
  Definition(const char* what, strongroom_abi::Task task);

  const char* what_;  // "app"
  strongroom_abi::Task task_;
  std::optional<Account> account_;
};

}  // namespace strongroom_cli
