// lifecycle_test.cpp: shares, slots and keys through the C ABI, from the first to the last of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::lifecycle_test {
namespace {

using strongroom_abi::Pending;
using strongroom_abi::Session;
using strongroom_abi::Store;
using ::testing::HasSubstr;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

strongroom_init_options shares_of(std::uint32_t shares, std::uint32_t threshold) {
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.shares = shares;
  options.threshold = threshold;
  return options;
}

strongroom_slots_options a_new_key() {
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.key = 1;
  return options;
}

class Lifecycle : public ::testing::TestWithParam<const char*> {
 protected:
  std::string url() const {
    return GetParam() == std::string("lmdb") ? "lmdb:" + dir_.path() : "memory:";
  }

 private:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Lifecycle, ::testing::Values("memory", "lmdb"),
                         [](const auto& each) { return std::string(each.param); });

// ---- shares, one by one ----

TEST_P(Lifecycle, SharesComeOneByOneAndAWrongOneHarmsNone) {
  Store store(url());
  Session session = store.trusted();
  const Pending pending = session.init_prepare(shares_of(5, 3));
  session.init_activate(pending);
  const auto first = session.unseal_share(pending.reveal_shares()[4]);
  EXPECT_EQ(first.unsealed, 0u);
  EXPECT_EQ(first.progress, 1u);
  EXPECT_EQ(first.threshold, 3u);
  EXPECT_EQ(first.shares, 5u);
  EXPECT_EQ(session.unseal_share(pending.reveal_shares()[4]).progress, 1u) << "the same again";
  Store elsewhere("memory:");
  Session stranger = elsewhere.trusted();
  const Pending foreign = stranger.init_prepare(shares_of(5, 3));
  EXPECT_EQ(status_of([&] { session.unseal_share(foreign.reveal_shares()[0]); }),
            STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { session.unseal_share("mistyped"); }), STRONGROOM_INVALID);
  EXPECT_EQ(session.unseal_share(pending.reveal_shares()[0]).progress, 2u);
  EXPECT_EQ(store.status().info().unseal_progress, 2u);
  EXPECT_EQ(session.unseal_share(pending.reveal_shares()[2]).unsealed, 1u);
  session.put("a", kText, "b");
  EXPECT_EQ(store.status().info().reason, static_cast<std::uint32_t>(STRONGROOM_SEALED_NOT));
}

TEST_P(Lifecycle, AForgottenRoundBeginsAnew) {
  Store store(url());
  Session session = store.trusted();
  const Pending pending = session.init_prepare(shares_of(3, 2));
  session.init_activate(pending);
  session.unseal_share(pending.reveal_shares()[0]);
  session.unseal_forget();
  EXPECT_EQ(store.status().info().unseal_progress, 0u);
  EXPECT_EQ(session.unseal_share(pending.reveal_shares()[1]).progress, 1u);
  EXPECT_TRUE(store.status().sealed());
}

TEST_P(Lifecycle, SharesThatWaitedTooLongAreForgotten) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.share_expiry_ms = 1;
  Store store(url(), &options);
  Session session = store.trusted();
  const Pending pending = session.init_prepare(shares_of(3, 2));
  session.init_activate(pending);
  session.unseal_share(pending.reveal_shares()[0]);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(session.unseal_share(pending.reveal_shares()[1]).progress, 1u);
}

TEST_P(Lifecycle, TheReportTellsWhyThereAreNoKeys) {
  Fresh fresh(url());
  Store& store = fresh.store;
  EXPECT_EQ(Store("memory:").status().info().reason,
            static_cast<std::uint32_t>(STRONGROOM_SEALED_NEVER_UNSEALED));
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(store.status().info().reason, static_cast<std::uint32_t>(STRONGROOM_SEALED_CLOSED));
  EXPECT_GT(store.status().info().since_ms, 1'600'000'000'000u);
  fresh.session.unseal({fresh.key});
  fresh.session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_EQ(store.status().info().reason,
            static_cast<std::uint32_t>(STRONGROOM_SEALED_OPERATOR_LOCK));
  EXPECT_EQ(status_of([&] { fresh.session.unseal_share(fresh.key); }), STRONGROOM_SEALED);
  EXPECT_EQ(fresh.session.unseal_share(fresh.key, STRONGROOM_UNSEAL_LIFT_LOCK).unsealed, 1u);
}

// ---- seal ----

TEST_P(Lifecycle, BothScopesOfSealingNeedTheRightToSeal) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.put_document(
      "p", R"({"version": 1, "rules": [{"to": ["user:guard"], "allow": ["seal"]}]})");
  Session guard = fresh.store.user("guard");
  Session eve = fresh.store.user("eve");
  for (const std::uint32_t scope : {STRONGROOM_SEAL_PROCESS, STRONGROOM_SEAL_EVERYWHERE}) {
    EXPECT_EQ(status_of([&] { eve.seal(scope); }), STRONGROOM_DENIED) << scope;
    EXPECT_EQ(status_of([&] { fresh.store.service("s", "/s").seal(scope); }), STRONGROOM_DENIED);
    EXPECT_EQ(fresh.session.get("a").reveal(), "b");
    EXPECT_EQ(status_of([&] { guard.seal(scope); }), STRONGROOM_OK) << scope;
    EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_SEALED);
    EXPECT_EQ(fresh.store.status().locked(), scope == STRONGROOM_SEAL_EVERYWHERE);
    fresh.session.unseal({fresh.key}, STRONGROOM_UNSEAL_LIFT_LOCK);
  }
}

TEST_P(Lifecycle, SealingASealedStoreSucceedsInBothScopes) {
  Fresh fresh(url());
  for (int i = 0; i < 2; ++i) fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_FALSE(fresh.store.status().locked());
  EXPECT_EQ(fresh.store.status().info().reason,
            static_cast<std::uint32_t>(STRONGROOM_SEALED_CLOSED));
  for (int i = 0; i < 2; ++i) fresh.session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_TRUE(fresh.store.status().locked());
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_TRUE(fresh.store.status().locked()) << "the lock stays";
}

TEST(LifecycleLmdb, SealingTheProcessLeavesOtherHandlesAloneAndSealingEverywhereDoesNot) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path());
  fresh.session.put("a", kText, "b");
  Store other("lmdb:" + dir.path());
  Session reader = other.trusted();
  reader.unseal({fresh.key});
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(reader.get("a").reveal(), "b");
  fresh.session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_EQ(status_of([&] { reader.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(status_of([&] { reader.unseal({fresh.key}); }), STRONGROOM_SEALED);
  reader.unseal({fresh.key}, STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_EQ(reader.get("a").reveal(), "b");
}

// ---- slots ----

TEST_P(Lifecycle, ASlotIsReplacedInOneStep) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "kept");
  const std::uint32_t old_slot = fresh.store.status().slot(0).id;
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.shares = 2;
  options.threshold = 2;
  options.remove = &old_slot;
  options.num_remove = 1;
  const Pending pending = fresh.session.slots_prepare(options);
  EXPECT_EQ(pending.store_id(), fresh.id);
  ASSERT_EQ(pending.reveal_shares().size(), 2u);
  EXPECT_TRUE(pending.reveal_key().empty());
  EXPECT_EQ(fresh.store.status().num_slots(), 1u) << "nothing happened yet";
  fresh.session.slots_activate(pending);
  EXPECT_EQ(fresh.session.get("a").reveal(), "kept");
  EXPECT_EQ(fresh.store.status().info().num_terms, 2u)
      << "who held the key shall not read what comes";
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { fresh.session.unseal({fresh.key}); }), STRONGROOM_DENIED);
  fresh.session.unseal({pending.reveal_shares()[0], pending.reveal_shares()[1]});
  EXPECT_EQ(fresh.session.get("a").reveal(), "kept");
}

TEST_P(Lifecycle, ADroppedChangeLeavesNoTrace) {
  Fresh fresh(url());
  { const Pending dropped = fresh.session.slots_prepare(a_new_key()); }
  EXPECT_EQ(fresh.store.status().num_slots(), 1u);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  fresh.session.unseal({fresh.key});
}

