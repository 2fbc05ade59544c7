// server.hpp: HTTP: connections, limits, deadlines and TLS. It is the only room that knows libmicrohttpd.
//
// Threads of the library serve the connections. A request that may wait (for ZooKeeper, a disk, a slow hash) is
// suspended meanwhile, and done on a thread of its own.
//
// Limits: connections, header fields, body, all bodies together, and the time from connecting, or from the response
// before, to the next response. Over the limit of connections a new one is closed; a connection that takes too
// long is shut down.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "api/api.hpp"
#include "settings/settings.hpp"

namespace strongroomd {

class Server {
 public:
  // Server listens on all addresses of the settings, and answers from now on. api must outlive it.
  // Throws  std::runtime_error: an address is in use, TLS files cannot be read, ...; what to do.
  Server(const Settings& settings, Api& api);

  // ~Server takes no more connections, finishes the requests that are being done, and closes the connections.
  ~Server();

  // addresses returns where it listens, with the ports that the system chose where 0 was asked for.
  const std::vector<std::string>& addresses() const noexcept;

  std::size_t num_connections() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroomd
