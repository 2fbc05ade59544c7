// What others do meanwhile: another process, or another thread of this one, acts at every moment
// between the engine and its storage. Whatever that moment is, the answer is a true one.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/faulty_backend.hpp"
#include "tests/support/meanwhile_backend.hpp"
#include "tests/support/process.hpp"

namespace strongroom::meanwhile_test {
namespace {

using testing::Call;
using testing::Handle;
using testing::kSanitized;
using testing::Meanwhile;
using testing::Moment;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::retire;
using testing::secret;
using testing::TestStore;
using Bytes = std::vector<std::uint8_t>;

const ReencryptOptions kFast{100};

const auto go_on = [](const ReencryptProgress&) { return true; };

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message;
}

bool put(Barrier& barrier, std::string_view name, std::string_view value) {
  return barrier.writer()
      .write(path(name), Content::text, secret(value).view(), {}, Permit::always())
      .ok();
}

// read gives the value, or why there was none.
std::string read(Barrier& barrier, std::string_view name) {
  auto found = barrier.reader().read(path(name));
  return found ? plain(found->value) : "(" + message_of(found) + ")";
}

// turn_over puts everything under a new data key and drops the old one.
void turn_over(Barrier& barrier) {
  auto rotated = barrier.keys().rotate(Permit::always());
  ASSERT_TRUE(rotated) << message_of(rotated);
  ASSERT_TRUE(barrier.reencryption(kFast).run(go_on));
  auto retired = retire(barrier, go_on);
  ASSERT_TRUE(retired) << message_of(retired);
}

// Scene is a store with three secrets, and two more processes: one at which others act at a moment,
// and one that acts. Both were unsealed by shares.
struct Scene {
  TestStore store;
  std::shared_ptr<Meanwhile> meanwhile = std::make_shared<Meanwhile>();
  Barrier barrier{std::make_unique<testing::MeanwhileBackend>(store.records->share(), meanwhile)};
  Handle other{store.records->share()};

