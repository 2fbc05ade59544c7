// terminal.hpp: asks the person at the terminal, without showing the answer.
#pragma once

#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// can_ask is true when a person is there: a controlling terminal with this process in its
// foreground, and standard input or error on a terminal. Otherwise asking would wait for ever.
bool can_ask();

// Interrupted unwinds to main, so that everything is wiped; main then ends the process by the signal.
struct Interrupted {
  int signal;
};

// ask shows a question on the controlling terminal and reads one line with the echo off, straight
// into locked memory, without the newline. The echo is turned on again however this ends: a
// signal that stops the process takes effect only then, and one that ends it throws Interrupted.
strongroom_abi::Secret ask(const std::string& question);

}  // namespace strongroom_cli
