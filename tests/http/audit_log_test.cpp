#include "audit/audit_log.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "audit_fixture.hpp"
#include "message/failure.hpp"
#include "support/child_process.hpp"
#include "support/role.hpp"

namespace strongroomd::audit_log_test {

using namespace audit_fixture;

class AuditLogTest : public Audit {};

// ---- lines ----

TEST_F(AuditLogTest, ALineSaysWhoDidWhatAndNotMore) {
  Server server(place());
  AuditLog& log = server.start();
  log.reserve();
  log.write(entry_for("db/password"));
  const std::string line = server.last_line();
  EXPECT_TRUE(line.starts_with("{\"seq\":2,\"time\":\"20")) << line;
  EXPECT_TRUE(contains(line,
                       "\",\"instance\":\"0123456789abcdef\",\"peer\":\"127.0.0.1:4711\","
                       "\"actor\":\"user:bob\",\"action\":\"secret_read\",\"path\":\"db/password\","
                       "\"status\":200,\"outcome\":\"ok\",\"duration_us\":153,\"hash\":\""))
      << line;
  EXPECT_EQ(fault_of(server.parts()), "");
  struct stat status {};
  ASSERT_EQ(::stat(server.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(AuditLogTest, OutcomesFollowFromTheStatus) {
  Server server(place());
  AuditLog& log = server.start();
  const std::vector<std::pair<unsigned, std::string>> rows = {
      {200, "ok"},     {204, "ok"},      {304, "ok"},      {401, "denied"},
      {403, "denied"}, {400, "refused"}, {404, "refused"}, {409, "refused"},
      {500, "failed"}, {503, "failed"},  {0, "failed"},    {999, "failed"}};
  for (const auto& [status, outcome] : rows) {
    log.write(entry_for("a", status));
    EXPECT_TRUE(contains(server.last_line(), "\"outcome\":\"" + outcome + "\"")) << status;
  }
}

TEST_F(AuditLogTest, AHostilePathOrActorForgesNoLine) {
  Server server(place());
  AuditLog& log = server.start();
  const std::string hostile = "x\",\"status\":200}\n{\"seq\":3,\"event\":\"begin\"\xFF\r\n";
  AuditEntry entry = entry_for(hostile);
  entry.actor = entry.peer = entry.action = hostile;
  log.write(entry);
  entry.path = std::string_view("\0\n\"", 3);
  log.write(entry);
  EXPECT_EQ(lines_of(server.text()).size(), 3u);
  EXPECT_EQ(fault_of(server.parts()), "");
}

TEST_F(AuditLogTest, PathsOfSecretsBecomeTheSameKeyedHashAlsoAfterARestart) {
  std::string first, other;
  {
    Server server(place());
    server.settings.audit.hash_paths = true;
    AuditLog& log = server.start();
    log.write(entry_for("db/password"));
    first = server.last_line();
    EXPECT_FALSE(contains(first, "password"));
    log.write(entry_for("db/passwore"));
    other = server.last_line();
    AuditEntry plain = entry_for("policies/x");
    plain.is_secret_path = false;
    log.write(plain);
    EXPECT_TRUE(contains(server.last_line(), "\"path\":\"policies/x\""));
    EXPECT_EQ(server.dir().read("audit-path-key")->size(), 32u);
  }
  Server server(place());
  server.settings.audit.hash_paths = true;
  server.start().write(entry_for("db/password"));
  const auto hash_in = [](const std::string& line) {
    const std::size_t at = line.find("\"path_hmac\":\"");
    return at == std::string::npos ? std::string() : line.substr(at, 13 + 65);
  };
  EXPECT_EQ(hash_in(first), hash_in(server.last_line()));
  EXPECT_NE(hash_in(first), hash_in(other));
  EXPECT_EQ(hash_in(first).size(), 13u + 65u);
  EXPECT_EQ(hash_in(first).back(), '"');

  server.stop();
  server.dir().write("audit-path-key", "short");
  EXPECT_THROW(server.start(), std::runtime_error);
}

TEST_F(AuditLogTest, ThreadsWriteWholeLinesInOneChain) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&log] {
      for (int n = 0; n < 1000; ++n) {
        log.reserve();
        log.write(entry_for("db/" + std::to_string(n)));
      }
    });
  }
  for (std::thread& each : threads) each.join();
  const Verifier verifier = verified(server.parts());
  EXPECT_FALSE(verifier.fault());
  EXPECT_EQ(verifier.num_lines(), 4001u);
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
}

