// key_file.hpp: the file with a key of this server, read into locked memory.
#pragma once

#include <string>

#include "strongroom_abi.hpp"

namespace strongroomd {

// read_key_file returns the text of a key file, of up to 4,095 bytes. Only its owner, root, and perhaps a group of
// this process may be able to read it, and only its owner and root to write to it; the owner is root or this
// user. It is the rule of the command line and of the module for agents.
// Throws  std::runtime_error with what to do.
strongroom_abi::Secret read_key_file(const std::string& file);

}  // namespace strongroomd
