// secret_memfds.hpp: files for a command where mount namespaces are forbidden.
//
// Each is a sealed memfd that the command inherits, and /proc/self/fd/N leads to it. The descriptor
// is the file: programs that close the descriptors they inherit lose it.
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

  // link_of returns what a symbolic link to the i-th file must contain.
  std::string link_of(std::size_t i) const {
    return "/proc/self/fd/" + std::to_string(fds_[i].get());
  }

  // leave_open keeps the descriptors open across exec. Call it only in a forked child.
  void leave_open() const;

 private:
  std::vector<UniqueFd> fds_;
};

}  // namespace strongroom_cli
