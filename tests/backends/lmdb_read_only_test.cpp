// lmdb_read_only_test.cpp: an LMDB store through a read-only mount, while others write it elsewhere.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/lmdb.hpp"
#include "tests/support/scratch.hpp"

namespace strongroom::lmdb_read_only_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr int kForbidden = 77;

ByteView bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text(ByteView view) {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

Result<Commit> put(Backend& store, std::string_view key, std::string_view value,
                   Timeout timeout = kDefaultTimeout) {
  const Change change{Change::Kind::put, bytes(key), bytes(value), kAny};
  return store.commit(std::span(&change, 1), timeout);
}

using Records = std::map<std::string, std::string>;

Result<std::string> get(Backend& store, std::string_view key, Timeout timeout = kDefaultTimeout) {
  const ByteView keys[] = {bytes(key)};
  std::string value;
  auto stamp = store.read(
      keys, [&](std::size_t, const Record& record) { value = text(record.value); }, timeout);
  if (!stamp) return stamp.error();
  return value;
}

Result<Records> scan(Backend& store, Timeout timeout = kDefaultTimeout) {
  Records found;
  auto more = store.scan(
      {}, {}, 1000,
      [&](const Record& record) { found.emplace(text(record.key), text(record.value)); }, timeout);
  if (!more) return more.error();
  return found;
}

// snapshot also calls `meanwhile` with each record.
Result<Records> snapshot(
    Backend& store, const std::function<void()>& meanwhile = [] {},
    Timeout timeout = kDefaultTimeout) {
  Records found;
  auto done = store.snapshot(
      {},
      [&](const Record& record) -> Result<void> {
        found.emplace(text(record.key), text(record.value));
        meanwhile();
        return {};
      },
      timeout);
  if (!done) return done.error();
  return found;
}

template <typename T>
void expect_fails(const Result<T>& result, Code code, const std::string& says) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_NE(result.error().message.find(says), std::string::npos) << result.error().message;
}

bool write_file(const char* path, const std::string& content) {
  std::ofstream out(path);
  return (out << content << std::flush).good();
}

bool enter_namespace() {
  if (::geteuid() == 0) return ::unshare(CLONE_NEWNS) == 0;
  const std::string user = std::to_string(::geteuid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         write_file("/proc/self/uid_map", user + " " + user + " 1");
}

bool mount_read_only(const std::string& from, const std::string& at) {
  struct statvfs system;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount(from.c_str(), at.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      ::statvfs(at.c_str(), &system) != 0) {
    return false;
  }
  const unsigned long kept = system.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME);
  return ::mount(nullptr, at.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kept, nullptr) ==
         0;
}

// A store at store() that can be written, and the same files at view(), where they cannot.
class LmdbReadOnly : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(view()); }

  std::string store() const { return scratch_.path() / "store"; }
  std::string view() const { return scratch_.path() / "view"; }

  // with_view runs the body in a process of its own, which has the mount. Its failures are ours.
  void with_view(const std::function<void()>& body) const {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      if (!enter_namespace() || !mount_read_only(store(), view())) ::_exit(kForbidden);
      body();
      std::fflush(stdout);
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kForbidden) {
      GTEST_SKIP() << "this host forbids a read-only bind mount in a namespace";
    }
    EXPECT_EQ(status, 0) << "see the failures above";
  }

  std::unique_ptr<Backend> open(const std::string& path, const LmdbOptions& options = {}) const {
    auto opened = open_lmdb(path, options);
    EXPECT_TRUE(opened.ok()) << (opened ? "" : opened.error().message);
    return opened ? std::move(*opened) : nullptr;
  }

  void make_store() const {
    auto backend = open(store());
    ASSERT_NE(backend, nullptr);
    for (const char* key : {"a", "b", "c"})
      ASSERT_TRUE(put(*backend, key, std::string(9000, *key)).ok());
  }

  // entries gives what a change to the directory or its files would show.
  auto entries() const {
    std::map<std::string, std::tuple<off_t, blkcnt_t, time_t, long, mode_t>> found;
    const auto note = [&](const std::string& path) {
      struct stat s {};
      EXPECT_EQ(::lstat(path.c_str(), &s), 0) << path;
      found[path] = {s.st_size, s.st_blocks, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_mode};
    };
    note(store());
    for (const auto& entry : fs::directory_iterator(store())) note(entry.path());
    return found;
  }

  testing::Scratch scratch_;
};

