// lifecycle_misuse_test.cpp: as misuse_test.cpp, for shares, slots, keys, backups and the doctor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
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

// Tailed is a struct of a later release, with a tail that this library does not know.
template <typename T>
struct Tailed {
  T known;
  std::array<unsigned char, 16> tail{};
};

template <typename T>
T* as(const void* handle) {
  return static_cast<T*>(const_cast<void*>(handle));
}

class LifecycleMisuse : public ::testing::Test {
 protected:
  LifecycleMisuse()
      : fresh_("memory:"),
        session_(fresh_.session.raw()),
        store_(fresh_.store.raw()),
        init_(strongroom_abi::Store("memory:").trusted().init_prepare(a_key_file())),
        slots_(fresh_.session.slots_prepare(a_key())) {}

  static strongroom_init_options a_key_file() {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key_file = 1;
    return options;
  }
  static strongroom_slots_options a_key() {
    strongroom_slots_options options = STRONGROOM_SLOTS_OPTIONS_INIT;
    options.key = 1;
    return options;
  }

  // statuses_of calls everything that takes a session, and clears what came out.
  std::vector<strongroom_status> statuses_of(strongroom_session* session) {
    const auto options = a_key();
    const std::string& key = fresh_.key_file;
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    progress.shares = 9;
    info.generation = 9;
    strongroom_copy_info copied = STRONGROOM_COPY_INFO_INIT;
    copied.generation = 9;
    std::uint64_t rewritten = 9, unreadable = 9, migrated = 9;
    int repaired = 9;
    auto* const dirt = as<void>(reinterpret_cast<void*>(std::uintptr_t{0xD1D1D1D0}));
    auto* secret = static_cast<strongroom_secret*>(dirt);
    auto* other = static_cast<strongroom_secret*>(dirt);
    auto* anchor = static_cast<strongroom_secret*>(dirt);
    auto* unwrapped = static_cast<strongroom_secret*>(dirt);
    auto* pending = static_cast<strongroom_pending*>(dirt);
    std::vector<strongroom_status> statuses = {
        strongroom_unseal_share(session, key.data(), key.size(), 0, &progress, nullptr),
        strongroom_unseal_forget(session, nullptr),
        strongroom_unwrap(session, "m", 1, "k", 1, nullptr, 0, &unwrapped, nullptr),
        strongroom_unseal_escrowed(session, 0, nullptr),
        strongroom_openpgp_pair(session, 2048, "a", &secret, &other, nullptr),
        strongroom_slots_prepare(session, &options, &pending, nullptr),
        strongroom_slots_activate(session, slots_.raw(), nullptr),
        strongroom_rotate_root(session, nullptr),
        strongroom_reencrypt(session, 0, nullptr, nullptr, &rewritten, &unreadable, nullptr),
        strongroom_retire(session, nullptr, nullptr, nullptr),
        strongroom_repair(session, &repaired, nullptr),
        strongroom_anchor(session, &anchor, nullptr),
        strongroom_backup(session, kSink, nullptr, nullptr, &info, nullptr),
        strongroom_restore(session, kSource, nullptr, nullptr, nullptr, nullptr),
        strongroom_migrate(session, session_, init_.raw(), nullptr, nullptr, &migrated, nullptr),
        strongroom_migrate(session_, session, init_.raw(), nullptr, nullptr, &migrated, nullptr),
        strongroom_copy_store(session, session_, nullptr, nullptr, &copied, nullptr),
        strongroom_copy_store(session_, session, nullptr, nullptr, &copied, nullptr),
    };
    EXPECT_EQ(progress.shares, 0u);
    EXPECT_EQ(info.generation + copied.generation, 0u);
    EXPECT_EQ(rewritten + unreadable + migrated, 0u);
    EXPECT_EQ(repaired, 0);
    for (const void* out : std::initializer_list<const void*>{secret, other, anchor, unwrapped}) {
      EXPECT_EQ(out, nullptr);
    }
    EXPECT_EQ(pending, nullptr);
    return statuses;
  }

  Fresh fresh_;
  strongroom_session* const session_;
  strongroom_store* const store_;
  strongroom_abi::Pending init_;
  strongroom_abi::Pending slots_;
};

// ---- handles ----

TEST_F(LifecycleMisuse, WhatIsNoSessionIsRefused) {
  EXPECT_THAT(statuses_of(nullptr), ::testing::Each(STRONGROOM_INVALID));
  EXPECT_THAT(statuses_of(as<strongroom_session>(store_)), ::testing::Each(STRONGROOM_INVALID));
  EXPECT_EQ(fresh_.store.status().num_terms(), 1u);
}

TEST_F(LifecycleMisuse, WhatIsNoPendingOfItsKindIsRefused) {
  const std::string& key = fresh_.key_file;
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
    EXPECT_EQ(strongroom_migrate(session_, session.raw(), as<strongroom_pending>(bad), nullptr,
                                 nullptr, nullptr, nullptr),
              STRONGROOM_INVALID);
  }
  EXPECT_FALSE(store.status().initialized());
}

