// json_text.hpp: writes the few JSON texts of responses.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroomd {

// json_string returns a text as a JSON string, with its quotation marks. What is no UTF-8 becomes U+FFFD, so that
// the result is always JSON.
std::string json_string(std::string_view text);

// json_object returns {"name":"secret"}, written in locked memory only. The secret must be UTF-8, as one that is
// stored as text is.
strongroom_abi::Secret json_object(std::string_view name, std::string_view secret);

// join puts texts, some of which are secret, one after the other in locked memory.
strongroom_abi::Secret join(std::initializer_list<std::string_view> parts);

}  // namespace strongroomd
