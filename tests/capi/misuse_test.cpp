// misuse_test.cpp: what a careless C caller may do is refused, and never followed into a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_backend.h"

namespace capi_test::misuse_test {
namespace {

// Dirt is what outputs hold before a call that fails; nothing of it may be left.
template <typename T>
T* dirt() {
  return reinterpret_cast<T*>(std::uintptr_t{0xD1D1D1D0});
}

// cleared runs a call that must fail, and tells whether its output was cleared.
template <typename T, typename F>
::testing::AssertionResult refused(F call, strongroom_status wanted = STRONGROOM_INVALID) {
  T* out = dirt<T>();
  Expect expect;
  const auto failed = expect.failed(call(&out, static_cast<strongroom_error**>(expect)), wanted);
  if (!failed) return failed;
  if (out != nullptr) return ::testing::AssertionFailure() << "the output was not cleared";
  out = dirt<T>();
  if (call(&out, nullptr) != wanted || out != nullptr)
    return ::testing::AssertionFailure() << "it depends on out_error";
  Expect without_out;
  return without_out.failed(call(nullptr, static_cast<strongroom_error**>(without_out)),
                            STRONGROOM_INVALID);
}

class Misuse : public ::testing::Test {
 protected:
  Misuse() : fresh_("memory:"), session_(fresh_.session.raw()), store_(fresh_.store.raw()) {
    fresh_.session.put("a", STRONGROOM_CONTENT_TEXT, R"({"k":"v"})");
  }

  // no_sessions are what is no session, and no_stores what is no store.
  std::vector<strongroom_session*> no_sessions() const {
    return {nullptr, reinterpret_cast<strongroom_session*>(store_)};
  }
  std::vector<strongroom_store*> no_stores() const {
    return {nullptr, reinterpret_cast<strongroom_store*>(session_)};
  }

