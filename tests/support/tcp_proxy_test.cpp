// The proxy that other tests cut wires with, between a client and a server that echoes.
#include "tcp_proxy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

namespace strongroom::testing::tcp_proxy_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// EchoServer answers what it gets, one client after the other in threads of their own.
class EchoServer {
 public:
  EchoServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in any = loopback_address(0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~EchoServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (std::thread& client : clients_) client.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return bound_port(listener_); }
  int num_heard() const { return num_heard_; }

 private:
  void accept_all() {
    for (int client = -1; (client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
      clients_.emplace_back([this, client] { echo(client); });
  }
  void echo(int client) {
    std::array<char, 65536> part{};
    for (ssize_t got = 0; (got = ::recv(client, part.data(), part.size(), 0)) > 0;) {
      num_heard_ += static_cast<int>(got);
      if (::send(client, part.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) break;
    }
    ::close(client);
  }

  int listener_;
  std::atomic<int> num_heard_{0};
  std::thread thread_;
  std::vector<std::thread> clients_;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(connect_loopback(port, std::chrono::seconds(10))) {}
  ~Client() { ::close(socket_); }
  bool send(const std::string& text) {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  // receive gives up to len bytes: what came within limit, or before the connection broke.
  std::string receive(std::size_t len, milliseconds limit = std::chrono::seconds(10)) {
    const timeval time{limit.count() / 1000, limit.count() % 1000 * 1000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    std::string text(len, '\0');
    std::size_t have = 0;
    while (have < len) {
      const ssize_t got = ::recv(socket_, text.data() + have, len - have, 0);
      trouble_ = got < 0 ? errno : 0;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    return text.substr(0, have);
  }
  int trouble() const { return trouble_; }

 private:
  int socket_;
  int trouble_ = 0;
};

constexpr milliseconds kShort{100};

bool echoes(std::uint16_t port) {
  Client client(port);
  return client.send("hello") && client.receive(5) == "hello";
}

TEST(TcpProxy, ForwardsBothWaysAndBothEnds) {
  EchoServer server;
  TcpProxy proxy(server.port());
  EXPECT_TRUE(echoes(proxy.port()));
  const std::string large(3 << 20, 'x');
  Client client(proxy.port());
  std::thread sender([&] { EXPECT_TRUE(client.send(large)); });
  EXPECT_TRUE(client.receive(large.size()) == large);
  sender.join();
}

TEST(TcpProxy, ResetBreaksConnectionsAndWelcomesNewOnes) {
  EchoServer server;
  TcpProxy proxy(server.port());
  Client client(proxy.port());
  ASSERT_TRUE(client.send("a"));
  ASSERT_EQ(client.receive(1), "a");
  EXPECT_EQ(proxy.num_connections(), 1u);
  proxy.reset();
  EXPECT_EQ(proxy.num_connections(), 0u);
  EXPECT_EQ(client.receive(1), "");
  EXPECT_EQ(client.trouble(), ECONNRESET);
  EXPECT_TRUE(echoes(proxy.port()));
}

TEST(TcpProxy, RefuseBreaksNewConnectionsToo) {
  EchoServer server;
  TcpProxy proxy(server.port());
  proxy.refuse();
  EXPECT_FALSE(echoes(proxy.port()));
  proxy.forward();
  EXPECT_TRUE(echoes(proxy.port()));
}

TEST(TcpProxy, BlackHoleClosesNothingAndDeliversAfterwards) {
  EchoServer server;
  TcpProxy proxy(server.port());
  Client before(proxy.port());
  ASSERT_TRUE(before.send("a"));
  ASSERT_EQ(before.receive(1), "a");
  proxy.black_hole();
  Client during(proxy.port());
  ASSERT_TRUE(before.send("b"));
  ASSERT_TRUE(during.send("c"));
  EXPECT_EQ(before.receive(1, kShort), "");
  EXPECT_EQ(before.trouble(), EAGAIN);
  EXPECT_EQ(during.receive(1, kShort), "");
  EXPECT_EQ(during.trouble(), EAGAIN);
  EXPECT_EQ(server.num_heard(), 1);
  proxy.forward();
  EXPECT_EQ(before.receive(1), "b");
  EXPECT_EQ(during.receive(1), "c");
}

TEST(TcpProxy, HeldAnswersAreOfRequestsThatArrived) {
  EchoServer server;
  TcpProxy proxy(server.port());
  proxy.hold_answers();
  Client client(proxy.port());
  ASSERT_TRUE(client.send("a"));
  EXPECT_EQ(client.receive(1, kShort), "");
  EXPECT_EQ(server.num_heard(), 1);
  proxy.forward();
  EXPECT_EQ(client.receive(1), "a");
}

TEST(TcpProxy, DelaysEachWay) {
  EchoServer server;
  TcpProxy proxy(server.port());
  proxy.delay(kShort);
  const auto begin = steady_clock::now();
  Client client(proxy.port());
  ASSERT_TRUE(client.send("a"));
  ASSERT_EQ(client.receive(1), "a");
  EXPECT_GE(steady_clock::now() - begin, 2 * kShort);
  proxy.forward();
  EXPECT_TRUE(echoes(proxy.port()));
}

TEST(TcpProxy, TargetThatIsGoneBreaksTheConnection) {
  std::uint16_t port = 0;
  {
    const ReservedPort nobody;
    port = nobody.number();
  }
  TcpProxy proxy(port);
  EXPECT_FALSE(echoes(proxy.port()));
}

}  // namespace
}  // namespace strongroom::testing::tcp_proxy_test
