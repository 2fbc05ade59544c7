#include "state/lifecycle.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "capi/vendor.hpp"
#include "state/state_dir.hpp"
#include "support/child_process.hpp"
#include "support/role.hpp"
#include "support/scratch.hpp"

namespace strongroomd::lifecycle_test {

// The process ends at the point number end_at: after each change of a directory, and before and after a token
// is made. 0: never.
std::atomic<int> end_at{0};
std::atomic<int> passed{0};

void point() {
  if (++passed == end_at) ::_exit(99);
}

}  // namespace strongroomd::lifecycle_test

// These stand in front of those of the C library, so that StateDir calls them.
extern "C" int renameat(int from, const char* old_name, int to, const char* new_name) noexcept {
  const long done = ::syscall(SYS_renameat2, from, old_name, to, new_name, 0);
  if (done == 0) strongroomd::lifecycle_test::point();
  return static_cast<int>(done);
}

extern "C" int unlinkat(int folder, const char* name, int flags) noexcept {
  const long done = ::syscall(SYS_unlinkat, folder, name, flags);
  if (done == 0) strongroomd::lifecycle_test::point();
  return static_cast<int>(done);
}

namespace strongroomd::lifecycle_test {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using strongroom_abi::Error;
using strongroom_abi::Secret;
using strongroom_abi::Session;
using strongroom_abi::Store;

constexpr unsigned kFewBits = 2048;

template <typename F>
bool eventually(F f) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!f()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

template <typename F>
strongroom_status status_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.status();
  }
  return STRONGROOM_OK;
}

// failure_of returns the HTTP status of a Failure, or 0.
template <typename F>
unsigned failure_of(F f) {
  try {
    f();
  } catch (const Failure& failure) {
    EXPECT_STRNE(failure.what(), "");
    return failure.status();
  }
  return 0;
}

Secret secret_of(std::string_view text) {
  Secret secret(text.size());
  std::copy(text.begin(), text.end(), secret.writable());
  return secret;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_private(const fs::path& file, std::string_view text) {
  fs::remove(file);
  std::ofstream(file, std::ios::binary) << text;
  fs::permissions(file, fs::perms(0600));
}

std::string unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

// Pairs are OpenPGP key pairs, made once: it takes a while.
struct Pairs {
  Store store{"memory:"};
  Session session = store.trusted();
  std::vector<strongroom_abi::KeyPair> all;

  static Pairs& instance() {
    static Pairs pairs;
    return pairs;
  }
  const strongroom_abi::KeyPair& at(std::size_t i) {
    while (all.size() <= i) all.push_back(session.openpgp_pair(kFewBits, "Keeper <k@example.org>"));
    return all[i];
  }
};

// TokenBook knows which tokens are of use.
class TokenBook {
 public:
  OperatorTokens functions() {
    return {[this](const std::string& description) { return make(description); },
            [this](std::string_view text) { revoke(text); }};
  }
  bool knows(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return known_.count(text) != 0;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return known_.size();
  }

 private:
  Secret make(const std::string& description) {
    point();
    const std::lock_guard lock(mutex_);
    const std::string text = description + " " + std::to_string(++made_);
    known_.insert(text);
    point();
    return secret_of(text);
  }
  void revoke(std::string_view text) {
    const std::lock_guard lock(mutex_);
    known_.erase(std::string(text));
  }

  std::mutex mutex_;
  std::set<std::string> known_;
  int made_ = 0;
};

// Server is what of a server has to do with the seal.
struct Server {
  explicit Server(Settings chosen, milliseconds pause = milliseconds(20))
      : Server(chosen, open(chosen), pause) {}
  Server(Settings chosen, Store opened, milliseconds pause = milliseconds(20))
      : settings(std::move(chosen)), dir(settings.state_dir), store(std::move(opened)) {
    life.emplace(settings, dir, store, tokens.functions(), LifecycleOptions{kFewBits, pause});
  }

  static Store open(const Settings& settings) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.allow_unavailable = 1;
    options.timeout_ms = 2000;
    return Store(settings.store, &options);
  }
  Server& start() {
    life->start([this] { ++num_unsealed; });
    return *this;
  }
  bool is_open() { return !life->status().sealed; }
  std::string file(const std::string& name) { return content_of(dir.path_of(name)); }
  bool has(const std::string& name) { return fs::exists(dir.path_of(name)); }

  Settings settings;
  StateDir dir;
  Store store;
  TokenBook tokens;
  std::atomic<int> num_unsealed{0};
  std::optional<Lifecycle> life;
};

class LifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (status_of([] { Pairs::instance().at(0); }) == STRONGROOM_UNSUPPORTED)
      GTEST_SKIP() << "the OpenPGP helper is not built";
  }

  fs::path path() const { return scratch_.path(); }
  Settings settings(const std::string& state = "state") const {
    Settings made;
    made.store = "lmdb:" + (path() / "store").string();
    made.state_dir = path() / state;
    return made;
  }
  Settings bootstrapping(const std::string& state = "state") const {
    Settings made = settings(state);
    made.bootstrap = true;
    return made;
  }

  // init_with_key makes a store that one key opens. Returns  its text.
  std::string init_with_key() {
    Store store(settings().store);
    Session session = store.trusted();
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    const auto pending = session.init_prepare(options);
    session.init_activate(pending);
    return std::string(pending.reveal_key());
  }

 private:
  strongroom::testing::Scratch scratch_;
};

std::vector<std::string> public_keys(std::size_t num) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < num; ++i) keys.push_back(Pairs::instance().at(i).public_key);
  return keys;
}

// share_of decrypts what init returned for keeper number i.
std::string share_of(const InitAnswer& answer, std::size_t i) {
  Pairs& pairs = Pairs::instance();
  const auto share =
      pairs.session.unwrap(unhex(answer.keys.at(i)), pairs.at(i).private_key.reveal());
  return std::string(share.reveal());
}

// ---- bootstrap and restart ----

TEST_F(LifecycleTest, ABootstrapMakesAStoreThatARestartUnseals) {
  std::string root;
  std::string instance;
  {
    Server server(bootstrapping());
    server.start();
    EXPECT_TRUE(server.is_open());
    EXPECT_EQ(server.num_unsealed, 1);
    root = server.file("root-token");
    instance = server.life->instance();
    EXPECT_TRUE(server.tokens.knows(root));
    EXPECT_EQ(server.tokens.size(), 1u);
    EXPECT_EQ(server.file("intent"), "unsealed");
    EXPECT_NE(server.file("unseal-key.asc").find("PRIVATE KEY BLOCK"), std::string::npos);
    EXPECT_FALSE(server.has("unseal-key.pending"));
    EXPECT_FALSE(server.has("unseal-key.pub"));
    EXPECT_FALSE(server.store.status().escrowed());
    for (const auto& entry : fs::directory_iterator(server.dir.path()))
      EXPECT_EQ(entry.status().permissions() & fs::perms(0777), fs::perms(0600)) << entry.path();
    EXPECT_EQ(instance.size(), 16u);
    EXPECT_EQ(instance, server.file("instance"));
  }
  Server again(bootstrapping());
  again.start();
  EXPECT_TRUE(again.is_open());
  EXPECT_EQ(again.num_unsealed, 1);
  EXPECT_EQ(again.file("root-token"), root);
  EXPECT_EQ(again.tokens.size(), 0u) << "no second token was made";
  EXPECT_EQ(again.life->instance(), instance);
}

TEST_F(LifecycleTest, ABootstrapNeverReplacesTheKeyOfAStore) {
  {
    Server server(bootstrapping());
    server.dir.write("unseal-key.asc", "the only key of a store elsewhere");
    server.start();
    EXPECT_FALSE(server.life->status().initialized);
    EXPECT_EQ(server.file("unseal-key.asc"), "the only key of a store elsewhere");
    EXPECT_EQ(server.tokens.size(), 0u);
  }
}

