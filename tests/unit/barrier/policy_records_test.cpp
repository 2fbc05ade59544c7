#include "strongroom/impl/barrier/policy_records.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/contents.hpp"
#include "tests/support/meanwhile_backend.hpp"
#include "tests/support/process.hpp"

namespace strongroom::policy_records_test {
namespace {

using testing::bytes;
using testing::Complaint;
using testing::Contents;
using testing::contents;
using testing::Handle;
using testing::in_child;
using testing::Meanwhile;
using testing::MeanwhileBackend;
using testing::parsed;
using testing::path;
using testing::refused;
using testing::retire;
using testing::secret;
using testing::TestStore;
using Texts = std::map<std::string, std::string>;
using Bytes = std::vector<std::uint8_t>;

const auto go_on = [](const ReencryptProgress&) { return true; };

// put stores a text over what is there now.
Result<std::optional<Revision>> put(Barrier& barrier, std::string_view name,
                                    std::string_view text) {
  auto index = barrier.policies().index();
  if (!index) return std::move(index).error();
  return barrier.policies().put(index.value(), name, text);
}

Result<std::optional<Revision>> erase(Barrier& barrier, std::string_view name) {
  auto index = barrier.policies().index();
  if (!index) return std::move(index).error();
  return barrier.policies().erase(index.value(), name);
}

// texts_of gives what is stored, or why it was not given.
Texts texts_of(Barrier& barrier) {
  auto stored = barrier.policies().read();
  if (!stored) return {{"", stored.error().message}};
  Texts texts;
  for (std::size_t i = 0; i < stored->texts.size(); ++i)
    texts[stored->index.entries[i].name] = stored->texts[i];
  return texts;
}

RecordKey key_of(TestStore& store, std::string_view name) {
  return store.barrier()
      .keys()
      .with_keys([&](const Keys& keys) -> Result<RecordKey> {
        return record_key(policy_location(keys.keyring, name));
      })
      .value();
}

void remove(TestStore& store, ByteView key) {
  const Change change{Change::Kind::erase, key, {}, kAny};
  ASSERT_TRUE(store.records->commit(std::span(&change, 1), kDefaultTimeout));
}

// put_all_back makes the storage what it once was.
void put_all_back(Backend& storage, const Contents& before) {
  const auto view = [](const std::string& text) {
    return ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  };
  const Contents now = contents(storage);
  std::vector<Change> batch;
  for (const auto& [key, value] : before)
    batch.push_back({Change::Kind::put, view(key), view(value), kAny});
  for (const auto& [key, value] : now) {
    if (!before.contains(key)) batch.push_back({Change::Kind::erase, view(key), {}, kAny});
  }
  ASSERT_TRUE(storage.commit(batch, kDefaultTimeout));
}

TEST(PolicyRecords, AStoreBeginsWithout) {
  TestStore store;
  auto index = store.barrier().policies().index();
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->revision, Revision(0));
  EXPECT_TRUE(index->entries.empty());
  EXPECT_EQ(index->fence, store.barrier().keys().fence());
}

TEST(PolicyRecords, WhatIsPutIsReadByEverybodyAndTheRevisionCountsChanges) {
  TestStore store;
  Handle other = store.another();
  EXPECT_EQ(put(store.barrier(), "web", "{}").value(), Revision{1});
  EXPECT_EQ(put(*other.barrier, "db", "").value(), Revision{2});
  EXPECT_EQ(put(store.barrier(), "web", "{ }").value(), Revision{3});
  for (Barrier* each : {&store.barrier(), other.barrier.get()})
    EXPECT_EQ(texts_of(*each), (Texts{{"db", ""}, {"web", "{ }"}}));
  EXPECT_EQ(erase(*other.barrier, "db").value(), Revision{4});
  EXPECT_EQ(put(store.barrier(), "db", "again").value(), Revision{5}) << "never 2 again";
  auto index = other.barrier->policies().index();
  ASSERT_TRUE(index);
  ASSERT_EQ(index->entries.size(), 2u);
  EXPECT_EQ(index->entries[0].name, "db");
  EXPECT_EQ(index->entries[0].revision, Revision(5));
  EXPECT_EQ(index->entries[0].size, 5u);
  EXPECT_GT(index->entries[0].changed_ms, 1'600'000'000'000u);
  EXPECT_EQ(index->find("web")->revision, Revision(3));
  EXPECT_EQ(index->find("we"), nullptr);
}

TEST(PolicyRecords, OnlyWhoKnowsTheNewestMayChangeThem) {
  TestStore store;
  Handle other = store.another();
  const PolicyIndex old = store.barrier().policies().index().value();
  ASSERT_TRUE(put(*other.barrier, "a", "theirs").value());
  EXPECT_EQ(store.barrier().policies().put(old, "a", "mine").value(), std::nullopt);
  EXPECT_EQ(store.barrier().policies().erase(old, "a").value(), std::nullopt);
  EXPECT_EQ(texts_of(store.barrier()), (Texts{{"a", "theirs"}}));
}

TEST(PolicyRecords, ATextOfAnIndexThatWasReplacedIsNotGiven) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  const PolicyIndex old = store.barrier().policies().index().value();
  Handle other = store.another();
  ASSERT_TRUE(put(*other.barrier, "b", "two").value());
  EXPECT_EQ(store.barrier().policies().texts(old, old.entries).value(), std::nullopt);
}

