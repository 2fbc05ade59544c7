// conformance.hpp: every promise of strongroom/backend.hpp, broken on purpose, over any backend.
//
// To run it over a backend of your own, write one .cpp file, link it with GoogleTest's main:
//
//   #include "conformance.hpp"
//   using strongroom::conformance::Backends;
//   INSTANTIATE_TEST_SUITE_P(Mine, Backends, ::testing::Values(strongroom::conformance::Factory{
//       .name = "mine",
//       .make = [] { return my_fresh_and_empty_storage(); },
//       .reopen = [](strongroom::Backend& open) { return another_handle_to(open.url()); },
//       .revive = [] { return the_storage_that_make_made_last(); }}));
//
// make    a handle to a storage that nobody used before; null skips the test
// reopen  another handle to the storage of an open one, as a second process would have;
//         leave it out where there is no such thing, and the tests that need it are skipped
// revive  a handle to the storage of the last make, all of whose handles were closed; leave it out
//         where a storage does not outlive its handles
// clean   removes what make left behind; optional
// pages   its snapshot is the default one, page by page, and not of one point in time
//
// Include it in one file of a program. The largest test stores one value of 64 MiB.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/backend.hpp"

namespace strongroom::conformance {

struct Factory {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
  std::function<std::unique_ptr<Backend>(Backend&)> reopen = {};
  std::function<std::unique_ptr<Backend>()> revive = {};
  std::function<void()> clean = {};
  bool pages = false;

