// keys.cpp: changes the data keys and the root key.
#include <utility>

#include "callbacks.hpp"
#include "guard.hpp"
#include "strongroom/anchor.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

strongroom_status strongroom_rotate(strongroom_session* session, uint32_t keys,
                                    strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    if (keys == STRONGROOM_ROTATE_DATA_KEY) return caller.rotate();
    if (keys == STRONGROOM_ROTATE_ROOT_KEY) return caller.rotate_root();
    return Error{Code::invalid,
                 "keys must be STRONGROOM_ROTATE_DATA_KEY or STRONGROOM_ROTATE_ROOT_KEY"};
  });
}

strongroom_status strongroom_reencrypt(strongroom_session* session, uint32_t duty_percent,
                                       strongroom_on_progress progress, void* user_data,
                                       uint64_t* out_rewritten, uint64_t* out_unreadable,
                                       strongroom_error** out_error) noexcept {
  give_number(out_rewritten, uint64_t{0});
  give_number(out_unreadable, uint64_t{0});
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    ReencryptOptions options;
    if (duty_percent != 0) options.duty_percent = duty_percent;
    Observer observer(progress, user_data);
    auto done = caller.reencrypt(options, [&](const ReencryptProgress& now) {
      return observer.report(now.seen, now.rewritten, 0);
    });
    STRONGROOM_TRY(done);
    give_number(out_rewritten, done->rewritten);
    give_number(out_unreadable, done->unreadable);
    return {};
  });
}

strongroom_status strongroom_retire(strongroom_session* session, strongroom_on_progress progress,
                                    void* user_data, strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    Observer observer(progress, user_data);
    return caller.retire(
        [&](const ReencryptProgress& now) { return observer.report(now.seen, now.rewritten, 0); });
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

strongroom_status strongroom_anchor(strongroom_session* session, strongroom_text** out,
                                    strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_text>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(anchor, session->caller.anchor());
    return std::make_unique<strongroom_text>(anchor.text());
  });
}
