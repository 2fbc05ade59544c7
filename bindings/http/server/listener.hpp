// listener.hpp: sockets that wait for connections.
#pragma once

#include <string>

namespace strongroomd {

// Listener is a socket that listens. A Unix socket is removed at the end.
class Listener {
 public:
  // Listener listens on "127.0.0.1:1337", "[::1]:1337", or "unix:/run/strongroomd.socket". A Unix socket that a
  // server left behind is replaced; one that is in use is not.
  // Throws  std::runtime_error: what to do.
  explicit Listener(const std::string& address);
  ~Listener();
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;

  int fd() const noexcept { return fd_; }
  bool is_unix() const noexcept { return !path_.empty(); }
  const std::string& address() const noexcept {
    return address_;
  }  // with the port that the system chose

 private:
  void listen_unix();
  void listen_tcp(const std::string& host, const std::string& port);

  int fd_ = -1;
  std::string path_;  // of a Unix socket
  std::string address_;
};

}  // namespace strongroomd
