// doctor_test.cpp: each finding is provoked for real where that can be done, and gone once mended.
#include "strongroom/doctor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"
#include "strongroom/secret_bytes.hpp"
#include "support/process.hpp"

namespace strongroom::doctor_test {
namespace {

using testing::Complaint;
using testing::in_child;
using testing::kCannotTell;
using Level = Finding::Level;
using Findings = std::vector<Finding>;
namespace fs = std::filesystem;

const char* name_of(Level level) {
  switch (level) {
    case Level::good:
      return "good";
    case Level::note:
      return "note";
    case Level::warning:
      return "warning";
    case Level::danger:
      return "danger";
  }
  return "?";
}

// worst gives the gravest finding of a check; one that says "absent" where there is none.
Finding worst(const Findings& findings, const std::string& check) {
  Finding found{Level::good, "absent", "", ""};
  for (const Finding& finding : findings) {
    if (finding.check != check) continue;
    if (found.check == "absent" || finding.level > found.level) found = finding;
  }
  return found;
}

std::string level_of(const Findings& findings, const std::string& check) {
  const Finding found = worst(findings, check);
  return found.check == "absent" ? "absent" : name_of(found.level);
}

// Place is a directory of the test's own with a store of no content and a key file elsewhere in it.
class Place {
 public:
  Place() {
    std::string name = (fs::temp_directory_path() / "doctor it's-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = fs::canonical(name).string();
    make_directory("store");
    make_directory("keys");
    for (const char* file : {"data.mdb", "lock.mdb", "write.lock"}) make_file(store() + "/" + file);
    make_file(key());
  }
  ~Place() { fs::remove_all(root_); }

  std::string root() const { return root_; }
  std::string store() const { return root_ + "/store"; }
  std::string key() const { return root_ + "/keys/one.key"; }

  void make_directory(const std::string& name) const {
    EXPECT_EQ(::mkdir((root_ + "/" + name).c_str(), 0700), 0);
    mode(root_ + "/" + name, 0700);
  }
  static void make_file(const std::string& path) {
    std::ofstream(path) << "canary-of-the-doctor";
    mode(path, 0600);
  }
  static void mode(const std::string& path, mode_t bits) {
    EXPECT_EQ(::chmod(path.c_str(), bits), 0) << path;
  }

  Findings examined() const { return examined({key()}); }
  Findings examined(const std::vector<std::string>& keys) const {
    return examine_host({"lmdb:" + store(), store(), keys});
  }

 private:
  std::string root_;
};

// follow does what an advice says: "run: COMMAND", up to a semicolon.
void follow(const std::string& advice) {
  ASSERT_TRUE(advice.starts_with("run: ")) << advice;
  const std::string command = advice.substr(5, advice.find("; ") - 5);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

#define SKIP_IF_CANNOT_TELL(end) \
  if ((end) == kCannotTell) GTEST_SKIP() << "this host lets nobody try"

//
// Storage
//

TEST(Doctor, APrivateStoreAndKeyAreGood) {
  const Place place;
  const Findings findings = place.examined();
  EXPECT_EQ(level_of(findings, "file-modes"), "good");
  EXPECT_EQ(level_of(findings, "key-file"), "good");
  EXPECT_EQ(level_of(findings, "entropy"), "good");
}

TEST(Doctor, OnlyWhatIsGoodHasNoAdvice) {
  const Place place;
  Place::mode(place.key(), 0644);
  for (const Finding& finding : place.examined()) {
    EXPECT_EQ(finding.advice.empty(), finding.level == Level::good) << finding.what;
    EXPECT_FALSE(finding.what.empty());
    EXPECT_EQ(finding.what.find('\n'), std::string::npos);
  }
}

TEST(Doctor, EveryCheckLeavesAFinding) {
  const Place place;
  const Findings findings = place.examined();
  for (const char* check :
       {"locked-memory", "core-dumps", "swap", "entropy", "clock", "file-system", "free-space",
        "file-modes", "key-file", "key-beside-data"}) {
    EXPECT_NE(level_of(findings, check), "absent") << check;
  }
  const Findings bare = examine_host({});
  for (const char* check : {"file-system", "free-space", "file-modes", "key-file", "storage"}) {
    EXPECT_EQ(level_of(bare, check), "absent") << check;
  }
  EXPECT_EQ(level_of(examine_host({"memory:", "", {}}), "storage"), "note");
}

TEST(Doctor, AnOpenDirectoryIsFoundAndItsAdviceMendsIt) {
  const Place place;
  Place::mode(place.store(), 0755);
  const Finding found = worst(place.examined(), "file-modes");
  EXPECT_EQ(found.level, Level::danger);
  EXPECT_NE(found.what.find(place.store() + " is open to others (mode 0755)"), std::string::npos)
      << found.what;
  follow(found.advice);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
}

TEST(Doctor, EachOpenFileOfTheStoreIsFoundAndItsAdviceMendsIt) {
  const Place place;
  for (const char* name : {"data.mdb", "lock.mdb", "write.lock"}) {
    for (const mode_t bits : {0640u, 0604u, 0601u, 0620u}) {
      Place::mode(place.store() + "/" + name, bits);
      const Finding found = worst(place.examined(), "file-modes");
      EXPECT_EQ(found.level, Level::danger) << name;
      EXPECT_NE(found.what.find(name), std::string::npos) << found.what;
      follow(found.advice);
      EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
    }
  }
}

TEST(Doctor, ALinkInsteadOfAFileOfTheStoreIsFound) {
  const Place place;
  fs::rename(place.store() + "/data.mdb", place.root() + "/elsewhere");
  fs::create_symlink(place.root() + "/elsewhere", place.store() + "/data.mdb");
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "danger");
}

TEST(Doctor, WhatIsNoDirectoryIsFound) {
  const Place place;
  const std::string file = place.key();
  EXPECT_EQ(level_of(examine_host({"lmdb:" + file, file, {}}), "file-modes"), "danger");
}

TEST(Doctor, AStoreThatIsYetToBeMadeIsANote) {
  const Place place;
  const std::string later = place.root() + "/a/b";
  const Findings findings = examine_host({"lmdb:" + later, later, {}});
  EXPECT_EQ(level_of(findings, "file-modes"), "note");
  EXPECT_NE(level_of(findings, "free-space"), "absent");
  EXPECT_NE(level_of(findings, "file-system"), "absent");
}

#if STRONGROOM_HAVE_LMDB
TEST(Doctor, WhatTheDoctorCallsDangerTheStoreRefuses) {
  const Place place;
  const std::string directory = place.root() + "/real";
  const std::string url = "lmdb:" + directory;
  ASSERT_TRUE(open_backend(url));
  for (const auto& entry : fs::directory_iterator(directory)) {
    EXPECT_EQ(level_of(examine_host({url, directory, {}}), "file-modes"), "good");
    ASSERT_TRUE(open_backend(url, {.must_exist = true}));
    Place::mode(entry.path().string(), 0644);
    EXPECT_EQ(level_of(examine_host({url, directory, {}}), "file-modes"), "danger") << entry.path();
    EXPECT_FALSE(open_backend(url, {.must_exist = true})) << entry.path();
    Place::mode(entry.path().string(), 0600);
  }
  Place::mode(directory, 0750);
  EXPECT_EQ(level_of(examine_host({url, directory, {}}), "file-modes"), "danger");
  EXPECT_FALSE(open_backend(url, {.must_exist = true}));
}
#endif

TEST(Doctor, AnotherUsersFilesAreFound) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  const Place place;
  ASSERT_EQ(::chown(place.key().c_str(), 1, 1), 0);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "danger");
  follow(worst(place.examined(), "file-modes").advice);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");

