// command_environment.hpp: the environment that a command starts with.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// CommandEnvironment has pointers to the inherited variables, those that this program sets itself, and the resolved
// ones as "NAME=VALUE" in locked memory. The later win.
class CommandEnvironment {
 public:
  // variables  of which values are copied; null: none.
  // own        "NAME=VALUE", without secrets.
  // Throws     Failure(kExitTooLarge): a variable that Linux does not take.
  explicit CommandEnvironment(const strongroom_abi::Environment* variables,
                              std::vector<std::string> own = {});

  CommandEnvironment(const CommandEnvironment&) = delete;  // it points into itself
  CommandEnvironment& operator=(const CommandEnvironment&) = delete;

  char* const* pointers() const noexcept { return pointers_.data(); }
  void wipe() noexcept { block_.reset(); }

 private:
  bool is_own(std::string_view entry) const;

  std::vector<std::string> own_;
  std::optional<strongroom_abi::Secret> block_;
  std::vector<char*> pointers_;
};

}  // namespace strongroom_cli