TEST_F(LifecycleMisuse, AccessorsOfNullAndOfOtherHandlesGiveNothing) {
  for (const void* bad : std::initializer_list<const void*>{nullptr, store_}) {
    strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    strongroom_finding finding = STRONGROOM_FINDING_INIT;
    EXPECT_EQ(strongroom_pending_num_wrapped(as<strongroom_pending>(bad)), 0u);
    EXPECT_EQ(strongroom_pending_wrapped(as<strongroom_pending>(bad), 0, &share),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_report_wrapped(as<strongroom_report>(bad), 0, 0, &share),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_report_progress(as<strongroom_report>(bad), &progress),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_report_reason(as<strongroom_report>(bad)),
              static_cast<std::uint32_t>(STRONGROOM_SEALED_NEVER_UNSEALED));
    EXPECT_EQ(strongroom_report_since_ms(as<strongroom_report>(bad)), 0u);
    EXPECT_EQ(strongroom_report_escrowed(as<strongroom_report>(bad)), 0);
    EXPECT_EQ(strongroom_findings_size(as<strongroom_findings>(bad)), 0u);
    EXPECT_EQ(strongroom_findings_at(as<strongroom_findings>(bad), 0, &finding),
              STRONGROOM_INVALID);
    strongroom_findings_free(as<strongroom_findings>(bad));
    strongroom_findings* findings = as<strongroom_findings>(store_);
    if (bad == nullptr) {
      EXPECT_EQ(strongroom_examine(nullptr, nullptr, 0, &findings, nullptr), STRONGROOM_INVALID);
    } else {
      EXPECT_EQ(strongroom_examine(as<strongroom_store>(session_), nullptr, 0, &findings, nullptr),
                STRONGROOM_INVALID);
    }
    EXPECT_EQ(findings, nullptr);
  }
  EXPECT_EQ(fresh_.session.get_many({}).size(), 0u) << "a free of another type must not free";
}

TEST_F(LifecycleMisuse, AForkedChildIsRefused) {
  const std::string& key = fresh_.key_file;
  const int num_wrong = in_child([&] {
    int wrong = 0;
    const auto sealed = [&](strongroom_status status) { wrong += status != STRONGROOM_SEALED; };
    for (const strongroom_status status : statuses_of(session_)) sealed(status);
    strongroom_findings* findings = nullptr;
    sealed(strongroom_examine(store_, nullptr, 0, &findings, nullptr));
    sealed(strongroom_slots_verify(const_cast<strongroom_pending*>(slots_.raw()), key.data(),
                                   key.size(), nullptr, nullptr));
    wrong += !slots_.reveal_key_file().empty();
    return wrong;
  });
  EXPECT_EQ(num_wrong, 0);
}

// ---- inputs ----

