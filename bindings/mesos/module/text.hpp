// text.hpp: texts that others wrote, made safe for a log line and a failure.
//
// The name of a secret is input of whoever starts a task. It must never forge a line of the agent's log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace strongroom_mesos {

// How much of a name, and of a whole text, is shown.
inline constexpr std::size_t kMaxNameShown = 256;
inline constexpr std::size_t kMaxTextShown = 1024;

// printable returns text in printable ASCII: any other byte is written as \xNN. Beyond max_len bytes of
// text, "..." stands for the rest.
std::string printable(std::string_view text, std::size_t max_len = kMaxTextShown);

}  // namespace strongroom_mesos
