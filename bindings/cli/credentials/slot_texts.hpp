// slot_texts.hpp: finding slots, and describing them in words and in JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

inline constexpr std::uint32_t kMaxSlot = UINT32_MAX - 1;

// slot_ids returns the numbers of all slots.
std::vector<std::uint32_t> slot_ids(const strongroom_abi::Report& report);

// slot_index returns the place of a slot in the report.
// Throws  Failure: there is no such slot.
std::size_t slot_index(const strongroom_abi::Report& report, std::uint32_t id);

// slots_json returns an array of all slots.
std::string slots_json(const strongroom_abi::Report& report);

// slot_text describes one slot, without a newline: "2 of 3 shares, made 2024-…".
std::string slot_text(const strongroom_slot& slot);

// fingerprints_of returns, in hex, the OpenPGP keys to which the shares of the slot at index are wrapped.
std::vector<std::string> fingerprints_of(const strongroom_abi::Report& report, std::size_t index);

}  // namespace strongroom_cli
