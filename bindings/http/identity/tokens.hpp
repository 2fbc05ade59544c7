// tokens.hpp: tokens of this server's own, kept as hashes in sealed host records.
//
// A token's text is "srt." ID "." SECRET: 22 and 43 characters of base64url (16 and 32 random bytes). The record
// tokens/ID has the SHA-256 of SECRET, never the token, so a lookup is by a public id and the comparison takes the same
// time for every wrong secret. A token of an administrator or of a trusted identity is also known to this server
// while it is sealed and cannot read records: its hash is in STATE_DIR/operators (0600), which is brought up to
// date with the records after each unseal.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

// TokenInfo is what is kept about a token besides its hash.
struct TokenInfo {
  std::string id;
  IdentityText identity;
  std::string description;
  std::uint64_t created_s = 0;  // since 1970, UTC
  std::uint64_t expires_s = 0;  // 0: never
};

struct NewToken {
  TokenInfo info;
  strongroom_abi::Secret text;
};

class Tokens {
 public:
  // trusted  a session that reads and writes the records. It and dir must outlive this.
  // trust    for how long a record that was read may be used again. What this server revokes ends at once; what
  //          another server of the same store revokes ends after that time.
  // Throws   std::runtime_error: STATE_DIR/operators is not as it was written.
  Tokens(strongroom_abi::Session& trusted, const StateDir& dir,
         std::chrono::milliseconds trust = std::chrono::seconds(1));
  ~Tokens();

  // create makes a token and stores its record. The caller's session writes it, so only a trusted one may.
  // description  for people: up to 200 bytes without control characters.
  // lifetime_s   0: it never expires.
  // Throws  strongroom_abi::Error of the store; Failure 400: the identity or the description.
  NewToken create(strongroom_abi::Session& caller, const IdentityText& identity,
                  const std::string& description, std::uint64_t lifetime_s);

  // create_operator makes a trusted token that is known while the store is sealed or does not exist: its hash goes
  // to STATE_DIR/operators. unsealed() makes a record of it.
  NewToken create_operator(const std::string& description);

  // revoke_operator forgets a token that create_operator made, by its text.
  void revoke_operator(std::string_view text);

  // verify returns what is known of the token with this text, if it is right and has not expired.
  // Threads  any number at once.
  // Throws   strongroom_abi::Error: the record could not be read, STRONGROOM_SEALED included.
  std::optional<TokenInfo> verify(std::string_view text);

  // list returns all tokens, by id. get returns one. revoke deletes one; false: there is none. The caller must be
  // trusted: its session reads and deletes the records.
  std::vector<TokenInfo> list(strongroom_abi::Session& caller);
  std::optional<TokenInfo> get(strongroom_abi::Session& caller, const std::string& id);
  bool revoke(strongroom_abi::Session& caller, const std::string& id);

  // unsealed brings STATE_DIR/operators up to date: a token of create_operator that has no record yet gets one,
  // tokens of other servers come in, and what was revoked or has expired is dropped.
  void unsealed();

 private:
  class State;
  std::unique_ptr<State> state_;
};

// is_token returns whether a text has the form of a token. (JSON Web Tokens never have it.)
bool is_token(std::string_view text) noexcept;

}  // namespace strongroomd
