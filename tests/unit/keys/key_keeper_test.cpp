// The life of the keys: slots added and removed, shares one by one, old states put back.
#include "strongroom/impl/keys/key_keeper.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <thread>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_making.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/faulty_backend.hpp"

namespace strongroom::key_keeper_test {
namespace {

using testing::done;
using testing::Handle;
using testing::parsed;
using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code;
}

KeyKeeper& keys(Handle& handle) {
  return handle.barrier->keys();
}
KeyKeeper& keys(TestStore& store) {
  return store.barrier().keys();
}

SlotChange new_key() {
  SlotChange change;
  change.key_file = true;
  return change;
}

SlotChange new_shares(unsigned shares, unsigned threshold, std::vector<SlotId> remove = {}) {
  SlotChange change;
  change.shares = shares;
  change.threshold = threshold;
  change.remove = std::move(remove);
  return change;
}

SlotChange removal(std::vector<SlotId> remove) {
  SlotChange change;
  change.remove = std::move(remove);
  return change;
}

std::vector<Credential> parsed_all(const std::vector<SecretBytes>& texts) {
  std::vector<Credential> all;
  for (const SecretBytes& text : texts) all.push_back(parsed(text));
  return all;
}

Credential again(const Credential& from) {
  return parsed(from.text().value());
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

// The fixture's store has slot 1, 3 of 5 shares, and slot 2, a key.

TEST(KeyKeeper, AnAddedSlotOpensAndTheOldOnesStill) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  PendingSlots pending = keys(store).prepare_slots(new_key(), nullptr).value();
  const Credential added = parsed(pending.key_file);
  EXPECT_EQ(code_of(store.another(false).unseal(added)), Code::denied) << "not active yet";
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  Handle by_new = store.another(false);
  ASSERT_TRUE(by_new.unseal(added));
  EXPECT_EQ(read(*by_new.barrier, "a"), "1");
  EXPECT_TRUE(store.another(false).unseal(store.key));
  Handle by_shares = store.another(false);
  EXPECT_TRUE(keys(by_shares).unseal(std::span(store.shares).first(3)));
  EXPECT_EQ(keys(store).status()->slots.size(), 3u);
  EXPECT_EQ(keys(store).status()->active_term, 1u) << "nothing was removed, so nothing rotates";
}

TEST(KeyKeeper, ARemovedSlotOpensNoMoreAndKeysAreNew) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const PendingSlots pending = keys(store).prepare_slots(removal({1}), nullptr).value();
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  Handle late = store.another(false);
  EXPECT_EQ(code_of(keys(late).unseal(std::span(store.shares).first(3))), Code::denied);
  ASSERT_TRUE(late.unseal(store.key));
  EXPECT_EQ(read(*late.barrier, "a"), "1");
  EXPECT_EQ(keys(late).status()->active_term, 2u);
}

// Who kept a copy of the header from before, and the credential that was removed since, has the old
// keyring. It must not open the new header.
TEST(KeyKeeper, AnOldKeyringOpensNoNewHeader) {
  TestStore store;
  const Header before = Header::decode(store.stored(kHeaderKey)).value();
  const OpenedSlot stolen = open_root(before, std::span(store.shares).first(3)).value();
  const Keyring old = before.open_keyring(stolen.root.view()).value();
  const PendingSlots pending = keys(store).prepare_slots(removal({1}), nullptr).value();
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  const Header after = Header::decode(store.stored(kHeaderKey)).value();
  EXPECT_FALSE(after.open_keyring(stolen.root.view()));
  const SecretView wrap_key = old.slot(2).wrap_key;
  ASSERT_EQ(wrap_key.size(), kWrapKeyLen);
  for (const std::size_t half : {0u, 32u}) {
    EXPECT_FALSE(after.slot(2)->open(after.store, wrap_key.subview(half, 32)));
  }
  // The outer layer does open to it; what is inside is for the slot's own key alone.
  const Slot& slot = *after.slot(2);
  const auto wrapped = std::span(slot.body).last(kWrappedRootLen);
  auto boxed = open_blob(wrap_key.first(kKeyLen), slot.context(after.store), wrapped);
  ASSERT_TRUE(boxed);
  EXPECT_EQ(boxed->size(), crypto_box_SEALBYTES + kKeyLen);
}

