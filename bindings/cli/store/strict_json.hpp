// strict_json.hpp: finds misspelt members in the JSON of Mesos' messages.
//
// The engine ignores members that it does not know, because Mesos does. Whoever writes a file for the
// command line wants to know about "vlaue". Only names and places are ever shown, never a value. What is
// not JSON passes here, and the engine then says where it is wrong.
#pragma once

#include <string>
#include <string_view>

namespace strongroom_cli {

// These throw Failure(kExitInvalid) for a member that the message does not have.
// from  names the text: "'env.json'".
void check_environment(std::string_view json,
                       const std::string& from);  // "variables" must be there
void check_volumes(std::string_view json, const std::string& from);
void check_message(std::string_view json, const std::string& from);

}  // namespace strongroom_cli
