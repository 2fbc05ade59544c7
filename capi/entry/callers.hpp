// callers.hpp: identities and what they ask for, as C states them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "strongroom.h"
#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom::capi {

// identity_text takes a text that may stand in a message and be compared.
Result<std::string> identity_text(const char* text, const char* name);

// identity_of reads the struct. Errors  invalid.
Result<Identity> identity_of(const strongroom_identity* given);

// Request is an action and the path that it is about.
struct Request {
  Action action;
  Path path;
};

// request_of refuses a path where the action concerns the whole store, and a missing one where it
// concerns a secret.
Result<Request> request_of(std::uint32_t action, const char* path);

}  // namespace strongroom::capi
