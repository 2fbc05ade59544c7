// negotiation.hpp: in which form a secret is sent and taken, by the fields Accept and Content-Type (RFC 9110).
#pragma once

#include <cstdint>
#include <string_view>

#include "message/request.hpp"

namespace strongroomd {

// Form is how a secret travels: as text in {"value":"..."}, or as its bytes.
enum class Form : std::uint8_t { json, bytes };

// form_to_send returns the form in which a stored secret is sent.
//   text    as JSON if the client accepts it, else as its bytes if the client accepts these
//   binary  as its bytes only
// Throws  Failure 400: the client accepts no form that there is. (DC/OS answers 400, not 406.)
Form form_to_send(const Headers& headers, bool is_text);

// form_of_body returns the form in which a secret arrives. Without a Content-Type it is JSON.
// Throws  Failure 400: another type.
Form form_of_body(const Headers& headers);

}  // namespace strongroomd