  ASSERT_EQ(::chown(place.store().c_str(), 1, 1), 0);
  const Finding found = worst(place.examined(), "file-modes");
  EXPECT_EQ(found.level, Level::danger);
  EXPECT_NE(found.advice.find("run as user 1"), std::string::npos);
  ASSERT_EQ(::chown(place.store().c_str(), 0, 0), 0);

  ASSERT_EQ(::chown(place.root().c_str(), 1, 1), 0);  // who may rename what is in it
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "danger");
}

TEST(Doctor, ADirectoryAboveThatOthersMayWriteIsFound) {
  const Place place;
  Place::mode(place.root(), 0777);
  Findings findings = place.examined();
  EXPECT_EQ(level_of(findings, "file-modes"), "danger");
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(),
                          [](const Finding& f) { return f.check == "file-modes"; }),
            2);                      // for the store and for the key
  Place::mode(place.root(), 01777);  // as /tmp: nobody moves what is ours
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
  Place::mode(place.root(), 0755);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
  if (::getegid() == 0 && ::chown(place.root().c_str(), 0, 1) != 0) GTEST_SKIP();
  Place::mode(place.root(), 0775);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "warning");
  follow(worst(place.examined(), "file-modes").advice);
  EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
}

// on_small_disk runs body in a child that has a file system of its own, of 80 MiB, at the path.
template <typename Body>
std::string on_small_disk(const std::string& at, Body body) {
  return in_child([&]() -> Complaint {
    if (::unshare(CLONE_NEWNS) != 0) return kCannotTell;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kCannotTell;
    if (::mount("none", at.c_str(), "tmpfs", 0, "size=80m,nr_inodes=64,mode=0700") != 0) {
      return kCannotTell;
    }
    return body();
  });
}

