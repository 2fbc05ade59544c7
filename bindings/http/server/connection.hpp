// connection.hpp: connections, and those that take too long.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "message/request.hpp"

namespace strongroomd {

struct Connection {
  int fd = -1;
  Peer peer;
  bool is_peer_known = false;
  // When it was made, or had its last response: milliseconds of the steady clock.
  std::atomic<std::int64_t> since_ms{0};
};

// Connections is all connections of a server. A thread shuts those down that were without a response for too long: a
// timeout for idle ones only would let a client send one byte a minute for ever.
class Connections {
 public:
  Connections(std::size_t limit, std::chrono::seconds timeout);
  ~Connections();

  // has_room returns whether one more may be made.
  bool has_room() const noexcept { return num_ < limit_; }
  std::size_t size() const noexcept { return num_; }

  void add(Connection& connection);
  // remove must be called before the socket is closed.
  void remove(Connection& connection);
  static void touch(Connection& connection) noexcept;

  // close_all shuts all connections down.
  void close_all();

 private:
  void run();
  void shut_down_since(std::int64_t limit_ms);

  std::size_t limit_;
  std::chrono::milliseconds timeout_;
  std::atomic<std::size_t> num_{0};
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::unordered_set<Connection*> all_;
  std::thread thread_;
};

}  // namespace strongroomd
