// Power lost while LMDB writes: its data file as it may lie on the disk then, cut at each 512 bytes of
// what was written, and with sectors between two flushes written in any order. Afterwards the store
// opens with what its administrator holds, and every secret reads as before or as after.

// Else pwrite would be another name of pwrite64, and LMDB asks for pwrite.
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/process.hpp"

namespace strongroom {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kSector = 512;

// Event is what a data file went through: a write, a new length, or a flush.
struct Event {
  enum class Kind { write, resize, flush } kind;
  std::size_t at = 0;  // of a write; of a resize, the length
  Bytes bytes;
};

// Recorder notes what happens to one file, which inode identifies.
struct Recorder {
  ino_t inode = 0;
  std::vector<Event> events;

  bool follows(int fd) const {
    struct stat found {};
    return inode != 0 && ::fstat(fd, &found) == 0 && found.st_ino == inode;
  }
  void write(std::size_t at, const void* from, ssize_t len) {
    if (len <= 0) return;
    const auto* begin = static_cast<const std::uint8_t*>(from);
    events.push_back({Event::Kind::write, at, Bytes(begin, begin + len)});
  }
};

Recorder recorder;

template <typename F>
F next_of(const char* name, F) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

bool is_durable(int fd) {
  return (::fcntl(fd, F_GETFL) & (O_DSYNC | O_SYNC)) != 0;
}

}  // namespace
}  // namespace strongroom

#define STRONGROOM_NEXT(name) static const auto real = strongroom::next_of(#name, &::name)

extern "C" {

ssize_t pwrite(int fd, const void* from, size_t len, off_t at) {
  STRONGROOM_NEXT(pwrite);
  auto& recorder = strongroom::recorder;
  const bool follows = recorder.follows(fd);
  const ssize_t written = real(fd, from, len, at);
  if (follows) recorder.write(static_cast<std::size_t>(at), from, written);
  if (follows && strongroom::is_durable(fd)) {
    recorder.events.push_back({strongroom::Event::Kind::flush, 0, {}});
  }
  return written;
}

ssize_t writev(int fd, const iovec* parts, int num) {
  STRONGROOM_NEXT(writev);
  auto& recorder = strongroom::recorder;
  if (!recorder.follows(fd)) return real(fd, parts, num);
  auto at = static_cast<std::size_t>(::lseek(fd, 0, SEEK_CUR));
  ssize_t left = real(fd, parts, num);
  const ssize_t written = left;
  for (int i = 0; i < num && left > 0; ++i) {
    const auto len = std::min(left, static_cast<ssize_t>(parts[i].iov_len));
    recorder.write(at, parts[i].iov_base, len);
    at += static_cast<std::size_t>(len);
    left -= len;
  }
  return written;
}

int fdatasync(int fd) {
  STRONGROOM_NEXT(fdatasync);
  auto& recorder = strongroom::recorder;
  const int status = real(fd);
  if (recorder.follows(fd)) recorder.events.push_back({strongroom::Event::Kind::flush, 0, {}});
  return status;
}

// The engine asks for this one.
int ftruncate64(int fd, off64_t len) noexcept {
  STRONGROOM_NEXT(ftruncate64);
  auto& recorder = strongroom::recorder;
  if (recorder.follows(fd)) {
    recorder.events.push_back({strongroom::Event::Kind::resize, static_cast<std::size_t>(len), {}});
  }
  return real(fd, len);
}

}  // extern "C"

namespace strongroom {
namespace {

using testing::path;
using testing::plain;
using testing::secret;

const Identity kTrusted = Identity::trusted();

// Image is a data file as it lies on the disk at some instant.
struct Image {
  Bytes bytes;

  void apply(const Event& event, std::size_t from, std::size_t to) {
    if (event.kind == Event::Kind::resize) bytes.resize(event.at);
    if (event.kind != Event::Kind::write) return;
    to = std::min(to, event.bytes.size());
    if (to <= from) return;
    if (bytes.size() < event.at + to) bytes.resize(event.at + to);
    std::copy(event.bytes.begin() + static_cast<std::ptrdiff_t>(from),
              event.bytes.begin() + static_cast<std::ptrdiff_t>(to),
              bytes.begin() + static_cast<std::ptrdiff_t>(event.at + from));
  }
  void apply(const Event& event) { apply(event, 0, event.bytes.size()); }
};

class TornFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "strongroom-torn-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    pending_ = prepare_init({0, 0, true}).value();
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string url(const char* name) const { return "lmdb:" + (directory_ / name).string(); }

