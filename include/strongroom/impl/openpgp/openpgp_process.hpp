// openpgp_process.hpp: one run of the OpenPGP helper; see openpgp_helper in openpgp.hpp.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "strongroom/impl/openpgp/channel.hpp"
#include "strongroom/result.hpp"

namespace strongroom::openpgp {

// find_helper returns the path of the helper that this library uses; see openpgp_helper.
std::string find_helper();

// HelperProcess is a child process that inherits nothing but one socket. The destructor kills and reaps it.
class HelperProcess {
 public:
  // start runs the program with no argument and no environment.
  // Errors  unsupported: there is no program, or somebody else could have written it.  unavailable.
  static Result<HelperProcess> start(const std::string& program);

  HelperProcess(HelperProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        pidfd_(std::exchange(other.pidfd_, -1)),
        socket_(std::exchange(other.socket_, -1)) {}
  HelperProcess& operator=(HelperProcess&&) = delete;
  ~HelperProcess();

  Channel channel(Channel::Clock::time_point deadline) const noexcept {
    return Channel(socket_, deadline, pidfd_);
  }

 private:
  HelperProcess(pid_t pid, int socket) noexcept;

  pid_t pid_;
  int pidfd_ = -1;  // -1: the kernel has none
  int socket_;
};

}  // namespace strongroom::openpgp
