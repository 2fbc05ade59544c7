// slot_texts.hpp: slots in words and in JSON, for status and slots.
#pragma once

#include <string>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// slots_json gives an array of all slots.
std::string slots_json(const strongroom_abi::Report& report);

// slot_text describes one slot in a line without its end: "2 of 3 shares, made 2024-…".
std::string slot_text(const strongroom_slot& slot);

// fingerprints_of gives, in hex, the OpenPGP keys that the shares of slot number index are wrapped
// to.
std::vector<std::string> fingerprints_of(const strongroom_abi::Report& report, std::size_t index);

}  // namespace strongroom_cli
