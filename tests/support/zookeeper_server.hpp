// zookeeper_server.hpp: real ZooKeeper servers for a test: one, or an ensemble, on loopback ports and
// with directories of their own, which can be killed, stopped and started again one by one.
//
// They are children of this process, die with it however it ends, and are gone after the destructor.
// Any number of programs may do this at once: the ports stay reserved from the choice to the end.
// tests/system/zookeeper.sh configures and starts them, and serves who works in a shell.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "loopback.hpp"
#include "source_root.h"

namespace strongroom::testing {

struct ZooKeeperOptions {
  int num_servers = 1;     // or 3, or 5
  int tick_ms = 500;       // sessions last 2 ticks at least; a follower silent for 5 is dropped
  int heap_mb = 256;       // each
  bool force_sync = true;  // false: acknowledge without waiting for the disk
};

class ZooKeeperServers {
 public:
  static constexpr std::chrono::seconds kStartLimit{60};

  // wanted tells whether to go on. Where there is no server to start, a test is to be skipped, unless
  // STRONGROOM_REQUIRE_ZOOKEEPER=1 says that it must not be (then the constructor throws).
  static bool wanted() {
    const char* required = std::getenv("STRONGROOM_REQUIRE_ZOOKEEPER");
    if (required != nullptr && std::string_view(required) == "1") return true;
    return run({"available"}) == 0;
  }

  // Starts the servers and waits until all of them serve. Throws std::runtime_error.
  explicit ZooKeeperServers(ZooKeeperOptions options = {}) : options_(options) {
    std::string name = std::filesystem::temp_directory_path() / "strongroom-zk-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory: " + name);
    directory_ = std::filesystem::canonical(name);
    try {
      configure();
      start_all();
    } catch (...) {
      clean_up();
      throw;
    }
  }
  ~ZooKeeperServers() { clean_up(); }
  ZooKeeperServers(const ZooKeeperServers&) = delete;
  ZooKeeperServers& operator=(const ZooKeeperServers&) = delete;

  int size() const noexcept { return options_.num_servers; }
  std::uint16_t port(int server) const { return at(server).client.number(); }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  // connect_string is host:port,host:port,… of all of them.
  std::string connect_string() const {
    std::string text;
    for (const Server& server : servers_)
      text += (text.empty() ? "" : ",") + ("127.0.0.1:" + std::to_string(server.client.number()));
    return text;
  }

  // ask sends a four-letter word, and gives the answer: "" when there was none in time.
  std::string ask(int server, std::string_view word,
                  std::chrono::milliseconds limit = std::chrono::seconds(2)) const {
    return ask_loopback(port(server), word, limit);
  }

  // mode is standalone, leader or follower; "" of a server that serves nobody at present.
  std::string mode(int server) const {
    const std::string answer = ask(server, "srvr");
    const std::size_t begin = answer.find("Mode: ");
    if (begin == std::string::npos) return {};
    return answer.substr(begin + 6, answer.find('\n', begin) - begin - 6);
  }

  // leader gives the number of the leader, or -1 where there is none now. Stopped servers are not
  // asked.
  int leader() const {
    for (int i = 0; i < size(); ++i) {
      if (at(i).pid > 0 && !at(i).paused && mode(i) == "leader") return i;
    }
    return -1;
  }

