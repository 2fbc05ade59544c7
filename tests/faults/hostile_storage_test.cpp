// A storage that lies: header copies forged, damaged, or each damaged in another place; slots inserted,
// dropped and renumbered; old states put back. What opens must go on to open, what was lost must be
// named, and there must be a way out of each.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/process.hpp"

namespace strongroom::hostile_storage_test {
namespace {

using testing::Handle;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::retire;
using testing::secret;
using testing::TestStore;
using Bytes = std::vector<std::uint8_t>;

const ReencryptOptions kFast{100};

// Where things lie in a header record: FORMAT.md.
constexpr std::size_t kSlot1At = 48;
constexpr std::size_t kSlotBodyAt = kSlot1At + 20;
constexpr std::size_t kShareHashAt = kSlotBodyAt + 8;
constexpr std::size_t kDigestLen = 32;

const auto go_on = [](const ReencryptProgress&) { return true; };

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message;
}

KeyKeeper& keys(Handle& handle) {
  return handle.barrier->keys();
}
KeyKeeper& keys(TestStore& store) {
  return store.barrier().keys();
}

bool put(Barrier& barrier, std::string_view name, std::string_view value) {
  return barrier.writer()
      .write(path(name), Content::text, secret(value).view(), {}, Permit::always())
      .ok();
}

std::string read(Barrier& barrier, std::string_view name) {
  auto found = barrier.reader().read(path(name));
  return found ? plain(found->value) : "(" + std::string(to_string(found.error().code)) + ")";
}

Bytes flipped(Bytes record, std::size_t at, std::uint8_t bits = 1) {
  record[at] ^= bits;
  return record;
}

// damaged gives the record of a header with a digest that does not match.
Bytes damaged(Header header) {
  header.damaged = true;
  return header.encode().value();
}

Header header_of(TestStore& store) {
  return Header::decode(store.stored(kHeaderKey)).value();
}

void put_both(TestStore& store, const Bytes& record) {
  store.tamper(kHeaderKey, record);
  store.tamper(kHeaderCopyKey, record);
}

// half_damage leaves two copies that are each damaged, in different places: one lost its keyring, the
// other the hash of a share.
void half_damage(TestStore& store) {
  const Bytes good = store.stored(kHeaderKey);
  store.tamper(kHeaderKey, flipped(good, good.size() - kDigestLen - 8));
  store.tamper(kHeaderCopyKey, flipped(good, kShareHashAt));
}

// forged is a header as anybody can make it who can write: newer, and its digest is right.
Header forged(TestStore& store) {
  Header header = header_of(store);
  header.generation += 1;
  return header;
}

SlotChange removal(std::vector<SlotId> remove) {
  SlotChange change;
  change.remove = std::move(remove);
  return change;
}

Result<void> change_slots(KeyKeeper& keeper, const SlotChange& change) {
  auto pending = keeper.prepare_slots(change, nullptr);
  if (!pending) return std::move(pending).error();
  auto changed = testing::done(keeper.activate(pending.value(), Permit::always()));
  return changed ? Result<void>() : std::move(changed).error();
}

// expect_sound: a fresh process gets in by the key, nothing is damaged, and keys can be changed.
void expect_sound(TestStore& store, const Credential& key) {
  Handle fresh = store.another(false);
  auto unsealed = fresh.unseal(key, true);
  ASSERT_TRUE(unsealed) << message_of(unsealed);
  auto status = keys(fresh).status();
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->header_damaged);
  for (const SlotStatus& slot : status->slots) EXPECT_FALSE(slot.damaged) << slot.id;
  auto rotated = keys(fresh).rotate_root(Permit::always());
  EXPECT_TRUE(rotated) << message_of(rotated);
}

// The fixture's store has slot 1, 3 of 5 shares, and slot 2, a key.

// ---- two copies, each damaged elsewhere ----

TEST(HalfDamagedCopies, SealLeavesWhatOpens) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  half_damage(store);
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  ASSERT_TRUE(keys(handle).seal());
  Handle without_keys = store.another(false);
  ASSERT_TRUE(keys(without_keys).seal()) << "once more, it is locked already";
  Handle late = store.another(false);
  EXPECT_EQ(code_of(late.unseal(store.key)), Code::sealed);
  auto lifted = late.unseal(store.key, true);
  ASSERT_TRUE(lifted) << message_of(lifted);
  EXPECT_EQ(read(*late.barrier, "a"), "1");
}

TEST(HalfDamagedCopies, SealWithoutKeysLeavesWhatOpens) {
  TestStore store;
  half_damage(store);
  Handle without_keys = store.another(false);
  ASSERT_TRUE(keys(without_keys).seal());
  EXPECT_TRUE(keys(without_keys).status()->locked);
  EXPECT_TRUE(store.another(false).unseal(store.key, true));
}

