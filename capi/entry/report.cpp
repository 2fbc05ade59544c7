// report.cpp: what can be told of a store without keys.
#include "guard.hpp"
#include "progress.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"
#include "wrapped.hpp"

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
    STRONGROOM_TRY(check_handle(store, "store"));
    return give<strongroom_report>(store->store.status());
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
    STRONGROOM_TRY(write_struct(out_slot, STRONGROOM_SLOT_INIT));
    STRONGROOM_TRY(check_handle(report, "report"));
    if (index >= report->status.slots.size()) return Error{Code::not_found, "no such slot"};
    const SlotStatus& slot = report->status.slots[index];
    strongroom_slot filled = STRONGROOM_SLOT_INIT;
    filled.created_ms = slot.created_ms;
    filled.id = slot.id;
    filled.kind = static_cast<uint32_t>(slot.kind);
    filled.threshold = slot.threshold;
    filled.shares = slot.shares;
    filled.damaged = slot.damaged ? 1 : 0;
    filled.num_wrapped = static_cast<uint32_t>(slot.wrapped.size());
    return write_struct(out_slot, filled);
  });
}

strongroom_status strongroom_report_wrapped(const strongroom_report* report, size_t slot_index,
                                            size_t index,
                                            strongroom_wrapped_share* out_share) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    return lend_wrapped(out_share, [&]() -> Result<const WrappedShare*> {
      STRONGROOM_TRY(check_handle(report, "report"));
      const auto& slots = report->status.slots;
      if (slot_index >= slots.size()) return Error{Code::not_found, "no such slot"};
      return wrapped_at(slots[slot_index].wrapped, index);
    });
  });
}

uint32_t strongroom_report_reason(const strongroom_report* report) noexcept {
  return told(report, uint32_t{STRONGROOM_SEALED_NEVER_UNSEALED},
              [](const SealStatus& status) { return status.reason; });
}

uint64_t strongroom_report_since_ms(const strongroom_report* report) noexcept {
  return told(report, uint64_t{0}, [](const SealStatus& status) { return status.since_ms; });
}

strongroom_status strongroom_report_progress(const strongroom_report* report,
                                             strongroom_unseal_progress* out_progress) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    STRONGROOM_TRY(write_struct(out_progress, STRONGROOM_UNSEAL_PROGRESS_INIT));
    STRONGROOM_TRY(check_handle(report, "report"));
    return write_struct(out_progress, progress_of(report->status.progress));
  });
}

int strongroom_report_escrowed(const strongroom_report* report) noexcept {
  return told(report, 0, [](const SealStatus& status) { return status.escrowed; });
}

void strongroom_report_free(strongroom_report* report) noexcept {
  release(report);
}
