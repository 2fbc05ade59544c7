// policy_files.hpp: where the commands have a policy from: files, directories, or the store.
#pragma once

#include <string>
#include <vector>

#include "store/access.hpp"
#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// kStoredPolicy stands for what is stored, where a file may be named.
inline constexpr const char* kStoredPolicy = "@";

// read_text reads a file that holds no secret to its end; "-" is standard input.
// Throws  Failure: over max_len bytes, or the system's words.
std::string read_text(const std::string& file, std::size_t max_len, const std::string& what);

// read_policy makes one policy of all that is named: a file is a document of its name without the
// ending; of a directory all files that end in .json, .dcos, .policy or .txt are; "@" is what is
// stored, which is also meant where nothing is named.
// Throws  Failure, or Error: what is wrong with it, by line and column.
strongroom_abi::Policy read_policy(const std::vector<std::string>& named, const Options& options);

}  // namespace strongroom_cli
