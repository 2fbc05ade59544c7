// The crash matrix: every operation of the store, at every call of the backend and every hand-out of
// credentials in it, stopped before and after that step took effect, torn at each 512 bytes, or let
// down in any way that a storage has. Afterwards a credential that somebody holds at that instant
// opens the store, every secret reads, and the policies are those of before or after.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/world.hpp"

namespace strongroom::crash_matrix_test {
namespace {

using testing::bytes;
using testing::Fault;
using testing::path;
using testing::plain;
using testing::Plan;
using testing::retire;
using testing::secret;
using testing::World;

constexpr std::size_t kTear = 512;

// Operation is a row of the matrix. prepare runs undisturbed; run meets the fault, tells whether it
// was acknowledged, and hands out and throws away as people would.
struct Operation {
  std::string name;
  std::function<void(World&)> prepare;
  std::function<bool(World&, Barrier&)> run;
  bool unsealed = true;   // run gets an unsealed barrier,
  bool seals = false;     // which it leaves sealed
  bool rewrites = false;  // it replaces records of secrets
  bool makes = false;     // it makes the store: where it did not, it can be done again
};

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  return out << operation.name;
}

// Point is a column: what happens at which step.
struct Point {
  int step = 0;
  Fault fault = Fault::refused;
  bool dead_after = false;
  std::size_t torn_at = 0;
};

std::string name_of(const Point& point) {
  return "step " + std::to_string(point.step) + " " + testing::name_of(point.fault) +
         (point.fault == Fault::torn ? " at " + std::to_string(point.torn_at) : "") +
         (point.dead_after ? ", dead after" : "");
}

void established(World& world) {
  world.establish();
}

// as_admin does something undisturbed, by a process of its own.
template <typename F>
void as_admin(World& world, F f) {
  auto barrier = world.opened();
  ASSERT_NE(barrier, nullptr);
  f(*barrier);
}

void rotated(World& world) {
  world.establish();
  as_admin(world, [](Barrier& barrier) { ASSERT_TRUE(barrier.keys().rotate(Permit::always())); });
}

const auto always = [](const ReencryptProgress&) { return true; };

bool reencrypt(World&, Barrier& barrier) {
  auto done = barrier.reencryption({100}).run(always);
  return done && done->unreadable == 0;
}

void reencrypted(World& world) {
  rotated(world);
  as_admin(world, [&](Barrier& barrier) { ASSERT_TRUE(reencrypt(world, barrier)); });
}

// damage flips a byte of a stored record.
void damage(World& world, ByteView key, std::size_t at) {
  std::vector<std::uint8_t> value;
  ASSERT_TRUE(world.records.read(
      std::span(&key, 1),
      [&](std::size_t, const Record& record) {
        value.assign(record.value.begin(), record.value.end());
      },
      kDefaultTimeout));
  ASSERT_LT(at, value.size());
  value[at] ^= 1;
  const Change change{Change::Kind::put, key, value, kAny};
  ASSERT_TRUE(world.records.commit(std::span(&change, 1), kDefaultTimeout));
}

// repair mends a wrapped root key that is damaged in both copies.
bool repair(World& world, Barrier& barrier) {
  const auto records = read_header_records(world.records, kDefaultTimeout);
  EXPECT_TRUE(records);
  const auto record = records->header.encode().value();
  const auto wrapped = std::span(records->header.slots[0].body).last(kWrappedRootLen);
  const auto at = std::search(record.begin(), record.end(), wrapped.begin(), wrapped.end());
  for (const ByteView key : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    damage(world, key, static_cast<std::size_t>(at - record.begin()) + 40);
  }
  return barrier.keys().repair(Permit::always()).ok();
}

bool init(World& world, Barrier& barrier) {
  const PendingInit pending = prepare_init({3, 2, true}).value();
  world.hand_out(pending, "new");
  if (!barrier.keys().activate(pending)) return false;
  world.must_exist = true;
  return true;
}

// change_slots prepares, hands out, takes back where that is asked for, activates; once that is
// acknowledged, what was removed is thrown away.
std::function<bool(World&, Barrier&)> change_slots(SlotChange change,
                                                   std::vector<std::string> removed) {
  return [change, removed](World& world, Barrier& barrier) {
    auto pending = barrier.keys().prepare_slots(change, nullptr);
    if (!pending) return false;
    world.hand_out(pending.value(), "new");
    if (change.verify && !world.plan->dead) {
      EXPECT_FALSE(barrier.keys().activate(pending.value(), Permit::always()))
          << "they were not given back";
      for (const SecretBytes& share : pending->shares) {
        EXPECT_TRUE(give_back(pending.value(), testing::parsed(share)));
      }
      if (!pending->key_file.empty()) {
        EXPECT_TRUE(give_back(pending.value(), testing::parsed(pending->key_file)));
      }
    }
    if (!barrier.keys().activate(pending.value(), Permit::always())) return false;
    for (const std::string& name : removed) world.throw_away(name);
    return true;
  };
}

SlotChange slots(unsigned shares, unsigned threshold, bool key_file, std::vector<SlotId> remove,
                 bool verify = false) {
  SlotChange change;
  change.shares = shares;
  change.threshold = threshold;
  change.key_file = key_file;
  change.remove = std::move(remove);
  change.verify = verify;
  return change;
}

bool put(World& world, Barrier& barrier, const std::string& name) {
  const bool there = world.secrets.count(name) != 0;
  world.secrets[name] = {there ? "old" : "", "new"};
  auto done =
      barrier.writer().write(path(name), Content::text, secret("new").view(), {}, Permit::always());
  if (done) world.secrets[name] = {"new"};
  return done.ok();
}

// change_policies puts a text, or erases the policy.
std::function<bool(World&, Barrier&)> change_policies(const std::string& name,
                                                      std::optional<std::string> text) {
  return [name, text](World& world, Barrier& barrier) {
    World::Policies next = *world.policies.begin();
    next.erase(name);
    if (text) next[name] = *text;
    world.policies.insert(next);
    auto index = barrier.policies().index();
    if (!index) return false;
    auto done = text ? barrier.policies().put(index.value(), name, *text)
                     : barrier.policies().erase(index.value(), name);
    if (!done || !done->has_value()) return false;
    world.policies = {next};
    return true;
  };
}

// restore puts a store back into an empty storage.
bool restore(World& world, Barrier& barrier) {
  World old;
  old.establish();
  world.held = std::move(old.held);
  world.secrets = old.secrets;
  world.policies = old.policies;
  std::vector<std::uint8_t> stream;
  const auto quiet = [](std::uint64_t, std::uint64_t) {};
  const auto sink = [&](ByteView part) -> Result<void> {
    stream.insert(stream.end(), part.begin(), part.end());
    return {};
  };
  EXPECT_TRUE(write_backup(old.records, sink, quiet));
  std::size_t at = 0;
  const auto source = [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
    const std::size_t len = std::min(out.size(), stream.size() - at);
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), len, out.begin());
    at += len;
    return len;
  };
  const bool done = restore_backup(source, barrier.backend(), kDefaultTimeout, quiet).ok();
  world.must_exist = done;
  return done;
}

