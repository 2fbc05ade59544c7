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
  const auto first = session.unseal_share(pending.reveal_share(4));
  EXPECT_EQ(first.unsealed, 0u);
  EXPECT_EQ(first.progress, 1u);
  EXPECT_EQ(first.threshold, 3u);
  EXPECT_EQ(first.shares, 5u);
  EXPECT_EQ(session.unseal_share(pending.reveal_share(4)).progress, 1u) << "the same again";
  Store elsewhere("memory:");
  Session stranger = elsewhere.trusted();
  const Pending foreign = stranger.init_prepare(shares_of(5, 3));
  EXPECT_EQ(status_of([&] { session.unseal_share(foreign.reveal_share(0)); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { session.unseal_share("mistyped"); }), STRONGROOM_INVALID);
  EXPECT_EQ(session.unseal_share(pending.reveal_share(0)).progress, 2u);
  EXPECT_EQ(store.status().progress().progress, 2u);
  EXPECT_EQ(session.unseal_share(pending.reveal_share(2)).unsealed, 1u);
  session.put("a", kText, "b");
  EXPECT_EQ(store.status().reason(), static_cast<std::uint32_t>(STRONGROOM_SEALED_NOT));
}

TEST_P(Lifecycle, AForgottenRoundBeginsAnew) {
  Store store(url());
  Session session = store.trusted();
  const Pending pending = session.init_prepare(shares_of(3, 2));
  session.init_activate(pending);
  session.unseal_share(pending.reveal_share(0));
  session.unseal_forget();
  EXPECT_EQ(store.status().progress().progress, 0u);
  EXPECT_EQ(session.unseal_share(pending.reveal_share(1)).progress, 1u);
  EXPECT_TRUE(store.status().sealed());
}

TEST_P(Lifecycle, SharesThatWaitedTooLongAreForgotten) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.share_expiry_ms = 1;
  Store store(url(), &options);
  Session session = store.trusted();
  const Pending pending = session.init_prepare(shares_of(3, 2));
  session.init_activate(pending);
  session.unseal_share(pending.reveal_share(0));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(session.unseal_share(pending.reveal_share(1)).progress, 1u);
}

TEST_P(Lifecycle, TheReportTellsWhyThereAreNoKeys) {
  Fresh fresh(url());
  Store& store = fresh.store;
  EXPECT_EQ(Store("memory:").status().reason(),
            static_cast<std::uint32_t>(STRONGROOM_SEALED_NEVER_UNSEALED));
  store.close();
  EXPECT_EQ(store.status().reason(), static_cast<std::uint32_t>(STRONGROOM_SEALED_CLOSED));
  EXPECT_GT(store.status().since_ms(), 1'600'000'000'000u);
  fresh.session.unseal({fresh.key_file});
  fresh.session.seal();
  EXPECT_EQ(store.status().reason(), static_cast<std::uint32_t>(STRONGROOM_SEALED_OPERATOR_LOCK));
  EXPECT_EQ(status_of([&] { fresh.session.unseal_share(fresh.key_file); }), STRONGROOM_SEALED);
  EXPECT_EQ(fresh.session.unseal_share(fresh.key_file, STRONGROOM_UNSEAL_LIFT_LOCK).unsealed, 1u);
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
  ASSERT_EQ(pending.num_shares(), 2u);
  EXPECT_TRUE(pending.reveal_key_file().empty());
  EXPECT_EQ(fresh.store.status().num_slots(), 1u) << "nothing happened yet";
  fresh.session.slots_activate(pending);
  EXPECT_EQ(fresh.session.get("a").reveal(), "kept");
  EXPECT_EQ(fresh.store.status().num_terms(), 2u) << "who held the key shall not read what comes";
  fresh.store.close();
  EXPECT_EQ(status_of([&] { fresh.session.unseal({fresh.key_file}); }), STRONGROOM_DENIED);
  fresh.session.unseal({pending.reveal_share(0), pending.reveal_share(1)});
  EXPECT_EQ(fresh.session.get("a").reveal(), "kept");
}

TEST_P(Lifecycle, ADroppedChangeLeavesNoTrace) {
  Fresh fresh(url());
  { const Pending dropped = fresh.session.slots_prepare(a_new_key()); }
  EXPECT_EQ(fresh.store.status().num_slots(), 1u);
  fresh.store.close();
  fresh.session.unseal({fresh.key_file});
}

