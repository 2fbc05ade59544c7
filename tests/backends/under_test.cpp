// under_test.cpp: PolicyInForce::under, by every kind of request, over every storage, with the policies
// changed at every moment before, between and after the calls of the storage that the request makes.
//
// What must hold, whenever the change comes: what was acknowledged happened exactly once, and before a
// change that forbids it; what was not acknowledged did not happen; and nothing that was read is handed
// out by a policy that this handle knows to be gone.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "one_zookeeper.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/session.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/contents.hpp"
#include "tests/support/meanwhile_backend.hpp"

namespace strongroom::under_test {
namespace {

using testing::Directory;
using testing::Meanwhile;
using testing::MeanwhileBackend;
using testing::parsed;
using testing::secret;

const Identity kAlice = Identity::user("alice");

// allowing gives a policy by which alice may do everything; no two are the same.
std::string allowing(int number) {
  return R"({"version": 1, "rules": [
      {"to": ["user:alice"], "allow": ["create","read","update","delete","list","scan"], "paths": ["**"]},
      {"to": ["user:alice"], "allow": ["rotate","rekey","policy","backup"]},
      {"to": ["user:nobody"], "allow": ["read"], "paths": ["n)" +
         std::to_string(number) + R"("]}]})";
}
std::string forbidding(int number) {
  return R"({"version": 1, "rules": [
      {"to": ["user:nobody"], "allow": ["read"], "paths": ["n)" +
         std::to_string(number) + R"("]}]})";
}

// Kind is a kind of request. It is done: internal, so that other codes tell what went wrong.
struct Kind {
  enum class Touches : std::uint8_t { nothing, a_secret, keys };

  std::string name;
  std::function<Code(const Session&)> ask;
  Touches touches = Touches::nothing;
  bool waits_elsewhere = false;  // its answer may come on the storage's own thread
};

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

template <typename Start>
Code heard(Start start) {
  std::promise<Code> promise;
  const Result<void> begun = start([&](const auto& found) { promise.set_value(code_of(found)); });
  return begun ? promise.get_future().get() : begun.error().code;
}

std::vector<Kind> kinds() {
  using enum Kind::Touches;
  constexpr auto go_on = [](const auto&) { return true; };
  mesos::Secret message;
  message.type = mesos::Secret::Type::reference;
  message.reference = mesos::Reference{"db/a", {}};
  const auto shared = std::make_shared<const mesos::Secret>(std::move(message));
  static constexpr std::string_view kBoth[] = {"db/a", "db/b"};
  return {
      {"Get", [](const Session& alice) { return code_of(alice.get("db/a")); }},
      {"GetMany", [](const Session& alice) { return code_of(alice.get_many(kBoth)); }},
      {"GetAsync",
       [](const Session& alice) {
         return heard([&](auto done) { return alice.get_async("db/a", done); });
       },
       nothing, true},
      {"GetManyAsync",
       [](const Session& alice) {
         return heard([&](auto done) { return alice.get_many_async(kBoth, done); });
       },
       nothing, true},
      {"Resolve", [=](const Session& alice) { return code_of(alice.resolve(*shared)); }},
      {"List", [](const Session& alice) { return code_of(alice.list("db")); }},
      {"Scan", [](const Session& alice) { return code_of(alice.list("db", {true})); }},
      {"ListPage", [](const Session& alice) { return code_of(alice.list_page("db", {}, 10)); }},
      {"ListVisible",
       [](const Session& alice) {
         const auto seen = alice.list("db", {false, true});
         return seen && seen->empty() ? Code::denied : code_of(seen);
       }},
      {"Watch", [](const Session& alice) { return code_of(alice.watch("db")); }},
      {"Policies", [](const Session& alice) { return code_of(alice.policies()); }},
      {"Policy", [](const Session& alice) { return code_of(alice.policy("p")); }},
      {"PolicyRules", [](const Session& alice) { return code_of(alice.policy_rules()); }},
      {"Anchor", [](const Session& alice) { return code_of(alice.anchor()); }},
      {"Put",
       [](const Session& alice) {
         return code_of(alice.put("db/a", Content::text, secret("v").view()));
       },
       a_secret},
      {"Update",
       [](const Session& alice) {
         return code_of(alice.put("db/a", Content::text, secret("v").view(), Condition::update()));
       },
       a_secret},
      {"Erase", [](const Session& alice) { return code_of(alice.erase("db/a")); }, a_secret},
      {"Rotate", [](const Session& alice) { return code_of(alice.rotate()); }, keys},
      {"RotateRoot", [](const Session& alice) { return code_of(alice.rotate_root()); }, keys},
      {"Retire", [=](const Session& alice) { return code_of(alice.retire(go_on)); }, keys},
      {"Slots",
       [](const Session& alice) {
         SlotChange change;
         change.key_file = true;
         auto pending = alice.prepare_slots(change);
         return pending ? code_of(alice.activate(*pending)) : code_of(pending);
       },
       keys},
      {"PutPolicy",
       [](const Session& alice) { return code_of(alice.put_policy("q", forbidding(0))); }, keys},
      {"ErasePolicy", [](const Session& alice) { return code_of(alice.erase_policy("q")); }, keys},
  };
}

