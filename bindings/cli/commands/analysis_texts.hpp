// analysis_texts.hpp: answers about policies, in lines and in JSON.
#pragma once

#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

std::string or_empty(const char* text);

// place_of returns where a rule is written: "web:3:14", or nothing.
std::string place_of(const strongroom_analysis_line& line);

// account_array returns all lines as a JSON array; account_json ends it with a line feed.
std::string account_array(const strongroom_abi::Analysis& analysis);
std::string account_json(const strongroom_abi::Analysis& analysis);

// print_line appends one line of up to three columns.
void print_line(std::string& text, const std::string& first, const std::string& second,
                const std::string& third);

}  // namespace strongroom_cli
