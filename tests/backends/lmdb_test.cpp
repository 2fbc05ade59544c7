// lmdb_test.cpp: what is particular to the LMDB backend: files, modes, quotas, disks, processes.
#include "strongroom/backends/lmdb.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "conformance.hpp"
#include "strongroom/backend.hpp"
#include "tests/support/waiting_thread.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRONGROOM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STRONGROOM_SANITIZED 1
#endif
#endif

namespace strongroom::lmdb_test {
namespace {

using namespace std::chrono_literals;
using conformance::all;
using conformance::applied;
using conformance::bytes;
using conformance::check;
using conformance::commit;
using conformance::conflicts_at;
using conformance::erase;
using conformance::fails_with;
using conformance::fetch;
using conformance::put;
using conformance::stamp_of;
namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
}

mode_t mode_of(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

// A child process that runs work and ends with its result; killed at the latest by our destructor.
class Child {
 public:
  explicit Child(const std::function<int()>& work) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(work());
  }
  ~Child() { kill_now(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const { ASSERT_EQ(::kill(pid_, number), 0); }
  void kill_now() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    join();
  }
  // join gives the exit status, or minus the signal.
  int join() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// A pipe on which a child says that it got somewhere.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    close_writer();
    ::close(ends_[0]);
  }
  void close_writer() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  bool say(std::uint32_t number) const {
    return ::write(ends_[1], &number, sizeof number) == sizeof number;
  }
  // hear waits for the next number; false at the end. The hearer no longer says anything, so that
  // a child that died ends the wait.
  bool hear(std::uint32_t& number) {
    close_writer();
    return ::read(ends_[0], &number, sizeof number) == sizeof number;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

class Lmdb : public ::testing::Test {
 protected:
  void SetUp() override {
    top_ = ::testing::TempDir() + "strongroom.XXXXXX";
    ASSERT_NE(::mkdtemp(top_.data()), nullptr);
    path_ = top_ + "/store";
  }
  void TearDown() override { fs::remove_all(top_); }

  std::string file(const char* name) const { return path_ + "/" + name; }

  static std::unique_ptr<Backend> open(const std::string& path, const LmdbOptions& options = {}) {
    auto opened = open_lmdb(path, options);
    EXPECT_TRUE(opened.ok()) << (opened ? "" : opened.error().message);
    return opened ? std::move(opened).value() : nullptr;
  }
  std::unique_ptr<Backend> open() const { return open(path_); }

  void make_store(int num_records = 1) const {
    const auto store = open();
    ASSERT_NE(store, nullptr);
    for (int i = 0; i < num_records; ++i) {
      const std::string key = "k" + std::to_string(i);
      ASSERT_TRUE(applied(commit(*store, {put(key, key)})));
    }
  }

  static void expect_refused(const std::string& path, Code code, const std::string& says,
                             const LmdbOptions& options = {}) {
    auto opened = open_lmdb(path, options);
    ASSERT_FALSE(opened.ok()) << "was opened; expected: " << says;
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    EXPECT_NE(opened.error().message.find(says), std::string::npos) << opened.error().message;
  }

  // In a child: opens anew, and tells by its exit status whether the record has that value.
  int value_in_another_process(const std::string& key, const std::string& value) const {
    return Child([&] {
             auto store = open_lmdb(path_);
             return store && fetch(**store, key).value == value ? 0 : 1;
           })
        .join();
  }

  std::string top_;
  std::string path_;
};

// hold_lock takes one byte of write.lock, as a process that writes (0) or opens (1) does.
// Returns  the descriptor that holds it; negative when it is taken.
int hold_lock(const std::string& path, off_t byte) {
  const int fd = ::open((path + "/write.lock").c_str(), O_RDWR | O_CLOEXEC);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  return fd >= 0 && ::fcntl(fd, F_OFD_SETLK, &range) == 0 ? fd : -1;
}

//
// Who may enter
//

TEST_F(Lmdb, FreshStoreIsForItsOwnerAloneWhateverTheUmask) {
  const mode_t before = ::umask(0);
  make_store();
  ::umask(before);
  EXPECT_EQ(mode_of(path_), 0700u);
  for (const char* name : {"data.mdb", "lock.mdb", "write.lock"}) {
    EXPECT_EQ(mode_of(file(name)), 0600u) << name;
  }
  EXPECT_FALSE(fs::exists(file("data.mdb.new")));
}

TEST_F(Lmdb, DirectoryThatOthersMayEnterIsDeniedAndTheMessageSaysHowToMendIt) {
  make_store();
  for (const mode_t mode : {0755u, 0710u, 0701u, 0770u, 0702u}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    expect_refused(path_, Code::denied, "run: chmod 700 " + path_);
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0700), 0);
  EXPECT_EQ(fetch(*open(), "k0").value, "k0");
}

TEST_F(Lmdb, FileThatOthersMayReadIsDeniedAndTheMessageSaysHowToMendIt) {
  make_store();
  for (const char* name : {"data.mdb", "lock.mdb", "write.lock"}) {
    for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
      ASSERT_EQ(::chmod(file(name).c_str(), mode), 0);
      expect_refused(path_, Code::denied, "run: chmod 600 " + file(name));
    }
    ASSERT_EQ(::chmod(file(name).c_str(), 0600), 0);
  }
  EXPECT_EQ(fetch(*open(), "k0").value, "k0");
}

TEST_F(Lmdb, WhatAnotherUserOwnsIsDenied) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  make_store();
  for (const std::string& path : {path_, file("data.mdb"), file("lock.mdb"), file("write.lock")}) {
    ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    expect_refused(path_, Code::denied, path + " belonged to user 65534");
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
  }
  EXPECT_EQ(fetch(*open(), "k0").value, "k0");
}

