// keys.hpp: public and private keys in librnp, and which public keys are accepted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rnp.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"

namespace strongroom::openpgp {

// Recipient is one public key that may be encrypted to now.
struct Recipient {
  RnpRing ring;
  RnpKey encrypt;  // the subkey, or primary key, to encrypt to
  std::vector<std::uint8_t> fingerprint;
};

// open_recipient loads and checks a public key in any form, which it decodes in place.
Reason open_recipient(std::span<std::uint8_t> key, Recipient& out);

// open_private_keys loads all private keys of a text in any form, which it decodes in place.
Reason open_private_keys(std::span<std::uint8_t> keys, RnpRing& out);

// fingerprint_of returns the fingerprint of this key; empty on failure.
std::vector<std::uint8_t> fingerprint_of(const RnpKey& key);

}  // namespace strongroom::openpgp