TEST(PolicyRecords, EachChangeMovesTheFence) {
  TestStore store;
  Handle other = store.another();
  const auto before = other.barrier->keys().fence();
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  EXPECT_NE(store.barrier().keys().fence(), before) << "at once, where it was made";
  EXPECT_EQ(other.barrier->keys().fence(), before);
  EXPECT_EQ(other.barrier->reader().read(path("none")).error().code, Code::not_found);
  EXPECT_EQ(other.barrier->keys().fence(), store.barrier().keys().fence()) << "by any call";
  const auto then = store.barrier().keys().fence();
  ASSERT_TRUE(store.barrier().keys().rotate(Permit::always()));
  EXPECT_EQ(store.barrier().keys().fence(), then) << "a rotation is no change of the policies";
  store.barrier().keys().close();
  EXPECT_EQ(store.barrier().keys().fence(), std::nullopt);
}

TEST(PolicyRecords, NoNameAndNoTextIsInTheStorage) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "canary-name", "canary-text").value());
  for (const auto& [key, value] : contents(*store.records)) {
    EXPECT_EQ(key.find("canary"), key.npos);
    EXPECT_EQ(value.find("canary"), value.npos);
  }
}

TEST(PolicyRecords, NoSecretReadsAsOneAndNoneReadsAsASecret) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "policy").value());
  EXPECT_EQ(store.barrier().reader().read(path("a")).error().code, Code::not_found);
  EXPECT_TRUE(store.barrier().names().list(path(""), true)->empty());
  ASSERT_TRUE(store.barrier().writer().write(path("a"), Content::text, secret("secret").view(), {},
                                             Permit::always()));
  EXPECT_EQ(texts_of(store.barrier()), (Texts{{"a", "policy"}}));
}

