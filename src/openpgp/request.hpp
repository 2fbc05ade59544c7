// request.hpp: one request, read within limits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strongroom/impl/openpgp/channel.hpp"
#include "strongroom/impl/openpgp/protocol.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::openpgp {

// Request holds the fields that protocol.hpp lists for op; all other fields are empty.
struct Request {
  Op op = Op::inspect;
  unsigned number = 0;
  std::vector<std::vector<std::uint8_t>> keys;
  std::vector<SecretBytes> texts;
  std::vector<std::uint8_t> message;
  SecretBytes private_key;
  SecretBytes passphrase;
  std::string user_id;
};

// read_request reads a whole request. Memory grows with what has arrived, not with what is announced.
Trouble read_request(const Channel& channel, Request& request);

}  // namespace strongroom::openpgp