TEST_F(LifecycleTest, WithoutBootstrapATokenForTheSetUpIsWritten) {
  std::string token;
  {
    Server server(settings());
    server.start();
    token = server.file("setup-token");
    EXPECT_TRUE(server.tokens.knows(token));
    const auto status = server.life->status();
    EXPECT_FALSE(status.initialized);
    EXPECT_TRUE(status.sealed);
    EXPECT_FALSE(server.life->init_status().initialized);
    Session trusted = server.store.trusted();
    EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, ""); }), 404u);
  }
  Server again(settings());
  again.start();
  EXPECT_EQ(again.file("setup-token"), token) << "it is the same after a restart";
  init_with_key();  // by somebody else
  EXPECT_TRUE(eventually([&] { return !again.has("setup-token"); }));
}

TEST_F(LifecycleTest, FilesThatAreNotAsTheyWereWrittenAreRefused) {
  for (const char* const name : {"instance", "intent"}) {
    StateDir(settings().state_dir).write(name, "perhaps");
    EXPECT_THROW(Server{settings()}, std::runtime_error) << name;
    StateDir(settings().state_dir).remove(name);
  }
}

// ---- crashes ----

int run_bootstrap(const std::vector<std::string>& arguments) {
  Settings settings;
  settings.state_dir = arguments.at(0);
  settings.store = arguments.at(1);
  settings.bootstrap = true;
  Server server(settings);
  passed = 0;
  end_at = std::stoi(arguments.at(2));
  server.start();
  end_at = 0;
  std::printf(server.is_open() ? "open\n" : "sealed\n");
  std::fflush(stdout);
  strongroom::testing::ChildProcess::await_end();
  return 0;
}
const strongroom::testing::Role role("lifecycle-bootstrap", &run_bootstrap);

// crash ends a bootstrap at a point, and expects that the next start ends it well.
// Returns  whether the bootstrap came to its end before.
bool crash(const Settings& mine, int at) {
  strongroom::testing::ChildProcess child(
      {"lifecycle-bootstrap", mine.state_dir, mine.store, std::to_string(at)});
  const bool ended = child.receive() == "open\n";
  child.kill();
  Server server(mine);
  const std::string made = server.store.status().store_id();
  EXPECT_TRUE(!made.empty() || !server.has("root-token"));
  EXPECT_TRUE(!server.has("unseal-key.asc") || server.has("root-token"));
  server.start();
  EXPECT_TRUE(server.is_open());
  EXPECT_TRUE(made.empty() || server.store.status().store_id() == made);
  EXPECT_FALSE(server.file("root-token").empty());
  EXPECT_TRUE(server.has("unseal-key.asc"));
  EXPECT_FALSE(server.has("unseal-key.pending") || server.has("unseal-key.pub"));
  EXPECT_EQ(server.file("intent"), "unsealed");
  return ended;
}

TEST_F(LifecycleTest, ACrashWhileTheKeyIsWrittenLeavesNoStore) {
  for (int at = 1; at <= 3; ++at) {
    SCOPED_TRACE(at);
    Settings mine = bootstrapping("state" + std::to_string(at));
    mine.store = "lmdb:" + (path() / ("store" + std::to_string(at))).string();
    EXPECT_FALSE(crash(mine, at));
  }
}

TEST_F(LifecycleTest, ACrashAfterwardsLeavesAStoreThatOpens) {
  int at = 1;
  for (bool ended = false; !ended; ++at) {
    SCOPED_TRACE(at);
    Settings mine = bootstrapping("state" + std::to_string(at));
    mine.store = "lmdb:" + (path() / ("store" + std::to_string(at))).string();
    {
      const StateDir dir(mine.state_dir);  // the key was written by an earlier try
      dir.write("unseal-key.pub", Pairs::instance().at(0).public_key);
      dir.write("unseal-key.pending", Pairs::instance().at(0).private_key.reveal());
    }
    ended = crash(mine, at);
  }
  EXPECT_EQ(at, 9) << "intent, token, token, root-token, key, two removals, and the end";
}

// ---- two servers ----

void start_both(Server& a, Server& b) {
  std::thread other([&] { b.start(); });
  a.start();
  other.join();
}

