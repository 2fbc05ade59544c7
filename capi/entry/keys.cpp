// keys.cpp: changes of the data keys and of the root key.
#include <utility>

#include "callbacks.hpp"
#include "guard.hpp"
#include "strongroom/anchor.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

strongroom_status strongroom_rotate(strongroom_session* session,
                                    strongroom_error** out_error) noexcept {
  return in_session(session, out_error,
                    [](const Session& caller) -> Result<void> { return caller.rotate(); });
}

strongroom_status strongroom_rotate_root(strongroom_session* session,
                                         strongroom_error** out_error) noexcept {
  return in_session(session, out_error,
                    [](const Session& caller) -> Result<void> { return caller.rotate_root(); });
}

strongroom_status strongroom_reencrypt(strongroom_session* session, uint32_t duty_percent,
                                       strongroom_progress progress, void* self,
                                       uint64_t* out_rewritten, uint64_t* out_unreadable,
                                       strongroom_error** out_error) noexcept {
  give_number(out_rewritten, uint64_t{0});
  give_number(out_unreadable, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    ReencryptOptions options;
    if (duty_percent != 0) options.duty_percent = duty_percent;
    Listener listener(progress, self);
    auto done = caller.reencrypt(options, [&](const ReencryptProgress& now) {
      return listener.tell(now.seen, now.rewritten);
    });
    STRONGROOM_TRY(done);
    give_number(out_rewritten, done->rewritten);
    give_number(out_unreadable, done->unreadable);
    return {};
  });
}

strongroom_status strongroom_retire(strongroom_session* session, strongroom_progress progress,
                                    void* self, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    Listener listener(progress, self);
    return caller.retire(
        [&](const ReencryptProgress& now) { return listener.tell(now.seen, now.rewritten); });
  });
}

strongroom_status strongroom_repair(strongroom_session* session, int* out_repaired,
                                    strongroom_error** out_error) noexcept {
  give_number(out_repaired, 0);
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(repaired, caller.repair());
    give_number(out_repaired, repaired ? 1 : 0);
    return {};
  });
}

strongroom_status strongroom_anchor(strongroom_session* session, strongroom_secret** out,
                                    strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_secret>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(anchor, session->caller.anchor());
    const std::string line = anchor.text();
    auto text = give<strongroom_secret>(
        SecretBytes::copy_value({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()}));
    if (text) text.value()->stored.content = Content::text;
    return text;
  });
}
