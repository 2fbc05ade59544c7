// What is left of a store in a process that unsealed it, read from it, and sealed it: nothing. The
// process is looked at from outside, its memory by /proc/PID/mem and in a core that gdb takes of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/memory_scan.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/system/gpg_home.hpp"

namespace strongroom::memory_after_test {
namespace {

namespace fs = std::filesystem;
using testing::in_file;
using testing::in_memory;
using testing::Masked;
using testing::path;

const Identity kTrusted = Identity::trusted();
constexpr std::size_t kCanaryLen = 40;
constexpr const char* kNoCore =
    "no core could be taken: gdb is missing or may not look at processes here, or a sanitizer "
    "watches";

// Wanted is what must not be found, each with its name.
struct Wanted {
  std::string name;
  Masked text;
};

// Pipe carries secrets to the child, and words back. Nothing of it lies in either's memory.
struct Pipe {
  std::array<int, 2> ends{-1, -1};

  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  bool send(SecretView text) const {
    const auto len = static_cast<std::uint32_t>(text.size());
    return ::write(ends[1], &len, sizeof len) == sizeof len &&
           ::write(ends[1], text.reveal().data(), len) == static_cast<ssize_t>(len);
  }
  Result<SecretBytes> receive() const {
    std::uint32_t len = 0;
    if (::read(ends[0], &len, sizeof len) != sizeof len) return Error{Code::internal, "no length"};
    auto text = SecretBytes::for_key(len);
    if (!text) return text;
    if (::read(ends[0], text->reveal_mutable().data(), len) != static_cast<ssize_t>(len)) {
      return Error{Code::internal, "cut short"};
    }
    return text;
  }
  void tell(char word) const { (void)!::write(ends[1], &word, 1); }
  char hear() const {
    char word = '-';
    return ::read(ends[0], &word, 1) == 1 ? word : '-';
  }
};

// Looked is a child that stands still twice: while unsealed, holding the canary, and when sealed.
class Looked {
 public:
  // unseal runs in the child: it takes what it needs from the pipe.
  using Unseal = std::function<bool(Store&, const Pipe&)>;

  Looked(const std::string& url, const Unseal& unseal) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::alarm(120);
    ::_exit(live(url, unseal));
  }
  Looked(const Looked&) = delete;
  Looked& operator=(const Looked&) = delete;
  ~Looked() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  const Pipe& to_child() const { return to_child_; }
  pid_t pid() const { return pid_; }
  char hear() const { return from_child_.hear(); }
  void go_on() const { to_child_.tell('!'); }

 private:
  int live(const std::string& url, const Unseal& unseal) const {
    auto store = Store::open(url);
    if (!store || !unseal(store.value(), to_child_)) return stop('u');
    {
      auto read = store->as(kTrusted).get(path("canary"));
      if (!read) return stop('r');
      from_child_.tell('1');
      if (to_child_.hear() != '!') return stop('h');
    }
    if (!store->as(kTrusted).seal()) return stop('s');
    from_child_.tell('2');
    for (;;) ::pause();
  }
  int stop(char why) const {
    from_child_.tell(why);
    return 1;
  }

  Pipe to_child_;
  Pipe from_child_;
  pid_t pid_ = -1;
};

class MemoryAfter : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "strongroom-after-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    pending_ = prepare_init({5, 3, true}).value();
    Store store = Store::open(url()).value();
    ASSERT_TRUE(store.as(kTrusted).activate(pending_));
    const Credential key = testing::parsed(pending_.key_file);
    ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    const Masked canary = Masked::random(kCanaryLen);
    SecretBytes value = SecretBytes::for_value(kCanaryLen).value();
    canary.unmask_to(value.reveal_mutable().data());
    ASSERT_TRUE(store.as(kTrusted).put(path("canary"), Content::text, value.view()));
    wanted_.push_back({"canary", canary});
    want("key file", key.secret.view());
    want("key file's text", pending_.key_file.view());
    for (const SecretBytes& share : pending_.shares) {
      want("share's text", share.view());
      want("share", testing::parsed(share).secret.view().subview(1, kKeyLen));
    }
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string url() const { return "lmdb:" + (directory_ / "store").string(); }
  void want(const std::string& name, SecretView text) { wanted_.push_back({name, Masked(text)}); }

  // take_core gives a core of the process, with the pages that ask to be left out of one if
  // `whole`; empty where none can be taken.
  std::string take_core(pid_t pid, bool whole) const {
    if (testing::kSanitized) return "";  // terabytes of shadow
    const fs::path core = directory_ / (whole ? "whole.core" : "core");
    const std::string command = "gdb -nx -batch -p " + std::to_string(pid) +
                                " -ex 'set dump-excluded-mappings " + (whole ? "on" : "off") +
                                "' -ex 'gcore " + core.string() + "' >" +
                                (directory_ / "gdb.log").string() + " 2>&1 </dev/null";
    if (std::system(command.c_str()) != 0 || !fs::exists(core)) return "";
    return core;
  }