TEST(KeyKeeper, TheLastSlotCanNotBeRemoved) {
  TestStore store;
  auto both = keys(store).prepare_slots(removal({1, 2}), nullptr);
  EXPECT_EQ(code_of(both), Code::invalid);
  EXPECT_EQ(code_of(keys(store).prepare_slots(removal({9}), nullptr)), Code::not_found);
  EXPECT_EQ(code_of(keys(store).prepare_slots(removal({1, 1}), nullptr)), Code::invalid);
  EXPECT_EQ(code_of(keys(store).prepare_slots(SlotChange{}, nullptr)), Code::invalid);
  EXPECT_EQ(code_of(keys(store).prepare_slots(new_shares(2, 3), nullptr)), Code::invalid);
  EXPECT_EQ(code_of(keys(store).prepare_slots(new_shares(256, 3), nullptr)), Code::invalid);
  SlotChange replaced = new_key();
  replaced.remove = {1, 2};
  EXPECT_TRUE(keys(store).prepare_slots(replaced, nullptr)) << "another one comes in its place";
}

TEST(KeyKeeper, ReKeyingReplacesTheSharesAtOnce) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const PendingSlots pending = keys(store).prepare_slots(new_shares(3, 2, {1}), nullptr).value();
  const auto fresh = parsed_all(pending.shares);
  Handle before = store.another(false);
  EXPECT_TRUE(keys(before).unseal(std::span(store.shares).first(3))) << "the old rule until then";
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  Handle late = store.another(false);
  EXPECT_EQ(code_of(keys(late).unseal(std::span(store.shares).first(3))), Code::denied);
  ASSERT_TRUE(keys(late).unseal(std::span(fresh).first(2)));
  EXPECT_EQ(read(*late.barrier, "a"), "1");
}

TEST(KeyKeeper, UnverifiedSharesDoNotTakeEffect) {
  TestStore store;
  SlotChange change = new_shares(3, 2, {1});
  change.key_file = true;
  change.verify = true;
  PendingSlots pending = keys(store).prepare_slots(change, nullptr).value();
  const auto fresh = parsed_all(pending.shares);
  EXPECT_EQ(code_of(keys(store).activate(pending, Permit::always())), Code::invalid);
  EXPECT_EQ(code_of(give_back(pending, again(store.shares[0]))), Code::denied) << "an old one";
  EXPECT_EQ(code_of(give_back(pending, again(store.key))), Code::denied);
  ASSERT_TRUE(give_back(pending, again(fresh[2])));
  ASSERT_TRUE(give_back(pending, again(fresh[2]))) << "the same again counts once";
  ASSERT_TRUE(give_back(pending, parsed(pending.key_file)));
  EXPECT_FALSE(pending.ready());
  EXPECT_EQ(code_of(keys(store).activate(pending, Permit::always())), Code::invalid);
  Handle old = store.another(false);
  EXPECT_TRUE(keys(old).unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(give_back(pending, again(fresh[0])));
  EXPECT_TRUE(pending.ready());
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  Handle late = store.another(false);
  EXPECT_TRUE(keys(late).unseal(std::span(fresh).last(2)));
}

TEST(KeyKeeper, OfTwoAdministratorsOneGetsAConflict) {
  TestStore store;
  Handle other = store.another();
  const PendingSlots mine = keys(store).prepare_slots(new_shares(1, 1, {1}), nullptr).value();
  const PendingSlots theirs = keys(other).prepare_slots(new_shares(2, 2, {1}), nullptr).value();
  ASSERT_TRUE(keys(other).activate(theirs, Permit::always()));
  EXPECT_EQ(code_of(keys(store).activate(mine, Permit::always())), Code::conflict);
  Handle late = store.another(false);
  EXPECT_TRUE(keys(late).unseal(parsed_all(theirs.shares)));
  EXPECT_EQ(code_of(keys(late).unseal(parsed_all(mine.shares))), Code::denied);
}

TEST(KeyKeeper, APreparedSlotSurvivesARotationByAnother) {
  TestStore store;
  Handle other = store.another();
  const PendingSlots mine = keys(store).prepare_slots(new_shares(1, 1, {1}), nullptr).value();
  ASSERT_TRUE(keys(other).rotate(Permit::always()));
  ASSERT_TRUE(keys(other).rotate_root(Permit::always()));
  ASSERT_TRUE(keys(store).activate(mine, Permit::always())) << "the slots are as they were";
  EXPECT_TRUE(keys(other).unseal(parsed_all(mine.shares)));
}

TEST(KeyKeeper, AnIdThatWasInBetweenIsAConflict) {
  TestStore store;
  Handle other = store.another();
  const PendingSlots mine = keys(store).prepare_slots(new_key(), nullptr).value();
  const PendingSlots theirs = keys(other).prepare_slots(new_key(), nullptr).value();
  ASSERT_TRUE(keys(other).activate(theirs, Permit::always()));
  SlotChange back = removal({3});
  back.new_keys = false;
  ASSERT_TRUE(
      keys(other).activate(keys(other).prepare_slots(back, nullptr).value(), Permit::always()));
  EXPECT_EQ(code_of(keys(store).activate(mine, Permit::always())), Code::conflict)
      << "the same table, another past";
}

TEST(KeyKeeper, ProcessesFollowANewRootKeyByTheirSlots) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  Handle by_key = store.another();
  Handle by_shares = store.another(false);
  ASSERT_TRUE(keys(by_shares).unseal(std::span(store.shares).first(3)));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(keys(store).rotate_root(Permit::always()));
    ASSERT_TRUE(put(store.barrier(), "b", std::to_string(i)));
    EXPECT_EQ(read(*by_key.barrier, "b"), std::to_string(i));
    EXPECT_EQ(read(*by_shares.barrier, "b"), std::to_string(i));
    EXPECT_TRUE(put(*by_key.barrier, "a", "2"));
  }
  EXPECT_EQ(keys(by_key).status()->active_term, 4u);
}