TEST_F(LifecycleTest, OfTwoBootstrapsOneWinsAndTheOtherKeepsNothingWrong) {
  Server a(bootstrapping("a"));
  Server b(bootstrapping("b"));
  start_both(a, b);
  ASSERT_NE(a.is_open(), b.is_open());
  Server& winner = a.is_open() ? a : b;
  Server& loser = a.is_open() ? b : a;
  EXPECT_TRUE(winner.tokens.knows(winner.file("root-token")));
  for (const char* const name :
       {"root-token", "unseal-key.asc", "unseal-key.pending", "unseal-key.pub", "setup-token"})
    EXPECT_FALSE(loser.has(name)) << name;
  EXPECT_EQ(loser.tokens.size(), 0u);
  Session trusted = loser.store.trusted();
  EXPECT_EQ(failure_of([&] { loser.life->auto_unseal(trusted, ""); }), 409u);

  fs::copy_file(winner.dir.path_of("unseal-key.asc"), loser.dir.path_of("unseal-key.asc"));
  EXPECT_TRUE(eventually([&] { return loser.is_open(); })) << "as its log says";
  EXPECT_TRUE(eventually([&] { return loser.num_unsealed == 1; }));
}

TEST_F(LifecycleTest, WithTheKeyInTheStoreBothBootstrapsAreOpen) {
  Settings first = bootstrapping("a");
  Settings second = bootstrapping("b");
  first.escrow_in_store = second.escrow_in_store = true;
  Server a(first);
  Server b(second);
  start_both(a, b);
  EXPECT_TRUE(eventually([&] { return a.is_open() && b.is_open(); }));
  EXPECT_NE(a.has("root-token"), b.has("root-token"));
  EXPECT_TRUE(a.store.status().escrowed());
}

// ---- sealing ----

TEST_F(LifecycleTest, ASealByRequestSurvivesARestart) {
  {
    Server server(bootstrapping());
    server.start();
    Session trusted = server.store.trusted();
    server.life->seal(trusted);
    EXPECT_FALSE(server.is_open());
    server.life->seal(trusted);
    EXPECT_EQ(server.file("intent"), "sealed");
  }
  Server again(bootstrapping());
  again.start();
  EXPECT_FALSE(again.is_open());
  EXPECT_EQ(again.num_unsealed, 0);
  Session trusted = again.store.trusted();
  EXPECT_FALSE(again.life->auto_unseal(trusted, "").sealed);
  EXPECT_EQ(again.num_unsealed, 1);
  EXPECT_EQ(again.file("intent"), "unsealed");
  EXPECT_FALSE(again.life->auto_unseal(trusted, "").sealed) << "unsealed already";
  EXPECT_EQ(again.num_unsealed, 1);
}

TEST_F(LifecycleTest, ACallerWithoutTheRightChangesNothing) {
  Server server(bootstrapping());
  server.start();
  Session user = server.store.user("bob");
  EXPECT_EQ(status_of([&] { server.life->seal(user); }), STRONGROOM_DENIED);
  EXPECT_TRUE(server.is_open());
  EXPECT_EQ(server.file("intent"), "unsealed");

  Session trusted = server.store.trusted();
  server.life->seal(trusted);
  EXPECT_EQ(status_of([&] { server.life->seal(user); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { server.life->auto_unseal(user, ""); }), STRONGROOM_DENIED);
  EXPECT_FALSE(server.is_open());
  EXPECT_EQ(server.file("intent"), "sealed");
}

TEST_F(LifecycleTest, ASealThatCannotBeWrittenDownSealsAndSaysSo) {
  Server server(bootstrapping());
  server.start();
  fs::create_directory(server.dir.path_of("intent.part"));
  Session trusted = server.store.trusted();
  EXPECT_EQ(failure_of([&] { server.life->seal(trusted); }), 500u);
  EXPECT_FALSE(server.is_open());
  fs::remove(server.dir.path_of("intent.part"));
  server.life->seal(trusted);
  EXPECT_EQ(server.file("intent"), "sealed");
}

TEST_F(LifecycleTest, AnInvoluntarySealIsHealed) {
  Server server(bootstrapping());
  server.start();
  server.store.trusted().seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_TRUE(eventually([&] { return server.num_unsealed == 2 && server.is_open(); }));
}

TEST_F(LifecycleTest, AnOperatorsLockIsNotHealedUntilItIsLifted) {
  Server server(bootstrapping());
  server.start();
  Store other(server.settings.store);
  Session operating = other.trusted();
  ::testing::internal::CaptureStderr();
  operating.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_TRUE(eventually([&] { return server.life->status().locked; }));
  Session trusted = server.store.trusted();
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, ""); }), 409u);
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, "00"); }), 409u);
  EXPECT_TRUE(eventually([&] {
    return server.num_unsealed == 1 && !server.is_open() && server.life->status().locked;
  }));

  const auto report = other.status();
  const auto key = server.dir.read("unseal-key.asc");
  const Secret share = operating.unwrap(report.wrapped(0, 0).message, key->reveal());
  EXPECT_EQ(status_of([&] { server.life->unseal(share.reveal(), false); }), STRONGROOM_SEALED);
  operating.unseal({share.reveal()}, STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_TRUE(eventually([&] { return server.num_unsealed == 2 && server.is_open(); }));

  operating.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_TRUE(eventually([&] { return server.life->status().locked; }));
  EXPECT_FALSE(server.life->unseal(share.reveal(), true).sealed);
  EXPECT_FALSE(server.life->status().locked);
  ::testing::internal::GetCapturedStderr();
}