TEST_P(Lifecycle, ChangesThatMustBeVerifiedWaitForTheirCredentials) {
  Fresh fresh(url());
  strongroom_slots_options options = a_new_key();
  options.shares = 3;
  options.threshold = 2;
  options.verify = 1;
  Pending pending = fresh.session.slots_prepare(options);
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(pending); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { pending.verify(fresh.key); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { pending.verify("mistyped"); }), STRONGROOM_INVALID);
  EXPECT_FALSE(pending.verify(pending.reveal_shares()[1]));
  EXPECT_FALSE(pending.verify(pending.reveal_shares()[1]));
  EXPECT_FALSE(pending.verify(pending.reveal_shares()[0]));
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(pending); }), STRONGROOM_INVALID);
  EXPECT_TRUE(pending.verify(pending.reveal_key()));
  fresh.session.slots_activate(pending);
  EXPECT_EQ(fresh.store.status().num_slots(), 3u);
}

TEST_P(Lifecycle, OfTwoPreparedChangesOneTakesEffect) {
  Fresh fresh(url());
  const Pending first = fresh.session.slots_prepare(a_new_key());
  const Pending second = fresh.session.slots_prepare(a_new_key());
  fresh.session.slots_activate(second);
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(first); }), STRONGROOM_CONFLICT);
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(second); }), STRONGROOM_CONFLICT);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  fresh.session.unseal({second.reveal_key()});
}

TEST_P(Lifecycle, TheLastSlotStaysAndUnknownOnesAreNamed) {
  Fresh fresh(url());
  std::uint32_t slot = fresh.store.status().slot(0).id;
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.remove = &slot;
  options.num_remove = 1;
  EXPECT_EQ(status_of([&] { fresh.session.slots_prepare(options); }), STRONGROOM_INVALID);
  slot += 1000;
  options.key = 1;
  EXPECT_EQ(status_of([&] { fresh.session.slots_prepare(options); }), STRONGROOM_NOT_FOUND);
}

TEST_P(Lifecycle, RemovingASlotKeepsTheKeysWhereThatWasAskedFor) {
  Fresh fresh(url());
  const std::uint32_t slot = fresh.store.status().slot(0).id;
  strongroom_slots_options options = a_new_key();
  options.remove = &slot;
  options.num_remove = 1;
  options.keep_keys = 1;
  const Pending pending = fresh.session.slots_prepare(options);
  fresh.session.slots_activate(pending);
  EXPECT_EQ(fresh.store.status().info().num_terms, 1u);
}

TEST_P(Lifecycle, TheKindOfAKeyIsTold) {
  Fresh fresh(url());
  strongroom_slots_options options = a_new_key();
  options.key_kind = STRONGROOM_SLOT_SYSTEM_CREDENTIAL;
  const Pending pending = fresh.session.slots_prepare(options);
  fresh.session.slots_activate(pending);
  const auto report = fresh.store.status();
  ASSERT_EQ(report.num_slots(), 2u);
  EXPECT_EQ(report.slot(1).kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_SYSTEM_CREDENTIAL));
  EXPECT_EQ(report.slot(1).damaged, 0u);
  EXPECT_EQ(report.slot(1).num_wrapped, 0u);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  fresh.session.unseal({pending.reveal_key()});
}

