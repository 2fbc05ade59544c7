// plugin_test.cpp: a vendor's storage behind the C ABI: one that keeps the rules, and ones that do
// not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_backend.h"

namespace capi_test::plugin_test {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

// Vendor is a storage in a map, and the ways in which it may break the rules.
struct Vendor {
  struct Stored {
    std::string value;
    std::uint64_t version = 0;
  };
  enum class Fault {
    none,
    no_answer,
    twice,
    wrong_index,
    too_long,
    null_value,
    null_record,
    value_of_absent,
    no_stamp,
    no_version,
    throws,
    strange_status,
    fails,
    wrong_conflict,
    too_many,
    foreign_key,
    same_key,
    empty_key,
    more_of_nothing,
    record_in_commit,
  };

  std::mutex mutex;
  std::map<std::string, Stored> records;
  std::uint64_t clock = 0;
  Fault fault = Fault::none;
  int num_destroyed = 0;
  const char* name = "vendor:test";
};

std::string text(const strongroom_bytes& bytes) {
  return bytes.len == 0 ? std::string()
                        : std::string(static_cast<const char*>(bytes.data), bytes.len);
}

strongroom_bytes bytes(const std::string& text) {
  return {text.data(), text.size()};
}

strongroom_record found(const Vendor& vendor, const std::string& key) {
  const auto at = vendor.records.find(key);
  if (at == vendor.records.end()) return {{nullptr, 0}, {nullptr, 0}, STRONGROOM_RECORD_ABSENT};
  return {bytes(at->first), bytes(at->second.value), at->second.version};
}

strongroom_status vendor_read(void* self, const strongroom_bytes* keys, size_t num_keys,
                              const strongroom_sink* sink, uint32_t timeout_ms,
                              uint64_t* out_stamp) {
  Vendor& vendor = *static_cast<Vendor*>(self);
  const std::lock_guard guard(vendor.mutex);
  if (timeout_ms == 0) return STRONGROOM_TIMEOUT;
  using Fault = Vendor::Fault;
  if (vendor.fault == Fault::throws) throw std::runtime_error("a mistake of the vendor's");
  if (vendor.fault == Fault::strange_status) return STRONGROOM_DENIED;
  if (vendor.fault == Fault::fails) {
    sink->message(sink->context, "the cable\nwas pulled");
    return STRONGROOM_TIMEOUT;
  }
  for (size_t i = num_keys; i-- > 0;) {
    strongroom_record record = found(vendor, text(keys[i]));
    if (vendor.fault == Fault::no_answer && i == 0) continue;
    if (vendor.fault == Fault::too_long) record = {{}, {sink, SIZE_MAX}, 1};
    if (vendor.fault == Fault::null_value) record = {{}, {nullptr, 10}, 1};
    if (vendor.fault == Fault::value_of_absent) record = {{}, {"x", 1}, STRONGROOM_RECORD_ABSENT};
    if (vendor.fault == Fault::no_version) record = {{}, {"x", 1}, STRONGROOM_RECORD_ANY};
    const size_t index = vendor.fault == Fault::wrong_index ? num_keys + i : i;
    sink->record(sink->context, index, vendor.fault == Fault::null_record ? nullptr : &record);
    if (vendor.fault == Fault::twice) sink->record(sink->context, index, &record);
  }
  if (vendor.fault != Fault::no_stamp) *out_stamp = vendor.clock;
  return STRONGROOM_OK;
}

bool holds(const Vendor& vendor, const strongroom_change& change) {
  return change.expected == STRONGROOM_RECORD_ANY ||
         change.expected == found(vendor, text(change.key)).version;
}

strongroom_status vendor_commit(void* self, const strongroom_change* changes, size_t num_changes,
                                const strongroom_sink* sink, uint32_t, size_t* out_conflict) {
  Vendor& vendor = *static_cast<Vendor*>(self);
  const std::lock_guard guard(vendor.mutex);
  using Fault = Vendor::Fault;
  if (vendor.fault == Fault::throws) throw 42;
  if (vendor.fault == Fault::strange_status) return STRONGROOM_NOT_FOUND;
  if (vendor.fault == Fault::fails) {
    sink->message(sink->context, "the disk was full");
    return STRONGROOM_UNAVAILABLE;
  }
  if (vendor.fault == Fault::wrong_conflict) {
    *out_conflict = num_changes;
    return STRONGROOM_CONFLICT;
  }
  if (vendor.fault == Fault::record_in_commit) {
    const strongroom_record record = {{}, {}, 1};
    sink->record(sink->context, 0, &record);
  }
  for (size_t i = 0; i < num_changes; ++i) {
    if (holds(vendor, changes[i])) continue;
    *out_conflict = i;
    return STRONGROOM_CONFLICT;
  }
  ++vendor.clock;
  for (size_t i = 0; i < num_changes; ++i) {
    const std::string key = text(changes[i].key);
    if (changes[i].kind == STRONGROOM_CHANGE_PUT)
      vendor.records[key] = {text(changes[i].value), vendor.clock};
    if (changes[i].kind == STRONGROOM_CHANGE_ERASE) vendor.records.erase(key);
  }
  return STRONGROOM_OK;
}

strongroom_status vendor_scan(void* self, const strongroom_bytes* prefix,
                              const strongroom_bytes* after, size_t limit,
                              const strongroom_sink* sink, uint32_t, int* out_more) {
  Vendor& vendor = *static_cast<Vendor*>(self);
  const std::lock_guard guard(vendor.mutex);
  using Fault = Vendor::Fault;
  if (vendor.fault == Fault::throws) throw std::bad_alloc();
  if (vendor.fault == Fault::strange_status) return STRONGROOM_TOO_LARGE;
  if (vendor.fault == Fault::more_of_nothing) return *out_more = 1, STRONGROOM_OK;
  if (vendor.fault == Fault::foreign_key || vendor.fault == Fault::empty_key) {
    const strongroom_record record = {
        vendor.fault == Fault::empty_key ? strongroom_bytes{nullptr, 0} : strongroom_bytes{"!", 1},
        {"x", 1},
        1};
    sink->record(sink->context, 0, &record);
    return STRONGROOM_OK;
  }
  const std::string begins = text(*prefix);
  size_t num = 0;
  auto at = after->len == 0 ? vendor.records.lower_bound(begins)
                            : vendor.records.upper_bound(text(*after));
  if (vendor.fault == Fault::same_key && after->len != 0)
    at = vendor.records.lower_bound(text(*after));
  for (; at != vendor.records.end() && at->first.starts_with(begins); ++at) {
    if (num == limit) {
      *out_more = 1;
      break;
    }
    const strongroom_record record = {bytes(at->first), bytes(at->second.value),
                                      at->second.version};
    for (size_t i = 0; i < (vendor.fault == Fault::too_many ? limit + 1 : 1); ++i)
      sink->record(sink->context, num, &record);
    ++num;
  }
  return STRONGROOM_OK;
}

strongroom_status vendor_sync(void*, const strongroom_sink*, uint32_t) {
  return STRONGROOM_OK;
}

const char* vendor_url(void* self) {
  return static_cast<Vendor*>(self)->name;
}

void vendor_destroy(void* self) {
  ++static_cast<Vendor*>(self)->num_destroyed;
}

strongroom_backend_table vendor_table() {
  strongroom_backend_table table = STRONGROOM_BACKEND_TABLE_INIT;
  table.read = vendor_read;
  table.commit = vendor_commit;
  table.scan = vendor_scan;
  table.sync = vendor_sync;
  table.url = vendor_url;
  table.destroy = vendor_destroy;
  return table;
}

strongroom_abi::Store open(Vendor& vendor) {
  const strongroom_backend_table table = vendor_table();
  strongroom_store* store = nullptr;
  Expect expect;
  const strongroom_status status =
      strongroom_store_open_backend(&table, &vendor, nullptr, &store, expect);
  if (status != STRONGROOM_OK) throw std::runtime_error(expect.message());
  return strongroom_abi::Store(store);
}

// ---- one that keeps the rules ----

TEST(Plugin, AVendorsStorageServesAWholeStore) {
  Vendor vendor;
  std::string key_file;
  {
    Fresh fresh(open(vendor));
    key_file = fresh.key_file;
    EXPECT_STREQ(fresh.store.status().url(), "vendor:test");
    EXPECT_EQ(fresh.session.put("folder/name", kText, "1"), 1u);
    EXPECT_EQ(fresh.session.put("folder/name", kText, "2"), 2u);
    fresh.session.put("gone", kText, "");
    fresh.session.erase("gone");
    fresh.session.rotate();
    EXPECT_EQ(fresh.session.list("", STRONGROOM_LIST_RECURSIVE).size(), 1u);
    EXPECT_EQ(fresh.session.list_page("folder", "", 1).size(), 1u);
    EXPECT_EQ(fresh.session.get_many({"folder/name", "gone"}).status(1), STRONGROOM_NOT_FOUND);
    EXPECT_EQ(vendor.num_destroyed, 0);
  }
  EXPECT_EQ(vendor.num_destroyed, 1);
  strongroom_abi::Store store = open(vendor);
  strongroom_abi::Session session = store.trusted();
  session.unseal({key_file});
  EXPECT_EQ(session.get("folder/name").reveal(), "2");
}

TEST(Plugin, AVendorSeesNeitherNamesNorSecrets) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  fresh.session.put("visible-folder/visible-name", kText, "visible-secret");
  ASSERT_FALSE(vendor.records.empty());
  for (const auto& [key, stored] : vendor.records) {
    for (const std::string& seen : {key, stored.value}) {
      EXPECT_EQ(seen.find("visible"), std::string::npos);
      EXPECT_EQ(seen.find(fresh.key_file), std::string::npos);
    }
  }
}

