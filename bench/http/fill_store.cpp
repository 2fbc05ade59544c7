// fill_store.cpp: a store in LMDB with many secrets of 1 KiB, made through the C ABI.
//
//   fill_store DIR NUMBER    makes lmdb:DIR/store, which the key file DIR/key unseals
//
// Many threads put at once, so that a commit has the secrets of all of them, and no commit waits for the disk.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <strongroom_abi.hpp>
#include <thread>
#include <vector>

// The libraries find this one first. Nobody needs the store after a power failure.
extern "C" int fdatasync(int) {
  return 0;
}

namespace {

namespace abi = strongroom_abi;

constexpr std::size_t kNumThreads = 256;
constexpr std::size_t kValueLen = 1024;

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "fill_store: %s\n", why);
  std::exit(1);
}

// path_of is the path of one secret: 1,000 folders, two deep.
std::string path_of(std::size_t i) {
  return "org-" + std::to_string(i % 10) + "/app-" + std::to_string(i / 10 % 100) + "/key-" +
         std::to_string(i);
}

void write_key(const std::string& file, std::string_view key) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, key.data(), key.size()) != static_cast<ssize_t>(key.size()) ||
      ::close(fd) != 0)
    give_up("the key file cannot be written");
}

abi::Session make_store(abi::Store& store, const std::string& key_file) {
  abi::Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const abi::Pending pending = session.init_prepare(options);
  session.init_activate(pending);
  write_key(key_file, pending.reveal_key());
  session.unseal({std::string(pending.reveal_key())});
  return session;
}

void fill(abi::Session& session, std::size_t num) {
  std::atomic<std::size_t> next{0};
  const std::string value(kValueLen, 'v');
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < num; i = next++)
        session.put(path_of(i), STRONGROOM_CONTENT_TEXT, value);
    } catch (const std::exception& error) {
      give_up(error.what());
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kNumThreads; ++i) threads.emplace_back(work);
  for (std::thread& each : threads) each.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: fill_store DIR NUMBER");
  try {
    const std::string dir = argv[1];
    abi::Store store("lmdb:" + dir + "/store");
    abi::Session session = make_store(store, dir + "/key");
    fill(session, std::strtoul(argv[2], nullptr, 10));
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}
