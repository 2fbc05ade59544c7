// stand_ins.hpp: what a test can see of the stand-ins.
#pragma once

#include <string>
#include <vector>

// take_log_lines returns the lines that were logged since the last call: "I text", "W text", "E text".
std::vector<std::string> take_log_lines();

// keep_log_lines says whether lines are kept at all.
void keep_log_lines(bool keep);
