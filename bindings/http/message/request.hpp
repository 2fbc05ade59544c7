// request.hpp: one request, as the rooms behind the server see it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroomd {

enum class Method : std::uint8_t { get, head, put, post, patch, remove, other };

// UnixPeer is the process at the other end of a Unix socket, as the kernel names it (SO_PEERCRED).
struct UnixPeer {
  uid_t uid;
  gid_t gid;
  pid_t pid;
};

// Certificate is the client certificate of a TLS connection. Its chain was verified against the configured
// authorities, and it has not expired.
struct Certificate {
  std::vector<std::string> uris;  // the URIs of its subject alternative names
  std::string subject;            // its distinguished name, as RFC 4514 writes it
};

// Peer is the other end of a connection. It stays the same for all requests of the connection.
struct Peer {
  std::string address;  // "127.0.0.1", "::1", or "unix"
  bool is_tls = false;
  std::optional<UnixPeer> unix_peer;
  std::optional<Certificate> certificate;
};

// kTokenCookie is the cookie in which clients of DC/OS keep their token.
inline constexpr std::string_view kTokenCookie = "dcos-acs-auth-cookie";

// Headers are the header fields that mean something here, borrowed until the response was sent. A field that
// is absent is an empty text; the counts tell a missing field from an empty one, and one from several.
struct Headers {
  std::string_view authorization;
  unsigned num_authorization = 0;
  std::string_view accept;
  unsigned num_accept = 0;
  std::string_view content_type;
  unsigned num_content_type = 0;
  std::string_view token_cookie;
  unsigned num_token_cookie = 0;
  std::optional<std::uint64_t> content_length;
};

struct Request {
  Method method = Method::other;
  std::string_view method_name;  // as it was sent
  std::string_view target;       // the request target as it was sent, with nothing decoded
  Headers headers;
  const Peer* peer = nullptr;
  std::chrono::steady_clock::time_point begun;
  std::string_view body;  // in locked memory; empty until all of it has arrived
};

}  // namespace strongroomd