TEST(HalfDamagedCopies, WhatUnsealOpenedCanBeMended) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  half_damage(store);
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  EXPECT_EQ(read(*handle.barrier, "a"), "1");
  auto repaired = keys(handle).repair(Permit::always());
  ASSERT_EQ(code_of(repaired), Code::corrupt);
  EXPECT_NE(message_of(repaired).find("slot 1"), std::string::npos) << message_of(repaired);
  SlotChange replaced = removal({1});
  replaced.shares = replaced.threshold = 1;
  auto changed = change_slots(keys(handle), replaced);
  ASSERT_TRUE(changed) << message_of(changed);
  EXPECT_EQ(read(*handle.barrier, "a"), "1");
  expect_sound(store, store.key);
}

TEST(HalfDamagedCopies, ARunningProcessGoesOn) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  half_damage(store);
  EXPECT_EQ(read(store.barrier(), "a"), "1");
  EXPECT_TRUE(put(store.barrier(), "a", "2"));
}

// ---- forged copies ----

TEST(ForgedCopy, DoesNotHideTheGoodOneAndIsMended) {
  for (const ByteView at : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    ASSERT_TRUE(put(store.barrier(), "a", "1"));
    const Bytes good = store.stored(kHeaderKey);
    store.tamper(at, forged(store).encode().value());
    EXPECT_EQ(read(store.barrier(), "a"), "1") << "a process that runs";
    auto unsealed = store.another(false).unseal(store.key);
    ASSERT_TRUE(unsealed) << message_of(unsealed);
    EXPECT_EQ(store.stored(kHeaderKey), good);
    EXPECT_EQ(store.stored(kHeaderCopyKey), good);
  }
}

TEST(ForgedCopy, IsNotPutOverTheGoodOneBySeal) {
  for (const ByteView at : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    ASSERT_TRUE(put(store.barrier(), "a", "1"));
    store.tamper(at, forged(store).encode().value());
    ASSERT_TRUE(keys(store).seal());
    Handle late = store.another(false);
    EXPECT_EQ(code_of(late.unseal(store.key)), Code::sealed) << "the lock holds";
    auto lifted = late.unseal(store.key, true);
    ASSERT_TRUE(lifted) << message_of(lifted);
    EXPECT_EQ(read(*late.barrier, "a"), "1");
    expect_sound(store, store.key);
  }
}

TEST(ForgedCopy, ChangesOfTheKeysGoOnFromTheGoodOne) {
  for (const ByteView at : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    store.tamper(at, forged(store).encode().value());
    auto rotated = keys(store).rotate_root(Permit::always());
    ASSERT_TRUE(rotated) << message_of(rotated);
    expect_sound(store, store.key);
  }
}

// Both copies forged, with the slots that a running process holds: it can not be the truth, and is no
// reason to drop keys.
TEST(ForgedHeader, KeepsNoProcessFromGoingOnWhenTheGoodOneIsBack) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const Bytes good = store.stored(kHeaderKey);
  put_both(store, forged(store).encode().value());
  EXPECT_EQ(code_of(keys(store).refresh()), Code::corrupt);
  EXPECT_EQ(code_of(keys(store).rotate(Permit::always())), Code::corrupt);
  EXPECT_EQ(code_of(store.another(false).unseal(store.key)), Code::corrupt);
  put_both(store, good);
  EXPECT_EQ(read(store.barrier(), "a"), "1") << "it kept its keys";
}

// As strong as the lock flag: what can not be authenticated can seal, and reveals nothing.
TEST(ForgedHeader, WithoutTheHeldSlotsSealsAProcessAndItUnsealsAgainByTheGoodOne) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const Bytes good = store.stored(kHeaderKey);
  Header header = forged(store);
  header.slots.clear();
  put_both(store, header.encode().value());
  EXPECT_EQ(code_of(keys(store).refresh()), Code::sealed);
  EXPECT_EQ(keys(store).status()->reason, SealReason::slot_removed);
  EXPECT_EQ(read(store.barrier(), "a"), "(sealed)");
  EXPECT_FALSE(store.first.unseal(store.key)) << "nothing opens the forgery";
  put_both(store, good);
  auto unsealed = store.first.unseal(store.key);
  ASSERT_TRUE(unsealed) << message_of(unsealed);
  EXPECT_EQ(read(store.barrier(), "a"), "1");
  EXPECT_TRUE(put(store.barrier(), "a", "2"));
}

// ---- slots ----

TEST(DamagedSlotId, IsToldAndRemovedWithTheOneThatItWas) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  put_both(store, flipped(store.stored(kHeaderKey), kSlot1At + 3, 0x40));  // 1 became 65
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  const auto slots = keys(handle).status()->slots;
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[0].id, 65u);
  EXPECT_TRUE(slots[0].damaged);
  EXPECT_FALSE(slots[1].damaged);
  EXPECT_EQ(code_of(keys(handle).repair(Permit::always())), Code::corrupt);
  auto changed = change_slots(keys(handle), removal({1, 65}));
  ASSERT_TRUE(changed) << message_of(changed);
  EXPECT_EQ(read(*handle.barrier, "a"), "1");
  expect_sound(store, store.key);
}