TEST(KeyKeeper, AProcessWhoseSlotWasRemovedSealsItself) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  Handle by_shares = store.another(false);
  ASSERT_TRUE(keys(by_shares).unseal(std::span(store.shares).first(3)));
  Handle by_both = store.another(false);
  ASSERT_TRUE(keys(by_both).unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(by_both.unseal(store.key)) << "unsealing again adds a slot to follow";
  ASSERT_TRUE(keys(store).activate(keys(store).prepare_slots(removal({1}), nullptr).value(),
                                   Permit::always()));
  EXPECT_EQ(read(*by_shares.barrier, "a"), "(sealed)");
  EXPECT_EQ(keys(by_shares).status()->reason, SealReason::slot_removed);
  EXPECT_EQ(read(*by_both.barrier, "a"), "1");
  EXPECT_EQ(read(store.barrier(), "a"), "1");
  ASSERT_TRUE(by_shares.unseal(store.key));
  EXPECT_EQ(read(*by_shares.barrier, "a"), "1");
}

TEST(KeyKeeper, RemovingASlotAndKeepingTheKeysSealsNobody) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  Handle by_shares = store.another(false);
  ASSERT_TRUE(keys(by_shares).unseal(std::span(store.shares).first(3)));
  SlotChange change = removal({1});
  change.new_keys = false;
  ASSERT_TRUE(
      keys(store).activate(keys(store).prepare_slots(change, nullptr).value(), Permit::always()));
  EXPECT_EQ(read(*by_shares.barrier, "a"), "1");
  EXPECT_EQ(keys(store).status()->active_term, 1u);
}

