// secret_memfds.hpp: files for a command where no mount namespace can be had.
//
// Each is a sealed memfd that the command inherits, and /proc/self/fd/N leads to it. The descriptor
// is the file: programs that close what they inherit lose it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/targets.hpp"

namespace strongroom_cli {

class SecretMemfds {
 public:
  // SecretMemfds copies the files into memfds that nobody can write, grow, shrink or unseal.
  explicit SecretMemfds(std::span<const SecretFile> files);

  // link_of is what a symbolic link to the i-th file has to say.
  std::string link_of(std::size_t i) const {
    return "/proc/self/fd/" + std::to_string(fds_[i].get());
  }

  // leave_open makes the descriptors outlive exec. To be called in a forked child.
  void leave_open() const;

 private:
  std::vector<UniqueFd> fds_;
};

}  // namespace strongroom_cli
