// child_process.hpp: this test program once more, in another role: a process that can be stopped,
// killed, and told to end, and that never outlives the test.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace strongroom::testing {

// ChildProcess runs /proc/self/exe with arguments of its own. Its standard input is a pipe that is
// closed when it is to end. What it writes to its standard output is read by receive.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("no pipe");
    arguments.insert(arguments.begin(), "child");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no child");
    if (pid_ == 0) {
      // Dies with the thread that made it, which is that of the test.
      if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(126);
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        to_(std::exchange(other.to_, -1)),
        from_(std::exchange(other.from_, -1)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() {
    kill();
    if (to_ >= 0) ::close(to_);
    if (from_ >= 0) ::close(from_);
  }

  pid_t pid() const noexcept { return pid_; }
  void pause() { ::kill(pid_, SIGSTOP); }
  void resume() { ::kill(pid_, SIGCONT); }

  // kill is kill -9; it is gone when this returns.
  void kill() {
    const pid_t pid = std::exchange(pid_, -1);
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  // tell hands it bytes.
  bool tell(const std::string& text) {
    return ::write(to_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  // receive waits for what it writes next, of up to 64 KiB; nothing at its end, or when nothing comes in
  // time.
  std::string receive(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    pollfd polled{from_, POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(limit.count())) <= 0) return {};
    std::string text(64 << 10, '\0');
    ssize_t got = -1;
    while ((got = ::read(from_, text.data(), text.size())) < 0 && errno == EINTR) continue;
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  // end asks it to end, and gives its status as waitpid does; nothing when it did not end in time
  // (then it was killed).
  std::optional<int> end(std::chrono::milliseconds limit) {
    ::close(std::exchange(to_, -1));
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return status;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    kill();
    return {};
  }

  // await_end waits, in the child, until it is asked to end.
  static void await_end() {
    std::array<char, 256> ignored{};
    for (;;) {
      const ssize_t got = ::read(0, ignored.data(), ignored.size());
      if (got == 0 || (got < 0 && errno != EINTR)) return;
    }
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace strongroom::testing