TEST_F(Lmdb, LinkOrDeviceInPlaceOfAFileIsDeniedAndNotOpened) {
  make_store();
  for (const char* name : {"data.mdb", "lock.mdb", "write.lock"}) {
    fs::rename(file(name), file("kept"));
    fs::create_symlink(file("kept"), file(name));
    expect_refused(path_, Code::denied, std::string(name) + " was not a plain file");
    fs::remove(file(name));
    ASSERT_EQ(::mkfifo(file(name).c_str(), 0600), 0);
    expect_refused(path_, Code::denied, std::string(name) + " was not a plain file");
    fs::remove(file(name));
    fs::create_directory(file(name));
    expect_refused(path_, Code::denied, std::string(name) + " was not a plain file");
    fs::remove(file(name));
    fs::rename(file("kept"), file(name));
  }
  EXPECT_EQ(fetch(*open(), "k0").value, "k0");
}

TEST_F(Lmdb, DirectoryWithoutAParentOrThatIsAFileIsRefusedByName) {
  expect_refused(top_ + "/no/store", Code::unavailable, top_ + "/no/store");
  EXPECT_FALSE(fs::exists(top_ + "/no"));
  write_file(path_, "x");
  expect_refused(path_, Code::invalid, path_ + " was no directory");
  expect_refused("", Code::invalid, "no usable name");
}

TEST_F(Lmdb, DirectoryWeMayNotWriteIsUnavailableByName) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  ASSERT_EQ(::chmod(top_.c_str(), 0755), 0);
  fs::create_directory(path_);
  ASSERT_EQ(::chown(path_.c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0500), 0);
  const int status = Child([&] {
                       if (::setegid(kNobody) != 0 || ::seteuid(kNobody) != 0) return 2;
                       auto opened = open_lmdb(path_);
                       if (opened || opened.error().code != Code::unavailable) return 1;
                       return opened.error().message.find(path_) == std::string::npos ? 1 : 0;
                     }).join();
  EXPECT_EQ(status, 0);
}

//
// What is in the files
//

TEST_F(Lmdb, FileCutShortAtAnyLengthIsRefusedOrHoldsEverything) {
  make_store(40);
  const std::string whole = read_file(file("data.mdb"));
  ASSERT_EQ(whole.size() % 4096, 0u);
  std::vector<std::size_t> lengths;
  // All of the pages in use, and a few in the reserve behind them.
  for (std::size_t len = 0; len < std::min<std::size_t>(whole.size(), 40 * 4096); len += 4096) {
    for (const std::size_t odd : {0u, 1u, 151u, 4095u}) lengths.push_back(len + odd);
  }
  bool was_whole = false;
  std::size_t num_refused = 0;
  for (const std::size_t len : lengths) {
    write_file(file("data.mdb"), whole.substr(0, len));
    auto opened = open_lmdb(path_);
    if (!opened) {
      ++num_refused;
      EXPECT_EQ(opened.error().code, Code::corrupt) << len << ": " << opened.error().message;
      EXPECT_FALSE(was_whole && len % 4096 == 0) << len;
      continue;
    }
    EXPECT_EQ(len % 4096, 0u);
    was_whole = true;
    EXPECT_EQ(all(**opened).size(), 40u) << len;
    EXPECT_EQ(fetch(**opened, "k39").value, "k39");
  }
  EXPECT_TRUE(was_whole);
  EXPECT_GT(num_refused, lengths.size() * 3 / 4 + 2);
}

// last_page reads from the newer header how many pages are in use.
std::uint64_t last_page(const std::string& content) {
  std::uint64_t newest = 0, page = 0;
  for (const std::size_t header : {16u, 4096u + 16u}) {
    std::uint64_t fields[2];  // last page, transaction
    std::memcpy(fields, content.data() + header + 120, sizeof fields);
    if (fields[1] < newest) continue;
    newest = fields[1];
    page = fields[0];
  }
  return page;
}