TEST(KeyKeeper, AnUnheardChangeIsFollowedByWhoMadeIt) {
  TestStore store;
  auto plan = std::make_shared<testing::Plan>();
  Barrier barrier(std::make_unique<testing::FaultyBackend>(store.records->share(), plan));
  ASSERT_TRUE(barrier.keys().unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(put(barrier, "a", "1"));
  const PendingSlots pending = barrier.keys().prepare_slots(new_shares(1, 1, {1}), nullptr).value();
  plan->num_calls = 0;
  plan->fail_at = 1;  // the adopting read, then the commit
  plan->fault = testing::Fault::unheard;
  EXPECT_EQ(code_of(barrier.keys().activate(pending, Permit::always())), Code::indeterminate);
  plan->fail_at = -1;
  EXPECT_EQ(read(barrier, "a"), "1") << "the new slot's key was kept";
  Handle late = store.another(false);
  EXPECT_TRUE(keys(late).unseal(parsed_all(pending.shares)));
}

// ---- shares one by one ----

TEST(KeyKeeper, SharesComeOneByOneAndAWrongOneHarmsNone) {
  TestStore store;
  TestStore foreign;
  Handle handle = store.another(false);
  EXPECT_EQ(keys(handle).submit(again(store.shares[4]))->progress, 1u);
  EXPECT_EQ(code_of(keys(handle).submit(again(foreign.shares[0]))), Code::denied);
  EXPECT_EQ(keys(handle).submit(again(store.shares[4]))->progress, 1u) << "twice counts once";
  const UnsealProgress two = keys(handle).submit(again(store.shares[1])).value();
  EXPECT_EQ(two.progress, 2u);
  EXPECT_EQ(two.threshold, 3u);
  EXPECT_EQ(two.shares, 5u);
  EXPECT_FALSE(two.unsealed);
  EXPECT_EQ(keys(handle).status()->progress.progress, 2u);
  const UnsealProgress done = keys(handle).submit(again(store.shares[0])).value();
  EXPECT_TRUE(done.unsealed);
  EXPECT_EQ(keys(handle).status()->progress.progress, 0u);
  EXPECT_FALSE(keys(handle).status()->sealed);
}

// Forgeries are what somebody who can write to the storage, and has no key, makes of a header: its digest
// needs none.
struct Forgery {
  const char* name;
  void (*forge)(Header& header);
};
const Forgery kForgeries[] = {
    {"share hashes flipped",
     [](Header& header) {
       for (Slot& slot : header.slots) {
         if (!has_shares(slot.kind)) continue;
         for (std::size_t i = 0; i < slot.shares; ++i) {
           slot.body[sizeof(ShareSetId) + i * sizeof(Digest)] ^= 1;
         }
       }
     }},
    {"generation raised", [](Header& header) { header.generation += 1000; }},
    {"slots gone",
     [](Header& header) {
       header.generation += 1;
       header.slots.clear();
     }},
    {"threshold 1",
     [](Header& header) {
       header.generation += 1;
       for (Slot& slot : header.slots) {
         if (has_shares(slot.kind)) slot.threshold = 1;
       }
     }},
    {"threshold 5",
     [](Header& header) {
       header.generation += 1;
       for (Slot& slot : header.slots) {
         if (has_shares(slot.kind)) slot.threshold = 5;
       }
     }},
    {"another store's id",
     [](Header& header) {
       header.generation += 1;
       header.store[0] ^= 1;
     }},
    {"the root key wrapped otherwise",
     [](Header& header) {
       header.generation += 1;
       for (Slot& slot : header.slots) slot.body.back() ^= 1;
     }},
};

TEST(KeyKeeper, AForgedCopyOfTheHeaderKeepsNoHolderOfSharesOut) {
  for (const Forgery& forgery : kForgeries) {
    for (const ByteView victim : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
      SCOPED_TRACE(forgery.name);
      TestStore store;
      Header forged = Header::decode(store.stored(kHeaderKey)).value();
      forgery.forge(forged);
      store.tamper(victim, forged.encode().value());

      // Somebody who is unsealed is not misled.
      const SealStatus known = keys(store).status().value();
      EXPECT_EQ(known.generation, 1u);
      EXPECT_EQ(known.slots.size(), 2u);
      EXPECT_TRUE(known.header_damaged);
      for (const SlotStatus& slot : known.slots) EXPECT_FALSE(slot.damaged) << slot.id;

      Handle handle = store.another(false);
      const SealStatus sealed = keys(handle).status().value();
      EXPECT_TRUE(sealed.header_damaged);
      EXPECT_EQ(sealed.slots.size(), 2u) << "so that it is known what to ask for";
      for (const unsigned i : {4u, 1u}) {
        const auto progress = keys(handle).submit(again(store.shares[i]));
        ASSERT_TRUE(progress) << progress.error().message;
        EXPECT_FALSE(progress->unsealed);
        EXPECT_EQ(progress->progress, i == 4 ? 1u : 2u);
        EXPECT_EQ(progress->threshold, 3u);
        EXPECT_EQ(keys(handle).status()->progress.progress, progress->progress);
      }
      const auto done = keys(handle).submit(again(store.shares[0]));
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_TRUE(done->unsealed);
      EXPECT_EQ(store.stored(kHeaderKey), store.stored(kHeaderCopyKey)) << "repaired";
      EXPECT_EQ(keys(handle).status()->generation, 1u);

      // And all at once, and by key.
      store.tamper(victim, forged.encode().value());
      Handle by_shares = store.another(false);
      EXPECT_TRUE(keys(by_shares).unseal(parsed_all(store.pending.shares)));
      store.tamper(victim, forged.encode().value());
      Handle by_key = store.another(false);
      EXPECT_TRUE(by_key.unseal(store.key));
    }
  }
}

TEST(KeyKeeper, ARoundOfSharesExpiresAndCanBeForgotten) {
  TestStore store;
  KeeperOptions options;
  options.share_expiry = std::chrono::milliseconds(30);
  Barrier barrier(store.records->share(), options);
  ASSERT_TRUE(barrier.keys().submit(again(store.shares[0])));
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_EQ(barrier.keys().status()->progress.progress, 0u);
  EXPECT_EQ(barrier.keys().submit(again(store.shares[1]))->progress, 1u);
  barrier.keys().forget_shares();
  EXPECT_EQ(barrier.keys().status()->progress.progress, 0u);
}

TEST(KeyKeeper, SharesOfAReplacedSetDropOutOfTheRound) {
  TestStore store;
  Handle handle = store.another(false);
  ASSERT_TRUE(keys(handle).submit(again(store.shares[0])));
  ASSERT_TRUE(keys(handle).submit(again(store.shares[1])));
  const PendingSlots pending = keys(store).prepare_slots(new_shares(3, 2, {1}), nullptr).value();
  ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
  EXPECT_EQ(code_of(keys(handle).submit(again(store.shares[2]))), Code::denied);
  EXPECT_EQ(keys(handle).submit(parsed(pending.shares[0]))->progress, 1u);
  EXPECT_TRUE(keys(handle).submit(parsed(pending.shares[2]))->unsealed);
}

TEST(KeyKeeper, ALockKeepsTheRoundUntilItIsLifted) {
  TestStore store;
  ASSERT_TRUE(keys(store).seal());
  Handle handle = store.another(false);
  ASSERT_TRUE(keys(handle).submit(again(store.shares[0])));
  ASSERT_TRUE(keys(handle).submit(again(store.shares[1])));
  EXPECT_EQ(code_of(keys(handle).submit(again(store.shares[2]))), Code::sealed);
  EXPECT_TRUE(keys(handle).submit(again(store.shares[2]), true)->unsealed);
}

TEST(KeyKeeper, AWrongKeyOnAnUnsealedStoreIsAnErrorAndARightOneNone) {
  TestStore store;
  TestStore foreign;
  EXPECT_EQ(code_of(store.first.unseal(foreign.key)), Code::denied);
  EXPECT_FALSE(keys(store).status()->sealed);
  EXPECT_TRUE(store.first.unseal(store.key));
  EXPECT_EQ(code_of(keys(store).submit(again(foreign.shares[0]))), Code::denied);
}

TEST(KeyKeeper, StatusTellsWhyAndSinceWhen) {
  TestStore store;
  const std::uint64_t before = now_ms();
  Handle handle = store.another(false);
  EXPECT_EQ(keys(handle).status()->reason, SealReason::never_unsealed);
  ASSERT_TRUE(handle.unseal(store.key));
  EXPECT_EQ(keys(handle).status()->reason, SealReason::none);
  keys(handle).close();
  EXPECT_EQ(keys(handle).status()->reason, SealReason::closed);
  ASSERT_TRUE(keys(store).seal());
  const SealStatus locked = keys(handle).status().value();
  EXPECT_EQ(locked.reason, SealReason::operator_lock);
  EXPECT_GE(locked.since_ms, before);
  EXPECT_LE(locked.since_ms, now_ms());
}

// ---- old states ----

TEST(KeyKeeper, AnOlderHeaderIsARollbackAlsoAfterClosing) {
  TestStore store;
  const auto old = store.stored(kHeaderKey);
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  keys(store).close();
  store.tamper(kHeaderKey, old);
  store.tamper(kHeaderCopyKey, old);
  EXPECT_EQ(code_of(store.first.unseal(store.key)), Code::rollback);
  EXPECT_TRUE(store.another(false).unseal(store.key)) << "a new process can not know";
}

TEST(KeyKeeper, AnotherHistoryOfTheSameGenerationIsARollback) {
  TestStore store;
  const auto fork = store.stored(kHeaderKey);
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  store.tamper(kHeaderKey, fork);
  store.tamper(kHeaderCopyKey, fork);
  Handle other = store.another();
  ASSERT_TRUE(keys(other).rotate(Permit::always()));  // generation 2, but not the one seen
  EXPECT_EQ(read(store.barrier(), "a"), "(rollback)");
}

TEST(KeyKeeper, TheAnchorTellsAnOldCopyFromTheNewest) {
  TestStore store;
  const auto old = store.stored(kHeaderKey);
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  KeeperOptions options;
  options.anchor = Anchor::parse(keys(store).anchor()->text()).value();
  const auto unseal = [&](std::optional<Anchor> anchor) {
    KeeperOptions with;
    with.anchor = anchor;
    Barrier barrier(store.records->share(), with);
    return code_of(barrier.keys().unseal(std::span(&store.key, 1)));
  };
  EXPECT_EQ(unseal(options.anchor), Code::internal) << "no error: the newest";
  ASSERT_TRUE(keys(store).seal());
  ASSERT_TRUE(store.first.unseal(store.key, true));
  EXPECT_EQ(unseal(options.anchor), Code::internal) << "the lock is no part of it";
  ASSERT_TRUE(keys(store).rotate(Permit::always()));
  EXPECT_EQ(unseal(options.anchor), Code::internal) << "newer than the anchor";
  store.tamper(kHeaderKey, old);
  store.tamper(kHeaderCopyKey, old);
  EXPECT_EQ(unseal(options.anchor), Code::rollback);
  TestStore foreign;
  EXPECT_EQ(unseal(keys(foreign).anchor().value()), Code::rollback);
  EXPECT_EQ(unseal(std::nullopt), Code::internal);
}

TEST(KeyKeeper, AnOlderRecordIsARollbackToWhoSawTheNewer) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "old"));
  const auto record = store.keys_with('r').front();
  const auto old = store.stored(record);
  ASSERT_TRUE(put(store.barrier(), "a", "new"));
  store.tamper(record, old);
  EXPECT_EQ(read(store.barrier(), "a"), "(rollback)");
  EXPECT_FALSE(put(store.barrier(), "a", "newer")) << "no write goes on from there";
  EXPECT_EQ(read(*store.another().barrier, "a"), "old") << "a new process can not know";
  const Change gone{Change::Kind::erase, record, {}, kAny};
  ASSERT_TRUE(store.records->commit(std::span(&gone, 1), kDefaultTimeout));
  EXPECT_EQ(read(store.barrier(), "a"), "(rollback)") << "a record that was there can not vanish";
}