std::vector<Operation> operations() {
  const auto unseal = [](const char* with, bool lift_lock) {
    return [with, lift_lock](World& world, Barrier& barrier) {
      return barrier.keys().unseal(world.of(with), lift_lock).ok();
    };
  };
  const auto locked = [](World& world) {
    world.establish();
    as_admin(world, [](Barrier& barrier) { ASSERT_TRUE(barrier.keys().seal()); });
  };
  const auto torn_header = [](World& world) {
    world.establish();
    damage(world, kHeaderKey, 60);
  };
  const auto one_by_one = [](World& world, Barrier& barrier) {
    bool unsealed = false;
    for (const Credential& share : world.of("old shares")) {
      auto again = Credential::parse(share.text().value().view());
      auto progress = barrier.keys().submit(std::move(again).value());
      unsealed = unsealed || (progress && progress->unsealed);
    }
    return unsealed;
  };
  const auto nothing = [](World&) {};
  const auto erase = [](World& world, Barrier& barrier) {
    world.secrets["a/b"] = {"old", ""};
    const bool done =
        barrier.writer().erase(path("a/b"), Condition::update(), Permit::always()).ok();
    if (done) world.secrets["a/b"] = {""};
    return done;
  };
  const auto seal = [](World&, Barrier& barrier) { return barrier.keys().seal().ok(); };
  SlotChange keep_keys = slots(0, 0, false, {1});
  keep_keys.new_keys = false;
  return {
      {"Init", nothing, init, false, false, true, true},
      {"UnsealByKey", established, unseal("old key", false), false},
      {"UnsealByShares", established, unseal("old shares", false), false},
      {"UnsealByOneShareAfterTheOther", established, one_by_one, false},
      {"UnsealThatLiftsTheLock", locked, unseal("old key", true), false},
      {"UnsealThatMendsTheHeader", torn_header, unseal("old key", false), false},
      {"Seal", established, seal, true, true},
      {"Rotate", established,
       [](World&, Barrier& b) { return b.keys().rotate(Permit::always()).ok(); }},
      {"RotateRoot", established,
       [](World&, Barrier& b) { return b.keys().rotate_root(Permit::always()).ok(); }},
      {"AddKey", established, change_slots(slots(0, 0, true, {}), {})},
      {"AddSharesVerified", established, change_slots(slots(3, 2, false, {}, true), {})},
      {"RemoveShares", established, change_slots(slots(0, 0, false, {1}), {"old shares"})},
      {"RemoveOwnKey", established, change_slots(slots(0, 0, false, {2}), {"old key"})},
      {"RemoveAndKeepTheKeys", established, change_slots(keep_keys, {"old shares"})},
      {"RekeyShares", established, change_slots(slots(5, 3, false, {1}), {"old shares"})},
      {"RekeyAll", established, change_slots(slots(3, 2, true, {1, 2}), {"old shares", "old key"})},
      {"RekeyAllVerified", established,
       change_slots(slots(3, 2, true, {1, 2}, true), {"old shares", "old key"})},
      {"Reencrypt", rotated, reencrypt, true, false, true},
      {"Retire", reencrypted, [](World&, Barrier& b) { return retire(b, always).ok(); }},
      {"Repair", established, repair},
      {"Put", established, [](World& w, Barrier& b) { return put(w, b, "a/b"); }, true, false,
       true},
      {"PutOfANewPath", established, [](World& w, Barrier& b) { return put(w, b, "x/y/z"); }, true,
       false, true},
      {"Erase", established, erase, true, false, true},
      {"PutPolicy", established, change_policies("p", std::string(3000, 'n')), true, false, true},
      {"PutOfANewPolicy", established, change_policies("q", "new"), true, false, true},
      {"ErasePolicy", established, change_policies("p", {}), true, false, true},
      {"Restore", nothing, restore, false, false, true, true},
  };
}

