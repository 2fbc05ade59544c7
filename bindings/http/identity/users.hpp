// users.hpp: a file of users and the hashes of their passwords, for logins.
//
// A line is UID:HASH or UID:HASH:IDENTITY, with HASH as crypto_pwhash_str writes it (Argon2id); empty lines and
// those that begin with '#' mean nothing. The file is read again when it changes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class Users {
 public:
  // Throws  std::runtime_error: the file cannot be read, others may write to it, or a line is malformed.
  explicit Users(std::string file);
  ~Users();

  // check returns the identity of a user whose password is right: "user:UID" where the line names none. It takes the
  // same time where there is no such user.
  // Each check takes a core for some tens of milliseconds, and 64 MiB: the caller does few at once.
  std::optional<IdentityText> check(const std::string& uid, std::string_view password);

 private:
  class State;
  std::unique_ptr<State> state_;
};

// hash_password returns the HASH of a line.
std::string hash_password(std::string_view password);

}  // namespace strongroomd
