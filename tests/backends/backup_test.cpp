// backup_test.cpp: a store through its backup: whole, damaged, stopped midway, and while it is in use.
#include "strongroom/backup.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "support/barrier_fixture.hpp"
#include "support/contents.hpp"
#include "support/faulty_backend.hpp"
#include "support/forwarding_backend.hpp"

namespace strongroom::backup_test {
namespace {

using testing::Contents;
using testing::contents;
using testing::Directory;
using testing::Fault;
using testing::FaultyBackend;
using testing::path;
using testing::plain;
using testing::Plan;
using testing::refused;
using testing::secret;
using testing::TestStore;
using testing::text;

using Bytes = std::vector<std::uint8_t>;

constexpr auto silent = [](std::uint64_t, std::uint64_t) {};

Bytes backup_of(Backend& backend, BackupInfo* info = nullptr) {
  Bytes stream;
  auto made = write_backup(
      backend,
      [&](ByteView part) -> Result<void> {
        stream.insert(stream.end(), part.begin(), part.end());
        return {};
      },
      silent);
  EXPECT_TRUE(made.ok()) << (made ? "" : made.error().message);
  if (info != nullptr && made) *info = *made;
  return stream;
}

// Feed is a stream that comes in pieces of at most so many bytes.
struct Feed {
  ByteView rest;
  std::size_t at_most = SIZE_MAX;

  Result<std::size_t> operator()(std::span<std::uint8_t> out) {
    const std::size_t len = std::min({rest.size(), out.size(), at_most});
    std::copy_n(rest.begin(), len, out.begin());
    rest = rest.subspan(len);
    return len;
  }
};

Result<BackupInfo> verify(ByteView stream, std::size_t at_most = SIZE_MAX) {
  Feed feed{stream, at_most};
  return verify_backup(feed, silent);
}

Result<BackupInfo> restore(ByteView stream, Backend& into) {
  Feed feed{stream};
  return restore_backup(feed, into, kDefaultTimeout, silent);
}

// covers tells whether a message names a range of bytes with this one in it.
bool covers(const std::string& message, std::size_t at) {
  unsigned long from = 0;
  unsigned long to = 0;
  const std::size_t begin = message.find("(bytes ");
  return begin != std::string::npos &&
         std::sscanf(message.c_str() + begin, "(bytes %lu to %lu)", &from, &to) == 2 &&
         from <= at && at <= to;
}

// looks_like_a_store asks as an operator would.
bool looks_like_a_store(std::unique_ptr<Backend> backend) {
  Barrier barrier(std::move(backend));
  auto status = barrier.keys().status();
  return !status || status->initialized;
}

void fill(Barrier& barrier, int num_secrets) {
  for (int i = 0; i < num_secrets; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_TRUE(barrier.writer().write(path("dir" + std::to_string(i % 7) + "/s" + n),
                                       Content::text, secret("value of " + n).view(),
                                       Condition::any(), Permit::always()));
  }
}

// expect_opens reads every secret that is listed, with the key of the store the backup was made of.
std::size_t expect_opens(std::unique_ptr<Backend> backend, const Credential& key) {
  Barrier barrier(std::move(backend));
  auto unsealed = barrier.keys().unseal(std::span(&key, 1));
  EXPECT_TRUE(unsealed.ok()) << (unsealed ? "" : unsealed.error().message);
  auto listed = barrier.names().list(Path(), true);
  EXPECT_TRUE(listed.ok());
  if (!listed) return 0;
  for (const Entry& entry : *listed) {
    auto read = barrier.reader().read(path(entry.name));
    EXPECT_TRUE(read.ok()) << entry.name << ": " << (read ? "" : read.error().message);
  }
  return listed->size();
}

// SmallBackup is a backup of a few records and how many there are.
struct SmallBackup {
  TestStore store;
  Bytes stream;
  BackupInfo info;

