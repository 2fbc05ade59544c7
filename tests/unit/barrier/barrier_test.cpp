#include "strongroom/impl/barrier/barrier.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"

namespace strongroom::barrier_test {
namespace {

using testing::bytes;
using testing::done;
using testing::Handle;
using testing::path;
using testing::plain;
using testing::secret;
using testing::TestStore;

Result<Revision> put(Barrier& barrier, std::string_view name, std::string_view value,
                     Condition condition = Condition::any()) {
  return done(barrier.writer().write(path(name), Content::text, secret(value).view(), condition,
                                     Permit::always()));
}

Code code_of(const Result<StoredSecret>& result) {
  return result ? Code::internal : result.error().code;
}

TEST(Barrier, ReadsWhatWasWritten) {
  TestStore store;
  const auto written = put(store.barrier(), "db/prod", "hunter2");
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, Revision(1));
  auto read = store.barrier().reader().read(path("db/prod"));
  ASSERT_TRUE(read);
  EXPECT_EQ(plain(read->value), "hunter2");
  EXPECT_EQ(read->content, Content::text);
  EXPECT_EQ(read->revision, Revision(1));
  EXPECT_NEAR(static_cast<double>(read->created_ms), static_cast<double>(now_ms()), 60'000.0);
}

TEST(Barrier, EachSpellingIsRefusedOrHasARecordOfItsOwn) {
  TestStore store;
  const auto num_records = [&] {
    std::size_t num = 0;
    const std::uint8_t prefix = 'r';
    EXPECT_TRUE(store.records->scan(
        std::span(&prefix, 1), {}, 1000, [&](const Record&) { num += 1; }, kDefaultTimeout));
    return num;
  };
  // Spellings that another reader might take for one: case, width, composition, blanks, escapes.
  const std::vector<std::string_view> spellings = {"a/b",
                                                   "A/b",
                                                   "a/B",
                                                   "a//b",
                                                   "a/b/",
                                                   "a/./b",
                                                   "a/../b",
                                                   "./a/b",
                                                   "a\\b",
                                                   "a%2fb",
                                                   "a%2Fb",
                                                   "a/%2e%2e/b",
                                                   "a%252fb",
                                                   "a/b ",
                                                   " a/b",
                                                   "a /b",
                                                   "a\t/b",
                                                   "a/b\n",
                                                   "a/\xc3\xa9",
                                                   "a/e\xcc\x81",
                                                   "a/\xc0\xaf",
                                                   "a\xef\xbc\x8f"
                                                   "b",
                                                   "a/b\xe2\x80\x8b",
                                                   "\xef\xbb\xbf"
                                                   "a/b",
                                                   "a/b%00",
                                                   "a/b.",
                                                   "a/b..",
                                                   "a/...",
                                                   "ab"};
  std::size_t num_accepted = 0;
  for (const std::string_view text : spellings) {
    auto parsed = Path::parse_secret(text);
    if (!parsed) continue;
    num_accepted += 1;
    EXPECT_EQ(parsed->text(), text);
    ASSERT_TRUE(put(store.barrier(), text, text));
    EXPECT_EQ(num_records(), num_accepted) << text;
    ASSERT_TRUE(put(store.barrier(), "/" + std::string(text), text));  // the one other spelling
    EXPECT_EQ(num_records(), num_accepted) << text;
  }
  EXPECT_GT(num_accepted, 10u);
  for (const std::string_view text : spellings) {
    auto parsed = Path::parse_secret(text);
    if (!parsed) continue;
    EXPECT_EQ(plain(store.barrier().reader().read(*parsed)->value), text);
  }
}

TEST(Barrier, KeepsEmptyAndBinaryValuesExactly) {
  TestStore store;
  std::vector<std::uint8_t> every(256);
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = static_cast<std::uint8_t>(i);
  ASSERT_TRUE(store.barrier().writer().write(path("bin"), Content::binary, SecretView(every), {},
                                             Permit::always()));
  ASSERT_TRUE(store.barrier().writer().write(path("empty"), Content::text, SecretView(), {},
                                             Permit::always()));
  auto bin = store.barrier().reader().read(path("bin"));
  ASSERT_TRUE(bin);
  EXPECT_TRUE(same_secret(bin->value.view(), SecretView(every)));
  EXPECT_EQ(bin->content, Content::binary);
  auto empty = store.barrier().reader().read(path("empty"));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->value.size(), 0u);
}

TEST(Barrier, TextThatIsNotUtf8IsRefusedBeforeAnythingIsWritten) {
  TestStore store;
  const auto written = put(store.barrier(), "a", "\xff\xfe");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::invalid);
  EXPECT_TRUE(store.keys_with('r').empty());
}

