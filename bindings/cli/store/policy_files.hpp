// policy_files.hpp: where the commands get a policy from: files, directories, or the store.
#pragma once

#include <string>
#include <vector>

#include "store/access.hpp"
#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// kStoredPolicy stands for the stored policy where a file may be named.
inline constexpr const char* kStoredPolicy = "@";

// read_text reads a file without secrets to its end; "-" is standard input.
// Throws  Failure: over max_len bytes, a byte order mark, or the system's words.
std::string read_text(const std::string& file, std::size_t max_len, const std::string& what);

// read_policy makes one policy of everything that is named. A file is a document, which has the file's
// name without the ending; in a directory, all files that end in .json, .dcos, .policy or .txt are
// documents; "@" is the stored policy, which is also meant where nothing is named.
// Throws  Failure, or Error with the line and column of what is wrong.
strongroom_abi::Policy read_policy(const std::vector<std::string>& named, const Options& options);

}  // namespace strongroom_cli