TEST(KeyKeeper, ASecretMadeAgainIsNoRollback) {
  TestStore store;
  Handle other = store.another();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(put(store.barrier(), "a", std::to_string(i)));
    EXPECT_EQ(read(*other.barrier, "a"), std::to_string(i));
    ASSERT_TRUE(other.barrier->writer().erase(path("a"), Condition::update(), Permit::always()));
    EXPECT_EQ(read(store.barrier(), "a"), "(not_found)");
  }
}

// ---- damage ----

TEST(KeyKeeper, ADamagedCopyIsRepaired) {
  TestStore store;
  auto bad = store.stored(kHeaderCopyKey);
  bad[80] ^= 1;
  store.tamper(kHeaderCopyKey, bad);
  EXPECT_TRUE(keys(store).status()->header_damaged);
  EXPECT_TRUE(done(keys(store).repair(Permit::always())).value());
  EXPECT_FALSE(keys(store).status()->header_damaged);
  EXPECT_FALSE(done(keys(store).repair(Permit::always())).value()) << "nothing left to do";
  EXPECT_TRUE(store.another(false).unseal(store.key));
}

TEST(KeyKeeper, AWrappedKeyDamagedInBothCopiesIsRepairedFromTheKeyring) {
  TestStore store;
  auto bad = store.stored(kHeaderKey);
  const Header header = Header::decode(bad).value();
  const std::size_t end_of_slot_1 = 48 + 20 + header.slots[0].body.size();
  bad[end_of_slot_1 - 5] ^= 1;
  store.tamper(kHeaderKey, bad);
  store.tamper(kHeaderCopyKey, bad);
  Handle handle = store.another(false);
  EXPECT_FALSE(keys(handle).unseal(std::span(store.shares).first(3)));
  ASSERT_TRUE(handle.unseal(store.key)) << "the other slot still opens";
  EXPECT_EQ(code_of(keys(handle).rotate(Permit::always())), Code::corrupt);
  EXPECT_TRUE(done(keys(handle).repair(Permit::always())).value());
  Handle late = store.another(false);
  EXPECT_TRUE(keys(late).unseal(std::span(store.shares).first(3)));
}

