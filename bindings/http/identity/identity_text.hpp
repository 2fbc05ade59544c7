// identity_text.hpp: identities as texts, in the form of the policy tools: "user:ID", "service:ID@SPACE",
// "administrator:ID", each with "+group:NAME" for its groups, or "trusted".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroomd {

// Identity is what a session is opened for.
struct Identity {
  std::uint32_t kind = 0;  // a STRONGROOM_IDENTITY_ constant
  std::string id;
  std::string space;  // of a service
  std::vector<std::string> groups;

  // is_operator returns whether it may administer the store without a rule that says so.
  bool is_operator() const noexcept {
    return kind == STRONGROOM_IDENTITY_TRUSTED || kind == STRONGROOM_IDENTITY_ADMINISTRATOR;
  }
};

// parse_identity reads an identity. A service without a space is in that of its id.
// Throws  Failure 400: it is none, or longer than 8 KiB; the store looks at ids and names again.
Identity parse_identity(std::string_view text);

// open_session opens a session for an identity.
// Throws  strongroom_abi::Error: STRONGROOM_INVALID for an id or name that the store does not take.
strongroom_abi::Session open_session(strongroom_abi::Store& store, const Identity& identity);

}  // namespace strongroomd