  // await_leader is leader once there is one. Throws when there is none in time.
  int await_leader(std::chrono::milliseconds limit = kStartLimit) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
      if (const int found = leader(); found >= 0) return found;
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("no leader");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  // await waits until a server serves. Throws when it ended or does not serve in time.
  void await(int server, std::chrono::milliseconds limit = kStartLimit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (mode(server).empty()) {
      if (ended(server)) throw std::runtime_error("a server ended:\n" + log_tail(server));
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("a server did not serve in time:\n" + log_tail(server));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void await_all() {
    for (int i = 0; i < size(); ++i) await(i);
  }

  void kill(int server);                                     // kill -9, gone when this returns
  void pause(int server) { signal(server, SIGSTOP, true); }  // it hangs, its connections stay
  void resume(int server) { signal(server, SIGCONT, false); }

  // launch starts a server that does not run, with what it had stored, and does not wait for it. It
  // has to be the thread of the constructor: the server dies with the thread that started it.
  void launch(int server);
  void restart(int server) {
    kill(server);
    launch(server);
    await(server);
  }
  void kill_all() {
    for (int i = 0; i < size(); ++i) kill(i);
  }
  void start_all() {
    for (int i = 0; i < size(); ++i) launch(i);
    await_all();
  }

  // log_tail is the end of what a server has said.
  std::string log_tail(int server) const {
    std::ifstream in(own_directory(server) / "log");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return text.size() > 4000 ? text.substr(text.size() - 4000) : text;
  }

 private:
  using Words = std::vector<std::string>;

  struct Server {
    ReservedPort client{};
    ReservedPort quorum{};
    ReservedPort election{};
    pid_t pid = -1;  // of our own child, not reaped yet
    bool paused = false;
  };

  static const char* script() { return STRONGROOM_SOURCE_ROOT "/tests/system/zookeeper.sh"; }

  // start forks, and the child becomes the script with these variables set.
  static pid_t start(const Words& arguments, const Words& variables, bool dies_with_us);
  static int run(const Words& arguments, const Words& variables = {}) {
    const pid_t child = start(arguments, variables, false);
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
  }

  Server& at(int server) { return servers_.at(static_cast<std::size_t>(server)); }
  const Server& at(int server) const { return servers_.at(static_cast<std::size_t>(server)); }
  std::filesystem::path own_directory(int server) const {
    return directory_ / std::to_string(server + 1);
  }

  void configure() {
    servers_ = std::vector<Server>(static_cast<std::size_t>(options_.num_servers));
    std::vector<std::string> arguments = {"configure", directory_};
    for (const Server& server : servers_) {
      arguments.push_back(std::to_string(server.client.number()) + ":" +
                          std::to_string(server.quorum.number()) + ":" +
                          std::to_string(server.election.number()));
    }
    const std::string tick = "STRONGROOM_ZOOKEEPER_TICK_MS=" + std::to_string(options_.tick_ms);
    if (run(arguments, {tick}) != 0)
      throw std::runtime_error("the servers could not be configured");
  }

  void signal(int server, int number, bool paused) {
    if (at(server).pid <= 0) throw std::runtime_error("that server does not run");
    ::kill(at(server).pid, number);
    at(server).paused = paused;
  }

  // ended tells whether a server ended by itself, and reaps it.
  bool ended(int server) {
    pid_t& pid = at(server).pid;
    if (pid > 0 && ::waitpid(pid, nullptr, WNOHANG) == pid) pid = -1;
    return pid <= 0;
  }

  void clean_up() {
    try {
      kill_all();
    } catch (const std::exception&) {  // none of them was made yet
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  ZooKeeperOptions options_;
  std::filesystem::path directory_;
  std::vector<Server> servers_;
  std::thread::id thread_ = std::this_thread::get_id();
};

inline void ZooKeeperServers::kill(int server) {
  const pid_t pid = std::exchange(at(server).pid, -1);
  at(server).paused = false;
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
}

inline void ZooKeeperServers::launch(int server) {
  if (std::this_thread::get_id() != thread_)
    throw std::runtime_error("a server would die with this thread");
  if (at(server).pid > 0) throw std::runtime_error("that server runs");
  at(server).pid = start(
      {"exec", std::to_string(server + 1), directory_},
      {"STRONGROOM_ZOOKEEPER_HEAP=" + std::to_string(options_.heap_mb) + "m",
       std::string("STRONGROOM_ZOOKEEPER_FORCE_SYNC=") + (options_.force_sync ? "yes" : "no")},
      true);
}

// The variables are set by env: setenv would race with other threads. Between fork and exec stands
// only what a child of many threads may do.
inline pid_t ZooKeeperServers::start(const Words& arguments, const Words& variables,
                                     bool dies_with_us) {
  Words all = {"env"};
  all.insert(all.end(), variables.begin(), variables.end());
  all.insert(all.end(), {"bash", script()});
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child > 0) return child;
  if (dies_with_us && (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent))
    ::_exit(126);
  ::close_range(3, ~0U, 0);  // a pipe of the test that stayed open there would never end
  ::execv("/usr/bin/env", argv.data());
  ::_exit(127);
}

}  // namespace strongroom::testing