TEST_P(Lifecycle, ChangesThatMustBeVerifiedWaitForTheirCredentials) {
  Fresh fresh(url());
  strongroom_slots_options options = a_new_key();
  options.shares = 3;
  options.threshold = 2;
  options.verify = 1;
  Pending pending = fresh.session.slots_prepare(options);
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(pending); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { pending.verify(fresh.key_file); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { pending.verify("mistyped"); }), STRONGROOM_INVALID);
  EXPECT_FALSE(pending.verify(pending.reveal_share(1)));
  EXPECT_FALSE(pending.verify(pending.reveal_share(1)));
  EXPECT_FALSE(pending.verify(pending.reveal_share(0)));
  EXPECT_EQ(status_of([&] { fresh.session.slots_activate(pending); }), STRONGROOM_INVALID);
  EXPECT_TRUE(pending.verify(pending.reveal_key_file()));
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
  fresh.store.close();
  fresh.session.unseal({second.reveal_key_file()});
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
  EXPECT_EQ(fresh.store.status().num_terms(), 1u);
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
  fresh.store.close();
  fresh.session.unseal({pending.reveal_key_file()});
}

TEST(LifecycleLmdb, WhoWasUnsealedByARemovedSlotSealsItself) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path());
  fresh.session.put("a", kText, "b");
  const Pending added = fresh.session.slots_prepare(a_new_key());
  fresh.session.slots_activate(added);
  Store other("lmdb:" + dir.path());
  Session reader = other.trusted();
  reader.unseal({added.reveal_key_file()});
  EXPECT_EQ(reader.get("a").reveal(), "b");
  const std::uint32_t slot = fresh.store.status().slot(1).id;
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.remove = &slot;
  options.num_remove = 1;
  fresh.session.slots_activate(fresh.session.slots_prepare(options));
  EXPECT_EQ(status_of([&] { reader.get("a"); }), STRONGROOM_SEALED);
  EXPECT_EQ(other.status().reason(), static_cast<std::uint32_t>(STRONGROOM_SEALED_SLOT_REMOVED));
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

// ---- keys ----

TEST_P(Lifecycle, ANewRootKeyLeavesTheCredentialsAlone) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  const auto before = fresh.store.status();
  fresh.session.rotate_root();
  EXPECT_GT(fresh.store.status().generation(), before.generation());
  EXPECT_EQ(fresh.store.status().num_terms(), 2u);
  fresh.store.close();
  fresh.session.unseal({fresh.key_file});
  EXPECT_EQ(fresh.session.get("a").reveal(), "b");
}

TEST_P(Lifecycle, OldDataKeysRetireAfterEverythingIsSealedAnew) {
  Fresh fresh(url());
  for (int i = 0; i < 300; ++i) fresh.session.put("a/" + std::to_string(i), kText, "b");
  EXPECT_EQ(status_of([&] { fresh.session.retire(); }), STRONGROOM_INVALID) << "there is one key";
  fresh.session.rotate();
  EXPECT_EQ(status_of([&] { fresh.session.retire(); }), STRONGROOM_INVALID) << "it is needed";
  int calls = 0;
  const auto stopped = fresh.session.reencrypt(100, [&](std::uint64_t, std::uint64_t) {
    calls += 1;
    return false;
  });
  EXPECT_EQ(calls, 1);
  EXPECT_GT(stopped.rewritten, 0u);
  EXPECT_LT(stopped.rewritten, 300u);
  const auto rest = fresh.session.reencrypt(100);
  EXPECT_EQ(stopped.rewritten + rest.rewritten, 300u);
  EXPECT_EQ(rest.unreadable, 0u);
  EXPECT_EQ(status_of([&] { fresh.session.retire([](auto, auto) { return false; }); }),
            STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(fresh.store.status().num_terms(), 2u);
  fresh.session.retire();
  EXPECT_EQ(fresh.store.status().num_terms(), 1u);
  EXPECT_EQ(fresh.session.get("a/299").reveal(), "b");
}

TEST_P(Lifecycle, WhatAProgressFunctionThrowsReachesItsCaller) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.rotate();
  EXPECT_THROW(
      fresh.session.reencrypt(100, [](auto, auto) -> bool { throw std::runtime_error("mine"); }),
      std::runtime_error);
}

TEST_P(Lifecycle, ACProgressFunctionThatThrowsStopsTheWork) {
  Fresh fresh(url());
  fresh.session.put("a", kText, "b");
  fresh.session.rotate();
  const strongroom_progress thrower = [](void*, std::uint64_t, std::uint64_t) -> int { throw 1; };
  EXPECT_EQ(
      strongroom_reencrypt(fresh.session.raw(), 100, thrower, nullptr, nullptr, nullptr, nullptr),
      STRONGROOM_OK);
  EXPECT_EQ(strongroom_retire(fresh.session.raw(), thrower, nullptr, nullptr),
            STRONGROOM_UNAVAILABLE);
}