TEST(Barrier, TakesTheLargestSecretAndRefusesOneByteMore) {
  TestStore store(5000);
  const std::string largest(5000, 'x');
  ASSERT_TRUE(put(store.barrier(), "a", largest));
  const auto refused = put(store.barrier(), "b", largest + "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_EQ(code_of(store.barrier().reader().read(path("b"))), Code::not_found);
  EXPECT_EQ(plain(store.barrier().reader().read(path("a"))->value), largest);
}

TEST(Barrier, ConditionsHoldOrNothingIsWritten) {
  TestStore store;
  Barrier& barrier = store.barrier();
  EXPECT_EQ(put(barrier, "a", "1", Condition::update()).error().code, Code::not_found);
  EXPECT_EQ(put(barrier, "a", "1", Condition::at(Revision(1))).error().code, Code::conflict);
  EXPECT_EQ(put(barrier, "a", "1", Condition::create()).value(), Revision(1));
  EXPECT_EQ(put(barrier, "a", "2", Condition::create()).error().code, Code::already_exists);
  EXPECT_EQ(put(barrier, "a", "2", Condition::at(Revision(2))).error().code, Code::conflict);
  EXPECT_EQ(put(barrier, "a", "2", Condition::at(Revision(1))).value(), Revision(2));
  EXPECT_EQ(put(barrier, "a", "3", Condition::update()).value(), Revision(3));
  EXPECT_EQ(plain(barrier.reader().read(path("a"))->value), "3");
}

TEST(Barrier, ARecreatedSecretGoesOnCountingSoThatAStaleCompareAndSetMisses) {
  TestStore store;
  Barrier& barrier = store.barrier();
  ASSERT_EQ(put(barrier, "a", "old").value(), Revision(1));
  ASSERT_EQ(barrier.writer().erase(path("a"), Condition::update(), Permit::always()).value(),
            Revision(2));
  EXPECT_EQ(code_of(barrier.reader().read(path("a"))), Code::not_found);
  EXPECT_EQ(barrier.writer().erase(path("a"), Condition::update(), Permit::always()).error().code,
            Code::not_found);
  EXPECT_EQ(put(barrier, "a", "x", Condition::at(Revision(2))).error().code, Code::conflict);
  ASSERT_EQ(put(barrier, "a", "new", Condition::create()).value(), Revision(3));
  EXPECT_EQ(put(barrier, "a", "stale", Condition::at(Revision(1))).error().code, Code::conflict);
  EXPECT_EQ(
      barrier.writer().erase(path("a"), Condition::at(Revision(1)), Permit::always()).error().code,
      Code::conflict);
  EXPECT_EQ(plain(barrier.reader().read(path("a"))->value), "new");
}

TEST(Barrier, ASecretAndAFolderMayShareAPath) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "folder/sub", "itself"));
  ASSERT_TRUE(put(store.barrier(), "folder/sub/key4", "below"));
  EXPECT_EQ(plain(store.barrier().reader().read(path("folder/sub"))->value), "itself");
  EXPECT_EQ(plain(store.barrier().reader().read(path("folder/sub/key4"))->value), "below");
  EXPECT_EQ(code_of(store.barrier().reader().read(path("folder"))), Code::not_found);
}