  friend std::ostream& operator<<(std::ostream& out, const Factory& f) { return out << f.name; }
};

inline ByteView bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string text(ByteView view) {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

// The views of a change must outlive it: keys and values are literals or named strings.
inline Change put(std::string_view key, std::string_view value, Version expected = kAny) {
  return {Change::Kind::put, bytes(key), bytes(value), expected};
}
inline Change erase(std::string_view key, Version expected = kAny) {
  return {Change::Kind::erase, bytes(key), {}, expected};
}
inline Change check(std::string_view key, Version expected) {
  return {Change::Kind::check, bytes(key), {}, expected};
}

struct Found {
  std::string value;
  Version version = kAbsent;
  friend bool operator==(const Found&, const Found&) = default;
};

inline Found fetch(Backend& backend, std::string_view key) {
  Found found;
  const ByteView keys[] = {bytes(key)};
  auto stamp = backend.read(
      keys,
      [&](std::size_t, const Record& record) {
        found = {text(record.value), record.version};
      },
      kDefaultTimeout);
  EXPECT_TRUE(stamp.ok()) << (stamp ? "" : stamp.error().message);
  return found;
}

inline Stamp stamp_of(Backend& backend) {
  auto stamp = backend.read(
      {}, [](std::size_t, const Record&) {}, kDefaultTimeout);
  EXPECT_TRUE(stamp.ok());
  return stamp ? *stamp : Stamp();
}

inline Result<Commit> commit(Backend& backend, std::vector<Change> batch) {
  return backend.commit(batch, kDefaultTimeout);
}

inline ::testing::AssertionResult applied(const Result<Commit>& result) {
  if (!result) {
    return ::testing::AssertionFailure()
           << to_string(result.error().code) << ": " << result.error().message;
  }
  if (result->conflict) return ::testing::AssertionFailure() << "conflict at " << *result->conflict;
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult conflicts_at(const Result<Commit>& result, std::size_t index) {
  if (result && result->conflict == index) return ::testing::AssertionSuccess();
  auto failure = ::testing::AssertionFailure();
  if (!result) return failure << result.error().message;
  if (!result->conflict) return failure << "was applied";
  return failure << "conflict at " << *result->conflict;
}

inline ::testing::AssertionResult fails_with(const Result<Commit>& result, Code code) {
  if (!result && result.error().code == code) return ::testing::AssertionSuccess();
  if (!result) return ::testing::AssertionFailure() << to_string(result.error().code);
  return ::testing::AssertionFailure() << (result->conflict ? "a conflict" : "was applied");
}

// page scans once and hands back the keys; more tells whether the backend said so.
inline std::vector<std::string> page(Backend& backend, std::string_view prefix,
                                     std::string_view after, std::size_t limit, bool& more) {
  std::vector<std::string> keys;
  auto scanned = backend.scan(
      bytes(prefix), bytes(after), limit,
      [&](const Record& record) { keys.push_back(text(record.key)); }, kDefaultTimeout);
  EXPECT_TRUE(scanned.ok()) << (scanned ? "" : scanned.error().message);
  more = scanned && *scanned;
  return keys;
}

inline std::vector<std::string> all(Backend& backend, std::string_view prefix = {}) {
  bool more = false;
  auto keys = page(backend, prefix, {}, 1'000'000, more);
  EXPECT_FALSE(more);
  return keys;
}

inline std::vector<std::string> sorted(std::vector<std::string> keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

class Backends : public ::testing::TestWithParam<Factory> {
 protected:
  void SetUp() override {
    backend_ = GetParam().make();
    if (backend_ == nullptr) GTEST_SKIP() << GetParam().name << " can not be made here";
  }
  void TearDown() override {
    backend_.reset();
    if (GetParam().clean) GetParam().clean();
  }
  std::unique_ptr<Backend> second_handle() {
    return GetParam().reopen ? GetParam().reopen(*backend_) : nullptr;
  }

  std::unique_ptr<Backend> backend_;
};

//
// Limits and malformed requests
//

TEST_P(Backends, EmptyKeyIsRefusedEverywhere) {
  EXPECT_TRUE(fails_with(commit(*backend_, {put("", "v")}), Code::invalid));
  EXPECT_TRUE(fails_with(commit(*backend_, {erase("")}), Code::invalid));
  EXPECT_TRUE(fails_with(commit(*backend_, {check("", kAny)}), Code::invalid));
  const ByteView keys[] = {ByteView{}};
  auto read = backend_->read(
      keys, [](std::size_t, const Record&) {}, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::invalid);
}

TEST_P(Backends, LongestKeyIsKeptAndOneByteMoreIsTooLarge) {
  const std::string longest(kMaxBackendKeyLen, '\xFF');
  const std::string over(kMaxBackendKeyLen + 1, '\xFF');
  ASSERT_TRUE(applied(commit(*backend_, {put(longest, "v")})));
  EXPECT_EQ(fetch(*backend_, longest).value, "v");
  EXPECT_EQ(all(*backend_, longest), std::vector<std::string>{longest});
  EXPECT_TRUE(fails_with(commit(*backend_, {put(over, "v")}), Code::too_large));
  EXPECT_TRUE(fails_with(commit(*backend_, {erase(over)}), Code::too_large));
  const ByteView keys[] = {bytes(over)};
  auto read = backend_->read(
      keys, [](std::size_t, const Record&) {}, kDefaultTimeout);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::too_large);
}

TEST_P(Backends, LargestValueIsKeptAndOneByteMoreIsTooLarge) {
  std::string value(kMaxBackendValueLen + 1, 'x');
  EXPECT_TRUE(fails_with(commit(*backend_, {put("ok", "v"), put("big", value)}), Code::too_large));
  EXPECT_EQ(fetch(*backend_, "ok").version, kAbsent);
  value.pop_back();
  value.front() = 'a';
  value.back() = 'z';
  ASSERT_TRUE(applied(commit(*backend_, {put("big", value)})));
  EXPECT_TRUE(fetch(*backend_, "big").value == value);
}

TEST_P(Backends, LargestBatchIsAppliedAndOneChangeMoreIsTooLarge) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i <= kMaxCommitChanges; ++i) keys.push_back("key " + std::to_string(i));
  std::vector<Change> batch;
  for (const std::string& key : keys) batch.push_back(put(key, key));
  EXPECT_TRUE(fails_with(commit(*backend_, batch), Code::too_large));
  EXPECT_TRUE(all(*backend_).empty());
  batch.pop_back();
  ASSERT_TRUE(applied(commit(*backend_, batch)));
  EXPECT_EQ(all(*backend_).size(), kMaxCommitChanges);
}

TEST_P(Backends, KeyTwiceInABatchIsInvalidWhateverTheKinds) {
  EXPECT_TRUE(fails_with(commit(*backend_, {put("k", "1"), put("k", "2")}), Code::invalid));
  EXPECT_TRUE(fails_with(commit(*backend_, {put("k", "1"), erase("k")}), Code::invalid));
  EXPECT_TRUE(fails_with(commit(*backend_, {check("k", kAbsent), put("l", "1"), put("k", "1")}),
                         Code::invalid));
  EXPECT_TRUE(all(*backend_).empty());
}

TEST_P(Backends, UnknownKindOfChangeIsInvalid) {
  Change odd = put("k", "v");
  odd.kind = static_cast<Change::Kind>(17);
  EXPECT_TRUE(fails_with(commit(*backend_, {put("l", "v"), odd}), Code::invalid));
  EXPECT_TRUE(all(*backend_).empty());
}

TEST_P(Backends, EmptyBatchAndEmptyReadSucceed) {
  EXPECT_TRUE(applied(commit(*backend_, {})));
  EXPECT_TRUE(backend_
                  ->read(
                      {}, [](std::size_t, const Record&) { FAIL(); }, kDefaultTimeout)
                  .ok());
}

TEST_P(Backends, UrlNamesTheStorage) {
  EXPECT_FALSE(backend_->url().empty());
}

//
// What is kept
//

TEST_P(Backends, FreshStorageHoldsNothing) {
  EXPECT_TRUE(all(*backend_).empty());
  EXPECT_EQ(fetch(*backend_, "k"), Found{});
}

TEST_P(Backends, EmptyValueIsARecordAndNotAnAbsence) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "")})));
  const Found found = fetch(*backend_, "k");
  EXPECT_NE(found.version, kAbsent);
  EXPECT_NE(found.version, kAny);
  EXPECT_EQ(found.value, "");
  EXPECT_EQ(all(*backend_), std::vector<std::string>{"k"});
}