  explicit SmallBackup(int num_secrets = 2) {
    fill(store.barrier(), num_secrets);
    stream = backup_of(*store.records, &info);
  }
};

//
// There and back
//

TEST(Backup, RoundTripThroughOtherKindsOfStorageKeepsEveryRecord) {
  const Directory directory;
  auto first = directory.open("first");
  if (first == nullptr) GTEST_SKIP() << "LMDB is not built in";
  auto pending = prepare_init({.key_file = true, .max_secret_len = 8u << 20}).value();
  const Credential key = testing::parsed(pending.key_file);
  Contents before;
  {
    Barrier barrier(directory.open("first"));
    ASSERT_TRUE(barrier.keys().activate(pending));
    ASSERT_TRUE(barrier.keys().unseal(std::span(&key, 1)));
    fill(barrier, 600);
    ASSERT_TRUE(barrier.keys().rotate(Permit::always()));
    const std::string large(2u << 20, 'x');
    ASSERT_TRUE(barrier.writer().write(path("large"), Content::text, secret(large).view(),
                                       Condition::any(), Permit::always()));
    ASSERT_TRUE(barrier.writer().erase(path("dir1/s1"), Condition::update(), Permit::always()));
    before = contents(*first);
  }
  const Bytes one = backup_of(*first);
  MemoryBackend memory;
  ASSERT_TRUE(restore(one, memory));
  EXPECT_TRUE(contents(memory) == before);
  const Bytes two = backup_of(memory);
  auto second = directory.open("second");
  ASSERT_TRUE(restore(two, *second));
  EXPECT_TRUE(contents(*second) == before);
  EXPECT_EQ(expect_opens(directory.open("second"), key), 600u);
}

TEST(Backup, RestoredStoreGoesOnAsAStore) {
  SmallBackup small(20);
  MemoryBackend memory;
  ASSERT_TRUE(restore(small.stream, memory));
  Barrier barrier(memory.share());
  ASSERT_TRUE(barrier.keys().unseal(std::span(&small.store.key, 1)));
  EXPECT_EQ(plain(barrier.reader().read(path("dir3/s3"))->value), "value of 3");
  ASSERT_TRUE(barrier.keys().rotate(Permit::always()));
  ASSERT_TRUE(barrier.writer().write(path("dir3/s3"), Content::text, secret("n").view(),
                                     Condition::at(Revision(1)), Permit::always()));
  EXPECT_EQ(plain(barrier.reader().read(path("dir3/s3"))->value), "n");
}

TEST(Backup, WhatItTellsOfItselfIsTheSameWhenMadeVerifiedAndRestored) {
  SmallBackup small(10);
  MemoryBackend memory;
  auto verified = verify(small.stream, 7);
  auto restored = restore(small.stream, memory);
  ASSERT_TRUE(verified.ok()) << verified.error().message;
  ASSERT_TRUE(restored.ok());
  for (const BackupInfo& info : {small.info, *verified, *restored}) {
    EXPECT_EQ(info.store, small.store.pending.store);
    EXPECT_EQ(info.generation, small.store.barrier().keys().status()->generation);
    EXPECT_EQ(info.created_ms, small.info.created_ms);
    EXPECT_GT(info.created_ms, 1'700'000'000'000u);
    EXPECT_EQ(info.num_records, contents(*small.store.records).size());
    EXPECT_EQ(info.size_bytes, small.stream.size());
  }
}

TEST(Backup, SealedStoreIsBackedUpWithoutAKeyAndStaysSealed) {
  TestStore store;
  fill(store.barrier(), 5);
  ASSERT_TRUE(store.barrier().keys().seal());
  const Bytes stream = backup_of(*store.records);
  MemoryBackend memory;
  ASSERT_TRUE(restore(stream, memory));
  EXPECT_TRUE(contents(memory) == contents(*store.records));
  Barrier barrier(memory.share());
  EXPECT_EQ(barrier.keys().unseal(std::span(&store.key, 1)).error().code, Code::sealed);
}

TEST(Backup, NoNameOrValueIsInIt) {
  SmallBackup small(3);
  const std::string all = text(small.stream);
  for (const char* clear : {"value of", "dir1", "dir2"}) {
    EXPECT_EQ(all.find(clear), std::string::npos) << clear;
  }
}

TEST(Backup, DamagedHeaderCopyIsCarriedAndTheWholeOneTellsOfTheStore) {
  for (const ByteView which : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    TestStore store;
    Bytes record = store.stored(which);
    record[20] ^= 0x40;  // in the store id
    store.tamper(which, record);
    BackupInfo info;
    const Bytes stream = backup_of(*store.records, &info);
    EXPECT_EQ(info.store, store.pending.store);
    MemoryBackend memory;
    ASSERT_TRUE(restore(stream, memory));
    EXPECT_TRUE(contents(memory) == contents(*store.records));
  }
}

TEST(Backup, StorageWithoutAStoreIsNotInitialized) {
  MemoryBackend memory;
  const auto none = [](ByteView) -> Result<void> { return Error{Code::internal, "was given"}; };
  EXPECT_TRUE(refused(write_backup(memory, none, silent), Code::not_initialized, "no store"));
  const Change foreign{Change::Kind::put, kEscrowKey, kEscrowKey, kAny};
  ASSERT_TRUE(memory.commit(std::span(&foreign, 1), kDefaultTimeout));
  EXPECT_TRUE(refused(write_backup(memory, none, silent), Code::not_initialized, "no store"));
  const Change marker{Change::Kind::put, kRestoreKey, kRestoreKey, kAny};
  ASSERT_TRUE(memory.commit(std::span(&marker, 1), kDefaultTimeout));
  EXPECT_TRUE(refused(write_backup(memory, none, silent), Code::not_initialized, "restore"));
}

TEST(Backup, UnreadableHeaderIsCorruptAndNothingIsWritten) {
  TestStore store;
  for (const ByteView which : {ByteView(kHeaderKey), ByteView(kHeaderCopyKey)}) {
    store.tamper(which, Bytes(40, 0x55));
  }
  const auto none = [](ByteView) -> Result<void> { return Error{Code::internal, "was given"}; };
  EXPECT_TRUE(refused(write_backup(*store.records, none, silent), Code::corrupt));
}

TEST(Backup, ProgressOnlyGrowsAndEndsWithTheWhole) {
  TestStore store(4u << 20);
  const std::string large(2u << 20, 'l');
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(store.barrier().writer().write(path(name), Content::text, secret(large).view(),
                                               Condition::any(), Permit::always()));
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  const auto note = [&](std::uint64_t records, std::uint64_t size) {
    told.emplace_back(records, size);
  };
  const auto expect_sound = [&](const Result<BackupInfo>& info) {
    ASSERT_TRUE(info.ok());
    EXPECT_GE(told.size(), 3u);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), std::pair(info->num_records, info->size_bytes));
    told.clear();
  };
  const Bytes stream = backup_of(*store.records);
  expect_sound(write_backup(
      *store.records, [](ByteView) { return Result<void>(); }, note));
  Feed feed{stream};
  expect_sound(verify_backup(feed, note));
  MemoryBackend memory;
  feed.rest = stream;
  expect_sound(restore_backup(feed, memory, kDefaultTimeout, note));
}