TEST(Barrier, TakesTheDeepestAndTheLongestPath) {
  TestStore store;
  std::string deep = "0";
  for (int i = 1; i < 64; ++i) deep += "/" + std::to_string(i);
  const std::string widest(kMaxSegmentLen, 'w');
  std::string longest = widest;
  for (int i = 1; i < 16; ++i) longest += "/" + widest;
  ASSERT_EQ(longest.size(), kMaxPathLen - 1);
  for (const std::string& name : {deep, longest}) {
    ASSERT_TRUE(put(store.barrier(), name, "v"));
    EXPECT_EQ(plain(store.barrier().reader().read(path(name))->value), "v");
  }
  const auto all = store.barrier().names().list(path(""), true);
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, (std::vector<Entry>{{deep, false}, {longest, false}}));
}

// The table of the Secrets API: recursive, relative, sorted, secrets alone.
TEST(Barrier, ListsAsTheSecretsApiDid) {
  TestStore store;
  for (const char* name : {"key1", "folder/key2", "folder/key3", "folder/sub", "folder/sub/key4"}) {
    ASSERT_TRUE(put(store.barrier(), name, "v"));
  }
  const auto names = [&](std::string_view folder) {
    std::string all;
    auto entries = store.barrier().names().list(path(folder), true);
    EXPECT_TRUE(entries);
    for (const Entry& entry : *entries) all += (all.empty() ? "" : ", ") + entry.name;
    return all;
  };
  EXPECT_EQ(names(""), "folder/key2, folder/key3, folder/sub, folder/sub/key4, key1");
  EXPECT_EQ(names("folder"), "key2, key3, sub, sub/key4");
  EXPECT_EQ(names("folder/sub"), "key4");
  EXPECT_EQ(names("folder/sub/key4"), "");
  EXPECT_EQ(names("fold"), "");
  EXPECT_EQ(names("not/a/folder"), "");
}

// The order is that of the bytes, whatever names have in common and wherever they end.
TEST(Barrier, ListsAreInTheOrderOfBytes) {
  const std::vector<std::vector<std::string>> folders = {
      {"b", "a", "ab", "aa", "a-", "a0", "a~"},
      {"same-12345678", "same-1234567", "same-123456789", "same-", "same", "same-12345670x"},
      {"key-\u00e9", "key-z", "key-e", "key-\U0001f511", "key"},
      {"only"},
      {"12345678b", "12345678a", "12345678", "1234567"},
  };
  TestStore store;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const std::string folder = "f" + std::to_string(i);
    std::vector<Entry> wanted;
    for (const std::string& name : folders[i]) {
      ASSERT_TRUE(put(store.barrier(), folder + "/" + name, "v"));
      ASSERT_TRUE(put(store.barrier(), folder + "/" + name + "/below", "v"));
      wanted.push_back({name, true});
      wanted.push_back({name, false});
    }
    std::sort(wanted.begin(), wanted.end());
    const auto entries = store.barrier().names().list(path(folder), false);
    ASSERT_TRUE(entries);
    EXPECT_EQ(*entries, wanted) << folder;
  }
}

TEST(Barrier, OneLevelShowsFoldersOnlyWhileTheyHoldSecrets) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a/b/c", "v"));
  ASSERT_TRUE(put(store.barrier(), "a", "v"));
  ASSERT_TRUE(put(store.barrier(), "gone/deep/x", "v"));
  ASSERT_TRUE(
      store.barrier().writer().erase(path("gone/deep/x"), Condition::update(), Permit::always()));
  auto entries = store.barrier().names().list(path(""), false);
  ASSERT_TRUE(entries);
  EXPECT_EQ(*entries, (std::vector<Entry>{{"a", false}, {"a", true}}));
  ASSERT_TRUE(put(store.barrier(), "gone/deep/x", "again"));
  EXPECT_EQ(store.barrier().names().list(path(""), false)->size(), 3u);
}