TEST_P(Backends, KeysAndValuesAreAnyBytes) {
  using namespace std::string_literals;
  const std::vector<std::string> keys = {"\0"s,   "\0\0"s,   "a\0b"s, "a"s,    "a\0"s,
                                         "\xFF"s, "\xFF\0"s, "\n/"s,  "\x80"s, "\xFF\xFF"s};
  for (const std::string& key : keys) {
    ASSERT_TRUE(applied(commit(*backend_, {put(key, "<" + key + ">", kAbsent)})));
  }
  for (const std::string& key : keys) EXPECT_EQ(fetch(*backend_, key).value, "<" + key + ">");
  EXPECT_EQ(sorted(all(*backend_)), sorted(keys));
}

TEST_P(Backends, EveryByteOfAValueComesBack) {
  std::string value;
  for (int i = 0; i < 70'000; ++i) value.push_back(static_cast<char>(i * 7 + i / 256));
  for (const std::size_t len : {1u, 255u, 256u, 2000u, 4070u, 4096u, 4097u, 70'000u}) {
    const std::string key = "len " + std::to_string(len);
    ASSERT_TRUE(applied(commit(*backend_, {put(key, value.substr(0, len))})));
    EXPECT_TRUE(fetch(*backend_, key).value == value.substr(0, len)) << len;
  }
}

TEST_P(Backends, ReadHandsOverOneRecordForEachKeyEvenOneNamedTwice) {
  ASSERT_TRUE(applied(commit(*backend_, {put("a", "1"), put("b", "2")})));
  const ByteView keys[] = {bytes("b"), bytes("none"), bytes("a"), bytes("b")};
  std::map<std::size_t, std::string> seen;
  std::size_t num_calls = 0;
  auto stamp = backend_->read(
      keys,
      [&](std::size_t index, const Record& record) {
        ++num_calls;
        ASSERT_LT(index, 4u);
        EXPECT_EQ(text(record.key), text(keys[index]));
        EXPECT_EQ(record.version == kAbsent, index == 1);
        seen[index] = text(record.value);
      },
      kDefaultTimeout);
  ASSERT_TRUE(stamp.ok());
  EXPECT_EQ(num_calls, 4u);
  EXPECT_EQ(seen, (std::map<std::size_t, std::string>{{0, "2"}, {1, ""}, {2, "1"}, {3, "2"}}));
}

//
// Expectations: three kinds of change, three kinds of expectation
//

TEST_P(Backends, AbsentIsMetByNoRecordOnlyForEveryKind) {
  ASSERT_TRUE(applied(commit(*backend_, {put("here", "1")})));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {put("here", "2", kAbsent)}), 0));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {erase("here", kAbsent)}), 0));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {check("here", kAbsent)}), 0));
  EXPECT_EQ(fetch(*backend_, "here").value, "1");
  EXPECT_TRUE(applied(commit(*backend_, {check("gone", kAbsent)})));
  EXPECT_TRUE(applied(commit(*backend_, {erase("gone", kAbsent)})));
  EXPECT_TRUE(applied(commit(*backend_, {put("gone", "3", kAbsent)})));
  EXPECT_EQ(fetch(*backend_, "gone").value, "3");
}

TEST_P(Backends, ExactVersionIsMetByThatVersionOnlyForEveryKind) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "1")})));
  const Version first = fetch(*backend_, "k").version;
  EXPECT_TRUE(applied(commit(*backend_, {check("k", first)})));
  EXPECT_TRUE(applied(commit(*backend_, {put("k", "2", first)})));
  const Version second = fetch(*backend_, "k").version;
  for (const Version wrong : {first, Version(second.value() + 1), Version(second.value() - 1),
                              Version(std::uint64_t{1} << 63)}) {
    if (wrong == second || wrong == kAbsent) continue;
    EXPECT_TRUE(conflicts_at(commit(*backend_, {check("k", wrong)}), 0)) << wrong.value();
    EXPECT_TRUE(conflicts_at(commit(*backend_, {put("k", "3", wrong)}), 0)) << wrong.value();
    EXPECT_TRUE(conflicts_at(commit(*backend_, {erase("k", wrong)}), 0)) << wrong.value();
  }
  EXPECT_EQ(fetch(*backend_, "k"), (Found{"2", second}));
  EXPECT_TRUE(applied(commit(*backend_, {erase("k", second)})));
  EXPECT_EQ(fetch(*backend_, "k"), Found{});
}

TEST_P(Backends, ExactVersionIsNeverMetByAnAbsentRecord) {
  EXPECT_TRUE(conflicts_at(commit(*backend_, {check("k", Version(1))}), 0));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {put("k", "v", Version(1))}), 0));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {erase("k", Version(1))}), 0));
  EXPECT_TRUE(all(*backend_).empty());
}