TEST(LifecycleLmdb, WhoWasUnsealedByARemovedSlotSealsItself) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path());
  fresh.session.put("a", kText, "b");
  const Pending added = fresh.session.slots_prepare(a_new_key());
  fresh.session.slots_activate(added);
  Store other("lmdb:" + dir.path());
  Session reader = other.trusted();
  reader.unseal({added.reveal_key()});
  EXPECT_EQ(reader.get("a").reveal(), "b");
  const std::uint32_t slot = fresh.store.status().slot(1).id;
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.remove = &slot;
  options.num_remove = 1;
  fresh.session.slots_activate(fresh.session.slots_prepare(options));
  EXPECT_EQ(status_of([&] { reader.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(other.status().info().reason,
            static_cast<std::uint32_t>(STRONGROOM_SEALED_SLOT_REMOVED));
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

// ---- keys ----

TEST_P(Lifecycle, ANewRootKeyLeavesTheCredentialsAlone) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  const auto before = fresh.store.status();
  fresh.session.rotate(STRONGROOM_ROTATE_ROOT_KEY);
  EXPECT_GT(fresh.store.status().info().generation, before.info().generation);
  EXPECT_EQ(fresh.store.status().info().num_terms, 2u);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  fresh.session.unseal({fresh.key});
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

TEST_P(Lifecycle, OldDataKeysRetireAfterEverythingIsSealedAnew) {
  Fresh fresh(url());
  for (int i = 0; i < 300; ++i) fresh.session.put("a/" + std::to_string(i), kText, "b");
  EXPECT_EQ(status_of([&] { fresh.session.retire(); }), STRONGROOM_INVALID) << "there is one key";
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  EXPECT_EQ(status_of([&] { fresh.session.retire(); }), STRONGROOM_INVALID) << "it is needed";
  int calls = 0;
  const auto stopped = fresh.session.reencrypt(100, [&](const strongroom_progress&) {
    calls += 1;
    return false;
  });
  EXPECT_EQ(calls, 1);
  EXPECT_GT(stopped.rewritten, 0u);
  EXPECT_LT(stopped.rewritten, 300u);
  const auto rest = fresh.session.reencrypt(100);
  EXPECT_EQ(stopped.rewritten + rest.rewritten, 300u);
  EXPECT_EQ(rest.unreadable, 0u);
  EXPECT_EQ(status_of([&] { fresh.session.retire([](const auto&) { return false; }); }),
            STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(fresh.store.status().info().num_terms, 2u);
  fresh.session.retire();
  EXPECT_EQ(fresh.store.status().info().num_terms, 1u);
  EXPECT_EQ(fresh.session.get("a/299").reveal(), "b");
}

TEST_P(Lifecycle, ProgressCountsRecordsAndWritesAndNoBytes) {
  Fresh fresh(url());
  for (int i = 0; i < 300; ++i) fresh.session.put("a/" + std::to_string(i), kText, "b");
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  strongroom_progress last{};
  const auto keep = [&](const strongroom_progress& now) {
    EXPECT_EQ(now.struct_size, sizeof now);
    EXPECT_GE(now.num_written, last.num_written);  // records are counted anew for each pass
    last = now;
    return true;
  };
  fresh.session.reencrypt(100, keep);
  EXPECT_GT(last.num_records, 0u);
  EXPECT_GT(last.num_written, 0u);
  EXPECT_LE(last.num_written, last.num_records);
  EXPECT_EQ(last.size_bytes, 0u);
  last = {};
  fresh.session.retire(keep);
  EXPECT_GT(last.num_records, 0u);
  EXPECT_EQ(last.num_written + last.size_bytes, 0u) << "they do not apply";
}

TEST_P(Lifecycle, WhatAProgressFunctionThrowsReachesItsCaller) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  EXPECT_THROW(
      fresh.session.reencrypt(100, [](const auto&) -> bool { throw std::runtime_error("mine"); }),
      std::runtime_error);
}

TEST_P(Lifecycle, ACProgressFunctionThatThrowsStopsTheWork) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  const strongroom_on_progress thrower = [](void*, const strongroom_progress*) -> int { throw 1; };
  EXPECT_EQ(
      strongroom_reencrypt(fresh.session.raw(), 100, thrower, nullptr, nullptr, nullptr, nullptr),
      STRONGROOM_OK);
  EXPECT_EQ(strongroom_retire(fresh.session.raw(), thrower, nullptr, nullptr),
            STRONGROOM_UNAVAILABLE);
}

TEST_P(Lifecycle, AWholeStoreNeedsNoRepair) {
  Fresh fresh(url());
  EXPECT_FALSE(fresh.session.repair());
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { fresh.session.repair(); }), STRONGROOM_SEALED);
}

// ---- anchors ----

TEST(LifecycleLmdb, AnAnchorTellsAnOldCopyFromTheStore) {
  TempDir dir;
  TempDir copy;
  const std::string url = "lmdb:" + dir.path();
  std::string key_file;
  { key_file = Fresh(url).key; }
  std::filesystem::copy(dir.path(), copy.path(), std::filesystem::copy_options::recursive);
  std::string anchor;
  {
    Store store(url);
    Session session = store.trusted();
    session.unseal({key_file});
    session.rotate(STRONGROOM_ROTATE_DATA_KEY);
    anchor = session.anchor();
  }
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.anchor = anchor.c_str();
  Store store(url, &options);
  store.trusted().unseal({key_file});
  Store old("lmdb:" + copy.path(), &options);
  EXPECT_EQ(status_of([&] { old.trusted().unseal({key_file}); }), STRONGROOM_ROLLBACK);
  EXPECT_EQ(status_of([&] { (void)old.status(); }), STRONGROOM_ROLLBACK);
  EXPECT_EQ(status_of([&] { old.trusted().seal(STRONGROOM_SEAL_EVERYWHERE); }),
            STRONGROOM_ROLLBACK);
  EXPECT_FALSE(Store("lmdb:" + copy.path()).status().locked()) << "it was not sealed";
}