bool fill(const std::string& path, off_t len) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool filled = fd >= 0 && ::posix_fallocate(fd, 0, len) == 0;
  ::close(fd);
  return filled;
}

constexpr off_t kMiB = off_t{1} << 20;

TEST(Doctor, AFullDiskIsFoundBeforeItIsFull) {
  const Place place;
  const std::string end = on_small_disk(place.store(), [&]() -> Complaint {
    if (level_of(place.examined(), "free-space") != "good") return "80 MiB were not good";
    if (!fill(place.store() + "/other", 20 * kMiB)) return "not filled";
    if (level_of(place.examined(), "free-space") != "warning") return "60 MiB gave no warning";
    if (!fill(place.store() + "/more", 53 * kMiB)) return "not filled";
    if (level_of(place.examined(), "free-space") != "danger") return "7 MiB were no danger";
    fs::remove(place.store() + "/other");
    fs::remove(place.store() + "/more");
    if (level_of(place.examined(), "free-space") != "good") return "80 MiB were not good again";
    return nullptr;
  });
  SKIP_IF_CANNOT_TELL(end);
  EXPECT_EQ(end, "");
}

TEST(Doctor, ADiskWithoutRoomForFilesIsFound) {
  const Place place;
  const std::string end = on_small_disk(place.store(), [&]() -> Complaint {
    for (int i = 0; i < 60; ++i) Place::make_file(place.store() + "/" + std::to_string(i));
    return name_of(worst(place.examined(), "free-space").level);
  });
  SKIP_IF_CANNOT_TELL(end);
  EXPECT_EQ(end, "warning");
}