// ---- a key file ----

TEST_F(LifecycleTest, AKeyFileUnsealsAndItsReplacementHeals) {
  Settings mine = settings();
  mine.key_file = path() / "key";
  write_private(mine.key_file, init_with_key() + "\n");
  Server server(mine);
  server.start();
  ASSERT_TRUE(server.is_open()) << "nobody sealed it, so it is unsealed from its first start";
  EXPECT_EQ(server.file("intent"), "unsealed");

  Store other(mine.store);
  Session operating = other.trusted();
  operating.unseal({content_of(mine.key_file)});
  strongroom_slots_options change = STRONGROOM_SLOTS_OPTIONS_INIT;
  const std::uint32_t removed = other.status().slot(0).id;
  change.key = 1;
  change.remove = &removed;
  change.num_remove = 1;
  const auto pending = operating.slots_prepare(change);
  operating.slots_activate(pending);
  EXPECT_TRUE(eventually([&] { return !server.is_open(); })) << "its slot was removed";
  write_private(mine.key_file, pending.reveal_key());
  EXPECT_TRUE(eventually([&] { return server.is_open(); }));
  EXPECT_TRUE(eventually([&] { return server.num_unsealed == 2; }));
}

TEST_F(LifecycleTest, AKeyFileThatOthersCanReadIsNotUsedAndThatIsSaidOnce) {
  Settings mine = settings();
  mine.key_file = path() / "key";
  write_private(mine.key_file, init_with_key());
  fs::permissions(mine.key_file, fs::perms(0644));
  ::testing::internal::CaptureStderr();
  std::optional<Server> server(std::in_place, mine, milliseconds(1));
  server->start();
  EXPECT_FALSE(server->is_open());
  std::optional<Session> trusted(server->store.trusted());
  EXPECT_EQ(failure_of([&] { server->life->auto_unseal(*trusted, ""); }), 409u);
  fs::permissions(mine.key_file, fs::perms(0600));
  EXPECT_TRUE(eventually([&] { return server->is_open(); }));
  trusted.reset();
  server.reset();  // it has said everything now
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::size_t first = log.find("the store is sealed");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_NE(log.find("open to others", first), std::string::npos) << log;
  EXPECT_EQ(log.find("the store is sealed", first + 1), std::string::npos) << log;
  EXPECT_NE(log.find("unsealed by the key file"), std::string::npos) << log;
  EXPECT_EQ(log.find(content_of(mine.key_file)), std::string::npos) << "no secrets";
}

TEST_F(LifecycleTest, AStorageThatIsAwayAtTheStartIsWaitedFor) {
  Settings mine = bootstrapping();
  mine.store = "lmdb:" + (path() / "later" / "store").string();
  std::optional<Server> server;
  try {
    server.emplace(mine);
  } catch (const Error&) {
    GTEST_SKIP() << "a missing folder is no matter of waiting";
  }
  server->start();
  EXPECT_EQ(status_of([&] { server->life->status(); }), STRONGROOM_UNAVAILABLE);
  fs::create_directory(path() / "later");
  EXPECT_TRUE(eventually([&] { return server->num_unsealed == 1; }));
}

