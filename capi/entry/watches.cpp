// watches.cpp: watches that report which secrets changed.
#include <chrono>
#include <memory>
#include <utility>

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"
#include "strongroom/watch.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_EVENT_CHANGED == static_cast<int>(WatchEvent::Kind::changed));
static_assert(STRONGROOM_EVENT_DELETED == static_cast<int>(WatchEvent::Kind::deleted));

}  // namespace

strongroom_status strongroom_watch_open(strongroom_session* session, const char* prefix,
                                        strongroom_watch** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_watch>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    STRONGROOM_ASSIGN(text, text_of(prefix, "prefix"));
    STRONGROOM_ASSIGN(watch, session->caller.watch(text));
    return std::make_unique<strongroom_watch>(std::move(watch));
  });
}

strongroom_status strongroom_watch_next(strongroom_watch* watch, uint32_t timeout_ms,
                                        strongroom_events** out,
                                        strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_events>> {
    STRONGROOM_TRY(check_handle(watch, "watch"));
    return give<strongroom_events>(watch->watch.next(std::chrono::milliseconds(timeout_ms)));
  });
}

void strongroom_watch_free(strongroom_watch* watch) noexcept {
  release(watch);
}

size_t strongroom_events_size(const strongroom_events* events) noexcept {
  return size_of(
      events, [](const auto& each) -> auto& { return each.events; });
}

strongroom_status strongroom_events_at(const strongroom_events* events, size_t index,
                                       strongroom_event* out_event,
                                       strongroom_error** out_error) noexcept {
  return item_at(
      events, "events", index, out_event, strongroom_event STRONGROOM_EVENT_INIT, out_error,
      [](const auto& each) -> auto& { return each.events; },
      [](const WatchEvent& event, strongroom_event& filled) {
        filled.path = event.path.c_str();
        filled.revision = event.revision.value();
        filled.kind = static_cast<uint32_t>(event.kind);
      });
}

void strongroom_events_free(strongroom_events* events) noexcept {
  release(events);
}
