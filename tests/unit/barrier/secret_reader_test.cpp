#include "strongroom/impl/barrier/secret_reader.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/store.hpp"
#include "support/barrier_fixture.hpp"
#include "support/forwarding_backend.hpp"

namespace strongroom::secret_reader_test {
namespace {

using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

const Identity kTrusted = Identity::trusted();
constexpr GetOptions kFresh{.fresh = true};

// Lag is shared between the backend and the test.
struct Lag {
  int num_syncs = 0;
  bool cut_off = false;  // sync fails, and records are old
};

// LaggingBackend answers from what it saw first until it is told to sync, as a replica may.
class LaggingBackend final : public testing::ForwardingBackend {
 public:
  LaggingBackend(std::unique_ptr<Backend> real, std::shared_ptr<Lag> lag)
      : ForwardingBackend(std::move(real)), lag_(std::move(lag)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::string name(keys[i].begin(), keys[i].end());
      if (!seen_.contains(name)) {
        auto looked = real_->read(
            keys.subspan(i, 1),
            [&](std::size_t, const Record& record) {
              seen_[name] = {{record.value.begin(), record.value.end()}, record.version};
            },
            timeout);
        if (!looked) return looked;
        stamp_ = std::max(stamp_, looked.value());
      }
      const Kept& kept = seen_[name];
      Record record{.key = keys[i], .value = kept.bytes, .version = kept.version};
      if (lag_->cut_off) record.age = std::chrono::milliseconds(1500);
      sink(i, record);
    }
    return stamp_;
  }
  Result<void> sync(Timeout timeout) override {
    lag_->num_syncs += 1;
    if (lag_->cut_off) return Error{Code::unavailable, "cut off"};
    seen_.clear();
    return real_->sync(timeout);
  }

 private:
  struct Kept {
    std::vector<std::uint8_t> bytes;
    Version version;
  };
  std::shared_ptr<Lag> lag_;
  std::map<std::string, Kept> seen_;
  Stamp stamp_ = Stamp(0);
};

struct Lagging {
  TestStore near;
  std::shared_ptr<Lag> lag = std::make_shared<Lag>();
  Store store{std::make_unique<LaggingBackend>(near.records->share(), lag)};

  Lagging() { EXPECT_TRUE(store.as(kTrusted).unseal(std::span(&near.key, 1))); }
  void put(std::string_view name, std::string_view value) {
    EXPECT_TRUE(near.barrier().writer().write(path(name), Content::text, secret(value).view(), {},
                                              Permit::always()));
  }
};

mesos::Secret reference(std::string name) {
  mesos::Secret message;
  message.type = mesos::Secret::Type::reference;
  message.reference = mesos::Reference{std::move(name), {}};
  return message;
}

// OvertakenBackend calls a function once, between reading a record and returning it.
class OvertakenBackend final : public testing::ForwardingBackend {
 public:
  using Meanwhile = std::shared_ptr<std::function<void()>>;

  OvertakenBackend(std::unique_ptr<Backend> real, Meanwhile meanwhile)
      : ForwardingBackend(std::move(real)), meanwhile_(std::move(meanwhile)) {}

  Result<Stamp> read(std::span<const ByteView> keys, ReadSink sink, Timeout timeout) override {
    auto stamp = real_->read(keys, sink, timeout);
    if (const auto once = std::exchange(*meanwhile_, nullptr)) once();
    return stamp;
  }

