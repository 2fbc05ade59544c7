// tcp_proxy.hpp: what stands between a client and a server and can be bad at it: cut, swallow, delay.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loopback.hpp"

namespace strongroom::testing {

// TcpProxy listens on a free loopback port and connects each client to one target port. It begins by
// forwarding. Every change of its manners has happened when the call returns. Any thread may call.
class TcpProxy {
 public:
  explicit TcpProxy(std::uint16_t target) : target_(target) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const sockaddr_in any = loopback_address(0);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        ::listen(listener_, 64) != 0)
      throw std::runtime_error("a proxy found no port");
    port_ = bound_port(listener_);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_ = std::thread([this] { run(); });
  }
  ~TcpProxy() {
    change([this] { wanted_.end = true; });
    thread_.join();
    ::close(listener_);
    ::close(wake_);
  }
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // forward goes back to normal. What was held back or delayed is delivered, as after a partition.
  void forward() {
    change(
        [this] { wanted_.up = wanted_.down = true, wanted_.refuse = false, wanted_.delay = {}; });
  }
  // black_hole goes on accepting, and passes nothing on any more; nothing is closed.
  void black_hole() {
    change([this] { wanted_.up = wanted_.down = false; });
  }
  // hold_answers still passes on what clients send, but not what the target answers.
  void hold_answers() {
    change([this] { wanted_.down = false; });
  }
  // delay lets everything take that much longer, in each direction.
  void delay(std::chrono::milliseconds time) {
    change([this, time] { wanted_.delay = time; });
  }
  // reset ends all connections there are by RST, both ways. New ones are welcome.
  void reset() {
    change([this] { ++wanted_.resets; });
  }
  // refuse is reset, for new connections as well.
  void refuse() {
    change([this] { ++wanted_.resets, wanted_.refuse = true; });
  }

  std::size_t num_connections() const {
    const std::lock_guard lock(mutex_);
    return num_connections_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxQueued = std::size_t{4} << 20;  // then the sender has to wait

  struct Manners {
    bool up = true;    // client to target
    bool down = true;  // target to client
    bool refuse = false;
    bool end = false;
    int resets = 0;
    std::chrono::milliseconds delay{0};
  };
  struct Chunk {
    Clock::time_point due;
    std::string bytes;  // none: the sender had closed
  };
  struct Flow {
    std::deque<Chunk> chunks{};
    std::size_t queued = 0;
    bool read_all = false;
    bool written_all = false;
  };
  struct Connection {
    int client = -1;
    int server = -1;
    Flow up{};
    Flow down{};
  };

  template <typename Change>
  void change(Change wish) {
    std::unique_lock lock(mutex_);
    wish();
    const int number = ++num_wishes_;
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) return;
    done_.wait(lock, [&] { return num_granted_ >= number; });
  }

  void run();
  void obey();
  void serve();
  void accept_all();
  bool move(Connection& connection);
  bool receive(int from, Flow& flow);
  bool send_due(int to, Flow& flow);
  static short events(const Flow& in, bool in_open, const Flow& out, bool out_open);
  int patience() const;

  static void abort(Connection& connection) {
    const linger at_once{1, 0};  // close is then an RST
    for (const int socket : {connection.client, connection.server}) {
      if (socket < 0) continue;
      ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      ::close(socket);
    }
  }

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;

  mutable std::mutex mutex_;
  std::condition_variable done_;
  Manners wanted_;
  int num_wishes_ = 0;
  int num_granted_ = 0;
  std::size_t num_connections_ = 0;

  // The thread's own.
  Manners now_;
  std::list<Connection> connections_;
  std::thread thread_;
};

inline void TcpProxy::run() {
  while (!now_.end) {
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    for (const Connection& c : connections_) {
      // One that waits for nothing is left out, since a hang-up would be told again and again.
      const short client = events(c.up, now_.up, c.down, now_.down);
      const short server = events(c.down, now_.down, c.up, now_.up);
      polled.push_back({client == 0 ? -1 : c.client, client, 0});
      polled.push_back({server == 0 ? -1 : c.server, server, 0});
    }
    ::poll(polled.data(), polled.size(), patience());
    obey();
    serve();
  }
  for (Connection& connection : connections_) abort(connection);
}

