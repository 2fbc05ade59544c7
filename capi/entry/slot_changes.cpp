// slots.cpp: changes of the slots.
#include <mutex>
#include <utility>

#include "guard.hpp"
#include "pending.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxRemove = 65'535;  // more than a header can hold

constexpr const char* kNoSlots = "what was pending was no change of slots";

Result<SlotChange> slot_change(const strongroom_slots_options& given) {
  SlotChange change;
  if (auto done = read_new_slots(given, given.key, change); !done) return std::move(done).error();
  if (given.remove == nullptr && given.num_remove > 0) return was_null("remove");
  if (given.num_remove > kMaxRemove) return Error{Code::invalid, "too many slots were to go"};
  if (given.num_remove > 0) {
    change.remove.assign(given.remove, given.remove + given.num_remove);
  }
  auto keep_keys = flag_of(given.keep_keys, "keep_keys");
  if (!keep_keys) return std::move(keep_keys).error();
  if (keep_keys.value()) change.new_keys = false;
  auto verify = flag_of(given.verify, "verify");
  if (!verify) return std::move(verify).error();
  change.verify = verify.value();
  return change;
}

}  // namespace

strongroom_status strongroom_slots_prepare(strongroom_session* session,
                                           const strongroom_slots_options* options,
                                           strongroom_pending** out,
                                           strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_pending>> {
    if (auto good = check_handle(session, "session"); !good) return std::move(good).error();
    if (options == nullptr) return was_null("options");
    auto read = read_struct(options, STRONGROOM_SLOTS_OPTIONS_INIT);
    if (!read) return std::move(read).error();
    auto change = slot_change(read.value());
    if (!change) return std::move(change).error();
    return give<strongroom_pending>(session->store->prepare_slots(session->who, change.value()));
  });
}

strongroom_status strongroom_slots_verify(strongroom_pending* pending, const void* credential,
                                          size_t credential_len, int* out_ready,
                                          strongroom_error** out_error) noexcept {
  give_number(out_ready, 0);
  return guarded(out_error, [&]() -> Result<void> {
    auto change = change_of<PendingSlots>(pending, kNoSlots);
    if (!change) return std::move(change).error();
    auto text = secret_of(credential, credential_len, "credential");
    if (!text) return std::move(text).error();
    auto parsed = Credential::parse(text.value());
    if (!parsed) return std::move(parsed).error();
    const std::lock_guard lock(pending->mutex);
    auto taken = give_back(*change.value(), std::move(parsed).value());
    if (!taken) return taken;
    give_number(out_ready, change.value()->ready() ? 1 : 0);
    return {};
  });
}

strongroom_status strongroom_slots_activate(strongroom_session* session,
                                            const strongroom_pending* pending,
                                            strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](Store& store, const Identity& who) -> Result<void> {
    auto change = change_of<PendingSlots>(pending, kNoSlots);
    if (!change) return std::move(change).error();
    const std::lock_guard lock(pending->mutex);
    return store.activate(who, *change.value());
  });
}