TEST_F(Lmdb, SoundFileReachesOverItsLastPageThoughLmdbNeedNotWriteThatFar) {
  auto store = open();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(applied(commit(*store, {put("k", "v")})));
  // Two commits that become one transaction: its last pages are taken, and given back unwritten.
  const int held = hold_lock(path_, 0);
  ASSERT_GE(held, 0);
  const std::string large(3 << 20, 'l');
  WaitingThread first([&] { EXPECT_TRUE(applied(commit(*store, {put("large", large)}))); });
  WaitingThread second([&] { EXPECT_TRUE(applied(commit(*store, {erase("large")}))); });
  ::close(held);
  first.join();
  second.join();
  const std::string content = read_file(file("data.mdb"));
  EXPECT_GT(last_page(content), large.size() / 4096);
  EXPECT_GT(content.size() / 4096, last_page(content));
  struct stat status;
  ASSERT_EQ(::stat(file("data.mdb").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
  store.reset();
  EXPECT_EQ(all(*open()), std::vector<std::string>{"k"});
}

TEST_F(Lmdb, EmptyDataFileIsCorruptAndNotANewStore) {
  make_store();
  write_file(file("data.mdb"), "");
  expect_refused(path_, Code::corrupt, "data.mdb was cut short");
  EXPECT_EQ(fs::file_size(file("data.mdb")), 0u);
}

TEST_F(Lmdb, GarbageIsCorrupt) {
  make_store();
  for (const char fill : {'\0', '\xFF', 'x'}) {
    write_file(file("data.mdb"), std::string(65536, fill));
    expect_refused(path_, Code::corrupt, "did not begin as an LMDB file does");
  }
}

TEST_F(Lmdb, DamagedHeaderIsRefusedOrOpenedButNeverFatal) {
  make_store(40);
  constexpr std::uint32_t kHeaderLen = 16 + 136;
  for (const std::uint32_t page : {0u, 4096u}) {
    for (const unsigned mask : {0x01u, 0x80u}) {
      Pipe progress;
      const auto flip = [&](std::uint32_t at) {
        std::fstream f(file("data.mdb"), std::ios::in | std::ios::out | std::ios::binary);
        f.seekg(at);
        const int byte = f.get();
        f.seekp(at);
        f.put(static_cast<char>(static_cast<unsigned>(byte) ^ mask));
      };
      Child child([&] {
        for (std::uint32_t at = page; at < page + kHeaderLen; ++at) {
          (void)progress.say(at);
          flip(at);
          (void)open_lmdb(path_).ok();
          flip(at);
        }
        return 0;
      });
      const int status = child.join();
      std::uint32_t at = 0;
      while (progress.hear(at)) {
      }
      ASSERT_EQ(status, 0) << "died at byte " << at;
    }
  }
  EXPECT_EQ(all(*open()).size(), 40u);
}

TEST_F(Lmdb, NewerLmdbFormatIsUnsupported) {
  make_store();
  std::string content = read_file(file("data.mdb"));
  for (const std::size_t page : {0u, 4096u}) content[page + 16 + 4] = 2;
  write_file(file("data.mdb"), content);
  expect_refused(path_, Code::unsupported, "LMDB format 2");
}

// open_raw opens the store as any LMDB program may.
int open_raw(const std::string& path, unsigned flags, MDB_env*& env) {
  int rc = mdb_env_create(&env);
  if (rc == 0) rc = mdb_env_set_mapsize(env, 64 << 20);
  return rc == 0 ? mdb_env_open(env, path.c_str(), flags, 0600) : rc;
}

// with_raw_lmdb changes the store behind the backend's back.
void with_raw_lmdb(const std::string& path, const std::function<void(MDB_txn*, MDB_dbi)>& change) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  ASSERT_EQ(open_raw(path, 0, env), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, nullptr, 0, &dbi), 0);
  change(txn, dbi);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

MDB_val val(std::string& bytes) {
  return {bytes.size(), bytes.data()};
}

TEST_F(Lmdb, NewerFormatOfOursIsUnsupported) {
  make_store();
  std::string key(321, '\xFF');
  std::string newer = std::string(8, '\0') + "strongroom lmdb 2";
  with_raw_lmdb(path_, [&](MDB_txn* txn, MDB_dbi dbi) {
    MDB_val k = val(key), v = val(newer);
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  });
  expect_refused(path_, Code::unsupported, "newer format than 'strongroom lmdb 1'");
}

TEST_F(Lmdb, LmdbFileOfAnotherProgramIsUnsupportedAndLeftAlone) {
  fs::create_directory(path_);
  fs::permissions(path_, fs::perms::owner_all);
  std::string key = "theirs";
  with_raw_lmdb(path_, [&](MDB_txn* txn, MDB_dbi dbi) {
    MDB_val k = val(key), v = val(key);
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  });
  const std::string before = read_file(file("data.mdb"));
  expect_refused(path_, Code::unsupported, "another program");
  EXPECT_EQ(read_file(file("data.mdb")), before);
}

TEST_F(Lmdb, RecordWithoutAVersionIsCorruptAndOthersAreStillRead) {
  make_store(2);
  std::string key = "k0", stub = "short";
  with_raw_lmdb(path_, [&](MDB_txn* txn, MDB_dbi dbi) {
    MDB_val k = val(key), v = val(stub);
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  });
  const auto store = open();
  const ByteView keys[] = {bytes("k0")};
  auto read = store->read(
      keys, [](std::size_t, const Record&) { FAIL(); }, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::corrupt);
  EXPECT_TRUE(fails_with(commit(*store, {put("k0", "v", Version(1))}), Code::corrupt));
  EXPECT_EQ(fetch(*store, "k1").value, "k1");
}

TEST_F(Lmdb, CompactedCopyIsNotTakenForTheStoreSinceItsVersionsWouldComeAgain) {
  make_store(10);
  const std::string copy = top_ + "/copy";
  fs::create_directory(copy);
  fs::permissions(copy, fs::perms::owner_all);
  MDB_env* env = nullptr;
  ASSERT_EQ(open_raw(path_, 0, env), 0);
  ASSERT_EQ(mdb_env_copy2(env, copy.c_str(), MDB_CP_COMPACT), 0);
  mdb_env_close(env);
  ASSERT_EQ(::chmod((copy + "/data.mdb").c_str(), 0600), 0);
  const auto store = open(copy);
  ASSERT_NE(store, nullptr);
  const ByteView keys[] = {bytes("k9")};
  auto read = store->read(
      keys, [](std::size_t, const Record&) { FAIL(); }, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::corrupt);
}

TEST_F(Lmdb, PlainCopyOfTheFileIsTheSameStore) {
  make_store(10);
  const std::string copy = top_ + "/copy";
  fs::create_directory(copy);
  fs::permissions(copy, fs::perms::owner_all);
  fs::copy_file(file("data.mdb"), copy + "/data.mdb");
  fs::permissions(copy + "/data.mdb", fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(all(*open(copy)).size(), 10u);
}

TEST_F(Lmdb, LeftoverOfAKilledCreationIsReplaced) {
  fs::create_directory(path_);
  fs::permissions(path_, fs::perms::owner_all);
  write_file(file("data.mdb.new"), "half");
  EXPECT_TRUE(all(*open()).empty());
  EXPECT_FALSE(fs::exists(file("data.mdb.new")));
}

//
// Room
//

// fill puts records until one is refused; gives how many there are.
int fill(Backend& store, std::size_t value_len, Result<Commit>& refused) {
  const std::string value(value_len, 'v');
  for (int n = 0; n < 100'000; ++n) {
    const std::string key = "fill " + std::to_string(n);
    refused = commit(store, {put(key, value)});
    if (!refused) return n;
  }
  return -1;
}

TEST_F(Lmdb, QuotaReachedLeavesTheStoreIntactAndRoomCanBeMade) {
  constexpr std::size_t kQuota = 96 << 10;
  for (const std::size_t value_len : {300u, 1500u, 20'000u}) {
    const std::string path = path_ + std::to_string(value_len);
    const auto store = open(path, {.quota_bytes = kQuota});
    ASSERT_NE(store, nullptr);
    Result<Commit> refused = Commit{};
    const int n = fill(*store, value_len, refused);
    ASSERT_GT(n, 1);
    EXPECT_TRUE(fails_with(refused, Code::unavailable));
    EXPECT_NE(refused.error().message.find("quota of 98304 bytes"), std::string::npos);
    // The commit that releases what was freed may lengthen the file by what one change can need.
    EXPECT_LE(fs::file_size(path + "/data.mdb"), kQuota + (136u << 10));
    EXPECT_EQ(all(*store).size(), static_cast<std::size_t>(n));
    const std::string last = "fill " + std::to_string(n);
    const std::string same(value_len, 'w');
    EXPECT_EQ(fetch(*store, last).version, kAbsent);

    // Replacing like by like goes through, and so does deleting, again and again.
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(applied(commit(*store, {put("fill 0", same)}))) << i;
    for (int i = 1; i < n; ++i) {
      const std::string key = "fill " + std::to_string(i);
      ASSERT_TRUE(applied(commit(*store, {erase(key)}))) << i;
    }
    EXPECT_LE(fs::file_size(path + "/data.mdb"), 4 * kQuota);
    EXPECT_TRUE(applied(commit(*store, {put(last, same)})));
    EXPECT_EQ(all(*store).size(), 2u);
    EXPECT_TRUE(applied(commit(*store, {erase(last), erase("fill 0")})));
  }
}

TEST_F(Lmdb, QuotaCanBeRaisedAndNotBeTwoAtOnce) {
  Result<Commit> refused = Commit{};
  int n = 0;
  {
    const auto store = open(path_, {.quota_bytes = 256 << 10});
    n = fill(*store, 1000, refused);
    expect_refused(path_, Code::invalid, "another quota", {.quota_bytes = 512 << 10});
    EXPECT_NE(open(path_, {.quota_bytes = 256 << 10}), nullptr);
    EXPECT_NE(open(path_), nullptr);  // takes what there is
  }
  expect_refused(path_, Code::invalid, "under 65536", {.quota_bytes = 65535});
  const auto store = open(path_, {.quota_bytes = 512 << 10});
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(all(*store).size(), static_cast<std::size_t>(n));
  EXPECT_TRUE(applied(commit(*store, {put("more", std::string(50'000, 'm'))})));
}

TEST_F(Lmdb, SnapshotEndsWhereTheMapIsMovedUnderItAndTheNextOneIsWhole) {
  const auto store = open(path_, {.quota_bytes = 256 << 10});
  const std::string value(3000, 'v');
  int num_kept = 0;
  for (bool full = false; !full; ++num_kept) {
    const std::string key = "k" + std::to_string(100 + num_kept);
    full = !commit(*store, {put(key, value)});
  }
  ASSERT_GT(num_kept, 20);
  // Deleting from a full store moves the map; the sink does so itself, and must not wait for itself.
  int num_erased = 0;
  auto done = store->snapshot(
      {},
      [&](const Record& record) -> Result<void> {
        if (num_erased == 10) return {};
        const std::string key = conformance::text(record.key);
        EXPECT_TRUE(applied(commit(*store, {erase(key)})));
        ++num_erased;
        return {};
      },
      kDefaultTimeout);
  EXPECT_EQ(num_erased, 10);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Code::unavailable) << done.error().message;
  EXPECT_NE(done.error().message.find("map moved"), std::string::npos) << done.error().message;
  std::size_t num_seen = 0;
  EXPECT_TRUE(store->snapshot(
      {},
      [&](const Record&) -> Result<void> {
        ++num_seen;
        return {};
      },
      kDefaultTimeout));
  EXPECT_EQ(num_seen, all(*store).size());
}

TEST_F(Lmdb, BatchTooLargeForTheQuotaFailsAloneInItsGroup) {
  const auto store = open(path_, {.quota_bytes = 1 << 20});
  ASSERT_NE(store, nullptr);
  const std::string large(2 << 20, 'l');
  std::atomic<int> num_refused{0};
  conformance::in_threads(12, [&](int thread) {
    const std::string key = "k" + std::to_string(thread);
    for (int i = 0; i < 5; ++i) {
      const auto done = commit(*store, {put(key, thread % 4 == 0 ? large : "small")});
      if (!done) {
        EXPECT_TRUE(fails_with(done, Code::unavailable));
        ++num_refused;
      }
    }
  });
  EXPECT_EQ(num_refused, 3 * 5);
  EXPECT_EQ(all(*store).size(), 9u);
}

TEST_F(Lmdb, ProcessWithASmallerQuotaReadsWhatOthersWroteAndMayShrinkIt) {
  const auto store = open(path_, {.quota_bytes = 128 << 10});
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(applied(commit(*store, {put("mine", "1")})));
  for (int round = 0; round < 3; ++round) {
    const std::string key = "theirs " + std::to_string(round);
    const std::string value(300'000, static_cast<char>('a' + round));
    ASSERT_EQ(Child([&] {
                auto theirs = open_lmdb(path_);
                return theirs && applied(commit(**theirs, {put(key, value)})) ? 0 : 1;
              }).join(),
              0);
    EXPECT_TRUE(fetch(*store, key).value == value);
    EXPECT_EQ(all(*store).size(), 2u + static_cast<std::size_t>(round));
    EXPECT_TRUE(
        fails_with(commit(*store, {put("new", std::string(200'000, 'n'))}), Code::unavailable));
    EXPECT_TRUE(applied(commit(*store, {put("mine", "2")})));
  }
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(applied(commit(*store, {erase("theirs " + std::to_string(round))})));
  }
  EXPECT_EQ(all(*store).size(), 1u);
}

TEST_F(Lmdb, ThreadsReadOnWhileAnotherProcessGrowsTheFileOverTheirQuota) {
  const auto store = open(path_, {.quota_bytes = 64 << 10});
  ASSERT_NE(store, nullptr);
  Child writer([&] {
    auto theirs = open_lmdb(path_);
    if (!theirs) return 1;
    const std::string value(30'000, 'v');
    for (int i = 0; i < 60; ++i) {
      const std::string key = "k" + std::to_string(i);
      if (!applied(commit(**theirs, {put(key, value), put("last", key)}))) return 1;
    }
    return 0;
  });
  conformance::in_threads(4, [&](int) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    for (std::string last; last != "k59" && std::chrono::steady_clock::now() < end;) {
      last = fetch(*store, "last").value;
      if (last.empty()) continue;
      ASSERT_EQ(fetch(*store, last).value.size(), 30'000u);
    }
  });
  EXPECT_EQ(writer.join(), 0);
  EXPECT_EQ(all(*store).size(), 61u);
}

// in_small_tmpfs runs work in a child that sees a tmpfs of its own at path; -1: not possible here.
int in_small_tmpfs(const std::string& path, const std::function<int()>& work) {
  constexpr int kImpossible = 99;
  fs::create_directory(path);
  const int status = Child([&] {
                       if (::unshare(CLONE_NEWNS) != 0) return kImpossible;
                       if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
                         return kImpossible;
                       if (::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=2m,mode=700") != 0) {
                         return kImpossible;
                       }
                       return work();
                     }).join();
  return status == kImpossible ? -1 : status;
}

bool says(const Error& error, const char* what) {
  return error.message.find(what) != std::string::npos;
}

TEST_F(Lmdb, DiskFullLeavesTheStoreIntactAndRoomCanBeMade) {
  const std::string disk = top_ + "/disk";
  const int status = in_small_tmpfs(disk, [&] {
    const std::string ballast = disk + "/ballast";
    std::ofstream(ballast) << std::string(1 << 20, 'b') << std::flush;
    auto opened = open_lmdb(disk + "/store");
    if (!opened) return 1;
    Backend& store = **opened;
    Result<Commit> refused = Commit{};
    const int n = fill(store, 3000, refused);
    if (n < 20) return 2;
    if (refused.error().code != Code::unavailable || !says(refused.error(), "full disk")) return 3;
    const auto sum = static_cast<std::size_t>(n);
    if (all(store).size() != sum || fetch(store, "fill 7").value.size() != 3000) return 4;
    if (commit(store, {put("more", std::string(100'000, 'm'))}).ok()) return 5;
    fs::remove(ballast);
    if (!applied(commit(store, {put("more", std::string(100'000, 'm'))}))) return 6;
    opened = Error{};
    auto again = open_lmdb(disk + "/store");
    return again && all(**again).size() == sum + 1 ? 0 : 7;
  });
  if (status == -1) GTEST_SKIP() << "no private tmpfs here: needs root and namespaces";
  EXPECT_EQ(status, 0);
}

TEST_F(Lmdb, DiskFullOrReadOnlyAtOpenIsUnavailableAndLeavesNothingHalfMade) {
  const std::string disk = top_ + "/disk";
  const int status = in_small_tmpfs(disk, [&] {
    const std::string ballast = disk + "/ballast";
    std::ofstream(ballast) << std::string(4 << 20, 'b') << std::flush;
    auto full = open_lmdb(disk + "/store");
    if (full || full.error().code != Code::unavailable || !says(full.error(), "/store")) return 1;
    if (fs::exists(disk + "/store/data.mdb")) return 2;
    fs::remove(ballast);
    if (!open_lmdb(disk + "/store")) return 3;
    if (::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 99;
    auto none = open_lmdb(disk + "/other");
    if (none || none.error().code != Code::unavailable || !says(none.error(), "/other")) return 4;
    auto fixed = open_lmdb(disk + "/store");
    if (!fixed) return 5;
    const auto refused = commit(**fixed, {put("k", "v")});
    return !refused && says(refused.error(), "is read-only") ? 0 : 6;
  });
  if (status == -1) GTEST_SKIP() << "no private tmpfs here: needs root and namespaces";
  EXPECT_EQ(status, 0);
}

TEST_F(Lmdb, LittleAddressSpaceIsEnough) {
#ifdef STRONGROOM_SANITIZED
  GTEST_SKIP() << "sanitizers need the address space";
#else
  const int status = Child([&] {
                       const struct rlimit limit { std::size_t{4} << 30, std::size_t{4} << 30 };
                       if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
                       auto opened = open_lmdb(path_);
                       if (!opened) return 2;
                       return applied(commit(**opened, {put("k", "v")})) ? 0 : 3;
                     }).join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fetch(*open(), "k").value, "v");
#endif
}

TEST_F(Lmdb, ReservedMapTakesNoRoomOnTheDisk) {
  make_store();
  struct stat status;
  ASSERT_EQ(::stat(file("data.mdb").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 64 << 10);
  EXPECT_LT(status.st_size, 8 << 20);
}

// meta_fd finds the descriptor through which LMDB writes its headers: the synchronous one.
int meta_fd(const std::string& data_file) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (fs::read_symlink(entry.path(), error) != data_file) continue;
    const int fd = std::stoi(entry.path().filename().string());
    if ((::fcntl(fd, F_GETFL) & O_DSYNC) != 0) return fd;
  }
  return -1;
}

TEST_F(Lmdb, HeaderThatCouldNotBeWrittenIsIndeterminateUntilTheStoreIsOpenedAgain) {
  auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "1")})));
  const int fd = meta_fd(fs::canonical(file("data.mdb")));
  ASSERT_GE(fd, 0);
  const int broken = ::open("/dev/full", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::dup3(broken, fd, O_CLOEXEC), fd);
  ::close(broken);

  const auto set = commit(*store, {put("k", "2")});
  EXPECT_TRUE(fails_with(set, Code::indeterminate));
  EXPECT_TRUE(says(set.error(), "close and open")) << set.error().message;
  const auto next = commit(*store, {put("k", "3")});
  EXPECT_TRUE(fails_with(next, Code::unavailable));
  EXPECT_TRUE(says(next.error(), "close and open")) << next.error().message;
  const ByteView keys[] = {bytes("k")};
  auto read = store->read(
      keys, [](std::size_t, const Record&) {}, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::unavailable);

  store.reset();
  store = open();
  EXPECT_EQ(fetch(*store, "k").value, "1");
  EXPECT_TRUE(applied(commit(*store, {put("k", "4")})));
}

//
// Handles of one process
//

TEST_F(Lmdb, SecondOpenByAnotherSpellingSharesTheEnvironment) {
  const auto first = open();
  ASSERT_TRUE(applied(commit(*first, {put("k", "1")})));
  fs::create_directory_symlink(top_, top_ + "/link");
  fs::create_directory_symlink(path_, top_ + "/direct");
  for (const std::string& spelling :
       {top_ + "/link/store", top_ + "/direct", path_ + "/", top_ + "//store/."}) {
    auto second = open(spelling);
    ASSERT_NE(second, nullptr) << spelling;
    EXPECT_EQ(fetch(*second, "k").value, "1");
    ASSERT_TRUE(applied(commit(*second, {put("k", "1")})));
    second.reset();
    // Had a second environment been closed, our lock on the table of readers would be gone, and
    // the next process would think itself alone and clear it.
    ASSERT_EQ(Child([&] {
                auto theirs = open_lmdb(path_);
                return theirs && applied(commit(**theirs, {put("k", spelling)})) ? 0 : 1;
              }).join(),
              0);
    EXPECT_EQ(fetch(*first, "k").value, spelling);
    ASSERT_TRUE(applied(commit(*first, {put("k", "1")})));
  }
}

TEST_F(Lmdb, OpeningAndClosingFromManyThreadsLeavesNoHandleBehind) {
  make_store();
  conformance::in_threads(4, [&](int thread) {
    const std::string key = "t" + std::to_string(thread);
    for (int i = 0; i < 15; ++i) {
      const auto store = open();
      ASSERT_NE(store, nullptr);
      ASSERT_TRUE(applied(commit(*store, {put(key, std::to_string(i))})));
      ASSERT_EQ(fetch(*store, key).value, std::to_string(i));
    }
  });
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    EXPECT_FALSE(fs::read_symlink(entry.path(), error).string().starts_with(top_));
  }
}

TEST_F(Lmdb, DataFileReplacedOrRemovedWhileOpenIsNoticed) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "v")})));
  fs::copy_file(file("data.mdb"), file("copy"));
  fs::remove(file("data.mdb"));
  const auto set = commit(*store, {put("k", "w")});
  EXPECT_TRUE(fails_with(set, Code::unavailable));
  EXPECT_TRUE(says(set.error(), "removed")) << set.error().message;
  fs::rename(file("copy"), file("data.mdb"));
  ASSERT_EQ(::chmod(file("data.mdb").c_str(), 0600), 0);
  expect_refused(path_, Code::unavailable, "was replaced while it was open");
}

TEST_F(Lmdb, DirectoryMadeAgainWhileTheOldOneIsOpenIsAnotherStore) {
  const auto old = open();
  ASSERT_TRUE(applied(commit(*old, {put("k", "old")})));
  fs::remove_all(path_);
  const auto fresh = open();
  ASSERT_NE(fresh, nullptr);
  EXPECT_TRUE(all(*fresh).empty());
}

TEST_F(Lmdb, UrlOpensTheSameStore) {
  const auto store = open(path_, {.quota_bytes = 1 << 20});
  EXPECT_EQ(store->url(), "lmdb:" + path_ + "?quota=1048576");
  auto again = open_backend(store->url());
  EXPECT_TRUE(again.ok());
}

TEST_F(Lmdb, ManyWritersAtOnceShareCommitsAndLoseNothing) {
  const auto store = open();
  ASSERT_NE(store, nullptr);
  constexpr int kWriters = 64;
  constexpr int kWrites = 10;
  const Stamp before = stamp_of(*store);
  conformance::in_threads(kWriters, [&](int thread) {
    for (int i = 0; i < kWrites; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      ASSERT_TRUE(applied(commit(*store, {put(key, key, kAbsent)})));
    }
  });
  const std::uint64_t num_commits = stamp_of(*store).value() - before.value();
  EXPECT_EQ(all(*store).size(), static_cast<std::size_t>(kWriters * kWrites));
  EXPECT_LT(num_commits, static_cast<std::uint64_t>(kWriters * kWrites / 4));
  RecordProperty("commits", static_cast<int>(num_commits));
}

TEST_F(Lmdb, ConflictInAGroupTouchesItsOwnBatchOnly) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("taken", "1")})));
  std::atomic<int> num_conflicts{0};
  conformance::in_threads(16, [&](int thread) {
    for (int i = 0; i < 10; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      const bool guilty = (thread + i) % 3 == 0;
      const auto set = commit(*store, {put(key, key), check("taken", guilty ? kAbsent : kAny)});
      ASSERT_TRUE(set.ok()) << set.error().message;
      EXPECT_EQ(set->conflict.has_value(), guilty);
      num_conflicts += guilty ? 1 : 0;
    }
  });
  EXPECT_EQ(all(*store).size(), static_cast<std::size_t>(16 * 10 + 1 - num_conflicts));
}

TEST_F(Lmdb, MoreReadersAtOnceThanPlacesTakeTurns) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", std::string(1000, 'v'))})));
  conformance::in_threads(100, [&](int) {
    const ByteView keys[] = {bytes("k")};
    for (int i = 0; i < 5; ++i) {
      auto read = store->read(
          keys, [](std::size_t, const Record&) { std::this_thread::sleep_for(1ms); },
          kDefaultTimeout);
      ASSERT_TRUE(read.ok()) << read.error().message;
    }
  });
}

TEST_F(Lmdb, SinkThatThrowsLeavesNoSnapshotOpen) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "v")})));
  const ByteView keys[] = {bytes("k")};
  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW((void)store->read(
                     keys, [](std::size_t, const Record&) { throw 1; }, 100ms),
                 int);
    EXPECT_THROW((void)store->scan(
                     {}, {}, 9, [](const Record&) { throw 1; }, 100ms),
                 int);
  }
  EXPECT_EQ(fetch(*store, "k").value, "v");
  // A snapshot left open would keep every page of these from being used again.
  const std::string value(100'000, 'v');
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(applied(commit(*store, {put("k", value)})));
  struct stat status;
  ASSERT_EQ(::stat(file("data.mdb").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

//
// Several processes
//

TEST_F(Lmdb, ReadersInOtherProcessesSeeOneStateWhileThisOneWrites) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("a", "0"), put("b", "0")})));
  const auto reader = [&] {
    auto mine = open_lmdb(path_);
    if (!mine) return 1;
    const ByteView keys[] = {bytes("a"), bytes("b")};
    for (std::string last = "0"; last != "end";) {
      std::array<std::string, 2> seen;
      auto stamp = (*mine)->read(
          keys, [&](std::size_t i, const Record& r) { seen[i] = conformance::text(r.value); },
          kDefaultTimeout);
      if (!stamp || seen[0] != seen[1]) return 2;
      if (seen[0] != "end" && std::stoi(seen[0]) < std::stoi(last)) return 3;
      last = seen[0];
    }
    return 0;
  };
  Child one(reader), two(reader);
  for (int i = 1; i < 150; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(applied(commit(*store, {put("a", value), put("b", value)})));
  }
  ASSERT_TRUE(applied(commit(*store, {put("a", "end"), put("b", "end")})));
  EXPECT_EQ(one.join(), 0);
  EXPECT_EQ(two.join(), 0);
}

