// report.cpp: what can be told of a store without keys.
#include "guard.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// told gives one field of the status.
template <typename R, typename F>
R told(const strongroom_report* report, R otherwise, F field) noexcept {
  return peek(report, otherwise,
              [&](const strongroom_report& each) { return static_cast<R>(field(each.status)); });
}

}  // namespace

strongroom_status strongroom_status_read(strongroom_store* store, strongroom_report** out,
                                         strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_report>> {
    if (auto good = check_handle(store, "store"); !good) return std::move(good).error();
    return give<strongroom_report>(store->store->status());
  });
}

const char* strongroom_report_url(const strongroom_report* report) noexcept {
  return told(report, static_cast<const char*>(nullptr),
              [](const SealStatus& status) { return status.url.c_str(); });
}

int strongroom_report_initialized(const strongroom_report* report) noexcept {
  return told(report, 0, [](const SealStatus& status) { return status.initialized; });
}

int strongroom_report_sealed(const strongroom_report* report) noexcept {
  return told(report, 1, [](const SealStatus& status) { return status.sealed; });
}

int strongroom_report_locked(const strongroom_report* report) noexcept {
  return told(report, 0, [](const SealStatus& status) { return status.locked; });
}

int strongroom_report_header_damaged(const strongroom_report* report) noexcept {
  return told(report, 0, [](const SealStatus& status) { return status.header_damaged; });
}

const char* strongroom_report_store_id(const strongroom_report* report) noexcept {
  return peek(report, static_cast<const char*>(nullptr),
              [](const strongroom_report& each) { return each.id.c_str(); });
}

uint64_t strongroom_report_generation(const strongroom_report* report) noexcept {
  return told(report, uint64_t{0}, [](const SealStatus& status) { return status.generation; });
}

uint32_t strongroom_report_active_term(const strongroom_report* report) noexcept {
  return told(report, uint32_t{0}, [](const SealStatus& status) { return status.active_term; });
}

size_t strongroom_report_num_terms(const strongroom_report* report) noexcept {
  return told(report, size_t{0}, [](const SealStatus& status) { return status.num_terms; });
}

uint32_t strongroom_report_max_secret_len(const strongroom_report* report) noexcept {
  return told(report, uint32_t{0}, [](const SealStatus& status) { return status.max_secret_len; });
}

size_t strongroom_report_num_slots(const strongroom_report* report) noexcept {
  return told(report, size_t{0}, [](const SealStatus& status) { return status.slots.size(); });
}

strongroom_status strongroom_report_slot(const strongroom_report* report, size_t index,
                                         strongroom_slot* out_slot) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    if (auto cleared = write_struct(out_slot, STRONGROOM_SLOT_INIT); !cleared) return cleared;
    if (auto good = check_handle(report, "report"); !good) return good;
    if (index >= report->status.slots.size()) return Error{Code::not_found, "no such slot"};
    const SlotStatus& slot = report->status.slots[index];
    strongroom_slot filled = STRONGROOM_SLOT_INIT;
    filled.created_ms = slot.created_ms;
    filled.id = slot.id;
    filled.kind = static_cast<uint32_t>(slot.kind);
    filled.threshold = slot.threshold;
    filled.shares = slot.shares;
    return write_struct(out_slot, filled);
  });
}

void strongroom_report_free(strongroom_report* report) noexcept {
  release(report);
}