TEST(Barrier, PagesTogetherGiveEverythingOnce) {
  TestStore store;
  std::vector<Entry> expected;
  for (int i = 0; i < 25; ++i) {
    const std::string n = std::to_string(100 + i);
    ASSERT_TRUE(put(store.barrier(), "d/s" + n, "v"));
    ASSERT_TRUE(put(store.barrier(), "d/f" + n + "/x", "v"));
    expected.push_back({"s" + n, false});
    expected.push_back({"f" + n, true});
  }
  std::sort(expected.begin(), expected.end());
  for (const std::size_t limit : {1u, 7u, 25u, 50u, 60u}) {
    std::vector<Entry> all;
    std::vector<std::uint8_t> after;
    int pages = 0;
    do {
      auto page = store.barrier().names().list_page(path("d"), after, limit);
      ASSERT_TRUE(page) << page.error().message;
      ASSERT_LE(page->entries.size(), limit);
      all.insert(all.end(), page->entries.begin(), page->entries.end());
      after = page->next;
      ASSERT_LT(++pages, 100);
    } while (!after.empty());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, expected) << limit;
  }
  EXPECT_EQ(store.barrier().names().list_page(path("d"), {}, 0).error().code, Code::invalid);
}

TEST(Barrier, AFolderOfMoreThanOnePageListsWhole) {
  TestStore store;
  for (int i = 0; i < 2100; ++i) ASSERT_TRUE(put(store.barrier(), "d/" + std::to_string(i), "v"));
  EXPECT_EQ(store.barrier().names().list(path("d"), false)->size(), 2100u);
  EXPECT_EQ(store.barrier().names().list(path(""), true)->size(), 2100u);
}

TEST(Barrier, ABatchReadAnswersEachPathInOrder) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  ASSERT_TRUE(put(store.barrier(), "c", "3"));
  const std::vector<Path> paths = {path("c"), path("b"), path("a"), path("c")};
  auto many = store.barrier().reader().read_many(paths);
  ASSERT_TRUE(many);
  ASSERT_EQ(many->size(), 4u);
  EXPECT_EQ(plain((*many)[0]->value), "3");
  EXPECT_EQ(code_of((*many)[1]), Code::not_found);
  EXPECT_EQ(plain((*many)[2]->value), "1");
  EXPECT_EQ(plain((*many)[3]->value), "3");
}

// ---- what is stored ----

TEST(Barrier, TheBackendHoldsNoNameAndNoValue) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "canaryfolder/canaryname", "canaryvalue-0123456789"));
  for (const char letter : {'r', 's', 'g', 'h', 'f'}) {
    for (const auto& key : store.keys_with(letter)) {
      for (const auto& run : {key, store.stored(key)}) {
        const std::string_view text(reinterpret_cast<const char*>(run.data()), run.size());
        EXPECT_EQ(text.find("canary"), text.npos);
      }
    }
  }
}

TEST(Barrier, AnyFlippedByteOfARecordIsCorruptAndStaysStored) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "hunter2"));
  const auto key = store.keys_with('r').at(0);
  const auto good = store.stored(key);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 7}) {
      auto bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1 << bit));
      store.tamper(key, bad);
      auto read = store.barrier().reader().read(path("a"));
      ASSERT_FALSE(read) << i;
      // Version and suite are readable without a key, so that a newer one can be told from damage.
      EXPECT_EQ(read.error().code, i < 2 ? Code::unsupported : Code::corrupt) << i;
      EXPECT_FALSE(put(store.barrier(), "a", "new")) << i;
      EXPECT_FALSE(store.barrier().writer().erase(path("a"), Condition::update(), Permit::always()))
          << i;
      EXPECT_EQ(store.stored(key), bad) << "never a deletion";
    }
  }
  store.tamper(key, good);
  EXPECT_EQ(plain(store.barrier().reader().read(path("a"))->value), "hunter2");
}

TEST(Barrier, ARecordCutShortAtAnyLengthIsCorrupt) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "hunter2"));
  const auto key = store.keys_with('r').at(0);
  const auto good = store.stored(key);
  for (std::size_t len = 0; len < good.size(); ++len) {
    store.tamper(key, std::span(good).first(len));
    EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::corrupt) << len;
  }
  auto longer = good;
  longer.push_back(0);
  store.tamper(key, longer);
  EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::corrupt);
}