TEST_P(Backends, AnyIsMetByEverythingForEveryKind) {
  EXPECT_TRUE(applied(commit(*backend_, {check("k", kAny)})));
  EXPECT_TRUE(applied(commit(*backend_, {erase("k", kAny)})));
  EXPECT_TRUE(applied(commit(*backend_, {put("k", "1", kAny)})));
  EXPECT_TRUE(applied(commit(*backend_, {put("k", "2", kAny)})));
  EXPECT_TRUE(applied(commit(*backend_, {check("k", kAny)})));
  EXPECT_TRUE(applied(commit(*backend_, {erase("k", kAny)})));
  EXPECT_EQ(fetch(*backend_, "k"), Found{});
}

TEST_P(Backends, ConflictNamesTheChangeAndNothingOfTheBatchIsApplied) {
  ASSERT_TRUE(applied(commit(*backend_, {put("a", "1"), put("b", "1"), put("c", "1")})));
  const Version a = fetch(*backend_, "a").version;
  const Version b = fetch(*backend_, "b").version;
  EXPECT_TRUE(
      conflicts_at(commit(*backend_, {put("a", "2", a), erase("b", b), put("n", "2", kAbsent),
                                      check("c", Version(1u << 30))}),
                   3));
  EXPECT_EQ(fetch(*backend_, "a"), (Found{"1", a}));
  EXPECT_EQ(fetch(*backend_, "b"), (Found{"1", b}));
  EXPECT_EQ(fetch(*backend_, "n"), Found{});
}

TEST_P(Backends, ExpectationsAreTestedBeforeAnyStepIsApplied) {
  // Whatever the order of the steps: the check looks at what was there before the batch.
  ASSERT_TRUE(applied(commit(*backend_, {put("b", "1")})));
  const Version b = fetch(*backend_, "b").version;
  EXPECT_TRUE(
      applied(commit(*backend_, {put("a", "2"), put("b", "2", b), put("c", "2", kAbsent)})));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {erase("a"), erase("c"), check("b", b)}), 2));
  EXPECT_EQ(all(*backend_).size(), 3u);
}

//
// Versions and stamps
//

TEST_P(Backends, EveryPutGivesAKeyAVersionItNeverHad) {
  std::vector<Version> seen;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(applied(commit(*backend_, {put("k", i % 2 == 0 ? "same" : "other")})));
    seen.push_back(fetch(*backend_, "k").version);
    if (i % 3 == 0) {
      ASSERT_TRUE(applied(commit(*backend_, {erase("k")})));
    }
    if (i % 9 == 0) {
      ASSERT_TRUE(applied(commit(*backend_, {put("l", "x"), erase("m")})));
    }
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  EXPECT_NE(seen.front(), kAbsent);
  EXPECT_NE(seen.back(), kAny);
}

TEST_P(Backends, VersionOfAnEarlierLifeDoesNotMatchTheRecordMadeAgain) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "v")})));
  const Version first_life = fetch(*backend_, "k").version;
  ASSERT_TRUE(applied(commit(*backend_, {erase("k")})));
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "v", kAbsent)})));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {put("k", "stale", first_life)}), 0));
  EXPECT_EQ(fetch(*backend_, "k").value, "v");
}

TEST_P(Backends, VersionOfOtherRecordsStaysWhenOneChanges) {
  ASSERT_TRUE(applied(commit(*backend_, {put("a", "1"), put("b", "1")})));
  const Found a = fetch(*backend_, "a");
  ASSERT_TRUE(applied(commit(*backend_, {put("b", "2"), check("a", a.version)})));
  EXPECT_EQ(fetch(*backend_, "a"), a);
}

TEST_P(Backends, StampStaysWithoutCommits) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "v")})));
  const Stamp before = stamp_of(*backend_);
  fetch(*backend_, "k");
  all(*backend_);
  EXPECT_TRUE(applied(commit(*backend_, {check("k", kAny)})));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {put("k", "w", kAbsent)}), 0));
  EXPECT_EQ(stamp_of(*backend_), before);
}

TEST_P(Backends, StampMovesWithEveryChange) {
  std::vector<Stamp> stamps = {stamp_of(*backend_)};
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(applied(commit(*backend_, {put("k", "same")})));
    stamps.push_back(stamp_of(*backend_));
  }
  ASSERT_TRUE(applied(commit(*backend_, {erase("k")})));
  stamps.push_back(stamp_of(*backend_));
  std::sort(stamps.begin(), stamps.end());
  EXPECT_EQ(std::adjacent_find(stamps.begin(), stamps.end()), stamps.end());
}

TEST_P(Backends, OtherHandleSeesACommitAndItsStampMoves) {
  const auto other = second_handle();
  if (other == nullptr) GTEST_SKIP() << "no second handle";
  const Stamp before = stamp_of(*other);
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "v")})));
  ASSERT_TRUE(other->sync(kDefaultTimeout).ok());
  EXPECT_EQ(fetch(*other, "k").value, "v");
  EXPECT_NE(stamp_of(*other), before);
  EXPECT_EQ(fetch(*other, "k").version, fetch(*backend_, "k").version);
}

TEST_P(Backends, ExpectationOfOneHandleMeetsTheCommitOfAnother) {
  const auto other = second_handle();
  if (other == nullptr) GTEST_SKIP() << "no second handle";
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "1")})));
  const Version seen = fetch(*backend_, "k").version;
  ASSERT_TRUE(applied(commit(*other, {put("k", "2")})));
  EXPECT_TRUE(conflicts_at(commit(*backend_, {put("k", "3", seen)}), 0));
}

