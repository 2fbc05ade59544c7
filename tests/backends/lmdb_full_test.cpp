// lmdb_full_test.cpp: LMDB stores without room: what was deleted can be used at the next try.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/lmdb.hpp"
#include "tests/support/scratch.hpp"

namespace strongroom::lmdb_full_test {
namespace {

namespace fs = std::filesystem;
using testing::Scratch;

constexpr int kImpossible = 99;

ByteView view(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Result<Commit> put(Backend& store, const std::string& key, std::size_t len) {
  const std::string value(len, 'v');
  const Change batch[] = {{Change::Kind::put, view(key), view(value), kAny}};
  return store.commit(batch, kDefaultTimeout);
}

Result<Commit> erase(Backend& store, const std::string& key) {
  const Change batch[] = {{Change::Kind::erase, view(key), {}, kAny}};
  return store.commit(batch, kDefaultTimeout);
}

std::size_t len_of(Backend& store, const std::string& key) {
  std::size_t len = 0;
  const ByteView keys[] = {view(key)};
  auto read = store.read(
      keys, [&](std::size_t, const Record& record) { len = record.value.size(); }, kDefaultTimeout);
  return read ? len : SIZE_MAX;
}

std::string name_of(std::size_t len, int n) {
  return std::to_string(len) + "-" + std::to_string(n);
}

// fill puts values until one is refused. Returns  how many there are, or -1: refused with another error.
int fill(Backend& store, std::size_t len, const std::string& says) {
  for (int n = 0; n < 100'000; ++n) {
    const auto done = put(store, name_of(len, n), len);
    if (done) continue;
    const Error& error = done.error();
    const bool right = error.code == Code::unavailable &&
                       error.message.find(says) != std::string::npos &&
                       error.message.find("delete something") != std::string::npos;
    return right ? n : -1;
  }
  return -1;
}

// Returns  0: room that was made can be used at once, everything else stays readable, and a new handle
//          sees the same. Otherwise the number of the step that failed.
int use_room(const std::string& path, const std::string& says, std::size_t quota = 0) {
  auto opened = open_lmdb(path, {.quota_bytes = quota});
  if (!opened) return 1;
  Backend& store = **opened;
  const int num_large = fill(store, 50'000, says);
  const int num_small = fill(store, 10, says);
  if (num_large < 5) return 2;
  if (num_small < 0) return 3;
  for (int n = 0; n < 4; ++n) {
    const std::string again = "again " + std::to_string(n);
    if (!erase(store, name_of(50'000, n))) return 10 + n;
    if (!put(store, again, 20'000)) return 20 + n;
    if (len_of(store, again) != 20'000) return 30 + n;
  }
  for (int n = 4; n < num_large; ++n) {
    if (len_of(store, name_of(50'000, n)) != 50'000) return 4;
  }
  for (int n = 0; n < num_small; ++n) {
    if (!erase(store, name_of(10, n))) return 5;
  }
  opened = Error{};
  auto anew = open_lmdb(path, {.quota_bytes = quota});
  if (!anew || len_of(**anew, "again 3") != 20'000) return 6;
  for (int n = 4; n < num_large; ++n) {
    if (!erase(**anew, name_of(50'000, n))) return 7;
  }
  return put(**anew, "last", 50'000) ? 0 : 8;
}

int in_child(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(LmdbFull, WhatWasDeletedUnderAQuotaCanBeUsedAtOnce) {
  for (const std::size_t quota : {std::size_t{512} << 10, std::size_t{1} << 20}) {
    const Scratch scratch;
    const std::string path = scratch.path() / "store";
    EXPECT_EQ(use_room(path, "reached its quota of " + std::to_string(quota), quota), 0);
    EXPECT_LE(fs::file_size(path + "/data.mdb"), quota + (std::size_t{2} << 20));
  }
}

TEST(LmdbFull, RefusedWritesDoNotMakeTheFileGrow) {
  const Scratch scratch;
  const std::string path = scratch.path() / "store";
  constexpr std::size_t kQuota = std::size_t{256} << 10;
  auto opened = open_lmdb(path, {.quota_bytes = kQuota});
  ASSERT_TRUE(opened.ok());
  ASSERT_GT(fill(**opened, 1000, "quota"), 10);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(put(**opened, "large", 100'000).ok());
  const auto before = fs::file_size(path + "/data.mdb");
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(put(**opened, "large", 100'000).ok());
  EXPECT_EQ(fs::file_size(path + "/data.mdb"), before);
}

TEST(LmdbFull, WhatAReaderKeptCanBeUsedOnceItIsGone) {
  const Scratch scratch;
  const std::string path = scratch.path() / "store";
  constexpr std::size_t kQuota = std::size_t{1} << 20;
  auto opened = open_lmdb(path, {.quota_bytes = kQuota});
  ASSERT_TRUE(opened.ok());
  Backend& store = **opened;
  ASSERT_GT(fill(store, 50'000, "quota"), 5);
  // Another process is killed in its snapshot.
  EXPECT_EQ(in_child([&] {
              auto theirs = open_lmdb(path, {.quota_bytes = kQuota});
              if (!theirs) return 1;
              (void)(*theirs)->snapshot(
                  {},
                  [](const Record&) -> Result<void> {
                    ::kill(::getpid(), SIGKILL);
                    return {};
                  },
                  kDefaultTimeout);
              return 2;
            }),
            -SIGKILL);
  ASSERT_TRUE(erase(store, name_of(50'000, 0)).ok());
  EXPECT_TRUE(put(store, "again", 20'000).ok());
}

TEST(LmdbFull, WhatWasDeletedFromAFullDiskCanBeUsedAtOnce) {
  const Scratch scratch;
  const std::string disk = scratch.path() / "disk";
  fs::create_directory(disk);
  const int status = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0) return kImpossible;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kImpossible;
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m,mode=700") != 0) return kImpossible;
    return use_room(disk + "/store", "full disk");
  });
  if (status == kImpossible) GTEST_SKIP() << "no private tmpfs here: needs root and namespaces";
  EXPECT_EQ(status, 0);
}

// SIGXFSZ keeps its default action in the second round: it would end the process.
TEST(LmdbFull, WhatWasDeletedUnderALimitOnFileSizesCanBeUsedAtOnce) {
  for (const bool ignored : {true, false}) {
    const Scratch scratch;
    EXPECT_EQ(in_child([&] {
                const rlimit limit{1'501'000, RLIM_INFINITY};  // not whole pages
                ::signal(SIGXFSZ, ignored ? SIG_IGN : SIG_DFL);
                if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return kImpossible;
                return use_room(scratch.path() / "store", "limit on file sizes");
              }),
              0)
        << ignored;
  }
}

}  // namespace
}  // namespace strongroom::lmdb_full_test