//
// In use
//

TEST(Backup, IsConsistentWhileWritersAndRotationsGoOn) {
  const Directory directory;
  auto storage = directory.open("store");
  if (storage == nullptr) GTEST_SKIP() << "LMDB is not built in";
  auto pending = prepare_init({.key_file = true}).value();
  const Credential key = testing::parsed(pending.key_file);
  Barrier barrier(directory.open("store"));
  ASSERT_TRUE(barrier.keys().activate(pending));
  ASSERT_TRUE(barrier.keys().unseal(std::span(&key, 1)));
  fill(barrier, 50);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> num_created{50};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const std::string name =
            "w" + std::to_string(t) + "/" + std::to_string(i % 5) + "/" + std::to_string(i);
        EXPECT_TRUE(barrier.writer().write(path(name), Content::text, secret(name).view(),
                                           Condition::create(), Permit::always()));
        ++num_created;
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; !stop && i < 500; ++i) {
      EXPECT_TRUE(barrier.keys().rotate(Permit::always()));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  int num_backups = 0;
  for (; std::chrono::steady_clock::now() < end && !::testing::Test::HasFailure(); ++num_backups) {
    const std::size_t acknowledged = num_created;
    const Bytes stream = backup_of(*storage);
    auto memory = std::make_unique<MemoryBackend>();
    ASSERT_TRUE(restore(stream, *memory));
    EXPECT_GE(expect_opens(std::move(memory), key), acknowledged);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(num_backups, 2);
}

// PagedBackend has the default snapshot.
using PagedBackend = testing::ForwardingBackend;

TEST(Backup, OfAStorageByPagesFailsWhereTheKeysChangedAndIsFineOtherwise) {
  TestStore store;
  fill(store.barrier(), 40);
  for (const bool rotates : {false, true}) {
    auto plan = std::make_shared<Plan>();
    PagedBackend paged(std::make_unique<FaultyBackend>(store.records->share(), plan));
    plan->before_call = [&](int call) {
      EXPECT_TRUE(!rotates || call != 3 || store.barrier().keys().rotate(Permit::always()).ok());
    };
    Bytes stream;
    auto made = write_backup(
        paged,
        [&](ByteView part) -> Result<void> {
          stream.insert(stream.end(), part.begin(), part.end());
          return {};
        },
        silent);
    EXPECT_EQ(made.ok(), !rotates);
    if (rotates) {
      EXPECT_TRUE(refused(made, Code::conflict, "run it again"));
      EXPECT_FALSE(verify(stream).ok());
    } else {
      MemoryBackend memory;
      ASSERT_TRUE(restore(stream, memory));
      EXPECT_TRUE(contents(memory) == contents(*store.records));
    }
  }
}

//
// Damage
//

TEST(Backup, EveryFlippedByteIsRefusedLocatedAndLeavesNothing) {
  SmallBackup small;
  MemoryBackend memory;
  for (std::size_t at = 0; at < small.stream.size(); ++at) {
    for (const std::uint8_t bit : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
      small.stream[at] ^= bit;
      auto verified = verify(small.stream);
      ASSERT_TRUE(refused(verified, Code::corrupt)) << at;
      ASSERT_TRUE(covers(verified.error().message, at)) << at << verified.error().message;
      auto restored = restore(small.stream, memory);
      ASSERT_TRUE(refused(restored, Code::corrupt)) << at;
      ASSERT_TRUE(covers(restored.error().message, at)) << at << restored.error().message;
      ASSERT_TRUE(contents(memory).empty()) << at;
      small.stream[at] ^= bit;
    }
  }
  EXPECT_TRUE(restore(small.stream, memory).ok());
}

TEST(Backup, RecordsAfterADamagedOneAreCheckedAsWell) {
  SmallBackup small(20);
  const auto flip_key = [&](std::string_view key, std::size_t nth) {
    std::size_t at = 0;
    for (std::size_t i = 0; i <= nth; ++i) {
      at = text(small.stream).find(key, at) + 1;
      ASSERT_NE(at, 0u);
    }
    small.stream[at] ^= 1;
  };
  const Contents stored = contents(*small.store.records);
  const auto one = std::next(stored.begin(), 10);
  const auto other = std::next(stored.begin(), 30);
  flip_key(one->first, 0);
  flip_key(other->first, 0);
  auto verified = verify(small.stream);
  ASSERT_TRUE(refused(verified, Code::corrupt, "damaged in record"));
  EXPECT_NE(verified.error().message.find("1 records after it"), std::string::npos)
      << verified.error().message;
  small.stream.resize(small.stream.size() - 3);
  EXPECT_TRUE(refused(verify(small.stream), Code::corrupt, "damaged in record"));
  EXPECT_TRUE(refused(verify(small.stream), Code::corrupt, "cut short"));
}

TEST(Backup, EveryTruncationIsToldWithItsPlaceAndLeavesNothing) {
  SmallBackup small;
  MemoryBackend memory;
  for (std::size_t len = 0; len < small.stream.size(); ++len) {
    const ByteView part = ByteView(small.stream).first(len);
    const std::string place = "cut short at byte " + std::to_string(len) + ",";
    ASSERT_TRUE(refused(verify(part), Code::corrupt, place)) << len;
    ASSERT_TRUE(refused(restore(part, memory), Code::corrupt, place)) << len;
    ASSERT_TRUE(contents(memory).empty());
  }
}

TEST(Backup, WhatFollowsTheEndIsNotTakenForATruncation) {
  SmallBackup small;
  MemoryBackend memory;
  const std::string place = "ended at byte " + std::to_string(small.stream.size());
  Bytes twice = small.stream;
  twice.insert(twice.end(), small.stream.begin(), small.stream.end());
  Bytes longer = small.stream;
  longer.push_back(0);
  for (const Bytes& stream : {twice, longer}) {
    EXPECT_TRUE(refused(verify(stream), Code::corrupt, place));
    EXPECT_TRUE(refused(restore(stream, memory), Code::corrupt, place));
    EXPECT_TRUE(contents(memory).empty());
  }
}

TEST(Backup, GarbageIsNoBackup) {
  MemoryBackend memory;
  const Bytes zeros(10'000, 0);
  const Bytes text_file(10'000, 'a');
  const Bytes short_one(3, 'x');
  for (const Bytes& stream : {zeros, text_file, short_one}) {
    EXPECT_TRUE(refused(verify(stream), Code::invalid, "not a backup"));
    EXPECT_TRUE(refused(restore(stream, memory), Code::invalid, "not a backup"));
  }
  EXPECT_TRUE(contents(memory).empty());
}

// head_with makes a head of another form, with a right digest.
Bytes head_with(Bytes stream, std::size_t at, std::uint8_t value) {
  stream[at] = value;
  const auto mark = backup::mark(ByteView(stream).first(backup::kHeadBodyLen));
  std::copy(mark.begin(), mark.end(), stream.begin() + backup::kHeadBodyLen);
  return stream;
}

TEST(Backup, NewerFormIsUnsupportedAndBothAreNamed) {
  SmallBackup small;
  EXPECT_TRUE(refused(verify(head_with(small.stream, 5, 2)), Code::unsupported, "form 2"));
  EXPECT_TRUE(refused(verify(head_with(small.stream, 5, 2)), Code::unsupported, "knows form 1"));
}

// peak_kib is the most memory that this process held since the last begin_peak.
std::size_t peak_kib() {
  std::ifstream status("/proc/self/status");
  std::size_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) kib = std::stoul(line.substr(6));
  }
  return kib;
}
std::size_t begin_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak_kib();
}