TEST_F(LmdbReadOnly, ReadsWhatIsThereAndChangesNothing) {
  make_store();
  for (const bool has_reader_table : {true, false}) {
    if (!has_reader_table) fs::remove(store() + "/lock.mdb");
    const auto before = entries();
    with_view([&] {
      {
        const auto backend = open(view(), {.must_exist = true});
        ASSERT_NE(backend, nullptr);
        EXPECT_EQ(backend->url(), "lmdb:" + view());
        auto value = get(*backend, "b");
        ASSERT_TRUE(value.ok()) << value.error().message;
        EXPECT_EQ(*value, std::string(9000, 'b'));
        const Records all{
            {"a", std::string(9000, 'a')}, {"b", *value}, {"c", std::string(9000, 'c')}};
        auto scanned = scan(*open(view()));
        ASSERT_TRUE(scanned.ok()) << scanned.error().message;
        EXPECT_EQ(*scanned, all);
        auto copied = snapshot(*backend);
        ASSERT_TRUE(copied.ok()) << copied.error().message;
        EXPECT_EQ(*copied, all);
        EXPECT_TRUE(backend->sync(kDefaultTimeout).ok());
      }
      EXPECT_EQ(entries(), before);
    });
    if (IsSkipped() || HasFailure()) return;
    EXPECT_EQ(entries(), before);
  }
}

TEST_F(LmdbReadOnly, WritesAreRefused) {
  make_store();
  const auto before = entries();
  with_view([&] {
    const auto backend = open(view());
    ASSERT_NE(backend, nullptr);
    const std::string says = "the file system of " + view() + " is read-only";
    expect_fails(put(*backend, "a", "new"), Code::unavailable, says);
    const Change erase{Change::Kind::erase, bytes("a"), {}, kAny};
    expect_fails(backend->commit(std::span(&erase, 1), 0ms), Code::unavailable, says);
    auto value = get(*backend, "a");
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(value->size(), 9000u);
    EXPECT_EQ(entries(), before);
  });
}

TEST_F(LmdbReadOnly, WithoutAStoreOrItsLockNothingIsOpened) {
  ASSERT_TRUE(fs::create_directory(store()));
  ASSERT_EQ(::chmod(store().c_str(), 0700), 0);
  with_view([&] {
    expect_fails(open_lmdb(view(), {.must_exist = true}), Code::not_initialized, "no store");
    expect_fails(open_lmdb(view()), Code::unavailable, "none can be made on a read-only");
    EXPECT_TRUE(fs::is_empty(store()));
    expect_fails(open_lmdb(view() + "/below"), Code::unavailable, "could not be made");

    make_store();
    fs::remove(store() + "/write.lock");
    expect_fails(open_lmdb(view()), Code::unavailable, "write.lock was missing");
    EXPECT_FALSE(fs::exists(store() + "/write.lock"));
    EXPECT_NE(open(store()), nullptr);  // what the text advises
    EXPECT_NE(open(view()), nullptr);
  });
}

TEST_F(LmdbReadOnly, OneProcessMayHaveBothAndTheyDoNotMix) {
  make_store();
  with_view([&] {
    const auto writer = open(store());
    const auto reader = open(view());
    ASSERT_TRUE(writer != nullptr && reader != nullptr);
    ASSERT_TRUE(put(*writer, "a", "new").ok());
    EXPECT_EQ(get(*reader, "a").value(), "new");
    expect_fails(put(*reader, "a", "newer"), Code::unavailable, "read-only");
    EXPECT_EQ(get(*writer, "a").value(), "new");
  });
}

