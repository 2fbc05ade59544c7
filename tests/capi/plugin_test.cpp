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
#include <utility>
#include <vector>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_backend.h"
#include "vendor.hpp"

namespace capi_test::plugin_test {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kText = STRONGROOM_CONTENT_TEXT;

// ---- one that keeps the rules ----

TEST(Plugin, AVendorsStorageServesAWholeStore) {
  Vendor vendor;
  std::string key_file;
  {
    Fresh fresh(open_vendor(vendor));
    key_file = fresh.key;
    EXPECT_STREQ(fresh.store.status().url(), "vendor:test");
    EXPECT_EQ(fresh.session.put("folder/name", kText, "1"), 1u);
    EXPECT_EQ(fresh.session.put("folder/name", kText, "2"), 2u);
    fresh.session.put("gone", kText, "");
    fresh.session.erase("gone");
    fresh.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
    EXPECT_EQ(list_all(fresh.session, "").size(), 1u);
    EXPECT_EQ(fresh.session.list_page("folder", "", 1).size(), 1u);
    EXPECT_EQ(fresh.session.get_many({"folder/name", "gone"}).status(1), STRONGROOM_NOT_FOUND);
    EXPECT_EQ(vendor.num_destroyed, 0);
  }
  EXPECT_EQ(vendor.num_destroyed, 1);
  strongroom_abi::Store store = open_vendor(vendor);
  strongroom_abi::Session session = store.trusted();
  session.unseal({key_file});
  EXPECT_EQ(session.get("folder/name").reveal(), "2");
}

TEST(Plugin, AVendorSeesNeitherNamesNorSecrets) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  fresh.session.put("visible-folder/visible-name", kText, "visible-secret");
  ASSERT_FALSE(vendor.records.empty());
  for (const auto& [key, stored] : vendor.records) {
    for (const std::string& seen : {key, stored.value}) {
      EXPECT_EQ(seen.find("visible"), std::string::npos);
      EXPECT_EQ(seen.find(fresh.key), std::string::npos);
    }
  }
}

TEST(Plugin, WhatAVendorChangesIsNoticed) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  fresh.session.put("a", kText, "1");
  fresh.session.put("b", kText, "2");
  for (auto& [key, stored] : vendor.records) {
    if (key[0] == 'r') stored.value.back() = static_cast<char>(stored.value.back() ^ 1);
  }
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_CORRUPT);
  EXPECT_EQ(status_of([&] { fresh.session.get("b"); }), STRONGROOM_CORRUPT);
}

// made_by gives the keys that a call added to the vendor's records.
template <typename F>
std::vector<std::string> made_by(Vendor& vendor, F f) {
  const auto before = vendor.records;
  f();
  std::vector<std::string> keys;
  for (const auto& [key, stored] : vendor.records) {
    if (!before.contains(key)) keys.push_back(key);
  }
  return keys;
}

TEST(Plugin, AHostRecordThatAVendorChangesIsNoticed) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  const auto keys = made_by(vendor, [&] { fresh.session.put_record("folder/name", "1"); });
  ASSERT_FALSE(keys.empty());
  int num_corrupt = 0;
  for (const std::string& key : keys) {
    const Vendor::Stored kept = vendor.records[key];
    vendor.records[key] = {kept.value, ++vendor.clock};
    std::string& value = vendor.records[key].value;
    if (value.empty()) value.push_back('x');  // an entry of a name
    value.back() = static_cast<char>(value.back() ^ 1);
    num_corrupt += status_of([&] { fresh.session.record("folder/name"); }) == STRONGROOM_CORRUPT;
    vendor.records[key] = {kept.value, ++vendor.clock};
    EXPECT_EQ(fresh.session.record("folder/name").reveal(), "1");
  }
  EXPECT_EQ(num_corrupt, 1) << "the record itself; the others are names";
}

TEST(Plugin, AHostRecordDoesNotOpenAsASecretNorASecretAsARecord) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  const auto secret = made_by(vendor, [&] { fresh.session.put("same", kText, "secret"); });
  const auto record = made_by(vendor, [&] { fresh.session.put_record("same", "record"); });
  ASSERT_EQ(secret.size(), record.size());
  for (std::size_t i = 0; i < secret.size(); ++i) {
    std::swap(vendor.records[secret[i]], vendor.records[record[i]]);
  }
  ++vendor.clock;
  EXPECT_EQ(status_of([&] { fresh.session.get("same"); }), STRONGROOM_CORRUPT);
  EXPECT_EQ(status_of([&] { fresh.session.record("same"); }), STRONGROOM_CORRUPT);
}

TEST(Plugin, SealingEverywhereWipesTheKeysAlsoWhereNoLockCanBePut) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  fresh.session.put("a", kText, "1");
  vendor.fault = Vendor::Fault::throws;
  EXPECT_EQ(status_of([&] { fresh.session.seal(STRONGROOM_SEAL_EVERYWHERE); }),
            STRONGROOM_UNAVAILABLE);
  vendor.fault = Vendor::Fault::none;
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_SEALED);
  EXPECT_TRUE(fresh.store.status().sealed());
  EXPECT_FALSE(fresh.store.status().locked());
  fresh.session.unseal({fresh.key});
  EXPECT_EQ(fresh.session.get("a").reveal(), "1");
}

TEST(Plugin, TwoStoresOverOneVendorFollowEachOther) {
  Vendor vendor;
  Fresh first(open_vendor(vendor));
  strongroom_abi::Store second = open_vendor(vendor);
  strongroom_abi::Session session = second.trusted();
  session.unseal({first.key});
  first.session.rotate(STRONGROOM_ROTATE_DATA_KEY);
  first.session.put("a", kText, "new term");
  EXPECT_EQ(session.get("a").reveal(), "new term");
  first.session.seal(STRONGROOM_SEAL_EVERYWHERE);
  EXPECT_EQ(status_of([&] { session.get("a"); }), STRONGROOM_SEALED);
}

TEST(Plugin, AVendorIsNotDestroyedByAForkedChild) {
  Vendor vendor;
  const strongroom_abi::Store store = open_vendor(vendor);
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
    EXPECT_THROW(open_vendor(vendor), std::runtime_error);
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
  Fresh fresh(open_vendor(vendor));
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
  Fresh fresh(open_vendor(vendor));
  vendor.fault = Vendor::Fault::fails;
  Expect expect;
  strongroom_secret* secret = nullptr;
  EXPECT_TRUE(expect.failed(strongroom_get(fresh.session.raw(), "a", nullptr, &secret, expect),
                            STRONGROOM_TIMEOUT));
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
  session.unseal({fresh.key});
  return status_of([&] { session.put("a", kText, "2"); });
}

TEST(Plugin, ACommitThatBreaksARuleIsIndeterminate) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::throws), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::strange_status), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::wrong_conflict), STRONGROOM_INDETERMINATE);
  EXPECT_EQ(status_of([&] { fresh.session.get("a"); }), STRONGROOM_NOT_FOUND);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::record_in_commit), STRONGROOM_INDETERMINATE);
}

TEST(Plugin, ACommitThatFailedIsToldAsItWas) {
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::fails), STRONGROOM_UNAVAILABLE);
  EXPECT_EQ(put_with(fresh, vendor, Vendor::Fault::none), STRONGROOM_OK);
}

TEST(Plugin, AScanThatBreaksARuleEnds) {
  using Fault = Vendor::Fault;
  Vendor vendor;
  Fresh fresh(open_vendor(vendor));
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