  Fresh fresh_;
  strongroom_session* const session_;
  strongroom_store* const store_;
};

// ---- handles ----

TEST_F(Misuse, WhatIsNoSessionIsRefusedWhereASessionIsNeeded) {
  const char* const paths[] = {"a"};
  const strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
  for (strongroom_session* const bad : no_sessions()) {
    EXPECT_TRUE(refused<strongroom_secret>(
        [&](auto out, auto error) { return strongroom_get(bad, "a", out, error); }));
    EXPECT_TRUE(refused<strongroom_secret>(
        [&](auto out, auto error) { return strongroom_get_member(bad, "a", "k", out, error); }));
    EXPECT_TRUE(refused<strongroom_batch>(
        [&](auto out, auto error) { return strongroom_get_many(bad, paths, 1, out, error); }));
    EXPECT_TRUE(refused<strongroom_list>(
        [&](auto out, auto error) { return strongroom_list_read(bad, "", 0, out, error); }));
    EXPECT_TRUE(refused<strongroom_list>([&](auto out, auto error) {
      return strongroom_list_page(bad, "", nullptr, 0, 1, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
      return strongroom_resolve(bad, STRONGROOM_FORMAT_JSON, "{}", 2, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
      return strongroom_resolve_many(bad, nullptr, 0, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_environment>([&](auto out, auto error) {
      return strongroom_resolve_environment(bad, "{}", 2, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_volumes>([&](auto out, auto error) {
      return strongroom_resolve_volumes(bad, "[]", 2, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_pending>(
        [&](auto out, auto error) { return strongroom_init_prepare(bad, &init, out, error); }));
    const strongroom_bytes key = {fresh_.key_file.data(), fresh_.key_file.size()};
    std::uint64_t revision = 7;
    EXPECT_EQ(strongroom_put(bad, "a", 1, "b", 1, nullptr, &revision, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(revision, 0u);
    revision = 7;
    EXPECT_EQ(strongroom_delete(bad, "a", 0, &revision, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(revision, 0u);
    EXPECT_EQ(strongroom_unseal(bad, &key, 1, 0, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_seal(bad, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_rotate(bad, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_init_activate(bad, nullptr, nullptr), STRONGROOM_INVALID);
    strongroom_session_free(bad);
  }
  EXPECT_EQ(fresh_.session.get("a").size(), 9u) << "a free of another type must not free";
}

TEST_F(Misuse, WhatIsNoStoreIsRefusedWhereAStoreIsNeeded) {
  for (strongroom_store* const bad : no_stores()) {
    EXPECT_TRUE(refused<strongroom_session>(
        [&](auto out, auto error) { return strongroom_session_trusted(bad, out, error); }));
    EXPECT_TRUE(refused<strongroom_session>(
        [&](auto out, auto error) { return strongroom_session_user(bad, "id", out, error); }));
    EXPECT_TRUE(refused<strongroom_session>([&](auto out, auto error) {
      return strongroom_session_service(bad, "id", "", out, error);
    }));
    EXPECT_TRUE(refused<strongroom_report>(
        [&](auto out, auto error) { return strongroom_status_read(bad, out, error); }));
    EXPECT_EQ(strongroom_close(bad, nullptr), STRONGROOM_INVALID);
    strongroom_store_free(bad);
  }
  EXPECT_EQ(fresh_.session.get("a").size(), 9u);
}

// as is a handle passed as one of another type.
template <typename T>
T* as(const void* handle) {
  return static_cast<T*>(const_cast<void*>(handle));
}

TEST_F(Misuse, AccessorsOfNullAndOfOtherHandlesGiveNothing) {
  for (const void* const bad :
       {static_cast<const void*>(nullptr), static_cast<const void*>(store_)}) {
    std::size_t len = 9;
    EXPECT_EQ(strongroom_pending_store_id(as<strongroom_pending>(bad)), nullptr);
    EXPECT_EQ(strongroom_pending_num_shares(as<strongroom_pending>(bad)), 0u);
    EXPECT_EQ(strongroom_pending_share(as<strongroom_pending>(bad), 0, &len), nullptr);
    EXPECT_EQ(len, 0u);
    len = 9;
    EXPECT_EQ(strongroom_pending_key_file(as<strongroom_pending>(bad), &len), nullptr);
    EXPECT_EQ(len, 0u);
    EXPECT_EQ(strongroom_report_url(as<strongroom_report>(bad)), nullptr);
    EXPECT_EQ(strongroom_report_initialized(as<strongroom_report>(bad)), 0);
    EXPECT_EQ(strongroom_report_sealed(as<strongroom_report>(bad)), 1);
    EXPECT_EQ(strongroom_report_locked(as<strongroom_report>(bad)), 0);
    EXPECT_EQ(strongroom_report_header_damaged(as<strongroom_report>(bad)), 0);
    EXPECT_EQ(strongroom_report_store_id(as<strongroom_report>(bad)), nullptr);
    EXPECT_EQ(strongroom_report_generation(as<strongroom_report>(bad)), 0u);
    EXPECT_EQ(strongroom_report_active_term(as<strongroom_report>(bad)), 0u);
    EXPECT_EQ(strongroom_report_num_terms(as<strongroom_report>(bad)), 0u);
    EXPECT_EQ(strongroom_report_max_secret_len(as<strongroom_report>(bad)), 0u);
    EXPECT_EQ(strongroom_report_num_slots(as<strongroom_report>(bad)), 0u);
    strongroom_slot slot = STRONGROOM_SLOT_INIT;
    EXPECT_EQ(strongroom_report_slot(as<strongroom_report>(bad), 0, &slot), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_secret_writable(as<strongroom_secret>(bad)), nullptr);
    EXPECT_EQ(strongroom_secret_truncate(as<strongroom_secret>(bad), 0, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_secret_data(as<strongroom_secret>(bad)), nullptr);
    EXPECT_EQ(strongroom_secret_size(as<strongroom_secret>(bad)), 0u);
    EXPECT_EQ(strongroom_secret_content(as<strongroom_secret>(bad)), 0u);
    EXPECT_EQ(strongroom_secret_revision(as<strongroom_secret>(bad)), 0u);
    EXPECT_EQ(strongroom_secret_created_ms(as<strongroom_secret>(bad)), 0u);
    EXPECT_EQ(strongroom_secret_changed_ms(as<strongroom_secret>(bad)), 0u);
    EXPECT_EQ(strongroom_batch_size(as<strongroom_batch>(bad)), 0u);
    EXPECT_EQ(strongroom_batch_status(as<strongroom_batch>(bad), 0), STRONGROOM_INVALID);
    EXPECT_STREQ(strongroom_batch_message(as<strongroom_batch>(bad), 0), "");
    EXPECT_EQ(strongroom_batch_secret(as<strongroom_batch>(bad), 0), nullptr);
    EXPECT_EQ(strongroom_list_size(as<strongroom_list>(bad)), 0u);
    EXPECT_EQ(strongroom_list_name(as<strongroom_list>(bad), 0), nullptr);
    EXPECT_EQ(strongroom_list_is_folder(as<strongroom_list>(bad), 0), 0);
    len = 9;
    EXPECT_EQ(strongroom_list_next(as<strongroom_list>(bad), &len), nullptr);
    EXPECT_EQ(len, 0u);
    EXPECT_EQ(strongroom_environment_size(as<strongroom_environment>(bad)), 0u);
    EXPECT_EQ(strongroom_environment_name(as<strongroom_environment>(bad), 0), nullptr);
    len = 9;
    EXPECT_EQ(strongroom_environment_value(as<strongroom_environment>(bad), 0, &len), nullptr);
    EXPECT_EQ(len, 0u);
    EXPECT_EQ(strongroom_volumes_size(as<strongroom_volumes>(bad)), 0u);
    EXPECT_EQ(strongroom_volumes_path(as<strongroom_volumes>(bad), 0), nullptr);
    EXPECT_EQ(strongroom_volumes_read_only(as<strongroom_volumes>(bad), 0), 0);
    len = 9;
    EXPECT_EQ(strongroom_volumes_value(as<strongroom_volumes>(bad), 0, &len), nullptr);
    EXPECT_EQ(len, 0u);
  }
  EXPECT_EQ(strongroom_error_status(nullptr), STRONGROOM_OK);
  EXPECT_STREQ(strongroom_error_message(nullptr), "");
  EXPECT_EQ(strongroom_error_status(as<strongroom_error>(store_)), STRONGROOM_INVALID);
  EXPECT_STREQ(strongroom_error_message(as<strongroom_error>(store_)), "");
}

TEST_F(Misuse, EveryFreeTakesNullAndLeavesOtherHandlesAlone) {
  for (const void* const bad :
       {static_cast<const void*>(nullptr), static_cast<const void*>(store_)}) {
    strongroom_error_free(as<strongroom_error>(bad));
    strongroom_session_free(as<strongroom_session>(bad));
    strongroom_secret_free(as<strongroom_secret>(bad));
    strongroom_pending_free(as<strongroom_pending>(bad));
    strongroom_report_free(as<strongroom_report>(bad));
    strongroom_list_free(as<strongroom_list>(bad));
    strongroom_batch_free(as<strongroom_batch>(bad));
    strongroom_environment_free(as<strongroom_environment>(bad));
    strongroom_volumes_free(as<strongroom_volumes>(bad));
  }
  strongroom_store_free(nullptr);
  EXPECT_EQ(fresh_.session.get("a").size(), 9u);
}

TEST_F(Misuse, ANullLengthGivesNoBytes) {
  strongroom_list* list = nullptr;
  ASSERT_EQ(strongroom_list_page(session_, "", nullptr, 0, 1, &list, nullptr), STRONGROOM_OK);
  EXPECT_EQ(strongroom_list_next(list, nullptr), nullptr);
  strongroom_list_free(list);
}

// ---- inputs ----

TEST_F(Misuse, NullInputsAreRefused) {
  const char* const paths[] = {"a", nullptr};
  EXPECT_TRUE(refused<strongroom_store>(
      [&](auto out, auto error) { return strongroom_store_open(nullptr, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_session>(
      [&](auto out, auto error) { return strongroom_session_user(store_, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_session>([&](auto out, auto error) {
    return strongroom_session_service(store_, "id", nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_secret>(
      [&](auto out, auto error) { return strongroom_get(session_, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
    return strongroom_get_member(session_, nullptr, "k", out, error);
  }));
  EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
    return strongroom_get_member(session_, "a", nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_batch>(
      [&](auto out, auto error) { return strongroom_get_many(session_, paths, 2, out, error); }));
  EXPECT_TRUE(refused<strongroom_batch>(
      [&](auto out, auto error) { return strongroom_get_many(session_, nullptr, 1, out, error); }));
  EXPECT_TRUE(refused<strongroom_list>([&](auto out, auto error) {
    return strongroom_list_read(session_, nullptr, 0, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_list>([&](auto out, auto error) {
    return strongroom_list_page(session_, "", nullptr, 1, 1, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
    return strongroom_resolve(session_, STRONGROOM_FORMAT_WIRE, nullptr, 1, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
    return strongroom_resolve_many(session_, nullptr, 1, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_environment>([&](auto out, auto error) {
    return strongroom_resolve_environment(session_, nullptr, 1, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_volumes>([&](auto out, auto error) {
    return strongroom_resolve_volumes(session_, nullptr, 1, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_pending>([&](auto out, auto error) {
    return strongroom_init_prepare(session_, nullptr, out, error);
  }));
  EXPECT_EQ(strongroom_put(session_, "a", 1, nullptr, 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_put(session_, nullptr, 1, "b", 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", SIZE_MAX, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_delete(session_, nullptr, 0, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_init_activate(session_, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal(session_, nullptr, 1, 0, nullptr), STRONGROOM_INVALID);
  const strongroom_bytes null_text = {nullptr, 5};
  EXPECT_EQ(strongroom_unseal(session_, &null_text, 1, 0, nullptr), STRONGROOM_INVALID);
  const std::vector<strongroom_bytes> many(513, strongroom_bytes{"x", 1});
  EXPECT_EQ(strongroom_unseal(session_, many.data(), many.size(), 0, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_memory_stats(nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(fresh_.session.get("a").revision(), 1u) << "nothing was written";
}

TEST_F(Misuse, UnknownFlagsAndConstantsAreRefused) {
  const strongroom_bytes key = {fresh_.key_file.data(), fresh_.key_file.size()};
  EXPECT_EQ(strongroom_unseal(session_, &key, 1, 2, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal(session_, &key, 1, 0x80000001u, nullptr), STRONGROOM_INVALID);
  EXPECT_TRUE(refused<strongroom_list>(
      [&](auto out, auto error) { return strongroom_list_read(session_, "", 4, out, error); }));
  for (const std::uint32_t content : {0u, 3u, 257u, UINT32_MAX})
    EXPECT_EQ(strongroom_put(session_, "a", content, "b", 1, nullptr, nullptr, nullptr),
              STRONGROOM_INVALID);
  for (const std::uint32_t format : {0u, 3u, 257u})
    EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
      return strongroom_resolve(session_, format, "{}", 2, out, error);
    }));
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.condition = 4;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
  put.condition = STRONGROOM_CONDITION_REVISION;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID)
      << "no revision";
  put.condition = STRONGROOM_CONDITION_CREATE;
  put.revision = 1;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID)
      << "a revision without its condition";
  EXPECT_EQ(fresh_.session.get("a").revision(), 1u) << "nothing was written";
}

TEST_F(Misuse, IdentitiesThatCouldForgeAMessageAreRefused) {
  const std::string long_id(4097, 'x');
  for (const char* id : {"", "a\nb", "\x7f", "\xff", long_id.c_str()})
    EXPECT_TRUE(refused<strongroom_session>(
        [&](auto out, auto error) { return strongroom_session_user(store_, id, out, error); }));
  for (const char* space : {"a\nb", "\xff", long_id.c_str()})
    EXPECT_TRUE(refused<strongroom_session>([&](auto out, auto error) {
      return strongroom_session_service(store_, "id", space, out, error);
    }));
}

TEST_F(Misuse, InitOptionsOutsideTheRulesAreRefused) {
  strongroom_abi::Store store("memory:");
  strongroom_abi::Session session = store.trusted();
  const auto prepared = [&](std::uint32_t shares, std::uint32_t threshold, std::uint32_t key_file,
                            std::uint32_t max_secret_len) {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.shares = shares;
    options.threshold = threshold;
    options.key_file = key_file;
    options.max_secret_len = max_secret_len;
    return capi_test::status_of([&] { session.init_prepare(options); });
  };
  EXPECT_EQ(prepared(0, 0, 0, 0), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(2, 3, 0, 0), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(2, 0, 0, 0), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(256, 2, 0, 0), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(0, 0, 2, 0), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(0, 0, 1, (64u << 20) + 1), STRONGROOM_INVALID);
  EXPECT_EQ(prepared(2, 2, 1, 64u << 20), STRONGROOM_OK);
}

// ---- growing structs ----

// Tailed is a struct of a later release, with a tail that this library does not know.
template <typename T>
struct Tailed {
  T known;
  std::array<unsigned char, 16> tail{};
};

TEST_F(Misuse, AShorterStructMeansTheDefaults) {
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.condition = STRONGROOM_CONDITION_CREATE;  // beyond what struct_size says
  put.struct_size = offsetof(strongroom_put_options, condition);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_OK);
  put.struct_size = sizeof(std::size_t);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_OK);
}

TEST_F(Misuse, ASizeThatIsNoneIsRefused) {
  for (const std::size_t size :
       {std::size_t{0}, sizeof(std::size_t) - 1, std::size_t{4097}, SIZE_MAX}) {
    strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
    put.struct_size = size;
    EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
    strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
    open.struct_size = size;
    EXPECT_TRUE(refused<strongroom_store>(
        [&](auto out, auto error) { return strongroom_store_open("memory:", &open, out, error); }));
    strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
    init.struct_size = size;
    EXPECT_TRUE(refused<strongroom_pending>([&](auto out, auto error) {
      return strongroom_init_prepare(session_, &init, out, error);
    }));
    strongroom_memory_info info = STRONGROOM_MEMORY_INFO_INIT;
    info.struct_size = size;
    EXPECT_EQ(strongroom_memory_stats(&info), STRONGROOM_INVALID);
  }
}

TEST_F(Misuse, AnUnknownTailIsFineWhileItIsZero) {
  Tailed<strongroom_store_options> open{STRONGROOM_STORE_OPTIONS_INIT};
  open.known.struct_size = sizeof open;
  strongroom_store* store = nullptr;
  ASSERT_EQ(strongroom_store_open("memory:", &open.known, &store, nullptr), STRONGROOM_OK);
  strongroom_store_free(store);
  open.tail.back() = 1;
  EXPECT_TRUE(refused<strongroom_store>([&](auto out, auto error) {
    return strongroom_store_open("memory:", &open.known, out, error);
  }));
  Tailed<strongroom_put_options> put{STRONGROOM_PUT_OPTIONS_INIT};
  put.known.struct_size = sizeof put;
  put.tail.front() = 1;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put.known, nullptr, nullptr),
            STRONGROOM_INVALID);
}

TEST_F(Misuse, ReservedFieldsMustBeZero) {
  strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
  open.must_exist = 2;
  EXPECT_TRUE(refused<strongroom_store>(
      [&](auto out, auto error) { return strongroom_store_open("memory:", &open, out, error); }));
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.reserved = 1;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
}

TEST_F(Misuse, AFilledStructIsWrittenNoFurtherThanItsSize) {
  const auto report = fresh_.store.status();
  strongroom_report* raw = nullptr;
  ASSERT_EQ(strongroom_status_read(store_, &raw, nullptr), STRONGROOM_OK);
  Tailed<strongroom_slot> slot{STRONGROOM_SLOT_INIT};
  slot.tail.fill(0xD1);
  slot.known.struct_size = sizeof slot;
  ASSERT_EQ(strongroom_report_slot(raw, 0, &slot.known), STRONGROOM_OK);
  EXPECT_EQ(slot.known.kind, static_cast<std::uint32_t>(STRONGROOM_SLOT_KEY));
  EXPECT_EQ(slot.known.struct_size, sizeof slot);
  EXPECT_THAT(slot.tail, ::testing::Each(0));

  slot.known.struct_size = offsetof(strongroom_slot, kind);
  slot.known.kind = 0xD1;
  ASSERT_EQ(strongroom_report_slot(raw, 0, &slot.known), STRONGROOM_OK);
  EXPECT_EQ(slot.known.kind, 0xD1u);
  EXPECT_NE(slot.known.id, 0u);

  slot.known.struct_size = sizeof(strongroom_slot);
  EXPECT_EQ(strongroom_report_slot(raw, 1, &slot.known), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(slot.known.id, 0u) << "cleared on failure";
  EXPECT_EQ(strongroom_report_slot(raw, 0, nullptr), STRONGROOM_INVALID);
  strongroom_report_free(raw);
}

// ---- errors ----

TEST_F(Misuse, ASuccessLeavesNoErrorBehind) {
  strongroom_error* error = dirt<strongroom_error>();
  strongroom_secret* secret = nullptr;
  ASSERT_EQ(strongroom_get(session_, "a", &secret, &error), STRONGROOM_OK);
  EXPECT_EQ(error, nullptr);
  strongroom_secret_free(secret);
}

TEST_F(Misuse, AnErrorOutlivesTheCallAndTheStore) {
  strongroom_store* store = nullptr;
  strongroom_session* session = nullptr;
  strongroom_error* error = nullptr;
  strongroom_secret* secret = nullptr;
  ASSERT_EQ(strongroom_store_open("memory:", nullptr, &store, nullptr), STRONGROOM_OK);
  ASSERT_EQ(strongroom_session_trusted(store, &session, nullptr), STRONGROOM_OK);
  ASSERT_EQ(strongroom_get(session, "a", &secret, &error), STRONGROOM_SEALED);
  strongroom_session_free(session);
  strongroom_store_free(store);
  EXPECT_EQ(strongroom_error_status(error), STRONGROOM_SEALED);
  EXPECT_STRNE(strongroom_error_message(error), "");
  strongroom_error_free(error);
}

TEST_F(Misuse, EveryStatusHasAName) {
  EXPECT_STREQ(strongroom_status_name(STRONGROOM_OK), "ok");
  EXPECT_STREQ(strongroom_status_name(STRONGROOM_NOT_FOUND), "not_found");
  EXPECT_STREQ(strongroom_status_name(STRONGROOM_INTERNAL), "internal");
  EXPECT_STREQ(strongroom_status_name(16), "unknown");
  EXPECT_STREQ(strongroom_status_name(-1), "unknown");
  EXPECT_STREQ(strongroom_version(), STRONGROOM_VERSION);
  EXPECT_EQ(strongroom_abi_version(), static_cast<std::uint32_t>(STRONGROOM_ABI_VERSION));
}

TEST_F(Misuse, AUrlOfNoStorageIsRefused) {
  for (const char* url : {"", "memory", "lmdb:", "lmdb:relative", "http://host"})
    EXPECT_NE(capi_test::status_of([&] { strongroom_abi::Store store{std::string(url)}; }),
              STRONGROOM_OK)
        << url;
}

TEST_F(Misuse, AnErrorOfTheCppLayerCarriesStatusAndWords) {
  try {
    fresh_.session.get("absent");
    FAIL() << "nothing was thrown";
  } catch (const strongroom_abi::Error& error) {
    const strongroom_abi::Error copy = error;
    EXPECT_EQ(copy.status(), STRONGROOM_NOT_FOUND);
    EXPECT_THAT(copy.what(), ::testing::HasSubstr("absent"));
  }
}

}  // namespace
}  // namespace capi_test::misuse_test