  Scene() {
    const auto shares = std::span(store.shares).first(3);
    EXPECT_TRUE(barrier.keys().unseal(shares));
    EXPECT_TRUE(other.barrier->keys().unseal(shares));
    for (const char* name : {"a", "b", "c/d"}) EXPECT_TRUE(put(barrier, name, "1"));
  }
};

struct Act {
  const char* by;
  std::function<void(Scene&)> run;
  int times = 1;
};

// at_every_moment lets somebody act at each moment of an operation, in a scene of its own each.
template <typename Operation>
void at_every_moment(const Act& act, Operation operation) {
  for (int moment = 0;; ++moment) {
    SCOPED_TRACE(std::string(act.by) + ", moment " + std::to_string(moment));
    ASSERT_LT(moment, 200);
    Scene scene;
    scene.meanwhile->act_at = moment;
    scene.meanwhile->times = act.times;
    scene.meanwhile->act = [&] { act.run(scene); };
    operation(scene);
    if (!scene.meanwhile->acted() || ::testing::Test::HasFailure()) return;
  }
}

const Act kRetirements[] = {
    {"a thread of this process retires a key", [](Scene& scene) { turn_over(scene.barrier); }},
    {"another process retires a key", [](Scene& scene) { turn_over(*scene.other.barrier); }},
    {"another process retires keys, one after the other",
     [](Scene& scene) { turn_over(*scene.other.barrier); }, 4},
};

// ---- a retirement falls into a call ----

TEST(RetirementMeanwhile, AReadAnswersAsBefore) {
  for (const Act& act : kRetirements) {
    at_every_moment(act, [](Scene& scene) { EXPECT_EQ(read(scene.barrier, "a"), "1"); });
  }
}

TEST(RetirementMeanwhile, ABatchReadAnswersAsBefore) {
  const std::vector<Path> paths = {path("a"), path("c/d"), path("not/there")};
  for (const Act& act : kRetirements) {
    at_every_moment(act, [&](Scene& scene) {
      auto batch = scene.barrier.reader().read_many(paths);
      ASSERT_TRUE(batch) << message_of(batch);
      for (const std::size_t i : {0u, 1u}) {
        ASSERT_TRUE((*batch)[i]) << message_of((*batch)[i]);
        EXPECT_EQ(plain((*batch)[i]->value), "1");
      }
      EXPECT_EQ(code_of((*batch)[2]), Code::not_found);
    });
  }
}

TEST(RetirementMeanwhile, AWriteIsAcknowledgedAndReads) {
  for (const Act& act : kRetirements) {
    at_every_moment(act, [](Scene& scene) {
      auto written = testing::done(scene.barrier.writer().write(
          path("a"), Content::text, secret("2").view(), {}, Permit::always()));
      ASSERT_TRUE(written) << message_of(written);
      EXPECT_EQ(written.value(), Revision(2));
      EXPECT_EQ(read(scene.barrier, "a"), "2");
      EXPECT_EQ(read(*scene.other.barrier, "a"), "2");
    });
  }
}

TEST(RetirementMeanwhile, ADeletionIsAcknowledgedAndHolds) {
  for (const Act& act : kRetirements) {
    at_every_moment(act, [](Scene& scene) {
      auto erased =
          scene.barrier.writer().erase(path("c/d"), Condition::update(), Permit::always());
      ASSERT_TRUE(erased) << message_of(erased);
      EXPECT_EQ(code_of(scene.other.barrier->reader().read(path("c/d"))), Code::not_found);
      EXPECT_EQ(scene.barrier.names().list(path(""), true)->size(), 2u);
    });
  }
}

TEST(RetirementMeanwhile, ReencryptionCallsNothingUnreadable) {
  for (const Act& act : kRetirements) {
    at_every_moment(act, [](Scene& scene) {
      scene.meanwhile->quiet = true;
      ASSERT_TRUE(scene.barrier.keys().rotate(Permit::always()));
      scene.meanwhile->quiet = false;
      auto done = scene.barrier.reencryption(kFast).run(go_on);
      ASSERT_TRUE(done) << message_of(done);
      EXPECT_EQ(done->unreadable, 0u);
      for (const char* name : {"a", "b", "c/d"}) EXPECT_EQ(read(scene.barrier, name), "1");
    });
  }
}

// Without any moment of the test's choice: threads of one process.
TEST(RetirementMeanwhile, ManyReadersSeeNoDoubt) {
  TestStore store;
  std::vector<Path> paths;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(put(store.barrier(), "k" + std::to_string(i), "v"));
    paths.push_back(path("k" + std::to_string(i)));
  }
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::string wrong;
  const auto tell = [&](const std::string& message) {
    const std::lock_guard alone(mutex);
    wrong = message;
  };
  const auto read_one = [&] {
    auto found = store.barrier().reader().read(paths[3]);
    if (!found) tell(message_of(found));
  };
  const auto read_all = [&] {
    auto batch = store.barrier().reader().read_many(paths);
    if (!batch) return tell(message_of(batch));
    for (const auto& each : *batch) {
      if (!each) tell(message_of(each));
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      while (!stop) i == 0 ? read_all() : read_one();
    });
  }
  for (int round = 0; round < (kSanitized ? 20 : 150); ++round) turn_over(store.barrier());
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, "");
}

// ---- writers, and whoever re-encrypts or retires ----

TEST(WriterMeanwhile, ReencryptionLeavesNothingUnderAnOldKey) {
  // A writer that had sealed under the old key comes first with the same record.
  const Act writer{"a writer who slept", [](Scene& scene) {
                     for (const Bytes& key : scene.store.keys_with('r')) {
                       scene.store.tamper(key, scene.store.stored(key));
                     }
                   }};
  at_every_moment(writer, [](Scene& scene) {
    ASSERT_TRUE(scene.other.barrier->keys().rotate(Permit::always()));
    auto done = scene.barrier.reencryption(kFast).run(go_on);
    ASSERT_TRUE(done) << message_of(done);
    for (const Bytes& key : scene.store.keys_with('r')) {
      const Bytes envelope = scene.store.stored(key);
      EXPECT_EQ(get_be(std::span(envelope).subspan<4, 4>()), 2u);
    }
  });
}

TEST(WriterMeanwhile, RetireLosesNothing) {
  const Act writer{"a writer", [](Scene& scene) {
                     EXPECT_TRUE(put(*scene.other.barrier, "a", "2"));
                     EXPECT_TRUE(put(*scene.other.barrier, "new", "2"));
                   }};
  at_every_moment(writer, [](Scene& scene) {
    ASSERT_TRUE(scene.barrier.keys().rotate(Permit::always()));
    ASSERT_TRUE(scene.barrier.reencryption(kFast).run(go_on));
    auto retired = retire(scene.barrier, go_on);
    EXPECT_TRUE(retired) << message_of(retired);
    EXPECT_EQ(read(scene.barrier, "b"), "1");
    if (!scene.meanwhile->acted()) return;
    EXPECT_EQ(read(scene.barrier, "a"), "2");
    EXPECT_EQ(read(*scene.store.another().barrier, "new"), "2");
  });
}