TEST(Barrier, EnvelopeMovedToAnotherPathDoesNotOpen) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "db/prod", "hunter2"));
  const auto prod = store.keys_with('r').at(0);
  ASSERT_TRUE(put(store.barrier(), "db/test", "other"));
  for (const auto& key : store.keys_with('r')) store.tamper(key, store.stored(prod));
  EXPECT_EQ(code_of(store.barrier().reader().read(path("db/test"))), Code::corrupt);
  EXPECT_EQ(plain(store.barrier().reader().read(path("db/prod"))->value), "hunter2");
}

TEST(Barrier, EnvelopeOfAnotherStoreDoesNotOpen) {
  TestStore store;
  TestStore other;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  ASSERT_TRUE(put(other.barrier(), "a", "2"));
  const auto mine = store.keys_with('r').at(0);
  store.tamper(mine, other.stored(other.keys_with('r').at(0)));
  EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::corrupt);
}

TEST(Barrier, AForeignDirectoryEntryIsReportedNotShown) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a/x", "1"));
  ASSERT_TRUE(put(store.barrier(), "b/y", "1"));
  auto moved = store.keys_with('s').at(0);
  const auto other = store.keys_with('s').at(1);
  std::copy_n(other.begin(), 17, moved.begin());  // the entry of one folder, put into the other
  store.tamper(moved, {});
  auto list = store.barrier().names().list(path(""), true);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Code::corrupt);
}

// ---- seal, unseal, rotate ----

TEST(Barrier, SealedRefusesEverything) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  ASSERT_TRUE(store.barrier().keys().seal());
  EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::sealed);
  EXPECT_EQ(put(store.barrier(), "a", "2").error().code, Code::sealed);
  EXPECT_EQ(
      store.barrier().writer().erase(path("a"), Condition::update(), Permit::always()).error().code,
      Code::sealed);
  EXPECT_EQ(store.barrier().names().list(path(""), true).error().code, Code::sealed);
  EXPECT_EQ(store.barrier().names().list_page(path(""), {}, 10).error().code, Code::sealed);
  EXPECT_EQ(store.barrier().keys().rotate(Permit::always()).error().code, Code::sealed);
  const std::vector<Path> paths = {path("a")};
  EXPECT_EQ(store.barrier().reader().read_many(paths).error().code, Code::sealed);
}

TEST(Barrier, SealReachesOtherProcessesAtTheirNextCallAndStays) {
  TestStore store;
  Handle other = store.another();
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  ASSERT_TRUE(other.barrier->reader().read(path("a")));
  ASSERT_TRUE(store.barrier().keys().seal());
  EXPECT_EQ(code_of(other.barrier->reader().read(path("a"))), Code::sealed);
  EXPECT_EQ(other.unseal(store.key).error().code, Code::sealed) << "not without lift_lock";
  ASSERT_TRUE(store.first.unseal(store.key, true));
  EXPECT_EQ(code_of(other.barrier->reader().read(path("a"))), Code::sealed)
      << "keys are not given back";
  ASSERT_TRUE(other.unseal(store.key));
  EXPECT_EQ(plain(other.barrier->reader().read(path("a"))->value), "1");
}

TEST(Barrier, SealNeedsNoKeys) {
  TestStore store;
  Handle other = store.another(false);
  ASSERT_TRUE(other.barrier->keys().seal());
  EXPECT_EQ(put(store.barrier(), "a", "1").error().code, Code::sealed);
  EXPECT_TRUE(store.keys_with('r').empty());
}

TEST(Barrier, CloseDropsTheKeysOfOneHandleAlone) {
  TestStore store;
  Handle other = store.another();
  other.barrier->keys().close();
  EXPECT_EQ(code_of(other.barrier->reader().read(path("a"))), Code::sealed);
  EXPECT_TRUE(put(store.barrier(), "a", "1"));
  EXPECT_TRUE(other.unseal(store.key));
}

