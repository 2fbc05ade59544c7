// callers.hpp: reads identities and their requests from the arguments of C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "strongroom.h"
#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom::capi {

// identity_text copies a text of an identity. The text must be UTF-8 of up to 4,096 bytes without
// control characters: it is compared, and may appear in messages. Errors  invalid.
Result<std::string> identity_text(const char* text, const char* name);

// identity_of reads the struct. Errors  invalid.  too_large: too many groups.
Result<Identity> identity_of(const strongroom_identity* given);

// Request is an action and the path that it concerns.
struct Request {
  Action action;
  Path path;
};

// request_of refuses a path if the action concerns the whole store, and a missing path if the
// action concerns a secret.
Result<Request> request_of(std::uint32_t action, const char* path);

}  // namespace strongroom::capi
