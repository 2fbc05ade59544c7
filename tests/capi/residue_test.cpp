// What a host's process keeps of secrets that it read through the C ABI and released: nothing. The process is
// looked at from outside, its memory by /proc/PID/mem and in the core that the kernel writes when it aborts.
// A secret that is still held is in its memory, and not in a core.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "tests/residue_scan.hpp"

namespace capi_test::residue_test {
namespace {

namespace fs = std::filesystem;
using namespace strongroom_abi;
using strongroom::testing::Marker;
using strongroom::testing::residue_in_file;
using strongroom::testing::residue_in_process;

constexpr std::size_t kMarkerLen = 512;
constexpr int kNumReads = 200;

// Looked is a child that runs body, and stops itself where it is to be looked at.
class Looked {
 public:
  template <typename Body>
  explicit Looked(Body body) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::alarm(100);
    try {
      body();
    } catch (const Error&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  Looked(const Looked&) = delete;
  Looked& operator=(const Looked&) = delete;
  ~Looked() {
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void go_on() const { ::kill(pid_, SIGCONT); }
  bool stands_still() { return WIFSTOPPED(wait()); }
  bool ends_well() {
    const int status = wait();
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  bool dumps_core() {
    const int status = wait();
    return WIFSIGNALED(status) && WCOREDUMP(status);
  }

 private:
  int wait() {
    int status = 0;
    if (::waitpid(pid_, &status, WUNTRACED) != pid_) return 0;
    ended_ = !WIFSTOPPED(status);
    return status;
  }

  pid_t pid_ = -1;
  bool ended_ = false;
};

class Residue : public ::testing::Test {
 protected:
  // The secrets are put by a child, so that this process never holds them in clear.
  void SetUp() override {
    marker_ = Marker::random(kMarkerLen);
    ASSERT_TRUE(marker_.has_value());
    Looked writer([&] {
      Fresh fresh(url());
      std::ofstream(directory_.path() + "/key") << fresh.key;
      Secret plain(kMarkerLen);
      marker_->unmask_to(plain.writable());
      put(fresh.session, "plain", plain);
      Secret member(kBegin.size() + kMarkerLen + kEnd.size());
      ::memcpy(member.writable(), kBegin.data(), kBegin.size());
      marker_->unmask_to(member.writable() + kBegin.size());
      ::memcpy(member.writable() + kBegin.size() + kMarkerLen, kEnd.data(), kEnd.size());
      put(fresh.session, "member", member);
    });
    ASSERT_TRUE(writer.ends_well());
  }

  std::string url() const { return "lmdb:" + directory_.path() + "/store"; }

  static void put(Session& session, const std::string& path, const Secret& secret) {
    session.put(path, STRONGROOM_CONTENT_TEXT, secret.reveal());
  }

  // Reading runs in a child.
  Session unsealed() const {
    std::string key;
    std::ifstream(directory_.path() + "/key") >> key;
    Session session = Store(url()).trusted();
    session.unseal({key});
    return session;
  }

  // read_all reads the secrets in every way that a host has, releases them, and wipes its own copies.
  static void read_all(Session& session) {
    Queue queue;
    for (int i = 0; i < kNumReads; ++i) {
      std::vector<std::uint8_t> copy(kMarkerLen);
      const Secret plain = session.get("plain");
      check(strongroom_secret_copy_out(plain.raw(), copy.data(), copy.size(), nullptr, nullptr));
      ::explicit_bzero(copy.data(), copy.size());
      const Secret member = session.get_member("member", "marker");
      const Batch both = session.get_many({"plain", "member"});
      must(member.size() == kMarkerLen && both.secret(0).size() == kMarkerLen);
      queue.get(session, "plain", nullptr);
      pollfd ready{queue.fd(), POLLIN, 0};
      must(::poll(&ready, 1, 60'000) == 1 && queue.next().size() == 1);
    }
  }
  static void check(strongroom_status status) {
    if (status != STRONGROOM_OK) throw Error(status, nullptr);
  }
  static void must(bool good) { check(good ? STRONGROOM_OK : STRONGROOM_INTERNAL); }

  // dump_core ends this process by a signal that leaves a core, in a directory of its own.
  void dump_core() const {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    fs::create_directory(cores());
    must(::setrlimit(RLIMIT_CORE, &limit) == 0 && ::prctl(PR_SET_DUMPABLE, 1) == 0 &&
         ::chdir(cores().c_str()) == 0);
    ::signal(SIGABRT, SIG_DFL);
    ::abort();
  }
  std::string cores() const { return directory_.path() + "/cores"; }

  // core returns the core that a child left; nothing if the system keeps cores elsewhere, or none.
  std::optional<std::string> core() const {
    for (const auto& entry : fs::directory_iterator(cores())) return entry.path().string();
    return std::nullopt;
  }

  static constexpr std::string_view kBegin = "{\"marker\": \"";
  static constexpr std::string_view kEnd = "\"}";

  TempDir directory_;
  std::optional<Marker> marker_;
};

constexpr const char* kNoCore = "the system writes no core to where the process is";

TEST_F(Residue, NoPieceOfAReleasedSecretIsInMemory) {
  Looked child([&] {
    Session session = unsealed();
    {
      const Secret held = session.get("plain");
      ::raise(SIGSTOP);
    }
    read_all(session);
    ::raise(SIGSTOP);
  });
  ASSERT_TRUE(child.stands_still()) << "the child could not read";
  EXPECT_EQ(residue_in_process(*marker_, child.pid()), 1u) << "the scan finds what is held, once";
  child.go_on();
  ASSERT_TRUE(child.stands_still()) << "the child could not read";
  EXPECT_EQ(residue_in_process(*marker_, child.pid()), 0u);
  child.go_on();
  EXPECT_TRUE(child.ends_well());
}

TEST_F(Residue, NoPieceOfAReleasedSecretIsInACore) {
  Looked child([&] {
    Session session = unsealed();
    read_all(session);
    dump_core();
  });
  if (!child.dumps_core() || !core()) GTEST_SKIP() << kNoCore;
  EXPECT_EQ(residue_in_file(*marker_, *core()), 0u);
}

TEST_F(Residue, NoPieceOfAHeldSecretIsInACore) {
  Looked child([&] {
    Session session = unsealed();
    const Secret held = session.get("plain");
    const Batch both = session.get_many({"plain", "member"});
    dump_core();
  });
  if (!child.dumps_core() || !core()) GTEST_SKIP() << kNoCore;
  EXPECT_EQ(residue_in_file(*marker_, *core()), 0u);
}

TEST_F(Residue, ACoreHasWhatAHostCopiedAndDidNotWipe) {
  Looked child([&] {
    Session session = unsealed();
    const Secret held = session.get("plain");
    const std::string copy(held.reveal());
    must(copy.size() == kMarkerLen);
    dump_core();
  });
  if (!child.dumps_core() || !core()) GTEST_SKIP() << kNoCore;
  // The copy, and pieces of it in the vector registers that copied it.
  EXPECT_GE(residue_in_file(*marker_, *core()), 1u) << "the scan finds what is there";
}

}  // namespace
}  // namespace capi_test::residue_test
