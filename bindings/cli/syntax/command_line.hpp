// command_line.hpp: from argv to Options, and the help. The only file that knows CLI11.
//
// No argument that may be a secret becomes a std::string: the value of -v is kept out of the parser,
// and no message repeats an argument that was not understood.
#pragma once

#include <optional>

#include "syntax/options.hpp"

namespace strongroom_cli {

// parse_command_line reads argv and the environment.
// Returns  nothing when the help or the version was asked for, and printed.
// Throws   Failure(kExitUsage).
std::optional<Options> parse_command_line(int argc, char** argv);

}  // namespace strongroom_cli