// Opened is a store twice, as two processes have it: the owner's, and one at whose calls something happens.
struct Opened {
  Directory directory;
  std::unique_ptr<MemoryBackend> records = std::make_unique<MemoryBackend>();
  std::string url;
  PendingInit pending = prepare_init({0, 0, true}).value();
  Credential key = parsed(pending.key_file);
  std::shared_ptr<Meanwhile> meanwhile = std::make_shared<Meanwhile>();
  std::unique_ptr<Store> store;
  std::unique_ptr<Store> other;

  Opened(std::string_view storage, const std::string& name) {
    if (storage == "ZooKeeper") {
      const std::string servers = conformance::one_zookeeper();
      if (servers.empty()) return;
      url = "zk://" + servers + "/under-" + name + "?access=world";
    }
    auto mine = open(storage);
    auto theirs = open(storage);
    if (mine == nullptr || theirs == nullptr) return;
    store = std::make_unique<Store>(std::make_unique<MeanwhileBackend>(std::move(mine), meanwhile));
    other = std::make_unique<Store>(std::move(theirs));
    EXPECT_TRUE(owner(*other).activate(pending));
    for (Store* each : {store.get(), other.get()}) EXPECT_TRUE(owner(*each).unseal(key));
  }

  std::unique_ptr<Backend> open(std::string_view storage) const {
    if (storage == "Memory") return records->share();
    if (storage == "Lmdb") return directory.open("store");
    auto opened = open_backend(url);
    EXPECT_TRUE(opened || opened.error().code == Code::unsupported) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }

  static Session owner(const Store& of) { return of.as(Identity::trusted()); }
};

class Under : public ::testing::TestWithParam<std::tuple<const char*, std::size_t>> {};

INSTANTIATE_TEST_SUITE_P(Over, Under,
                         ::testing::Combine(::testing::Values("Memory", "Lmdb", "ZooKeeper"),
                                            ::testing::Range(std::size_t{0}, kinds().size())),
                         [](const auto& param) {
                           return std::string(std::get<0>(param.param)) +
                                  kinds()[std::get<1>(param.param)].name;
                         });

// Round is one request, with one change of the policies.
struct Round {
  Code code = Code::timeout;
  bool acted = false;
  int num_reads_since = 0;
  std::uint64_t num_effects = 0;
  bool done_before = false;  // what it does was done when the policies were about to change
};

class Rounds {
 public:
  // by is whose handle changes the policies.
  Rounds(Opened& opened, const Kind& kind, const Store& by)
      : opened_(opened),
        kind_(kind),
        by_(Opened::owner(by)),
        owner_(Opened::owner(*opened.other)) {}

  Round run(bool allowed_before, bool allowed_after, int at) {
    Meanwhile& meanwhile = *opened_.meanwhile;
    EXPECT_TRUE(owner_.rotate());  // so that there is something to retire, and all below is newer
    EXPECT_TRUE(owner_.put_policy("p", policy(allowed_before)));
    EXPECT_TRUE(owner_.put_policy("q", forbidding(0)));
    const Revision before = owner_.put("db/a", Content::text, secret("a").view()).value();
    EXPECT_TRUE(owner_.put("db/b", Content::text, secret("b").view()));
    static_cast<void>(opened_.store->as(kAlice).check(Action::read, "db/a"));  // follows all that
    const std::uint64_t generation = newest_generation();

    Round round;
    meanwhile.act_at = at;
    meanwhile.num_moments = meanwhile.num_acts = meanwhile.num_reads_since = 0;
    meanwhile.act = [&] {
      round.done_before = kind_.touches == Kind::Touches::keys ? newest_generation() != generation
                                                               : read(before) != before;
      EXPECT_TRUE(by_.put_policy("p", policy(allowed_after)));
    };
    round.code = kind_.ask(opened_.store->as(kAlice));
    meanwhile.act = nullptr;
    round.acted = meanwhile.num_acts > 0;
    round.num_reads_since = meanwhile.num_reads_since;
    if (kind_.touches == Kind::Touches::keys) {
      round.num_effects = newest_generation() - generation - (round.acted ? 1 : 0);
    } else {
      const Revision after = owner_.put("db/a", Content::text, secret("a").view()).value();
      round.num_effects = after.value() - before.value() - 1;
    }
    return round;
  }

 private:
  std::string policy(bool allows) {
    num_policies_ += 1;
    return allows ? allowing(num_policies_) : forbidding(num_policies_);
  }

  std::uint64_t newest_generation() const {
    static_cast<void>(
        owner_.get("db/a", {.fresh = true}));  // so that what follows lags behind nobody
    return owner_.anchor()->generation;
  }

  // read gives the revision of the secret; a deletion is another one.
  Revision read(Revision before) const {
    const auto found = owner_.get("db/a", {.fresh = true});
    return found ? found->revision : next(before);
  }