TEST_F(Lmdb, WritersOfSeveralProcessesLoseNoIncrementAndNoneIsLeftOut) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("n", "0")})));
  const auto count = [](Backend& mine) {
    for (int done = 0; done < 60;) {
      const auto now = fetch(mine, "n");
      const std::string next = std::to_string(std::stoi(now.value) + 1);
      auto set = commit(mine, {put("n", next, now.version)});
      if (!set) return 1;
      if (!set->conflict) ++done;
    }
    return 0;
  };
  const auto child = [&] {
    auto mine = open_lmdb(path_);
    return mine ? count(**mine) : 2;
  };
  Child one(child), two(child);
  EXPECT_EQ(count(*store), 0);
  EXPECT_EQ(one.join(), 0);
  EXPECT_EQ(two.join(), 0);
  EXPECT_EQ(fetch(*store, "n").value, "180");
}

// hold_in_child holds a byte of the lock until told to stop.
std::unique_ptr<Child> hold_in_child(const std::string& path, off_t byte, Pipe& ready) {
  auto child = std::make_unique<Child>([&] {
    if (hold_lock(path, byte) < 0 || !ready.say(1)) return 1;
    for (;;) ::pause();
  });
  std::uint32_t heard = 0;
  EXPECT_TRUE(ready.hear(heard));
  return child;
}