TEST_P(Backends, HandleStaysWhenAnotherIsClosed) {
  auto other = second_handle();
  if (other == nullptr) GTEST_SKIP() << "no second handle";
  ASSERT_TRUE(applied(commit(*other, {put("k", "1")})));
  other.reset();
  EXPECT_EQ(fetch(*backend_, "k").value, "1");
  EXPECT_TRUE(applied(commit(*backend_, {put("k", "2")})));
}

TEST_P(Backends, AcknowledgedCommitsAreThereAfterAllHandlesWereClosed) {
  if (!GetParam().revive) GTEST_SKIP() << "not durable";
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) keys.push_back("key " + std::to_string(i));
  for (const std::string& key : keys) ASSERT_TRUE(applied(commit(*backend_, {put(key, key)})));
  ASSERT_TRUE(applied(commit(*backend_, {erase("key 7")})));
  const Version before = fetch(*backend_, "key 8").version;
  backend_.reset();
  backend_ = GetParam().revive();
  ASSERT_NE(backend_, nullptr);
  EXPECT_EQ(all(*backend_).size(), keys.size() - 1);
  EXPECT_EQ(fetch(*backend_, "key 8"), (Found{"key 8", before}));
  ASSERT_TRUE(applied(commit(*backend_, {put("key 8", "new", before)})));
  EXPECT_NE(fetch(*backend_, "key 8").version, before);
}

//
// Scan
//

TEST_P(Backends, ScanOrderIsTheSameEveryTimeAndForEveryHandle) {
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(std::to_string(i * 7919 % 100) + "/x");
  for (const std::string& key : keys) ASSERT_TRUE(applied(commit(*backend_, {put(key, "v")})));
  const auto order = all(*backend_);
  EXPECT_EQ(sorted(order), sorted(keys));
  EXPECT_EQ(all(*backend_), order);
  if (const auto other = second_handle(); other != nullptr) {
    EXPECT_EQ(all(*other), order);
  }
}

TEST_P(Backends, ScanFindsExactlyThePrefixAlsoAtTheEndOfTheByteRange) {
  using namespace std::string_literals;
  const std::vector<std::string> keys = {"a"s,    "a\0"s,      "a\xFF"s,        "a\xFF\xFF"s,
                                         "b"s,    "\xFF"s,     "\xFF\xFE"s,     "\xFF\xFF"s,
                                         "\xFE"s, "\xFE\xFF"s, "\xFF\xFF\xFF"s, "ab"s};
  for (const std::string& key : keys) ASSERT_TRUE(applied(commit(*backend_, {put(key, "v")})));
  for (const std::string& prefix : {""s, "a"s, "a\xFF"s, "\xFE"s, "\xFF"s, "\xFF\xFF"s,
                                    "\xFF\xFF\xFF"s, "\xFF\xFF\xFF\xFF"s, "a\0"s, "zz"s, "ab"s}) {
    std::vector<std::string> expected;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(expected),
                 [&](const std::string& key) { return key.starts_with(prefix); });
    EXPECT_EQ(sorted(all(*backend_, prefix)), sorted(expected)) << ::testing::PrintToString(prefix);
  }
}

TEST_P(Backends, ScanHandsOverValueAndVersion) {
  ASSERT_TRUE(applied(commit(*backend_, {put("p/1", "one"), put("q", "no")})));
  const Found found = fetch(*backend_, "p/1");
  std::size_t num_calls = 0;
  auto scanned = backend_->scan(
      bytes("p/"), {}, 10,
      [&](const Record& record) {
        ++num_calls;
        EXPECT_EQ(text(record.key), "p/1");
        EXPECT_EQ((Found{text(record.value), record.version}), found);
      },
      kDefaultTimeout);
  ASSERT_TRUE(scanned.ok());
  EXPECT_FALSE(*scanned);
  EXPECT_EQ(num_calls, 1u);
}

TEST_P(Backends, PagesOfEverySizeJoinToTheWholeAndSayWhetherThereIsMore) {
  std::vector<std::string> keys;
  for (int i = 0; i < 12; ++i) keys.push_back("p/" + std::to_string(i));
  for (const std::string& key : keys) ASSERT_TRUE(applied(commit(*backend_, {put(key, "v")})));
  ASSERT_TRUE(applied(commit(*backend_, {put("o", "v"), put("p", "v"), put("p0", "v")})));
  const auto whole = all(*backend_, "p/");
  ASSERT_EQ(whole.size(), keys.size());
  for (std::size_t limit = 1; limit <= keys.size() + 1; ++limit) {
    std::vector<std::string> joined;
    for (bool more = true; more;) {
      const auto part = page(*backend_, "p/", joined.empty() ? "" : joined.back(), limit, more);
      ASSERT_LE(part.size(), limit);
      ASSERT_TRUE(!part.empty() || !more);
      joined.insert(joined.end(), part.begin(), part.end());
      EXPECT_EQ(more, joined.size() < whole.size());
      ASSERT_LE(joined.size(), whole.size());
    }
    EXPECT_EQ(joined, whole) << limit;
  }
}

