// Processes killed for real (SIGKILL) while they write to an LMDB store. Afterwards the store opens
// with the credential its administrator has, and no acknowledged write is lost.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom {
namespace {

using testing::path;
using testing::plain;
using testing::secret;

const Identity kTrusted = Identity::trusted();
constexpr int kSecrets = 8;

// Rounds: STRONGROOM_KILL_ROUNDS, for long runs.
int num_rounds() {
  const char* text = std::getenv("STRONGROOM_KILL_ROUNDS");
  return text != nullptr ? std::atoi(text) : 100;
}

class Directory {
 public:
  Directory() : path_(std::filesystem::temp_directory_path() / "strongroom-kill-XXXXXX") {
    std::string name = path_.string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string url() const { return "lmdb:" + path_.string() + "/store"; }

 private:
  std::filesystem::path path_;
};

// Ack is what a child tells once an operation was acknowledged.
struct Ack {
  int secret;
  unsigned value;
};

// work writes rising numbers to its secrets for ever, rotating and sealing now and then.
[[noreturn]] void work(const std::string& url, SecretView key, int acks, unsigned seed) {
  auto credential = Credential::parse(key);
  auto store = Store::open(url);
  if (!credential || !store) ::_exit(10);
  if (!store->unseal(kTrusted, std::span(&credential.value(), 1), true)) ::_exit(11);
  for (unsigned n = seed * 100'000;; ++n) {
    const int which = static_cast<int>(n % kSecrets);
    const std::string text = std::to_string(n);
    auto put = store->put(kTrusted, path("kill/s" + std::to_string(which)), Content::text,
                          SecretView(text.data(), text.size()));
    if (!put) ::_exit(12);
    const Ack ack{which, n};
    if (::write(acks, &ack, sizeof ack) != sizeof ack) ::_exit(13);
    if (n % 5 == 4 && !store->rotate(kTrusted)) ::_exit(14);
    if (n % 7 == 6) {
      if (!store->seal(kTrusted)) ::_exit(15);
      if (!store->unseal(kTrusted, std::span(&credential.value(), 1), true)) ::_exit(16);
    }
  }
}

TEST(Kill, NoAcknowledgedWriteIsLostAndTheStoreOpens) {
  const Directory directory;
  PendingInit pending = prepare_init({0, 0, true}).value();
  {
    Store store = Store::open(directory.url()).value();
    ASSERT_TRUE(store.activate(kTrusted, pending));
  }
  const Credential key = testing::parsed(pending.key_file);
  const SecretBytes text = SecretBytes::copy_value(pending.key_file.reveal()).value();
  std::array<unsigned, kSecrets> acknowledged{};
  unsigned num_acks = 0;
  for (int round = 1; round <= num_rounds(); ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      // Keys are wiped in a forked child, so it gets the text, as from a key file.
      work(directory.url(), text.view(), pipe[1], static_cast<unsigned>(round));
    }
    ::close(pipe[1]);
    Ack ack{};
    const auto heard = [&] {
      if (::read(pipe[0], &ack, sizeof ack) != sizeof ack) return false;
      acknowledged[static_cast<std::size_t>(ack.secret)] = ack.value;
      ++num_acks;
      return true;
    };
    // One round in four hits the start, the others the work.
    if (round % 4 != 0) {
      ASSERT_TRUE(heard());
    }
    ::usleep(static_cast<useconds_t>(round * 997 % 12'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself: " << WEXITSTATUS(status);
    while (heard()) {
    }
    ::close(pipe[0]);

    Store store = Store::open(directory.url()).value();
    auto unsealed = store.unseal(kTrusted, std::span(&key, 1), true);
    ASSERT_TRUE(unsealed) << unsealed.error().message;
    for (std::size_t i = 0; i < kSecrets; ++i) {
      if (acknowledged[i] == 0) continue;
      auto read = store.get(kTrusted, path("kill/s" + std::to_string(i)));
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_GE(std::stoul(plain(read->value)), acknowledged[i])
          << "an acknowledged write was lost";
    }
    ASSERT_TRUE(store.list(kTrusted, path("kill"), false));
  }
  EXPECT_GE(num_acks, static_cast<unsigned>(num_rounds() / 4 * 3)) << "the children got to work";
}

}  // namespace
}  // namespace strongroom
