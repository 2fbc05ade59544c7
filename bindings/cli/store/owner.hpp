// owner.hpp: whom the files of a command belong to, as chown(1) takes it, and who the command runs as.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace strongroom_cli {

// Owner has an id for what changes, and kUnchanged for what does not.
struct Owner {
  static constexpr id_t kUnchanged = static_cast<id_t>(-1);  // as chown(2) has it
  uid_t user = kUnchanged;
  gid_t group = kUnchanged;
  friend bool operator==(const Owner&, const Owner&) = default;
};

// find_owner looks up USER, USER:GROUP, USER: (with the login group) or :GROUP, each a name or a number.
// Throws  Failure(kExitInvalid).
Owner find_owner(const std::string& text);

// give_to changes the owner of an open file.
// Throws  Failure(kExitUnsupported) where this process may not.
void give_to(int fd, const Owner& owner);

// Account is a user of the system, as a login has it.
struct Account {
  std::string name;
  std::string home;
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;

  Owner owner() const noexcept { return {user, group}; }
};

// find_account looks up a user by name.
// Throws  Failure(kExitInvalid): there is none.
Account find_account(const std::string& name);

// is_account reports whether a user of that name exists and has that id.
bool is_account(const std::string& name, uid_t id);

// become gives up root for that user, for good.
// Throws  Failure(kExitUnsupported) where this process may not.
void become(const Account& account);

}  // namespace strongroom_cli
