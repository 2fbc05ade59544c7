// command_line.hpp: from argv to Options.
//
// A misplaced argument may be a secret: messages repeat only what looks like the name of an option or
// of a command, and never what follows a '='.
#pragma once

#include <optional>

#include "syntax/options.hpp"

namespace strongroom_cli {

// parse_command_line reads argv and the environment.
// Returns  nothing when the help or the version was asked for, and is printed.
// Throws   Failure(kExitUsage).
std::optional<Options> parse_command_line(int argc, char** argv);

}  // namespace strongroom_cli
