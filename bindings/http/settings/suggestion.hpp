// suggestion.hpp: the word that was probably meant. The command line has the same, and shares no sources with
// this server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroomd {

// did_you_mean returns "; did you mean WORD?" for the nearest of the words, or nothing when none is near. What is
// wrong may be a secret, and is not copied.
std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& words);

// quoted_name returns " 'NAME'" when a text looks like the name of an option or a key, and nothing when it
// does not: what was misplaced may be a secret, and no message repeats it.
std::string quoted_name(std::string_view text);

}  // namespace strongroomd
