// tls.hpp: the files of TLS, and the client certificate of a connection.
#pragma once

#include <gnutls/gnutls.h>

#include <optional>
#include <string>

#include "message/request.hpp"
#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

// TlsFiles is what TLS needs, as PEM texts that end in NUL.
struct TlsFiles {
  std::string certificates;  // of this server, and those up to its authority
  strongroom_abi::Secret key;
  std::string client_authorities;  // "": client certificates are not asked for
};

// read_tls_files reads the files of the settings.
// Throws  std::runtime_error: one cannot be read, the key file is open to others, or key and certificate do not fit.
TlsFiles read_tls_files(const TlsSettings& settings);

// client_certificate returns the certificate that the client proved to have, if one of the authorities vouches for it
// and it is for clients.
std::optional<Certificate> client_certificate(gnutls_session_t session);

}  // namespace strongroomd