TEST(Barrier, WrongCredentialsLeaveItSealed) {
  TestStore store;
  TestStore foreign;
  Handle other = store.another(false);
  EXPECT_EQ(other.unseal(foreign.key).error().code, Code::denied);
  Credential wrong = testing::parsed(store.pending.key_file);
  wrong.secret.reveal_mutable()[5] ^= 1;
  EXPECT_EQ(other.unseal(wrong).error().code, Code::denied);
  Credential removed = testing::parsed(store.pending.key_file);
  removed.slot = 9;
  EXPECT_EQ(other.unseal(removed).error().code, Code::denied);
  EXPECT_EQ(other.barrier->keys().unseal({}).error().code, Code::denied);
  EXPECT_EQ(code_of(other.barrier->reader().read(path("a"))), Code::sealed);
}

TEST(Barrier, ThreeOfFiveSharesOpenItTwoDoNot) {
  TestStore store;
  Handle other = store.another(false);
  EXPECT_EQ(other.barrier->keys().unseal(std::span(store.shares).first(2)).error().code,
            Code::denied);
  ASSERT_TRUE(other.barrier->keys().unseal(std::span(store.shares).subspan(1, 3)));
  EXPECT_TRUE(other.barrier->names().list(path(""), true));
}

TEST(Barrier, AWrongShareIsNamedAndDoesNotSpoilTheOthers) {
  TestStore store;
  TestStore foreign;
  Handle other = store.another(false);
  std::vector<Credential> given;
  given.push_back(testing::parsed(store.pending.shares[0]));
  given.push_back(testing::parsed(foreign.pending.shares[1]));
  given.push_back(testing::parsed(store.pending.shares[0]));  // the same again counts once
  given.push_back(testing::parsed(store.pending.shares[4]));
  auto refused = other.barrier->keys().unseal(given);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
  EXPECT_NE(refused.error().message.find("2 good ones"), std::string::npos)
      << refused.error().message;
  EXPECT_NE(refused.error().message.find("share 2"), std::string::npos) << refused.error().message;
  given.push_back(testing::parsed(store.pending.shares[2]));
  EXPECT_TRUE(other.barrier->keys().unseal(given));
}

TEST(Barrier, RightCredentialsOnAnUnsealedStoreChangeNothingWrongOnesAreAnError) {
  TestStore store;
  TestStore foreign;
  EXPECT_TRUE(store.first.unseal(store.key));
  EXPECT_EQ(store.first.unseal(foreign.key).error().code, Code::denied);
  EXPECT_TRUE(put(store.barrier(), "a", "1"));
}

TEST(Barrier, RotationIsOneCommitAndEverythingStaysReadable) {
  TestStore store;
  Handle other = store.another();
  ASSERT_TRUE(put(store.barrier(), "old", "1"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  ASSERT_TRUE(put(store.barrier(), "new", "2"));
  EXPECT_EQ(store.barrier().keys().status()->active_term, 6u);
  EXPECT_EQ(plain(other.barrier->reader().read(path("new"))->value), "2")
      << "another process follows";
  EXPECT_EQ(plain(other.barrier->reader().read(path("old"))->value), "1");
  EXPECT_EQ(other.barrier->keys().status()->active_term, 6u);
  Handle third = store.another(false);
  ASSERT_TRUE(third.barrier->keys().unseal(std::span(store.shares).first(3)));
  EXPECT_EQ(plain(third.barrier->reader().read(path("old"))->value), "1");
}

TEST(Barrier, AnOlderHeaderThanOneSeenIsRollback) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const auto old = store.stored(kHeaderKey);
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  const auto now = store.stored(kHeaderKey);
  store.tamper(kHeaderKey, old);
  store.tamper(kHeaderCopyKey, old);
  EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::rollback);
  store.tamper(kHeaderKey, now);
  store.tamper(kHeaderCopyKey, now);
  EXPECT_TRUE(store.barrier().reader().read(path("a"))) << "the keys were kept";
}