TEST_F(Lmdb, WriteLockOfAnotherProcessEndsInATimeoutThatChangedNothing) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "1")})));
  Pipe ready;
  const auto holder = hold_in_child(path_, 0, ready);
  for (const bool stopped : {false, true}) {
    if (stopped) holder->signal(SIGSTOP);
    const auto start = std::chrono::steady_clock::now();
    const Change batch[] = {put("k", "2")};
    const auto set = store->commit(batch, 150ms);
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_TRUE(fails_with(set, Code::timeout));
    EXPECT_TRUE(says(set.error(), "another process")) << set.error().message;
    EXPECT_GE(took, 150ms);
    EXPECT_LT(took, 1s);
    EXPECT_EQ(fetch(*store, "k").value, "1");  // readers do not wait
  }
  holder->kill_now();
  EXPECT_TRUE(applied(commit(*store, {put("k", "3")})));
}

TEST_F(Lmdb, WaitingWritersWithdrawEachInItsOwnTime) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "1")})));
  Pipe ready;
  const auto holder = hold_in_child(path_, 0, ready);
  std::atomic<int> num_applied{0};
  conformance::in_threads(9, [&](int thread) {
    if (thread == 8) {  // the lock comes free while the patient still wait
      std::this_thread::sleep_for(500ms);
      holder->kill_now();
      return;
    }
    const std::string key = "t" + std::to_string(thread);
    const bool patient = thread % 2 == 0;
    const Timeout timeout = patient ? Timeout{5000} : Timeout{50 + 20 * thread};
    const auto start = std::chrono::steady_clock::now();
    const Change batch[] = {put(key, key)};
    const auto set = store->commit(batch, timeout);
    if (patient) {
      EXPECT_TRUE(applied(set));
      ++num_applied;
    } else {
      EXPECT_TRUE(fails_with(set, Code::timeout));
      EXPECT_LT(std::chrono::steady_clock::now() - start, timeout + 250ms);
    }
  });
  EXPECT_EQ(num_applied, 4);
  EXPECT_EQ(all(*store, "t"), (std::vector<std::string>{"t0", "t2", "t4", "t6"}));
}