TEST_F(LmdbReadOnly, ASnapshotHoldsUpWritersAndNoLonger) {
  make_store();
  with_view([&] {
    const auto writer = open(store());
    const auto reader = open(view());
    ASSERT_TRUE(writer != nullptr && reader != nullptr);
    pid_t child = -1;
    auto copied = snapshot(*reader, [&] {
      expect_fails(put(*writer, "a", "new", 100ms), Code::timeout, "write.lock");
      EXPECT_EQ(get(*reader, "a").value().size(), 9000u);
      if (child < 0) child = ::fork();  // its copies of the descriptors must not keep the lock
      if (child == 0) {
        for (;;) ::pause();
      }
    });
    ASSERT_TRUE(copied.ok()) << copied.error().message;
    EXPECT_EQ(copied->at("a").size(), 9000u);
    const auto put_later = put(*writer, "a", "new");
    EXPECT_TRUE(put_later.ok());
    EXPECT_EQ(get(*reader, "a").value().size(), 3u);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  });
}

TEST_F(LmdbReadOnly, AForkedChildDoesNotReleaseTheLockOfItsParent) {
  make_store();
  with_view([&] {
    const auto writer = open(store());
    const auto reader = open(view());
    ASSERT_TRUE(writer != nullptr && reader != nullptr);
    bool parent = true;
    auto copied = reader->snapshot(
        {},
        [&](const Record&) -> Result<void> {
          const pid_t child = ::fork();
          parent = child != 0;
          if (!parent) return Error{Code::unavailable, "the child leaves"};
          ::waitpid(child, nullptr, 0);
          expect_fails(put(*writer, "a", "new", 100ms), Code::timeout, "write.lock");
          return {};
        },
        kDefaultTimeout);
    if (!parent) ::_exit(0);
    EXPECT_TRUE(copied.ok());
  });
}

