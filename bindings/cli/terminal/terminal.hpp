// terminal.hpp: asking the person at the terminal, without showing the answer.
#pragma once

#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// can_ask is true when a person is there: a controlling terminal with this process in its
// foreground, and standard input or error on a terminal. Others fail instead of waiting for ever.
bool can_ask();

// Interrupted unwinds to main, which ends the process by the signal.
struct Interrupted {
  int signal;
};

// ask shows a question on the controlling terminal and reads one line with the echo off, straight
// into locked memory; the newline is dropped. The echo is back afterwards, however this ends: a
// signal that stops the process takes effect only then, and one that ends it throws Interrupted.
strongroom_abi::Secret ask(const std::string& question);

}  // namespace strongroom_cli