TEST_F(Lmdb, OpeningWaitsForAProcessThatIsOpening) {
  make_store();
  Pipe ready;
  const auto holder = hold_in_child(path_, 1, ready);
  std::thread release([&] {
    std::this_thread::sleep_for(200ms);
    holder->kill_now();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(open(), nullptr);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 150ms);
  release.join();
}

TEST_F(Lmdb, ManyProcessesMakeOneStoreAtOnce) {
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(std::make_unique<Child>([&, i] {
      auto mine = open_lmdb(path_);
      const std::string key = "p" + std::to_string(i);
      return mine && applied(commit(**mine, {put(key, key, kAbsent)})) ? 0 : 1;
    }));
  }
  for (auto& child : children) EXPECT_EQ(child->join(), 0);
  EXPECT_EQ(all(*open()).size(), 8u);
}

TEST_F(Lmdb, NoAcknowledgedWriteIsLostWhenTheWriterIsKilled) {
  const auto store = open();  // stays open: its locks must outlive the deaths
  ASSERT_TRUE(applied(commit(*store, {put("a", "0"), put("b", "0")})));
  std::uint32_t last = 0;
  for (int round = 0; round < 50; ++round) {
    Pipe acks;
    Child writer([&] {
      auto mine = open_lmdb(path_);
      if (!mine) return 1;
      for (std::uint32_t i = last + 1;; ++i) {
        const std::string value = std::to_string(i);
        const std::string bulk(value.size() * 300, 'x');
        if (!applied(
                commit(**mine, {put("a", value), put("bulk" + value, bulk), put("b", value)}))) {
          return 2;
        }
        if (!acks.say(i)) return 3;
      }
    });
    std::uint32_t heard = 0;
    ASSERT_TRUE(acks.hear(heard));  // it is under way
    std::this_thread::sleep_for(std::chrono::microseconds(rand() % 4000));
    writer.signal(SIGKILL);
    ASSERT_EQ(writer.join(), -SIGKILL);
    while (acks.hear(heard)) {
    }
    const std::string a = fetch(*store, "a").value;
    ASSERT_EQ(a, fetch(*store, "b").value) << "half a commit";
    ASSERT_GE(std::stoul(a), heard) << "an acknowledged write was lost";
    // The dead one's locks are free. A write that it had finished but not told anybody of may come
    // to light only now, when LMDB finds its owner dead.
    ASSERT_TRUE(applied(commit(*store, {put("ours", a)})));
    const std::string now = fetch(*store, "a").value;
    ASSERT_EQ(now, fetch(*store, "b").value) << "half a commit";
    ASSERT_GE(std::stoul(now), std::stoul(a));
    ASSERT_LE(std::stoul(now), heard + 1);
    ASSERT_EQ(value_in_another_process("b", now), 0);
    last = static_cast<std::uint32_t>(std::stoul(now));
  }
  EXPECT_GE(last, 50u);
}

