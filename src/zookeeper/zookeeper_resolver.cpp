// zookeeper_resolver.cpp: see zookeeper_resolver.hpp.
#include "zookeeper_resolver.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <string_view>
#include <thread>
#include <utility>

#include "strongroom/impl/base/quiet_thread.hpp"

namespace strongroom::zookeeper {

struct Resolver::Shared {
  explicit Shared(std::string all) : servers(std::move(all)) {}
  const std::string servers;
  std::atomic<bool> knows_any{false};
  std::mutex mutex;                   // of all below
  bool running = false;               // a thread is asking
  std::optional<std::string> answer;  // of a thread, until it is taken
};

namespace {

// Threads that were left behind wait for a silent name server for up to half a minute. A program that tries
// again and again must not collect them without limit.
constexpr int kMaxAsking = 16;
std::atomic<int> num_asking{0};

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses ask(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

// addresses_of returns address:port for each address of a server, or nothing.
// flags  AI_NUMERICHOST: ask nobody.
std::string addresses_of(std::string_view server, int flags) {
  const std::size_t colon = server.rfind(':');
  const std::string_view port = server.substr(colon);
  const Addresses found = ask(std::string(server.substr(0, colon)), flags);
  std::string text;
  for (const addrinfo* each = found.get(); each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> name{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, name.data(), name.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      continue;
    text.append(text.empty() ? "" : ",").append(name.data()).append(port);
  }
  return text;
}

// addresses_of_all returns the addresses of those servers that have any.
// all  receives whether all have.
std::string addresses_of_all(std::string_view servers, int flags, bool& all) {
  std::string text;
  all = true;
  while (!servers.empty()) {
    const std::string_view server = servers.substr(0, servers.find(','));
    servers.remove_prefix(std::min(server.size() + 1, servers.size()));
    const std::string found = addresses_of(server, flags);
    all = all && !found.empty();
    if (!found.empty()) text.append(text.empty() ? "" : ",").append(found);
  }
  return text;
}

void wake(int fd) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

Resolver::Resolver(std::string servers) : shared_(std::make_shared<Shared>(std::move(servers))) {}

Resolver::~Resolver() = default;

bool Resolver::knows_any() const noexcept {
  return shared_->knows_any;
}

std::optional<std::string> Resolver::look_up(int wake_fd) {
  bool all = false;
  std::string numeric = addresses_of_all(shared_->servers, AI_NUMERICHOST, all);
  if (all) {
    shared_->knows_any = true;
    return numeric;
  }
  const std::lock_guard lock(shared_->mutex);
  if (shared_->answer) return std::exchange(shared_->answer, std::nullopt);
  if (shared_->running) return std::nullopt;
  if (num_asking.fetch_add(1) >= kMaxAsking) {
    --num_asking;
    return std::string();
  }
  // A descriptor of its own: the thread may outlive the client.
  const int own_fd = ::fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
  std::thread asking = quiet_thread([shared = shared_, own_fd] {
    std::string found;
    try {
      bool ignored = false;
      found = addresses_of_all(shared->servers, AI_ADDRCONFIG, ignored);
      if (found.empty()) found = addresses_of_all(shared->servers, 0, ignored);
    } catch (const std::bad_alloc&) {  // as if nothing was found; the client asks again
      found.clear();
    }
    if (!found.empty()) shared->knows_any = true;
    {
      const std::lock_guard done(shared->mutex);
      shared->running = false;
      shared->answer = std::move(found);
    }
    wake(own_fd);
    if (own_fd >= 0) ::close(own_fd);
    --num_asking;
  });
  if (!asking.joinable()) {
    --num_asking;
    if (own_fd >= 0) ::close(own_fd);
    return std::string();
  }
  shared_->running = true;
  asking.detach();
  return std::nullopt;
}

}  // namespace strongroom::zookeeper
