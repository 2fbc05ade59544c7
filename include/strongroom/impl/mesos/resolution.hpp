// resolution.hpp: the values that Mesos' Secret messages stand for, once the stored secrets are read.
//
// It returns which secrets to read, and then puts each value in its message's position. It may outlive
// the messages, so that the secrets can be read asynchronously.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::mesos {

class Resolution {
 public:
  // of copies what it needs from the messages: references, and the values they carry.
  // failed  set to the index of the message that an error is about.
  // Errors  invalid: a message breaks Mesos' rules.  Those of locked memory.
  static Result<Resolution> of(std::span<const Secret* const> secrets, std::size_t& failed);

  // paths returns the paths of the secrets to read.
  const std::vector<Path>& paths() const noexcept { return paths_; }

  // message_of returns the index of the message that asks for the path with this index.
  std::size_t message_of(std::size_t path) const noexcept;

  // finish takes one outcome per path, and is called once. The first failure fails all.
  // failed  set to the index of the message that failed.
  Result<std::vector<SecretBytes>> finish(std::vector<Result<StoredSecret>> found,
                                          std::size_t& failed);

 private:
  struct Step {
    std::optional<Reference> reference;
    SecretBytes value;  // if there is no reference
  };

  // named returns the reference to look up, or null if the message carries its value.
  static Result<const Reference*> named(const Secret& secret);

  static Result<SecretBytes> pick(const Reference& reference, Result<StoredSecret> secret);

  std::vector<Path> paths_;
  std::vector<Step> steps_;
};

}  // namespace strongroom::mesos