  Opened& opened_;
  const Kind& kind_;
  Session by_;
  Session owner_;
  int num_policies_ = 0;
};

constexpr int kMaxMoments = 200;

TEST_P(Under, AtEveryMomentWhatIsAcknowledgedHappensOnceAndIsAllowed) {
  const auto& [storage, index] = GetParam();
  const Kind kind = kinds()[index];
  Opened opened(storage, kind.name);
  if (opened.store == nullptr) GTEST_SKIP() << "this storage is not built in, or has no server";
  const bool writes = kind.touches != Kind::Touches::nothing;
  const bool follows_at_once =
      std::string_view(storage) != "ZooKeeper";  // which tells of changes later

  Rounds rounds(opened, kind, *opened.other);
  int num_acted = 0;
  for (const auto& [before, after] : {std::pair(true, false), {false, true}, {true, true}}) {
    for (int at = 0; at < kMaxMoments; ++at) {
      SCOPED_TRACE(kind.name + (before ? " allowed, then " : " forbidden, then ") +
                   (after ? "allowed" : "forbidden") + " at moment " + std::to_string(at));
      const Round round = rounds.run(before, after, at);
      const bool done = round.code == Code::internal;
      EXPECT_TRUE(done || round.code == Code::denied) << to_string(round.code);
      if (writes) {
        EXPECT_EQ(round.num_effects, done ? 1u : 0u);
      }
      if (!round.acted) {
        EXPECT_EQ(done, before);
        break;
      }
      num_acted += 1;
      if (before && after) {
        EXPECT_TRUE(done);
      }
      if (before && !after && writes) {
        EXPECT_EQ(done, round.done_before);
      }
      if (before && !after && !writes && follows_at_once && round.num_reads_since > 0) {
        EXPECT_FALSE(done) << "it read on, and so could know";
      }
      ASSERT_LT(at, kMaxMoments - 1);
    }
  }
  EXPECT_GE(num_acted, 6) << "a request that asks the storage for nothing proves nothing";
}

// What is changed through the same handle is known to it at once. Not administration, of which a handle
// does one at a time; nor on a thread of the storage, which must not wait for itself.
TEST_P(Under, WhatThisHandleItselfChangedIsHeldAgainstEveryAnswer) {
  const auto& [storage, index] = GetParam();
  const Kind kind = kinds()[index];
  const bool elsewhere = kind.waits_elsewhere && std::string_view(storage) == "ZooKeeper";
  if (kind.touches == Kind::Touches::keys || elsewhere) return;
  Opened opened(storage, kind.name + "-own");
  if (opened.store == nullptr) GTEST_SKIP() << "this storage is not built in, or has no server";
  Rounds rounds(opened, kind, *opened.store);
  for (int at = 0; at < kMaxMoments; ++at) {
    SCOPED_TRACE(kind.name + " at moment " + std::to_string(at));
    const Round round = rounds.run(true, false, at);
    const bool done = round.code == Code::internal;
    if (!round.acted) {
      EXPECT_TRUE(done);
      break;
    }
    if (kind.touches == Kind::Touches::nothing) {
      EXPECT_EQ(round.code, Code::denied);
    } else {
      EXPECT_EQ(done, round.done_before);
      EXPECT_EQ(round.num_effects, done ? 1u : 0u);
    }
  }
}

// Counting is a host's policy, which counts the questions.
struct Counting final : Policy {
  mutable std::atomic<int> num_questions{0};
  Decision by_rules(const Identity&, Action, const Path&) const noexcept override {
    num_questions += 1;
    return Decision::allowed;
  }
};

TEST(UnderOneHandle, WhatNobodyDisturbsIsDecidedOnce) {
  const auto policy = std::make_shared<Counting>();
  Store store = Store::open("memory:", {kDefaultTimeout, policy}).value();
  const Session owner = store.as(Identity::trusted());
  const PendingInit pending = owner.init({0, 0, true}).value();
  ASSERT_TRUE(owner.activate(pending));
  ASSERT_TRUE(owner.unseal(parsed(pending.key_file)));
  const Session alice = store.as(kAlice);
  const auto questions = [&](auto f) {
    policy->num_questions = 0;
    EXPECT_TRUE(f());
    return policy->num_questions.load();
  };
  const auto put = [&](Condition condition) {
    return questions([&] { return alice.put("a", Content::text, secret("v").view(), condition); });
  };
  EXPECT_EQ(put(Condition::any()), 2) << "may it be made, and may it be changed";
  EXPECT_EQ(put(Condition::update()), 1);
  EXPECT_EQ(put(Condition::at(Revision(2))), 1);
  EXPECT_EQ(questions([&] { return alice.get("a"); }), 1);
  EXPECT_EQ(questions([&] { return alice.list(""); }), 1);
  EXPECT_EQ(questions([&] { return alice.rotate(); }), 1);
  EXPECT_EQ(questions([&] { return alice.get_async("a", [](const auto&) {}); }), 1);
  EXPECT_EQ(questions([&] { return alice.erase("a"); }), 1);
}

}  // namespace
}  // namespace strongroom::under_test