TEST(Plugin, WhatAVendorChangesIsNoticed) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  fresh.session.put("a", kText, "1");
  fresh.session.put("b", kText, "2");
  for (auto& [key, stored] : vendor.records) {
    if (key[0] == 'r') stored.value.back() = static_cast<char>(stored.value.back() ^ 1);
  }
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_CORRUPT);
  EXPECT_EQ(status_of([&] { fresh.session.get("b"); }), STRONGROOM_CORRUPT);
}

TEST(Plugin, TwoStoresOverOneVendorFollowEachOther) {
  Vendor vendor;
  Fresh first(open(vendor));
  strongroom_abi::Store second = open(vendor);
  strongroom_abi::Session session = second.trusted();
  session.unseal({first.key_file});
  first.session.rotate();
  first.session.put("a", kText, "new term");
  EXPECT_EQ(session.get("a").reveal(), "new term");
  first.session.seal();
  EXPECT_EQ(status_of([&] { session.get("a"); }), STRONGROOM_SEALED);
}

TEST(Plugin, AVendorIsNotDestroyedByAForkedChild) {
  Vendor vendor;
  const strongroom_abi::Store store = open(vendor);
  const pid_t child = ::fork();
  if (child == 0) {
    strongroom_store_free(store.raw());
    ::_exit(vendor.num_destroyed);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// ---- a table that is none ----

TEST(Plugin, AnIncompleteTableIsRefusedAndSelfStaysTheCallers) {
  Vendor vendor;
  using Table = strongroom_backend_table;
  const std::vector<void (*)(Table&)> breaks = {
      [](Table& table) { table.read = nullptr; },
      [](Table& table) { table.commit = nullptr; },
      [](Table& table) { table.scan = nullptr; },
      [](Table& table) { table.sync = nullptr; },
      [](Table& table) { table.url = nullptr; },
      [](Table& table) { table.struct_size = offsetof(Table, url); },
      [](Table& table) { table.struct_size = 0; },
  };
  for (const auto& damage : breaks) {
    Table table = vendor_table();
    damage(table);
    Expect expect;
    auto* store = reinterpret_cast<strongroom_store*>(std::uintptr_t{0xD1D0});
    EXPECT_TRUE(
        expect.failed(strongroom_store_open_backend(&table, &vendor, nullptr, &store, expect),
                      STRONGROOM_INVALID));
    EXPECT_EQ(store, nullptr);
  }
  Expect expect;
  strongroom_store* store = nullptr;
  EXPECT_TRUE(
      expect.failed(strongroom_store_open_backend(nullptr, &vendor, nullptr, &store, expect),
                    STRONGROOM_INVALID));
  const Table table = vendor_table();
  EXPECT_EQ(strongroom_store_open_backend(&table, &vendor, nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(vendor.num_destroyed, 0);
}

TEST(Plugin, ATableWithoutDestroyIsFine) {
  Vendor vendor;
  strongroom_backend_table table = vendor_table();
  table.struct_size = offsetof(strongroom_backend_table, destroy);
  strongroom_store* store = nullptr;
  ASSERT_EQ(strongroom_store_open_backend(&table, &vendor, nullptr, &store, nullptr),
            STRONGROOM_OK);
  strongroom_store_free(store);
  EXPECT_EQ(vendor.num_destroyed, 0);
}

TEST(Plugin, AUrlThatIsNoneIsRefused) {
  const std::string too_long(501, 'x');
  for (const char* url : {static_cast<const char*>(nullptr), "", "\xff", too_long.c_str()}) {
    Vendor vendor;
    vendor.name = url;
    EXPECT_THROW(open(vendor), std::runtime_error);
    EXPECT_EQ(vendor.num_destroyed, 0);
  }
}

// ---- ones that break the rules ----

class Broken : public ::testing::TestWithParam<Vendor::Fault> {};

INSTANTIATE_TEST_SUITE_P(Faults, Broken,
                         ::testing::Values(Vendor::Fault::no_answer, Vendor::Fault::twice,
                                           Vendor::Fault::wrong_index, Vendor::Fault::too_long,
                                           Vendor::Fault::null_value, Vendor::Fault::null_record,
                                           Vendor::Fault::value_of_absent, Vendor::Fault::no_stamp,
                                           Vendor::Fault::no_version, Vendor::Fault::throws,
                                           Vendor::Fault::strange_status));

TEST_P(Broken, AReadThatBreaksARuleIsUnavailableAndSealsNothing) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  fresh.session.put("a", kText, "kept");
  vendor.fault = GetParam();
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { fresh.session.get_many({"a", "b"}); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { fresh.session.put("a", kText, "2"); }), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(status_of([&] { fresh.store.status(); }), STRONGROOM_UNAVAILABLE);
  vendor.fault = Vendor::Fault::none;
  EXPECT_EQ(fresh.session.get("a").reveal(), "kept");
}

TEST(Plugin, AFailureIsToldInTheVendorsWords) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  vendor.fault = Vendor::Fault::fails;
  Expect expect;
  strongroom_secret* secret = nullptr;
  EXPECT_TRUE(
      expect.failed(strongroom_get(fresh.session.raw(), "a", &secret, expect), STRONGROOM_TIMEOUT));
  EXPECT_THAT(expect.message(), HasSubstr("vendor:test"));
  EXPECT_THAT(expect.message(), HasSubstr("the cable was pulled"));
}

// put_with commits with a fault; reads are as they should be.
strongroom_status put_with(Fresh& fresh, Vendor& vendor, Vendor::Fault fault) {
  static Vendor::Fault wanted;
  wanted = fault;
  strongroom_backend_table table = vendor_table();
  table.commit = [](void* self, const strongroom_change* changes, size_t num,
                    const strongroom_sink* sink, uint32_t timeout_ms, size_t* out_conflict) {
    Vendor& inner = *static_cast<Vendor*>(self);
    inner.fault = wanted;
    struct Reset {
      Vendor& vendor;
      ~Reset() { vendor.fault = Vendor::Fault::none; }
    } reset{inner};
    return vendor_commit(self, changes, num, sink, timeout_ms, out_conflict);
  };
  strongroom_store* raw = nullptr;
  strongroom_store_open_backend(&table, &vendor, nullptr, &raw, nullptr);
  strongroom_abi::Store store(raw);
  strongroom_abi::Session session = store.trusted();
  session.unseal({fresh.key_file});
  return status_of([&] { session.put("a", kText, "2"); });
}

TEST(Plugin, ACommitThatBreaksARuleIsIndeterminate) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::throws), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::strange_status), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::wrong_conflict), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::record_in_commit), STRONGROOM_INDETERMINATE);
}

