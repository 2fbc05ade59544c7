// secrets_test.cpp: the options of reads and lists, and what is done with a secret that was read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::secrets_test {
namespace {

using strongroom_abi::Session;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr std::uint32_t kBinary = STRONGROOM_CONTENT_BINARY;

strongroom_get_options with_key(const char* key) {
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.key = key;
  return options;
}

void ignore_secret(void*, strongroom_status, strongroom_secret* secret, strongroom_error* error) {
  strongroom_secret_free(secret);
  strongroom_error_free(error);
}

void ignore_batch(void*, strongroom_status, strongroom_batch* batch, strongroom_error* error) {
  strongroom_batch_free(batch);
  strongroom_error_free(error);
}

std::vector<std::string> names_of(const strongroom_abi::Names& names) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < names.size(); ++i)
    found.push_back(names.name(i) + std::string(names.is_folder(i) ? "/" : ""));
  return found;
}

class Secrets : public ::testing::Test {
 protected:
  Secrets() {
    session_.put("a", kText, "one");
    session_.put("json", kText, R"({"k":"two","":"nameless","n":5,"deep":{"k":"x"}})");
  }

  Fresh fresh_{"memory:"};
  Session& session_ = fresh_.session;
};

// ---- the options of get ----

TEST_F(Secrets, AKeyPicksAStringMemberAndKeepsWhatIsKnownOfTheSecret) {
  session_.put("json", kText, R"({"k":"three"})");
  const auto options = with_key("k");
  const auto member = session_.get("json", &options);
  EXPECT_EQ(member.reveal(), "three");
  EXPECT_TRUE(member.is_text());
  const auto whole = session_.get("json").describe();
  EXPECT_EQ(member.describe().revision, 2u);
  EXPECT_EQ(member.describe().created_ms, whole.created_ms);
  EXPECT_EQ(member.describe().changed_ms, whole.changed_ms);
}

TEST_F(Secrets, AKeyThatPicksNothingIsNotFoundOrInvalidAndQuotesNothing) {
  session_.put("binary", kBinary, "\xff canary");
  session_.put("list", kText, R"(["canary"])");
  const auto refused = [&](const char* path, const char* key, strongroom_status wanted) {
    const auto options = with_key(key);
    strongroom_secret* out = dirt<strongroom_secret>();
    Expect expect;
    EXPECT_TRUE(
        expect.failed(strongroom_get(session_.raw(), path, &options, &out, expect), wanted));
    EXPECT_EQ(out, nullptr);
    EXPECT_THAT(expect.message(), HasSubstr(path));
    EXPECT_THAT(expect.message(), ::testing::Not(HasSubstr("canary")));
    EXPECT_THAT(expect.message(), ::testing::Not(HasSubstr("two")));
  };
  refused("json", "absent", STRONGROOM_NOT_FOUND);
  refused("json", "K", STRONGROOM_NOT_FOUND);
  refused("json", "n", STRONGROOM_INVALID);
  refused("json", "deep", STRONGROOM_INVALID);
  refused("a", "k", STRONGROOM_INVALID);
  refused("binary", "k", STRONGROOM_INVALID);
  refused("list", "k", STRONGROOM_INVALID);
  refused("none", "k", STRONGROOM_NOT_FOUND);
}

TEST_F(Secrets, AFreshReadSeesAnotherHandlesWriteAndIsNotStale) {
  TempDir directory;
  Fresh one("lmdb:" + directory.path() + "/store");
  strongroom_abi::Store other("lmdb:" + directory.path() + "/store");
  auto writer = other.trusted();
  writer.unseal({one.key});
  strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
  options.fresh = 1;
  for (int i = 0; i < 5; ++i) {
    writer.put("a", kText, std::to_string(i));
    const auto read = one.session.get("a", &options);
    EXPECT_EQ(read.reveal(), std::to_string(i));
    EXPECT_EQ(read.describe().stale_ms, 0u);
    EXPECT_EQ(one.session.get_many({"a"}, &options).secret(0).reveal(), std::to_string(i));
  }
  const auto picked = with_key("k");
  options.key = picked.key;
  writer.put("json", kText, R"({"k":"v"})");
  EXPECT_EQ(one.session.get("json", &options).reveal(), "v");
}

