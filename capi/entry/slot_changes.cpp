// slot_changes.cpp: prepares, verifies and activates changes of the slots.
#include <mutex>
#include <utility>

#include "guard.hpp"
#include "pending.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxRemove = 65'535;  // more than a header can hold

constexpr const char* kNoSlots = "pending is a new store, not a change of slots";

Result<SlotChange> slot_change(const strongroom_slots_options& given) {
  SlotChange change;
  STRONGROOM_TRY(read_new_slots(given, change));
  if (given.remove == nullptr && given.num_remove > 0) return was_null("remove");
  if (given.num_remove > kMaxRemove)
    return Error{Code::invalid, "more than 65,535 slots to remove were given"};
  if (given.num_remove > 0) {
    change.remove.assign(given.remove, given.remove + given.num_remove);
  }
  STRONGROOM_ASSIGN(keep_keys, flag_of(given.keep_keys, "keep_keys"));
  if (keep_keys) change.new_keys = false;
  STRONGROOM_ASSIGN(verify, flag_of(given.verify, "verify"));
  change.verify = verify;
  return change;
}

}  // namespace

strongroom_status strongroom_slots_prepare(strongroom_session* session,
                                           const strongroom_slots_options* options,
                                           strongroom_pending** out,
                                           strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_pending>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (options == nullptr) return was_null("options");
    STRONGROOM_ASSIGN(read, read_struct(options, STRONGROOM_SLOTS_OPTIONS_INIT));
    STRONGROOM_ASSIGN(change, slot_change(read));
    return give<strongroom_pending>(session->caller.prepare_slots(change));
  });
}

strongroom_status strongroom_slots_verify(strongroom_pending* pending, const void* credential,
                                          size_t credential_len, int* out_ready,
                                          strongroom_error** out_error) noexcept {
  give_number(out_ready, 0);
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_ASSIGN(change, change_of<PendingSlots>(pending, kNoSlots));
    STRONGROOM_ASSIGN(text, secret_of(credential, credential_len, "credential"));
    STRONGROOM_ASSIGN(parsed, Credential::parse(text));
    const std::lock_guard lock(pending->mutex);
    STRONGROOM_TRY(give_back(*change, std::move(parsed)));
    give_number(out_ready, change->ready() ? 1 : 0);
    return {};
  });
}

strongroom_status strongroom_slots_activate(strongroom_session* session,
                                            const strongroom_pending* pending,
                                            strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(change, change_of<PendingSlots>(pending, kNoSlots));
    const std::lock_guard lock(pending->mutex);
    return caller.activate(*change);
  });
}