TEST(Doctor, AStoreInMemoryIsFoundAndAReadOnlyOne) {
  const Place place;
  const std::string end = on_small_disk(place.store(), [&]() -> Complaint {
    const Finding found = worst(place.examined(), "file-system");
    if (found.level != Level::warning) return "tmpfs gave no warning";
    if (found.what.find("tmpfs") == std::string::npos) return "tmpfs was not named";
    // Another file system than the key's.
    if (level_of(place.examined(), "key-beside-data") != "good") return "the key was not apart";
    if (::mount(nullptr, place.store().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return kCannotTell;
    }
    return name_of(worst(place.examined(), "file-system").level);
  });
  SKIP_IF_CANNOT_TELL(end);
  EXPECT_EQ(end, "warning");
}

TEST(Doctor, FileSystemsWhereLmdbDoesNotHoldAreDanger) {
  for (const std::uint32_t shared : {0x6969u, 0xFF534D42u, 0xFE534D42u, 0x01021997u, 0x00C36400u}) {
    EXPECT_EQ(doctor::judge_file_system("/s", shared, false).level, Level::danger);
  }
  for (const std::uint32_t doubtful : {0x794C7630u, 0x65735546u, 0x4D44u, 0x858458F6u}) {
    EXPECT_EQ(doctor::judge_file_system("/s", doubtful, false).level, Level::warning);
  }
  EXPECT_EQ(doctor::judge_file_system("/s", 0xEF53, true).level, Level::warning);
  for (const std::uint32_t unlockable : {0x6969u, 0x65735546u}) {
    EXPECT_EQ(doctor::judge_file_system("/s", unlockable, true).level, Level::danger);
  }
  for (const std::uint32_t local : {0xEF53u /* ext4 */, 0x58465342u /* XFS */, 0x9123683Eu}) {
    EXPECT_EQ(doctor::judge_file_system("/s", local, false).level, Level::good);
  }
}

TEST(Doctor, AStoreNeedsRoomForTwiceItself) {
  const auto level = [](std::uint64_t free_mib, std::uint64_t store_mib) {
    return doctor::judge_space("/s", {free_mib << 20, store_mib << 20, false, 0}).level;
  };
  EXPECT_EQ(level(7, 0), Level::danger);
  EXPECT_EQ(level(8, 0), Level::warning);
  EXPECT_EQ(level(63, 0), Level::warning);
  EXPECT_EQ(level(64, 32), Level::good);
  EXPECT_EQ(level(64, 33), Level::warning);
  EXPECT_EQ(level(2000, 1001), Level::warning);
}

//
// Key files
//

TEST(Doctor, AKeyThatOthersMayReadIsFoundAndItsAdviceMendsIt) {
  const Place place;
  for (const mode_t bits : {0644u, 0640u, 0602u}) {
    Place::mode(place.key(), bits);
    const Finding found = worst(place.examined(), "file-modes");
    // A group that this process is in may be meant to read it.
    EXPECT_EQ(found.level, bits == 0640u ? Level::warning : Level::danger);
    EXPECT_NE(found.what.find(place.key()), std::string::npos) << found.what;
    follow(found.advice);
    EXPECT_EQ(level_of(place.examined(), "file-modes"), "good");
    EXPECT_EQ(level_of(place.examined(), "key-file"), "good");
  }
}

TEST(Doctor, AKeyBesideItsDataIsFoundHoweverItIsNamed) {
  const Place place;
  fs::create_directory(place.store() + "/deep");
  const std::string inside = place.store() + "/one.key";
  const std::string deep = place.store() + "/deep/one.key";
  Place::make_file(inside);
  Place::make_file(deep);
  fs::create_symlink(inside, place.root() + "/keys/link.key");
  fs::create_directory_symlink(place.store(), place.root() + "/keys/link");
  for (const std::string& key :
       {inside, deep, place.root() + "/keys/link.key", place.root() + "/keys/link/one.key",
        place.root() + "/keys/../store//one.key"}) {
    EXPECT_EQ(level_of(place.examined({key}), "key-beside-data"), "danger") << key;
  }
  const std::string link = place.root() + "/keys/link";
  EXPECT_EQ(level_of(examine_host({"lmdb:" + link + "/", link + "/", {inside}}), "key-beside-data"),
            "danger");
  Place::make_file(place.root() + "/store.key");
  EXPECT_EQ(level_of(place.examined({place.root() + "/store.key"}), "key-beside-data"), "warning");
  EXPECT_EQ(level_of(place.examined(), "key-beside-data"), "note");  // one file system
}

TEST(Doctor, AKeyOfSeveralNamesIsFound) {
  const Place place;
  fs::create_hard_link(place.key(), place.root() + "/another");
  EXPECT_EQ(level_of(place.examined(), "key-file"), "warning");
  fs::remove(place.root() + "/another");
  EXPECT_EQ(level_of(place.examined(), "key-file"), "good");
}

TEST(Doctor, AKeyThatIsAbsentOrNoFileIsTold) {
  const Place place;
  EXPECT_EQ(level_of(place.examined({place.root() + "/absent"}), "key-file"), "warning");
  EXPECT_EQ(level_of(place.examined({""}), "key-file"), "warning");
  const std::string fifo = place.root() + "/fifo";  // opening it would block
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(level_of(place.examined({fifo}), "key-file"), "note");
}

TEST(Doctor, ASystemdCredentialIsGood) {
  const Place place;
  Place::mode(place.key(), 0440);  // with an access list, as systemd makes it
  const auto with_directory = [&](const std::string& directory) {
    return in_child([&]() -> Complaint {
      ::setenv("CREDENTIALS_DIRECTORY", directory.c_str(), 1);
      const Findings findings = place.examined();
      if (level_of(findings, "file-modes") == "danger") return "danger";
      if (level_of(findings, "file-modes") == "warning") return "warning";
      return worst(findings, "key-file").what.find("systemd") == std::string::npos ? "none"
                                                                                   : nullptr;
    });
  };
  EXPECT_EQ(with_directory(place.root() + "/keys"), "");
  EXPECT_EQ(with_directory(place.root() + "/key"), "warning");
  EXPECT_EQ(with_directory("/"), "warning");
  EXPECT_EQ(with_directory(""), "warning");
  Place::mode(place.key(), 0444);
  EXPECT_EQ(with_directory(place.root() + "/keys"), "danger");
  EXPECT_TRUE(doctor::is_systemd_credential("/run/credentials/s.service/key", ""));
  EXPECT_FALSE(doctor::is_systemd_credential("/run/credentials2/key", ""));
}

TEST(Doctor, NoKeyFileIsOpenedOrQuoted) {
  const Place place;
  Place::mode(place.key(), 0644);
  const int fd = ::open(place.key().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  // The kernel breaks a lease when somebody opens the file.
  const bool leased = ::fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
  const Findings findings = place.examined();
  if (leased) {
    EXPECT_EQ(::fcntl(fd, F_GETLEASE), F_WRLCK);
  }
  ::close(fd);
  for (const Finding& finding : findings) {
    EXPECT_EQ((finding.what + finding.advice).find("canary"), std::string::npos);
  }
}

//
// The process and the machine
//

std::string locked_memory_with(std::size_t limit, std::size_t held = 0) {
  return in_child([&]() -> Complaint {
    const rlimit any{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_MEMLOCK, &any);  // while this is root: afterwards limits only go down
    if (!testing::limit_locked_memory(limit)) return kCannotTell;
    auto values = SecretBytes::for_value(held);
    if (!values) return "no room for values";
    return name_of(worst(examine_host({}), "locked-memory").level);
  });
}

TEST(Doctor, TooLittleLockedMemoryIsFound) {
  const std::string least = locked_memory_with(std::size_t{64} << 10);
  SKIP_IF_CANNOT_TELL(least);
  EXPECT_EQ(least, "danger");                                      // for keys
  EXPECT_EQ(locked_memory_with(std::size_t{1} << 20), "warning");  // for values
  EXPECT_EQ(locked_memory_with(std::size_t{8} << 20), "note");     // for the OpenPGP helper
  const std::string enough = locked_memory_with(std::size_t{32} << 20);
  if (enough != kCannotTell) {  // a host may forbid root as much
    EXPECT_EQ(enough, "good");
  }
}

TEST(Doctor, ValuesInUseAreNotAskedForTwice) {
  const std::string end = locked_memory_with(std::size_t{4608} << 10, std::size_t{3} << 20);
  SKIP_IF_CANNOT_TELL(end);
  EXPECT_EQ(end, "note");
}

TEST(Doctor, TheAdviceOnLockedMemoryIsEnough) {
  const Finding found = doctor::judge_locked_memory({65536, true, 262144, false, 4 << 20, false});
  EXPECT_EQ(found.level, Level::danger);
  EXPECT_NE(found.advice.find("LimitMEMLOCK=32M"), std::string::npos) << found.advice;
  EXPECT_NE(found.advice.find("ulimit -l 32768"), std::string::npos);
  const Finding large = doctor::judge_locked_memory({65536, true, 262144, false, 64 << 20, false});
  EXPECT_NE(large.advice.find("LimitMEMLOCK=65M"), std::string::npos) << large.advice;
}

TEST(Doctor, ALimitThatDoesNotBindIsGood) {
  EXPECT_EQ(doctor::judge_locked_memory({65536, false, 262144, true, 4 << 20, true}).level,
            Level::good);
  EXPECT_EQ(doctor::judge_locked_memory({doctor::kNoLimit, false, 1, true, 1, true}).level,
            Level::good);
}

TEST(Doctor, CoreDumpsAreFound) {
  const std::string end = in_child([]() -> Complaint {
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0) {
      return kCannotTell;
    }
    if (level_of(examine_host({}), "core-dumps") != "warning") return "dumps were not found";
    ::prctl(PR_SET_DUMPABLE, 0);
    if (level_of(examine_host({}), "core-dumps") != "good") return "forbidden dumps were found";
    ::prctl(PR_SET_DUMPABLE, 1);
    const rlimit one{1, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_CORE, &one) != 0) return kCannotTell;
    if (level_of(examine_host({}), "core-dumps") != "good") return "a limit of one was found";
    return nullptr;
  });
  SKIP_IF_CANNOT_TELL(end);
  EXPECT_EQ(end, "");
}

TEST(Doctor, AHandlerOfCoreDumpsIsNamed) {
  const std::string pattern = "|/usr/lib/systemd/systemd-coredump %P %u";
  const Finding zero = doctor::judge_core_dumps({true, 0, pattern});
  EXPECT_EQ(zero.level, Level::note);  // a handler gets dumps whatever the limit is
  EXPECT_NE(zero.what.find("to /usr/lib/systemd/systemd-coredump;"), std::string::npos);
  EXPECT_EQ(doctor::judge_core_dumps({true, 4096, pattern}).level, Level::warning);
  EXPECT_EQ(doctor::judge_core_dumps({true, 0, "|/h"}).level, Level::note);
  EXPECT_NE(doctor::judge_core_dumps({true, 0, "|/h"}).what.find("to /h;"), std::string::npos);
  EXPECT_EQ(doctor::judge_core_dumps({true, 0, "|"}).level, Level::note);
  EXPECT_EQ(doctor::judge_core_dumps({true, 0, "core"}).level, Level::good);
}

TEST(Doctor, SwapsAreReadAsTheKernelWritesThem) {
  const char* head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  EXPECT_TRUE(doctor::swaps_of("").empty());
  EXPECT_TRUE(doctor::swaps_of(head).empty());
  const std::string some = std::string(head) +
                           "/dev/sda2                               partition\t8388604\t0\t-2\n"
                           "/dev/zram0                              partition\t4194300\t0\t100\n"
                           "/swap\\040file                            file\t\t1048572\t0\t-3";
  EXPECT_EQ(doctor::swaps_of(some), (std::vector<std::string>{"/dev/sda2", "/swap\\040file"}));
}

