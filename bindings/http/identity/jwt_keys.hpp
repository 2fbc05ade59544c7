// jwt_keys.hpp: public keys for JSON Web Tokens, from files.
#pragma once

#include <gnutls/abstract.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace strongroomd {

struct JwtKey {
  std::string kid;  // "": it has none
  std::shared_ptr<gnutls_pubkey_st> key;
};

// read_jwt_keys reads a PEM public key, a PEM certificate, or a JWK set (RFC 7517), whose keys for other algorithms or
// uses are left out.
// algorithm  RS256 or ES256
// Throws     std::runtime_error: it cannot be read, or has no key that fits: RSA of at least 2,048 bits, or P-256.
std::vector<JwtKey> read_jwt_keys(const std::string& file, const std::string& algorithm);

// decode_base64url decodes as RFC 7515 has it: without padding, white space, or bits that mean nothing.
// Returns  false: it is not that.
bool decode_base64url(std::string_view text, std::string& out);

}  // namespace strongroomd
