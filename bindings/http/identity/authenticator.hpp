// authenticator.hpp: who sent a request.
//
// A request has one credential at most: a token or a JSON Web Token in its Authorization header ("token=X" or
// "Bearer X"), or else the client certificate or the Unix process of its connection, where the configuration
// names it. It never decides what the caller may do: the caller's session does, under the store's policy.
#pragma once

#include <memory>
#include <string>

#include "message/failure.hpp"
#include "message/request.hpp"
#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

// Caller is an identity that was authenticated, with a session of its own.
struct Caller {
  std::shared_ptr<strongroom_abi::Session> session;
  std::string
      actor;  // for the audit log: "user:bob", or "trusted"; "token:ID" follows where there is one
  std::string token_id;  // of the token that was presented; "" for another credential
};

class Tokens;

class Authenticator {
 public:
  // All that it is given must outlive it. trusted writes the records of tokens that a login makes.
  // Throws  std::runtime_error: a file of keys or users cannot be read, or an identity in the settings is none.
  Authenticator(strongroom_abi::Store& store, strongroom_abi::Session& trusted,
                const Settings& settings, Tokens& tokens);
  ~Authenticator();

  // identify returns who sent a request.
  // Throws  Failure 401 without a credential, or with one that is wrong, expired or revoked (with a delay that
  //         grows with the failed tries of the peer); 400 with two of them. strongroom_abi::Error: the store cannot
  //         tell, STRONGROOM_SEALED included.
  // Threads any number at once.
  Caller identify(const Request& request);

  // login returns a new token for a body of POST /acs/api/v1/auth/login: {"uid", "password"}, or {"uid", "token"} with
  // a service's own JSON Web Token. Slow by design (Argon2id): call it where waiting is fine.
  // Throws  Failure 401, 400, 404 where no login is configured, 503.
  strongroom_abi::Secret login(const Request& request);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroomd
