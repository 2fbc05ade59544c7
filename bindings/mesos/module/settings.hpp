// settings.hpp: the parameters of the module, as its manifest states them.
//
// An agent publishes the parameters of its modules (/flags), so none of them is a secret: keys and passwords
// are in files, and a parameter names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "strongroom_abi.hpp"

namespace strongroom_mesos {

// Trouble is why the module cannot work as it was configured: one sentence for the operator.
class Trouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  std::string store;                     // its URL
  std::string key_file;                  // unseals it
  std::string zk_auth_file;              // of zk: the line user:password; empty: none
  std::string identity = "mesos-agent";  // whose rights decide
  std::string space;                     // the identity is a service with this path; empty: a user
  std::string allow;                     // prefixes, separated by commas; empty: no such list
  std::string policy_file;            // decides instead of the stored policies; empty: those decide
  std::uint32_t timeout_ms = 10'000;  // in which every resolve ends
  std::size_t memory_bytes = 0;       // of locked memory for values; 0: the library's default

  // read takes the parameters of a manifest, in their order. Throws  Trouble, without any value in it.
  static Settings read(const std::vector<std::pair<std::string, std::string>>& parameters);

  // rules returns the policy that `allow` or `policy_file` stands for; null: the stored policies decide.
  // Throws  Trouble; Error: what is wrong in the policy, and where.
  std::vector<strongroom_abi::Policy> rules() const;

  // take_memory applies memory_bytes to this process. Throws  Error.
  void take_memory() const;

  // rights says in words who may resolve what.
  std::string rights() const;
};

// read_key returns the text of a key file. It must be closed to others: mode 0600, or 0440 where the group is
// root's or one of this process.
// Throws  Trouble.
strongroom_abi::Secret read_key(const std::string& file);

}  // namespace strongroom_mesos