// ---- damage to the header ----

TEST(Barrier, ADamagedHeaderCopyIsMendedFromTheOther) {
  for (const ByteView victim : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    const auto good = store.stored(kHeaderKey);
    for (std::size_t i = 0; i < good.size(); i += 3) {
      auto bad = good;
      bad[i] ^= 0x40;
      store.tamper(victim, bad);
      Handle other = store.another(false);
      EXPECT_TRUE(other.barrier->keys().status()->header_damaged) << i;
      ASSERT_TRUE(other.unseal(store.key)) << i;
      EXPECT_EQ(store.stored(victim), good) << i;
      EXPECT_FALSE(other.barrier->keys().status()->header_damaged) << i;
    }
    store.tamper(victim, {});
    ASSERT_TRUE(store.another(false).unseal(store.key));
    EXPECT_EQ(store.stored(victim), good);
  }
}

TEST(Barrier, HeaderDamagedInBothCopiesNeverCrashesAndNeverOpensWithAWrongKey) {
  TestStore store;
  TestStore foreign;
  const auto good = store.stored(kHeaderKey);
  int opened = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 0x10;
    store.tamper(kHeaderKey, bad);
    store.tamper(kHeaderCopyKey, bad);
    Handle other = store.another(false);
    EXPECT_FALSE(other.unseal(foreign.key)) << i;
    const bool by_key = other.unseal(store.key).ok();
    const bool by_shares =
        store.another(false).barrier->keys().unseal(std::span(store.shares).first(3)).ok();
    // A damaged slot does not keep the other from opening.
    opened += by_key || by_shares;
    if (by_key || by_shares) {
      Handle again = store.another(false);
      const bool sealed_again = again.barrier->keys().seal().ok();
      EXPECT_TRUE(sealed_again) << i;
      EXPECT_TRUE(again.unseal(store.key, true).ok() == by_key)
          << "damage is not passed off as whole " << i;
    }
  }
  EXPECT_GT(opened, 300) << "slots make up most of a header";
  store.tamper(kHeaderKey, good);
  store.tamper(kHeaderCopyKey, good);
  EXPECT_TRUE(store.another(false).unseal(store.key));
}

TEST(Barrier, AHeaderCutShortIsCorruptAndStaysStored) {
  TestStore store;
  const auto good = store.stored(kHeaderKey);
  for (std::size_t len = 0; len < good.size(); ++len) {
    store.tamper(kHeaderKey, std::span(good).first(len));
    store.tamper(kHeaderCopyKey, std::span(good).first(len));
    Handle other = store.another(false);
    auto unsealed = other.unseal(store.key);
    ASSERT_FALSE(unsealed) << len;
    EXPECT_EQ(unsealed.error().code, Code::corrupt) << len;
    EXPECT_EQ(other.barrier->keys().activate(store.pending).error().code, Code::already_exists);
  }
}

TEST(Barrier, ANewerFormatIsUnsupportedNamingBoth) {
  TestStore store;
  auto newer = store.stored(kHeaderKey);
  newer[5] = 7;
  store.tamper(kHeaderKey, newer);
  store.tamper(kHeaderCopyKey, newer);
  auto unsealed = store.another(false).unseal(store.key);
  ASSERT_FALSE(unsealed);
  EXPECT_EQ(unsealed.error().code, Code::unsupported);
  EXPECT_NE(unsealed.error().message.find("format 7"), std::string::npos);
  EXPECT_NE(unsealed.error().message.find("format 2"), std::string::npos);
}

TEST(Barrier, DamageDoesNotSealAnUnsealedHandle) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const auto good = store.stored(kHeaderKey);
  store.tamper(kHeaderKey, {});
  store.tamper(kHeaderCopyKey, {});
  EXPECT_EQ(code_of(store.barrier().reader().read(path("a"))), Code::corrupt);
  store.tamper(kHeaderKey, good);
  store.tamper(kHeaderCopyKey, good);
  EXPECT_TRUE(store.barrier().reader().read(path("a")));
}

