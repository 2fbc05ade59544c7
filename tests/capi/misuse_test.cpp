// misuse_test.cpp: what a careless C caller may do is refused, and never followed into a crash. What is the same for
// all functions is in every_export_test.cpp: handles, missing outputs, struct sizes, forks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::misuse_test {
namespace {

// refused runs a call that must fail, and checks that its output was cleared.
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

constexpr std::uint32_t kMessages[] = {STRONGROOM_MESSAGE_SECRET, STRONGROOM_MESSAGE_ENVIRONMENT,
                                       STRONGROOM_MESSAGE_VOLUMES, STRONGROOM_MESSAGE_IMAGE};

class Misuse : public ::testing::Test {
 protected:
  Misuse() : fresh_("memory:"), session_(fresh_.session.raw()), store_(fresh_.store.raw()) {
    fresh_.session.put("a", STRONGROOM_CONTENT_TEXT, R"({"k":"v"})");
  }

  Fresh fresh_;
  strongroom_session* const session_;
  strongroom_store* const store_;
};

// ---- inputs ----

TEST_F(Misuse, ANullLengthGivesNoBytes) {
  strongroom_list_options page = STRONGROOM_LIST_OPTIONS_INIT;
  page.limit = 1;
  strongroom_names* names = nullptr;
  ASSERT_EQ(strongroom_list(session_, "", &page, &names, nullptr), STRONGROOM_OK);
  EXPECT_EQ(strongroom_names_next(names, nullptr), nullptr);
  strongroom_names_free(names);
}

TEST_F(Misuse, NullInputsAreRefused) {
  const char* const paths[] = {"a", nullptr};
  const strongroom_message null_json = {nullptr, 1, STRONGROOM_FORMAT_JSON, 0};
  const strongroom_message null_wire = {nullptr, 1, STRONGROOM_FORMAT_WIRE, 0};
  EXPECT_TRUE(refused<strongroom_store>(
      [&](auto out, auto error) { return strongroom_store_open(nullptr, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_session>(
      [&](auto out, auto error) { return strongroom_session_open(store_, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
    return strongroom_get(session_, nullptr, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
    return strongroom_get_many(session_, paths, 2, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
    return strongroom_get_many(session_, nullptr, 1, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_names>([&](auto out, auto error) {
    return strongroom_list(session_, nullptr, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_names>([&](auto out, auto error) {
    strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
    options.limit = 1;
    options.after_len = 1;
    return strongroom_list(session_, "", &options, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
    return strongroom_record_get(session_, nullptr, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_names>([&](auto out, auto error) {
    return strongroom_record_list(session_, nullptr, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_secret>(
      [&](auto out, auto error) { return strongroom_resolve(session_, nullptr, out, error); }));
  for (const strongroom_message& message : {null_json, null_wire}) {
    EXPECT_TRUE(refused<strongroom_secret>(
        [&](auto out, auto error) { return strongroom_resolve(session_, &message, out, error); }));
    EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
      return strongroom_resolve_many(session_, &message, 1, out, error);
    }));
  }
  EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
    return strongroom_resolve_many(session_, nullptr, 1, out, error);
  }));
  for (const strongroom_message* message :
       {(const strongroom_message*)nullptr, &null_json, &null_wire}) {
    EXPECT_TRUE(refused<strongroom_environment>([&](auto out, auto error) {
      return strongroom_resolve_environment(session_, message, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_volumes>([&](auto out, auto error) {
      return strongroom_resolve_volumes(session_, message, out, error);
    }));
    for (const std::uint32_t kind : kMessages) {
      EXPECT_EQ(strongroom_message_validate(kind, message, nullptr), STRONGROOM_INVALID);
      EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
        return strongroom_message_convert(kind, message, STRONGROOM_FORMAT_JSON, out, error);
      }));
    }
  }
  EXPECT_TRUE(refused<strongroom_pending>([&](auto out, auto error) {
    return strongroom_init_prepare(session_, nullptr, out, error);
  }));
  EXPECT_TRUE(refused<strongroom_watch>(
      [&](auto out, auto error) { return strongroom_watch_open(session_, nullptr, out, error); }));
  EXPECT_TRUE(refused<strongroom_policy>(
      [&](auto out, auto error) { return strongroom_policy_parse(nullptr, 1, out, error); }));
  EXPECT_TRUE(refused<strongroom_documents>([&](auto out, auto error) {
    return strongroom_documents_get(session_, nullptr, out, error);
  }));
  EXPECT_EQ(strongroom_put(session_, "a", 1, nullptr, 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_put(session_, nullptr, 1, "b", 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", SIZE_MAX, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_delete(session_, nullptr, nullptr, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_record_put(session_, "a", nullptr, 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_record_put(session_, nullptr, "b", 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_record_put(session_, "a", "b", SIZE_MAX, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_record_delete(session_, nullptr, 0, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_documents_put(session_, nullptr, "x", 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_documents_put(session_, "p", nullptr, 1, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_documents_delete(session_, nullptr, 0, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_check(session_, STRONGROOM_ACTION_READ, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_init_activate(session_, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_unseal(session_, nullptr, 1, 0, nullptr), STRONGROOM_INVALID);
  const strongroom_bytes null_text = {nullptr, 5};
  EXPECT_EQ(strongroom_unseal(session_, &null_text, 1, 0, nullptr), STRONGROOM_INVALID);
  const std::vector<strongroom_bytes> many(513, strongroom_bytes{"x", 1});
  EXPECT_EQ(strongroom_unseal(session_, many.data(), many.size(), 0, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(fresh_.session.get("a").describe().revision, 1u) << "nothing was written";
  EXPECT_EQ(fresh_.session.records("").size(), 0u);
}

TEST_F(Misuse, UnknownFlagsAndConstantsAreRefused) {
  const strongroom_bytes key = strongroom_abi::bytes(fresh_.key);
  for (const std::uint32_t flags : {4u, 8u, 0x80000001u, UINT32_MAX})
    EXPECT_EQ(strongroom_unseal(session_, &key, 1, flags, nullptr), STRONGROOM_INVALID) << flags;
  EXPECT_EQ(strongroom_unseal(session_, &key, 1, STRONGROOM_UNSEAL_ESCROWED, nullptr),
            STRONGROOM_INVALID)
      << "it takes no credentials";
  for (const std::uint32_t unknown : {0u, 3u, 257u, UINT32_MAX}) {
    EXPECT_EQ(strongroom_put(session_, "a", unknown, "b", 1, nullptr, nullptr, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_seal(session_, unknown, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_rotate(session_, unknown, nullptr), STRONGROOM_INVALID);
    const strongroom_message message = {"{}", 2, unknown, 0};
    EXPECT_TRUE(refused<strongroom_secret>(
        [&](auto out, auto error) { return strongroom_resolve(session_, &message, out, error); }));
    EXPECT_TRUE(refused<strongroom_batch>([&](auto out, auto error) {
      return strongroom_resolve_many(session_, &message, 1, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_environment>([&](auto out, auto error) {
      return strongroom_resolve_environment(session_, &message, out, error);
    }));
    EXPECT_TRUE(refused<strongroom_volumes>([&](auto out, auto error) {
      return strongroom_resolve_volumes(session_, &message, out, error);
    }));
    const strongroom_message good = {"{}", 2, STRONGROOM_FORMAT_JSON, 0};
    for (const std::uint32_t kind : kMessages) {
      EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
        return strongroom_message_convert(kind, &message, STRONGROOM_FORMAT_JSON, out, error);
      }));
      EXPECT_TRUE(refused<strongroom_secret>([&](auto out, auto error) {
        return strongroom_message_convert(kind, &good, unknown, out, error);
      }));
    }
  }
  for (const std::uint32_t kind : {0u, 5u, UINT32_MAX}) {
    const strongroom_message good = {"{}", 2, STRONGROOM_FORMAT_JSON, 0};
    EXPECT_EQ(strongroom_message_validate(kind, &good, nullptr), STRONGROOM_INVALID);
  }
  EXPECT_EQ(strongroom_check(session_, STRONGROOM_ACTION_BACKUP + 1, "", nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_memory_allow_unlocked(2, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_memory_allow_unlocked(-1, nullptr), STRONGROOM_INVALID);
  EXPECT_FALSE(fresh_.store.status().sealed()) << "nothing was sealed";
  EXPECT_EQ(fresh_.store.status().info().num_terms, 1u) << "nothing was rotated";
  EXPECT_EQ(fresh_.session.get("a").describe().revision, 1u) << "nothing was written";
}

TEST_F(Misuse, AConditionAndItsRevisionBelongTogether) {
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  const auto refused_by_all = [&] {
    const std::string text = R"({"version": 1, "rules": []})";
    EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
    EXPECT_EQ(strongroom_record_put(session_, "a", "b", 1, &put, nullptr, nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(
        strongroom_documents_put(session_, "p", text.data(), text.size(), &put, nullptr, nullptr),
        STRONGROOM_INVALID);
  };
  put.condition = 4;
  refused_by_all();
  put.condition = STRONGROOM_CONDITION_REVISION;  // of none
  refused_by_all();
  put.revision = 1;
  for (const std::uint32_t condition :
       {STRONGROOM_CONDITION_ANY, STRONGROOM_CONDITION_CREATE, STRONGROOM_CONDITION_UPDATE}) {
    put.condition = condition;
    refused_by_all();
  }
  EXPECT_EQ(fresh_.session.get("a").describe().revision, 1u) << "nothing was written";
  EXPECT_EQ(fresh_.session.records("").size() + fresh_.session.documents().size(), 0u);
}

TEST_F(Misuse, IdentitiesThatCouldForgeAMessageAreRefused) {
  const std::string long_id(4097, 'x');
  const auto opened = [&](std::uint32_t kind, const char* id, const char* space) {
    strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
    identity.kind = kind;
    identity.id = id;
    identity.space = space;
    return refused<strongroom_session>([&](auto out, auto error) {
      return strongroom_session_open(store_, &identity, out, error);
    });
  };
  for (const char* id : {"", "a\nb", "\x7f", "\xff", long_id.c_str()})
    EXPECT_TRUE(opened(STRONGROOM_IDENTITY_USER, id, nullptr));
  for (const char* space : {"a\nb", "\xff", long_id.c_str()})
    EXPECT_TRUE(opened(STRONGROOM_IDENTITY_SERVICE, "id", space));
}

TEST_F(Misuse, AnIdentityThatWasNotFilledInIsNobody) {
  const strongroom_identity none = STRONGROOM_IDENTITY_INIT;
  EXPECT_EQ(none.kind, 0u);
  for (const char* id : {static_cast<const char*>(nullptr), "alice"}) {
    strongroom_identity identity = none;
    identity.id = id;
    EXPECT_TRUE(refused<strongroom_session>([&](auto out, auto error) {
      return strongroom_session_open(store_, &identity, out, error);
    }));
    strongroom_policy* policy = nullptr;
    ASSERT_EQ(strongroom_policy_parse(nullptr, 0, &policy, nullptr), STRONGROOM_OK);
    EXPECT_EQ(strongroom_policy_decide(policy, &identity, STRONGROOM_ACTION_READ, "a", nullptr),
              STRONGROOM_INVALID);
    strongroom_policy_free(policy);
  }
}

TEST_F(Misuse, InitOptionsOutsideTheRulesAreRefused) {
  strongroom_abi::Store store("memory:");
  strongroom_abi::Session session = store.trusted();
  const auto prepared = [&](std::uint32_t shares, std::uint32_t threshold, std::uint32_t key,
                            std::uint32_t max_secret_len) {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.shares = shares;
    options.threshold = threshold;
    options.key = key;
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

TEST_F(Misuse, AFieldBeyondStructSizeIsNotLookedAt) {
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.condition = STRONGROOM_CONDITION_CREATE;
  put.struct_size = offsetof(strongroom_put_options, condition);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_OK);
  put.struct_size = sizeof(std::size_t);
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_OK);
}

TEST_F(Misuse, AStructSizeThatHalvesAFieldIsRefused) {
  strongroom_store_options open = STRONGROOM_STORE_OPTIONS_INIT;
  open.struct_size = offsetof(strongroom_store_options, anchor) + 4;  // half a pointer
  EXPECT_TRUE(refused<strongroom_store>(
      [&](auto out, auto error) { return strongroom_store_open("memory:", &open, out, error); }));
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.struct_size = offsetof(strongroom_put_options, revision) + 1;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
}

TEST_F(Misuse, ReservedFieldsMustBeZero) {
  strongroom_put_options put = STRONGROOM_PUT_OPTIONS_INIT;
  put.reserved = 1;
  EXPECT_EQ(strongroom_put(session_, "a", 1, "b", 1, &put, nullptr, nullptr), STRONGROOM_INVALID);
  EXPECT_EQ(strongroom_record_put(session_, "a", "b", 1, &put, nullptr, nullptr),
            STRONGROOM_INVALID);
  strongroom_get_options get = STRONGROOM_GET_OPTIONS_INIT;
  get.reserved = 1;
  EXPECT_TRUE(refused<strongroom_secret>(
      [&](auto out, auto error) { return strongroom_get(session_, "a", &get, out, error); }));
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  identity.kind = STRONGROOM_IDENTITY_TRUSTED;
  identity.reserved = 1;
  EXPECT_TRUE(refused<strongroom_session>([&](auto out, auto error) {
    return strongroom_session_open(store_, &identity, out, error);
  }));
  const std::string json = reference_to("a");
  strongroom_message message = json_message(json);
  message.reserved = 1;
  EXPECT_TRUE(refused<strongroom_secret>(
      [&](auto out, auto error) { return strongroom_resolve(session_, &message, out, error); }));
  strongroom_abi::Store empty("memory:");
  strongroom_abi::Session session = empty.trusted();
  strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
  init.key = 1;
  init.reserved = 1;
  EXPECT_TRUE(refused<strongroom_pending>([&](auto out, auto error) {
    return strongroom_init_prepare(session.raw(), &init, out, error);
  }));
}

TEST_F(Misuse, FlagsOfOptionsAreZeroOrOne) {
  const auto opened = [&](std::uint32_t strongroom_store_options::*flag) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.*flag = 2;
    return refused<strongroom_store>([&](auto out, auto error) {
      return strongroom_store_open("memory:", &options, out, error);
    });
  };
  EXPECT_TRUE(opened(&strongroom_store_options::must_exist));
  EXPECT_TRUE(opened(&strongroom_store_options::allow_unavailable));
  const auto listed = [&](std::uint32_t strongroom_list_options::*flag) {
    strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
    options.*flag = 2;
    EXPECT_TRUE(refused<strongroom_names>([&](auto out, auto error) {
      return strongroom_record_list(session_, "", &options, out, error);
    }));
    return refused<strongroom_names>(
        [&](auto out, auto error) { return strongroom_list(session_, "", &options, out, error); });
  };
  EXPECT_TRUE(listed(&strongroom_list_options::recursive));
  EXPECT_TRUE(listed(&strongroom_list_options::visible));
  strongroom_get_options get = STRONGROOM_GET_OPTIONS_INIT;
  get.fresh = 2;
  EXPECT_TRUE(refused<strongroom_secret>(
      [&](auto out, auto error) { return strongroom_get(session_, "a", &get, out, error); }));
}

// ---- errors ----

TEST_F(Misuse, ASuccessLeavesNoErrorBehind) {
  strongroom_error* error = dirt<strongroom_error>();
  strongroom_secret* secret = nullptr;
  ASSERT_EQ(strongroom_get(session_, "a", nullptr, &secret, &error), STRONGROOM_OK);
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
  ASSERT_EQ(strongroom_get(session, "a", nullptr, &secret, &error), STRONGROOM_SEALED);
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