TEST(Doctor, SwapAndHibernationAreNotes) {
  EXPECT_TRUE(doctor::hibernates("freeze mem disk\n", "[platform] shutdown reboot\n"));
  EXPECT_TRUE(doctor::hibernates("disk", ""));
  EXPECT_FALSE(doctor::hibernates("freeze mem disk\n", "[disabled]\n"));
  EXPECT_FALSE(doctor::hibernates("freeze mem diskless\n", ""));
  EXPECT_FALSE(doctor::hibernates("", ""));
  EXPECT_EQ(doctor::judge_swap({}, true).level, Level::good);
  EXPECT_EQ(doctor::judge_swap({"/dev/sda2"}, false).level, Level::note);
  EXPECT_NE(doctor::judge_swap({"/a", "/b"}, true).what.find("hibernation"), std::string::npos);
}

TEST(Doctor, AStoreWrittenInTheFutureIsFound) {
  const Place place;
  const std::string file = place.store() + "/data.mdb";
  const auto write_at = [&](std::time_t when) {
    const timespec times[2] = {{when, 0}, {when, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  };
  write_at(std::time(nullptr) + 7200);
  const Finding found = worst(place.examined(), "clock");
  EXPECT_EQ(found.level, Level::warning);
  EXPECT_NE(found.what.find(file), std::string::npos);
  EXPECT_TRUE(found.what.find(" 120 minutes") != std::string::npos ||
              found.what.find(" 119 minutes") != std::string::npos)
      << found.what;
  write_at(std::time(nullptr) + 20);  // what two clocks may differ by
  EXPECT_LE(worst(place.examined(), "clock").level, Level::note);
}

TEST(Doctor, AClockThatCanNotBeRightIsFound) {
  constexpr std::int64_t kYear = 365 * 86'400;
  constexpr std::int64_t kNow = 1'800'000'000;  // 2027
  const auto level = [](std::int64_t now, std::int64_t step, bool kept) {
    return doctor::judge_clock({now, step, kept, "", 0}).level;
  };
  EXPECT_EQ(level(0, 0, true), Level::warning);
  EXPECT_EQ(level(1'700'000'000, 0, true), Level::warning);  // 2023
  EXPECT_EQ(level(kNow, 0, true), Level::good);
  EXPECT_EQ(level(kNow + 20 * kYear, 0, true), Level::good);
  EXPECT_EQ(level(kNow + 40 * kYear, 0, true), Level::warning);
  EXPECT_EQ(level(kNow, -3, true), Level::warning);
  EXPECT_EQ(level(kNow, 0, false), Level::note);
}

//
// Words
//

TEST(Doctor, SizesAreSpelled) {
  EXPECT_EQ(doctor::size_text(0), "0 KiB");
  EXPECT_EQ(doctor::size_text(1), "1 bytes");
  EXPECT_EQ(doctor::size_text(65536), "64 KiB");
  EXPECT_EQ(doctor::size_text(std::uint64_t{3} << 20), "3 MiB");
  EXPECT_EQ(doctor::size_text(doctor::kNoLimit), "no limit");
}

TEST(Doctor, AShellTakesAPathAsOneWord) {
  EXPECT_EQ(doctor::shell_word("/var/lib/strongroom"), "/var/lib/strongroom");
  for (const std::string path : {"a b", "it's", "-rf", "$(id)", "a;b", "", "*", "`id`", "a\"b\\"}) {
    const std::string command = "printf %s " + doctor::shell_word(path);
    FILE* const pipe = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string out(64, '\0');
    out.resize(std::fread(out.data(), 1, out.size(), pipe));
    ::pclose(pipe);
    EXPECT_EQ(out, path == "-rf" ? "./-rf" : path);
  }
}

}  // namespace
}  // namespace strongroom::doctor_test
