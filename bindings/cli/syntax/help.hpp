// help.hpp: what --help prints, made from the table of commands.
#pragma once

#include <string>

#include "syntax/command.hpp"

namespace strongroom_cli {

// help_of returns the help of a command, or of the program for null.
std::string help_of(const Command* command);

}  // namespace strongroom_cli