  Result<Store> unsealed(const char* name) const {
    auto store = Store::open(url(name));
    if (!store) return store;
    const Credential key = testing::parsed(pending_.key_file);
    if (auto open = store->as(kTrusted).unseal(std::span(&key, 1), true); !open) {
      return std::move(open).error();
    }
    return store;
  }

  void make_store() {
    Store store = Store::open(url("real")).value();
    ASSERT_TRUE(store.as(kTrusted).activate(pending_));
    const Credential key = testing::parsed(pending_.key_file);
    ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    for (const char* name : {"a/b", "a/c", "other"}) {
      ASSERT_TRUE(store.as(kTrusted).put(path(name), Content::text, secret("old").view()));
    }
  }

  // record gives what operation(store) did to the data file, and the file from before.
  template <typename Operation>
  std::vector<Event> record(Image& before, Operation operation) {
    Store store = unsealed("real").value();
    const fs::path file = directory_ / "real" / "data.mdb";
    std::ifstream in(file, std::ios::binary);
    before.bytes.assign(std::istreambuf_iterator<char>(in), {});
    struct stat found {};
    EXPECT_EQ(::stat(file.c_str(), &found), 0);
    recorder = {found.st_ino, {}};
    operation(store);
    recorder.inode = 0;
    return std::move(recorder.events);
  }

  void lay_down(const Image& image) const {
    fs::remove_all(directory_ / "torn");
    fs::create_directory(directory_ / "torn");
    fs::permissions(directory_ / "torn", fs::perms::owner_all);
    const fs::path file = directory_ / "torn" / "data.mdb";
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.bytes.data()),
               static_cast<std::streamsize>(image.bytes.size()));
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  }

  // check opens the image as after a restart, and gives what a/b is then.
  std::string check(const Image& image) {
    ++num_images_;
    lay_down(image);
    auto store = unsealed("torn");
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return "";
    for (const char* name : {"a/c", "other"}) {
      auto read = store->as(kTrusted).get(path(name));
      EXPECT_TRUE(read) << name << ": " << read.error().message;
      if (read) {
        EXPECT_EQ(plain(read->value), "old");
      }
    }
    EXPECT_TRUE(store->as(kTrusted).list(path(""), {true}));
    EXPECT_TRUE(store->as(kTrusted).put(path("later"), Content::text, secret("1").view()));
    auto read = store->as(kTrusted).get(path("a/b"));
    if (read) return plain(read->value);
    EXPECT_EQ(read.error().code, Code::not_found) << read.error().message;
    return "";
  }

  // each_image cuts what was written at each sector, then leaves out sectors at random of those
  // that no flush came after. see(image, whether it is all done).
  template <typename See>
  void each_image(const Image& before, const std::vector<Event>& events, See see) {
    Image image = before;
    for (std::size_t i = 0; i < events.size(); ++i) {
      for (std::size_t cut = 0; cut < events[i].bytes.size(); cut += kSector) {
        Image torn = image;
        torn.apply(events[i], 0, cut);
        see(torn, false);
        if (HasFailure()) return;
      }
      image.apply(events[i]);
    }
    see(image, true);
    shuffled_images(before, events, see);
  }

  template <typename See>
  void shuffled_images(Image image, const std::vector<Event>& events, See see) {
    std::mt19937 random(1);  // the same every time
    for (auto begin = events.begin(); begin != events.end();) {
      auto end = std::find_if(begin, events.end(),
                              [](const Event& e) { return e.kind == Event::Kind::flush; });
      const int rounds = testing::kSanitized ? 4 : 20;
      for (int round = 0; round < rounds && end != begin; ++round) {
        Image torn = image;
        for (auto it = begin; it != end; ++it) {
          if (it->kind == Event::Kind::resize) torn.apply(*it);
          for (std::size_t at = 0; at < it->bytes.size(); at += kSector) {
            if (random() % 2 == 0) torn.apply(*it, at, at + kSector);
          }
        }
        see(torn, false);
        if (HasFailure()) return;
      }
      for (; begin != end; ++begin) image.apply(*begin);
      if (begin != events.end()) ++begin;
    }
  }

  // expect_whole runs the operation and looks at each image of it.
  template <typename Operation>
  void expect_whole(const std::string& after, Operation operation) {
    make_store();
    Image before;
    const std::vector<Event> events = record(before, operation);
    ASSERT_FALSE(events.empty()) << "the file was written where the test can see it";
    each_image(before, events, [&](const Image& image, bool done) {
      const std::string now = check(image);
      EXPECT_TRUE(now == after || (!done && now == "old")) << "a/b is '" << now << "'";
    });
    RecordProperty("images", num_images_);
    EXPECT_GE(num_images_, testing::kSanitized ? 20 : 40);
  }

  fs::path directory_;
  PendingInit pending_;
  int num_images_ = 0;
};