 private:
  Meanwhile meanwhile_;
};

// A read that other writes of this process overtake is correct, and never a rollback.
TEST(SecretReader, AReadThatIsOvertakenByAWriteIsNoRollback) {
  TestStore near;
  const auto meanwhile = std::make_shared<std::function<void()>>();
  Store store{std::make_unique<OvertakenBackend>(near.records->share(), meanwhile)};
  const Session session = store.as(kTrusted);
  ASSERT_TRUE(session.unseal(std::span(&near.key, 1)));
  const auto put = [&](const char* name, std::string_view value) {
    EXPECT_TRUE(session.put(name, Content::text, secret(value).view()));
  };
  put("a", "old");
  ASSERT_EQ(plain(session.get("a")->value), "old");
  *meanwhile = [&] { put("a", "new"); };
  const auto changed = session.get("a");
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(plain(changed->value), "new");
  *meanwhile = [&] { put("b", "made"); };
  const auto made = session.get("b");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(plain(made->value), "made");
  *meanwhile = [&] { EXPECT_TRUE(session.erase("b")); };
  const auto erased = session.get("b");
  ASSERT_FALSE(erased);
  EXPECT_EQ(erased.error().code, Code::not_found);
}

TEST(SecretReader, APlainReadMayLagAndAFreshOneMayNot) {
  Lagging lagging;
  lagging.put("a", "old");
  ASSERT_EQ(plain(lagging.store.as(kTrusted).get(path("a"))->value), "old");
  lagging.put("a", "new");
  EXPECT_EQ(plain(lagging.store.as(kTrusted).get(path("a"))->value), "old");
  EXPECT_EQ(lagging.lag->num_syncs, 0) << "which costs a round trip";
  EXPECT_EQ(plain(lagging.store.as(kTrusted).get(path("a"), kFresh)->value), "new");
  EXPECT_EQ(lagging.lag->num_syncs, 1);
  EXPECT_EQ(plain(lagging.store.as(kTrusted).get(path("a"))->value), "new");
}

TEST(SecretReader, BatchesAndResolvingAreFreshWithOneSync) {
  Lagging lagging;
  const std::vector<std::string_view> both = {"a", "b"};
  for (const std::string_view each : both) lagging.put(each, "old");
  ASSERT_TRUE(lagging.store.as(kTrusted).get_many(both));
  for (const std::string_view each : both) lagging.put(each, "new");
  auto many = lagging.store.as(kTrusted).get_many(both, kFresh);
  ASSERT_TRUE(many);
  for (auto& each : many.value()) EXPECT_EQ(plain(each->value), "new");
  lagging.put("a", "newest");
  EXPECT_EQ(plain(*lagging.store.as(kTrusted).resolve(reference("a"))), "new");
  EXPECT_EQ(plain(*lagging.store.as(kTrusted).resolve(reference("a"), kFresh)), "newest");
  EXPECT_EQ(lagging.lag->num_syncs, 2);
}

TEST(SecretReader, AFreshReadFailsWhereThePlainOneIsStale) {
  Lagging lagging;
  lagging.put("a", "v");
  ASSERT_EQ(lagging.store.as(kTrusted).get(path("a"))->stale_ms, 0u);
  lagging.lag->cut_off = true;
  auto stale = lagging.store.as(kTrusted).get(path("a"));
  ASSERT_TRUE(stale);
  EXPECT_EQ(stale->stale_ms, 1500u);
  const std::string_view one = "a";
  EXPECT_EQ(lagging.store.as(kTrusted).get_many(std::span(&one, 1))->front()->stale_ms, 1500u);
  EXPECT_EQ(lagging.store.as(kTrusted).get(path("a"), kFresh).error().code, Code::unavailable);
  std::uint64_t told = 0;
  EXPECT_TRUE(lagging.store.as(kTrusted).get_async(
      path("a"), [&](const Result<StoredSecret>& each) { told = each ? each->stale_ms : 0; }));
  EXPECT_EQ(told, 1500u);
}

TEST(SecretReader, AFreshReadOfNothingIsNotFoundAndMayBeDenied) {
  Lagging lagging;
  EXPECT_EQ(lagging.store.as(kTrusted).get(path("none"), kFresh).error().code, Code::not_found);
  EXPECT_EQ(lagging.store.as(Identity::user("u")).get(path("none"), kFresh).error().code,
            Code::denied);
  EXPECT_EQ(lagging.lag->num_syncs, 1) << "what is denied reaches no storage";
}

}  // namespace
}  // namespace strongroom::secret_reader_test