TEST(WriterMeanwhile, RetireCountsWhatIsOldNow) {
  Scene scene;
  ASSERT_TRUE(scene.barrier.keys().rotate(Permit::always()));
  scene.meanwhile->only = Moment{Call::scan, true};
  scene.meanwhile->act = [&] {
    for (const char* name : {"a", "b", "c/d"}) EXPECT_TRUE(put(*scene.other.barrier, name, "2"));
  };
  auto retired = retire(scene.barrier, go_on);
  EXPECT_TRUE(retired) << message_of(retired);
}

// ---- a removal falls into a write ----

TEST(RemovalMeanwhile, NothingIsStoredAfterwardsUnderAKeyThatTheCredentialKnows) {
  bool was_there = false;
  const auto remove = [&](Scene& scene) {
    was_there = scene.other.barrier->reader().read(path("new")).ok();
    SlotChange change;
    change.remove = {2};
    KeyKeeper& admin = scene.other.barrier->keys();
    ASSERT_TRUE(admin.activate(admin.prepare_slots(change, nullptr).value(), Permit::always()));
  };
  at_every_moment({"an administrator removes a slot", remove}, [&](Scene& scene) {
    const Header before = Header::decode(scene.store.stored(kHeaderKey)).value();
    const OpenedSlot opened = open_root(before, std::span(&scene.store.key, 1)).value();
    const Keyring old = before.open_keyring(opened.root.view()).value();
    ASSERT_TRUE(put(scene.barrier, "new", "hidden"));
    const Location at = secret_location(old, "new");
    auto stolen = open_envelope(old, {before.store, at}, scene.store.stored(record_key(at)));
    EXPECT_TRUE(!stolen || was_there || !scene.meanwhile->acted());
    EXPECT_EQ(read(*scene.other.barrier, "new"), "hidden");
  });
}

// ---- seal ----

// change_slot replaces a key; it may fail, where somebody was faster.
void change_slot(KeyKeeper& keeper) {
  SlotChange change;
  change.key_file = true;
  change.remove = {2};
  if (auto pending = keeper.prepare_slots(change, nullptr))
    (void)keeper.activate(pending.value(), Permit::always());
}

TEST(SealMeanwhile, NoOtherOperationLiftsTheLock) {
  const Act seal{"an operator seals",
                 [](Scene& scene) { EXPECT_TRUE(scene.other.barrier->keys().seal()); }};
  const std::function<void(Scene&)> operations[] = {
      [](Scene& scene) { (void)scene.barrier.keys().rotate_root(Permit::always()); },
      [](Scene& scene) { change_slot(scene.barrier.keys()); },
      [](Scene& scene) { turn_over(*scene.store.another().barrier); },
      [](Scene& scene) {
        scene.store.tamper(kHeaderCopyKey, testing::bytes("torn"));
        (void)scene.barrier.keys().repair(Permit::always());
      },
      [](Scene& scene) {
        scene.store.tamper(kHeaderKey, testing::bytes("torn"));
        (void)scene.barrier.keys().unseal(std::span(scene.store.shares).first(3));
      },
  };
  for (const auto& operation : operations) {
    at_every_moment(seal, [&](Scene& scene) {
      operation(scene);
      if (!scene.meanwhile->acted()) return;
      Handle late = scene.store.another(false);
      EXPECT_TRUE(late.barrier->keys().status()->locked);
      EXPECT_EQ(code_of(scene.barrier.reader().read(path("a"))), Code::sealed);
      EXPECT_EQ(code_of(late.barrier->keys().unseal(std::span(scene.store.shares).first(3))),
                Code::sealed);
      auto lifted = late.barrier->keys().unseal(std::span(scene.store.shares).first(3), true);
      EXPECT_TRUE(lifted) << message_of(lifted);
    });
  }
}

// SlowPgp answers when the test wants it to.
class SlowPgp final : public OpenPgp {
 public:
  Result<std::vector<WrappedShare>> wrap(std::span<const SecretView>,
                                         std::span<const ByteView>) override {
    called_.set_value();
    answer_.get_future().wait();
    return Error{Code::timeout, "the helper took too long"};
  }
  Result<SecretBytes> unwrap(ByteView, SecretView, SecretView) override {
    return Error{Code::unsupported, "not of this test"};
  }
  Result<OpenPgpPair> generate(unsigned, const std::string&) override {
    return Error{Code::unsupported, "not of this test"};
  }
  void wait_for_call() { called_.get_future().wait(); }
  void answer() { answer_.set_value(); }

 private:
  std::promise<void> called_;
  std::promise<void> answer_;
};