TEST_F(TornFile, Put) {
  expect_whole("new", [](Store& store) {
    ASSERT_TRUE(store.as(kTrusted).put(path("a/b"), Content::text, secret("new").view()));
  });
}

TEST_F(TornFile, LargePut) {
  const std::string large(20'000, 'x');
  expect_whole(large, [&](Store& store) {
    ASSERT_TRUE(store.as(kTrusted).put(path("a/b"), Content::text, secret(large).view()));
  });
}

TEST_F(TornFile, Erase) {
  expect_whole("", [](Store& store) { ASSERT_TRUE(store.as(kTrusted).erase(path("a/b"))); });
}

TEST_F(TornFile, Rotate) {
  expect_whole("old", [](Store& store) { ASSERT_TRUE(store.as(kTrusted).rotate()); });
}

TEST_F(TornFile, SealSetsTheLock) {
  expect_whole("old", [](Store& store) { ASSERT_TRUE(store.as(kTrusted).seal()); });
}

TEST_F(TornFile, SeveralOperationsInARow) {
  expect_whole("2", [](Store& store) {
    ASSERT_TRUE(store.as(kTrusted).rotate());
    ASSERT_TRUE(store.as(kTrusted).put(path("more"), Content::text, secret("3").view()));
    ASSERT_TRUE(store.as(kTrusted).rotate());
    ASSERT_TRUE(store.as(kTrusted).put(path("a/b"), Content::text, secret("2").view()));
  });
}

TEST_F(TornFile, InitIsThereWholeOrNotAtAll) {
  { Store store = Store::open(url("real")).value(); }
  Image before;
  std::vector<Event> events;
  {
    Store store = Store::open(url("real")).value();
    const fs::path file = directory_ / "real" / "data.mdb";
    std::ifstream in(file, std::ios::binary);
    before.bytes.assign(std::istreambuf_iterator<char>(in), {});
    struct stat found {};
    ASSERT_EQ(::stat(file.c_str(), &found), 0);
    recorder = {found.st_ino, {}};
    ASSERT_TRUE(store.as(kTrusted).activate(pending_));
    recorder.inode = 0;
    events = std::move(recorder.events);
  }
  int num_there = 0;
  each_image(before, events, [&](const Image& image, bool done) {
    ++num_images_;
    lay_down(image);
    auto opened = Store::open(url("torn"));
    ASSERT_TRUE(opened) << opened.error().message;
    Store store = std::move(opened).value();
    const bool there = store.status()->initialized;
    EXPECT_TRUE(there || !done);
    num_there += there;
    const Credential key = testing::parsed(pending_.key_file);
    if (!there) {
      EXPECT_TRUE(store.as(kTrusted).activate(pending_));
    }
    EXPECT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
  });
  RecordProperty("images", num_images_);
  EXPECT_GE(num_there, 1);
  EXPECT_LT(num_there, num_images_);
}

}  // namespace
}  // namespace strongroom
