// vendor.hpp: a vendor's storage behind the C ABI, which a test can look into, count, and break.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "fixture.hpp"
#include "strongroom.h"
#include "strongroom_abi.hpp"
#include "strongroom_backend.h"

namespace capi_test {

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

inline std::string text_of(const strongroom_bytes& bytes) {
  return bytes.len == 0 ? std::string()
                        : std::string(static_cast<const char*>(bytes.data), bytes.len);
}

inline strongroom_bytes bytes_of(const std::string& text) {
  return {text.data(), text.size()};
}

inline strongroom_record record_of(const Vendor& vendor, const std::string& key) {
  const auto at = vendor.records.find(key);
  if (at == vendor.records.end()) return {{nullptr, 0}, {nullptr, 0}, STRONGROOM_RECORD_ABSENT};
  return {bytes_of(at->first), bytes_of(at->second.value), at->second.version};
}

inline strongroom_status vendor_read(void* self, const strongroom_bytes* keys, size_t num_keys,
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
    strongroom_record record = record_of(vendor, text_of(keys[i]));
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

inline bool vendor_holds(const Vendor& vendor, const strongroom_change& change) {
  return change.expected == STRONGROOM_RECORD_ANY ||
         change.expected == record_of(vendor, text_of(change.key)).version;
}

inline strongroom_status vendor_commit(void* self, const strongroom_change* changes,
                                       size_t num_changes, const strongroom_sink* sink, uint32_t,
                                       size_t* out_conflict) {
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
    if (vendor_holds(vendor, changes[i])) continue;
    *out_conflict = i;
    return STRONGROOM_CONFLICT;
  }
  ++vendor.clock;
  for (size_t i = 0; i < num_changes; ++i) {
    const std::string key = text_of(changes[i].key);
    if (changes[i].kind == STRONGROOM_CHANGE_PUT)
      vendor.records[key] = {text_of(changes[i].value), vendor.clock};
    if (changes[i].kind == STRONGROOM_CHANGE_ERASE) vendor.records.erase(key);
  }
  return STRONGROOM_OK;
}

inline strongroom_status vendor_scan(void* self, const strongroom_bytes* prefix,
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
  const std::string begins = text_of(*prefix);
  size_t num = 0;
  auto at = after->len == 0 ? vendor.records.lower_bound(begins)
                            : vendor.records.upper_bound(text_of(*after));
  if (vendor.fault == Fault::same_key && after->len != 0)
    at = vendor.records.lower_bound(text_of(*after));
  for (; at != vendor.records.end() && at->first.starts_with(begins); ++at) {
    if (num == limit) {
      *out_more = 1;
      break;
    }
    const strongroom_record record = {bytes_of(at->first), bytes_of(at->second.value),
                                      at->second.version};
    for (size_t i = 0; i < (vendor.fault == Fault::too_many ? limit + 1 : 1); ++i)
      sink->record(sink->context, num, &record);
    ++num;
  }
  return STRONGROOM_OK;
}

inline strongroom_status vendor_sync(void*, const strongroom_sink*, uint32_t) {
  return STRONGROOM_OK;
}

inline const char* vendor_url(void* self) {
  return static_cast<Vendor*>(self)->name;
}

inline void vendor_destroy(void* self) {
  ++static_cast<Vendor*>(self)->num_destroyed;
}

inline strongroom_backend_table vendor_table() {
  strongroom_backend_table table = STRONGROOM_BACKEND_TABLE_INIT;
  table.read = vendor_read;
  table.commit = vendor_commit;
  table.scan = vendor_scan;
  table.sync = vendor_sync;
  table.url = vendor_url;
  table.destroy = vendor_destroy;
  return table;
}

inline strongroom_abi::Store open_vendor(Vendor& vendor) {
  const strongroom_backend_table table = vendor_table();
  strongroom_store* store = nullptr;
  Expect expect;
  const strongroom_status status =
      strongroom_store_open_backend(&table, &vendor, nullptr, &store, expect);
  if (status != STRONGROOM_OK) throw std::runtime_error(expect.message());
  return strongroom_abi::Store(store);
}

}  // namespace capi_test
