// lmdb_open_deadline_test.cpp: opening an LMDB store keeps to its deadline, whoever else opens it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/backends/lmdb.hpp"
#include "tests/support/scratch.hpp"

namespace strongroom::lmdb_open_deadline_test {
namespace {

using namespace std::chrono_literals;

// Holder is a process that holds a lock on one byte of a file and is stopped (kill -STOP).
class Holder {
 public:
  Holder(const std::string& file, off_t byte) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
      struct flock range {};
      range.l_type = F_WRLCK;
      range.l_whence = SEEK_SET;
      range.l_start = byte;
      range.l_len = 1;
      if (fd < 0 || ::fcntl(fd, F_SETLK, &range) != 0 || ::write(ends[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(ends[1]);
    char said = 0;
    holds_ = ::read(ends[0], &said, 1) == 1 && ::kill(pid_, SIGSTOP) == 0;
    ::close(ends[0]);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  bool holds() const noexcept { return holds_; }

 private:
  pid_t pid_ = -1;
  bool holds_ = false;
};

void expect_timeout(const std::string& file, off_t byte, const std::string& says) {
  const testing::Scratch scratch;
  const std::string path = scratch.path() / "store";
  ASSERT_TRUE(open_lmdb(path).ok());
  {
    const Holder holder(path + "/" + file, byte);
    ASSERT_TRUE(holder.holds());
    const auto start = std::chrono::steady_clock::now();
    auto opened = open_backend("lmdb:" + path, {.timeout = 300ms});
    const auto took = std::chrono::steady_clock::now() - start;
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Code::timeout) << opened.error().message;
    EXPECT_NE(opened.error().message.find(says), std::string::npos) << opened.error().message;
    EXPECT_GE(took, 300ms);
    EXPECT_LT(took, 5s);
  }
  EXPECT_TRUE(open_lmdb(path).ok());
}

TEST(LmdbOpenDeadline, HoldsWhileAnotherProcessIsStoppedInOpening) {
  expect_timeout("write.lock", 1, "opening or closing the store");
}

TEST(LmdbOpenDeadline, HoldsWhileAProgramThatKnowsOnlyLmdbIsStoppedInOpening) {
  expect_timeout("lock.mdb", 0, "held by another program");
}

}  // namespace
}  // namespace strongroom::lmdb_open_deadline_test