TEST_F(AuditLogTest, OffMeansNoFile) {
  Server server(place());
  server.settings.audit.enabled = false;
  AuditLog& log = server.start();
  log.reserve();
  log.write(entry_for("a"));
  log.unsealed();
  log.reopen();
  EXPECT_EQ(log.num_lost(), 0u);
  EXPECT_FALSE(fs::exists(server.file()));
}

// ---- files that are refused ----

TEST_F(AuditLogTest, AFileThatIsNotPrivateIsRefused) {
  Server server(place());
  write_file(server.file(), "");
  for (const unsigned mode : {0640u, 0604u, 0666u}) {
    fs::permissions(server.file(), fs::perms(mode));
    EXPECT_THROW(server.start(), std::runtime_error) << mode;
  }
  fs::permissions(server.file(), fs::perms(0600));
  fs::create_hard_link(server.file(), place() + "/other");
  EXPECT_THROW(server.start(), std::runtime_error);
  fs::rename(server.file(), place() + "/another");
  fs::create_symlink(place() + "/other", server.file());
  EXPECT_THROW(server.start(), std::runtime_error);
  fs::remove(server.file());
  ASSERT_EQ(::mkfifo(server.file().c_str(), 0600), 0);
  EXPECT_THROW(server.start(), std::runtime_error);
  fs::remove(server.file());
  fs::create_directory(server.file());
  EXPECT_THROW(server.start(), std::runtime_error);
  fs::remove(server.file());
  EXPECT_NO_THROW(server.start());
}

TEST_F(AuditLogTest, AFileThatIsNoLogIsLeftAsItIs) {
  Server server(place());
  for (const std::string content : {"some text", "some text\n", "{\"seq\":1}\n", "\n\n"}) {
    write_file(server.file(), content);
    fs::permissions(server.file(), fs::perms(0600));
    EXPECT_THROW(server.start(), std::runtime_error) << content;
    EXPECT_EQ(server.text(), content);
  }
}

TEST_F(AuditLogTest, AFileOfAnotherServerOrInUseIsRefused) {
  Server server(place());
  server.start("other").write(entry_for("a"));
  const StateDir second(place() + "/second");
  strongroom_abi::Store store("memory:");
  Settings settings = server.settings;
  settings.audit.file = server.file();
  EXPECT_THROW((AuditLog(settings, second, "other", store)), std::runtime_error);
  server.stop();
  EXPECT_THROW(server.start(), std::runtime_error);
  EXPECT_NO_THROW(server.start("other"));
  server.stop();
  EXPECT_THROW(server.start("a/b"), std::runtime_error);
}

// ---- going on ----

TEST_F(AuditLogTest, ItGoesOnAfterARestart) {
  for (int i = 0; i < 3; ++i) {
    Server server(place());
    server.start().write(entry_for("a"));
  }
  Server server(place());
  server.start();
  EXPECT_EQ(verified(server.parts()).last().seq, 4u);
  EXPECT_EQ(fault_of(server.parts()), "");
  EXPECT_EQ(verified(server.parts()).notes().size(), 0u);
}