TEST_P(Backends, PagingGoesOnWhenTheLastKeySeenHasVanished) {
  for (const char* key : {"p/1", "p/2", "p/3", "p/4", "p/5"}) {
    ASSERT_TRUE(applied(commit(*backend_, {put(key, "v")})));
  }
  const auto whole = all(*backend_, "p/");
  bool more = false;
  ASSERT_EQ(page(*backend_, "p/", "", 2, more).size(), 2u);
  ASSERT_TRUE(applied(commit(*backend_, {erase(whole[1]), erase(whole[2])})));
  const auto rest = page(*backend_, "p/", whole[1], 10, more);
  EXPECT_EQ(rest, (std::vector<std::string>{whole[3], whole[4]}));
  EXPECT_FALSE(more);
}

TEST_P(Backends, PageAfterTheLastRecordIsEmpty) {
  ASSERT_TRUE(applied(commit(*backend_, {put("p/1", "v"), put("p/2", "v")})));
  bool more = true;
  EXPECT_TRUE(page(*backend_, "p/", all(*backend_, "p/").back(), 10, more).empty());
  EXPECT_FALSE(more);
}

TEST_P(Backends, ScanLimitedToNothingStillTellsWhetherThereIsMore) {
  bool more = true;
  EXPECT_TRUE(page(*backend_, "p/", "", 0, more).empty());
  EXPECT_FALSE(more);
  ASSERT_TRUE(applied(commit(*backend_, {put("p/1", "v")})));
  EXPECT_TRUE(page(*backend_, "p/", "", 0, more).empty());
  EXPECT_TRUE(more);
}

//
// Snapshot
//

// snapshot_of gives every record that a snapshot handed over, in its order.
inline std::vector<std::pair<std::string, Found>> snapshot_of(
    Backend& backend, const std::vector<std::string>& first = {}) {
  std::vector<std::pair<std::string, Found>> seen;
  const std::vector<ByteView> keys = [&] {
    std::vector<ByteView> views;
    for (const std::string& key : first) views.push_back(bytes(key));
    return views;
  }();
  auto done = backend.snapshot(
      keys,
      [&](const Record& record) -> Result<void> {
        seen.emplace_back(text(record.key), Found{text(record.value), record.version});
        return {};
      },
      kDefaultTimeout);
  EXPECT_TRUE(done.ok()) << (done ? "" : done.error().message);
  return seen;
}

TEST_P(Backends, SnapshotOfNothingIsEmpty) {
  EXPECT_TRUE(snapshot_of(*backend_).empty());
  EXPECT_TRUE(snapshot_of(*backend_, {"a", "b"}).empty());
}

TEST_P(Backends, SnapshotHandsOverEveryRecordOnceAndTheFirstOnesFirst) {
  using namespace std::string_literals;
  std::map<std::string, std::string> stored = {{"\0"s, "zero"}, {std::string(320, '\xFF'), "last"}};
  for (std::size_t i = 0; i < 3000; ++i) stored["key " + std::to_string(i)].assign(i % 50, 'v');
  for (const char* large : {"a", "m", "z", "zz"}) stored[large] = std::string(700'000, *large);
  stored["b"] = std::string(3'000'000, 'b');
  std::vector<Change> batch;
  for (const auto& [key, value] : stored) {
    batch.push_back(put(key, value));
    if (batch.size() < kMaxCommitChanges && key != "zz" && key != "\xFF") continue;
    ASSERT_TRUE(applied(commit(*backend_, batch)));
    batch.clear();
  }
  ASSERT_TRUE(applied(commit(*backend_, batch)));
  const auto seen = snapshot_of(*backend_, {"zz", "none", "key 7", "a"});
  ASSERT_EQ(seen.size(), stored.size());
  EXPECT_EQ(seen[0].first, "zz");
  EXPECT_EQ(seen[1].first, "key 7");
  EXPECT_EQ(seen[2].first, "a");
  for (const auto& [key, found] : seen) {
    ASSERT_TRUE(stored.contains(key)) << ::testing::PrintToString(key);
    EXPECT_TRUE(found.value == stored[key]) << key;
    stored.erase(key);
  }
  EXPECT_EQ(seen[1].second, fetch(*backend_, "key 7"));
}

TEST_P(Backends, SnapshotEndsWithTheErrorOfItsSink) {
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(applied(commit(*backend_, {put(key, key)})));
  }
  for (const int stop_at : {1, 2, 4}) {
    int num_calls = 0;
    const ByteView first[] = {bytes("c")};
    auto done = backend_->snapshot(
        first,
        [&](const Record&) -> Result<void> {
          if (++num_calls == stop_at) return Error{Code::too_large, "the pipe was full"};
          return {};
        },
        kDefaultTimeout);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, Code::too_large);
    EXPECT_EQ(done.error().message, "the pipe was full");
    EXPECT_EQ(num_calls, stop_at);
  }
  EXPECT_TRUE(applied(commit(*backend_, {put("a", "again")})));
}