TEST(PolicyRecords, LimitsAreErrorsAndNothingIsStored) {
  TestStore store;
  PolicyRecords& records = store.barrier().policies();
  PolicyIndex full = records.index().value();
  EXPECT_TRUE(refused(records.put(full, "", "x"), Code::invalid));
  EXPECT_TRUE(refused(records.put(full, std::string(129, 'n'), "x"), Code::too_large));
  const std::string largest(std::size_t{1} << 20, 't');
  EXPECT_TRUE(refused(records.put(full, "a", largest + "t"), Code::too_large));
  for (int i = 0; i < 4096; ++i)
    full.entries.push_back({"n" + std::to_string(10'000 + i), Revision(1), 1, 0});
  EXPECT_TRUE(refused(records.put(full, "one-more", "x"), Code::too_large));
  EXPECT_EQ(records.index()->revision, Revision(0));
  ASSERT_TRUE(put(store.barrier(), std::string(128, 'n'), largest).value());
  EXPECT_EQ(texts_of(store.barrier()), (Texts{{std::string(128, 'n'), largest}}));
}

TEST(PolicyRecords, AFullIndexIsReadBack) {
  TestStore store;
  PolicyRecords& records = store.barrier().policies();
  PolicyIndex index = records.index().value();
  for (int i = 0; i < 4095; ++i)
    index.entries.push_back(
        {std::string(123, 'n') + std::to_string(10'000 + i), Revision(0), 1, 0});
  ASSERT_TRUE(records.put(index, "a", "x").value());
  EXPECT_EQ(records.index()->entries.size(), 4096u);
}

TEST(PolicyRecords, ASealedStoreTellsNothing) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  const PolicyIndex index = store.barrier().policies().index().value();
  store.barrier().keys().close();
  EXPECT_TRUE(refused(store.barrier().policies().index(), Code::sealed));
  EXPECT_TRUE(refused(store.barrier().policies().texts(index, index.entries), Code::sealed));
  EXPECT_TRUE(refused(store.barrier().policies().put(index, "b", "two"), Code::sealed));
}

TEST(PolicyRecords, AForkedChildTellsNothing) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  EXPECT_EQ(in_child([&]() -> Complaint {
              auto read = store.barrier().policies().read();
              return read || read.error().code != Code::sealed ? "it was read" : nullptr;
            }),
            "");
}

// ---- what is done to all records is done to them ----

TEST(PolicyRecords, OutliveReencryptionAndTheKeysThatTheyWereSealedUnder) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  ASSERT_TRUE(put(store.barrier(), "b", "two").value());
  ASSERT_TRUE(store.barrier().keys().rotate_root(Permit::always()));
  EXPECT_TRUE(refused(retire(store.barrier(), go_on), Code::invalid, "re-encrypt"));
  auto done = store.barrier().reencryption({100}).run(go_on);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->rewritten, 3u);
  ASSERT_TRUE(retire(store.barrier(), go_on));
  EXPECT_EQ(texts_of(store.barrier()), (Texts{{"a", "one"}, {"b", "two"}}));
  EXPECT_EQ(texts_of(*store.another().barrier), (Texts{{"a", "one"}, {"b", "two"}}));
  ASSERT_TRUE(put(store.barrier(), "b", "three").value());
}

TEST(PolicyRecords, AreRestoredFromABackup) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  Bytes stream;
  const auto quiet = [](std::uint64_t, std::uint64_t) {};
  const auto sink = [&](ByteView part) -> Result<void> {
    stream.insert(stream.end(), part.begin(), part.end());
    return {};
  };
  ASSERT_TRUE(write_backup(*store.records, sink, quiet));
  std::size_t at = 0;
  const auto source = [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
    const std::size_t len = std::min(out.size(), stream.size() - at);
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), len, out.begin());
    at += len;
    return len;
  };
  MemoryBackend into;
  ASSERT_TRUE(restore_backup(source, into, kDefaultTimeout, quiet));
  Handle there(into.share());
  ASSERT_TRUE(there.unseal(store.key));
  EXPECT_EQ(texts_of(*there.barrier), (Texts{{"a", "one"}}));
}

TEST(PolicyRecords, AreInACopyOfTheStore) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  MemoryBackend into;
  const auto quiet = [](std::uint64_t, std::uint64_t) { return true; };
  ASSERT_TRUE(StoreCopy(*store.records, into, kDefaultTimeout).run(quiet));
  Handle there(into.share());
  ASSERT_TRUE(there.unseal(store.key));
  EXPECT_EQ(texts_of(*there.barrier), (Texts{{"a", "one"}}));
}

TEST(PolicyRecords, MigrateToFreshKeysWithTheirRevisions) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "gone", "-").value());
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  ASSERT_TRUE(erase(store.barrier(), "gone").value());
  MemoryBackend into;
  const PendingInit pending = prepare_init({0, 0, true}).value();
  const auto all = [](std::uint64_t) { return true; };
  ASSERT_TRUE(Migration(store.barrier(), into, pending, kDefaultTimeout).run(all));
  Handle there(into.share());
  ASSERT_TRUE(there.unseal(parsed(pending.key_file)));
  EXPECT_EQ(texts_of(*there.barrier), (Texts{{"a", "one"}}));
  EXPECT_EQ(there.barrier->policies().index()->entries,
            store.barrier().policies().index()->entries);
  EXPECT_EQ(put(*there.barrier, "a", "two").value(), Revision{4});
}

TEST(PolicyRecords, AnAnchorTellsThatAllOfThemWerePutBack) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "strict").value());
  const Contents before = contents(*store.records);
  ASSERT_TRUE(put(store.barrier(), "a", "stricter").value());
  const Anchor anchor = store.barrier().keys().anchor().value();
  put_all_back(*store.records, before);
  KeeperOptions options;
  options.anchor = anchor;
  Barrier fresh(store.records->share(), options);
  EXPECT_TRUE(refused(fresh.keys().unseal(std::span(&store.key, 1)), Code::rollback));
  EXPECT_TRUE(refused(store.barrier().policies().index(), Code::rollback))
      << "and who has seen them needs none";
}

// ---- a storage that lies ----

// Lie does something to the records of policies that only their owner should.
struct Lie {
  std::string name;
  std::function<void(TestStore&)> tell;
  std::string_view says;  // what the message names
};