TEST_F(AuditLogTest, AnUnfinishedLineIsCutOffAndReportedWhereverItEnds) {
  Server server(place());
  server.start().write(entry_for("a"));
  server.stop();
  const std::string whole = server.text();
  const std::string part = "{\"seq\":3,\"time\":\"2026-01";
  for (const std::string& torn :
       {part, std::string("x"), std::string(200000, '\0'), part + std::string(9, '\0')}) {
    write_file(server.file(), whole + torn);
    server.start();
    server.stop();
    const Verifier verifier = verified(server.parts());
    EXPECT_FALSE(verifier.fault());
    ASSERT_EQ(verifier.notes().size(), 1u);
    EXPECT_EQ(verifier.notes()[0].event, "cut");
    EXPECT_EQ(verifier.notes()[0].number, torn.size());
    EXPECT_TRUE(server.text().starts_with(whole));
  }
  for (const std::size_t len : {1U, 8U, 100U}) {  // the very first line
    write_file(server.file(), whole.substr(0, len));
    server.start();
    EXPECT_EQ(verified(server.parts()).notes().size(), 1u);
    EXPECT_EQ(fault_of(server.parts()), "");
    server.stop();
  }
}

TEST_F(AuditLogTest, ALastLineThatDoesNotFollowIsReported) {
  Server server(place());
  AuditLog& log = server.start();
  for (int i = 0; i < 5; ++i) log.write(entry_for("a"));
  server.stop();
  std::vector<std::string> lines = lines_of(server.text());
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != lines.size() - 2) text += lines[i] + "\n";
  }
  write_file(server.file(), text);
  server.start().write(entry_for("b"));
  EXPECT_TRUE(contains(server.text(), "\"event\":\"broken\""));
  EXPECT_EQ(fault_of(server.parts()), server.file() + ":5: the line 5 is missing before it");
}

TEST_F(AuditLogTest, KillNineLosesNoLineThatWasWritten) {
  strongroom::testing::ChildProcess child({"audit_writer", place()});
  std::string said;
  while (lines_of(said).size() < 2000) {
    const std::string more = child.receive();
    ASSERT_FALSE(more.empty());
    said += more;
  }
  child.kill();
  for (std::string more = child.receive(); !more.empty(); more = child.receive()) said += more;
  const std::size_t num = lines_of(said.substr(0, said.rfind('\n') + 1)).size();
  Server server(place());
  server.unseal();
  server.start();
  const Verifier verifier = verified(server.parts());
  EXPECT_FALSE(verifier.fault());
  EXPECT_GE(verifier.num_lines(), num);
  EXPECT_TRUE(eventually([&] { return server.head_is_kept(); }));
  EXPECT_EQ(server.head()->breaks, 0u);
}

const strongroom::testing::Role audit_writer("audit_writer", [](const auto& arguments) {
  Server server(arguments.at(0));
  server.unseal();
  AuditLog& log = server.start();
  for (;;) {
    log.reserve();
    log.write(entry_for("db/password"));
    if (::write(1, "x\n", 2) != 2) return 1;
  }
});

// For tests/system/cli_audit_test.py: a server that is asked for so many secrets while it is unsealed, and so many more
// while it is sealed.
const strongroom::testing::Role audit_server("audit_server", [](const auto& arguments) {
  Server server(arguments.at(0));
  server.unseal();
  AuditLog& log = server.start();
  for (int i = 0; i < std::atoi(arguments.at(1).c_str()); ++i) log.write(entry_for("db/password"));
  log.unsealed();
  if (!eventually([&] { return server.head_is_kept(); })) return 1;
  server.seal();
  for (int i = 0; i < std::atoi(arguments.at(2).c_str()); ++i) log.write(entry_for("db/password"));
  return 0;
});

// ---- a full disk ----

// WithSizeLimit limits the size of files; the main function ignores SIGXFSZ.
class WithSizeLimit {
 public:
  explicit WithSizeLimit(rlim_t bytes) {
    before_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    set(bytes);
  }
  ~WithSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    ::signal(SIGXFSZ, before_);
  }
  WithSizeLimit(const WithSizeLimit&) = delete;
  WithSizeLimit& operator=(const WithSizeLimit&) = delete;
  void set(rlim_t bytes) const {
    rlimit limit = limit_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

 private:
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

TEST_F(AuditLogTest, AFullDiskIsFoundBeforeTheRequestActs) {
  Server server(place());
  AuditLog& log = server.start();
  log.write(entry_for("a"));
  const std::string before = server.text();
  const WithSizeLimit limit(1 << 16);
  EXPECT_THROW(log.reserve(), Failure);
  try {
    log.reserve();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), 503u);
  }
  EXPECT_EQ(server.text(), before);
  limit.set(RLIM_INFINITY);
  EXPECT_NO_THROW(log.reserve());
  log.write(entry_for("b"));
  EXPECT_EQ(log.num_lost(), 0u);
  EXPECT_EQ(fault_of(server.parts()), "");
}