// ---- init and shares ----

TEST_F(LifecycleTest, SharesOfSeveralKeepersUnsealStepByStep) {
  Server server(settings());
  server.start();
  Session trusted = server.store.trusted();
  const std::string setup = server.file("setup-token");
  const InitAnswer answer = server.life->init(trusted, 3, 2, public_keys(3));
  EXPECT_TRUE(answer.initialized);
  ASSERT_EQ(answer.keys.size(), 3u);
  ASSERT_EQ(answer.pgp_fingerprints.size(), 3u);
  EXPECT_EQ(answer.pgp_fingerprints[0].size(), 40u);
  EXPECT_TRUE(server.tokens.knows(std::string(answer.root_token->reveal())));
  EXPECT_FALSE(server.has("setup-token"));
  EXPECT_FALSE(server.tokens.knows(setup));
  const InitAnswer shown = server.life->init_status();
  EXPECT_EQ(shown.keys, answer.keys);
  EXPECT_EQ(shown.pgp_fingerprints, answer.pgp_fingerprints);
  EXPECT_FALSE(shown.root_token.has_value());

  auto status = server.life->status();
  EXPECT_TRUE(status.initialized && status.sealed);
  EXPECT_EQ(status.threshold, 2u);
  EXPECT_EQ(status.shares, 3u);
  EXPECT_EQ(status.progress, 0u);
  EXPECT_EQ(status.nonce, "");

  status = server.life->unseal("  " + share_of(answer, 2) + " \n", false);
  EXPECT_TRUE(status.sealed);
  EXPECT_EQ(status.progress, 1u);
  const std::string nonce = status.nonce;
  EXPECT_EQ(nonce.size(), 16u);
  EXPECT_EQ(server.life->unseal(share_of(answer, 2), false).progress, 1u) << "the same one again";
  const std::string wrong = std::string(share_of(answer, 0)).replace(10, 4, "0000");
  EXPECT_NE(status_of([&] { server.life->unseal(wrong, false); }), STRONGROOM_OK);
  EXPECT_EQ(failure_of([&] { server.life->unseal(" ", false); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->unseal(std::string(5000, 'a'), false); }), 400u);
  EXPECT_EQ(server.life->status().progress, 1u);
  EXPECT_EQ(server.life->status().nonce, nonce);

  status = server.life->unseal(share_of(answer, 0), false);
  EXPECT_FALSE(status.sealed);
  EXPECT_EQ(status.progress, 0u);
  EXPECT_EQ(status.nonce, "");
  EXPECT_EQ(server.num_unsealed, 1);
  EXPECT_EQ(server.file("intent"), "unsealed");
  EXPECT_FALSE(server.life->unseal("whatever", false).sealed) << "unsealed already";

  server.life->seal(trusted);
  status = server.life->unseal(share_of(answer, 1), false);
  EXPECT_EQ(status.progress, 1u);
  EXPECT_NE(status.nonce, nonce) << "another collection";
  trusted.unseal_forget();
  EXPECT_EQ(server.life->status().nonce, "");
  EXPECT_NE(server.life->unseal(share_of(answer, 1), false).nonce, status.nonce);
}

