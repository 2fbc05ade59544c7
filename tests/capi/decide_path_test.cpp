// decide_path_test.cpp: reads, writes and lists that the policy judges by another path than the real one.
//
// The policy here names mounts, secret/data/...; the real paths are kv/... Each promise is tried in both
// directions: only the real path is granted, and only the judged one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::decide_path_test {
namespace {

using strongroom_abi::Session;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

constexpr std::string_view kPolicy = R"({"version": 1, "rules": [
  {"to": ["user:u"], "allow": ["read", "create", "update", "delete", "list"],
   "paths": ["secret/data/**"]},
  {"to": ["user:u"], "allow": ["list"], "paths": ["secret/data"]},
  {"to": ["anyone"], "deny": ["read", "create", "update", "delete", "list"],
   "paths": ["secret/data/hidden", "secret/data/hidden/**"]},
  {"to": ["user:maker"], "allow": ["create"], "paths": ["secret/data/**"]},
  {"to": ["user:changer"], "allow": ["update"], "paths": ["secret/data/**"]}]})";

class DecidePath : public ::testing::Test {
 protected:
  DecidePath() {
    fresh_.session.put_document("p", kPolicy);
    fresh_.session.put("kv/a", kText, "mine");
    fresh_.session.put("kv/hidden", kText, "of the real path only");
    fresh_.session.put("secret/data/a", kText, "of the judged path");
  }

  static strongroom_get_options get_as(const char* judged) {
    strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
    options.decide_path = judged;
    return options;
  }
  static strongroom_put_options put_as(const char* judged,
                                       std::uint32_t condition = STRONGROOM_CONDITION_ANY) {
    strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
    options.decide_path = judged;
    options.condition = condition;
    return options;
  }
  static strongroom_list_options list_as(const char* judged) {
    strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
    options.decide_path = judged;
    return options;
  }

  std::string got(Session& session, const char* path, const char* judged) {
    const auto options = get_as(judged);
    return std::string(session.get(path, &options).reveal());
  }
  strongroom_status erased(Session& session, const char* path, const char* judged) {
    strongroom_delete_options options = STRONGROOM_DELETE_OPTIONS_INIT;
    options.decide_path = judged;
    return strongroom_delete(session.raw(), path, &options, nullptr, nullptr);
  }
  strongroom_status put(Session& session, const char* path, const strongroom_put_options& options) {
    return status_of([&] { session.put(path, kText, "new", &options); });
  }
  static std::vector<std::string> names(Session& session, const char* folder,
                                        const strongroom_list_options& options) {
    const auto list = session.list(folder, &options);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < list.size(); ++i) found.emplace_back(list.name(i));
    return found;
  }

  Fresh fresh_{"memory:"};
  Session user_ = fresh_.store.user("u");
};

// ---- get ----

TEST_F(DecidePath, AReadIsJudgedByItAndReadsTheRealPath) {
  EXPECT_EQ(got(user_, "kv/a", "secret/data/a"), "mine");
  EXPECT_EQ(got(user_, "kv/a", "/secret/data/anything"), "mine") << "one leading slash is dropped";
  EXPECT_EQ(got(user_, "kv/a", "secret/data/absent"), "mine") << "nothing need be stored there";
}