TEST_P(Lifecycle, AWholeStoreNeedsNoRepair) {
  Fresh fresh(url());
  EXPECT_FALSE(fresh.session.repair());
  fresh.store.close();
  EXPECT_EQ(status_of([&] { fresh.session.repair(); }), STRONGROOM_SEALED);
}

// ---- anchors ----

TEST(LifecycleLmdb, AnAnchorTellsAnOldCopyFromTheStore) {
  TempDir dir;
  TempDir copy;
  const std::string url = "lmdb:" + dir.path();
  std::string key_file;
  { key_file = Fresh(url).key_file; }
  std::filesystem::copy(dir.path(), copy.path(), std::filesystem::copy_options::recursive);
  std::string anchor;
  {
    Store store(url);
    Session session = store.trusted();
    session.unseal({key_file});
    session.rotate();
    anchor = session.anchor();
  }
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.anchor = anchor.c_str();
  Store store(url, &options);
  store.trusted().unseal({key_file});
  Store old("lmdb:" + copy.path(), &options);
  EXPECT_EQ(status_of([&] { old.trusted().unseal({key_file}); }), STRONGROOM_ROLLBACK);
  EXPECT_EQ(status_of([&] { (void)old.status(); }), STRONGROOM_ROLLBACK);
  EXPECT_EQ(status_of([&] { old.trusted().seal(); }), STRONGROOM_ROLLBACK);
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
  EXPECT_EQ(status_of([&] { user.rotate_root(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.reencrypt(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.retire(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.repair(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.anchor(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal_share(fresh.key_file); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal_forget(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unseal_escrowed(); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.unwrap("message", "key"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { user.backup([](std::string_view) { return true; }); }),
            STRONGROOM_DENIED);
  EXPECT_EQ(fresh.store.status().num_terms(), 1u);
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
  const Pending pending =
      wrapped_init(session, {alice.public_key.reveal(), bob.public_key.reveal()});
  EXPECT_EQ(pending.num_shares(), 0u) << "none in clear";
  ASSERT_EQ(pending.num_wrapped(), 2u);
  EXPECT_EQ(pending.wrapped(0).fingerprint.size(), 20u);
  EXPECT_NE(pending.wrapped(0).fingerprint, pending.wrapped(1).fingerprint);
  EXPECT_EQ(status_of([&] { pending.wrapped(2); }), STRONGROOM_NOT_FOUND);
  session.init_activate(pending);

  const auto report = store.status();
  EXPECT_EQ(report.slot(0).kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_WRAPPED_SHARES));
  ASSERT_EQ(report.slot(0).num_wrapped, 2u);
  EXPECT_EQ(report.wrapped(0, 1).message, pending.wrapped(1).message);
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
  const Pending pending =
      wrapped_init(session, {pair.public_key.reveal()}, pair.private_key.reveal());
  session.init_activate(pending);
  EXPECT_TRUE(store.status().escrowed());
  session.unseal_escrowed();
  EXPECT_FALSE(store.status().sealed());
}

TEST_F(OpenPgp, AnEscrowedKeyThatOpensNothingIsRefused) {
  Store store("memory:");
  Session session = store.trusted();
  const auto pair = session.openpgp_pair(2048, "Escrow <escrow@example.org>");
  const auto other = session.openpgp_pair(2048, "Other <other@example.org>");
  EXPECT_EQ(status_of([&] {
              wrapped_init(session, {pair.public_key.reveal()}, other.private_key.reveal());
            }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { wrapped_init(session, {pair.public_key.reveal()}, "no key"); }),
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
  const strongroom_bytes key = strongroom_abi::bytes(pair.public_key.reveal());
  strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
  options.shares = options.threshold = 1;
  options.pgp_keys = &key;
  options.num_pgp_keys = 1;
  const Pending pending = fresh.session.slots_prepare(options);
  fresh.session.slots_activate(pending);
  fresh.store.close();
  const auto share = fresh.session.unwrap(pending.wrapped(0).message, pair.private_key.reveal());
  fresh.session.unseal({share.reveal()});
  EXPECT_EQ(status_of([&] { fresh.session.unseal_escrowed(); }), STRONGROOM_NOT_FOUND);
}

}  // namespace
}  // namespace capi_test::lifecycle_test