TEST(InsertedSlot, IsToldAndCanBeRemoved) {
  TestStore store;
  Header header = header_of(store);
  header.slots.push_back(header.slots[1]);
  header.slots.back().id = 7;
  put_both(store, header.encode().value());
  EXPECT_EQ(code_of(store.another(false).unseal(store.key)), Code::corrupt)
      << "the sealed keyring knows the slots";
  put_both(store, damaged(header));
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  EXPECT_TRUE(keys(handle).status()->slots[2].damaged);
  EXPECT_FALSE(keys(handle).status()->slots[1].damaged);
  auto repaired = keys(handle).repair(Permit::always());
  ASSERT_EQ(code_of(repaired), Code::corrupt);
  EXPECT_NE(message_of(repaired).find("slot 7"), std::string::npos) << message_of(repaired);
  auto changed = change_slots(keys(handle), removal({7}));
  ASSERT_TRUE(changed) << message_of(changed);
  expect_sound(store, store.key);
}

TEST(LostSlot, IsNamedByRepairAndNotBlessed) {
  TestStore store;
  Header header = header_of(store);
  header.slots.erase(header.slots.begin());
  put_both(store, damaged(header));
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  const Bytes before = store.stored(kHeaderKey);
  auto repaired = keys(handle).repair(Permit::always());
  ASSERT_EQ(code_of(repaired), Code::corrupt);
  EXPECT_NE(message_of(repaired).find("slot 1"), std::string::npos) << message_of(repaired);
  EXPECT_EQ(store.stored(kHeaderKey), before);
  auto changed = change_slots(keys(handle), removal({1}));
  ASSERT_TRUE(changed) << message_of(changed);
  expect_sound(store, store.key);
}

// ---- old states ----

// Anybody can flip a byte of a digest. That must not make of another history a mere damage.
TEST(AnotherHistory, IsARollbackAlsoWhereItsDigestIsDamaged) {
  TestStore store;
  const Bytes was = store.stored(kHeaderKey);
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  KeeperOptions options;
  options.anchor = keys(store).anchor().value();
  put_both(store, was);
  Handle elsewhere = store.another();
  ASSERT_TRUE(keys(elsewhere).rotate(Permit::always()));
  const Bytes other = store.stored(kHeaderKey);
  for (const Bytes& lie : {other, flipped(other, other.size() - 1)}) {
    put_both(store, lie);
    EXPECT_EQ(code_of(keys(store).refresh()), Code::rollback);
    Barrier anchored(store.records->share(), options);
    EXPECT_EQ(code_of(anchored.keys().unseal(std::span(&store.key, 1))), Code::rollback);
  }
}

// ---- a credential that was removed, in the hands of who can read the storage, then and now ----

TEST(RemovedCredential, OpensNothingThatWasWrittenSince) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "old"));
  const Header before = header_of(store);
  const OpenedSlot opened = open_root(before, std::span(&store.key, 1)).value();
  const Keyring old = before.open_keyring(opened.root.view()).value();
  Handle admin(store.records->share());
  ASSERT_TRUE(keys(admin).unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(change_slots(keys(admin), removal({2})));
  ASSERT_TRUE(put(*admin.barrier, "b", "new"));
  ASSERT_TRUE(keys(admin).rotate_root(Permit::always()));
  ASSERT_TRUE(put(*admin.barrier, "c", "newer"));

  const Header after = header_of(store);
  EXPECT_FALSE(open_root(after, std::span(&store.key, 1)));
  EXPECT_FALSE(after.open_keyring(opened.root.view()));
  for (const Slot& slot : after.slots) {
    EXPECT_FALSE(slot.open(after.store, opened.key.view()));
    EXPECT_FALSE(slot.open(after.store, old.slot(slot.id).wrap_key.first(kKeyLen)));
    EXPECT_FALSE(slot.open(after.store, old.slot(slot.id).wrap_key.subview(kKeyLen, kKeyLen)));
  }
  const auto opens = [&](const char* name) {
    const Location at = secret_location(old, name);
    return open_envelope(old, {before.store, at}, store.stored(record_key(at))).ok();
  };
  EXPECT_TRUE(opens("a")) << "what was written before, nothing can take back";
  EXPECT_FALSE(opens("b"));
  EXPECT_FALSE(opens("c"));
  ASSERT_TRUE(admin.barrier->reencryption(kFast).run(go_on));
  EXPECT_FALSE(opens("a"));
}