  // expect_clean looks at a child that unsealed in this way, before and after it sealed.
  void expect_clean(const Looked& child) {
    ASSERT_EQ(child.hear(), '1') << "the child could not unseal or read";
    EXPECT_TRUE(in_memory(wanted_[0].text, child.pid())) << "the scan finds what is there";
    child.go_on();
    ASSERT_EQ(child.hear(), '2') << "the child could not seal";
    for (const Wanted& each : wanted_) EXPECT_FALSE(in_memory(each.text, child.pid())) << each.name;
    const std::string core = take_core(child.pid(), true);
    if (core.empty()) GTEST_SKIP() << kNoCore;
    for (const Wanted& each : wanted_) EXPECT_FALSE(in_file(each.text, core)) << each.name;
  }

  fs::path directory_;
  PendingInit pending_;
  std::vector<Wanted> wanted_;
};

TEST_F(MemoryAfter, UnsealByKeyFile) {
  const Looked child(url(), [](Store& store, const Pipe& pipe) {
    auto text = pipe.receive();
    if (!text) return false;
    auto key = Credential::parse(text->view());
    return key && store.as(kTrusted).unseal(std::span(&key.value(), 1));
  });
  ASSERT_TRUE(child.to_child().send(pending_.key_file.view()));
  expect_clean(child);
}

TEST_F(MemoryAfter, UnsealByShares) {
  const Looked child(url(), [](Store& store, const Pipe& pipe) {
    std::vector<Credential> shares;
    for (int i = 0; i < 3; ++i) {
      auto text = pipe.receive();
      auto share = text ? Credential::parse(text->view()) : std::move(text).error();
      if (!share) return false;
      shares.push_back(std::move(share).value());
    }
    return store.as(kTrusted).unseal(shares).ok();
  });
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(child.to_child().send(pending_.shares[static_cast<std::size_t>(i)].view()));
  }
  expect_clean(child);
}

// find_secrets gives what a private key has and its public half has not, in runs of 24 bytes.
std::vector<Masked> find_secrets(const testing::Bytes& whole, const testing::Bytes& known) {
  constexpr std::size_t kRun = 24;
  std::vector<Masked> found;
  for (std::size_t at = 0; at + kRun <= whole.size(); at += kRun) {
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + kRun;
    if (std::search(known.begin(), known.end(), begin, end) != known.end()) continue;
    found.emplace_back(SecretView(std::span(whole).subspan(at, kRun)));
  }
  return found;
}

TEST_F(MemoryAfter, UnsealByAShareThatWasWrappedToAnOpenPgpKey) {
  if (std::getenv("STRONGROOM_OPENPGP_HELPER") == nullptr) GTEST_SKIP() << "OpenPGP is not built";
  const testing::GpgHome home;
  home.make_key("keeper",
                "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\n"
                "Subkey-Curve: cv25519\nSubkey-Usage: encrypt");
  const testing::Bytes public_key = home.public_key("keeper");
  WrappedShare wrapped;
  {
    Store store = Store::open(url()).value();
    const Credential key = testing::parsed(pending_.key_file);
    ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    SlotChange change;
    change.shares = change.threshold = 1;
    change.pgp_keys = {public_key};
    auto pending = store.as(kTrusted).prepare_slots(change);
    ASSERT_TRUE(pending) << pending.error().message;
    ASSERT_TRUE(store.as(kTrusted).activate(pending.value()));
    wrapped = pending->wrapped[0];
  }
  const Looked child(url(), [&](Store& store, const Pipe& pipe) {
    auto private_key = pipe.receive();
    if (!private_key) return false;
    auto share = store.as(kTrusted).unwrap(wrapped.message, private_key->view());
    return share && store.as(kTrusted).unseal(std::span(&share.value(), 1));
  });
  // After the fork, so that the child has it from nowhere else.
  const testing::Bytes private_key = home.private_key("keeper");
  const auto text = openpgp_helper()->unwrap(wrapped.message, SecretView(private_key), {});
  ASSERT_TRUE(text) << text.error().message;
  want("share's text", text->view());
  want("share", testing::parsed(text.value()).secret.view().subview(1, kKeyLen));
  const std::vector<Masked> secrets = find_secrets(private_key, public_key);
  ASSERT_GE(secrets.size(), 2u);
  for (const Masked& each : secrets) wanted_.push_back({"private key", each});
  ASSERT_TRUE(child.to_child().send(SecretView(private_key)));
  expect_clean(child);
}

// Keys and values stay out of the core of a process that crashes, also while it is unsealed.
TEST_F(MemoryAfter, CoreOfAnUnsealedProcessHoldsNeitherKeyNorValue) {
  const Looked child(url(), [](Store& store, const Pipe& pipe) {
    auto text = pipe.receive();
    if (!text) return false;
    auto key = Credential::parse(text->view());
    return key && store.as(kTrusted).unseal(std::span(&key.value(), 1));
  });
  ASSERT_TRUE(child.to_child().send(pending_.key_file.view()));
  ASSERT_EQ(child.hear(), '1');
  const std::string whole = take_core(child.pid(), true);
  if (whole.empty()) GTEST_SKIP() << kNoCore;
  EXPECT_TRUE(in_file(wanted_[1].text, whole)) << "the slot key is there, and the scan finds it";
  const std::string core = take_core(child.pid(), false);
  ASSERT_FALSE(core.empty());
  for (const Wanted& each : wanted_) EXPECT_FALSE(in_file(each.text, core)) << each.name;
}

}  // namespace
}  // namespace strongroom::memory_after_test