TEST_P(Backends, SnapshotRefusesAKeyThatCanNotBe) {
  const auto refuse = [](const Record&) -> Result<void> { return {}; };
  const std::string over(kMaxBackendKeyLen + 1, 'k');
  const ByteView keys[] = {bytes("fine"), bytes(over)};
  auto done = backend_->snapshot(keys, refuse, kDefaultTimeout);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Code::too_large);
}

TEST_P(Backends, SinkOfASnapshotMayCallTheStorageAndSeesNothingOfWhatItDid) {
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key " + std::to_string(i);
    ASSERT_TRUE(applied(commit(*backend_, {put(key, "old")})));
  }
  int num_seen = 0;
  auto done = backend_->snapshot(
      {},
      [&](const Record& record) -> Result<void> {
        const std::string key = text(record.key);
        EXPECT_TRUE(key.starts_with("key ")) << key;
        EXPECT_TRUE(GetParam().pages || text(record.value) == "old");
        ++num_seen;
        for (int i = 0; i < 40; i += 7) {
          const std::string other = "key " + std::to_string(i);
          EXPECT_NE(fetch(*backend_, other).version, kAbsent);
        }
        EXPECT_FALSE(all(*backend_, "key 1").empty());
        const std::string last = "key 9";
        EXPECT_TRUE(applied(commit(*backend_, {put(last, "new")})));
        return {};
      },
      kDefaultTimeout);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(num_seen, 40);
}

TEST_P(Backends, WritersOfOtherThreadsGoOnWhileTheSinkOfASnapshotWaits) {
  ASSERT_TRUE(applied(commit(*backend_, {put("a", "old"), put("b", "old")})));
  const auto other = second_handle();
  auto done = backend_->snapshot(
      {},
      [&](const Record&) -> Result<void> {
        std::thread writer([&] {
          Backend& mine = other != nullptr ? *other : *backend_;
          EXPECT_TRUE(applied(commit(mine, {put("a", "new"), erase("b"), put("c", "new")})));
          EXPECT_EQ(fetch(*backend_, "c").value, "new");
        });
        writer.join();
        return {};
      },
      kDefaultTimeout);
  EXPECT_TRUE(done.ok());
}