inline void TcpProxy::obey() {
  const std::lock_guard lock(mutex_);
  std::uint64_t ignored = 0;
  if (::read(wake_, &ignored, sizeof ignored) < 0 && errno != EAGAIN) return;
  if (wanted_.resets != now_.resets) {
    // Those that still wait to be accepted are connections too.
    accept_all();
    for (Connection& connection : connections_) abort(connection);
    connections_.clear();
  }
  now_ = wanted_;
  num_granted_ = num_wishes_;
  num_connections_ = connections_.size();
  done_.notify_all();
}

inline void TcpProxy::serve() {
  accept_all();
  {
    const std::lock_guard lock(mutex_);  // whoever is answered below finds itself counted
    num_connections_ = connections_.size();
  }
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    if (move(*connection)) {
      ++connection;
    } else {
      connection = connections_.erase(connection);
    }
  }
  const std::lock_guard lock(mutex_);
  num_connections_ = connections_.size();
}

inline void TcpProxy::accept_all() {
  constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  for (int client = -1; (client = ::accept4(listener_, nullptr, nullptr, kFlags)) >= 0;) {
    Connection connection{client};
    if (now_.refuse) {
      abort(connection);
      continue;
    }
    connections_.push_back(std::move(connection));
  }
}

// move does what can be done for one connection; false when it is over and closed.
inline bool TcpProxy::move(Connection& c) {
  bool refused = false;
  if (c.server < 0) {
    if (!now_.up) return true;
    c.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const sockaddr_in address = loopback_address(target_);
    refused =
        ::connect(c.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS;
  }
  const bool alive = !refused &&
                     (!now_.up || (receive(c.client, c.up) && send_due(c.server, c.up))) &&
                     (!now_.down || (receive(c.server, c.down) && send_due(c.client, c.down)));
  if (!alive) {
    abort(c);
    return false;
  }
  if (!c.up.written_all || !c.down.written_all) return true;
  ::close(c.client);
  ::close(c.server);
  return false;
}

// receive takes what there is; false when the connection broke.
inline bool TcpProxy::receive(int from, Flow& flow) {
  while (!flow.read_all && flow.queued < kMaxQueued) {
    std::string bytes(64 << 10, '\0');
    const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    bytes.resize(static_cast<std::size_t>(got));
    flow.read_all = got == 0;
    flow.queued += bytes.size();
    flow.chunks.push_back({Clock::now() + now_.delay, std::move(bytes)});
  }
  return true;
}

inline bool TcpProxy::send_due(int to, Flow& flow) {
  while (!flow.chunks.empty() && flow.chunks.front().due <= Clock::now()) {
    Chunk& chunk = flow.chunks.front();
    if (chunk.bytes.empty()) {
      ::shutdown(to, SHUT_WR);
      flow.written_all = true;
    } else {
      const ssize_t sent = ::send(to, chunk.bytes.data(), chunk.bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      flow.queued -= static_cast<std::size_t>(sent);
      chunk.bytes.erase(0, static_cast<std::size_t>(sent));
      if (!chunk.bytes.empty()) return true;
    }
    flow.chunks.pop_front();
  }
  return true;
}

// events is what to wait for at a socket that `in` comes from and `out` goes to.
inline short TcpProxy::events(const Flow& in, bool in_open, const Flow& out, bool out_open) {
  short wanted = 0;
  if (in_open && !in.read_all && in.queued < kMaxQueued) wanted |= POLLIN;
  if (out_open && !out.chunks.empty() && out.chunks.front().due <= Clock::now()) wanted |= POLLOUT;
  return wanted;
}

// patience is for how many milliseconds nothing will become due.
inline int TcpProxy::patience() const {
  const auto now = Clock::now();
  auto next = now + std::chrono::seconds(10);
  for (const Connection& c : connections_) {
    for (const Flow* flow : {&c.up, &c.down}) {
      if (flow->chunks.empty() || flow->chunks.front().due <= now)
        continue;  // waits for its socket
      next = std::min(next, flow->chunks.front().due);
    }
  }
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
}

}  // namespace strongroom::testing