TEST(KeyKeeper, ASlotDamagedBeyondRepairIsNamedAndStaysAsItIs) {
  TestStore store;
  auto bad = store.stored(kHeaderKey);
  bad[48 + 20 + 8 + 3] ^= 1;  // the first share's hash
  store.tamper(kHeaderKey, bad);
  store.tamper(kHeaderCopyKey, bad);
  Handle handle = store.another(false);
  ASSERT_TRUE(handle.unseal(store.key));
  EXPECT_TRUE(keys(handle).status()->slots[0].damaged);
  EXPECT_FALSE(keys(handle).status()->slots[1].damaged);
  auto repaired = keys(handle).repair(Permit::always());
  ASSERT_EQ(code_of(repaired), Code::corrupt);
  EXPECT_NE(repaired.error().message.find("slot 1"), std::string::npos);
  EXPECT_EQ(store.stored(kHeaderKey), bad);
  const SlotChange change = new_shares(2, 2, {1});
  ASSERT_TRUE(
      keys(handle).activate(keys(handle).prepare_slots(change, nullptr).value(), Permit::always()))
      << "replacing it is the way out";
  EXPECT_FALSE(keys(handle).status()->header_damaged);
}

TEST(KeyKeeper, CopiesDamagedInDifferentPlacesOpenByEither) {
  TestStore store;
  const auto good = store.stored(kHeaderKey);
  const Header header = Header::decode(good).value();
  const std::size_t slot_1 = 48 + 20;
  const std::size_t slot_2 = slot_1 + header.slots[0].body.size() + 20;
  auto first = good;
  first[slot_1 + header.slots[0].body.size() - 5] ^= 1;
  auto second = good;
  second[slot_2 + 5] ^= 1;
  store.tamper(kHeaderKey, first);
  store.tamper(kHeaderCopyKey, second);
  Handle by_key = store.another(false);
  EXPECT_TRUE(by_key.unseal(store.key));
  Handle by_shares = store.another(false);
  EXPECT_TRUE(keys(by_shares).unseal(std::span(store.shares).first(3)));
}