TEST_F(DecidePath, AReadIsNotJudgedByTheRealPath) {
  EXPECT_EQ(status_of([&] { user_.get("kv/a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(user_.get("secret/data/a").reveal(), "of the judged path");
  EXPECT_EQ(status_of([&] { got(user_, "secret/data/a", "kv/a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { got(user_, "secret/data/a", "secret/data"); }), STRONGROOM_DENIED);
}

TEST_F(DecidePath, ADenyOnItIsAsStrictAndOneOnTheRealPathDoesNotCount) {
  EXPECT_EQ(status_of([&] { got(user_, "kv/a", "secret/data/hidden"); }), STRONGROOM_DENIED);
  fresh_.session.put("secret/data/hidden", kText, "hidden by its real path");
  EXPECT_EQ(status_of([&] { user_.get("secret/data/hidden"); }), STRONGROOM_DENIED);
  EXPECT_EQ(got(user_, "secret/data/hidden", "secret/data/a"), "hidden by its real path");
}

TEST_F(DecidePath, ItGivesNothingToACallerWithoutGrants) {
  Session nobody = fresh_.store.user("nobody");
  EXPECT_EQ(status_of([&] { got(nobody, "kv/a", "secret/data/a"); }), STRONGROOM_DENIED);
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  identity.kind = STRONGROOM_IDENTITY_ADMINISTRATOR;
  identity.id = "ops";
  Session admin = fresh_.store.session(identity);
  EXPECT_EQ(status_of([&] { got(admin, "kv/a", "secret/data/a"); }), STRONGROOM_DENIED);
  EXPECT_EQ(got(fresh_.session, "kv/a", "forbidden/x"), "mine") << "a trusted session may all";
}

TEST_F(DecidePath, ItIsAPathAndNoSpellingOfOne) {
  for (const char* bad : {"", "/", "a//b", "a/", "../a", "secret/data/../x", "a\nb", "a%2fb"}) {
    const auto get = get_as(bad);
    EXPECT_EQ(status_of([&] { user_.get("kv/a", &get); }), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(status_of([&] { fresh_.session.get("kv/a", &get); }), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(put(user_, "kv/a", put_as(bad)), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(erased(user_, "kv/a", bad), STRONGROOM_INVALID) << bad;
    EXPECT_EQ(strongroom_get_async(
                  user_.raw(), "kv/a", &get,
                  [](auto, auto, auto secret, auto error) {
                    strongroom_secret_free(secret);
                    strongroom_error_free(error);
                  },
                  nullptr, nullptr),
              STRONGROOM_INVALID)
        << bad;
    const auto list = list_as(bad);
    if (std::string(bad).size() < 2) continue;  // the root is a folder
    EXPECT_EQ(status_of([&] { user_.list("kv", &list); }), STRONGROOM_INVALID) << bad;
  }
  EXPECT_EQ(fresh_.session.get("kv/a").describe().revision, 1u);
}

TEST_F(DecidePath, AKeyAndAFreshReadGoWithIt) {
  fresh_.session.put("kv/json", kText, R"({"k":"v"})");
  auto options = get_as("secret/data/json");
  options.key = "k";
  options.fresh = 1;
  EXPECT_EQ(user_.get("kv/json", &options).reveal(), "v");
  options.decide_path = "kv/json";
  EXPECT_EQ(status_of([&] { user_.get("kv/json", &options); }), STRONGROOM_DENIED);
}

TEST_F(DecidePath, AReadWithoutWaitingIsJudgedByItToo) {
  struct Heard {
    std::string text;
    static void done(void* self, strongroom_status, strongroom_secret* secret,
                     strongroom_error* error) {
      static_cast<Heard*>(self)->text = strongroom_abi::Secret(secret).reveal();
      strongroom_error_free(error);
    }
  } heard;
  auto options = get_as("secret/data/a");
  ASSERT_EQ(strongroom_get_async(user_.raw(), "kv/a", &options, &Heard::done, &heard, nullptr),
            STRONGROOM_OK);
  EXPECT_EQ(heard.text, "mine");
  strongroom_abi::Queue queue;
  queue.get(user_, "kv/a", nullptr, &options);
  EXPECT_EQ(queue.next().at(0).secret.reveal(), "mine");
  options.decide_path = "kv/a";
  EXPECT_EQ(
      strongroom_get_async(user_.raw(), "secret/data/a", &options, &Heard::done, &heard, nullptr),
      STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { queue.get(user_, "secret/data/a", nullptr, &options); }),
            STRONGROOM_DENIED);
  EXPECT_TRUE(queue.next().empty());
}

// ---- put ----

TEST_F(DecidePath, AWriteIsJudgedByItAndWritesTheRealPath) {
  EXPECT_EQ(put(user_, "kv/new", put_as("secret/data/new")), STRONGROOM_OK);
  EXPECT_EQ(fresh_.session.get("kv/new").reveal(), "new");
  EXPECT_EQ(status_of([&] { fresh_.session.get("secret/data/new"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(put(user_, "kv/a", put_as("secret/data/a")), STRONGROOM_OK);
  EXPECT_EQ(fresh_.session.get("kv/a").describe().revision, 2u);
  EXPECT_EQ(fresh_.session.get("secret/data/a").describe().revision, 1u);
}

TEST_F(DecidePath, AWriteIsNotJudgedByTheRealPath) {
  EXPECT_EQ(put(user_, "kv/a", put_as(nullptr)), STRONGROOM_DENIED);
  EXPECT_EQ(put(user_, "secret/data/a", put_as("kv/a")), STRONGROOM_DENIED);
  EXPECT_EQ(put(user_, "kv/a", put_as("secret/data/hidden")), STRONGROOM_DENIED);
  EXPECT_EQ(fresh_.session.get("kv/a").describe().revision, 1u);
  EXPECT_EQ(fresh_.session.get("secret/data/a").describe().revision, 1u);
}

// The condition decides which right is needed, and looks at the real path.
TEST_F(DecidePath, ConditionsAreOfTheRealPathAndRightsOfTheJudgedOne) {
  Session maker = fresh_.store.user("maker");
  Session changer = fresh_.store.user("changer");
  constexpr auto create = STRONGROOM_CONDITION_CREATE;
  constexpr auto update = STRONGROOM_CONDITION_UPDATE;
  EXPECT_EQ(put(maker, "kv/a", put_as("secret/data/x", create)), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(put(maker, "kv/b", put_as("secret/data/a", create)), STRONGROOM_OK)
      << "that something is stored at the judged path means nothing";
  EXPECT_EQ(put(maker, "kv/a", put_as("secret/data/a", update)), STRONGROOM_DENIED);
  EXPECT_EQ(put(maker, "kv/c", put_as("secret/data/c")), STRONGROOM_DENIED) << "both are needed";
  EXPECT_EQ(put(changer, "kv/a", put_as("secret/data/none", update)), STRONGROOM_OK);
  EXPECT_EQ(put(changer, "kv/none", put_as("secret/data/a", update)), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(put(changer, "kv/d", put_as("secret/data/d", create)), STRONGROOM_DENIED);
}

TEST_F(DecidePath, ACompareAndSetIsOfTheRealPath) {
  auto options = put_as("secret/data/a", STRONGROOM_CONDITION_REVISION);
  options.revision = 2;
  EXPECT_EQ(put(user_, "kv/a", options), STRONGROOM_CONFLICT);
  options.revision = 1;
  EXPECT_EQ(put(user_, "kv/a", options), STRONGROOM_OK);
  EXPECT_EQ(fresh_.session.get("secret/data/a").describe().revision, 1u);
}

// ---- delete ----

TEST_F(DecidePath, ADeletionIsJudgedByItAndDeletesTheRealPath) {
  EXPECT_EQ(erased(user_, "kv/a", nullptr), STRONGROOM_DENIED);
  EXPECT_EQ(erased(user_, "secret/data/a", "kv/a"), STRONGROOM_DENIED);
  EXPECT_EQ(erased(user_, "kv/a", "secret/data/hidden"), STRONGROOM_DENIED);
  EXPECT_EQ(erased(user_, "kv/none", "secret/data/a"), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh_.session.get("kv/a").reveal(), "mine");
  EXPECT_EQ(erased(user_, "kv/a", "secret/data/a"), STRONGROOM_OK);
  EXPECT_EQ(status_of([&] { fresh_.session.get("kv/a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(fresh_.session.get("secret/data/a").reveal(), "of the judged path");
}

// ---- list ----

TEST_F(DecidePath, AListIsJudgedByItAndShowsTheRealFolder) {
  EXPECT_THAT(names(user_, "kv", list_as("secret/data")), ElementsAre("a", "hidden"));
  EXPECT_THAT(names(user_, "", list_as("secret/data")), ElementsAre("kv", "secret"));
  EXPECT_EQ(status_of([&] { user_.list("kv"); }), STRONGROOM_DENIED);
  EXPECT_THAT(names(user_, "secret/data", list_as(nullptr)), ElementsAre("a"));
  EXPECT_EQ(status_of([&] { names(user_, "secret/data", list_as("kv")); }), STRONGROOM_DENIED);
  EXPECT_EQ(status_of([&] { names(user_, "kv", list_as("")); }), STRONGROOM_DENIED)
      << "the root is a folder that nobody granted";
  EXPECT_THAT(names(fresh_.session, "kv", list_as("")), ElementsAre("a", "hidden"));
}

TEST_F(DecidePath, APageIsJudgedByIt) {
  auto options = list_as("secret/data");
  options.limit = 10;
  EXPECT_EQ(user_.list("kv", &options).size(), 2u);
  options.decide_path = "kv";
  EXPECT_EQ(status_of([&] { user_.list("secret/data", &options); }), STRONGROOM_DENIED);
}

TEST_F(DecidePath, ARecursiveListLeavesOutWhatIsForbiddenBelowIt) {
  fresh_.session.put("kv/hidden/x", kText, "");
  fresh_.session.put("kv/deep/er", kText, "");
  auto options = list_as("secret/data");
  options.recursive = 1;
  EXPECT_THAT(names(user_, "kv", options), ElementsAre("a", "deep/er", "hidden"))
      << "the folder secret/data/hidden is forbidden; the secret of that name is none";
  options.decide_path = "secret/data/elsewhere";
  EXPECT_THAT(names(user_, "kv", options), ElementsAre("a", "deep/er", "hidden", "hidden/x"));
  options.decide_path = "kv";
  EXPECT_EQ(status_of([&] { user_.list("kv", &options); }), STRONGROOM_DENIED);
}

TEST_F(DecidePath, AVisibleListShowsWhatIsTheCallersBelowIt) {
  fresh_.session.put("kv/deep/er", kText, "");
  auto options = list_as("secret/data");
  options.visible = 1;
  EXPECT_THAT(names(user_, "kv", options), ElementsAre("a", "deep"));
  options.recursive = 1;
  EXPECT_THAT(names(user_, "kv", options), ElementsAre("a", "deep/er"));
  EXPECT_THAT(names(user_, "", options),
              ElementsAre("kv/a", "kv/deep/er", "kv/hidden", "secret/data/a"))
      << "below secret/data/ the whole tree is the caller's";
  options.decide_path = "kv";
  EXPECT_THAT(names(user_, "kv", options), ElementsAre());
  options.decide_path = "";
  EXPECT_THAT(names(user_, "secret/data", options), ElementsAre());
}

// ---- where there is none ----

TEST_F(DecidePath, DocumentsAndRecordsTakeNone) {
  const auto options = put_as("secret/data/a");
  EXPECT_EQ(status_of([&] { fresh_.session.put_document("q", kPolicy, &options); }),
            STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] { fresh_.session.put_record("r", "x", &options); }), STRONGROOM_INVALID);
  const auto get = get_as("secret/data/a");
  EXPECT_EQ(status_of([&] { fresh_.session.record("r", &get); }), STRONGROOM_INVALID);
  const auto list = list_as("secret");
  EXPECT_EQ(status_of([&] { fresh_.session.records("", &list); }), STRONGROOM_INVALID);
}

// ---- errors ----

TEST_F(DecidePath, ErrorsNameThePathThatTheyAreAbout) {
  strongroom_secret* secret = nullptr;
  const auto judged = get_as("secret/data/hidden");
  Expect denied;
  EXPECT_TRUE(denied.failed(strongroom_get(user_.raw(), "kv/a", &judged, &secret, denied),
                            STRONGROOM_DENIED));
  EXPECT_THAT(denied.message(), HasSubstr("secret/data/hidden")) << "what the policy judged";
  EXPECT_THAT(denied.message(), Not(HasSubstr("kv/a")));
  const auto fine = get_as("secret/data/a");
  Expect absent;
  EXPECT_TRUE(absent.failed(strongroom_get(user_.raw(), "kv/none", &fine, &secret, absent),
                            STRONGROOM_NOT_FOUND));
  EXPECT_THAT(absent.message(), HasSubstr("kv/none")) << "where nothing is";
  EXPECT_THAT(absent.message(), Not(HasSubstr("secret/data")));
}

}  // namespace
}  // namespace capi_test::decide_path_test