class CrashMatrix : public ::testing::TestWithParam<Operation> {
 protected:
  // stop_at runs the operation up to one point, and looks at what is left.
  // Returns  whether the point was reached, and the length of the commit there.
  std::pair<bool, std::size_t> stop_at(const Point& point) {
    SCOPED_TRACE(name_of(point));
    const Operation& operation = GetParam();
    World world;
    operation.prepare(world);
    Barrier witness(world.records.share());
    if (world.must_exist) (void)witness.keys().unseal(world.of("old key"));
    auto barrier = world.faulty();
    if (operation.unsealed) {
      EXPECT_TRUE(barrier->keys().unseal(world.of("old key")));
    }
    *world.plan = Plan{point.step, point.fault, point.dead_after};
    world.plan->torn_at = point.torn_at;
    const bool done = operation.run(world, *barrier);
    const std::pair reached{world.plan->hit, world.plan->hit_len};
    world.plan->deliver();
    num_points_ += reached.first;
    EXPECT_TRUE(done || reached.first) << "undisturbed, it works";
    world.expect_sound(point.fault == Fault::torn && operation.rewrites ? 1 : 0);
    if (point.fault == Fault::torn) return reached;
    if (operation.makes && world.opened() == nullptr) expect_done_again(world);
    if (!point.dead_after && operation.unsealed) expect_goes_on(world, *barrier, operation.seals);
    if (!witness.keys().status()->sealed) expect_goes_on(world, witness, true);
    return reached;
  }

  // expect_goes_on: a process that lives reads on, whatever happened to storage or keys, unless the
  // store was sealed or its slot is gone.
  static void expect_goes_on(World& world, Barrier& barrier, bool may_be_sealed) {
    *world.plan = Plan{};
    auto read = barrier.reader().read(path("c"));
    if (!read && read.error().code == Code::sealed) {
      const SealReason reason = barrier.keys().status()->reason;
      EXPECT_TRUE(may_be_sealed || reason == SealReason::slot_removed) << read.error().message;
      return;
    }
    world.expect_reads(barrier);
  }

  // expect_done_again: what was stopped before there was a store is simply run again.
  static void expect_done_again(World& world) {
    *world.plan = Plan{};
    world.held.clear();
    EXPECT_TRUE(GetParam().run(world, *world.faulty()));
    world.expect_sound();
  }

  // each_torn stops the commit of this step at each 512 bytes of it.
  void each_torn(int step, std::size_t len) {
    for (std::size_t at = kTear; at < len + kTear && !HasFailure(); at += kTear) {
      stop_at({step, Fault::torn, true, at});
    }
  }

  static void TearDownTestSuite() { RecordProperty("all_points", num_points_in_all_); }

  static inline int num_points_in_all_ = 0;
  int num_points_ = 0;
};

TEST_P(CrashMatrix, SomethingHeldOpensAndEverySecretReads) {
  constexpr Fault kFaults[] = {Fault::refused, Fault::lost,  Fault::unheard,
                               Fault::late,    Fault::twice, Fault::dropped};
  for (int step = 0;; ++step) {
    ASSERT_LT(step, 100);
    bool reached = false;
    std::size_t len = 0;
    for (const Fault fault : kFaults) {
      for (const bool dead_after : {false, true}) {
        const auto [here, commit_len] = stop_at({step, fault, dead_after});
        if (HasFailure()) return;
        reached = reached || here;
        len = std::max(len, commit_len);
      }
    }
    each_torn(step, len);
    if (HasFailure()) return;
    if (!reached) break;
  }
  RecordProperty("points", num_points_);
  num_points_in_all_ += num_points_;
  EXPECT_GE(num_points_, 12);
}

INSTANTIATE_TEST_SUITE_P(Of, CrashMatrix, ::testing::ValuesIn(operations()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::crash_matrix_test
