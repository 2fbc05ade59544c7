// lifecycle_misuse_test.cpp: as misuse_test.cpp, for shares, slots, keys, backups and the doctor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::lifecycle_misuse_test {
namespace {

const strongroom_backup_sink kSink = [](void*, const std::uint8_t*, std::size_t) { return 0; };
const strongroom_backup_source kSource = [](void*, std::uint8_t*, std::size_t, std::size_t* len) {
  *len = 0;
  return 0;
};

class LifecycleMisuse : public ::testing::Test {
 protected:
  LifecycleMisuse()
      : fresh_("memory:"),
        session_(fresh_.session.raw()),
        store_(fresh_.store.raw()),
        init_(strongroom_abi::Store("memory:").trusted().init_prepare(new_key())),
        slots_(fresh_.session.slots_prepare(a_key())) {}

  static strongroom_init_options new_key() {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    return options;
  }
  static strongroom_slots_options a_key() {
    strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
    options.key = 1;
    return options;
  }

  Fresh fresh_;
  strongroom_session* const session_;
  strongroom_store* const store_;
  strongroom_abi::Pending init_;
  strongroom_abi::Pending slots_;
};

// ---- handles ----

TEST_F(LifecycleMisuse, WhatIsNoPendingOfItsKindIsRefused) {
  const std::string& key = fresh_.key;
  for (const void* bad : std::initializer_list<const void*>{nullptr, store_, init_.raw()}) {
    int ready = 9;
    EXPECT_EQ(strongroom_slots_activate(session_, as<strongroom_pending>(bad), nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_slots_verify(as<strongroom_pending>(bad), key.data(), key.size(), &ready,
                                      nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(ready, 0);
  }
  strongroom_abi::Store store("memory:");
  strongroom_abi::Session session = store.trusted();
  for (const void* bad : std::initializer_list<const void*>{nullptr, store_, slots_.raw()}) {
    EXPECT_EQ(strongroom_init_activate(session.raw(), as<strongroom_pending>(bad), nullptr),
              STRONGROOM_INVALID);
    if (bad == nullptr) continue;  // which is a copy that is not rekeyed
    EXPECT_EQ(strongroom_migrate(session_, session.raw(), as<strongroom_pending>(bad), nullptr,
                                 nullptr, nullptr, nullptr),
              STRONGROOM_INVALID);
  }
  EXPECT_FALSE(store.status().initialized());
}

// ---- inputs ----

TEST_F(LifecycleMisuse, NullInputsAreRefused) {
  strongroom_secret* secret = nullptr;
  strongroom_text* open = nullptr;
  strongroom_pending* pending = nullptr;
  strongroom_findings* findings = nullptr;
  const char* const names[] = {"/key", nullptr};
  EXPECT_EQ(strongroom_unseal_share(session_, nullptr, 1, 0, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal_share(session_, nullptr, 0, 0, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unwrap(session_, nullptr, 1, "k", 1, nullptr, 0, &secret, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unwrap(session_, "m", 1, nullptr, 1, nullptr, 0, &secret, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unwrap(session_, "m", 1, "k", 1, nullptr, 1, &secret, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unwrap(session_, "m", 1, "k", 1, nullptr, 0, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, nullptr, &secret, &open, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, "a", &secret, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, "a", nullptr, &open, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_slots_prepare(session_, nullptr, &pending, nullptr), STRONGROOM_INVALID);
  const auto options = a_key();
  EXPECT_EQ(strongroom_slots_prepare(session_, &options, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_slots_verify(const_cast<strongroom_pending*>(slots_.raw()), nullptr, 1,
                                    nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_anchor(session_, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_backup(session_, nullptr, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_backup_verify(nullptr, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_restore(session_, nullptr, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_doctor(store_, names, 2, &findings, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_doctor(store_, nullptr, 1, &findings, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_doctor(store_, nullptr, 0, nullptr, nullptr), STRONGROOM_INVALID);
}

TEST_F(LifecycleMisuse, UnknownFlagsAndConstantsAreRefused) {
  const std::string& key = fresh_.key;
  EXPECT_EQ(strongroom_unseal_share(session_, key.data(), key.size(), 2, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal_share(session_, key.data(), key.size(), STRONGROOM_UNSEAL_ESCROWED,
                                    nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_reencrypt(session_, 101, nullptr, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  const auto prepared = [&](auto change) {
    strongroom_slots_options options = a_key();
    change(options);
    strongroom_pending* pending = nullptr;
    const auto status = strongroom_slots_prepare(session_, &options, &pending, nullptr);
    strongroom_pending_free(pending);
    return status;
  };
  using Options = strongroom_slots_options&;
  const strongroom_bytes null_key = {nullptr, 1};
  EXPECT_EQ(prepared([](Options each) { each.key = 2; }), STRONGROOM_INVALID);
  EXPECT_EQ(prepared([](Options each) { each.keep_keys = 2; }), STRONGROOM_INVALID);
  EXPECT_EQ(prepared([](Options each) { each.verify = 2; }), STRONGROOM_INVALID);
  for (const std::uint32_t kind : {1u, 3u, 6u, 258u, UINT32_MAX}) {
    EXPECT_EQ(prepared([&](Options each) { each.key_kind = kind; }), STRONGROOM_INVALID) << kind;
  }
  EXPECT_EQ(prepared([](Options each) { each.num_pgp_keys = 1; }), STRONGROOM_INVALID);
  EXPECT_EQ(prepared([](Options each) { each.num_remove = 1; }), STRONGROOM_INVALID);
  EXPECT_EQ(prepared([&](Options each) {
              each.shares = each.threshold = 1;
              each.pgp_keys = &null_key;
              each.num_pgp_keys = 1;
            }),
            STRONGROOM_INVALID);
  EXPECT_EQ(prepared([](Options) {}), STRONGROOM_OK);
}

// ---- growing structs ----

TEST_F(LifecycleMisuse, AStructOfAnOlderProgramMeansTheDefaults) {
  // What a first program may have been compiled with; what lies behind is not looked at.
  strongroom_store_options open;
  std::memset(&open, 0xD1, sizeof open);
  open.struct_size = offsetof(strongroom_store_options, anchor);
  open.timeout_ms = open.share_expiry_ms = open.must_exist = open.allow_unavailable = 0;
  strongroom_store* store = nullptr;
  ASSERT_EQ(strongroom_store_open("memory:", &open, &store, nullptr), STRONGROOM_OK);
  strongroom_session* session = nullptr;
  ASSERT_EQ(strongroom_session_trusted(store, &session, nullptr), STRONGROOM_OK);
  strongroom_init_options init;
  std::memset(&init, 0xD1, sizeof init);
  init.struct_size = offsetof(strongroom_init_options, pgp_keys);
  init.shares = init.threshold = init.max_secret_len = init.key_kind = init.reserved = 0;
  init.key = 1;
  strongroom_pending* pending = nullptr;
  ASSERT_EQ(strongroom_init_prepare(session, &init, &pending, nullptr), STRONGROOM_OK);
  strongroom_pending_info info = STRONGROOM_PENDING_INFO_INIT;
  ASSERT_EQ(strongroom_pending_describe(pending, &info, nullptr), STRONGROOM_OK);
  EXPECT_EQ(info.num_credentials, 1u);
  ASSERT_EQ(strongroom_init_activate(session, pending, nullptr), STRONGROOM_OK);
  strongroom_report* report = nullptr;
  ASSERT_EQ(strongroom_store_status(store, &report, nullptr), STRONGROOM_OK);
  strongroom_slot slot = STRONGROOM_SLOT_INIT;
  slot.struct_size = offsetof(strongroom_slot, damaged);
  slot.damaged = 0xD1;
  EXPECT_EQ(strongroom_report_slot(report, 0, &slot, nullptr), STRONGROOM_OK);
  EXPECT_EQ(slot.kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_KEY));
  EXPECT_EQ(slot.damaged, 0xD1u);
  strongroom_report_free(report);
  strongroom_pending_free(pending);
  strongroom_session_free(session);
  strongroom_store_free(store);
}

TEST_F(LifecycleMisuse, AnIndexPastTheEndIsNotFoundAndClearsTheStruct) {
  strongroom_report* report = nullptr;
  ASSERT_EQ(strongroom_store_status(store_, &report, nullptr), STRONGROOM_OK);
  for (const std::size_t index : {std::size_t{1}, SIZE_MAX}) {
    strongroom_slot slot = STRONGROOM_SLOT_INIT;
    strongroom_credential credential = STRONGROOM_CREDENTIAL_INIT;
    slot.id = credential.kind = 9;
    Expect of_slot, of_wrapped, of_share, of_pending;
    EXPECT_TRUE(of_slot.failed(strongroom_report_slot(report, index, &slot, of_slot),
                               STRONGROOM_NOT_FOUND));
    EXPECT_TRUE(
        of_wrapped.failed(strongroom_report_wrapped(report, index, 0, &credential, of_wrapped),
                          STRONGROOM_NOT_FOUND));
    EXPECT_TRUE(of_share.failed(strongroom_report_wrapped(report, 0, index, &credential, of_share),
                                STRONGROOM_NOT_FOUND));
    EXPECT_TRUE(of_pending.failed(
        strongroom_pending_at(slots_.raw(), index, &credential, of_pending), STRONGROOM_NOT_FOUND));
    EXPECT_EQ(slot.id + credential.kind, 0u);
    EXPECT_EQ(slot.struct_size, sizeof slot);
  }
  strongroom_report_free(report);
}

}  // namespace
}  // namespace capi_test::lifecycle_misuse_test