TEST(Barrier, InitOnAStoreIsRefusedAndChangesNothing) {
  TestStore store;
  const auto before = store.stored(kHeaderKey);
  auto again = prepare_init({1, 1, false});
  ASSERT_TRUE(again);
  EXPECT_EQ(store.barrier().keys().activate(*again).error().code, Code::already_exists);
  EXPECT_EQ(store.stored(kHeaderKey), before);
}

TEST(Barrier, InitOptionsOutsideTheRulesAreRefused) {
  EXPECT_EQ(prepare_init({}).error().code, Code::invalid);
  EXPECT_EQ(prepare_init({256, 2, false}).error().code, Code::invalid);
  EXPECT_EQ(prepare_init({3, 4, false}).error().code, Code::invalid);
  EXPECT_EQ(prepare_init({3, 0, false}).error().code, Code::invalid);
  EXPECT_EQ(prepare_init({0, 0, true, 0}).error().code, Code::invalid);
  EXPECT_EQ(prepare_init({0, 0, true, kMaxMaxSecretLen + 1}).error().code, Code::invalid);
  EXPECT_TRUE(prepare_init({255, 255, true, kMaxMaxSecretLen}));
}

TEST(Barrier, NothingIsThereBeforeActivate) {
  MemoryBackend records;
  auto pending = prepare_init({1, 1, true});
  ASSERT_TRUE(pending);
  Handle handle(records.share());
  EXPECT_FALSE(handle.barrier->keys().status()->initialized);
  EXPECT_EQ(handle.unseal(testing::parsed(pending->key_file)).error().code, Code::not_initialized);
  EXPECT_EQ(handle.barrier->keys().seal().error().code, Code::not_initialized);
}

// ---- the fence ----

TEST(Barrier, AMovedFenceMakesAWriterLookAgainBeforeItIsAcknowledged) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  store.tamper(kFenceKey, bytes("moved"));
  EXPECT_EQ(put(store.barrier(), "a", "2").value(), Revision(2));
}

// ---- threads and forks ----

TEST(Barrier, ManyWritersOfOneSecretLoseNoWrite) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "n", "0"));
  Handle other = store.another();
  constexpr int kThreads = 4, kRounds = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Barrier& mine = t % 2 == 0 ? store.barrier() : *other.barrier;
      for (int i = 0; i < kRounds;) {
        auto now = mine.reader().read(path("n"));
        ASSERT_TRUE(now);
        const std::string next = std::to_string(std::stoi(plain(now->value)) + 1);
        i += put(mine, "n", next, Condition::at(now->revision)).ok();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(plain(store.barrier().reader().read(path("n"))->value),
            std::to_string(kThreads * kRounds));
}

TEST(Barrier, SealUnderLoadFinishesOrRefusesEveryCall) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "value"));
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, refused{0}, strange{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      while (!stop) {
        if (t == 0) (void)put(store.barrier(), "b", "value");
        auto read = store.barrier().reader().read(path("a"));
        if (read && plain(read->value) == "value") {
          ++good;
        } else if (!read && read.error().code == Code::sealed) {
          ++refused;
        } else {
          ++strange;
        }
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(store.barrier().keys().seal());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(store.first.unseal(store.key, true));
    EXPECT_TRUE(store.barrier().keys().rotate(Permit::always()));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(good, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(strange, 0);
}

TEST(Barrier, AHandleRefusesToWorkInAForkedChild) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "1"));
  const pid_t child = ::fork();
  if (child == 0) {
    const bool read = code_of(store.barrier().reader().read(path("a"))) == Code::sealed;
    const bool write = put(store.barrier(), "a", "2").error().code == Code::sealed;
    const bool seal = store.barrier().keys().seal().error().code == Code::sealed;
    const bool unseal = store.first.unseal(store.key).error().code == Code::sealed;
    ::_exit(read && write && seal && unseal ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(store.barrier().reader().read(path("a")));
}

}  // namespace
}  // namespace strongroom::barrier_test