TEST_F(Lmdb, ReaderKilledInItsSnapshotDoesNotMakeTheFileGrowForEver) {
  const auto store = open();
  const std::string value(100'000, 'v');
  ASSERT_TRUE(applied(commit(*store, {put("k", value)})));
  Child reader([&] {
    auto mine = open_lmdb(path_);
    if (!mine) return 1;
    const ByteView keys[] = {bytes("k")};
    (void)(*mine)->read(
        keys, [](std::size_t, const Record&) { ::raise(SIGKILL); }, kDefaultTimeout);
    return 2;
  });
  ASSERT_EQ(reader.join(), -SIGKILL);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(applied(commit(*store, {put("k", value)})));
  struct stat status;
  ASSERT_EQ(::stat(file("data.mdb").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 10 << 20);
}

TEST_F(Lmdb, PlacesOfKilledReadersAreTakenBackWhenThereAreNoOthers) {
  const auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "v")})));
  Pipe ready;
  Child hog([&] {
    MDB_env* env = nullptr;
    if (open_raw(path_, MDB_NOTLS, env) != 0) return 1;
    for (;;) {
      MDB_txn* txn = nullptr;
      const int rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
      if (rc == MDB_READERS_FULL) break;
      if (rc != 0) return 2;
    }
    if (!ready.say(1)) return 3;
    for (;;) ::pause();
  });
  std::uint32_t heard = 0;
  ASSERT_TRUE(ready.hear(heard));
  const ByteView keys[] = {bytes("k")};
  auto read = store->read(
      keys, [](std::size_t, const Record&) {}, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::unavailable);
  EXPECT_TRUE(says(read.error(), "readers")) << read.error().message;
  hog.kill_now();
  EXPECT_EQ(fetch(*store, "k").value, "v");
}

