#include "server/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace strongroomd {
namespace {

constexpr int kBacklog = 1024;
constexpr std::string_view kUnixPrefix = "unix:";

[[noreturn]] void fail_listen(const std::string& address, const std::string& why) {
  throw std::runtime_error("cannot listen on '" + address + "': " + why);
}

// is_in_use returns whether a server answers at a Unix socket.
bool is_in_use(const sockaddr_un& name) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answers =
      probe >= 0 && ::connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
  if (probe >= 0) ::close(probe);
  return answers;
}

// remove_leftover removes the socket of a server that has ended.
void remove_leftover(const sockaddr_un& name, const std::string& address) {
  struct stat status {};
  if (::lstat(name.sun_path, &status) != 0) return;
  if (!S_ISSOCK(status.st_mode))
    fail_listen(address, "there is a file of that name, which is no socket");
  if (is_in_use(name)) fail_listen(address, "another server listens there");
  ::unlink(name.sun_path);
}

int number_of_port(int fd) {
  sockaddr_storage name{};
  socklen_t len = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &len) != 0) return 0;
  if (name.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

}  // namespace

Listener::Listener(const std::string& address) : address_(address) {
  if (address.starts_with(kUnixPrefix)) {
    path_ = address.substr(kUnixPrefix.size());
    listen_unix();
    return;
  }
  const std::size_t colon = address.rfind(':');
  if (colon == address.npos) fail_listen(address, "it is ADDRESS:PORT or unix:PATH");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  listen_tcp(host, address.substr(colon + 1));
}

Listener::~Listener() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (is_unix()) ::unlink(path_.c_str());
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      address_(std::move(other.address_)) {}

void Listener::listen_unix() {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof name.sun_path)
    fail_listen(address_, "the path of a Unix socket has 1 to 107 bytes");
  std::memcpy(name.sun_path, path_.c_str(), path_.size());
  remove_leftover(name, address_);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // Others may connect: who they are, and what they present, decides.
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::chmod(name.sun_path, 0666) != 0 || ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail_listen(address_, std::strerror(error));
  }
  fd_ = fd;
}

void Listener::listen_tcp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    fail_listen(address_, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail_listen(address_, std::strerror(error));
  }
  fd_ = fd;
  address_ = address_.substr(0, address_.rfind(':') + 1) + std::to_string(number_of_port(fd));
}

}  // namespace strongroomd
