// loopback.hpp: TCP ports of this machine, for servers that tests start.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace strongroom::testing {

inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline std::uint16_t bound_port(int socket) {
  sockaddr_in address{};
  socklen_t len = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &len) != 0) return 0;
  return ntohs(address.sin_port);
}

// ReservedPort is a free port that nobody is given while this lives. Who binds it on purpose and with
// SO_REUSEADDR, as Java does, gets it.
class ReservedPort {
 public:
  ReservedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in any = loopback_address(0);
    const int yes = 1;
    // Set after bind: before, the kernel might choose a port that another one holds like this.
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
      ::close(socket_);
      throw std::runtime_error("there was no free port");
    }
    number_ = bound_port(socket_);
  }
  ReservedPort(ReservedPort&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), number_(other.number_) {}
  ReservedPort& operator=(ReservedPort&&) = delete;
  ~ReservedPort() {
    if (socket_ >= 0) ::close(socket_);
  }
  std::uint16_t number() const noexcept { return number_; }

 private:
  int socket_;
  std::uint16_t number_ = 0;
};

// connect_loopback gives a connected socket whose calls take limit at most, or -1.
inline int connect_loopback(std::uint16_t port, std::chrono::milliseconds limit) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback_address(port);
  const timeval time{limit.count() / 1000, limit.count() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  ::close(socket);
  return -1;
}

// ask_loopback sends a word and gives all of the answer that came until the other side closed: "" when
// nothing came within limit.
inline std::string ask_loopback(std::uint16_t port, std::string_view word,
                                std::chrono::milliseconds limit) {
  const int socket = connect_loopback(port, limit);
  if (socket < 0) return {};
  std::string answer;
  if (::send(socket, word.data(), word.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(word.size())) {
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::recv(socket, part.data(), part.size(), 0)) > 0;)
      answer.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(socket);
  return answer;
}

}  // namespace strongroom::testing