TEST_F(Lmdb, ForkedChildDoesNotDisturbItsParent) {
  auto store = open();
  ASSERT_TRUE(applied(commit(*store, {put("k", "1")})));
  EXPECT_EQ(fetch(*store, "k").value, "1");
  const int status = Child([&] {
                       const ByteView keys[] = {bytes("k")};
                       auto read = store->read(
                           keys, [](std::size_t, const Record&) {}, 100ms);
                       if (read || read.error().code != Code::unavailable) return 1;
                       if (commit(*store, {put("k", "child")}).ok()) return 2;
                       if (store
                               ->scan(
                                   {}, {}, 1, [](const Record&) {}, 100ms)
                               .ok())
                         return 3;
                       store.reset();  // must not let go of the parent's locks
                       auto own = open_lmdb(path_);
                       if (!own || fetch(**own, "k").value != "1") return 4;
                       return applied(commit(**own, {put("k", "2")})) ? 0 : 5;
                     }).join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fetch(*store, "k").value, "2");
  EXPECT_TRUE(applied(commit(*store, {put("k", "3")})));
  EXPECT_EQ(value_in_another_process("k", "3"), 0);
  EXPECT_EQ(fetch(*store, "k").value, "3");
}

}  // namespace
}  // namespace strongroom::lmdb_test