TEST_F(AuditLogTest, APartOfALineIsTakenBackAndTheRequestRefused) {
  Server server(place());
  AuditLog& log = server.start();
  log.write(entry_for("a"));
  const std::string before = server.text();
  const WithSizeLimit limit(before.size() + 100);
  EXPECT_THROW(log.write(entry_for("b")), Failure);
  EXPECT_EQ(server.text(), before);
  limit.set(RLIM_INFINITY);
  log.write(entry_for("c"));
  EXPECT_EQ(fault_of(server.parts()), "");
  EXPECT_EQ(lines_of(server.text()).size(), 3u);
}

TEST_F(AuditLogTest, RequestsThatAreServedWithoutALineAreCountedAndReported) {
  Server server(place());
  server.settings.audit.serve_without = true;
  AuditLog& log = server.start();
  log.write(entry_for("a"));
  {
    const WithSizeLimit limit(server.text().size() + 100);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NO_THROW(log.reserve());
      EXPECT_NO_THROW(log.write(entry_for("b")));
    }
  }
  EXPECT_EQ(log.num_lost(), 3u);
  log.write(entry_for("c"));
  log.write(entry_for("d"));
  const Verifier verifier = verified(server.parts());
  EXPECT_FALSE(verifier.fault());
  EXPECT_EQ(verifier.num_lines(), 5u);
  ASSERT_EQ(verifier.notes().size(), 1u);
  EXPECT_EQ(verifier.notes()[0].event, "lost");
  EXPECT_EQ(verifier.notes()[0].number, 3u);
}

// SmallDisk is a file system in memory.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path, const char* type = "tmpfs", const char* how = "size=6m")
      : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = ::mount("none", path_.c_str(), type, 0, how) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(AuditLogTest, RoomIsReservedOnARealFullDiskAndGivenBack) {
  const std::string disk = place() + "/disk";
  const SmallDisk small(disk);
  if (!small.mounted()) GTEST_SKIP() << "a tmpfs cannot be mounted";
  Server server(place());
  server.settings.audit.file = disk + "/audit.log";
  server.settings.threads = 1;
  AuditLog& log = server.start();
  log.reserve();
  const auto filler = disk + "/filler";
  std::ofstream(filler) << std::string(6 << 20, 'x');  // as much as there is
  std::uint64_t written = 0;
  for (;; ++written) {
    try {
      log.reserve();
    } catch (const Failure&) {
      break;
    }
    EXPECT_NO_THROW(log.write(entry_for(std::string(4000, 'p'))));
  }
  EXPECT_GT(written, 500u);  // in the room that was reserved before
  EXPECT_EQ(verified(server.parts()).num_lines(), written + 1);
  fs::remove(filler);
  EXPECT_NO_THROW(log.reserve());
  EXPECT_EQ(fault_of(server.parts()), "");
  const std::string file = server.file();
  server.stop();
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, status.st_size + 8192);
}

TEST_F(AuditLogTest, WhereRoomCannotBeReservedItIsWrittenAllTheSame) {
  const std::string disk = place() + "/disk";
  const SmallDisk small(disk, "ramfs", "");
  if (!small.mounted()) GTEST_SKIP() << "a ramfs cannot be mounted";
  Server server(place());
  server.settings.audit.file = disk + "/audit.log";
  AuditLog& log = server.start();
  EXPECT_NO_THROW(log.reserve());
  log.write(entry_for("a"));
  EXPECT_EQ(fault_of(server.parts()), "");
  server.stop();
}