TEST(Backup, ClaimedLengthTakesNoMemory) {
  SmallBackup small;
  for (const std::size_t claimed : {std::size_t{1} << 30, std::size_t{0xFFFFFFFF},
                                    kMaxBackendValueLen + 1, kMaxBackendValueLen}) {
    Bytes stream(small.stream.begin(), small.stream.begin() + sizeof(backup::Head));
    const auto head =
        backup::frame_head(small.info.store, backup::FrameKind::record, 1, claimed, 0);
    stream.insert(stream.end(), head.begin(), head.end());
    stream.push_back('h');
    MemoryBackend memory;
    const std::size_t before = begin_peak();
    EXPECT_TRUE(refused(verify(stream), Code::corrupt)) << claimed;
    EXPECT_TRUE(refused(restore(stream, memory), Code::corrupt)) << claimed;
    EXPECT_LE(peak_kib(), before + 8 * 1024) << claimed;
  }
}

// Forgery is a stream whose digests are right and whose records are not.
class Forgery {
 public:
  explicit Forgery(const BackupInfo& info)
      : sink_([this](ByteView part) -> Result<void> {
          stream_.insert(stream_.end(), part.begin(), part.end());
          return {};
        }),
        writer_(sink_, silent) {
    EXPECT_TRUE(writer_.begin(info));
  }
  Forgery& add(std::string_view key, ByteView value) {
    const ByteView view(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    EXPECT_TRUE(writer_.record(view, value));
    return *this;
  }
  Bytes end() {
    EXPECT_TRUE(writer_.end());
    return stream_;
  }

 private:
  Bytes stream_;
  std::function<Result<void>(ByteView)> sink_;
  backup::StreamWriter writer_;
};

TEST(Backup, RecordsThatMakeNoStoreAreRefusedAndLeaveNothing) {
  SmallBackup small;
  const Bytes header = small.store.stored(kHeaderKey);
  const Bytes fence = small.store.stored(kFenceKey);
  const Bytes other = TestStore().stored(kHeaderKey);
  const Bytes large(backup::HeaderCopies::kMaxLen + 1, 1);
  const auto forged = [&] { return Forgery(small.info); };
  const std::pair<Bytes, const char*> streams[] = {
      {forged().end(), "no header"},
      {forged().add("f", fence).end(), "no header"},
      {forged().add("r1", fence).end(), "no header"},
      {forged().add("h", other).end(), "another store"},
      {forged().add("h", fence).end(), "header record"},
      {forged().add("h", large).end(), "too large"},
      {forged().add("h", header).add("h", header).end(), "out of their place"},
      {forged().add("h", header).add("f", fence).add("h2", header).end(), "out of their place"},
      {forged().add("r1", fence).add("h", header).end(), "no header"},
      {forged().add("h", header).add("r1", fence).add("f", fence).end(), "out of their place"},
      {forged().add("h", header).add("R", fence).end(), "marker"},
  };
  MemoryBackend memory;
  for (const auto& [stream, says] : streams) {
    EXPECT_TRUE(refused(verify(stream), Code::corrupt, says)) << says;
    EXPECT_TRUE(refused(restore(stream, memory), Code::corrupt, says)) << says;
    EXPECT_TRUE(contents(memory).empty()) << says;
  }
  const Bytes twice = forged().add("h", header).add("r1", fence).add("r1", fence).end();
  EXPECT_TRUE(refused(restore(twice, memory), Code::conflict, "twice"));
  EXPECT_TRUE(contents(memory).empty());
}

//
// Where it is restored to
//

TEST(Backup, StoreThatIsThereIsNotTouched) {
  SmallBackup small;
  TestStore other;
  fill(other.barrier(), 3);
  const Contents before = contents(*other.records);
  EXPECT_TRUE(refused(restore(small.stream, *other.records), Code::already_exists, "store"));
  EXPECT_TRUE(contents(*other.records) == before);
  EXPECT_TRUE(refused(restore(small.stream, *small.store.records), Code::already_exists, "store"));
}

TEST(Backup, RecordsOfSomebodyElseAreNotTouched) {
  SmallBackup small;
  MemoryBackend memory;
  const Change foreign{Change::Kind::put, kFenceKey, kFenceKey, kAny};
  ASSERT_TRUE(memory.commit(std::span(&foreign, 1), kDefaultTimeout));
  const Contents before = contents(memory);
  EXPECT_TRUE(refused(restore(small.stream, memory), Code::already_exists, "no store header"));
  EXPECT_TRUE(contents(memory) == before);
}

// stop_restore runs a restore that the storage stops at one call. Returns  whether it came so far.
bool stop_restore(ByteView stream, MemoryBackend& memory, int call, Fault fault, Plan& steered) {
  auto plan = std::make_shared<Plan>();
  plan->fail_at = call;
  plan->fault = fault;
  plan->dead_after = true;
  FaultyBackend faulty(memory.share(), plan);
  const auto stopped = restore(stream, faulty);
  steered = *plan;
  EXPECT_EQ(stopped.ok(), !plan->hit);
  return plan->hit;
}

TEST(Backup, RestoreStoppedAtAnyCallIsNoStoreAndRunsAgain) {
  SmallBackup small(300);
  const Contents wanted = contents(*small.store.records);
  ASSERT_GT(wanted.size(), 2 * kMaxCommitChanges);
  for (const Fault fault : {Fault::refused, Fault::lost, Fault::unheard, Fault::late}) {
    int num_calls = 0;
    for (int call = 0;; ++call) {
      SCOPED_TRACE(std::string(name_of(fault)) + " at " + std::to_string(call));
      MemoryBackend memory;
      Plan plan;
      if (!stop_restore(small.stream, memory, call, fault, plan)) break;
      ++num_calls;
      const bool done = contents(memory) == wanted;
      ASSERT_EQ(looks_like_a_store(memory.share()), done);
      ASSERT_TRUE(!done || fault == Fault::unheard);
      auto again = restore(small.stream, memory);
      plan.deliver();  // what was under way when the first one died comes to nothing
      ASSERT_EQ(again.ok(), !done) << again.error().message;
      ASSERT_TRUE(contents(memory) == wanted);
    }
    EXPECT_GT(num_calls, 7);
  }
}

TEST(Backup, RestoreStoppedWhileItClearsAnEarlierOneRunsAgain) {
  SmallBackup small(300);
  SmallBackup other(280);
  const Contents wanted = contents(*other.store.records);
  for (int call = 0;; ++call) {
    SCOPED_TRACE(call);
    MemoryBackend memory;
    Plan plan;
    ASSERT_TRUE(stop_restore(small.stream, memory, 7, Fault::lost, plan));
    ASSERT_GT(contents(memory).size(), kMaxCommitChanges);
    if (!stop_restore(other.stream, memory, call, Fault::unheard, plan)) break;
    const bool done = contents(memory) == wanted;
    ASSERT_EQ(looks_like_a_store(memory.share()), done);
    ASSERT_EQ(restore(other.stream, memory).ok(), !done);
    ASSERT_TRUE(contents(memory) == wanted);
  }
}

TEST(Backup, NoStoreIsMadeWhereARestoreIsUnderWay) {
  SmallBackup small(300);
  MemoryBackend memory;
  Plan plan;
  ASSERT_TRUE(stop_restore(small.stream, memory, 7, Fault::lost, plan));
  Barrier barrier(memory.share());
  auto pending = prepare_init({.key_file = true}).value();
  auto made = barrier.keys().activate(pending);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Code::already_exists);
  EXPECT_TRUE(restore(small.stream, memory).ok());
}

