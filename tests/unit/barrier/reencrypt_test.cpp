#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/forwarding_backend.hpp"

namespace strongroom::reencrypt_test {
namespace {

using testing::Handle;
using testing::path;
using testing::plain;
using testing::retire;
using testing::secret;
using testing::TestStore;

const ReencryptOptions kFast{100};

const auto go_on = [](const ReencryptProgress&) { return true; };

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

void put(Barrier& barrier, const std::string& name, const std::string& value) {
  ASSERT_TRUE(barrier.writer().write(path(name), Content::text, secret(value).view(), {},
                                     Permit::always()));
}

std::string read(Barrier& barrier, const std::string& name) {
  auto found = barrier.reader().read(path(name));
  return found ? plain(found->value) : "(" + std::string(to_string(found.error().code)) + ")";
}

unsigned term_of(TestStore& store, const std::vector<std::uint8_t>& key) {
  const auto envelope = store.stored(key);
  return static_cast<unsigned>(get_be(std::span(envelope).subspan<4, 4>()));
}

TEST(Reencrypt, EverythingIsSealedUnderTheNewestKeyAndReadsAsBefore) {
  TestStore store;
  Barrier& barrier = store.barrier();
  for (int i = 0; i < 300; ++i) put(barrier, "s/" + std::to_string(i), std::to_string(i));
  put(barrier, "large", std::string(600'000, 'x'));
  put(barrier, "gone", "soon");
  ASSERT_TRUE(barrier.writer().erase(path("gone"), Condition::update(), Permit::always()));
  const auto before = barrier.reader().read(path("s/7")).value();
  ASSERT_TRUE(barrier.keys().rotate(Permit::always()));
  put(barrier, "s/0", "new");
  const auto done = barrier.reencryption(kFast).run(go_on).value();
  EXPECT_EQ(done.rewritten, 301u) << "all but s/0, the tombstone with them";
  EXPECT_EQ(done.unreadable, 0u);
  for (const auto& key : store.keys_with('r')) EXPECT_EQ(term_of(store, key), 2u);
  const auto after = barrier.reader().read(path("s/7")).value();
  EXPECT_EQ(plain(after.value), "7");
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(after.changed_ms, before.changed_ms);
  EXPECT_EQ(after.content, before.content);
  EXPECT_EQ(read(barrier, "large").size(), 600'000u);
  EXPECT_EQ(read(barrier, "gone"), "(not_found)");
  put(barrier, "gone", "back");
  EXPECT_EQ(barrier.reader().read(path("gone"))->revision, Revision(3)) << "it went on counting";
  EXPECT_EQ(barrier.reencryption(kFast).run(go_on)->rewritten, 0u);
}

TEST(Reencrypt, GoesOnWhereItWasStopped) {
  TestStore store;
  for (int i = 0; i < 400; ++i) put(store.barrier(), "s" + std::to_string(i), "v");
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  const auto part = store.barrier()
                        .reencryption(kFast)
                        .run([](const ReencryptProgress&) { return false; })
                        .value();
  EXPECT_GT(part.rewritten, 0u);
  EXPECT_LT(part.rewritten, 400u);
  Handle later = store.another();
  EXPECT_EQ(later.barrier->reencryption(kFast).run(go_on)->rewritten, 400u - part.rewritten);
}

TEST(Reencrypt, WritersAndRotationsGoOnAndNothingIsLost) {
  TestStore store;
  constexpr int kSecrets = 50;
  for (int i = 0; i < kSecrets; ++i) put(store.barrier(), "s" + std::to_string(i), "0");
  std::atomic<bool> stop{false};
  Handle writer = store.another();
  std::array<int, kSecrets> last{};
  std::thread writing([&] {
    for (int n = 1; !stop.load(); ++n) {
      const int i = n % kSecrets;
      put(*writer.barrier, "s" + std::to_string(i), std::to_string(n));
      last[static_cast<std::size_t>(i)] = n;
    }
  });
  for (int round = 0; round < 5; ++round) {
    EXPECT_TRUE(store.barrier().keys().rotate(Permit::always()));
    EXPECT_TRUE(store.barrier().reencryption(kFast).run(go_on));
  }
  stop = true;
  writing.join();
  for (std::size_t i = 0; i < last.size(); ++i) {
    EXPECT_EQ(read(store.barrier(), "s" + std::to_string(i)), std::to_string(last[i]));
  }
}

TEST(Reencrypt, ARecordThatDoesNotOpenIsCountedAndLeftAsItIs) {
  TestStore store;
  put(store.barrier(), "a", "1");
  put(store.barrier(), "b", "2");
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  const auto key = store.keys_with('r').front();
  auto bad = store.stored(key);
  bad.back() ^= 1;
  store.tamper(key, bad);
  const auto done = store.barrier().reencryption(kFast).run(go_on).value();
  EXPECT_EQ(done.rewritten, 1u);
  EXPECT_EQ(done.unreadable, 1u);
  EXPECT_EQ(store.stored(key), bad);
  EXPECT_TRUE(retire(store.barrier(), go_on)) << "nothing that opens is lost by it";
}

TEST(Reencrypt, AShareOfTimeOutsideItsRangeIsRefused) {
  TestStore store;
  EXPECT_EQ(code_of(store.barrier().reencryption({0}).run(go_on)), Code::invalid);
  EXPECT_EQ(code_of(store.barrier().reencryption({101}).run(go_on)), Code::invalid);
}

TEST(Retire, IsRefusedWhileSecretsNeedTheOldKey) {
  TestStore store;
  put(store.barrier(), "a", "1");
  EXPECT_EQ(code_of(retire(store.barrier(), go_on)), Code::invalid) << "there is but one";
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  auto refused = retire(store.barrier(), go_on);
  ASSERT_EQ(code_of(refused), Code::invalid);
  EXPECT_NE(refused.error().message.find("1 secrets"), std::string::npos);
  EXPECT_EQ(read(store.barrier(), "a"), "1");
  ASSERT_TRUE(store.barrier().reencryption(kFast).run(go_on));
  ASSERT_TRUE(retire(store.barrier(), go_on));
  EXPECT_EQ(store.barrier().keys().status()->num_terms, 1u);
  EXPECT_EQ(read(store.barrier(), "a"), "1");
  EXPECT_EQ(read(*store.another().barrier, "a"), "1");
}

TEST(Retire, AnEnvelopeOfARetiredTermOpensNoMore) {
  TestStore store;
  put(store.barrier(), "a", "1");
  const auto key = store.keys_with('r').front();
  const auto old = store.stored(key);
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  ASSERT_TRUE(store.barrier().reencryption(kFast).run(go_on));
  ASSERT_TRUE(retire(store.barrier(), go_on));
  store.tamper(key, old);
  EXPECT_EQ(read(*store.another().barrier, "a"), "(corrupt)");
}

// A process that sleeps between sealing an envelope and committing it wakes up after the key it used
// was retired: what it would write, nothing would open.
TEST(Retire, AProcessThatSleptCanNotWriteUnderARetiredKey) {
  class Sleeper final : public testing::ForwardingBackend {
   public:
    using ForwardingBackend::ForwardingBackend;
    Result<Commit> commit(std::span<const Change> batch, Timeout timeout) override {
      if (auto wake = std::exchange(meanwhile, nullptr)) wake();
      return real_->commit(batch, timeout);
    }
    std::function<void()> meanwhile = nullptr;
  };
  TestStore store;
  put(store.barrier(), "a", "1");
  auto owned = std::make_unique<Sleeper>(store.records->share());
  Sleeper* const sleeper = owned.get();
  Barrier slept(std::move(owned));
  ASSERT_TRUE(slept.keys().unseal(std::span(&store.key, 1)));
  sleeper->meanwhile = [&] {
    EXPECT_TRUE(store.barrier().keys().rotate(Permit::always()));
    EXPECT_TRUE(store.barrier().reencryption(kFast).run(go_on));
    EXPECT_TRUE(retire(store.barrier(), go_on));
  };
  put(slept, "b", "2");  // it was refused once, and came again under the newest key
  EXPECT_EQ(read(store.barrier(), "b"), "2");
  EXPECT_EQ(read(*store.another().barrier, "b"), "2");
  for (const auto& key : store.keys_with('r')) EXPECT_EQ(term_of(store, key), 2u);
}

}  // namespace
}  // namespace strongroom::reencrypt_test