TEST_F(LifecycleTest, AnInitThatFailsLeavesNoToken) {
  Server server(settings());
  server.start();
  Session trusted = server.store.trusted();
  Session user = server.store.user("bob");
  const auto keys = public_keys(2);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 1, 1, {}); }), 400u) << "none in clear";
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 1, 1, keys); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 2, 3, keys); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 2, 0, keys); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 0, 0, keys); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 256, 2, keys); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->init(trusted, 2, 2, {keys[0], ""}); }), 400u);
  EXPECT_EQ(failure_of([&] {
              server.life->init(trusted, 2, 2, {keys[0], std::string(70'000, 'a')});
            }),
            400u);
  EXPECT_EQ(status_of([&] {
              server.life->init(trusted, 2, 2, {keys[0], "no key"});
            }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { server.life->init(user, 2, 2, keys); }), STRONGROOM_DENIED);
  EXPECT_EQ(server.tokens.size(), 1u) << "the setup token";
  EXPECT_FALSE(server.life->status().initialized);
  const std::string root(server.life->init(trusted, 2, 2, keys).root_token->reveal());
  EXPECT_EQ(status_of([&] { server.life->init(trusted, 2, 2, keys); }), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(server.tokens.size(), 1u);
  EXPECT_TRUE(server.tokens.knows(root));
}

TEST_F(LifecycleTest, AnEncryptedKeyIsDecryptedHereIfItsPrivateKeyIsHere) {
  Server server(bootstrapping());
  server.start();
  Session trusted = server.store.trusted();
  server.life->seal(trusted);
  std::string key = server.life->init_status().keys.at(0);
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, key.substr(2)); }), 400u);
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, "zz"); }), 400u);
  EXPECT_FALSE(server.is_open());
  for (char& c : key) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_FALSE(server.life->auto_unseal(trusted, key + "\n").sealed);
  EXPECT_EQ(server.file("intent"), "unsealed");

  server.life->seal(trusted);
  server.dir.write("unseal-key.asc", Pairs::instance().at(0).private_key.reveal());
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, key); }), 409u);
  server.dir.remove("unseal-key.asc");
  EXPECT_EQ(failure_of([&] { server.life->auto_unseal(trusted, key); }), 409u);
  EXPECT_EQ(server.file("intent"), "sealed");
}

TEST_F(LifecycleTest, WhatFollowsAnUnsealMayFail) {
  Server server(bootstrapping());
  std::atomic<int> calls{0};
  server.life->start([&] {
    ++calls;
    throw std::runtime_error("no");
  });
  EXPECT_TRUE(server.is_open());
  server.store.trusted().seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_TRUE(eventually([&] { return calls == 2; }));
}

// ---- a storage that does not answer as it should ----

// OddStorage is a storage whose commits may have an unknown outcome, and whose reads may hang.
struct OddStorage {
  enum class Commit { normal, done_unknown, lost_unknown, late };

  capi_test::Vendor vendor;
  std::atomic<Commit> next_commit{Commit::normal};
  std::mutex mutex;
  std::condition_variable changed;
  bool hangs = false;
  std::atomic<int> num_hanging{0};
  std::map<std::string, capi_test::Vendor::Stored> late;  // comes before the next commit

  Store open() {
    strongroom_backend_table table = capi_test::vendor_table();
    table.read = &OddStorage::read;
    table.commit = &OddStorage::commit;
    table.scan = &OddStorage::scan;
    table.url = [](void*) { return "odd:"; };
    table.destroy = nullptr;
    strongroom_store* made = nullptr;
    if (strongroom_store_open_backend(&table, this, nullptr, &made, nullptr) != STRONGROOM_OK)
      throw std::runtime_error("no store");
    return Store(made);
  }
  void hang(bool whether) {
    const std::lock_guard lock(mutex);
    hangs = whether;
    changed.notify_all();
  }

  static strongroom_status read(void* self, const strongroom_bytes* keys, size_t num_keys,
                                const strongroom_sink* sink, uint32_t timeout_ms,
                                uint64_t* out_stamp) {
    auto& odd = *static_cast<OddStorage*>(self);
    {
      std::unique_lock lock(odd.mutex);
      ++odd.num_hanging;
      odd.changed.wait(lock, [&] { return !odd.hangs; });
      --odd.num_hanging;
    }
    return capi_test::vendor_read(&odd.vendor, keys, num_keys, sink, timeout_ms, out_stamp);
  }
  static strongroom_status commit(void* self, const strongroom_change* changes, size_t num_changes,
                                  const strongroom_sink* sink, uint32_t timeout_ms,
                                  size_t* out_conflict) {
    auto& odd = *static_cast<OddStorage*>(self);
    const Commit how = odd.next_commit.exchange(Commit::normal);
    if (how == Commit::lost_unknown) return STRONGROOM_INDETERMINATE;
    const auto before = odd.vendor.records;
    if (!odd.late.empty()) odd.vendor.records = std::exchange(odd.late, {});
    const strongroom_status done =
        capi_test::vendor_commit(&odd.vendor, changes, num_changes, sink, timeout_ms, out_conflict);
    if (how == Commit::late) {
      odd.late = odd.vendor.records;
      odd.vendor.records = before;
    }
    return how == Commit::normal ? done : STRONGROOM_INDETERMINATE;
  }
  static strongroom_status scan(void* self, const strongroom_bytes* prefix,
                                const strongroom_bytes* after, size_t limit,
                                const strongroom_sink* sink, uint32_t timeout_ms, int* out_more) {
    return capi_test::vendor_scan(&static_cast<OddStorage*>(self)->vendor, prefix, after, limit,
                                  sink, timeout_ms, out_more);
  }
};