TEST(KeyKeeper, AFullDiskKeepsNobodyOutOfAStoreWithADamagedCopy) {
  TestStore store;
  auto bad = store.stored(kHeaderCopyKey);
  bad[80] ^= 1;
  store.tamper(kHeaderCopyKey, bad);
  auto plan = std::make_shared<testing::Plan>();
  Barrier barrier(std::make_unique<testing::FaultyBackend>(store.records->share(), plan));
  plan->fail_at = 1;  // the commit that would mend it
  EXPECT_TRUE(barrier.keys().unseal(std::span(&store.key, 1)));
}

TEST(KeyKeeper, KeyKindsSayWhereTheKeyIs) {
  TestStore store;
  for (const SlotKind kind : {SlotKind::environment, SlotKind::system_credential}) {
    SlotChange change = new_key();
    change.key_kind = kind;
    const PendingSlots pending = keys(store).prepare_slots(change, nullptr).value();
    ASSERT_TRUE(keys(store).activate(pending, Permit::always()));
    EXPECT_EQ(keys(store).status()->slots.back().kind, kind);
    EXPECT_TRUE(store.another(false).unseal(parsed(pending.key_file)));
  }
  SlotChange odd = new_key();
  odd.key_kind = SlotKind::shares;
  EXPECT_EQ(code_of(keys(store).prepare_slots(odd, nullptr)), Code::invalid);
}

TEST(KeyKeeper, SlotsThatNobodyPreparedAreNotActivated) {
  TestStore store;
  const auto before = keys(store).status()->generation;
  PendingSlots nothing;
  EXPECT_EQ(keys(store).activate(nothing, Permit::always()).error().code, Code::invalid);
  nothing.verify = false;
  EXPECT_EQ(keys(store).activate(nothing, Permit::always()).error().code, Code::invalid);
  EXPECT_EQ(give_back(nothing, parsed(store.pending.key_file)).error().code, Code::invalid);
  EXPECT_EQ(keys(store).status()->generation, before);
}

}  // namespace
}  // namespace strongroom::key_keeper_test
