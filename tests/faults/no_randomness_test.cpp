// no_randomness_test.cpp: the kernel gives no random bytes any more, as after a sandbox that forgot
// getrandom(2). Whatever needs some is an error and writes nothing; the process lives on, and reads.
// (libsodium's own functions that draw some would end it.)
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"
#if STRONGROOM_HAVE_ZOOKEEPER
#include "tests/support/zookeeper_server.hpp"
#endif

namespace strongroom::no_randomness_test {
namespace {

using testing::Complaint;
using testing::in_child;
using testing::path;
using testing::plain;
using testing::secret;

const Identity kTrusted = Identity::trusted();

// take_randomness_away makes getrandom fail in this process from here on.
bool take_randomness_away() {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  std::uint8_t byte = 0;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
         ::getrandom(&byte, 1, 0) < 0 && errno == EPERM;
}

struct Opened {
  explicit Opened(const std::string& url) : store(Store::open(url).value()) {
    const PendingInit pending = store.as(kTrusted).init({3, 2, true}).value();
    EXPECT_TRUE(store.as(kTrusted).activate(pending));
    const Credential key = Credential::parse(pending.key_file.view()).value();
    EXPECT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
    EXPECT_TRUE(put("before"));
  }
  Result<Revision> put(const std::string& value, const char* where = "a/secret") {
    return store.as(kTrusted).put(path(where), Content::text, secret(value).view());
  }
  bool reads_as_before() {
    const auto got = store.as(kTrusted).get(path("a/secret"));
    return got && plain(got->value) == "before" && got->revision == Revision(1);
  }

  Store store;
};

template <typename T>
bool fails(const Result<T>& result) {
  return !result &&
         (result.error().code == Code::internal || result.error().code == Code::unavailable);
}

Complaint nothing_works_and_nothing_breaks(const std::string& url) {
  Opened opened(url);
  Store& store = opened.store;
  const auto generation = store.status()->generation;
  if (!take_randomness_away()) return testing::kCannotTell;
  if (!opened.reads_as_before()) return "it does not read";
  if (!fails(opened.put("after"))) return "put";
  if (!fails(opened.put("new", "b/new"))) return "create";
  if (!fails(opened.put(std::string(700'000, 'x'), "b/large"))) return "put of a large value";
  if (!fails(store.as(kTrusted).rotate())) return "rotate";
  if (!fails(store.as(kTrusted).rotate_root())) return "rotate_root";  // wraps for every slot
  SlotChange slots;
  slots.shares = slots.threshold = 2;
  if (!fails(store.as(kTrusted).prepare_slots(slots))) return "prepare_slots";
  if (!fails(prepare_init({0, 0, true}))) return "prepare_init";
  if (!fails(CompiledPolicy::compile({}))) return "compile";  // hash seeds
  if (!fails(lint({}))) return "lint";
  if (!fails(store.as(kTrusted).put_policy("p", R"({"version": 1, "rules": []})")))
    return "put_policy";
  if (store.status()->generation != generation) return "the header was changed";
  if (store.as(kTrusted).get(path("b/new")).ok()) return "something was written";
  if (!opened.reads_as_before()) return "it does not read any more";
  return nullptr;
}

// Nothing of the engine was used before: libsodium started when the program was loaded.
TEST(NoRandomness, FromTheStartIsAnErrorToo) {
  const std::string end = in_child([]() -> Complaint {
    if (!take_randomness_away()) return testing::kCannotTell;
    auto store = Store::open("memory:");
    if (!store) return fails(store) ? nullptr : "open";
    return fails(store->as(kTrusted).init({0, 0, true})) ? nullptr : "init";
  });
  if (end == testing::kCannotTell) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, "");
}

TEST(NoRandomness, IsAnErrorInMemory) {
  const std::string end = in_child([] { return nothing_works_and_nothing_breaks("memory:"); });
  if (end == testing::kCannotTell) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, "");
}

#if STRONGROOM_HAVE_LMDB
TEST(NoRandomness, IsAnErrorInLmdb) {
  testing::Scratch scratch;
  const std::string url = "lmdb:" + (scratch.path() / "store").string();
  const std::string end = in_child([&] { return nothing_works_and_nothing_breaks(url); });
  if (end == testing::kCannotTell) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, "");
}
#endif

#if STRONGROOM_HAVE_ZOOKEEPER
TEST(NoRandomness, IsAnErrorInZooKeeper) {
  if (!testing::ZooKeeperServers::wanted()) GTEST_SKIP() << "there is no ZooKeeper here";
  testing::ZooKeeperServers servers;
  const std::string url = "zk://" + servers.connect_string() + "/random?access=world";
  const std::string end = in_child([&]() -> Complaint {
    if (const Complaint complaint = nothing_works_and_nothing_breaks(url)) return complaint;
    // A session's name, and names of what is too large for one packet.
    if (!fails(Store::open(url))) return "open";
    return nullptr;
  });
  if (end == testing::kCannotTell) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, "");
}
#endif

// The marker of a restore is random in part.
TEST(NoRandomness, FailsARestoreBeforeItWrites) {
  const std::string end = in_child([]() -> Complaint {
    Opened opened("memory:");
    std::vector<std::uint8_t> stream;
    const auto made = opened.store.as(kTrusted).backup(
        [&](ByteView part) -> Result<void> {
          stream.insert(stream.end(), part.begin(), part.end());
          return {};
        },
        [](std::uint64_t, std::uint64_t) {});
    if (!made) return "backup";
    Store into = Store::open("memory:").value();
    if (!take_randomness_away()) return testing::kCannotTell;
    ByteView rest = stream;
    const auto restored = into.as(kTrusted).restore(
        [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
          const std::size_t len = std::min(out.size(), rest.size());
          std::copy_n(rest.begin(), len, out.begin());
          rest = rest.subspan(len);
          return len;
        },
        [](std::uint64_t, std::uint64_t) {});
    if (!fails(restored)) return "restore";
    return into.status()->initialized ? "something was written" : nullptr;
  });
  if (end == testing::kCannotTell) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(end, "");
}

}  // namespace
}  // namespace strongroom::no_randomness_test
