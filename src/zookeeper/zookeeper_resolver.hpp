// zookeeper_resolver.hpp: looks up the host names of an ensemble, where nobody has to wait for it.
//
// The resolver of the C library cannot be stopped, and waits for a silent name server for 10 seconds and more.
// The client library calls it while it holds the lock that all sessions of the process share. So names are
// looked up here, on a thread that is left behind when its client ends, and the client library gets addresses.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace strongroom::zookeeper {

class Resolver {
 public:
  // servers  host:port,host:port
  explicit Resolver(std::string servers);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // look_up returns the addresses of all servers whose names are known, address:port,address:port. It is empty
  // when there is none. Where a name server has to be asked, the first call starts that and returns nothing;
  // wake_fd, an eventfd, becomes readable when the answer is there for the next call.
  std::optional<std::string> look_up(int wake_fd);

  // knows_any reports whether any address was ever found.  Threads  any.
  bool knows_any() const noexcept;

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace strongroom::zookeeper