TEST(Plugin, ACommitThatFailedIsToldAsItWas) {
  Vendor vendor;
  Fresh fresh(open(vendor));
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::fails), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::none), STRONGROOM_OK);
}

TEST(Plugin, AScanThatBreaksARuleEnds) {
  using Fault = Vendor::Fault;
  Vendor vendor;
  Fresh fresh(open(vendor));
  for (const char* path : {"f/a", "f/b", "f/c"}) fresh.session.put(path, kText, "");
  for (const Fault fault : {Fault::throws, Fault::strange_status, Fault::more_of_nothing,
                            Fault::foreign_key, Fault::empty_key, Fault::too_many}) {
    vendor.fault = fault;
    EXPECT_EQ(status_of([&] { fresh.session.list_page("f", "", 2); }), STRONGROOM_UNAVAILABLE)
        << static_cast<int>(fault);
    EXPECT_EQ(status_of([&] { fresh.session.list("f"); }), STRONGROOM_UNAVAILABLE)
        << static_cast<int>(fault);
  }
  vendor.fault = Fault::none;
  const std::string after(fresh.session.list_page("f", "", 2).next());
  vendor.fault = Fault::same_key;
  EXPECT_EQ(status_of([&] { fresh.session.list_page("f", after, 2); }), STRONGROOM_UNAVAILABLE);
  vendor.fault = Fault::none;
  EXPECT_EQ(fresh.session.list_page("f", after, 2).size(), 1u);
}

}  // namespace
}  // namespace capi_test::plugin_test
