// armor.hpp: ASCII armor as it arrives in files and mails, decoded in place.
//
// The text may be a private key: nothing is copied, and characters are mapped without a table. Accepted is
// what gpg accepts: text around the blocks, blanks at line ends, CRLF, headers, no checksum.
#pragma once

#include <cstdint>
#include <span>

#include "strongroom/impl/openpgp/protocol.hpp"

namespace strongroom::openpgp {

// Kind is what the caller was asked for.
enum class Kind { public_key, private_key, message };

// has_armor reports whether the text has "-----BEGIN PGP " anywhere, perhaps where it does not count.
bool has_armor(std::span<const std::uint8_t> text) noexcept;

// decode_armor decodes, in place, all blocks of a kind, one after the other. Blocks of other kinds are
// skipped, except for private keys where a public key was wanted.
//
// text     a text that has_armor; its decoded blocks replace its beginning.
// out      the decoded bytes, a part of `text`.
// Returns  the reason why there is nothing to decode.
Trouble decode_armor(std::span<std::uint8_t> text, Kind wanted,
                     std::span<std::uint8_t>& out) noexcept;

}  // namespace strongroom::openpgp