TEST(LifecycleOptions, AnAnchorThatIsNoneIsRefusedAtOnce) {
  Fresh fresh("memory:");
  std::string anchor = fresh.session.anchor();
  EXPECT_THAT(anchor, ::testing::StartsWith("strongroom-anchor-1:"));
  anchor.back() = anchor.back() == '0' ? '1' : '0';
  for (const char* bad : {"", "anchor", anchor.c_str()}) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.anchor = bad;
    EXPECT_EQ(status_of([&] { Store("memory:", &options); }), STRONGROOM_INVALID) << bad;
  }
}

// ---- who may ----

TEST_P(Lifecycle, WhoIsNotTrustedChangesNoKeys) {
  Fresh fresh(url());
  Session user = fresh.store.user("someone");
  EXPECT_EQ(status_of([&] { user.slots_prepare(a_new_key()); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.rotate(STRONGROOM_ROTATE_DATA_KEY); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.rotate(STRONGROOM_ROTATE_ROOT_KEY); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.reencrypt(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.retire(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.repair(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.anchor(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal_share(fresh.key); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal_forget(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal({}, STRONGROOM_UNSEAL_ESCROWED); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unwrap("message", "key"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.backup([](std::string_view) { return true; }); }),
            STRONGROOM_DENIED);
  EXPECT_EQ(fresh.store.status().info().num_terms, 1u);
}

// ---- OpenPGP ----

// OpenPgp needs the helper program, which is not built everywhere.
class OpenPgp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("STRONGROOM_OPENPGP_HELPER") == nullptr) GTEST_SKIP() << "no helper";
  }

  // wrapped_init makes a store of one share for each of the public keys.
  Pending wrapped_init(Session& session, const std::vector<std::string_view>& keys,
                       std::string_view escrow = {}) {
    std::vector<strongroom_bytes> list;
    for (const std::string_view key : keys) list.push_back(strongroom_abi::bytes(key));
    const auto num = static_cast<std::uint32_t>(list.size());
    strongroom_init_options options = shares_of(num, num);
    options.pgp_keys = list.data();
    options.num_pgp_keys = list.size();
    options.escrow = escrow.data();
    options.escrow_len = escrow.size();
    return session.init_prepare(options);
  }
};

TEST_F(OpenPgp, SharesAreHandedOutWrappedAndUnsealOnceUnwrapped) {
  Store store("memory:");
  Session session = store.trusted();
  const auto alice = session.openpgp_pair(2048, "Alice <alice@example.org>");
  const auto bob = session.openpgp_pair(2048, "Bob <bob@example.org>");
  EXPECT_THAT(std::string(alice.private_key.reveal()), HasSubstr("PRIVATE KEY BLOCK"));
  const Pending pending = wrapped_init(session, {alice.public_key, bob.public_key});
  EXPECT_EQ(pending.reveal_shares().size(), 0u) << "none in clear";
  ASSERT_EQ(pending.wrapped().size(), 2u);
  EXPECT_EQ(pending.wrapped()[0].fingerprint.size(), 20u);
  EXPECT_NE(pending.wrapped()[0].fingerprint, pending.wrapped()[1].fingerprint);
  EXPECT_EQ(status_of([&] { pending.at(2); }), STRONGROOM_NOT_FOUND);
  session.init_activate(pending);

  const auto report = store.status();
  EXPECT_EQ(report.slot(0).kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_WRAPPED_SHARES));
  ASSERT_EQ(report.slot(0).num_wrapped, 2u);
  EXPECT_EQ(report.wrapped(0, 1).message, pending.wrapped()[1].message);
  EXPECT_EQ(status_of([&] { report.wrapped(0, 2); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([&] { report.wrapped(1, 0); }), STRONGROOM_NOT_FOUND);
  EXPECT_FALSE(report.escrowed());

  EXPECT_EQ(
      status_of([&] { session.unwrap(report.wrapped(0, 0).message, bob.private_key.reveal()); }),
      STRONGROOM_DENIED);
  const auto first = session.unwrap(report.wrapped(0, 0).message, alice.private_key.reveal());
  EXPECT_EQ(first.size(), 92u);
  const auto second = session.unwrap(report.wrapped(0, 1).message, bob.private_key.reveal());
  EXPECT_EQ(session.unseal_share(first.reveal()).progress, 1u);
  EXPECT_EQ(session.unseal_share(second.reveal()).unsealed, 1u);
  EXPECT_EQ(in_child([&] { return static_cast<int>(first.size()); }), 0) << "shares stay here";
}

TEST_F(OpenPgp, AnEscrowedKeyUnsealsAndIsTold) {
  Store store("memory:");
  Session session = store.trusted();
  const auto pair = session.openpgp_pair(2048, "Escrow <escrow@example.org>");
  const Pending pending = wrapped_init(session, {pair.public_key}, pair.private_key.reveal());
  session.init_activate(pending);
  EXPECT_TRUE(store.status().escrowed());
  const strongroom_bytes text = strongroom_abi::bytes("text");
  EXPECT_EQ(strongroom_unseal(session.raw(), &text, 1, STRONGROOM_UNSEAL_ESCROWED, nullptr),
            STRONGROOM_INVALID)
      << "it takes no credentials";
  EXPECT_TRUE(store.status().sealed());
  session.unseal({}, STRONGROOM_UNSEAL_ESCROWED);
  EXPECT_FALSE(store.status().sealed());
  session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_EQ(status_of([&] { session.unseal({}, STRONGROOM_UNSEAL_ESCROWED); }), STRONGROOM_SEALED);
  session.unseal({}, STRONGROOM_UNSEAL_ESCROWED | STRONGROOM_UNSEAL_LIFT_LOCK);
  EXPECT_FALSE(store.status().sealed());
  EXPECT_FALSE(store.status().locked());
}

TEST_F(OpenPgp, AnEscrowedKeyThatOpensNothingIsRefused) {
  Store store("memory:");
  Session session = store.trusted();
  const auto pair = session.openpgp_pair(2048, "Escrow <escrow@example.org>");
  const auto other = session.openpgp_pair(2048, "Other <other@example.org>");
  EXPECT_EQ(
      status_of([&] { wrapped_init(session, {pair.public_key}, other.private_key.reveal()); }),
      STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { wrapped_init(session, {pair.public_key}, "no key"); }),
            STRONGROOM_INVALID);
  strongroom_init_options options = shares_of(1, 1);
  options.escrow = pair.private_key.reveal().data();
  options.escrow_len = pair.private_key.size();
  EXPECT_EQ(status_of([&] { session.init_prepare(options); }), STRONGROOM_INVALID) << "in clear";
}

TEST_F(OpenPgp, TheHelperIsTakenFromTheOptions) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.openpgp_helper = "/nonexistent/helper";
  Store store("memory:", &options);
  Session session = store.trusted();
  EXPECT_EQ(status_of([&] { session.openpgp_pair(2048, "A <a@example.org>"); }),
            STRONGROOM_UNSUPPORTED);
  options.openpgp_helper = "";
  EXPECT_EQ(status_of([&] { Store("memory:", &options); }), STRONGROOM_INVALID);
}

TEST_F(OpenPgp, SlotsOfWrappedSharesComeLater) {
  Fresh fresh("memory:");
  const auto pair = fresh.session.openpgp_pair(2048, "Carol <carol@example.org>");
  const strongroom_bytes key = strongroom_abi::bytes(pair.public_key);
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.shares = options.threshold = 1;
  options.pgp_keys = &key;
  options.num_pgp_keys = 1;
  const Pending pending = fresh.session.slots_prepare(options);
  fresh.session.slots_activate(pending);
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  const auto share = fresh.session.unwrap(pending.wrapped()[0].message, pair.private_key.reveal());
  fresh.session.unseal({share.reveal()});
  EXPECT_EQ(status_of([&] { fresh.session.unseal({}, STRONGROOM_UNSEAL_ESCROWED); }),
            STRONGROOM_NOT_FOUND);
}

}  // namespace
}  // namespace capi_test::lifecycle_test
