// backups_test.cpp: whole stores carried from one storage to another through the C ABI, and what
// the doctor says of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test::backups_test {
namespace {

using strongroom_abi::BackupSource;
using strongroom_abi::Pending;
using strongroom_abi::Session;
using strongroom_abi::Store;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;
constexpr std::uint32_t kBinary = STRONGROOM_CONTENT_BINARY;

std::string backup_of(Session& session, strongroom_backup_info* info = nullptr) {
  std::string bytes;
  const auto told = session.backup([&](std::string_view more) {
    bytes += more;
    return true;
  });
  if (info != nullptr) *info = told;
  return bytes;
}

// source_of reads a text in pieces of an odd size.
BackupSource source_of(std::string_view text) {
  return [text](std::uint8_t* bytes, std::size_t len) mutable {
    const std::size_t taken = std::min({len, text.size(), std::size_t{777}});
    std::memcpy(bytes, text.data(), taken);
    text.remove_prefix(taken);
    return taken;
  };
}

class Backups : public ::testing::TestWithParam<const char*> {
 protected:
  std::string url(const TempDir& dir) const {
    return GetParam() == std::string("lmdb") ? "lmdb:" + dir.path() : "memory:";
  }

  TempDir here_;
  TempDir there_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Backups, ::testing::Values("memory", "lmdb"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(Backups, AStoreComesBackAsItWasWithoutAnyKey) {
  Fresh fresh(url(here_));
  fresh.session.put("folder/of the name", kText, "1");
  fresh.session.put("folder/of the name", kText, "2");
  fresh.session.put("c", kBinary, std::string(100'000, '\0'));
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  strongroom_backup_info written = STRONGROOM_BACKUP_INFO_INIT;
  const std::string backup = backup_of(fresh.session, &written);
  EXPECT_EQ(backup.size(), written.size_bytes);
  EXPECT_EQ(backup.find("folder/of the name"), std::string::npos);
  EXPECT_GT(written.created_ms, 1'600'000'000'000u);
  const auto verified = strongroom_abi::backup_verify(source_of(backup));
  EXPECT_EQ(verified.num_records, written.num_records);
  EXPECT_EQ(std::memcmp(verified.store_id, written.store_id, sizeof written.store_id), 0);

  Store store(url(there_));
  Session session = store.trusted();
  EXPECT_EQ(session.restore(source_of(backup)).size_bytes, backup.size());
  EXPECT_EQ(store.status().store_id(), fresh.id);
  session.unseal({fresh.key});
  const auto secret = session.get("folder/of the name");
  EXPECT_EQ(secret.reveal(), "2");
  EXPECT_EQ(secret.describe().revision, 2u);
  EXPECT_EQ(session.get("c").size(), 100'000u);
  EXPECT_EQ(status_of([&] { session.restore(source_of(backup)); }), STRONGROOM_ALREADY_EXISTS);
}

TEST_P(Backups, ADamagedOneIsRefusedAndLeavesNoStore) {
  Fresh fresh(url(here_));
  fresh.session.put("a", kText, "b");
  const std::string backup = backup_of(fresh.session);
  std::string flipped = backup;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  const std::string_view cut = std::string_view(backup).substr(0, backup.size() - 1);
  for (const std::string_view bad : {std::string_view(flipped), cut}) {
    EXPECT_EQ(status_of([&] { strongroom_abi::backup_verify(source_of(bad)); }),
              STRONGROOM_CORRUPT);
    Store store("memory:");
    Session session = store.trusted();
    EXPECT_EQ(status_of([&] { session.restore(source_of(bad)); }), STRONGROOM_CORRUPT);
    EXPECT_FALSE(store.status().initialized());
    session.restore(source_of(backup));
  }
  EXPECT_EQ(status_of([&] { strongroom_abi::backup_verify(source_of("no backup of a store")); }),
            STRONGROOM_INVALID);
}

TEST_P(Backups, NothingIsBackedUpWhereNothingIs) {
  Store store(url(here_));
  Session session = store.trusted();
  EXPECT_EQ(status_of([&] { backup_of(session); }), STRONGROOM_NOT_INITIALIZED);
}

TEST_P(Backups, TheCallersFunctionsEndTheWork) {
  Fresh fresh(url(here_));
  for (int i = 0; i < 4; ++i) {
    fresh.session.put("a/" + std::to_string(i), kBinary, std::string(1'000'000, 'x'));
  }
  const auto accept = [](std::string_view) { return true; };
  const auto stop = [](const strongroom_progress&) { return false; };
  EXPECT_EQ(status_of([&] { fresh.session.backup([](auto) { return false; }); }),
            STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { fresh.session.backup(accept, stop); }), STRONGROOM_UNAVAILABLE);
  EXPECT_THROW(fresh.session.backup([](auto) -> bool { throw std::runtime_error("mine"); }),
               std::runtime_error);
  const std::string backup = backup_of(fresh.session);
  EXPECT_EQ(status_of([&] { strongroom_abi::backup_verify(source_of(backup), stop); }),
            STRONGROOM_UNAVAILABLE);
  Store store(url(there_));
  Session session = store.trusted();
  EXPECT_EQ(status_of([&] { session.restore(source_of(backup), stop); }), STRONGROOM_UNAVAILABLE);
  EXPECT_FALSE(store.status().initialized());
  session.restore(source_of(backup));
}

TEST_P(Backups, ProgressIsToldInRecordsAndBytes) {
  Fresh fresh(url(here_));
  for (int i = 0; i < 4; ++i) {
    fresh.session.put("a/" + std::to_string(i), kBinary, std::string(1'000'000, 'x'));
  }
  std::uint64_t last = 0;
  fresh.session.backup([](auto) { return true; },
                       [&](const strongroom_progress& progress) {
                         EXPECT_EQ(progress.struct_size, sizeof progress);
                         EXPECT_GT(progress.num_records, 0u);
                         EXPECT_EQ(progress.num_written, 0u) << "it does not apply";
                         EXPECT_GT(progress.size_bytes, last);
                         last = progress.size_bytes;
                         return true;
                       });
  EXPECT_GT(last, 1'000'000u);
}

TEST(BackupsInC, AFunctionThatThrowsOrOverfillsIsRefused) {
  Fresh fresh("memory:");
  const strongroom_backup_sink throwing_sink = [](void*, const std::uint8_t*, std::size_t) -> int {
    throw 1;
  };
  EXPECT_EQ(
      strongroom_backup(fresh.session.raw(), throwing_sink, nullptr, nullptr, nullptr, nullptr),
      STRONGROOM_UNAVAILABLE);
  const strongroom_backup_source throwing = [](void*, std::uint8_t*, std::size_t,
                                               std::size_t*) -> int { throw 1; };
  EXPECT_EQ(strongroom_backup_verify(throwing, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_UNAVAILABLE);
  const strongroom_backup_source overfull = [](void*, std::uint8_t*, std::size_t len,
                                               std::size_t* out_len) {
    *out_len = len + 1;
    return 0;
  };
  EXPECT_EQ(strongroom_backup_verify(overfull, nullptr, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  const strongroom_backup_source silent = [](void*, std::uint8_t*, std::size_t, std::size_t*) {
    return 0;
  };
  EXPECT_NE(strongroom_backup_verify(silent, nullptr, nullptr, nullptr, nullptr), STRONGROOM_OK);
}

// ---- migration ----

TEST_P(Backups, ARekeyedCopyHasItsSecretsAndOtherKeys) {
  Fresh fresh(url(here_));
  fresh.session.put("a/b", kText, "1");
  fresh.session.put("a/b", kText, "2");
  fresh.session.put("c", kBinary, "3");
  fresh.session.put("gone", kText, "4");
  fresh.session.erase("gone");
  Store store(url(there_));
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const Pending pending = session.init_prepare(options);
  const auto info = fresh.session.migrate(session, &pending);
  EXPECT_EQ(info.num_records, 2u);
  EXPECT_EQ(info.num_written, 2u);
  EXPECT_EQ(info.num_removed, 0u);
  EXPECT_EQ(info.size_bytes, 0u);
  EXPECT_STREQ(store.status().store_id(), pending.store_id());
  EXPECT_EQ(status_of([&] { session.unseal({fresh.key}); }), STRONGROOM_DENIED);
  session.unseal({pending.reveal_key()});
  const auto secret = session.get("a/b");
  EXPECT_EQ(secret.reveal(), "2");
  EXPECT_EQ(secret.describe().revision, 2u);
  EXPECT_EQ(secret.describe().created_ms, fresh.session.get("a/b").describe().created_ms);
  EXPECT_EQ(session.list("").size(), 2u) << "a/ and c";
  EXPECT_EQ(status_of([&] { fresh.session.migrate(session, &pending); }),
            STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(status_of([&] { fresh.session.migrate(fresh.session, &pending); }),
            STRONGROOM_ALREADY_EXISTS);
}

TEST_P(Backups, ARekeyedCopyThatCannotBeMadeLeavesNoStore) {
  Fresh fresh(url(here_));
  for (int i = 0; i < 300; ++i) fresh.session.put("a/" + std::to_string(i), kText, "b");
  Store store(url(there_));
  Session session = store.trusted();
  strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
  options.key = 1;
  const Pending pending = session.init_prepare(options);
  Session user = store.user("someone");
  EXPECT_EQ(status_of([&] { fresh.session.migrate(user, &pending); }), STRONGROOM_INVALID);
  EXPECT_NE(status_of([&] {
              fresh.session.migrate(session, &pending, [](const auto&) { return false; });
            }),
            STRONGROOM_OK);
  EXPECT_FALSE(store.status().initialized());
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  EXPECT_EQ(status_of([&] { fresh.session.migrate(session, &pending); }), STRONGROOM_SEALED);
  EXPECT_FALSE(store.status().initialized());
  fresh.session.unseal({fresh.key});
  const Pending another = session.init_prepare(options);
  EXPECT_EQ(fresh.session.migrate(session, &another).num_records, 300u);
}

TEST_P(Backups, AMigrationWithoutFreshKeysIsTheSameStoreAndNeedsNone) {
  Fresh fresh(url(here_));
  for (int i = 0; i < 300; ++i) fresh.session.put("a/" + std::to_string(i), kText, "b");
  fresh.session.put("a/b", kText, "2");
  const std::string id = fresh.store.status().store_id();
  fresh.session.seal(STRONGROOM_SEAL_PROCESS);
  Store store(url(there_));
  Session session = store.trusted();
  Session user = store.user("someone");
  EXPECT_EQ(status_of([&] { fresh.session.migrate(user); }), STRONGROOM_INVALID);
  EXPECT_EQ(status_of([&] {
              fresh.session.migrate(session, nullptr, [](const auto&) { return false; });
            }),
            STRONGROOM_UNAVAILABLE);
  EXPECT_FALSE(store.status().initialized());
  std::uint64_t num_seen = 0;
  const auto info =
      fresh.session.migrate(session, nullptr, [&](const strongroom_progress& progress) {
        num_seen = std::max(num_seen, progress.num_records);
        return true;
      });
  EXPECT_EQ(info.num_records, 3u + 2 * 301 + 1) << "header, records, entries";
  EXPECT_EQ(num_seen, info.num_records);
  EXPECT_GT(info.num_written, 0u);
  EXPECT_LT(info.num_written, info.num_records - 3) << "the one that was stopped had put some";
  EXPECT_EQ(info.num_removed, 0u);
  EXPECT_GT(info.size_bytes, 300u * 72);
  EXPECT_EQ(store.status().store_id(), id);
  session.unseal({fresh.key});
  EXPECT_EQ(session.get("a/b").reveal(), "2");
  EXPECT_EQ(status_of([&] { fresh.session.migrate(session); }), STRONGROOM_ALREADY_EXISTS);
  EXPECT_EQ(status_of([&] { session.migrate(session); }), STRONGROOM_ALREADY_EXISTS);
}

// ---- the doctor ----

std::set<std::string> checks_of(const strongroom_abi::Findings& findings) {
  std::set<std::string> checks;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const strongroom_finding finding = findings.at(i);
    EXPECT_LE(finding.level, static_cast<std::uint32_t>(STRONGROOM_FINDING_DANGER));
    EXPECT_STRNE(finding.what, "") << finding.check;
    checks.insert(finding.check);
  }
  return checks;
}

TEST(Doctor, LooksAtTheHostTheStorageAndTheStore) {
  TempDir dir;
  Fresh fresh("lmdb:" + dir.path() + "?quota=10485760");
  const auto findings = fresh.store.doctor({dir.path() + "/key", "/nonexistent/key"});
  EXPECT_THAT(checks_of(findings),
              ::testing::IsSupersetOf({"locked-memory", "core-dumps", "swap", "file-system",
                                       "file-modes", "key-file", "header", "slots", "anchor"}));
  EXPECT_EQ(status_of([&] { findings.at(findings.size()); }), STRONGROOM_NOT_FOUND);
}

TEST(Doctor, LooksWhereThereIsNoStore) {
  Store store("memory:");
  const auto checks = checks_of(store.doctor());
  EXPECT_THAT(checks, ::testing::IsSupersetOf({"storage", "header"}));
  EXPECT_THAT(checks, ::testing::Not(::testing::Contains("file-system")));
}

}  // namespace
}  // namespace capi_test::backups_test