TEST_F(LifecycleTest, ABootstrapOfUnknownOutcomeIsOpenedByTheSameKey) {
  using Commit = OddStorage::Commit;
  int num = 0;
  for (const Commit how : {Commit::done_unknown, Commit::lost_unknown, Commit::late}) {
    SCOPED_TRACE(num);
    OddStorage storage;
    storage.next_commit = how;
    Server server(bootstrapping("state" + std::to_string(num++)), storage.open());
    server.start();
    EXPECT_TRUE(eventually([&] { return server.num_unsealed == 1; }));
    EXPECT_TRUE(server.is_open());
    EXPECT_TRUE(eventually([&] { return !server.has("unseal-key.pending"); }));
    EXPECT_TRUE(server.tokens.knows(server.file("root-token")));
    EXPECT_EQ(server.tokens.size(), 1u);
    EXPECT_TRUE(storage.late.empty());
  }
}

TEST_F(LifecycleTest, AnInitOfUnknownOutcomeIsLookedUp) {
  OddStorage storage;
  Server server(settings(), storage.open());
  server.start();
  Session trusted = server.store.trusted();
  storage.next_commit = OddStorage::Commit::lost_unknown;
  EXPECT_EQ(status_of([&] { server.life->init(trusted, 1, 1, public_keys(1)); }),
            STRONGROOM_INDETERMINATE);
  EXPECT_EQ(server.tokens.size(), 1u) << "the setup token";
  EXPECT_TRUE(server.has("setup-token"));
  storage.next_commit = OddStorage::Commit::done_unknown;
  const InitAnswer answer = server.life->init(trusted, 1, 1, public_keys(1));
  EXPECT_TRUE(server.tokens.knows(std::string(answer.root_token->reveal())));
  EXPECT_FALSE(server.life->unseal(share_of(answer, 0), false).sealed);
}

TEST_F(LifecycleTest, ASealDoesNotWaitForALookAtAStorageThatHangs) {
  OddStorage storage;
  Server server(bootstrapping(), storage.open(), milliseconds(1));
  server.start();
  ASSERT_TRUE(server.is_open());
  Session trusted = server.store.trusted();
  storage.hang(true);
  EXPECT_TRUE(eventually([&] { return storage.num_hanging > 0; }));
  server.life->seal(trusted);
  EXPECT_EQ(status_of([&] { trusted.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(server.file("intent"), "sealed");
  storage.hang(false);
  EXPECT_FALSE(server.is_open());
}

// ---- threads ----

TEST_F(LifecycleTest, ManyThreadsSealAndUnsealAndTheLastOneDecides) {
  Server server(bootstrapping(), milliseconds(1));
  server.start();
  Session trusted = server.store.trusted();
  ::testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 15; ++k) {
        if (i < 2) server.life->status();
        if (i == 2) server.life->init_status();
        if (i == 3) server.life->seal(trusted);
        if (i == 4) server.life->auto_unseal(trusted, "");
        if (i == 5) server.store.trusted().seal(STRONGROOM_SEAL_PROCESS);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  server.life->seal(trusted);
  EXPECT_FALSE(server.is_open());
  server.life->auto_unseal(trusted, "");
  EXPECT_TRUE(server.is_open());
  EXPECT_EQ(server.file("intent"), "unsealed");
  ::testing::internal::GetCapturedStderr();
}

}  // namespace strongroomd::lifecycle_test