TEST(SealMeanwhile, WaitsForNobodyWhoWrapsShares) {
  TestStore store;
  SlowPgp pgp;
  std::thread admin([&] {
    SlotChange change;
    change.shares = change.threshold = 1;
    change.pgp_keys = {{1}};
    EXPECT_EQ(code_of(store.barrier().keys().prepare_slots(change, &pgp)), Code::timeout);
  });
  pgp.wait_for_call();
  auto sealed = std::async(std::launch::async, [&] { return store.barrier().keys().seal(); });
  const bool in_time = sealed.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  const auto found = store.barrier().reader().read(path("a"));
  pgp.answer();
  admin.join();
  EXPECT_TRUE(in_time);
  EXPECT_EQ(code_of(found), Code::sealed);
  EXPECT_TRUE(sealed.get());
}

TEST(SealMeanwhile, LeavesAPreparedChangeWithoutEffect) {
  TestStore store;
  SlotChange change;
  change.key_file = true;
  const PendingSlots pending = store.barrier().keys().prepare_slots(change, nullptr).value();
  ASSERT_TRUE(store.barrier().keys().seal());
  EXPECT_EQ(code_of(store.barrier().keys().activate(pending, Permit::always())), Code::sealed);
  EXPECT_EQ(code_of(store.another(false).unseal(parsed(pending.key_file), true)), Code::denied);
  EXPECT_TRUE(store.another(false).unseal(store.key, true));
}

// ---- a copy that somebody, or a bad disk, spoils again and again ----

TEST(DamageMeanwhile, ACopyThatDoesNotStayMendedKeepsNobodyOut) {
  for (const int every : {1, 2}) {  // before every call; or before reads alone
    TestStore store;
    Bytes bad = store.stored(kHeaderKey);
    bad[80] ^= 1;
    auto plan = std::make_shared<testing::Plan>();
    plan->before_call = [&](int call) {
      if (call % every == 0) store.tamper(kHeaderKey, bad);
    };
    Barrier barrier(std::make_unique<testing::FaultyBackend>(store.records->share(), plan));
    auto unsealed = barrier.keys().unseal(std::span(&store.key, 1));
    EXPECT_TRUE(unsealed) << message_of(unsealed);
  }
}

// ---- between prepare and activate ----

// LargePgp gives messages of a length.
class LargePgp final : public OpenPgp {
 public:
  explicit LargePgp(std::size_t message_len) : message_len_(message_len) {}
  Result<std::vector<WrappedShare>> wrap(std::span<const SecretView> texts,
                                         std::span<const ByteView>) override {
    const WrappedShare each{Bytes(20, 1), Bytes(message_len_, 2)};
    return std::vector<WrappedShare>(texts.size(), each);
  }
  Result<SecretBytes> unwrap(ByteView, SecretView, SecretView) override {
    return Error{Code::unsupported, "not of this test"};
  }
  Result<OpenPgpPair> generate(unsigned, const std::string&) override {
    return Error{Code::unsupported, "not of this test"};
  }

 private:
  const std::size_t message_len_;
};

TEST(PreparedChange, NoRoomForOneMoreSlotIsToldBeforeAnythingIsHandedOut) {
  TestStore store;
  KeyKeeper& keeper = store.barrier().keys();
  SlotChange change;
  change.key_file = true;
  for (std::size_t num = 2; num < kMaxSlots; ++num) {
    ASSERT_TRUE(keeper.activate(keeper.prepare_slots(change, nullptr).value(), Permit::always()));
  }
  EXPECT_EQ(code_of(keeper.prepare_slots(change, nullptr)), Code::too_large);
  change.remove = {2};
  auto replaced = keeper.prepare_slots(change, nullptr);
  ASSERT_TRUE(replaced) << message_of(replaced);
  EXPECT_TRUE(keeper.activate(replaced.value(), Permit::always()))
      << "there is room for one in place of another";
}

TEST(PreparedChange, ATooLargeHeaderIsToldBeforeAnythingIsHandedOut) {
  TestStore store;
  SlotChange change;
  change.shares = kMaxShares;
  change.threshold = 2;
  change.pgp_keys.assign(kMaxShares, Bytes{1});
  LargePgp too_large(1100);
  EXPECT_EQ(code_of(store.barrier().keys().prepare_slots(change, &too_large)), Code::too_large);
  LargePgp fits(900);
  auto pending = store.barrier().keys().prepare_slots(change, &fits);
  ASSERT_TRUE(pending) << message_of(pending);
  auto activated = store.barrier().keys().activate(pending.value(), Permit::always());
  EXPECT_TRUE(activated) << message_of(activated);
}

}  // namespace
}  // namespace strongroom::meanwhile_test
