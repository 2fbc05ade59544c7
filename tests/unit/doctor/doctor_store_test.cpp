// doctor_store_test.cpp: what the doctor says of stores that were brought into each state for real.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/doctor.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/slots.hpp"
#include "support/barrier_fixture.hpp"

namespace strongroom::doctor_store_test {
namespace {

using testing::Handle;
using testing::parsed;
using testing::TestStore;
using Findings = std::vector<Finding>;

const char* name_of(Finding::Level level) {
  constexpr const char* kNames[] = {"good", "note", "warning", "danger"};
  return kNames[static_cast<int>(level)];
}

// level_of gives the gravest level of a check, or "absent".
std::string level_of(const Findings& findings, const std::string& check) {
  const Finding* worst = nullptr;
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.advice.empty(), finding.level == Finding::Level::good) << finding.what;
    if (finding.check != check) continue;
    if (worst == nullptr || finding.level > worst->level) worst = &finding;
  }
  return worst == nullptr ? "absent" : name_of(worst->level);
}

SealStatus status_of(const Handle& handle) {
  return handle.barrier->keys().status().value();
}

std::string level_of(const Handle& handle, const std::string& check) {
  return level_of(examine_store(status_of(handle)), check);
}

// Made is a store of the slots that were asked for, unsealed.
struct Made {
  std::unique_ptr<MemoryBackend> records = std::make_unique<MemoryBackend>();
  PendingInit pending;
  Handle handle{records->share()};

  explicit Made(const InitOptions& options, std::string_view escrow = {})
      : pending(prepare_init(options).value()) {
    if (!escrow.empty()) pending.escrow = testing::secret(escrow);
    EXPECT_TRUE(handle.barrier->keys().activate(pending));
    std::vector<Credential> credentials;
    if (!pending.key_file.empty()) credentials.push_back(parsed(pending.key_file));
    for (const SecretBytes& share : pending.shares) credentials.push_back(parsed(share));
    EXPECT_TRUE(handle.barrier->keys().unseal(credentials));
  }
};

void change(Handle& handle, const SlotChange& what) {
  auto pending = handle.barrier->keys().prepare_slots(what, nullptr);
  ASSERT_TRUE(pending) << pending.error().message;
  ASSERT_TRUE(handle.barrier->keys().activate(pending.value(), Permit::always()));
}

TEST(DoctorStore, AFreshStoreOfTwoSlotsIsGood) {
  TestStore store;
  const Findings findings = examine_store(status_of(store.first), true);
  for (const char* check :
       {"header", "slots", "last-slot", "terms", "locked", "anchor", "escrow"}) {
    EXPECT_EQ(level_of(findings, check), "good") << check;
  }
  EXPECT_EQ(level_of(store.first, "anchor"), "note");
}

TEST(DoctorStore, WhereThereIsNoStoreThatIsAllThereIsToSay) {
  Handle handle(std::make_unique<MemoryBackend>());
  const Findings findings = examine_store(status_of(handle));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(level_of(findings, "header"), "note");
}

TEST(DoctorStore, ADamagedCopyIsFoundUntilItIsMended) {
  for (const ByteView copy : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    auto record = store.stored(copy);
    record[record.size() / 2] ^= 1;
    store.tamper(copy, record);
    EXPECT_EQ(level_of(store.first, "header"), "warning");
    EXPECT_TRUE(store.barrier().keys().repair(Permit::always()));
    EXPECT_EQ(level_of(store.first, "header"), "good");
  }
}

TEST(DoctorStore, NoByteOfBothCopiesIsDamagedUnnoticed) {
  TestStore store;
  Handle sealed = store.another(false);
  const auto whole = store.stored(kHeaderKey);
  std::size_t num_slots_named = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto record = whole;
    record[at] ^= 0x10;
    store.tamper(kHeaderKey, record);
    store.tamper(kHeaderCopyKey, record);
    auto status = sealed.barrier->keys().status();
    if (!status) continue;  // refused as a whole
    const Findings findings = examine_store(status.value());
    EXPECT_TRUE(level_of(findings, "header") == "warning") << "byte " << at;
    num_slots_named += level_of(findings, "slots") == "warning";
  }
  EXPECT_GT(num_slots_named, 0u);
}