TEST(Backup, LastCommitWhoseAnswerWasLostIsLookedUp) {
  SmallBackup small;
  MemoryBackend memory;
  auto plan = std::make_shared<Plan>();
  FaultyBackend counted(memory.share(), plan);
  ASSERT_TRUE(restore(small.stream, counted));
  MemoryBackend second;
  auto steered = std::make_shared<Plan>();
  steered->fail_at = plan->num_calls - 1;
  steered->fault = Fault::unheard;
  FaultyBackend faulty(second.share(), steered);
  EXPECT_TRUE(restore(small.stream, faulty).ok());
  EXPECT_TRUE(steered->hit);
  EXPECT_TRUE(contents(second) == contents(*small.store.records));
}

TEST(Backup, OfTwoRestoresAtOnceTheLaterOneWinsAndTheOtherDoesNoHarm) {
  SmallBackup first(300);
  SmallBackup second(20);
  for (const bool source_fails : {false, true}) {
    MemoryBackend memory;
    Feed feed{first.stream, 4096};
    bool overtaken = false;
    const auto source = [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
      if (!overtaken && feed.rest.size() < first.stream.size() / 2) {
        overtaken = true;
        EXPECT_TRUE(restore(second.stream, memory).ok());
        if (source_fails) return Error{Code::unavailable, "the pipe broke"};
      }
      return feed(out);
    };
    auto lost = restore_backup(source, memory, kDefaultTimeout, silent);
    EXPECT_TRUE(refused(lost, source_fails ? Code::unavailable : Code::conflict));
    EXPECT_TRUE(contents(memory) == contents(*second.store.records));
  }
}