// ---- rotation ----

TEST_F(AuditLogTest, RotatedFilesAreOneChain) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  const std::string old = server.file() + ".1";
  log.write(entry_for("a"));
  log.reopen();  // nothing was moved
  EXPECT_EQ(lines_of(server.text()).size(), 2u);
  fs::rename(server.file(), old);
  log.write(entry_for("still in the old one"));
  EXPECT_FALSE(fs::exists(server.file()));
  log.reopen();
  log.reserve();
  log.write(entry_for("b"));
  EXPECT_EQ(lines_of(read_file(old)).size(), 3u);
  EXPECT_EQ(lines_of(server.text()).size(), 2u);
  EXPECT_EQ(fault_of({old, server.file()}), "");
  const auto last = verified({old, server.file()}).last();
  EXPECT_TRUE(eventually([&] { return server.head() && server.head()->head.hash == last.hash; }));
}

TEST_F(AuditLogTest, AFileThatWasMovedWhileTheServerIsStoppedIsFollowed) {
  const std::string old = place() + "/old";
  {
    Server server(place());
    server.unseal();
    server.start().write(entry_for("a"));
    server.stop();
    fs::rename(server.file(), old);
  }
  Server server(place());
  server.start().write(entry_for("b"));
  EXPECT_EQ(fault_of({old, server.file()}), "");
  server.unseal();
  server.log().unsealed();
  const auto last = verified({old, server.file()}).last();
  EXPECT_TRUE(eventually([&] { return server.head() && server.head()->head.hash == last.hash; }));
  EXPECT_EQ(server.head()->breaks, 0u);
}

TEST_F(AuditLogTest, ARotationThatFailsKeepsTheOldFile) {
  Server server(place());
  AuditLog& log = server.start();
  const std::string old = server.file() + ".1";
  fs::rename(server.file(), old);
  write_file(server.file(), "something else\n");
  fs::permissions(server.file(), fs::perms(0600));
  EXPECT_THROW(log.reopen(), std::runtime_error);
  log.write(entry_for("a"));
  fs::permissions(server.file(), fs::perms(0644));
  EXPECT_THROW(log.reopen(), std::runtime_error);
  fs::remove(server.file());
  {
    const WithSizeLimit limit(10);
    EXPECT_THROW(log.reopen(), std::runtime_error);
  }
  log.write(entry_for("b"));
  log.reopen();
  log.write(entry_for("c"));
  EXPECT_EQ(lines_of(read_file(old)).size(), 3u);
  EXPECT_EQ(fault_of({old, server.file()}), "");
}

TEST_F(AuditLogTest, RotationAtTheSameTimeAsRequestsLosesNothing) {
  Server server(place());
  server.unseal();
  AuditLog& log = server.start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&log] {
      for (int n = 0; n < 1000; ++n) log.write(entry_for("a"));
    });
  }
  std::vector<std::string> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(server.file() + "." + std::to_string(i));
    fs::rename(server.file(), files.back());
    log.reopen();
  }
  for (std::thread& each : threads) each.join();
  files.push_back(server.file());
  EXPECT_EQ(fault_of(files), "");
  EXPECT_EQ(verified(files).num_lines(), 3000u + 21u);
}

// ---- how fast ----

TEST_F(AuditLogTest, TakesLittleTime) {
  Server server(place());
  AuditLog& log = server.start();
  timespec begin{}, end{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  constexpr int kNum = 20000;
  for (int i = 0; i < kNum; ++i) {
    log.reserve();
    log.write(entry_for("team/service/database/password"));
  }
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  const double us = (static_cast<double>(end.tv_sec - begin.tv_sec) * 1e9 +
                     static_cast<double>(end.tv_nsec - begin.tv_nsec)) /
                    1e3 / kNum;
  RecordProperty("us_per_line", std::to_string(us));
  std::printf("%.2f us of CPU for each line, with its write(2)\n", us);
  EXPECT_LT(us, 200);
}

}  // namespace strongroomd::audit_log_test