TEST_F(Secrets, ReadsOfSeveralTakeNeitherKeyNorDecidePath) {
  const char* const paths[] = {"json"};
  strongroom_get_options decided = STRONGROOM_GET_OPTIONS_INIT;
  decided.decide_path = "json";
  for (const auto& options : {with_key("k"), with_key(""), decided}) {
    strongroom_batch* batch = dirt<strongroom_batch>();
    Expect expect;
    EXPECT_TRUE(
        expect.failed(strongroom_get_many(session_.raw(), paths, 1, &options, &batch, expect),
                      STRONGROOM_INVALID));
    EXPECT_EQ(batch, nullptr);
    EXPECT_EQ(strongroom_get_many_async(session_.raw(), paths, 1, &options, ignore_batch, nullptr,
                                        nullptr),
              STRONGROOM_INVALID);
  }
}

TEST_F(Secrets, AnAsynchronousGetTakesTheSameOptions) {
  struct Heard {
    std::string text;
    strongroom_status status = STRONGROOM_INTERNAL;
    static void done(void* self, strongroom_status status, strongroom_secret* secret,
                     strongroom_error* error) {
      Heard& heard = *static_cast<Heard*>(self);
      heard.status = status;
      heard.text = strongroom_abi::Secret(secret).reveal();
      strongroom_error_free(error);
    }
  };
  auto options = with_key("k");
  Heard heard;
  ASSERT_EQ(strongroom_get_async(session_.raw(), "json", &options, &Heard::done, &heard, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(heard.text, "two");
  options = with_key("absent");
  ASSERT_EQ(strongroom_get_async(session_.raw(), "json", &options, &Heard::done, &heard, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(heard.status, STRONGROOM_NOT_FOUND);
  options.fresh = 2;
  EXPECT_EQ(strongroom_get_async(session_.raw(), "json", &options, ignore_secret, nullptr, nullptr),
            STRONGROOM_INVALID);
}

// ---- the options of list ----

TEST_F(Secrets, APageIsOfOneLevelAndShowsWhatTheCallerMayList) {
  for (const char* path : {"f/a", "f/b", "f/c/d"}) session_.put(path, kText, "");
  const auto listed = [&](const strongroom_list_options& options) {
    return status_of([&] { session_.list("f", &options); });
  };
  strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
  options.limit = 2;
  EXPECT_EQ(listed(options), STRONGROOM_OK);
  options.recursive = 1;
  EXPECT_EQ(listed(options), STRONGROOM_INVALID);
  options.recursive = 0;
  options.visible = 1;
  EXPECT_EQ(listed(options), STRONGROOM_INVALID);
  options.visible = 0;
  for (const std::size_t limit : {std::size_t{10'001}, SIZE_MAX}) {
    options.limit = limit;
    EXPECT_EQ(listed(options), STRONGROOM_INVALID) << limit;
  }
  options.limit = 10'000;
  EXPECT_EQ(listed(options), STRONGROOM_OK);
}

TEST_F(Secrets, APositionIsForPagesOnlyAndNoLongerThanAny) {
  for (const char* path : {"f/a", "f/b", "f/c", "g/a", "g/b"}) session_.put(path, kText, "");
  const std::string after(session_.list_page("f", "", 1).next());
  ASSERT_FALSE(after.empty());
  strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
  options.after = after.data();
  options.after_len = after.size();
  EXPECT_EQ(status_of([&] { session_.list("f", &options); }), STRONGROOM_INVALID)
      << "a position without a limit";
  EXPECT_EQ(status_of([&] { session_.list_page("f", std::string(5000, 'x'), 1); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(session_.list_page("f", after, 10).size(), 2u);
}

TEST_F(Secrets, ThePageAfterTheLastBeginsNowhere) {
  session_.put("f/a", kText, "");
  const auto page = session_.list_page("f", "", 10);
  EXPECT_TRUE(page.next().empty());
  EXPECT_TRUE(session_.list("f").next().empty());
  EXPECT_TRUE(session_.list_page("empty", "", 10).next().empty());
}

TEST_F(Secrets, RecursiveAndVisibleListsAreCombined) {
  session_.put("f/a/deep", kText, "");
  const auto recursive = listing(true);
  const auto both = listing(true, true);
  EXPECT_THAT(names_of(session_.list("", &recursive)), ElementsAre("a", "f/a/deep", "json"));
  EXPECT_THAT(names_of(session_.list("", &both)), ElementsAre("a", "f/a/deep", "json"));
}

TEST_F(Secrets, ASecretAndAFolderOfOneNameAreTwoNames) {
  session_.put("a/below", kText, "");
  const auto names = session_.list("");
  ASSERT_EQ(names.size(), 3u);
  EXPECT_STREQ(names.at(0).name, "a");
  EXPECT_STREQ(names.at(1).name, "a");
  EXPECT_NE(names.at(0).is_folder, names.at(1).is_folder);
  EXPECT_EQ(names.at(0).reserved, 0u);
  EXPECT_EQ(status_of([&] { names.at(3); }), STRONGROOM_NOT_FOUND);
}

// ---- the options of put and delete ----

TEST_F(Secrets, ADeletionOfAnotherRevisionIsAConflictAndZeroIsAnyRevision) {
  strongroom_delete_options options = STRONGROOM_DELETE_OPTIONS_INIT;
  options.revision = 2;
  std::uint64_t deleted = 9;
  EXPECT_EQ(strongroom_delete(session_.raw(), "a", &options, &deleted, nullptr),
            STRONGROOM_CONFLICT);
  EXPECT_EQ(deleted, 0u);
  options.revision = 1;
  EXPECT_EQ(strongroom_delete(session_.raw(), "a", &options, &deleted, nullptr), STRONGROOM_OK);
  EXPECT_EQ(deleted, 2u);
  EXPECT_EQ(strongroom_delete(session_.raw(), "a", &options, &deleted, nullptr),
            STRONGROOM_NOT_FOUND);
  EXPECT_EQ(session_.put("a", kText, "again"), 3u);
  EXPECT_EQ(strongroom_delete(session_.raw(), "a", nullptr, nullptr, nullptr), STRONGROOM_OK);
}

// ---- secrets that were read ----

TEST_F(Secrets, ACopyOfExactlyTheSecretsSizeIsMade) {
  const auto secret = session_.get("a");
  std::array<char, 3> exact{};
  std::size_t len = 9;
  ASSERT_EQ(strongroom_secret_copy_out(secret.raw(), exact.data(), exact.size(), &len, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(len, 3u);
  EXPECT_EQ(std::string(exact.data(), exact.size()), "one");
  EXPECT_EQ(strongroom_secret_copy_out(secret.raw(), exact.data(), exact.size(), nullptr, nullptr),
            STRONGROOM_OK);
}

TEST_F(Secrets, ACopyWritesNothingBehindTheSecret) {
  const auto secret = session_.get("a");
  std::array<char, 8> roomy;
  roomy.fill('#');
  std::size_t len = 0;
  ASSERT_EQ(strongroom_secret_copy_out(secret.raw(), roomy.data(), roomy.size(), &len, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(len, 3u);
  EXPECT_EQ(std::string(roomy.data(), roomy.size()), "one#####");
}

TEST_F(Secrets, ABufferThatIsTooSmallGetsNothing) {
  const auto secret = session_.get("a");
  for (const std::size_t capacity : {0u, 1u, 2u}) {
    std::array<char, 3> small;
    small.fill('#');
    std::size_t len = 9;
    Expect expect;
    EXPECT_TRUE(expect.failed(
        strongroom_secret_copy_out(secret.raw(), small.data(), capacity, &len, expect),
        STRONGROOM_TOO_LARGE));
    EXPECT_EQ(len, 0u);
    EXPECT_EQ(std::string(small.data(), small.size()), "###");
    EXPECT_THAT(expect.message(), ::testing::Not(HasSubstr("one")));
  }
  std::size_t len = 9;
  EXPECT_EQ(strongroom_secret_copy_out(secret.raw(), nullptr, 0, &len, nullptr),
            STRONGROOM_TOO_LARGE);
  EXPECT_EQ(strongroom_secret_copy_out(secret.raw(), nullptr, 3, &len, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(len, 0u);
}

TEST_F(Secrets, AnEmptySecretIsCopiedIntoNoBuffer) {
  session_.put("empty", kText, "");
  const auto secret = session_.get("empty");
  std::size_t len = 9;
  EXPECT_EQ(strongroom_secret_copy_out(secret.raw(), nullptr, 0, &len, nullptr), STRONGROOM_OK);
  EXPECT_EQ(len, 0u);
  char one = '#';
  EXPECT_EQ(strongroom_secret_copy_out(secret.raw(), &one, 1, &len, nullptr), STRONGROOM_OK);
  EXPECT_EQ(one, '#');
}

TEST_F(Secrets, AForkedChildCopiesWhatWasReadBefore) {
  const auto secret = session_.get("a");
  EXPECT_EQ(in_child([&] {
              std::array<char, 3> copy{};
              std::size_t len = 0;
              const auto status =
                  strongroom_secret_copy_out(secret.raw(), copy.data(), copy.size(), &len, nullptr);
              return status == STRONGROOM_OK && len == 3 && std::memcmp(copy.data(), "one", 3) == 0
                         ? 7
                         : 1;
            }),
            7);
}

TEST_F(Secrets, WhatWasNotReadByItsPathHasNoRevision) {
  const auto resolved = session_.resolve(STRONGROOM_FORMAT_JSON, reference_to("a"));
  const strongroom_abi::Secret made(std::size_t{3});
  const auto batch = session_.resolve_many({json_message(reference_to("a"))});
  const auto none = [](const strongroom_secret_info& info) {
    return info.revision + info.created_ms + info.changed_ms + info.stale_ms + info.reserved;
  };
  EXPECT_EQ(none(resolved.describe()), 0u);
  EXPECT_EQ(none(made.describe()), 0u);
  EXPECT_EQ(none(batch.secret(0).describe()), 0u);
  EXPECT_NE(resolved.describe().content, 0u);
  EXPECT_NE(made.describe().content, 0u);
}

// ---- batches, environments, volumes ----

TEST_F(Secrets, AnItemThatFailedHasAReasonAndNoSecret) {
  const auto batch = session_.get_many({"a", "none"});
  const strongroom_batch_item good = batch.at(0);
  EXPECT_EQ(good.status, STRONGROOM_OK);
  EXPECT_STREQ(good.message, "");
  ASSERT_NE(good.secret, nullptr);
  EXPECT_EQ(strongroom_abi::SecretRef(good.secret).describe().revision, 1u);
  const strongroom_batch_item bad = batch.at(1);
  EXPECT_EQ(bad.status, STRONGROOM_NOT_FOUND);
  EXPECT_THAT(bad.message, HasSubstr("none"));
  EXPECT_EQ(bad.secret, nullptr);
  EXPECT_EQ(batch.at(0).secret, good.secret) << "borrowed, until the batch is freed";
  EXPECT_EQ(status_of([&] { batch.at(2); }), STRONGROOM_NOT_FOUND);
}

TEST_F(Secrets, ADeniedPathDeniesTheWholeBatchAndABadOneIsInvalid) {
  session_.put_document(
      "p", R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":["a"]}]})");
  Session user = fresh_.store.user("u");
  EXPECT_EQ(user.get_many({"a", "a"}).size(), 2u);
  EXPECT_EQ(status_of([&] { user.get_many({"a", "json"}); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] {
              user.get_many({"a", "none"});
            }),
            STRONGROOM_DENIED)
      << "whether there is one must not show";
  EXPECT_EQ(status_of([&] { session_.get_many({"a", "b//c"}); }), STRONGROOM_INVALID);
}

TEST_F(Secrets, AnEmptyVariableAndAnEmptyFileHaveNoBytes) {
  session_.put("empty", kText, "");
  const auto environment = session_.resolve_environment(
      STRONGROOM_FORMAT_JSON, R"({"variables":[{"name":"E","type":"SECRET","secret":)" +
                                  reference_to("empty") + R"(},{"name":"F","value":""}]})");
  for (const std::size_t i : {0u, 1u}) {
    EXPECT_EQ(environment.at(i).value, nullptr) << i;
    EXPECT_EQ(environment.at(i).value_len, 0u) << i;
  }
  const auto volumes = session_.resolve_volumes(
      STRONGROOM_FORMAT_JSON,
      R"({"mode":"RO","container_path":"p","source":{"type":"SECRET","secret":)" +
          reference_to("empty") + "}}");
  EXPECT_EQ(volumes.at(0).value, nullptr);
  EXPECT_EQ(volumes.at(0).value_len, 0u);
  EXPECT_EQ(volumes.at(0).read_only, 1u);
  EXPECT_EQ(volumes.at(0).reserved, 0u);
}

template <typename F>
std::string message_of(F call) {
  try {
    call();
  } catch (const strongroom_abi::Error& error) {
    return error.what();
  }
  return "";
}

// environment_error returns what is said of an environment with this secret as its last variable, and volumes_error
// of volumes with it as the last one.
std::string environment_error(Session& session, const std::string& secret) {
  return message_of([&] {
    session.resolve_environment(
        STRONGROOM_FORMAT_JSON,
        R"({"variables":[{"name":"P","value":"x"},{"name":"I","type":"SECRET","secret":{"value":{"data":"eA=="}}},)"
        R"({"name":"GOOD","type":"SECRET","secret":)" +
            reference_to("a") + R"(},{"name":"DB_PASSWORD","type":"SECRET","secret":)" + secret +
            "}]}");
  });
}

std::string volumes_error(Session& session, const std::string& secret) {
  const std::string volume = R"({"mode":"RO","source":{"type":"SECRET","secret":)";
  return message_of([&] {
    session.resolve_volumes(STRONGROOM_FORMAT_JSON,
                            "[" + volume + reference_to("a") + R"(},"container_path":"good"},)" +
                                volume + secret + R"(},"container_path":"db/password"}])");
  });
}

TEST_F(Secrets, AFailureNamesTheVariableOrTheFileAndTheSecret) {
  session_.put("nul", kText, std::string_view("CANARY\0x", 8));
  session_.put_document(
      "p", R"({"version":1,"rules":[{"to":["user:u"],"allow":["read"],"paths":["a"]}]})");
  Session user = fresh_.store.user("u");
  struct {
    Session& session;
    std::string secret;
    std::string says;
  } cases[] = {
      {session_, reference_to("dev/none"), "there is no secret 'dev/none'"},
      {session_, reference_to("/dev/none"), "there is no secret 'dev/none'"},
      {session_, reference_to("dev//db"), "secret 'dev//db': a path had an empty segment"},
      {session_, R"({"reference":{"name":"json","key":"none"}})",
       "the secret 'json' had no key 'none'"},
      {session_, "{}", "Secret has no value"},
      {user, reference_to("json"), "'u' may not read 'json'"},
  };
  for (auto& [session, secret, says] : cases) {
    EXPECT_THAT(environment_error(session, secret),
                StartsWith("Environment variable 'DB_PASSWORD': " + says));
    EXPECT_THAT(volumes_error(session, secret), StartsWith("Volume 'db/password': " + says));
  }
  EXPECT_EQ(environment_error(session_, reference_to("nul")),
            "Environment variable 'DB_PASSWORD': secret 'nul' held a null byte, which no "
            "environment can hold");
}

TEST_F(Secrets, MoreSecretsThanOneCallReadsAreRefusedWithTheLimit) {
  std::string variables, volumes;
  for (int i = 0; i < 1001; ++i) {
    const std::string comma = i == 0 ? "" : ",";
    variables += comma + R"({"name":"V)" + std::to_string(i) + R"(","type":"SECRET","secret":)" +
                 reference_to("a") + "}";
    volumes += comma + R"({"mode":"RO","container_path":")" + std::to_string(i) +
               R"(","source":{"type":"SECRET","secret":)" + reference_to("a") + "}}";
  }
  const std::string says = "1001 secrets were asked for at once; the most is 1,000";
  EXPECT_EQ(message_of([&] {
              session_.resolve_environment(STRONGROOM_FORMAT_JSON,
                                           R"({"variables":[)" + variables + "]}");
            }),
            says);
  EXPECT_EQ(
      message_of([&] { session_.resolve_volumes(STRONGROOM_FORMAT_JSON, "[" + volumes + "]"); }),
      says);
}

// ---- registries ----

constexpr std::string_view kDockerConfig =
    R"({"auths":{"https://r.io/v1":{"auth":"dXNlcjpwYTpzcw=="}}})";

TEST_F(Secrets, AnImageGetsTheHeaderOfItsRegistry) {
  EXPECT_EQ(strongroom_abi::docker_authorization(kDockerConfig, "r.io/a:1").reveal(),
            "Basic dXNlcjpwYTpzcw==");
  EXPECT_EQ(strongroom_abi::docker_authorization(kDockerConfig, "a", "http://r.io/v2").reveal(),
            "Basic dXNlcjpwYTpzcw==");
  EXPECT_EQ(status_of([] { strongroom_abi::docker_authorization(kDockerConfig, "a"); }),
            STRONGROOM_NOT_FOUND);
  EXPECT_EQ(status_of([] { strongroom_abi::docker_authorization(kDockerConfig, "a@b@c"); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([] { strongroom_abi::docker_authorization("[]", "r.io/a"); }),
            STRONGROOM_INVALID);
}

TEST_F(Secrets, ARegistryGetsItsUserAndPassword) {
  const auto credential = strongroom_abi::docker_credential(kDockerConfig, "https://r.io/");
  EXPECT_EQ(credential.user.reveal(), "user");
  EXPECT_EQ(credential.password.reveal(), "pa:ss");
  EXPECT_EQ(status_of([] { strongroom_abi::docker_credential(kDockerConfig, "other"); }),
            STRONGROOM_NOT_FOUND);
  strongroom_secret* user = nullptr;
  EXPECT_EQ(strongroom_docker_credential(kDockerConfig.data(), kDockerConfig.size(), "r.io", &user,
                                         nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(user, nullptr);
}

// ---- texts ----

TEST_F(Secrets, ATextEndsInANulThatIsNotCounted) {
  strongroom_text* anchor = nullptr;
  ASSERT_EQ(strongroom_anchor(session_.raw(), &anchor, nullptr), STRONGROOM_OK);
  std::size_t len = 0;
  const char* const data = strongroom_text_data(anchor, &len);
  EXPECT_GT(len, 20u);
  EXPECT_EQ(data[len], '\0');
  EXPECT_EQ(std::strlen(data), len);
  EXPECT_EQ(strongroom_text_data(anchor, nullptr), data) << "borrowed, until the text is freed";
  EXPECT_EQ(in_child([&] { return std::strncmp(data, "strongroom-anchor", 17) == 0 ? 7 : 1; }), 7)
      << "public bytes outlive a fork";
  strongroom_text_free(anchor);
  EXPECT_EQ(session_.anchor().size(), len);
}

std::string value_at(std::string_view json, const std::string& pointer,
                     std::uint32_t kind = STRONGROOM_JSON_STRING) {
  const strongroom_abi::JsonValue found = strongroom_abi::json_value(json, pointer);
  EXPECT_EQ(found.kind, kind) << pointer;
  return std::string(found.value.reveal());
}

TEST(JsonValue, IsNamedByAPointer) {
  EXPECT_EQ(value_at(R"( {"path":"a","value":"\u00e4\n","n":1} )", "/value"), "\xc3\xa4\n");
  EXPECT_EQ(value_at(R"({"value":""})", "/value"), "");
  EXPECT_EQ(value_at(R"({"":"nameless"})", "/"), "nameless");
  EXPECT_EQ(value_at(R"({"value":"a\u0000b"})", "/value"), std::string("a\0b", 3));
}

TEST(JsonValue, HasAKind) {
  EXPECT_EQ(value_at("-1.50e3", "", STRONGROOM_JSON_NUMBER), "-1.50e3");
  EXPECT_EQ(value_at("[true,false]", "/0", STRONGROOM_JSON_BOOLEAN), "true");
  EXPECT_EQ(value_at("[true,false]", "/1", STRONGROOM_JSON_BOOLEAN), "false");
  EXPECT_EQ(value_at(R"({"a":null})", "/a", STRONGROOM_JSON_NULL), "null");
  EXPECT_EQ(value_at(R"({"a":[[1]]})", "/a", STRONGROOM_JSON_ARRAY), "");
  EXPECT_EQ(value_at(R"({"a":[[1]]})", "/a/0/0", STRONGROOM_JSON_NUMBER), "1");
  EXPECT_EQ(value_at(R"({"a":{"b":1}})", "/a", STRONGROOM_JSON_OBJECT), "");
}

// RFC 6901, section 5, but for the member names that are no string in a URI fragment.
TEST(JsonValue, PointersOfTheStandard) {
  const std::string json = R"({"foo":["bar","baz"],"":"0","a/b":"1","c%d":"2","e^f":"3","g|h":"4",)"
                           R"("i\\j":"5","k\"l":"6"," ":"7","m~n":"8"})";
  value_at(json, "", STRONGROOM_JSON_OBJECT);
  value_at(json, "/foo", STRONGROOM_JSON_ARRAY);
  EXPECT_EQ(value_at(json, "/foo/0"), "bar");
  const char* const pointers[] = {"/",     "/a~1b", "/c%d", "/e^f", "/g|h",
                                  "/i\\j", "/k\"l", "/ ",   "/m~0n"};
  for (std::size_t i = 0; i < std::size(pointers); ++i)
    EXPECT_EQ(value_at(json, pointers[i]), std::to_string(i)) << pointers[i];
}

TEST(JsonValue, WrongPointersFindNothing) {
  const std::string json = R"({"foo":["bar","baz"],"a":"1"})";
  for (const char* pointer : {"/foo/2", "/foo/00", "/foo/-", "/foo/", "/foo/0/0", "/foo/+1", "/A",
                              "/a/", "/foo/18446744073709551616", "/foo/1x"}) {
    try {
      strongroom_abi::json_value(json, pointer);
      ADD_FAILURE() << pointer;
    } catch (const strongroom_abi::Error& error) {
      EXPECT_EQ(error.status(), STRONGROOM_NOT_FOUND) << pointer;
    }
  }
  for (const char* pointer : {"a", "foo/0", "/~", "/a~2", "/foo~"}) {
    try {
      strongroom_abi::json_value(json, pointer);
      ADD_FAILURE() << pointer;
    } catch (const strongroom_abi::Error& error) {
      EXPECT_EQ(error.status(), STRONGROOM_INVALID) << pointer;
    }
  }
}

TEST(JsonValue, ErrorsShowNothingOfTheText) {
  const std::string deep =
      R"({"value":"canary","x":)" + std::string(10000, '[') + std::string(10000, ']') + "}";
  const std::string large = R"({"value":"canary","x":")" + std::string(16 << 20, 'x') + "\"}";
  const struct {
    std::string json;
    strongroom_status status;
  } cases[] = {
      {"", STRONGROOM_INVALID},
      {R"("canary")", STRONGROOM_NOT_FOUND},
      {R"(["canary"])", STRONGROOM_NOT_FOUND},
      {R"({"value":"canary")", STRONGROOM_INVALID},
      {R"({"value":"canary"}})", STRONGROOM_INVALID},
      {std::string("{\"value\":\"canary\"}\0", 19), STRONGROOM_INVALID},
      {R"({"value":"canary","value":"canary"})", STRONGROOM_INVALID},
      {R"({"value":"canary\udc00"})", STRONGROOM_INVALID},
      {"{\"value\":\"canary\xff\"}", STRONGROOM_INVALID},
      {R"({"Value":"canary"})", STRONGROOM_NOT_FOUND},
      {"{}", STRONGROOM_NOT_FOUND},
      {deep, STRONGROOM_INVALID},
      {large, STRONGROOM_TOO_LARGE},
  };
  for (const auto& each : cases) {
    try {
      strongroom_abi::json_value(each.json, "/value");
      ADD_FAILURE() << each.json.substr(0, 60);
    } catch (const strongroom_abi::Error& error) {
      EXPECT_EQ(error.status(), each.status) << each.json.substr(0, 60);
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("canary")));
    }
  }
}

}  // namespace
}  // namespace capi_test::secrets_test
