// jwt.hpp: JSON Web Tokens of others, verified with their public keys (RFC 7519, RFC 7515).
//
// The algorithm is the one of the settings, never the one that a token names. Keys come from files only: what a
// token's header says about keys (jwk, jku, x5c, x5u) is ignored, but for kid, which chooses among keys of a set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "settings/settings.hpp"

namespace strongroomd {

inline constexpr std::size_t kMaxJwtLen = 8 * 1024;

// JwtClock returns the seconds since 1970, UTC.
using JwtClock = std::function<std::uint64_t()>;

class JwtVerifier {
 public:
  // JwtVerifier reads the key files, and again when they change: it looks once a second, and keeps the keys that it
  // has where a file cannot be read any more.
  // Throws  std::runtime_error: a file cannot be read, or has no key that fits the algorithm; what to do.
  // clock   only tests have one of their own.
  explicit JwtVerifier(const JwtSettings& settings, JwtClock clock = {});
  ~JwtVerifier();

  // verify returns the id that a token is about, if one of the keys signed it, it has not expired, and issuer and
  // audience fit. Nothing says which of these was wrong.
  // Threads  any number at once.
  std::optional<std::string> verify(std::string_view token);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroomd
