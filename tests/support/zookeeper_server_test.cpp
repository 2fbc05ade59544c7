// The servers that other tests rely on: they do serve, come and go one by one, and leave nothing.
#include "zookeeper_server.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "process.hpp"

namespace strongroom::testing::zookeeper_server_test {
namespace {

// pid_of finds the process that was started with a word on its command line, or 0.
pid_t pid_of(const std::string& word) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "cmdline");
    const std::string line{std::istreambuf_iterator<char>(in), {}};
    if (line.find(word) != std::string::npos) return std::stoi(entry.path().filename());
  }
  return 0;
}

bool gone_within(const std::string& word, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (pid_of(word) != 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

TEST(ZooKeeperServers, TwoAtOnceServeAndLeaveNothing) {
  if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  std::filesystem::path directory;
  {
    ZooKeeperServers one;
    const ZooKeeperServers two;
    EXPECT_EQ(one.mode(0), "standalone");
    EXPECT_EQ(two.mode(0), "standalone");
    EXPECT_NE(one.port(0), two.port(0));
    EXPECT_EQ(one.connect_string(), "127.0.0.1:" + std::to_string(one.port(0)));
    one.restart(0);
    EXPECT_EQ(one.mode(0), "standalone");
    directory = one.directory();
    EXPECT_NE(pid_of(directory), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(directory));
  EXPECT_EQ(pid_of(directory), 0);
}

TEST(ZooKeeperServers, EnsembleGoesOnWithoutTheLeader) {
  if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  ZooKeeperServers servers({3, 300});
  const int first = servers.await_leader();
  servers.kill(first);
  const int second = servers.await_leader();
  EXPECT_NE(second, first);
  servers.launch(first);
  servers.await(first);
  EXPECT_EQ(servers.mode(first), "follower");
  servers.pause(second);
  std::string said = "something";  // a process that is told to stop has stopped soon, not at once
  for (int i = 0; i < 50 && !said.empty(); ++i)
    said = servers.ask(second, "srvr", std::chrono::milliseconds(100));
  EXPECT_EQ(said, "");
  const int third = servers.await_leader();
  EXPECT_NE(third, second);
  servers.resume(second);
  servers.await_all();
  servers.kill_all();
  EXPECT_EQ(servers.leader(), -1);
  servers.start_all();
  EXPECT_GE(servers.leader(), 0);
}

TEST(ZooKeeperServers, DieWithAParentThatIsKilled) {
  if (!ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const ZooKeeperServers servers;
    const std::string name = servers.directory();
    ::_exit(::write(pipe[1], name.data(), name.size()) > 0 ? (::pause(), 0) : 1);
  }
  ::close(pipe[1]);
  std::string name(4096, '\0');
  const ssize_t len = ::read(pipe[0], name.data(), name.size());
  ::close(pipe[0]);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_GT(len, 0);
  name.resize(static_cast<std::size_t>(len));
  EXPECT_TRUE(gone_within(name, std::chrono::seconds(10)));
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace strongroom::testing::zookeeper_server_test