TEST_P(Backends, SnapshotSeesWhatWasAcknowledgedAndNeverHalfACommit) {
  // Two records at the two ends of the order, always put together, and much between them.
  const std::string filler(300'000, 'f');
  for (const char* key : {"k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"}) {
    ASSERT_TRUE(applied(commit(*backend_, {put(key, filler)})));
  }
  ASSERT_TRUE(applied(commit(*backend_, {put("a", "0"), put("z", "0")})));
  std::atomic<int> acknowledged{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 1; !stop; ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(applied(commit(*backend_, {put("a", value), put("z", value)})));
      acknowledged = i;
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    const int before = acknowledged;
    std::map<std::string, Found> seen;
    for (auto& [key, found] : snapshot_of(*backend_)) seen[key] = std::move(found);
    EXPECT_EQ(seen.size(), 10u);
    EXPECT_GE(std::stoi(seen["a"].value), before);
    EXPECT_TRUE(GetParam().pages || seen["a"] == seen["z"]);
  }
  stop = true;
  writer.join();
}

TEST_P(Backends, SnapshotByPagesFailsWhereTheFirstRecordsMoved) {
  ASSERT_TRUE(applied(commit(*backend_, {put("h", "old"), put("k", "v")})));
  const ByteView first[] = {bytes("h"), bytes("none")};
  auto done = backend_->snapshot(
      first,
      [&](const Record&) -> Result<void> {
        EXPECT_TRUE(applied(commit(*backend_, {put("h", "new")})));
        return {};
      },
      kDefaultTimeout);
  EXPECT_EQ(done.ok(), !GetParam().pages);
  EXPECT_TRUE(done.ok() || done.error().code == Code::conflict);
}

//
// At once
//

// Runs the work in several threads, and joins them whatever happens.
inline void in_threads(int num_threads, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < num_threads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Backends, CompareAndSetFromManyThreadsLosesNoIncrement) {
  constexpr int kThreads = 8;
  constexpr int kIncrements = 15;
  ASSERT_TRUE(applied(commit(*backend_, {put("n", "0")})));
  const auto other = second_handle();
  in_threads(kThreads, [&](int thread) {
    Backend& mine = other != nullptr && thread % 2 == 1 ? *other : *backend_;
    for (int done = 0; done < kIncrements;) {
      const Found now = fetch(mine, "n");
      const std::string next = std::to_string(std::stoi(now.value) + 1);
      auto set = commit(mine, {put("n", next, now.version)});
      ASSERT_TRUE(set.ok()) << set.error().message;
      if (!set->conflict) ++done;
    }
  });
  EXPECT_EQ(fetch(*backend_, "n").value, std::to_string(kThreads * kIncrements));
}

TEST_P(Backends, CreateOnlyFromManyThreadsHasOneWinner) {
  for (int round = 0; round < 10; ++round) {
    const std::string key = "k" + std::to_string(round);
    std::atomic<int> num_winners{0};
    in_threads(6, [&](int thread) {
      auto made = commit(*backend_, {put(key, std::to_string(thread), kAbsent)});
      ASSERT_TRUE(made.ok()) << made.error().message;
      if (!made->conflict) ++num_winners;
    });
    EXPECT_EQ(num_winners, 1);
  }
}

TEST_P(Backends, ReadAndScanSeeOnePointInTimeUnderAWriter) {
  const std::vector<std::string> keys = {"r/1", "r/2", "r/3", "r/4"};
  const auto write = [&](int round) {
    const std::string value(static_cast<std::size_t>(1 + round % 3000), static_cast<char>(round));
    std::vector<Change> batch;
    for (const std::string& key : keys) batch.push_back(put(key, value));
    return commit(*backend_, batch);
  };
  ASSERT_TRUE(applied(write(0)));
  std::atomic<bool> stop{false};
  const auto other = second_handle();
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      Backend& mine = other != nullptr && i == 1 ? *other : *backend_;
      const ByteView views[] = {bytes(keys[3]), bytes(keys[0]), bytes(keys[2]), bytes(keys[1])};
      while (!stop) {
        std::vector<Found> seen;
        const auto see = [&](const Record& r) { seen.push_back({text(r.value), r.version}); };
        if (i == 2) {
          ASSERT_TRUE(mine.scan(bytes("r/"), {}, 10, see, kDefaultTimeout).ok());
        } else {
          auto stamp = mine.read(
              views, [&](std::size_t, const Record& r) { see(r); }, kDefaultTimeout);
          ASSERT_TRUE(stamp.ok());
        }
        ASSERT_EQ(seen.size(), keys.size());
        for (const Found& found : seen) ASSERT_TRUE(found == seen[0]);
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(700);
  for (int round = 1; round < 3000 && std::chrono::steady_clock::now() < end; ++round) {
    EXPECT_TRUE(applied(write(round)));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(Backends, EqualStampsMeanTheSameStateUnderAWriter) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "0")})));
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    std::map<Stamp, std::string> seen;
    const ByteView keys[] = {bytes("k")};
    while (!stop) {
      std::string value;
      auto stamp = backend_->read(
          keys, [&](std::size_t, const Record& r) { value = text(r.value); }, kDefaultTimeout);
      ASSERT_TRUE(stamp.ok());
      ASSERT_EQ(seen.try_emplace(*stamp, value).first->second, value);
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  for (int i = 1; i < 1000 && std::chrono::steady_clock::now() < end; ++i) {
    const std::string value = std::to_string(i);
    EXPECT_TRUE(applied(commit(*backend_, {put("k", value)})));
  }
  stop = true;
  reader.join();
}

TEST_P(Backends, AcknowledgedCommitIsSeenByTheNextReadOfAnyThread) {
  std::atomic<int> last{-1};
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(applied(commit(*backend_, {put("k", value)})));
      last = i;
    }
  });
  while (last < 49 && !HasFailure()) {
    const int acknowledged = last;
    if (acknowledged < 0) continue;
    const std::string value = fetch(*backend_, "k").value;
    if (value.empty() || std::stoi(value) < acknowledged) {
      ADD_FAILURE() << "read '" << value << "' after " << acknowledged;
      break;
    }
  }
  writer.join();
}

//
// Time
//

TEST_P(Backends, CallsWithoutTimeReturnAtOnceAndSaySo) {
  ASSERT_TRUE(applied(commit(*backend_, {put("k", "1")})));
  const auto start = std::chrono::steady_clock::now();
  for (const Timeout timeout : {Timeout{0}, Timeout{-1}}) {
    const Found before = fetch(*backend_, "k");
    const Change batch[] = {put("k", "2", before.version)};
    const auto set = backend_->commit(batch, timeout);
    if (set) {
      EXPECT_TRUE(applied(set));
      EXPECT_NE(fetch(*backend_, "k"), before);
    } else if (set.error().code == Code::timeout) {
      EXPECT_EQ(fetch(*backend_, "k"), before);
    } else {
      EXPECT_EQ(set.error().code, Code::indeterminate);
    }
    const ByteView keys[] = {bytes("k")};
    auto read = backend_->read(
        keys, [](std::size_t, const Record&) {}, timeout);
    if (!read) {
      EXPECT_EQ(read.error().code, Code::timeout);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_P(Backends, LongestTimeoutDoesNotOverflow) {
  const Change batch[] = {put("k", "1")};
  EXPECT_TRUE(applied(backend_->commit(batch, Timeout::max())));
  const ByteView keys[] = {bytes("k")};
  EXPECT_TRUE(backend_
                  ->read(
                      keys, [](std::size_t, const Record&) {}, Timeout::max())
                  .ok());
}

TEST_P(Backends, SyncSucceeds) {
  EXPECT_TRUE(backend_->sync(kDefaultTimeout).ok());
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Backends);

}  // namespace strongroom::conformance
