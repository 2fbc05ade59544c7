// operations.hpp: performs the helper's requests, with librnp.
#pragma once

#include <cstdint>
#include <vector>

#include "request.hpp"

namespace strongroom::openpgp {

// Reply is what is sent back. It has fields only where there is no reason to refuse.
struct Reply {
  Reason reason;
  unsigned number = 0;                            // of what the reason is about
  std::vector<std::vector<std::uint8_t>> fields;  // not secret
  SecretBytes secret;                             // the last field, where has_secret
  bool has_secret = false;
};

// perform performs the request, and modifies it: keys and messages are decoded in place.
Reply perform(Request& request);

}  // namespace strongroom::openpgp
