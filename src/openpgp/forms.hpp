// forms.hpp: the forms of OpenPGP that people pass: binary, ASCII armor, base64 or hex of either.
#pragma once

#include <cstdint>
#include <span>

#include "armor.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"

namespace strongroom::openpgp {

// decode_form decodes any form, in place.
//
// out      binary OpenPGP, a part of `bytes`; of which kind is not yet known.
// Returns  the reason why there is none.
Trouble decode_form(std::span<std::uint8_t> bytes, Kind wanted,
                    std::span<std::uint8_t>& out) noexcept;

}  // namespace strongroom::openpgp
