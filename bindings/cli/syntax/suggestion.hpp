// suggestion.hpp: the word that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroom_cli {

// did_you_mean returns "; did you mean WORD?" for the nearest of the words, or nothing when none is near.
// What is wrong may be a secret, and is not copied.
// dashes  stand before every word, and not in what is wrong.
std::string did_you_mean(std::string_view wrong, const std::vector<std::string_view>& words,
                         std::string_view dashes = "");

// quoted_name returns " 'NAME'" when the text looks like the name of an option, command or member, and
// nothing when it does not: what was misplaced may be a secret, and no message repeats it.
// upper  capital letters are good, too.
std::string quoted_name(std::string_view text, bool upper = false);

}  // namespace strongroom_cli
