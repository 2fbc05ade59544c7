// report.cpp: reports the status of a store; this needs no keys.
#include "guard.hpp"
#include "pending.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_SLOT_SHARES == static_cast<int>(SlotKind::shares));
static_assert(STRONGROOM_SLOT_KEY == static_cast<int>(SlotKind::key));
static_assert(STRONGROOM_SLOT_WRAPPED_SHARES == static_cast<int>(SlotKind::wrapped_shares));
static_assert(STRONGROOM_SLOT_ENVIRONMENT == static_cast<int>(SlotKind::environment));
static_assert(STRONGROOM_SLOT_SYSTEM_CREDENTIAL == static_cast<int>(SlotKind::system_credential));

static_assert(STRONGROOM_SEALED_NOT == static_cast<int>(SealReason::none));
static_assert(STRONGROOM_SEALED_NEVER_UNSEALED == static_cast<int>(SealReason::never_unsealed));
static_assert(STRONGROOM_SEALED_CLOSED == static_cast<int>(SealReason::closed));
static_assert(STRONGROOM_SEALED_OPERATOR_LOCK == static_cast<int>(SealReason::operator_lock));
static_assert(STRONGROOM_SEALED_SLOT_REMOVED == static_cast<int>(SealReason::slot_removed));

strongroom_report_info info_of(const strongroom_report& report) noexcept {
  const SealStatus& status = report.status;
  strongroom_report_info info = STRONGROOM_REPORT_INFO_INIT;
  info.url = status.url.c_str();
  info.store_id = report.id.c_str();
  info.generation = status.generation;
  info.since_ms = status.since_ms;
  info.num_slots = status.slots.size();
  info.num_terms = status.num_terms;
  info.active_term = status.active_term;
  info.max_secret_len = status.max_secret_len;
  info.initialized = status.initialized ? 1 : 0;
  info.sealed = status.sealed ? 1 : 0;
  info.reason = static_cast<uint32_t>(status.reason);
  info.locked = status.locked ? 1 : 0;
  info.header_damaged = status.header_damaged ? 1 : 0;
  info.escrowed = status.escrowed ? 1 : 0;
  info.unseal_progress = status.progress.progress;
  info.unseal_threshold = status.progress.threshold;
  info.unseal_shares = status.progress.shares;
  return info;
}

void fill_slot(const SlotStatus& slot, strongroom_slot& filled) noexcept {
  filled.created_ms = slot.created_ms;
  filled.id = slot.id;
  filled.kind = static_cast<uint32_t>(slot.kind);
  filled.threshold = slot.threshold;
  filled.shares = slot.shares;
  filled.damaged = slot.damaged ? 1 : 0;
  filled.num_wrapped = static_cast<uint32_t>(slot.wrapped.size());
}

}  // namespace

strongroom_status strongroom_store_status(strongroom_store* store, strongroom_report** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_report>> {
    STRONGROOM_TRY(check_handle(store, "store"));
    return give<strongroom_report>(store->store.status());
  });
}

strongroom_status strongroom_report_describe(const strongroom_report* report,
                                             strongroom_report_info* out_info,
                                             strongroom_error** out_error) noexcept {
  return describe(
      report, "report", out_info, strongroom_report_info STRONGROOM_REPORT_INFO_INIT, out_error,
      [](const strongroom_report& each) { return Result<strongroom_report_info>(info_of(each)); });
}

strongroom_status strongroom_report_slot(const strongroom_report* report, size_t index,
                                         strongroom_slot* out_slot,
                                         strongroom_error** out_error) noexcept {
  return item_at(
      report, "report", index, out_slot, strongroom_slot STRONGROOM_SLOT_INIT, out_error,
      [](const auto& each) -> auto& { return each.status.slots; }, fill_slot);
}

strongroom_status strongroom_report_wrapped(const strongroom_report* report, size_t slot_index,
                                            size_t index, strongroom_credential* out_credential,
                                            strongroom_error** out_error) noexcept {
  return describe(report, "report", out_credential,
                  strongroom_credential STRONGROOM_CREDENTIAL_INIT, out_error,
                  [&](const strongroom_report& each) -> Result<strongroom_credential> {
                    const auto& slots = each.status.slots;
                    if (slot_index >= slots.size())
                      return no_item("report", slot_index, slots.size());
                    const auto& wrapped = slots[slot_index].wrapped;
                    if (index >= wrapped.size()) return no_item("the slot", index, wrapped.size());
                    return wrapped_credential(wrapped[index]);
                  });
}

void strongroom_report_free(strongroom_report* report) noexcept {
  release(report);
}