TEST(Backup, StorageTooSmallStaysNoStoreAndIsFilledWhenThereIsRoom) {
  const Directory directory;
  if (directory.open("probe") == nullptr) GTEST_SKIP() << "LMDB is not built in";
  SmallBackup small(700);
  {
    auto narrow = directory.open("store", "?quota=131072");
    EXPECT_TRUE(refused(restore(small.stream, *narrow), Code::unavailable, "quota"));
  }
  EXPECT_FALSE(looks_like_a_store(directory.open("store")));
  auto wide = directory.open("store");
  ASSERT_TRUE(restore(small.stream, *wide).ok());
  EXPECT_TRUE(contents(*wide) == contents(*small.store.records));
}

//
// Sinks and sources that fail
//

TEST(Backup, ErrorOfTheSinkEndsItAndIsPassedOnAsItIs) {
  TestStore store(4u << 20);
  const std::string large(2u << 20, 'l');
  ASSERT_TRUE(store.barrier().writer().write(path("a"), Content::text, secret(large).view(),
                                             Condition::any(), Permit::always()));
  fill(store.barrier(), 10);
  int num_calls = 0;
  const auto count = [&](ByteView) -> Result<void> {
    ++num_calls;
    return {};
  };
  ASSERT_TRUE(write_backup(*store.records, count, silent));
  ASSERT_GE(num_calls, 2);
  for (int full_at = 1; full_at <= num_calls; ++full_at) {
    int call = 0;
    const auto full = [&](ByteView) -> Result<void> {
      if (++call == full_at) return Error{Code::conflict, "the disk was full"};
      EXPECT_LT(call, full_at);
      return {};
    };
    EXPECT_TRUE(
        refused(write_backup(*store.records, full, silent), Code::conflict, "the disk was full"));
  }
}

TEST(Backup, ErrorOfTheSourceIsPassedOnAndWhatWasPutIsRemoved) {
  SmallBackup small(300);
  for (std::size_t at = 0; at < small.stream.size(); at += 9973) {
    Feed feed{small.stream, 1000};
    const auto source = [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
      if (small.stream.size() - feed.rest.size() > at) {
        return Error{Code::timeout, "the network was gone"};
      }
      return feed(out);
    };
    MemoryBackend memory;
    EXPECT_TRUE(refused(restore_backup(source, memory, kDefaultTimeout, silent), Code::timeout,
                        "the network was gone"));
    EXPECT_TRUE(contents(memory).empty());
  }
}

TEST(Backup, SourceThatClaimsMoreThanWasAskedForIsRefused) {
  const auto lies = [](std::span<std::uint8_t> out) -> Result<std::size_t> {
    return out.size() + 1;
  };
  EXPECT_TRUE(refused(verify_backup(lies, silent), Code::internal));
}

}  // namespace
}  // namespace strongroom::backup_test