// What it seals itself, under the keys that it knew, is not taken for a secret once they are retired.
TEST(RemovedCredential, ForgesNothingUnderARetiredKey) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const Header before = header_of(store);
  const OpenedSlot opened = open_root(before, std::span(&store.key, 1)).value();
  const Keyring old = before.open_keyring(opened.root.view()).value();
  Handle admin(store.records->share());
  ASSERT_TRUE(keys(admin).unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(change_slots(keys(admin), removal({2})));
  ASSERT_TRUE(admin.barrier->reencryption(kFast).run(go_on));
  ASSERT_TRUE(retire(*admin.barrier, go_on));
  const Location at = secret_location(old, "a");
  Bytes envelope(kEnvelopeOverhead + 4);
  ASSERT_TRUE(seal_envelope(old, {before.store, at}, RecordKind::secret, Revision(77),
                            {Content::text, 1, 1}, secret("evil").view(), envelope));
  store.tamper(record_key(at), envelope);
  EXPECT_EQ(read(*admin.barrier, "a"), "(corrupt)");
}

// ---- what a newer program wrote ----

TEST(LaterEnvelope, KeepsItsDataKeyFromBeingRetired) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const Bytes key = store.keys_with('r').front();
  Bytes later = store.stored(key);
  later[0] = 2;
  store.tamper(key, later);
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  EXPECT_EQ(store.barrier().reencryption(kFast).run(go_on)->unreadable, 1u);
  EXPECT_EQ(code_of(retire(store.barrier(), go_on)), Code::invalid);
  EXPECT_EQ(keys(store).status()->first_term, 1u);
}

// ---- damage at random ----

// Vandal damages header records, and often gives them a digest that is right again.
class Vandal {
 public:
  unsigned below(std::size_t n) { return static_cast<unsigned>(random_() % n); }

  Bytes damage(Bytes record) {
    for (unsigned left = 1 + below(3); left > 0; --left) {
      const std::size_t among = below(2) == 0 ? kSlotBodyAt : record.size();  // or labels alone
      record[below(among)] ^= static_cast<std::uint8_t>(1u << below(8));
    }
    if (below(16) == 0) record.resize(kSlotBodyAt + below(record.size() - kSlotBodyAt));
    if (below(3) != 0) return record;
    const Digest right = digest(std::span(record).first(record.size() - kDigestLen));
    std::copy(right.begin(), right.end(), record.end() - kDigestLen);
    return record;
  }

 private:
  std::mt19937 random_{20'221'111};  // every run is the same
};

bool opens(TestStore& store, bool by_key) {
  Handle fresh = store.another(false);
  if (by_key) return fresh.unseal(store.key, true).ok();
  return keys(fresh).unseal(std::span(store.shares).first(3), true).ok();
}

// operate does something of what an operator would do who sees that there is damage.
std::string operate(KeyKeeper& keeper, TestStore& store, unsigned what) {
  switch (what) {
    case 0:
      (void)keeper.seal();
      return " seal";
    case 1:
      (void)keeper.unseal(std::span(&store.key, 1), true);
      return " unseal by key";
    case 2:
      (void)keeper.unseal(std::span(store.shares).first(3), true);
      return " unseal by shares";
    case 3:
      (void)keeper.repair(Permit::always());
      return " repair";
    case 4:
      (void)keeper.rotate_root(Permit::always());
      return " rotate_root";
    default:
      for (const Credential& share : store.shares)
        (void)keeper.submit(parsed(share.text().value()));
      return " submit";
  }
}

TEST(DamagedHeader, WhatOpenedItOpensItAfterAnyOperation) {
  TestStore store;
  Vandal vandal;
  const Bytes good = store.stored(kHeaderKey);
  int num_opened = 0;
  for (int round = 0; round < (testing::kSanitized ? 100 : 600); ++round) {
    const Bytes first = vandal.below(4) == 0 ? good : vandal.damage(good);
    const Bytes second = vandal.damage(good);
    const auto spoil = [&] {
      store.tamper(kHeaderKey, round % 2 == 0 ? first : second);
      store.tamper(kHeaderCopyKey, round % 2 == 0 ? second : first);
    };
    spoil();
    const bool by_key = opens(store, true);
    spoil();
    const bool by_shares = opens(store, false);
    spoil();
    Handle handle = store.another(false);
    std::string did;
    for (unsigned left = 1 + vandal.below(4); left > 0; --left) {
      did += operate(keys(handle), store, vandal.below(6));
    }
    if (by_key || by_shares) num_opened += 1;
    const bool still = (by_key && opens(store, true)) || (by_shares && opens(store, false));
    ASSERT_TRUE(still || !(by_key || by_shares)) << "round " << round << ":" << did;
  }
  EXPECT_GT(num_opened, 20) << "or nothing was tested";
}

}  // namespace
}  // namespace strongroom::hostile_storage_test