void PrintTo(const Lie& lie, std::ostream* out) {
  *out << lie.name;
}

// The store of each: "a" was put twice, then "b", then "gone" was put and erased.
std::vector<Lie> lies() {
  const auto put_back = [](std::string_view name, int steps) {
    return [name, steps](TestStore& store) {
      // What the record was, some changes ago.
      TestStore& near = store;
      const Bytes old = near.stored(key_of(near, name));
      for (int i = 0; i < steps; ++i)
        ASSERT_TRUE(put(near.barrier(), name.empty() ? "a" : name, "newer").value());
      near.tamper(key_of(near, name), old);
    };
  };
  const auto exchange = [](std::string_view one, std::string_view other) {
    return [one, other](TestStore& store) {
      const Bytes kept = store.stored(key_of(store, one));
      store.tamper(key_of(store, one), store.stored(key_of(store, other)));
      store.tamper(key_of(store, other), kept);
    };
  };
  return {
      {"TextsExchanged", exchange("a", "b"), "policy 'a'"},
      {"TextInThePlaceOfTheIndex", exchange("", "b"), "index of the policies"},
      {"IndexPutBack", put_back("", 1), "index of the policies"},
      {"TextPutBack", put_back("b", 1), "policy 'b'"},
      {"IndexRemoved", [](TestStore& store) { remove(store, key_of(store, "")); },
       "index of the policies"},
      {"TextRemoved", [](TestStore& store) { remove(store, key_of(store, "a")); }, "policy 'a'"},
      {"IndexCutShort",
       [](TestStore& store) {
         Bytes record = store.stored(key_of(store, ""));
         record.resize(record.size() - 1);
         store.tamper(key_of(store, ""), record);
       },
       "index of the policies"},
      {"TextEmptied", [](TestStore& store) { store.tamper(key_of(store, "a"), {}); }, "policy 'a'"},
      {"TextFlipped",
       [](TestStore& store) {
         Bytes record = store.stored(key_of(store, "b"));
         record[50] ^= 1;
         store.tamper(key_of(store, "b"), record);
       },
       "policy 'b'"},
      {"TextRelabelled",
       [](TestStore& store) {
         Bytes record = store.stored(key_of(store, "b"));
         record[15] ^= 1;
         store.tamper(key_of(store, "b"), record);
       },
       "policy 'b'"},
      {"TextOverLong",
       [](TestStore& store) { store.tamper(key_of(store, "a"), Bytes(5'000'000, 7)); },
       "policy 'a'"},
      {"IndexOverLong",
       [](TestStore& store) { store.tamper(key_of(store, ""), Bytes(5'000'000, 7)); },
       "index of the policies"},
      {"SecretInThePlaceOfAText",
       [](TestStore& store) {
         ASSERT_TRUE(store.barrier().writer().write(path("a"), Content::text, secret("{}").view(),
                                                    {}, Permit::always()));
         const Location of_secret = store.barrier()
                                        .keys()
                                        .with_keys([](const Keys& keys) -> Result<Location> {
                                          return secret_location(keys.keyring, "a");
                                        })
                                        .value();
         store.tamper(key_of(store, "a"), store.stored(record_key(of_secret)));
       },
       "policy 'a'"},
      {"IndexOfAnotherStore",
       [](TestStore& store) {
         TestStore other;
         ASSERT_TRUE(put(other.barrier(), "a", "two").value());
         store.tamper(key_of(store, ""), other.stored(key_of(other, "")));
       },
       "index of the policies"},
  };
}

class Lies : public ::testing::TestWithParam<Lie> {};

TEST_P(Lies, AreToldByEverybodyAndNothingIsBelieved) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  ASSERT_TRUE(put(store.barrier(), "a", "two").value());
  ASSERT_TRUE(put(store.barrier(), "b", "three").value());
  ASSERT_TRUE(put(store.barrier(), "gone", "-").value());
  ASSERT_TRUE(erase(store.barrier(), "gone").value());
  GetParam().tell(store);
  if (HasFatalFailure()) return;
  Handle fresh = store.another();
  for (Barrier* each : {&store.barrier(), fresh.barrier.get()}) {
    auto read = each->policies().read();
    ASSERT_FALSE(read);
    const Code code = read.error().code;
    EXPECT_TRUE(code == Code::corrupt || code == Code::rollback) << read.error().message;
    EXPECT_NE(read.error().message.find(GetParam().says), std::string::npos)
        << read.error().message;
  }
  ASSERT_TRUE(fresh.barrier->policies().reset(Permit::always())) << "the way out";
  EXPECT_EQ(texts_of(store.barrier()), Texts());
  ASSERT_TRUE(put(store.barrier(), "a", "new").value());
  EXPECT_EQ(texts_of(*fresh.barrier), (Texts{{"a", "new"}}));
}