TEST_F(LifecycleMisuse, NullInputsAreRefused) {
  strongroom_secret* secret = nullptr;
  strongroom_secret* other = nullptr;
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
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, nullptr, &secret, &other, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, "a", &secret, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_openpgp_pair(session_, 2048, "a", nullptr, &other, nullptr),
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
  EXPECT_EQ(strongroom_examine(store_, names, 2, &findings, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_examine(store_, nullptr, 1, &findings, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_examine(store_, nullptr, 0, nullptr, nullptr), STRONGROOM_INVALID);
}

TEST_F(LifecycleMisuse, UnknownFlagsAndConstantsAreRefused) {
  const std::string& key = fresh_.key_file;
  EXPECT_EQ(strongroom_unseal_share(session_, key.data(), key.size(), 2, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal_escrowed(session_, 2, nullptr), STRONGROOM_INVALID);
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
  // What the first programs were compiled with; what lies behind is not looked at.
  constexpr std::size_t kFirstStoreOptions = offsetof(strongroom_store_options, anchor);
  constexpr std::size_t kFirstInitOptions = offsetof(strongroom_init_options, pgp_keys);
  strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
  std::memset(&open, 0xD1, sizeof open);
  open.struct_size = kFirstStoreOptions;
  open.timeout_ms = open.must_exist = 0;
  strongroom_store* store = nullptr;
  ASSERT_EQ(strongroom_store_open("memory:", &open, &store, nullptr), STRONGROOM_OK);
  strongroom_session* session = nullptr;
  ASSERT_EQ(strongroom_session_trusted(store, &session, nullptr), STRONGROOM_OK);
  strongroom_init_options init;
  std::memset(&init, 0xD1, sizeof init);
  init.struct_size = kFirstInitOptions;
  init.shares = init.threshold = init.max_secret_len = 0;
  init.key_file = 1;
  strongroom_pending* pending = nullptr;
  ASSERT_EQ(strongroom_init_prepare(session, &init, &pending, nullptr), STRONGROOM_OK);
  EXPECT_EQ(strongroom_pending_num_wrapped(pending), 0u);
  ASSERT_EQ(strongroom_init_activate(session, pending, nullptr), STRONGROOM_OK);
  strongroom_report* report = nullptr;
  ASSERT_EQ(strongroom_status_read(store, &report, nullptr), STRONGROOM_OK);
  Tailed<strongroom_slot> slot{STRONGROOM_SLOT_INIT};
  slot.known.struct_size = offsetof(strongroom_slot, damaged);
  slot.known.damaged = 0xD1;
  EXPECT_EQ(strongroom_report_slot(report, 0, &slot.known), STRONGROOM_OK);
  EXPECT_EQ(slot.known.kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_KEY));
  EXPECT_EQ(slot.known.damaged, 0xD1u);
  EXPECT_EQ(strongroom_report_escrowed(report), 0);
  strongroom_report_free(report);
  strongroom_pending_free(pending);
  strongroom_session_free(session);
  strongroom_store_free(store);
}

TEST_F(LifecycleMisuse, ASizeThatEndsInAFieldIsRefused) {
  strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
  open.struct_size = offsetof(strongroom_store_options, anchor) + 4;  // half a pointer
  strongroom_store* store = nullptr;
  EXPECT_EQ(strongroom_store_open("memory:", &open, &store, nullptr), STRONGROOM_INVALID);
}

TEST_F(LifecycleMisuse, ASizeThatIsNoneIsRefused) {
  const std::string& key = fresh_.key_file;
  strongroom_report* report = nullptr;
  ASSERT_EQ(strongroom_status_read(store_, &report, nullptr), STRONGROOM_OK);
  strongroom_findings* findings = nullptr;
  ASSERT_EQ(strongroom_examine(store_, nullptr, 0, &findings, nullptr), STRONGROOM_OK);
  for (const std::size_t size : {std::size_t{0}, std::size_t{4097}, SIZE_MAX}) {
    strongroom_slots_options slots = a_key();
    slots.struct_size = size;
    strongroom_pending* pending = nullptr;
    EXPECT_EQ(strongroom_slots_prepare(session_, &slots, &pending, nullptr), STRONGROOM_INVALID);
    strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
    progress.struct_size = size;
    EXPECT_EQ(strongroom_unseal_share(session_, key.data(), key.size(), 0, &progress, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_report_progress(report, &progress), STRONGROOM_INVALID);
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    info.struct_size = size;
    EXPECT_EQ(strongroom_backup(session_, kSink, nullptr, nullptr, &info, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_backup_verify(kSource, nullptr, nullptr, &info, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_restore(session_, kSource, nullptr, nullptr, &info, nullptr),
              STRONGROOM_INVALID);
    strongroom_copy_info copied = STRONGROOM_COPY_INFO_INIT;
    copied.struct_size = size;
    EXPECT_EQ(strongroom_copy_store(session_, session_, nullptr, nullptr, &copied, nullptr),
              STRONGROOM_INVALID);
    strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
    share.struct_size = size;
    EXPECT_EQ(strongroom_report_wrapped(report, 0, 0, &share), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_pending_wrapped(init_.raw(), 0, &share), STRONGROOM_INVALID);
    strongroom_finding finding = STRONGROOM_FINDING_INIT;
    finding.struct_size = size;
    EXPECT_EQ(strongroom_findings_at(findings, 0, &finding), STRONGROOM_INVALID);
  }
  EXPECT_EQ(strongroom_report_progress(report, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_report_wrapped(report, 0, 0, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_findings_at(findings, 0, nullptr), STRONGROOM_INVALID);
  strongroom_findings_free(findings);
  strongroom_report_free(report);
}

TEST_F(LifecycleMisuse, AnUnknownTailIsFineWhileItIsZero) {
  Tailed<strongroom_slots_options> slots{a_key()};
  slots.known.struct_size = sizeof slots;
  strongroom_pending* pending = nullptr;
  ASSERT_EQ(strongroom_slots_prepare(session_, &slots.known, &pending, nullptr), STRONGROOM_OK);
  strongroom_pending_free(pending);
  slots.tail.back() = 1;
  EXPECT_EQ(strongroom_slots_prepare(session_, &slots.known, &pending, nullptr),
            STRONGROOM_INVALID);
  Tailed<strongroom_backup_info> info{STRONGROOM_BACKUP_INFO_INIT};
  info.known.struct_size = sizeof info;
  info.tail.fill(0xD1);
  ASSERT_EQ(strongroom_backup(session_, kSink, nullptr, nullptr, &info.known, nullptr),
            STRONGROOM_OK);
  EXPECT_THAT(info.tail, ::testing::Each(0));
  EXPECT_GT(info.known.num_records, 0u);
}

TEST_F(LifecycleMisuse, ReservedFieldsMustBeZero) {
  strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
  open.reserved = 1;
  strongroom_store* store = nullptr;
  EXPECT_EQ(strongroom_store_open("memory:", &open, &store, nullptr), STRONGROOM_INVALID);
  strongroom_abi::Store empty("memory:");
  strongroom_abi::Session session = empty.trusted();
  strongroom_init_options init = a_key_file();
  init.reserved = 1;
  strongroom_pending* pending = nullptr;
  EXPECT_EQ(strongroom_init_prepare(session.raw(), &init, &pending, nullptr), STRONGROOM_INVALID);
}

}  // namespace
}  // namespace capi_test::lifecycle_misuse_test