TEST_F(LmdbReadOnly, AWriterThatIsStoppedEndsReadsAtTheirDeadline) {
  make_store();
  with_view([&] {
    const auto reader = open(view());
    ASSERT_NE(reader, nullptr);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
      const int fd = ::open((store() + "/write.lock").c_str(), O_RDWR | O_CLOEXEC);
      struct flock range {};
      range.l_type = F_WRLCK;
      range.l_whence = SEEK_SET;
      range.l_len = 1;
      if (::fcntl(fd, F_OFD_SETLK, &range) != 0 || ::write(ends[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char said = 0;
    EXPECT_EQ(::read(ends[0], &said, 1), 1);
    ::kill(holder, SIGSTOP);
    const auto start = steady_clock::now();
    expect_fails(get(*reader, "a", 200ms), Code::timeout, "write.lock");
    expect_fails(scan(*reader, 200ms), Code::timeout, "write.lock");
    expect_fails(snapshot(
                     *reader, [] {}, 200ms),
                 Code::timeout, "write.lock");
    EXPECT_GE(steady_clock::now() - start, 600ms);
    EXPECT_LT(steady_clock::now() - start, 8s);
    const fs::path other = scratch_.path() / "other";
    fs::create_directory_symlink(view(), other);
    EXPECT_EQ(open(other)->url(), "lmdb:" + other.string());  // joins what is open
    ::kill(holder, SIGKILL);
    ::waitpid(holder, nullptr, 0);
    EXPECT_EQ(get(*reader, "a").value().size(), 9000u);
  });
}

//
// A writer and several readers at once
//

constexpr int kNumKeys = 12;

// record_of gives the value of commit n under a key. Its length and bytes follow from both, so a value that
// is mixed from two commits is found.
std::string record_of(std::size_t n, int key) {
  const std::size_t len = (n * 977 + static_cast<std::size_t>(key) * 4099) % 30000;
  return std::to_string(n) + ":" +
         std::string(len, static_cast<char>('a' + (n + static_cast<std::size_t>(key)) % 26));
}

std::string key_of(int key) {
  return "key " + std::to_string(100 + key);
}

Result<Commit> commit_all(Backend& store, std::size_t n) {
  std::vector<std::string> texts;
  std::vector<Change> batch;
  for (int key = 0; key < kNumKeys; ++key) {
    texts.push_back(key_of(key));
    texts.push_back(record_of(n, key));
  }
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    batch.push_back({Change::Kind::put, bytes(texts[i]), bytes(texts[i + 1]), kAny});
  }
  return store.commit(batch, kDefaultTimeout);
}

// number_of gives the commit that all records are of, or 0: they are not of one.
std::size_t number_of(const Records& records) {
  if (records.size() != static_cast<std::size_t>(kNumKeys)) return 0;
  const std::size_t n = std::strtoull(records.begin()->second.c_str(), nullptr, 10);
  for (int key = 0; key < kNumKeys; ++key) {
    const auto it = records.find(key_of(key));
    if (it == records.end() || it->second != record_of(n, key)) return 0;
  }
  return n;
}

Result<Records> read_all(Backend& store) {
  std::vector<std::string> texts;
  std::vector<ByteView> keys;
  for (int key = 0; key < kNumKeys; ++key) texts.push_back(key_of(key));
  for (const std::string& key : texts) keys.push_back(bytes(key));
  Records found;
  auto stamp = store.read(
      keys,
      [&](std::size_t, const Record& record) {
        found.emplace(text(record.key), text(record.value));
      },
      kDefaultTimeout);
  if (!stamp) return stamp.error();
  return found;
}

// write_until_killed commits numbers that grow, in a process of its own. It says each failure.
[[noreturn]] void write_until_killed(const std::string& path, int complaints) {
  auto opened = open_lmdb(path);
  for (std::size_t n = 2; opened; ++n) {
    if (n % 500 == 0)
      (void)put(**opened, "large", std::string(std::size_t{1} << 20, 'l'));  // grows
    if (n % 500 == 1) {
      const Change erase{Change::Kind::erase, bytes("large"), {}, kAny};
      (void)(*opened)->commit(std::span(&erase, 1), kDefaultTimeout);
    }
    auto done = commit_all(**opened, n);
    if (!done) (void)!::write(complaints, "w", 1);
  }
  ::_exit(1);
}

TEST_F(LmdbReadOnly, ReadersSeeWholeAndNewValuesWhileAnotherProcessWrites) {
  {
    auto backend = open(store());
    ASSERT_TRUE(backend != nullptr && commit_all(*backend, 1).ok());
  }
  with_view([&] {
    std::array<int, 2> complaints{};
    ASSERT_EQ(::pipe2(complaints.data(), O_CLOEXEC | O_NONBLOCK), 0);
    const pid_t writer = ::fork();
    if (writer == 0) write_until_killed(store(), complaints[1]);
    // Such a small map must be moved as the file grows.
    const auto reader = open(view(), {.quota_bytes = kMinLmdbQuota});
    ASSERT_NE(reader, nullptr);
    const auto end =
        steady_clock::now() + (std::getenv("STRONGROOM_LONG_TESTS") != nullptr ? 60s : 3s);
    std::atomic<std::size_t> newest{1};
    const auto watch = [&](const std::function<Result<Records>(Backend&)>& look) {
      std::size_t last = 0;
      while (steady_clock::now() < end && !HasFailure()) {
        const std::size_t known = newest.load();
        auto found = look(*reader);
        ASSERT_TRUE(found.ok()) << found.error().message;
        found->erase("large");
        const std::size_t n = number_of(*found);
        ASSERT_GE(n, std::max(last, known));
        last = n;
        for (std::size_t seen = known; seen < n && !newest.compare_exchange_weak(seen, n);) {
        }
      }
      EXPECT_GT(last, 5u);
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { watch(read_all); });
    threads.emplace_back([&] { watch([](Backend& store) { return scan(store); }); });
    threads.emplace_back([&] { watch([](Backend& store) { return snapshot(store); }); });
    for (std::thread& thread : threads) thread.join();
    ::kill(writer, SIGKILL);
    int status = 0;
    ::waitpid(writer, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer could not open the store";
    char complaint = 0;
    EXPECT_NE(::read(complaints[0], &complaint, 1), 1) << "the writer had a commit that failed";
  });
}

}  // namespace
}  // namespace strongroom::lmdb_read_only_test