INSTANTIATE_TEST_SUITE_P(Of, Lies, ::testing::ValuesIn(lies()),
                         [](const auto& lie) { return lie.param.name; });

TEST(PolicyRecords, AHeaderOfBeforeThemDoesNotHideThem) {
  TestStore store;
  const Bytes header = store.stored(kHeaderKey);
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  store.tamper(kHeaderKey, header);
  store.tamper(kHeaderCopyKey, header);
  Handle fresh = store.another();
  EXPECT_TRUE(refused(fresh.barrier->policies().index(), Code::rollback, "index of the policies"));
}

TEST(PolicyRecords, AnErasedTextThatComesAgainIsNotBelieved) {
  TestStore store;
  ASSERT_TRUE(put(store.barrier(), "a", "one").value());
  const Bytes old = store.stored(key_of(store, "a"));
  ASSERT_TRUE(erase(store.barrier(), "a").value());
  store.tamper(key_of(store, "a"), old);
  EXPECT_EQ(texts_of(store.barrier()), Texts());
  ASSERT_TRUE(put(store.barrier(), "a", "two").value());
  store.tamper(key_of(store, "a"), old);
  EXPECT_TRUE(refused(store.barrier().policies().read(), Code::rollback, "policy 'a'"));
}

// ---- others, meanwhile ----

TEST(PolicyRecords, AreReadAsOfOneMomentWhateverOthersDo) {
  for (int act_at = 0; act_at < 12; ++act_at) {
    TestStore store;
    ASSERT_TRUE(put(store.barrier(), "a", "1").value());
    ASSERT_TRUE(put(store.barrier(), "b", "1").value());
    auto meanwhile = std::make_shared<Meanwhile>();
    Barrier reader(std::make_unique<MeanwhileBackend>(store.records->share(), meanwhile));
    ASSERT_TRUE(reader.keys().unseal(std::span(&store.key, 1)));
    meanwhile->act_at = act_at;
    meanwhile->act = [&] {
      ASSERT_TRUE(put(store.barrier(), "c", "2").value());
      ASSERT_TRUE(put(store.barrier(), "a", "2").value());
      ASSERT_TRUE(store.barrier().keys().rotate_root(Permit::always()));
      ASSERT_TRUE(store.barrier().reencryption({100}).run(go_on));
      ASSERT_TRUE(retire(store.barrier(), go_on));
    };
    const Texts texts = texts_of(reader);
    const Texts before{{"a", "1"}, {"b", "1"}};
    const Texts after{{"a", "2"}, {"b", "1"}, {"c", "2"}};
    EXPECT_TRUE(texts == before || texts == after) << act_at << ": " << texts.begin()->second;
  }
}

TEST(PolicyRecords, ManyWhoPutAtOnceLoseNothing) {
  TestStore store;
  constexpr int kEach = 12;
  const auto work = [&](Barrier& barrier, std::string name) {
    for (int i = 0; i < kEach;) {
      auto done = put(barrier, name + std::to_string(i), "x");
      ASSERT_TRUE(done) << done.error().message;
      if (done->has_value()) ++i;
    }
  };
  std::vector<Handle> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(store.another());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(work, std::ref(*handles[std::size_t(i)].barrier),
                         std::string(1, char('a' + i)));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(texts_of(store.barrier()).size(), 4u * kEach);
  EXPECT_EQ(store.barrier().policies().index()->revision, Revision(4u * kEach));
}

TEST(PolicyRecords, AWritePermittedUnderAnotherFenceIsNotMade) {
  TestStore store;
  Handle other = store.another();
  const Permit permit = Permit::under(store.barrier().keys().fence().value());
  ASSERT_TRUE(put(*other.barrier, "a", "stricter").value());
  const auto write = [&](Permit under) {
    return store.barrier().writer().write(path("x"), Content::text, secret("v").view(), {}, under);
  };
  EXPECT_EQ(write(permit).value(), kFenceMoved);
  EXPECT_EQ(other.barrier->reader().read(path("x")).error().code, Code::not_found);
  const Permit now = Permit::under(store.barrier().keys().fence().value());
  EXPECT_EQ(write(now).value(), Revision(1));
}

}  // namespace
}  // namespace strongroom::policy_records_test
