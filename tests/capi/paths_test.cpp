// paths_test.cpp: one spelling, one secret, at every entry of the C ABI.
//
// A text is refused as invalid everywhere, or names the same bytes everywhere. Which texts are
// which is listed here from outside, and not asked of the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_mesos.h"

namespace capi_test::paths_test {
namespace {

using strongroom_abi::Policy;
using strongroom_abi::Session;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

std::string repeated(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

// What somebody may hope to be taken for "a/b", or for something above it.
std::vector<std::string> refused_spellings() {
  return {
      // empty segments and slashes at the ends
      "//a/b",
      "a//b",
      "a/b/",
      "/a/b/",
      "a/b//",
      "///",
      "//",
      // dots
      ".",
      "..",
      "./a/b",
      "a/./b",
      "a/../a/b",
      "a/b/.",
      "a/b/..",
      "../a/b",
      "/..",
      "a/../../b",
      // encodings that a transport left, once and mixed
      "a%2fb",
      "a%2Fb",
      "%2fa/b",
      "a/%2e%2e/b",
      "a/%2E/b",
      "%2e%2e%2fb",
      "..%2fb",
      "..%5cb",
      "a%5cb",
      "a%5Cb",
      "a/b%00",
      "a%00/b",
      "a/%2e./b",
      // control characters, and white space that is one
      "a/b\n",
      "a/b\r",
      "a/b\t",
      "\ta/b",
      "a\n/b",
      "a/b\x7f",
      "a/b\x01",
      "\x1b[0ma/b",
      "a/b\v",
      "a/b\f",
      "a/b\xc2\x80",
      "a/\xc2\x85"
      "b",  // U+0085, a line's end to some
      "a/b\xc2\x9f",
      // what is no UTF-8: overlong, halves of pairs, beyond Unicode, cut short, Latin-1
      "a\xc0\xaf"
      "b",
      "a\xe0\x80\xaf"
      "b",
      "a\xf0\x80\x80\xaf"
      "b",
      "a/\xc0\xae\xc0\xae/b",
      "a/b\xc0\x80",
      "a/b\xed\xa0\x80",
      "a/b\xed\xb0\x80",
      "a/b\xf4\x90\x80\x80",
      "a/b\xf8\x88\x80\x80\x80",
      "a/b\xff",
      "a/b\xc3",
      "a/b\xe2\x82",
      "a/b\x80",
      "a/b\xe9",
      // sizes
      std::string(256, 'x'),
      "a/" + std::string(256, 'x'),
      repeated("a/", 64) + "b",
      repeated(std::string(255, 'x') + "/", 16) + "x",
  };
}

// What looks like "a/b", or like another of these, and is a secret of its own.
std::vector<std::string> spellings_of_their_own() {
  return {
      "a/b",
      "A/b",
      "a/B",
      "a/b ",
      " a/b",
      "a /b",
      "a/ b",
      "a/b.",
      "a/.b",
      "a/..b",
      "a/b..",
      "a/...",
      "a\\b",
      "a\\..\\b",
      "a/b\\",
      "a:b",
      "a|b",
      // encoded twice, or not as a separator: letters, which nobody decodes
      "a%252fb",
      "a%252Fb",
      "a/%252e%252e/b",
      "a/b%20",
      "a/%62",
      "a/b%0a",
      "a%u002fb",
      "a&#47;b",
      "a+b",
      "a/b%",
      "a/b?",
      "a/b?x=1",
      "a/b#c",
      "a;x/b",
      // characters that look like others
      "a\xef\xbc\x8f"
      "b",  // U+FF0F, a full-width slash
      "a\xe2\x88\x95"
      "b",  // U+2215, a division slash
      "a\xe2\x81\x84"
      "b",                             // U+2044, a fraction slash
      "a/\xef\xbc\x8e\xef\xbc\x8e/b",  // full-width dots
      "a/\xe2\x80\xa4\xe2\x80\xa4/b",  // one dot leaders
      "\xef\xbd\x81/b",                // a full-width a
      "\xd0\xb0/b",                    // a Cyrillic a
      "a/\xc3\xa9",
      "a/e\xcc\x81",  // composed or not: two secrets
      "a/\xe2\x84\xab",
      "a/\xc3\x85",
      "a/A\xcc\x8a",  // three spellings of one letter
      "a/\xc4\xb0",
      "a/i",
      "a/I",
      "a/\xc4\xb1",  // what Turkish folds otherwise
      "a/\xc3\x9f",
      "a/ss",
      "a/SS",
      "a/\xe1\xba\x9e",
      // characters that are not seen
      "\xef\xbb\xbf"
      "a/b",  // a byte order mark
      "a/b\xe2\x80\x8b",
      "a/\xe2\x80\x8b"
      "b",  // zero width spaces
      "a/b\xe2\x80\x8d",
      "a/b\xe2\x81\xa0",
      "a/b\xc2\xad",
      "a/b\xc2\xa0",
      "a/b\xe3\x80\x80",
      "a/b\xe2\x80\xa8",  // a line separator
      "a/\xe2\x80\xae"
      "b",  // right to left from here
      // patterns, templates and store-internal words are names like others
      "a/*",
      "a/**",
      "*",
      "**",
      "+",
      "a/+",
      "a/b*",
      "{{a}}",
      "$a",
      "~",
      "~root",
      "r",
      "h",
      "f",
      "s",
      "g",
      "CON",
      "a/NUL",
      "-",
      "--help",
      "a/-b",
  };
}

class Paths : public ::testing::TestWithParam<const char*> {
 protected:
  std::string url() const {
    return GetParam() == std::string("lmdb") ? "lmdb:" + dir_.path() : "memory:";
  }

 private:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Paths, ::testing::Values("memory", "lmdb"),
                         [](const auto& each) { return std::string(each.param); });

// in_json writes a text as a string of JSON; what is no UTF-8 goes in as it is.
std::string in_json(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char escape[8];
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\') {
      std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string reference(const std::string& name) {
  return R"({"type":"REFERENCE","reference":{"name":)" + in_json(name) + "}}";
}

strongroom_message message(const std::string& json) {
  return {json.data(), json.size(), STRONGROOM_FORMAT_JSON, 0};
}

using Statuses = std::map<std::string, strongroom_status>;

// asked_of_secret asks every entry that takes the path of a secret.
Statuses asked_of_secret(Session& session, const std::string& path) {
  strongroom_get_options fresh = STRONGROOM_GET_OPTIONS_INIT;
  fresh.fresh = 1;
  const std::string json = reference(path);
  strongroom_abi::Queue queue;
  const std::string variables =
      R"({"variables":[{"name":"V","type":"SECRET","secret":)" + json + "}]}";
  const std::string volumes =
      R"([{"mode":"RO","container_path":"p","source":{"type":"SECRET","secret":)" + json + "}}]";
  return {
      {"get", status_of([&] { session.get(path); })},
      {"get fresh", status_of([&] { session.get(path, &fresh); })},
      {"get_member", status_of([&] { session.get_member(path, "k"); })},
      {"get_many", status_of([&] { session.get_many({path}); })},
      {"get_async", status_of([&] { session.get_async(path, [](auto&&...) {}); })},
      {"get_many_async", status_of([&] { session.get_many_async({path}, [](auto&&...) {}); })},
      {"resolve", status_of([&] { session.resolve(STRONGROOM_FORMAT_JSON, json); })},
      {"resolve_many", status_of([&] { session.resolve_many({message(json)}); })},
      {"queue_get", status_of([&] { queue.get(session, path, nullptr); })},
      {"queue_resolve", status_of([&] { queue.resolve(session, {message(json)}, nullptr); })},
      {"resolve_async",
       status_of([&] { session.resolve_async({message(json)}, [](auto&&...) {}); })},
      {"resolve_environment",
       status_of([&] { session.resolve_environment(STRONGROOM_FORMAT_JSON, variables); })},
      {"resolve_volumes",
       status_of([&] { session.resolve_volumes(STRONGROOM_FORMAT_JSON, volumes); })},
      {"put", status_of([&] { session.put(path, kText, "x"); })},
      {"delete", status_of([&] { session.erase(path); })},
  };
}

// asked_of_folder asks every entry that takes the path of a folder.
Statuses asked_of_folder(Session& session, const std::string& path) {
  return {
      {"list", status_of([&] { session.list(path); })},
      {"list recursive", status_of([&] { list_all(session, path); })},
      {"list_page", status_of([&] { session.list_page(path, "", 1); })},
      {"watch", status_of([&] { session.watch(path); })},
  };
}

void expect_all(const Statuses& statuses, strongroom_status wanted, const std::string& path) {
  for (const auto& [entry, status] : statuses) {
    EXPECT_EQ(status, wanted) << entry << " of " << in_json(path) << ": "
                              << strongroom_status_name(status);
  }
}

std::vector<std::string> names_below(Session& session, const std::string& folder) {
  const auto list = list_all(session, folder);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) names.emplace_back(list.name(i));
  return names;
}

TEST_P(Paths, WhatIsRefusedIsRefusedByEveryEntryAndChangesNothing) {
  Fresh fresh(url());
  fresh.session.put("a/b", kText, "kept");
  for (const std::string& path : refused_spellings()) {
    expect_all(asked_of_secret(fresh.session, path), STRONGROOM_INVALID, path);
    expect_all(asked_of_folder(fresh.session, path), STRONGROOM_INVALID, path);
  }
  EXPECT_THAT(names_below(fresh.session, ""), ElementsAre("a/b"));
  EXPECT_EQ(fresh.session.get("a/b").reveal(), "kept");
}

TEST_P(Paths, TheRootIsAFolderAndNoSecret) {
  Fresh fresh(url());
  for (const char* root : {"", "/"}) {
    expect_all(asked_of_secret(fresh.session, root), STRONGROOM_INVALID, root);
    expect_all(asked_of_folder(fresh.session, root), STRONGROOM_OK, root);
  }
}

// C has no NUL inside of a text; the C++ layer must not cut one off, nor may JSON.
TEST_P(Paths, ANulIsNotTheEndOfAName) {
  Fresh fresh(url());
  fresh.session.put("a/b", kText, "kept");
  for (const std::string& path : {std::string("a/b\0", 4), std::string("a/b\0c", 5),
                                  std::string("\0a/b", 4), std::string("a\0/b", 4)}) {
    expect_all(asked_of_secret(fresh.session, path), STRONGROOM_INVALID, path);
    expect_all(asked_of_folder(fresh.session, path), STRONGROOM_INVALID, path);
  }
}

TEST_P(Paths, WhatIsTakenNamesItsOwnBytesEverywhere) {
  Fresh fresh(url());
  Session& session = fresh.session;
  const std::vector<std::string> paths = spellings_of_their_own();
  for (const std::string& path : paths) EXPECT_EQ(session.put(path, kText, path), 1U) << path;
  EXPECT_THAT(names_below(session, ""), UnorderedElementsAreArray(paths));
  for (const std::string& path : paths) {
    for (const std::string& spelled : {path, "/" + path}) {
      EXPECT_EQ(session.get(spelled).reveal(), path);
      EXPECT_EQ(session.get_many({spelled}).secret(0).reveal(), path);
      EXPECT_EQ(session.resolve(STRONGROOM_FORMAT_JSON, reference(spelled)).reveal(), path);
      EXPECT_TRUE(session.list(spelled).size() == 0 || path == "a");
    }
    EXPECT_EQ(session.put("/" + path, kText, path), 2U) << path;
  }
}

TEST_P(Paths, WhatIsDeletedIsThatOneAlone) {
  Fresh fresh(url());
  std::vector<std::string> paths = spellings_of_their_own();
  for (const std::string& path : paths) fresh.session.put(path, kText, "x");
  while (!paths.empty()) {
    fresh.session.erase((paths.size() % 2 == 0 ? "/" : "") + paths.back());
    EXPECT_EQ(status_of([&] { fresh.session.get(paths.back()); }), STRONGROOM_NOT_FOUND);
    paths.pop_back();
    ASSERT_EQ(names_below(fresh.session, "").size(), paths.size());
  }
}

TEST_P(Paths, AHostRecordIsItsOwnBytesToo) {
  Fresh fresh(url());
  for (const std::string& path : refused_spellings()) {
    EXPECT_EQ(status_of([&] { fresh.session.put_record(path, "x"); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.record(path); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.erase_record(path); }), STRONGROOM_INVALID) << path;
    EXPECT_EQ(status_of([&] { fresh.session.records(path); }), STRONGROOM_INVALID) << path;
  }
  const std::vector<std::string> paths = spellings_of_their_own();
  for (const std::string& path : paths) EXPECT_EQ(fresh.session.put_record(path, path), 1U) << path;
  for (const std::string& path : paths) {
    EXPECT_EQ(fresh.session.record(path).reveal(), path);
    EXPECT_EQ(fresh.session.record("/" + path).reveal(), path);
  }
  const strongroom_list_options recursive = listing(true);
  EXPECT_EQ(fresh.session.records("", &recursive).size(), paths.size());
  EXPECT_EQ(list_all(fresh.session, "").size(), 0U);
}

// A folder is found by the bytes that its secrets were put under, and by no others.
TEST_P(Paths, AFolderIsItsOwnBytesToo) {
  Fresh fresh(url());
  const std::vector<std::string> paths = spellings_of_their_own();
  for (const std::string& path : paths) fresh.session.put("top/" + path + "/leaf", kText, "x");
  for (const std::string& path : paths) {
    EXPECT_THAT(names_below(fresh.session, "top/" + path), ElementsAre("leaf")) << path;
    EXPECT_THAT(names_below(fresh.session, "/top/" + path), ElementsAre("leaf")) << path;
  }
}

// ---- the space of a service ----

// in_space_a is DC/OS' rule for a service "/a", on the bytes of a name without its leading slash.
bool in_space_a(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || path.substr(0, slash) == "a";
}

TEST_P(Paths, ASpaceIsDecidedOnTheBytesThatAreRead) {
  Fresh fresh(url());
  Session service = fresh.store.service("/a", "/a");
  for (const std::string& path : spellings_of_their_own()) {
    fresh.session.put(path, kText, path);
    for (const std::string& spelled : {path, "/" + path}) {
      const std::string json = reference(spelled);
      if (in_space_a(path)) {
        EXPECT_EQ(service.resolve(STRONGROOM_FORMAT_JSON, json).reveal(), path);
      } else {
        EXPECT_EQ(status_of([&] { service.resolve(STRONGROOM_FORMAT_JSON, json); }),
                  STRONGROOM_DENIED)
            << in_json(spelled);
      }
    }
  }
  for (const std::string& path : refused_spellings()) {
    EXPECT_EQ(status_of([&] { service.resolve(STRONGROOM_FORMAT_JSON, reference(path)); }),
              STRONGROOM_INVALID)
        << in_json(path);
  }
}

TEST_P(Paths, WhoMayNothingIsToldTheSameOfEverySpelling) {
  Fresh fresh(url());
  Session user = fresh.store.user("eve");
  for (const std::string& path : spellings_of_their_own()) {
    expect_all(asked_of_secret(user, path), STRONGROOM_DENIED, path);
    expect_all(asked_of_folder(user, path), STRONGROOM_DENIED, path);
  }
  for (const std::string& path : refused_spellings()) {
    expect_all(asked_of_secret(user, path), STRONGROOM_INVALID, path);
  }
}

// ---- policies ----

constexpr std::uint32_t kOnPaths[] = {
    STRONGROOM_ACTION_CREATE, STRONGROOM_ACTION_READ, STRONGROOM_ACTION_UPDATE,
    STRONGROOM_ACTION_DELETE, STRONGROOM_ACTION_LIST, STRONGROOM_ACTION_SCAN,
};

// all_but is a policy by which anyone may do everything, except on one path.
std::string all_but(const std::string& path) {
  const std::string actions = R"(["create","read","update","delete","list"])";
  return R"({"version":1,"rules":[{"to":["anyone"],"allow":)" + actions +
         R"(,"paths":["**"]},{"to":["anyone"],"deny":)" + actions + ",\"paths\":[" + in_json(path) +
         "]}]}";
}

Policy parsed(const std::string& text) {
  return Policy::parse({{"p", text}});
}

strongroom_identity user_named(const char* id) {
  strongroom_identity identity = STRONGROOM_IDENTITY_INIT;
  identity.kind = STRONGROOM_IDENTITY_USER;
  identity.id = id;
  return identity;
}

bool is_pattern(const std::string& path) {
  return path.find('*') != std::string::npos;
}

TEST(PathsOfPolicies, ADenyIsForItsOwnBytesHoweverTheyAreAskedFor) {
  const strongroom_identity user = user_named("u");
  const std::vector<std::string> paths = spellings_of_their_own();
  for (const std::string& denied : paths) {
    if (is_pattern(denied)) continue;
    for (const std::string& written : {denied, "/" + denied}) {
      const Policy policy = parsed(all_but(written));
      for (const std::string& path : paths) {
        const bool may = policy.decide(user, STRONGROOM_ACTION_READ, path);
        ASSERT_EQ(may, path != denied) << in_json(path) << " by " << in_json(written);
        ASSERT_EQ(may, policy.decide(user, STRONGROOM_ACTION_READ, "/" + path)) << in_json(path);
      }
    }
  }
}

TEST(PathsOfPolicies, WhatNamesNoSecretIsRefusedInAPolicyToo) {
  const Policy policy = parsed(all_but("a/b"));
  const strongroom_identity user = user_named("u");
  for (const std::string& path : refused_spellings()) {
    EXPECT_EQ(status_of([&] { parsed(all_but(path)); }), STRONGROOM_INVALID) << in_json(path);
    for (const std::uint32_t action : kOnPaths) {
      EXPECT_EQ(status_of([&] { policy.decide(user, action, path); }), STRONGROOM_INVALID);
      EXPECT_EQ(status_of([&] { policy.explain("user:u", action, path); }), STRONGROOM_INVALID);
      EXPECT_EQ(status_of([&] { policy.who_can(action, path); }), STRONGROOM_INVALID);
    }
    if (path.find('\t') != std::string::npos) continue;  // which parts a permission's words
    EXPECT_EQ(status_of([&] { parsed("[user:u]\ndcos:secrets:default:" + path + " full"); }),
              STRONGROOM_INVALID)
        << in_json(path);
  }
}

TEST_P(Paths, WhatAPolicyDeniesNoEntryGivesByAnySpelling) {
  Fresh fresh(url());
  Session user = fresh.store.session(user_named("u"));
  for (const std::string denied : {"a/b", "a/\xc3\xa9", "a\\b", "a/b ",
                                   "\xef\xbb\xbf"
                                   "a/b"}) {
    fresh.session.put_document("p", all_but(denied));
    for (const std::string& path : spellings_of_their_own()) {
      fresh.session.put(path, kText, path);
      for (const std::string& spelled : {path, "/" + path}) {
        if (path != denied) {
          EXPECT_EQ(user.get(spelled).reveal(), path) << in_json(denied);
          EXPECT_TRUE(user.check(STRONGROOM_ACTION_DELETE, spelled));
        } else {
          expect_all(asked_of_secret(user, spelled), STRONGROOM_DENIED, spelled);
          expect_all(asked_of_folder(user, spelled), STRONGROOM_DENIED, spelled);
          EXPECT_FALSE(user.check(STRONGROOM_ACTION_DELETE, spelled));
        }
      }
    }
    for (const std::string& path : refused_spellings()) {
      expect_all(asked_of_secret(user, path), STRONGROOM_INVALID, path);
      EXPECT_EQ(status_of([&] { user.check(STRONGROOM_ACTION_READ, path); }), STRONGROOM_INVALID);
    }
    EXPECT_EQ(fresh.session.get(denied).reveal(), denied);
  }
}

TEST_P(Paths, ADecidePathIsJudgedByItsOwnBytes) {
  Fresh fresh(url());
  fresh.session.put("real", kText, "x");
  Session user = fresh.store.session(user_named("u"));
  const auto status = [&](Session& session, const std::string& judged) {
    strongroom_get_options options = STRONGROOM_GET_OPTIONS_INIT;
    options.decide_path = judged.c_str();
    return status_of([&] { session.get("real", &options); });
  };
  for (const std::string& path : refused_spellings()) {
    EXPECT_EQ(status(user, path), STRONGROOM_INVALID) << in_json(path);
    EXPECT_EQ(status(fresh.session, path), STRONGROOM_INVALID) << in_json(path);
  }
  for (const std::string denied : {"a/b", "a/\xc3\xa9", "a\\b", "a/b "}) {
    fresh.session.put_document("p", all_but(denied));
    for (const std::string& path : spellings_of_their_own()) {
      for (const std::string& spelled : {path, "/" + path}) {
        EXPECT_EQ(status(user, spelled), path == denied ? STRONGROOM_DENIED : STRONGROOM_OK)
            << in_json(spelled);
      }
    }
  }
}

// No two spellings of one secret, in storage and in a policy, whatever they are made of.
TEST_P(Paths, RandomSpellingsAreRefusedByAllOrTheSameToAll) {
  const std::vector<std::string> parts = {
      "a",           "A",         "/",   "//",   ".",        "..",  "%",    "2",
      "f",           "%2f",       "%2E", "%5c",  "\\",       " ",   "\t",   "00",
      "\xc3\xa9",    "e\xcc\x81", "b",   "\xc0", "\xc2\x85", "%25", "\xaf", "\xef\xbc\x8f",
      "\xe2\x80\x8b"};
  Fresh fresh(url());
  Session user = fresh.store.session(user_named("u"));
  fresh.session.put_document("p", all_but("a/b"));
  const std::uint32_t seed = std::random_device()();
  std::mt19937 random(seed);
  std::map<std::string, std::string> kept;
  for (int round = 0; round < 1'000; ++round) {
    std::string path;
    for (auto left = 1 + random() % 5; left > 0; --left) path += parts[random() % parts.size()];
    const std::string bare = path.substr(path.starts_with('/') ? 1 : 0);
    const strongroom_status put = status_of([&] { fresh.session.put(path, kText, bare); });
    const strongroom_status got = status_of([&] { user.get(path); });
    const strongroom_status checked = status_of([&] { user.check(STRONGROOM_ACTION_READ, path); });
    const std::string text = all_but(path);
    ASSERT_TRUE(put == STRONGROOM_OK || put == STRONGROOM_INVALID) << seed;
    if (put == STRONGROOM_OK) {
      kept[bare] = bare;
      ASSERT_EQ(got, bare == "a/b" ? STRONGROOM_DENIED : STRONGROOM_OK) << in_json(path) << seed;
      ASSERT_EQ(checked, STRONGROOM_OK) << in_json(path) << seed;
      ASSERT_FALSE(parsed(text).decide(user_named("v"), STRONGROOM_ACTION_READ, bare)) << seed;
    } else {
      ASSERT_EQ(got, STRONGROOM_INVALID) << in_json(path) << seed;
      ASSERT_TRUE(checked == STRONGROOM_INVALID || bare.empty()) << in_json(path) << seed;
      ASSERT_EQ(status_of([&] { parsed(text); }), STRONGROOM_INVALID) << in_json(path) << seed;
    }
  }
  const std::vector<std::string> names = names_below(fresh.session, "");
  EXPECT_EQ(names.size(), kept.size()) << seed;
  for (const std::string& name : names) {
    EXPECT_TRUE(kept.contains(name)) << in_json(name) << seed;
    EXPECT_EQ(fresh.session.get(name).reveal(), name) << seed;
  }
}

}  // namespace
}  // namespace capi_test::paths_test
