// secret_memfds.hpp: files for a command where mount namespaces are forbidden.
//
// Each is a sealed memfd that the command inherits, and /proc/self/fd/N leads to it. The descriptor
// is the file: programs that close the descriptors they inherit lose it.
#pragma once

#include <span>
#include <vector>

#include "store/targets.hpp"

namespace strongroom_cli {

class SecretMemfds {
 public:
  // SecretMemfds copies the files into memfds that nobody can write, grow, shrink or unseal.
  explicit SecretMemfds(std::span<const SecretFile> files);

  // number returns the descriptor of the i-th file.
  int number(std::size_t i) const noexcept { return fds_[i].get(); }

  // move gives the i-th file the number that a link of another run leads to. Files behind it may move
  // out of the way.
  void move(std::size_t i, int number);

  // leave_open keeps the descriptors open across exec. Call it only in a forked child.
  void leave_open() const;

 private:
  std::vector<UniqueFd> fds_;
};

}  // namespace strongroom_cli
