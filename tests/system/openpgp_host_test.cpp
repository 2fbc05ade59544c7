// openpgp_host_test.cpp: what a host sees of its OpenPGP helper: nothing left behind, whatever the
// helper does, and no way for a stranger to become it.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "openpgp_fixture.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "support/process.hpp"

namespace strongroom::testing::openpgp_host_test {
namespace {

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::string slurp(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// status_of gives one line of /proc/<pid>/status, without its name and white space.
std::string status_of(pid_t pid, const std::string& name) {
  std::istringstream lines(slurp("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", name.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "gone";
}

// helper_of waits for a child of the parent that has become another program.
pid_t helper_of(pid_t parent, const std::string& named = "strongroom-open") {
  for (int tries = 0; tries < 5000; ++tries) {
    DIR* const processes = ::opendir("/proc");
    while (const dirent* entry = ::readdir(processes)) {
      const pid_t pid = std::atoi(entry->d_name);
      if (pid <= 0 || status_of(pid, "PPid") != std::to_string(parent)) continue;
      if (status_of(pid, "Name") != named) continue;
      ::closedir(processes);
      return pid;
    }
    ::closedir(processes);
    ::usleep(1000);
  }
  return -1;
}

bool ended(pid_t pid) {
  const std::string state = status_of(pid, "State");
  return state == "gone" || state[0] == 'Z' || state[0] == 'X';
}

std::size_t num_open_files() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

class OpenPgpHostTest : public OpenPgpTest {
 protected:
  void SetUp() override {
    message_ = home().gpg({"--encrypt", "-r", "curve"}, bytes(kShareText));
    key_ = home().private_key("curve");
  }
  void TearDown() override { EXPECT_FALSE(has_children()); }  // no zombie either

  Result<SecretBytes> unwrap_by(const std::string& program, Timeout timeout = Timeout{60'000}) {
    return openpgp_helper(program, timeout)->unwrap(message_, SecretView(key_), {});
  }
  bool works() {
    const auto got = unwrap_by(helper());
    return got && text(*got) == kShareText;
  }

  Bytes message_;
  Bytes key_;
};

// begun is the start of a good answer.
Writer begun() {
  Writer answer;
  answer.u32(0x53525032);
  answer.u32(0);
  return answer;
}

TEST_F(OpenPgpHostTest, HelperThatHangsIsKilledAtTheDeadline) {
  for (const std::string& body :
       {std::string("exec /bin/sleep 60"), printed(begun().take()) + "exec /bin/sleep 60",
        std::string("trap '' TERM\nexec /bin/sleep 60")}) {
    const auto begin = steady_clock::now();
    const auto got = unwrap_by(script("hangs", body), Timeout{300});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::timeout) << got.error().message;
    EXPECT_GE(seconds_since(begin), 0.29);
    EXPECT_LT(seconds_since(begin), 2.0);
  }
}

TEST_F(OpenPgpHostTest, HelperThatTakesNoInputIsKilledAtTheDeadline) {
  const Bytes key(kMaxOpenPgpKeyLen, 0x99);
  const std::vector<ByteView> keys(20, ByteView(key));
  const auto begin = steady_clock::now();
  const auto got =
      openpgp_helper(script("hangs", "exec /bin/sleep 60"), Timeout{300})->wrap({}, keys);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timeout) << got.error().message;
  EXPECT_LT(seconds_since(begin), 2.0);
}

TEST_F(OpenPgpHostTest, HelperThatAnswersOddlyIsRefused) {
  Writer too_much = begun();
  too_much.u32(4);
  too_much.bytes(bytes("text"));
  too_much.u8(0);
  Writer gigabytes = begun();
  gigabytes.u32(0xFFFFFFFF);
  Writer unknown;
  unknown.u32(0x53525032);
  unknown.u32(0xC8000000);
  const std::vector<std::string> bodies = {
      "exit 0",
      "exit 1",
      "kill -9 $$",
      printed(bytes("garbage, garbage, garbage")),
      printed(begun().take()),
      printed(begun().take()) + "kill -9 $$",
      printed(std::move(too_much).take()),
      printed(std::move(gigabytes).take()),
      printed(std::move(unknown).take()),
      "exec /bin/cat /dev/zero >&0",
      "exec 0<&-",
  };
  for (const std::string& body : bodies) {
    const auto begin = steady_clock::now();
    const auto got = unwrap_by(script("odd", body));
    ASSERT_FALSE(got) << body;
    EXPECT_EQ(got.error().code, Code::unavailable) << body << got.error().message;
    EXPECT_LT(seconds_since(begin), 5.0) << body;
    EXPECT_FALSE(has_children()) << body;
  }
  EXPECT_TRUE(works());
}

TEST_F(OpenPgpHostTest, MissingHelperSaysHowToGetOne) {
  for (const std::string& program :
       {std::string("/nonexistent/helper"), home().path().string(), std::string("relative")}) {
    const auto got = unwrap_by(program);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::unsupported) << got.error().message;
  }
  const auto missing = unwrap_by("/nonexistent/helper");
  EXPECT_NE(missing.error().message.find("/nonexistent/helper"), std::string::npos);
  EXPECT_NE(missing.error().message.find("STRONGROOM_OPENPGP_HELPER"), std::string::npos);
}

TEST_F(OpenPgpHostTest, HelperThatOthersCouldWriteIsNotStarted) {
  const std::string mark = home().path() / "started";
  const std::string program = script("writable", ": >" + mark);
  for (const mode_t mode : {0757U, 0775U, 0777U}) {
    ASSERT_EQ(::chmod(program.c_str(), mode), 0);
    const auto got = unwrap_by(program);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::unsupported);
    EXPECT_NE(got.error().message.find("by others"), std::string::npos) << got.error().message;
  }
  EXPECT_FALSE(std::filesystem::exists(mark));
  if (::geteuid() != 0) return;
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
  ASSERT_EQ(::chown(program.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(unwrap_by(program).error().code, Code::unsupported);
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_F(OpenPgpHostTest, KilledInTheMiddleIsAnError) {
  std::thread killer([] {
    const pid_t pid = helper_of(::getpid());
    if (pid > 0) ::kill(pid, SIGKILL);
  });
  const auto pair = real()->generate(4096, "someone");
  killer.join();
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().code, Code::unavailable) << pair.error().message;
}

// What the helper shows to others while it works.
TEST_F(OpenPgpHostTest, RunningHelperShowsNothing) {
  std::string command_line;
  std::string environment;
  std::string no_new_privileges;
  std::string locked;
  std::size_t num_files = 0;
  std::thread looker([&] {
    const pid_t pid = helper_of(::getpid());
    const std::string process = "/proc/" + std::to_string(pid);
    ::usleep(50'000);  // past its start
    command_line = slurp(process + "/cmdline");
    environment = slurp(process + "/environ");
    no_new_privileges = status_of(pid, "NoNewPrivs");
    locked = status_of(pid, "VmLck");
    std::error_code refused;
    for (std::filesystem::directory_iterator it(process + "/fd", refused), end;
         !refused && it != end; it.increment(refused)) {
      ++num_files;
    }
    ::kill(pid, SIGKILL);
  });
  EXPECT_FALSE(real()->generate(4096, "someone"));
  looker.join();
  EXPECT_EQ(command_line, std::string("strongroom-openpgp") + '\0');
  EXPECT_EQ(environment, "");
  EXPECT_EQ(no_new_privileges, "1");
  EXPECT_LE(num_files, 4U);  // the socket, /dev/null twice, and random numbers
  if (!kSanitized && mlock_locks()) {
    EXPECT_NE(locked, "0 kB");
  }
}

TEST_F(OpenPgpHostTest, HelperDiesWithItsHost) {
  const pid_t host = ::fork();
  ASSERT_GE(host, 0);
  if (host == 0) {
    (void)real()->generate(4096, "someone");
    ::_exit(0);
  }
  const pid_t pid = helper_of(host);
  ::usleep(50'000);
  ::kill(host, SIGKILL);
  ASSERT_EQ(::waitpid(host, nullptr, 0), host);
  ASSERT_GT(pid, 0);
  for (int tries = 0; tries < 1000 && !ended(pid); ++tries) ::usleep(1000);
  EXPECT_TRUE(ended(pid));
}

TEST_F(OpenPgpHostTest, ManyThreadsWithManyFilesAtOnce) {
  std::vector<int> files;
  for (int i = 0; i < 500; ++i) files.push_back(::open("/dev/null", O_RDONLY));  // not O_CLOEXEC
  const std::size_t before = num_open_files();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) good += works() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
  EXPECT_EQ(num_open_files(), before);
  for (const int file : files) ::close(file);
}

TEST_F(OpenPgpHostTest, HostWithoutStandardFilesIsServed) {
  EXPECT_EQ(in_child([&]() -> Complaint {
              for (const int fd : {0, 1, 2}) ::close(fd);
              return works() ? nullptr : "did not work";
            }),
            "");
}

TEST_F(OpenPgpHostTest, HostThatIgnoresOrBlocksSignalsIsServed) {
  EXPECT_EQ(in_child([&]() -> Complaint {
              std::signal(SIGCHLD, SIG_IGN);
              sigset_t all;
              sigfillset(&all);
              ::sigprocmask(SIG_BLOCK, &all, nullptr);
              if (!works()) return "did not work";
              const auto hung = unwrap_by(script("hangs", "exec /bin/sleep 60"), Timeout{200});
              if (hung || hung.error().code != Code::timeout) return "did not hang";
              const auto ended = unwrap_by(script("ends", "exit 0"));
              return !ended && ended.error().code == Code::unavailable ? nullptr : "did not end";
            }),
            "");
}

TEST_F(OpenPgpHostTest, HelperThatLeavesRaisesNoSignalHere) {
  const std::string leaves = script("leaves", "exit 0");
  EXPECT_EQ(in_child([&]() -> Complaint {
              std::signal(SIGPIPE, SIG_DFL);
              const Bytes key(kMaxOpenPgpKeyLen, 0x99);
              const std::vector<ByteView> keys(20, ByteView(key));
              const auto got = openpgp_helper(leaves)->wrap({}, keys);
              return !got && got.error().code == Code::unavailable ? nullptr : "no error";
            }),
            "");
}

bool rsa_round_trip() {
  const auto pgp = openpgp_helper();
  const auto pair = pgp->generate(2048, "A user");
  if (!pair) return false;
  const SecretView share(kShareText.data(), kShareText.size());
  const ByteView key(pair->public_key);
  const auto wrapped = pgp->wrap(std::span(&share, 1), std::span(&key, 1));
  if (!wrapped) return false;
  const auto got = pgp->unwrap(wrapped->front().message, pair->private_key.view(), {});
  return got && text(*got) == kShareText;
}

// A user may lock 8 MiB by default; less than a helper needs is said, not worked around.
TEST_F(OpenPgpHostTest, MemoryThatCannotBeLockedIsSaid) {
  const auto limited = [&](std::size_t len, bool enough) {
    return in_child([&, len, enough]() -> Complaint {
      if (!limit_locked_memory(len) || ::access(helper().c_str(), X_OK) != 0) return kCannotTell;
      const auto got = unwrap_by(helper());
      if (enough && !(got && text(*got) == kShareText)) return "did not work";
      if (enough) return rsa_round_trip() ? nullptr : "RSA did not work";  // it takes a thread
      if (got || got.error().code != Code::unavailable) return "it worked";
      return got.error().message.find("RLIMIT_MEMLOCK") != std::string::npos ? nullptr : "odd word";
    });
  };
  for (const auto& [len, enough] : {std::pair(std::size_t{8} << 20, true), {64 << 10, false}}) {
    const std::string complaint = limited(len, enough);
    if (complaint == kCannotTell) GTEST_SKIP() << "memory can not be limited here";
    EXPECT_EQ(complaint, "") << len;
  }
}

TEST_F(OpenPgpHostTest, HelperIsNoCommand) {
  const std::string command = "'" + helper() + "' </dev/null >/dev/null 2>&1";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 2);
}

}  // namespace
}  // namespace strongroom::testing::openpgp_host_test