TEST(DoctorStore, SlotsThatAreAllDamagedAreDanger) {
  TestStore store;
  SealStatus status = status_of(store.first);
  status.slots.front().damaged = true;
  EXPECT_EQ(level_of(examine_store(status), "slots"), "warning");
  EXPECT_EQ(level_of(examine_store(status), "last-slot"), "warning");
  for (SlotStatus& slot : status.slots) slot.damaged = true;
  EXPECT_EQ(level_of(examine_store(status), "last-slot"), "danger");
}

TEST(DoctorStore, AnOnlySlotIsFoundUntilThereIsASecond) {
  Made only_key({0, 0, true});
  EXPECT_EQ(level_of(only_key.handle, "last-slot"), "warning");
  EXPECT_EQ(level_of(only_key.handle, "slots"), "note");  // no shares
  SlotChange shares;
  shares.shares = 3;
  shares.threshold = 2;
  change(only_key.handle, shares);
  EXPECT_EQ(level_of(only_key.handle, "last-slot"), "good");
  EXPECT_EQ(level_of(only_key.handle, "slots"), "good");

  Made spare({3, 2, false});  // one share may be lost
  EXPECT_EQ(level_of(spare.handle, "last-slot"), "note");
  Made none_spare({2, 2, false});
  EXPECT_EQ(level_of(none_spare.handle, "last-slot"), "warning");
}

TEST(DoctorStore, OddThresholdsAreFound) {
  EXPECT_EQ(level_of(Made({3, 1, true}).handle, "slots"), "warning");
  EXPECT_EQ(level_of(Made({3, 3, true}).handle, "slots"), "note");
  EXPECT_EQ(level_of(Made({3, 2, true}).handle, "slots"), "good");
  EXPECT_EQ(level_of(Made({1, 1, true}).handle, "slots"), "good");
}

TEST(DoctorStore, AKeyInTheEnvironmentIsNoted) {
  InitOptions options{3, 2, true};
  options.key_kind = SlotKind::environment;
  EXPECT_EQ(level_of(Made(options).handle, "slots"), "note");
  options.key_kind = SlotKind::system_credential;
  EXPECT_EQ(level_of(Made(options).handle, "slots"), "good");
}

TEST(DoctorStore, OldTermsAreNotedUntilTheyAreRetired) {
  TestStore store;
  KeyKeeper& keys = store.barrier().keys();
  ASSERT_TRUE(keys.rotate(Permit::always()));
  EXPECT_EQ(level_of(store.first, "terms"), "note");
  ASSERT_TRUE(keys.raise_fence(2, Permit::always()));
  ASSERT_TRUE(keys.retire(2, Permit::always()));
  EXPECT_EQ(level_of(store.first, "terms"), "good");

  SealStatus status = status_of(store.first);
  status.num_terms = kMaxTerms - 1;
  EXPECT_EQ(level_of(examine_store(status), "terms"), "warning");
}

TEST(DoctorStore, ALockedStoreIsToldAndItsTermsAreNot) {
  TestStore store;
  ASSERT_TRUE(store.barrier().keys().seal());
  EXPECT_EQ(level_of(store.first, "locked"), "note");
  EXPECT_EQ(level_of(store.first, "terms"), "note");
  ASSERT_TRUE(store.first.unseal(store.key, true));
  EXPECT_EQ(level_of(store.first, "locked"), "good");
  EXPECT_EQ(level_of(store.first, "terms"), "good");
}

TEST(DoctorStore, AnEscrowedKeyIsDanger) {
  EXPECT_EQ(level_of(Made({3, 2, true}, "a private key").handle, "escrow"), "danger");
  for (const Finding& finding :
       examine_store(status_of(Made({3, 2, true}, "a private key").handle))) {
    EXPECT_EQ((finding.what + finding.advice).find("a private key "), std::string::npos);
  }
}

}  // namespace
}  // namespace strongroom::doctor_store_test
